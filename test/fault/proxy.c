/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/fault/proxy.c - stands between a client and its Redis servers, and does
 * to them what networks and broken servers do.
 *
 *     proxy LISTEN=TARGET ...     each HOST:PORT (IPv4) or unix:/PATH
 *
 * It says "ready", then obeys lines on its standard input, "I COMMAND" for the
 * Ith pair or "* COMMAND" for all, and answers each with "ok" or "error".  It
 * ends with its input, so that it never outlives the test that started it.
 *
 *     pass             no fault any more; replies held back are sent
 *     delay MS         replies come so much later
 *     dribble MS       and so slowly: a byte every MS
 *     cut N            a connection ends after N bytes more to the client
 *     hole             connections are taken, and nothing comes of them
 *     full             nobody takes connections, and the backlog is full
 *     down             connections are refused, those there are end
 *     flap MS          down and up by turns
 *     hold             replies are held back, until pass
 *     answer KIND CMD  the reply to CMD ("*": any command) is replaced by one
 * of answers[]; the server has carried it out error CMD TEXT   CMD is answered
 * with this error, and the server never sees it rst, halfclose   at once, to
 * each connection there is stats            says "ok OPEN TAKEN LATE COMMANDS":
 * connections now and ever, replies to EVALSHA sent though held back, commands
 *                      seen
 *
 * Replies are matched with commands where the protocol can be followed: not in
 * TLS, and not behind SUBSCRIBE and its like.
 */
#include <config.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    PAIRS = 64,
    FILLERS = 4, /* connections that fill a backlog of one */
    BACKLOG = 512,
    DEPTH = 32, /* of replies that can be followed */
    NAME = 24,
    LINE = 1024,
    CHUNK = 65536
};

enum fault { PASS, DELAY, DRIBBLE, CUT, HOLE, FULL, DOWN, FLAP, HOLD, ANSWER };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } at;
    socklen_t len;
};

struct pair {
    struct address listen, target;
    int fd; /* -1: down */
    enum fault fault;
    int64_t n;          /* milliseconds or bytes */
    char command[NAME]; /* ANSWER: to what */
    char *answer;       /* what */
    size_t answer_len;
    bool instead; /* and the server never sees it */
    int filler[FILLERS];
    size_t fillers;
    bool flapped; /* FLAP: down now */
    int64_t turn; /* FLAP: when it changes */
};

struct bytes {
    char *at;
    size_t len, size;
};

/* A part of what goes to the client, not before DUE. */
struct part {
    struct part *next;
    int64_t due;
    bool decision; /* the reply to EVALSHA */
    size_t len, sent;
    char data[];
};

/* A command that waits for its reply. */
struct asked {
    struct asked *next;
    bool instead; /* the server does not know of it */
    char name[NAME];
};

struct connection {
    struct connection *next;
    struct pair *pair;
    int client, server;
    bool raw;  /* the protocol is not followed */
    bool hole; /* bytes have been lost: it stays one */
    bool half; /* we say nothing more to the client */
    bool gone;
    struct bytes up;   /* to the server */
    struct bytes seen; /* from the client, not yet a whole command */
    struct bytes down; /* from the server, not yet a whole reply */
    struct asked *first, **last;
    struct part *head, **tail;
    int64_t byte_at; /* DRIBBLE: the next */
    int64_t told;    /* CUT: bytes since */
};

static struct pair pairs[PAIRS];
static size_t n_pairs;
static struct connection *connections;
static uint64_t taken, late, commands;

static _Noreturn void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void *
need(void *p)
{
    if (p == NULL)
        die("proxy: memory");
    return p;
}

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
bytes_add(struct bytes *b, const char *data, size_t len)
{
    if (b->size - b->len < len) {
        b->size = (b->len + len) * 2;
        b->at = need(realloc(b->at, b->size));
    }
    if (len > 0)
        memcpy(b->at + b->len, data, len);
    b->len += len;
}

static void
bytes_drop(struct bytes *b, size_t len)
{
    b->len -= len;
    if (b->len > 0)
        memmove(b->at, b->at + len, b->len);
}

/* ----- the protocol */

/* The number in the line that begins behind P[0]; *SIZE: the line's bytes, 0:
 * there is no whole line yet. */
