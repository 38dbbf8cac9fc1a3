/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One evaluation as the daemon sees it, and the records that are made to do
 * harm: what they come to, and what that costs.
 */
#include <config.h>

#include "policy/dns/spf_check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/dns/spf_wire.h"
#include "test/scarce.h"
#include "test/spf_lab.h"
#include "test/unit.h"

/* Put TEXT behind what is in the array BUFFER. */
#define append(buffer, text)                                                   \
    (void)snprintf((buffer) + strlen(buffer), sizeof(buffer) - strlen(buffer), \
                   "%s", (text))

static struct sockaddr_in client = {.sin_family = AF_INET};

static struct spf_ask
ask_about(const char *sender)
{
    client.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
    return (struct spf_ask){.client = (struct sockaddr *)&client,
                            .helo = "mail.example",
                            .sender = sender,
                            .receiver = "here.example"};
}

/* ----- who is asked about */

static const struct identity {
    const char *rule, *helo, *sender, *domain; /* NULL: none */
} identities[] = {
    {"a sender's domain", "h.example", "u@a.example", "a.example"},
    {"a sender's domain as it was spelled", "h.example", "u@A.Example",
     "A.Example"},
    {"a last dot is cut", "h.example", "u@a.example.", "a.example"},
    {"what is behind the last at sign", "h.example",
     "\"u@b.example\"@a.example", "a.example"},
    {"a domain of one label is none", "h.example", "u@example", NULL},
    {"an empty sender: HELO", "h.example", "", "h.example"},
    {"no sender: HELO", "h.example", NULL, "h.example"},
    {"a HELO of one label is none", "localhost", NULL, NULL},
    {"a HELO that is an address is none", "[192.0.2.1]", "", NULL},
    {"a HELO that is an IPv6 address is none", "[IPv6:2001:db8::1]", "", NULL},
    {"no HELO", NULL, "", NULL},
    {"an empty HELO", "", "", NULL},
    {"letters that are no ASCII", "h.example",
     "u@b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example"},
    {"octets that are no letters", "h.example", "u@\xff.example", NULL},
    {"a space", "h.example", "u@a b.example", NULL},
    {"a backslash", "h.example", "u@a\\.example", NULL},
    {"a line's end", "h.example", "u@a.example\r\nX", NULL},
    {"two dots", "h.example", "u@a..example", NULL},
    {"a dot in front", "h.example", "u@.a.example", NULL},
    {"a dot alone", "h.example", "u@.", NULL},
    {"no domain", "h.example", "u@", NULL},
    {"a sender that is a domain alone", "h.example", "a.example", "a.example"},
};

static void
it_is_known_who_is_asked_about(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(identities); i++) {
        const struct identity *row = &identities[i];
        struct spf_ask ask = ask_about(row->sender);
        struct spf_check *check;
        enum resolver_type type;

        ask.helo = row->helo;
        assert_int_equal(spf_check_create(&ask, &check), MS_OK);
        if (row->domain == NULL) {
            expect(row->rule, spf_check_step(check) == SPF_STEP_DONE);
            expect(row->rule, spf_check_found(check)->result == SPF_NONE);
        } else {
            expect(row->rule, spf_check_step(check) == SPF_STEP_ASK);
            expect(row->rule,
                   strcmp(spf_check_question(check, &type), row->domain) == 0);
            expect(row->rule, type == RESOLVER_TXT);
            expect(row->rule,
                   strcmp(spf_check_found(check)->domain, row->domain) == 0);
        }
        spf_check_destroy(check);
    }
}

static void
names_at_their_longest(void **state)
{
    char sender[700] = "u@";
    struct spf_ask ask = ask_about(sender);
    struct spf_check *check;

    (void)state;
    /* 253 octets: four labels of 60 with their dots, and nine */
    for (int i = 0; i < 4; i++)
        (void)snprintf(sender + strlen(sender), 62, "%060d.", 0);
    append(sender, "a.example");
    assert_int_equal(spf_check_create(&ask, &check), MS_OK);
    assert_int_equal(spf_check_step(check), SPF_STEP_ASK);
    spf_check_destroy(check);
    append(sender, "x");
    assert_int_equal(spf_check_create(&ask, &check), MS_OK);
    assert_int_equal(spf_check_found(check)->result, SPF_NONE);
    spf_check_destroy(check);
    memset(sender, 'u', SPF_SENDER);
    sender[SPF_SENDER] = '\0';
    append(sender, "@a.example");
    assert_int_equal(spf_check_create(&ask, &check), MS_OK);
    assert_int_equal(spf_check_found(check)->result, SPF_NONE);
    spf_check_destroy(check);
}

