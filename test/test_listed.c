/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of DNS lists, whose addresses are asked about, and lists that a
 * server of our own plays: sound ones, and those that are not to be believed.
 */
#include <config.h>

#include "ctl/listed/catalog.h"
#include "ctl/listed/lists.h"
#include "ctl/listed/mine.h"
#include "ctl/listed/nets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/puppet_dns.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { TEXT = 4096, RATE = 1000 };

/* ----- files of lists */

static char path[] = "/tmp/mortsafe-lists-XXXXXX";

static void
write_file(const char *text)
{
    FILE *to = fopen(path, "w");

    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
}

static int
make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd >= 0 ? close(fd) : -1;
}

static int
remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void
test_what_is_installed(void **state)
{
    const char *top = getenv("top_srcdir");
    static const uint8_t policy[] = {127, 0, 0, 11}, css[] = {127, 0, 0, 3},
                         strange[] = {127, 0, 0, 99};
    const struct catalog_list *zen;
    struct catalog *catalog;
    char name[TEXT];
    struct why why = {""};

    (void)state;
    (void)snprintf(name, sizeof(name), "%s/contrib/lists",
                   top != NULL ? top : ".");
    if (catalog_load(name, &catalog, &why) != MS_OK)
        fail_msg("%s", why.text);
    assert_true(catalog_count(catalog) > 10);
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        const struct catalog_list *list = catalog_at(catalog, i);

        expect(list->zone, strlen(list->off) > 20);
        expect(list->zone, strcmp(list->name, list->zone) != 0);
        expect(list->zone, list->n_codes > 0);
        expect(list->zone, catalog_find(catalog, list->zone) == list);
    }
    zen = catalog_find(catalog, "zen.spamhaus.org");
    assert_non_null(zen);
    assert_ptr_equal(catalog_find(catalog, "Zen.SpamHaus.org"), zen);
    assert_ptr_equal(catalog_find(catalog, "abc123.zen.dq.spamhaus.net"), zen);
    assert_null(catalog_find(catalog, "zen.dq.spamhaus.net"));
    assert_null(catalog_find(catalog, "xzen.spamhaus.org"));
    assert_true(catalog_code(zen, policy)->policy);
    assert_false(catalog_code(zen, css)->policy);
    assert_null(catalog_code(zen, strange));
    catalog_destroy(catalog);
}

