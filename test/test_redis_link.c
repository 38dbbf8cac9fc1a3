/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection that many threads share, against a server that does as it is
 * told (test/redis_puppet.h).
 */
#include <config.h>

#include "policy/store/redis/link.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "test/redis_puppet.h"
#include "test/scarce.h"
#include "test/unit.h"

/* ----- time, and what the link tells */

static int64_t
now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct store_time
clock_now(void *arg)
{
    struct store_time time = {.mono = {now_ms()}};

    (void)arg;
    return time;
}

static const struct store_clock the_clock = {.now = clock_now};

static struct mono
in_ms(int64_t ms)
{
    return (struct mono){now_ms() + ms};
}

/* A server, a link to it, and what was told of it. */
struct lab {
    struct puppet *puppet;
    struct redis_link *link;
    atomic_uint ups, downs, pushes;
    pthread_mutex_t lock;
    struct why why;  /* of the last `down` */
    char pushed[64]; /* of the last push, its third element */
    enum ms_err (*greet)(struct redis_link *link, struct why *why);
};

static enum ms_err
on_hello(void *arg, struct redis_link *link, struct why *why)
{
    struct lab *lab = arg;

    return lab->greet != NULL ? lab->greet(link, why) : MS_OK;
}

static void
on_up(void *arg)
{
    struct lab *lab = arg;

    atomic_fetch_add(&lab->ups, 1);
}

static void
on_down(void *arg, const struct why *why)
{
    struct lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    lab->why = *why;
    (void)pthread_mutex_unlock(&lab->lock);
    atomic_fetch_add(&lab->downs, 1);
}

static void
on_pushed(void *arg, const struct reply *reply)
{
    struct lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    (void)snprintf(lab->pushed, sizeof(lab->pushed), "%s",
                   reply->element[2]->text);
    (void)pthread_mutex_unlock(&lab->lock);
    atomic_fetch_add(&lab->pushes, 1);
}

/* Does CONDITION become true within five seconds? */
#define soon(condition)                                                        \
    ({                                                                         \
        int64_t until = now_ms() + 5000;                                       \
        while (!(condition) && now_ms() < until)                               \
            (void)poll(NULL, 0, 2);                                            \
        (condition);                                                           \
    })

static struct link_target
target_at(unsigned port)
{
    struct link_target target = {.deadline_ms = 300};

    (void)snprintf(target.at.host, sizeof(target.at.host), "127.0.0.1");
    target.at.port = (uint16_t)port;
    return target;
}

static void
open_link(struct lab *lab, const struct link_target *target)
{
    struct link_events events = {on_hello, on_up, on_down, on_pushed, lab};

    (void)pthread_mutex_init(&lab->lock, NULL);
    assert_int_equal(redis_link_create(target, the_clock, events, &lab->link),
                     MS_OK);
}

/* A puppet and a link that is up. */
static void
open_lab(struct lab *lab)
{
    struct link_target target;

    memset(lab, 0, sizeof(*lab));
    lab->puppet = puppet_start(0);
    target = target_at(puppet_port(lab->puppet));
    open_link(lab, &target);
    assert_true(soon(redis_link_is_up(lab->link)));
}

static void
close_lab(struct lab *lab)
{
    redis_link_destroy(lab->link);
    puppet_stop(lab->puppet);
    (void)pthread_mutex_destroy(&lab->lock);
}

static bool
why_has(struct lab *lab, const char *word)
{
    bool has;

    (void)pthread_mutex_lock(&lab->lock);
    has = strstr(lab->why.text, word) != NULL;
    (void)pthread_mutex_unlock(&lab->lock);
    return has;
}

/* ----- asking */

/* "WORD ARGUMENT", "LATE MS ARGUMENT": two words or, with LATE, three. */
static struct codec_command
command_of(const char *text)
{
    struct codec_command command = {0};
    int words = strncmp(text, "LATE ", 5) == 0 ? 3 : 2;

    for (int i = 1; i < words && strchr(text, ' ') != NULL; i++) {
        size_t len = strcspn(text, " ");

        codec_arg(&command, text, len);
        text += len + 1;
    }
    codec_word(&command, text);
    return command;
}

static struct link_request *
ask(struct redis_link *link, const char *text, int within_ms)
{
    struct codec_command command = command_of(text);
    struct link_request *request = NULL;

    assert_int_equal(
        redis_link_send(link, &command, 1, in_ms(within_ms), &request), MS_OK);
    return request;
}

/* Ask TEXT and wait; the reply's text is OUT's, unless OUT is NULL. */
static enum ms_err
ask_and_wait(struct redis_link *link, const char *text, int within_ms,
             char out[64])
{
    struct link_request *request = ask(link, text, within_ms);
    struct reply *reply = NULL;
    enum ms_err err = redis_link_wait(link, request, &reply, NULL);

    if (out != NULL)
        (void)snprintf(out, 64, "%s",
                       reply != NULL && reply->text != NULL ? reply->text : "");
    reply_destroy(reply);
    return err;
}

/* What a `done` was told. */
struct told {
    atomic_uint times;
    enum ms_err err;
    size_t n;
    char text[64];
    pthread_t thread;
};

