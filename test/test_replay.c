/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/test_replay.c - logs that are made here, run under configurations that
 * are written here.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <zlib.h>

#include "ctl/replay/run.h"
#include "scarce.h"

#define T0 INT64_C(1700000000)

static const char base[] = "domains local { list = example.org }\n"
                           "mode = observe\n";

struct log {
    char path[64];
    FILE *to;
    int64_t at_s;
    unsigned n;
};

static void
log_open(struct log *log)
{
    int fd;

    *log = (struct log){.at_s = T0};
    strcpy(log->path, "/tmp/mortsafe-replay-XXXXXX");
    fd = mkstemp(log->path);
    assert_true(fd >= 0);
    log->to = fdopen(fd, "w");
    assert_non_null(log->to);
}

static void
log_line(struct log *log, const char *program, const char *text)
{
    char when[32];
    time_t t = (time_t)log->at_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    fprintf(log->to, "%s mx %s[1]: %s\n", when, program, text);
}

/* A message of USER to TO; STATUS is Postfix's word for what became of it. */
static void
log_message(struct log *log, const char *user, const char *to,
            const char *status)
{
    char text[512], id[16];

    snprintf(id, sizeof(id), "%010X", 0xA0000000U + log->n++);
    snprintf(text, sizeof(text),
             "%s: client=a[192.0.2.7], sasl_method=PLAIN, sasl_username=%s", id,
             user);
    log_line(log, "postfix/submission/smtpd", text);
    snprintf(text, sizeof(text), "%s: from=<%s>, size=99, nrcpt=1 (q)", id,
             user);
    log_line(log, "postfix/qmgr", text);
    snprintf(text, sizeof(text), "%s: to=<%s>, relay=x, %s", id, to, status);
    log_line(log, "postfix/smtp", text);
}

#define SENT "dsn=2.0.0, status=sent (ok)"
#define UNKNOWN "dsn=5.1.1, status=bounced (no such user)"

static void
tell_nothing(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    assert_true(total == 0 || done <= total);
}

static void
config_error(void *arg, const char *line)
{
    (void)arg;
    print_error("%s\n", line);
}

static void
config_warning(void *arg, const char *line)
{
    (void)arg, (void)line;
}

static struct config *
config_of(const char *extra)
{
    const struct config_report report = {.error = config_error,
                                         .warning = config_warning};
    struct config *config = NULL;
    char text[1024];

    snprintf(text, sizeof(text), "%s%s", base, extra);
    assert_int_equal(
        config_load_text("test", text, (struct wall){T0}, &report, &config),
        MS_OK);
    return config;
}

/* What is found in LOG, which ends, under EXTRA; NULL: without memory. */
static json_t *
play(struct log *log, const char *extra)
{
    const struct maillog_clock clock = {.now_s = T0 + 400 * 86400};
    struct config *config = config_of(extra);
    struct history *h = NULL;
    struct findings *f = NULL;
    json_t *found = NULL;
    struct why why;

    if (log->to != NULL)
        assert_int_equal(fclose(log->to), 0);
    log->to = NULL;
    if (history_create(&h) == MS_OK && findings_create(&f) == MS_OK &&
        history_read(h, log->path, &clock, tell_nothing, NULL, &why) == MS_OK &&
        history_sort(h) == MS_OK &&
        replay_run(h, config, f, tell_nothing, NULL) == MS_OK)
        found = findings_json(f);
    findings_destroy(f);
    history_destroy(h);
    config_destroy(config);
    return found;
}

static void
log_end(struct log *log, json_t *found)
{
    json_decref(found);
    unlink(log->path);
}

static json_int_t
number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *
word(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

/* The entry of LIST whose KEY is VALUE; NULL: none. */
static const json_t *
entry(const json_t *found, const char *list, const char *key, const char *value)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(found, list), i, one)
    {
        if (strcmp(word(one, key), value) == 0)
            return one;
    }
    return NULL;
}

/* ----- what is found */

static void
test_quiet(void **state)
{
    struct log log;
    json_t *found;

    (void)state;
    log_open(&log);
    for (int day = 0; day < 20; day++, log.at_s += 86400)
        log_message(&log, "ann@example.org", "friend@known.test", SENT);
    found = play(&log, "");
    assert_non_null(found);
    assert_int_equal(number(found, "messages"), 20);
    assert_int_equal(number(found, "recipients"), 20);
    assert_int_equal(number(found, "stopped"), 0);
    assert_int_equal(json_array_size(json_object_get(found, "stops")), 0);
    assert_int_equal(json_array_size(json_object_get(found, "changes")), 0);
    log_end(&log, found);
}

