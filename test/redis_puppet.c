/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/redis_puppet.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "test/unit.h"

enum { WORDS = 8, ANSWERS = 8 };

struct puppet {
    int listening;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    bool stop;
    int fd; /* the connection; -1: none */
    unsigned connections;
    struct {
        const char *command, *bytes;
    } answer[ANSWERS];
    char heard[512];
};

/* What is read of the connection. */
struct input {
    int fd;
    char buf[16384];
    size_t at, len;
};

/* A command; its words end in a NUL that is not counted. */
struct heard {
    size_t n;
    char *word[WORDS];
    size_t len[WORDS];
};

/* ----- reading */

static bool
fill(struct input *in)
{
    ssize_t n = recv(in->fd, in->buf, sizeof(in->buf), 0);

    in->at = 0;
    in->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool
take(struct input *in, char *out, size_t len)
{
    while (len > 0) {
        size_t n;

        if (in->at == in->len && !fill(in))
            return false;
        n = in->len - in->at < len ? in->len - in->at : len;
        memcpy(out, in->buf + in->at, n);
        in->at += n;
        out += n;
        len -= n;
    }
    return true;
}

/* "*3\r\n", "$12\r\n" */
static bool
take_count(struct input *in, char letter, size_t *out)
{
    char line[24];
    size_t n = 0;

    do {
        if (n + 1 == sizeof(line) || !take(in, &line[n], 1))
            return false;
    } while (line[n++] != '\n');
    line[n] = '\0';
    if (line[0] != letter)
        return false;
    *out = strtoul(line + 1, NULL, 10);
    return true;
}

static void
forget(struct heard *command)
{
    for (size_t i = 0; i < command->n; i++)
        free(command->word[i]);
    command->n = 0;
}

static bool
take_command(struct input *in, struct heard *out)
{
    size_t n;

    out->n = 0;
    if (!take_count(in, '*', &n) || n == 0 || n > WORDS)
        return false;
    while (out->n < n) {
        size_t len;
        char *word;

        if (!take_count(in, '$', &len) || (word = malloc(len + 2)) == NULL)
            break;
        out->word[out->n] = word;
        out->len[out->n++] = len;
        if (!take(in, word, len + 2))
            break;
        word[len] = '\0';
        if (out->n == n)
            return true;
    }
    forget(out);
    return false;
}

/* ----- answering */

static bool
put(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Wait, but not for somebody who has gone. */
static void
pause_ms(int fd, unsigned long ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLRDHUP};

    (void)poll(&polled, 1, (int)ms);
}

static bool
put_slowly(int fd, const char *bytes, size_t len, int each_ms)
{
    for (size_t i = 0; i < len; i++) {
        if (i > 0)
            pause_ms(fd, (unsigned long)each_ms);
        if (!put(fd, bytes + i, 1))
            return false;
    }
    return true;
}

static bool
do_echo(int fd, const struct heard *command)
{
    char head[32];
    size_t n =
        (size_t)snprintf(head, sizeof(head), "$%zu\r\n", command->len[1]);

    if (command->len[1] < 200) { /* in one piece */
        char all[256];

        memcpy(all, head, n);
        memcpy(all + n, command->word[1], command->len[1]);
        memcpy(all + n + command->len[1], "\r\n", 2);
        return put(fd, all, n + command->len[1] + 2);
    }
    return put(fd, head, n) && put(fd, command->word[1], command->len[1]) &&
           put(fd, "\r\n", 2);
}

static bool
do_raw(int fd, const struct heard *command)
{
    return put(fd, command->word[1], command->len[1]);
}

static bool
do_dribble(int fd, const struct heard *command)
{
    return put_slowly(fd, command->word[1], command->len[1], 200);
}

static bool
do_drip(int fd, const struct heard *command)
{
    return put_slowly(fd, command->word[1], command->len[1], 5);
}

static bool
do_late(int fd, const struct heard *command)
{
    pause_ms(fd, strtoul(command->word[1], NULL, 10));
    return put(fd, command->word[2], command->len[2]);
}

static bool
do_silent(int fd, const struct heard *command)
{
    (void)fd, (void)command;
    return true;
}

static bool
do_cut(int fd, const struct heard *command)
{
    (void)put(fd, command->word[1], command->len[1]);
    return false;
}

static bool
do_half(int fd, const struct heard *command)
{
    return put(fd, command->word[1], command->len[1]) &&
           shutdown(fd, SHUT_WR) == 0;
}

static bool
do_reset(int fd, const struct heard *command)
{
    const struct linger hard = {1, 0};

    (void)command;
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    return false;
}

static bool
do_pause(int fd, const struct heard *command)
{
    pause_ms(fd, strtoul(command->word[1], NULL, 10));
    return put(fd, "+OK\r\n", 5);
}

static bool
do_other(struct puppet *puppet, int fd, const struct heard *command)
{
    const char *bytes = "+OK\r\n";
    size_t used;

    (void)pthread_mutex_lock(&puppet->lock);
    for (size_t i = 0; i < ANSWERS; i++)
        if (puppet->answer[i].command != NULL &&
            puppet->answer[i].bytes != NULL &&
            strcmp(puppet->answer[i].command, command->word[0]) == 0)
            bytes = puppet->answer[i].bytes;
    used = strlen(puppet->heard);
    for (size_t i = 0; i < command->n && used < sizeof(puppet->heard); i++)
        used += (size_t)snprintf(
            puppet->heard + used, sizeof(puppet->heard) - used, "%s%s",
            command->word[i], i + 1 < command->n ? " " : "|");
    (void)pthread_mutex_unlock(&puppet->lock);
    return put(fd, bytes, strlen(bytes));
}

/* False: that was the end of the connection. */
static bool
obey(struct puppet *puppet, int fd, const struct heard *command)
{
    static const struct {
        const char *word;
        size_t n;
        bool (*run)(int fd, const struct heard *command);
    } rows[] = {
        {"ECHO", 2, do_echo},       {"RAW", 2, do_raw},
        {"DRIBBLE", 2, do_dribble}, {"DRIP", 2, do_drip},
        {"LATE", 3, do_late},       {"SILENT", 1, do_silent},
        {"CUT", 2, do_cut},         {"HALF", 2, do_half},
        {"RESET", 1, do_reset},     {"PAUSE", 2, do_pause},
    };

    for (size_t i = 0; i < ROWS(rows); i++)
        if (command->n == rows[i].n &&
            strcmp(command->word[0], rows[i].word) == 0)
            return rows[i].run(fd, command);
    return do_other(puppet, fd, command);
}

/* ----- connections */

static void
serve(struct puppet *puppet, int fd)
{
    static const int on = 1;
    struct input *in = calloc(1, sizeof(*in));
    struct heard command;
    bool more = in != NULL;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (in != NULL)
        in->fd = fd;
    while (more && take_command(in, &command)) {
        more = obey(puppet, fd, &command);
        forget(&command);
    }
    free(in);
}

/* The connection is FD from now on; false: there are to be no more. */
static bool
become(struct puppet *puppet, int fd)
{
    bool stop;

    (void)pthread_mutex_lock(&puppet->lock);
    stop = puppet->stop;
    puppet->fd = fd;
    puppet->connections += fd >= 0;
    (void)pthread_mutex_unlock(&puppet->lock);
    return !stop;
}

static void *
run(void *arg)
{
    struct puppet *puppet = arg;

    for (;;) {
        int fd = accept(puppet->listening, NULL, NULL);
        bool more = fd >= 0 && become(puppet, fd);

        if (more) {
            serve(puppet, fd);
            more = become(puppet, -1);
        }
        if (fd >= 0)
            close(fd);
        if (!more)
            return NULL;
    }
}

struct puppet *
puppet_start(unsigned port)
{
    static const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)},
                             .sin_port = htons((uint16_t)port)};
    struct puppet *puppet = calloc(1, sizeof(*puppet));
    socklen_t len = sizeof(at);

    assert_non_null(puppet);
    puppet->fd = -1;
    (void)pthread_mutex_init(&puppet->lock, NULL);
    puppet->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(puppet->listening >= 0);
    (void)setsockopt(puppet->listening, SOL_SOCKET, SO_REUSEADDR, &on,
                     sizeof(on));
    assert_int_equal(
        bind(puppet->listening, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(puppet->listening, 8), 0);
    assert_int_equal(
        getsockname(puppet->listening, (struct sockaddr *)&at, &len), 0);
    puppet->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&puppet->thread, NULL, run, puppet), 0);
    return puppet;
}