static void
on_done(void *arg, enum ms_err err, struct reply *const *replies, size_t n)
{
    struct told *told = arg;

    told->err = err;
    told->n = n;
    told->thread = pthread_self();
    if (n > 0 && replies[0]->text != NULL)
        (void)snprintf(told->text, sizeof(told->text), "%s", replies[0]->text);
    atomic_fetch_add(&told->times, 1);
}

/* ----- what goes well */

static void
test_answers(void **state)
{
    static const struct {
        const char *row, *command;
        enum reply_type type;
        const char *text;
    } rows[] = {
        {"a text", "ECHO hello", REPLY_TEXT, "hello"},
        {"a status", "RAW +fine\r\n", REPLY_STATUS, "fine"},
        {"an error is a reply", "RAW -ERR no\r\n", REPLY_ERROR, "ERR no"},
        {"nil", "RAW $-1\r\n", REPLY_NIL, NULL},
        {"an array", "RAW *1\r\n:1\r\n", REPLY_ARRAY, NULL},
        {"a reply that comes byte by byte", "DRIP $3\r\nabc\r\n", REPLY_TEXT,
         "abc"},
        {"a reply that comes late", "LATE 50 +late\r\n", REPLY_STATUS, "late"},
    };
    struct lab lab;

    (void)state;
    open_lab(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct link_request *request = ask(lab.link, rows[i].command, 3000);
        struct reply *reply = NULL;

        expect(rows[i].row,
               redis_link_wait(lab.link, request, &reply, NULL) == MS_OK);
        expect(rows[i].row, reply->type == rows[i].type);
        if (rows[i].text != NULL)
            expect(rows[i].row, strcmp(reply->text, rows[i].text) == 0);
        reply_destroy(reply);
    }
    assert_int_equal(puppet_connections(lab.puppet), 1);
    close_lab(&lab);
}

/* Many commands in one request have their replies in order; what is asked
 * first is answered first, whoever waits first. */
static void
test_order(void **state)
{
    struct codec_command commands[LINK_COMMANDS];
    struct link_request *all = NULL, *first, *second;
    struct reply *replies[LINK_COMMANDS];
    char text[LINK_COMMANDS][16];
    struct lab lab;

    (void)state;
    open_lab(&lab);
    memset(commands, 0, sizeof(commands));
    for (size_t i = 0; i < LINK_COMMANDS; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%zu", i);
        codec_word(&commands[i], "ECHO");
        codec_word(&commands[i], text[i]);
    }
    assert_int_equal(
        redis_link_send(lab.link, commands, LINK_COMMANDS, in_ms(3000), &all),
        MS_OK);
    first = ask(lab.link, "LATE 20 +first\r\n", 3000);
    second = ask(lab.link, "ECHO second", 3000);
    assert_int_equal(redis_link_wait(lab.link, second, replies, NULL), MS_OK);
    assert_string_equal(replies[0]->text, "second");
    reply_destroy(replies[0]);
    assert_int_equal(redis_link_wait(lab.link, first, replies, NULL), MS_OK);
    assert_string_equal(replies[0]->text, "first");
    reply_destroy(replies[0]);
    assert_int_equal(redis_link_wait(lab.link, all, replies, NULL), MS_OK);
    for (size_t i = 0; i < LINK_COMMANDS; i++) {
        assert_string_equal(replies[i]->text, text[i]);
        reply_destroy(replies[i]);
    }
    close_lab(&lab);
}

/* A reply that is there already is no wait; nor is one that another's reading
 * brought. */
static void
test_waited(void **state)
{
    struct link_request *request;
    struct reply *reply = NULL;
    bool waited = true;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    request = ask(lab.link, "ECHO x", 3000);
    (void)poll(NULL, 0, 15);
    assert_int_equal(redis_link_wait(lab.link, request, &reply, &waited),
                     MS_OK);
    assert_false(waited);
    reply_destroy(reply);
    request = ask(lab.link, "LATE 40 +x\r\n", 3000);
    assert_int_equal(redis_link_wait(lab.link, request, &reply, &waited),
                     MS_OK);
    assert_true(waited);
    reply_destroy(reply);
    request = ask(lab.link, "ECHO x", 3000);
    assert_int_equal(ask_and_wait(lab.link, "ECHO y", 3000, NULL), MS_OK);
    assert_int_equal(redis_link_wait(lab.link, request, &reply, &waited),
                     MS_OK);
    assert_false(waited);
    reply_destroy(reply);
    close_lab(&lab);
}

enum { THREADS = 8, EACH = 2000 };

struct crowd {
    struct redis_link *link;
    unsigned number;
    unsigned wrong;
};

static void *
ask_much(void *arg)
{
    struct crowd *one = arg;

    for (unsigned i = 0; i < EACH; i++) {
        char text[64], sent[64], got[64];

        (void)snprintf(text, sizeof(text), "ECHO %u-%u", one->number, i);
        (void)snprintf(sent, sizeof(sent), "%u-%u", one->number, i);
        if (ask_and_wait(one->link, text, 20000, got) != MS_OK ||
            strcmp(sent, got) != 0)
            one->wrong++;
    }
    return NULL;
}

static void
test_threads(void **state)
{
    pthread_t thread[THREADS];
    struct crowd crowd[THREADS];
    struct link_stats stats;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    for (unsigned i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){lab.link, i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, ask_much, &crowd[i]),
                         0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(thread[i], NULL);
        assert_int_equal(crowd[i].wrong, 0);
    }
    redis_link_stats(lab.link, &stats);
    assert_true(stats.up);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(stats.commands, THREADS * EACH + 1);
    assert_int_equal(stats.replies, THREADS * EACH + 1);
    assert_string_equal(stats.trouble, "");
    close_lab(&lab);
}