/* A limit of 3 an hour: the fourth message would be stopped. */
static void
test_limit(void **state)
{
    struct log log;
    const json_t *stop;
    json_t *found;

    (void)state;
    log_open(&log);
    for (int i = 0; i < 5; i++, log.at_s += 60)
        log_message(&log, "ann@example.org", "friend@known.test", SENT);
    found = play(&log,
                 "limit user { key = user  count = external  rate = 3/1h }\n");
    stop = entry(found, "stops", "rule", "limit.user");
    assert_non_null(stop);
    assert_string_equal(word(stop, "subject"), "user:ann@example.org");
    assert_string_equal(word(stop, "rate"), "3/1h");
    assert_int_equal(number(stop, "times"), 2);
    assert_int_equal(number(stop, "used"), 4);
    assert_int_equal(number(found, "stopped"), 2);
    assert_string_equal(word(stop, "first"), "2023-11-14T22:16:20Z");
    log_end(&log, found);
}

/* A stolen account, whose recipients are half unknown, and a quiet one. */
static void
test_zombie(void **state)
{
    struct log log;
    const json_t *change;
    json_t *found;
    char to[64];

    (void)state;
    log_open(&log);
    for (int day = 0; day < 20; day++, log.at_s += 86400) {
        log_message(&log, "ann@example.org", "friend@known.test", SENT);
        log_message(&log, "bob@example.org", "friend@known.test", SENT);
    }
    for (int i = 0; i < 200; i++, log.at_s += 2) {
        snprintf(to, sizeof(to), "v%d@new.test", i);
        log_message(&log, "ann@example.org", to, i % 2 ? UNKNOWN : SENT);
    }
    found = play(&log, "");
    change = entry(found, "changes", "to", "throttled");
    assert_non_null(change);
    assert_string_equal(word(change, "subject"), "user:ann@example.org");
    change = entry(found, "changes", "to", "quarantined");
    assert_non_null(change);
    assert_string_equal(word(change, "rule"), "zombie.account");
    assert_non_null(strstr(word(change, "why"), "unknown"));
    assert_null(entry(found, "changes", "subject", "user:bob@example.org"));
    assert_non_null(entry(found, "stops", "rule", "zombie.account"));
    assert_true(number(found, "stopped") > 100);
    log_end(&log, found);
}

/* What the good did is where suggestions come from; the zombie is left out. */
static void
test_suggestion(void **state)
{
    struct log log;
    const json_t *limit;
    json_t *found;
    char to[64];

    (void)state;
    log_open(&log);
    for (int day = 0; day < 20; day++, log.at_s += 86400)
        for (int i = 0; i < 7; i++)
            log_message(&log, "bob@example.org", "friend@known.test", SENT);
    for (int i = 0; i < 200; i++, log.at_s += 2) {
        snprintf(to, sizeof(to), "v%d@new.test", i);
        log_message(&log, "ann@example.org", to, i % 2 ? UNKNOWN : SENT);
    }
    found = play(&log, "limit user { key = user  count = external  rate = "
                       "300/1h }\nlimit user_all { off = yes }\n");
    limit = entry(found, "limits", "limit", "user");
    assert_non_null(limit);
    assert_int_equal(number(limit, "most"), 7);
    assert_int_equal(number(limit, "p999"), 7);
    assert_int_equal(number(limit, "over"), 0);
    assert_string_equal(word(limit, "suggested"), "10/1h");
    log_end(&log, found);
}

/* Who may not relay is stopped by the relay rule. */
static void
test_relay(void **state)
{
    struct log log;
    json_t *found;

    (void)state;
    log_open(&log);
    log_line(&log, "postfix/smtpd", "A0B1C2D3E4: client=x[198.51.100.9]");
    log_line(&log, "postfix/qmgr",
             "A0B1C2D3E4: from=<s@spam.test>, size=9, nrcpt=1 (q)");
    log_line(&log, "postfix/smtp",
             "A0B1C2D3E4: to=<v@victim.test>, relay=x, " SENT);
    found = play(&log, "");
    assert_non_null(entry(found, "stops", "rule", "relay.denied"));
    assert_string_equal(
        word(entry(found, "stops", "rule", "relay.denied"), "subject"),
        "client:198.51.100.9");
    log_end(&log, found);
}

