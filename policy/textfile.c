/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/textfile.c - a whole file in memory. */
#include <config.h>

#include "policy/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to SIZE bytes from FD: a file may shrink or grow under us. */
static enum ms_err
read_all(int fd, char *text, size_t size, size_t *len, struct why *why)
{
    size_t done = 0;
    ssize_t n = 1;

    while (done < size && n > 0) {
        n = read(fd, text + done, size - done);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            return why_errno(why, MS_UNAVAIL, "cannot read it");
        else
            done += (size_t)n;
    }
    *len = done;
    return MS_OK;
}

static enum ms_err
check_nul(const char *text, size_t len, struct why *why)
{
    const char *nul = memchr(text, '\0', len), *p = text;
    unsigned line = 1;

    if (nul == NULL)
        return MS_OK;
    while ((p = memchr(p, '\n', (size_t)(nul - p))) != NULL) {
        line++;
        p++;
    }
    return why_set(why, MS_INVALID, "a NUL byte in line %u: no text file",
                   line);
}

enum ms_err
textfile_read(const char *path, char **out, size_t *len, struct textfile_id *id,
              struct why *why)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum ms_err err;
    char *text = NULL;
    struct stat st;
    size_t n = 0;

    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, "cannot open it");
    if (fstat(fd, &st) != 0) {
        err = why_errno(why, MS_UNAVAIL, "cannot read it");
        goto done;
    }
    err = MS_INVALID;
    if (!S_ISREG(st.st_mode)) {
        why_set(why, err, "it is no regular file");
        goto done;
    }
    if (st.st_size > TEXTFILE_MAX) {
        why_set(why, err, "it is longer than 64 MiB");
        goto done;
    }
    err = MS_NOMEM;
    text = malloc((size_t)st.st_size + 1);
    if (text == NULL)
        goto done;
    err = read_all(fd, text, (size_t)st.st_size, &n, why);
    if (err == MS_OK)
        err = check_nul(text, n, why);
    if (err != MS_OK)
        goto done;
    text[n] = '\0';
    *out = text;
    *len = n;
    if (id != NULL)
        *id = (struct textfile_id){st.st_dev, st.st_ino};
    text = NULL;
done:
    free(text);
    close(fd);
    return err;
}
