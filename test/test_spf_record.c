/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/worker/record.h"

#include <stdio.h>
#include <string.h>

#include "test/scarce.h"
#include "test/unit.h"

/* ----- what is a record */

static const struct row {
    const char *record;
    int terms; /* -1: it is none */
} rows[] = {
    {"v=spf1", 0},
    {"v=spf1 ", 0},
    {"v=spf1   -all   ", 1},
    {"V=SPF1 A MX PTR -ALL", 4},
    {"v=spf1 +a -mx ~ptr ?all", 4},
    {"v=spf1 !all", -1},
    {"v=spf1 +-all", -1},
    {"v=spf1 -all\r", -1},
    {"v=spf1 all:", -1},
    {"v=spf1 all/8", -1},
    {"v=spf1 all.", -1},
    {"v=spf1 any", -1},
    {"v=spf1 include", -1},
    {"v=spf1 include:", -1},
    {"v=spf1 include:a.example", 1},
    {"v=spf1 include:a.example.", 1},
    {"v=spf1 include:a.example..", -1},
    {"v=spf1 include:a.example/24", -1},
    {"v=spf1 include:%{d}", 1},
    {"v=spf1 include:%{d}.", -1},
    {"v=spf1 include:%{d}.x", 1},
    {"v=spf1 exists:%{i}._spf.%{d}", 1},
    {"v=spf1 exists:%{ir}.%{v}._spf.%{d2}", 1},
    {"v=spf1 exists:%{l1r+-,/_=.}.%{o}", 1},
    {"v=spf1 exists:%{d0}", -1},
    {"v=spf1 exists:%{d00}", -1},
    {"v=spf1 exists:%{d999}", 1},
    {"v=spf1 exists:%{d1000}", -1},
    {"v=spf1 exists:%{dr1}", -1},
    {"v=spf1 exists:%{d", -1},
    {"v=spf1 exists:%{}", -1},
    {"v=spf1 exists:%{x}", -1},
    {"v=spf1 exists:%{c}", -1},
    {"v=spf1 exists:%{d|}", -1},
    {"v=spf1 exists:%d", -1},
    {"v=spf1 exists:%", -1},
    {"v=spf1 exists:a%%b.example", 1},
    {"v=spf1 exists:a%_b%-c.example", 1},
    {"v=spf1 exists:a.example%%", 1},
    {"v=spf1 a:b", -1},
    {"v=spf1 a:b.c1", 1},
    {"v=spf1 a:b.1c", 1},
    {"v=spf1 a:b.1-1", 1},
    {"v=spf1 a:b.11", -1},
    {"v=spf1 a:b.-c", -1},
    {"v=spf1 a:b.c-", -1},
    {"v=spf1 a:b.c_d", -1},
    {"v=spf1 a:_b.example", 1},
    {"v=spf1 a/0", 1},
    {"v=spf1 a/32", 1},
    {"v=spf1 a/33", -1},
    {"v=spf1 a/032", -1},
    {"v=spf1 a/00", -1},
    {"v=spf1 a/", -1},
    {"v=spf1 a//", -1},
    {"v=spf1 a//0", 1},
    {"v=spf1 a//128", 1},
    {"v=spf1 a//129", -1},
    {"v=spf1 a/24//64", 1},
    {"v=spf1 a/24/64", -1},
    {"v=spf1 a//64/24", -1},
    {"v=spf1 a:b.example/24//64", 1},
    {"v=spf1 mx:b.example//64", 1},
    {"v=spf1 ptr/24", -1},
    {"v=spf1 ptr:b.example", 1},
    {"v=spf1 ip4:192.0.2.1", 1},
    {"v=spf1 ip4:192.0.2.0/24", 1},
    {"v=spf1 ip4:192.0.2.0/33", -1},
    {"v=spf1 ip4:192.0.2", -1},
    {"v=spf1 ip4:192.0.2.01", -1},
    {"v=spf1 ip4:192.0.2.256", -1},
    {"v=spf1 ip4:2001:db8::1", -1},
    {"v=spf1 ip4:/24", -1},
    {"v=spf1 ip4=192.0.2.1", 0}, /* a modifier that nobody knows */
    {"v=spf1 ip6:2001:db8::/32", 1},
    {"v=spf1 ip6:::/0", 1},
    {"v=spf1 ip6:::ffff:192.0.2.1", 1},
    {"v=spf1 ip6:192.0.2.1", -1},
    {"v=spf1 ip6:fe80::1%eth0", -1},
    {"v=spf1 redirect=a.example", 0},
    {"v=spf1 redirect=a.example redirect=b.example", -1},
    {"v=spf1 REDIRECT=a.example redirect=b.example", -1},
    {"v=spf1 redirect=", -1},
    {"v=spf1 redirect=a.example/24", -1},
    {"v=spf1 redirect:a.example", -1},
    {"v=spf1 -redirect=a.example", -1},
    {"v=spf1 exp=a.example exp=a.example", -1},
    {"v=spf1 exp=", -1},
    {"v=spf1 exp=%{d}", 0},
    {"v=spf1 moo=", 0},
    {"v=spf1 moo=%{x}", -1},
    {"v=spf1 moo=a=b/c:d", 0},
    {"v=spf1 m-o_o.2=a", 0},
    {"v=spf1 2moo=a", -1},
    {"v=spf1 =a", -1},
    {"v=spf1 -", -1},
    {"v=spf1 a\x80", -1},
};

