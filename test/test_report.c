/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Abuse reports, bounces and logs as tables: which message they name, what they
 * count, and what is refused.  The files are in test/data/feedback.
 */
#include <config.h>

#include "ctl/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/scarce.h"
#include "test/unit.h"

enum { TEXT = 1 << 16 };

static size_t
load(const char *name, char text[TEXT])
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    FILE *in;
    size_t n;

    (void)snprintf(path, sizeof(path), "%s/test/data/feedback/%s",
                   top != NULL ? top : ".", name);
    in = fopen(path, "r");
    if (in == NULL)
        fail_msg("%s cannot be read", path);
    n = fread(text, 1, TEXT, in);
    (void)fclose(in);
    return n;
}

/* ----- what is read */

/* "4XyZq1 4XyZq2=2" of all cases: ids, and what is counted. */
static void
print(const struct report *report, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < report->n; i++) {
        const struct report_case *c = &report->cases[i];

        for (size_t j = 0; j < c->n_ids; j++)
            len += (size_t)snprintf(out + len, size - len, "%s%s",
                                    len > 0 ? " " : "", c->ids[j]);
        len += (size_t)snprintf(out + len, size - len, "=%u",
                                c->unknown + c->complaints);
    }
}

static void
test_fine(void **state)
{
    static const struct {
        const char *row, *file;
        enum report_kind kind;
        const char *want, *detail;
    } rows[] = {
        {"a complaint names the message by its Received fields",
         "complaint.eml", REPORT_COMPLAINT, "4XyZq1=1",
         "feedback abuse, from SomeLoop/1.0"},
        {"the message's header alone is enough, with CRLF, too",
         "complaint-headers.eml", REPORT_COMPLAINT, "4XyZq1=1",
         "feedback abuse, from SomeLoop/1.0"},
        {"a complaint without the message names none",
         "complaint-without-original.eml", REPORT_COMPLAINT, "=1",
         "feedback abuse, from SomeLoop/1.0"},
        {"that it is no spam is no complaint", "complaint-not-spam.eml",
         REPORT_COMPLAINT, "4XyZq1=0", "feedback not-spam, from SomeLoop/1.0"},
        {"a complaint that was forwarded is one", "complaint-forwarded.eml",
         REPORT_COMPLAINT, "4XyZq1=1", "feedback abuse, from SomeLoop/1.0"},
        {"of a bounce, recipients that do not exist are counted",
         "bounce-postfix.eml", REPORT_BOUNCE, "4XyZq1=2",
         "bounce, from dns; mx1.example.org"},
        {"Sendmail's names the message in its Received field",
         "bounce-sendmail.eml", REPORT_BOUNCE, "0AMEZ0x1012345=1",
         "bounce, from dns; mx2.example.org"},
        {"a remote server's names all hops; its words tell what 5.0.0 does not",
         "bounce-remote.eml", REPORT_BOUNCE, "99aBcDeF 4XyZq1=1",
         "bounce, from dns; mx1.example.org"},
        {"a delay is no bounce", "bounce-delayed.eml", REPORT_BOUNCE,
         "4XyZq1=0", "bounce, from dns; mx1.example.org"},
        {"a refusal for another reason counts nothing", "bounce-policy.eml",
         REPORT_BOUNCE, "4XyZq1=0", "bounce, from dns; mx1.example.org"},
        {"an international one is one", "bounce-international.eml",
         REPORT_BOUNCE, "4XyZq1=2", "bounce, from dns; mx1.example.org"},
        {"one in base64 is one", "bounce-base64.eml", REPORT_BOUNCE, "4XyZq1=2",
         "bounce, from dns; mx1.example.org"},
        {"of Postfix's log, lines of a message are put together", "postfix.log",
         REPORT_LOG, "3RfGh5zz0Qz1=1 4XyZq1=2", "log"},
        {"a line of Sendmail's log may be about some recipients",
         "sendmail.log", REPORT_LOG, "0AMEZ0x1012345=2", "log"},
        {"a log in which nothing failed says nothing", "quiet.log", REPORT_LOG,
         "", "log"},
    };
    char text[TEXT], got[1024];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = load(rows[i].file, text);
        struct report report;
        struct why why = {""};

        for (unsigned named = 0; named < 2; named++) {
            if (report_read(text, n, named ? rows[i].kind : REPORT_ANY, &report,
                            &why) != MS_OK)
                fail_msg("%s: %s", rows[i].row, why.text);
            print(&report, got, sizeof(got));
            if (strcmp(got, rows[i].want) != 0)
                fail_msg("%s: %s, not %s", rows[i].row, got, rows[i].want);
            expect(rows[i].row, report.kind == rows[i].kind);
            if (strcmp(report.detail, rows[i].detail) != 0)
                fail_msg("%s: %s", rows[i].row, report.detail);
            report_end(&report);
        }
    }
}

