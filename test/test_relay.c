/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open-relay test against servers that behave as they are told: what is
 * found, and that nothing is found where there is nothing.
 */
#include <config.h>

#include "ctl/relay/relay.h"
#include "ctl/relay/script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "test/scarce.h"
#include "test/unit.h"

/* ----- a server */

enum temper {
    PLAIN,
    BARS,         /* 554 for a greeting */
    TIRED,        /* 421 for the first three greetings */
    TIRES,        /* 421 after two refusals */
    WANTS_LOGIN,  /* 530 to all */
    DEFERS,       /* 450 to what it does not take */
    LOST,         /* 550 5.1.2 to the same */
    BARS_ALL,     /* 554 5.7.1 to its own mail, too */
    HANGS_UP,     /* instead of a greeting */
    MUTE,         /* no greeting */
    CHATTERS,     /* a greeting without an end */
    TALKS,        /* replies without an end */
    NO_SMTP,      /* "HTTP/1.1 400" */
    SECOND,       /* takes a second recipient */
    REFUSES_DATA, /* and refuses the message before it has read it */
    REFUSES_TEXT, /* and when it has */
    WANTS_TLS,    /* 530 to all, for want of TLS */
    DENIES,       /* 454 to what it does not take, as Postfix comes */
    GREYLISTS,    /* 451 to the same, but to a plain foreign address */
    TARPITS,      /* no answer to one form */
    LIMITS,       /* 421 to the same */
    GIBBERS       /* something else to the same */
};

struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    enum temper temper;
    const char *takes; /* recipients with that in them; "" all, NULL none */
    const char *from;  /* all, if the sender has that in it */
    const char *after; /* "HELO", "EHLO": only then */
    bool xclient, bars_strangers;
    unsigned greetings, letters;
};

struct talk {
    struct server *server;
    FILE *in;
    int fd;
    bool stranger, helo, from, letter;
    unsigned refused, rcpts;
};

static bool
say(const struct talk *t, const char *text)
{
    return send(t->fd, text, strlen(text), MSG_NOSIGNAL) ==
           (ssize_t)strlen(text);
}

static bool
chatter(const struct talk *t, const char *text)
{
    for (int i = 0; i < 100000; i++)
        if (!say(t, text))
            return false;
    return false;
}

static bool
greet(struct talk *t)
{
    struct server *s = t->server;

    s->greetings++;
    switch (s->temper) {
    case BARS:
        (void)say(t, "554 5.7.1 go away\r\n");
        return false;
    case TIRED:
        if (s->greetings <= 3) {
            (void)say(t, "421 4.7.0 too many connections\r\n");
            return false;
        }
        break;
    case HANGS_UP:
        return false;
    case MUTE:
        while (fgetc(t->in) != EOF)
            ;
        return false;
    case CHATTERS:
        return chatter(t, "220 x");
    case TALKS:
        return chatter(t, "220-x\r\n");
    case NO_SMTP:
        return say(t, "HTTP/1.1 400 \x1b[31mBad\r\n");
    default:
        break;
    }
    return say(t, "220 mx.example.org ESMTP Postfix\r\n");
}

static bool
is_own(const char *line)
{
    return strstr(line, "<postmaster@example.org>") != NULL ||
           strstr(line, "<postmaster>") != NULL;
}

static bool
takes(const struct talk *t, const char *line)
{
    const struct server *s = t->server;

    if (s->bars_strangers && t->stranger)
        return false;
    if (s->after != NULL && t->helo != (strcmp(s->after, "HELO") == 0))
        return false;
    if (s->temper == SECOND && t->rcpts > 1)
        return true;
    if (s->from != NULL && t->from)
        return true;
    return s->takes != NULL && strstr(line, s->takes) != NULL;
}

static bool
answer_rcpt(struct talk *t, const char *line)
{
    enum temper temper = t->server->temper;

    t->rcpts++;
    if (temper == WANTS_LOGIN)
        return say(t, "530 5.7.0 log in\r\n");
    if (temper == WANTS_TLS)
        return say(t, "530 5.7.0 Must issue a STARTTLS command first\r\n");
    if (strstr(line, "xn--") != NULL) {
        if (temper == TARPITS)
            return true;
        if (temper == LIMITS)
            return say(t, "421 4.7.0 too many recipients\r\n") && false;
        if (temper == GIBBERS)
            return say(t, "what?\r\n");
    }
    if (temper != BARS_ALL && (is_own(line) || takes(t, line)))
        return say(t, "250 2.1.5 ok\r\n");
    if (++t->refused > 2 && temper == TIRES) {
        (void)say(t, "421 4.7.0 too many errors\r\n");
        return false;
    }
    if (temper == DEFERS || (temper == GREYLISTS &&
                             strstr(line, "<relay-test@example.com>") == NULL))
        return say(t, "450 4.7.1 later\r\n");
    return say(t, temper == LOST     ? "550 5.1.2 no such domain\r\n"
                  : temper == DENIES ? "454 4.7.1 <x>: Relay access denied\r\n"
                                     : "550 5.7.1 Relaying denied\r\n");
}