static void
test_files_that_are_wrong(void **state)
{
    static const struct {
        const char *row, *text, *want;
    } rows[] = {
        {"a word that is none", "lists a.example { }", "`list'"},
        {"no zone", "list { }", "a zone"},
        {"no brace", "list a.example", "`{'"},
        {"it is not closed", "list a.example { name = a", "an option"},
        {"an option that is none", "list a.example { nme = a }", "nme"},
        {"a use that is none", "list a.example { use = always }", "few"},
        {"addresses that are none", "list a.example { knows = ipx }", "both"},
        {"a code that is none", "list a.example { code 10.0.0.1 = x }", "code"},
        {"a code without `='", "list a.example { code 127.0.0.2 x }", "`='"},
        {"the same zone twice", "list a.example { } list A.example { }",
         "twice"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct catalog *catalog = NULL;
        struct why why = {""};

        write_file(rows[i].text);
        expect(rows[i].row, catalog_load(path, &catalog, &why) == MS_INVALID);
        expect(rows[i].row, strstr(why.text, rows[i].want) != NULL);
        expect(rows[i].row, strstr(why.text, path) != NULL);
    }
}

static void
test_a_file_that_is_not_there(void **state)
{
    struct catalog *catalog = NULL;
    struct why why = {""};

    (void)state;
    assert_int_equal(catalog_load("/nonexistent/lists", &catalog, &why),
                     MS_UNAVAIL);
    assert_non_null(strstr(why.text, "/nonexistent/lists"));
}

static void
test_no_memory_for_a_file(void **state)
{
    struct catalog *catalog = NULL;
    struct why why;
    enum ms_err err = MS_NOMEM;

    (void)state;
    write_file("list a.example { name = A off = B code 127.0.0.2 = C }");
    for (unsigned long n = 1; err == MS_NOMEM; n++) {
        assert_true(n < 1000);
        scarce_set(n);
        err = catalog_load(path, &catalog, &why);
        scarce_set(0);
    }
    assert_int_equal(err, MS_OK);
    catalog_destroy(catalog);
}

/* ----- addresses */

static void
add(struct nets *nets, const char *text, enum ms_err want)
{
    struct prefix net;
    struct why why;

    assert_int_equal(prefix_parse(text, &net, NULL), MS_OK);
    expect(text, nets_add(nets, net, &why) == want);
}

static void
test_addresses_of_networks(void **state)
{
    static const char *const want[] = {
        "192.0.2.0",   "192.0.2.1",  "192.0.2.2",  "192.0.2.3",
        "203.0.113.9", "2001:db8::", "2001:db8::7"};
    char text[PREFIX_TEXT];
    struct prefix p;
    struct nets *nets;
    uint64_t at;

    (void)state;
    assert_int_equal(nets_create(&nets), MS_OK);
    add(nets, "2001:db8::7", MS_OK);
    add(nets, "203.0.113.9", MS_OK);
    add(nets, "192.0.2.2", MS_OK); /* inside of the next */
    add(nets, "192.0.2.0/30", MS_OK);
    add(nets, "2001:db8::/48", MS_OK);
    add(nets, "2001:db8::/64", MS_OK); /* begins with the same */
    add(nets, "10.0.0.0/11", MS_INVALID);
    nets_finish(nets);
    assert_int_equal(nets_count(nets), ROWS(want));
    for (size_t i = 0; i < ROWS(want); i++) {
        expect(want[i],
               strcmp(prefix_print(nets_at(nets, i), text), want[i]) == 0);
        expect(want[i], nets_find(nets, nets_at(nets, i), &at) && at == i);
    }
    assert_int_equal(prefix_parse("192.0.2.4", &p, NULL), MS_OK);
    assert_false(nets_find(nets, p, &at));
    nets_destroy(nets);
}

static void
test_a_large_network(void **state)
{
    char text[PREFIX_TEXT];
    struct nets *nets;

    (void)state;
    assert_int_equal(nets_create(&nets), MS_OK);
    add(nets, "10.16.0.0/12", MS_OK);
    nets_finish(nets);
    assert_int_equal(nets_count(nets), 1 << 20);
    assert_string_equal(prefix_print(nets_at(nets, (1 << 20) - 1), text),
                        "10.31.255.255");
    nets_destroy(nets);
}

static void
quiet(void *arg, const char *text)
{
    (void)snprintf(arg, TEXT, "%s", text);
}

static void
test_own_hosts(void **state)
{
    static char said[TEXT];
    char address[] = "192.0.2.7", again[] = "192.0.2.7", private[] = "10.0.0.1",
         local[] = "localhost", none[80] = "";
    char *hosts[] = {address, again, private, local, none};
    const struct config config = {.own_hosts = hosts,
                                  .n_own_hosts = ROWS(hosts)};
    struct mine mine = {.n = 0};

    (void)state;
    memset(none, 'x', 70); /* no name: a label too long to be asked about */
    mine_hosts(&mine, &config, quiet, said);
    /* what is named by its number is asked about, whatever it is */
    assert_int_equal(mine.n, 2);
    assert_non_null(strstr(said, none));
}

/* ----- lists */

struct bench {
    struct puppet_dns *dns;
    const char *server;
    struct lists *lists;
    struct config *config;
    char found[TEXT]; /* "192.0.2.7 a.example 127.0.0.2 spam\n" */
    unsigned steps, ends_at;
};

static int
begin(void **state)
{
    static struct bench bench;

    bench = (struct bench){.dns = puppet_dns_start()};
    bench.server = puppet_dns_server(bench.dns);
    *state = &bench;
    return 0;
}

static int
end(void **state)
{
    struct bench *b = *state;

    lists_destroy(b->lists);
    config_destroy(b->config);
    puppet_dns_stop(b->dns);
    return 0;
}

static void
open_lists(struct bench *b, const char *text, const char *zone)
{
    const struct lists_options options = {
        .config = b->config,
        .catalog = path,
        .zones = &zone,
        .n_zones = zone != NULL ? 1 : 0,
        .servers = &b->server,
        .n_servers = 1,
        .rate = RATE,
    };
    struct why why = {""};

    write_file(text);
    if (lists_create(&options, &b->lists, &why) != MS_OK)
        fail_msg("%s", why.text);
}

/* A list in ZONE that keeps to RFC 5782. */
static void
sound(struct bench *b, const char *zone)
{
    char line[TEXT];

    (void)snprintf(line, sizeof(line), "2.0.0.127.%s A 127.0.0.2", zone);
    puppet_dns_add(b->dns, line);
}

static void
take(void *arg, const struct lists_found *found)
{
    struct bench *b = arg;
    size_t len = strlen(b->found);
    char text[PREFIX_TEXT];

    (void)snprintf(b->found + len, sizeof(b->found) - len, "%s %s %s%u %s%s\n",
                   prefix_print(found->address, text), found->list->zone,
                   found->failed ? "failed " : "", found->code[3], found->means,
                   found->policy ? "!" : "");
}

static bool
step(void *arg, uint64_t done, uint64_t all, uint64_t settled)
{
    struct bench *b = arg;

    assert_true(done <= all);
    assert_true(settled <= all);
    return b->ends_at == 0 || ++b->steps < b->ends_at;
}

static struct prefix
address_of(void *arg, uint64_t i)
{
    const char *const *texts = arg;
    struct prefix p;

    assert_int_equal(prefix_parse(texts[i], &p, NULL), MS_OK);
    return p;
}

static bool
ask(struct bench *b, const char *const *addresses, size_t n)
{
    const struct lists_about about = {n, address_of,
                                      (void *)(uintptr_t)addresses};
    const struct lists_hear hear = {take, step, b};

    return lists_ask(b->lists, &about, &hear);
}

#define TWO                                                                    \
    "list a.example { name = A off = gone use = free knows = both "            \
    "code 127.0.0.2 = spam policy 127.0.0.10 = line } "                        \
    "list b.example { name = B use = free code 127.0.0.2 = proxy }"

static void
test_what_is_listed(void **state)
{
    static const char *const addresses[] = {"192.0.2.7", "192.0.2.8",
                                            "2001:db8::1"};
    struct bench *b = *state;

    sound(b, "a.example");
    sound(b, "b.example");
    puppet_dns_add(b->dns, "7.2.0.192.a.example A 127.0.0.2");
    puppet_dns_add(b->dns, "7.2.0.192.a.example A 127.0.0.10");
    puppet_dns_add(b->dns, "8.2.0.192.b.example A 127.0.0.77");
    puppet_dns_add(b->dns, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
                           "8.b.d.0.1.0.0.2.a.example A 127.0.0.2");
    open_lists(b, TWO, NULL);
    assert_int_equal(lists_count(b->lists), 2);
    assert_true(lists_try(b->lists, 3, NULL));
    assert_int_equal(lists_usable(b->lists), 2);
    assert_true(ask(b, addresses, ROWS(addresses)));
    assert_non_null(strstr(b->found, "192.0.2.7 a.example 2 spam\n"));
    assert_non_null(strstr(b->found, "192.0.2.7 a.example 10 line!\n"));
    assert_non_null(strstr(b->found, "192.0.2.8 b.example 77 \n"));
    assert_non_null(strstr(b->found, "2001:db8::1 a.example 2 spam\n"));
    assert_int_equal(lists_at(b->lists, 0)->asked, 3);
    assert_int_equal(lists_at(b->lists, 0)->listed, 2);
    assert_int_equal(lists_at(b->lists, 1)->asked, 2); /* knows no IPv6 */
}

static void
test_lists_that_are_not_believed(void **state)
{
    static const struct {
        const char *row, *lines[3];
        enum lists_left want;
    } rows[] = {
        {"it lists everybody", {"*.a.example A 127.0.0.2"}, LISTS_EVERYBODY},
        {"it lists what must not be listed",
         {"2.0.0.127.a.example A 127.0.0.2", "1.0.0.127.a.example A 127.0.0.2"},
         LISTS_EVERYBODY},
        {"it does not answer this resolver",
         {"*.a.example A 127.255.255.254"},
         LISTS_BLOCKED},
        {"it is gone", {"b.example A 127.0.0.2"}, LISTS_EMPTY},
        {"it answers with what is no code",
         {"*.a.example A 192.0.2.1"},
         LISTS_EMPTY},
        {"its servers fail", {"* * !servfail"}, LISTS_SILENT},
        {"it is sound", {"2.0.0.127.a.example A 127.0.0.2"}, LISTS_ASKED},
    };
    static const char *const address = "192.0.2.7";
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        puppet_dns_clear(b->dns, NULL);
        for (size_t k = 0; k < 3 && rows[i].lines[k] != NULL; k++)
            puppet_dns_add(b->dns, rows[i].lines[k]);
        open_lists(b, "list a.example { use = free }", NULL);
        assert_true(lists_try(b->lists, 1, NULL));
        expect(rows[i].row, lists_at(b->lists, 0)->left == rows[i].want);
        expect(rows[i].row,
               lists_at(b->lists, 0)->usable == (rows[i].want == LISTS_ASKED));
        expect(rows[i].row, (lists_left_text(rows[i].want)[0] == '\0') ==
                                (rows[i].want == LISTS_ASKED));
        b->found[0] = '\0';
        assert_true(ask(b, &address, 1));
        expect(rows[i].row, b->found[0] == '\0');
        lists_destroy(b->lists);
        b->lists = NULL;
    }
}

