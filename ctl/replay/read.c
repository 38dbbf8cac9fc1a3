/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/replay/read.c - a log file, plain or gzip, line by line. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "ctl/replay/history.h"

enum { LINE = 65536, TELL_EVERY = 4096 };

/* The next line of FILE in TEXT, without its newline; false: there is none.
 * What is too long for TEXT is "". */
static bool
next_line(gzFile file, char text[LINE], size_t *len)
{
    bool whole = true;

    for (;;) {
        if (gzgets(file, text, LINE) == NULL)
            return false;
        *len = strlen(text);
        if (*len > 0 && text[*len - 1] == '\n')
            break;
        if (*len < LINE - 1) { /* the file ends without a newline, or has a
                                  NUL in this line */
            if (gzeof(file))
                break;
            continue;
        }
        whole = false;
    }
    while (*len > 0 && (text[*len - 1] == '\n' || text[*len - 1] == '\r'))
        text[--*len] = '\0';
    if (!whole)
        *len = 0;
    return true;
}

static enum ms_err
read_all(struct history *h, gzFile file, struct maillog_clock clock,
         uint64_t total, void (*tell)(void *arg, uint64_t done, uint64_t total),
         void *arg)
{
    static char text[LINE];
    struct maillog_line line;
    enum ms_err err = MS_OK;
    size_t len;

    while (err == MS_OK && next_line(file, text, &len)) {
        if (h->lines++ % TELL_EVERY == 0)
            tell(arg, (uint64_t)gzoffset(file), total);
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
    struct stat st = {0};
    enum ms_err err;
    gzFile file;
    int code;

    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)close(fd);
        return why_set(why, MS_UNAVAIL, "%s: is a directory", path);
    }
    file = gzdopen(fd, "rb");
    if (file == NULL) {
        (void)close(fd);
        return why_set(why, MS_NOMEM, "no memory");
    }
    err = read_all(h, file, *clock, (uint64_t)st.st_size, tell, arg);
    (void)gzerror(file, &code);
    if (err == MS_NOMEM)
        (void)why_set(why, MS_NOMEM, "no memory");
    else if (code == Z_ERRNO)
        err = why_errno(why, MS_UNAVAIL, path);
    else if (code != Z_OK && code != Z_STREAM_END)
        err = why_set(why, MS_INVALID, "%s: damaged behind line %llu", path,
                      (unsigned long long)h->lines);
    (void)gzclose(file);
    return err;
}
