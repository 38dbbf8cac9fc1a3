/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a server is, as people write it.
 */
#include <config.h>

#include "policy/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "test/unit.h"

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* As they are read: "tls user print db". */
static void
test_urls(void **state)
{
    static const struct {
        const char *row, *text, *out;
    } rows[] = {
        {"everything", "redis://ann@redis.example.net:6380/3",
         "plain ann redis.example.net:6380 3"},
        {"with TLS", "rediss://ann@redis.example.net:6380/3",
         "tls ann redis.example.net:6380 3"},
        {"a host is enough", "redis://h", "plain  h:6379 0"},
        {"a slash without a database", "redis://h/", "plain  h:6379 0"},
        {"a scheme in capitals", "REDIS://h", "plain  h:6379 0"},
        {"a host is printed in small letters", "redis://Redis-1.Example",
         "plain  redis-1.example:6379 0"},
        {"a name may end in a dot", "redis://h.example.",
         "plain  h.example.:6379 0"},
        {"an IPv4 address", "redis://192.0.2.1", "plain  192.0.2.1:6379 0"},
        {"an IPv6 address", "redis://[2001:DB8::1]/1",
         "plain  [2001:db8::1]:6379 1"},
        {"an IPv6 address is printed in one way only",
         "redis://[2001:db8:0:0:0:0:0:1]:7", "plain  [2001:db8::1]:7 0"},
        {"nothing but the scheme", "redis://", "plain  :6379 0"},
        {"a user without a host", "redis://mortsafe@/0",
         "plain mortsafe :6379 0"},
        {"a user's name is decoded", "redis://a%40b%3a%2F%25@h",
         "plain a@b:/% h:6379 0"},
        {"a user of 63 bytes", "redis://" X63 "@h", "plain " X63 " h:6379 0"},
        {"a label of 63 bytes", "redis://" X63, "plain  " X63 ":6379 0"},
        {"the first port", "redis://h:1", "plain  h:1 0"},
        {"the last port", "redis://h:65535", "plain  h:65535 0"},
        {"the last database", "redis://h/65535", "plain  h:6379 65535"},
        {"a Unix socket", "unix:/run/redis.sock",
         "plain  unix:/run/redis.sock 0"},
        {"a Unix socket with a database", "unix:/run/redis.sock?db=5",
         "plain  unix:/run/redis.sock 5"},
        {"a Unix socket with a user", "unix://ann@/run/redis.sock?db=5",
         "plain ann unix:/run/redis.sock 5"},
        {"a Unix socket with three slashes", "unix:///run/redis.sock",
         "plain  unix:/run/redis.sock 0"},
        {"a path with an @", "unix:/run/a@b.sock",
         "plain  unix:/run/a@b.sock 0"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct endpoint e;
        struct why why = {""};
        char name[ENDPOINT_NAME], text[500];

        if (endpoint_parse(rows[i].text, &e, &why) != MS_OK)
            fail_msg("%s: %s", rows[i].row, why.text);
        (void)snprintf(text, sizeof(text), "%s %s %s %u",
                       e.tls ? "tls" : "plain", e.user,
                       endpoint_print(&e, name), e.db);
        if (strcmp(text, rows[i].out) != 0)
            fail_msg("%s: %s", rows[i].row, text);
    }
}

/* What is refused, with a word that the reason must have. */
static void
test_wrong_urls(void **state)
{
    static const struct {
        const char *row, *text, *word;
    } rows[] = {
        {"nothing", "", "redis://user@host"},
        {"a bare name", "host", "redis://user@host"},
        {"a bare name and port", "host:6379", "redis://user@host"},
        {"a path alone", "/run/redis.sock", "unix:"},
        {"one slash", "redis:/host", "redis://"},
        {"no slash", "rediss:host", "rediss://"},
        {"Valkey's scheme", "valkey://h", "redis:// instead"},
        {"Valkey's scheme with TLS", "valkeys://h", "rediss:// instead"},
        {"another's scheme of a socket", "redis+unix:///x", "unix:/path"},
        {"another's word for a socket", "local:/x", "unix:/path"},
        {"another scheme", "http://h", "redis://user@host"},
        {"a scheme with something before it", " redis://h", "blanks"},
        {"a blank", "redis://h/0 ", "blanks"},
        {"a tab", "redis://a\tb", "blanks"},
        {"a newline", "redis://h\n", "blanks"},
        {"a control byte", "redis://h\x01", "blanks"},
        {"a byte beyond ASCII", "redis://h\xc3\xa4", "ASCII"},
        {"port 0", "redis://h:0", "`0`"},
        {"port 65536", "redis://h:65536", "`65536`"},
        {"a port of very many digits", "redis://h:99999999999999999999999",
         "port"},
        {"an empty port", "redis://h:", "port"},
        {"a negative port", "redis://h:-1", "`-1`"},
        {"letters as a port", "redis://h:six", "`six`"},
        {"a port without a host", "redis://:6379", "no host"},
        {"a user and a port without a host", "redis://a@:6379", "no host"},
        {"database 65536", "redis://h/65536", "65535"},
        {"a negative database", "redis://h/-1", "65535"},
        {"a name as a database", "redis://h/counters", "65535"},
        {"two slashes", "redis://h//1", "65535"},
        {"a slash behind the database", "redis://h/1/", "65535"},
        {"a query", "redis://h/0?timeout=1", "/database"},
        {"a fragment", "redis://h#1", "/database"},
        {"two colons", "redis://2001:db8::1", "brackets"},
        {"a bracket that does not end", "redis://[::1", "`]`"},
        {"an empty bracket", "redis://[]", "IPv6"},
        {"IPv4 in brackets", "redis://[192.0.2.1]", "IPv6"},
        {"a zone", "redis://[fe80::1%eth0]", "IPv6"},
        {"a bracket with very much in it", "redis://[" X63 "]", "IPv6"},
        {"something behind the bracket", "redis://[::1]6379", "colon"},
        {"half an IPv4 address", "redis://192.0.2", "IPv4"},
        {"an IPv4 address with a number too large", "redis://192.0.2.256",
         "IPv4"},
        {"a comma", "redis://a,b", "`a,b`"},
        {"a percent in a host", "redis://h%41", "no name"},
        {"an empty label", "redis://a..b", "no name"},
        {"a dot alone", "redis://.", "no name"},
        {"a host like an option", "redis://-h", "no name"},
        {"a label of 64 bytes", "redis://x" X63, "no name"},
        {"a host of 256 bytes", "redis://" X63 "." X63 "." X63 "." X63 ".",
         "255"},
        {"a user of 64 bytes", "redis://x" X63 "@h", "63"},
        {"an empty user", "redis://@h", "missing"},
        {"a user with half a byte", "redis://a%4@h", "hexadecimal"},
        {"a user with letters behind the percent", "redis://a%xy@h",
         "hexadecimal"},
        {"a user with one digit behind the percent", "redis://a%4x@h",
         "hexadecimal"},
        {"a user with a percent at its end", "redis://a%@h", "hexadecimal"},
        {"a user with an encoded NUL", "redis://a%00b@h", "control"},
        {"a user with an encoded newline", "redis://a%0ab@h", "control"},
        {"a user with an encoded blank", "redis://a%20b@h", "blank"},
        {"a user with an encoded byte beyond ASCII", "redis://a%e4@h", "ASCII"},
        {"a relative path", "unix:run/x", "absolute"},
        {"no path", "unix:", "absolute"},
        {"a path of two slashes and a name", "unix://x", "absolute"},
        {"a path of 108 bytes",
         "unix:/" X63 "/"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         "107"},
        {"a socket with another query", "unix:/x?user=a", "?db="},
        {"a socket with no database", "unix:/x?db=", "65535"},
        {"a socket with two queries", "unix:/x?db=1&db=2", "65535"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct endpoint e, before;
        struct why why = {""};

        memset(&e, 0x5a, sizeof(e));
        before = e;
        expect(rows[i].row,
               endpoint_parse(rows[i].text, &e, &why) == MS_INVALID);
        if (strstr(why.text, rows[i].word) == NULL)
            fail_msg("%s: %s", rows[i].row, why.text);
        expect(rows[i].row, memcmp(&e, &before, sizeof(e)) == 0);
        expect(rows[i].row,
               endpoint_parse(rows[i].text, &e, NULL) == MS_INVALID);
    }
}

/* Whatever else is wrong, "hunter" is not told. */
static void
test_passwords(void **state)
{
    static const struct {
        const char *row, *text;
    } rows[] = {
        {"behind the user", "redis://ann:hunter@h/0"},
        {"without a user", "redis://:hunter@h"},
        {"with TLS", "rediss://ann:hunter@h:6380/0"},
        {"with an @ in it", "redis://ann:hun@hunter@h"},
        {"with a slash in it", "redis://ann:hunter/hunter@h"},
        {"with a question mark in it", "redis://ann:hunter?hunter@h"},
        {"with a wrong port behind it", "redis://ann:hunter@h:0"},
        {"with a percent in it", "redis://ann:%zzhunter@h"},
        {"of a Unix socket", "unix://ann:hunter@/run/x"},
        {"empty", "redis://ann:@h"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct endpoint e;
        struct why why = {""};

        expect(rows[i].row,
               endpoint_parse(rows[i].text, &e, &why) == MS_INVALID);
        if (strstr(why.text, "password_file") == NULL)
            fail_msg("%s: %s", rows[i].row, why.text);
        expect(rows[i].row, strstr(why.text, "hunter") == NULL);
    }
}

/* Nor in a text where nothing is understood, or in a user's stead. */
static void
test_secrets_elsewhere(void **state)
{
    static const char *const rows[] = {
        "redis://hun ter:hunter@h",
        "hunter://h",
        "hunter",
        "hunter:hunter@h",
        "http://ann:hunter@h",
        "valkey://ann:hunter@h",
        "redis://hunter%zz@h",
        "unix:/x?password=hunter",
        "redis://h/0?password=hunter",
        "redis://hun/hunter@h",
        "redis://hunter" X63 "@h",
        "redis:/:hunter@h",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct endpoint e;
        struct why why = {""};

        expect(rows[i], endpoint_parse(rows[i], &e, &why) == MS_INVALID);
        expect(rows[i], why.text[0] != '\0');
        expect(rows[i], strstr(why.text, "hunter") == NULL);
    }
}

static void
test_hosts(void **state)
{
    static const struct {
        const char *row, *text, *out; /* NULL: refused */
    } rows[] = {
        {"a host", "h", "h:26379"},
        {"a host and a port", "h:5", "h:5"},
        {"an IPv4 address", "192.0.2.1:5", "192.0.2.1:5"},
        {"an IPv6 address", "[2001:db8::1]", "[2001:db8::1]:26379"},
        {"an IPv6 address and a port", "[2001:db8::1]:5", "[2001:db8::1]:5"},
        {"an IPv6 address without brackets", "2001:db8::1", NULL},
        {"nothing", "", NULL},
        {"a port alone", ":5", NULL},
        {"a port of 0", "h:0", NULL},
        {"a colon alone", ":", NULL},
        {"a URL", "redis://h", NULL},
        {"a user", "ann@h", NULL},
        {"a path", "/run/x", NULL},
        {"a database", "h:5/0", NULL},
        {"a blank", "h :5", NULL},
        {"two of them", "h,h", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct endpoint e;
        struct why why = {""};
        char name[ENDPOINT_NAME];
        enum ms_err err =
            endpoint_parse_host(rows[i].text, ENDPOINT_SENTINEL_PORT, &e, &why);

        expect(rows[i].row, (err == MS_OK) == (rows[i].out != NULL));
        expect(rows[i].row, (err == MS_OK) == (why.text[0] == '\0'));
        if (err == MS_OK)
            expect(rows[i].row,
                   strcmp(endpoint_print(&e, name), rows[i].out) == 0);
    }
}

static void
test_same(void **state)
{
    static const struct {
        const char *row, *a, *b;
        bool same;
    } rows[] = {
        {"the same text", "redis://h", "redis://h", true},
        {"letters of another case", "redis://H", "redis://h", true},
        {"another user and database", "redis://a@h/1", "redis://b@h/2", true},
        {"another way to write an address", "redis://[::1]",
         "redis://[0:0:0:0:0:0:0:1]", true},
        {"another port", "redis://h", "redis://h:6380", false},
        {"another host", "redis://h", "redis://g", false},
        {"a socket and itself", "unix:/x", "unix:/x?db=1", true},
        {"a socket and another", "unix:/x", "unix:/X", false},
        {"a socket and a host", "unix:/x", "redis://x", false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct endpoint a, b;

        assert_int_equal(endpoint_parse(rows[i].a, &a, NULL), MS_OK);
        assert_int_equal(endpoint_parse(rows[i].b, &b, NULL), MS_OK);
        expect(rows[i].row, endpoint_same(&a, &b) == rows[i].same);
        expect(rows[i].row, endpoint_same(&b, &a) == rows[i].same);
    }
}

/* The longest of each fits in what endpoint_print() fills. */
static void
test_longest(void **state)
{
    struct endpoint e;
    char url[400], name[ENDPOINT_NAME], path[ENDPOINT_PATH];

    (void)state;
    (void)snprintf(url, sizeof(url), "redis://%s.%s.%s.%.63s:65535", X63, X63,
                   X63, X63);
    assert_int_equal(endpoint_parse(url, &e, NULL), MS_OK);
    assert_string_equal(endpoint_print(&e, name), url + strlen("redis://"));
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    (void)snprintf(url, sizeof(url), "unix:%s?db=1", path);
    assert_int_equal(endpoint_parse(url, &e, NULL), MS_OK);
    assert_string_equal(e.path, path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_wrong_urls),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_secrets_elsewhere),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