#define TERMS                                                                  \
    "list few.example { use = few keyed = few.key.example } "                  \
    "list key.example { use = key } list free.example { use = free }"

static void
test_what_lists_allow(void **state)
{
    static const struct {
        const char *row, *zone;
        uint64_t addresses;
        enum lists_left want;
    } rows[] = {
        {"a few addresses", "few.example", LISTS_FEW, LISTS_ASKED},
        {"one more", "few.example", LISTS_FEW + 1, LISTS_VOLUME},
        {"who has a key has terms of his own", "abc.few.key.example",
         LISTS_FEW + 1, LISTS_ASKED},
        {"who names it is registered there", "key.example", 1, LISTS_ASKED},
        {"but for few, too", "key.example", LISTS_FEW + 1, LISTS_VOLUME},
        {"a free one", "free.example", 1 << 20, LISTS_ASKED},
        {"one of which nothing is known", "own.example", 1 << 20, LISTS_ASKED},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        sound(b, rows[i].zone);
        open_lists(b, TERMS, rows[i].zone);
        assert_int_equal(lists_count(b->lists), 1);
        assert_true(lists_try(b->lists, rows[i].addresses, NULL));
        expect(rows[i].row, lists_at(b->lists, 0)->left == rows[i].want);
        lists_destroy(b->lists);
        b->lists = NULL;
    }
    open_lists(b, TERMS, NULL);
    assert_true(lists_try(b->lists, 1, NULL));
    assert_int_equal(lists_at(b->lists, 1)->left, LISTS_KEY);
    assert_int_equal(puppet_dns_asked(b->dns, "2.0.0.127.key.example", 0), 1);
}

