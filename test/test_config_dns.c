/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of the DNS in the configuration: resolver, spf, dnsbl,
 * own_hosts, exemptions; what is read, what is wrong, what is most likely not
 * meant, and what a reload changes.
 */
#include <config.h>

#include "policy/config.h"

#include <stdlib.h>

#include "test/heard.h"
#include "test/printed.h"
#include "test/unit.h"

enum { TODAY_S = 1800000000 /* 2027-01-15 */ };

static struct heard heard;

static struct config *
load(const char *name, const char *text)
{
    struct config *config = NULL;

    if (heard_load(&heard, text, TODAY_S, &config) != MS_OK)
        fail_msg("%s: %s", name, heard.text);
    return config;
}

/* ----- what holds where nothing is written */

static void
test_nothing(void **state)
{
    struct config *c = load("empty", "");

    (void)state;
    assert_false(c->spf.written);
    assert_int_equal(c->spf.on, 0);
    assert_int_equal(c->n_dnsbls, 0);
    assert_int_equal(c->n_own_hosts, 0);
    assert_int_equal(c->resolver.n_servers, 0);
    assert_null(c->resolver.trust_anchor);
    assert_int_equal(c->resolver.in_flight, 512);
    config_destroy(c);
}

/* Nothing refuses unless that is written. */
static void
test_defaults(void **state)
{
    struct config *c = load("short", "spf { }\ndnsbl zen { zone = z.example }");
    const struct dnsbl *zen = c->dnsbls[0];
    const uint64_t mx = UINT64_C(1) << c->mx->index;

    (void)state;
    assert_true(c->spf.written);
    assert_int_equal(c->spf.origin.line, 1);
    assert_true(c->spf.on == mx);
    assert_int_equal(c->spf.fail, LOOKUP_MARK);
    assert_int_equal(c->spf.softfail, LOOKUP_MARK);
    assert_int_equal(c->spf.temperror, LOOKUP_MARK);
    assert_int_equal(c->spf.permerror, LOOKUP_MARK);
    assert_int_equal(c->spf.none, LOOKUP_IGNORE);
    assert_int_equal(c->spf.helo_fail, LOOKUP_MARK);
    assert_int_equal(c->spf.own_domain_fail, LOOKUP_MARK);
    assert_int_equal(c->spf.mode, MODE_UNSET);
    assert_int_equal(c->spf.timeout_ms, 3000);
    assert_true(c->spf.evidence);
    assert_true(c->spf.write_results);
    assert_false(c->spf.write_received);
    assert_null(c->spf.authserv_id);
    assert_string_equal(c->spf.program, LIBEXECDIR "/mortsafe-spf");
    assert_int_equal(c->n_dnsbls, 1);
    assert_string_equal(zen->name, "zen");
    assert_int_equal(zen->index, 0);
    assert_string_equal(zen->zone, "z.example");
    assert_int_equal(zen->n_match, 0);
    assert_true(zen->on == mx);
    assert_int_equal(zen->action, LOOKUP_MARK);
    assert_int_equal(zen->mode, MODE_UNSET);
    assert_true(zen->ipv4 && zen->ipv6);
    assert_int_equal(zen->timeout_ms, 2000);
    assert_int_equal(zen->origin.line, 2);
    config_destroy(c);
}

/* ----- what is written */

static bool
has_servers(const struct config *c)
{
    return c->resolver.n_servers == 3 &&
           strcmp(c->resolver.servers[0], "192.0.2.53@53") == 0 &&
           strcmp(c->resolver.servers[1], "127.0.0.1@5353") == 0 &&
           strcmp(c->resolver.servers[2], "2001:db8::53@53") == 0;
}

static bool
has_anchor(const struct config *c)
{
    return strcmp(c->resolver.trust_anchor, "/etc/passwd") == 0 &&
           c->resolver.in_flight == 100;
}

static bool
has_hosts(const struct config *c)
{
    return c->n_own_hosts == 3 &&
           strcmp(c->own_hosts[0], "mx.example.org") == 0 &&
           strcmp(c->own_hosts[1], "192.0.2.25") == 0 &&
           strcmp(c->own_hosts[2], "2001:db8::25") == 0;
}

static bool
has_actions(const struct config *c)
{
    return c->spf.fail == LOOKUP_REJECT && c->spf.softfail == LOOKUP_DEFER &&
           c->spf.temperror == LOOKUP_DEFER &&
           c->spf.permerror == LOOKUP_IGNORE && c->spf.none == LOOKUP_MARK &&
           c->spf.helo_fail == LOOKUP_IGNORE &&
           c->spf.own_domain_fail == LOOKUP_REJECT &&
           c->spf.mode == MODE_OBSERVE && c->spf.timeout_ms == 500 &&
           !c->spf.evidence;
}

