/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every store must do about a subject's state, and for the operator.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/redis_lab.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = 60 };

/* ----- state */

static enum ms_err
count_up(void *arg, struct store_state *state)
{
    (void)arg;
    state->throttle++;
    return MS_OK;
}

static enum ms_err
refuse(void *arg, struct store_state *state)
{
    (void)arg;
    state->throttle = 77;
    return MS_BUSY;
}

static enum ms_err
leave(void *arg, struct store_state *state)
{
    (void)arg;
    (void)state;
    return MS_OK;
}

static enum ms_err
overflow(void *arg, struct store_state *state)
{
    (void)arg;
    state->len = STORE_STATE_MAX + 1;
    return MS_OK;
}

static void
get(struct lab *lab, const struct subject *subject, bool *found,
    struct store_record *out)
{
    assert_int_equal(store_get(lab->store, subject, lab_now(lab), found, out),
                     MS_OK);
}

static void
test_update(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    bool found;

    get(lab, &ann, &found, &record);
    assert_false(found);
    assert_int_equal(store_update(lab->store, &ann, lab_now(lab), leave, NULL),
                     MS_OK);
    get(lab, &ann, &found, &record);
    assert_false(found); /* nothing to remember */
    assert_int_equal(lab_judge(lab, &ann, STANDING_WATCHED, 0, 1024), MS_OK);
    get(lab, &ann, &found, &record);
    assert_true(found);
    assert_int_equal(record.state.standing, STANDING_WATCHED);
    assert_int_equal(record.state.len, 1024);
    assert_int_equal(record.state.bytes[1023], (1023 * 7 + 1024) & 0xff);
    assert_int_equal(record.state.version, 1);
    assert_int_equal(store_update(lab->store, &ann, lab_now(lab), refuse, NULL),
                     MS_BUSY);
    assert_int_equal(
        store_update(lab->store, &ann, lab_now(lab), overflow, NULL),
        MS_INVALID);
    get(lab, &ann, &found, &record);
    assert_int_equal(record.state.version, 1);
    assert_int_equal(record.state.throttle, 0);
    assert_int_equal(
        store_update(lab->store, &ann, lab_now(lab), count_up, NULL), MS_OK);
    get(lab, &ann, &found, &record);
    assert_int_equal(record.state.version, 2);
    assert_int_equal(record.state.throttle, 1);
    assert_int_equal(record.state.len, 1024);
    lab_end(lab);
}

/* Counts and judgement do not touch each other. */
static void
test_update_beside_counts(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct receipt receipt;

    lab_take(lab, &ann, 1, SPAN_S, 3, 9);
    receipt = lab->answers.item[0].receipt;
    lab_judge(lab, &ann, STANDING_WATCHED, 0, 100);
    assert_int_equal(lab_used(lab, &ann, 1), 3);
    store_refund(lab->store, &receipt, 1, lab_now(lab));
    assert_int_equal(lab_used(lab, &ann, 1), 0);
    lab_end(lab);
}

/* ----- for the operator */

static void
test_get(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann@example.org");
    char text[SUBJECT_TEXT];
    int64_t first = lab_now(lab).wall.s;
    bool found;

    lab_take(lab, &ann, 1, SPAN_S, 3, 9);
    lab_take(lab, &ann, 2, 3600, 1, 50);
    lab_pass(lab, 10000);
    lab_take(lab, &ann, 1, SPAN_S, 4, 9);
    get(lab, &ann, &found, &record);
    assert_true(found);
    assert_string_equal(subject_print(&record.subject, text),
                        "user:ann@example.org");
    assert_int_equal(record.first_seen.s, first);
    assert_int_equal(record.last_seen.s, first + 10);
    assert_int_equal(record.state.standing, STANDING_NORMAL);
    assert_int_equal(record.n_windows, 2);
    assert_int_equal(record.windows[0].window, 1);
    assert_int_equal(record.windows[0].span_s, SPAN_S);
    assert_int_equal(record.windows[0].limit, 9);
    assert_int_equal(record.windows[0].used, 7);
    assert_int_equal(record.windows[0].slices[12], 4);
    assert_int_equal(record.windows[0].slices[10], 3);
    assert_int_equal(record.windows[1].limit, 50);
    lab_pass(lab, 60000);
    get(lab, &ann, &found, &record);
    assert_int_equal(record.windows[0].used, 4);
    assert_int_equal(record.windows[0].slices[0], 4);
    lab_end(lab);
}

