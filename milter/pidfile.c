/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/pidfile.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Our number as it stands in the file. */
static size_t
own_number(char *text, size_t size)
{
    return (size_t)snprintf(text, size, "%ld\n", (long)getpid());
}

static bool
is_plain(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

enum ms_err
pidfile_write(const char *path, struct why *why)
{
    enum ms_err err = MS_OK;
    char text[32];
    size_t len = own_number(text, sizeof(text));
    int fd;

    if (path == NULL)
        return MS_OK;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
              0644);
    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, path);
    if (!is_plain(fd))
        err = why_set(why, MS_INVALID, "%s: not a plain file", path);
    else if (ftruncate(fd, 0) != 0 || fchmod(fd, 0644) != 0 ||
             write(fd, text, len) != (ssize_t)len)
        err = why_errno(why, MS_UNAVAIL, path);
    (void)close(fd);
    return err;
}

void
pidfile_remove(const char *path)
{
    char own[32], had[32];
    size_t len = own_number(own, sizeof(own));
    int fd = path != NULL
                 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                 : -1;

    if (fd < 0)
        return;
    if (read(fd, had, sizeof(had)) == (ssize_t)len &&
        memcmp(own, had, len) == 0)
        (void)unlink(path);
    (void)close(fd);
}
