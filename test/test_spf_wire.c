/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf_wire.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

/* ----- frames that are none */

/* A frame of KIND with BODY. */
struct row {
    const char *rule;
    bool request; /* else a reply */
    uint8_t kind;
    int told; /* its length; 0: the true one, -1: none */
    const char *body;
    size_t len;
    bool good;
};

#define BODY(text) text, sizeof(text) - 1
#define CLIENT "\x04\xc0\x00\x02\x01"
#define NAMES "\0\x02h\0\0\x02s\0\0\x02r\0"
#define NAME "\0\x02n\0"

static const struct row rows[] = {
    {"a request without answers", true, 2, 0, BODY(CLIENT NAMES), true},
    {"a request is no reply", false, 2, 0, BODY(CLIENT NAMES), false},
    {"a greeting is no request", true, 1, 0, BODY(CLIENT NAMES), false},
    {"a kind of 0 is none", true, 0, 0, BODY(CLIENT NAMES), false},
    {"a kind above the last is none", true, 5, 0, BODY(CLIENT NAMES), false},
    {"a length one too short", true, 2, 24, BODY(CLIENT NAMES), false},
    {"a length one too long", true, 2, 26, BODY(CLIENT NAMES), false},
    {"a length of 0", true, 2, -1, BODY(CLIENT NAMES), false},
    {"a client of IPv6", true, 2, 0,
     BODY("\x06"
          "0123456789abcdef" NAMES),
     true},
    {"a client of no family", true, 2, 0, BODY("\x05\x01\x02\x03\x04" NAMES),
     false},
    {"a client cut short", true, 2, 0, BODY("\x06\x01\x02"), false},
    {"no body", true, 2, 0, BODY(""), false},
    {"a name without its NUL", true, 2, 0,
     BODY(CLIENT "\0\x02hh\0\x02s\0\0\x02r\0"), false},
    {"a name with a NUL inside", true, 2, 0,
     BODY(CLIENT "\0\x03h\0\0\0\x02s\0\0\x02r\0"), false},
    {"a name of length 0", true, 2, 0, BODY(CLIENT "\0\0\0\x02s\0\0\x02r\0"),
     false},
    {"a name that ends behind the frame", true, 2, 0,
     BODY(CLIENT "\xff\xffh\0\0\x02s\0\0\x02r\0"), false},
    {"an address", true, 2, 0,
     BODY(CLIENT NAMES "\0\x01\0" NAME "\x01\0\x04"
                       "1234"),
     true},
    {"an address of five octets", true, 2, 0,
     BODY(CLIENT NAMES "\0\x01\0" NAME "\x01\0\x05"
                       "12345"),
     false},
    {"an IPv6 address of four", true, 2, 0,
     BODY(CLIENT NAMES "\0\x1c\0" NAME "\x01\0\x04"
                       "1234"),
     false},
    {"a type that is not asked for", true, 2, 0,
     BODY(CLIENT NAMES "\0\x02\0" NAME "\0"), false},
    {"a status that is none", true, 2, 0,
     BODY(CLIENT NAMES "\0\x01\x04" NAME "\0"), false},
    {"records of a name that is not there", true, 2, 0,
     BODY(CLIENT NAMES "\0\x01\x02" NAME "\x01\0\x04"
                       "1234"),
     false},
    {"fewer records than were told", true, 2, 0,
     BODY(CLIENT NAMES "\0\x01\0" NAME "\x02\0\x04"
                       "1234"),
     false},
    {"a record that ends behind the frame", true, 2, 0,
     BODY(CLIENT NAMES "\0\x10\0" NAME "\x01\xff\xff"
                       "1234"),
     false},
    {"a host's name with a NUL in it", true, 2, 0,
     BODY(CLIENT NAMES "\0\x0f\0" NAME "\x01\0\x03"
                       "a\0b"),
     false},
    {"something behind the last answer", true, 2, 0,
     BODY(CLIENT NAMES "\0\x01\0" NAME "\0"
                       "x"),
     false},
    {"a result", false, 4, 0, BODY("\x01\x02\0\x02" NAME), true},
    {"a result that is none", false, 4, 0, BODY("\x01\x02\0\x07" NAME), false},
    {"a result without words", false, 4, 0, BODY("\x01\x02\0\x02"), false},
    {"a result with something behind", false, 4, 0,
     BODY("\x01\x02\0\x02" NAME "x"), false},
    {"a question", false, 3, 0, BODY("\x01\x02\0\x10" NAME), true},
    {"a question for nothing", false, 3, 0, BODY("\x01\x02\0\x10\0\x01\0"),
     false},
    {"a question for a type that we do not ask", false, 3, 0,
     BODY("\x01\x02\0\xff" NAME), false},
};

static void
what_is_not_exactly_a_frame_is_none(void **state)
{
    static struct spf_request request;
    struct spf_reply reply;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t len = 8 + rows[i].len, told = len;
        uint8_t *frame = malloc(len); /* so that what is read past it shows */

        assert_non_null(frame);
        if (rows[i].told != 0)
            told = rows[i].told > 0 ? (size_t)rows[i].told : 0;
        memcpy(
            frame,
            (const uint8_t[]){'M', 1, rows[i].kind, 0, 0, 0, 0, (uint8_t)told},
            8);
        memcpy(frame + 8, rows[i].body, rows[i].len);
        if (rows[i].request)
            expect(rows[i].rule,
                   spf_request_read(frame, len, &request) == rows[i].good);
        else
            expect(rows[i].rule,
                   spf_reply_read(frame, len, &reply) == rows[i].good);
        free(frame);
    }
}