static void
test_latency(void **state)
{
    struct lab lab;

    (void)state;
    open_lab(&lab);
    assert_int_equal(redis_link_latency_us(lab.link), 0);
    for (int i = 0; i < 18; i++)
        assert_int_equal(ask_and_wait(lab.link, "LATE 10 +x\r\n", 3000, NULL),
                         MS_OK);
    assert_int_equal(redis_link_latency_us(lab.link), 0);
    assert_int_equal(ask_and_wait(lab.link, "LATE 10 +x\r\n", 3000, NULL),
                     MS_OK);
    assert_true(redis_link_latency_us(lab.link) >= 8000);
    redis_link_drop(lab.link, "test");
    assert_int_equal(redis_link_latency_us(lab.link), 0);
    close_lab(&lab);
}

/* What does not fit into the socket is written later. */
static void
test_large(void **state)
{
    enum { SIZE = 300000, TIMES = 10 };
    struct link_request *request[TIMES], *pause;
    char *text = malloc(SIZE + 1);
    struct codec_command command = {0};
    struct reply *reply = NULL;
    struct lab lab;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    open_lab(&lab);
    pause = ask(lab.link, "PAUSE 100", 5000);
    codec_word(&command, "ECHO");
    codec_arg(&command, text, SIZE);
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(
            redis_link_send(lab.link, &command, 1, in_ms(5000), &request[i]),
            MS_OK);
    assert_int_equal(redis_link_wait(lab.link, pause, &reply, NULL), MS_OK);
    reply_destroy(reply);
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(redis_link_wait(lab.link, request[i], &reply, NULL),
                         MS_OK);
        assert_int_equal(reply->len, SIZE);
        reply_destroy(reply);
    }
    close_lab(&lab);
    free(text);
}

/* ----- what goes wrong with a connection */

static void
test_faults(void **state)
{
    static const struct {
        const char *row, *command;
        int within_ms;
        enum ms_err err;
        int least_ms, most_ms; /* that it takes */
    } rows[] = {
        {"no answer", "SILENT", 100, MS_TIMEOUT, 99, 200},
        {"a byte each 200 ms", "DRIBBLE $20\r\n01234567890123456789\r\n", 300,
         MS_TIMEOUT, 299, 400},
        {"a part of an answer", "RAW $20\r\n0123", 60, MS_TIMEOUT, 59, 160},
        {"an answer that is too late", "LATE 120 +x\r\n", 60, MS_TIMEOUT, 59,
         160},
        {"a connection that is closed", "CUT ", 2000, MS_UNAVAIL, 0, 200},
        {"one closed in the middle", "CUT $20\r\n0123", 2000, MS_UNAVAIL, 0,
         200},
        {"one closed before the last byte", "CUT $2\r\nab\r", 2000, MS_UNAVAIL,
         0, 200},
        {"half-closed", "HALF $20\r\n0123", 2000, MS_UNAVAIL, 0, 200},
        {"reset", "RESET", 2000, MS_UNAVAIL, 0, 200},
        {"garbage", "RAW garbage\r\n", 2000, MS_UNAVAIL, 0, 200},
        {"HTTP", "RAW HTTP/1.1 400 Bad Request\r\n\r\n", 2000, MS_UNAVAIL, 0,
         200},
        {"a huge text", "RAW $536870912\r\nabc", 2000, MS_UNAVAIL, 0, 200},
        {"a huge array", "RAW *100000000\r\n", 2000, MS_UNAVAIL, 0, 200},
        {"a deep array", "RAW *1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
         2000, MS_UNAVAIL, 0, 200},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab lab;
        int64_t began;
        char text[64];
        int took;

        open_lab(&lab);
        began = now_ms();
        expect(rows[i].row,
               ask_and_wait(lab.link, rows[i].command, rows[i].within_ms,
                            NULL) == rows[i].err);
        took = (int)(now_ms() - began);
        if (took < rows[i].least_ms || took > rows[i].most_ms)
            fail_msg("%s: took %d ms", rows[i].row, took);
        /* never used again: the next answer is the next request's */
        expect(rows[i].row, soon(atomic_load(&lab.ups) == 2));
        expect(rows[i].row,
               ask_and_wait(lab.link, "ECHO again", 3000, text) == MS_OK);
        expect(rows[i].row, strcmp(text, "again") == 0);
        expect(rows[i].row, puppet_connections(lab.puppet) >= 2);
        close_lab(&lab);
    }
}

/* Who missed its deadline is told so, all others that the connection is gone,
 * at once. */
