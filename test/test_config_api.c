/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may ask the daemon, where, and what is kept for it: the blocks `api`,
 * `status` and `privacy`; and what is told of a configuration in part.
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

/* Every error of a text, in order; the text is wrong. */
static const struct {
    const char *name, *text, *heard;
} errors[] = {
    {"a group outside of its block", "group x { may = all }",
     "t:1:1: a block `group` stands inside of `api`\n"},
    {"a group inside of another block", "status { group x { may = all } }",
     "t:1:10: a block `group` stands inside of `api`\n"},
    {"a group in a group", "api { group x { may = all group y { } } }",
     "t:1:27: a block `group` stands inside of `api`\n"},
    {"another block in api", "api {\n store { path = /x }\n}",
     "t:2:2: a block `store` cannot stand inside of `api`\n"},
    {"api in a block", "store { api { socket = /x } }",
     "t:1:9: a block `api` cannot stand inside of `store`\n"},
    {"a block that api has not", "api { grup x { may = all } }",
     "t:1:7: unknown block `grup`; did you mean `group`?\n"},
    {"a block of api's name outside", "grup x { may = all }",
     "t:1:1: unknown block `grup`\n"},
    {"api with a name", "api x { }", "t:1:5: a block `api` has no name\n"},
    {"a group without a name", "api { group { may = all } }",
     "t:1:7: a block `group` needs a name\n"},
    {"a name that no group has",
     "api { group a:b { may = all }\n group '' { may = all }\n"
     " group 'a b' { may = all } }",
     "t:1:13: `a:b` is no name of a group\nt:2:8: `` is no name of a group\n"
     "t:3:8: `a b` is no name of a group\n"},
    {"a group twice", "api { group x { may = all }\n group x { may = all } }",
     "t:2:2: `group x` stands already at t:1:7\n"},
    {"api twice", "api { }\napi { }", "t:2:1: `api` stands already at t:1:1\n"},
    {"a group that may nothing", "api { group x { } }",
     "t:1:7: `group x` needs `may`\n"},
    {"a right that is none", "api { group x { may = read, relase, write } }",
     "t:1:29: may: `relase` is none of: read | reset | release | all; did "
     "you mean `release`?\n"
     "t:1:37: may: `write` is none of: read | reset | release | all\n"},
    {"rights without a comma", "api { group x { may = read reset } }",
     "t:1:28: may: a comma is missing before `reset`\n"},
    {"a right of no group", "api { may = all }",
     "t:1:7: `may` belongs in a block `group`\n"},
    {"an option of no such block", "api { sockt = /x }",
     "t:1:7: unknown option `sockt`; did you mean `socket`?\n"},
    {"a block that is not closed", "api { group x { may = all }",
     "t:1:1: the block `api` is not closed\n"},
    {"both are not", "api { group x { may = all",
     "t:1:1: the block `api` is not closed\n"
     "t:1:7: the block `group` is not closed\n"},
    {"a path that is not absolute", "api { socket = run/x }",
     "t:1:16: socket: `run/x` does not begin with /\n"},
    {"not of the MTA's form", "api { socket = local:/run/x }",
     "t:1:16: socket: `local:/run/x` does not begin with /\n"},
    {"a path of 108 bytes",
     "api { socket = /23456789012345678901234567890123456789012345678901234567"
     "8901234567890123456789012345678901234567890123456789 }",
     "t:1:16: socket: the path is longer than 107 bytes\n"},
    {"a page on a path", "status { listen = local:/x }",
     "t:1:19: listen: `local:/x` is not of the form inet:port@address\n"},
    {"a page on no port", "status { listen = inet:0@127.0.0.1 }",
     "t:1:19: listen: the port is not from 1 to 65535\n"},
    {"nor on one beyond", "status { listen = inet:65536@127.0.0.1 }",
     "t:1:19: listen: the port is not from 1 to 65535\n"},
    {"without an address", "status { listen = inet:8896 }",
     "t:1:19: listen: `8896` is not of the form port@host\n"},
    {"with an empty one", "status { listen = inet:8896@ }",
     "t:1:19: listen: `8896@` is not of the form port@host\n"},
    {"on a host that must be looked up",
     "status { listen = inet:8896@mx.example.org }",
     "t:1:19: listen: `mx.example.org` is no address such as 127.0.0.1 or "
     "::1\n"},
    {"on a network", "status { listen = inet:8896@127.0.0.0/8 }",
     "t:1:19: listen: `8896@127.0.0.0/8` is not of the form port@host\n"},
    {"as in mail", "status { listen = inet6:8896@IPv6:::1 }",
     "t:1:19: listen: `IPv6:::1` is no address such as 127.0.0.1 or ::1\n"},
    {"in brackets", "status { listen = inet6:8896@[::1] }",
     "t:1:19: listen: `[::1]` is no address such as 127.0.0.1 or ::1\n"},
    {"a port alone", "status { listen = 8896 }",
     "t:1:19: listen: `8896` is not of the form inet:port@address\n"},
    {"a name that is none", "status { hosts = a..b, ok.example }",
     "t:1:18: hosts: `a..b` cannot stand in a list of domains\n"},
    {"a word that is none", "status { names = maybe }",
     "t:1:18: names: `maybe` is none of: no | yes\n"},
    {"longer than a year", "privacy { decisions = 367d }",
     "t:1:23: decisions: `367d` is not from 0s to 366d\n"},
    {"a number without its unit", "privacy { decisions = 14 }",
     "t:1:23: decisions: `14` is no span such as 12h or 90d\n"},
    {"nothing where that cannot be", "privacy { state = 0 }",
     "t:1:19: state: `0` is not from 1d to 3650d\n"},
    {"below nothing", "privacy { decisions = -1d }",
     "t:1:23: decisions: `-1d` is no span such as 12h or 90d\n"},
};