static void
cut_locked(struct puppet *puppet)
{
    if (puppet->fd >= 0)
        (void)shutdown(puppet->fd, SHUT_RDWR);
}

void
puppet_stop(struct puppet *puppet)
{
    if (puppet == NULL)
        return;
    (void)pthread_mutex_lock(&puppet->lock);
    puppet->stop = true;
    cut_locked(puppet);
    (void)pthread_mutex_unlock(&puppet->lock);
    (void)shutdown(puppet->listening, SHUT_RDWR);
    (void)pthread_join(puppet->thread, NULL);
    close(puppet->listening);
    (void)pthread_mutex_destroy(&puppet->lock);
    free(puppet);
}

unsigned
puppet_port(const struct puppet *puppet)
{
    return puppet->port;
}

void
puppet_answer(struct puppet *puppet, const char *command, const char *bytes)
{
    size_t i = 0;

    (void)pthread_mutex_lock(&puppet->lock);
    while (i < ANSWERS && puppet->answer[i].command != NULL &&
           strcmp(puppet->answer[i].command, command) != 0)
        i++;
    assert_true(i < ANSWERS);
    puppet->answer[i].command = command;
    puppet->answer[i].bytes = bytes;
    (void)pthread_mutex_unlock(&puppet->lock);
}

void
puppet_say(struct puppet *puppet, const char *bytes)
{
    (void)pthread_mutex_lock(&puppet->lock);
    assert_true(puppet->fd >= 0);
    (void)put(puppet->fd, bytes, strlen(bytes));
    (void)pthread_mutex_unlock(&puppet->lock);
}

void
puppet_cut(struct puppet *puppet)
{
    (void)pthread_mutex_lock(&puppet->lock);
    cut_locked(puppet);
    (void)pthread_mutex_unlock(&puppet->lock);
}

unsigned
puppet_connections(struct puppet *puppet)
{
    unsigned n;

    (void)pthread_mutex_lock(&puppet->lock);
    n = puppet->connections;
    (void)pthread_mutex_unlock(&puppet->lock);
    return n;
}

void
puppet_heard(struct puppet *puppet, char *out, size_t size)
{
    (void)pthread_mutex_lock(&puppet->lock);
    (void)snprintf(out, size, "%s", puppet->heard);
    (void)pthread_mutex_unlock(&puppet->lock);
}
