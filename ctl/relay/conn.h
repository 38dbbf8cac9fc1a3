/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/conn.h - a TCP connection to a server that may be hostile: each
 * step has a deadline, and what it says is bounded.  TLS is for trying the
 * server, not for trusting it: its certificate is not checked.  The program
 * ignores SIGPIPE, as main() does.
 */
#ifndef MORTSAFE_CTL_RELAY_CONN_H
#define MORTSAFE_CTL_RELAY_CONN_H

#include <stddef.h>
#include <sys/socket.h>

#include "policy/clock.h"
#include "policy/err.h"

enum { CONN_LINE = 512 };

struct conn;

struct conn_to {
    const struct sockaddr_storage *to;
    const struct sockaddr_storage *from; /* family 0: any */
    unsigned wait_ms;                    /* for each step */
    int64_t until_ms; /* of NOW: when no step goes on; 0: none is set */
    struct mono (*now)(void);
};

/* Connect.  MS_UNAVAIL, MS_TIMEOUT, MS_NOMEM, each with WHY. */
enum ms_err conn_open(const struct conn_to *to, struct conn **out,
                      struct why *why);
void conn_close(struct conn *conn); /* NULL is fine */

/* Send all of it.  MS_UNAVAIL (it hung up) or MS_TIMEOUT, with WHY. */
enum ms_err conn_write(struct conn *conn, const void *bytes, size_t n,
                       struct why *why);

/*
 * The next line, without its end, printable ASCII only (else '?'); a longer one
 * ends in "...".  MS_UNAVAIL, MS_TIMEOUT; MS_INVALID: over 64 KiB without an
 * end.
 */
enum ms_err conn_line(struct conn *conn, char line[CONN_LINE], struct why *why);

/* Some bytes as they come, at least one: *GOT of them.  MS_UNAVAIL: it hung
 * up; MS_TIMEOUT. */
enum ms_err conn_read(struct conn *conn, void *bytes, size_t size, size_t *got,
                      struct why *why);

/* From now on TLS, for a server called NAME (NULL: say no name).  What was read
 * ahead of it is thrown away. */
enum ms_err conn_tls(struct conn *conn, const char *name, struct why *why);

/* Its descriptor, to wait on; it may have been read ahead of. */
int conn_descriptor(const struct conn *conn);

/* Our address of it. */
void conn_source(const struct conn *conn, struct sockaddr_storage *out);

/* TEXT of LEN bytes as printable ASCII, '?' for what is not; a longer one ends
 * in "...". */
void conn_printable(const void *text, size_t len, char *out, size_t size);

#endif
