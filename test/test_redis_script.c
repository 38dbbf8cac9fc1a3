/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two scripts on a real server: what they write and for how long, what
 * they make of damage, and what we make of a server's lies.  That they count
 * as the store in memory does is test_redis_model.c's business.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "policy/window.h"
#include "test/script_lab.h"
#include "test/unit.h"

enum { HOUR = 3600, DAY = 86400, KEEP = 90 * DAY };

/* A moment at the beginning of a slice of every span used here. */
#define T0 (UINT64_C(1800000000) * 1000)

static struct script_lab lab;

static int
begin(void **state)
{
    (void)state;
    script_lab_begin(&lab);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    script_lab_end(&lab);
    return 0;
}

static int
empty(void **state)
{
    (void)state;
    (void)script_lab_say(&lab, "FLUSHALL", (char *)NULL);
    lab.clock_ms = T0;
    return 0;
}

static int64_t
ask_integer(const char *command, const char *key)
{
    const struct reply *reply =
        script_lab_say(&lab, command, key, (char *)NULL);

    assert_int_equal(reply->type, REPLY_INTEGER);
    return reply->integer;
}

/* Seconds that subject I's first key still has; -1: for ever; -2: none. */
static int64_t
life_s(unsigned i)
{
    int64_t ms = ask_integer("PTTL", script_lab_key(i));

    return ms < 0 ? ms : (ms + 999) / 1000;
}

static const char *
data_key(unsigned i)
{
    static char key[SCRIPT_KEY];
    uint8_t hash[SITEKEY_HASH];

    script_lab_hash(i, hash);
    script_data_key(LAB_PREFIX, hash, key);
    return key;
}

/* HSET of subject I's FIELD. */
static void
set_field(unsigned i, const void *field, size_t field_len, const void *value,
          size_t len)
{
    struct codec_command command = {.n = 0};

    codec_word(&command, "HSET");
    codec_word(&command, script_lab_key(i));
    codec_arg(&command, field, field_len);
    codec_arg(&command, value, len);
    assert_int_equal(script_lab_ask(&lab, &command)->type, REPLY_INTEGER);
}

/* Field `m` of subject I; how long it is. */
static size_t
get_meta(unsigned i, uint8_t meta[64])
{
    const struct reply *reply =
        script_lab_say(&lab, "HGET", script_lab_key(i), "m", (char *)NULL);

    if (reply->type == REPLY_NIL)
        return 0;
    assert_true(reply->type == REPLY_TEXT && reply->len <= 64);
    memcpy(meta, reply->text, reply->len);
    return reply->len;
}

static const struct script_answer *
charge_one(unsigned i, struct charge_item item)
{
    return script_lab_charge_one(&lab, i, &item, 1, NULL);
}

/* A charge of subject I with all that it may say. */
struct terms {
    uint8_t form, reads;
    uint32_t keep_s;
};

static const struct script_answer *
charge_as(unsigned i, struct charge_item item, struct terms terms)
{
    static const uint8_t of[1];
    struct script_subject subject = {.delta = NULL};
    const struct script_charge charge = {.prefix = LAB_PREFIX,
                                         .subjects = &subject,
                                         .n_subjects = 1,
                                         .items = &item,
                                         .of = of,
                                         .n = 1,
                                         .clock_ms = lab.clock_ms,
                                         .form = terms.form,
                                         .reads = terms.reads,
                                         .keep_s = terms.keep_s};

    script_lab_hash(i, subject.hash);
    return script_lab_charge(&lab, &charge);
}

/* ----- names */

static void
test_keys(void **state)
{
    static const struct {
        const char *row, *key;
        bool good;
    } rows[] = {
        {"a first key", "t:{AAECAwQFBgcICQoLDA0ODw}", true},
        {"a second key", "t:{AAECAwQFBgcICQoLDA0ODw}:d", true},
        {"another prefix", "u:{AAECAwQFBgcICQoLDA0ODw}", false},
        {"a longer prefix", "tt:{AAECAwQFBgcICQoLDA0ODw}", false},
        {"the fleet's", "t:{fleet}", false},
        {"a letter too few", "t:{AAECAwQFBgcICQoLDA0OD}", false},
        {"a letter too many", "t:{AAECAwQFBgcICQoLDA0ODwA}", false},
        {"no letter", "t:{AAECAwQFBgcICQoLDA0OD+}", false},
        {"bits that no hash has", "t:{AAECAwQFBgcICQoLDA0ODx}", false},
        {"another end", "t:{AAECAwQFBgcICQoLDA0ODw}:x", false},
        {"no brace", "t:{AAECAwQFBgcICQoLDA0ODw)", false},
        {"nothing", "", false},
    };
    uint8_t hash[SITEKEY_HASH], wanted[SITEKEY_HASH];
    char key[SCRIPT_KEY];

    (void)state;
    for (unsigned i = 0; i < SITEKEY_HASH; i++)
        wanted[i] = (uint8_t)i;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool good =
            script_key_read("t", rows[i].key, strlen(rows[i].key), hash);

        expect(rows[i].row, good == rows[i].good);
        expect(rows[i].row, !good || memcmp(hash, wanted, sizeof(hash)) == 0);
    }
    assert_int_equal(script_key("t", wanted, key), strlen(rows[0].key));
    assert_string_equal(key, rows[0].key);
    assert_int_equal(script_data_key("t", wanted, key), strlen(rows[1].key));
    assert_string_equal(key, rows[1].key);
    assert_true(script_told_read("AAECAwQFBgcICQoLDA0ODw write", 28, hash));
    assert_memory_equal(hash, wanted, sizeof(hash));
    assert_false(script_told_read("AAECAwQFBgcICQoLDA0ODw", 22, hash));
    assert_false(script_told_read("AAECAwQFBgcICQoLDA0OD* write", 28, hash));
}

/* What cannot be asked is not. */
static void
test_bounds(void **state)
{
    static const struct {
        const char *row;
        size_t n, n_subjects;
        uint32_t span_s;
        uint8_t of;
        size_t n_delta;
        uint32_t delta_span_s;
        enum ms_err err;
    } rows[] = {
        {"a step", 1, 1, 12, 0, 1, 12, MS_OK},
        {"a step without items", 0, 1, 12, 0, 1, 12, MS_OK},
        {"a span too short", 1, 1, 11, 0, 0, 12, MS_INVALID},
        {"a span too long", 1, 1, 31622401, 0, 0, 12, MS_INVALID},
        {"too many items", CHARGE_ITEMS + 1, 1, 12, 0, 0, 12, MS_INVALID},
        {"too many subjects", 1, CHARGE_SUBJECTS + 1, 12, 0, 0, 12, MS_INVALID},
        {"a subject that is not there", 1, 1, 12, 1, 0, 12, MS_INVALID},
        {"too long a delta", 1, 1, 12, 0, SCRIPT_DELTAS + 1, 12, MS_INVALID},
        {"a delta's span too short", 1, 1, 12, 0, 1, 0, MS_INVALID},
    };
    static struct script_delta delta;
    static struct script_subject subjects[CHARGE_SUBJECTS + 1];
    static struct charge_item items[CHARGE_ITEMS + 1];
    static uint8_t of[CHARGE_ITEMS + 1];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct script_charge charge = {.prefix = LAB_PREFIX,
                                             .subjects = subjects,
                                             .n_subjects = rows[i].n_subjects,
                                             .items = items,
                                             .of = of,
                                             .n = rows[i].n};
        struct codec_command out;

        delta.n = rows[i].n_delta;
        delta.item[0].span_s = rows[i].delta_span_s;
        subjects[0].delta = &delta;
        for (size_t j = 0; j < ROWS(items); j++)
            items[j].span_s = rows[i].span_s;
        of[0] = rows[i].of;
        expect(rows[i].row,
               script_ask_charge(&charge, lab.room, &out) == rows[i].err);
    }
}

