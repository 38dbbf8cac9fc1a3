/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows, as tables of what is done and what must come of it.
 */
#include <config.h>

#include "policy/window.h"

#include <string.h>

#include "test/unit.h"

enum { STEPS = 24 };

static void
test_slice(void **state)
{
    static const struct {
        const char *row;
        uint32_t span_s, slice_s;
    } rows[] = {
        {"the shortest span", 12, 1}, {"a second more", 13, 2},
        {"a minute", 60, 5},          {"ten minutes", 600, 50},
        {"an hour", 3600, 300},       {"a day", 86400, 7200},
        {"a week", 604800, 50400},    {"the longest span", 31622400, 2635200},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].row, window_slice_s(rows[i].span_s) == rows[i].slice_s);
}

/* At AT_S N events come; then USED are in view. */
struct step {
    uint64_t at_s;
    uint32_t n;
    uint64_t used;
};

static void
test_count(void **state)
{
    static const struct {
        const char *row;
        uint32_t span_s;
        struct step step[STEPS]; /* up to the first that is all zero */
    } rows[] = {
        {"the first event counts itself", 60, {{1000, 1, 1}}},
        {"nothing has been counted", 60, {{1000, 0, 0}}},
        {"events of one slice add up", 60, {{1000, 2, 2}, {1004, 3, 5}}},
        {"an event of a whole span ago still counts",
         60,
         {{1000, 1, 1}, {1060, 0, 1}}},
        {"so it does from the last second of a slice",
         60,
         {{1004, 1, 1}, {1064, 0, 1}}},
        {"an event of 13/12 of a span ago is forgotten",
         60,
         {{1000, 1, 1}, {1064, 0, 1}, {1065, 0, 0}}},
        {"each slice goes by itself",
         12,
         {{100, 1, 1}, {101, 2, 3}, {112, 4, 7}, {113, 0, 6}, {114, 0, 4}}},
        {"a place is empty before it is used again",
         12,
         {{100, 5, 5}, {113, 1, 1}, {126, 1, 1}}},
        {"after a long pause nothing is left",
         12,
         {{100, 5, 5}, {100000, 1, 1}}},
        {"after a pause of many times thirteen slices, too",
         12,
         {{100, 5, 5}, {100 + 13 * 13, 0, 0}}},
        {"a clock one slice behind changes nothing",
         60,
         {{1000, 1, 1}, {1005, 1, 2}, {1004, 1, 3}, {1005, 0, 3}}},
        {"what came late counts from the newer slice",
         60,
         {{1005, 1, 1},
          {1004, 1, 2},
          {1065, 0, 2},
          {1069, 0, 2},
          {1070, 0, 0}}},
        {"a clock that steps back loses nothing",
         60,
         {{100000, 3, 3}, {1000, 0, 3}, {1000, 1, 4}}},
        {"and forgets a span later",
         60,
         {{100000, 3, 3},
          {1000, 0, 3},
          {1065, 0, 3},
          {1069, 0, 3},
          {1070, 0, 0}}},
        {"slices keep their distance when they are renumbered",
         12,
         {{1000, 1, 1},
          {1006, 2, 3},
          {500, 0, 3},
          {507, 0, 3},
          {508, 0, 2},
          {513, 0, 2},
          {514, 0, 0}}},
        {"the first seconds of a clock",
         60,
         {{0, 1, 1}, {4, 1, 2}, {5, 1, 3}, {64, 0, 3}, {65, 0, 1}, {70, 0, 0}}},
        {"a count stops at its greatest",
         60,
         {{1000, UINT32_MAX - 1, UINT32_MAX - 1},
          {1000, 1, UINT32_MAX},
          {1000, 1, UINT32_MAX},
          {1000, UINT32_MAX, UINT32_MAX}}},
        {"a sum does not",
         60,
         {{1000, UINT32_MAX, UINT32_MAX}, {1005, 2, UINT64_C(4294967297)}}},
        {"the longest span",
         31622400,
         {{31622400, 1, 1}, {63244800, 0, 1}, {65880000, 0, 0}}},
        {"a clock beyond 32 bits of slices",
         12,
         {{UINT64_MAX, 1, 1}, {UINT64_MAX, 1, 2}}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct window w = {0};

        for (const struct step *s = rows[i].step; s->at_s + s->n + s->used > 0;
             s++) {
            window_turn(&w, rows[i].span_s, s->at_s);
            window_add(&w, s->n);
            if (window_sum(&w) != s->used)
                fail_msg("%s: at %llu s: %llu in view, not %llu", rows[i].row,
                         (unsigned long long)s->at_s,
                         (unsigned long long)window_sum(&w),
                         (unsigned long long)s->used);
        }
    }
}

static void
test_take_back(void **state)
{
    static const struct {
        const char *row;
        uint64_t add_s, more_s, back_s; /* MORE_S 0: nothing more came */
        uint32_t n, back;
        int slice_off; /* of the slice it is taken back from */
        uint64_t left;
    } rows[] = {
        {"all that was added", 1000, 0, 1000, 5, 5, 0, 0},
        {"a part of it", 1000, 0, 1000, 5, 2, 0, 3},
        {"never below nothing", 1000, 0, 1000, 5, 6, 0, 0},
        {"a span later", 1000, 0, 1060, 5, 5, 0, 0},
        {"only of its own slice", 1000, 1030, 1060, 5, 9, 0, 5},
        {"of a slice that is out of view", 1000, 1065, 1065, 5, 5, 0, 5},
        {"of a slice that is yet to come", 1000, 0, 1000, 5, 5, 1, 5},
        {"of a saturated slice", 1000, 0, 1000, UINT32_MAX, 5, 0, UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct window w = {0};
        uint32_t slice;

        window_turn(&w, 60, rows[i].add_s);
        slice = window_add(&w, rows[i].n) + (uint32_t)rows[i].slice_off;
        if (rows[i].more_s > 0) {
            window_turn(&w, 60, rows[i].more_s);
            window_add(&w, rows[i].n);
        }
        window_turn(&w, 60, rows[i].back_s);
        window_take_back(&w, slice, rows[i].back);
        expect(rows[i].row, window_sum(&w) == rows[i].left);
    }
}

static void
test_room(void **state)
{
    static const struct {
        const char *row;
        struct step step[4]; /* as above; then at AT_MS: */
        uint64_t at_ms;
        uint32_t n, limit;
        uint64_t room_ms;
    } rows[] = {
        {"there is room", {{1000, 4, 4}}, 1000000, 1, 5, 0},
        {"none is wanted", {{1000, 5, 5}}, 1000000, 0, 5, 0},
        {"when the only slice goes", {{1000, 5, 5}}, 1000000, 1, 5, 65000},
        {"a part of a slice later", {{1000, 5, 5}}, 1002500, 1, 5, 62500},
        {"one millisecond before", {{1000, 5, 5}}, 1064999, 1, 5, 1},
        {"when the first of two goes",
         {{1000, 1, 1}, {1030, 4, 5}},
         1030000,
         1,
         5,
         35000},
        {"when both have gone",
         {{1000, 1, 1}, {1030, 4, 5}},
         1030000,
         2,
         5,
         65000},
        {"more than ever fits", {{1000, 5, 5}}, 1000000, 6, 5, UINT64_MAX},
        {"nothing is allowed at all",
         {{1000, 0, 0}},
         1000000,
         1,
         0,
         UINT64_MAX},
        {"in the first seconds of a clock", {{2, 5, 5}}, 2000, 1, 5, 63000},
        {"a limit that was lowered", {{1000, 9, 9}}, 1000000, 1, 5, 65000},
        {"all that there can be", {{1000, 5, 5}}, 1000000, 5, 5, 65000},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct window w = {0};

        for (const struct step *s = rows[i].step; s->at_s > 0; s++) {
            window_turn(&w, 60, s->at_s);
            window_add(&w, s->n);
        }
        window_turn(&w, 60, rows[i].at_ms / 1000);
        expect(rows[i].row, window_room_ms(&w, 60, rows[i].at_ms, rows[i].n,
                                           rows[i].limit) == rows[i].room_ms);
    }
}

/* What it says about room is so: a millisecond before there is none. */
static void
test_room_is_true(void **state)
{
    struct window w = {0};
    uint64_t ms = 5000000;
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct window then;
        uint64_t room;

        seed = seed * 1664525 + 1013904223;
        ms += seed >> 18;
        window_turn(&w, 90, ms / 1000);
        window_add(&w, seed >> 30);
        room = window_room_ms(&w, 90, ms, 1, 20);
        if (room == 0) {
            assert_true(window_sum(&w) + 1 <= 20);
            continue;
        }
        then = w;
        window_turn(&then, 90, (ms + room - 1) / 1000);
        assert_true(window_sum(&then) + 1 > 20);
        window_turn(&then, 90, (ms + room) / 1000);
        assert_true(window_sum(&then) + 1 <= 20);
    }
}

static void
test_pack(void **state)
{
    uint8_t bytes[WINDOW_BYTES], again[WINDOW_BYTES];
    struct window w;

    (void)state;
    for (unsigned i = 0; i < WINDOW_BYTES; i++)
        bytes[i] = (uint8_t)(i * 37 + 5);
    window_unpack(bytes, &w);
    assert_int_equal(w.slice, 0x744f2a05);
    assert_int_equal(w.count[0], 0x08e3be99);
    window_pack(&w, again);
    assert_memory_equal(bytes, again, sizeof(bytes));
    assert_int_equal(sizeof(w), WINDOW_BYTES);
}

/* Whatever a file holds: no slice is out of its place, none is lost. */
static void
test_any_bytes(void **state)
{
    static const uint64_t at_s[] = {0, 11, 600, UINT32_MAX, UINT64_MAX};
    static const uint32_t slices[] = {0,         1, 12, 13, 120, UINT32_MAX - 1,
                                      UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < ROWS(at_s); i++)
        for (size_t j = 0; j < ROWS(slices); j++) {
            struct window w = {.slice = slices[j]};

            memset(w.count, 0xff, sizeof(w.count));
            window_turn(&w, 60, at_s[i]);
            assert_true(window_sum(&w) <= 13 * (uint64_t)UINT32_MAX);
            window_take_back(&w, slices[j], UINT32_MAX);
            (void)window_room_ms(&w, 60, at_s[i], 1, 1);
            (void)window_add(&w, UINT32_MAX);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice),        cmocka_unit_test(test_count),
        cmocka_unit_test(test_take_back),    cmocka_unit_test(test_room),
        cmocka_unit_test(test_room_is_true), cmocka_unit_test(test_pack),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
