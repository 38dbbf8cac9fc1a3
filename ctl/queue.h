/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/queue.h - messages that an MTA of this host holds: whether it still does,
 * letting them go, deleting them.  By the MTA's own programs.
 */
#ifndef MORTSAFE_CTL_QUEUE_H
#define MORTSAFE_CTL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"

enum queue_mta { QUEUE_POSTFIX, QUEUE_SENDMAIL };

enum queue_fate {
    QUEUE_UNKNOWN, /* nobody has looked yet, or it could not be done */
    QUEUE_HELD,
    QUEUE_DELIVERED, /* let go: it is on its way like any other */
    QUEUE_DELETED,
    QUEUE_GONE /* the MTA knows it no more */
};

enum { QUEUE_ID = 64, QUEUE_FOLDER = 1024 };

struct queue_item {
    char id[QUEUE_ID];
    enum queue_fate fate;
    char folder[QUEUE_FOLDER]; /* Sendmail: where its files are; "" */
};

struct queue {
    enum queue_mta mta;
    const char *config; /* Postfix: its folder; Sendmail: its file; NULL: the
                           usual one */
    struct queue_item *items;
    size_t n;
};

/* Is TEXT a queue id: letters and digits, fewer than QUEUE_ID? */
bool queue_is_id(const char *text);

/* "delivered", "deleted", "gone", "held", "unknown". */
const char *queue_fate_name(enum queue_fate fate);

/* The fate of the message ID, once its queue was looked at; QUEUE_UNKNOWN if it
 * is none of its items. */
enum queue_fate queue_fate_of(const struct queue *queue, const char *id);

/*
 * Look at each of QUEUE's items, let it go, or delete it, and note its fate.
 * One that the MTA does not hold is neither let go nor deleted.  MS_INVALID
 * (an id that is none, an answer that is not understood) before anything is
 * done, or what run_program() says; the fate of what was not reached stays as
 * it was.
 */
enum ms_err queue_look(struct queue *queue, struct why *why);
enum ms_err queue_deliver(struct queue *queue, struct why *why);
enum ms_err queue_delete(struct queue *queue, struct why *why);

#endif
