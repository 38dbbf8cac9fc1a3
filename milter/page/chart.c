/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/page/chart.h"

#include <inttypes.h>

#include "milter/page/parts.h"

enum {
    TALL = 1000,            /* units of a picture's height */
    TOP = 16,               /* pixels above the stack, */
    HIGH = 150,             /* of the stack, */
    MARKS = TOP + HIGH + 4, /* and where its marks, */
    LABELS = MARKS + 22,    /* and the hours' labels stand */
    DAY_S = 86400,
    LABEL_S = 3 * 3600
};

uint64_t
chart_nice(uint64_t n)
{
    uint64_t step = 1;

    while (step <= UINT64_MAX / 10) {
        if (n <= step)
            return step;
        if (n <= 2 * step)
            return 2 * step;
        if (n <= 5 * step)
            return 5 * step;
        step *= 10;
    }
    return n;
}

/* " NAME="12.34%"", of PART of WHOLE. */
static void
put_percent(struct markup *m, const char *name, uint64_t part, uint64_t whole)
{
    uint64_t n = part * 10000 / whole;

    markup_put(m, " %s=\"%ju.%ju%ju%%\"", name, (uintmax_t)(n / 100),
               (uintmax_t)(n / 10 % 10), (uintmax_t)(n % 10));
}