/* As large as a step can be. */
static void
test_largest(void **state)
{
    static struct charge_item items[CHARGE_ITEMS];
    static struct script_delta delta = {.host = "host", .seq = 1};
    static uint8_t of[CHARGE_ITEMS];
    static struct script_subject subjects[CHARGE_SUBJECTS];
    const struct script_charge charge = {.prefix = LAB_PREFIX,
                                         .subjects = subjects,
                                         .n_subjects = CHARGE_SUBJECTS,
                                         .items = items,
                                         .of = of,
                                         .n = CHARGE_ITEMS,
                                         .clock_ms = T0};
    const struct script_answer *answer;

    (void)state;
    delta.n = SCRIPT_DELTAS;
    for (unsigned i = 0; i < SCRIPT_DELTAS; i++)
        delta.item[i] = (struct script_delta_item){
            .window = 1000 + i, .span_s = 60, .slice = T0 / 5000, .n = 1};
    for (unsigned i = 0; i < CHARGE_SUBJECTS; i++) {
        script_lab_hash(i, subjects[i].hash);
        subjects[i].delta = &delta;
    }
    for (unsigned i = 0; i < CHARGE_ITEMS; i++) {
        of[i] = (uint8_t)(i % CHARGE_SUBJECTS);
        items[i] =
            (struct charge_item){.window = i, .span_s = 60, .n = 1, .limit = 1};
    }
    answer = script_lab_charge(&lab, &charge);
    assert_true(answer->answers.added);
    for (unsigned i = 0; i < CHARGE_SUBJECTS; i++)
        assert_true(answer->subject[i].merged);
    assert_int_equal(script_lab_used(&lab, 31, 63), 1);
    for (unsigned i = 0; i < SCRIPT_DELTAS; i++)
        items[i] = (struct charge_item){
            .window = 1000 + i, .span_s = 60, .n = 1, .limit = 2};
    answer = script_lab_charge_one(&lab, 5, items, CHARGE_ITEMS, NULL);
    for (unsigned i = 0; i < SCRIPT_DELTAS; i++)
        assert_int_equal(answer->answers.item[i].used, 2);
}

/* ----- what is written */

static void
test_size(void **state)
{
    static const uint32_t spans_s[] = {60, HOUR, DAY};
    /* with a longer prefix Redis takes 16 bytes more for the key */
    static const char name[] = "ms:{AAECAwQFBgcICQoLDA0ODw}";
    struct charge_item items[ROWS(spans_s)];
    const struct reply *reply;

    (void)state;
    for (unsigned i = 0; i < ROWS(spans_s); i++)
        items[i] = (struct charge_item){.window = UINT64_MAX - i,
                                        .span_s = spans_s[i],
                                        .n = 1,
                                        .limit = 100000};
    for (unsigned i = 0; i < 30; i++) {
        script_lab_charge_one(&lab, 0, items, ROWS(items), NULL);
        lab.clock_ms += 61000;
    }
    (void)script_lab_say(&lab, "RENAME", script_lab_key(0), name, (char *)NULL);
    reply = script_lab_say(&lab, "OBJECT", "ENCODING", name, (char *)NULL);
    if (strcmp(reply->text, "ziplist") != 0) /* before Redis 7 */
        assert_string_equal(reply->text, "listpack");
    reply = script_lab_say(&lab, "MEMORY", "USAGE", name, (char *)NULL);
    assert_int_equal(reply->type, REPLY_INTEGER);
    print_message("# %lld bytes with three windows\n",
                  (long long)reply->integer);
    assert_true(reply->integer <= 400);
}

/* 33 hosts' worth of windows and marks are packed, too. */
static void
test_size_most(void **state)
{
    struct charge_item items[32];
    const struct reply *reply;

    (void)state;
    for (unsigned i = 0; i < ROWS(items); i++)
        items[i] = (struct charge_item){
            .window = i, .span_s = HOUR, .n = 1, .limit = 100};
    for (unsigned i = 0; i < 64; i++) {
        struct script_delta delta = {
            .host = {(uint8_t)i},
            .seq = 1,
            .n = 1,
            .item = {{.window = 1, .span_s = HOUR, .slice = 0, .n = 1}}};

        script_lab_charge_one(&lab, 0, items, ROWS(items), &delta);
    }
    reply = script_lab_say(&lab, "OBJECT", "ENCODING", script_lab_key(0),
                           (char *)NULL);
    if (strcmp(reply->text, "ziplist") != 0)
        assert_string_equal(reply->text, "listpack");
}

