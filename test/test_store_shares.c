/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a store in this host does for a store that a fleet shares: it is told
 * what all hosts have counted, and later, while the other is away, it keeps
 * this host's share of a limit.
 */
#include <config.h>

#include <string.h>

#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = 60, NOTES = 3 };

static struct charge_item
item_of(const struct subject *subject, uint32_t n, uint32_t limit)
{
    return (struct charge_item){.subject = subject,
                                .window = 1,
                                .span_s = SPAN_S,
                                .n = n,
                                .limit = limit};
}

/* N events were admitted here, and now the fleet has counted FLEET. */
static void
admit(struct lab *lab, const struct subject *subject, uint32_t n,
      uint64_t fleet)
{
    struct charge_item item = item_of(subject, n, 100);

    item.kind = CHARGE_NOTE;
    item.fleet = fleet;
    assert_true(lab_charge(lab, &item, 1));
}

/* May this host have N of LIMIT, as one of HOSTS? */
static bool
may_have(struct lab *lab, const struct subject *subject, uint32_t n,
         uint32_t limit, uint16_t hosts)
{
    struct charge_item item = item_of(subject, n, limit);

    item.kind = CHARGE_LOOK;
    item.hosts = hosts;
    return lab_charge(lab, &item, 1);
}

static void
test_share(void **state)
{
    static const struct {
        const char *row;
        struct {
            uint32_t n;
            uint64_t fleet;
        } note[NOTES];
        uint32_t limit;
        uint16_t hosts;
        uint32_t share;
    } rows[] = {
        {"not asked as one of a fleet", {{1, 100}}, 100, 0, 100},
        {"the only host", {{1, 1}}, 100, 1, 100},
        {"one of three that knows nothing", {{0, 0}}, 100, 3, 34},
        {"what cannot be divided is rounded up", {{0, 0}}, 1, 9, 1},
        {"a limit of nothing", {{5, 5}}, 0, 3, 0},
        {"all was counted here", {{5, 5}}, 100, 3, 100},
        {"two thirds were", {{4, 6}}, 100, 3, 67},
        {"a tenth was: never less than the others", {{1, 10}}, 100, 3, 34},
        {"as last known", {{8, 10}, {1, 90}}, 100, 3, 34},
        {"and not of what was told nothing of", {{8, 10}, {1, 0}}, 100, 3, 80},
        {"more here than the fleet knows of", {{9, 2}}, 100, 3, 100},
        {"far more than 32 bits", {{4, UINT64_MAX}}, 100, 2, 50},
        {"a great limit", {{1, 2}}, UINT32_MAX, 3, UINT32_MAX / 2},
        {"more hosts than the limit", {{0, 0}}, 10, 65535, 1},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(*state);
        struct subject ann = lab_subject("user:ann");
        uint32_t share = rows[i].share, used = 0;

        for (size_t j = 0; j < NOTES && rows[i].note[j].n > 0; j++) {
            admit(lab, &ann, rows[i].note[j].n, rows[i].note[j].fleet);
            used += rows[i].note[j].n;
        }
        expect(rows[i].row,
               share < used || may_have(lab, &ann, share - used, rows[i].limit,
                                        rows[i].hosts));
        expect(rows[i].row,
               !may_have(lab, &ann, share < used ? 0 : share - used + 1,
                         rows[i].limit, rows[i].hosts));
        lab_end(lab);
    }
}

/* What was admitted beyond the share counts against it. */
static void
test_share_is_used_up(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");

    admit(lab, &ann, 40, 80); /* half of 100 */
    assert_true(may_have(lab, &ann, 10, 100, 10));
    assert_false(may_have(lab, &ann, 11, 100, 10));
    assert_int_equal(lab->answers.item[0].used, 51);
    assert_true(may_have(lab, &ann, 60, 100, 0));
    lab_end(lab);
}

/* A message that only the whole fleet's limit could take is not refused for
 * good: the fleet will be whole again. */
static void
test_room_of_a_share(void **state)
{
    static const struct {
        const char *row;
        uint32_t n;
        bool never;
    } rows[] = {
        {"a little more than the share", 26, false},
        {"the whole limit", 100, false},
        {"more than that never fits", 101, true},
    };
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t room_ms;

        expect(rows[i].row, !may_have(lab, &ann, rows[i].n, 100, 4));
        room_ms = lab->answers.item[0].room_ms;
        expect(rows[i].row, (room_ms == UINT64_MAX) == rows[i].never);
        expect(rows[i].row, room_ms > 0);
    }
    lab_end(lab);
}

/* Who is throttled has a share of that rate. */
static void
test_throttled_share(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct charge_item item = item_of(&ann, 10, 100);

    lab_judge(lab, &ann, STANDING_THROTTLED, 30, 0);
    item.throttled = true;
    item.hosts = 3;
    assert_true(lab_charge(lab, &item, 1));
    item.n = 1;
    assert_false(lab_charge(lab, &item, 1));
    lab_end(lab);
}

/* A reset, a put and a restart know nothing of the fleet any more. */
static void
test_part_is_forgotten(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann"), bob = lab_subject("user:bob");
    bool found;

    admit(lab, &ann, 1, 1);
    assert_true(may_have(lab, &ann, 99, 100, 2));
    assert_int_equal(store_get(lab->store, &ann, lab_now(lab), &found, &record),
                     MS_OK);
    assert_int_equal(store_reset(lab->store, &ann, 1, lab_now(lab), &found),
                     MS_OK);
    assert_true(may_have(lab, &ann, 50, 100, 2));
    assert_false(may_have(lab, &ann, 51, 100, 2));
    admit(lab, &ann, 1, 1);
    assert_int_equal(store_put(lab->store, &record, lab_now(lab)), MS_OK);
    assert_false(may_have(lab, &ann, 50, 100, 2));
    admit(lab, &bob, 1, 1);
    if (lab->kind->keeps) {
        lab_reopen(lab);
        assert_false(may_have(lab, &bob, 50, 100, 2));
        assert_true(may_have(lab, &bob, 49, 100, 2));
    }
    lab_end(lab);
}

/* The bits beside the longest span are its neighbours'. */
static void
test_longest_span(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct charge_item item = item_of(&ann, 1, 100);

    item.span_s = 366 * 86400;
    item.fleet = 1;
    assert_true(lab_charge(lab, &item, 1));
    item.hosts = 4;
    item.n = 99;
    assert_true(lab_charge(lab, &item, 1));
    assert_int_equal(lab_used(lab, &ann, 1), 100);
    item.n = 1;
    assert_false(lab_charge(lab, &item, 1));
    lab_end(lab);
}

#define IN_MEMORY(test)                                                        \
    {                                                                          \
        .name = "memory: " #test, .test_func = (test),                         \
        .initial_state = (void *)&lab_kinds[0]                                 \
    }
#define EMBEDDED(test)                                                         \
    {                                                                          \
        .name = "embedded: " #test, .test_func = (test),                       \
        .initial_state = (void *)lab_embedded()                                \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_MEMORY(test_share),
        EMBEDDED(test_share),
        IN_MEMORY(test_share_is_used_up),
        EMBEDDED(test_share_is_used_up),
        IN_MEMORY(test_room_of_a_share),
        IN_MEMORY(test_throttled_share),
        IN_MEMORY(test_part_is_forgotten),
        EMBEDDED(test_part_is_forgotten),
        IN_MEMORY(test_longest_span),
        EMBEDDED(test_longest_span),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