static bool
answer(struct talk *t, const char *line)
{
    struct server *s = t->server;

    if (t->letter) {
        t->letter = strcmp(line, ".\r\n") != 0;
        return t->letter ||
               say(t, s->temper == REFUSES_TEXT ? "554 5.7.1 not that\r\n"
                                                : "250 2.0.0 taken\r\n");
    }
    if (strncmp(line, "QUIT", 4) == 0) {
        (void)say(t, "221 2.0.0 bye\r\n");
        return false;
    }
    if (strncmp(line, "XCLIENT", 7) == 0) {
        t->stranger = true;
        return say(t, "220 mx.example.org ESMTP Postfix\r\n");
    }
    if (strncmp(line + 1, "ELO ", 4) == 0 || strncmp(line, "EHLO ", 5) == 0) {
        t->helo = line[0] == 'H';
        if (t->helo)
            return say(t, "250 mx.example.org\r\n");
        return say(t, s->xclient ? "250-mx.example.org\r\n250-XCLIENT NAME "
                                   "ADDR\r\n250 8BITMIME\r\n"
                                 : "250-mx.example.org\r\n250 8BITMIME\r\n");
    }
    if (strncmp(line, "MAIL ", 5) == 0) {
        t->rcpts = 0;
        t->from = s->from != NULL && strstr(line, s->from) != NULL;
        return say(t, "250 2.1.0 ok\r\n");
    }
    if (strncmp(line, "RCPT ", 5) == 0)
        return answer_rcpt(t, line);
    if (strncmp(line, "DATA", 4) == 0) {
        s->letters++;
        t->letter = s->temper != REFUSES_DATA;
        return say(t, t->letter ? "354 go on\r\n" : "554 5.7.1 no\r\n");
    }
    return say(t, "250 2.0.0 ok\r\n");
}

