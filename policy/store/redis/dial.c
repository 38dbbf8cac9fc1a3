/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/dial.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

/* A dead peer is noticed after 10 + 3 * 5 s, should nobody ask it anything. */
enum { KEEP_IDLE_S = 10, KEEP_EVERY_S = 5, KEEP_TRIES = 3 };

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == ENDPOINT_PATH,
               "as sockaddr_un has it");

/* A question to the resolver, shared by who asks and the thread that waits. */
struct question {
    atomic_uint refs;
    int answered;      /* eventfd, readable from then on */
    atomic_bool ready; /* what is below may be read */
    char host[ENDPOINT_HOST], port[8];
    int result; /* of getaddrinfo() */
    struct addrinfo *found;
};

struct dialer {
    struct dialer_needs is;
    struct question *question; /* out, or just answered */
};

enum ms_err
dialer_create(const struct dialer_needs *needs, struct dialer **out)
{
    struct dialer *dialer = calloc(1, sizeof(*dialer));

    if (dialer == NULL)
        return MS_NOMEM;
    dialer->is = *needs;
    *out = dialer;
    return MS_OK;
}

static void
question_end(struct question *question)
{
    if (question == NULL || atomic_fetch_sub(&question->refs, 1) > 1)
        return;
    if (question->found != NULL)
        freeaddrinfo(question->found);
    if (question->answered >= 0)
        close(question->answered);
    free(question);
}

void
dialer_destroy(struct dialer *dialer)
{
    if (dialer == NULL)
        return;
    question_end(dialer->question);
    free(dialer);
}

/* ----- waiting */

static int64_t
left_ms(const struct dialer *dialer, struct mono deadline)
{
    return deadline.ms - dialer->is.clock.now(dialer->is.clock.arg).mono.ms;
}

/* Wait for EVENTS on FD.  MS_TIMEOUT; MS_BUSY: told to give up. */
static enum ms_err
wait_for(const struct dialer *dialer, int fd, short events,
         struct mono deadline)
{
    struct pollfd polled[] = {{.fd = dialer->is.quit, .events = POLLIN},
                              {.fd = fd, .events = events}};

    for (;;) {
        int64_t left = left_ms(dialer, deadline);
        int n = poll(polled, 2, left > 0 ? (int)left : 0);

        if (n > 0)
            return polled[0].revents != 0 ? MS_BUSY : MS_OK;
        if (n == 0 && left_ms(dialer, deadline) <= 0)
            return MS_TIMEOUT;
    }
}

/* Why waiting for WHAT ended. */
static enum ms_err
why_ended(enum ms_err err, const char *what, struct why *why)
{
    if (err == MS_TIMEOUT)
        return why_set(why, MS_TIMEOUT, "%s: no answer in time", what);
    return why_set(why, MS_UNAVAIL, "%s: given up", what);
}

/* ----- names */

static const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                      .ai_socktype = SOCK_STREAM};

static void *
ask_resolver(void *arg)
{
    struct question *question = arg;

    question->result =
        getaddrinfo(question->host, question->port, &hints, &question->found);
    if (question->result != 0)
        question->found = NULL;
    atomic_store(&question->ready, true);
    (void)eventfd_write(question->answered, 1);
    question_end(question);
    return NULL;
}

/* Start a detached thread with all signals blocked. */
static enum ms_err
start_detached(void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int failed;

    (void)sigfillset(&all);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, &attr, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return failed == 0 ? MS_OK : MS_NOMEM;
}

static enum ms_err
ask(struct dialer *dialer)
{
    struct question *question = calloc(1, sizeof(*question));
    enum ms_err err = MS_NOMEM;

    if (question == NULL)
        return MS_NOMEM;
    atomic_init(&question->refs, 2);
    (void)snprintf(question->host, sizeof(question->host), "%s",
                   dialer->is.at.host);
    (void)snprintf(question->port, sizeof(question->port), "%u",
                   (unsigned)dialer->is.at.port);
    question->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (question->answered >= 0)
        err = start_detached(ask_resolver, question);
    if (err != MS_OK) {
        atomic_store(&question->refs, 1);
        question_end(question);
        return err;
    }
    dialer->question = question;
    return MS_OK;
}

/* The addresses of the host's name, in FOUND (freeaddrinfo() ends them). */
static enum ms_err
resolve(struct dialer *dialer, struct mono deadline, struct addrinfo **found,
        struct why *why)
{
    struct question *question;
    enum ms_err err;

    if (dialer->question == NULL) {
        err = ask(dialer);
        if (err != MS_OK)
            return why_set(why, err, "out of memory for a name");
    }
    question = dialer->question;
    err = wait_for(dialer, question->answered, POLLIN, deadline);
    if (err != MS_OK || !atomic_load(&question->ready))
        return why_ended(err, "looking up the host's name", why);
    if (question->result != 0)
        err = why_set(why, MS_UNAVAIL, "looking up the host's name: %s",
                      gai_strerror(question->result));
    *found = question->found;
    question->found = NULL;
    dialer->question = NULL;
    question_end(question);
    return err;
}

