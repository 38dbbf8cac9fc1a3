/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/detect/detect.h"
#include "test/scarce.h"
#include "test/unit.h"

static const struct detect_about about = {.rule = 7, .class = CLASS_PERSON};

static struct subject
user(unsigned n)
{
    struct subject subject;
    char text[32];

    (void)snprintf(text, sizeof(text), "u%u@example.org", n);
    if (!subject_make(SUBJECT_USER, text, &subject))
        fail();
    return subject;
}

static struct detect_queue *
create(size_t most)
{
    struct detect_queue *queue = NULL;

    assert_int_equal(detect_queue_create(most, &queue), MS_OK);
    return queue;
}

/* A message to N recipients. */
static bool
add(struct detect_queue *queue, unsigned who, size_t n, const char *id)
{
    static const uint64_t recipients[DETECT_RECIPIENTS] = {1, 2, 3};
    const struct detector_event event = {.at = {1000},
                                         .recipients = recipients,
                                         .n_recipients = n,
                                         .messages = 1,
                                         .clean = 1,
                                         .network = 5,
                                         .sender = 6};
    const struct subject subject = user(who);

    return detect_queue_add(queue, &subject, &about, &event, id);
}

/* What WORK tells of. */
struct total {
    unsigned works, events;
    uint64_t messages, recipients, hashes;
};

static void
tally(const struct detect_work *work, struct total *total)
{
    total->works++;
    for (const struct detect_queued *q = work->events; q != NULL; q = q->next) {
        total->events++;
        total->messages += q->event.messages;
        total->recipients += q->event.n_recipients + q->event.more;
        total->hashes += q->event.n_recipients;
    }
}

/* The next of a round that begins now. */
static bool
take_one(struct detect_queue *queue, struct detect_work *work)
{
    struct detect_round round;

    detect_queue_round(queue, DETECT_ALL, &round);
    return detect_queue_take(queue, &round, work);
}

static struct total
take_all(struct detect_queue *queue, enum detect_heat heat)
{
    struct total total = {0};
    struct detect_work work;

    while (take_one(queue, &work)) {
        tally(&work, &total);
        detect_queue_done(queue, &work, heat);
    }
    return total;
}

static uint64_t
waiting(struct detect_queue *queue)
{
    struct detect_queue_counts counts;

    detect_queue_count(queue, &counts);
    return counts.waiting;
}

/* ----- who is judged when */

static void
test_quiet_ones_wait(void **state)
{
    struct detect_queue *queue = create(100);
    struct total total;

    (void)state;
    assert_false(add(queue, 1, DETECT_HURRY, "A"));
    assert_int_equal(take_all(queue, DETECT_COLD).works, 0);
    assert_int_equal(waiting(queue), 1);
    (void)detect_queue_due(queue);
    total = take_all(queue, DETECT_COLD);
    assert_int_equal(total.works, 1);
    assert_int_equal(total.messages, 1);
    assert_int_equal(total.hashes, DETECT_HURRY);
    assert_int_equal(waiting(queue), 0);
    detect_queue_destroy(queue);
}

static void
test_many_recipients_are_in_a_hurry(void **state)
{
    struct detect_queue *queue = create(100);

    (void)state;
    assert_false(add(queue, 1, DETECT_HURRY, "A"));
    assert_true(add(queue, 1, 1, "B"));
    assert_false(add(queue, 1, 1, "C")); /* somebody has been told */
    assert_int_equal(take_all(queue, DETECT_COLD).events, 3);
    assert_false(add(queue, 1, 1, "D")); /* and it is cold again */
    detect_queue_destroy(queue);
}

static void
test_hot_ones_are_judged_at_once(void **state)
{
    struct detect_queue *queue = create(100);

    (void)state;
    (void)add(queue, 1, 1, "A");
    (void)detect_queue_due(queue);
    (void)take_all(queue, DETECT_HOT);
    assert_true(add(queue, 1, 1, "B"));
    assert_int_equal(take_all(queue, DETECT_COLD).works, 1);
    detect_queue_destroy(queue);
}

/* What comes while a subject is judged waits for its turn, and is not lost. */
static void
test_while_judged(void **state)
{
    struct detect_queue *queue = create(100);
    struct detect_work work;

    (void)state;
    (void)add(queue, 1, 9, "A");
    assert_true(take_one(queue, &work));
    assert_false(add(queue, 1, 9, "B"));
    assert_int_equal(take_all(queue, DETECT_COLD).works, 0);
    detect_queue_done(queue, &work, DETECT_COLD);
    assert_int_equal(take_all(queue, DETECT_COLD).messages, 1);
    detect_queue_destroy(queue);
}

