/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/replay/maillog.h"

#define T "2026-11-22T17:41:03+01:00 mx "
#define AT 1795365663 /* that time */

static const struct {
    const char *name, *line;
    bool told;                /* something; else the line is passed over */
    struct maillog_line want; /* what */
} rows[] = {
    {"a client connects",
     T "postfix/smtpd[7]: connect from a.example[192.0.2.7]",
     true,
     {.kind = MAILLOG_CONNECT, .addr = "192.0.2.7"}},
    {"an IPv6 client",
     T "postfix/smtpd[7]: connect from unknown[2001:db8::7]",
     true,
     {.kind = MAILLOG_CONNECT, .addr = "2001:db8::7"}},
    {"a message of a login on submission",
     T "postfix/submission/smtpd[7]: 4Xk2Wz0q3zz: client=a.example[192.0.2.7], "
       "sasl_method=PLAIN, sasl_username=ann@example.org",
     true,
     {.kind = MAILLOG_CLIENT,
      .id = "4Xk2Wz0q3zz",
      .addr = "192.0.2.7",
      .user = "ann@example.org",
      .port = 587}},
    {"a message without a login",
     T "postfix/smtpd[7]: 9A0B1C2D3E: client=unknown[198.51.100.1]",
     true,
     {.kind = MAILLOG_CLIENT, .id = "9A0B1C2D3E", .addr = "198.51.100.1"}},
    {"port 465 has two usual names",
     T "postfix/smtps/smtpd[7]: 9A0B1C2D3E: client=a[192.0.2.7], "
       "sasl_method=LOGIN, sasl_username=bob",
     true,
     {.kind = MAILLOG_CLIENT,
      .id = "9A0B1C2D3E",
      .addr = "192.0.2.7",
      .user = "bob",
      .port = 465}},
    {"the sendmail command",
     T "postfix/pickup[7]: 9A0B1C2D3E: uid=1000 from=<ann>",
     true,
     {.kind = MAILLOG_CLIENT, .id = "9A0B1C2D3E", .local = true}},
    {"a sender",
     T
     "postfix/qmgr[7]: 9A0B1C2D3E: from=<ann@example.org>, size=1234, nrcpt=3 "
     "(queue active)",
     true,
     {
         .kind = MAILLOG_FROM,
         .id = "9A0B1C2D3E",
         .address = "ann@example.org",
         .size = 1234,
     }},
    {"the null sender",
     T "postfix/qmgr[7]: 9A0B1C2D3E: from=<>, size=9, nrcpt=1 (x)",
     true,
     {
         .kind = MAILLOG_FROM,
         .id = "9A0B1C2D3E",
         .size = 9,
     }},
    {"a recipient that got it",
     T "postfix/smtp[7]: 9A0B1C2D3E: to=<x@y.test>, relay=y[192.0.2.9]:25, "
       "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)",
     true,
     {.kind = MAILLOG_TO, .id = "9A0B1C2D3E", .address = "x@y.test"}},
    {"as it was addressed",
     T "postfix/local[7]: 9A0B1C2D3E: to=<bob@mx>, orig_to=<info@example.org>, "
       "relay=local, dsn=2.0.0, status=sent (delivered)",
     true,
     {.kind = MAILLOG_TO, .id = "9A0B1C2D3E", .address = "info@example.org"}},
    {"nobody by that name",
     T "postfix/smtp[7]: 9A0B1C2D3E: to=<x@y.test>, relay=y[192.0.2.9]:25, "
       "dsn=5.1.1, status=bounced (host said: 550 no such user)",
     true,
     {.kind = MAILLOG_TO,
      .id = "9A0B1C2D3E",
      .address = "x@y.test",
      .status = MAILLOG_UNKNOWN}},
    {"refused for another reason",
     T "postfix/smtp[7]: 9A0B1C2D3E: to=<x@y.test>, relay=y[192.0.2.9]:25, "
       "dsn=5.7.1, status=bounced (spam)",
     true,
     {.kind = MAILLOG_TO,
      .id = "9A0B1C2D3E",
      .address = "x@y.test",
      .status = MAILLOG_BOUNCED}},
    {"put off",
     T "postfix/smtp[7]: 9A0B1C2D3E: to=<x@y.test>, relay=none, dsn=4.4.1, "
       "status=deferred (timeout)",
     true,
     {.kind = MAILLOG_TO,
      .id = "9A0B1C2D3E",
      .address = "x@y.test",
      .status = MAILLOG_DEFERRED}},
    {"a recipient that Postfix itself does not know",
     T "postfix/smtpd[7]: NOQUEUE: reject: RCPT from a[192.0.2.7]: 550 5.1.1 "
       "<x@example.org>: Recipient address rejected: User unknown; "
       "from=<s@t.test> to=<x@example.org> proto=ESMTP helo=<h>",
     true,
     {.kind = MAILLOG_REFUSED,
      .addr = "192.0.2.7",
      .address = "x@example.org",
      .from = "s@t.test",
      .status = MAILLOG_UNKNOWN}},
    {"a policy is no unknown recipient",
     T "postfix/smtpd[7]: NOQUEUE: reject: RCPT from a[192.0.2.7]: 554 5.7.1 "
       "<x@y>: Relay access denied; from=<s@t.test> to=<x@y> proto=ESMTP",
     true,
     {.kind = MAILLOG_REFUSED,
      .addr = "192.0.2.7",
      .address = "x@y",
      .from = "s@t.test",
      .status = MAILLOG_BOUNCED}},
    {"a refusal for a while says nothing",
     T "postfix/smtpd[7]: NOQUEUE: reject: RCPT from a[192.0.2.7]: 450 4.2.0 "
       "<x@y>: Greylisted; from=<s@t.test> to=<x@y> proto=ESMTP",
     false,
     {0}},
    {"a filter's refusal at the end",
     T "postfix/cleanup[7]: 9A0B1C2D3E: milter-reject: END-OF-MESSAGE from "
       "a[192.0.2.7]: 5.7.1 Spam message rejected; from=<a@b> to=<x@y>",
     true,
     {.kind = MAILLOG_SPAM,
      .id = "9A0B1C2D3E",
      .address = "x@y",
      .from = "a@b"}},
    {"a recipient that looks like the rest of the line",
     T "postfix/smtpd[7]: NOQUEUE: reject: RCPT from a[192.0.2.7]: 550 5.1.1 "
       "<\"; from=<v@o> to=<b>\"@d>: unknown; from=<s@t> to=<x@d> proto=ESMTP",
     true,
     {.kind = MAILLOG_REFUSED,
      .addr = "192.0.2.7",
      .address = "x@d",
      .from = "s@t",
      .status = MAILLOG_UNKNOWN}},
    {"a Sendmail message",
     T "sm-mta[9]: wAMGf3x9012345: from=<ann@example.org>, size=321, class=0, "
       "nrcpts=2, msgid=<1@x>, proto=ESMTPSA, daemon=MSA, relay=a [192.0.2.7]",
     true,
     {.kind = MAILLOG_FROM,
      .id = "wAMGf3x9012345",
      .addr = "192.0.2.7",
      .address = "ann@example.org",
      .size = 321,
      .port = 587}},
    {"a Sendmail message by the sendmail command",
     T "sendmail[9]: wAMGf3x9012345: from=ann, size=3, class=0, nrcpts=1, "
       "msgid=<1@x>, relay=ann@localhost",
     true,
     {.kind = MAILLOG_FROM,
      .id = "wAMGf3x9012345",
      .address = "ann",
      .size = 3,
      .local = true}},
    {"a Sendmail login",
     T "sm-mta[9]: AUTH=server, relay=a [192.0.2.7], authid=ann@example.org, "
       "mech=PLAIN, bits=0",
     true,
     {.kind = MAILLOG_AUTH, .addr = "192.0.2.7", .user = "ann@example.org"}},
    {"a Sendmail recipient",
     T "sm-mta[9]: wAMGf3x9012345: to=<x@y.test>, delay=00:00:01, xdelay=1, "
       "mailer=esmtp, pri=1, relay=y. [192.0.2.9], dsn=2.0.0, stat=Sent (ok)",
     true,
     {.kind = MAILLOG_TO, .id = "wAMGf3x9012345", .address = "x@y.test"}},
    {"a Sendmail recipient that nobody knows there",
     T "sm-mta[9]: wAMGf3x9012345: to=<x@y.test>, delay=1, mailer=esmtp, "
       "relay=y., dsn=5.1.1, stat=User unknown",
     true,
     {.kind = MAILLOG_TO,
      .id = "wAMGf3x9012345",
      .address = "x@y.test",
      .status = MAILLOG_UNKNOWN}},
    {"a recipient that Sendmail does not know",
     T "sm-mta[9]: wAMGf3x9012345: <x@example.org>... User unknown",
     true,
     {.kind = MAILLOG_REFUSED,
      .id = "wAMGf3x9012345",
      .address = "x@example.org",
      .status = MAILLOG_UNKNOWN}},
    {"another program's line",
     T "sshd[3]: connect from x[192.0.2.7]",
     false,
     {0}},
    {"a line without a program", T "something happened", false, {0}},
    {"no time", "postfix/smtpd[7]: connect from a[192.0.2.7]", false, {0}},
    {"nothing", "", false, {0}},
    {"half a time", "2026-11-22T17:4", false, {0}},
    {"a queue id with something in it",
     T "postfix/qmgr[7]: 9A0B;rm: from=<a@b>, size=1, nrcpt=1 (x)",
     false,
     {0}},
    {"an address without an end",
     T "postfix/qmgr[7]: 9A0B1C2D3E: from=<a@b",
     true,
     {.kind = MAILLOG_FROM, .id = "9A0B1C2D3E", .address = "a@b"}},
};

