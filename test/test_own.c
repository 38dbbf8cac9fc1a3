/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose host it is that an open relay or proxy is looked for on.
 */
#include <config.h>

#include "ctl/relay/own.h"

#include <string.h>

#include "test/unit.h"

static const struct {
    const char *name, *text;
    bool fine;
    const char *host;
    unsigned port;
} hosts[] = {
    {"an address", "192.0.2.1", true, "192.0.2.1", 0},
    {"an address and a port", "192.0.2.1:2525", true, "192.0.2.1", 2525},
    {"IPv6", "2001:db8::1", true, "2001:db8::1", 0},
    {"IPv6 in brackets", "[2001:db8::1]", true, "2001:db8::1", 0},
    {"IPv6 and a port", "[2001:db8::1]:25", true, "2001:db8::1", 25},
    {"nothing", "", false, NULL, 0},
    {"a port alone", ":25", false, NULL, 0},
    {"port 0", "192.0.2.1:0", false, NULL, 0},
    {"port 65535", "192.0.2.1:65535", true, "192.0.2.1", 65535},
    {"port 65536", "192.0.2.1:65536", false, NULL, 0},
    {"a port that is none", "192.0.2.1:25x", false, NULL, 0},
    {"a sign before a port", "192.0.2.1:+25", false, NULL, 0},
    {"a bracket alone", "[2001:db8::1", false, NULL, 0},
    {"more behind a bracket", "[2001:db8::1]x", false, NULL, 0},
    {"empty brackets", "[]:25", false, NULL, 0},
};

static void
test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(hosts); i++) {
        struct own_host host;
        struct why why;
        enum ms_err err = own_find(hosts[i].text, &host, &why);

        expect(hosts[i].name, err == (hosts[i].fine ? MS_OK : MS_INVALID));
        if (!hosts[i].fine)
            continue;
        expect(hosts[i].name, strcmp(host.name, hosts[i].host) == 0);
        expect(hosts[i].name, host.port == hosts[i].port && host.n == 1);
    }
}

static const struct {
    const char *name, *host;
    char *listed[3];
    size_t n;
    enum own_claim claim;
} claims[] = {
    {"loopback is this machine", "127.0.0.1", {0}, 0, OWN_INTERFACE},
    {"all of it", "127.9.9.9", {0}, 0, OWN_INTERFACE},
    {"IPv6's, too", "::1", {0}, 0, OWN_INTERFACE},
    {"a v4-mapped address is IPv4", "::ffff:127.0.0.1", {0}, 0, OWN_INTERFACE},
    {"another is nobody's", "192.0.2.1", {0}, 0, OWN_NOBODYS},
    {"one in own_hosts", "192.0.2.1", {"192.0.2.1"}, 1, OWN_LISTED},
    {"one in a network there", "192.0.2.1", {"192.0.2.0/24"}, 1, OWN_LISTED},
    {"one beside it", "192.0.3.1", {"192.0.2.0/24"}, 1, OWN_NOBODYS},
    {"a later one",
     "2001:db8::1",
     {"192.0.2.1", "x.test", "2001:db8::1"},
     3,
     OWN_LISTED},
    {"another of IPv6", "2001:db8::2", {"2001:db8::1"}, 1, OWN_NOBODYS},
    {"a name in own_hosts", "localhost", {"LOCALHOST"}, 1, OWN_LISTED},
};

static void
test_claim(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(claims); i++) {
        struct config config = {.own_hosts =
                                    (char **)(uintptr_t)claims[i].listed,
                                .n_own_hosts = claims[i].n};
        struct own_host host;
        struct why why;

        expect(claims[i].name, own_find(claims[i].host, &host, &why) == MS_OK);
        expect(claims[i].name, own_claim(&host, &config) == claims[i].claim);
        if (claims[i].n == 0)
            expect(claims[i].name, own_claim(&host, NULL) == claims[i].claim);
    }
}

static void
test_all_of_them(void **state)
{
    struct own_host host = {.name = "two.test", .n = 2};
    char *listed[] = {"192.0.2.1"};
    struct config config = {.own_hosts = listed, .n_own_hosts = 1};
    struct prefix ours = {4, 32, {127, 0, 0, 1}},
                  also = {4, 32, {192, 0, 2, 1}},
                  theirs = {4, 32, {198, 51, 100, 1}};

    (void)state;
    host.addrs[0] = own_sockaddr(ours, 25);
    host.addrs[1] = own_sockaddr(also, 25);
    assert_int_equal(own_claim(&host, &config), OWN_LISTED);
    host.addrs[1] = own_sockaddr(theirs, 25);
    assert_int_equal(own_claim(&host, &config), OWN_NOBODYS);
    host.n = 0; /* one without any address is nobody's */
    assert_int_equal(own_claim(&host, &config), OWN_NOBODYS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_all_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