/* What could not be judged comes first the next time, and not before. */
static void
test_put_back(void **state)
{
    struct detect_queue *queue = create(100);
    struct detect_work work;

    (void)state;
    (void)add(queue, 1, 9, "A");
    assert_true(take_one(queue, &work));
    work.events->event.at.s = 77;
    (void)add(queue, 1, 1, "B");
    detect_queue_put_back(queue, &work);
    assert_false(take_one(queue, &work));
    (void)detect_queue_due(queue);
    assert_true(take_one(queue, &work));
    assert_int_equal(work.events->event.at.s, 77);
    assert_non_null(work.events->next);
    detect_queue_done(queue, &work, DETECT_COLD);
    assert_int_equal(waiting(queue), 0);
    detect_queue_destroy(queue);
}

/* What was only looked on stays so, whatever comes behind it; until it has been
 * judged. */
static void
test_observed(void **state)
{
    static const uint64_t recipient = 1;
    const struct detector_event event = {
        .at = {1000}, .recipients = &recipient, .n_recipients = 1};
    const struct detect_about seen = {.rule = 8, .observed = true};
    const struct subject subject = user(1);
    struct detect_queue *queue = create(100);
    struct detect_work work;

    (void)state;
    (void)detect_queue_add(queue, &subject, &seen, &event, "A");
    (void)detect_queue_add(queue, &subject, &about, &event, "B");
    (void)detect_queue_due(queue);
    assert_true(take_one(queue, &work));
    assert_true(work.about.observed);
    assert_int_equal(work.about.rule, about.rule); /* the last one's */
    (void)detect_queue_add(queue, &subject, &about, &event, "C");
    detect_queue_put_back(queue, &work);
    (void)detect_queue_due(queue);
    assert_true(take_one(queue, &work));
    assert_true(work.about.observed);
    detect_queue_done(queue, &work, DETECT_COLD);
    (void)detect_queue_add(queue, &subject, &about, &event, "D");
    (void)detect_queue_due(queue);
    assert_true(take_one(queue, &work));
    assert_false(work.about.observed);
    detect_queue_done(queue, &work, DETECT_COLD);
    detect_queue_destroy(queue);
}

/* Those that were merged are as old as the oldest. */
static void
test_since(void **state)
{
    struct detect_queue *queue = create(100);
    const struct detector_event early = {.at = {500}, .more = 1};
    const struct subject subject = user(1);
    const struct detect_queued *last;
    struct detect_work work;

    (void)state;
    for (int i = 0; i <= DETECT_EVENTS; i++)
        (void)add(queue, 1, 0, "A");
    (void)detect_queue_add(queue, &subject, &about, &early, "B");
    (void)add(queue, 1, 0, "C");
    (void)detect_queue_due(queue);
    assert_true(take_one(queue, &work));
    for (last = work.events; last->next != NULL;)
        last = last->next;
    assert_int_equal(last->event.at.s, 1000);
    assert_int_equal(last->event.since.s, 500);
    detect_queue_done(queue, &work, DETECT_COLD);
    detect_queue_destroy(queue);
}

/* ----- rounds */

enum { QUIET = 20 };

/* However many more become hot meanwhile, a round ends; and who is due has its
 * turn. */
static void
test_a_round_ends(void **state)
{
    struct detect_queue *queue = create(100);
    struct detect_round round;
    struct detect_work work;
    unsigned takes = 0, cold = 0, last_cold = 0;

    (void)state;
    for (unsigned i = 0; i < QUIET; i++)
        (void)add(queue, 10 + i, 1, "");
    (void)detect_queue_due(queue);
    (void)add(queue, 1, 9, "");
    (void)add(queue, 2, 9, "");
    detect_queue_round(queue, DETECT_ALL, &round);
    while (takes < 1000 && detect_queue_take(queue, &round, &work)) {
        takes++;
        if (work.events->event.n_recipients == 1) {
            cold++;
            last_cold = takes;
        }
        detect_queue_done(queue, &work, DETECT_COLD);
        (void)add(queue, 1, 9, "");
        (void)add(queue, 2, 9, "");
    }
    assert_int_equal(cold, QUIET);
    assert_int_equal(last_cold, 2 * QUIET); /* each behind a hot one */
    assert_int_equal(takes, 2 * QUIET);
    assert_true(detect_queue_is_hot(queue));
    detect_queue_destroy(queue);
}

