/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the DNS says of strangers: who is asked about at which stage, how the
 * engine waits for it, how it is explained and said.  What follows for mail is
 * in test/scenario/spf_*.txt and dnsbl_*.txt.
 */
#include <config.h>

#include "policy/lookups.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "policy/explain.h"
#include "policy/policy.h"
#include "test/heard.h"
#include "test/unit.h"

enum { NOW_S = 1795348800 /* 2026-11-22 12:00 */ };

static struct heard heard;

static const char written[] =
    "mode = enforce\n"
    "domains local { list = example.org }\n"
    "spf { fail = reject }\n"
    "dnsbl zen { zone = zen.example  match = 127.0.0.4-7  action = reject }\n"
    "dnsbl bl { zone = bl.example }\n"
    "exempt friend { client = 203.0.113.99  skip = spf  note = \"SRS\" }\n"
    "reply dnsbl.zen { text = \"{list} has {client}, {domain}.\" }\n";

static struct config *
load(const char *text)
{
    struct config *config = NULL;

    if (heard_load(&heard, text, NOW_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

/* A stranger's message. */
struct guest {
    struct sockaddr_in client;
    struct lookups lookups;
    struct facts facts;
};

static struct guest *
guest(const char *address, const char *sender, const char *recipient)
{
    static struct guest g;

    memset(&g, 0, sizeof(g));
    g.client.sin_family = AF_INET;
    g.client.sin_port = htons(40000);
    assert_int_equal(inet_pton(AF_INET, address, &g.client.sin_addr), 1);
    g.facts.now.s = NOW_S;
    g.facts.client = (const struct sockaddr *)&g.client;
    g.facts.daemon_port = "25";
    g.facts.hostname = "mx.example.org";
    g.facts.sender = sender;
    g.facts.recipient = recipient;
    g.facts.lookups = &g.lookups;
    return &g;
}

/* ----- names */

static void
test_results(void **state)
{
    static const char *const names[SPF_RESULTS] = {
        [SPF_NONE] = "none",           [SPF_NEUTRAL] = "neutral",
        [SPF_PASS] = "pass",           [SPF_FAIL] = "fail",
        [SPF_SOFTFAIL] = "softfail",   [SPF_TEMPERROR] = "temperror",
        [SPF_PERMERROR] = "permerror",
    };
    enum spf_result result;

    (void)state;
    for (unsigned i = 0; i < SPF_RESULTS; i++) {
        assert_string_equal(spf_result_name((enum spf_result)i), names[i]);
        assert_true(spf_result_parse(names[i], &result));
        assert_int_equal(result, i);
    }
    assert_false(spf_result_parse("Pass", &result));
    assert_false(spf_result_parse("", &result));
    assert_false(spf_result_parse("(invalid)", &result));
}

/* ----- whom to ask about, when */

static const struct {
    const char *name;
    enum stage stage;
    const char *sender; /* NULL: not said */
    uint32_t lists;
    bool mail_from, helo;
} stages[] = {
    {"lists at CONNECT, where no logins are", STAGE_CONNECT, NULL, 3, false,
     false},
    {"SPF at MAIL", STAGE_MAIL, "<a@b.example>", 0, true, true},
    {"of <> too", STAGE_MAIL, "<>", 0, true, true},
    {"of a literal only the name in HELO", STAGE_MAIL, "<a@[192.0.2.1]>", 0,
     false, true},
    {"no SPF without a sender", STAGE_MAIL, NULL, 0, false, false},
    {"nothing at RCPT", STAGE_RCPT, "<a@b.example>", 0, false, false},
    {"nothing at the end", STAGE_END, "<a@b.example>", 0, false, false},
};

static void
test_stages(void **state)
{
    struct config *c = load(written);
    struct lookups_wanted wanted;
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < ROWS(stages); i++) {
        struct guest *g = guest("203.0.113.7", stages[i].sender, NULL);

        scene_make(c, &g->facts, &scene);
        lookups_wanted(c, &g->facts, &scene, stages[i].stage, &wanted);
        expect(stages[i].name, wanted.lists == stages[i].lists);
        expect(stages[i].name, wanted.mail_from == stages[i].mail_from);
        expect(stages[i].name, wanted.helo == stages[i].helo);
    }
    config_destroy(c);
}

/* Who ignores what HELO's name says need not ask. */
static void
test_helo_ignored(void **state)
{
    struct config *c = load("spf { helo = ignore }");
    struct guest *g = guest("203.0.113.7", "<a@b.example>", NULL);
    struct lookups_wanted wanted;
    struct scene scene;

    (void)state;
    scene_make(c, &g->facts, &scene);
    lookups_wanted(c, &g->facts, &scene, STAGE_MAIL, &wanted);
    assert_true(wanted.mail_from);
    assert_false(wanted.helo);
    config_destroy(c);
}

static void
test_any(void **state)
{
    struct lookups lookups = {0};

    (void)state;
    assert_false(lookups_any(&lookups));
    lookups.helo.state = LOOKUP_PENDING;
    assert_true(lookups_any(&lookups));
    lookups.helo.state = LOOKUP_UNASKED;
    lookups.list[LOOKUPS_LISTS - 1].state = LOOKUP_KNOWN;
    assert_true(lookups_any(&lookups));
}

/* ----- the engine waits for it, and charges nothing before */

static void
test_phase(void **state)
{
    struct config *c = load(written);
    struct guest *g = guest("203.0.113.7", "<a@b.example>", "<x@example.org>");
    static struct policy p;

    (void)state;
    g->lookups.mail_from.state = LOOKUP_PENDING;
    policy_ask(c, &g->facts, STAGE_RCPT, &p);
    assert_true(p.looks);
    assert_false(p.wants);
    assert_int_equal(p.n_items, 0);
    /* by now it is known */
    g->lookups.mail_from.state = LOOKUP_KNOWN;
    g->lookups.mail_from.result = SPF_PASS;
    assert_false(policy_answer(&p, NULL));
    assert_false(p.looks);
    assert_true(p.wants);
    assert_true(p.n_items > 0);
    assert_int_equal(p.verdict.action, VERDICT_CONTINUE);

    g->lookups.mail_from.result = SPF_FAIL;
    policy_ask(c, &g->facts, STAGE_RCPT, &p);
    assert_true(p.looks);
    assert_true(policy_answer(&p, NULL));
    assert_false(p.wants);
    assert_false(p.put_off);
    assert_int_equal(p.verdict.action, VERDICT_REJECT);
    assert_string_equal(p.verdict.rule, "spf.fail");
    assert_string_equal(p.verdict.domain, "b.example");
    config_destroy(c);
}

static const struct {
    const char *name, *recipient;
    bool asked, facts;
} unwaited[] = {
    {"what was not asked", "<x@example.org>", false, true},
    {"without facts about it", "<x@example.org>", true, false},
    {"mail to postmaster", "<postmaster@example.org>", true, true},
    {"what may not be relayed", "<x@elsewhere.example>", true, true},
};

static void
test_unwaited(void **state)
{
    struct config *c = load(written);
    static struct policy p;

    (void)state;
    for (size_t i = 0; i < ROWS(unwaited); i++) {
        struct guest *g =
            guest("203.0.113.7", "<a@b.example>", unwaited[i].recipient);

        if (unwaited[i].asked)
            g->lookups.mail_from =
                (struct spf_finding){.state = LOOKUP_KNOWN, .result = SPF_FAIL};
        if (!unwaited[i].facts)
            g->facts.lookups = NULL;
        policy_ask(c, &g->facts, STAGE_RCPT, &p);
        expect(unwaited[i].name, !p.looks);
        expect(unwaited[i].name,
               p.wants == (strcmp(unwaited[i].recipient,
                                  "<x@elsewhere.example>") != 0));
    }
    config_destroy(c);
}

/* It is told whether somebody is put off for what is not yet known. */
static void
test_put_off(void **state)
{
    struct config *c = load(written);
    struct guest *g = guest("203.0.113.7", "<a@b.example>", "<x@example.org>");
    static struct policy p;

    (void)state;
    g->lookups.list[0].state = LOOKUP_PENDING;
    policy_ask(c, &g->facts, STAGE_RCPT, &p);
    assert_true(policy_answer(&p, NULL));
    assert_true(p.put_off);
    assert_int_equal(p.verdict.code, 451);
    assert_string_equal(p.verdict.enhanced, "4.7.1");
    assert_string_equal(p.verdict.rule, "dnsbl.zen.pending");
    assert_ptr_equal(p.verdict.list, c->dnsbls[0]);
    g->lookups.put_off = true;
    policy_ask(c, &g->facts, STAGE_RCPT, &p);
    assert_false(policy_answer(&p, NULL));
    assert_false(p.put_off);
    config_destroy(c);
}

/* ----- what a client is told */

static const struct {
    const char *name, *domain, *text;
} texts[] = {
    {"plain words, and what to do", "b.example",
     "b.example does not let 203.0.113.7 send its mail (SPF): send it through "
     "the server of your provider; whoever forwards mail must write a sender "
     "of his own (ref REF)"},
    {"nothing that is not printable", "b\r\n.example",
     "b??.example does not let 203.0.113.7 send its mail (SPF): send it "
     "through the server of your provider; whoever forwards mail must write a "
     "sender of his own (ref REF)"},
};

static void
test_texts(void **state)
{
    struct config *c = load(written);
    static struct policy p;
    char text[VERDICT_TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct guest *g =
            guest("203.0.113.7", "<a@b.example>", "<x@example.org>");

        g->lookups.mail_from =
            (struct spf_finding){.state = LOOKUP_KNOWN, .result = SPF_FAIL};
        strcpy(g->lookups.mail_from.domain, texts[i].domain);
        policy_ask(c, &g->facts, STAGE_RCPT, &p);
        assert_true(policy_answer(&p, NULL));
        verdict_text(&p.verdict, c, &p.scene, NULL, "REF", text);
        if (strcmp(text, texts[i].text) != 0)
            fail_msg("%s: %s", texts[i].name, text);
    }
    config_destroy(c);
}

/* The operator's words have the list's name; and a domain, where one was looked
 * up. */
static void
test_own_words(void **state)
{
    struct config *c = load(written);
    struct guest *g = guest("203.0.113.7", "<a@b.example>", "<x@example.org>");
    static struct policy p;
    char text[VERDICT_TEXT];
    struct why why;

    (void)state;
    assert_int_equal(lookups_say_listed(&g->lookups, c, "zen:127.0.0.5", &why),
                     MS_OK);
    policy_ask(c, &g->facts, STAGE_RCPT, &p);
    assert_true(policy_answer(&p, NULL));
    verdict_text(&p.verdict, c, &p.scene, NULL, "REF", text);
    assert_string_equal(text, "zen has 203.0.113.7, .");
    config_destroy(c);
}

/* ----- findings as a person says them */

static const struct {
    const char *name, *text;
    struct list_finding found;
} said[] = {
    {"by its name alone: listed",
     "zen",
     {LOOKUP_KNOWN, false, true, {127, 0, 0, 4}}},
    {"without masks, too", "bl", {LOOKUP_KNOWN, false, true, {127, 0, 0, 2}}},
    {"by an answer",
     "zen:127.0.0.7",
     {LOOKUP_KNOWN, false, true, {127, 0, 0, 7}}},
    {"by one that is not meant",
     "zen:127.0.0.8",
     {LOOKUP_KNOWN, false, false, {127, 0, 0, 8}}},
    {"by an error",
     "bl:127.255.255.254",
     {LOOKUP_KNOWN, false, false, {127, 255, 255, 254}}},
    {"not yet", "zen:pending", {LOOKUP_PENDING, false, false, {0}}},
    {"not to be found out", "zen:failed", {LOOKUP_KNOWN, true, false, {0}}},
};

static const struct {
    const char *name, *text, *why;
} unsaid[] = {
    {"a list that is not there", "zan",
     "there is no dnsbl `zan`; did you mean `zen`?"},
    {"an answer that is none", "zen:4",
     "`4` is no answer of a list such as 127.0.0.2, nor pending or failed"},
    {"nothing behind the colon", "zen:",
     "`` is no answer of a list such as 127.0.0.2, nor pending or failed"},
};

static void
test_say_listed(void **state)
{
    struct config *c = load(written);
    struct why why;

    (void)state;
    for (size_t i = 0; i < ROWS(said); i++) {
        struct lookups lookups = {0};
        const struct list_finding *found =
            &lookups.list[said[i].text[0] == 'b'];

        expect(said[i].name,
               lookups_say_listed(&lookups, c, said[i].text, &why) == MS_OK);
        expect(said[i].name, found->state == said[i].found.state);
        expect(said[i].name, found->failed == said[i].found.failed);
        expect(said[i].name, found->listed == said[i].found.listed);
        expect(said[i].name, memcmp(found->code, said[i].found.code, 4) == 0);
    }
    for (size_t i = 0; i < ROWS(unsaid); i++) {
        struct lookups lookups = {0};

        expect(unsaid[i].name, lookups_say_listed(&lookups, c, unsaid[i].text,
                                                  &why) == MS_INVALID);
        expect(unsaid[i].name, strcmp(why.text, unsaid[i].why) == 0);
        expect(unsaid[i].name, !lookups_any(&lookups));
    }
    config_destroy(c);
}

static void
test_say_spf(void **state)
{
    struct lookups lookups = {0};
    struct why why;

    (void)state;
    assert_int_equal(lookups_say_spf(&lookups, LOOKUPS_HELO, "softfail", &why),
                     MS_OK);
    assert_int_equal(lookups.helo.state, LOOKUP_KNOWN);
    assert_int_equal(lookups.helo.result, SPF_SOFTFAIL);
    assert_int_equal(lookups.mail_from.state, LOOKUP_UNASKED);
    assert_int_equal(
        lookups_say_spf(&lookups, LOOKUPS_MAIL_FROM, "pending", &why), MS_OK);
    assert_int_equal(lookups.mail_from.state, LOOKUP_PENDING);
    assert_int_equal(
        lookups_say_spf(&lookups, LOOKUPS_MAIL_FROM, "tmperror", &why),
        MS_INVALID);
    assert_string_equal(why.text,
                        "`tmperror` is none of: none | neutral | pass | fail | "
                        "softfail | temperror | permerror | pending; did you "
                        "mean `temperror`?");
}

/* ----- explained */

static void
take_step(void *to, const struct explain_step *step)
{
    char line[512];

    (void)to;
    if (strncmp(step->rule, "spf", 3) != 0 &&
        strncmp(step->rule, "dnsbl", 5) != 0)
        return;
    (void)snprintf(line, sizeof(line), "%s %u %s: %s",
                   explain_outcome_name(step->outcome), step->origin.line,
                   step->rule, step->text);
    heard_line(&heard, "", line);
}

static const struct {
    const char *name, *client, *sender, *recipient, *spf, *helo, *listed;
    const char *lines;
} explained[] = {
    {"nothing against it", "203.0.113.7", "<a@b.example>", "<x@example.org>",
     "pass", NULL, "zen:127.0.0.2",
     "pass 3 spf: b.example says pass\n"
     "pass 4 dnsbl.zen: 203.0.113.7 is not on it\n"
     "skip 5 dnsbl.bl: it is asked about this client; what it says was not "
     "told here\n"},
    {"a refusal, and what else is so", "203.0.113.7", "<a@b.example>",
     "<x@example.org>", "fail", "fail", "bl",
     "refuse 3 spf.fail: b.example says fail; it is refused\n"
     "pass 3 spf.helo: the name in HELO, h.example, says fail; the mail is "
     "marked\n"
     "skip 4 dnsbl.zen: it is asked about this client; what it says was not "
     "told here\n"
     "pass 5 dnsbl.bl: 203.0.113.7 is on it (127.0.0.2); the mail is marked\n"
     "refuse 3 spf.fail: refused at RCPT with 550 5.7.23\n"},
    {"not yet", "203.0.113.7", "<a@b.example>", "<x@example.org>", "pending",
     NULL, "bl:pending",
     "refuse 3 spf.pending: it is not yet known what b.example says; it is put "
     "off for that once an hour\n"
     "skip 4 dnsbl.zen: it is asked about this client; what it says was not "
     "told here\n"
     "pass 5 dnsbl.bl.pending: whether 203.0.113.7 is on it is not yet known; "
     "the mail goes on, marked\n"
     "refuse 3 spf.pending: put off at RCPT with 451 4.7.1: the client tries "
     "again\n"},
    {"an exemption", "203.0.113.99", "<a@b.example>", "<x@example.org>", "fail",
     NULL, "zen:failed",
     "skip 3 spf: exempt friend: SRS\n"
     "pass 4 dnsbl.zen: it does not say whether 203.0.113.99 is on it\n"
     "skip 5 dnsbl.bl: it is asked about this client; what it says was not "
     "told here\n"},
    {"mail to those who help", "203.0.113.7", "<a@b.example>",
     "<abuse@example.org>", "fail", NULL, "zen",
     "skip 3 spf: mail to those who help passes it\n"
     "skip 4 dnsbl.zen: mail to those who help passes it\n"
     "skip 5 dnsbl.bl: mail to those who help passes it\n"},
    {"an address that the DNS does not know", "10.1.2.3", "<a@b.example>",
     "<x@example.org>", "fail", NULL, "zen",
     "skip 3 spf: only strangers are looked up, and addresses that the "
     "DNS can know\n"
     "skip 4 dnsbl.zen: only strangers are looked up, and addresses that "
     "the DNS can know\n"
     "skip 5 dnsbl.bl: only strangers are looked up, and addresses that "
     "the DNS can know\n"},
    {"nothing where relaying is refused", "203.0.113.7", "<a@b.example>",
     "<x@elsewhere.example>", "fail", NULL, "zen", ""},
};

static void
test_explained(void **state)
{
    struct config *c = load(written);

    (void)state;
    for (size_t i = 0; i < ROWS(explained); i++) {
        struct guest *g = guest(explained[i].client, explained[i].sender, NULL);
        struct explain_asked asked = {.config = c,
                                      .recipients = &explained[i].recipient,
                                      .n_recipients = 1};
        struct verdict verdict;
        enum stage stage;
        struct why why;

        strcpy(g->lookups.helo.domain, "h.example");
        assert_int_equal(lookups_say_spf(&g->lookups, LOOKUPS_MAIL_FROM,
                                         explained[i].spf, &why),
                         MS_OK);
        if (explained[i].helo != NULL)
            assert_int_equal(lookups_say_spf(&g->lookups, LOOKUPS_HELO,
                                             explained[i].helo, &why),
                             MS_OK);
        assert_int_equal(
            lookups_say_listed(&g->lookups, c, explained[i].listed, &why),
            MS_OK);
        asked.facts = g->facts;
        heard.text[0] = '\0';
        assert_int_equal(
            policy_explain(&asked, take_step, NULL, &verdict, &stage), MS_OK);
        if (strcmp(heard.text, explained[i].lines) != 0)
            fail_msg("%s:\n%s", explained[i].name, heard.text);
    }
    config_destroy(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),   cmocka_unit_test(test_stages),
        cmocka_unit_test(test_any),       cmocka_unit_test(test_helo_ignored),
        cmocka_unit_test(test_phase),     cmocka_unit_test(test_unwaited),
        cmocka_unit_test(test_put_off),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_own_words), cmocka_unit_test(test_say_listed),
        cmocka_unit_test(test_say_spf),   cmocka_unit_test(test_explained),
    };

    return cmocka_run_group_tests_name("lookups", tests, NULL, NULL);
}
