/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notify.h - telling systemd how we are: sd_notify(3) by hand.
 */
#ifndef MORTSAFE_MILTER_NOTIFY_H
#define MORTSAFE_MILTER_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un addr;
    socklen_t len;
    uint64_t watchdog_us; /* how often it wants to hear; 0: never */
};

/* Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; never fails. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* Send "READY=1" and the like, formatted as printf does.  Never waits; thread-
 * safe. */
void notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
