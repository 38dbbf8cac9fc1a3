/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The busiest subjects, with times and answers handed in.
 */
#include <config.h>

#include "milter/counts/top.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/limit.h"
#include "test/unit.h"

enum { THREADS = 4, NOTES = 3000, WINDOWS = 6 };

static const char text[] =
    "domains local { list = example.org }\n"
    "limit hourly { key = user  count = external  rate = 300/1h, 1000/1d }\n"
    "limit weekly { key = user  count = external  rate = 5000/7d }\n"
    "limit short  { key = user  count = recipients  rate = 50/1m, 90/10m }\n"
    "limit plan   { key = user  count = messages  rate = 10/1d }\n"
    "limit pair   { key = user+sender  count = messages  rate = 20/1h }\n";

static struct config *config;

static void
told(void *arg, const char *line)
{
    (void)arg;
    print_message("%s\n", line);
}

static int
set_up(void **state)
{
    const struct config_report report = {.error = told, .warning = told};

    (void)state;
    return config_load_text("test", text, (struct wall){1800000000}, &report,
                            &config) == MS_OK
               ? 0
               : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

static const struct limit *
limit_called(const char *name)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if (strcmp(config->limits[i]->name, name) == 0)
            return config->limits[i];
    fail_msg("no limit %s", name);
    return NULL;
}

static struct top *
make(void)
{
    struct top *top = NULL;

    assert_int_equal(top_create(&top), MS_OK);
    return top;
}

static struct subject
numbered(unsigned n)
{
    struct subject subject;
    char name[32];

    (void)snprintf(name, sizeof(name), "user%u@example.org", n);
    assert_true(subject_make(SUBJECT_USER, name, &subject));
    return subject;
}

/* The number in SUBJECT's name; UINT_MAX: it has none. */
static unsigned
number_of(const struct subject *subject)
{
    char print[SUBJECT_TEXT];
    unsigned n = UINT32_MAX;

    (void)sscanf(subject_print(subject, print), "user:user%u@", &n);
    return n;
}

/* ----- rows of records */

struct has {
    const char *limit; /* NULL: a window of none; ends a list with span 0 */
    uint32_t span_s, n;
    uint64_t used;
};

static void
fill(struct store_record *record, const struct has *has)
{
    memset(record, 0, sizeof(*record));
    record->subject = numbered(1);
    record->state.standing = STANDING_WATCHED;
    record->first_seen.s = 1000;
    record->last_seen.s = 2000;
    for (; has->span_s != 0 && record->n_windows < WINDOWS; has++) {
        const struct limit *limit =
            has->limit != NULL ? limit_called(has->limit) : NULL;
        struct store_window *w = &record->windows[record->n_windows++];

        *w = (struct store_window){
            .window = limit != NULL ? limit_window(limit, has->span_s) : 12345,
            .span_s = has->span_s,
            .limit = has->n,
            .used = has->used};
    }
}