static void
test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct config *config = NULL;
        enum ms_err err = heard_load(&heard, errors[i].text, TODAY_S, &config);

        if (err != MS_INVALID || strcmp(heard.text, errors[i].heard) != 0)
            fail_msg("%s: %d\n%s", errors[i].name, err, heard.text);
    }
}

/* ----- warnings: the text is right */

#define OWN "domains d { list = example.org }\n"
#define READERS                                                                \
    "whoever reaches this port can read it; there is no password, and no "     \
    "TLS\n"

static const struct {
    const char *name, *text, *heard;
} warnings[] = {
    {"this host", "status { listen = inet:8896@127.0.0.1 }", ""},
    {"this host by another number", "status { listen = inet:8896@127.9.8.7 }",
     ""},
    {"this host, IPv6", "status { listen = inet6:8896@::1 }", ""},
    {"this host by its name", "status { listen = inet:8896@localhost }", ""},
    {"nowhere", "status { listen = '' }", ""},
    {"all addresses", "status { listen = inet:8896@0.0.0.0 }",
     "warning: t:2:19: listen: " READERS},
    {"all of IPv6", "status { listen = inet6:8896@:: }",
     "warning: t:2:19: listen: " READERS},
    {"an address of a network", "status { listen = inet:8896@192.168.0.1 }",
     "warning: t:2:19: listen: " READERS},
};

static void
test_warnings(void **state)
{
    char text[512];

    (void)state;
    for (size_t i = 0; i < ROWS(warnings); i++) {
        struct config *config = NULL;

        (void)snprintf(text, sizeof text, OWN "%s", warnings[i].text);
        if (heard_load(&heard, text, TODAY_S, &config) != MS_OK ||
            strcmp(heard.text, warnings[i].heard) != 0)
            fail_msg("%s: %s", warnings[i].name, heard.text);
        config_destroy(config);
    }
}

/* ----- values */

static void
test_defaults(void **state)
{
    struct config *c = load("nothing", "");

    (void)state;
    assert_string_equal(c->api.socket, RUNSTATEDIR "/mortsafe/api.sock");
    assert_int_equal(c->api.n_groups, 0);
    assert_null(c->status.listen);
    assert_int_equal(c->status.n_hosts, 0);
    assert_false(c->status.names);
    assert_int_equal(c->privacy.decisions_s, 14 * 86400);
    config_destroy(c);
}

static void
test_values(void **state)
{
    struct config *c =
        load("all", "api { socket = \"\"\n"
                    "  group helpdesk { may = read, reset, release }\n"
                    "  group postmaster { may = all } group one { may = reset }"
                    "}\n"
                    "status { listen = inet:8896@127.0.0.1 names = yes\n"
                    "  hosts = MX.Example.org, mail }\n"
                    "privacy { decisions = 0 }");

    (void)state;
    assert_string_equal(c->api.socket, "");
    assert_int_equal(c->api.n_groups, 3);
    assert_string_equal(c->api.groups[0]->name, "helpdesk");
    assert_int_equal(c->api.groups[0]->may, API_READ | API_RESET | API_RELEASE);
    assert_int_equal(c->api.groups[0]->origin.line, 2);
    assert_int_equal(c->api.groups[0]->origin.column, 3);
    assert_int_equal(c->api.groups[1]->may,
                     API_READ | API_RESET | API_RELEASE | API_ALL);
    assert_int_equal(c->api.groups[2]->may, API_RESET);
    assert_string_equal(c->status.listen, "inet:8896@127.0.0.1");
    assert_int_equal(c->status.n_hosts, 2);
    assert_string_equal(c->status.hosts[0], "mx.example.org");
    assert_string_equal(c->status.hosts[1], "mail");
    assert_true(c->status.names);
    assert_int_equal(c->privacy.decisions_s, 0);
    config_destroy(c);
}

/* ----- in part */

#define WRITTEN                                                                \
    "mode = enforce\n" OWN "limit user { rate = 5/1h }\n"                      \
    "limit small { key = user count = messages rate = 1/1m mode = observe }\n" \
    "store { memory = 64M }\napi { group ops { may = all } }\n"