/* ----- what the worker says is believed within bounds */

static struct spf_check *
begin(void)
{
    const struct resolver_answer none = {.status = RESOLVER_NODATA};
    struct spf_ask ask = ask_about("u@a.example");
    struct spf_check *check;

    assert_int_equal(spf_check_create(&ask, &check), MS_OK);
    spf_check_answer(check, &none);
    assert_int_equal(spf_check_step(check), SPF_STEP_RUN);
    return check;
}

static enum ms_err
reply(struct spf_check *check, const struct spf_reply *what)
{
    struct spf_out out = {0};
    enum ms_err err;

    assert_int_equal(spf_reply_write(what, &out), MS_OK);
    err = spf_check_reply(check, out.data, out.len);
    free(out.data);
    return err;
}

static const struct said {
    const char *rule;
    struct spf_reply reply;
    enum spf_result result;
} sayings[] = {
    {"ten terms are allowed",
     {.terms = 10, .voids = 2, .result = SPF_PASS},
     SPF_PASS},
    {"eleven are not", {.terms = 11, .result = SPF_PASS}, SPF_PERMERROR},
    {"three void look-ups are not",
     {.terms = 3, .voids = 3, .result = SPF_PASS},
     SPF_PERMERROR},
    {"a question of an eleventh term is not asked",
     {.asks = true, .terms = 11, .name = "b.example", .type = RESOLVER_A},
     SPF_PERMERROR},
};

static void
the_budget_is_the_daemons(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(sayings); i++) {
        struct spf_check *check = begin();

        assert_int_equal(reply(check, &sayings[i].reply), MS_OK);
        expect(sayings[i].rule, spf_check_step(check) == SPF_STEP_DONE);
        expect(sayings[i].rule,
               spf_check_found(check)->result == sayings[i].result);
        spf_check_destroy(check);
    }
}

static void
a_worker_that_asks_for_ever_is_heard_forty_times(void **state)
{
    const struct resolver_answer none = {.status = RESOLVER_NXDOMAIN};
    struct spf_reply question = {.asks = true, .type = RESOLVER_A};
    struct spf_check *check = begin();
    unsigned asked = 1;

    (void)state;
    while (spf_check_step(check) == SPF_STEP_RUN) {
        (void)snprintf(question.name, sizeof(question.name), "n%u.example",
                       asked);
        assert_int_equal(reply(check, &question), MS_OK);
        if (spf_check_step(check) != SPF_STEP_ASK)
            break;
        asked++;
        spf_check_answer(check, &none);
    }
    assert_int_equal(asked, SPF_QUESTIONS);
    assert_int_equal(spf_check_found(check)->result, SPF_PERMERROR);
    spf_check_destroy(check);
}

static void
a_worker_that_dies_or_babbles_costs_a_temperror(void **state)
{
    struct spf_check *check = begin();

    (void)state;
    spf_check_died(check);
    assert_int_equal(spf_check_found(check)->result, SPF_TEMPERROR);
    assert_int_equal(spf_check_found(check)->state, LOOKUP_KNOWN);
    spf_check_destroy(check);
    check = begin();
    assert_int_equal(spf_check_reply(check, (const uint8_t *)"babble", 6),
                     MS_INVALID);
    assert_int_equal(spf_check_found(check)->result, SPF_TEMPERROR);
    spf_check_destroy(check);
}

static void
what_is_done_stays_done(void **state)
{
    const struct resolver_answer none = {.status = RESOLVER_NODATA};
    struct spf_check *check = begin();

    (void)state;
    assert_int_equal(reply(check, &(struct spf_reply){.result = SPF_FAIL}),
                     MS_OK);
    spf_check_give_up(check, "too late");
    spf_check_died(check);
    spf_check_answer(check, &none);
    assert_int_equal(reply(check, &(struct spf_reply){.result = SPF_PASS}),
                     MS_OK);
    assert_int_equal(spf_check_found(check)->result, SPF_FAIL);
    spf_check_destroy(check);
}

