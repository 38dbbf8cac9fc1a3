/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/slots.h - who owns which of a Cluster's 16384 slots, and
 * who is the master, as other servers tell.  Pure; every byte is checked:
 * what they tell becomes the address of a connection.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_SLOTS_H
#define MORTSAFE_POLICY_STORE_REDIS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/endpoint.h"
#include "policy/err.h"
#include "policy/store/redis/codec.h"
#include "policy/store/redis/nodes.h"

enum { SLOTS_NODES = STORE_NODES, SLOTS_NOBODY = 0xff, SLOTS_TAG = 16 };

struct slots {
    size_t n;
    struct endpoint node[SLOTS_NODES]; /* masters */
    uint8_t owner[REDIS_SLOTS];        /* by index, or SLOTS_NOBODY */
    unsigned owned;                    /* slots that somebody owns */
};

/*
 * Read the reply to CLUSTER SLOTS.  ASKED is who sent it: what has no host is
 * on its host, and user and TLS are as its own.  MS_INVALID: it cannot be one,
 * or there are more masters than SLOTS_NODES (WHY).
 */
enum ms_err slots_read(const struct reply *reply, const struct endpoint *asked,
                       struct slots *out, struct why *why);

/* Read "MOVED 3999 127.0.0.1:6381", or ASK, that ASKED has sent. */
bool slots_read_redirect(const struct reply *reply,
                         const struct endpoint *asked, unsigned *slot,
                         struct endpoint *out);

/*
 * Write to TAG a short text whose slot is IS_OURS(arg, slot).  False: none was
 * found in a long search, as is so where there is no such slot.
 */
bool slots_tag(bool (*is_ours)(void *arg, unsigned slot), void *arg,
               char tag[SLOTS_TAG]);

/* Read the reply to SENTINEL get-master-addr-by-name.  LIKE: as ASKED above.
 * MS_INVALID: it cannot be one, or the Sentinel knows no such master (WHY). */
enum ms_err slots_read_master(const struct reply *reply,
                              const struct endpoint *like, struct endpoint *out,
                              struct why *why);

/* The epoch in the reply to SENTINEL MASTER; 0: it cannot be found out. */
uint64_t slots_read_epoch(const struct reply *reply);

/* Is this the reply to ROLE of a master? */
bool slots_is_master(const struct reply *reply);

#endif
