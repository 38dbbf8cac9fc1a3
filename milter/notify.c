/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A decimal number in the environment; 0 if it is not there or not whole. */
static uint64_t
env_number(const char *name)
{
    const char *text = getenv(name);
    unsigned long long n;
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    n = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' ? n : 0;
}

void
notify_open(struct notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    uint64_t pid = env_number("WATCHDOG_PID");
    size_t len = path != NULL ? strlen(path) : 0;

    memset(notify, 0, sizeof(*notify));
    notify->fd = -1;
    if (len < 2 || len >= sizeof(notify->addr.sun_path) ||
        (path[0] != '/' && path[0] != '@'))
        return;
    notify->addr.sun_family = AF_UNIX;
    memcpy(notify->addr.sun_path, path, len);
    if (path[0] == '@')
        notify->addr.sun_path[0] = '\0'; /* an abstract socket */
    notify->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd >= 0 && (pid == 0 || pid == (uint64_t)getpid()))
        notify->watchdog_us = env_number("WATCHDOG_USEC");
}

void
notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        (void)close(notify->fd);
    notify->fd = -1;
}

void
notify_send(const struct notify *notify, const char *format, ...)
{
    char text[512];
    va_list args;
    int n;

    if (notify->fd < 0)
        return;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof(text))
        (void)sendto(notify->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
                     (const struct sockaddr *)&notify->addr, notify->len);
}
