/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written becomes what the engine reads.  Whole files are in
 * test_config_file.c, errors and warnings in test_config_error.c.
 */
#include <config.h>

#include "policy/config.h"
#include "policy/option.h"

#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "test/heard.h"
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

/* ----- defaults */

static void
test_default_top(void **state)
{
    struct config *c = load("empty", "");

    (void)state;
    assert_int_equal(c->refs, 1);
    assert_int_equal(c->mode, MODE_OBSERVE);
    assert_int_equal(c->on_error, ON_ERROR_TEMPFAIL);
    assert_int_equal(c->sessions, 4000);
    assert_string_equal(c->socket,
                        "local:/var/spool/postfix/mortsafe/milter.sock");
    assert_int_equal(c->socket_mode, 0660);
    assert_string_equal(c->socket_group, "postfix");
    assert_string_equal(c->user, "mortsafe");
    assert_true(c->users_fold);
    assert_null(c->users_default_domain);
    assert_null(c->owners);
    assert_int_equal(domains_count(c->domains), 0);
    assert_int_equal(c->store.type, STORE_EMBEDDED);
    assert_string_equal(c->store.path, "/var/lib/mortsafe");
    assert_int_equal(c->store.memory, 1 << 30);
    assert_int_equal(c->log.to, LOG_TO_SYSLOG);
    assert_int_equal(c->log.facility, LOG_MAIL);
    assert_int_equal(c->log.level, LOG_INFO);
    assert_int_equal(c->log.format, LOG_TEXT);
    assert_int_equal(c->n_exempts, 0);
    assert_null(config_reply(c, "limit.user"));
    assert_false(c->counts_bytes);
    config_destroy(c);
}

static void
test_default_places(void **state)
{
    struct config *c = load("empty", "");

    (void)state;
    assert_int_equal(c->n_networks, 1);
    assert_ptr_equal(c->loopback, c->networks[0]);
    assert_int_equal(c->loopback->relay, RELAY_ANY);
    assert_int_equal(c->loopback->auth, AUTH_ALLOW);
    assert_int_equal(c->loopback->tls, TLS_ALLOW);
    assert_int_equal(c->loopback->class, CLASS_GATEWAY);
    assert_int_equal(c->loopback->mode, MODE_UNSET);
    assert_null(c->loopback->origin.file);
    assert_string_equal(net(c, "127.1.2.3"), "loopback");
    assert_string_equal(net(c, "::1"), "loopback");
    assert_string_equal(net(c, "192.0.2.1"), "");

    assert_int_equal(c->n_listeners, 4);
    assert_int_equal(c->mx->ports[0], 25);
    assert_int_equal(c->mx->auth, AUTH_FORBID);
    assert_int_equal(c->mx->tls, TLS_ALLOW);
    assert_int_equal(c->submission->ports[0], 587);
    assert_int_equal(c->submission->auth, AUTH_REQUIRE);
    assert_int_equal(c->submission->tls, TLS_REQUIRE);
    assert_int_equal(c->submission->sender, SENDER_ANY);
    assert_int_equal(c->submissions->ports[0], 465);
    assert_int_equal(c->submissions->auth, AUTH_REQUIRE);
    assert_int_equal(c->local->n_ports, 0);
    assert_int_equal(c->local->auth, AUTH_ALLOW);
    assert_int_equal(c->local->tls, TLS_ALLOW);
    for (size_t i = 0; i < c->n_listeners; i++) {
        assert_int_equal(c->listeners[i]->index, i);
        assert_false(c->listeners[i]->skip);
        assert_int_equal(c->listeners[i]->mode, MODE_UNSET);
    }
    config_destroy(c);
}