static void
each_allocation_may_fail(void **state)
{
    static const uint8_t txt[] = "\x0bv=spf1 -all";
    const struct resolver_record record = {txt, sizeof(txt) - 1};
    const struct resolver_answer answer = {
        .status = RESOLVER_DATA, .n = 1, .record = &record};
    struct spf_ask ask = ask_about("u@a.example");
    bool whole = false;

    (void)state;
    for (unsigned long n = 1; !whole; n++) {
        struct spf_check *check = NULL;
        enum ms_err err;

        scarce_set(n);
        err = spf_check_create(&ask, &check);
        if (err == MS_OK)
            spf_check_answer(check, &answer);
        whole = scarce_left() > 0;
        scarce_set(0);
        if (err != MS_OK)
            assert_int_equal(err, MS_NOMEM);
        else if (whole)
            assert_int_equal(spf_check_step(check), SPF_STEP_RUN);
        else
            assert_int_equal(spf_check_found(check)->result, SPF_TEMPERROR);
        spf_check_destroy(check);
        assert_true(n < 20);
    }
}

/* ----- records that are made to do harm, and what may become of them */

static struct spf_lab *lab;
static struct judge *judge;

static struct spf_finding
evaluate(const char *sender, struct spf_cost *cost)
{
    struct spf_ask ask = ask_about(sender);

    return spf_lab_evaluate(lab, judge, &ask, cost);
}

static void
add(const char *format, ...)
{
    static char line[80000];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    assert_true(len > 0 && (size_t)len < sizeof(line));
    assert_true(spf_lab_add(lab, line));
}

static int
fresh_lab(void **state)
{
    (void)state;
    lab = spf_lab_create();
    return judge_create(&judge) != MS_OK;
}

static int
close_lab(void **state)
{
    (void)state;
    judge_destroy(judge);
    spf_lab_destroy(lab);
    return 0;
}

/* "include:WHAT0.example ... include:WHAT8.example", or the same nine times. */
static void
nine_includes(char out[512], const char *what, const char *tail)
{
    out[0] = '\0';
    for (int i = 0; i < 9; i++)
        (void)snprintf(out + strlen(out), 512 - strlen(out), " include:%s%s",
                       what, tail);
}

static void
a_tree_of_includes_ends_after_ten_terms(void **state)
{
    struct spf_finding found;
    struct spf_cost cost;
    char includes[512];

    (void)state;
    for (int level = 0; level < 5; level++) {
        char next[32];

        (void)snprintf(next, sizeof(next), "l%d", level + 1);
        nine_includes(includes, next, ".example");
        add("txt l%d.example \"v=spf1%s -all\"", level, includes);
    }
    add("txt l5.example \"v=spf1 ?all\"");
    found = evaluate("u@l0.example", &cost);
    assert_int_equal(found.result, SPF_PERMERROR);
    assert_true(cost.questions <= 6);
}

static void
a_tree_of_different_names_ends_after_ten_terms(void **state)
{
    struct spf_finding found;
    struct spf_cost cost;

    (void)state;
    /* every name there can be has nine more below it */
    for (int i = 0; i < 10; i++)
        add("txt %.*s \"v=spf1 include:a.%%{d} include:b.%%{d} ?all\"",
            i * 2 + 9, "a.a.a.a.a.a.a.a.a.t.example" + 18 - i * 2);
    found = evaluate("u@t.example", &cost);
    assert_int_equal(found.result, SPF_PERMERROR);
    assert_true(cost.questions <= 12);
}

static void
loops_are_permerrors(void **state)
{
    static const char *const records[][3] = {
        {"self", "v=spf1 include:a.example -all", "v=spf1 -all"},
        {"pair", "v=spf1 include:b.example -all",
         "v=spf1 include:a.example -all"},
        {"redirects", "v=spf1 redirect=b.example", "v=spf1 redirect=a.example"},
        {"by a macro", "v=spf1 include:%{d} -all", "v=spf1 -all"},
        {"in other letters", "v=spf1 include:A.Example -all", "v=spf1 -all"},
    };
    struct spf_cost cost;

    (void)state;
    for (size_t i = 0; i < ROWS(records); i++) {
        spf_lab_clear(lab);
        add("txt a.example \"%s\"", records[i][1]);
        add("txt b.example \"%s\"", records[i][2]);
        expect(records[i][0],
               evaluate("u@a.example", &cost).result == SPF_PERMERROR);
        expect(records[i][0], cost.questions <= 2);
    }
}

static void
a_chain_of_25_includes_is_a_permerror(void **state)
{
    struct spf_cost cost;

    (void)state;
    for (int i = 0; i < 25; i++)
        add("txt c%d.example \"v=spf1 include:c%d.example -all\"", i, i + 1);
    assert_int_equal(evaluate("u@c0.example", &cost).result, SPF_PERMERROR);
    assert_true(cost.questions <= 12);
}

