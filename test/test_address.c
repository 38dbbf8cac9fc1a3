/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/address.h"
#include "policy/subject.h"

#include <stdio.h>
#include <string.h>

#include "test/unit.h"

static const char *const forms[] = {
    [ADDRESS_NULL] = "null",     [ADDRESS_BARE] = "bare",
    [ADDRESS_DOMAIN] = "domain", [ADDRESS_LITERAL] = "literal",
    [ADDRESS_HOP] = "hop",       [ADDRESS_MALFORMED] = "malformed",
};

static const struct {
    const char *raw, *form, *canonical;
} addresses[] = {
    {"<alice@example.org>", "domain", "alice@example.org"},
    {"alice@example.org", "domain", "alice@example.org"},
    {"< alice@example.org >", "domain", "alice@example.org"},
    {" <alice@example.org> ", "domain", "alice@example.org"},
    {"<Alice@EXAMPLE.ORG>", "domain", "alice@example.org"},
    {"<alice@example.org.>", "domain", "alice@example.org"},
    {"<\"alice\"@example.org>", "domain", "alice@example.org"},
    {"<\"al ice\"@example.org>", "domain", "al ice@example.org"},
    {"<\"al\\\"ice\"@example.org>", "domain", "al\"ice@example.org"},
    {"<al\"ic\"e@example.org>", "domain", "alice@example.org"},
    {"<alice+tag@example.org>", "domain", "alice+tag@example.org"},
    {"<SRS0=x=y=b.test=bob@example.org>", "domain",
     "srs0=x=y=b.test=bob@example.org"},
    {"<j\xc3\xb6rg@example.org>", "domain", "j\xc3\xb6rg@example.org"},
    {"<a@b\xc3\xbc"
     "cher.example>",
     "domain", "a@xn--bcher-kva.example"},
    {"<a@B\xc3\x9c"
     "CHER.example>",
     "domain", "a@xn--bcher-kva.example"},
    {"<a@under_score.example>", "domain", "a@under_score.example"},
    {"<v@203.0.113.9>", "domain", "v@203.0.113.9"},
    {"<>", "null", ""},
    {"< >", "null", ""},
    {"", "null", ""},
    {"<alice>", "bare", "alice"},
    {"<POSTMASTER>", "bare", "postmaster"},
    {"<\"alice\">", "bare", "alice"},
    {"<alice@[192.0.2.1]>", "literal", "alice@[192.0.2.1]"},
    {"<alice@[IPv6:2001:DB8::1]>", "literal", "alice@[2001:db8::1]"},
    {"<alice@[ipv6:2001:db8::1]>", "literal", "alice@[2001:db8::1]"},
    {"<alice@[2001:db8::1]>", "literal", "alice@[unknown]"},
    {"<alice@[IPv6:::ffff:192.0.2.1]>", "literal", "alice@[unknown]"},
    {"<alice@[192.0.2.0/24]>", "literal", "alice@[unknown]"},
    {"<alice@[]>", "literal", "alice@[unknown]"},
    {"<alice@[x400:foo]>", "literal", "alice@[unknown]"},
    {"<v%victim.test@example.org>", "hop", "invalid"},
    {"<\"v%victim.test\"@example.org>", "hop", "invalid"},
    {"<v%victim.test>", "hop", "invalid"},
    {"<\"v@victim.test\">", "hop", "invalid"},
    {"<v@victim.test@example.org>", "hop", "invalid"},
    {"<\"v@victim.test\"@example.org>", "hop", "invalid"},
    {"<\"v\\@victim.test\"@example.org>", "hop", "invalid"},
    {"<v\\@victim.test@example.org>", "hop", "invalid"},
    {"<victim.test!v@example.org>", "hop", "invalid"},
    {"<victim.test!v>", "hop", "invalid"},
    {"<v(c)@victim.test>", "hop", "invalid"},
    {"<v;victim.test@example.org>", "hop", "invalid"},
    {"<v:victim.test@example.org>", "hop", "invalid"},
    {"<v,victim.test@example.org>", "hop", "invalid"},
    {"<v@@example.org>", "hop", "invalid"},
    {"<alice\\@example.org>", "hop", "invalid"},
    {"<@example.org:v@victim.test>", "hop", "invalid"},
    {"<@[192.0.2.1]:v@victim.test>", "hop", "invalid"},
    {"<@a.test,@b.test:v@victim.test>", "hop", "invalid"},
    {"<v%victim.test@[192.0.2.1]>", "hop", "invalid"},
    {"<\"a\\\\b\"@example.org>", "hop", "invalid"},
    {"<alice@>", "malformed", "invalid"},
    {"<@example.org>", "malformed", "invalid"},
    {"<\"\"@example.org>", "malformed", "invalid"},
    {"<@>", "malformed", "invalid"},
    {"<v@example.org!victim.test>", "malformed", "invalid"},
    {"<v@victim.test%example.org>", "malformed", "invalid"},
    {"<al ice@example.org>", "malformed", "invalid"},
    {"<alice@exam ple.org>", "malformed", "invalid"},
    {"<alice@example..org>", "malformed", "invalid"},
    {"<alice@.example.org>", "malformed", "invalid"},
    {"<alice@example.org..>", "malformed", "invalid"},
    {"<\"alice@example.org>", "malformed", "invalid"},
    {"<alice@example.org", "malformed", "invalid"},
    {"<", "malformed", "invalid"},
    {"<alice@example.org> x", "malformed", "invalid"},
    {"Name <v@victim.test>", "malformed", "invalid"},
    {"<<alice@example.org>>", "malformed", "invalid"},
    {"alice@example.org>", "malformed", "invalid"},
    {"<alice\r@example.org>", "malformed", "invalid"},
    {"<\"a\x01\"@example.org>", "malformed", "invalid"},
    {"<alice\x7f@example.org>", "malformed", "invalid"},
    {"<a@\xff\xfe.example>", "malformed", "invalid"},
    {"<a@[192.0.2.1>", "malformed", "invalid"},
    {"<a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org>",
     "malformed", "invalid"},
};

