/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decisions: what of an entry of the journal is kept, and that their JSON is
 * valid and reads back, whatever a client has sent.
 */
#include <config.h>

#include "milter/diary/decision.h"
#include "milter/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

enum { LONG = 65536 };

static char listener_name[] = "submission";
static char limit_name[] = "user";
static struct listener a_listener = {.name = listener_name};
static struct limit a_limit = {.name = limit_name, .count = METRIC_EXTERNAL};
static struct scene a_scene;
static struct verdict a_verdict;

static struct journal_entry
an_entry(void)
{
    const struct journal_entry entry = {
        .now = {{1000000}, {1767787200}},
        .verdict = &a_verdict,
        .scene = &a_scene,
        .id = "4Xk2Wz0q3zz",
        .client_name = "cust.example.net",
        .from = "<ann@example.org>",
        .to = "<bob@example.com>",
        .nrcpt = 2,
        .ref = "02K3F9QX",
        .took_us = 849,
    };

    memset(&a_scene, 0, sizeof(a_scene));
    a_scene.listener = &a_listener;
    a_scene.by = LISTENER_BY_PORT;
    assert_int_equal(prefix_parse("192.0.2.7", &a_scene.client, NULL), MS_OK);
    (void)snprintf(a_scene.user, sizeof(a_scene.user), "ann@example.org");
    memset(&a_verdict, 0, sizeof(a_verdict));
    verdict_continue(&a_verdict);
    verdict_refuse(&a_verdict, VERDICT_DEFER, 450, "4.7.1");
    (void)snprintf(a_verdict.rule, sizeof(a_verdict.rule), "limit.user");
    return entry;
}

static void
set_limit(void)
{
    a_verdict.limit = &a_limit;
    a_limit.count = METRIC_EXTERNAL;
    a_verdict.rate = (struct rate){300, 3600};
    a_verdict.used = 301;
    a_verdict.retry_s = 700;
    assert_true(
        subject_make(SUBJECT_USER, "ann@example.org", &a_verdict.subject));
}

/* DECISION as the text of its JSON, the caller's to free(). */
static char *
dump(const struct decision *d)
{
    json_t *json = decision_json(d);
    char *text;

    assert_non_null(json);
    text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert_non_null(text);
    json_decref(json);
    return text;
}

static enum ms_err
read_back(const char *text, struct decision *out)
{
    json_t *json = json_loads(text, 0, NULL);
    enum ms_err err;

    assert_non_null(json);
    err = decision_read(json, out);
    json_decref(json);
    return err;
}

static void
check_same(const struct decision *a, const struct decision *b)
{
    assert_true(a->seq == b->seq && a->at_s == b->at_s && a->deed == b->deed &&
                a->action == b->action && a->nrcpt == b->nrcpt &&
                a->code == b->code && a->took_us == b->took_us &&
                a->has_from == b->has_from && a->has_to == b->has_to);
    assert_true(a->metric == b->metric && a->rate.n == b->rate.n &&
                a->rate.span_s == b->rate.span_s && a->used == b->used &&
                a->retry_s == b->retry_s);
    for (size_t i = 0; i < DECISION_TEXTS; i++)
        assert_string_equal((const char *)a + decision_texts[i].at,
                            (const char *)b + decision_texts[i].at);
}

static void
check_round_trip(const struct decision *d)
{
    char *text = dump(d);
    struct decision again;

    for (const char *p = text; *p != '\0'; p++)
        assert_true(*p >= ' ' && *p <= '~');
    assert_int_equal(read_back(text, &again), MS_OK);
    check_same(d, &again);
    free(text);
}

static void
test_json(void **state)
{
    struct journal_entry entry = an_entry();
    struct decision d;
    char *text;

    (void)state;
    set_limit();
    decision_make(&entry, "try \"later\"", "mx1.example.org", &d);
    text = dump(&d);
    assert_string_equal(
        text, "{\"seq\":0,\"time\":\"2026-01-07T12:00:00Z\",\"deed\":\"done\","
              "\"action\":\"defer\",\"nrcpt\":2,\"metric\":\"external\","
              "\"used\":301,\"rate\":{\"n\":300,\"span_s\":3600,\"text\":"
              "\"300/1h\"},\"retry_s\":700,\"code\":450,\"ms\":0.8,"
              "\"host\":\"mx1.example.org\",\"ref\":\"02K3F9QX\","
              "\"id\":\"4Xk2Wz0q3zz\",\"rule\":\"limit.user\","
              "\"listener\":\"submission\",\"via\":\"port\","
              "\"client\":\"192.0.2.7\",\"client_name\":\"cust.example.net\","
              "\"user\":\"ann@example.org\",\"from\":\"ann@example.org\","
              "\"to\":\"bob@example.com\",\"subject\":\"user:ann@example.org\","
              "\"enhanced\":\"4.7.1\",\"text\":\"try \\\"later\\\"\","
              "\"error\":null,\"store\":null,\"spf\":null,\"lists\":[]}");
    free(text);
    check_round_trip(&d);
}

