/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts that wait to be added elsewhere: each arrives once, whatever becomes
 * of the requests that carry it.
 */
#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/delta.h"
#include "test/unit.h"

enum { MEMORY = 1 << 20 };

static const uint8_t host[8] = {1, 2, 3, 4, 5, 6, 7, 8};

struct key {
    uint8_t hash[SITEKEY_HASH];
};

static struct key
key_of(unsigned i)
{
    struct key key = {{(uint8_t)i, (uint8_t)(i >> 8), 7}};

    return key;
}

static struct deltas *
some(size_t memory)
{
    struct deltas *deltas = NULL;

    assert_int_equal(deltas_create(host, memory, &deltas), MS_OK);
    return deltas;
}

static void
count(struct deltas *deltas, unsigned who, uint64_t window, uint32_t slice,
      uint32_t n)
{
    const struct script_delta_item item = {
        .window = window, .span_s = 60, .slice = slice, .n = n, .limit = 9};

    deltas_add(deltas, key_of(who).hash, &item);
}

static void
take_back(struct deltas *deltas, unsigned who, uint64_t window, uint32_t slice,
          uint32_t n)
{
    const struct script_delta_item item = {
        .window = window, .span_s = 60, .slice = slice, .n = n, .limit = 9};

    deltas_take_back(deltas, key_of(who).hash, &item);
}

/* ----- one subject: a story is a string of deeds */

/*
 * 'a' to 'e': count 1, 2, 3... in slice 1 of a window of that name; 'A' to 'E':
 * take as many back; 't' take along, '+' it has arrived, '?' nobody knows, 'f'
 * forget, 'x' forget window `a`.
 */
struct story {
    const char *row;
    const char *deeds;
    const char *sent; /* "SEQ:counts of a, b..." of each that was taken; "-";
                         '*': more waits behind */
    size_t waiting;
};

static const struct story stories[] = {
    {"nothing to take along", "t", "- ", 0},
    {"a count is taken along", "at", "1:1 ", 1},
    {"and gone when it has arrived", "at+t", "1:1 - ", 0},
    {"counts of one slice are one", "aaat", "1:3 ", 1},
    {"windows are apart", "abt", "1:1,2 ", 1},
    {"what is on its way is not taken twice", "att", "1:1 - ", 1},
    {"what may not have arrived goes again under its number", "at?t",
     "1:1 1:1 ", 1},
    {"unchanged, though more was counted", "at?aat", "1:1 1:1* ", 1},
    {"which goes under the next", "ataa+t", "1:1 2:2 ", 1},
    {"only after it has arrived", "ata?t?t+t", "1:1 1:1* 1:1* 2:1 ", 1},
    {"and nobody is told that it is all", "atat", "1:1 -* ", 1},
    {"what was not sent is as if it had not been taken", "at!aAt", "1:1 2:1 ",
     1},
    {"but not if it had been before", "at?at!t", "1:1 1:1* 1:1* ", 1},
    {"an answer that comes twice is one", "at++t", "1:1 - ", 0},
    {"an answer about what was not asked is none", "a+?t", "1:1 ", 1},
    {"a count is taken back", "aaAt", "1:1 ", 1},
    {"and its subject, when it was the last", "aAt", "- ", 0},
    {"never below nothing", "abAAt", "1:2 ", 1},
    {"not of another window", "aBt", "1:1 ", 1},
    {"what is frozen is not taken back", "atA?t", "1:1 1:1 ", 1},
    {"a subject is forgotten", "abft", "- ", 0},
    {"even on its way", "atf+t", "1:1 - ", 0},
    {"an answer to what is forgotten changes nothing", "atfa+t", "1:1 2:1 ", 1},
    {"one window is forgotten", "abxt", "1:2 ", 1},
    {"or the last", "axt", "- ", 0},
    {"but what is on its way is not called back", "atax?t", "1:1 1:1 ", 1},
};

enum { SENT = 256 };

static void
say(char sent[SENT], const char *mark, uint32_t n)
{
    size_t len = strlen(sent);

    (void)snprintf(sent + len, SENT - len, "%u%s", n, mark);
}

static void
take(struct deltas *deltas, char sent[SENT], uint32_t *seq)
{
    struct script_delta delta;
    bool more;

    if (!deltas_take(deltas, key_of(1).hash, &delta, &more)) {
        (void)snprintf(sent + strlen(sent), 4, more ? "-* " : "- ");
        return;
    }
    assert_memory_equal(delta.host, host, sizeof(host));
    *seq = delta.seq;
    say(sent, ":", delta.seq);
    for (size_t i = 0; i < delta.n; i++) {
        assert_int_equal(delta.item[i].limit, 9);
        say(sent, i + 1 < delta.n ? "," : more ? "* " : " ", delta.item[i].n);
    }
}

