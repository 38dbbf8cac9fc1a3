/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/change.h"
#include "milter/journal.h"
#include "milter/line.h"
#include "milter/quiet.h"
#include "milter/spool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "test/unit.h"

enum { ROOM = 1 << 16 };

static const struct store_time noon = {{1000000}, {1767787200}};

/* A journal whose lines go to a file, and what that holds in the end. */
struct book {
    struct journal *journal;
    FILE *file;
    char *text;
};

static void
open_book(struct book *book, enum log_format format, int level)
{
    struct spool_target target = {.to = LOG_TO_STDERR};

    book->file = tmpfile();
    assert_non_null(book->file);
    target.fd = fileno(book->file);
    assert_int_equal(journal_create(&target, format, level, "mx.example.org",
                                    &book->journal),
                     MS_OK);
    book->text = calloc(1, ROOM);
    assert_non_null(book->text);
}

static const char *
close_book(struct book *book)
{
    size_t n;

    journal_destroy(book->journal);
    rewind(book->file);
    n = fread(book->text, 1, ROOM - 1, book->file);
    book->text[n] = '\0';
    fclose(book->file);
    return book->text;
}

static unsigned
lines_of(const char *text, const char *with)
{
    unsigned n = 0;

    for (; (text = strstr(text, with)) != NULL; text++)
        n++;
    return n;
}

/* What all entries here are about. */
static char listener_name[] = "submission";
static char limit_name[] = "user";
static struct listener a_listener = {.name = listener_name};
static struct limit a_limit = {.name = limit_name, .count = METRIC_EXTERNAL};
static struct scene a_scene;
static struct verdict a_verdict;

static void
set_scene(const char *client, const char *user)
{
    memset(&a_scene, 0, sizeof(a_scene));
    a_scene.listener = &a_listener;
    a_scene.by = LISTENER_BY_PORT;
    assert_int_equal(prefix_parse(client, &a_scene.client, NULL), MS_OK);
    (void)snprintf(a_scene.user, sizeof(a_scene.user), "%s", user);
}

static void
set_verdict(enum verdict_action action, const char *rule)
{
    memset(&a_verdict, 0, sizeof(a_verdict));
    verdict_continue(&a_verdict);
    a_verdict.action = action;
    (void)snprintf(a_verdict.rule, sizeof(a_verdict.rule), "%s", rule);
}

static struct journal_entry
an_entry(void)
{
    struct journal_entry entry = {
        .now = noon,
        .verdict = &a_verdict,
        .scene = &a_scene,
        .client_name = "cust.example.net",
        .from = "<ann@example.org>",
        .took_us = 849,
    };

    return entry;
}

static void
test_line(void **state)
{
    struct journal_entry entry;
    struct book book;

    (void)state;
    set_scene("192.0.2.7", "ann@example.org");
    set_verdict(VERDICT_DEFER, "limit.user");
    a_verdict.limit = &a_limit;
    a_verdict.rate = (struct rate){300, 3600};
    a_verdict.used = 301;
    a_verdict.retry_s = 700;
    entry = an_entry();
    entry.id = "4Xk2Wz0q3zz";
    entry.to = "<bob@example.com>";
    entry.nrcpt = 2;
    entry.ref = "02K3F9QX";
    open_book(&book, LOG_TEXT, LOG_INFO);
    journal_decide(book.journal, &entry);
    entry.deed = JOURNAL_WOULD;
    entry.id = NULL;
    entry.from = "";
    entry.to = NULL;
    entry.nrcpt = 0;
    entry.ref = NULL;
    journal_decide(book.journal, &entry);
    assert_string_equal(
        close_book(&book),
        "4Xk2Wz0q3zz: action=defer rule=limit.user listener=submission "
        "via=port client=cust.example.net[192.0.2.7] user=ann@example.org "
        "from=<ann@example.org> to=<bob@example.com> nrcpt=2 "
        "used=301/300/1h retry=12m ref=02K3F9QX ms=0.8\n"
        "NOQUEUE: would=defer rule=limit.user listener=submission via=port "
        "client=cust.example.net[192.0.2.7] user=ann@example.org from=<> "
        "used=301/300/1h retry=12m ms=0.8\n");
    free(book.text);
}