static void
test_refused_writes_nothing(void **state)
{
    static const struct {
        const char *row;
        struct charge_item item[2];
        bool added, writes;
    } rows[] = {
        {"refused", {{.n = 2, .limit = 1}, {.n = 0}}, false, false},
        {"refused by the other",
         {{.n = 1, .limit = 1}, {.n = 2, .limit = 1}},
         false,
         false},
        {"refused, but something noted",
         {{.n = 1, .kind = CHARGE_NOTE}, {.n = 2, .limit = 1}},
         false,
         true},
        {"looked at",
         {{.n = 1, .limit = 1, .kind = CHARGE_LOOK}, {.n = 0}},
         true,
         false},
        {"a trial that refuses",
         {{.n = 2, .limit = 1, .observe = true}, {.n = 0}},
         true,
         false},
        {"not throttled",
         {{.n = 1, .limit = 1, .throttled = true}, {.n = 0}},
         true,
         false},
        {"nothing", {{.n = 0}, {.n = 0}}, true, false},
        {"taken", {{.n = 1, .limit = 1}, {.n = 0}}, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct charge_item items[] = {rows[i].item[0], rows[i].item[1]};
        const struct script_answer *answer;

        empty(NULL);
        for (unsigned j = 0; j < 2; j++) {
            items[j].window = j;
            items[j].span_s = 60;
        }
        answer = script_lab_charge_one(&lab, 0, items, 2, NULL);
        expect(rows[i].row, answer->answers.added == rows[i].added);
        expect(rows[i].row, (answer->subject[0].epoch != 0) == rows[i].writes);
        expect(rows[i].row, answer->subject[0].name_due == rows[i].writes);
        expect(rows[i].row,
               ask_integer("EXISTS", script_lab_key(0)) == rows[i].writes);
        expect(rows[i].row, ask_integer("EXISTS", data_key(0)) == 0);
    }
}

static void
test_all_or_nothing(void **state)
{
    const struct charge_item items[] = {
        {.window = 1, .span_s = 60, .n = 1, .limit = 9},
        {.window = 1, .span_s = 60, .n = 1, .limit = 0},
        {.window = 2, .span_s = 60, .n = 1, .kind = CHARGE_NOTE},
    };
    static const uint8_t of[] = {0, 1, 0};
    struct script_subject subjects[2] = {{.delta = NULL}, {.delta = NULL}};
    const struct script_charge charge = {.prefix = LAB_PREFIX,
                                         .subjects = subjects,
                                         .n_subjects = 2,
                                         .items = items,
                                         .of = of,
                                         .n = 3,
                                         .clock_ms = T0};
    const struct script_answer *answer;

    (void)state;
    script_lab_hash(0, subjects[0].hash);
    script_lab_hash(1, subjects[1].hash);
    answer = script_lab_charge(&lab, &charge);
    assert_false(answer->answers.added);
    assert_false(answer->answers.item[0].over);
    assert_int_equal(answer->answers.item[0].receipt.n, 0);
    assert_true(answer->answers.item[1].over);
    assert_true(answer->answers.item[1].room_ms == UINT64_MAX);
    assert_int_equal(answer->answers.item[2].receipt.n, 1);
    assert_memory_equal(answer->answers.item[2].receipt.shared.key,
                        subjects[0].hash, SITEKEY_HASH);
    assert_int_equal(script_lab_used(&lab, 0, 1), 0);
    assert_int_equal(script_lab_used(&lab, 0, 2), 1);
    assert_int_equal(ask_integer("EXISTS", script_lab_key(1)), 0);
}

/* ----- lives */

static void
test_life(void **state)
{
    static const struct {
        const char *row;
        uint32_t span_s, keep_s;
        enum standing standing;
        uint16_t state_len;
        int64_t least_s, most_s;
    } rows[] = {
        {"a minute's window", 60, KEEP, STANDING_NORMAL, 0, 65, 130},
        {"a day's window", DAY, KEEP, STANDING_NORMAL, 0, DAY + 7200,
         DAY * 7 / 6},
        {"a year's window", 31622400, KEEP, STANDING_NORMAL, 0, 31622400,
         31622400 / 6 * 7},
        {"a detector's state", 60, KEEP, STANDING_NORMAL, 7, KEEP,
         KEEP / 15 * 16},
        {"a standing without a state", 60, KEEP, STANDING_WATCHED, 0, KEEP,
         KEEP / 15 * 16},
        {"a window longer than a state is kept", DAY, HOUR, STANDING_WATCHED, 9,
         DAY + 7200, DAY * 7 / 6},
        {"quarantined", 60, KEEP, STANDING_QUARANTINED, 0, -1, -1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct terms terms = {.keep_s = rows[i].keep_s};
        static struct store_record record;
        struct store_state wanted = {.standing = rows[i].standing,
                                     .len = rows[i].state_len};
        struct script_change change = {
            .deed = SCRIPT_WRITE, .state = &wanted, .keep_s = HOUR};
        const struct charge_item item = {
            .window = 1, .span_s = rows[i].span_s, .n = 1, .limit = 9};
        bool found, done = false;
        int64_t life, life_data;

        empty(NULL);
        lab.clock_ms = 0;
        charge_as(0, item, terms);
        if (rows[i].standing != STANDING_NORMAL || rows[i].state_len > 0) {
            script_lab_read(&lab, 0, &found, &record, &change.epoch);
            assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
            expect(rows[i].row, done);
            life = life_s(0);
            expect(rows[i].row, life == -1 || life >= HOUR);
            life_data = ask_integer("PTTL", data_key(0));
            expect(rows[i].row, life_data < 0 ? life == -1 && life_data == -1
                                              : life_data / 1000 > life);
        }
        charge_as(0, item, terms);
        life = life_s(0);
        if (life < rows[i].least_s || life > rows[i].most_s)
            fail_msg("%s: %lld", rows[i].row, (long long)life);
        if (rows[i].standing == STANDING_QUARANTINED) {
            script_lab_read(&lab, 0, &found, &record, &change.epoch);
            wanted.standing = STANDING_NORMAL; /* lifted */
            change.version = record.state.version;
            script_lab_change(&lab, 0, &change, &done);
            expect(rows[i].row, done && life_s(0) > 0);
            expect(rows[i].row, ask_integer("PTTL", data_key(0)) > 0);
        }
    }
}

/* It is renewed when it must be, and not each time. */
static void
test_life_renewed(void **state)
{
    const struct charge_item hour = {
        .window = 1, .span_s = HOUR, .n = 1, .limit = 99};
    const struct charge_item minute = {
        .window = 2, .span_s = 60, .n = 1, .limit = 99};

    (void)state;
    charge_one(0, hour);
    (void)script_lab_say(&lab, "EXPIRE", script_lab_key(0), "99999999",
                         (char *)NULL); /* a mark */
    lab.clock_ms += 200000;
    charge_one(0, hour);
    assert_true(life_s(0) > 9999999);
    lab.clock_ms += 900000;
    charge_one(0, minute); /* lives long enough */
    assert_true(life_s(0) > 9999999);
    charge_one(0, hour);
    assert_in_range(life_s(0), HOUR * 13 / 12, HOUR * 5 / 4);
    /* a clock put back by a day does not make it believe in a day more */
    (void)script_lab_say(&lab, "EXPIRE", script_lab_key(0), "99999999",
                         (char *)NULL);
    lab.clock_ms -= DAY * 1000;
    charge_one(0, hour);
    lab.clock_ms += 600000;
    charge_one(0, hour);
    assert_in_range(life_s(0), HOUR * 13 / 12, HOUR * 5 / 4);
}

static void
put_seen(uint8_t meta[64], time_t last)
{
    for (unsigned i = 0; i < 4; i++)
        meta[16 + i] = (uint8_t)((uint64_t)last >> (8 * i));
}

/* With the server's clock `m` is rewritten once a minute at most. */
static void
test_server_clock(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = HOUR, .n = 1, .limit = 99};
    uint8_t before[64], after[64];
    static struct store_record record;
    uint64_t epoch;
    time_t now = time(NULL);
    bool found;

    (void)state;
    lab.clock_ms = 0;
    assert_in_range(charge_one(0, item)->clock_ms / 1000, (uintmax_t)now - 5,
                    (uintmax_t)now + 60);
    assert_int_equal(get_meta(0, before), 36);
    assert_int_equal(charge_one(0, item)->answers.item[0].used, 2);
    assert_int_equal(get_meta(0, after), 36);
    assert_memory_equal(before, after, 36);
    put_seen(before, now - 40);
    set_field(0, "m", 1, before, 36);
    charge_one(0, item);
    get_meta(0, after);
    assert_memory_equal(before, after, 36);
    put_seen(before, now - 70);
    set_field(0, "m", 1, before, 36);
    charge_one(0, item);
    assert_int_equal(script_lab_read(&lab, 0, &found, &record, &epoch), MS_OK);
    assert_in_range(record.last_seen.s, (uintmax_t)now - 5,
                    (uintmax_t)now + 60);
}

static void
test_times_and_limits(void **state)
{
    static struct store_record record;
    struct charge_item item = {
        .window = 1, .span_s = HOUR, .n = 1, .limit = 99};
    uint64_t epoch;
    bool found;

    (void)state;
    charge_one(0, item);
    lab.clock_ms += 5000;
    item.limit = 50;
    item.observe = true; /* a trial's limit is not shown for the live one's */
    charge_one(0, item);
    assert_int_equal(script_lab_read(&lab, 0, &found, &record, &epoch), MS_OK);
    assert_true(found);
    assert_int_equal(record.first_seen.s, T0 / 1000);
    assert_int_equal(record.last_seen.s, T0 / 1000 + 5);
    assert_int_equal(record.n_windows, 1);
    assert_int_equal(record.windows[0].limit, 99);
    assert_int_equal(record.windows[0].used, 2);
    assert_int_equal(record.windows[0].slices[12], 2);
    item.observe = false;
    charge_one(0, item);
    assert_int_equal(script_lab_read(&lab, 0, &found, &record, &epoch), MS_OK);
    assert_int_equal(record.windows[0].limit, 50);
}

/* Too many windows: those that are empty go when a life is renewed. */
static void
test_sweep(void **state)
{
    struct charge_item items[40];

    (void)state;
    for (unsigned i = 0; i < ROWS(items); i++)
        items[i] = (struct charge_item){
            .window = i, .span_s = i < 20 ? 60 : DAY, .n = 1, .limit = 9};
    script_lab_charge_one(&lab, 0, items, ROWS(items), NULL);
    assert_int_equal(ask_integer("HLEN", script_lab_key(0)), 41);
    /* of no span */
    set_field(0, "\0\0\0\0\0\0\0\0\0\0\0", 12,
              "123456789012345678901234567890123456789012345678901234567890",
              60);
    lab.clock_ms += DAY / 2 * 1000;
    script_lab_charge_one(&lab, 0, items + 39, 1, NULL);
    assert_int_equal(ask_integer("HLEN", script_lab_key(0)), 21);
    assert_int_equal(script_lab_used(&lab, 0, 39), 2);
}

/* ----- refunds */

static void
test_refund(void **state)
{
    static const struct {
        const char *row;
        int64_t later_ms;
        uint64_t other_epoch;
        int32_t slice;
        uint32_t n;
        int64_t done;
        uint64_t left;
    } rows[] = {
        {"what was added", 0, 0, 0, 4, 1, 1},
        {"more than was added", 0, 0, 0, 9, 1, 0},
        {"a part", 0, 0, 0, 1, 1, 4},
        {"a whole span later", 60000, 0, 0, 4, 1, 1},
        {"out of view", 65000, 0, 0, 4, 0, 0},
        {"of another epoch", 0, 1, 0, 4, 0, 5},
        {"of a slice to come", 0, 0, 1, 4, 0, 5},
        {"of the clock put back", -3600000, 0, 0, 4, 0, 5},
        {"of nothing", 0, 0, 0, 0, 0, 5},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct charge_item item = {
            .window = 1, .span_s = 60, .n = 5, .limit = 9};
        struct receipt receipt;
        const struct receipt *receipts[] = {&receipt};

        empty(NULL);
        receipt = charge_one(0, item)->answers.item[0].receipt;
        expect(rows[i].row, receipt.n == 5 && receipt.epoch == 0);
        lab.clock_ms = (uint64_t)((int64_t)T0 + rows[i].later_ms);
        receipt.shared.epoch ^= rows[i].other_epoch;
        receipt.shared.slice += (uint32_t)rows[i].slice;
        receipt.n = rows[i].n;
        expect(rows[i].row,
               script_lab_refund(&lab, 0, receipts, 1) == rows[i].done);
        expect(rows[i].row, script_lab_used(&lab, 0, 1) == rows[i].left);
    }
}

/* Several of one window, of several windows, of a record that is gone. */
static void
test_refund_many(void **state)
{
    const struct charge_item items[] = {
        {.window = 1, .span_s = 60, .n = 5, .limit = 99},
        {.window = 1, .span_s = 120, .n = 3, .limit = 99},
        {.window = 2, .span_s = 60, .n = UINT32_MAX, .limit = UINT32_MAX},
    };
    struct receipt receipts[6];
    const struct receipt *all[ROWS(receipts)];

    (void)state;
    for (unsigned i = 0; i < ROWS(receipts); i++) {
        if (i % 3 == 0) {
            lab.clock_ms += 10000;
            script_lab_charge_one(&lab, 0, items, i == 0 ? 3 : 2, NULL);
        }
        receipts[i] = script_lab_charge_one(&lab, 0, &items[i % 2], 1, NULL)
                          ->answers.item[0]
                          .receipt;
        all[i] = &receipts[i];
    }
    receipts[5] = receipts[0];
    receipts[5].window = 2; /* nobody knows how much was counted there */
    assert_int_equal(script_lab_refund(&lab, 0, all, ROWS(all)), 6);
    assert_int_equal(script_lab_used(&lab, 0, 1), 10);
    assert_int_equal(script_lab_used(&lab, 0, 2), UINT32_MAX);
    assert_int_equal(script_lab_refund(&lab, 7, all, ROWS(all)), 0);
    assert_int_equal(ask_integer("EXISTS", script_lab_key(7)), 0);
    assert_int_equal(script_lab_refund(&lab, 0, all, 0), 0);
}

/* ----- deltas */

static struct script_delta
delta_of(char host, uint32_t seq, uint32_t slice, uint32_t n)
{
    return (struct script_delta){
        .host = {(uint8_t)host},
        .seq = seq,
        .n = 1,
        .item = {{.window = 1, .span_s = 60, .slice = slice, .n = n}}};
}

static void
test_delta_slices(void **state)
{
    static const struct {
        const char *row;
        int back; /* slices before now */
        uint32_t n;
        uint64_t used;
        unsigned age; /* of the slice it is found in */
    } rows[] = {
        {"of now", 0, 7, 7, 0},
        {"of some slices ago", 5, 7, 7, 5},
        {"of the oldest slice in view", 12, 7, 7, 12},
        {"older than any in view", 13, 7, 0, 0},
        {"ahead of now", -1, 7, 7, 0},
        {"far ahead of now", -1000, 7, 7, 0},
        {"as many as there can be", 0, UINT32_MAX, UINT32_MAX, 0},
    };
    static struct store_record record;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct script_delta delta = delta_of(
            'a', 1, (uint32_t)((int64_t)(T0 / 5000) - rows[i].back), rows[i].n);
        const struct script_answer *answer;
        uint64_t epoch;
        bool found;

        empty(NULL);
        answer = script_lab_charge_one(&lab, 0, NULL, 0, &delta);
        expect(rows[i].row, answer->subject[0].merged);
        expect(rows[i].row, script_lab_used(&lab, 0, 1) == rows[i].used);
        script_lab_read(&lab, 0, &found, &record, &epoch);
        expect(rows[i].row,
               rows[i].used == 0 ||
                   record.windows[0].slices[12 - rows[i].age] == rows[i].used);
        expect(rows[i].row, rows[i].used == 0 || life_s(0) >= 65);
    }
}

