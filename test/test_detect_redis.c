/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two hosts' detectors on one Redis: they judge one account together.
 */
#include <config.h>

#include "milter/detect/detect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/detect/brake.h"
#include "test/detect_lab.h"
#include "test/redis_lab.h"
#include "test/unit.h"

#define ANN "user:ann@example.org"

static const struct detect_word word = {.by = "ann (uid 1000)", .note = ""};

struct pair {
    char prefix[32];
    struct redis_host host[2];
    struct detect_lab *lab[2];
};

static void
create(struct pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    redis_lab_prefix(pair->prefix);
    for (int i = 0; i < 2; i++) {
        struct redis_host *host = &pair->host[i];

        host->prefix = pair->prefix;
        host->farm = redis_lab_farm(FARM_UNIX);
        host->hosts = 2;
        host->deadline_ms = 2000; /* this is not about the clock */
        (void)snprintf(host->name, sizeof(host->name), "mx%d", i);
        redis_host_start(host);
        pair->lab[i] =
            detect_lab_create(DETECT_LAB_ACTS DETECT_LAB_SITE, host->store);
        pair->lab[i]->hashes.key[0] = 7; /* as on all hosts of a site */
    }
}

static void
destroy(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        free(detect_lab_destroy(pair->lab[i]));
        redis_host_stop(&pair->host[i]);
    }
}

/* Message N of a blast of which a filter flags half. */
static void
send_one(struct detect_lab *lab, unsigned n)
{
    struct detect_lab_message message = {
        .login = "ann@example.org",
        .client = "192.0.2.9",
        .strange = 1,
        .flag = n % 2 == 0 ? FLAG_SPAM : FLAG_CLEAN,
        .id = "4XyZ",
    };

    lab->serial = 1000 * n;
    detect_lab_send(lab, &message);
}

/* How many messages it takes until host 0 sees ANN throttled, where HOSTS of
 * them take it in turns; each judges at once what it is sent. */
static unsigned
blast(struct pair *pair, unsigned hosts)
{
    struct subject subject = detect_lab_subject(ANN);
    unsigned n = 0;

    while (n < 200 &&
           standing_worse(STANDING_THROTTLED,
                          redis_lab_standing(pair->host[0].store, &subject))) {
        struct detect_lab *lab = pair->lab[n % hosts];

        send_one(lab, n++);
        atomic_fetch_add(&pair->lab[0]->now_s, 1);
        atomic_fetch_add(&pair->lab[1]->now_s, 1);
        detect_settle(lab->detect);
    }
    return n;
}

/* Two hosts let through at most 1.3 times what one does. */
static void
test_two_hosts_are_as_fast_as_one(void **state)
{
    struct pair pair;
    unsigned one, two;

    (void)state;
    create(&pair);
    one = blast(&pair, 1);
    destroy(&pair);
    create(&pair);
    two = blast(&pair, 2);
    destroy(&pair);
    assert_in_range(one, 5, 30);
    if (10 * two > 13 * one)
        fail_msg("%u messages on two hosts, %u on one", two, one);
}

/* Nothing that one has written is lost to the other, though both judge at the
 * same time. */
static void
test_both_at_once(void **state)
{
    struct subject subject = detect_lab_subject(ANN);
    struct store_record *record = calloc(1, sizeof(*record));
    struct detect_counts counts[2];
    struct detector d;
    struct pair pair;
    bool found = false;

    (void)state;
    assert_non_null(record);
    create(&pair);
    for (int i = 0; i < 2; i++)
        assert_int_equal(detect_start(pair.lab[i]->detect), MS_OK);
    for (unsigned n = 0; n < 400; n++) {
        struct detect_lab *lab = pair.lab[n % 2];
        const struct detect_lab_message message = {.login = "ann@example.org",
                                                   .client = "192.0.2.9",
                                                   .known = 6,
                                                   .flag = FLAG_CLEAN,
                                                   .id = "4XyZ"};

        detect_lab_send(lab, &message);
        if (n % 20 == 0)
            detect_settle(lab->detect);
    }
    for (int i = 0; i < 2; i++)
        detect_stop(pair.lab[i]->detect);
    for (int i = 0; i < 2; i++)
        detect_counts(pair.lab[i]->detect, &counts[i]);
    assert_int_equal(counts[0].events + counts[1].events, 400);
    assert_int_equal(counts[0].queued + counts[1].queued, 0);
    assert_int_equal(store_get(pair.host[0].store, &subject,
                               redis_lab_now(NULL), &found, record),
                     MS_OK);
    assert_true(found);
    assert_int_equal(detector_read(record->state.bytes, record->state.len, &d),
                     MS_OK);
    /* six recipients each, none of them older than the test */
    assert_in_range((unsigned)(d.day + 0.5), 2390, 2400);
    free(record);
    destroy(&pair);
}

/* Who is let go on one host is let go on the other. */
static void
test_release_is_everywhere(void **state)
{
    struct subject subject = detect_lab_subject(ANN);
    struct change change;
    struct pair pair;
    bool changed;

    (void)state;
    create(&pair);
    (void)blast(&pair, 2);
    redis_lab_expect(pair.host[1].store, &subject, STANDING_THROTTLED);
    redis_lab_expect(pair.host[1].shadow, &subject, STANDING_THROTTLED);
    assert_int_equal(detect_release(pair.lab[0]->detect, &subject,
                                    DETECTOR_RELEASE, CAUSE_OPERATOR, &word,
                                    &changed, &change),
                     MS_OK);
    assert_true(changed);
    redis_lab_expect(pair.host[1].store, &subject, STANDING_PROBATION);
    redis_lab_expect(pair.host[1].shadow, &subject, STANDING_PROBATION);
    destroy(&pair);
}

/* The breaker counts what both have done. */
static void
test_one_breaker(void **state)
{
    struct detect_counts counts[2];
    struct pair pair;
    uint64_t throttled = 0, quarantined = 0;

    (void)state;
    create(&pair);
    for (unsigned user = 0; user < 60; user++) {
        struct detect_lab *lab = pair.lab[user % 2];
        char login[32];
        const struct detect_lab_message message = {.login = login,
                                                   .client = "192.0.2.9",
                                                   .strange = 9,
                                                   .unknown = 9,
                                                   .id = "4XyZ"};

        (void)snprintf(login, sizeof(login), "u%u@example.org", user);
        for (int i = 0; i < 4; i++)
            detect_lab_send(lab, &message);
        detect_beat(lab->detect);
    }
    for (int i = 0; i < 2; i++) {
        detect_counts(pair.lab[i]->detect, &counts[i]);
        throttled += counts[i].changes[STANDING_THROTTLED];
        quarantined += counts[i].changes[STANDING_QUARANTINED];
    }
    assert_in_range(throttled, 0, BRAKE_THROTTLES);
    assert_in_range(quarantined, 0, BRAKE_QUARANTINES);
    assert_in_range(counts[0].braked + counts[1].braked, 10, 60);
    destroy(&pair);
}

static const struct lab_test tests[] = {
    LAB_TEST(test_two_hosts_are_as_fast_as_one),
    LAB_TEST(test_both_at_once),
    LAB_TEST(test_release_is_everywhere),
    LAB_TEST(test_one_breaker),
};

int
main(void)
{
    struct CMUnitTest units[ROWS(tests)];
    int failed;

    memset(units, 0, sizeof(units));
    for (size_t i = 0; i < ROWS(tests); i++) {
        units[i].name = tests[i].name;
        units[i].test_func = tests[i].run;
    }
    failed = cmocka_run_group_tests(units, NULL, NULL);
    redis_lab_end_farms();
    return failed;
}
