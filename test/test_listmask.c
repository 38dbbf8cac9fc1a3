/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of DNS lists: how masks are written, and what they match. */
#include <config.h>

#include "policy/listmask.h"

#include <string.h>

#include "test/unit.h"

/* ----- how they are written */

static const struct {
    const char *name, *text;
    bool good;
} texts[] = {
    {"an address", "127.0.0.2", true},
    {"a range", "127.0.0.2-11", true},
    {"a range of one", "127.0.0.2-2", true},
    {"all of it", "127.0.0.0-255", true},
    {"bits", "127.0.0.&12", true},
    {"all bits", "127.0.0.&255", true},
    {"another network", "127.1.2.3", true},
    {"nothing", "", false},
    {"not of loopback", "10.0.0.2", false},
    {"three octets", "127.0.0", false},
    {"five octets", "127.0.0.2.3", false},
    {"a dot behind", "127.0.0.2.", false},
    {"a range backwards", "127.0.0.11-2", false},
    {"a range without end", "127.0.0.2-", false},
    {"a range of two addresses", "127.0.0.2-127.0.0.11", false},
    {"a range within", "127.0.0-1.2", false},
    {"no bits", "127.0.0.&", false},
    {"bits of nothing", "127.0.0.&0", false},
    {"bits and a range", "127.0.0.&2-4", false},
    {"too large an octet", "127.0.0.256", false},
    {"a larger one", "127.0.0.99999999999999999999", false},
    {"a zero in front", "127.0.0.02", false},
    {"a sign", "127.0.0.+2", false},
    {"a blank", "127.0.0. 2", false},
    {"a prefix", "127.0.0.0/24", false},
    {"a name", "listed", false},
};

static void
test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct listmask mask, before;

        memset(&mask, 0x5a, sizeof(mask));
        before = mask;
        expect(texts[i].name,
               listmask_parse(texts[i].text, &mask) == texts[i].good);
        expect(texts[i].name,
               texts[i].good || memcmp(&mask, &before, sizeof(mask)) == 0);
    }
}

/* ----- what they match */

static const struct {
    const char *name, *mask;
    uint8_t code[4];
    bool matches;
} matches[] = {
    {"its address", "127.0.0.2", {127, 0, 0, 2}, true},
    {"another one", "127.0.0.2", {127, 0, 0, 3}, false},
    {"the same of another network", "127.0.0.2", {127, 0, 1, 2}, false},
    {"below the range", "127.0.0.4-7", {127, 0, 0, 3}, false},
    {"its first", "127.0.0.4-7", {127, 0, 0, 4}, true},
    {"its last", "127.0.0.4-7", {127, 0, 0, 7}, true},
    {"above it", "127.0.0.4-7", {127, 0, 0, 8}, false},
    {"one bit of two", "127.0.0.&12", {127, 0, 0, 4}, true},
    {"the other, and more", "127.0.0.&12", {127, 0, 0, 10}, true},
    {"none of them", "127.0.0.&12", {127, 0, 0, 3}, false},
    {"bits of another network", "127.0.0.&12", {127, 1, 0, 4}, false},
};

static void
test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(matches); i++) {
        struct listmask mask;

        expect(matches[i].name, listmask_parse(matches[i].mask, &mask));
        expect(matches[i].name,
               listmask_matches(&mask, matches[i].code) == matches[i].matches);
    }
}

/* ----- what means a listing */

static const struct {
    const char *name;
    uint8_t code[4];
    bool error, any, range; /* without a mask; with 127.0.0.0-11 */
} codes[] = {
    {"what every list has", {127, 0, 0, 2}, false, true, true},
    {"another code", {127, 0, 0, 12}, false, true, false},
    {"what no list may have", {127, 0, 0, 1}, true, false, false},
    {"zero", {127, 0, 0, 0}, false, true, true},
    {"blocked", {127, 255, 255, 254}, true, false, false},
    {"blocked, first", {127, 255, 255, 0}, true, false, false},
    {"nearly blocked", {127, 255, 254, 255}, false, true, false},
    {"a parked domain", {203, 0, 113, 5}, true, false, false},
    {"this network", {0, 0, 0, 0}, true, false, false},
};

static void
test_codes(void **state)
{
    struct listmask mask;

    (void)state;
    assert_true(listmask_parse("127.0.0.0-11", &mask));
    for (size_t i = 0; i < ROWS(codes); i++) {
        expect(codes[i].name,
               listmask_is_error(codes[i].code) == codes[i].error);
        expect(codes[i].name,
               listmask_lists(NULL, 0, codes[i].code) == codes[i].any);
        expect(codes[i].name,
               listmask_lists(&mask, 1, codes[i].code) == codes[i].range);
    }
}

/* The second mask counts as much as the first. */
static void
test_second_mask(void **state)
{
    const uint8_t code[] = {127, 0, 0, 9};
    struct listmask mask[2];

    (void)state;
    assert_true(listmask_parse("127.0.0.2", &mask[0]));
    assert_true(listmask_parse("127.0.0.&8", &mask[1]));
    assert_false(listmask_lists(mask, 1, code));
    assert_true(listmask_lists(mask, 2, code));
}

static void
test_code(void **state)
{
    static const uint8_t said[] = {127, 0, 0, 4};
    static const char *const bad[] = {"",           "127.0.0",    "127.0.0.",
                                      "127.0.0.4.", "127.0.0.4 ", "127.0.0.256",
                                      "127.0.0.x",  "127-0.0.4"};
    uint8_t code[4];

    (void)state;
    assert_true(listmask_code("127.0.0.4", code));
    assert_memory_equal(code, said, sizeof(code));
    for (size_t i = 0; i < ROWS(bad); i++)
        expect(bad[i], !listmask_code(bad[i], code));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts), cmocka_unit_test(test_matches),
        cmocka_unit_test(test_codes), cmocka_unit_test(test_second_mask),
        cmocka_unit_test(test_code),
    };

    return cmocka_run_group_tests_name("listmask", tests, NULL, NULL);
}
