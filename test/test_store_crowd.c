/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every store must do when many come at once, or too many.
 */
#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/redis_lab.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = 60, THREADS = 8 };

/* ----- many at once */

struct crowd {
    struct lab *lab;
    _Atomic unsigned added;
    const struct subject *subject;
};

static void *
charge_much(void *arg)
{
    struct crowd *crowd = arg;
    const struct charge_item item = {.subject = crowd->subject,
                                     .window = 1,
                                     .span_s = 3600,
                                     .n = 1,
                                     .limit = 1000};
    struct charge_answers *answers = malloc(sizeof(*answers));

    for (int i = 0; i < 200; i++) {
        struct store_time now = lab_now(crowd->lab);
        struct store_ticket *ticket = NULL;

        now.mono.ms += i % 3 * 1000; /* clocks are not read in order */
        if (store_submit(crowd->lab->store, &item, 1, now, &ticket) != MS_OK ||
            store_collect(crowd->lab->store, ticket, now.mono, answers) !=
                MS_OK)
            continue;
        if (answers->added)
            crowd->added++;
    }
    free(answers);
    return NULL;
}

static void
run_threads(void *(*run)(void *), void *arg)
{
    pthread_t thread[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run, arg), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
}

static void
test_threads_one_subject(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct crowd crowd = {.lab = lab, .subject = &ann};

    run_threads(charge_much, &crowd); /* 1,600 for a limit of 1,000 */
    assert_int_equal(crowd.added, 1000);
    assert_int_equal(lab_used(lab, &ann, 1), 1000);
    lab_end(lab);
}

/* A state's rate serves as a counter. */
static enum ms_err
count_up(void *arg, struct store_state *state)
{
    (void)arg;
    state->throttle++;
    return MS_OK;
}

/* Steps over several shards, refunds, updates, lists, all at once. */
static void *
mix(void *arg)
{
    struct crowd *crowd = arg;
    struct store *store = crowd->lab->store;
    struct charge_answers *answers = malloc(sizeof(*answers));
    unsigned seed = ++crowd->added;

    for (int i = 0; i < 150; i++) {
        struct store_time now = lab_now(crowd->lab);
        struct store_ticket *ticket = NULL;
        struct subject subject[4];
        struct charge_item item[4];

        for (int j = 0; j < 4; j++) {
            char name[32];

            snprintf(name, sizeof(name), "user:%d", rand_r(&seed) % 20);
            subject[j] = lab_subject(name);
            item[j] = (struct charge_item){.subject = &subject[j],
                                           .window = 1,
                                           .span_s = 3600,
                                           .n = 1,
                                           .limit = UINT32_MAX};
        }
        if (store_submit(store, item, 4, now, &ticket) == MS_OK &&
            store_collect(store, ticket, now.mono, answers) == MS_OK)
            for (int j = 0; j < 4; j++)
                store_refund(store, &answers->item[j].receipt, 1, now);
        store_update(store, &subject[0], now, count_up, NULL);
    }
    free(answers);
    return NULL;
}

static bool
add_up(void *arg, const struct store_record *record)
{
    uint64_t *sum = arg;

    sum[0] += record->n_windows > 0 ? record->windows[0].used : 0;
    sum[1] += record->state.throttle;
    return true;
}

static void
test_threads_many_subjects(void **state)
{
    struct lab *lab = lab_create(*state);
    struct crowd crowd = {.lab = lab};
    uint64_t sum[2] = {0, 0};
    struct store_stats stats;

    run_threads(mix, &crowd);
    store_list(lab->store, SUBJECT_USER, lab_now(lab), add_up, sum);
    store_stats(lab->store, &stats);
    if (stats.shared.local == 0) {   /* else the machine is too slow for this */
        assert_int_equal(sum[0], 0); /* all was refunded */
        assert_int_equal(sum[1], 150 * THREADS); /* no update was lost */
    }
    lab_end(lab);
}

/* ----- a full store */

static struct lab *
small_lab(const struct lab_kind *kind)
{
    struct lab *lab = lab_create(kind);
    struct why why;

    lab_close(lab);
    lab->memory = 1 << 20;
    assert_int_equal(lab_open(lab, &why), MS_OK);
    return lab;
}

/* A stranger connects from an address and a prefix never seen before. */
static bool
stranger(struct lab *lab, unsigned i, uint32_t n, uint32_t limit)
{
    static const struct subject none;
    char name[64];
    struct subject subject[2] = {none, none};
    struct charge_item item[2];

    snprintf(name, sizeof(name), "client:2001:db8:%x:%x::", i >> 16,
             i & 0xffff);
    subject[0] = lab_subject(name);
    snprintf(name, sizeof(name), "prefix:2001:db8:%x:%x::/56", i >> 16,
             i & 0xffff);
    subject[1] = lab_subject(name);
    for (int j = 0; j < 2; j++)
        item[j] = (struct charge_item){.subject = &subject[j],
                                       .window = 50 + (uint64_t)j,
                                       .span_s = SPAN_S,
                                       .n = n,
                                       .limit = limit};
    return lab_charge(lab, item, 2);
}

