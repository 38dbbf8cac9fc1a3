/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One protocol at one port is one trial, with a token and a listener of its
 * own, so that a late connection of the trial before proves nothing.
 */
#include <config.h>

#include "ctl/relay/proxy.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ctl/pace.h"
#include "ctl/relay/conn.h"
#include "policy/prefix.h"

enum {
    TOKEN = 33,    /* 128 bits in hex */
    HEARD = 16384, /* of what a proxy says, at most */
    REQUEST = 1024,
    CALLERS = 8,      /* of a canary at one time */
    PROMPT_MS = 1000, /* that a gateway is given to ask */
    SLICE_MS = 250    /* after which the user may have had enough */
};

const uint16_t proxy_usual_ports[] = {1080, 3128, 8080, 8000, 8888,
                                      6588, 80,   81,   23,   0};

struct trial {
    const struct proxy_ask *ask;
    enum proxy_kind kind;
    struct conn *conn;
    struct mono (*now)(void);
    unsigned wait_ms;
    /* the canary */
    int listener;
    struct prefix address;
    uint16_t port;
    char token[TOKEN];   /* that it says, and nothing else does */
    char call[TOKEN];    /* that it is called with */
    int caller[CALLERS]; /* who have called it; -1: nobody */
    bool called;         /* with that, which only our request had */
    /* what the proxy has said */
    unsigned char heard[HEARD];
    size_t n;
    bool ended;  /* it has hung up, or said too much */
    bool let_in; /* SOCKS5: no login is wanted */
};

/* ----- the canary */

static void
new_token(char token[TOKEN])
{
    uint64_t half[2] = {0, 0};

    (void)!getrandom(half, sizeof(half), 0);
    (void)snprintf(token, TOKEN, "%016" PRIx64 "%016" PRIx64, half[0], half[1]);
}

static socklen_t
length(const struct sockaddr_storage *addr)
{
    return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                       : sizeof(struct sockaddr_in);
}

static uint16_t
port_of(const struct sockaddr_storage *addr)
{
    return ntohs(addr->ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)addr)->sin6_port
                     : ((const struct sockaddr_in *)addr)->sin_port);
}

static void
set_port(struct sockaddr_storage *addr, uint16_t port)
{
    if (addr->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)addr)->sin_port = htons(port);
}

static enum ms_err
listen_on(struct trial *t, const struct sockaddr_storage *where,
          struct why *why)
{
    struct sockaddr_storage got;
    socklen_t size = sizeof(got);
    const int on = 1;

    t->listener =
        socket(where->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->listener < 0 ||
        setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) !=
            0 ||
        bind(t->listener, (const struct sockaddr *)where, length(where)) != 0 ||
        listen(t->listener, CALLERS) != 0 ||
        getsockname(t->listener, (struct sockaddr *)&got, &size) != 0)
        return why_errno(why, MS_UNAVAIL, "the canary");
    t->address = prefix_of_sockaddr((const struct sockaddr *)&got);
    t->port = port_of(&got);
    return MS_OK;
}

/* Somebody calls: the token is said, whoever it is. */
static void
take_caller(struct trial *t)
{
    char line[TOKEN + 2];
    int fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int n = snprintf(line, sizeof(line), "%s\r\n", t->token);

    if (fd < 0)
        return;
    (void)send(fd, line, (size_t)n, MSG_NOSIGNAL);
    for (int i = 0; i < CALLERS; i++) {
        if (t->caller[i] < 0) {
            t->caller[i] = fd;
            return;
        }
    }
    (void)close(fd);
}

/* What caller I says. */
static void
hear_caller(struct trial *t, int i)
{
    char text[2048];
    ssize_t n = recv(t->caller[i], text, sizeof(text), 0);

    if (n > 0 && memmem(text, (size_t)n, t->call, TOKEN - 1) != NULL)
        t->called = true;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        (void)close(t->caller[i]);
        t->caller[i] = -1;
    }
}

/* ----- what is said */

static enum ms_err
say(struct trial *t, const void *bytes, size_t n)
{
    return conn_write(t->conn, bytes, n, NULL);
}

/* The canary as HTTP names it. */
static void
write_place(const struct trial *t, char *out, size_t size)
{
    char text[PREFIX_TEXT];

    prefix_print(t->address, text);
    (void)snprintf(out, size, t->address.family == 6 ? "[%s]:%u" : "%s:%u",
                   text, (unsigned)t->port);
}