static void
test_json(void **state)
{
    struct journal_entry entry;
    struct book book;

    (void)state;
    set_scene("2001:db8::7", "");
    set_verdict(VERDICT_REJECT, "relay.denied");
    entry = an_entry();
    entry.client_name = "[2001:db8::7]";
    entry.from = "<\"a\\b\"@\xc3\xa4.example>";
    entry.id = "4X";
    entry.nrcpt = 3;
    open_book(&book, LOG_JSON, LOG_INFO);
    journal_decide(book.journal, &entry);
    journal_say(book.journal, LOG_NOTICE, "said \"%s\"", "so\n");
    close_book(&book);
    *strrchr(book.text, '{') = '\0';
    assert_string_equal(
        book.text,
        "{\"time\":\"2026-01-07T12:00:00Z\",\"id\":\"4X\","
        "\"action\":\"reject\",\"rule\":\"relay.denied\","
        "\"listener\":\"submission\",\"via\":\"port\","
        "\"client\":\"2001:db8::7\",\"client_name\":\"unknown\","
        "\"from\":\"\\\\x22a\\\\x5Cb\\\\x22@\\\\xC3\\\\xA4.example\","
        "\"nrcpt\":3,\"ms\":0.8}\n");
    free(book.text);
}

/* What a client may send, and what of it the log shows. */
static const struct {
    const char *name, *from, *shown;
} hostile[] = {
    {"a newline", "<a\nb@c>", "from=<a\\x0Ab@c> "},
    {"a blank and another key", "<a> to=<b>", "from=<a\\x3E\\x20to=\\x3Cb> "},
    {"an escape sequence", "\033[31mred", "from=<\\x1B[31mred> "},
    {"8-bit bytes", "<\xff\x80@x>", "from=<\\xFF\\x80@x> "},
    {"a per cent sign", "<%s%n@x>", "from=<%s%n@x> "},
    {"quotes and a backslash", "<\"a\\\"b\"@x>",
     "from=<\\x22a\\x5C\\x22b\\x22@x> "},
    {"one bracket", "<", "from=<\\x3C> "},
    {"nothing", "", "from=<> "},
};

static void
test_hostile(void **state)
{
    (void)state;
    set_scene("192.0.2.7", "");
    set_verdict(VERDICT_CONTINUE, "");
    for (size_t i = 0; i < ROWS(hostile); i++) {
        struct journal_entry entry = an_entry();
        struct book book;

        entry.from = hostile[i].from;
        open_book(&book, LOG_TEXT, LOG_INFO);
        journal_decide(book.journal, &entry);
        close_book(&book);
        expect(hostile[i].name, strstr(book.text, hostile[i].shown) != NULL);
        expect(hostile[i].name, lines_of(book.text, "\n") == 1);
        free(book.text);
    }
}

/* Every byte in every field, and 64 KiB of it: one printable line. */
static void
test_every_byte(void **state)
{
    static const enum log_format formats[] = {LOG_TEXT, LOG_JSON};
    enum { LONG = 65536 };
    char *text = malloc(LONG + 1);

    (void)state;
    assert_non_null(text);
    set_scene("192.0.2.7", "");
    for (unsigned byte = 1; byte < 256; byte += byte == 34 ? 1 : 7) {
        for (size_t f = 0; f < ROWS(formats); f++) {
            struct journal_entry entry = an_entry();
            struct book book;

            memset(text, (int)byte, LONG);
            text[LONG] = '\0';
            set_verdict(VERDICT_DEFER, "x");
            memset(a_verdict.rule, (int)byte, VERDICT_RULE - 1);
            memset(a_scene.user, (int)byte, ADDRESS_TEXT - 1);
            entry.id = entry.client_name = entry.from = entry.to = entry.ref =
                text;
            open_book(&book, formats[f], LOG_INFO);
            journal_decide(book.journal, &entry);
            close_book(&book);
            assert_int_equal(lines_of(book.text, "\n"), 1);
            assert_true(lines_of(book.text, "...") >= 6);
            assert_true(strlen(book.text) < LINE_BYTES);
            for (const char *p = book.text; *p != '\n'; p++)
                assert_true(*p >= ' ' && *p <= '~');
            if (formats[f] == LOG_JSON)
                assert_true(lines_of(book.text, "}\n") == 1);
            free(book.text);
        }
    }
    free(text);
}