static void
explanations_are_never_asked_for(void **state)
{
    char bomb[512] = "";
    struct spf_finding found;
    struct spf_cost cost;

    (void)state;
    /* what ends a process that reads it by libspf2 1.2.10 */
    for (int i = 0; i < 50; i++)
        append(bomb, "%{d}");
    add("txt e.example \"v=spf1 -all exp=x.example\"");
    add("txt x.example \"%s\"", bomb);
    found = evaluate("u@e.example", &cost);
    assert_int_equal(found.result, SPF_FAIL);
    assert_string_equal(found.detail, "-all");
    assert_int_equal(cost.questions, 1);
}

static void
macros_do_not_grow_names_without_end(void **state)
{
    char many[300] = "";
    struct spf_cost cost;

    (void)state;
    for (int i = 0; i < 32; i++)
        append(many, "%{d}.");
    add("txt m.example \"v=spf1 include:%sexample -all\"", many);
    assert_int_equal(evaluate("u@m.example", &cost).result, SPF_PERMERROR);
    assert_true(cost.questions <= 12);
    spf_lab_clear(lab);
    add("txt m.example \"v=spf1 include:%%{d}%sexample -all\"", many);
    assert_int_equal(evaluate("u@m.example", &cost).result, SPF_PERMERROR);
    assert_int_equal(cost.questions, 1);
}

/* RFC 7208 section 7.4, and what else section 7 allows. */
static const struct macro {
    const char *macro, *name;
} macros[] = {
    {"%{s}", "strong-bad@email.example.com"},
    {"%{o}", "email.example.com"},
    {"%{d}", "email.example.com"},
    {"%{d4}", "email.example.com"},
    {"%{d3}", "email.example.com"},
    {"%{d2}", "example.com"},
    {"%{d1}", "com"},
    {"%{d127}", "email.example.com"},
    {"%{dr}", "com.example.email"},
    {"%{d2r}", "example.email"},
    {"%{l}", "strong-bad"},
    {"%{l-}", "strong.bad"},
    {"%{lr}", "strong-bad"},
    {"%{lr-}", "bad.strong"},
    {"%{l1r-}", "strong"},
    {"%{ir}.%{v}._spf.%{d2}", "1.2.0.192.in-addr._spf.example.com"},
    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
    {"%{d2}.trusted", "example.com.trusted"},
    {"%{h}", "mail.example"},
    {"%{S}", "strong-bad%40email.example.com"},
    {"%{o,}", "email.example.com"},
    {"%{o/}", "email.example.com"},
    {"%{s@}", NULL},
    {"%{d256}", "email.example.com"},
    {"%{d999}", "email.example.com"},
};

static void
macros_stand_for_what_the_rfc_says(void **state)
{
    struct spf_cost cost;

    (void)state;
    for (size_t i = 0; i < ROWS(macros); i++) {
        const struct macro *row = &macros[i];

        spf_lab_clear(lab);
        add("txt email.example.com \"v=spf1 exists:%s.x.example -all\"",
            row->macro);
        if (row->name != NULL)
            add("a %s.x.example 127.0.0.2", row->name);
        expect(row->macro,
               evaluate("strong-bad@email.example.com", &cost).result ==
                   (row->name != NULL ? SPF_PASS : SPF_PERMERROR));
    }
}

static const struct macro delimiters[] = {
    {"%{l.-+,/_=}", "a.b.c.d.e.f.g.h"}, {"%{l,}", "a-b+c.d/e_f=g.h"},
    {"%{l/}", "a-b+c,d.e_f=g.h"},       {"%{l+}", "a-b.c,d/e_f=g.h"},
    {"%{l=}", "a-b+c,d/e_f.g.h"},       {"%{l_}", "a-b+c,d/e.f=g.h"},
    {"%{l2,}", "a-b+c.d/e_f=g.h"},      {"%{l1r,}", "a-b+c"},
    {"%{lr/,}", "e_f=g.h.d.a-b+c"},
};

static void
each_delimiter_of_the_rfc_splits(void **state)
{
    struct spf_cost cost;

    (void)state;
    for (size_t i = 0; i < ROWS(delimiters); i++) {
        spf_lab_clear(lab);
        add("txt t.example \"v=spf1 exists:%s.x.example -all\"",
            delimiters[i].macro);
        add("a %s.x.example 127.0.0.2", delimiters[i].name);
        expect(delimiters[i].macro,
               evaluate("a-b+c,d/e_f=g.h@t.example", &cost).result == SPF_PASS);
    }
}