static enum ms_err
say_http(struct trial *t)
{
    /* What a spammer would post to a mail server by way of a proxy. */
    static const char body[] = "RSET\r\nQUIT\r\n";
    static const char *const verbs[] = {
        [PROXY_POST] = "POST", [PROXY_GET] = "GET", [PROXY_PUT] = "PUT"};
    char place[PREFIX_TEXT + 16], text[REQUEST];
    int n;

    write_place(t, place, sizeof(place));
    if (t->kind == PROXY_CONNECT)
        n = snprintf(text, sizeof(text), "CONNECT %s HTTP/1.0\r\n\r\n", place);
    else if (t->kind == PROXY_GET)
        n = snprintf(text, sizeof(text), "GET http://%s/%s HTTP/1.0\r\n\r\n",
                     place, t->call);
    else
        n = snprintf(text, sizeof(text),
                     "%s http://%s/%s HTTP/1.0\r\n"
                     "Content-Type: text/plain\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     verbs[t->kind], place, t->call, strlen(body), body);
    return say(t, text, (size_t)n);
}

static enum ms_err
say_socks4(struct trial *t)
{
    unsigned char text[REQUEST] = {4, 1};
    size_t n = 9; /* with the empty user's end */

    text[2] = (unsigned char)(t->port >> 8);
    text[3] = (unsigned char)t->port;
    if (t->kind == PROXY_SOCKS4) {
        memcpy(text + 4, t->address.addr, 4);
    } else {
        text[7] = 1; /* 0.0.0.1: a name follows */
        prefix_print(t->address, (char *)text + n);
        n += strlen((char *)text + n) + 1;
    }
    return say(t, text, n);
}

static enum ms_err
say_socks5(struct trial *t)
{
    unsigned char text[32] = {5, 1, 0, t->address.family == 4 ? 1 : 4};
    const size_t size = t->address.family == 4 ? 4 : 16;

    if (!t->let_in)
        return say(t, "\5\1\0", 3);
    memcpy(text + 4, t->address.addr, size);
    text[4 + size] = (unsigned char)(t->port >> 8);
    text[5 + size] = (unsigned char)t->port;
    return say(t, text, 6 + size);
}

static enum ms_err
say_telnet(struct trial *t)
{
    char text[REQUEST], host[PREFIX_TEXT];
    int n = snprintf(text, sizeof(text), "%s %u\r\n",
                     prefix_print(t->address, host), (unsigned)t->port);

    return say(t, text, (size_t)n);
}

/* ----- what it answers */

/* The code of an HTTP answer; 0: it is none, or not yet. */
static unsigned
http_code(const struct trial *t)
{
    const char *text = (const char *)t->heard;
    unsigned code = 0;

    if (t->n < 12 || strncasecmp(text, "HTTP/1.", 7) != 0 || text[8] != ' ')
        return 0;
    for (int i = 9; i < 12; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        code = code * 10 + (unsigned)(text[i] - '0');
    }
    return code;
}

static enum proxy_answer
judge_http(const struct trial *t)
{
    unsigned code = http_code(t);

    if (code == 407)
        return PROXY_LOGIN;
    /* a web server answers what it likes, but has no tunnel */
    return code / 100 == 2 && t->kind == PROXY_CONNECT ? PROXY_CLAIMED
                                                       : PROXY_REFUSED;
}

static enum proxy_answer
judge_socks4(const struct trial *t)
{
    if (t->n < 2 || t->heard[0] != 0)
        return PROXY_REFUSED;
    if (t->heard[1] == 0x5c || t->heard[1] == 0x5d)
        return PROXY_LOGIN; /* it wants to know by ident who it is */
    return t->heard[1] == 0x5a ? PROXY_CLAIMED : PROXY_REFUSED;
}

static enum proxy_answer
judge_socks5(const struct trial *t)
{
    if (t->n < 2 || t->heard[0] != 5)
        return PROXY_REFUSED;
    if (!t->let_in)
        return PROXY_LOGIN; /* no way in without one */
    return t->n >= 4 && t->heard[2] == 5 && t->heard[3] == 0 ? PROXY_CLAIMED
                                                             : PROXY_REFUSED;
}

static enum proxy_answer
judge_telnet(const struct trial *t)
{
    (void)t;
    return PROXY_REFUSED;
}

static const struct {
    const char *name;
    enum ms_err (*say)(struct trial *t);
    enum proxy_answer (*judge)(const struct trial *t);
    size_t least; /* octets that an answer has before it is one */
} kinds[PROXY_KINDS] = {
    [PROXY_CONNECT] = {"HTTP CONNECT", say_http, judge_http, 12},
    [PROXY_POST] = {"HTTP POST", say_http, judge_http, 12},
    [PROXY_GET] = {"HTTP GET", say_http, judge_http, 12},
    [PROXY_PUT] = {"HTTP PUT", say_http, judge_http, 12},
    [PROXY_SOCKS4] = {"SOCKS4", say_socks4, judge_socks4, 2},
    [PROXY_SOCKS4A] = {"SOCKS4a", say_socks4, judge_socks4, 2},
    [PROXY_SOCKS5] = {"SOCKS5", say_socks5, judge_socks5, 2},
    [PROXY_TELNET] = {"telnet", say_telnet, judge_telnet, SIZE_MAX},
};

static bool
is_proved(const struct trial *t)
{
    return t->called || memmem(t->heard, t->n, t->token, TOKEN - 1) != NULL;
}

static enum proxy_answer
judge(const struct trial *t)
{
    if (is_proved(t))
        return PROXY_PROVED;
    return t->n == 0 ? PROXY_SILENT : kinds[t->kind].judge(t);
}

/* It has said no: nothing more needs to be waited for. */
static bool
is_over(const struct trial *t)
{
    enum proxy_answer answer;

    if (t->n < kinds[t->kind].least ||
        (t->kind == PROXY_SOCKS5 && t->let_in && t->n < 4))
        return false;
    if (t->kind != PROXY_CONNECT && http_code(t) / 100 == 2)
        return false; /* it may fetch from the canary all the same */
    answer = kinds[t->kind].judge(t);
    return answer != PROXY_CLAIMED;
}

/* ----- a trial */

static void
hear_proxy(struct trial *t)
{
    size_t got;

    if (t->n == HEARD || conn_read(t->conn, t->heard + t->n, HEARD - t->n, &got,
                                   NULL) != MS_OK) {
        t->ended = true;
        return;
    }
    t->n += got;
    if (t->kind == PROXY_SOCKS5 && !t->let_in && t->n >= 2 &&
        t->heard[0] == 5 && t->heard[1] == 0) {
        t->let_in = true;
        t->ended = say_socks5(t) != MS_OK;
    }
}

/* Wait for anything, MS at most, and take it. */
static void
listen_once(struct trial *t, int ms)
{
    struct pollfd all[2 + CALLERS];
    nfds_t n = 2 + CALLERS;

    all[0] =
        (struct pollfd){t->ended ? -1 : conn_descriptor(t->conn), POLLIN, 0};
    all[1] = (struct pollfd){t->listener, POLLIN, 0};
    for (int i = 0; i < CALLERS; i++)
        all[2 + i] = (struct pollfd){t->caller[i], POLLIN, 0};
    if (poll(all, n, ms) <= 0)
        return;
    if (all[0].revents != 0)
        hear_proxy(t);
    if (all[1].revents != 0)
        take_caller(t);
    for (int i = 0; i < CALLERS; i++)
        if (all[2 + i].revents != 0)
            hear_caller(t, i);
}

static bool
has_enough(const struct proxy_ask *ask)
{
    return ask->ended != NULL ? ask->ended() : pace_ended();
}

/* Until it is proved, or refused and the canary has had a moment more. */
static void
listen_for(struct trial *t, int64_t ms)
{
    int64_t until = t->now().ms + ms, left;
    bool over = false;

    while (!is_proved(t) && (left = until - t->now().ms) > 0 &&
           !has_enough(t->ask)) {
        listen_once(t, (int)(left < SLICE_MS ? left : SLICE_MS));
        if (!over && (t->ended || is_over(t))) {
            over = true;
            until = t->now().ms + SLICE_MS;
        }
    }
}

static void
try_wire(struct trial *t)
{
    if (t->kind == PROXY_TELNET)
        listen_for(t, PROMPT_MS);
    if (!t->ended && kinds[t->kind].say(t) == MS_OK)
        listen_for(t, t->wait_ms);
}

static void
show(const struct trial *t, const struct proxy_row *row)
{
    char text[PROXY_TEXT];

    if (t->ask->line == NULL)
        return;
    (void)snprintf(text, sizeof(text), "%u %s", (unsigned)row->port,
                   kinds[row->kind].name);
    t->ask->line(t->ask->arg, 'C', text);
    t->ask->line(t->ask->arg, 'S',
                 row->reply[0] != '\0' ? row->reply : "(nothing)");
}

static void
trial_end(struct trial *t)
{
    conn_close(t->conn);
    for (int i = 0; i < CALLERS; i++)
        if (t->caller[i] >= 0)
            (void)close(t->caller[i]);
    if (t->listener >= 0)
        (void)close(t->listener);
    free(t);
}

/* ----- all of them */

struct proxies {
    const struct proxy_ask *ask;
    struct proxy_outcome *out;
    struct sockaddr_storage canary;
    struct mono (*now)(void);
    unsigned wait_ms;
    int64_t until_ms;
    size_t done, total;
};

static enum ms_err
knock(const struct proxies *p, uint16_t port, struct conn **conn)
{
    struct sockaddr_storage to = p->ask->to;
    const struct conn_to where = {
        .to = &to, .from = NULL, .wait_ms = p->wait_ms, .now = p->now};

    set_port(&to, port);
    return conn_open(&where, conn, NULL);
}

/* Where the canary sits, unless it is told: where we reach the host from. */
static enum ms_err
place_canary(struct proxies *p, struct why *why)
{
    struct sockaddr_storage to = p->ask->to;
    socklen_t size = sizeof(p->canary);
    int fd;
    bool fine;

    p->canary = p->ask->canary;
    if (p->canary.ss_family != 0)
        return MS_OK;
    set_port(&to, 9); /* nothing is sent: a datagram socket only looks it up */
    fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    fine = fd >= 0 &&
           connect(fd, (const struct sockaddr *)&to, length(&to)) == 0 &&
           getsockname(fd, (struct sockaddr *)&p->canary, &size) == 0;
    if (!fine)
        (void)why_errno(why, MS_UNAVAIL, "no way to the host");
    if (fd >= 0)
        (void)close(fd);
    set_port(&p->canary, 0);
    return fine ? MS_OK : MS_UNAVAIL;
}

static bool
can_name(const struct proxies *p, enum proxy_kind kind)
{
    return kind != PROXY_SOCKS4 || p->canary.ss_family == AF_INET;
}

static enum ms_err
try_kind(struct proxies *p, struct proxy_row *row, struct why *why)
{
    struct trial *t = calloc(1, sizeof(*t));
    enum ms_err err;

    if (t == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    t->ask = p->ask;
    t->kind = row->kind;
    t->now = p->now;
    t->wait_ms = p->wait_ms;
    for (int i = 0; i < CALLERS; i++)
        t->caller[i] = -1;
    new_token(t->token);
    new_token(t->call);
    err = listen_on(t, &p->canary, why);
    if (err == MS_OK) {
        write_place(t, p->out->canary, PROXY_TEXT);
        if (knock(p, row->port, &t->conn) == MS_OK) {
            try_wire(t);
            row->answer = judge(t);
            conn_printable(t->heard, t->n, row->reply, PROXY_REPLY);
            show(t, row);
        } else {
            row->answer = PROXY_NOBODY;
        }
    }
    trial_end(t);
    return err;
}

static struct proxy_row *
row_for(struct proxies *p, uint16_t port, enum proxy_kind kind)
{
    struct proxy_row *row = &p->out->rows[p->out->n_rows++];

    row->port = port;
    row->kind = kind;
    return row;
}

static enum ms_err
try_port(struct proxies *p, uint16_t port, struct why *why)
{
    struct conn *conn = NULL;
    bool open = knock(p, port, &conn) == MS_OK;
    enum ms_err err = MS_OK;

    conn_close(conn);
    p->out->listening += open;
    for (unsigned k = 0; k < PROXY_KINDS && err == MS_OK; k++) {
        struct proxy_row *row = row_for(p, port, k);

        if (!open)
            row->answer = PROXY_NOBODY;
        else if (can_name(p, k) && p->now().ms < p->until_ms &&
                 !has_enough(p->ask))
            err = try_kind(p, row, why);
        if (row->answer == PROXY_PROVED) {
            p->out->proved++;
            p->out->kinds |= 1U << k;
        }
        if (p->ask->done != NULL)
            p->ask->done(p->ask->arg, ++p->done, p->total);
    }
    return err;
}

static size_t
count(const struct proxies *p, enum proxy_answer answer)
{
    size_t n = 0;

    for (size_t i = 0; i < p->out->n_rows; i++)
        n += p->out->rows[i].answer == answer &&
             can_name(p, p->out->rows[i].kind);
    return n;
}

static void
conclude(const struct proxies *p)
{
    struct proxy_outcome *out = p->out;
    size_t unasked = count(p, PROXY_UNASKED), claims = count(p, PROXY_CLAIMED);

    out->verdict = PROXY_UNTOLD;
    if (out->proved > 0) {
        out->verdict = PROXY_OPEN;
        (void)snprintf(out->why, PROXY_TEXT,
                       "the token came back from %.80s %zu times", out->canary,
                       out->proved);
    } else if (unasked > 0) {
        (void)snprintf(out->why, PROXY_TEXT,
                       "it was stopped, or the time was up, before %zu of %zu "
                       "trials",
                       unasked, out->n_rows);
    } else if (claims > 0) {
        (void)snprintf(out->why, PROXY_TEXT,
                       "%zu trials were answered with yes and nothing came: "
                       "it may not reach %.80s, try --canary",
                       claims, out->canary);
    } else {
        out->verdict = PROXY_NONE;
        (void)snprintf(out->why, PROXY_TEXT,
                       out->listening > 0
                           ? "none of %zu listening ports led to the canary"
                           : "%zu of its ports are listened on",
                       out->listening);
    }
}

static enum ms_err
try_all(struct proxies *p, struct why *why)
{
    const uint16_t *ports =
        p->ask->n_ports > 0 ? p->ask->ports : proxy_usual_ports;
    size_t n = p->ask->n_ports;
    enum ms_err err = MS_OK;

    while (p->ask->n_ports == 0 && ports[n] != 0)
        n++;
    p->total = n * PROXY_KINDS;
    p->out->rows = calloc(p->total, sizeof(*p->out->rows));
    if (p->out->rows == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    for (size_t i = 0; i < n && err == MS_OK; i++)
        err = try_port(p, ports[i], why);
    return err;
}

enum ms_err
proxy_run(const struct proxy_ask *ask, struct proxy_outcome *out,
          struct why *why)
{
    struct proxies p = {
        .ask = ask,
        .out = out,
        .now = ask->now != NULL ? ask->now : pace_now,
        .wait_ms = ask->answer_ms != 0 ? ask->answer_ms : PROXY_ANSWER_MS,
    };
    enum ms_err err;

    memset(out, 0, sizeof(*out));
    p.until_ms =
        p.now().ms +
        1000 * (int64_t)(ask->limit_s != 0 ? ask->limit_s : PROXY_LIMIT_S);
    err = place_canary(&p, why);
    if (err == MS_OK)
        err = try_all(&p, why);
    if (err == MS_OK)
        conclude(&p);
    else
        proxy_end(out);
    return err;
}

void
proxy_end(struct proxy_outcome *outcome)
{
    free(outcome->rows);
    outcome->rows = NULL;
    outcome->n_rows = 0;
}

const char *
proxy_kind_name(enum proxy_kind kind)
{
    return kinds[kind].name;
}

const char *
proxy_answer_name(enum proxy_answer answer)
{
    static const char *const names[] = {
        [PROXY_UNASKED] = "not asked", [PROXY_NOBODY] = "nobody",
        [PROXY_REFUSED] = "refused",   [PROXY_LOGIN] = "wants a login",
        [PROXY_CLAIMED] = "says yes",  [PROXY_SILENT] = "silent",
        [PROXY_PROVED] = "OPEN"};

    return names[answer];
}

const char *
proxy_verdict_name(enum proxy_verdict verdict)
{
    static const char *const names[] = {[PROXY_NONE] = "none found",
                                        [PROXY_OPEN] = "OPEN",
                                        [PROXY_UNTOLD] = "cannot tell"};

    return names[verdict];
}