static bool
has_headers(const struct config *c)
{
    return c->spf.write_results && c->spf.write_received &&
           strcmp(c->spf.authserv_id, "mx1.example.org") == 0;
}

static bool
has_received(const struct config *c)
{
    return !c->spf.write_results && c->spf.write_received;
}

static bool
has_no_header(const struct config *c)
{
    return !c->spf.write_results && !c->spf.write_received;
}

static bool
has_masks(const struct config *c)
{
    const struct dnsbl *list = c->dnsbls[0];

    return list->n_match == 3 && list->match[0].first == 2 &&
           list->match[0].last == 2 && list->match[1].first == 4 &&
           list->match[1].last == 7 && !list->match[1].bits &&
           list->match[2].bits && list->match[2].first == 12;
}

static bool
has_list(const struct config *c)
{
    const struct dnsbl *list = c->dnsbls[0];

    return list->action == LOOKUP_EVIDENCE && list->mode == MODE_OBSERVE &&
           !list->ipv4 && list->ipv6 && list->timeout_ms == 1500 &&
           strcmp(list->zone, "key.zen.example") == 0 &&
           list->on == (UINT64_MAX & ~(UINT64_C(1) << c->mx->index));
}

static bool
has_one_list(const struct config *c)
{
    return c->n_dnsbls == 1 && strcmp(c->dnsbls[0]->name, "b") == 0 &&
           c->dnsbls[0]->index == 0 && c->exempts[0]->skip_dnsbl[0] == 1;
}

static bool
skips_all(const struct config *c)
{
    const struct exempt *e = c->exempts[0];

    return e->skip_spf && e->skip_dnsbls && e->skip_dnsbl[0] == 0 &&
           !e->skip_all && !e->skip_zombies;
}

static bool
skips_one(const struct config *c)
{
    const struct exempt *e = c->exempts[0];

    return !e->skip_spf && !e->skip_dnsbls && e->skip_dnsbl[0] == 0 &&
           e->skip_dnsbl[1] == 1;
}

#define LISTS "dnsbl a { zone = a.example }\ndnsbl b { zone = b.example }\n"

static const struct {
    const char *name, *text;
    bool (*holds)(const struct config *c);
} written[] = {
    {"resolvers, with ports and without",
     "resolver { server = 192.0.2.53, 127.0.0.1@5353, 2001:DB8::53 }",
     has_servers},
    {"a trust anchor",
     "resolver { trust_anchor = /etc/passwd  in_flight = 100 }", has_anchor},
    {"our own servers",
     "own_hosts = MX.example.org., 192.0.2.25, 2001:db8:0::25", has_hosts},
    {"every action",
     "spf { fail = reject softfail = defer temperror = defer\n"
     "permerror = ignore none = mark helo = ignore own_domain_fail = reject\n"
     "mode = observe timeout = 500ms evidence = no }\n"
     "domains d { list = d.example }",
     has_actions},
    {"both headers",
     "spf { header = received-spf, authentication-results\n"
     "authserv_id = mx1.example.org }",
     has_headers},
    {"one header", "spf { header = received-spf }", has_received},
    {"no header", "spf { header = none }", has_no_header},
    {"every kind of mask",
     "dnsbl x { zone = x.example match = 127.0.0.2, 127.0.0.4-7, "
     "127.0.0.&12 }",
     has_masks},
    {"a list",
     "dnsbl x { zone = Key.ZEN.example. action = evidence mode = observe\n"
     "ipv4 = no timeout = 1500ms on = !mx }",
     has_list},
    {"a list that is off has no number",
     "dnsbl a { zone = a.example off = yes }\ndnsbl b { zone = b.example }\n"
     "exempt e { client = ::1 skip = dnsbl.a, dnsbl.b }",
     has_one_list},
    {"exempt from all", LISTS "exempt e { client = ::1 skip = spf, dnsbl }",
     skips_all},
    {"exempt from one list", LISTS "exempt e { client = ::1 skip = dnsbl.b }",
     skips_one},
};

static void
test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(written); i++) {
        struct config *c = load(written[i].name, written[i].text);

        expect(written[i].name, written[i].holds(c));
        config_destroy(c);
    }
}

/* What is printed reads as the same again. */
static void
test_print(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(written); i++) {
        struct config *c = load(written[i].name, written[i].text), *again;
        char *first = printed_text(c), *second;

        again = load(written[i].name, first);
        expect(written[i].name, written[i].holds(again));
        second = printed_text(again);
        printed_cut(first);
        printed_cut(second);
        assert_string_equal(first, second);
        free(first);
        free(second);
        config_destroy(c);
        config_destroy(again);
    }
}