/* Counts of BIN up to layer N, as a rate in thousandths a minute. */
static uint64_t
rate_below(const struct chart_stack *c, size_t n, size_t bin)
{
    uint64_t sum = 0;

    if (c->minutes[bin] == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        sum += c->layers[i].count[bin];
    return sum * 1000 / c->minutes[bin];
}

static uint64_t
axis_end(const struct chart_stack *c)
{
    uint64_t most = 0;

    for (size_t bin = 0; bin < c->n_bins; bin++) {
        uint64_t rate = rate_below(c, c->n_layers, bin);

        most = rate > most ? rate : most;
    }
    return chart_nice((most + 999) / 1000);
}

static void
put_layer(struct markup *m, const struct chart_stack *c, size_t layer,
          uint64_t end)
{
    bool any = false;

    for (size_t bin = 0; bin < c->n_bins; bin++) {
        uint64_t low = rate_below(c, layer, bin) * TALL / (end * 1000);
        uint64_t high = rate_below(c, layer + 1, bin) * TALL / (end * 1000);

        if (high == low)
            continue;
        if (!any)
            markup_put(m, "<path class=\"%s\" d=\"", c->layers[layer].css);
        any = true;
        markup_put(m, "M%zu %juh1V%juh-1z", bin, (uintmax_t)(TALL - low),
                   (uintmax_t)(TALL - high));
    }
    if (any)
        markup_raw(m, "\"/>");
}

static bool
marked(const struct chart_stack *c, size_t bin)
{
    for (size_t i = 0; i < c->n_layers; i++)
        if (c->layers[i].marked && c->layers[i].count[bin] > 0)
            return true;
    return false;
}

/* A rate alone would hide the one refusal among ten thousand. */
static void
put_marks(struct markup *m, const struct chart_stack *c)
{
    bool any = false;

    for (size_t bin = 0; bin < c->n_bins; bin++) {
        if (!marked(c, bin))
            continue;
        if (!any)
            markup_put(m,
                       "<svg y=\"%d\" width=\"100%%\" height=\"5\" viewBox="
                       "\"0 0 %zu 1\" preserveAspectRatio=\"none\"><path "
                       "class=\"mark\" d=\"",
                       MARKS, c->n_bins);
        any = true;
        markup_put(m, "M%zu 0h1v1h-1z", bin);
    }
    if (any)
        markup_raw(m, "\"/></svg>");
}

/* What a bin holds, for whoever points at it. */
static void
put_hits(struct markup *m, const struct chart_stack *c)
{
    markup_raw(m, "<g class=\"hit\">");
    for (size_t bin = 0; bin < c->n_bins; bin++) {
        const char *between = ": ";

        if (rate_below(c, c->n_layers, bin) == 0)
            continue;
        markup_put(m, "<rect x=\"%zu\"><title>", bin);
        page_clock(m, c->start_s + (int64_t)bin * c->bin_s);
        for (size_t i = 0; i < c->n_layers; i++) {
            if (c->layers[i].count[bin] == 0)
                continue;
            markup_put(m, "%s%ju %s", between,
                       (uintmax_t)c->layers[i].count[bin], c->layers[i].name);
            between = ", ";
        }
        markup_raw(m, "</title></rect>");
    }
    markup_raw(m, "</g>");
}

/* Lines at nothing, the half and the end of the axis. */
static void
put_scale(struct markup *m, uint64_t end)
{
    for (unsigned i = 0; i <= 2; i++) {
        unsigned y = TOP + HIGH - i * HIGH / 2;

        markup_put(m, "<line class=\"grid\" x2=\"100%%\" y1=\"%u\" y2=\"%u\"/>",
                   y, y);
        if (i == 0 || end * i % 2 != 0)
            continue;
        markup_put(m, "<text y=\"%u\">", y - 4);
        page_number(m, end * i / 2);
        markup_raw(m, i == 2 ? " a minute</text>" : "</text>");
    }
}

static void
put_hours(struct markup *m, const struct chart_stack *c)
{
    uint64_t span = (uint64_t)c->n_bins * c->bin_s;
    int64_t at = c->start_s - c->start_s % LABEL_S + LABEL_S;

    for (; at < c->start_s + (int64_t)span; at += LABEL_S) {
        uint64_t from = (uint64_t)(at - c->start_s);

        /* a label at the very edge would be cut */
        if (from * 100 < span * 2 || from * 100 > span * 98)
            continue;
        markup_put(m, "<text class=\"mid%s\" y=\"%d\"",
                   at % (2 * LABEL_S) != 0 ? " odd" : "", LABELS);
        put_percent(m, "x", from, span);
        markup_raw(m, ">");
        if (at % DAY_S == 0)
            page_date(m, at);
        else
            page_clock(m, at);
        markup_raw(m, "</text>");
    }
}

static void
put_description(struct markup *m, const struct chart_stack *c)
{
    size_t peak = 0;

    for (size_t bin = 0; bin < c->n_bins; bin++)
        if (rate_below(c, c->n_layers, bin) > rate_below(c, c->n_layers, peak))
            peak = bin;
    if (rate_below(c, c->n_layers, peak) == 0) {
        markup_raw(m, "Nothing came.");
        return;
    }
    markup_raw(m, "Most came from ");
    page_clock(m, c->start_s + (int64_t)peak * c->bin_s);
    markup_raw(m, " on: ");
    page_number(m, (rate_below(c, c->n_layers, peak) + 500) / 1000);
    markup_raw(m, " a minute.");
    for (size_t i = 0; i < c->n_layers; i++) {
        uint64_t sum = 0;

        for (size_t bin = 0; bin < c->n_bins; bin++)
            sum += c->layers[i].count[bin];
        markup_raw(m, " ");
        page_number(m, sum);
        markup_put(m, " %s.", c->layers[i].name);
    }
}

void
chart_stack(struct markup *m, const struct chart_stack *c)
{
    uint64_t end = axis_end(c);

    markup_put(m,
               "<svg class=\"stack\" id=\"%s\" role=\"img\" aria-labelledby="
               "\"%s-t\" aria-describedby=\"%s-d\" width=\"100%%\" "
               "height=\"%d\"><title id=\"%s-t\">%s</title><desc "
               "id=\"%s-d\">",
               c->id, c->id, c->id, LABELS + 6, c->id, c->title, c->id);
    put_description(m, c);
    markup_put(m,
               "</desc><svg y=\"%d\" width=\"100%%\" height=\"%d\" viewBox="
               "\"0 0 %zu %d\" preserveAspectRatio=\"none\">",
               TOP, HIGH, c->n_bins, TALL);
    for (size_t i = 0; i < c->n_layers; i++)
        put_layer(m, c, i, end);
    put_hits(m, c);
    markup_raw(m, "</svg>");
    put_scale(m, end);
    put_marks(m, c);
    put_hours(m, c);
    markup_raw(m, "</svg>");
}

void
chart_bar(struct markup *m, uint64_t permille, const char *css)
{
    uint64_t full = permille < 1000 ? permille : 1000;

    markup_put(m, "<svg class=\"bar %s\" aria-hidden=\"true\">", css);
    if (full > 0)
        markup_put(m, "<rect width=\"%ju.%ju%%\"/>", (uintmax_t)(full / 10),
                   (uintmax_t)(full % 10));
    markup_raw(m, "</svg>");
}

static void
put_when(struct markup *m, int64_t at_s, uint32_t step_s)
{
    if (step_s % DAY_S == 0) {
        page_date(m, at_s);
        return;
    }
    page_clock(m, at_s);
}

/* Is TURN in view of C? */
static bool
in_view(const struct chart_columns *c, const struct chart_turn *turn)
{
    return turn->at_s >= c->start_s &&
           turn->at_s < c->start_s + (int64_t)c->n * c->step_s;
}

/* What else is in the picture, for those who cannot see it. */
static void
tell_besides(struct markup *m, const struct chart_columns *c)
{
    if (c->usual > 0) {
        markup_raw(m, "; usual at most ");
        page_number(m, c->usual);
    }
    for (size_t i = 0; i < c->n_turns; i++) {
        if (!in_view(c, &c->turns[i]))
            continue;
        markup_put(m, "; %s from ", c->turns[i].what);
        put_when(m, c->turns[i].at_s, c->step_s);
        markup_raw(m, " on");
    }
}

/* A level across, and a line down for each turn. */
static void
put_besides(struct markup *m, const struct chart_columns *c, uint64_t top)
{
    if (c->usual > 0)
        markup_put(
            m, "<path class=\"usual\" d=\"M0 %juh%zu\"/>",
            (uintmax_t)(TALL - (uint64_t)((long double)c->usual * TALL / top)),
            c->n * 10);
    for (size_t i = 0; i < c->n_turns; i++) {
        const struct chart_turn *turn = &c->turns[i];

        if (!in_view(c, turn))
            continue;
        markup_put(m, "<path class=\"turn\" d=\"M%jd 0v%d\"><title>%s from ",
                   (intmax_t)((turn->at_s - c->start_s) * 10 / c->step_s), TALL,
                   turn->what);
        put_when(m, turn->at_s, c->step_s);
        markup_raw(m, " on</title></path>");
    }
}

void
chart_columns(struct markup *m, const struct chart_columns *c)
{
    uint64_t most = 0, sum = 0, top;
    size_t peak = 0;

    for (size_t i = 0; i < c->n; i++) {
        sum += c->count[i];
        if (c->count[i] > most) {
            most = c->count[i];
            peak = i;
        }
    }
    markup_put(m,
               "<svg class=\"cols %s\" role=\"img\" aria-label=\"%s: ", c->css,
               c->what);
    page_number(m, sum);
    if (most > 0) {
        markup_raw(m, " in all, most at ");
        put_when(m, c->start_s + (int64_t)(peak * c->step_s), c->step_s);
        markup_raw(m, ": ");
        page_number(m, most);
    }
    tell_besides(m, c);
    top = c->usual > most ? c->usual : most;
    markup_put(m,
               "\" width=\"100%%\" viewBox=\"0 0 %zu %d\" "
               "preserveAspectRatio=\"none\"><path class=\"grid\" "
               "d=\"M0 %dh%zu\"/>",
               c->n * 10, TALL, TALL, c->n * 10);
    for (size_t i = 0; i < c->n; i++) {
        uint64_t high;

        if (c->count[i] == 0)
            continue;
        /* what there is can be seen, however little; no overflow */
        high = (uint64_t)((long double)c->count[i] * TALL / top);
        high = high < 30 ? 30 : high;
        markup_put(m,
                   "<rect x=\"%zu\" y=\"%ju\" width=\"8\" height=\"%ju\">"
                   "<title>",
                   i * 10 + 1, (uintmax_t)(TALL - high), (uintmax_t)high);
        put_when(m, c->start_s + (int64_t)(i * c->step_s), c->step_s);
        markup_raw(m, ": ");
        page_number(m, c->count[i]);
        markup_raw(m, "</title></rect>");
    }
    put_besides(m, c, top);
    markup_raw(m, "</svg>");
}