/* Those that were hot when it began are all judged. */
static void
test_a_round_takes_all_that_were_hot(void **state)
{
    struct detect_queue *queue = create(100);
    struct detect_round round;
    struct detect_work work;
    unsigned takes = 0;

    (void)state;
    (void)add(queue, 99, 1, "");
    (void)detect_queue_due(queue);
    for (unsigned i = 0; i < QUIET; i++)
        (void)add(queue, i, 9, "");
    detect_queue_round(queue, DETECT_ALL, &round);
    while (detect_queue_take(queue, &round, &work)) {
        takes++;
        detect_queue_done(queue, &work, DETECT_COLD);
    }
    assert_int_equal(takes, QUIET + 1);
    assert_int_equal(waiting(queue), 0);
    for (unsigned i = 0; i < 2; i++)
        (void)add(queue, i, i == 0 ? 1 : 9, "");
    (void)detect_queue_due(queue);
    detect_queue_round(queue, DETECT_ONLY_HOT, &round);
    assert_true(detect_queue_take(queue, &round, &work));
    assert_int_equal(work.events->event.n_recipients, 9);
    detect_queue_done(queue, &work, DETECT_COLD);
    assert_false(detect_queue_take(queue, &round, &work));
    detect_queue_destroy(queue);
}

/* One that could not be stored is tried once a beat, whatever it sends. */
static void
test_what_was_put_back_is_in_no_hurry(void **state)
{
    struct detect_queue *queue = create(100);
    struct detect_work work;

    (void)state;
    (void)add(queue, 1, 9, "");
    assert_true(take_one(queue, &work));
    detect_queue_put_back(queue, &work);
    assert_false(add(queue, 1, 9, ""));
    assert_false(detect_queue_is_hot(queue));
    (void)detect_queue_due(queue);
    assert_int_equal(take_all(queue, DETECT_HOT).events, 2);
    assert_true(add(queue, 1, 9, "")); /* now it is as others */
    detect_queue_destroy(queue);
}

/* ----- too much */

/* Many messages to as many recipients as are kept. */
static void
test_bytes_are_bounded(void **state)
{
    enum { USERS = 200, MESSAGES = USERS * DETECT_EVENTS };
    struct detect_queue *queue = create(USERS);
    struct detect_queue_counts counts;
    struct total total;

    (void)state;
    for (int turn = 0; turn < 2; turn++) { /* what is taken makes room */
        for (unsigned i = 0; i < MESSAGES; i++)
            (void)add(queue, i % USERS, DETECT_RECIPIENTS, "");
        total = take_all(queue, DETECT_COLD);
        assert_int_equal(total.messages, MESSAGES);
        assert_int_equal(total.recipients,
                         (uint64_t)MESSAGES * DETECT_RECIPIENTS);
        assert_in_range(total.hashes * sizeof(uint64_t), DETECT_BYTES / 2,
                        DETECT_BYTES);
    }
    detect_queue_count(queue, &counts);
    assert_int_equal(counts.merged,
                     2 * (MESSAGES - total.hashes / DETECT_RECIPIENTS));
    detect_queue_destroy(queue);
}

/* What is put back, or forgotten, is counted as what came. */
static void
test_bytes_are_not_lost(void **state)
{
    enum { TURNS = 20000 };
    struct detect_queue *queue = create(100);
    struct detect_queue_counts counts;

    (void)state;
    for (unsigned i = 0; i < TURNS; i++) {
        struct detect_work work;

        (void)add(queue, i, DETECT_RECIPIENTS, "");
        assert_true(take_one(queue, &work));
        if (i % 2 == 0)
            detect_queue_put_back(queue, &work);
        else
            detect_queue_done(queue, &work, DETECT_COLD);
        if (detect_queue_due(queue))
            (void)take_all(queue, DETECT_COLD);
    }
    detect_queue_count(queue, &counts);
    assert_int_equal(counts.merged, 0);
    detect_queue_destroy(queue);
}

static void
test_merging_loses_no_count(void **state)
{
    struct detect_queue *queue = create(100);
    struct detect_queue_counts counts;
    struct total total;

    (void)state;
    for (int i = 0; i < 1000; i++)
        (void)add(queue, 1, 3, "");
    total = take_all(queue, DETECT_COLD);
    assert_int_equal(total.works, 1);
    assert_int_equal(total.events, DETECT_EVENTS + 1);
    assert_int_equal(total.messages, 1000);
    assert_int_equal(total.recipients, 3000);
    assert_int_equal(total.hashes, 3 * DETECT_EVENTS);
    detect_queue_count(queue, &counts);
    assert_int_equal(counts.events, 1000);
    assert_int_equal(counts.merged, 1000 - DETECT_EVENTS);
    detect_queue_destroy(queue);
}