static int64_t
line_number(const char *p, size_t len, size_t *size)
{
    const char *end = len < 2 ? NULL : memchr(p, '\n', len);
    int64_t n = 0;

    *size = end == NULL ? 0 : (size_t)(end - p) + 1;
    for (size_t i = 1; i < *size && (isdigit((unsigned char)p[i]) != 0 ||
                                     (i == 1 && p[i] == '-'));
         i++) {
        if (p[i] != '-' && n < INT64_C(1) << 40)
            n = n * 10 + (p[i] - '0');
    }
    return *size > 1 && p[1] == '-' ? -n : n;
}

/* Bytes of the command or reply that P begins with; 0: it is not whole; -1:
 * this is something else. */
static int64_t
resp_size(const char *p, size_t len, unsigned depth)
{
    size_t line;
    int64_t n;
    size_t used;

    if (len == 0)
        return 0;
    if (memchr("+-:$*", p[0], 5) == NULL || depth > DEPTH)
        return -1;
    n = line_number(p, len, &line);
    if (line == 0)
        return len > CHUNK && p[0] != '+' && p[0] != '-' ? -1 : 0;
    if (p[0] == '$' && n >= 0)
        return (int64_t)len - (int64_t)line < n + 2 ? 0 : (int64_t)line + n + 2;
    used = line;
    for (int64_t i = 0; p[0] == '*' && i < n; i++) {
        int64_t part = resp_size(p + used, len - used, depth + 1);

        if (part <= 0)
            return part;
        used += (size_t)part;
    }
    return (int64_t)used;
}

/* The first word of the command at P, in capitals. */
static void
command_name(const char *p, size_t len, char name[NAME])
{
    size_t line = 0, at, i = 0;
    int64_t n;

    (void)line_number(p, len, &line);
    at = line;
    n = line_number(p + at, len - at, &line);
    for (at += line; i < NAME - 1 && (int64_t)i < n; i++)
        name[i] = (char)toupper((unsigned char)p[at + i]);
    name[i] = '\0';
}

/* ----- what goes to the client */

static void
say(struct connection *c, const char *name, const char *data, size_t len,
    int64_t due)
{
    struct part *part;

    if (len == 0)
        return;
    part = need(malloc(sizeof(*part) + len));
    *part =
        (struct part){.due = due,
                      .decision = name != NULL && strcmp(name, "EVALSHA") == 0,
                      .len = len};
    memcpy(part->data, data, len);
    *c->tail = part;
    c->tail = &part->next;
}

static void
drop_parts(struct connection *c)
{
    while (c->head != NULL) {
        struct part *next = c->head->next;

        free(c->head);
        c->head = next;
    }
    c->tail = &c->head;
}

static bool
is_answered(const struct pair *pair, const char *name)
{
    return pair->fault == ANSWER && name != NULL &&
           (strcmp(pair->command, "*") == 0 ||
            strcmp(pair->command, name) == 0);
}

/* One whole reply, or raw bytes (NAME is NULL then). */
static void
reply(struct connection *c, const char *name, const char *data, size_t len)
{
    const struct pair *pair = c->pair;

    if (is_answered(pair, name))
        say(c, name, pair->answer, pair->answer_len, 0);
    else if (pair->fault == HOLD)
        say(c, name, data, len, INT64_MAX);
    else
        say(c, name, data, len, pair->fault == DELAY ? now_ms() + pair->n : 0);
}

static void
hear_commands(struct connection *c)
{
    static const char *const others[] = {"SUBSCRIBE", "PSUBSCRIBE", "MONITOR",
                                         "PSYNC", "SYNC"};

    while (!c->raw) {
        int64_t size = resp_size(c->seen.at, c->seen.len, 0);
        struct asked *asked;

        if (size == 0)
            return;
        if (size < 0 || c->seen.at[0] != '*') {
            c->raw = true;
            break;
        }
        asked = need(calloc(1, sizeof(*asked)));
        command_name(c->seen.at, (size_t)size, asked->name);
        asked->instead = c->pair->instead && is_answered(c->pair, asked->name);
        if (!asked->instead)
            bytes_add(&c->up, c->seen.at, (size_t)size);
        *c->last = asked;
        c->last = &asked->next;
        commands++;
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
            c->raw |= strcmp(asked->name, others[i]) == 0;
        bytes_drop(&c->seen, (size_t)size);
    }
    bytes_add(&c->up, c->seen.at, c->seen.len);
    c->seen.len = 0;
}

