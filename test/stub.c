/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/stub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct stub {
    bool web;
    int listener;
    unsigned port;
    pthread_t thread;
    _Atomic int mood;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards these */
    int client;           /* -1: none */
    struct stub_taken taken;
};

/* One conversation. */
struct talk {
    struct stub *stub;
    FILE *in;
    int fd;
    char line[4096];
};

static bool
is(const struct talk *t, enum stub_mood mood)
{
    return atomic_load(&t->stub->mood) == (int)mood;
}

/* False: nobody listens any more. */
static bool
say(const struct talk *t, const char *text)
{
    size_t len = strlen(text);

    return send(t->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* The next line without its end; false: there is none. */
static bool
hear(struct talk *t)
{
    if (fgets(t->line, sizeof(t->line), t->in) == NULL)
        return false;
    t->line[strcspn(t->line, "\r\n")] = '\0';
    return true;
}

/* Until the other side gives up. */
static void
wait_for_end(struct talk *t)
{
    while (hear(t))
        ;
}

static void
keep(struct stub *stub, char *to, size_t size, const char *text)
{
    (void)pthread_mutex_lock(&stub->lock);
    if ((size_t)snprintf(to, size, "%s", text) >= size)
        abort();
    (void)pthread_mutex_unlock(&stub->lock);
}

/* ----- mail */

static void
read_letter(struct talk *t)
{
    char *text = calloc(1, STUB_MOST);
    size_t n = 0;

    while (text != NULL && hear(t) && strcmp(t->line, ".") != 0) {
        const char *line = t->line[0] == '.' ? t->line + 1 : t->line;

        n += (size_t)snprintf(text + n, STUB_MOST - n, "%s\r\n", line);
        if (n >= STUB_MOST)
            abort();
    }
    (void)pthread_mutex_lock(&t->stub->lock);
    if (text != NULL)
        memcpy(t->stub->taken.body, text, n + 1);
    (void)pthread_mutex_unlock(&t->stub->lock);
    free(text);
}

static void
count(struct stub *stub)
{
    (void)pthread_mutex_lock(&stub->lock);
    stub->taken.n++;
    (void)pthread_mutex_unlock(&stub->lock);
}

static bool
take_letter(struct talk *t)
{
    if (is(t, STUB_DROP_DATA))
        return false;
    if (!say(t, "354 go on\r\n"))
        return false;
    read_letter(t);
    count(t->stub);
    if (is(t, STUB_MUTE_DATA)) {
        wait_for_end(t);
        return false;
    }
    return say(t, is(t, STUB_PUT_OFF_DATA)  ? "451 4.3.0 not now\r\n"
                  : is(t, STUB_REFUSE_DATA) ? "554 5.7.1 never\r\n"
                                            : "250 2.0.0 taken\r\n");
}

static bool
answer_recipient(struct talk *t)
{
    if (is(t, STUB_PUT_OFF))
        return say(t, "450 4.2.1 mailbox is busy\r\n");
    if (is(t, STUB_LOGIN))
        return say(t, "530 5.7.0 log in first\r\n");
    if (is(t, STUB_REFUSE))
        return say(t, "550 5.1.1 no such user\r\n");
    if (is(t, STUB_SHUT_DOWN))
        return say(t, "421 4.3.2 going down\r\n");
    return say(t, "250 2.1.5 ok\r\n");
}

static bool
answer_mail(struct talk *t)
{
    struct stub_taken *taken = &t->stub->taken;

    if (strncasecmp(t->line, "EHLO ", 5) == 0) {
        keep(t->stub, taken->hello, sizeof(taken->hello), t->line);
        return say(t, "250-stub\r\n250 8BITMIME\r\n");
    }
    if (strncasecmp(t->line, "MAIL ", 5) == 0) {
        keep(t->stub, taken->from, sizeof(taken->from), t->line);
        return say(t, is(t, STUB_BAR_MAIL)       ? "550 5.7.1 not you\r\n"
                      : is(t, STUB_PUT_OFF_MAIL) ? "452 4.3.1 disk is full\r\n"
                                                 : "250 2.1.0 ok\r\n");
    }
    if (strncasecmp(t->line, "RCPT ", 5) == 0) {
        keep(t->stub, taken->to, sizeof(taken->to), t->line);
        return answer_recipient(t);
    }
    if (strcasecmp(t->line, "DATA") == 0)
        return take_letter(t);
    if (strcasecmp(t->line, "QUIT") == 0) {
        (void)say(t, "221 bye\r\n");
        return false;
    }
    return say(t, "500 what?\r\n");
}

static void
talk_mail(struct talk *t)
{
    if (is(t, STUB_MUTE)) {
        wait_for_end(t);
        return;
    }
    if (is(t, STUB_FLOOD))
        while (say(t, "220-and so on, and so on, and so on, and so on\r\n"))
            ;
    if (is(t, STUB_BUSY))
        (void)say(t, "421 4.3.2 too busy\r\n");
    else if (is(t, STUB_NO_SERVICE))
        (void)say(t, "554 5.3.2 no service\r\n");
    else
        (void)say(t, "220 stub ESMTP\r\n");
    while (hear(t) && answer_mail(t))
        ;
}

/* ----- the web */

static bool
read_call(struct talk *t, struct stub_taken *taken)
{
    size_t n = 0, len = 0;

    while (hear(t) && t->line[0] != '\0') {
        n += (size_t)snprintf(taken->head + n, sizeof(taken->head) - n, "%s\n",
                              t->line);
        if (n >= sizeof(taken->head))
            abort();
        if (strncasecmp(t->line, "Content-Length: ", 16) == 0)
            len = strtoul(t->line + 16, NULL, 10);
    }
    return len < sizeof(taken->body) &&
           fread(taken->body, 1, len, t->in) == len;
}

static void
talk_web(struct talk *t)
{
    struct stub_taken *taken = calloc(1, sizeof(*taken));

    if (taken == NULL)
        abort();
    if (read_call(t, taken)) {
        (void)pthread_mutex_lock(&t->stub->lock);
        taken->n = t->stub->taken.n + 1;
        t->stub->taken = *taken;
        (void)pthread_mutex_unlock(&t->stub->lock);
        if (is(t, STUB_WEB_MUTE))
            wait_for_end(t);
        else if (is(t, STUB_WEB_FLOOD)) {
            (void)say(t, "HTTP/1.1 200 OK\r\n\r\n");
            while (say(t, "and so on, and so on, and so on, and so on"))
                ;
        } else
            (void)say(t, is(t, STUB_WEB_FAIL)
                             ? "HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n"
                         : is(t, STUB_WEB_BUSY)
                             ? "HTTP/1.1 429 no\r\nRetry-After: 600\r\n"
                               "Content-Length: 0\r\n\r\n"
                         : is(t, STUB_WEB_GONE)
                             ? "HTTP/1.1 404 no\r\nContent-Length: 0\r\n\r\n"
                             : "HTTP/1.1 204 ok\r\n\r\n");
    }
    free(taken);
}

/* ----- one after the other */

static void
talk(struct stub *stub, int fd)
{
    struct talk *t = calloc(1, sizeof(*t));

    if (t == NULL)
        abort();
    t->stub = stub;
    t->fd = fd;
    t->in = fdopen(fd, "r");
    if (t->in == NULL)
        abort();
    if (stub->web)
        talk_web(t);
    else
        talk_mail(t);
    (void)pthread_mutex_lock(&stub->lock);
    stub->client = -1;
    (void)fclose(t->in);
    (void)pthread_mutex_unlock(&stub->lock);
    free(t);
}

static void *
run(void *arg)
{
    struct stub *stub = arg;
    int fd;

    while ((fd = accept(stub->listener, NULL, NULL)) >= 0) {
        (void)pthread_mutex_lock(&stub->lock);
        stub->client = fd;
        (void)pthread_mutex_unlock(&stub->lock);
        if (atomic_load(&stub->stop)) {
            (void)close(fd);
            break;
        }
        talk(stub, fd);
    }
    return NULL;
}

struct stub *
stub_start(bool web)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof(sin);
    struct stub *stub = calloc(1, sizeof(*stub));

    if (stub == NULL)
        abort();
    stub->web = web;
    stub->client = -1;
    (void)pthread_mutex_init(&stub->lock, NULL);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stub->listener < 0 ||
        bind(stub->listener, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
        listen(stub->listener, 8) != 0 ||
        getsockname(stub->listener, (struct sockaddr *)&sin, &len) != 0 ||
        pthread_create(&stub->thread, NULL, run, stub) != 0)
        abort();
    stub->port = ntohs(sin.sin_port);
    return stub;
}

void
stub_stop(struct stub *stub)
{
    if (stub == NULL)
        return;
    atomic_store(&stub->stop, true);
    (void)shutdown(stub->listener, SHUT_RDWR);
    (void)pthread_mutex_lock(&stub->lock);
    if (stub->client >= 0)
        (void)shutdown(stub->client, SHUT_RDWR);
    (void)pthread_mutex_unlock(&stub->lock);
    (void)pthread_join(stub->thread, NULL);
    (void)close(stub->listener);
    (void)pthread_mutex_destroy(&stub->lock);
    free(stub);
}

unsigned
stub_port(const struct stub *stub)
{
    return stub->port;
}

void
stub_set(struct stub *stub, enum stub_mood mood)
{
    atomic_store(&stub->mood, (int)mood);
}

void
stub_taken(struct stub *stub, struct stub_taken *out)
{
    (void)pthread_mutex_lock(&stub->lock);
    *out = stub->taken;
    (void)pthread_mutex_unlock(&stub->lock);
}