static void
the_grammar_is_kept_to_the_letter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct record record = {0};
        char why[RECORD_WHY];
        enum ms_err err =
            record_read(rows[i].record, strlen(rows[i].record), &record, why);

        expect(rows[i].record,
               rows[i].terms < 0 ? err == MS_INVALID : err == MS_OK);
        if (err == MS_OK)
            expect(rows[i].record, record.n == (size_t)rows[i].terms);
        else
            expect(rows[i].record, strncmp(why, "syntax error at", 15) == 0);
        record_clear(&record);
    }
}

/* ----- what is read */

static void
a_term_is_read_with_all_it_says(void **state)
{
    static const char text[] = "v=spf1 ~a:%{P}.example./24//64 "
                               "ip6:2001:db8::/33 redirect=next.example";
    struct record r;
    char why[RECORD_WHY];

    (void)state;
    assert_int_equal(record_read(text, sizeof(text) - 1, &r, why), MS_OK);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.term[0].kind, TERM_A);
    assert_int_equal(r.term[0].qualifier, '~');
    assert_int_equal(r.term[0].spec_len, strlen("%{P}.example"));
    assert_true(r.term[0].uses_p);
    assert_int_equal(r.term[0].cidr4, 24);
    assert_int_equal(r.term[0].cidr6, 64);
    assert_int_equal(r.term[0].text_len, strlen("~a:%{P}.example./24//64"));
    assert_int_equal(r.term[1].kind, TERM_IP6);
    assert_int_equal(r.term[1].cidr6, 33);
    assert_int_equal(r.term[1].network[3], 0xb8);
    assert_int_equal(r.redirect.spec_len, strlen("next.example"));
    record_clear(&r);
}

static void
where_there_is_all_redirect_is_nothing(void **state)
{
    static const char text[] = "v=spf1 redirect=a.example -all";
    struct record r;
    char why[RECORD_WHY];

    (void)state;
    assert_int_equal(record_read(text, sizeof(text) - 1, &r, why), MS_OK);
    assert_int_equal(r.redirect.spec_len, 0);
    record_clear(&r);
}

static void
a_nul_is_no_letter(void **state)
{
    static const char text[] = "v=spf1 ip4:192.0.2.1\0";
    struct record r;
    char why[RECORD_WHY];

    (void)state;
    assert_int_equal(record_read(text, sizeof(text) - 2, &r, why), MS_OK);
    record_clear(&r);
    assert_int_equal(record_read(text, sizeof(text) - 1, &r, why), MS_INVALID);
}

/* A domain-spec of N times WORD. */
static enum ms_err
read_many(const char *word, size_t n)
{
    char text[4096] = "v=spf1 exists:", why[RECORD_WHY];
    size_t len = strlen(text), size = strlen(word);
    struct record r = {0};
    enum ms_err err;

    for (size_t i = 0; i < n; i++, len += size)
        memcpy(text + len, word, size);
    memcpy(text + len, "a.example", 9);
    err = record_read(text, len + 9, &r, why);
    record_clear(&r);
    return err;
}

static void
bombs_are_no_records(void **state)
{
    (void)state;
    assert_int_equal(read_many("%{d}", RECORD_MACROS), MS_OK);
    assert_int_equal(read_many("%{d}", RECORD_MACROS + 1), MS_INVALID);
    assert_int_equal(read_many("x", RECORD_SPEC - 9), MS_OK);
    assert_int_equal(read_many("x", RECORD_SPEC - 8), MS_INVALID);
}

static void
what_asks_the_dns_is_known(void **state)
{
    static const char text[] = "v=spf1 ip4:192.0.2.1 ip6:::1 all a mx ptr "
                               "include:a.example exists:a.example";
    struct record r;
    char why[RECORD_WHY];

    (void)state;
    assert_int_equal(record_read(text, sizeof(text) - 1, &r, why), MS_OK);
    for (size_t i = 0; i < r.n; i++)
        assert_int_equal(term_asks(&r.term[i]), i >= 3);
    record_clear(&r);
}

static void
no_memory_is_told_from_no_record(void **state)
{
    struct record r = {0};
    char why[RECORD_WHY];

    (void)state;
    scarce_set(1);
    assert_int_equal(record_read("v=spf1 -all", 11, &r, why), MS_NOMEM);
    scarce_set(0);
    assert_null(r.term);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_grammar_is_kept_to_the_letter),
        cmocka_unit_test(a_term_is_read_with_all_it_says),
        cmocka_unit_test(where_there_is_all_redirect_is_nothing),
        cmocka_unit_test(a_nul_is_no_letter),
        cmocka_unit_test(bombs_are_no_records),
        cmocka_unit_test(what_asks_the_dns_is_known),
        cmocka_unit_test(no_memory_is_told_from_no_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