static void
hear_replies(struct connection *c)
{
    while (!c->raw && c->first != NULL) {
        struct asked *asked = c->first;
        int64_t size =
            asked->instead ? 0 : resp_size(c->down.at, c->down.len, 0);

        if (size == 0 && !asked->instead)
            return;
        if (size < 0) {
            c->raw = true;
            break;
        }
        if (asked->instead)
            say(c, asked->name, c->pair->answer, c->pair->answer_len, 0);
        else
            reply(c, asked->name, c->down.at, (size_t)size);
        bytes_drop(&c->down, (size_t)size);
        c->first = asked->next;
        if (c->first == NULL)
            c->last = &c->first;
        free(asked);
    }
    reply(c, NULL, c->down.at, c->down.len);
    c->down.len = 0;
}

/* Send what is due.  False: the connection ends. */
static bool
tell_client(struct connection *c)
{
    const struct pair *pair = c->pair;
    int64_t now = now_ms();

    while (c->head != NULL && c->head->due <= now && !c->half) {
        struct part *part = c->head;
        size_t len = part->len - part->sent;
        ssize_t n;

        if (pair->fault == DRIBBLE) {
            if (c->byte_at > now)
                break;
            c->byte_at = now + pair->n;
            len = 1;
        } else if (pair->fault == CUT && (int64_t)len > pair->n - c->told) {
            len = (size_t)(pair->n - c->told);
        }
        n = len == 0
                ? 0
                : send(c->client, part->data + part->sent, len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        part->sent += (size_t)n;
        c->told += n;
        if (part->sent == part->len) {
            c->head = part->next;
            if (c->head == NULL)
                c->tail = &c->head;
            free(part);
        }
        if (pair->fault == CUT && c->told >= pair->n)
            return false;
    }
    return true;
}

/* ----- connections */

static void
connection_close(struct connection *c, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};

    if (c->gone)
        return;
    if (reset)
        setsockopt(c->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(c->client);
    close(c->server);
    c->gone = true;
}

static void
sweep(void)
{
    for (struct connection **at = &connections, *c; (c = *at) != NULL;) {
        if (!c->gone) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        drop_parts(c);
        while (c->first != NULL) {
            struct asked *next = c->first->next;

            free(c->first);
            c->first = next;
        }
        free(c->up.at);
        free(c->seen.at);
        free(c->down.at);
        free(c);
    }
}

static int
open_socket(const struct address *a)
{
    int one = 1;
    int fd = socket(a->at.any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("proxy: socket");
    if (a->at.any.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    return fd;
}

static void
take(struct pair *pair)
{
    int client = accept4(pair->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c;
    int one = 1;

    if (client < 0)
        return;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c = need(calloc(1, sizeof(*c)));
    c->pair = pair;
    c->client = client;
    c->server = open_socket(&pair->target);
    c->last = &c->first;
    c->tail = &c->head;
    c->hole = pair->fault == HOLE;
    c->next = connections;
    connections = c;
    taken++;
    if (connect(c->server, &pair->target.at.any, pair->target.len) != 0 &&
        errno != EINPROGRESS)
        connection_close(c, false);
}

static void
from_client(struct connection *c)
{
    static char chunk[CHUNK];
    ssize_t n = recv(c->client, chunk, sizeof(chunk), 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        connection_close(c, false);
        return;
    }
    if (c->hole || c->half)
        return;
    bytes_add(c->raw ? &c->up : &c->seen, chunk, (size_t)n);
    if (!c->raw) {
        hear_commands(c);
        hear_replies(c);
    }
}

static void
from_server(struct connection *c)
{
    static char chunk[CHUNK];
    ssize_t n = recv(c->server, chunk, sizeof(chunk), 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        (void)tell_client(c);
        connection_close(c, false);
        return;
    }
    if (c->hole)
        return;
    bytes_add(&c->down, chunk, (size_t)n);
    hear_replies(c);
}

static void
to_server(struct connection *c)
{
    ssize_t n = send(c->server, c->up.at, c->up.len, MSG_NOSIGNAL);

    if (n >= 0)
        bytes_drop(&c->up, (size_t)n);
    else if (errno != EAGAIN)
        connection_close(c, false);
}

/* ----- faults */

static void
pair_listen(struct pair *pair)
{
    if (pair->fd >= 0)
        return;
    pair->fd = open_socket(&pair->listen);
    if (pair->listen.at.any.sa_family == AF_UNIX)
        unlink(pair->listen.at.un.sun_path);
    if (bind(pair->fd, &pair->listen.at.any, pair->listen.len) != 0 ||
        listen(pair->fd, BACKLOG) != 0)
        die("proxy: listen");
}

static void
pair_each(struct pair *pair, void (*deed)(struct connection *c))
{
    for (struct connection *c = connections; c != NULL; c = c->next) {
        if (c->pair == pair && !c->gone)
            deed(c);
    }
}

static void
deed_close(struct connection *c)
{
    connection_close(c, false);
}

static void
deed_reset(struct connection *c)
{
    connection_close(c, true);
}

static void
deed_half(struct connection *c)
{
    c->half = true;
    drop_parts(c);
    shutdown(c->client, SHUT_WR);
}

static void
deed_hole(struct connection *c)
{
    c->hole = true;
}

static void
deed_count(struct connection *c)
{
    c->told = 0;
    c->byte_at = 0;
}

static void
deed_release(struct connection *c)
{
    for (struct part *part = c->head; part != NULL; part = part->next) {
        late += part->due == INT64_MAX && part->decision;
        part->due = 0;
    }
}

static void
pair_down(struct pair *pair)
{
    if (pair->fd >= 0)
        close(pair->fd);
    pair->fd = -1;
    pair_each(pair, deed_close);
}

/* So many connections of our own that the kernel drops those of others. */
static void
pair_fill(struct pair *pair)
{
    if (listen(pair->fd, 0) != 0)
        die("proxy: listen");
    pair_each(pair, deed_reset);
    for (; pair->fillers < FILLERS; pair->fillers++) {
        int fd = open_socket(&pair->listen);

        if (connect(fd, &pair->listen.at.any, pair->listen.len) != 0 &&
            errno != EINPROGRESS && errno != EAGAIN)
            die("proxy: fill");
        pair->filler[pair->fillers] = fd;
    }
}

static void
pair_empty(struct pair *pair)
{
    if (pair->fault == FULL && listen(pair->fd, BACKLOG) != 0)
        die("proxy: listen");
    while (pair->fillers > 0)
        close(pair->filler[--pair->fillers]);
}

static void
pair_set(struct pair *pair, enum fault fault, int64_t n)
{
    pair_empty(pair);
    pair->fault = fault;
    pair->n = n;
    pair->flapped = false;
    pair->turn = now_ms();
    pair_each(pair, deed_count);
    switch (fault) {
    case DOWN:
        pair_down(pair);
        return;
    case FULL:
        pair_listen(pair);
        pair_fill(pair);
        return;
    case HOLE:
        pair_each(pair, deed_hole);
        break;
    case PASS:
        pair_each(pair, deed_release);
        break;
    case DELAY:
    case DRIBBLE:
    case CUT:
    case FLAP:
    case HOLD:
    case ANSWER:
        break;
    }
    pair_listen(pair);
}

static void
pair_flap(struct pair *pair, int64_t now)
{
    if (pair->fault != FLAP || now < pair->turn)
        return;
    pair->turn = now + pair->n;
    pair->flapped = !pair->flapped;
    if (pair->flapped)
        pair_down(pair);
    else
        pair_listen(pair);
}

/* ----- what is answered instead */

static const struct {
    const char *kind, *text;
    const char *again; /* repeated behind it */
    size_t times;
} answers[] = {
    {"garbage", "\x16\x03\x01\xff\xfe\x01zz\r\n\x80\x81\r", "\xc3\x28", 100},
    {"http", "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nno\r\n", "",
     0},
    {"array", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "", 0},
    {"empty", "*0\r\n", "", 0},
    {"nil", "$-1\r\n", "", 0},
    {"niller", "*-1\r\n", "", 0},
    {"integer", ":1\r\n", "", 0},
    {"negative", ":-5\r\n", "", 0},
    {"big", ":9223372036854775807\r\n", "", 0},
    {"beyond", ":9223372036854775808\r\n", "", 0},
    {"text", "$2\r\nno\r\n", "", 0},
    {"status", "+OK\r\n", "", 0},
    {"huge", "$99999999999\r\n", "x", 65536},
    {"length", "$-5\r\n", "", 0},
    {"deep", "", "*1\r\n", 12},
    {"abyss", "", "*1\r\n", 100000},
    {"wide", "*100000000\r\n", ":1\r\n", 100000},
    {"line", "+", "x", 1000000}, /* one that never ends */
};

static bool
set_answer(struct pair *pair, const char *kind, const char *command)
{
    pair->instead = false;
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        struct bytes b = {0};

        if (strcmp(answers[i].kind, kind) != 0)
            continue;
        bytes_add(&b, answers[i].text, strlen(answers[i].text));
        for (size_t n = 0; n < answers[i].times; n++)
            bytes_add(&b, answers[i].again, strlen(answers[i].again));
        free(pair->answer);
        pair->answer = b.at;
        pair->answer_len = b.len;
        (void)snprintf(pair->command, NAME, "%s", command);
        pair_set(pair, ANSWER, 0);
        return true;
    }
    return false;
}

static void
set_error(struct pair *pair, const char *command, const char *text)
{
    struct bytes b = {0};

    pair->instead = true;
    bytes_add(&b, "-", 1);
    bytes_add(&b, text, strlen(text));
    bytes_add(&b, "\r\n", 2);
    free(pair->answer);
    pair->answer = b.at;
    pair->answer_len = b.len;
    (void)snprintf(pair->command, NAME, "%s", command);
    pair_set(pair, ANSWER, 0);
}

/* ----- orders */

static const struct {
    const char *word;
    enum fault fault;
} faults[] = {
    {"pass", PASS}, {"delay", DELAY}, {"dribble", DRIBBLE},
    {"cut", CUT},   {"hole", HOLE},   {"full", FULL},
    {"down", DOWN}, {"flap", FLAP},   {"hold", HOLD},
};

static bool
obey_one(struct pair *pair, const char *word, const char *first,
         const char *rest)
{
    if (strcmp(word, "rst") == 0)
        pair_each(pair, deed_reset);
    else if (strcmp(word, "halfclose") == 0)
        pair_each(pair, deed_half);
    else if (strcmp(word, "answer") == 0)
        return set_answer(pair, first, rest);
    else if (strcmp(word, "error") == 0)
        set_error(pair, first, rest);
    else {
        for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
            if (strcmp(faults[i].word, word) == 0) {
                pair_set(pair, faults[i].fault, strtoll(first, NULL, 10));
                return true;
            }
        }
        return false;
    }
    return true;
}

static void
tell_stats(void)
{
    unsigned open = 0;

    for (const struct connection *c = connections; c != NULL; c = c->next)
        open += !c->gone;
    printf("ok %u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", open, taken, late,
           commands);
}

static void
obey(const char *line)
{
    char which[NAME] = "", word[NAME] = "", first[NAME] = "";
    int used = 0;
    const char *rest;
    bool good = true;
    size_t which_n;

    if (sscanf(line, "%23s %23s %n", which, word, &used) < 2)
        good = false;
    rest = line + used;
    if (sscanf(rest, "%23s %n", first, &used) == 1)
        rest += used;
    which_n = strtoul(which, NULL, 10);
    if (good && strcmp(word, "stats") == 0) {
        tell_stats();
        return;
    }
    for (size_t i = 0; good && i < n_pairs; i++) {
        if (which[0] == '*' || which_n == i)
            good = obey_one(&pairs[i], word, first, rest);
    }
    puts(good ? "ok" : "error");
}

/* Read orders; false at their end. */
static bool
hear_orders(void)
{
    static char line[LINE];
    static size_t len;
    char *end;
    ssize_t n = read(STDIN_FILENO, line + len, sizeof(line) - len - 1);

    if (n <= 0)
        return false;
    len += (size_t)n;
    line[len] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        obey(line);
        len -= (size_t)(end + 1 - line);
        memmove(line, end + 1, len + 1);
    }
    fflush(stdout);
    return len < sizeof(line) - 1;
}

/* ----- the loop */

static struct address
address_of(const char *text)
{
    struct address a;
    const char *colon = strrchr(text, ':');
    char host[64];

    memset(&a, 0, sizeof(a));
    if (strncmp(text, "unix:", 5) == 0) {
        a.at.un.sun_family = AF_UNIX;
        if ((size_t)snprintf(a.at.un.sun_path, sizeof(a.at.un.sun_path), "%s",
                             text + 5) >= sizeof(a.at.un.sun_path))
            die("proxy: a long path");
        a.len = sizeof(a.at.un);
        return a;
    }
    a.at.in.sin_family = AF_INET;
    a.len = sizeof(a.at.in);
    if (colon == NULL || colon - text >= (ptrdiff_t)sizeof(host))
        die("proxy: no HOST:PORT");
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    a.at.in.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &a.at.in.sin_addr) != 1)
        die("proxy: no IPv4 address");
    return a;
}

