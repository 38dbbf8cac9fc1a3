/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/replay/read.c - a log file, plain or gzip, line by line. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "ctl/replay/history.h"

enum { LINE = 65536, TELL_EVERY = 4096 };

struct reader {
    gzFile file;
    size_t at, len; /* what of TEXT is not read yet */
    bool skips;     /* the rest of a line that is too long */
    char text[LINE + 1];
};

/* More of the file behind what is there; false: there is no more. */
static bool
fill(struct reader *r)
{
    int n;

    memmove(r->text, r->text + r->at, r->len - r->at);
    r->len -= r->at;
    r->at = 0;
    if (r->len == LINE) {
        r->skips = true;
        r->len = 0;
    }
    n = gzread(r->file, r->text + r->len, (unsigned)(LINE - r->len));
    if (n > 0)
        r->len += (size_t)n;
    return n > 0;
}

/* The next line in *LINE, without its end; false: there is none. */
static bool
next_line(struct reader *r, char **line, size_t *len)
{
    for (;;) {
        char *end = memchr(r->text + r->at, '\n', r->len - r->at);
        bool whole = !r->skips;

        if (end == NULL && fill(r))
            continue;
        *line = r->text + r->at;
        *len = end != NULL ? (size_t)(end - *line) : r->len - r->at;
        if (end == NULL && *len == 0)
            return false;
        r->at += *len + (end != NULL);
        r->skips = false;
        if (whole)
            break;
    }
    while (*len > 0 && (*line)[*len - 1] == '\r')
        --*len;
    return true;
}

static enum ms_err
read_all(struct history *h, struct reader *r, struct maillog_clock clock,
         uint64_t total, void (*tell)(void *arg, uint64_t done, uint64_t total),
         void *arg)
{
    struct maillog_line line;
    enum ms_err err = MS_OK;
    char *text;
    size_t len;

    while (err == MS_OK && next_line(r, &text, &len)) {
        if (h->lines++ % TELL_EVERY == 0)
            tell(arg, total > 0 ? (uint64_t)gzoffset(r->file) : h->lines,
                 total);
        if (maillog_read(text, len, &clock, &line)) {
            h->used++;
            err = history_add(h, &line);
        }
    }
    return err;
}

enum ms_err
history_read(struct history *h, const char *path,
             const struct maillog_clock *clock,
             void (*tell)(void *arg, uint64_t done, uint64_t total), void *arg,
             struct why *why)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct reader *r = calloc(1, sizeof(*r));
    struct stat st = {0};
    enum ms_err err;
    int code;

    if (fd < 0) {
        free(r);
        return why_errno(why, MS_UNAVAIL, path);
    }
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)close(fd);
        free(r);
        return why_set(why, MS_UNAVAIL, "%s: is a directory", path);
    }
    if (r != NULL)
        r->file = gzdopen(fd, "rb");
    if (r == NULL || r->file == NULL) {
        (void)close(fd);
        free(r);
        return why_set(why, MS_NOMEM, "no memory");
    }
    err = read_all(h, r, *clock, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
                   tell, arg);
    (void)gzerror(r->file, &code);
    if (err == MS_NOMEM)
        (void)why_set(why, MS_NOMEM, "no memory");
    else if (code == Z_ERRNO)
        err = why_errno(why, MS_UNAVAIL, path);
    else if (code != Z_OK && code != Z_STREAM_END)
        err = why_set(why, MS_INVALID, "%s: damaged behind line %llu", path,
                      (unsigned long long)h->lines);
    (void)gzclose(r->file);
    free(r);
    return err;
}
