/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/plan.h - what a run plays: how much mail, from which clients and
 * users, and whose turn it is.  The same seed gives the same run.
 */
#ifndef MORTSAFE_TEST_BENCH_PLAN_H
#define MORTSAFE_TEST_BENCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum { PLAN_NOBODY = UINT32_MAX };

struct plan {
    uint32_t connections; /* at a time */
    uint32_t messages;    /* per connection */
    uint32_t recipients;  /* per message */
    uint64_t total;       /* messages in all; 0: until the time is over */
    uint32_t seconds;     /* 0: until the messages are sent */

    uint32_t clients; /* distinct IPv4 addresses, from FIRST_ADDR on */
    uint32_t first_addr;
    uint32_t users;         /* distinct logins; 0: nobody logs in */
    uint32_t senders;       /* distinct senders; 0: the login, or one */
    uint32_t loud_messages; /* so many percent of all messages come from */
    uint32_t loud_subjects; /* so many percent of the clients and users */
    bool in_turn;           /* each in its turn instead of by chance */

    uint16_t port;           /* of the listener */
    const char *daemon_name; /* of the listener */
    bool tls;
    const char *from_domain;
    const char *to_domain;
    uint32_t body; /* bytes */
    bool idle;     /* stop after HELO and stay */

    uint64_t random; /* the generator's state; not 0 */
    uint64_t taken;  /* messages that somebody has begun */
    bool over;       /* begin no more */
    uint64_t serial; /* of the last queue id */
    uint32_t turn_client;
    uint32_t turn_user;
    uint32_t turn_sender;
};

/* The values of a run that names nothing else. */
struct plan plan_default(void);

/* Take one message off those still to be sent; false: none is left. */
bool plan_take(struct plan *plan);

/* Who is next; PLAN_NOBODY where there is none.  Not thread-safe. */
uint32_t plan_next_client(struct plan *plan); /* an address, host order */
uint32_t plan_next_user(struct plan *plan);
uint32_t plan_next_sender(struct plan *plan);

#endif
