/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/hashes.h"

#include <string.h>

#include "test/unit.h"

static const struct hashes mine = {{1, 2, 3}}, other = {{1, 2, 4}};

static struct prefix
host(const char *text)
{
    struct prefix p;

    if (prefix_parse(text, &p, NULL) != MS_OK)
        fail_msg("%s is no address", text);
    return p;
}

static void
test_addresses(void **state)
{
    char big[2000];

    (void)state;
    assert_true(hashes_address(&mine, "Ann@Example.org") ==
                hashes_address(&mine, "ann@example.ORG"));
    assert_true(hashes_address(&mine, "ann@example.org") !=
                hashes_address(&mine, "ann@example.com"));
    assert_true(hashes_address(&mine, "ann@example.org") !=
                hashes_address(&other, "ann@example.org"));
    assert_true(hashes_address(&mine, NULL) == hashes_address(&mine, ""));
    assert_true(hashes_address(&mine, "") != 0);
    memset(big, 'A', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    assert_true(hashes_address(&mine, big) != 0);
}

/* Message-IDs are told apart by case, too. */
static void
test_texts(void **state)
{
    (void)state;
    assert_true(hashes_text(&mine, "<A@b>") != hashes_text(&mine, "<a@b>"));
    assert_true(hashes_text(&mine, "<a@b>") == hashes_text(&mine, "<a@b>"));
}

static const struct {
    const char *row, *a, *b;
    bool same;
} networks[] = {
    {"a /16 is one network", "192.0.2.1", "192.0.255.9", true},
    {"the next is another", "192.0.2.1", "192.1.2.1", false},
    {"a /32 is one network", "2001:db8:1::1", "2001:db8:ffff::2", true},
    {"the next is another one", "2001:db8::1", "2001:db9::1", false},
};

static void
test_networks(void **state)
{
    static const struct prefix unknown;

    (void)state;
    for (size_t i = 0; i < ROWS(networks); i++)
        expect(networks[i].row, (hashes_network(&mine, host(networks[i].a)) ==
                                 hashes_network(&mine, host(networks[i].b))) ==
                                    networks[i].same);
    assert_true(hashes_network(&mine, unknown) == 0);
    assert_true(hashes_network(&mine, host("192.0.2.1")) != 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