/* ----- what is refused */

static void
test_refused(void **state)
{
    static const struct {
        const char *row, *file;
        enum report_kind want;
        const char *why;
    } rows[] = {
        {"a mail that is no report", "plain.eml", REPORT_ANY, "no report"},
        {"not even with a line of a log in it", "plain.eml", REPORT_BOUNCE,
         "no report"},
        {"a receipt", "disposition.eml", REPORT_ANY, "neither about abuse"},
        {"a bounce where a complaint is wanted", "bounce-postfix.eml",
         REPORT_COMPLAINT, "it is a bounce, not a complaint"},
        {"a complaint where a bounce is wanted", "complaint.eml", REPORT_BOUNCE,
         "it is a complaint, not a bounce"},
        {"a log where a complaint is wanted", "postfix.log", REPORT_COMPLAINT,
         "no mail"},
        {"a complaint without its type", "complaint-without-type.eml",
         REPORT_ANY, "Feedback-Type"},
        {"a complaint without the report", "complaint-without-report.eml",
         REPORT_ANY, "no message/feedback-report"},
        {"a bounce without the report", "bounce-without-report.eml", REPORT_ANY,
         "no message/delivery-status"},
        {"a bounce that says nothing of anybody",
         "bounce-without-recipients.eml", REPORT_ANY, "any recipient"},
        {"a bounce without parts", "bounce-of-nothing.eml", REPORT_ANY, ""},
        {"another program's log", "other.log", REPORT_ANY, "neither a mail"},
        {"a mail where a log is wanted", "complaint.eml", REPORT_LOG,
         "neither a mail"},
    };
    char text[TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = load(rows[i].file, text);
        struct report report = {.n = 4711};
        struct why why = {""};

        expect(rows[i].row,
               report_read(text, n, rows[i].want, &report, &why) == MS_INVALID);
        expect(rows[i].row, report.n == 4711);
        if (why.text[0] == '\0' || strstr(why.text, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].row, why.text);
    }
}

static void
test_nothing(void **state)
{
    static const char *const rows[] = {"", "\n", "\r\n\r\n",
                                       "From a@example.org Sun Nov 22\n"};
    struct report report;
    struct why why;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(
            report_read(rows[i], strlen(rows[i]), REPORT_ANY, &report, &why),
            MS_INVALID);
        assert_string_equal(why.text, "it is empty");
    }
}

/* ----- bounds */

/* A mail with DEPTH multiparts, one in the other, or so many parts beside one
 * another. */
static char *
grow_mail(unsigned depth, unsigned parts, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);

    assert_non_null(out);
    (void)fputs("MIME-Version: 1.0\n", out);
    for (unsigned i = 0; i < depth; i++)
        (void)fprintf(out,
                      "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n",
                      i, i);
    (void)fputs("Content-Type: multipart/mixed; boundary=p\n\n", out);
    for (unsigned i = 0; i < parts; i++)
        (void)fprintf(out, "--p\n\nx\n");
    (void)fclose(out);
    return text;
}

static void
test_bounds(void **state)
{
    static const struct {
        const char *row;
        unsigned depth, parts;
        const char *why;
    } rows[] = {
        {"as deep as may be", 98, 1, "no report"},
        {"a level too deep", 99, 1, "more than 100 levels"},
        {"much too deep", 900, 1, "more than 100 levels"},
        {"too deep to be parsed", 5000, 1, "more than 1000 parts"},
        {"as many parts as may be", 0, 999, "no report"},
        {"a part too many", 0, 1000, "more than 1000 parts"},
        {"many too many", 0, 100000, "more than 1000 parts"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = 0;
        char *text = grow_mail(rows[i].depth, rows[i].parts, &n);
        struct report report;
        struct why why = {""};

        expect(rows[i].row,
               report_read(text, n, REPORT_ANY, &report, &why) == MS_INVALID);
        if (strstr(why.text, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].row, why.text);
        free(text);
    }
}

static void
test_size(void **state)
{
    char *text = calloc(REPORT_BYTES + 1, 1);
    struct report report;
    struct why why;

    (void)state;
    assert_non_null(text);
    memset(text, '\n', REPORT_BYTES + 1);
    assert_int_equal(
        report_read(text, REPORT_BYTES + 1, REPORT_ANY, &report, &why),
        MS_INVALID);
    assert_string_equal(why.text, "it is larger than 50 MB");
    assert_int_equal(report_read(text, REPORT_BYTES, REPORT_ANY, &report, &why),
                     MS_INVALID);
    assert_string_equal(why.text, "it is empty");
    free(text);
}

/* A log about N messages. */
static char *
grow_log(unsigned messages, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);

    assert_non_null(out);
    for (unsigned i = 0; i < messages; i++)
        (void)fprintf(out,
                      "Nov 22 14:35:02 mx1 postfix/smtp[1]: A%06u: to=<x@y>, "
                      "dsn=5.1.1, status=bounced (no)\n",
                      i);
    (void)fclose(out);
    return text;
}