static void
a_name_that_is_too_long_loses_labels_at_its_left(void **state)
{
    char label[64] = "", name[300] = "";
    struct spf_finding found;
    struct spf_cost cost;

    (void)state;
    memset(label, 'x', 60);
    for (int i = 0; i < 3; i++)
        (void)snprintf(name + strlen(name), 64, "%s.", label);
    add("txt y.%sexample \"v=spf1 exists:%%{d}.z.%%{d} -all\"", name);
    (void)snprintf(name + strlen(name), 100, "example");
    add("a %s.z.y.%s 127.0.0.2", "example", name);
    {
        char sender[320];

        (void)snprintf(sender, sizeof(sender), "u@y.%s", name);
        found = evaluate(sender, &cost);
    }
    assert_int_equal(found.result, SPF_PASS);
}

static void
long_records_and_many_are_permerrors(void **state)
{
    static char text[66000];
    static const uint8_t piece[] = "\x03v=s";
    struct spf_cost cost;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    add("txt l.example \"v=spf1 exp=%.65000s\"", text);
    assert_int_equal(evaluate("u@l.example", &cost).result, SPF_PERMERROR);
    assert_int_equal(cost.runs, 0);
    /* as long as it may be */
    spf_lab_clear(lab);
    add("txt l.example \"v=spf1 -all m=%.*s\"", SPF_RECORD - 14, text);
    assert_int_equal(evaluate("u@l.example", &cost).result, SPF_FAIL);
    spf_lab_clear(lab);
    add("txt l.example \"v=spf1 -all m=%.*s\"", SPF_RECORD - 13, text);
    assert_int_equal(evaluate("u@l.example", &cost).result, SPF_PERMERROR);
    spf_lab_clear(lab);
    for (int i = 0; i < 1000; i++)
        add("txt l.example \"something %d\"", i);
    assert_int_equal(evaluate("u@l.example", &cost).result, SPF_PERMERROR);
    spf_lab_clear(lab);
    spf_lab_add_raw(lab, "l.example", RESOLVER_TXT, piece, 3);
    assert_int_equal(evaluate("u@l.example", &cost).result, SPF_NONE);
}

static void
two_records_are_a_permerror(void **state)
{
    struct spf_cost cost;

    (void)state;
    add("txt d.example \"v=spf1 +all\"");
    add("txt d.example \"v=spf1 -all\"");
    assert_int_equal(evaluate("u@d.example", &cost).result, SPF_PERMERROR);
    add("txt d.example \"v=spf10 -all\"");
    assert_int_equal(evaluate("u@d.example", &cost).result, SPF_PERMERROR);
}

static void
many_networks_are_all_looked_at(void **state)
{
    char text[4000] = "v=spf1";
    struct spf_finding found;
    struct spf_cost cost;

    (void)state;
    for (int i = 0; i < 150; i++)
        (void)snprintf(text + strlen(text), 30, " ip4:198.51.100.%d", i);
    append(text, " ~ip4:192.0.2.0/31 -all");
    add("txt n.example \"%s\"", text);
    found = evaluate("u@n.example", &cost);
    assert_int_equal(found.result, SPF_SOFTFAIL);
    assert_string_equal(found.detail, "~ip4:192.0.2.0/31");
}

static void
ten_hosts_of_mx_and_no_more(void **state)
{
    struct spf_cost cost;

    (void)state;
    add("txt x.example \"v=spf1 mx -all\"");
    for (int i = 0; i < 10; i++)
        add("mx x.example %d m%d.example", i, i);
    add("a m9.example 192.0.2.1");
    assert_int_equal(evaluate("u@x.example", &cost).result, SPF_PASS);
    assert_int_equal(cost.questions, 12);
    add("mx x.example 10 m10.example");
    assert_int_equal(evaluate("u@x.example", &cost).result, SPF_PERMERROR);
    assert_int_equal(cost.questions, 2);
}

static void
forty_questions_and_no_more(void **state)
{
    struct spf_finding found;
    struct spf_cost cost;

    (void)state;
    /* five terms, each with ten hosts to ask about */
    add("txt q.example \"v=spf1 mx:q0.example mx:q1.example mx:q2.example "
        "mx:q3.example mx:q4.example -all\"");
    for (int i = 0; i < 50; i++) {
        add("mx q%d.example 10 h%d.example", i / 10, i);
        add("a h%d.example 198.51.100.1", i);
    }
    found = evaluate("u@q.example", &cost);
    assert_int_equal(found.result, SPF_PERMERROR);
    assert_int_equal(cost.questions, SPF_QUESTIONS);
}

