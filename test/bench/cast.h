/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/cast.h - who speaks in a session and what they say: client, login,
 * sender, recipient, and the macros that tell the milter so.
 */
#ifndef MORTSAFE_TEST_BENCH_CAST_H
#define MORTSAFE_TEST_BENCH_CAST_H

#include <stdint.h>

#include "test/bench/macros.h"
#include "test/bench/plan.h"

enum { CAST_ADDRESS = 300 };

/* MACROS borrows from the strings beside it, and from the plan. */
struct cast {
    struct macro_values macros;
    char addr[16];     /* the client's */
    char client[40];   /* its name */
    char verified[64]; /* both */
    char port[8];      /* of the listener */
    char user[CAST_ADDRESS];
    char sender[CAST_ADDRESS];
    char to[CAST_ADDRESS];
    char queue_id[16];
};

/* Choose the client and the user of a session. */
void cast_client(struct cast *cast, struct plan *plan);

/* Choose the sender of a message and its queue id. */
void cast_message(struct cast *cast, struct plan *plan);

/* The message's recipient number RCPT, ACCEPTED having been accepted before it
 * (the first one opens the queue file, so that the id is known from then on).
 */
void cast_rcpt(struct cast *cast, const struct plan *plan, uint32_t rcpt,
               uint32_t accepted);

/* All recipients are known: DATA. */
void cast_data(struct cast *cast);

#endif