static void
test_nothing_known(void **state)
{
    struct journal_entry entry = an_entry();
    struct decision d;
    char *text;

    (void)state;
    entry = (struct journal_entry){.now = entry.now,
                                   .deed = JOURNAL_WOULD,
                                   .verdict = &a_verdict,
                                   .from = "<>"};
    a_verdict.code = 0;
    a_verdict.enhanced[0] = '\0';
    decision_make(&entry, NULL, "h", &d);
    text = dump(&d);
    assert_string_equal(
        text, "{\"seq\":0,\"time\":\"2026-01-07T12:00:00Z\",\"deed\":\"would\","
              "\"action\":\"defer\",\"nrcpt\":0,\"metric\":null,\"used\":null,"
              "\"rate\":null,\"retry_s\":null,\"code\":null,\"ms\":0.0,"
              "\"host\":\"h\",\"ref\":null,\"id\":null,\"rule\":\"limit.user\","
              "\"listener\":null,\"via\":null,\"client\":null,"
              "\"client_name\":null,\"user\":null,\"from\":\"\",\"to\":null,"
              "\"subject\":\"client:unknown\",\"enhanced\":null,\"text\":null,"
              "\"error\":null,\"store\":null,\"spf\":null,\"lists\":[]}");
    free(text);
    check_round_trip(&d);
}