static struct maillog_clock
clock_of(int64_t now_s)
{
    return (struct maillog_clock){.now_s = now_s};
}

static bool
same(const struct maillog_line *a, const struct maillog_line *b)
{
    return a->kind == b->kind && strcmp(a->id, b->id) == 0 &&
           strcmp(a->addr, b->addr) == 0 && a->port == b->port &&
           a->local == b->local && strcmp(a->user, b->user) == 0 &&
           strcmp(a->address, b->address) == 0 &&
           strcmp(a->from, b->from) == 0 && a->size == b->size &&
           a->status == b->status;
}

static void
test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct maillog_clock clock = clock_of(AT + 60);
        struct maillog_line line;
        bool read =
            maillog_read(rows[i].line, strlen(rows[i].line), &clock, &line);

        expect(rows[i].name, read == rows[i].told);
        if (!read)
            continue;
        expect(rows[i].name, same(&line, &rows[i].want));
        expect(rows[i].name, line.at_s == AT);
    }
}

/* Sendmail tells of all recipients of a delivery in one line. */
static void
test_several(void **state)
{
    static const char text[] =
        T "sm-mta[9]: wAMGf3x9012345: to=<a@d>,<b@d>,<c@d>, delay=1, "
          "dsn=2.0.0, stat=Sent";
    struct maillog_clock clock = clock_of(AT);
    struct maillog_line line;

    (void)state;
    assert_true(maillog_read(text, strlen(text), &clock, &line));
    assert_string_equal(line.address, "a@d");
    assert_true(maillog_next(&line));
    assert_string_equal(line.address, "b@d");
    assert_true(maillog_next(&line));
    assert_string_equal(line.address, "c@d");
    assert_false(maillog_next(&line));
    assert_false(maillog_next(&line));
}

