/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/bar.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/pace.h"

enum { DRAW_MS = 100, BAR = 30 };

void
bar_start(struct bar *bar, const char *what)
{
    *bar = (struct bar){.what = what, .shown = isatty(STDERR_FILENO) == 1};
}

void
bar_draw(void *arg, uint64_t done, uint64_t total)
{
    static const char full[] = "##############################",
                      empty[] = "..............................";
    struct bar *bar = arg;
    int64_t now = bar->shown ? pace_now().ms : 0;
    int n;

    if (!bar->shown || now - bar->drawn_ms < DRAW_MS)
        return;
    bar->drawn_ms = now;
    if (total == 0) {
        (void)fprintf(stderr, "\r\033[K%s %" PRIu64, bar->what, done);
    } else {
        n = done < total ? (int)((double)done * BAR / (double)total) : BAR;
        (void)fprintf(stderr, "\r\033[K%s [%.*s%.*s] %3d%%", bar->what, n, full,
                      BAR - n, empty, n * 100 / BAR);
    }
    (void)fflush(stderr);
}

void
bar_wipe(const struct bar *bar)
{
    if (bar->shown)
        (void)fputs("\r\033[K", stderr);
}