static void
test_delta_once(void **state)
{
    static const struct {
        const char *row;
        char host;
        uint32_t seq, n;
        uint64_t used;
    } rows[] = {
        {"the first", 'a', 5, 1, 1},
        {"the same again", 'a', 5, 1, 1},
        {"an older one", 'a', 4, 1, 1},
        {"the next", 'a', 6, 2, 3},
        {"another host's", 'b', 5, 3, 6},
        {"another host's again", 'b', 5, 3, 6},
        {"the next but some", 'a', 90, 4, 10},
        {"the last number", 'a', UINT32_MAX, 5, 15},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct script_delta delta =
            delta_of(rows[i].host, rows[i].seq, T0 / 5000, rows[i].n);
        const struct charge_item look = {.window = 1,
                                         .span_s = 60,
                                         .n = 1,
                                         .limit = 99,
                                         .kind = CHARGE_LOOK};
        const struct script_answer *answer =
            script_lab_charge_one(&lab, 0, &look, 1, &delta);

        expect(rows[i].row, answer->subject[0].merged);
        expect(rows[i].row, answer->answers.item[0].used == rows[i].used + 1);
    }
}

/* What others admitted counts before the step is checked, and whatever comes
 * of that. */
static void
test_delta_and_refusal(void **state)
{
    const struct charge_item take = {
        .window = 1, .span_s = 60, .n = 1, .limit = 5};
    struct script_delta delta = delta_of('a', 1, T0 / 5000, 5);
    const struct script_answer *answer =
        script_lab_charge_one(&lab, 0, &take, 1, &delta);

    (void)state;
    assert_true(answer->subject[0].merged);
    assert_false(answer->answers.added);
    assert_int_equal(answer->answers.item[0].used, 6);
    assert_int_equal(script_lab_used(&lab, 0, 1), 5);
    delta.seq = 2;
    delta.item[0].limit = 77;
    delta.item[0].window = 2; /* a window that the step does not name */
    assert_false(
        script_lab_charge_one(&lab, 0, &take, 1, &delta)->answers.added);
    assert_int_equal(script_lab_used(&lab, 0, 2), 5);
}

static void
test_delta_marks(void **state)
{
    struct script_delta delta = delta_of('a', 1, T0 / 5000, 1);

    (void)state;
    script_lab_charge_one(&lab, 0, NULL, 0, &delta);
    delta.host[0] = 'b';
    lab.clock_ms += (DAY - 100) * UINT64_C(1000);
    script_lab_charge_one(&lab, 0, NULL, 0, &delta);
    assert_int_equal(ask_integer("HLEN", script_lab_key(0)), 4);
    delta.seq++;
    lab.clock_ms += 200 * 1000;
    script_lab_charge_one(&lab, 0, NULL, 0, &delta);
    assert_int_equal(ask_integer("HLEN", script_lab_key(0)), 3); /* b's */
}

/* ----- other forms, damage */

static void
test_forms(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = 60, .n = 1, .limit = 9};
    const struct terms newer = {.form = 2, .reads = 2};
    static struct store_record record;
    struct script_delta delta = delta_of('a', 1, T0 / 5000, 5);
    struct store_state wanted = {.standing = STANDING_NORMAL};
    struct script_change change = {.state = &wanted, .record = &record};
    const struct script_answer *answer;
    uint8_t before[64], after[64];
    uint64_t epoch;
    bool found = false, done;

    (void)state;
    charge_as(0, item, newer);
    script_lab_judge(&lab, 1, STANDING_THROTTLED, 7, 0);
    assert_int_equal(get_meta(0, before), 36);
    assert_int_equal(before[0], 2);
    answer = charge_one(0, item); /* as long as one of ours */
    assert_true(answer->subject[0].newer);
    before[1] = STANDING_THROTTLED;
    before[4] = 7;
    memset(before + 36, 0xff, 28); /* longer, as a newer form may be */
    set_field(0, "m", 1, before, 64);
    answer = script_lab_charge_one(&lab, 0, &item, 1, &delta);
    assert_true(answer->subject[0].newer);
    assert_false(answer->subject[0].merged);
    assert_int_equal(answer->subject[0].standing, STANDING_THROTTLED);
    assert_int_equal(answer->subject[0].throttle, 7);
    assert_int_equal(answer->answers.item[0].used, 0);
    assert_int_equal(answer->answers.item[0].receipt.n, 0);
    assert_int_equal(answer->answers.item[0].standing, STANDING_THROTTLED);
    assert_int_equal(script_lab_read(&lab, 0, &found, &record, &epoch),
                     MS_VERSION);
    assert_true(found);
    assert_int_equal(record.state.standing, STANDING_THROTTLED);
    for (change.deed = SCRIPT_WRITE; change.deed <= SCRIPT_PUT; change.deed++) {
        change.sealed = before;
        change.sealed_len = 1;
        if (change.deed != SCRIPT_FORGET)
            assert_int_equal(script_lab_change(&lab, 0, &change, &done),
                             MS_VERSION);
    }
    assert_int_equal(get_meta(0, after), 64);
    assert_memory_equal(before, after, 64);
    assert_int_equal(ask_integer("HLEN", script_lab_key(0)), 2);
    before[1] = 200; /* a standing that we do not know */
    set_field(0, "m", 1, before, 64);
    assert_int_equal(charge_one(0, item)->subject[0].standing,
                     STANDING_WATCHED);
    change.deed = SCRIPT_FORGET;
    assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
    assert_true(done);
    assert_int_equal(ask_integer("EXISTS", script_lab_key(0)), 0);
}

