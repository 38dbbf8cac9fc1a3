/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/nettree.h"
#include "policy/prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "test/unit.h"

static void
test_parse(void **state)
{
    static const struct {
        const char *row, *text, *printed; /* NULL: an error */
    } rows[] = {
        {"an IPv4 host", "192.0.2.7", "192.0.2.7"},
        {"an IPv4 network", "192.0.2.0/24", "192.0.2.0/24"},
        {"all of IPv4", "0.0.0.0/0", "0.0.0.0/0"},
        {"a /32 is a host", "192.0.2.7/32", "192.0.2.7"},
        {"an IPv6 host", "2001:db8::7", "2001:db8::7"},
        {"an IPv6 network", "2001:db8::/32", "2001:db8::/32"},
        {"a /64", "2001:db8:7::/64", "2001:db8:7::/64"},
        {"all of IPv6", "::/0", "::/0"},
        {"a /128 is a host", "2001:db8::7/128", "2001:db8::7"},
        {"brackets", "[2001:db8::7]", "2001:db8::7"},
        {"brackets and length", "[2001:db8::]/32", "2001:db8::/32"},
        {"as MTAs write IPv6", "IPv6:2001:db8::7", "2001:db8::7"},
        {"uncompressed", "IPv6:0:0:0:0:0:0:0:1", "::1"},
        {"v4-mapped is IPv4", "::ffff:192.0.2.7", "192.0.2.7"},
        {"a v4-mapped network", "::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"half v4-mapped", "::ffff:0.0.0.0/90", NULL},
        {"host bits", "192.0.2.1/24", NULL},
        {"IPv6 host bits", "2001:db8::1/64", NULL},
        {"too long", "192.0.2.0/33", NULL},
        {"IPv6 too long", "2001:db8::/129", NULL},
        {"no length", "192.0.2.0/", NULL},
        {"a signed length", "192.0.2.0/+8", NULL},
        {"four digits", "192.0.2.0/0024", NULL},
        {"a name", "example.org", NULL},
        {"nothing", "", NULL},
        {"three numbers", "192.0.2", NULL},
        {"a port", "192.0.2.7:25", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct prefix p = {0};
        struct why why = {""};
        char buf[PREFIX_TEXT];
        enum ms_err err = prefix_parse(rows[i].text, &p, &why);

        if (rows[i].printed == NULL) {
            expect(rows[i].row, err == MS_INVALID && why.text[0] != '\0');
            expect(rows[i].row, p.family == 0);
        } else {
            expect(rows[i].row, err == MS_OK);
            assert_string_equal(prefix_print(p, buf), rows[i].printed);
        }
    }
}

static void
test_sockaddr(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char buf[PREFIX_TEXT];

    (void)state;
    inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);
    assert_string_equal(prefix_print(prefix_of_sockaddr((void *)&in), buf),
                        "192.0.2.7");
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr);
    assert_string_equal(prefix_print(prefix_of_sockaddr((void *)&in6), buf),
                        "192.0.2.7");
    inet_pton(AF_INET6, "2001:db8::7", &in6.sin6_addr);
    assert_string_equal(prefix_print(prefix_of_sockaddr((void *)&in6), buf),
                        "2001:db8::7");
    assert_int_equal(prefix_of_sockaddr((void *)&un).family, 0);
    assert_int_equal(prefix_of_sockaddr(NULL).family, 0);
    assert_string_equal(prefix_print(prefix_of_sockaddr(NULL), buf), "unknown");
}

static struct prefix
parsed(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), MS_OK);
    return p;
}

static void
test_cut_and_cover(void **state)
{
    char buf[PREFIX_TEXT];

    (void)state;
    assert_string_equal(
        prefix_print(prefix_cut(parsed("192.0.2.255"), 24, 56), buf),
        "192.0.2.0/24");
    assert_string_equal(
        prefix_print(prefix_cut(parsed("192.0.2.255"), 0, 56), buf),
        "0.0.0.0/0");
    assert_string_equal(
        prefix_print(prefix_cut(parsed("2001:db8:1:2ff::1"), 24, 56), buf),
        "2001:db8:1:200::/56");
    assert_string_equal(
        prefix_print(prefix_cut(parsed("10.0.0.0/8"), 24, 56), buf),
        "10.0.0.0/8");
    assert_true(prefix_covers(parsed("0.0.0.0/0"), parsed("255.1.2.3")));
    assert_false(prefix_covers(parsed("0.0.0.0/0"), parsed("::1")));
    assert_true(prefix_covers(parsed("192.0.2.7"), parsed("192.0.2.7")));
    assert_false(prefix_covers(parsed("192.0.2.7"), parsed("192.0.2.0/24")));
    assert_true(prefix_is_loopback(parsed("127.255.0.1")));
    assert_true(prefix_is_loopback(parsed("::1")));
    assert_true(prefix_is_loopback(parsed("::ffff:127.0.0.1")));
    assert_false(prefix_is_loopback(parsed("::2")));
    assert_false(prefix_is_loopback(parsed("128.0.0.1")));
}

