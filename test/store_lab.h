/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/store_lab.h - a store under test: any of the implementations, a clock
 * that the test steps, a directory of its own, and what it told.
 */
#ifndef MORTSAFE_TEST_STORE_LAB_H
#define MORTSAFE_TEST_STORE_LAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/store/store.h"

enum { LAB_PATH = 256, LAB_MEMORY = 64 << 20, LAB_ANSWERS = CHARGE_ITEMS };

struct lab;

/* One implementation. */
struct lab_kind {
    const char *name;
    enum ms_err (*open)(struct lab *lab, struct store **out, struct why *why);
    bool keeps;  /* what it knows outlives it */
    bool shared; /* and is elsewhere: to start again changes nothing */
};
extern const struct lab_kind lab_kinds[];
extern const size_t lab_n_kinds;
const struct lab_kind *lab_embedded(void);

struct lab {
    const struct lab_kind *kind;
    struct store *store;
    char prefix[32]; /* of its keys in a shared store; "": none yet */
    uint64_t memory;
    char dir[LAB_PATH], path[LAB_PATH]; /* PATH is the store's, in DIR */
    _Atomic int64_t mono_ms, wall_s;
    char boot[40];
    struct charge_answers answers; /* of the last lab_charge() */
    bool damaged; /* a state may be missing, its standing may not */

    pthread_mutex_t lock; /* guards what the saver's thread told */
    unsigned told;
    enum ms_err told_err;
    char told_text[WHY_TEXT];
};

/* A test, which finds its kind in *STATE; all of them with all kinds, TAP. */
struct lab_test {
    const char *name;
    void (*run)(void **state);
    bool here; /* of records in this process: not for a shared store */
};
#define LAB_TEST(function)                                                     \
    {                                                                          \
#function, function, false                                             \
    }
#define LAB_TEST_HERE(function)                                                \
    {                                                                          \
#function, function, true                                              \
    }
int lab_run(const struct lab_test *tests, size_t n);

/* The same with some more KINDS. */
int lab_run_with(const struct lab_kind *kinds, size_t n_kinds,
                 const struct lab_test *tests, size_t n);

/* A lab with an empty store, or fail the test.  lab_end() removes all. */
struct lab *lab_create(const struct lab_kind *kind);
void lab_end(struct lab *lab);

/* Open and close the store; lab_reopen() does both, or fails the test. */
enum ms_err lab_open(struct lab *lab, struct why *why);
void lab_close(struct lab *lab);
void lab_reopen(struct lab *lab);

/* The machine starts again, after AWAY_S seconds without power. */
void lab_reboot(struct lab *lab, const char *boot, int64_t away_s);

/* Both clocks go on; the time. */
void lab_pass(struct lab *lab, int64_t ms);
struct store_time lab_now(struct lab *lab);
struct store_time lab_clock(void *lab); /* for struct store_clock */

/* How often it told of something since this was asked last. */
unsigned lab_told(struct lab *lab);

/* "user:ann@example.org", or fail the test. */
struct subject lab_subject(const char *text);

/* Charge and collect, or fail the test; was the step added? */
bool lab_charge(struct lab *lab, const struct charge_item *items, size_t n);

/* Take N of LIMIT per SPAN_S; was it added? */
bool lab_take(struct lab *lab, const struct subject *subject, uint64_t window,
              uint32_t span_s, uint32_t n, uint32_t limit);

/* Give it the standing, throttled to RATE, with LEN bytes of state. */
enum ms_err lab_judge(struct lab *lab, const struct subject *subject,
                      enum standing standing, uint32_t rate, uint16_t len);

/* What is counted in WINDOW of SUBJECT now; 0 if it is not known. */
uint64_t lab_used(struct lab *lab, const struct subject *subject,
                  uint64_t window);

/* PATH/NAME in OUT.  Returns OUT. */
char *lab_file(const struct lab *lab, const char *name, char out[LAB_PATH]);

#endif