/* An address needs no name server. */
static enum ms_err
find(struct dialer *dialer, struct mono deadline, struct addrinfo **found,
     struct why *why)
{
    struct addrinfo numeric = hints;
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", (unsigned)dialer->is.at.port);
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    if (getaddrinfo(dialer->is.at.host, port, &numeric, found) == 0)
        return MS_OK;
    return resolve(dialer, deadline, found, why);
}

/* ----- sockets */

static void
set_options(int fd)
{
    static const struct {
        int level, name, value;
    } rows[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_TRIES},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        (void)setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
                         sizeof(rows[i].value));
}

/* Has the connection that was begun on FD come about?  By errno. */
static bool
is_connected(int fd)
{
    socklen_t len = sizeof(int);
    int error = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return false;
    errno = error;
    return error == 0;
}

/* Connect to one address until DEADLINE. */
static enum ms_err
connect_to(const struct dialer *dialer, const struct sockaddr *address,
           socklen_t len, struct mono deadline, int *out, struct why *why)
{
    int fd = socket(address->sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    enum ms_err err = MS_OK;

    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, "socket");
    if (address->sa_family != AF_UNIX)
        set_options(fd);
    if (connect(fd, address, len) != 0) {
        if (errno == EINPROGRESS || errno == EINTR) {
            err = wait_for(dialer, fd, POLLOUT, deadline);
            if (err != MS_OK)
                err = why_ended(err, "connecting", why);
            else if (!is_connected(fd))
                err = why_errno(why, MS_UNAVAIL, "connecting");
        } else {
            err = why_errno(why, MS_UNAVAIL, "connecting");
        }
    }
    if (err == MS_OK)
        *out = fd;
    else
        close(fd);
    return err;
}

static enum ms_err
connect_unix(const struct dialer *dialer, struct mono deadline, int *out,
             struct why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, dialer->is.at.path, sizeof(address.sun_path));
    return connect_to(dialer, (struct sockaddr *)&address, sizeof(address),
                      deadline, out, why);
}

/* Each address may take its part of what is left of the time. */
static enum ms_err
connect_any(const struct dialer *dialer, const struct addrinfo *found,
            struct mono deadline, int *out, struct why *why)
{
    enum ms_err err = MS_UNAVAIL;
    int64_t n = 0;

    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        n++;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next, n--) {
        int64_t left = left_ms(dialer, deadline);
        struct mono until = {deadline.ms - left + left / n};

        err = connect_to(dialer, at->ai_addr, at->ai_addrlen, until, out, why);
        if (err == MS_OK)
            break;
    }
    return err;
}

static enum ms_err
connect_socket(struct dialer *dialer, struct mono deadline, int *out,
               struct why *why)
{
    struct addrinfo *found = NULL;
    enum ms_err err;

    if (dialer->is.at.path[0] != '\0')
        return connect_unix(dialer, deadline, out, why);
    err = find(dialer, deadline, &found, why);
    if (err != MS_OK)
        return err;
    err = connect_any(dialer, found, deadline, out, why);
    freeaddrinfo(found);
    return err;
}

/* ----- TLS */

static enum ms_err
shake_hands(const struct dialer *dialer, struct tls_stream *stream, int fd,
            struct mono deadline, struct why *why)
{
    for (;;) {
        short events = 0;
        enum ms_err err;

        switch (tls_handshake(stream, why)) {
        case TLS_DONE:
            return MS_OK;
        case TLS_WANTS_READ:
            events = POLLIN;
            break;
        case TLS_WANTS_WRITE:
            events = POLLOUT;
            break;
        case TLS_ENDED:
            return MS_UNAVAIL;
        }
        err = wait_for(dialer, fd, events, deadline);
        if (err != MS_OK)
            return why_ended(err, "TLS", why);
    }
}

static enum ms_err
start_tls(const struct dialer *dialer, struct wire *wire, struct mono deadline,
          struct why *why)
{
    struct tls_stream *stream = NULL;
    enum ms_err err = tls_stream_create(dialer->is.tls, wire_fd(wire),
                                        dialer->is.at.host, &stream);

    if (err == MS_INVALID)
        return why_set(why, MS_UNAVAIL,
                       "TLS: there is no name that the certificate must have");
    if (err != MS_OK)
        return why_set(why, err, "TLS: out of memory");
    err = shake_hands(dialer, stream, wire_fd(wire), deadline, why);
    if (err == MS_OK)
        wire_use_tls(wire, stream);
    else
        tls_stream_destroy(stream);
    return err;
}

enum ms_err
dialer_connect(struct dialer *dialer, struct mono deadline, struct wire **out,
               struct why *why)
{
    struct wire *wire = NULL;
    int fd = -1;
    enum ms_err err = connect_socket(dialer, deadline, &fd, why);

    if (err != MS_OK)
        return err;
    err = wire_create(fd, &wire);
    if (err != MS_OK) {
        close(fd);
        return why_set(why, err, "out of memory for a connection");
    }
    if (dialer->is.tls != NULL)
        err = start_tls(dialer, wire, deadline, why);
    if (err == MS_OK)
        *out = wire;
    else
        wire_destroy(wire);
    return err;
}