static void
test_all_fail(void **state)
{
    struct link_request *before, *late, *after;
    struct told told = {0};
    struct reply *reply = NULL;
    int64_t began = now_ms();
    struct lab lab;

    (void)state;
    open_lab(&lab);
    before = ask(lab.link, "PAUSE 250", 5000);
    late = ask(lab.link, "ECHO x", 80);
    after = ask(lab.link, "ECHO y", 5000);
    redis_link_leave(lab.link, ask(lab.link, "ECHO z", 5000), on_done, &told);
    assert_int_equal(redis_link_wait(lab.link, after, &reply, NULL),
                     MS_UNAVAIL);
    assert_int_equal(redis_link_wait(lab.link, late, &reply, NULL), MS_TIMEOUT);
    assert_int_equal(redis_link_wait(lab.link, before, &reply, NULL),
                     MS_UNAVAIL);
    assert_true(now_ms() - began < 1000);
    assert_true(soon(atomic_load(&told.times) == 1));
    assert_int_equal(told.err, MS_UNAVAIL);
    assert_int_equal(told.n, 0);
    assert_null(reply);
    assert_true(soon(why_has(&lab, "deadline")));
    close_lab(&lab);
}

/* An answer too many is nobody's. */
static void
test_surplus(void **state)
{
    static const struct {
        const char *row, *first;
    } rows[] = {
        {"at once", "RAW +a\r\n+b\r\n"},
        {"and parts of it", "RAW +a\r\n+"},
    };
    struct lab lab;

    (void)state;
    open_lab(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct codec_command command = command_of("ECHO mine");
        struct link_request *request = NULL;
        struct reply *reply = NULL;
        enum ms_err err;

        expect(rows[i].row, soon(redis_link_is_up(lab.link)));
        (void)ask_and_wait(lab.link, rows[i].first, 2000, NULL);
        if (i == 1)
            puppet_say(lab.puppet, "b\r\n");
        (void)poll(NULL, 0, 30);
        err = redis_link_send(lab.link, &command, 1, in_ms(2000), &request);
        if (err == MS_OK)
            err = redis_link_wait(lab.link, request, &reply, NULL);
        expect(rows[i].row, err != MS_OK || strcmp(reply->text, "mine") == 0);
        reply_destroy(reply);
        expect(rows[i].row, soon(why_has(&lab, "not asked")));
        expect(rows[i].row, soon(atomic_load(&lab.ups) == i + 2));
    }
    close_lab(&lab);
}

/* A server that goes while nothing is asked is noticed, and that it comes
 * back; one that is told to go is not called back. */
static void
test_idle(void **state)
{
    struct codec_command command = command_of("ECHO x");
    struct link_request *request;
    unsigned port;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    puppet_cut(lab.puppet);
    assert_true(soon(atomic_load(&lab.downs) == 1));
    assert_true(soon(atomic_load(&lab.ups) == 2));
    port = puppet_port(lab.puppet);
    puppet_stop(lab.puppet);
    assert_true(soon(why_has(&lab, "refused")));
    assert_false(redis_link_is_up(lab.link));
    assert_int_equal(
        redis_link_send(lab.link, &command, 1, in_ms(2000), &request),
        MS_UNAVAIL);
    lab.puppet = puppet_start(port);
    assert_true(soon(redis_link_is_up(lab.link)));
    assert_int_equal(ask_and_wait(lab.link, "ECHO x", 2000, NULL), MS_OK);
    close_lab(&lab);
}

/* What is too late already is not sent: it would take the others with it. */
static void
test_too_late(void **state)
{
    struct codec_command command = command_of("ECHO x");
    struct link_request *request = NULL;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    assert_int_equal(redis_link_send(lab.link, &command, 1, in_ms(0), &request),
                     MS_TIMEOUT);
    assert_null(request);
    assert_true(redis_link_is_up(lab.link));
    assert_int_equal(ask_and_wait(lab.link, "ECHO x", 2000, NULL), MS_OK);
    assert_int_equal(atomic_load(&lab.downs), 0);
    close_lab(&lab);
}

/* ----- no memory: for this thread alone; the link's own is spared */

/* Whatever allocation fails, the link goes on; true: none was left to. */
static bool
survives(struct lab *lab, unsigned n)
{
    static const char *const text = "RAW *2\r\n$1\r\na\r\n*1\r\n:1\r\n";
    struct codec_command command = command_of(text);
    struct link_request *request = NULL;
    struct reply *reply = NULL;
    enum ms_err err;
    bool past;

    assert_true(soon(redis_link_is_up(lab->link)));
    scarce_set_here(n);
    err = redis_link_send(lab->link, &command, 1, in_ms(2000), &request);
    if (err == MS_OK)
        err = redis_link_wait(lab->link, request, &reply, NULL);
    past = scarce_left() > 0;
    scarce_set_here(0);
    assert_true(err == MS_OK || err == MS_NOMEM || err == MS_UNAVAIL);
    assert_true((err == MS_OK) == (reply != NULL));
    reply_destroy(reply);
    return past && err == MS_OK;
}

static void
test_no_memory(void **state)
{
    struct redis_link *link = NULL;
    struct link_target target;
    struct lab lab;
    unsigned n = 1;

    (void)state;
    open_lab(&lab);
    while (!survives(&lab, n))
        assert_true(++n < 50);
    assert_true(n > 4);
    target = target_at(puppet_port(lab.puppet));
    target.password = "secret";
    for (n = 1; n < 4; n++) {
        scarce_set_here(n);
        assert_int_equal(redis_link_create(&target, the_clock,
                                           (struct link_events){0}, &link),
                         MS_NOMEM);
        assert_int_equal(scarce_left(), 0);
        assert_null(link);
    }
    close_lab(&lab);
}