static void
add_word(void *arg, const char *word)
{
    heard_line(arg, "", word);
}

static void
test_words(void **state)
{
    struct config *c = load(
        "words", "resolver { server = 192.0.2.53 }\nspf { fail = reject }\n"
                 "dnsbl x { zone = x.example match = 127.0.0.2, 127.0.0.&12 }\n"
                 "reply spf.fail { text = no }");

    (void)state;
    heard.text[0] = '\0';
    assert_int_equal(
        config_option_words(c, BLOCK_SPF, "", "fail", add_word, &heard), 1);
    assert_int_equal(
        config_option_words(c, BLOCK_SPF, "", "softfail", add_word, &heard), 1);
    assert_int_equal(
        config_option_words(c, BLOCK_DNSBL, "x", "match", add_word, &heard), 2);
    assert_int_equal(
        config_option_words(c, BLOCK_RESOLVER, "", "server", add_word, &heard),
        1);
    assert_string_equal(heard.text, "reject\nmark\n127.0.0.2\n127.0.0.&12\n"
                                    "192.0.2.53\n");
    config_destroy(c);
}

/* ----- what is wrong */

#define LABEL "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi."

static const struct {
    const char *name, *text, *heard;
} errors[] = {
    {"a resolver by its name", "resolver { server = ns.example }",
     "t:1:21: server: `ns.example` is no address of a resolver such as "
     "192.0.2.53 or 192.0.2.53@5353\n"},
    {"a port that is none", "resolver { server = 192.0.2.53@0 }",
     "t:1:21: server: `192.0.2.53@0` is no address of a resolver such as "
     "192.0.2.53 or 192.0.2.53@5353\n"},
    {"a port and more", "resolver { server = 192.0.2.53@53x }",
     "t:1:21: server: `192.0.2.53@53x` is no address of a resolver such as "
     "192.0.2.53 or 192.0.2.53@5353\n"},
    {"a network as resolver", "resolver { server = 192.0.2.0/24 }",
     "t:1:21: server: `192.0.2.0/24` is no address of a resolver such as "
     "192.0.2.53 or 192.0.2.53@5353\n"},
    {"nine resolvers",
     "resolver { server = ::1, ::2, ::3, ::4, ::5, ::6, ::7, ::8, ::9 }",
     "t:1:61: server: more than 8 resolvers\n"},
    {"a trust anchor that is not there",
     "resolver { trust_anchor = /nowhere/root.key }",
     "t:1:27: trust_anchor: /nowhere/root.key: No such file or directory\n"},
    {"a network as own host", "own_hosts = 192.0.2.0/24, 192.0.2, a..b",
     "t:1:13: own_hosts: `192.0.2.0/24` is neither a name nor an address of a "
     "server\n"
     "t:1:27: own_hosts: `192.0.2` is neither a name nor an address of a "
     "server\n"
     "t:1:36: own_hosts: `a..b` is neither a name nor an address of a "
     "server\n"},
    {"an action that is none", "spf { fail = rejct }",
     "t:1:14: fail: `rejct` is none of: ignore | mark | defer | reject; did "
     "you mean `reject`?\n"},
    {"a fault that passes refuses nothing for good",
     "spf { temperror = reject }",
     "t:1:19: temperror: `reject` is none of: ignore | mark | defer\n"},
    {"an option of SPF that is none", "spf { soft_fail = mark }",
     "t:1:7: unknown option `soft_fail`; did you mean `softfail`?\n"},
    {"none and something", "spf { header = none, received-spf }",
     "t:1:16: header: `none` can only stand alone\n"},
    {"a header that is none", "spf { header = x-spf }",
     "t:1:16: header: `x-spf` is none of: authentication-results | "
     "received-spf | none\n"},
    {"a listener that is not there", "spf { on = mxx }",
     "t:1:12: on: there is no listener `mxx`; did you mean `mx`?\n"},
    {"a program by half its path", "spf { program = mortsafe-spf }",
     "t:1:17: program: `mortsafe-spf` does not begin with /\n"},
    {"too short a time", "spf { timeout = 20ms }",
     "t:1:17: timeout: `20ms` is not from 100ms to 20s\n"},
    {"a list without a zone", "dnsbl x { action = mark }",
     "t:1:1: `dnsbl x` needs `zone`\n"},
    {"a list without a name", "dnsbl { zone = x.example }",
     "t:1:1: a block `dnsbl` needs a name\n"},
    {"a zone that is no name", "dnsbl x { zone = x..example }",
     "t:1:18: zone: `x..example` is no domain name\n"},
    {"a zone in front of which nothing fits",
     "dnsbl x { zone = " LABEL LABEL LABEL "example }",
     "t:1:18: zone: longer than 189 bytes: no address fits before it\n"},
    {"an answer that is none", "dnsbl x { zone = x.example match = 10.0.0.2 }",
     "t:1:36: match: `10.0.0.2` is no answer such as 127.0.0.2, 127.0.0.2-11 "
     "or 127.0.0.&12\n"},
    {"an answer that tells of an error",
     "dnsbl x { zone = x.example match = 127.0.0.2, 127.255.255.254, "
     "127.0.0.1 }",
     "t:1:47: match: by `127.255.255.254` lists tell of an error, not of a "
     "listing\n"
     "t:1:64: match: by `127.0.0.1` lists tell of an error, not of a "
     "listing\n"},
    {"a list for nobody", "dnsbl x { zone = x.example ipv4 = no ipv6 = no }",
     "t:1:1: `dnsbl x` lists neither IPv4 nor IPv6 addresses\n"},
    {"a list that ignores", "dnsbl x { zone = x.example action = ignore }",
     "t:1:37: action: `ignore` is none of: mark | evidence | defer | reject\n"},
    {"exempt from a list that is not there",
     LISTS "exempt e { client = ::1 skip = dnsbl.c }",
     "t:3:32: skip: there is no dnsbl `c`; did you mean `a`?\n"},
    {"exempt from part of SPF", "exempt e { client = ::1 skip = spf.fail }",
     "t:1:32: skip: `spf.fail` is none of: limits | limit.NAME | zombies | "
     "zombie.NAME | spf | dnsbl | dnsbl.NAME\n"},
    {"words for a rule that is none", "reply spf.soft { text = x }",
     "t:1:1: there is no rule `spf.soft`; did you mean `spf.none`?\n"},
    {"words for a list that is not there",
     LISTS "reply dnsbl.c { text = x }\nreply dnsbl.a.pending { text = x }",
     "t:3:1: there is no rule `dnsbl.c`; did you mean `dnsbl.a`?\n"},
    {"a field that no reply knows", "reply spf.fail { text = \"{zone}\" }",
     "t:1:25: text: no reply knows `{zone}`\n"},
};