static const struct {
    const char *name;  /* as the test's */
    const char *asked; /* NULL: all */
    bool defaults, found;
    const char *printed;
} parts[] = {
    {"an option outside of blocks", "mode", false, true, "mode = enforce\n"},
    {"one that is not written", "sessions", false, true, ""},
    {"the same with defaults", "sessions", true, true, "sessions = 4000\n"},
    {"a block", "store", false, true, "\nstore {\n    memory = 64M\n}\n"},
    {"the same with defaults", "store", true, true,
     "\nstore {\n    type = embedded\n    path = /var/lib/mortsafe\n"
     "    memory = 64M\n}\n"},
    {"one that is not written", "log", false, true, ""},
    {"all of one kind, less what is built in", "limit", false, true,
     "\nlimit user {\n    rate = 5/1h\n}\n"
     "\nlimit small {\n    key = user\n    count = messages\n    rate = 1/1m\n"
     "    mode = observe\n}\n"},
    {"one by its name", "limit user", false, true,
     "\nlimit user {\n    rate = 5/1h\n}\n"},
    {"one that is built in", "limit burst", false, true, ""},
    {"the same with defaults", "limit burst", true, true,
     "\nlimit burst {\n    key = user\n    count = messages\n"
     "    rate = 30/1m\n    scope = fleet\n    action = defer\n    off = no\n"
     "}\n"},
    {"blocks inside of a block", "api", false, true,
     "\napi {\n    group ops {\n        may = all\n    }\n}\n"},
    {"a block inside of one", "group ops", false, true,
     "\ngroup ops {\n    may = all\n}\n"},
    {"all that is written", NULL, false, true,
     "mode = enforce\n"
     "\ndomains d {\n    list = example.org\n}\n"
     "\nlimit user {\n    rate = 5/1h\n}\n"
     "\nlimit small {\n    key = user\n    count = messages\n    rate = 1/1m\n"
     "    mode = observe\n}\n"
     "\nstore {\n    memory = 64M\n}\n"
     "\napi {\n    group ops {\n        may = all\n    }\n}\n"},
    {"a name that is none", "limti", true, false,
     "no block or option is called `limti`; did you mean `limit`?\n"},
    {"a title that is none", "limit usr", false, false,
     "no block or option is called `limit usr`; did you mean `limit user`?\n"},
    {"a title of another kind", "store user", false, false,
     "no block or option is called `store user`\n"},
    {"an option inside of blocks", "rate", false, false,
     "no block or option is called `rate`\n"},
    {"nothing", "", false, false, "no block or option is called ``\n"},
    {"control bytes", "\x1b[2J", false, false,
     "no block or option is called `?[2J`\n"},
};

static char *
print_some(const struct config *config, size_t i, bool *found)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    *found = config_print_some(config, parts[i].asked, parts[i].defaults, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void
test_parts(void **state)
{
    struct config *config = load("written", WRITTEN);

    (void)state;
    for (size_t i = 0; i < ROWS(parts); i++) {
        bool found;
        char *text = print_some(config, i, &found);

        printed_cut(text);
        if (found != parts[i].found || strcmp(text, parts[i].printed) != 0)
            fail_msg("%s:\n%s", parts[i].name, text);
        free(text);
    }
    config_destroy(config);
}

/* A name is not cut: a longer one than any is unknown. */
static void
test_long_name(void **state)
{
    static char name[4096];
    struct config *config = load("nothing", "");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    memset(name, 'x', sizeof name - 1);
    assert_non_null(out);
    assert_false(config_print_some(config, name, true, out));
    assert_int_equal(fclose(out), 0);
    assert_true(size > sizeof name);
    free(text);
    config_destroy(config);
}

/* ----- values by word */

static const struct {
    const char *name;
    enum option_block kind;
    const char *title, *option, *words;
} words[] = {
    {"a list", BLOCK_LIMIT, "relay", "in", " relays !webmail"},
    {"one that is built in", BLOCK_LIMIT, "user", "rate", " 300/1h 1000/1d"},
    {"what is not written", BLOCK_LIMIT, "user", "on", ""},
    {"a default", BLOCK_LIMIT, "user", "action", " defer"},
    {"of a block without a title", BLOCK_LOG, "", "level", " info"},
    {"outside of blocks", BLOCK_TOP, "", "mode", " observe"},
    {"of no such block", BLOCK_LIMIT, "none", "rate", ""},
    {"no such option", BLOCK_LIMIT, "user", "none", ""},
};

static void
add_word(void *arg, const char *word)
{
    strcat(arg, " ");
    strcat(arg, word);
}

static void
test_words(void **state)
{
    struct config *config =
        load("words", "network webmail { addr = 10.1.1.0/28 relay = any }\n"
                      "limit relay { in = relays, !webmail }\n");

    (void)state;
    for (size_t i = 0; i < ROWS(words); i++) {
        char text[256] = "";
        size_t n = config_option_words(config, words[i].kind, words[i].title,
                                       words[i].option, add_word, text),
               m = 0;

        for (const char *p = text; *p != '\0'; p++)
            m += *p == ' ';
        if (n != m || strcmp(text, words[i].words) != 0)
            fail_msg("%s: %zu%s", words[i].name, n, text);
    }
    config_destroy(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests_name("config_api", tests, NULL, NULL);
}