static void
test_longest(void **state)
{
    static const char *const nets[] = {
        "0.0.0.0/0",     "10.0.0.0/8",       "10.1.0.0/16",
        "10.1.1.0/28",   "10.1.1.3",         "10.128.0.0/9",
        "2001:db8::/32", "2001:db8:10::/48", "2001:db8:10::1",
    };
    static const struct {
        const char *host;
        int value; /* index of nets; -1: none */
        int least;
    } rows[] = {
        {"192.0.2.1", 0, 0},      {"10.2.3.4", 1, 0},
        {"10.1.2.3", 2, 0},       {"10.1.1.15", 3, 0},
        {"10.1.1.16", 2, 0},      {"10.1.1.3", 4, 0},
        {"10.200.0.1", 5, 0},     {"2001:db8:11::1", 6, 6},
        {"2001:db8:10::2", 7, 6}, {"2001:db8:10::1", 8, 6},
        {"2001:db9::1", -1, -1},  {"::1", -1, -1},
    };
    struct nettree *tree;
    uint32_t had = 99;
    bool known;

    (void)state;
    assert_int_equal(nettree_create(&tree), MS_OK);
    for (size_t i = ROWS(nets); i-- > 0;) /* most specific first */
        assert_int_equal(
            nettree_add(tree, parsed(nets[i]), (uint32_t)i, &known, &had),
            MS_OK);
    assert_int_equal(nettree_count(tree), ROWS(nets));
    assert_int_equal(nettree_add(tree, parsed("10.0.0.0/8"), 7, &known, &had),
                     MS_OK);
    assert_true(known);
    assert_int_equal(had, 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint32_t value = 0;
        bool found = nettree_longest(tree, parsed(rows[i].host), &value);

        expect(rows[i].host, found == (rows[i].value >= 0));
        expect(rows[i].host, !found || (int)value == rows[i].value);
        found = nettree_least(tree, parsed(rows[i].host), &value);
        expect(rows[i].host, found == (rows[i].least >= 0));
        expect(rows[i].host, !found || (int)value == rows[i].least);
    }
    assert_false(nettree_longest(tree, (struct prefix){0}, &had));
    nettree_destroy(tree);
    nettree_destroy(NULL);
}

/* Random prefixes against a list that is searched from end to end. */
static void
test_against_list(void **state)
{
    enum { NETS = 300, HOSTS = 3000 };
    static struct prefix nets[NETS];
    struct nettree *tree;
    unsigned seed = 7;

    (void)state;
    assert_int_equal(nettree_create(&tree), MS_OK);
    for (size_t i = 0; i < NETS; i++) {
        struct prefix p = {.family = i % 2 ? 4 : 6, .len = i % 2 ? 32 : 128};

        for (size_t b = 0; b < (i % 2 ? 4U : 16U);
             b++) /* few values: overlaps */
            p.addr[b] = (uint8_t)(rand_r(&seed) % 3 * 85);
        nets[i] = prefix_cut(p, (unsigned)rand_r(&seed) % 33,
                             (unsigned)rand_r(&seed) % 129);
        assert_int_equal(nettree_add(tree, nets[i], (uint32_t)i, NULL, NULL),
                         MS_OK);
    }
    for (size_t i = 0; i < HOSTS; i++) {
        struct prefix p = {.family = i % 2 ? 4 : 6, .len = i % 2 ? 32 : 128};
        int longest = -1, least = -1;
        uint32_t value;

        for (size_t b = 0; b < (i % 2 ? 4U : 16U); b++)
            p.addr[b] = (uint8_t)(rand_r(&seed) % 3 * 85);
        for (int n = NETS - 1; n >= 0; n--) {
            if (!prefix_covers(nets[n], p))
                continue;
            least = n;
            if (longest < 0 || nets[n].len >= nets[longest].len)
                longest = n;
        }
        assert_true(nettree_longest(tree, p, &value) == (longest >= 0));
        assert_true(longest < 0 || value == (uint32_t)longest);
        assert_true(nettree_least(tree, p, &value) == (least >= 0));
        assert_true(least < 0 || value == (uint32_t)least);
    }
    nettree_destroy(tree);
}

/* ----- ranges that are not of the Internet */

static const struct {
    const char *text;
    bool is_private;
} ranges[] = {
    {"10.0.0.0/8", true},      {"10.255.255.255", true},
    {"11.0.0.0", false},       {"172.16.0.0/12", true},
    {"172.32.0.0", false},     {"192.168.1.1", true},
    {"127.0.0.1", true},       {"169.254.1.1", true},
    {"100.64.0.0/10", true},   {"100.127.255.255", true},
    {"100.63.255.255", false}, {"100.128.0.0", false},
    {"100.0.0.0/9", false},    {"192.0.2.1", false},
    {"0.0.0.0/0", false},      {"::1", true},
    {"fd00::1", true},         {"fe80::1", true},
    {"2001:db8::1", false},    {"::ffff:10.1.2.3", true},
    {"::/0", false},
};

static void
test_private(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ranges); i++) {
        struct prefix p;

        expect(ranges[i].text, prefix_parse(ranges[i].text, &p, NULL) == MS_OK);
        expect(ranges[i].text, prefix_is_private(p) == ranges[i].is_private);
    }
    assert_false(prefix_is_private((struct prefix){0}));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private),  cmocka_unit_test(test_parse),
        cmocka_unit_test(test_sockaddr), cmocka_unit_test(test_cut_and_cover),
        cmocka_unit_test(test_longest),  cmocka_unit_test(test_against_list),
    };

    return cmocka_run_group_tests_name("prefix", tests, NULL, NULL);
}