/* Every beginning of a line, and every byte of it turned, is read or is not,
 * and nothing else happens. */
static void
test_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t len = strlen(rows[i].line);

        for (size_t n = 0; n <= len; n++) {
            struct maillog_clock clock = clock_of(AT);
            struct maillog_line line;
            char *text =
                malloc(n > 0 ? n : 1); /* no byte more: a sanitizer looks */

            assert_non_null(text);
            memcpy(text, rows[i].line, n);
            (void)maillog_read(text, n, &clock, &line);
            if (n > 0) {
                text[n - 1] = (char)(text[n - 1] ^ 0x55);
                (void)maillog_read(text, n, &clock, &line);
                assert_non_null(memchr(line.address, 0, sizeof(line.address)));
            }
            free(text);
        }
    }
}

#define SHORT(time) time " mx postfix/smtpd[7]: connect from a[192.0.2.7]"

/* A log without years ends at or before now. */
static void
test_years(void **state)
{
    static const struct {
        const char *name;
        int64_t now_s;
        const char *first, *second;
        int64_t first_s, second_s;
    } years[] = {
        {"this year", AT, SHORT("Nov 21 10:00:00"), SHORT("Nov 22 10:00:00"),
         1795255200, 1795341600},
        {"a day of one digit", AT, SHORT("Nov  1 10:00:00"),
         SHORT("Nov  2 10:00:00"), 1793527200, 1793613600},
        {"what would lie ahead was last year", AT, SHORT("Dec 24 10:00:00"),
         SHORT("Dec 25 10:00:00"), 1766570400, 1766656800},
        {"New Year passes, and one line is late", AT, SHORT("Jan  1 00:00:01"),
         SHORT("Dec 31 23:59:59"), 1767225601, 1767225599},
        {"New Year passes between two lines", AT, SHORT("Dec 31 23:59:59"),
         SHORT("Jan  1 00:00:01"), 1767225599, 1767225601},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(years); i++) {
        struct maillog_clock clock = clock_of(years[i].now_s);
        struct maillog_line line;

        expect(years[i].name,
               maillog_read(years[i].first, strlen(years[i].first), &clock,
                            &line) &&
                   line.at_s == years[i].first_s);
        expect(years[i].name,
               maillog_read(years[i].second, strlen(years[i].second), &clock,
                            &line) &&
                   line.at_s == years[i].second_s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_years),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