/* Who reads both writes what it is told to. */
static void
test_forms_written(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = 60, .n = 1, .limit = 9};
    const struct terms up = {.form = 2, .reads = 2};
    const struct terms down = {.form = 1, .reads = 2};
    uint8_t meta[64];

    (void)state;
    charge_one(0, item);
    assert_int_equal(get_meta(0, meta), 36);
    assert_int_equal(meta[0], 1);
    assert_int_equal(charge_as(0, item, up)->answers.item[0].used, 2);
    get_meta(0, meta);
    assert_int_equal(meta[0], 2);
    assert_int_equal(charge_as(0, item, down)->answers.item[0].used, 3);
    get_meta(0, meta);
    assert_int_equal(meta[0], 1);
}

static void
test_damage(void **state)
{
    static const uint8_t window[12] = {1, 0, 0, 0, 0, 0, 0, 0, 60};
    static const struct {
        const char *row;
        bool meta; /* `m`, else the window */
        const char *value;
        size_t len;
        uint64_t used;
        bool new_epoch;
    } rows[] = {
        {"an empty window", false, "", 0, 1, false},
        {"a short window", false, "abc", 3, 1, false},
        {"a window without its limit", false,
         "12345678901234567890123456789012345678901234567890123456", 56, 1,
         false},
        {"a long window", false,
         "1234567890123456789012345678901234567890123456789012345678901", 61, 1,
         false},
        {"an empty record", true, "", 0, 6, true},
        {"a short record", true, "\1\2", 2, 6, true},
        {"a record without a form", true,
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
         "\0\0",
         36, 6, true},
        {"a record of no standing", true,
         "\1\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
         "\0\0",
         36, 6, true},
        {"a short record of another form", true, "\7\2", 2, 6, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        static struct store_record record;
        const struct charge_item item = {
            .window = 1, .span_s = 60, .n = 1, .limit = 9};
        uint64_t before, epoch;
        const struct script_answer *answer;
        bool found;

        empty(NULL);
        script_lab_take(&lab, 0, 1, 60, 4, 9);
        before = charge_one(0, item)->subject[0].epoch;
        set_field(0, rows[i].meta ? (const void *)"m" : window,
                  rows[i].meta ? 1 : sizeof(window), rows[i].value,
                  rows[i].len);
        assert_int_equal(script_lab_read(&lab, 0, &found, &record, &epoch),
                         MS_OK);
        expect(rows[i].row, found && (epoch == 0) == rows[i].new_epoch);
        answer = charge_one(0, item);
        expect(rows[i].row, answer->answers.added);
        expect(rows[i].row, answer->answers.item[0].used == rows[i].used);
        expect(rows[i].row,
               (answer->subject[0].epoch != before) == rows[i].new_epoch);
        expect(rows[i].row, script_lab_used(&lab, 0, 1) == rows[i].used);
        expect(rows[i].row, life_s(0) > 0);
    }
}

/* An update heals, too. */
static void
test_damage_written(void **state)
{
    (void)state;
    script_lab_take(&lab, 0, 1, 60, 4, 9);
    set_field(0, "m", 1, "?", 1);
    script_lab_judge(&lab, 0, STANDING_WATCHED, 0, 10);
    assert_int_equal(script_lab_used(&lab, 0, 1), 4);
    (void)script_lab_say(&lab, "SET", data_key(0), "nonsense", (char *)NULL);
    script_lab_judge(&lab, 0, STANDING_WATCHED, 0, 10);
}

static void
test_wrong_type(void **state)
{
    static const struct {
        const char *row, *command, *arg1, *arg2;
    } rows[] = {
        {"a string", "SET", "x", NULL},
        {"a list", "RPUSH", "x", NULL},
        {"a set", "SADD", "x", NULL},
        {"a sorted set", "ZADD", "1", "x"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct charge_item item = {
            .window = 1, .span_s = 60, .n = 1, .limit = 9};
        const struct script_answer *answer;
        struct receipt receipt = {.window = 1, .span_s = 60, .n = 1};
        const struct receipt *receipts[] = {&receipt};

        empty(NULL);
        (void)script_lab_say(&lab, rows[i].command, script_lab_key(0),
                             rows[i].arg1, rows[i].arg2, (char *)NULL);
        answer = charge_one(0, item);
        expect(rows[i].row, answer->subject[0].anew);
        expect(rows[i].row, answer->answers.item[0].used == 1);
        expect(rows[i].row, !charge_one(0, item)->subject[0].anew);
        (void)script_lab_say(&lab, rows[i].command, script_lab_key(1),
                             rows[i].arg1, rows[i].arg2, (char *)NULL);
        receipt.shared.epoch = 1;
        expect(rows[i].row, script_lab_refund(&lab, 1, receipts, 1) == 0);
        (void)script_lab_say(&lab, rows[i].command, data_key(0), rows[i].arg1,
                             rows[i].arg2, (char *)NULL);
        empty(NULL);
        (void)script_lab_say(&lab, rows[i].command, script_lab_key(2),
                             rows[i].arg1, rows[i].arg2, (char *)NULL);
        (void)script_lab_say(&lab, "RPUSH", data_key(2), "x", (char *)NULL);
        {
            struct store_state wanted = {.standing = STANDING_WATCHED};
            struct script_change change = {.deed = SCRIPT_WRITE,
                                           .state = &wanted};
            bool done = false;

            assert_int_equal(script_lab_change(&lab, 2, &change, &done), MS_OK);
            expect(rows[i].row, done);
        }
    }
}

/* ----- changes */

static void
test_write_compares(void **state)
{
    static const struct {
        const char *row;
        bool known;
        uint64_t epoch; /* differs from the true one by */
        uint32_t version;
        bool done;
    } rows[] = {
        {"a record as it was read", true, 0, 0, true},
        {"a newer version", true, 0, 1, false},
        {"another epoch", true, 1, 0, false},
        {"no record, as it was read", false, 0, 0, true},
        {"a record that is gone", false, 1, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        static struct store_record record;
        struct store_state wanted = {.standing = STANDING_THROTTLED,
                                     .throttle = 5,
                                     .len = 3,
                                     .bytes = "abc"};
        struct script_change change = {.deed = SCRIPT_WRITE, .state = &wanted};
        const struct charge_item rate = {
            .window = 1, .span_s = 60, .n = 6, .limit = 99, .throttled = true};
        uint64_t epoch;
        bool found, done;

        empty(NULL);
        if (rows[i].known)
            script_lab_judge(&lab, 0, STANDING_WATCHED, 0, 9);
        script_lab_read(&lab, 0, &found, &record, &epoch);
        expect(rows[i].row, found == rows[i].known);
        change.epoch = epoch ^ rows[i].epoch;
        change.version = record.state.version + rows[i].version;
        assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
        expect(rows[i].row, done == rows[i].done);
        script_lab_read(&lab, 0, &found, &record, &epoch);
        if (!rows[i].done) {
            expect(rows[i].row, record.state.standing != STANDING_THROTTLED);
            continue;
        }
        expect(rows[i].row, record.state.standing == STANDING_THROTTLED);
        expect(rows[i].row, record.state.throttle == 5);
        expect(rows[i].row, record.state.len == 3);
        expect(rows[i].row, memcmp(record.state.bytes, "abc", 3) == 0);
        expect(rows[i].row, record.state.version == (rows[i].known ? 2 : 1));
        expect(rows[i].row, charge_one(0, rate)->answers.item[0].over);
    }
}

/* Counts and judgement do not touch each other. */
static void
test_write_beside_counts(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = 60, .n = 3, .limit = 9};
    struct receipt receipt = charge_one(0, item)->answers.item[0].receipt;
    const struct receipt *receipts[] = {&receipt};

    (void)state;
    script_lab_judge(&lab, 0, STANDING_WATCHED, 0, 1024);
    assert_int_equal(script_lab_used(&lab, 0, 1), 3);
    assert_int_equal(script_lab_refund(&lab, 0, receipts, 1), 1);
    assert_int_equal(charge_one(0, item)->subject[0].standing,
                     STANDING_WATCHED);
}

static void
test_names(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = HOUR, .n = 1, .limit = 99};
    uint8_t sealed[SITEKEY_SEALED];
    struct script_change change = {.deed = SCRIPT_NAME, .sealed = sealed};
    static struct store_record record;
    char text[SUBJECT_TEXT];
    struct subject subject;
    uint64_t epoch;
    bool found, done;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &subject));
    change.sealed_len = sitekey_seal(lab.key, &subject, sealed);
    assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
    assert_false(done); /* a name of nobody */
    assert_true(charge_one(0, item)->subject[0].name_due);
    assert_true(charge_one(0, item)->subject[0].name_due);
    assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
    assert_true(done);
    assert_false(charge_one(0, item)->subject[0].name_due);
    assert_true(ask_integer("TTL", data_key(0)) > life_s(0));
    script_lab_read(&lab, 0, &found, &record, &epoch);
    assert_string_equal(subject_print(&record.subject, text),
                        "user:ann@example.org");
    script_lab_judge(&lab, 0, STANDING_WATCHED, 0, 5); /* keeps the name */
    assert_false(charge_one(0, item)->subject[0].name_due);
    assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
    script_lab_read(&lab, 0, &found, &record, &epoch); /* and it the state */
    assert_string_equal(subject_print(&record.subject, text),
                        "user:ann@example.org");
    assert_int_equal(record.state.len, 5);
    lab.clock_ms += 2 * HOUR * UINT64_C(1000);
    assert_true(charge_one(0, item)->subject[0].name_due);
    /* sealed with another key */
    record.subject.len = 1;
    sealed[30] ^= 1;
    script_lab_change(&lab, 0, &change, &done);
    script_lab_read(&lab, 0, &found, &record, &epoch);
    assert_true(found);
    assert_int_equal(record.subject.len, 0);
}