static void
test_drop(void **state)
{
    struct link_request *request;
    struct link_stats stats;
    struct reply *reply;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    request = ask(lab.link, "SILENT", 2000);
    redis_link_drop(lab.link, "it does not serve");
    redis_link_stats(lab.link, &stats);
    assert_int_equal(redis_link_wait(lab.link, request, &reply, NULL),
                     MS_UNAVAIL);
    assert_false(stats.up);
    assert_string_equal(stats.trouble, "it does not serve");
    assert_true(soon(atomic_load(&lab.ups) == 2));
    assert_true(why_has(&lab, "it does not serve"));
    close_lab(&lab);
}

/* More is not kept for a server than LINK_BACKLOG. */
static void
test_backlog(void **state)
{
    enum { SIZE = 1 << 20 };
    struct codec_command command = {0};
    enum ms_err err = MS_OK;
    char *text = calloc(1, SIZE);
    unsigned sent = 0;
    struct lab lab;

    (void)state;
    assert_non_null(text);
    open_lab(&lab);
    redis_link_leave(lab.link, ask(lab.link, "PAUSE 3000", 5000), NULL, NULL);
    codec_word(&command, "SILENT");
    codec_arg(&command, text, SIZE);
    while (err == MS_OK && sent < 100) {
        struct link_request *request;

        err = redis_link_send(lab.link, &command, 1, in_ms(5000), &request);
        if (err == MS_OK)
            redis_link_leave(lab.link, request, NULL, NULL);
        sent += err == MS_OK;
    }
    assert_int_equal(err, MS_UNAVAIL);
    assert_true(sent >= 3 && sent < 50);
    close_lab(&lab);
    free(text);
}

/* ----- nobody waits */

static void
test_leave(void **state)
{
    struct told told = {0}, late = {0};
    struct link_request *request;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    redis_link_leave(lab.link, ask(lab.link, "ECHO one", 3000), on_done, &told);
    assert_true(soon(atomic_load(&told.times) == 1));
    assert_int_equal(told.err, MS_OK);
    assert_int_equal(told.n, 1);
    assert_string_equal(told.text, "one");

    /* answered before: at once, by who leaves it */
    request = ask(lab.link, "ECHO two", 3000);
    assert_int_equal(ask_and_wait(lab.link, "ECHO x", 3000, NULL), MS_OK);
    redis_link_leave(lab.link, request, on_done, &told);
    assert_int_equal(atomic_load(&told.times), 2);
    assert_string_equal(told.text, "two");
    assert_true(pthread_equal(told.thread, pthread_self()));

    redis_link_leave(lab.link, ask(lab.link, "SILENT", 60), on_done, &late);
    assert_true(soon(atomic_load(&late.times) == 1));
    assert_int_equal(late.err, MS_TIMEOUT);
    assert_int_equal(late.n, 0);
    close_lab(&lab);
    assert_int_equal(atomic_load(&told.times), 2);
    assert_int_equal(atomic_load(&late.times), 1);
}

/* `done` may send. */
struct chain {
    struct redis_link *link;
    atomic_uint left;
};

static void
on_link_of_chain(void *arg, enum ms_err err, struct reply *const *replies,
                 size_t n)
{
    struct codec_command command = command_of("ECHO chain");
    struct chain *chain = arg;
    struct link_request *request;

    (void)replies, (void)n;
    if (err == MS_OK && atomic_fetch_sub(&chain->left, 1) > 1 &&
        redis_link_send(chain->link, &command, 1, in_ms(3000), &request) ==
            MS_OK)
        redis_link_leave(chain->link, request, on_link_of_chain, chain);
}

static void
test_done_sends(void **state)
{
    struct chain chain;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    chain.link = lab.link;
    atomic_init(&chain.left, 10);
    redis_link_leave(lab.link, ask(lab.link, "ECHO x", 3000), on_link_of_chain,
                     &chain);
    assert_true(soon(atomic_load(&chain.left) == 0));
    close_lab(&lab);
}

/* ----- the end */

struct waiter {
    struct redis_link *link;
    struct link_request *request;
    enum ms_err err;
};

static void *
wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    struct reply *reply;

    waiter->err = redis_link_wait(waiter->link, waiter->request, &reply, NULL);
    return NULL;
}

static void
test_destroy(void **state)
{
    struct told told = {0};
    struct waiter waiter[3];
    pthread_t thread[ROWS(waiter)];
    struct link_request *kept;
    int64_t began;
    struct lab lab;

    (void)state;
    open_lab(&lab);
    redis_link_leave(lab.link, ask(lab.link, "PAUSE 250", 5000), on_done,
                     &told);
    kept = ask(lab.link, "ECHO x", 5000);
    for (size_t i = 0; i < ROWS(waiter); i++) {
        waiter[i].link = lab.link;
        waiter[i].request = ask(lab.link, "ECHO x", 5000);
        assert_int_equal(
            pthread_create(&thread[i], NULL, wait_for_it, &waiter[i]), 0);
    }
    (void)poll(NULL, 0, 20);
    began = now_ms();
    redis_link_destroy(lab.link);
    assert_true(now_ms() - began < 500);
    assert_int_equal(atomic_load(&told.times), 1);
    for (size_t i = 0; i < ROWS(waiter); i++) {
        (void)pthread_join(thread[i], NULL);
        assert_int_equal(waiter[i].err, MS_UNAVAIL);
    }
    redis_link_leave(lab.link, kept, NULL, NULL);
    lab.link = NULL;
    close_lab(&lab);
}