static struct subject
customer(unsigned i)
{
    char name[32];

    snprintf(name, sizeof(name), i % 10 == 0 ? "domain:%u" : "user:%u", i);
    return lab_subject(name);
}

static void
test_botnet(void **state)
{
    enum { CUSTOMERS = 300, STRANGERS = 20000 };
    struct lab *lab = small_lab(*state);
    struct store_stats stats;

    for (unsigned i = 0; i < STRANGERS; i++) {
        struct subject subject = customer(i % CUSTOMERS);

        if (i < CUSTOMERS * 10u)
            assert_true(lab_take(lab, &subject, 1, 86400, 1, 100));
        assert_true(stranger(lab, i, 1, 100));
    }
    for (unsigned i = 0; i < CUSTOMERS; i++) {
        struct subject subject = customer(i);

        assert_int_equal(lab_used(lab, &subject, 1), 10);
    }
    store_stats(lab->store, &stats);
    assert_int_equal(stats.subjects[SUBJECT_USER], CUSTOMERS * 9 / 10);
    assert_int_equal(stats.subjects[SUBJECT_DOMAIN], CUSTOMERS / 10);
    assert_in_range(stats.bytes, 1, 1 << 20);
    assert_true(stats.evicted > 2 * STRANGERS * 8 / 10);
    assert_int_equal(stats.overflowed, 0);
    lab_end(lab);
}

/* Who is near a limit, or not normal, stays; newcomers share. */
static void
test_overflow(void **state)
{
    enum { STRANGERS = 3000, NEWCOMER = 1000000 };
    struct lab *lab = small_lab(*state);
    struct store_stats stats;
    unsigned refused = 0;

    for (unsigned i = 0; i < STRANGERS; i++)
        stranger(lab, i, 60, 100);
    store_stats(lab->store, &stats);
    assert_int_equal(stats.evicted, 0);
    assert_true(stats.overflowed > 0);
    for (unsigned i = 0; i < STRANGERS; i++) /* nobody is forgotten */
        assert_false(stranger(lab, i, 60, 100));
    for (unsigned i = 0; i < 200; i++) /* nor refused outright */
        refused += stranger(lab, NEWCOMER + i, 41, 100) ? 0 : 1;
    assert_in_range(refused, 1, 199);
    lab_pass(lab, 65000); /* all has aged out: there is room for all */
    for (unsigned i = 0; i < STRANGERS; i++)
        assert_true(stranger(lab, NEWCOMER + i, 40, 100));
    lab_end(lab);
}

/* A refund reaches the record that was shared. */
static void
test_overflow_refund(void **state)
{
    struct lab *lab = small_lab(*state);
    struct receipt receipt[2];
    unsigned i = 0;
    struct store_stats stats;

    do {
        assert_true(stranger(lab, i++, 60, 100) || i > 500);
        store_stats(lab->store, &stats);
    } while (stats.overflowed == 0);
    receipt[0] = lab->answers.item[0].receipt;
    receipt[1] = lab->answers.item[1].receipt;
    assert_false(stranger(lab, i - 1, 60, 100));
    store_refund(lab->store, receipt, 2, lab_now(lab));
    assert_true(stranger(lab, i - 1, 60, 100));
    lab_end(lab);
}

static void
test_standing_is_kept(void **state)
{
    enum { KEPT = 200, STRANGERS = 5000 };
    struct lab *lab = small_lab(*state);

    for (unsigned i = 0; i < KEPT; i++) {
        char name[64];
        struct subject subject;

        snprintf(name, sizeof(name), "client:192.0.2.%u", i);
        subject = lab_subject(name);
        assert_int_equal(
            lab_judge(lab, &subject, (enum standing)(1 + i % 4), 5, 0), MS_OK);
    }
    for (unsigned i = 0; i < STRANGERS; i++)
        stranger(lab, i, 1, 100);
    for (unsigned i = 0; i < KEPT; i++) {
        static struct store_record record;
        char name[64];
        struct subject subject;
        bool found;

        snprintf(name, sizeof(name), "client:192.0.2.%u", i);
        subject = lab_subject(name);
        store_get(lab->store, &subject, lab_now(lab), &found, &record);
        assert_true(found);
        assert_int_equal(record.state.standing, 1 + i % 4);
    }
    lab_end(lab);
}

/* A standing finds room where there is none; mere state does not. */
static void
test_standing_in_full_store(void **state)
{
    struct lab *lab = small_lab(*state);
    struct subject zombie = lab_subject("client:192.0.2.1");
    unsigned failed = 0;

    for (unsigned i = 0; i < 3000; i++)
        stranger(lab, i, 60, 100);
    for (unsigned i = 0; i < 50; i++) {
        char name[64];
        struct subject subject;

        snprintf(name, sizeof(name), "client:198.51.100.%u", i);
        subject = lab_subject(name);
        if (lab_judge(lab, &subject, STANDING_NORMAL, 0, 100) == MS_NOMEM)
            failed++;
    }
    assert_int_equal(failed, 50);
    assert_int_equal(lab_judge(lab, &zombie, STANDING_QUARANTINED, 0, 100),
                     MS_OK);
    lab_end(lab);
}