static void
test_row(void **state)
{
    static const struct {
        const char *row;
        struct has has[WINDOWS];
        unsigned sort;
        const char *limit; /* NULL: there is no row */
        uint32_t span_s;
        uint64_t used;
        uint32_t share;
    } rows[] = {
        {"an hour stands for a metric",
         {{"hourly", 86400, 1000, 90}, {"hourly", 3600, 300, 30}},
         METRIC_EXTERNAL,
         "hourly",
         3600,
         30,
         100},
        {"a day does before a week",
         {{"weekly", 604800, 5000, 90}, {"hourly", 86400, 1000, 80}},
         METRIC_EXTERNAL,
         "hourly",
         86400,
         80,
         80},
        {"below an hour the longest does",
         {{"short", 60, 50, 40}, {"short", 600, 90, 45}},
         METRIC_RECIPIENTS,
         "short",
         600,
         45,
         500},
        {"an hour idle is an idle subject",
         {{"hourly", 86400, 1000, 90}, {"hourly", 3600, 300, 0}},
         METRIC_EXTERNAL,
         NULL,
         0,
         0,
         0},
        {"the fullest stands for its share",
         {{"hourly", 3600, 300, 30},
          {"short", 60, 50, 40},
          {"weekly", 604800, 5000, 100}},
         TOP_SHARE,
         "short",
         60,
         40,
         800},
        {"a share may be over the limit",
         {{"plan", 86400, 10, 25}},
         TOP_SHARE,
         "plan",
         86400,
         25,
         2500},
        {"a limit of nothing counts as one",
         {{"plan", 86400, 0, 25}},
         TOP_SHARE,
         "plan",
         86400,
         25,
         25000},
        {"a share stops where it cannot grow",
         {{"plan", 86400, 1, UINT64_MAX}},
         TOP_SHARE,
         "plan",
         86400,
         UINT64_MAX,
         UINT32_MAX},
        {"a rate of a table has a window, too",
         {{"plan", 7200, 10, 5}},
         METRIC_MESSAGES,
         "plan",
         7200,
         5,
         500},
        {"a window of no limit is left out",
         {{NULL, 3600, 10, 10}, {"hourly", 3600, 300, 30}},
         TOP_SHARE,
         "hourly",
         3600,
         30,
         100},
        {"with no other there is no row",
         {{NULL, 3600, 10, 10}},
         TOP_SHARE,
         NULL,
         0,
         0,
         0},
        {"a metric that is not counted has none",
         {{"hourly", 3600, 300, 30}},
         METRIC_BYTES,
         NULL,
         0,
         0,
         0},
        {"nothing used is no row",
         {{"hourly", 3600, 300, 0}},
         TOP_SHARE,
         NULL,
         0,
         0,
         0},
        {"no windows, no row", {{NULL, 0, 0, 0}}, TOP_SHARE, NULL, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct store_record record;
        struct top_row out;

        fill(&record, rows[i].has);
        expect(rows[i].row, top_row(config, &record, rows[i].sort, &out) ==
                                (rows[i].limit != NULL));
        if (rows[i].limit == NULL)
            continue;
        expect(rows[i].row, strcmp(out.limit, rows[i].limit) == 0);
        expect(rows[i].row, out.metric == limit_called(rows[i].limit)->count);
        expect(rows[i].row, out.rate.span_s == rows[i].span_s);
        expect(rows[i].row, out.used == rows[i].used);
        expect(rows[i].row, out.share == rows[i].share);
        expect(rows[i].row, number_of(&out.subject) == 1);
        expect(rows[i].row, out.standing == STANDING_WATCHED);
        expect(rows[i].row,
               out.first_seen.s == 1000 && out.last_seen.s == 2000);
    }
}

static void
test_sorts(void **state)
{
    static const char *const names[] = {
        "connections",    "messages", "recipients", "external",
        "bad_recipients", "bytes",    "share"};

    (void)state;
    assert_int_equal(ROWS(names), TOP_SORTS);
    for (unsigned i = 0; i < TOP_SORTS; i++) {
        assert_string_equal(top_sort_name(i), names[i]);
        assert_int_equal(top_sort_of(names[i]), i);
    }
    assert_null(top_sort_name(TOP_SORTS));
    assert_int_equal(top_sort_of(""), TOP_SORTS);
    assert_int_equal(top_sort_of("shares"), TOP_SORTS);
}

/* ----- ranking */

static void
rank(struct top *top, unsigned n, uint64_t used)
{
    const struct has has[] = {{"hourly", 3600, 300, used}, {NULL, 0, 0, 0}};
    struct store_record record;

    fill(&record, has);
    record.subject = numbered(n);
    top_rank(top, config, &record);
}

/* How many there are of SORT; the first is FIRST, the last LAST. */
static size_t
list(struct top *top, unsigned sort, unsigned *first, unsigned *last)
{
    struct subject *subjects;
    size_t n;

    assert_int_equal(top_list(top, SUBJECT_USER, sort, &subjects, &n), MS_OK);
    *first = n > 0 ? number_of(&subjects[0]) : UINT32_MAX;
    *last = n > 0 ? number_of(&subjects[n - 1]) : UINT32_MAX;
    free(subjects);
    return n;
}

static void
test_rank(void **state)
{
    static const unsigned sorts[] = {METRIC_EXTERNAL, TOP_SHARE};
    unsigned first, last;

    (void)state;
    for (size_t i = 0; i < ROWS(sorts); i++) {
        struct top *top = make();

        assert_int_equal(list(top, sorts[i], &first, &last), 0);
        for (unsigned n = 1; n <= 3000; n++)
            rank(top, n * 7 % 3001, n * 7 % 3001);
        assert_int_equal(list(top, sorts[i], &first, &last), TOP_KEPT);
        assert_int_equal(first, 3000);
        assert_int_equal(last, 2001);
        rank(top, 2500, 9000); /* up */
        assert_int_equal(list(top, sorts[i], &first, &last), TOP_KEPT);
        assert_int_equal(first, 2500);
        rank(top, 2500, 1); /* down, but not out */
        assert_int_equal(list(top, sorts[i], &first, &last), TOP_KEPT);
        assert_int_equal(first, 3000);
        assert_int_equal(last, 2500);
        rank(top, 5000, 1); /* no busier than the last */
        (void)list(top, sorts[i], &first, &last);
        assert_int_equal(last, 2500);
        rank(top, 2500, 0); /* out */
        rank(top, 2500, 0);
        assert_int_equal(list(top, sorts[i], &first, &last), TOP_KEPT - 1);
        assert_int_equal(last, 2001);
        rank(top, 5000, 1);
        (void)list(top, sorts[i], &first, &last);
        assert_int_equal(last, 5000);
        assert_int_equal(list(top, METRIC_BYTES, &first, &last), 0);
        top_destroy(top);
    }
}

static int
by_number(const void *a, const void *b)
{
    const unsigned *x = a, *y = b;

    return *x < *y ? 1 : -(*x > *y);
}

/* Whatever comes, it is what a sort of all would give. */
static void
test_order(void **state)
{
    enum { SUBJECTS = 2500, CHANGES = 20000 };
    static unsigned used[SUBJECTS];
    unsigned seed = 1, first, last;
    struct top *top = make();
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned who, much;

        seed = seed * 1103515245 + 12345;
        who = (seed >> 8) % SUBJECTS;
        seed = seed * 1103515245 + 12345;
        much = (seed >> 8) % 50 == 0 ? 0 : used[who] + (seed >> 8) % 1000;
        used[who] = much;
        rank(top, who, much);
    }
    for (unsigned who = 0; who < SUBJECTS; who++)
        rank(top, who, used[who]);
    (void)list(top, METRIC_EXTERNAL, &first, &last);
    assert_int_not_equal(first, UINT32_MAX);
    n = used[last];
    qsort(used, SUBJECTS, sizeof(used[0]), by_number);
    assert_int_equal(n, used[TOP_KEPT - 1]);
    top_destroy(top);
}

