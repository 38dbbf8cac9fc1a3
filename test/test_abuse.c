/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letters about abuse in every language: what they tell, whom they do not name,
 * and that a machine reads from the mail what was put into it.
 */
#include <config.h>

#include "ctl/abuse_letter.h"
#include "ctl/abuse_mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/report.h"
#include "policy/plain.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { TEXT = 4096 };

static const char *const languages[] = {"de", "en", "es", "fr",
                                        "it", "nl", "pl", "pt"};

static const char changes[] =
    "[{\"id\": \"02K3F9QX\", \"at\": \"2026-11-22T14:17:52Z\", \"host\": "
    "\"mx1.example.org\", \"subject\": \"client:192.0.2.7\", \"to\": "
    "\"quarantined\", \"observed\": false, \"note\": \"carl@example.com rang\","
    "\"by\": \"ann (uid 1000)\", \"ids\": [\"4XyZq1\", \"4XyZq2\"], "
    "\"numbers\": {\"hour\": 900, \"usual_hour\": 20, \"day\": 12, "
    "\"usual_day\": 80, \"spam\": 41, \"judged\": 50, \"unknown\": 300, "
    "\"complaints\": 2}},"
    "{\"at\": \"2026-11-21T14:00:00Z\", \"to\": \"throttled\", \"observed\": "
    "true, \"ids\": [\"4Xnever\"], \"numbers\": {\"hour\": 77777}}]";

static const char reports[] =
    "[{\"at\": \"2026-11-22T15:00:00Z\", \"kind\": \"complaint\", \"id\": "
    "\"4XyZq3\", \"detail\": \"bob@example.net says it is spam\", \"by\": "
    "\"root\"},"
    "{\"at\": \"2026-11-20T10:00:00Z\", \"kind\": \"listed\", \"id\": "
    "\"zen.example\", \"detail\": \"\"}]";

static const char decisions[] =
    "[{\"time\": \"2026-11-22T14:20:00Z\", \"deed\": \"done\", \"id\": null, "
    "\"from\": \"eve@example.net\", \"to\": \"dora@example.net\"},"
    "{\"time\": \"2026-11-22T14:21:00Z\", \"deed\": \"would\", \"id\": "
    "\"4Xwould\"}]";

struct lab {
    json_t *subject, *changes, *reports, *decisions;
    struct arena *arena;
    struct abuse abuse;
    struct abuse_letter letter;
    char folder[TEXT], said[TEXT];
};