static void
a_frame_cut_anywhere_is_none(void **state)
{
    static const char body[] = CLIENT NAMES "\0\x10\0" NAME "\x01\0\x06"
                                            "v=spf1";
    static struct spf_request request;
    uint8_t frame[8 + sizeof(body) - 1] = {'M', 1, 2, 0,
                                           0,   0, 0, (uint8_t)sizeof(frame)};

    (void)state;
    memcpy(frame + 8, body, sizeof(body) - 1);
    assert_true(spf_request_read(frame, sizeof(frame), &request));
    for (size_t len = 0; len < sizeof(frame); len++) {
        uint8_t *cut = malloc(len + 1);

        assert_non_null(cut);
        memcpy(cut, frame, len);
        assert_false(spf_request_read(cut, len, &request));
        free(cut);
    }
}

static void
another_version_is_not_understood(void **state)
{
    struct spf_reply reply = {.result = SPF_PASS};
    struct spf_out out = {0};

    (void)state;
    assert_int_equal(spf_reply_write(&reply, &out), MS_OK);
    assert_true(spf_reply_read(out.data, out.len, &reply));
    out.data[1]++;
    assert_false(spf_reply_read(out.data, out.len, &reply));
    free(out.data);
}

/* ----- what comes back */

static void
a_reply_is_read_as_it_was_written(void **state)
{
    struct spf_reply question = {.asks = true,
                                 .terms = 3,
                                 .voids = 1,
                                 .name = "a.example",
                                 .type = RESOLVER_AAAA};
    struct spf_reply result = {
        .terms = 10, .voids = 2, .result = SPF_SOFTFAIL, .detail = "~all"};
    struct spf_out out = {0};
    struct spf_reply got;

    (void)state;
    assert_int_equal(spf_reply_write(&question, &out), MS_OK);
    assert_true(spf_reply_read(out.data, out.len, &got));
    assert_true(got.asks && got.terms == 3 && got.voids == 1);
    assert_string_equal(got.name, "a.example");
    assert_int_equal(got.type, RESOLVER_AAAA);
    assert_int_equal(spf_reply_write(&result, &out), MS_OK);
    assert_true(spf_reply_read(out.data, out.len, &got));
    assert_true(!got.asks && got.terms == 10 && got.voids == 2);
    assert_int_equal(got.result, SPF_SOFTFAIL);
    assert_string_equal(got.detail, "~all");
    free(out.data);
}

static void
words_are_printable_and_end(void **state)
{
    char text[LOOKUPS_DETAIL + 10], out[LOOKUPS_DETAIL];

    (void)state;
    spf_printable("a\r\n\x1b\x80"
                  "b",
                  6, out);
    assert_string_equal(out, "a????b");
    memset(text, 'x', sizeof(text));
    spf_printable(text, LOOKUPS_DETAIL - 1, out);
    assert_int_equal(strlen(out), LOOKUPS_DETAIL - 1);
    assert_int_equal(out[LOOKUPS_DETAIL - 2], 'x');
    spf_printable(text, LOOKUPS_DETAIL, out);
    assert_string_equal(out + LOOKUPS_DETAIL - 4, "...");
}

static void
a_frame_that_grows_too_much_is_an_error(void **state)
{
    struct spf_out out = {0};
    uint8_t octets[1024] = {0};

    (void)state;
    spf_frame_begin(&out, SPF_FRAME_REQUEST);
    for (int i = 0; i < 63; i++)
        spf_put_bytes(&out, octets, sizeof(octets));
    spf_put_bytes(&out, octets, sizeof(octets) - 8);
    assert_int_equal(spf_frame_end(&out), MS_OK);
    assert_int_equal(out.len, SPF_FRAME);
    spf_put_u8(&out, 0);
    assert_int_equal(spf_frame_end(&out), MS_INVALID);
    free(out.data);
}

static void
records_of_spf_are_told_from_others(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } texts[] = {{"v=spf1", true},        {"v=spf1 -all", true},
                 {"V=SpF1 -all", true},   {"v=spf1\t-all", false},
                 {"v=spf10 -all", false}, {"v=spf", false},
                 {" v=spf1", false},      {"", false},
                 {"v=spf1-all", false}};

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++)
        expect(texts[i].text,
               spf_is_record(texts[i].text, strlen(texts[i].text)) ==
                   texts[i].is);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_exactly_a_frame_is_none),
        cmocka_unit_test(a_frame_cut_anywhere_is_none),
        cmocka_unit_test(another_version_is_not_understood),
        cmocka_unit_test(a_reply_is_read_as_it_was_written),
        cmocka_unit_test(words_are_printable_and_end),
        cmocka_unit_test(a_frame_that_grows_too_much_is_an_error),
        cmocka_unit_test(records_of_spf_are_told_from_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