static void
test_levels(void **state)
{
    static const struct {
        enum verdict_action action;
        const char *error;
        int level; /* the least at which it is told */
    } levels[] = {
        {VERDICT_CONTINUE, NULL, LOG_INFO},
        {VERDICT_ACCEPT, NULL, LOG_INFO},
        {VERDICT_DEFER, NULL, LOG_NOTICE},
        {VERDICT_REJECT, NULL, LOG_NOTICE},
        {VERDICT_HOLD, NULL, LOG_NOTICE},
        {VERDICT_DEFER, "timeout", LOG_ERR},
        {VERDICT_CONTINUE, "timeout", LOG_ERR},
    };

    (void)state;
    set_scene("192.0.2.7", "");
    for (size_t i = 0; i < ROWS(levels); i++) {
        for (int level = LOG_ERR; level <= LOG_DEBUG; level++) {
            struct journal_entry entry = an_entry();
            struct book book;

            set_verdict(levels[i].action, "rule");
            entry.error = levels[i].error;
            open_book(&book, LOG_TEXT, level);
            journal_decide(book.journal, &entry);
            close_book(&book);
            assert_int_equal(lines_of(book.text, "\n"),
                             level >= levels[i].level);
            free(book.text);
        }
    }
}

static void
decide_often(struct journal *journal, unsigned n, struct store_time now)
{
    struct journal_entry entry = an_entry();

    entry.now = now;
    for (unsigned i = 0; i < n; i++)
        journal_decide(journal, &entry);
}

static void
test_refusals(void **state)
{
    struct store_time later = noon;
    struct book book;

    (void)state;
    set_scene("192.0.2.7", "");
    set_verdict(VERDICT_REJECT, "relay.denied");
    open_book(&book, LOG_TEXT, LOG_INFO);
    decide_often(book.journal, 19, noon);
    journal_tick(book.journal, noon);
    decide_often(book.journal, 3, noon);
    set_scene("192.0.2.8", "");
    decide_often(book.journal, 1, noon); /* of another client */
    set_scene("192.0.2.7", "");
    later.mono.ms += JOURNAL_PERIOD_MS - 1;
    journal_tick(book.journal, later);
    decide_often(book.journal, 1, later);
    later.mono.ms++;
    journal_tick(book.journal, later); /* tells of the three */
    journal_tick(book.journal, later);
    decide_often(book.journal, 25, later);
    close_book(&book); /* tells of five */
    assert_int_equal(lines_of(book.text, "[192.0.2.7]"), 40);
    assert_int_equal(lines_of(book.text, "[192.0.2.8]"), 1);
    assert_int_equal(lines_of(book.text, "suppressed="), 2);
    assert_int_equal(lines_of(book.text, "suppressed=5 "), 1);
    assert_int_equal(
        lines_of(book.text, "NOQUEUE: suppressed=3 subject=client:192.0.2.7\n"),
        1);
    free(book.text);
}

/* The same without a tick in between. */
static void
test_refusals_turn(void **state)
{
    struct store_time later = noon;
    struct book book;

    (void)state;
    set_scene("192.0.2.7", "");
    set_verdict(VERDICT_DEFER, "limit.user");
    assert_true(
        subject_make(SUBJECT_USER, "ann@example.org", &a_verdict.subject));
    open_book(&book, LOG_TEXT, LOG_INFO);
    decide_often(book.journal, 30, noon);
    later.mono.ms += JOURNAL_PERIOD_MS;
    decide_often(book.journal, 1, later);
    close_book(&book);
    assert_int_equal(lines_of(book.text, "action=defer"), 21);
    assert_int_equal(
        lines_of(book.text, "suppressed=10 subject=user:ann@example.org\n"), 1);
    free(book.text);
}

static void
test_accepted_and_held_are_never_quiet(void **state)
{
    struct book book;

    (void)state;
    set_scene("192.0.2.7", "");
    open_book(&book, LOG_TEXT, LOG_INFO);
    set_verdict(VERDICT_CONTINUE, "");
    decide_often(book.journal, 50, noon);
    set_verdict(VERDICT_HOLD, "limit.user");
    decide_often(book.journal, 50, noon);
    close_book(&book);
    assert_int_equal(lines_of(book.text, "action=continue"), 50);
    assert_int_equal(lines_of(book.text, "action=hold"), 50);
    free(book.text);
}

/* A botnet larger than the table: no line of a fresh client is lost. */
static void
test_many_clients(void **state)
{
    enum { CLIENTS = 20000 };
    struct quiet *quiet;
    struct quiet_rest rest;

    (void)state;
    assert_int_equal(quiet_create(64, 20, &quiet), MS_OK);
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_true(
            quiet_tell(quiet, &i, sizeof(i), "x", noon.mono, 60000, &rest));
    quiet_destroy(quiet);
    assert_int_equal(quiet_create(3, 20, &quiet), MS_INVALID);
}