/* ----- getting there */

static enum ms_err
hello_asks(struct redis_link *link, struct why *why)
{
    char text[64];

    if (redis_link_is_up(link) ||
        ask_and_wait(link, "ECHO role", 5000, text) != MS_OK ||
        strcmp(text, "role") != 0)
        return why_set(why, MS_UNAVAIL, "hello does not work");
    return MS_OK;
}

static enum ms_err
hello_refuses(struct redis_link *link, struct why *why)
{
    (void)link;
    return why_set(why, MS_UNAVAIL, "it is a replica");
}

/* The attempt's deadline is hello's, too. */
static enum ms_err
hello_hangs(struct redis_link *link, struct why *why)
{
    (void)why;
    return ask_and_wait(link, "SILENT", 60000, NULL);
}

static void
test_greeting(void **state)
{
    static const struct {
        const char *row, *user, *password;
        unsigned db;
        const char *command, *answer; /* NULL: all are answered OK */
        enum ms_err (*hello)(struct redis_link *link, struct why *why);
        const char *heard; /* as it begins */
        const char *why;   /* NULL: it comes up */
    } rows[] = {
        {"nothing but a name", "", NULL, 0, NULL, NULL, NULL,
         "CLIENT SETNAME mortsafe|", NULL},
        {"a password", "", "secret", 0, NULL, NULL, NULL,
         "AUTH secret|CLIENT SETNAME mortsafe|", NULL},
        {"a user and a password", "ann", "secret", 0, NULL, NULL, NULL,
         "AUTH ann secret|CLIENT SETNAME mortsafe|", NULL},
        {"a user without one", "ann", NULL, 0, NULL, NULL, NULL,
         "AUTH ann |CLIENT SETNAME mortsafe|", NULL},
        {"a database", "ann", "secret", 7, NULL, NULL, NULL,
         "AUTH ann secret|SELECT 7|CLIENT SETNAME mortsafe|", NULL},
        {"hello asks", "", NULL, 0, NULL, NULL, hello_asks,
         "CLIENT SETNAME mortsafe|", NULL},
        {"hello refuses", "", NULL, 0, NULL, NULL, hello_refuses,
         "CLIENT SETNAME mortsafe|", "it is a replica"},
        {"hello has no answer", "", NULL, 0, NULL, NULL, hello_hangs,
         "CLIENT SETNAME mortsafe|SILENT|", "deadline"},
        {"a wrong password", "ann", "secret", 0, "AUTH",
         "-WRONGPASS invalid username-password pair\r\n", NULL,
         "AUTH ann secret|", "AUTH: WRONGPASS invalid"},
        {"a database that is not", "", NULL, 9999, "SELECT",
         "-ERR DB index is out of range\r\n", NULL, "SELECT 9999|",
         "SELECT: ERR DB index"},
        {"no right to select", "", NULL, 1, "SELECT", "-NOPERM no\r\n", NULL,
         "SELECT 1|", "SELECT: NOPERM no"},
        {"no right to a name does not matter", "", NULL, 0, "CLIENT",
         "-NOPERM no\r\n", NULL, "CLIENT SETNAME mortsafe|", NULL},
        {"no CLIENT at all does not matter", "", NULL, 0, "CLIENT",
         "-ERR unknown command 'CLIENT'\r\n", NULL, "CLIENT SETNAME mortsafe|",
         NULL},
        {"a password is missing", "", NULL, 0, "CLIENT",
         "-NOAUTH Authentication required.\r\n", NULL,
         "CLIENT SETNAME mortsafe|", "NOAUTH"},
        {"it is loading", "", NULL, 0, "CLIENT",
         "-LOADING Redis is loading\r\n", NULL, "CLIENT SETNAME mortsafe|",
         "LOADING"},
        {"words that are not for a log", "", "x", 0, "AUTH",
         "-ERR \x1b[2J\xff\r\n", NULL, "AUTH x|", "AUTH: ERR ?[2J?"},
        {"many words", "", "x", 0, "AUTH",
         "-ERR 0123456789012345678901234567890123456789012345678901234567890"
         "1234567890123456789012345678901234567890123456789012345678901234567"
         "8901234567890123456789012345678901234567890123456789012345678901\r\n",
         NULL, "AUTH x|", "..."},
        {"no status", "", "x", 0, "AUTH", ":1\r\n", NULL, "AUTH x|",
         "another kind"},
        {"no Redis at all", "", NULL, 0, "CLIENT", "220 mx ESMTP\r\n", NULL,
         "CLIENT", "protocol"},
        {"no answer", "", NULL, 0, "CLIENT", "", NULL, "CLIENT", "deadline"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab lab = {.greet = rows[i].hello};
        struct link_target target;
        char heard[512];

        lab.puppet = puppet_start(0);
        if (rows[i].command != NULL)
            puppet_answer(lab.puppet, rows[i].command, rows[i].answer);
        target = target_at(puppet_port(lab.puppet));
        target.deadline_ms = rows[i].why != NULL ? 150 : 3000;
        target.password = rows[i].password;
        target.at.db = rows[i].db;
        (void)snprintf(target.at.user, sizeof(target.at.user), "%s",
                       rows[i].user);
        open_link(&lab, &target);
        if (rows[i].why == NULL) {
            expect(rows[i].row, soon(atomic_load(&lab.ups) == 1));
        } else {
            expect(rows[i].row, soon(atomic_load(&lab.downs) > 0));
            if (!why_has(&lab, rows[i].why))
                fail_msg("%s: %s", rows[i].row, lab.why.text);
            expect(rows[i].row, !why_has(&lab, "secret"));
            expect(rows[i].row, atomic_load(&lab.ups) == 0);
        }
        puppet_heard(lab.puppet, heard, sizeof(heard));
        if (rows[i].hello != hello_hangs &&
            strncmp(heard, rows[i].heard, strlen(rows[i].heard)) != 0)
            fail_msg("%s: %s", rows[i].row, heard);
        close_lab(&lab);
    }
}

static atomic_bool greeted; /* hello may end */

static enum ms_err
hello_waits(struct redis_link *link, struct why *why)
{
    (void)link, (void)why;
    while (!atomic_load(&greeted))
        (void)poll(NULL, 0, 2);
    return MS_OK;
}

/* Until hello is content nobody else's requests are taken. */
static void
test_hello_is_alone(void **state)
{
    struct codec_command command = command_of("ECHO x");
    struct lab lab = {.greet = hello_waits};
    struct link_request *request;
    struct link_target target;

    (void)state;
    atomic_store(&greeted, false);
    lab.puppet = puppet_start(0);
    target = target_at(puppet_port(lab.puppet));
    open_link(&lab, &target);
    assert_true(soon(puppet_connections(lab.puppet) == 1));
    (void)poll(NULL, 0, 20);
    assert_int_equal(
        redis_link_send(lab.link, &command, 1, in_ms(2000), &request),
        MS_UNAVAIL);
    atomic_store(&greeted, true);
    assert_true(soon(redis_link_is_up(lab.link)));
    assert_int_equal(ask_and_wait(lab.link, "ECHO x", 2000, NULL), MS_OK);
    close_lab(&lab);
}

/* Nor does the end wait for it. */
static void
test_destroy_in_hello(void **state)
{
    struct lab lab = {.greet = hello_hangs};
    struct link_target target;
    char heard[512] = "";
    int64_t began;

    (void)state;
    lab.puppet = puppet_start(0);
    target = target_at(puppet_port(lab.puppet));
    target.deadline_ms = 60000;
    open_link(&lab, &target);
    assert_true(soon(
        (puppet_heard(lab.puppet, heard, sizeof(heard)), heard[0] != '\0')));
    (void)poll(NULL, 0, 20);
    began = now_ms();
    close_lab(&lab);
    assert_true(now_ms() - began < 500);
}

/* Redis says this and closes before it is asked. */
static void
test_too_many_clients(void **state)
{
    struct lab lab = {0};
    struct link_target target;

    (void)state;
    lab.puppet = puppet_start(0);
    puppet_answer(lab.puppet, "CLIENT",
                  "-ERR max number of clients reached\r\n");
    target = target_at(puppet_port(lab.puppet));
    open_link(&lab, &target);
    assert_true(soon(atomic_load(&lab.downs) > 0));
    assert_true(why_has(&lab, "max number of clients"));
    close_lab(&lab);
}

/* Attempts become rarer, but the first follows at once. */
static void
test_backoff(void **state)
{
    struct lab lab = {.greet = hello_refuses};
    struct link_target target;
    unsigned n;

    (void)state;
    lab.puppet = puppet_start(0);
    target = target_at(puppet_port(lab.puppet));
    open_link(&lab, &target);
    (void)poll(NULL, 0, 450); /* at 0, 25..50, 75..150, 175..350, 375..750 */
    n = puppet_connections(lab.puppet);
    if (n < 3 || n > 5)
        fail_msg("%u attempts", n);
    close_lab(&lab);
}

/* Nobody accepts: the queue of the listener is full. */
static void
test_black_hole(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(at);
    struct link_target target;
    struct lab lab = {0};
    int64_t began;
    int fd[4];

    (void)state;
    assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listening, 0), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    for (size_t i = 0; i < ROWS(fd); i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fd[i], (struct sockaddr *)&at, sizeof(at));
    }
    target = target_at(ntohs(at.sin_port));
    target.deadline_ms = 150;
    began = now_ms();
    open_link(&lab, &target);
    assert_true(soon(atomic_load(&lab.downs) == 1));
    assert_true(now_ms() - began >= 149);
    assert_true(why_has(&lab, "connecting: no answer in time"));
    began = now_ms();
    close_lab(&lab);
    assert_true(now_ms() - began < 100);
    for (size_t i = 0; i < ROWS(fd); i++)
        close(fd[i]);
    close(listening);
}