/* Sendmail tells a login by the process, in a line of its own. */
static void
test_sendmail(void **state)
{
    struct log log;
    json_t *found;

    (void)state;
    log_open(&log);
    log_line(&log, "sm-mta",
             "AUTH=server, relay=a [192.0.2.7], authid=ann@example.org, "
             "mech=PLAIN, bits=0");
    log_line(&log, "sm-mta",
             "wAMGf3x9012345: from=<ann@example.org>, size=3, class=0, "
             "nrcpts=2, proto=ESMTPSA, daemon=MSA, relay=a [192.0.2.7]");
    log_line(&log, "sm-mta",
             "wAMGf3x9012345: to=<x@y.test>, delay=1, dsn=2.0.0, stat=Sent");
    log_line(&log, "sm-mta",
             "wAMGf3x9012345: to=<z@y.test>, delay=1, dsn=2.0.0, stat=Sent");
    found = play(&log,
                 "limit user { key = user  count = external  rate = 1/1h }\n");
    assert_int_equal(number(found, "messages"), 1);
    assert_int_equal(number(found, "recipients"), 2);
    assert_string_equal(
        word(entry(found, "stops", "rule", "limit.user"), "subject"),
        "user:ann@example.org");
    log_end(&log, found);
}

/* ... and of several recipients at once; a number of a process comes again. */
static void
test_sendmail_process(void **state)
{
    struct log log;
    json_t *found;

    (void)state;
    log_open(&log);
    log_line(&log, "sm-mta",
             "AUTH=server, relay=a [192.0.2.7], authid=ann@example.org, "
             "mech=PLAIN, bits=0");
    log.at_s += 60;
    log_line(&log, "sm-mta",
             "wAMGf3x9012345: from=<ann@example.org>, size=3, class=0, "
             "nrcpts=3, proto=ESMTPSA, daemon=MSA, relay=a [192.0.2.7]");
    log_line(&log, "sm-mta",
             "wAMGf3x9012345: to=<x@y.test>,<y@y.test>,<z@y.test>, delay=1, "
             "dsn=2.0.0, stat=Sent");
    log.at_s += 60;
    log_line(&log, "sm-mta",
             "wAMGf3x9012346: from=<s@spam.test>, size=3, class=0, nrcpts=1, "
             "proto=ESMTP, daemon=MTA, relay=evil [203.0.113.9]");
    log_line(&log, "sm-mta",
             "wAMGf3x9012346: to=<v@victim.test>, delay=1, dsn=2.0.0, "
             "stat=Sent");
    found = play(&log, "");
    assert_int_equal(number(found, "recipients"), 4);
    assert_int_equal(number(entry(found, "limits", "rate", "300/1h"), "most"),
                     3);
    assert_string_equal(
        word(entry(found, "stops", "rule", "relay.denied"), "subject"),
        "client:203.0.113.9");
    log_end(&log, found);
}

/* What a filter refused is evidence of content. */
static void
test_filter(void **state)
{
    struct log log;
    json_t *found;
    char text[256];

    (void)state;
    log_open(&log);
    for (int i = 0; i < 40; i++, log.at_s += 2) {
        snprintf(text, sizeof(text),
                 "B%09X: client=a[192.0.2.7], sasl_method=PLAIN, "
                 "sasl_username=ann@example.org",
                 i);
        log_line(&log, "postfix/submission/smtpd", text);
        snprintf(text, sizeof(text),
                 "B%09X: milter-reject: END-OF-MESSAGE from a[192.0.2.7]: "
                 "5.7.1 Spam; from=<ann@example.org> to=<v%d@new.test> x",
                 i, i);
        log_line(&log, "postfix/cleanup", text);
    }
    found = play(&log, "");
    assert_int_equal(number(found, "messages"), 40);
    assert_non_null(strstr(
        word(entry(found, "changes", "to", "quarantined"), "why"), "spam"));
    log_end(&log, found);
}