static void
test_forget(void **state)
{
    struct top *top = make();
    unsigned first, last;
    struct subject subject = numbered(2);

    (void)state;
    for (unsigned n = 1; n <= 3; n++)
        rank(top, n, n);
    top_forget(top, &subject);
    top_forget(top, &subject);
    assert_int_equal(list(top, METRIC_EXTERNAL, &first, &last), 2);
    assert_int_equal(first, 3);
    assert_int_equal(last, 1);
    assert_int_equal(list(top, TOP_SHARE, &first, &last), 2);
    top_destroy(top);
}

/* A million of which most are idle: what is kept is bounded. */
static void
test_long_names(void **state)
{
    struct top *top = make();
    struct store_record record;
    struct subject *subjects;
    char name[SUBJECT_PART_MAX + 1];
    size_t n;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (unsigned i = 0; i < 1500; i++) {
        const struct has has[] = {{"pair", 3600, 20, i + 1}, {NULL, 0, 0, 0}};

        fill(&record, has);
        name[0] = (char)('a' + i % 26);
        name[1] = (char)('a' + i / 26 % 26);
        name[2] = (char)('a' + i / 676);
        assert_true(subject_make_pair(SUBJECT_USER, name, SUBJECT_SENDER, name,
                                      &record.subject));
        top_rank(top, config, &record);
    }
    assert_int_equal(
        top_list(top, SUBJECT_PAIR, METRIC_MESSAGES, &subjects, &n), MS_OK);
    assert_int_equal(n, TOP_KEPT);
    assert_int_equal(subjects[0].len, record.subject.len);
    assert_memory_equal(subjects[0].bytes, record.subject.bytes,
                        record.subject.len);
    free(subjects);
    assert_int_equal(top_list(top, SUBJECT_KINDS, 0, &subjects, &n),
                     MS_INVALID);
    assert_int_equal(top_list(top, SUBJECT_USER, TOP_SORTS, &subjects, &n),
                     MS_INVALID);
    top_destroy(top);
}

/* ----- from steps */

/* An item of a step, and what was answered. */
struct item {
    const char *limit;
    uint32_t span_s, n, rate;
    uint64_t used;              /* with this attempt */
    bool added, unknown, other; /* OTHER: a window that is not the limit's */
};

static void
step(struct top *top, unsigned who, const struct item *items)
{
    struct policy *p = calloc(1, sizeof(*p));
    struct charge_answers *answers = calloc(1, sizeof(*answers));

    assert_true(p != NULL && answers != NULL);
    p->subjects[p->n_subjects++] = numbered(who);
    for (; items->limit != NULL; items++) {
        const struct limit *limit = limit_called(items->limit);
        size_t i = p->n_items++;

        p->source[i].limit = limit;
        p->source[i].rate = (struct rate){items->rate, items->span_s};
        p->items[i] = (struct charge_item){
            .subject = &p->subjects[0],
            .window = limit_window(limit, items->span_s) ^ items->other,
            .span_s = items->span_s,
            .n = items->n,
            .limit = items->rate};
        answers->item[i] =
            (struct charge_answer){.used = items->used,
                                   .unknown = items->unknown,
                                   .receipt.n = items->added ? items->n : 0};
        answers->n++;
    }
    top_note(top, p, answers);
    free(p);
    free(answers);
}