static const struct {
    const char *name;
    enum subject_kind key;
    enum metric count;
    const char *rates;
    unsigned kinds; /* outside of all networks */
    enum limit_scope scope;
    enum mode mode;
} defaults[] = {
    {"message", SUBJECT_USER, METRIC_RECIPIENTS, "100/msg", 15, SCOPE_FLEET,
     MODE_UNSET},
    {"burst", SUBJECT_USER, METRIC_MESSAGES, "30/1m", 15, SCOPE_FLEET,
     MODE_UNSET},
    {"user", SUBJECT_USER, METRIC_EXTERNAL, "300/1h 1000/1d", 15, SCOPE_FLEET,
     MODE_UNSET},
    {"user_all", SUBJECT_USER, METRIC_RECIPIENTS, "1000/1h 3000/1d", 15,
     SCOPE_FLEET, MODE_UNSET},
    {"user_bad", SUBJECT_USER, METRIC_BAD_RECIPIENTS, "30/1h 100/1d", 15,
     SCOPE_FLEET, MODE_UNSET},
    {"relay", SUBJECT_CLIENT, METRIC_EXTERNAL, "300/1h 1000/1d", KIND_RELAY,
     SCOPE_FLEET, MODE_OBSERVE},
    {"connect", SUBJECT_CLIENT, METRIC_CONNECTIONS, "300/1m", KIND_STRANGER,
     SCOPE_HOST, MODE_OBSERVE},
    {"harvest", SUBJECT_CLIENT, METRIC_BAD_RECIPIENTS, "100/10m", KIND_STRANGER,
     SCOPE_HOST, MODE_OBSERVE},
};

static char *
print_rates(const struct limit *limit, char buf[256])
{
    char one[RATE_TEXT];

    buf[0] = '\0';
    for (size_t i = 0; i < limit->rates.n; i++) {
        strcat(buf, i == 0 ? "" : " ");
        strcat(buf, rate_print(limit->rates.rate[i],
                               limit->count == METRIC_BYTES ? RATE_BYTES
                                                            : RATE_EVENTS,
                               one));
    }
    return buf;
}

static void
test_default_limits(void **state)
{
    struct config *c = load("empty", "");
    char buf[256];

    (void)state;
    assert_int_equal(c->n_limits, ROWS(defaults));
    for (size_t i = 0; i < ROWS(defaults); i++) {
        const char *name = defaults[i].name;
        const struct limit *limit = c->limits[i];

        expect(name, strcmp(limit->name, name) == 0);
        expect(name, limit->index == i);
        expect(name, limit->n_keys == 1);
        expect(name, limit->key[0].kind == defaults[i].key);
        expect(name, limit->count == defaults[i].count);
        expect(name, strcmp(print_rates(limit, buf), defaults[i].rates) == 0);
        expect(name, limit->in[0] == defaults[i].kinds);
        expect(name, (limit->on & 0xf) ==
                         (limit->count == METRIC_CONNECTIONS ? 1 : 0xf));
        expect(name, limit->scope == defaults[i].scope);
        expect(name, limit->mode == defaults[i].mode);
        expect(name, limit->action == LIMIT_DEFER);
        expect(name, limit->warn_percent == 0);
        expect(name, limit->windows == limit->rates.n);
        expect(name, !limit->in_loopback);
    }
    assert_non_null(c->postmaster);
    assert_string_equal(print_rates(c->postmaster, buf), "50/1h");
    assert_int_equal(c->postmaster->scope, SCOPE_HOST);
    config_destroy(c);
}

/* ----- what the files say on top of that */

/* Is it so in a configuration of TEXT? */
static bool
is_owned(const struct config *c)
{
    return c->submission->sender == SENDER_OWNED &&
           c->submissions->sender == SENDER_OWNED &&
           c->mx->sender == SENDER_ANY;
}

static bool
is_any(const struct config *c)
{
    return c->submission->sender == SENDER_ANY &&
           c->submissions->sender == SENDER_OWNED;
}

static bool
keeps_rest_of_limit(const struct config *c)
{
    const struct limit *l = limit_of(c, "user");

    return l->rates.n == 1 && l->rates.rate[0].n == 5 &&
           l->key[0].kind == SUBJECT_USER && l->count == METRIC_EXTERNAL &&
           strcmp(l->origin.file, "t") == 0 && c->n_limits == 8;
}

static bool
keeps_rest_of_listener(const struct config *c)
{
    return c->mx->auth == AUTH_ALLOW && c->mx->ports[0] == 25 &&
           c->mx->tls == TLS_ALLOW && c->n_listeners == 4;
}

