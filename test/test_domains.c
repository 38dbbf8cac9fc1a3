/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/domains.h"

#include <stdio.h>
#include <string.h>

#include "test/unit.h"

/* What is in the set of rows below. */
static const struct {
    const char *name;
    bool subdomains;
    enum ms_err err;
} added[] = {
    {"example.org", false, MS_OK},
    {".below.example", false, MS_OK},
    {"wide.example", true, MS_OK},
    {"Upper.EXAMPLE", false, MS_OK},
    {"b\xc3\xbc"
     "cher.example",
     false, MS_OK},
    {"xn--strae-oqa.example", false, MS_OK},
    {"last.dot.example.", false, MS_OK},
    {"alone.then.below.example", false, MS_OK},
    {".alone.then.below.example", false, MS_OK},
    {".below.then.alone.example", false, MS_OK},
    {"below.then.alone.example", false, MS_OK},
    {"localhost", false, MS_OK},
    {"", false, MS_INVALID},
    {".", false, MS_INVALID},
    {"..example.org", false, MS_INVALID},
    {"a b.example", false, MS_INVALID},
    {"user@example.org", false, MS_INVALID},
};

static const struct {
    const char *name, *domain;
    bool has;
} rows[] = {
    {"a name is in", "example.org", true},
    {"what is below it is not", "www.example.org", false},
    {"what is above it is not", "org", false},
    {"a name that ends in it is not", "badexample.org", false},
    {"a dot takes the name itself", "below.example", true},
    {"and what is below", "a.below.example", true},
    {"at any depth", "a.b.c.below.example", true},
    {"but no name that merely ends so", "notbelow.example", false},
    {"subdomains take the name itself", "wide.example", true},
    {"and what is below it", "a.wide.example", true},
    {"case is folded", "upper.example", true},
    {"an IDN is in as A-label", "xn--bcher-kva.example", true},
    {"an A-label is in as it is", "xn--strae-oqa.example", true},
    {"a last dot does not matter", "last.dot.example", true},
    {"a name added again with a dot", "a.alone.then.below.example", true},
    {"a dot is not forgotten", "a.below.then.alone.example", true},
    {"a name without dots", "localhost", true},
    {"nothing", "", false},
    {"a dot alone", ".", false},
};

static void
test_rows(void **state)
{
    struct domains *set = NULL;

    (void)state;
    assert_int_equal(domains_create(&set), MS_OK);
    assert_int_equal(domains_count(set), 0);
    for (size_t i = 0; i < ROWS(added); i++)
        expect(added[i].name, domains_add(set, added[i].name,
                                          added[i].subdomains) == added[i].err);
    assert_int_equal(domains_count(set), 10);
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].name, domains_has(set, rows[i].domain) == rows[i].has);
    domains_destroy(set);
}

static void
test_many(void **state)
{
    struct domains *set = NULL;
    char name[64];

    (void)state;
    assert_int_equal(domains_create(&set), MS_OK);
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof(name), "d%u.example", i);
        assert_int_equal(domains_add(set, name, i % 2), MS_OK);
    }
    assert_int_equal(domains_count(set), 5000);
    for (unsigned i = 0; i < 6000; i++) {
        (void)snprintf(name, sizeof(name), "d%u.example", i);
        expect(name, domains_has(set, name) == (i < 5000));
        (void)snprintf(name, sizeof(name), "sub.d%u.example", i);
        expect(name, domains_has(set, name) == (i < 5000 && i % 2 == 1));
    }
    domains_destroy(set);
    domains_destroy(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests_name("domains", tests, NULL, NULL);
}