/* Nor does putting back again and again, while more comes. */
static void
test_put_back_loses_no_count(void **state)
{
    struct detect_queue *queue = create(100);
    struct total total;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct detect_work work;

        (void)add(queue, 1, 2, "");
        (void)detect_queue_due(queue);
        assert_true(take_one(queue, &work));
        detect_queue_put_back(queue, &work);
    }
    (void)detect_queue_due(queue);
    total = take_all(queue, DETECT_COLD);
    assert_int_equal(total.messages, 200);
    assert_int_equal(total.recipients, 400);
    detect_queue_destroy(queue);
}

/* Idle places go for newcomers; when all wait, the rest is counted by kind. */
static void
test_too_many_subjects(void **state)
{
    struct detect_queue *queue = create(10);
    struct detect_others others;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        (void)add(queue, i, 9, "");
    assert_int_equal(take_all(queue, DETECT_COLD).works, 10);
    for (unsigned i = 10; i < 25; i++)
        (void)add(queue, i, 3, "");
    assert_int_equal(waiting(queue), 10);
    assert_true(detect_queue_take_others(queue, &others));
    assert_int_equal(others.messages[SUBJECT_USER], 5);
    assert_int_equal(others.recipients[SUBJECT_USER], 15);
    assert_int_equal(others.messages[SUBJECT_CLIENT], 0);
    assert_false(detect_queue_take_others(queue, &others));
    detect_queue_destroy(queue);
}

/* ----- ids */

static void
test_ids(void **state)
{
    struct detect_queue *queue = create(100);
    char ids[CHANGE_IDS][DECISION_HOST], id[16];
    struct subject subject = user(1), other = user(2);

    (void)state;
    assert_int_equal(detect_queue_ids(queue, &subject, ids), 0);
    for (int i = 0; i < CHANGE_IDS + 3; i++) {
        (void)snprintf(id, sizeof(id), "ID%d", i);
        (void)add(queue, 1, 9, id);
        (void)take_all(queue, DETECT_COLD);
    }
    (void)add(queue, 1, 1, "");
    (void)add(queue, 1, 1, "an id that is longer than any MTA's would be");
    assert_int_equal(detect_queue_ids(queue, &subject, ids), CHANGE_IDS);
    assert_string_equal(ids[0], "ID10");
    assert_string_equal(ids[CHANGE_IDS - 1], "ID3");
    detect_queue_note_id(queue, &subject, "LAST");
    detect_queue_note_id(queue, &other, "NOBODY");
    (void)detect_queue_ids(queue, &subject, ids);
    assert_string_equal(ids[0], "LAST");
    detect_queue_destroy(queue);
}

/* ----- forgetting */

static bool
is_user_1(void *arg, const struct subject *subject)
{
    struct subject bad = user(1);

    (void)arg;
    return subject_same(subject, &bad);
}

static void
weed(struct detect_queue *queue,
     bool (*bad)(void *arg, const struct subject *subject), void *arg)
{
    size_t at = 0;

    while (detect_queue_weed(queue, &at, bad, arg))
        ;
}

static void
test_weed(void **state)
{
    struct detect_queue *queue = create(100);
    char ids[CHANGE_IDS][DECISION_HOST];
    struct subject subject = user(1);
    struct detect_work work;

    (void)state;
    (void)add(queue, 1, 9, "A");
    (void)add(queue, 2, 1, "B");
    weed(queue, is_user_1, NULL);
    assert_int_equal(detect_queue_ids(queue, &subject, ids), 0);
    assert_int_equal(waiting(queue), 1);

    (void)add(queue, 1, 9, "C"); /* one who is being judged */
    assert_true(take_one(queue, &work));
    weed(queue, is_user_1, NULL);
    (void)add(queue, 1, 9, "D");
    detect_queue_put_back(queue, &work);
    assert_int_equal(detect_queue_ids(queue, &subject, ids), 1);
    assert_int_equal(take_all(queue, DETECT_COLD).messages, 1);
    detect_queue_destroy(queue);
}

static bool
is_any(void *arg, const struct subject *subject)
{
    (void)arg;
    (void)subject;
    return true;
}