/* A list of the operator's own need not keep test points; its masks say what
 * counts. */
static void
test_lists_of_the_configuration(void **state)
{
    static const char *const addresses[] = {"192.0.2.7", "192.0.2.8"};
    struct bench *b = *state;
    struct heard heard;

    assert_int_equal(
        heard_load(&heard,
                   "dnsbl own { zone = own.example match = 127.0.0.4-7 }", 0,
                   &b->config),
        MS_OK);
    puppet_dns_add(b->dns, "7.2.0.192.own.example A 127.0.0.2");
    puppet_dns_add(b->dns, "8.2.0.192.own.example A 127.0.0.5");
    open_lists(b, "", NULL);
    assert_int_equal(lists_count(b->lists), 1);
    assert_true(lists_try(b->lists, 2, NULL));
    assert_int_equal(lists_at(b->lists, 0)->left, LISTS_EMPTY);
    assert_true(lists_at(b->lists, 0)->usable);
    assert_true(ask(b, addresses, 2));
    assert_string_equal(b->found, "192.0.2.8 own.example 5 \n");
}

static void
test_a_list_that_shuts_us_out(void **state)
{
    static const char *addresses[200];
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(addresses); i++)
        addresses[i] = "192.0.2.7";
    sound(b, "a.example");
    puppet_dns_add_ttl(b->dns, "7.2.0.192.a.example A 127.255.255.255", 1);
    open_lists(b, "list a.example { use = free }", NULL);
    assert_true(lists_try(b->lists, 1, NULL));
    assert_int_equal(lists_usable(b->lists), 1);
    assert_true(ask(b, addresses, ROWS(addresses)));
    assert_int_equal(lists_at(b->lists, 0)->left, LISTS_BLOCKED);
    assert_true(lists_at(b->lists, 0)->asked < 100);
    assert_non_null(strstr(b->found, "failed"));
}

