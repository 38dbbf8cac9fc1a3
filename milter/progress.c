/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "milter/now.h"

enum { DRAW_US = 100000, COLUMNS = 80, BAR_LEAST = 10, BAR_MOST = 40 };

char *
progress_line(const char *what, uint64_t done, uint64_t total, unsigned columns,
              char out[PROGRESS_LINE])
{
    char tail[64], bar[BAR_MOST + 1];
    unsigned percent, width, full;
    size_t used;

    if (done > total && total > 0)
        total = done; /* some have come meanwhile */
    if (total == 0) {
        (void)snprintf(out, PROGRESS_LINE, "%.40s %llu", what,
                       (unsigned long long)done);
        return out;
    }
    percent = (unsigned)((double)done * 100 / (double)total);
    (void)snprintf(tail, sizeof(tail), "%3u%%  %llu of %llu", percent,
                   (unsigned long long)done, (unsigned long long)total);
    used = strlen(what) + strlen(tail) + 5;
    width = columns > used ? columns - (unsigned)used : 0;
    if (width > BAR_MOST)
        width = BAR_MOST;
    full = percent * width / 100;
    memset(bar, '.', sizeof(bar));
    memset(bar, '#', full);
    bar[width] = '\0';
    if (width < BAR_LEAST)
        (void)snprintf(out, PROGRESS_LINE, "%.40s %s", what, tail);
    else
        (void)snprintf(out, PROGRESS_LINE, "%.40s [%s] %s", what, bar, tail);
    return out;
}

void
progress_start(struct progress *progress, const char *what)
{
    *progress = (struct progress){
        .to = isatty(STDERR_FILENO) ? stderr : NULL,
        .what = what,
    };
}

static unsigned
columns_of(FILE *to)
{
    struct winsize size;

    return ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0
               ? size.ws_col
               : COLUMNS;
}

void
progress_step(struct progress *progress, uint64_t done, uint64_t total)
{
    char line[PROGRESS_LINE];
    int64_t now;

    if (progress->to == NULL)
        return;
    now = now_us();
    if (progress->drawn_us != 0 && now - progress->drawn_us < DRAW_US)
        return;
    progress->drawn_us = now;
    (void)fprintf(progress->to, "\r\033[K%s",
                  progress_line(progress->what, done, total,
                                columns_of(progress->to), line));
    (void)fflush(progress->to);
}

void
progress_end(struct progress *progress)
{
    if (progress->to == NULL || progress->drawn_us == 0)
        return;
    (void)fputs("\r\033[K", progress->to);
    (void)fflush(progress->to);
    progress->to = NULL;
}