static void
test_note(void **state)
{
    /* 7 has used 100 of an hour's 300 external already, 8 has used 99 */
    static const struct {
        const char *row;
        struct item item[4];
        unsigned sort;
        bool there; /* is 9 on the list? */
        unsigned first;
    } rows[] = {
        {"what was counted counts",
         {{"hourly", 3600, 1, 300, 200, true, false, false}},
         METRIC_EXTERNAL,
         true,
         9},
        {"what was counted less comes behind",
         {{"hourly", 3600, 1, 300, 50, true, false, false}},
         METRIC_EXTERNAL,
         true,
         7},
        {"an attempt that was refused does not count",
         {{"hourly", 3600, 1, 300, 100, false, false, false}},
         METRIC_EXTERNAL,
         true,
         7},
        {"what it found does",
         {{"hourly", 3600, 1, 300, 102, false, false, false}},
         METRIC_EXTERNAL,
         true,
         9},
        {"a look at nothing is nothing",
         {{"hourly", 3600, 1, 300, 1, false, false, false}},
         METRIC_EXTERNAL,
         false,
         7},
        {"nor is more than was found",
         {{"hourly", 3600, 5, 300, 1, false, false, false}},
         METRIC_EXTERNAL,
         false,
         7},
        {"the unknown is unknown",
         {{"hourly", 3600, 1, 300, 200, true, true, false}},
         METRIC_EXTERNAL,
         false,
         7},
        {"a window of held mail is none",
         {{"hourly", 3600, 1, 300, 200, true, false, true}},
         METRIC_EXTERNAL,
         false,
         7},
        {"an hour stands for more than it",
         {{"hourly", 86400, 1, 1000, 500, true, false, false},
          {"hourly", 3600, 1, 300, 20, true, false, false},
          {"weekly", 604800, 1, 5000, 900, true, false, false}},
         METRIC_EXTERNAL,
         true,
         7},
        {"the fullest stands for the share",
         {{"hourly", 86400, 1, 1000, 10, true, false, false},
          {"short", 60, 1, 50, 40, true, false, false}},
         TOP_SHARE,
         true,
         9},
        {"another metric is another list",
         {{"short", 60, 1, 50, 40, true, false, false}},
         METRIC_EXTERNAL,
         false,
         7},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct top *top = make();
        unsigned first, last;

        rank(top, 7, 100);
        rank(top, 8, 99);
        step(top, 9, rows[i].item);
        expect(rows[i].row, list(top, rows[i].sort, &first, &last) ==
                                (rows[i].there ? 3 : 2));
        expect(rows[i].row, first == rows[i].first);
        top_destroy(top);
    }
}

static void
test_threshold(void **state)
{
    const struct item less[] = {{"hourly", 3600, 1, 300, 5, true, false, false},
                                {.limit = NULL}};
    const struct item more[] = {
        {"hourly", 3600, 1, 300, 11, true, false, false}, {.limit = NULL}};
    struct top *top = make();
    unsigned first, last;

    (void)state;
    for (unsigned n = 0; n < TOP_KEPT; n++)
        rank(top, n, n + 10);
    step(top, 5000, less);
    (void)list(top, METRIC_EXTERNAL, &first, &last);
    assert_int_equal(last, 0);
    step(top, 5000, more);
    (void)list(top, METRIC_EXTERNAL, &first, &last);
    assert_true(last == 1 || last == 5000);
    rank(top, 999, 0); /* a place is free: anybody may come */
    step(top, 6000, less);
    (void)list(top, METRIC_EXTERNAL, &first, &last);
    assert_int_equal(last, 6000);
    top_destroy(top);
}

/* ----- many at once */

static void *
run(void *arg)
{
    struct top *top = arg;
    struct subject *subjects;
    size_t n;

    for (unsigned i = 0; i < NOTES; i++) {
        const struct item items[] = {
            {"hourly", 3600, 1, 300, i % 1500 + 1, true, false, false},
            {"short", 60, 1, 50, i % 40 + 1, true, false, false},
            {.limit = NULL}};

        step(top, i % 1500, items);
        if (i % 100 == 0)
            rank(top, i, i % 200);
        if (i % 500 == 0) {
            struct subject subject = numbered(i);

            top_forget(top, &subject);
            assert_int_equal(
                top_list(top, SUBJECT_USER, TOP_SHARE, &subjects, &n), MS_OK);
            assert_true(n <= TOP_KEPT);
            free(subjects);
        }
    }
    return NULL;
}

static void
test_threads(void **state)
{
    struct top *top = make();
    pthread_t thread[THREADS];
    unsigned first, last;

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run, top), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_true(list(top, METRIC_EXTERNAL, &first, &last) > TOP_KEPT - 50);
    assert_int_equal(first, 1499);
    top_destroy(top);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),     cmocka_unit_test(test_sorts),
        cmocka_unit_test(test_rank),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_forget),  cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_note),    cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("top", tests, set_up, tear_down);
}
