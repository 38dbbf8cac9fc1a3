/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open-proxy test against servers that only seem to be proxies: what they
 * say is no proof.  Real ones are in test/e2e/t_proxy_test.py.
 */
#include <config.h>

#include "ctl/relay/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit.h"

struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *says; /* behind what it hears first */
    size_t len;
    bool echoes; /* what it heard, behind that */
    bool floods;
    bool waits; /* for the other side's end */
};

static void
flood(int fd)
{
    char text[4096];

    memset(text, 'x', sizeof(text));
    while (send(fd, text, sizeof(text), MSG_NOSIGNAL) > 0)
        ;
}

static void
answer(const struct server *s, int fd)
{
    char heard[4096];
    ssize_t n = recv(fd, heard, sizeof(heard), 0);

    if (n <= 0)
        return;
    (void)send(fd, s->says, s->len, MSG_NOSIGNAL);
    if (s->echoes)
        (void)send(fd, heard, (size_t)n, MSG_NOSIGNAL);
    if (s->floods)
        flood(fd);
    while (s->waits && recv(fd, heard, sizeof(heard), 0) > 0)
        ;
}

static void *
serve(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        answer(s, fd);
        (void)close(fd);
    }
    return NULL;
}

static void
start(struct server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (s->listener < 0 ||
        bind(s->listener, (struct sockaddr *)&at, size) != 0 ||
        listen(s->listener, 8) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&at, &size) != 0 ||
        pthread_create(&s->thread, NULL, serve, s) != 0)
        abort();
    s->port = ntohs(at.sin_port);
}

static void
end(struct server *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listener);
}

/* A clock that has gone on by 2 s whenever it is looked at: what is waited
 * for in vain is given up at once. */
static struct mono
now(void)
{
    static int64_t ms;

    return (struct mono){ms += 2000};
}

static bool
never(void)
{
    return false;
}

static bool
always(void)
{
    return true;
}

static struct proxy_ask
ask_for(uint16_t port)
{
    struct proxy_ask ask = {.ports = {port},
                            .n_ports = 1,
                            .limit_s = 3600,
                            .now = now,
                            .ended = never};
    struct sockaddr_in *to = (struct sockaddr_in *)&ask.to;

    to->sin_family = AF_INET;
    to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ask;
}

#define TEXT(text) .says = (text), .len = sizeof(text) - 1

static const struct {
    const char *name;
    struct server server;
    enum proxy_verdict verdict;
    enum proxy_kind kind;
    enum proxy_answer answer;
} rows[] = {
    {"a web server refuses CONNECT",
     {TEXT("HTTP/1.1 405 No\r\n\r\n")},
     PROXY_NONE,
     PROXY_CONNECT,
     PROXY_REFUSED},
    {"a web page is no proxy",
     {TEXT("HTTP/1.0 200 OK\r\n\r\n<html>")},
     PROXY_UNTOLD,
     PROXY_GET,
     PROXY_REFUSED},
    {"one that shows what was asked for proves nothing",
     {TEXT("HTTP/1.0 404 Not here\r\n\r\n"), .echoes = true},
     PROXY_NONE,
     PROXY_GET,
     PROXY_REFUSED},
    {"407 wants a login",
     {TEXT("HTTP/1.0 407 Log in\r\n\r\n")},
     PROXY_NONE,
     PROXY_CONNECT,
     PROXY_LOGIN},
    {"a yes without the token is no proof",
     {TEXT("HTTP/1.0 200 Connected\r\n\r\n"), .waits = true},
     PROXY_UNTOLD,
     PROXY_CONNECT,
     PROXY_CLAIMED},
    {"SOCKS4 says no",
     {TEXT("\0\x5b\0\0\0\0\0\0")},
     PROXY_NONE,
     PROXY_SOCKS4,
     PROXY_REFUSED},
    {"SOCKS4 wants an ident",
     {TEXT("\0\x5d\0\0\0\0\0\0")},
     PROXY_NONE,
     PROXY_SOCKS4,
     PROXY_LOGIN},
    {"SOCKS4 says yes and does not connect",
     {TEXT("\0\x5a\0\0\0\0\0\0"), .waits = true},
     PROXY_UNTOLD,
     PROXY_SOCKS4,
     PROXY_CLAIMED},
    {"SOCKS5 wants a login",
     {TEXT("\5\xff")},
     PROXY_NONE,
     PROXY_SOCKS5,
     PROXY_LOGIN},
    {"SOCKS5 wants a user",
     {TEXT("\5\2")},
     PROXY_NONE,
     PROXY_SOCKS5,
     PROXY_LOGIN},
    {"a mail server is none",
     {TEXT("221 2.7.0 Error: I can break rules, too. Goodbye.\r\n")},
     PROXY_NONE,
     PROXY_CONNECT,
     PROXY_REFUSED},
    {"one that repeats what it hears is none",
     {TEXT(""), .echoes = true},
     PROXY_NONE,
     PROXY_TELNET,
     PROXY_REFUSED},
    {"an answer without an end",
     {TEXT(""), .floods = true},
     PROXY_NONE,
     PROXY_SOCKS5,
     PROXY_REFUSED},
    {"one that hangs up", {TEXT("")}, PROXY_NONE, PROXY_POST, PROXY_SILENT},
};

static void
test_no_proxies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct server server = rows[i].server;
        struct proxy_outcome outcome;
        struct proxy_ask ask;
        struct why why;

        start(&server);
        ask = ask_for(server.port);
        expect(rows[i].name, proxy_run(&ask, &outcome, &why) == MS_OK);
        end(&server);
        expect(rows[i].name, outcome.n_rows == PROXY_KINDS);
        expect(rows[i].name, outcome.listening == 1 && outcome.proved == 0);
        if (outcome.verdict != rows[i].verdict ||
            outcome.rows[rows[i].kind].answer != rows[i].answer)
            fail_msg("%s: %s: %s, %s", rows[i].name,
                     proxy_verdict_name(outcome.verdict), outcome.why,
                     proxy_answer_name(outcome.rows[rows[i].kind].answer));
        for (size_t k = 0; k < outcome.n_rows; k++)
            for (const char *c = outcome.rows[k].reply; *c != '\0'; c++)
                expect(rows[i].name, *c >= 32 && *c <= 126);
        proxy_end(&outcome);
    }
}

static void
test_nobody(void **state)
{
    struct server server = {TEXT("")};
    struct proxy_outcome outcome;
    struct proxy_ask ask;
    struct why why;

    (void)state;
    start(&server); /* for a port where nobody is a moment later */
    end(&server);
    ask = ask_for(server.port);
    assert_int_equal(proxy_run(&ask, &outcome, &why), MS_OK);
    assert_int_equal(outcome.verdict, PROXY_NONE);
    assert_int_equal(outcome.rows[0].answer, PROXY_NOBODY);
    proxy_end(&outcome);
}

static void
test_stopped(void **state)
{
    struct server server = {TEXT("")};
    struct proxy_outcome outcome;
    struct proxy_ask ask;
    struct why why;

    (void)state;
    start(&server);
    ask = ask_for(server.port);
    ask.ended = always;
    assert_int_equal(proxy_run(&ask, &outcome, &why), MS_OK);
    end(&server);
    assert_int_equal(outcome.verdict, PROXY_UNTOLD);
    assert_int_equal(outcome.rows[0].answer, PROXY_UNASKED);
    proxy_end(&outcome);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_proxies),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
