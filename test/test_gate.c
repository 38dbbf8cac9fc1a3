/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/gate.h"

#include <pthread.h>

#include "test/unit.h"

static void
so_many_wait_and_no_more(void **state)
{
    struct gate gate = {0};

    (void)state;
    for (unsigned i = 0; i < GATE_WAITING; i++)
        assert_true(gate_enter(&gate));
    assert_false(gate_enter(&gate));
    assert_false(gate_enter(&gate));
}

static void
who_leaves_makes_room_for_one(void **state)
{
    struct gate gate = {0};

    (void)state;
    for (unsigned i = 0; i < GATE_WAITING; i++)
        assert_true(gate_enter(&gate));
    assert_false(gate_enter(&gate));
    gate_leave(&gate);
    assert_true(gate_enter(&gate));
    assert_false(gate_enter(&gate));
}

/* ----- a crowd */

enum { CROWD = 12, TURNS = 20000 };

struct crowd {
    struct gate gate;
    atomic_uint inside, most, entered;
};

static void
note_most(struct crowd *crowd, unsigned n)
{
    unsigned most = atomic_load(&crowd->most);

    while (n > most && !atomic_compare_exchange_weak(&crowd->most, &most, n))
        ;
}

static void *
push(void *arg)
{
    struct crowd *crowd = arg;

    for (unsigned i = 0; i < TURNS; i++) {
        if (!gate_enter(&crowd->gate))
            continue;
        note_most(crowd, atomic_fetch_add(&crowd->inside, 1) + 1);
        atomic_fetch_add(&crowd->entered, 1);
        atomic_fetch_sub(&crowd->inside, 1);
        gate_leave(&crowd->gate);
    }
    return NULL;
}

static void
a_crowd_finds_no_ninth_place_and_leaves_it_empty(void **state)
{
    static struct crowd crowd;
    pthread_t thread[CROWD];

    (void)state;
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, push, &crowd), 0);
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_true(atomic_load(&crowd.most) <= GATE_WAITING);
    assert_true(atomic_load(&crowd.entered) >= GATE_WAITING);
    assert_int_equal(atomic_load(&crowd.gate.waiting), 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_wait_and_no_more),
        cmocka_unit_test(who_leaves_makes_room_for_one),
        cmocka_unit_test(a_crowd_finds_no_ninth_place_and_leaves_it_empty),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
