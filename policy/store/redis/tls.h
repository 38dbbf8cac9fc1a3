/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/tls.h - TLS to a server: OpenSSL, and nothing else of the
 * project includes it.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_TLS_H
#define MORTSAFE_POLICY_STORE_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"

struct link_tls; /* what all connections share */
struct tls_stream;

struct link_tls_options {
    const char *ca_file;   /* NULL: the system's */
    const char *cert_file; /* NULL: none; with KEY_FILE */
    const char *key_file;
    const char *name; /* that the certificate must have; NULL: the host's */
};

/* TLS 1.2 or better, certificate and name checked always.  WHY names the file
 * that cannot be used. */
enum ms_err link_tls_create(const struct link_tls_options *options,
                            struct link_tls **out, struct why *why);
void link_tls_destroy(struct link_tls *tls);

/* A stream over descriptor FD (borrowed, non-blocking) to a server called HOST
 * (an address is checked as one).  Not thread-safe.  MS_INVALID: there is no
 * name to check; MS_NOMEM. */
enum ms_err tls_stream_create(struct link_tls *tls, int fd, const char *host,
                              struct tls_stream **out);
void tls_stream_destroy(struct tls_stream *stream);

/* What stands in the way of going on; TLS_ENDED: WHY tells.  A write may put a
 * part; one that was stopped is tried again with the same bytes. */
enum tls_result { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_ENDED };
enum tls_result tls_handshake(struct tls_stream *stream, struct why *why);
enum tls_result tls_read(struct tls_stream *stream, void *buf, size_t size,
                         size_t *got, struct why *why);
enum tls_result tls_write(struct tls_stream *stream, const void *buf,
                          size_t len, size_t *put, struct why *why);

#endif