/* What is put is what is read, but that a slice is a slice younger. */
static void
test_put(void **state)
{
    static struct store_record in, out;
    uint8_t sealed[SITEKEY_SEALED];
    struct script_change change = {
        .deed = SCRIPT_PUT, .sealed = sealed, .record = &in, .keep_s = KEEP};
    uint64_t epoch, before;
    struct script_delta delta = delta_of('a', 3, T0 / 5000, 5);
    bool found, done;

    (void)state;
    script_lab_charge_one(&lab, 0, NULL, 0, &delta);
    script_lab_take(&lab, 0, 77, 60, 5, 9);
    script_lab_read(&lab, 0, &found, &in, &before);
    memset(&in, 0, sizeof(in));
    assert_true(subject_make(SUBJECT_USER, "ann", &in.subject));
    change.sealed_len = sitekey_seal(lab.key, &in.subject, sealed);
    in.state = (struct store_state){.standing = STANDING_PROBATION,
                                    .throttle = 6,
                                    .version = 41,
                                    .len = STORE_STATE_MAX};
    memset(in.state.bytes, 'x', STORE_STATE_MAX);
    in.first_seen.s = 1700000000;
    in.last_seen.s = 1700000001;
    in.n_windows = STORE_WINDOWS;
    for (unsigned i = 0; i < STORE_WINDOWS; i++) {
        in.windows[i] =
            (struct store_window){.window = i, .span_s = 60 + i, .limit = i};
        for (unsigned j = 0; j < WINDOW_SLICES; j++)
            in.windows[i].slices[j] = j + i;
    }
    in.windows[3].slices[12] = UINT32_MAX;
    assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
    assert_true(done);
    assert_int_equal(script_lab_read(&lab, 0, &found, &out, &epoch), MS_OK);
    assert_true(found && epoch != 0 && epoch != before);
    assert_int_equal(out.subject.len, in.subject.len);
    assert_memory_equal(&in.state, &out.state, sizeof(in.state));
    assert_int_equal(out.first_seen.s, in.first_seen.s);
    assert_int_equal(out.last_seen.s, in.last_seen.s);
    assert_int_equal(out.n_windows, STORE_WINDOWS);
    for (unsigned i = 0; i < STORE_WINDOWS; i++) {
        const struct store_window *w = NULL;

        for (unsigned j = 0; j < STORE_WINDOWS; j++)
            if (out.windows[j].window == i)
                w = &out.windows[j];
        assert_non_null(w);
        assert_int_equal(w->span_s, 60 + i);
        assert_int_equal(w->limit, i);
        assert_int_equal(w->slices[12], i == 3 ? UINT32_MAX : 23 + 2 * i);
        assert_int_equal(w->slices[11], 10 + i);
        assert_int_equal(w->slices[1], i);
        assert_int_equal(w->slices[0], 0);
    }
    assert_true(life_s(0) > KEEP);
    script_lab_charge_one(&lab, 0, NULL, 0, &delta); /* known from before */
    assert_int_equal(script_lab_used(&lab, 0, 1), out.windows[1].used);
}

static void
test_bad_changes(void **state)
{
    static struct store_record record = {.n_windows = 1};
    struct store_state wanted = {.standing = STANDING_NORMAL};
    struct script_change change = {.prefix = LAB_PREFIX, .state = &wanted};
    struct codec_command out;

    (void)state;
    change.deed = SCRIPT_WRITE;
    wanted.len = STORE_STATE_MAX + 1;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    wanted.len = 0;
    wanted.standing = (enum standing)5;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    change.deed = SCRIPT_NAME;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    change.deed = SCRIPT_PUT;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    change.record = &record;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    record.windows[0].span_s = 60;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_OK);
    record.windows[1] = record.windows[0];
    record.n_windows = 2;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    record.n_windows = STORE_WINDOWS + 1;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
    change.deed = SCRIPT_BEAT;
    assert_int_equal(script_ask_change(&change, lab.room, &out), MS_INVALID);
}

/* Who listens hears of what others must know. */
static void
test_publish(void **state)
{
    static const struct {
        const char *row;
        enum script_deed deed;
        enum standing standing;
        const char *told; /* NULL: nothing */
    } rows[] = {
        {"a new standing", SCRIPT_WRITE, STANDING_WATCHED, "write"},
        {"the same standing", SCRIPT_WRITE, STANDING_WATCHED, NULL},
        {"another standing", SCRIPT_WRITE, STANDING_NORMAL, "write"},
        {"reset", SCRIPT_RESET, STANDING_NORMAL, "reset"},
        {"put", SCRIPT_PUT, STANDING_NORMAL, "put"},
        {"forgotten", SCRIPT_FORGET, STANDING_NORMAL, "forget"},
        {"forgotten again", SCRIPT_FORGET, STANDING_NORMAL, NULL},
        {"reset once it is gone", SCRIPT_RESET, STANDING_NORMAL, NULL},
    };
    struct script_lab ear = {.farm = lab.farm, .fd = -1};
    static struct store_record record;
    uint8_t hash[SITEKEY_HASH], heard[SITEKEY_HASH];

    (void)state;
    script_lab_connect(&ear);
    (void)script_lab_say(&ear, "SUBSCRIBE", "t:told", (char *)NULL);
    script_lab_hash(0, hash);
    for (size_t i = 0; i < ROWS(rows); i++) {
        static struct store_record now;
        struct store_state wanted = {.standing = rows[i].standing};
        struct script_change change = {.deed = rows[i].deed,
                                       .state = &wanted,
                                       .record = &record,
                                       .channel = "t:told"};
        const struct reply *reply;
        bool found, done;

        script_lab_read(&lab, 0, &found, &now, &change.epoch);
        change.version = now.state.version;
        assert_int_equal(script_lab_change(&lab, 0, &change, &done), MS_OK);
        if (rows[i].told == NULL)
            continue; /* were it told, the next row would hear it */
        (void)script_lab_say(&ear, "PING", (char *)NULL);
        reply = ear.last; /* the message comes first */
        expect(rows[i].row, reply->type == REPLY_ARRAY && reply->n == 3);
        expect(rows[i].row, script_told_read(reply->element[2]->text,
                                             reply->element[2]->len, heard) &&
                                memcmp(hash, heard, sizeof(hash)) == 0);
        expect(rows[i].row,
               strcmp(reply->element[2]->text + 23, rows[i].told) == 0);
        reply_destroy(ear.last);
        ear.last = NULL;
        while (codec_next(ear.reader, &ear.last) == MS_OK && ear.last == NULL) {
            char some[256];
            ssize_t n = recv(ear.fd, some, sizeof(some), 0);

            assert_true(n > 0);
            codec_feed(ear.reader, some, (size_t)n);
        }
        expect(rows[i].row, ear.last->n == 2); /* the pong */
    }
    reply_destroy(ear.last);
    codec_reader_destroy(ear.reader);
    close(ear.fd);
}

/* ----- heartbeats */

struct heard {
    enum ms_err err;
    size_t n;
    struct store_host host[STORE_NODES];
    char other[SITEKEY_PRINT];
};