struct seen {
    struct lab *lab;
    unsigned n, most;
    unsigned each[600];
};

static bool
see(void *arg, const struct store_record *record)
{
    struct seen *seen = arg;
    char text[SUBJECT_TEXT];
    bool found;

    /* no lock is held: EACH may use the store */
    assert_int_equal(store_forget(seen->lab->store, &record->subject,
                                  lab_now(seen->lab), &found),
                     MS_OK);
    assert_true(found);
    subject_print(&record->subject, text);
    seen->each[strtoul(text + strlen("user:"), NULL, 10)]++;
    return ++seen->n < seen->most;
}

static void
test_list(void **state)
{
    struct lab *lab = lab_create(*state);
    struct seen seen = {.lab = lab, .most = 100};
    struct subject other = lab_subject("domain:example.org");

    lab_take(lab, &other, 1, SPAN_S, 1, 9);
    for (unsigned i = 0; i < ROWS(seen.each); i++) {
        char name[32];
        struct subject subject;

        snprintf(name, sizeof(name), "user:%u", i);
        subject = lab_subject(name);
        lab_take(lab, &subject, 1, SPAN_S, 1, 9);
    }
    assert_int_equal(
        store_list(lab->store, SUBJECT_USER, lab_now(lab), see, &seen), MS_OK);
    assert_int_equal(seen.n, 100);
    seen.most = UINT32_MAX;
    assert_int_equal(
        store_list(lab->store, SUBJECT_USER, lab_now(lab), see, &seen), MS_OK);
    assert_int_equal(seen.n, ROWS(seen.each));
    for (unsigned i = 0; i < ROWS(seen.each); i++)
        assert_int_equal(seen.each[i], 1);
    assert_int_equal(lab_used(lab, &other, 1), 1);
    lab_end(lab);
}

static void
test_forget(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct store_stats stats;
    bool found = true;

    store_forget(lab->store, &ann, lab_now(lab), &found);
    assert_false(found);
    lab_take(lab, &ann, 1, SPAN_S, 3, 9);
    lab_judge(lab, &ann, STANDING_QUARANTINED, 0, 500);
    store_forget(lab->store, &ann, lab_now(lab), &found);
    assert_true(found);
    get(lab, &ann, &found, &record);
    assert_false(found);
    store_stats(lab->store, &stats);
    assert_int_equal(stats.subjects[SUBJECT_USER], 0);
    assert_int_equal(stats.bytes, 0);
    lab_take(lab, &ann, 1, SPAN_S, 1, 9);
    assert_int_equal(lab->answers.item[0].standing, STANDING_NORMAL);
    assert_int_equal(lab->answers.item[0].used, 1);
    lab_end(lab);
}

static void
test_reset(void **state)
{
    static const struct {
        const char *row;
        uint64_t window, left1, left2;
    } rows[] = {
        {"one window", 1, 0, 2},
        {"all windows", 0, 0, 0},
        {"a window that is not there", 9, 1, 2},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(*state);
        struct subject ann = lab_subject("user:ann");
        bool found = true;

        store_reset(lab->store, &ann, rows[i].window, lab_now(lab), &found);
        expect(rows[i].row, !found);
        lab_take(lab, &ann, 1, SPAN_S, 1, 9);
        lab_take(lab, &ann, 2, SPAN_S, 2, 9);
        lab_judge(lab, &ann, STANDING_WATCHED, 0, 10);
        store_reset(lab->store, &ann, rows[i].window, lab_now(lab), &found);
        expect(rows[i].row, found);
        expect(rows[i].row, lab_used(lab, &ann, 1) == rows[i].left1);
        expect(rows[i].row, lab_used(lab, &ann, 2) == rows[i].left2);
        lab_take(lab, &ann, 1, SPAN_S, 1, 9);
        expect(rows[i].row, lab->answers.item[0].standing == STANDING_WATCHED);
        lab_end(lab);
    }
}

/* ----- from one store into another */