static void
test_an_end_before_the_end(void **state)
{
    static const char *const address = "192.0.2.7";
    struct bench *b = *state;

    sound(b, "a.example");
    puppet_dns_add(b->dns, "7.2.0.192.a.example A !silent");
    open_lists(b, "list a.example { use = free }", NULL);
    assert_true(lists_try(b->lists, 1, NULL));
    b->ends_at = 1;
    assert_false(ask(b, &address, 1));
}

static void
test_all_in_one(void **state)
{
    struct bench *b = *state;
    const struct lists_options options = {
        .catalog = path, .servers = &b->server, .n_servers = 1, .rate = RATE};
    struct prefix address;
    struct why why = {""};
    size_t usable;

    sound(b, "a.example");
    puppet_dns_add(b->dns, "7.2.0.192.a.example A 127.0.0.2");
    write_file(TWO);
    assert_int_equal(prefix_parse("192.0.2.7", &address, NULL), MS_OK);
    assert_int_equal(lists_check(&options, &address, 1, take, b, &usable, &why),
                     MS_OK);
    assert_int_equal(usable, 1); /* b.example is empty */
    assert_string_equal(b->found, "192.0.2.7 a.example 2 spam\n");
}

static void
test_a_check_that_is_not_answered(void **state)
{
    struct bench *b = *state;
    const struct lists_options options = {
        .catalog = path, .servers = &b->server, .n_servers = 1, .rate = RATE};
    struct prefix address[2];
    struct why why = {""};
    size_t usable;

    sound(b, "a.example");
    puppet_dns_add(b->dns, "8.2.0.192.a.example A !servfail");
    write_file("list a.example { }");
    assert_int_equal(prefix_parse("192.0.2.8", &address[0], NULL), MS_OK);
    assert_int_equal(prefix_parse("2001:db8::1", &address[1], NULL), MS_OK);
    assert_int_equal(lists_check(&options, address, 1, take, b, &usable, &why),
                     MS_OK);
    assert_int_equal(usable, 0);
    assert_string_equal(b->found, "192.0.2.8 a.example failed 0 \n");
    /* nor is what it knows nothing of */
    assert_int_equal(
        lists_check(&options, &address[1], 1, take, b, &usable, &why), MS_OK);
    assert_int_equal(usable, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_installed),
        cmocka_unit_test(test_files_that_are_wrong),
        cmocka_unit_test(test_a_file_that_is_not_there),
        cmocka_unit_test(test_no_memory_for_a_file),
        cmocka_unit_test(test_addresses_of_networks),
        cmocka_unit_test(test_a_large_network),
        cmocka_unit_test(test_own_hosts),
        cmocka_unit_test_setup_teardown(test_what_is_listed, begin, end),
        cmocka_unit_test_setup_teardown(test_lists_that_are_not_believed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_what_lists_allow, begin, end),
        cmocka_unit_test_setup_teardown(test_lists_of_the_configuration, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_list_that_shuts_us_out, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_an_end_before_the_end, begin, end),
        cmocka_unit_test_setup_teardown(test_all_in_one, begin, end),
        cmocka_unit_test_setup_teardown(test_a_check_that_is_not_answered,
                                        begin, end),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