static void
test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(addresses); i++) {
        struct address a;
        char text[ADDRESS_TEXT];

        address_parse(addresses[i].raw, &a);
        address_canonical(&a, text);
        if (strcmp(forms[a.form], addresses[i].form) != 0 ||
            strcmp(text, addresses[i].canonical) != 0)
            fail_msg("%s: %s `%s', not %s `%s'", addresses[i].raw,
                     forms[a.form], text, addresses[i].form,
                     addresses[i].canonical);
    }
}

/* What is canonical parses to itself, for every row above. */
static void
test_canonical_is_stable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(addresses); i++) {
        struct address a;
        char once[ADDRESS_TEXT], twice[ADDRESS_TEXT];

        address_parse(addresses[i].raw, &a);
        if (a.form != ADDRESS_DOMAIN || strpbrk(a.local, " \"") != NULL)
            continue;
        address_canonical(&a, once);
        address_parse(once, &a);
        address_canonical(&a, twice);
        assert_string_equal(once, twice);
    }
}

static void
test_lengths(void **state)
{
    char raw[70000];
    struct address a;

    (void)state;
    for (size_t len = ADDRESS_LOCAL_MAX - 1; len <= ADDRESS_LOCAL_MAX + 1;
         len++) {
        memset(raw, 'a', len);
        memcpy(raw + len, "@example.org", sizeof("@example.org"));
        address_parse(raw, &a);
        assert_int_equal(a.form, len <= ADDRESS_LOCAL_MAX ? ADDRESS_DOMAIN
                                                          : ADDRESS_MALFORMED);
    }
    for (size_t len = 250; len <= 260; len++) { /* "a.a.a...." */
        memcpy(raw, "x@", 2);
        for (size_t i = 0; i < len; i++)
            raw[2 + i] = i % 2 ? '.' : 'a';
        if (len % 2 == 0)
            raw[1 + len] = 'b';
        raw[2 + len] = '\0';
        address_parse(raw, &a);
        assert_int_equal(a.form, len <= ADDRESS_DOMAIN_MAX ? ADDRESS_DOMAIN
                                                           : ADDRESS_MALFORMED);
    }
    memset(raw, '"', sizeof(raw) - 1);
    raw[sizeof(raw) - 1] = '\0';
    address_parse(raw, &a);
    assert_int_equal(a.form, ADDRESS_MALFORMED);
}