static void
put(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

/* Somebody's standing, from the record that API and notices have, too. */
static void
make_change(struct change *out)
{
    memset(out, 0, sizeof(*out));
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &out->subject));
    put(out->rule, sizeof(out->rule), "zombie.account");
    put(out->ids[0], sizeof(out->ids[0]), "4XyZ");
    out->n_ids = 1;
    out->throttle = 20;
    out->evidence.to = STANDING_THROTTLED;
    out->evidence.from = STANDING_WATCHED;
    out->evidence.cause = CAUSE_EVIDENCE;
    out->evidence.tenths[FAMILY_CONTENT] = 423;
    out->evidence.spam = 12;
    out->evidence.judged = 20;
}

static void
test_standings(void **state)
{
    struct change change;
    struct book book;
    const char *log;

    (void)state;
    make_change(&change);
    open_book(&book, LOG_TEXT, LOG_NOTICE);
    journal_standing(book.journal, &change, noon);
    change.observed = true; /* nothing is done: that is no notice */
    journal_standing(book.journal, &change, noon);
    log = close_book(&book);
    assert_ptr_equal(
        strstr(log, "4XyZ: standing=throttled was=watched "
                    "subject=user:ann@example.org rule=zombie.account "
                    "cause=evidence throttle=20 score=42.3 why=\"score 42.3: "),
        log);
    assert_int_equal(strcspn(log, "\n"), strlen(log) - 1);
    assert_int_equal(log[strlen(log) - 2], '"');
    free(book.text);

    put(change.by, sizeof(change.by), "ann (uid 1000)");
    put(change.note, sizeof(change.note), "she \"knows\"\n");
    open_book(&book, LOG_JSON, LOG_INFO);
    journal_standing(book.journal, &change, noon);
    log = close_book(&book);
    assert_non_null(strstr(log, "\"id\":\"4XyZ\",\"standing\":\"throttled\","
                                "\"was\":\"watched\",\"observed\":\"yes\","));
    assert_non_null(strstr(log, "\"score\":42.3,\"why\":\"score 42.3: "));
    assert_non_null(
        strstr(log, "\"note\":\"she \\\\x22knows\\\\x22\\\\x0A\"}\n"));
    free(book.text);
}

static void
test_warnings(void **state)
{
    struct policy_warning warning = {
        .limit = &a_limit, .rate = {300, 3600}, .used = 240};
    struct store_time later = noon;
    struct book book;

    (void)state;
    assert_true(
        subject_make(SUBJECT_USER, "ann@example.org", &warning.subject));
    open_book(&book, LOG_TEXT, LOG_INFO);
    journal_warn(book.journal, &warning, noon);
    later.mono.ms += 3600 * 1000 - 1;
    journal_warn(book.journal, &warning, later);
    later.mono.ms++;
    warning.used = 241;
    journal_warn(book.journal, &warning, later);
    warning.rate = (struct rate){1000, 86400};
    warning.used = 800;
    journal_warn(book.journal, &warning, noon);
    journal_unlisted(book.journal, "example.net", noon);
    journal_unlisted(book.journal, "example.net", later);
    assert_string_equal(
        close_book(&book),
        "NOQUEUE: warning=near rule=limit.user subject=user:ann@example.org "
        "used=240/300/1h\n"
        "NOQUEUE: warning=near rule=limit.user subject=user:ann@example.org "
        "used=241/300/1h\n"
        "NOQUEUE: warning=near rule=limit.user subject=user:ann@example.org "
        "used=800/1000/1d\n"
        "NOQUEUE: warning=unlisted domain=example.net the MTA takes it for "
        "its own, `domains` does not\n");
    free(book.text);
}