static void
do_deed(struct deltas *deltas, char deed, char sent[SENT], uint32_t *seq)
{
    const struct key ann = key_of(1);

    if (deed >= 'a' && deed <= 'e')
        count(deltas, 1, (uint64_t)deed, 1, (uint32_t)(deed - 'a' + 1));
    else if (deed >= 'A' && deed <= 'E')
        take_back(deltas, 1, (uint64_t)(deed - 'A' + 'a'), 1,
                  (uint32_t)(deed - 'A' + 1));
    else if (deed == 't')
        take(deltas, sent, seq);
    else if (deed == '+')
        deltas_arrived(deltas, ann.hash, *seq);
    else if (deed == '?')
        deltas_unknown(deltas, ann.hash, *seq);
    else if (deed == '!')
        deltas_unsent(deltas, ann.hash, *seq);
    else
        deltas_forget(deltas, ann.hash, deed == 'x' ? 'a' : 0);
}

static void
test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(stories); i++) {
        struct deltas *deltas = some(MEMORY);
        char sent[SENT] = "";
        uint32_t seq = 0;

        for (const char *deed = stories[i].deeds; *deed != '\0'; deed++)
            do_deed(deltas, *deed, sent, &seq);
        if (strcmp(sent, stories[i].sent) != 0)
            fail_msg("%s: %s, not %s", stories[i].row, sent, stories[i].sent);
        expect(stories[i].row, deltas_waiting(deltas) == stories[i].waiting);
        expect(stories[i].row, deltas_lost(deltas) == 0);
        deltas_destroy(deltas);
    }
}

/* ----- slices, bounds */

static void
test_slices(void **state)
{
    struct deltas *deltas = some(MEMORY);
    struct script_delta delta;
    bool more;

    (void)state;
    count(deltas, 1, 5, 100, 1);
    count(deltas, 1, 5, 101, 2);
    count(deltas, 1, 6, 100, 3);
    count(deltas, 1, 5, 113, 4); /* 100 is out of its view, 101 is not */
    assert_true(deltas_take(deltas, key_of(1).hash, &delta, &more));
    assert_int_equal(delta.n, 3);
    assert_int_equal(delta.item[0].slice, 101);
    assert_int_equal(delta.item[1].window, 6);
    assert_int_equal(delta.item[2].slice, 113);
    deltas_destroy(deltas);
}

/* More than one request holds goes in several. */
static void
test_many_windows(void **state)
{
    struct deltas *deltas = some(MEMORY);
    struct script_delta delta;
    bool more;

    (void)state;
    for (unsigned i = 0; i < 2 * SCRIPT_DELTAS + 1; i++)
        count(deltas, 1, 100 + i, 1, 1 + i);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_true(deltas_take(deltas, key_of(1).hash, &delta, &more));
        assert_int_equal(more, turn < 2);
        assert_int_equal(delta.seq, 1 + turn);
        assert_int_equal(delta.n, turn < 2 ? SCRIPT_DELTAS : 1);
        assert_int_equal(delta.item[0].n, 1 + turn * SCRIPT_DELTAS);
        deltas_arrived(deltas, key_of(1).hash, delta.seq);
    }
    assert_int_equal(deltas_waiting(deltas), 0);
    deltas_destroy(deltas);
}

static void
test_saturation(void **state)
{
    struct deltas *deltas = some(MEMORY);
    struct script_delta delta;
    bool more;

    (void)state;
    count(deltas, 1, 1, 1, UINT32_MAX - 1);
    count(deltas, 1, 1, 1, 5);
    take_back(deltas, 1, 1, 1, 5); /* nobody knows how much it was */
    assert_true(deltas_take(deltas, key_of(1).hash, &delta, &more));
    assert_int_equal(delta.item[0].n, UINT32_MAX);
    deltas_destroy(deltas);
}

