/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/progress.h - how far long work has come: a bar on the terminal that
 * standard error is, and silence where it is none.  One thread.
 */
#ifndef MORTSAFE_MILTER_PROGRESS_H
#define MORTSAFE_MILTER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PROGRESS_LINE = 160 };

struct progress {
    FILE *to;         /* NULL: nobody looks */
    const char *what; /* "exporting"; borrowed */
    int64_t drawn_us; /* when it was; 0: not yet */
};

/* Begin to tell of WHAT on standard error, if that is a terminal. */
void progress_start(struct progress *progress, const char *what);

/* DONE of TOTAL (0: not known) subjects are done; drawn ten times a second. */
void progress_step(struct progress *progress, uint64_t done, uint64_t total);

/* Take the bar away. */
void progress_end(struct progress *progress);

/*
 * The line for COLUMNS of a terminal: "exporting [####....]  50%  50 of 100".
 * Without a total there is no bar.  Returns OUT.  Pure.
 */
char *progress_line(const char *what, uint64_t done, uint64_t total,
                    unsigned columns, char out[PROGRESS_LINE]);

#endif