/* What is counted about ANN: 3 events, and 4 of 10 seconds later. */
static void
make_ann(struct lab *lab, const struct subject *ann, struct store_record *out)
{
    bool found;

    lab_take(lab, ann, 1, SPAN_S, 3, 9);
    lab_take(lab, ann, 2, 3600, 1, 50);
    lab_judge(lab, ann, STANDING_THROTTLED, 30, 700);
    lab_pass(lab, 10000);
    lab_take(lab, ann, 1, SPAN_S, 4, 9);
    get(lab, ann, &found, out);
    assert_true(found);
}

static void
test_put(void **state)
{
    static struct store_record before, after;
    struct lab *from = lab_create(*state), *to = lab_create(*state);
    struct subject ann = lab_subject("user:ann@example.org");
    bool found;

    make_ann(from, &ann, &before);
    lab_pass(to, 10000 + 2000);
    assert_int_equal(store_put(to->store, &before, lab_now(to)), MS_OK);
    get(to, &ann, &found, &after);
    assert_true(found);
    assert_int_equal(after.subject.kind, SUBJECT_USER);
    assert_int_equal(after.subject.len, ann.len);
    assert_memory_equal(after.subject.bytes, ann.bytes, ann.len);
    assert_int_equal(after.state.standing, STANDING_THROTTLED);
    assert_int_equal(after.state.throttle, 30);
    assert_int_equal(after.state.len, 700);
    assert_memory_equal(after.state.bytes, before.state.bytes, 700);
    assert_int_equal(after.first_seen.s, before.first_seen.s);
    assert_int_equal(after.last_seen.s, before.last_seen.s);
    assert_int_equal(after.n_windows, 2);
    assert_int_equal(after.windows[0].window, 1);
    assert_int_equal(after.windows[0].span_s, SPAN_S);
    assert_int_equal(after.windows[0].limit, 9);
    assert_int_equal(after.windows[0].used, 7);
    assert_int_equal(after.windows[1].window, 2);
    assert_int_equal(after.windows[1].used, 1);
    lab_end(from);
    lab_end(to);
}

/* Slices of two stores need not begin together: never too young is too old. */
static void
test_put_ages(void **state)
{
    static const struct {
        const char *row;
        int64_t late_ms, pass_ms;
        uint64_t least, most;
    } rows[] = {
        {"at once", 0, 0, 7, 7},
        {"the older ones count for their span", 0, 50000, 7, 7},
        {"the younger ones, too", 0, 60000, 4, 7},
        {"and not for ever", 0, 60000 + 2 * 5000, 0, 0},
        {"in a store whose slices begin later", 1000, 60000, 4, 7},
        {"and in one whose slices begin much later", 4000, 60000, 4, 7},
        {"and not for ever there", 4000, 60000 + 2 * 5000, 0, 0},
    };
    static struct store_record record;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *from = lab_create(*state), *to = lab_create(*state);
        struct subject ann = lab_subject("user:ann");
        uint64_t used;

        make_ann(from, &ann, &record);
        lab_pass(to, rows[i].late_ms);
        expect(rows[i].row,
               store_put(to->store, &record, lab_now(to)) == MS_OK);
        lab_pass(to, rows[i].pass_ms);
        used = lab_used(to, &ann, 1);
        expect(rows[i].row, used >= rows[i].least && used <= rows[i].most);
        lab_end(from);
        lab_end(to);
    }
}

/* What was known is gone, and no receipt proves anything of what is new. */
static void
test_put_replaces(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct receipt receipt;
    struct store_stats stats;
    bool found;

    make_ann(lab, &ann, &record);
    receipt = lab->answers.item[0].receipt;
    lab_take(lab, &ann, 3, SPAN_S, 5, 9);
    lab_judge(lab, &ann, STANDING_QUARANTINED, 0, 0);
    assert_int_equal(store_put(lab->store, &record, lab_now(lab)), MS_OK);
    store_refund(lab->store, &receipt, 1, lab_now(lab));
    assert_int_equal(lab_used(lab, &ann, 1), 7);
    assert_int_equal(lab_used(lab, &ann, 3), 0);
    lab_take(lab, &ann, 1, SPAN_S, 1, 9);
    assert_int_equal(lab->answers.item[0].used, 8);
    assert_int_equal(lab->answers.item[0].standing, STANDING_THROTTLED);
    record = (struct store_record){.subject = ann};
    assert_int_equal(store_put(lab->store, &record, lab_now(lab)), MS_OK);
    lab_take(lab, &ann, 1, SPAN_S, 1, 9);
    assert_int_equal(lab->answers.item[0].used, 1);
    assert_int_equal(lab->answers.item[0].standing, STANDING_NORMAL);
    store_forget(lab->store, &ann, lab_now(lab), &found);
    assert_true(found);
    store_stats(lab->store, &stats);
    assert_int_equal(stats.bytes, 0); /* it was counted as it grew and shrank */
    lab_end(lab);
}