static void
test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct config *config = NULL;

        expect(errors[i].name, heard_load(&heard, errors[i].text, TODAY_S,
                                          &config) == MS_INVALID);
        expect(errors[i].name, config == NULL);
        if (strcmp(heard.text, errors[i].heard) != 0)
            fail_msg("%s:\n%s", errors[i].name, heard.text);
    }
}

/* One more than there is room for. */
static void
test_too_many(void **state)
{
    char text[4096] = "";
    struct config *c = NULL;

    (void)state;
    for (int i = 0; i < DNSBL_LISTS; i++) {
        size_t len = strlen(text);

        (void)snprintf(text + len, sizeof(text) - len,
                       "dnsbl x%d { zone = x%d.example }\n", i, i);
    }
    config_destroy(load("as many as there may be", text));
    strcat(text, "dnsbl y { zone = y.example }");
    assert_int_equal(heard_load(&heard, text, TODAY_S, &c), MS_INVALID);
    assert_string_equal(heard.text, "t:17:1: more than 16 blocks `dnsbl`\n");
    strcpy(text, "dnsbl x { zone = x.example match = 127.0.0.2");
    for (int i = 1; i < DNSBL_MASKS; i++)
        strcat(text, ", 127.0.0.3");
    strcat(text, ", 127.0.0.4 }");
    assert_int_equal(heard_load(&heard, text, TODAY_S, &c), MS_INVALID);
    assert_non_null(strstr(heard.text, "match: more than 16 answers\n"));
}

/* ----- what is most likely not meant */

#define OWN "domains d { list = d.example }\n"