/* A throttle ends by time alone, before the next message. */
static void
test_time(void **state)
{
    struct log log;
    const json_t *stop;
    json_t *found;
    char to[64];

    (void)state;
    log_open(&log);
    for (int i = 0; i < 300; i++, log.at_s += 2) {
        snprintf(to, sizeof(to), "v%d@new.test", i);
        log_message(&log, "ann@example.org", to, SENT);
    }
    log.at_s += 4 * 86400;
    log_message(&log, "ann@example.org", "friend@known.test", SENT);
    found = play(&log, "");
    assert_non_null(entry(found, "changes", "to", "throttled"));
    stop = entry(found, "stops", "rule", "zombie.account");
    assert_non_null(stop);
    assert_true(strcmp(word(stop, "last"), "2023-11-15") < 0);
    log_end(&log, found);
}

/* ----- files */

static void
test_gzip(void **state)
{
    static const char line[] =
        "2023-11-14T22:13:20Z mx postfix/smtpd[1]: connect from a[192.0.2.7]\n";
    const struct maillog_clock clock = {.now_s = T0};
    struct history *h = NULL;
    struct why why;
    struct log log;
    gzFile file;
    int fd;

    (void)state;
    log_open(&log);
    fclose(log.to);
    file = gzopen(log.path, "wb");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(gzputs(file, line), sizeof(line) - 1);
    gzclose(file);
    assert_int_equal(history_create(&h), MS_OK);
    assert_int_equal(
        history_read(h, log.path, &clock, tell_nothing, NULL, &why), MS_OK);
    assert_int_equal(h->used, 1000);
    fd = open(log.path, O_WRONLY);
    assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 20), 0);
    assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 30), 4);
    close(fd);
    assert_int_equal(
        history_read(h, log.path, &clock, tell_nothing, NULL, &why),
        MS_INVALID);
    assert_non_null(strstr(why.text, "damaged"));
    assert_int_equal(
        history_read(h, "/nonexistent", &clock, tell_nothing, NULL, &why),
        MS_UNAVAIL);
    assert_int_equal(history_read(h, "/tmp", &clock, tell_nothing, NULL, &why),
                     MS_UNAVAIL);
    history_destroy(h);
    log_end(&log, NULL);
}

/* Lines of any length and kind; what is too long is passed over. */
static void
test_odd_lines(void **state)
{
    struct log log;
    json_t *found;

    (void)state;
    log_open(&log);
    for (int i = 0; i < 200000; i++)
        fputc('x', log.to);
    fputs("\n\n\r\n\0\n", log.to);
    fputc('\0', log.to);
    fputc('\n', log.to);
    fputc('\0', log.to); /* the rest of what is too long is no line */
    for (int i = 0; i < 70000; i++)
        fputc('x', log.to);
    fputs("2023-11-14T22:13:20Z mx postfix/smtpd[1]: connect from a[192.0.2.7]"
          "\n",
          log.to);
    log_message(&log, "ann@example.org", "friend@known.test", SENT);
    fputs("no newline", log.to);
    found = play(&log, "");
    assert_int_equal(number(found, "messages"), 1);
    assert_int_equal(number(found, "connections"), 0);
    log_end(&log, found);
}

/* The n-th allocation fails: nothing is found, or all of it. */
static void
test_nomem(void **state)
{
    const struct maillog_clock clock = {.now_s = T0 + 86400};
    struct config *config = config_of("");
    struct log log;
    unsigned n = 0;
    bool whole = false;

    (void)state;
    log_open(&log);
    for (int i = 0; i < 60; i++, log.at_s += 2) {
        char to[64];

        snprintf(to, sizeof(to), "v%d@new.test", i);
        log_message(&log, "ann@example.org", to, UNKNOWN);
    }
    fclose(log.to);
    while (!whole && n < 3000) {
        struct history *h = NULL;
        struct findings *f = NULL;
        json_t *found = NULL;
        struct why why;

        scarce_set(++n);
        if (history_create(&h) == MS_OK && findings_create(&f) == MS_OK &&
            history_read(h, log.path, &clock, tell_nothing, NULL, &why) ==
                MS_OK &&
            history_sort(h) == MS_OK &&
            replay_run(h, config, f, tell_nothing, NULL) == MS_OK)
            found = findings_json(f);
        whole = scarce_left() > 0;
        scarce_set(0);
        assert_true(!whole || found != NULL);
        json_decref(found);
        findings_destroy(f);
        history_destroy(h);
    }
    assert_true(whole);
    config_destroy(config);
    log_end(&log, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_zombie),
        cmocka_unit_test(test_suggestion),
        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_sendmail),
        cmocka_unit_test(test_sendmail_process),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_odd_lines),
        cmocka_unit_test(test_nomem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