static struct heard *
beat(const char *name, const char *print)
{
    static struct heard heard;
    struct store_host self = {.form = 1};
    struct codec_command args;
    uint64_t clock_ms = 0;

    snprintf(self.name, sizeof(self.name), "%s", name);
    snprintf(self.version, sizeof(self.version), "1.2.3");
    snprintf(self.config, sizeof(self.config), "0123456789abcdef");
    snprintf(self.mode, sizeof(self.mode), "enforce");
    heard.n = 0;
    assert_int_equal(script_ask_beat(LAB_PREFIX, &self, print, lab.clock_ms,
                                     lab.room, &args),
                     MS_OK);
    heard.err =
        script_read_beat(script_lab_run(&lab, SCRIPT_CHANGE, &args), &clock_ms,
                         heard.host, STORE_NODES, &heard.n, heard.other);
    assert_int_equal(clock_ms, lab.clock_ms);
    return &heard;
}

static void
test_beats(void **state)
{
    struct heard *heard = beat("mx1", "0123456789abcdef");

    (void)state;
    assert_int_equal(heard->err, MS_OK);
    assert_int_equal(heard->n, 1);
    lab.clock_ms += 20000;
    heard = beat("mx2", "0123456789abcdef");
    assert_int_equal(heard->n, 2);
    assert_string_equal(heard->host[0].name, "mx2");
    assert_string_equal(heard->host[1].name, "mx1");
    assert_int_equal(heard->host[1].seen_s, 20);
    assert_int_equal(heard->host[1].form, 1);
    assert_string_equal(heard->host[1].version, "1.2.3");
    assert_string_equal(heard->host[1].config, "0123456789abcdef");
    assert_string_equal(heard->host[1].mode, "enforce");
    heard = beat("mx3", "ffffffffffffffff");
    assert_int_equal(heard->err, MS_BUSY);
    assert_string_equal(heard->other, "0123456789abcdef");
    heard = beat("mx1", "0123456789abcdef");
    assert_int_equal(heard->n, 2); /* mx3 left nothing behind */
    lab.clock_ms += 3590000;
    assert_int_equal(beat("mx2", "0123456789abcdef")->n, 2);
    lab.clock_ms += 20000;
    assert_int_equal(beat("mx2", "0123456789abcdef")->n, 1);
    lab.clock_ms -= 7200000; /* the clock is put back */
    assert_int_equal(beat("mx1", "0123456789abcdef")->n, 1);
}

/* What others wrote there spoils nothing. */
static void
test_beats_damaged(void **state)
{
    static const struct {
        const char *field, *value;
        size_t len;
    } rows[] = {
        {"hmx9", "", 0},
        {"hmx9", "\xff\xff\xff", 3},
        {"x", "12345678", 8},
    };

    (void)state;
    (void)script_lab_say(&lab, "SET", "t:{fleet}", "x", (char *)NULL);
    assert_int_equal(beat("mx1", "0123456789abcdef")->n, 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct codec_command command = {.n = 0};

        codec_word(&command, "HSET");
        codec_word(&command, "t:{fleet}");
        codec_word(&command, rows[i].field);
        codec_arg(&command, rows[i].value, rows[i].len);
        (void)script_lab_ask(&lab, &command);
        assert_int_equal(beat("mx1", "0123456789abcdef")->n, 1);
    }
    for (unsigned i = 0; i < 300; i++) {
        char name[STORE_NODE_NAME];

        snprintf(name, sizeof(name), "%0100u", i);
        assert_int_equal(beat(name, "0123456789abcdef")->err, MS_OK);
    }
    assert_int_equal(beat("mx1", "0123456789abcdef")->n, STORE_NODES);
    (void)script_lab_say(&lab, "HSET", "t:{fleet}", "key", "", (char *)NULL);
    assert_int_equal(beat("mx1", "0123456789abcdef")->err, MS_BUSY);
}

/* ----- servers that will not, servers that lie */

static void
test_rights(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = 60, .n = 1, .limit = 9};
    struct store_state wanted = {.standing = STANDING_QUARANTINED};
    struct script_change change = {
        .deed = SCRIPT_WRITE, .state = &wanted, .channel = "t:told"};
    static struct store_record record;
    struct receipt receipt;
    const struct receipt *receipts[] = {&receipt};
    struct script_delta delta = delta_of('a', 1, T0 / 5000, 1);
    bool done;

    (void)state;
    (void)script_lab_say(&lab, "ACL", "SETUSER", "ms", "reset", "on", "nopass",
                         "~t:*", "resetchannels", "&t:*", "+evalsha",
                         "+script|load", "+time", "+hmget", "+hset", "+hdel",
                         "+hgetall", "+pexpire", "+persist", "+del", "+get",
                         "+set", "+publish", (char *)NULL);
    if (!reply_is(lab.last, REPLY_STATUS, "OK"))
        fail_msg("%s", lab.last->text);
    (void)script_lab_say(&lab, "AUTH", "ms", "x", (char *)NULL);
    assert_true(reply_is(lab.last, REPLY_STATUS, "OK"));
    (void)script_lab_say(&lab, "SCRIPT", "LOAD", "return 1", (char *)NULL);
    assert_int_equal(lab.last->type, REPLY_TEXT);
    /* every command of both scripts */
    receipt = charge_one(0, item)->answers.item[0].receipt;
    script_lab_refund(&lab, 0, receipts, 1);
    script_lab_charge_one(&lab, 0, &item, 1, &delta);
    lab.clock_ms += (DAY + 10) * UINT64_C(1000);
    delta.host[0]++;
    script_lab_charge_one(&lab, 0, &item, 1, &delta);
    lab.clock_ms = 0;
    charge_one(1, item);
    lab.clock_ms = T0;
    for (enum script_deed deed = SCRIPT_WRITE; deed <= SCRIPT_PUT; deed++) {
        change.deed = deed;
        change.record = &record;
        change.sealed = (const uint8_t *)"x";
        change.sealed_len = 1;
        assert_int_equal(script_lab_change(&lab, 2, &change, &done), MS_OK);
    }
    assert_int_equal(beat("mx1", "0123456789abcdef")->err, MS_OK);
    lab.clock_ms += 7200000;
    assert_int_equal(beat("mx2", "0123456789abcdef")->n, 1);
    script_lab_connect(&lab);
    /* and without one of them nothing is half done */
    (void)script_lab_say(&lab, "ACL", "SETUSER", "ms", "-pexpire", "-hset",
                         (char *)NULL);
    (void)script_lab_say(&lab, "AUTH", "ms", "x", (char *)NULL);
    {
        static const uint8_t of[1];
        struct script_subject subject = {.delta = NULL};
        const struct script_charge charge = {.prefix = LAB_PREFIX,
                                             .subjects = &subject,
                                             .n_subjects = 1,
                                             .items = &item,
                                             .of = of,
                                             .n = 1,
                                             .clock_ms = T0};
        static struct script_answer answer;
        struct codec_command args;
        const struct reply *reply;

        script_lab_hash(9, subject.hash);
        script_ask_charge(&charge, lab.room, &args);
        reply = script_lab_run(&lab, SCRIPT_CHARGE, &args);
        assert_int_equal(reply->type, REPLY_ERROR);
        assert_int_equal(script_read_charge(&charge, reply, &answer),
                         MS_INVALID);
    }
    script_lab_connect(&lab);
    assert_int_equal(ask_integer("EXISTS", script_lab_key(9)), 0);
}

/* All deeds of the board, with what users.acl has always granted. */
static void
test_rights_of_board(void **state)
{
    static const struct {
        const char *words[7];
    } deeds[] = {
        {{"put", "f", "x", "1000", "9", "t:told"}},
        {{"put", "f", "y", "0", "9", ""}},
        {{"fields", ""}},
        {{"remove", "f", "t:told"}},
        {{"put", "f", "x", "1000", "9", "t:told"}},
        {{"drop"}},
        {{"add", "x", "1000 1"}},
        {{"add", "y", "0 1"}},
        {{"list", ""}},
        {{"swap", "1", "y", "z"}},
        {{"drop"}},
    };

    (void)state;
    (void)script_lab_say(&lab, "ACL", "SETUSER", "ms", "reset", "on", "nopass",
                         "~t:*", "resetchannels", "&t:*", "+evalsha",
                         "+script|load", "+time", "+del", "+pexpire",
                         "+persist", "+zadd", "+zrem", "+zrange", "+zcard",
                         "+publish", (char *)NULL);
    (void)script_lab_say(&lab, "AUTH", "ms", "x", (char *)NULL);
    assert_true(reply_is(lab.last, REPLY_STATUS, "OK"));
    for (size_t i = 0; i < ROWS(deeds); i++) {
        struct codec_command args = {.n = 0};
        const struct reply *reply;

        codec_word(&args, "1");
        codec_word(&args, "t:{board}:b");
        for (size_t j = 0; deeds[i].words[j] != NULL; j++)
            codec_word(&args, deeds[i].words[j]);
        reply = script_lab_run(&lab, SCRIPT_BOARD, &args);
        if (reply->type == REPLY_ERROR)
            fail_msg("%s: %s", deeds[i].words[0], reply->text);
        else if (reply->type == REPLY_INTEGER)
            assert_int_equal(reply->integer, 1);
        else
            assert_int_equal(reply->n, 3);
    }
    script_lab_connect(&lab);
}

