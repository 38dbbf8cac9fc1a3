/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/ticket.h - one step of a message on its way through a
 * shared store: taken apart by where its subjects live, asked, put together.
 * Limits of scope host are charged at once, in the shadow.  A call asks about
 * all subjects of the step where one server has all keys, else about one.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_TICKET_H
#define MORTSAFE_POLICY_STORE_REDIS_TICKET_H

#include "policy/store/redis/core.h"

/* The store's functions of these names (policy/store/store.h). */
enum ms_err redis_ticket_submit(struct redis *r,
                                const struct charge_item *items, size_t n,
                                struct store_time now,
                                struct store_ticket **out);
enum ms_err redis_ticket_collect(struct store_ticket *ticket,
                                 struct mono deadline,
                                 struct charge_answers *out);
void redis_ticket_drop(struct store_ticket *ticket);

/* ----- for redis/settle.c */

/* One subject. */
struct ticket_part {
    const struct subject *subject; /* as long as it needs to be, no longer */
    struct script_delta *delta;    /* that goes along; NULL: none */
    struct script_told told;       /* by the store, if it was */
    bool local;                    /* this host decides */
};

/* One EVALSHA. */
struct ticket_call {
    struct store_ticket *ticket;
    struct redis_call *call; /* NULL: not sent, or ended */
    struct script_charge charge;
    size_t first_part, first_item;
    bool sent, answered, added;
};

struct store_ticket {
    struct redis *r;
    struct store_time now;
    size_t n, n_fleet; /* items; of them not of scope host, which come first */
    size_t n_parts, n_calls;
    struct charge_item *item;
    uint8_t *of;                  /* part of each, from its call's first on */
    uint8_t *place;               /* of each in the request */
    struct charge_answer *answer; /* by place */
    struct ticket_part *part;
    struct script_subject *subject; /* of each part */
    struct ticket_call *call;
    bool refused;  /* by a limit of scope host: nobody else is asked */
    bool settled;  /* the rest is known */
    bool degraded; /* a server was away */
    bool waited;
    bool added;
    enum ms_err err;
    _Atomic unsigned pending; /* calls of a ticket that was dropped */
};

#endif