static void
what_is_lost_is_a_temperror(void **state)
{
    static const char *const records[] = {
        "v=spf1 a:lost.example -all", "v=spf1 mx:lost.example -all",
        "v=spf1 exists:lost.example -all", "v=spf1 include:lost.example -all",
        "v=spf1 redirect=lost.example"};
    struct spf_cost cost;

    (void)state;
    for (size_t i = 0; i < ROWS(records); i++) {
        spf_lab_clear(lab);
        add("lost lost.example");
        add("txt a.example \"%s\"", records[i]);
        expect(records[i],
               evaluate("u@a.example", &cost).result == SPF_TEMPERROR);
    }
    assert_int_equal(evaluate("u@lost.example", &cost).result, SPF_TEMPERROR);
}

static void
a_mapped_client_is_ipv4(void **state)
{
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    struct spf_ask ask = ask_about("u@a.example");
    struct spf_cost cost;

    (void)state;
    add("txt a.example \"v=spf1 ip4:192.0.2.1 -all\"");
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr),
                     1);
    ask.client = (struct sockaddr *)&mapped;
    assert_int_equal(spf_lab_evaluate(lab, judge, &ask, &cost).result,
                     SPF_PASS);
}

static void
a_loopback_client_is_like_any_other(void **state)
{
    struct spf_ask ask = ask_about("u@a.example");
    struct spf_cost cost;

    (void)state;
    add("txt a.example \"v=spf1 -all\"");
    client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(spf_lab_evaluate(lab, judge, &ask, &cost).result,
                     SPF_FAIL);
}

static void
it_is_told_what_matched(void **state)
{
    static const char *const records[][3] = {
        {"v=spf1 include:b.example -all", "v=spf1 ip4:192.0.2.1",
         "include:b.example"},
        {"v=spf1 include:b.example -all", "v=spf1 -all", "-all"},
        {"v=spf1 include:b.example", "v=spf1 -all", "default"},
        {"v=spf1 redirect=b.example", "v=spf1 ?ip4:192.0.2.0/24",
         "?ip4:192.0.2.0/24"},
        {"v=spf1 redirect=b.example", "v=spf1 ~ALL", "~ALL"},
        {"v=spf1 moo", "v=spf1", "a.example: syntax error at \"moo\""},
        {"v=spf1 include:b.example", "v=spf1 ip4:1",
         "b.example: syntax error at \"ip4:1\""},
    };
    struct spf_cost cost;

    (void)state;
    for (size_t i = 0; i < ROWS(records); i++) {
        spf_lab_clear(lab);
        add("txt a.example \"%s\"", records[i][0]);
        add("txt b.example \"%s\"", records[i][1]);
        expect(records[i][2], strcmp(evaluate("u@a.example", &cost).detail,
                                     records[i][2]) == 0);
    }
}

#define in_lab(test) cmocka_unit_test_setup_teardown(test, fresh_lab, close_lab)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_known_who_is_asked_about),
        cmocka_unit_test(names_at_their_longest),
        cmocka_unit_test(the_budget_is_the_daemons),
        cmocka_unit_test(a_worker_that_asks_for_ever_is_heard_forty_times),
        cmocka_unit_test(a_worker_that_dies_or_babbles_costs_a_temperror),
        cmocka_unit_test(what_is_done_stays_done),
        cmocka_unit_test(each_allocation_may_fail),
        in_lab(a_tree_of_includes_ends_after_ten_terms),
        in_lab(a_tree_of_different_names_ends_after_ten_terms),
        in_lab(loops_are_permerrors),
        in_lab(a_chain_of_25_includes_is_a_permerror),
        in_lab(explanations_are_never_asked_for),
        in_lab(macros_do_not_grow_names_without_end),
        in_lab(macros_stand_for_what_the_rfc_says),
        in_lab(each_delimiter_of_the_rfc_splits),
        in_lab(a_name_that_is_too_long_loses_labels_at_its_left),
        in_lab(long_records_and_many_are_permerrors),
        in_lab(two_records_are_a_permerror),
        in_lab(many_networks_are_all_looked_at),
        in_lab(ten_hosts_of_mx_and_no_more),
        in_lab(forty_questions_and_no_more),
        in_lab(what_is_lost_is_a_temperror),
        in_lab(a_mapped_client_is_ipv4),
        in_lab(a_loopback_client_is_like_any_other),
        in_lab(it_is_told_what_matched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
