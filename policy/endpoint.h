/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/endpoint.h - where a server is, as people write it:
 * `redis://user@host:6379/0`, `rediss://` (TLS), `unix:/path?db=0`, and the
 * bare `host:port` of a Sentinel.  Pure.
 */
#ifndef MORTSAFE_POLICY_ENDPOINT_H
#define MORTSAFE_POLICY_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/err.h"

enum {
    ENDPOINT_HOST = 256,
    ENDPOINT_PATH = 108, /* of a Unix socket, as the system has it */
    ENDPOINT_USER = 64,
    ENDPOINT_PORT = 6379,
    ENDPOINT_SENTINEL_PORT = 26379,
    ENDPOINT_NAME = 300
};

struct endpoint {
    bool tls;
    char host[ENDPOINT_HOST]; /* name or address, small letters, IPv6 without
                                 brackets; "" */
    uint16_t port;
    char path[ENDPOINT_PATH]; /* of a Unix socket; then HOST is "" */
    char user[ENDPOINT_USER]; /* ""; the server's `default` */
    unsigned db;              /* 0 to 65535 */
};

/*
 * Read TEXT as a URL.  A host may be left out ("redis://mortsafe@/0"), which
 * is for those whom Sentinels tell it.  In the user's name %XX is a byte; with
 * a Unix socket it is written unix://user@/path.  MS_INVALID: WHY tells what is
 * wrong; a password is, with the advice to write it to a file, and is not
 * repeated.
 */
enum ms_err endpoint_parse(const char *text, struct endpoint *out,
                           struct why *why);

/* The same for "host", "host:port" and "[2001:db8::1]:port". */
enum ms_err endpoint_parse_host(const char *text, uint16_t port,
                                struct endpoint *out, struct why *why);

/* "192.0.2.1:6379", "[2001:db8::1]:6379", "unix:/run/redis.sock": for people
 * and as a key.  Returns BUF. */
char *endpoint_print(const struct endpoint *endpoint, char buf[ENDPOINT_NAME]);

/* Do both name the same server, whoever the user and the database are? */
bool endpoint_same(const struct endpoint *a, const struct endpoint *b);

#endif
