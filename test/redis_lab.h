/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/redis_lab.h - stores under test that share a Redis: the kinds of a
 * store lab, and stores of several hosts on one server.  Farms are started
 * once a program and end with it.
 */
#ifndef MORTSAFE_TEST_REDIS_LAB_H
#define MORTSAFE_TEST_REDIS_LAB_H

#include <stdatomic.h>
#include <stddef.h>

#include "policy/store/redis.h"
#include "test/redis_farm.h"
#include "test/store_lab.h"

extern const struct lab_kind redis_lab_kinds[];
extern const size_t redis_lab_n_kinds;

/* lab_run() with these kinds, too; then the farms end. */
int redis_lab_run(const struct lab_test *tests, size_t n);

/* The farm of that layout, started if it is not there; and their end. */
struct farm *redis_lab_farm(enum farm_layout layout);
void redis_lab_end_farms(void);

/* The key that all sites of tests have but one. */
const struct sitekey *redis_lab_key(void);

/* A prefix that nobody has had. */
void redis_lab_prefix(char out[32]);

/* The real clock. */
struct store_time redis_lab_now(void *unused);

/* One host of a fleet, on the real clock unless CLOCK is set. */
enum { TOLD = 16 };
struct redis_host {
    const char *prefix;
    struct farm *farm;
    const struct sitekey *key; /* NULL: redis_lab_key() */
    char name[16];
    unsigned hosts;
    uint8_t form;
    bool handed_clock;
    uint32_t deadline_ms; /* 0: 300 */

    struct store *store, *shadow; /* the shadow ends with the store */
    _Atomic unsigned changed, changed_all, board;
    pthread_mutex_t lock; /* guards these */
    _Atomic unsigned n_told;
    char told[TOLD][WHY_TEXT];
};

/* Open its store and wait until it is used (or not); or fail the test. */
void redis_host_start(struct redis_host *host);
void redis_host_open(struct redis_host *host);
void redis_host_stop(struct redis_host *host);

/* Charge and collect by the real clock, or fail the test; was it added? */
bool redis_host_charge(struct redis_host *host, const struct charge_item *items,
                       size_t n, struct charge_answers *out);

/* ----- for short tests: one window of an hour */

enum {
    REDIS_LAB_WINDOW = 7,
    REDIS_LAB_SPAN_S = 3600,
    REDIS_LAB_SOON_MS = 5000
};

struct charge_item redis_lab_item(const struct subject *subject,
                                  enum charge_kind kind, uint32_t n,
                                  uint32_t limit);
bool redis_host_take(struct redis_host *host, const struct subject *subject,
                     uint32_t limit, struct charge_answers *out);
void redis_host_judge(struct redis_host *host, const struct subject *subject,
                      enum standing standing);

/* What STORE has counted in that window; how SUBJECT stands there. */
uint64_t redis_lab_used(struct store *store, const struct subject *subject);
enum standing redis_lab_standing(struct store *store,
                                 const struct subject *subject);

/* It becomes so, soon. */
void redis_lab_expect(struct store *store, const struct subject *subject,
                      enum standing standing);

void redis_lab_pause(long ms);

#endif
