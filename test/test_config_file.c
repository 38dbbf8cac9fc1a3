/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole files: what is read, what is printed and reads as the same again, and
 * what a reload changes.
 */
#include <config.h>

#include "policy/config.h"

#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

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

static struct config *
load_file(const char *name)
{
    struct config *config = NULL;

    if (heard_load_file(&heard, name, TODAY_S, &config) != MS_OK)
        fail_msg("%s: %s", name, heard.text);
    return config;
}

/* ----- identity of limits, reload */

static const struct {
    const char *name, *old, *new;
    const char *lines; /* of config_diff() */
} diffs[] = {
    {"nothing changes", "", "", ""},
    {"another number keeps the count", "limit user { rate = 300/1h, 1000/1d }",
     "limit user { rate = 200/1h, 900/1d }", ""},
    {"so do an action, a mode, a place", "limit user { action = reject }",
     "limit user { mode = observe in = logins on = submission }", ""},
    {"a span is another window", "limit user { rate = 300/1h, 1000/1d }",
     "limit user { rate = 300/1h, 5000/7d }",
     "limit user: the span 7d is new; its count starts empty\n"
     "limit user: the span 1d is gone; its count is dropped\n"},
    {"another key", "", "limit user { key = sender }",
     "limit user: another key; its counts start empty\n"},
    {"another prefix length",
     "limit x { key = prefix/24 count = messages rate = 1/1h }",
     "limit x { key = prefix/16 count = messages rate = 1/1h }",
     "limit x: another key; its counts start empty\n"},
    {"another metric", "", "limit user { count = recipients }",
     "limit user: counts something else; it starts empty\n"},
    {"another scope", "", "limit user { scope = host }",
     "limit user: another scope; its counts start empty\n"},
    {"a new limit", "", "limit x { key = user count = messages rate = 1/1h }",
     "limit x: is new; its counts start empty\n"},
    {"a limit less", "", "limit burst { off = yes }",
     "limit burst: is gone; its counts are dropped\n"},
    {"postmaster's too", "", "limit postmaster { off = yes }",
     "limit postmaster: is gone; its counts are dropped\n"},
    {"per message there is no window", "limit user { rate = 1/1h }",
     "limit user { rate = 1/1h, 5/msg }", ""},
    {"spans of tables count", "limit user { rate = 1/1h }",
     "limit user { rate = 1/1h rates = texthash:plans }",
     "limit user: the span 1d is new; its count starts empty\n"
     "limit user: the span 7d is new; its count starts empty\n"},
};

static void
add_line(void *arg, const char *text)
{
    heard_line(arg, "", text);
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

/* Stores keep counts by these: a change loses every operator's. */
static void
test_identity(void **state)
{
    struct config *c = load("empty", "");

    (void)state;
    for (size_t i = 0; i < c->n_limits; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(c->limits[i]->id != c->limits[j]->id);
    assert_true(limit_of(c, "user")->id == UINT64_C(0x470b7ebd8080274));
    config_destroy(c);
}

/* ----- files */

static const char *const files[] = {"full.conf",
                                    "../../../contrib/mortsafe.conf",
                                    "../../../contrib/starter.conf"};

static void
test_print_is_fixed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(files); i++) {
        struct config *c = load_file(files[i]), *again;
        char *text = printed_text(c), *text_again;

        again = load(files[i], text);
        text_again = printed_text(again);
        printed_cut(text);
        printed_cut(text_again);
        assert_string_equal(text, text_again);
        heard.text[0] = '\0';
        config_diff(c, again, add_line, &heard);
        assert_string_equal(heard.text, "");
        config_destroy(c);
        config_destroy(again);
        free(text);
        free(text_again);
    }
}

static void
test_print_origins(void **state)
{
    struct config *c = load("origins", "mode = enforce\n"
                                       "limit user { rate = 1/1h,\n 2/1d }\n");
    char *text = printed_text(c);

    (void)state;
    assert_non_null(strstr(text, "\nsessions = 4000 "));
    assert_non_null(strstr(text, " # t:1\n"));
    assert_non_null(strstr(text, "    rate = 1/1h, 2/1d "));
    assert_non_null(strstr(text, " # t:2\n"));
    assert_non_null(strstr(text, " # default\n"));
    config_destroy(c);
    free(text);
}

static void
test_full_file(void **state)
{
    struct config *c = load_file("full.conf");
    const struct network *access = network_of(c, "access");
    const struct limit *spread = limit_of(c, "spread");
    struct prefix host;
    const struct exempt *all = c->exempts[0];
    uint32_t value;

    (void)state;
    assert_string_equal(heard.text, "");
    assert_int_equal(c->mode, MODE_ENFORCE);
    assert_int_equal(c->log.facility, LOG_LOCAL3);
    assert_int_equal(c->log.level, LOG_DEBUG);
    assert_int_equal(c->log.format, LOG_JSON);
    assert_int_equal(c->store.memory, 512 << 20);
    assert_string_equal(c->users_default_domain, "xn--bcher-kva.example");
    assert_int_equal(c->n_networks, 3);
    assert_string_equal(net(c, "198.51.100.9"), "access");
    assert_string_equal(net(c, "2001:db8:a123::1"), "access");
    assert_string_equal(net(c, "203.0.113.9"), "access");
    assert_int_equal(access->relay, RELAY_NONE);
    assert_true(access->port25_closed && access->dynamic);
    assert_true(domains_has(c->domains, "www.example.net"));
    assert_int_equal(c->listeners[4]->from[c->loopback->index], 1);
    assert_int_equal(c->listeners[4]->from[access->index], 0);
    assert_string_equal(c->listeners[4]->names[1], "a name");
    assert_string_equal(table_get(c->owners, "@example.net"), "carol");
    assert_non_null(limit_of(c, "first"));
    assert_non_null(limit_of(c, "further"));
    assert_int_equal(limit_of(c, "second")->scope, SCOPE_HOST);
    assert_int_equal(limit_of(c, "user")->windows, 3);
    assert_int_equal(table_type(spread->rates_table), TABLE_CIDR);
    assert_int_equal(prefix_parse("192.0.2.1", &host, NULL), MS_OK);
    assert_string_equal(table_get_host(spread->rates_table, host),
                        "7/1h, 9/1d");
    assert_string_equal(table_get_host(spread->map, host), "customer");
    assert_true(all->skip_all);
    assert_string_equal(all->values[EXEMPT_SENDER][0], "bounce@example.org");
    assert_string_equal(all->values[EXEMPT_DOMAIN][0], "xn--bcher-kva.example");
    assert_string_equal(all->values[EXEMPT_NETWORK][0], "office");
    assert_string_equal(all->values[EXEMPT_USER][0],
                        "News@xn--bcher-kva.example");
    assert_true(nettree_longest(all->clients, host, &value) == false);
    assert_int_equal(all->n_values[EXEMPT_CLIENT], 3);
    assert_string_equal(config_reply(c, "relay.hop"), "a \\ and a \" in it");
    assert_int_equal(c->api.n_groups, 2);
    assert_string_equal(c->api.groups[1]->name, "domain\\admins");
    assert_string_equal(c->status.hosts[0], "xn--bcher-kva.example");
    config_destroy(c);
}

static int
go_to_data(void **state)
{
    const char *top = getenv("top_srcdir");

    (void)state;
    return chdir(top != NULL ? top : ".") != 0 ||
           chdir("test/data/config") != 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diffs),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_print_is_fixed),
        cmocka_unit_test(test_print_origins),
        cmocka_unit_test(test_full_file),
    };

    return cmocka_run_group_tests_name("config_file", tests, go_to_data, NULL);
}