static void
test_refs(void **state)
{
    char ref[2][JOURNAL_REF];
    struct book book;

    (void)state;
    open_book(&book, LOG_TEXT, LOG_INFO);
    for (int i = 0; i < 2000; i++) {
        journal_ref(book.journal, ref[i & 1]);
        assert_int_equal(strlen(ref[i & 1]), 8);
        assert_int_equal(strspn(ref[i & 1], "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
                         8);
        if (i > 0) {
            assert_string_not_equal(ref[0], ref[1]);
            assert_memory_equal(ref[0], ref[1], 2); /* the host */
        }
    }
    close_book(&book);
    free(book.text);
}

/* Nobody reads the pipe: adding lines does not wait, and the drops are told
 * as soon as somebody does. */
static void
test_full_pipe(void **state)
{
    struct spool_target target = {.to = LOG_TO_STDERR};
    struct spool *spool;
    char line[100], got[256];
    int fds[2];
    uint64_t dropped;
    size_t n = 0;

    (void)state;
    memset(line, 'x', sizeof(line));
    assert_int_equal(pipe(fds), 0);
    target.fd = fds[1];
    assert_int_equal(spool_create(&target, 8192, &spool), MS_OK);
    assert_int_equal(spool_start(spool), MS_OK);
    for (int i = 0; i < 10000; i++)
        spool_add(spool, LOG_INFO, line, sizeof(line));
    dropped = spool_dropped(spool);
    assert_true(dropped > 0 && dropped < 10000);
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    for (bool told = false; !told;) {
        struct pollfd p = {.fd = fds[0], .events = POLLIN};
        ssize_t some;

        spool_add(spool, LOG_INFO, line, sizeof(line));
        assert_int_equal(poll(&p, 1, 1000), 1);
        some = read(fds[0], got + n, sizeof(got) - 1 - n);
        assert_true(some > 0);
        got[n + (size_t)some] = '\0';
        told = strstr(got, "log: lines dropped: ") != NULL;
        n = strlen(got) > 30 ? 30 : strlen(got); /* it may be cut in two */
        memmove(got, got + strlen(got) - n, n + 1);
    }
    close(fds[0]);
    spool_destroy(spool);
    close(fds[1]);
}

/* A reader that has stopped does not keep us from ending. */
static void
test_end_with_full_pipe(void **state)
{
    struct spool_target target = {.to = LOG_TO_STDERR};
    struct spool *spool;
    char line[1000];
    int fds[2];

    (void)state;
    memset(line, 'x', sizeof(line));
    assert_int_equal(pipe(fds), 0);
    (void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
    target.fd = fds[1];
    assert_int_equal(spool_create(&target, 1 << 20, &spool), MS_OK);
    for (int i = 0; i < 200; i++)
        spool_add(spool, LOG_INFO, line, sizeof(line));
    assert_int_equal(spool_start(spool), MS_OK);
    spool_destroy(spool); /* within a second or so */
    close(fds[0]);
    close(fds[1]);
}

static void
test_syslog(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct spool_target target = {.to = LOG_TO_SYSLOG, .facility = LOG_MAIL};
    char dir[] = "/tmp/test_journal.XXXXXX", got[256], end[] = ": a line";
    struct spool *spool;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ssize_t n;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/log", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    target.syslog = addr.sun_path;
    assert_int_equal(spool_create(&target, 8192, &spool), MS_OK);
    spool_add(spool, LOG_NOTICE, "a line", 6);
    spool_destroy(spool);
    n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = '\0';
    assert_memory_equal(got, "<21>", 4); /* mail.notice */
    assert_non_null(strstr(got, " mortsafe["));
    assert_string_equal(got + strlen(got) - strlen(end), end);
    close(fd);
    unlink(addr.sun_path);
    rmdir(dir);
}

/* Without a syslogd lines are lost, or go to standard error. */
static void
test_no_syslog(void **state)
{
    struct spool_target target = {.to = LOG_TO_SYSLOG,
                                  .syslog = "/nonexistent/log"};
    FILE *file = tmpfile();
    char got[64] = "";
    struct spool *spool;

    (void)state;
    assert_non_null(file);
    target.fd = fileno(file);
    for (int twice = 0; twice < 2; twice++) {
        target.or_stderr = twice == 1;
        assert_int_equal(spool_create(&target, 8192, &spool), MS_OK);
        spool_add(spool, LOG_NOTICE, "a line", 6);
        spool_destroy(spool);
        rewind(file);
        assert_int_equal(fread(got, 1, sizeof(got), file), twice * 7);
    }
    assert_memory_equal(got, "a line\n", 7);
    fclose(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refusals_turn),
        cmocka_unit_test(test_accepted_and_held_are_never_quiet),
        cmocka_unit_test(test_many_clients),
        cmocka_unit_test(test_standings),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_full_pipe),
        cmocka_unit_test(test_end_with_full_pipe),
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_no_syslog),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