static bool
replaces_loopback(const struct config *c)
{
    return c->loopback->relay == RELAY_DOMAINS &&
           c->loopback->auth == AUTH_UNSET && *net(c, "::1") == '\0' &&
           strcmp(net(c, "127.0.0.1"), "loopback") == 0;
}

static bool
has_no_loopback(const struct config *c)
{
    return c->loopback == NULL && c->n_networks == 0 &&
           *net(c, "127.0.0.1") == '\0';
}

static bool
has_no_burst(const struct config *c)
{
    return limit_of(c, "burst") == NULL && c->n_limits == 7 &&
           c->limits[1]->index == 1;
}

static bool
has_no_postmaster(const struct config *c)
{
    return c->postmaster == NULL && c->n_limits == 8;
}

static bool
longest_prefix(const struct config *c)
{
    return strcmp(net(c, "192.0.2.1"), "a") == 0 &&
           strcmp(net(c, "192.0.2.129"), "b") == 0 &&
           strcmp(net(c, "192.0.2.130"), "a") == 0 &&
           strcmp(net(c, "192.0.3.1"), "b") == 0;
}

static bool
prefix_key(const struct config *c)
{
    const struct limit *l = limit_of(c, "x");

    return l->n_keys == 1 && l->key[0].kind == SUBJECT_PREFIX &&
           l->key[0].len4 == 24 && l->key[0].len6 == 56;
}

static bool
prefix_key_4(const struct config *c)
{
    const struct limit *l = limit_of(c, "x");

    return l->key[0].len4 == 16 && l->key[0].len6 == 56;
}

static bool
prefix_key_4_6(const struct config *c)
{
    const struct limit *l = limit_of(c, "x");

    return l->n_keys == 2 && l->key[0].len4 == 16 && l->key[0].len6 == 48 &&
           l->key[1].kind == SUBJECT_SENDER;
}

static bool
client_key(const struct config *c)
{
    const struct limit *l = limit_of(c, "x");

    return l->n_keys == 2 && l->key[0].kind == SUBJECT_USER &&
           l->key[1].kind == SUBJECT_CLIENT && l->key[1].len4 == 32 &&
           l->key[1].len6 == 64;
}

static bool
bytes_in_kib(const struct config *c)
{
    const struct limit *l = limit_of(c, "x");

    return c->counts_bytes && l->rates.rate[0].n == 20480 &&
           l->rates.rate[0].span_s == 86400;
}

static bool
lists_domains(const struct config *c)
{
    return domains_has(c->domains, "example.org") &&
           domains_has(c->domains, "xn--bcher-kva.example") &&
           domains_has(c->domains, "a.below.example") &&
           !domains_has(c->domains, "a.example.org");
}

static bool
takes_subdomains(const struct config *c)
{
    return c->refs == 1 && domains_has(c->domains, "a.example.org") &&
           !domains_has(c->domains, "a.example.net");
}

static bool
ends_next_midnight(const struct config *c)
{
    const struct network *n = network_of(c, "a");

    return n->has_until && n->until.s == 1806537600; /* 2027-04-01 00:00 */
}

static bool
ends_after_leap_day(const struct config *c)
{
    return network_of(c, "a")->until.s == 1835481600; /* 2028-03-01 00:00 */
}

static bool
folds_exempt(const struct config *c)
{
    const struct exempt *e = c->exempts[0];

    return e->n_values[EXEMPT_USER] == 2 &&
           strcmp(e->values[EXEMPT_USER][0], "ann@example.org") == 0 &&
           strcmp(e->values[EXEMPT_USER][1], "bob@example.net") == 0 &&
           !e->skip_all && e->skip[limit_of(c, "user")->index] == 1 &&
           e->skip[limit_of(c, "burst")->index] == 0;
}

static bool
keeps_case(const struct config *c)
{
    return strcmp(c->exempts[0]->values[EXEMPT_USER][0], "Ann@example.org") ==
           0;
}

static bool
patterns(const struct config *c)
{
    const struct network *n = network_of(c, "a");

    return n->n_senders == 3 && strcmp(n->senders[0], "ann@example.org") == 0 &&
           strcmp(n->senders[1], "example.net") == 0 &&
           strcmp(n->senders[2], ".xn--bcher-kva.example") == 0;
}

