/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/endpoint.h - a milter's socket in libmilter's form:
 * inet:PORT@HOST, inet6:PORT@HOST, local:/path, unix:/path or a bare /path.
 */
#ifndef MORTSAFE_TEST_BENCH_ENDPOINT_H
#define MORTSAFE_TEST_BENCH_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

struct endpoint {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* False: TEXT is not a socket, or HOST no address. */
bool endpoint_parse(const char *text, struct endpoint *out);

/*
 * A non-blocking socket that is connected or about to be; -1 with errno, of
 * which EAGAIN means that the milter's backlog is full: try again soon.
 */
int endpoint_connect(const struct endpoint *endpoint);

#endif