static void
test_login(void **state)
{
    static const struct {
        const char *row, *login;
        bool fold;
        const char *domain, *canonical; /* NULL: refused */
    } rows[] = {
        {"folded and completed", "Ann", true, "example.org", "ann@example.org"},
        {"complete already", "Ann@Example.ORG", true, "example.com",
         "ann@example.org"},
        {"not folded", "Ann@Example.ORG", false, NULL, "Ann@example.org"},
        {"left bare", "Ann", true, NULL, "ann"},
        {"left bare, empty default", "Ann", true, "", "ann"},
        {"a strange name", "DOM\\ann x", true, NULL, "dom\\ann x"},
        {"a bad realm", "ann@", true, NULL, NULL},
        {"a realm with blanks", "ann@a b", true, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[ADDRESS_TEXT];
        bool ok =
            address_login(rows[i].login, rows[i].fold, rows[i].domain, out);

        expect(rows[i].row, ok == (rows[i].canonical != NULL));
        expect(rows[i].row, !ok || strcmp(out, rows[i].canonical) == 0);
    }
}

static void
test_subject(void **state)
{
    static const char *const texts[] = {
        "client:192.0.2.7",  "prefix:192.0.2.0/24", "user:ann@example.org",
        "sender:a b@x.test", "domain:example.org",  "network:office",
    };
    struct subject a, b, c;
    char buf[SUBJECT_TEXT], long_name[SUBJECT_PART_MAX + 2];

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        assert_int_equal(subject_parse(texts[i], &a, NULL), MS_OK);
        assert_string_equal(subject_print(&a, buf), texts[i]);
        assert_true(subject_read(a.bytes, a.len, &b));
        assert_int_equal(b.kind, a.kind);
        for (size_t len = 0; len < a.len; len++) /* every cut is damage */
            assert_false(subject_read(a.bytes, len, &b));
    }
    assert_int_equal(subject_parse("ann@example.org", &a, NULL), MS_INVALID);
    assert_int_equal(subject_parse("pair:x", &a, NULL), MS_INVALID);
    /* two ways to divide the same text are two subjects */
    assert_true(
        subject_make_pair(SUBJECT_USER, "a+b", SUBJECT_SENDER, "c", &a));
    assert_true(
        subject_make_pair(SUBJECT_USER, "a", SUBJECT_SENDER, "b+c", &b));
    assert_true(a.len == b.len && memcmp(a.bytes, b.bytes, a.len) != 0);
    assert_string_equal(subject_print(&a, buf), "user+sender:a+b+c");
    assert_true(subject_read(a.bytes, a.len, &c));
    assert_int_equal(c.kind, SUBJECT_PAIR);
    assert_true(subject_make(SUBJECT_USER, "a\n\xff\\", &a));
    assert_string_equal(subject_print(&a, buf), "user:a\\x0A\\xFF\\x5C");
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_false(subject_make(SUBJECT_USER, long_name, &a));
    long_name[SUBJECT_PART_MAX] = '\0';
    assert_true(subject_make_pair(SUBJECT_USER, long_name, SUBJECT_SENDER,
                                  long_name, &a));
    (void)subject_print(&a, buf);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_canonical_is_stable),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_subject),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