static void
test_put_of_bad_records(void **state)
{
    enum flaw {
        NONE,
        SHORT,
        LONG,
        TWICE,
        MANY,
        STANDING,
        STATE,
        KIND,
        NAME,
        LENGTH
    };
    static const struct {
        const char *row;
        enum flaw flaw;
        enum ms_err err;
    } rows[] = {
        {"a record that is whole", NONE, MS_OK},
        {"a span too short", SHORT, MS_INVALID},
        {"a span too long", LONG, MS_INVALID},
        {"a window named twice", TWICE, MS_INVALID},
        {"too many windows", MANY, MS_INVALID},
        {"no standing", STANDING, MS_INVALID},
        {"too long a state", STATE, MS_INVALID},
        {"another kind than its subject", KIND, MS_INVALID},
        {"no subject", NAME, MS_INVALID},
        {"a subject longer than there is", LENGTH, MS_INVALID},
    };
    static struct store_record record;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(*state);
        struct subject ann = lab_subject("user:ann");

        make_ann(lab, &ann, &record);
        switch (rows[i].flaw) {
        case NONE:
            break;
        case SHORT:
            record.windows[1].span_s = 11;
            break;
        case LONG:
            record.windows[1].span_s = 366 * 86400 + 1;
            break;
        case TWICE:
            record.windows[1] = record.windows[0];
            break;
        case MANY:
            record.n_windows = STORE_WINDOWS + 1;
            break;
        case STANDING:
            record.state.standing = (enum standing)(STANDING_PROBATION + 1);
            break;
        case STATE:
            record.state.len = STORE_STATE_MAX + 1;
            break;
        case KIND:
            record.subject.kind = SUBJECT_SENDER;
            break;
        case NAME:
            record.subject.bytes[0] ^= 0xff;
            break;
        case LENGTH:
            record.subject.len = UINT16_MAX;
            break;
        }
        expect(rows[i].row,
               store_put(lab->store, &record, lab_now(lab)) == rows[i].err);
        expect(rows[i].row, lab_used(lab, &ann, 1) == 7);
        lab_end(lab);
    }
}

/* A slice that is a slice old joins the newest, which saturates. */
static void
test_put_saturates(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    bool found;

    record = (struct store_record){.subject = ann, .n_windows = 1};
    record.windows[0] = (struct store_window){
        .window = 1, .span_s = SPAN_S, .slices = {[11] = UINT32_MAX, [12] = 2}};
    assert_int_equal(store_put(lab->store, &record, lab_now(lab)), MS_OK);
    get(lab, &ann, &found, &record);
    assert_true(record.windows[0].used >= UINT32_MAX);
    lab_end(lab);
}

static void
test_flush(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct store_stats stats;
    struct why why;

    lab_take(lab, &ann, 1, SPAN_S, 1, 9);
    assert_int_equal(store_flush(lab->store, lab_now(lab), &why), MS_OK);
    store_stats(lab->store, &stats);
    assert_int_equal(stats.dirty, 0);
    assert_false(stats.saving_failed);
    lab_end(lab);
    store_destroy(NULL);
}

static const struct lab_test all[] = {
    LAB_TEST(test_update),        LAB_TEST(test_update_beside_counts),
    LAB_TEST(test_get),           LAB_TEST(test_list),
    LAB_TEST(test_forget),        LAB_TEST(test_reset),
    LAB_TEST(test_put),           LAB_TEST(test_put_ages),
    LAB_TEST(test_put_replaces),  LAB_TEST(test_put_of_bad_records),
    LAB_TEST(test_put_saturates), LAB_TEST(test_flush),
};

int
main(void)
{
    return redis_lab_run(all, ROWS(all));
}