static json_t *
load(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static int
begin(void **state)
{
    static struct lab lab;
    const char *top = getenv("top_srcdir");

    assert_int_equal(setenv("TZ", "UTC-1", 1), 0);
    tzset();
    memset(&lab, 0, sizeof(lab));
    (void)snprintf(lab.folder, sizeof(lab.folder), "%s/contrib/notices",
                   top != NULL ? top : ".");
    lab.subject = load("{\"id\": \"client:192.0.2.7\", \"kind\": \"client\", "
                       "\"key\": \"192.0.2.7\", \"also\": "
                       "[\"user:fay@example.org\"], \"zombie\": null}");
    lab.changes = load(changes);
    lab.reports = load(reports);
    lab.decisions = load(decisions);
    assert_int_equal(arena_create(&lab.arena), MS_OK);
    lab.abuse = (struct abuse){
        .subject = lab.subject,
        .changes = lab.changes,
        .reports = lab.reports,
        .decisions = lab.decisions,
        .support = "https://help.example.org",
        .mailbox = "postmaster@example.org",
        .reference = "02K3F9QX",
        .folder = lab.folder,
        .language = "en",
    };
    *state = &lab;
    return 0;
}

static int
end(void **state)
{
    struct lab *lab = *state;

    json_decref(lab->subject);
    json_decref(lab->changes);
    json_decref(lab->reports);
    json_decref(lab->decisions);
    arena_destroy(lab->arena);
    return 0;
}

static void
hear(void *arg, const char *text)
{
    struct lab *lab = arg;

    (void)snprintf(lab->said, sizeof(lab->said), "%s", text);
}

static enum ms_err
compose(struct lab *lab)
{
    return abuse_letter_write(&lab->abuse, lab->arena, hear, lab, &lab->letter);
}

static void
change_key(json_t *json, const char *key, const char *value)
{
    assert_int_equal(json_object_set_new(json, key, json_string(value)), 0);
}

/* ----- letters */

static void
expect_text(const struct lab *lab, const char *text)
{
    if (strstr(lab->letter.body, text) == NULL)
        fail_msg("%s: `%s' is missing in\n%s", lab->abuse.language, text,
                 lab->letter.body);
}

static void
expect_no_text(const struct lab *lab, const char *text)
{
    if (strstr(lab->letter.body, text) != NULL)
        fail_msg("%s: `%s' is in\n%s", lab->abuse.language, text,
                 lab->letter.body);
}

static void
test_every_language(void **state)
{
    static const char *const told[] = {"192.0.2.7",
                                       "900",
                                       "41",
                                       "300",
                                       "2026-11-22 14:17:52 UTC",
                                       "15:17",
                                       "UTC+1:00",
                                       "4XyZq1",
                                       "4XyZq3",
                                       "zen.example",
                                       "02K3F9QX",
                                       "https://help.example.org",
                                       "postmaster@example.org"};
    struct lab *lab = *state;

    for (size_t i = 0; i < ROWS(languages); i++)
        for (int kind = ABUSE_CUSTOMER; kind <= ABUSE_PROVIDER; kind++) {
            lab->abuse.language = languages[i];
            lab->abuse.kind = (enum abuse_kind)kind;
            if (compose(lab) != MS_OK)
                fail_msg("%s: %s", languages[i], lab->said);
            for (size_t k = 0; k < ROWS(told); k++)
                expect_text(lab, told[k]);
            expect(languages[i],
                   strstr(lab->letter.subject, "192.0.2.7") != NULL);
            expect_no_text(lab, "{");
        }
}

/* Recipients, senders, who complained, who works here, who else shares the
 * address. */
static void
test_nobody_else_is_named(void **state)
{
    static const char *const names[] = {"bob", "carl", "dora", "eve",
                                        "fay", "uid",  "ann"};
    struct lab *lab = *state;

    lab->abuse.kind = ABUSE_PROVIDER;
    assert_int_equal(compose(lab), MS_OK);
    for (size_t i = 0; i < ROWS(names); i++)
        expect_no_text(lab, names[i]);
}

static void
test_what_was_only_observed_is_not_told(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(compose(lab), MS_OK);
    expect_no_text(lab, "77777");
    expect_no_text(lab, "4Xnever");
    expect_no_text(lab, "4Xwould");
    expect_no_text(lab, "2026-11-21");
    assert_int_equal(lab->letter.incidents, 4);
    assert_int_equal(lab->letter.n_ids, 3);
    assert_int_equal(lab->letter.newest_s, 1795359600);
}

static void
test_an_account(void **state)
{
    struct lab *lab = *state;

    change_key(lab->subject, "kind", "user");
    change_key(lab->subject, "key", "ann@example.org");
    assert_int_equal(compose(lab), MS_OK);
    expect_text(lab, "the e-mail account ann@example.org");
    expect_text(lab, "password");
}

static void
test_a_name_that_misleads(void **state)
{
    struct lab *lab = *state;

    change_key(lab->subject, "kind", "user");
    change_key(lab->subject, "key",
               "a\xe2\x80\xae"
               "b");
    assert_int_equal(compose(lab), MS_OK);
    expect_text(lab, "the e-mail account ?");
}

/* Without a change the figures are those of now. */
static void
test_figures_of_now(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(
        json_object_set_new(
            lab->subject, "zombie",
            load("{\"now\": {\"hour\": 501, \"spam\": 7, \"judged\": 9}, "
                 "\"usual\": {\"hour\": 30}}")),
        0);
    lab->abuse.changes = NULL;
    assert_int_equal(compose(lab), MS_OK);
    expect_text(lab, "501");
    expect_text(lab, "7 of 9");
    lab->abuse.only_then = true;
    assert_int_equal(compose(lab), MS_OK);
    expect_no_text(lab, "501");
}

static void
test_nothing_is_known(void **state)
{
    struct lab *lab = *state;

    lab->abuse.changes = lab->abuse.reports = lab->abuse.decisions = NULL;
    assert_int_equal(compose(lab), MS_UNAVAIL);
}

static void
test_templates_that_are_missing(void **state)
{
    struct lab *lab = *state;

    lab->abuse.folder = "/nonexistent";
    assert_int_equal(compose(lab), MS_INVALID);
    assert_non_null(strstr(lab->said, "/nonexistent/en/"));
}

static void
test_no_memory(void **state)
{
    struct lab *lab = *state;
    enum ms_err err = MS_NOMEM;

    for (unsigned long n = 1; err != MS_OK; n++) {
        assert_true(n < 5000);
        scarce_set(n);
        err = compose(lab);
        scarce_set(0);
    }
    expect_text(lab, "192.0.2.7");
}

/* ----- mails */

static struct abuse_mail
mail_of(const struct lab *lab)
{
    return (struct abuse_mail){
        .from = "Example Mail <abuse@example.org>",
        .to = "abuse@example.com",
        .subject = lab->letter.subject,
        .body = lab->letter.body,
        .source_ip = "192.0.2.7",
        .host = "mx1.example.org",
        .now_s = 1795370000,
        .arrival_s = lab->letter.newest_s,
        .incidents = lab->letter.incidents,
        .ids = (const char(*)[64])lab->letter.ids,
        .n_ids = lab->letter.n_ids,
    };
}

static void
test_what_was_written_is_read(void **state)
{
    static const char *const fields[] = {
        "report-type=feedback-report",
        "\r\nFeedback-Type: abuse\r\n",
        "\r\nVersion: 1\r\n",
        "\r\nUser-Agent: mortsafe/",
        "\r\nSource-IP: 192.0.2.7\r\n",
        "\r\nArrival-Date: Sun, 22 Nov 2026 15:00:00 +0000\r\n",
        "\r\nReporting-MTA: dns; mx1.example.org\r\n",
        "\r\nIncidents: 4\r\n",
        "From: Example Mail <abuse@example.org>\r\n",
        "To: abuse@example.com\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Date: Sun, 22 Nov 2026 17:53:20 +0000\r\n",
        "MIME-Version: 1.0\r\n",
    };
    struct lab *lab = *state;
    struct why why = {""};

    for (size_t i = 0; i < ROWS(languages); i++) {
        struct abuse_mail mail;
        struct report report;
        char *text = NULL;

        lab->abuse.language = languages[i];
        assert_int_equal(compose(lab), MS_OK);
        mail = mail_of(lab);
        assert_int_equal(abuse_mail_write(&mail, &text, &why), MS_OK);
        for (size_t k = 0; k < ROWS(fields); k++)
            expect(fields[k], strstr(text, fields[k]) != NULL);
        assert_null(strstr(text, "bob"));
        if (report_read(text, strlen(text), REPORT_ANY, &report, &why) != MS_OK)
            fail_msg("%s", why.text);
        assert_int_equal(report.kind, REPORT_COMPLAINT);
        assert_int_equal(report.n, 1);
        assert_int_equal(report.cases[0].complaints, 1);
        assert_int_equal(report.cases[0].n_ids, 3);
        assert_string_equal(report.cases[0].ids[0], "4XyZq1");
        report_end(&report);
        free(text);
    }
}

/* Every line of it goes through SMTP. */
static void
test_lines_of_a_mail(void **state)
{
    struct lab *lab = *state;
    struct abuse_mail mail;
    char *text = NULL;
    struct why why;

    lab->abuse.language = "pl";
    assert_int_equal(compose(lab), MS_OK);
    mail = mail_of(lab);
    assert_int_equal(abuse_mail_write(&mail, &text, &why), MS_OK);
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        assert_true(len > 0 && len < 998);
        assert_int_equal(line[len - 1], '\r');
        for (size_t i = 0; i < len; i++)
            assert_true((unsigned char)line[i] < 127);
        line += len + 1;
    }
    free(text);
}