/* What is forgotten makes room for others. */
static void
test_weeding_frees_bytes(void **state)
{
    enum { USERS = 200, MESSAGES = USERS * DETECT_EVENTS };
    struct detect_queue *queue = create(USERS);
    struct total total;

    (void)state;
    for (unsigned i = 0; i < MESSAGES; i++)
        (void)add(queue, i % USERS, DETECT_RECIPIENTS, "");
    weed(queue, is_any, NULL);
    assert_int_equal(waiting(queue), 0);
    for (unsigned i = 0; i < USERS; i++)
        (void)add(queue, i, DETECT_RECIPIENTS, "");
    total = take_all(queue, DETECT_COLD);
    assert_int_equal(total.hashes, USERS * DETECT_RECIPIENTS);
    detect_queue_destroy(queue);
}

static bool
count_looks(void *arg, const struct subject *subject)
{
    unsigned *n = arg;

    (void)subject;
    ++*n;
    return false;
}

/* Callbacks have the queue in between. */
static void
test_weeds_some_at_a_time(void **state)
{
    enum { PLACES = 4000 };
    struct detect_queue *queue = create(PLACES);
    unsigned all = 0;
    size_t at = 0;
    bool more = true;

    (void)state;
    for (unsigned i = 0; i < PLACES; i++)
        (void)add(queue, i, 1, "");
    while (more) {
        unsigned n = 0;

        more = detect_queue_weed(queue, &at, count_looks, &n);
        assert_in_range(n, 0, PLACES / 20);
        all += n;
    }
    assert_int_equal(all, PLACES);
    detect_queue_destroy(queue);
}

/* ----- no memory */

static void
test_no_memory(void **state)
{
    (void)state;
    for (unsigned long fails = 1; fails < 8; fails++) {
        struct detect_queue *queue = NULL;
        struct detect_others others;
        struct total total = {0}, more;

        scarce_set_here(fails);
        if (detect_queue_create(100, &queue) != MS_OK) {
            assert_null(queue);
            continue;
        }
        for (unsigned i = 0; i < 4; i++)
            (void)add(queue, i % 2, 3, "A");
        (void)detect_queue_due(queue);
        total = take_all(queue, DETECT_COLD);
        scarce_set_here(0);
        (void)detect_queue_due(queue);
        more = take_all(queue, DETECT_COLD);
        (void)detect_queue_take_others(queue, &others);
        assert_int_equal(
            total.messages + more.messages + others.messages[SUBJECT_USER], 4);
        assert_int_equal(total.recipients + more.recipients +
                             others.recipients[SUBJECT_USER],
                         12);
        detect_queue_destroy(queue);
    }
}

/* ----- threads */

enum { THREADS = 3, EACH = 4000 };

static void *
add_many(void *arg)
{
    for (unsigned i = 0; i < EACH; i++)
        (void)add(arg, i % 37, 1 + i % 3, "A");
    return NULL;
}

/* However adding and judging meet, all is counted once. */
static void
test_threads(void **state)
{
    struct detect_queue *queue = create(20); /* too few for all */
    struct detect_others others = {{0}, {0}}, some;
    pthread_t thread[THREADS];
    struct total total = {0};
    bool done = false;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, add_many, queue), 0);
    for (int turn = 0; !done; turn++) {
        struct detect_work work;

        if (turn == 500) {
            for (int i = 0; i < THREADS; i++)
                (void)pthread_join(thread[i], NULL);
        }
        done = turn > 500 && waiting(queue) == 0;
        (void)detect_queue_due(queue);
        while (take_one(queue, &work)) {
            if (turn % 3 == 0 && turn < 500) {
                detect_queue_put_back(queue, &work);
                break;
            }
            tally(&work, &total);
            detect_queue_done(queue, &work,
                              turn % 2 == 0 ? DETECT_HOT : DETECT_COLD);
        }
        if (detect_queue_take_others(queue, &some))
            others.messages[SUBJECT_USER] += some.messages[SUBJECT_USER];
    }
    assert_int_equal(total.messages + others.messages[SUBJECT_USER],
                     THREADS * EACH);
    detect_queue_destroy(queue);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_ones_wait),
        cmocka_unit_test(test_many_recipients_are_in_a_hurry),
        cmocka_unit_test(test_hot_ones_are_judged_at_once),
        cmocka_unit_test(test_while_judged),
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_observed),
        cmocka_unit_test(test_since),
        cmocka_unit_test(test_merging_loses_no_count),
        cmocka_unit_test(test_put_back_loses_no_count),
        cmocka_unit_test(test_too_many_subjects),
        cmocka_unit_test(test_a_round_ends),
        cmocka_unit_test(test_a_round_takes_all_that_were_hot),
        cmocka_unit_test(test_what_was_put_back_is_in_no_hurry),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_bytes_are_not_lost),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_weed),
        cmocka_unit_test(test_weeding_frees_bytes),
        cmocka_unit_test(test_weeds_some_at_a_time),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