static void
test_no_memory(void **state)
{
    const struct charge_item item = {
        .window = 1, .span_s = 60, .n = 1, .limit = 9};
    static const uint8_t of[1];
    struct script_subject subject = {.delta = NULL};
    const struct script_charge charge = {.prefix = LAB_PREFIX,
                                         .subjects = &subject,
                                         .n_subjects = 1,
                                         .items = &item,
                                         .of = of,
                                         .n = 1,
                                         .clock_ms = T0};
    struct codec_command args;
    const struct reply *reply;

    (void)state;
    script_lab_hash(0, subject.hash);
    (void)script_lab_say(&lab, "CONFIG", "SET", "maxmemory", "1", (char *)NULL);
    script_ask_charge(&charge, lab.room, &args);
    reply = script_lab_run(&lab, SCRIPT_CHARGE, &args);
    assert_int_equal(reply->type, REPLY_ERROR);
    (void)script_lab_say(&lab, "CONFIG", "SET", "maxmemory", "0", (char *)NULL);
    assert_int_equal(ask_integer("EXISTS", script_lab_key(0)), 0);
    assert_true(script_lab_take(&lab, 0, 1, 60, 1, 1));
}

/* An older daemon's request, or garbage, is refused by the script itself. */
static void
test_other_requests(void **state)
{
    static const enum script scripts[] = {SCRIPT_CHARGE, SCRIPT_CHANGE,
                                          SCRIPT_BOARD};
    static char request[100];

    (void)state;
    for (size_t i = 0; i < ROWS(scripts); i++) {
        struct codec_command args = {.n = 0};

        request[0] = 2;
        codec_word(&args, "1");
        codec_word(&args, script_lab_key(0));
        codec_arg(&args, request, sizeof(request));
        assert_int_equal(script_lab_run(&lab, scripts[i], &args)->type,
                         REPLY_ERROR);
        request[0] = 1; /* and then too short */
        args.len[2] = 5;
        assert_int_equal(script_lab_run(&lab, scripts[i], &args)->type,
                         REPLY_ERROR);
    }
}

static void
test_lies(void **state)
{
    /* one subject with four items: 12 + 18 + 4 * 21 bytes */
    enum { STANDING = 12, FLAGS = 13, EPOCH = 22, ITEM = 30, USED = 5 };
    static const struct {
        const char *row;
        size_t at;
        int value;
    } rows[] = {
        {"another form of reply", 0, 2},
        {"neither added nor not", 1, 2},
        {"another number of subjects", 2, 2},
        {"another number of items", 3, 5},
        {"a time in no epoch", 11, 0x80},
        {"an unknown standing", STANDING, 5},
        {"unknown flags", FLAGS, 16},
        {"unknown flags of an item", ITEM, 8},
        {"never, but not over", ITEM, 4 | 2},
        {"refused and added", ITEM, 4 | 1},
        {"refused, but the step was added", ITEM, 1},
        {"looked at and added", ITEM + 3 * 21, 4},
        {"more used than there can be", ITEM + USED + 7, 1},
        {"room that nobody needs", ITEM + USED + 8, 1},
    };
    const struct charge_item items[] = {
        {.window = 1, .span_s = 60, .n = 1, .limit = 9},
        {.window = 1, .span_s = 60, .n = 1, .limit = 0, .observe = true},
        {.window = 2, .span_s = 60, .n = 1, .kind = CHARGE_NOTE},
        {.window = 2, .span_s = 60, .n = 1, .limit = 9, .kind = CHARGE_LOOK},
    };
    static const uint8_t of[ROWS(items)];
    static struct script_answer answer;
    struct script_subject subject = {.delta = NULL};
    const struct script_charge charge = {.prefix = LAB_PREFIX,
                                         .subjects = &subject,
                                         .n_subjects = 1,
                                         .items = items,
                                         .of = of,
                                         .n = ROWS(items),
                                         .clock_ms = T0};
    struct codec_command args;
    struct reply reply = {.type = REPLY_TEXT};
    char good[200], bad[200];

    (void)state;
    script_lab_hash(0, subject.hash);
    script_ask_charge(&charge, lab.room, &args);
    reply.len = script_lab_run(&lab, SCRIPT_CHARGE, &args)->len;
    assert_int_equal(reply.len, 12 + 18 + 4 * 21);
    memcpy(good, lab.last->text, reply.len);
    reply.text = good;
    assert_int_equal(script_read_charge(&charge, &reply, &answer), MS_OK);
    reply.text = bad;
    for (size_t i = 0; i < ROWS(rows); i++) {
        memcpy(bad, good, sizeof(bad));
        bad[rows[i].at] = (char)rows[i].value;
        expect(rows[i].row,
               script_read_charge(&charge, &reply, &answer) == MS_INVALID);
    }
    memcpy(bad, good, sizeof(bad));
    memset(bad + EPOCH, 0, 8); /* added to no record */
    assert_int_equal(script_read_charge(&charge, &reply, &answer), MS_INVALID);
    memcpy(bad, good, sizeof(bad));
    reply.len++;
    assert_int_equal(script_read_charge(&charge, &reply, &answer), MS_INVALID);
    for (reply.len -= 2; reply.len > 0; reply.len--)
        assert_int_equal(script_read_charge(&charge, &reply, &answer),
                         MS_INVALID);
    for (reply.type = REPLY_NIL; reply.type <= REPLY_ARRAY; reply.type++)
        assert_int_equal(script_read_charge(&charge, &reply, &answer),
                         MS_INVALID);
}

static void
test_lies_of_changes(void **state)
{
    static const struct {
        enum reply_type type;
        int64_t integer;
        enum ms_err err;
        bool done;
    } rows[] = {
        {REPLY_INTEGER, 0, MS_OK, false},   {REPLY_INTEGER, 1, MS_OK, true},
        {REPLY_INTEGER, 2, MS_VERSION, 0},  {REPLY_INTEGER, 3, MS_INVALID, 0},
        {REPLY_INTEGER, -1, MS_INVALID, 0}, {REPLY_ERROR, 1, MS_INVALID, 0},
        {REPLY_NIL, 0, MS_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct reply reply = {.type = rows[i].type,
                                    .integer = rows[i].integer};
        bool done = false;

        assert_int_equal(script_read_change(&reply, &done), rows[i].err);
        assert_int_equal(done, rows[i].done);
    }
}

#define TEST(function) cmocka_unit_test_setup(function, empty)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_keys),
        TEST(test_bounds),
        TEST(test_largest),
        TEST(test_size),
        TEST(test_size_most),
        TEST(test_refused_writes_nothing),
        TEST(test_all_or_nothing),
        TEST(test_life),
        TEST(test_life_renewed),
        TEST(test_server_clock),
        TEST(test_times_and_limits),
        TEST(test_sweep),
        TEST(test_refund),
        TEST(test_refund_many),
        TEST(test_delta_slices),
        TEST(test_delta_once),
        TEST(test_delta_and_refusal),
        TEST(test_delta_marks),
        TEST(test_forms),
        TEST(test_forms_written),
        TEST(test_damage),
        TEST(test_damage_written),
        TEST(test_wrong_type),
        TEST(test_write_compares),
        TEST(test_write_beside_counts),
        TEST(test_names),
        TEST(test_put),
        TEST(test_bad_changes),
        TEST(test_publish),
        TEST(test_beats),
        TEST(test_beats_damaged),
        TEST(test_rights),
        TEST(test_rights_of_board),
        TEST(test_no_memory),
        TEST(test_other_requests),
        TEST(test_lies),
        TEST(test_lies_of_changes),
    };

    return cmocka_run_group_tests_name("redis script", tests, begin, end);
}