static bool
joins_words(const struct config *c)
{
    return strcmp(c->exempts[0]->note, "until May, then no more") == 0;
}

static bool
reads_escapes(const struct config *c)
{
    return strcmp(c->exempts[0]->note, "a\"b\\c\nd") == 0;
}

static bool
reads_literally(const struct config *c)
{
    return strcmp(c->exempts[0]->note, "a\"b\\c # {}") == 0;
}

static bool
has_reply(const struct config *c)
{
    return strcmp(config_reply(c, "limit.user"), "no {used}") == 0 &&
           config_reply(c, "limit.burst") == NULL;
}

static bool
leaves_group(const struct config *c)
{
    return c->socket_group == NULL && c->user == NULL;
}

static bool
on_one_line(const struct config *c)
{
    return c->mode == MODE_ENFORCE && !c->users_fold && c->sessions == 7 &&
           c->store.type == STORE_MEMORY;
}

static bool
observes_limit(const struct config *c)
{
    return limit_of(c, "user")->mode == MODE_OBSERVE;
}

#define LIMIT "limit x { count = messages rate = 1/1h "
#define NET "network a { addr = 192.0.2.0/24 "
#define EXEMPT "exempt e { client = ::1 skip = limits "

static const struct {
    const char *name, *text;
    bool (*is_so)(const struct config *c);
} says[] = {
    {"owners make the sender owned on both submission ports",
     "owners { file = texthash:owners }", is_owned},
    {"but not where something else is written",
     "owners { file = texthash:owners } listener submission { sender = any }",
     is_any},
    {"a limit written again changes only what it names",
     "limit user { rate = 5/1h }", keeps_rest_of_limit},
    {"so does a listener", "listener mx { auth = allow }",
     keeps_rest_of_listener},
    {"a written loopback takes the place of the built-in one",
     "network loopback { addr = 127.0.0.1 }", replaces_loopback},
    {"a network can be off", "network loopback { off = yes }", has_no_loopback},
    {"a limit can be off", "limit burst { off = yes }", has_no_burst},
    {"the limit that passes can be off", "limit postmaster { off = yes }",
     has_no_postmaster},
    {"the longest prefix holds, whatever the order",
     "network b { addr = 192.0.0.0/16, 192.0.2.129 }"
     "network a { addr = 192.0.2.0/24 }",
     longest_prefix},
    {"a prefix is a /24 or a /56", LIMIT "key = prefix }", prefix_key},
    {"or as long as is written", LIMIT "key = prefix/16 }", prefix_key_4},
    {"in a pair too", LIMIT "key = prefix/16/48+sender }", prefix_key_4_6},
    {"a client is a /32 or a /64", LIMIT "key = user+client }", client_key},
    {"bytes are counted in KiB",
     "limit x { key = user count = bytes rate = 20M/1d }", bytes_in_kib},
    {"domains fold and become A-labels",
     "domains a { list = Example.ORG, B\xc3\xbc"
     "cher.example, .below.example }",
     lists_domains},
    {"subdomains hold for one block",
     "domains a { list = example.org subdomains = yes }"
     "domains b { list = example.net }",
     takes_subdomains},
    {"until is the end of the day", NET "mode = observe until = 2027-03-31 }",
     ends_next_midnight},
    {"leap years", NET "mode = observe until = 2028-02-29 }",
     ends_after_leap_day},
    {"exempt users are folded and completed",
     "exempt e { user = Ann, bob@Example.net skip = limit.user }"
     "users { default_domain = example.org }",
     folds_exempt},
    {"unless logins are not folded",
     "exempt e { user = Ann skip = limits }"
     "users { fold = no default_domain = example.org }",
     keeps_case},
    {"sender patterns fold",
     NET "sender = Ann@Example.ORG, Example.net, .B\xc3\xbc"
         "cher.example }",
     patterns},
    {"words of a text are joined",
     EXEMPT "note = until 'May,' \"then no\" more\n}", joins_words},
    {"escapes", EXEMPT "note = \"a\\\"b\\\\c\\nd\" }", reads_escapes},
    {"single quotes know none", EXEMPT "note = 'a\"b\\c # {}' }",
     reads_literally},
    {"a reply is found by its rule", "reply limit.user { text = 'no {used}' }",
     has_reply},
    {"an empty group and user are none", "socket_group = \"\" user = ''",
     leaves_group},
    {"several items on a line",
     "mode = enforce users { fold = no } sessions = 7 store{type=memory}",
     on_one_line},
    {"braces on lines of their own",
     "mode = enforce\nusers\n{\n\nfold = no\n}\nsessions = 7 # x\n"
     "store { # x\n  type = memory }",
     on_one_line},
    {"CRLF and a byte order mark",
     "\xef\xbb\xbfmode = enforce\r\nusers { fold = no }\r\nsessions = 7\r\n"
     "store { type = memory }\r\n",
     on_one_line},
    {"one limit can only be watched", "limit user { mode = observe }",
     observes_limit},
};