static void
test_subject(void **state)
{
    static const struct {
        const char *row, *client, *user, *error, *subject;
    } rows[] = {
        {"the limit's", "192.0.2.7", "ann@a", NULL, "user:ann@a"},
        {"without a limit the client", "192.0.2.7", NULL, NULL,
         "client:192.0.2.7"},
        {"an IPv6 client is counted by its /64", "2001:db8:1:2:3::7", NULL,
         NULL, "client:2001:db8:1:2::/64"},
        {"our own failures are about nobody", "192.0.2.7", NULL, "timeout", ""},
        {"bytes that are not ASCII", "192.0.2.7", "\xff\\", NULL,
         "user:\\xFF\\x5C"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct journal_entry entry = an_entry();
        struct decision d;

        assert_int_equal(prefix_parse(rows[i].client, &a_scene.client, NULL),
                         MS_OK);
        if (rows[i].user != NULL)
            assert_true(
                subject_make(SUBJECT_USER, rows[i].user, &a_verdict.subject));
        entry.error = rows[i].error;
        decision_make(&entry, NULL, "h", &d);
        expect(rows[i].row, strcmp(d.subject, rows[i].subject) == 0);
        check_round_trip(&d);
    }
}

/* What a client may send, and what is kept of it. */
static void
test_hostile(void **state)
{
    static const struct {
        const char *row, *from, *kept;
    } rows[] = {
        {"a newline", "<a\nb@c>", "a\\x0Ab@c"},
        {"a script", "<script>", "script"},
        {"a script inside", "<<script>@x>", "\\x3Cscript\\x3E@x"},
        {"quotes", "<\"} x 1@y>", "\\x22}\\x20x\\x201@y"},
        {"8-bit bytes", "<\xff\xc3\x28@x>", "\\xFF\\xC3(@x"},
        {"an escape that is none", "<\\x41@x>", "\\x5Cx41@x"},
        {"nothing", "", ""},
        {"the empty sender", "<>", ""},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct journal_entry entry = an_entry();
        struct decision d;

        entry.from = rows[i].from;
        decision_make(&entry, NULL, "h", &d);
        expect(rows[i].row, strcmp(d.from, rows[i].kept) == 0);
        expect(rows[i].row, d.has_from);
        check_round_trip(&d);
    }
}

/* Numbers at their edges come back, or as the greatest that JSON has. */
static void
test_numbers(void **state)
{
    static const struct {
        const char *row;
        uint64_t used, retry_s;
        int64_t took_us, took;
    } rows[] = {
        {"no time at all", 1, 0, -5, 0},
        {"half a tenth is one", 1, 1, 50, 100},
        {"less is none", 1, 1, 49, 0},
        {"never", 1, UINT64_MAX, 849, 800},
        {"the longest", 1, INT64_MAX, INT64_MAX, INT64_C(1000000000000)},
        {"the most", INT64_MAX, 1, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct journal_entry entry = an_entry();
        struct decision d;

        set_limit();
        a_verdict.used = rows[i].used;
        a_verdict.retry_s = rows[i].retry_s;
        entry.took_us = rows[i].took_us;
        decision_make(&entry, NULL, "h", &d);
        expect(rows[i].row, d.took_us == rows[i].took);
        check_round_trip(&d);
    }
}

static void
test_metrics(void **state)
{
    (void)state;
    for (unsigned m = 0; m < METRICS; m++) {
        struct journal_entry entry = an_entry();
        struct decision d;

        set_limit();
        a_limit.count = (enum metric)m;
        for (int a = VERDICT_DEFER; a <= VERDICT_HOLD; a++) {
            a_verdict.action = (enum verdict_action)a;
            decision_make(&entry, NULL, "h", &d);
            check_round_trip(&d);
        }
    }
}

/* Any bytes in any field, of any length. */
static void
test_any_bytes(void **state)
{
    char *noise = malloc(LONG);
    uint32_t seed = 1;

    (void)state;
    assert_non_null(noise);
    for (size_t i = 0; i < LONG; i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = (char)(seed >> 24 != 0 ? seed >> 24 : 1);
    }
    noise[LONG - 1] = '\0';
    for (unsigned i = 0; i < 600; i++) {
        struct journal_entry entry = an_entry();
        const char *text = noise + (i * 97) % (LONG - 1024);
        struct decision d;

        if (i % 2 == 1)
            text = noise + LONG - 1 - i; /* short ones, too */
        set_limit();
        (void)snprintf(a_verdict.rule, sizeof(a_verdict.rule), "%.90s", text);
        (void)snprintf(a_scene.user, sizeof(a_scene.user), "%.250s", text);
        (void)snprintf(listener_name, sizeof(listener_name), "%.8s", text);
        (void)snprintf((char *)a_verdict.enhanced, sizeof(a_verdict.enhanced),
                       "%.7s", text);
        entry.id = entry.ref = entry.client_name = entry.from = entry.to = text;
        entry.store = text;
        decision_make(&entry, text, text, &d);
        check_round_trip(&d);
    }
    (void)snprintf(listener_name, sizeof(listener_name), "submission");
    free(noise);
}

/* A text that is too long ends in "...". */
static void
test_long(void **state)
{
    struct journal_entry entry = an_entry();
    char *text = malloc(LONG);
    char subject[DECISION_SUBJECT];
    struct decision d;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', LONG);
    text[LONG - 1] = '\0';
    entry.from = entry.id = entry.client_name = text;
    decision_make(&entry, text, text, &d);
    assert_int_equal(strlen(d.from), DECISION_ADDRESS - 1);
    assert_string_equal(d.from + DECISION_ADDRESS - 4, "...");
    assert_string_equal(d.id + DECISION_HOST - 4, "...");
    assert_string_equal(d.client_name + DECISION_WORD - 4, "...");
    assert_string_equal(d.text + VERDICT_TEXT - 4, "...");
    check_round_trip(&d);
    decision_subject(text, subject);
    assert_string_equal(subject + DECISION_SUBJECT - 4, "...");
    text[DECISION_SUBJECT - 1] = '\0';
    decision_subject(text, subject);
    assert_string_equal(subject, text);
    free(text);
}

#define WHOLE                                                                  \
    "\"time\":\"2026-01-07T12:00:00Z\",\"deed\":\"done\",\"action\":\"defer\""

static void
test_read(void **state)
{
    static const struct {
        const char *row, *text;
        enum ms_err err;
    } rows[] = {
        {"the least that there must be", "{" WHOLE "}", MS_OK},
        {"a key that is not known yet", "{" WHOLE ",\"new\":[1]}", MS_OK},
        {"an array", "[]", MS_INVALID},
        {"nothing in it", "{}", MS_INVALID},
        {"no time", "{\"time\":null,\"deed\":\"done\",\"action\":\"defer\"}",
         MS_INVALID},
        {"a time of another form",
         "{\"time\":\"2026-01-07\",\"deed\":\"done\",\"action\":\"defer\"}",
         MS_INVALID},
        {"a 30th of February",
         "{\"time\":\"2026-02-30T12:00:00Z\",\"deed\":\"done\","
         "\"action\":\"defer\"}",
         MS_INVALID},
        {"another deed",
         "{\"time\":\"2026-01-07T12:00:00Z\",\"deed\":\"x\","
         "\"action\":\"defer\"}",
         MS_INVALID},
        {"another action",
         "{\"time\":\"2026-01-07T12:00:00Z\",\"deed\":\"done\","
         "\"action\":\"discard\"}",
         MS_INVALID},
        {"a number as text", "{" WHOLE ",\"rule\":1}", MS_INVALID},
        {"a text as number", "{" WHOLE ",\"nrcpt\":\"1\"}", MS_INVALID},
        {"a negative number", "{" WHOLE ",\"nrcpt\":-1}", MS_INVALID},
        {"a number too large", "{" WHOLE ",\"nrcpt\":4294967296}", MS_INVALID},
        {"a code of four digits", "{" WHOLE ",\"code\":1000}", MS_INVALID},
        {"a text too long", "{" WHOLE ",\"ref\":\"123456789\"}", MS_INVALID},
        {"a control byte", "{" WHOLE ",\"user\":\"a\\u0007\"}", MS_INVALID},
        {"letters beyond ASCII", "{" WHOLE ",\"user\":\"\xc3\xa4\"}",
         MS_INVALID},
        {"a rate without a metric",
         "{" WHOLE ",\"rate\":{\"n\":1,\"span_s\":60}}", MS_INVALID},
        {"a rate that is none", "{" WHOLE ",\"rate\":[],\"metric\":\"bytes\"}",
         MS_INVALID},
        {"a metric that is none",
         "{" WHOLE ",\"rate\":{\"n\":1,\"span_s\":60},\"metric\":\"x\"}",
         MS_INVALID},
        {"time that runs backwards", "{" WHOLE ",\"ms\":-1}", MS_INVALID},
        {"more time than there is", "{" WHOLE ",\"ms\":1e300}", MS_INVALID},
        {"a time as text", "{" WHOLE ",\"ms\":\"1\"}", MS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decision d;

        expect(rows[i].row, read_back(rows[i].text, &d) == rows[i].err);
    }
}

static void
test_stamp(void **state)
{
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T14:17:52Z", 1795357072},
        {"2024-02-29T23:59:59Z", 1709251199},
        {"1000-01-01T00:00:00Z", -30610224000},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    char text[STAMP_TEXT];
    int64_t s;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect(rows[i].text, stamp_print(rows[i].s, text) == text);
        assert_string_equal(text, rows[i].text);
        expect(rows[i].text, stamp_read(rows[i].text, &s) && s == rows[i].s);
    }
    assert_null(stamp_print(253402300800, text));
    assert_null(stamp_print(-30610224001, text));
    assert_null(stamp_print(INT64_MAX, text));
    assert_null(stamp_print(INT64_MIN, text));
    assert_false(stamp_read("", &s));
    assert_false(stamp_read("2026-11-22 14:17:52Z", &s));
    assert_false(stamp_read("2026-11-22T14:17:52z", &s));
    assert_false(stamp_read("2026-13-22T14:17:52Z", &s));
    assert_false(stamp_read("2026-11-22T14:17:60Z", &s));
    assert_false(stamp_read("2026-11-22T14:17:52Z ", &s));
    assert_false(stamp_read("-026-11-22T14:17:52Z", &s));
}

/* Without memory there is no JSON, and nothing leaks. */
static long left;

static void *
failing_malloc(size_t size)
{
    return left > 0 && --left == 0 ? NULL : malloc(size);
}

static void
test_no_memory(void **state)
{
    struct journal_entry entry = an_entry();
    struct decision d;
    json_t *json = NULL;
    long n;

    (void)state;
    set_limit();
    decision_make(&entry, "text", "h", &d);
    json_set_alloc_funcs(failing_malloc, free);
    for (n = 1; json == NULL && n < 1000; n++) {
        left = n;
        json = decision_json(&d);
        left = 0;
    }
    assert_true(n > 30 && n < 1000);
    json_decref(json);
    json_set_alloc_funcs(malloc, free);
}

/* What lists say is a list, and comes back as it was. */
static void
test_lists(void **state)
{
    static const struct {
        const char *row, *lists, *json;
    } rows[] = {
        {"none", "", "[]"},
        {"one", "zen", "[\"zen\"]"},
        {"two", "zen,other", "[\"zen\",\"other\"]"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decision d = {.spf = "fail"}, back;
        json_t *json;
        char *text;

        (void)snprintf(d.lists, sizeof(d.lists), "%s", rows[i].lists);
        json = decision_json(&d);
        text = json_dumps(json_object_get(json, "lists"), JSON_COMPACT);
        expect(rows[i].row, strcmp(text, rows[i].json) == 0);
        expect(rows[i].row, decision_read(json, &back) == MS_OK);
        expect(rows[i].row, strcmp(back.lists, rows[i].lists) == 0);
        expect(rows[i].row, strcmp(back.spf, "fail") == 0);
        free(text);
        assert_int_equal(json_object_set_new(json, "lists", json_string("zen")),
                         0);
        expect(rows[i].row, decision_read(json, &back) == MS_INVALID);
        json_decref(json);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),    cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_subject), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_metrics), cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_read),
        cmocka_unit_test(test_stamp),   cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
