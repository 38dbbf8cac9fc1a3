/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pictures: what they show, and what they say of it.
 */
#include <config.h>

#include "milter/page/chart.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

#define AT INT64_C(1795305600) /* 2026-11-22 00:00:00 UTC */

static void
test_nice(void **state)
{
    static const struct {
        const char *row;
        uint64_t n, want;
    } rows[] = {
        {"an axis is never empty", 0, 1},
        {"one", 1, 1},
        {"two", 2, 2},
        {"three is below five", 3, 5},
        {"five", 5, 5},
        {"six is below ten", 6, 10},
        {"eleven", 11, 20},
        {"a hundred and one", 101, 200},
        {"the greatest", UINT64_MAX, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].row, chart_nice(rows[i].n) == rows[i].want);
}

/* Has M all of WANT?  It is empty then. */
static void
has(const char *row, struct markup *m, const char *const *want)
{
    char *got = markup_end(m, NULL);

    assert_non_null(got);
    for (; *want != NULL; want++)
        if ((**want == '!') == (strstr(got, *want + (**want == '!')) != NULL))
            fail_msg("%s: %s in %s", row, *want, got);
    free(got);
}

static void
test_bar(void **state)
{
    static const struct {
        const char *row;
        uint64_t permille;
        const char *want[3];
    } rows[] = {
        {"nothing is no bar", 0, {"class=\"bar x\"", "!<rect"}},
        {"a part", 123, {"<rect width=\"12.3%\"/>"}},
        {"all of it", 1000, {"<rect width=\"100.0%\"/>"}},
        {"more than all is all", UINT64_MAX, {"<rect width=\"100.0%\"/>"}},
    };
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        chart_bar(&m, rows[i].permille, "x");
        has(rows[i].row, &m, rows[i].want);
    }
}

enum { BINS = 4 };

static void
test_stack(void **state)
{
    static const struct {
        const char *row;
        uint64_t low[BINS], high[BINS];
        uint32_t minutes[BINS];
        const char *want[8];
    } rows[] = {
        {"nothing came",
         {0},
         {0},
         {60, 60, 60, 60},
         {">Nothing came.<", "!<path", "1 a minute", "!<rect"}},
        {"layers stand upon each other",
         {300, 0, 0, 0},
         {300, 600, 0, 0},
         {60, 60, 60, 60},
         {"class=\"a\" d=\"M0 1000h1V500h-1z\"",
          "class=\"b\" d=\"M0 500h1V0h-1zM1 1000h1V0h-1z\"",
          "<title>00:00: 300 let, 300 not</title>",
          "<title>01:00: 600 not</title>", "10 a minute",
          "Most came from 00:00 on: 10 a minute. 300 let. 900 not."}},
        {"what does not go through is marked, however little",
         {60000, 0, 0, 60000},
         {0, 0, 0, 1},
         {60, 60, 60, 60},
         {"class=\"mark\" d=\"M3 0h1v1h-1z\"", "2,000 a minute"}},
        {"an hour that has just begun counts by its minutes",
         {600, 0, 0, 20},
         {0},
         {60, 60, 60, 2},
         {"M0 1000h1V0h-1zM3 1000h1V0h-1z", "10 a minute"}},
        {"an hour that has not begun is empty",
         {600, 0, 0, 20},
         {0},
         {60, 60, 60, 0},
         {"d=\"M0 1000h1V0h-1z\""}},
    };
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct chart_layer layers[] = {{"let", "a", rows[i].low, false},
                                             {"not", "b", rows[i].high, true}};

        chart_stack(&m, &(struct chart_stack){.id = "c",
                                              .title = "Title",
                                              .layers = layers,
                                              .n_layers = 2,
                                              .n_bins = BINS,
                                              .start_s = AT,
                                              .bin_s = 3600,
                                              .minutes = rows[i].minutes});
        has(rows[i].row, &m, rows[i].want);
    }
}