/* Until when nothing can happen of itself. */
static int
patience(int64_t now)
{
    int64_t least = 1000;

    for (size_t i = 0; i < n_pairs; i++) {
        if (pairs[i].fault == FLAP && pairs[i].turn - now < least)
            least = pairs[i].turn - now;
    }
    for (const struct connection *c = connections; c != NULL; c = c->next) {
        int64_t at = c->head == NULL ? INT64_MAX : c->head->due;

        if (c->pair->fault == DRIBBLE && at < c->byte_at)
            at = c->byte_at;
        if (at != INT64_MAX && at - now < least)
            least = at - now;
    }
    return least < 0 ? 0 : (int)least;
}

/* May the head of what goes to the client be sent now? */
static bool
wants_client(const struct connection *c, int64_t now)
{
    return c->head != NULL && !c->half && c->head->due <= now &&
           !(c->pair->fault == DRIBBLE && c->byte_at > now);
}

static struct pollfd *
watch(size_t *n)
{
    static struct pollfd *fds;
    static size_t size;
    size_t want = 1 + n_pairs, i = 0;
    int64_t now = now_ms();

    for (const struct connection *c = connections; c != NULL; c = c->next)
        want += 2;
    if (want > size) {
        size = want * 2;
        fds = need(realloc(fds, size * sizeof(*fds)));
    }
    fds[i++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    for (size_t p = 0; p < n_pairs; p++)
        fds[i++] = (struct pollfd){
            .fd = pairs[p].fault == FULL ? -1 : pairs[p].fd, .events = POLLIN};
    for (const struct connection *c = connections; c != NULL; c = c->next) {
        fds[i++] = (struct pollfd){
            .fd = c->client,
            .events = (short)(POLLIN | (wants_client(c, now) ? POLLOUT : 0))};
        fds[i++] = (struct pollfd){
            .fd = c->server,
            .events = (short)(POLLIN | (c->up.len > 0 ? POLLOUT : 0))};
    }
    *n = i;
    return fds;
}

static void
serve(struct connection *c, short client, short server)
{
    if (!c->gone && (client & (POLLIN | POLLHUP | POLLERR)) != 0)
        from_client(c);
    if (!c->gone && (server & (POLLIN | POLLHUP | POLLERR)) != 0)
        from_server(c);
    if (!c->gone && c->up.len > 0)
        to_server(c);
    if (!c->gone && !tell_client(c))
        connection_close(c, false);
}

static bool
turn(void)
{
    size_t n;
    struct pollfd *fds = watch(&n);
    struct connection *c = connections; /* new ones come before it */
    bool orders;

    if (poll(fds, n, patience(now_ms())) < 0 && errno != EINTR)
        die("proxy: poll");
    for (size_t i = 1 + n_pairs; i < n; i += 2, c = c->next)
        serve(c, fds[i].revents, fds[i + 1].revents);
    for (size_t p = 0; p < n_pairs; p++) {
        if (fds[1 + p].revents != 0)
            take(&pairs[p]);
        pair_flap(&pairs[p], now_ms());
    }
    orders = fds[0].revents == 0 || hear_orders();
    sweep();
    return orders;
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc && n_pairs < PAIRS; i++) {
        char *target = strchr(argv[i], '=');
        struct pair *pair = &pairs[n_pairs];

        if (target == NULL) {
            fprintf(stderr, "usage: proxy LISTEN=TARGET ...\n");
            return 64;
        }
        *target = '\0';
        pair->listen = address_of(argv[i]);
        pair->target = address_of(target + 1);
        pair->fd = -1;
        pair_listen(pair);
        n_pairs++;
    }
    puts("ready");
    fflush(stdout);
    while (turn()) {
    }
    return 0;
}