/* What is empty goes in passing, so memory falls again. */
static void
test_memory_falls(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct store_stats stats;
    uint64_t full;

    for (unsigned i = 0; i < 2000; i++)
        stranger(lab, i, 1, 100);
    lab_judge(lab, &ann, STANDING_WATCHED, 0, 0);
    store_stats(lab->store, &stats);
    full = stats.bytes;
    lab_pass(lab, 70000);
    for (unsigned i = 0; i < 2000 * 8; i++) /* others are about */
        stranger(lab, 5000 + i % 300, 1, UINT32_MAX);
    store_stats(lab->store, &stats);
    assert_in_range(stats.bytes, 1, full / 4);
    assert_int_equal(stats.subjects[SUBJECT_USER], 1);
    lab_end(lab);
}

/* Windows of limits that are gone make place. */
static void
test_many_windows(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct store_stats stats;

    for (uint64_t i = 0; i < 600; i++) {
        assert_true(lab_take(lab, &ann, 1000 + i, SPAN_S, 1, 9));
        if (i % 100 == 99)
            lab_pass(lab, 65000);
    }
    store_stats(lab->store, &stats);
    assert_in_range(stats.bytes, 1, 110 * 80);
    for (uint64_t i = 0; i < 600; i++) {
        const struct charge_item item = {
            .subject = &ann, .window = i, .span_s = 86400, .n = 1, .limit = 9};
        struct store_ticket *ticket = NULL;
        enum ms_err err =
            store_submit(lab->store, &item, 1, lab_now(lab), &ticket);

        assert_int_equal(err, i < 255 ? MS_OK : MS_NOMEM);
        store_drop(lab->store, ticket);
    }
    lab_end(lab);
}

static bool
is_known(struct lab *lab, const struct subject *subject)
{
    static struct store_record record;
    bool found = false;

    assert_int_equal(
        store_get(lab->store, subject, lab_now(lab), &found, &record), MS_OK);
    return found;
}

/* Others are about, so that all records are looked at. */
static void
others(struct lab *lab)
{
    const struct subject bob = lab_subject("user:bob");

    assert_int_equal(lab_judge(lab, &bob, STANDING_NORMAL, 0, 9), MS_OK);
    for (unsigned i = 0; i < 20000; i++) {
        struct subject one = customer(i % 1000);

        lab_take(lab, &one, 1, 60, 1, 1000);
    }
}

/* What the detector knows of somebody who has not been here for long goes, but
 * not where he does not stand normal. */
static void
test_states_age(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann"), bob = lab_subject("user:bob"),
                   eve = lab_subject("user:eve");

    store_keep_states(lab->store, 10 * 86400);
    assert_int_equal(lab_judge(lab, &ann, STANDING_NORMAL, 0, 9), MS_OK);
    assert_int_equal(lab_judge(lab, &eve, STANDING_QUARANTINED, 0, 9), MS_OK);
    for (int day = 0; day < 2; day++) { /* it has been away 9, then 11 days */
        lab_pass(lab, (day == 0 ? 9 : 2) * INT64_C(86400000));
        others(lab);
        assert_int_equal(is_known(lab, &ann), day == 0);
    }
    assert_true(is_known(lab, &bob));
    assert_true(is_known(lab, &eve));
    lab_end(lab);
}

/* ... by the clock that nobody sets: a wrong date forgets nobody. */
static void
test_states_outlive_a_wrong_date(void **state)
{
    static const int64_t steps_s[] = {3600, 11 * 86400, 400 * 86400};

    for (size_t i = 0; i < ROWS(steps_s); i++) {
        struct lab *lab = lab_create(*state);
        struct subject ann = lab_subject("user:ann");

        store_keep_states(lab->store, 10 * 86400);
        assert_int_equal(lab_judge(lab, &ann, STANDING_NORMAL, 0, 9), MS_OK);
        lab->wall_s += steps_s[i];
        others(lab);
        assert_true(is_known(lab, &ann));
        lab->wall_s -= steps_s[i]; /* it is set right */
        others(lab);
        assert_true(is_known(lab, &ann));
        lab_pass(lab, 11 * INT64_C(86400000));
        others(lab);
        assert_false(is_known(lab, &ann));
        lab_end(lab);
    }
}

static const struct lab_test all[] = {
    LAB_TEST(test_threads_one_subject),
    LAB_TEST(test_threads_many_subjects),
    LAB_TEST_HERE(test_botnet),
    LAB_TEST_HERE(test_overflow),
    LAB_TEST_HERE(test_overflow_refund),
    LAB_TEST_HERE(test_standing_is_kept),
    LAB_TEST_HERE(test_standing_in_full_store),
    LAB_TEST_HERE(test_memory_falls),
    LAB_TEST_HERE(test_many_windows),
    LAB_TEST_HERE(test_states_age),
    LAB_TEST_HERE(test_states_outlive_a_wrong_date),
};

int
main(void)
{
    return redis_lab_run(all, ROWS(all));
}