/* Names and words for who cannot see it; hours where they belong. */
static void
test_labels(void **state)
{
    static const uint64_t count[24] = {1};
    static const uint32_t minutes[24] = {60, 60, 60, 60, 60, 60, 60, 60,
                                         60, 60, 60, 60, 60, 60, 60, 60,
                                         60, 60, 60, 60, 60, 60, 60, 60};
    static const char *const want[] = {
        "role=\"img\" aria-labelledby=\"c-t\" aria-describedby=\"c-d\"",
        "<title id=\"c-t\">Title</title><desc id=\"c-d\">",
        " x=\"50.00%\">22 Nov</text>",
        "class=\"mid odd\"",
        " x=\"12.50%\">15:00</text>",
        "!12:00</text>",
        NULL};
    const struct chart_layer layer = {"let", "a", count, false};
    struct markup m = MARKUP_EMPTY;

    (void)state;
    chart_stack(&m, &(struct chart_stack){.id = "c",
                                          .title = "Title",
                                          .layers = &layer,
                                          .n_layers = 1,
                                          .n_bins = 24,
                                          .start_s = AT - 12 * 3600,
                                          .bin_s = 3600,
                                          .minutes = minutes});
    has("labels", &m, want);
}

static void
test_columns(void **state)
{
    static const struct {
        const char *row;
        uint64_t count[3];
        uint32_t step_s;
        const char *want[5];
    } rows[] = {
        {"nothing", {0}, 3600, {"aria-label=\"things: 0\"", "!<rect"}},
        {"the greatest is as high as there is room",
         {0, 5, 10},
         3600,
         {"aria-label=\"things: 15 in all, most at 02:00: 10\"",
          "x=\"11\" y=\"500\" width=\"8\" height=\"500\"><title>01:00: 5<",
          "x=\"21\" y=\"0\" width=\"8\" height=\"1000\""}},
        {"one among a million is seen",
         {1, 1000000, 0},
         3600,
         {"y=\"970\" width=\"8\" height=\"30\"", "1,000,000"}},
        {"days have dates", {1, 2, 3}, 86400, {"24 Nov: 3", "!00:00"}},
        {"no count is too great",
         {UINT64_MAX, UINT64_MAX, 0},
         60,
         {"height=\"1000\"", "18,446,744,073,709,551,615"}},
    };
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        chart_columns(&m, &(struct chart_columns){.what = "things",
                                                  .count = rows[i].count,
                                                  .n = 3,
                                                  .start_s = AT,
                                                  .step_s = rows[i].step_s,
                                                  .css = "x"});
        has(rows[i].row, &m, rows[i].want);
    }
}

/* What is usual is a line across, and what has changed one down. */
static void
test_besides(void **state)
{
    static const uint64_t count[3] = {0, 5, 10};
    static const struct chart_turn turns[] = {
        {AT - 1, "old"}, {AT + 3600, "<b>"}, {AT + 3 * 3600, "late"}};
    static const char *const want[] = {
        "15 in all, most at 02:00: 10; usual at most 20; &lt;b&gt; from 01:00 "
        "on\"",
        "class=\"usual\" d=\"M0 0h30\"",
        "x=\"21\" y=\"500\" width=\"8\" height=\"500\"", /* of 20 */
        "class=\"turn\" d=\"M10 0v1000\"><title>&lt;b&gt; from 01:00 on<",
        "!old",
        "!late",
        NULL};
    static const char *const bare[] = {"!class=\"usual\"", "!class=\"turn\"",
                                       "!usual at most", NULL};
    struct chart_columns columns = {.what = "things",
                                    .count = count,
                                    .n = 3,
                                    .start_s = AT,
                                    .step_s = 3600,
                                    .css = "x",
                                    .usual = 20,
                                    .turns = turns,
                                    .n_turns = ROWS(turns)};
    struct markup m = MARKUP_EMPTY;

    (void)state;
    chart_columns(&m, &columns);
    has("besides", &m, want);
    columns.usual = 0;
    columns.n_turns = 0;
    chart_columns(&m, &columns);
    has("nothing besides", &m, bare);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nice),    cmocka_unit_test(test_bar),
        cmocka_unit_test(test_stack),   cmocka_unit_test(test_labels),
        cmocka_unit_test(test_columns), cmocka_unit_test(test_besides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
