/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
    int fd;
    pthread_mutex_t lock; /* of TLS, whose reading writes; a leaf */
    struct tls_stream *tls;
};

enum ms_err
wire_create(int fd, struct wire **out)
{
    struct wire *wire = calloc(1, sizeof(*wire));

    if (wire == NULL)
        return MS_NOMEM;
    wire->fd = fd;
    (void)pthread_mutex_init(&wire->lock, NULL);
    *out = wire;
    return MS_OK;
}

void
wire_destroy(struct wire *wire)
{
    if (wire == NULL)
        return;
    tls_stream_destroy(wire->tls);
    close(wire->fd);
    (void)pthread_mutex_destroy(&wire->lock);
    free(wire);
}

int
wire_fd(const struct wire *wire)
{
    return wire->fd;
}

void
wire_use_tls(struct wire *wire, struct tls_stream *stream)
{
    wire->tls = stream;
}

/* What a failed call of the system means. */
static enum tls_result
stopped(enum tls_result wants, const char *what, struct why *why)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return wants;
    (void)why_errno(why, MS_UNAVAIL, what);
    return TLS_ENDED;
}

enum tls_result
wire_read(struct wire *wire, void *buf, size_t size, size_t *got,
          struct why *why)
{
    enum tls_result result;
    ssize_t n;

    if (wire->tls != NULL) {
        (void)pthread_mutex_lock(&wire->lock);
        result = tls_read(wire->tls, buf, size, got, why);
        (void)pthread_mutex_unlock(&wire->lock);
        return result;
    }
    n = recv(wire->fd, buf, size, 0);
    if (n < 0)
        return stopped(TLS_WANTS_READ, "reading", why);
    if (n == 0) {
        (void)why_set(why, MS_UNAVAIL, "the server closed the connection");
        return TLS_ENDED;
    }
    *got = (size_t)n;
    return TLS_DONE;
}

enum tls_result
wire_write(struct wire *wire, const void *buf, size_t len, size_t *put,
           struct why *why)
{
    enum tls_result result;
    ssize_t n;

    if (wire->tls != NULL) {
        (void)pthread_mutex_lock(&wire->lock);
        result = tls_write(wire->tls, buf, len, put, why);
        (void)pthread_mutex_unlock(&wire->lock);
        return result;
    }
    n = send(wire->fd, buf, len, MSG_NOSIGNAL);
    if (n < 0)
        return stopped(TLS_WANTS_WRITE, "writing", why);
    *put = (size_t)n;
    return TLS_DONE;
}

void
wire_shut(struct wire *wire)
{
    (void)shutdown(wire->fd, SHUT_RDWR);
}
