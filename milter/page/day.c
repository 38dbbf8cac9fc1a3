/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of the day: recipients a minute, by outcome.
 */
#include <config.h>

#include <string.h>

#include "milter/counts/history.h"
#include "milter/page/chart.h"
#include "milter/page/parts.h"

enum { BINS = 72, BIN_S = 1200, HOURS = 24 };

bool
page_sums(const json_t *history, uint64_t sums[PAGE_OUTCOMES])
{
    memset(sums, 0, PAGE_OUTCOMES * sizeof(sums[0]));
    if (page_at(history, "outcomes") == NULL)
        return false;
    for (unsigned i = 0; i < PAGE_OUTCOMES; i++) {
        const json_t *n;
        size_t at;

        json_array_foreach(
            page_at(page_at(history, "outcomes"),
                    history_outcome_name((enum history_outcome)i)),
            at, n) sums[i] += page_count(n, "");
    }
    return true;
}

/* Lowest first: what goes through, then what does not. */
static const struct {
    enum history_outcome outcome;
    const char *name, *css;
    bool marked;
} layers[PAGE_OUTCOMES] = {{HISTORY_ACCEPTED, "accepted", "l0", false},
                           {HISTORY_WOULD, "would be refused", "l1", true},
                           {HISTORY_HELD, "held", "l2", true},
                           {HISTORY_DEFERRED, "deferred", "l3", true},
                           {HISTORY_REJECTED, "rejected", "l4", true}};

/* Counts by bins of a third of an hour, the last of which is the current. */
struct day {
    int64_t start_s;
    uint32_t minutes[BINS];
    uint64_t count[PAGE_OUTCOMES][BINS];
};

/* HISTORY's minutes in bins of DAY; false: there are none to show. */
static bool
gather(const json_t *history, struct day *day)
{
    const json_t *outcomes = page_at(history, "outcomes");
    int64_t start_s, end_s;
    uint64_t n;

    memset(day, 0, sizeof(*day));
    if (outcomes == NULL || !page_when(history, "start", &start_s) ||
        page_count(history, "step_s") != 60)
        return false;
    n = json_array_size(page_at(outcomes, "accepted"));
    if (n == 0 || n > HISTORY_MINUTES)
        return false;
    end_s = start_s + (int64_t)n * 60;
    day->start_s = (end_s + BIN_S - 1) / BIN_S * BIN_S - (int64_t)BINS * BIN_S;
    for (uint64_t i = 0; i < n; i++) {
        int64_t from = start_s + (int64_t)i * 60 - day->start_s;

        if (from < 0)
            continue;
        day->minutes[from / BIN_S]++;
        for (unsigned k = 0; k < PAGE_OUTCOMES; k++)
            day->count[k][from / BIN_S] += page_count(
                json_array_get(
                    page_at(outcomes, history_outcome_name(layers[k].outcome)),
                    i),
                "");
    }
    return true;
}

static void
put_legend(struct markup *m, const json_t *history)
{
    uint64_t sums[PAGE_OUTCOMES];

    if (!page_sums(history, sums))
        return;
    markup_raw(m, "<ul class=\"legend\">");
    for (unsigned k = 0; k < PAGE_OUTCOMES; k++) {
        markup_put(m,
                   "<li><svg width=\"12\" height=\"12\" aria-hidden=\"true\">"
                   "<rect class=\"%s\" width=\"12\" height=\"12\" rx=\"2\"/>"
                   "</svg>%s <b>",
                   layers[k].css, layers[k].name);
        page_number(m, sums[layers[k].outcome]);
        markup_raw(m, "</b>");
    }
    markup_raw(m, "</ul>");
}

/* The same for those who cannot see it: by hour, latest first. */
static void
put_table(struct page *p, const struct day *day)
{
    static const char *const heads[] = {"From",  ">Accepted", ">Would be",
                                        ">Held", ">Deferred", ">Rejected"};
    const unsigned each = BINS / HOURS;

    markup_raw(&p->m, "<details><summary>The same as a table</summary>");
    page_table(p, "Recipients by hour and outcome", heads, 6);
    for (unsigned hour = HOURS; hour-- > 0;) {
        markup_raw(&p->m, "<tr><th scope=\"row\">");
        page_clock(&p->m, day->start_s + (int64_t)hour * (int64_t)each * BIN_S);
        for (unsigned k = 0; k < PAGE_OUTCOMES; k++) {
            uint64_t sum = 0;

            for (unsigned i = 0; i < each; i++)
                sum += day->count[k][hour * each + i];
            markup_raw(&p->m, "<td class=\"n\">");
            page_number(&p->m, sum);
        }
    }
    page_table_end(p);
    markup_raw(&p->m, "</details>");
}

void
page_day(struct page *p, const struct page_home *f)
{
    struct day day;
    struct chart_layer stack[PAGE_OUTCOMES];
    struct chart_stack chart = {.id = "day-c",
                                .title = "Recipients a minute, last 24 hours",
                                .layers = stack,
                                .n_layers = PAGE_OUTCOMES,
                                .n_bins = BINS,
                                .bin_s = BIN_S,
                                .minutes = day.minutes};

    page_section(p, "day", "Recipients a minute", "last 24 hours, UTC");
    if (!gather(f->history, &day)) {
        page_nothing(p, "There is no history to show.");
        page_section_end(p);
        return;
    }
    for (unsigned k = 0; k < PAGE_OUTCOMES; k++)
        stack[k] = (struct chart_layer){layers[k].name, layers[k].css,
                                        day.count[k], layers[k].marked};
    chart.start_s = day.start_s;
    put_legend(&p->m, f->history);
    chart_stack(&p->m, &chart);
    put_table(p, &day);
    page_section_end(p);
}