static void
test_no_room(void **state)
{
    struct deltas *deltas = some(10000);
    struct script_delta delta;
    bool more;
    unsigned n = 0;

    (void)state;
    while (deltas_lost(deltas) == 0)
        count(deltas, n++, 1, 1, 1);
    assert_in_range(n, 20, 100);
    assert_int_equal(deltas_waiting(deltas), n - 1);
    count(deltas, 0, 1, 1, 1); /* whom it knows, it goes on counting */
    assert_int_equal(deltas_lost(deltas), 1);
    assert_true(deltas_take(deltas, key_of(0).hash, &delta, &more));
    assert_int_equal(delta.item[0].n, 2);
    deltas_arrived(deltas, key_of(0).hash, delta.seq);
    count(deltas, 5000, 1, 1, 1); /* and there is room for one more */
    assert_int_equal(deltas_lost(deltas), 1);
    deltas_destroy(deltas);
    deltas = some(0);
    count(deltas, 1, 1, 1, 1);
    assert_int_equal(deltas_lost(deltas), 1);
    assert_int_equal(deltas_waiting(deltas), 0);
    deltas_destroy(deltas);
    deltas_destroy(NULL);
}

/* ----- many subjects */

static void
test_turns(void **state)
{
    enum { MANY = 9000 };
    struct deltas *deltas = some(MEMORY * 4);
    struct script_delta delta;
    struct key key;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        count(deltas, i, 1, 1, 1 + i);
    for (unsigned i = 0; i < MANY; i++) { /* in the order they came in */
        assert_true(deltas_next(deltas, key.hash, &delta));
        assert_memory_equal(key.hash, key_of(i).hash, SITEKEY_HASH);
        assert_int_equal(delta.item[0].n, 1 + i);
    }
    assert_false(deltas_next(deltas, key.hash, &delta));
    deltas_unknown(deltas, key_of(7).hash, 8);
    deltas_unknown(deltas, key_of(3).hash, 4);
    assert_true(deltas_next(deltas, key.hash, &delta));
    assert_int_equal(delta.seq, 8);
    assert_true(deltas_next(deltas, key.hash, &delta));
    assert_int_equal(delta.seq, 4);
    assert_false(deltas_next(deltas, key.hash, &delta));
    assert_int_equal(deltas_waiting(deltas), MANY);
    deltas_destroy(deltas);
}

/* Threads count, others carry, and half of what is carried is not known to
 * have arrived: the receiver ignores what it has had, and sums up. */
enum { THREADS = 4, EACH = 3000, SUBJECTS = 20 };

struct crowd {
    struct deltas *deltas;
    _Atomic unsigned running;
    pthread_mutex_t lock;
    uint32_t had[SUBJECTS];
    uint64_t sum;
};

static void
receive(struct crowd *crowd, unsigned who, const struct script_delta *delta)
{
    pthread_mutex_lock(&crowd->lock);
    if (delta->seq > crowd->had[who])
        for (size_t i = 0; i < delta->n; i++)
            crowd->sum += delta->item[i].n;
    if (delta->seq > crowd->had[who])
        crowd->had[who] = delta->seq;
    pthread_mutex_unlock(&crowd->lock);
}

static void *
counts(void *arg)
{
    struct crowd *crowd = arg;

    for (unsigned i = 0; i < EACH; i++)
        count(crowd->deltas, i % SUBJECTS, 1 + i % 3, i / 1000, 1);
    crowd->running--;
    return NULL;
}

static void *
carries(void *arg)
{
    struct crowd *crowd = arg;
    struct script_delta delta;
    struct key key;

    for (unsigned i = 0;
         crowd->running > 0 || deltas_waiting(crowd->deltas) > 0; i++) {
        if (!deltas_next(crowd->deltas, key.hash, &delta))
            continue;
        if (i % 4 != 0)
            receive(crowd, key.hash[0], &delta);
        if (i % 4 == 1)
            deltas_arrived(crowd->deltas, key.hash, delta.seq);
        else
            deltas_unknown(crowd->deltas, key.hash, delta.seq);
    }
    return NULL;
}

static void
test_threads(void **state)
{
    struct crowd crowd = {.deltas = some(MEMORY), .running = THREADS};
    pthread_t thread[2 * THREADS];

    (void)state;
    pthread_mutex_init(&crowd.lock, NULL);
    for (unsigned i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL,
                                        i < THREADS ? counts : carries, &crowd),
                         0);
    for (unsigned i = 0; i < ROWS(thread); i++)
        pthread_join(thread[i], NULL);
    pthread_mutex_destroy(&crowd.lock);
    assert_int_equal(deltas_lost(crowd.deltas), 0);
    assert_int_equal(crowd.sum, THREADS * EACH);
    deltas_destroy(crowd.deltas);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),      cmocka_unit_test(test_slices),
        cmocka_unit_test(test_many_windows), cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_no_room),      cmocka_unit_test(test_turns),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
