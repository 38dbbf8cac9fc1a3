/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/wire.h - a connected, non-blocking socket, plain or with
 * TLS.  One thread may read while another writes.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_WIRE_H
#define MORTSAFE_POLICY_STORE_REDIS_WIRE_H

#include <stddef.h>

#include "policy/err.h"
#include "policy/store/redis/tls.h"

struct wire;

/* Over FD, which is closed with it (not on failure).  MS_NOMEM. */
enum ms_err wire_create(int fd, struct wire **out);
void wire_destroy(struct wire *wire); /* NULL is fine */

/* To poll() by; no more than that. */
int wire_fd(const struct wire *wire);

/* From now on all that is read and written goes through STREAM (moved). */
void wire_use_tls(struct wire *wire, struct tls_stream *stream);

/* Results as of redis/tls.h; WHY is filled in with TLS_ENDED. */
enum tls_result wire_read(struct wire *wire, void *buf, size_t size,
                          size_t *got, struct why *why);
enum tls_result wire_write(struct wire *wire, const void *buf, size_t len,
                           size_t *put, struct why *why);

/* End it for both sides, so that whoever polls it wakes up. */
void wire_shut(struct wire *wire);

#endif