static void
test_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(says); i++) {
        struct config *c = load(says[i].name, says[i].text);

        if (!says[i].is_so(c))
            fail_msg("not so: %s", says[i].name);
        config_destroy(c);
    }
}

/* ----- in, on */

/* Sets in the order: no network, loopback, office, web. */
static const struct {
    const char *name, *in;
    unsigned sets[4];
    bool loopback;
} ins[] = {
    {"without `in` a limit holds for all", "", {15, 15, 15, 15}, false},
    {"strangers", "in = strangers", {1, 1, 1, 1}, false},
    {"relays and logins", "in = relays, logins", {6, 6, 6, 6}, false},
    {"a network: everybody in it", "in = office", {0, 0, 15, 0}, false},
    {"two networks", "in = web, office", {0, 0, 15, 15}, false},
    {"a kind and a network add up", "in = logins, web", {4, 4, 4, 15}, false},
    {"relays but not those of web", "in = relays, !web", {2, 2, 2, 0}, false},
    {"all but logins", "in = !logins", {11, 11, 11, 11}, false},
    {"all but web", "in = !web", {15, 15, 15, 0}, false},
    {"all but web and logins", "in = !web, !logins", {11, 11, 11, 0}, false},
    {"a network without its logins", "in = web, !logins", {0, 0, 0, 11}, false},
    {"the order does not matter", "in = !logins, web", {0, 0, 0, 11}, false},
    {"loopback by name", "in = loopback", {0, 15, 0, 0}, true},
    {"not loopback", "in = !loopback", {15, 0, 15, 15}, false},
    {"a network that is off is nowhere",
     "in = web, gone",
     {0, 0, 0, 15},
     false},
    {"nothing is left", "in = web, !web", {0, 0, 0, 0}, false},
};

static void
test_in(void **state)
{
    char text[512];

    (void)state;
    for (size_t i = 0; i < ROWS(ins); i++) {
        struct config *c;
        const struct limit *l;

        (void)snprintf(text, sizeof(text),
                       "limit x { key = client count = messages rate = 1/1h "
                       "%s }\n"
                       "network office { addr = 192.0.2.0/24 }\n"
                       "network web { addr = 198.51.100.0/24 }\n"
                       "network gone { off = yes }\n",
                       ins[i].in);
        c = load(ins[i].name, text);
        l = limit_of(c, "x");
        for (size_t j = 0; j < 4; j++)
            expect(ins[i].name, l->in[j] == ins[i].sets[j]);
        expect(ins[i].name, l->in_loopback == ins[i].loopback);
        config_destroy(c);
    }
}

/* Bits: mx, submission, submissions, local, extra. */
static const struct {
    const char *name, *on;
    unsigned bits;
} ons[] = {
    {"without `on` a limit holds everywhere", "", 0x1f},
    {"on mx", "on = mx", 0x01},
    {"on both submission ports", "on = submission, submissions", 0x06},
    {"everywhere but on mx", "on = !mx", 0x1e},
    {"not for local mail", "on = !local", 0x17},
    {"on an own listener", "on = extra", 0x10},
    {"some but not all", "on = mx, extra, !mx", 0x10},
    {"nowhere", "on = mx, !mx", 0x00},
};