static void
test_long_log(void **state)
{
    static const struct {
        const char *row;
        unsigned messages;
        enum ms_err err;
    } rows[] = {{"as many messages as may be", REPORT_CASES, MS_OK},
                {"a message too many", REPORT_CASES + 1, MS_INVALID}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = 0;
        char *text = grow_log(rows[i].messages, &n);
        struct report report = {.n = 0};
        struct why why = {""};

        expect(rows[i].row,
               report_read(text, n, REPORT_ANY, &report, &why) == rows[i].err);
        expect(rows[i].row,
               report.n == (rows[i].err == MS_OK ? rows[i].messages : 0));
        report_end(&report);
        free(text);
    }
}

/* ----- ids in Received fields */

static void
test_received(void **state)
{
    static const struct {
        const char *row, *field, *want;
    } rows[] = {
        {"Postfix's",
         "from a (b [1.2.3.4]) by c (Postfix) with ESMTP id "
         "4XyZq1 for <d>; date",
         "4XyZq1"},
        {"in front of the date", "by c (Postfix) id 4XyZq1; date", "4XyZq1"},
        {"folded", "by c\n\twith ESMTP\n id\n\t4XyZq1;\n date", "4XyZq1"},
        {"not in a comment", "by c (id 4XyZq1) with ESMTP; date", ""},
        {"not in one inside another", "by c (a (id 4XyZq1) id 4XyZq2); date",
         ""},
        {"an escaped parenthesis ends none", "by c (a \\) id 4XyZq1); date",
         ""},
        {"a comment between", "by c id (what) 4XyZq1; date", "4XyZq1"},
        {"not behind the date", "by c; id 4XyZq1", ""},
        {"Exim's has a dash", "by c id 1kgqXX-0001Yz-01; date", ""},
        {"too short", "by c id 4XyZ; date", ""},
        {"the shortest", "by c id 4XyZq; date", "4XyZq"},
        {"too long",
         "by c id "
         "0123456789012345678901234567890123456789012345678901234567890123; d",
         ""},
        {"a parenthesis that stays open", "by c (id 4XyZq1", ""},
        {"nothing", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[2048], got[256];
        struct report report;
        struct why why = {""};

        (void)snprintf(
            text, sizeof(text),
            "Content-Type: multipart/report; report-type=feedback-report; "
            "boundary=x\n\n--x\nContent-Type: message/feedback-report\n\n"
            "Feedback-Type: abuse\n\n--x\nContent-Type: message/rfc822\n\n"
            "Received: %s\nSubject: x\n\nx\n--x--\n",
            rows[i].field);
        if (report_read(text, strlen(text), REPORT_ANY, &report, &why) != MS_OK)
            fail_msg("%s: %s", rows[i].row, why.text);
        print(&report, got, sizeof(got));
        got[strcspn(got, "=")] = '\0';
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].row, got);
        report_end(&report);
    }
}

/* Each allocation of ours fails once: the report is put off, and nothing leaks.
 */
static void
test_nomem(void **state)
{
    static const char *const files[] = {"complaint.eml", "bounce-postfix.eml",
                                        "postfix.log"};
    char text[TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(files); i++) {
        size_t n = load(files[i], text);
        enum ms_err err = MS_NOMEM;
        unsigned long tries = 0;

        while (err != MS_OK) {
            struct report report = {.n = 0};
            struct why why = {""};

            scarce_set_here(++tries);
            err = report_read(text, n, REPORT_ANY, &report, &why);
            scarce_set_here(0);
            expect(files[i],
                   err == MS_OK || (err == MS_NOMEM && why.text[0] != '\0'));
            report_end(&report);
        }
        expect("there was something to fail", tries > 1);
    }
}

static void
test_kinds(void **state)
{
    (void)state;
    for (enum report_kind k = REPORT_ANY; k <= REPORT_LOG; k++)
        assert_int_equal(report_kind_of(report_kind_name(k)), k);
    assert_int_equal(report_kind_of("nonsense"), REPORT_ANY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_size),     cmocka_unit_test(test_long_log),
        cmocka_unit_test(test_received), cmocka_unit_test(test_nomem),
        cmocka_unit_test(test_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