static const struct {
    const char *name, *text, *heard;
} warnings[] = {
    {"nothing that refuses", OWN "spf { }\ndnsbl x { zone = x.example }", ""},
    {"who forwards is forgotten", OWN "spf { fail = reject }",
     "warning: t:2:14: fail: forwarded mail fails too; write an `exempt` with "
     "`skip = spf` for who forwards to you, or a `reply spf.fail` that says "
     "what to do\n"},
    {"who forwards is exempt",
     OWN "spf { fail = reject }\nexempt f { client = ::1 skip = spf }", ""},
    {"who forwards is told",
     OWN "spf { fail = reject }\nreply spf.fail { text = \"use SRS\" }", ""},
    {"doubt refuses", OWN "spf { softfail = reject }",
     "warning: t:2:18: softfail: domains say this while they are not sure; "
     "RFC 7208 asks that it alone refuses nothing\n"},
    {"silence refuses", OWN "spf { none = reject }",
     "warning: t:2:14: none: many honest domains say nothing\n"},
    {"no domain that could be forged", "spf { own_domain_fail = reject }",
     "warning: t:1:1: no `domains`: strangers can send to nobody here\n"
     "warning: t:1:25: own_domain_fail: there are no `domains` that could be "
     "forged\n"},
    {"a name that stands nowhere", OWN "spf { header = none authserv_id = mx }",
     "warning: t:2:35: authserv_id: `header` does not name "
     "authentication-results, in which it stands\n"},
    {"any answer refuses", OWN "dnsbl x { zone = x.example action = reject }",
     "warning: t:2:37: action: without `match` any answer of dnsbl `x` "
     "refuses mail, those about dynamic addresses included\n"},
    {"no listener", OWN "spf { on = mx, !mx }",
     "warning: t:2:12: on: spf is asked on no listener\n"},
    {"where only logins are",
     OWN "dnsbl x { zone = x.example on = submission, local }",
     "warning: t:2:33: on: only strangers are looked up, and the listeners of "
     "dnsbl `x` take logins alone\n"},
    {"exempt by what no stranger has",
     OWN "exempt e { user = ann skip = spf, dnsbl }",
     "warning: t:2:19: user: SPF and lists ask about strangers, who have no "
     "login\n"},
    {"exempt by a network",
     OWN "network n { addr = 192.0.2.0/24 }\n"
         "exempt e { network = n skip = dnsbl }",
     "warning: t:3:22: network: nobody in a network is looked up; there is "
     "nothing to skip\n"},
    {"exempt from limits, too",
     OWN "exempt e { user = ann skip = limit.user, spf }", ""},
};

static void
test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(warnings); i++) {
        config_destroy(load(warnings[i].name, warnings[i].text));
        if (strcmp(heard.text, warnings[i].heard) != 0)
            fail_msg("%s:\n%s", warnings[i].name, heard.text);
    }
}

/* ----- what a reload changes */

static const struct {
    const char *name, *old, *new, *lines;
} diffs[] = {
    {"nothing", LISTS "spf { }", LISTS "spf { fail = ignore }", ""},
    {"SPF comes", "", "spf { }",
     "spf: strangers' senders are looked up from now on\n"},
    {"SPF goes", "spf { }", "", "spf: senders are not looked up any more\n"},
    {"a list comes", "", "dnsbl a { zone = a.example }",
     "dnsbl a: is new; who is listed is marked\n"},
    {"a list comes that refuses", "",
     "dnsbl a { zone = a.example action = reject match = 127.0.0.2 }",
     "dnsbl a: is new; who is listed is refused or put off\n"},
    {"a list goes", LISTS, "dnsbl b { zone = b.example }",
     "dnsbl a: is gone; it is not asked any more\n"},
    {"a list goes off", LISTS,
     "dnsbl a { zone = a.example off = yes }\ndnsbl b { zone = b.example }",
     "dnsbl a: is gone; it is not asked any more\n"},
    {"another zone", LISTS,
     "dnsbl a { zone = c.example }\ndnsbl b { zone = b.example }",
     "dnsbl a: another zone is asked\n"},
    {"it refuses", LISTS,
     "dnsbl a { zone = a.example action = defer }\n"
     "dnsbl b { zone = b.example action = evidence }",
     "dnsbl a: who is listed is refused or put off from now on\n"},
    {"it only marks", "dnsbl a { zone = a.example action = reject }",
     "dnsbl a { zone = a.example action = evidence }",
     "dnsbl a: who is listed is only marked from now on\n"},
};

static void
add_line(void *arg, const char *line)
{
    heard_line(arg, "", line);
}

static void
test_diffs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(diffs); i++) {
        struct config *old = load(diffs[i].name, diffs[i].old);
        struct config *new = load(diffs[i].name, diffs[i].new);

        heard.text[0] = '\0';
        config_diff(old, new, add_line, &heard);
        if (strcmp(heard.text, diffs[i].lines) != 0)
            fail_msg("%s: %s", diffs[i].name, heard.text);
        config_destroy(old);
        config_destroy(new);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_written),  cmocka_unit_test(test_print),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_errors),
        cmocka_unit_test(test_too_many), cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_diffs),
    };

    return cmocka_run_group_tests_name("config_dns", tests, NULL, NULL);
}