static void
test_fields_that_are_not_known(void **state)
{
    struct lab *lab = *state;
    struct abuse_mail mail;
    char *text = NULL;
    struct why why;

    assert_int_equal(compose(lab), MS_OK);
    mail = mail_of(lab);
    mail.to = mail.source_ip = mail.host = NULL;
    mail.domain = "example.org\nX: y";
    mail.n_ids = 0;
    assert_int_equal(abuse_mail_write(&mail, &text, &why), MS_OK);
    assert_null(strstr(text, "Source-IP"));
    assert_null(strstr(text, "Reported-Domain"));
    assert_null(strstr(text, "\nX: y"));
    assert_null(strstr(text, "\nTo:"));
    free(text);
}

static void
test_addresses_that_are_none(void **state)
{
    static const char *const none[] = {"", "nobody", "a@b, c@d",
                                       "a@b\r\nBcc: c@d"};
    struct lab *lab = *state;

    assert_int_equal(compose(lab), MS_OK);
    for (size_t i = 0; i < ROWS(none); i++) {
        struct abuse_mail mail = mail_of(lab);
        struct why why = {""};
        char *text = NULL;

        mail.from = none[i];
        expect(none[i], abuse_mail_write(&mail, &text, &why) == MS_INVALID);
        mail.from = mail.to;
        mail.to = none[i];
        expect(none[i], abuse_mail_write(&mail, &text, &why) == MS_INVALID);
        expect(none[i], why.text[0] != '\0' && text == NULL);
    }
}

int
main(void)
{
#define OF(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        OF(test_every_language),
        OF(test_nobody_else_is_named),
        OF(test_what_was_only_observed_is_not_told),
        OF(test_an_account),
        OF(test_a_name_that_misleads),
        OF(test_figures_of_now),
        OF(test_nothing_is_known),
        OF(test_templates_that_are_missing),
        OF(test_no_memory),
        OF(test_what_was_written_is_read),
        OF(test_lines_of_a_mail),
        OF(test_fields_that_are_not_known),
        OF(test_addresses_that_are_none),
    };
#undef OF

    return cmocka_run_group_tests(tests, NULL, NULL);
}