static void *
serve(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        struct talk t = {.server = s, .fd = fd, .in = fdopen(fd, "r")};
        char line[2048];

        if (t.in == NULL)
            abort();
        if (greet(&t))
            while (fgets(line, sizeof(line), t.in) != NULL && answer(&t, line))
                ;
        (void)fclose(t.in);
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

/* ----- a run */

static _Atomic int64_t clock_ms;

static struct mono
now(void)
{
    return (struct mono){clock_ms};
}

static bool
wait_ms(int64_t ms)
{
    clock_ms += ms;
    return true;
}

static struct relay_ask
ask_for(const struct server *s)
{
    struct relay_ask ask = {.domain = "example.org",
                            .relay_domain = "relay.example",
                            .limit_s = 3600,
                            .answer_ms = 300,
                            .now = now,
                            .wait = wait_ms};
    struct sockaddr_in *to = (struct sockaddr_in *)&ask.to;

    to->sin_family = AF_INET;
    to->sin_port = htons(s->port);
    to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ask;
}

#define ONE(hole) (1U << HOLE_##hole)
#define EVERY ((1U << HOLE_SUBDOMAIN) - 1)
#define WIDE (EVERY & ~ONE(QUOTED)) /* where any mailbox is taken */

static const struct row {
    const char *name;
    struct server server;
    bool stranger;
    const char *deliver;
    enum relay_verdict verdict;
    unsigned holes;
    const char *why; /* a piece of it */
} rows[] = {
    {"a server that takes its own mail alone is closed",
     {.temper = PLAIN},
     true,
     NULL,
     RELAY_CLOSED,
     0,
     "none of 78"},
    {"one that takes all is open",
     {.takes = ""},
     true,
     NULL,
     RELAY_OPEN,
     WIDE,
     "78 of 78"},
    {"one that takes all may only trust us",
     {.takes = ""},
     false,
     NULL,
     RELAY_UNTOLD,
     0,
     "trusts 127.0.0.1"},
    {"by XCLIENT it is seen that it only trusts us",
     {.takes = "", .xclient = true, .bars_strangers = true},
     false,
     NULL,
     RELAY_CLOSED,
     0,
     "none of 78"},
    {"by XCLIENT it is seen that it does not",
     {.takes = "", .xclient = true},
     false,
     NULL,
     RELAY_OPEN,
     WIDE,
     "78 of"},
    {"percent signs",
     {.takes = "%example.com@example.org>"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(PERCENT),
     "accepted"},
    {"bang paths",
     {.takes = "<example.com!"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(BANG) | ONE(BACKUP),
     "accepted"},
    {"source routes",
     {.takes = "<@mx.example.org:"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(ROUTE),
     "accepted"},
    {"literals",
     {.takes = "@[203.0.113.9]>"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(LITERAL),
     "accepted"},
    {"a claimed sender",
     {.from = "<postmaster@example.org>"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(SENDER),
     "accepted"},
    {"AUTH= behind a sender",
     {.from = "AUTH=<postmaster@"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(SENDER),
     "accepted"},
    {"a second recipient of a transaction",
     {.temper = SECOND},
     true,
     NULL,
     RELAY_OPEN,
     EVERY,
     "accepted"},
    {"only after HELO",
     {.takes = "%", .after = "HELO"},
     true,
     NULL,
     RELAY_OPEN,
     ONE(PERCENT) | ONE(BACKUP),
     "accepted"},
    {"a name below the domain is no relay",
     {.takes = "@relay-test.example.org>"},
     true,
     NULL,
     RELAY_CLOSED,
     0,
     "none of"},
    {"where any mailbox is taken, forms that end there prove nothing",
     {.takes = "@example.org>"},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "any mailbox"},
    {"what is put off is not relayed, nor is it refused",
     {.temper = DEFERS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "put off"},
    {"a domain that is not found proves nothing",
     {.temper = LOST},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "--foreign"},
    {"a server that refuses even its own mail proves nothing",
     {.temper = BARS_ALL},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "postmaster@"},
    {"one that wants a login of all is closed",
     {.temper = WANTS_LOGIN},
     true,
     NULL,
     RELAY_CLOSED,
     0,
     "none of"},
    {"one that hangs up after refusals is called again",
     {.temper = TIRES},
     true,
     NULL,
     RELAY_CLOSED,
     0,
     "none of"},
    {"one with too many connections is given time",
     {.temper = TIRED},
     true,
     NULL,
     RELAY_CLOSED,
     0,
     "none of"},
    {"a greeting that refuses",
     {.temper = BARS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "go away"},
    {"an end for a greeting",
     {.temper = HANGS_UP},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "hung up"},
    {"a greeting without an end",
     {.temper = CHATTERS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "a line without"},
    {"replies without an end",
     {.temper = TALKS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "a reply without"},
    {"no SMTP", {.temper = NO_SMTP}, true, NULL, RELAY_UNTOLD, 0, "SMTP"},
    {"a message is sent by each form that is accepted",
     {.takes = "%example.net@example.org>"},
     true,
     "me@example.net",
     RELAY_OPEN,
     ONE(PERCENT),
     "accepted"},
    {"one by a form that is accepted after HELO alone, too",
     {.takes = "%example.net@example.org>", .after = "HELO"},
     true,
     "me@example.net",
     RELAY_OPEN,
     ONE(PERCENT),
     "accepted"},
    {"a message that is refused unread shows no hole",
     {.temper = REFUSES_DATA, .takes = "%example.net@example.org>"},
     true,
     "me@example.net",
     RELAY_CLOSED,
     0,
     "none of"},
    {"one that is refused when it was read may have been for what it says",
     {.temper = REFUSES_TEXT, .takes = "%example.net@example.org>"},
     true,
     "me@example.net",
     RELAY_UNTOLD,
     0,
     "what they said"},
    {"a first recipient that is refused again does not close for a second",
     {.temper = SECOND},
     true,
     "me@example.net",
     RELAY_OPEN,
     EVERY,
     "accepted"},
    {"a Postfix as it comes is closed, although it says 454",
     {.temper = DENIES},
     true,
     NULL,
     RELAY_CLOSED,
     0,
     "none of"},
    {"one that wants TLS first has told nothing",
     {.temper = WANTS_TLS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "postmaster@"},
    {"forms that are put off may pass later",
     {.temper = GREYLISTS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "put off"},
    {"a form that is held up may pass, too",
     {.temper = TARPITS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "1 of 78"},
    {"one that ends with 421 each time may pass another time",
     {.temper = LIMITS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "1 of 78"},
    {"an answer that is no SMTP is none",
     {.temper = GIBBERS},
     true,
     NULL,
     RELAY_UNTOLD,
     0,
     "1 of 78"},
};

static void
test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct server server = row->server;
        struct relay_outcome outcome;
        struct relay_ask ask;
        struct why why;

        start(&server);
        ask = ask_for(&server);
        ask.stranger = row->stranger;
        ask.deliver = row->deliver;
        if (server.temper == TARPITS)
            ask.answer_ms = 40;
        expect(row->name, relay_run(&ask, &outcome, &why) == MS_OK);
        end(&server);
        if (outcome.verdict != row->verdict || outcome.holes != row->holes ||
            strstr(outcome.why, row->why) == NULL)
            fail_msg("%s: %s, holes %#x: %s", row->name,
                     relay_verdict_name(outcome.verdict), outcome.holes,
                     outcome.why);
        expect(row->name,
               (server.letters > 0) ==
                   (row->deliver != NULL && row->server.temper != SECOND));
        expect(row->name, strpbrk(outcome.why, "\x1b\r\n") == NULL);
        relay_end(&outcome);
    }
}

static void
test_mute(void **state)
{
    struct server server = {.temper = MUTE};
    struct relay_outcome outcome;
    struct relay_ask ask;
    struct why why;

    (void)state;
    start(&server);
    ask = ask_for(&server);
    assert_int_equal(relay_run(&ask, &outcome, &why), MS_OK);
    assert_int_equal(outcome.verdict, RELAY_UNTOLD);
    assert_non_null(strstr(outcome.why, "no answer"));
    relay_end(&outcome);
    end(&server);
}

static bool
no_time(int64_t ms)
{
    (void)ms;
    return false;
}

static void
test_stopped(void **state)
{
    struct server server = {.temper = PLAIN};
    struct relay_outcome outcome;
    struct relay_ask ask;
    struct why why;

    (void)state;
    start(&server);
    ask = ask_for(&server);
    ask.stranger = true;
    ask.wait = no_time;
    assert_int_equal(relay_run(&ask, &outcome, &why), MS_OK);
    assert_int_equal(outcome.verdict, RELAY_UNTOLD);
    assert_non_null(strstr(outcome.why, "stopped"));
    relay_end(&outcome);
    end(&server);
}

static void
test_words(void **state)
{
    static const char *const bad[] = {"a b", "x..y", "", "@"};
    struct server server = {.port = 1};
    struct relay_outcome outcome;
    struct why why;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct relay_ask ask = ask_for(&server);

        ask.foreign = bad[i];
        assert_int_equal(relay_run(&ask, &outcome, &why), MS_INVALID);
        ask.foreign = NULL;
        ask.deliver = bad[i];
        assert_int_equal(relay_run(&ask, &outcome, &why), MS_INVALID);
    }
}

/* ----- the table */

static void
test_vectors(void **state)
{
    const struct vector_words words = {
        "v", "f.test", "g.test", "d.test", "h.test", "[192.0.2.1]", "r.test"};
    const struct vector_words few = {.victim = "v", .foreign = "f.test"};
    char text[VECTOR_TEXT];

    (void)state;
    for (size_t i = 0; i < vectors_count; i++) {
        const struct vector *v = &vectors[i];

        expect(v->name, vector_write(v->rcpt, &words, text));
        expect(v->name, strpbrk(text, "{}|\r\n") == NULL);
        for (size_t j = 0; j < i; j++)
            expect(v->name, strcmp(v->name, vectors[j].name) != 0);
    }
    assert_true(vectors[0].hole == HOLE_ANYBODY && vectors[0].mail == NULL);
    assert_true(vector_write("<{v}%{f}>", &few, text));
    assert_string_equal(text, "<v%f.test>");
    assert_false(vector_write("<{v}@{d}>", &few, text));
}

/* ----- memory */

static void
test_scarce(void **state)
{
    struct server server = {.port = 1};
    struct relay_outcome outcome;
    struct relay_ask ask = ask_for(&server);
    struct why why;
    enum ms_err err = MS_NOMEM;

    (void)state;
    for (unsigned n = 1; err == MS_NOMEM && n < 10; n++) {
        scarce_set(n);
        err = relay_run(&ask, &outcome, &why);
        scarce_set(0);
        relay_end(&outcome);
    }
    assert_int_equal(err, MS_OK);
}

/* ----- the script */

static void
test_script(void **state)
{
    struct server server = {.port = 2525};
    struct relay_ask ask = ask_for(&server);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct why why;

    (void)state;
    assert_non_null(out);
    assert_int_equal(script_write(&ask, "mx.example.org", out, &why), MS_OK);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "address=127.0.0.1 port=2525 "
                                 "domain=example.org foreign=example.com\n"));
    assert_non_null(strstr(text, "|<relay-test%example.com@mx.example.org>|"));
    assert_int_equal(text[size - 1], '\n');
    free(text);
    ask.domain = "a;reboot";
    assert_int_equal(script_write(&ask, "", stdout, &why), MS_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_mute),
        cmocka_unit_test(test_stopped),  cmocka_unit_test(test_words),
        cmocka_unit_test(test_vectors),  cmocka_unit_test(test_scarce),
        cmocka_unit_test(test_script),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