static void
test_no_socket(void **state)
{
    static const struct {
        const char *row, *path, *why;
    } rows[] = {
        {"no such file", "/nonexistent/redis.sock", "No such file"},
        {"no socket", "/dev/null", "refused"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct link_target target = {.deadline_ms = 300};
        struct lab lab = {0};

        (void)snprintf(target.at.path, sizeof(target.at.path), "%s",
                       rows[i].path);
        open_link(&lab, &target);
        expect(rows[i].row, soon(atomic_load(&lab.downs) > 0));
        expect(rows[i].row, why_has(&lab, rows[i].why));
        close_lab(&lab);
    }
}

/* ----- names: this program's resolver knows these (ld's --wrap) */

int __real_getaddrinfo(const char *host, const char *port,
                       const struct addrinfo *want, struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port,
                       const struct addrinfo *want, struct addrinfo **out);

static atomic_uint asked;
static atomic_bool hangs;

int
__wrap_getaddrinfo(const char *host, const char *port,
                   const struct addrinfo *want, struct addrinfo **out)
{
    struct addrinfo numeric = {.ai_family = AF_INET,
                               .ai_socktype = SOCK_STREAM,
                               .ai_flags = AI_NUMERICHOST};
    int result;

    if (want->ai_flags & AI_NUMERICHOST)
        return __real_getaddrinfo(host, port, want, out);
    atomic_fetch_add(&asked, 1);
    while (atomic_load(&hangs))
        (void)poll(NULL, 0, 5);
    if (strcmp(host, "two.example") != 0)
        return EAI_NONAME;
    result = __real_getaddrinfo("127.0.0.2", port, &numeric, out);
    if (result == 0)
        result =
            __real_getaddrinfo("127.0.0.1", port, &numeric, &(*out)->ai_next);
    return result;
}

static void
test_name(void **state)
{
    struct lab lab = {0};
    struct link_target target;

    (void)state;
    lab.puppet = puppet_start(0);
    target = target_at(puppet_port(lab.puppet));
    (void)snprintf(target.at.host, sizeof(target.at.host), "two.example");
    open_link(&lab, &target);
    assert_true(soon(redis_link_is_up(lab.link)));
    assert_int_equal(atomic_load(&lab.downs), 0);
    close_lab(&lab);
}

static void
test_no_name(void **state)
{
    struct link_target target = target_at(6379);
    struct lab lab = {0};

    (void)state;
    (void)snprintf(target.at.host, sizeof(target.at.host), "none.invalid");
    open_link(&lab, &target);
    assert_true(soon(atomic_load(&lab.downs) > 0));
    assert_true(why_has(&lab, "looking up the host's name: "));
    close_lab(&lab);
}

/* A name server that hangs holds up nothing but the attempt, and is asked
 * once. */
static void
test_hung_name(void **state)
{
    struct link_target target = target_at(0);
    struct lab lab = {0};
    int64_t began;

    (void)state;
    atomic_store(&asked, 0);
    atomic_store(&hangs, true);
    lab.puppet = puppet_start(0);
    target.at.port = (uint16_t)puppet_port(lab.puppet);
    target.deadline_ms = 60;
    (void)snprintf(target.at.host, sizeof(target.at.host), "two.example");
    open_link(&lab, &target);
    assert_true(soon(atomic_load(&lab.downs) == 3));
    assert_true(why_has(&lab, "name: no answer in time"));
    assert_int_equal(atomic_load(&asked), 1);
    atomic_store(&hangs, false);
    assert_true(soon(redis_link_is_up(lab.link)));

    atomic_store(&hangs, true);
    puppet_cut(lab.puppet);
    assert_true(soon(atomic_load(&asked) == 2));
    began = now_ms();
    close_lab(&lab);
    assert_true(now_ms() - began < 100);
    atomic_store(&hangs, false);
    (void)poll(NULL, 0, 30); /* the question outlives the link */
}

/* ----- subscribers */

static enum ms_err
hello_subscribes(struct redis_link *link, struct why *why)
{
    char text[64];

    (void)why;
    return ask_and_wait(link, "SUBSCRIBE news", 3000, text);
}

static void
test_subscriber(void **state)
{
    static const char message[] =
        "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n";
    struct lab lab = {.greet = hello_subscribes};
    struct link_target target;
    char heard[512] = "";

    (void)state;
    lab.puppet = puppet_start(0);
    /* a message may come before hello has ended */
    puppet_answer(lab.puppet, "SUBSCRIBE",
                  "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
                  "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nnow\r\n");
    puppet_answer(lab.puppet, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    target = target_at(puppet_port(lab.puppet));
    target.subscriber = true;
    target.keepalive_ms = 50;
    open_link(&lab, &target);
    assert_true(soon(atomic_load(&lab.pushes) == 1));
    assert_string_equal(lab.pushed, "now");
    assert_true(soon(redis_link_is_up(lab.link)));
    puppet_say(lab.puppet, message);
    puppet_say(lab.puppet, message);
    assert_true(soon(atomic_load(&lab.pushes) == 3));
    (void)pthread_mutex_lock(&lab.lock);
    assert_string_equal(lab.pushed, "hi");
    (void)pthread_mutex_unlock(&lab.lock);
    assert_true(soon((puppet_heard(lab.puppet, heard, sizeof(heard)),
                      strstr(heard, "PING|PING|") != NULL)));
    assert_int_equal(atomic_load(&lab.downs), 0);

    /* it says nothing more */
    puppet_answer(lab.puppet, "PING", "");
    assert_true(soon(atomic_load(&lab.downs) == 1));
    assert_true(why_has(&lab, "deadline"));
    close_lab(&lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_waited),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_all_fail),
        cmocka_unit_test(test_surplus),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_leave),
        cmocka_unit_test(test_done_sends),
        cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_greeting),
        cmocka_unit_test(test_hello_is_alone),
        cmocka_unit_test(test_destroy_in_hello),
        cmocka_unit_test(test_too_many_clients),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_hung_name),
        cmocka_unit_test(test_subscriber),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
