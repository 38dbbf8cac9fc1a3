/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis.h - the store that a fleet shares.  Limits of scope host
 * stay in the store of this host, the shadow, which is also fed with all that
 * this host admits, and decides while the shared one is away.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_H
#define MORTSAFE_POLICY_STORE_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/store/redis/nodes.h"
#include "policy/store/sitekey.h"
#include "policy/store/sqlite.h"
#include "policy/store/store.h"

/* All is borrowed for the store's life unless it is said to be moved. */
struct redis_needs {
    const struct redis_where *where; /* copied */
    const char *prefix;              /* 1 to 31 letters, digits, - and _ */
    const struct sitekey *key;
    struct store *shadow;       /* moved */
    const char *hosts_file;     /* fleet.h; NULL: none */
    unsigned hosts;             /* at least, while none are known */
    uint32_t keep_s;            /* privacy { state } */
    uint64_t memory;            /* for counts that wait to be added */
    struct store_clock clock;   /* of spans that really pass */
    struct store_events events; /* what an operator is told */
    /* What our heartbeat says: name, version, config, mode are filled in. */
    void (*describe)(void *arg, struct store_host *out);
    /* A subject of KEY has changed elsewhere; NULL: any may have. */
    void (*changed)(void *arg, const uint8_t *key);
    void *arg;
    bool handed_clock; /* tests: count by the times of requests */
    uint8_t form;      /* tests: that we read and write; 0: SCRIPT_FORM */
};

/*
 * Make the store in *OUT; store_destroy() ends it and the shadow.  A server
 * that cannot be reached is no error: NEEDS->events tells, and the shadow
 * decides.  MS_UNAVAIL (WHY: a TLS file), MS_NOMEM; then the shadow is still
 * the caller's.
 */
enum ms_err store_redis_create(const struct redis_needs *needs,
                               struct store **out, struct why *why);

/* Wait until the store is in use, or DEADLINE; is it? */
bool store_redis_wait_up(struct store *store, struct mono deadline);

/* Send what waits now: tests need not wait for the clock. */
void store_redis_beat(struct store *store);

#endif