static void
test_on(void **state)
{
    char text[512];

    (void)state;
    for (size_t i = 0; i < ROWS(ons); i++) {
        struct config *c;

        (void)snprintf(text, sizeof(text),
                       "limit x { key = client count = messages rate = 1/1h "
                       "%s }\n listener extra { port = 2525 }",
                       ons[i].on);
        c = load(ons[i].name, text);
        expect(ons[i].name, (limit_of(c, "x")->on & 0x1f) == ons[i].bits);
        config_destroy(c);
    }
}

/* ----- the table of options */

static bool
has_place(enum option_type type)
{
    return type != OPTION_FLAG && type != OPTION_OWN &&
           type != OPTION_OWN_TABLE && type != OPTION_PREFIXES;
}

static bool
has_words(enum option_type type)
{
    return type == OPTION_BOOL || type == OPTION_CHOICE ||
           type == OPTION_FLAG || type == OPTION_SET ||
           type == OPTION_SPF_FIELDS;
}

/* Whatever the table of options says must be true of every row. */
static void
test_option_rows(void **state)
{
    (void)state;
    for (int block = 0; block < BLOCKS; block++) {
        const struct option *rows;
        enum option_block found;
        size_t n;

        rows = option_rows((enum option_block)block, &n);
        expect(option_block((enum option_block)block)->name, n > 0);
        if (block != BLOCK_TOP) {
            assert_true(option_block_find(
                option_block((enum option_block)block)->name, &found));
            assert_int_equal(found, block);
        }
        for (size_t i = 0; i < n; i++) {
            const char *name = rows[i].name;
            const char *help = rows[i].help;

            expect(name, rows[i].block == (enum option_block)block);
            expect(name, option_find(rows[i].block, name) == &rows[i]);
            expect(name, *option_type_name(rows[i].type) != '\0');
            expect(name, *help != '\0' && help[strlen(help) - 1] != '.');
            expect(name, rows[i].least <= rows[i].most);
            /* no struct begins with what an option says */
            expect(name, (rows[i].at != 0) == has_place(rows[i].type));
            expect(name, !rows[i].needed || rows[i].preset == NULL);
            expect(name, (rows[i].words != NULL) == has_words(rows[i].type));
        }
    }
    assert_string_equal(metric_name(METRIC_BAD_RECIPIENTS), "bad_recipients");
    assert_string_equal(mode_name(MODE_ENFORCE), "enforce");
}

static int
go_to_data(void **state)
{
    const char *top = getenv("top_srcdir");

    (void)state;
    return chdir(top != NULL ? top : ".") != 0 ||
           chdir("test/data/config") != 0;
}

/* ----- what ends by itself */

static void
test_lapsed(void **state)
{
    /* the last second of 2027-01-31, UTC, and the next */
    static const struct wall before = {1801439999}, then = {1801440000};
    struct config *c =
        load("until", "network old { addr = 192.0.2.0/24 mode = observe "
                      "until = 2027-01-31 }\n"
                      "network new { addr = 198.51.100.0/24 mode = observe "
                      "until = 2027-02-01 }\n"
                      "exempt ann { user = a@b.test skip = limits "
                      "until = 2027-01-31 }\n");

    (void)state;
    heard.text[0] = '\0';
    config_lapsed(c, (struct wall){TODAY_S}, before, heard_error, &heard);
    assert_string_equal(heard.text, "");
    config_lapsed(c, before, then, heard_error, &heard);
    assert_string_equal(heard.text, "network old: its mode = observe has "
                                    "ended\nexempt ann has ended\n");
    heard.text[0] = '\0';
    config_lapsed(c, then, (struct wall){then.s + 1}, heard_error, &heard);
    assert_string_equal(heard.text, "");
    config_destroy(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_top),
        cmocka_unit_test(test_default_places),
        cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_says),
        cmocka_unit_test(test_in),
        cmocka_unit_test(test_on),
        cmocka_unit_test(test_lapsed),
        cmocka_unit_test(test_option_rows),
    };

    return cmocka_run_group_tests_name("config", tests, go_to_data, NULL);
}
