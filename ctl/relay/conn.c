/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <openssl/ssl.h>

enum { CONN_AHEAD = 4096, CONN_UNENDING = 64 * 1024 };

struct conn {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: plain */
    unsigned wait_ms;
    int64_t until_ms; /* 0: none */
    struct mono (*now)(void);
    unsigned char ahead[CONN_AHEAD]; /* read, not yet handed out */
    size_t at, n;
};

static enum ms_err
wait_for(const struct conn *conn, short event, int64_t until, struct why *why)
{
    struct pollfd poller = {.fd = conn->fd, .events = event};
    int64_t left;
    int n;

    do {
        left = until - conn->now().ms;
        n = left > 0 ? poll(&poller, 1, (int)left) : 0;
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return why_errno(why, MS_UNAVAIL, "poll");
    return n > 0 ? MS_OK : why_set(why, MS_TIMEOUT, "no answer in time");
}

static int64_t
deadline(const struct conn *conn)
{
    int64_t until = conn->now().ms + conn->wait_ms;

    return conn->until_ms != 0 && conn->until_ms < until ? conn->until_ms
                                                         : until;
}

/* ----- there */

static socklen_t
length(const struct sockaddr_storage *addr)
{
    return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                       : sizeof(struct sockaddr_in);
}

static enum ms_err
connected(const struct conn *conn, struct why *why)
{
    int error = 0;
    socklen_t size = sizeof(error);
    enum ms_err err = wait_for(conn, POLLOUT, deadline(conn), why);

    if (err != MS_OK)
        return err;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    errno = error;
    return error == 0 ? MS_OK : why_errno(why, MS_UNAVAIL, "connect");
}

static enum ms_err
dial(const struct conn *conn, const struct conn_to *to, struct why *why)
{
    if (to->from != NULL && to->from->ss_family != 0 &&
        bind(conn->fd, (const struct sockaddr *)to->from, length(to->from)) !=
            0)
        return why_errno(why, MS_UNAVAIL, "the source address");
    if (connect(conn->fd, (const struct sockaddr *)to->to, length(to->to)) == 0)
        return MS_OK;
    if (errno != EINPROGRESS)
        return why_errno(why, MS_UNAVAIL, "connect");
    return connected(conn, why);
}

enum ms_err
conn_open(const struct conn_to *to, struct conn **out, struct why *why)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    enum ms_err err;

    if (conn == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    conn->wait_ms = to->wait_ms;
    conn->until_ms = to->until_ms;
    conn->now = to->now;
    conn->fd = socket(to->to->ss_family,
                      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    err = conn->fd < 0 ? why_errno(why, MS_UNAVAIL, "socket")
                       : dial(conn, to, why);
    if (err == MS_OK)
        *out = conn;
    else
        conn_close(conn);
    return err;
}

void
conn_close(struct conn *conn)
{
    if (conn == NULL)
        return;
    SSL_free(conn->ssl);
    SSL_CTX_free(conn->ctx);
    if (conn->fd >= 0)
        (void)close(conn->fd);
    free(conn);
}

int
conn_descriptor(const struct conn *conn)
{
    return conn->fd;
}

void
conn_source(const struct conn *conn, struct sockaddr_storage *out)
{
    socklen_t size = sizeof(*out);

    memset(out, 0, sizeof(*out));
    if (getsockname(conn->fd, (struct sockaddr *)out, &size) != 0)
        out->ss_family = 0;
}

/* ----- bytes */

/* What SSL wants before it goes on after RESULT; 0: it has ended. */
static short
tls_wants(const struct conn *conn, int result)
{
    switch (SSL_get_error(conn->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return POLLIN;
    case SSL_ERROR_WANT_WRITE:
        return POLLOUT;
    default:
        return 0;
    }
}

/* Bytes moved, 0 at the end, -1 with *WANTS set: wait for that. */
static ssize_t
pull(struct conn *conn, void *bytes, size_t size, short *wants)
{
    ssize_t n;

    *wants = POLLIN;
    if (conn->ssl != NULL) {
        n = SSL_read(conn->ssl, bytes, (int)size);
        if (n > 0)
            return n;
        *wants = tls_wants(conn, (int)n);
        return *wants != 0 ? -1 : 0;
    }
    n = recv(conn->fd, bytes, size, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return 0; /* reset: the same as an end */
    return n;
}

static ssize_t
push(struct conn *conn, const void *bytes, size_t n, short *wants)
{
    ssize_t put;

    *wants = POLLOUT;
    if (conn->ssl != NULL) {
        put = SSL_write(conn->ssl, bytes, (int)n);
        if (put > 0)
            return put;
        *wants = tls_wants(conn, (int)put);
        return *wants != 0 ? -1 : 0;
    }
    put = send(conn->fd, bytes, n, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR)
        return 0;
    return put;
}

enum ms_err
conn_write(struct conn *conn, const void *bytes, size_t n, struct why *why)
{
    const int64_t until = deadline(conn);
    const unsigned char *at = bytes;

    while (n > 0) {
        short wants;
        ssize_t put = push(conn, at, n, &wants);
        enum ms_err err;

        if (put == 0)
            return why_set(why, MS_UNAVAIL, "it hung up");
        if (put > 0) {
            at += put;
            n -= (size_t)put;
            continue;
        }
        err = wait_for(conn, wants, until, why);
        if (err != MS_OK)
            return err;
    }
    return MS_OK;
}

static enum ms_err
fill(struct conn *conn, int64_t until, struct why *why)
{
    for (;;) {
        short wants;
        ssize_t got = pull(conn, conn->ahead, sizeof(conn->ahead), &wants);
        enum ms_err err;

        if (got == 0)
            return why_set(why, MS_UNAVAIL, "it hung up");
        if (got > 0) {
            conn->at = 0;
            conn->n = (size_t)got;
            return MS_OK;
        }
        err = wait_for(conn, wants, until, why);
        if (err != MS_OK)
            return err;
    }
}

enum ms_err
conn_read(struct conn *conn, void *bytes, size_t size, size_t *got,
          struct why *why)
{
    if (conn->at == conn->n) {
        enum ms_err err = fill(conn, deadline(conn), why);

        if (err != MS_OK)
            return err;
    }
    *got = conn->n - conn->at < size ? conn->n - conn->at : size;
    memcpy(bytes, conn->ahead + conn->at, *got);
    conn->at += *got;
    return MS_OK;
}

static bool
put_char(char line[CONN_LINE], size_t *len, unsigned char c)
{
    if (*len == CONN_LINE - 1)
        return false;
    line[(*len)++] = (char)(c < 32 || c > 126 ? '?' : c);
    return true;
}

enum ms_err
conn_line(struct conn *conn, char line[CONN_LINE], struct why *why)
{
    const int64_t until = deadline(conn);
    size_t len = 0, seen = 0;
    bool whole = true;

    for (;;) {
        unsigned char c;

        if (conn->at == conn->n) {
            enum ms_err err = fill(conn, until, why);

            if (err != MS_OK)
                return err;
        }
        c = conn->ahead[conn->at++];
        if (c == '\n')
            break;
        if (++seen > CONN_UNENDING)
            return why_set(why, MS_INVALID, "a line without an end");
        if (c != '\r')
            whole = put_char(line, &len, c) && whole;
    }
    line[len] = '\0';
    if (!whole)
        memcpy(line + len - 3, "...", 3);
    return MS_OK;
}

void
conn_printable(const void *text, size_t len, char *out, size_t size)
{
    const unsigned char *at = text;
    size_t n = len < size - 1 ? len : size - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)(at[i] < 32 || at[i] > 126 ? '?' : at[i]);
    out[n] = '\0';
    if (n < len && n >= 3)
        memcpy(out + n - 3, "...", 3);
}

/* ----- TLS */

static bool
tls_begin(struct conn *conn, const char *name)
{
    conn->ctx = SSL_CTX_new(TLS_client_method());
    if (conn->ctx == NULL)
        return false;
    /* an old server is to be tried as it is */
    SSL_CTX_set_security_level(conn->ctx, 0);
    SSL_CTX_set_verify(conn->ctx, SSL_VERIFY_NONE, NULL);
    conn->ssl = SSL_new(conn->ctx);
    return conn->ssl != NULL && SSL_set_fd(conn->ssl, conn->fd) == 1 &&
           (name == NULL || SSL_set_tlsext_host_name(conn->ssl, name) == 1);
}

enum ms_err
conn_tls(struct conn *conn, const char *name, struct why *why)
{
    const int64_t until = deadline(conn);

    conn->at = conn->n = 0; /* what came in the clear is nobody's word */
    if (!tls_begin(conn, name))
        return why_set(why, MS_NOMEM, "no TLS");
    for (;;) {
        int n = SSL_connect(conn->ssl);
        short wants = n == 1 ? 0 : tls_wants(conn, n);
        enum ms_err err;

        if (n == 1)
            return MS_OK;
        if (wants == 0)
            return why_set(why, MS_UNAVAIL, "no TLS with it");
        err = wait_for(conn, wants, until, why);
        if (err != MS_OK)
            return err;
    }
}
