/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/page/chart.h - pictures of counts as SVG within a page.  They stretch
 * with the page while their letters do not, and carry no colours: classes do.
 * What they show is also told in words, as title and description.  Pure.
 */
#ifndef MORTSAFE_MILTER_PAGE_CHART_H
#define MORTSAFE_MILTER_PAGE_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/page/markup.h"

/* One outcome in a stack; all its strings are constants of ours. */
struct chart_layer {
    const char *name;      /* "accepted" */
    const char *css;       /* its class */
    const uint64_t *count; /* of each bin */
    bool marked;           /* bins that have any get a mark below the axis */
};

/* Counts over time, stacked, as events a minute. */
struct chart_stack {
    const char *id;    /* of the element, and in front of those in it */
    const char *title; /* of the whole */
    const struct chart_layer *layers;
    size_t n_layers; /* lowest first */
    size_t n_bins;   /* at least 1 */
    int64_t start_s;
    uint32_t bin_s;          /* at least 60 */
    const uint32_t *minutes; /* of each bin that have begun; 0: none */
};
void chart_stack(struct markup *m, const struct chart_stack *chart);

/* A bar of PERMILLE of its room (more is full), of class CSS.  It says nothing
 * to a screen reader: the number must stand beside it. */
void chart_bar(struct markup *m, uint64_t permille, const char *css);

/* A moment that is marked in a picture. */
struct chart_turn {
    int64_t at_s;
    const char *what; /* "quarantined"; may be foreign */
};

/* Columns of one series; WHAT is told with its greatest. */
struct chart_columns {
    const char *what; /* "recipients an hour" */
    const uint64_t *count;
    size_t n; /* at least 1 */
    int64_t start_s;
    uint32_t step_s;
    const char *css;
    uint64_t usual;                 /* a level to compare with; 0: none */
    const struct chart_turn *turns; /* those in view are marked, and told */
    size_t n_turns;
};
void chart_columns(struct markup *m, const struct chart_columns *chart);

/* The least of 1, 2, 5, 10, 20, ... that is not below N: an axis' end. */
uint64_t chart_nice(uint64_t n);

#endif
