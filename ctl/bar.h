/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/bar.h - how far something has come, on one line of the terminal behind
 * standard error; nothing where that is none.
 */
#ifndef MORTSAFE_CTL_BAR_H
#define MORTSAFE_CTL_BAR_H

#include <stdbool.h>
#include <stdint.h>

struct bar {
    const char *what; /* "reading"; may be changed */
    bool shown;       /* somebody looks */
    int64_t drawn_ms;
};

/* WHAT is borrowed. */
void bar_start(struct bar *bar, const char *what);

/* DONE of TOTAL (0: not known); ARG is the bar.  Seldom enough to be called
 * often. */
void bar_draw(void *arg, uint64_t done, uint64_t total);
void bar_wipe(const struct bar *bar);

#endif
