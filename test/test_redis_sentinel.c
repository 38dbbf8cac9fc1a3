/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sentinels: the master is found, a new one is followed, an old one is left
 * alone.
 */
#include <config.h>

#include "policy/store/redis/nodes.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/nodes_lab.h"
#include "test/unit.h"

/* Sentinels that tie vote again after twice their failover-timeout */
enum { FAILOVER_MS = 40000 };

/* Somebody who counts all the time. */
struct caller {
    struct lab *lab;
    pthread_t thread;
    _Atomic bool stop;
    int64_t good, unknown;
    int64_t longest_ms;
};

static void *
call_on(void *arg)
{
    struct caller *caller = arg;

    while (!atomic_load(&caller->stop)) {
        struct outcome out = count(caller->lab, "a", "1");

        caller->good += out.err == MS_OK;
        caller->unknown += out.err != MS_OK && out.unknown;
        if (out.took_ms > caller->longest_ms)
            caller->longest_ms = out.took_ms;
        if (out.err != MS_OK)
            pause_ms(2);
    }
    return NULL;
}

/* How many ms after the Sentinels agree is it used? */
static int64_t
follow(struct lab *lab, size_t old)
{
    int64_t until = now_ms() + FAILOVER_MS;

    while (farm_master(lab->farm) == old) {
        if (now_ms() > until)
            fail_msg("the Sentinels find no other master");
        pause_ms(10);
    }
    return recovery(lab, "b", 5000);
}

static uint64_t
calls_of(struct lab *lab, size_t i)
{
    const char *text = farm_ask(lab->farm, i, "INFO commandstats");
    const char *at = strstr(text, "cmdstat_evalsha:calls=");

    return at != NULL ? strtoull(at + 22, NULL, 10) : 0;
}

static void
test_killed(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);
    struct caller callers[4];
    size_t old = farm_master(lab->farm);
    int64_t good = 0, value;

    (void)state;
    for (size_t i = 0; i < ROWS(callers); i++) {
        callers[i] = (struct caller){.lab = lab};
        assert_int_equal(
            pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
    pause_ms(200);
    farm_signal(lab->farm, old, SIGKILL);
    assert_true(follow(lab, old) < RECOVERY_MS);
    pause_ms(200);
    for (size_t i = 0; i < ROWS(callers); i++) {
        atomic_store(&callers[i].stop, true);
        (void)pthread_join(callers[i].thread, NULL);
        good += callers[i].good;
        assert_true(callers[i].longest_ms < 600);
    }
    /* nothing is counted twice; what was lost with the master is */
    value = count(lab, "a", "0").value;
    assert_true(value > 0 && value <= good + 4);
    assert_false(stats_of(lab)->degraded);
    assert_int_equal(stats_of(lab)->n_nodes, 1);
    lab_end(lab);
}

static void
test_old_master_returns(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);
    size_t old = farm_master(lab->farm);
    uint64_t calls;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(count(lab, "a", "1").err, MS_OK);
    calls = calls_of(lab, old);
    farm_signal(lab->farm, old, SIGSTOP);
    assert_true(count(lab, "b", "0").err != MS_OK);
    assert_true(follow(lab, old) < RECOVERY_MS);
    farm_signal(lab->farm, old, SIGCONT);
    for (int64_t until = now_ms() + 1200; now_ms() < until;) {
        (void)count(lab, "a", "1");
        pause_ms(5);
    }
    /* (the one that it slept over it has done) */
    assert_true(calls_of(lab, old) <= calls + 1);
    assert_non_null(strstr(farm_ask(lab->farm, old, "ROLE"), "slave"));
    lab_end(lab);
}

static void
test_planned(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);
    size_t old = farm_master(lab->farm);

    (void)state;
    assert_int_equal(count(lab, "a", "5").value, 5);
    pause_ms(1500); /* (replicas have it) */
    assert_string_equal(farm_ask(lab->farm, 3, "SENTINEL FAILOVER mortsafe"),
                        "OK");
    assert_true(follow(lab, old) < RECOVERY_MS + 1000);
    assert_int_equal(count(lab, "a", "0").value, 5);
    lab_end(lab);
}

static void
test_sentinels_away(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);
    size_t master = farm_master(lab->farm);
    int64_t took;

    (void)state;
    farm_signal(lab->farm, 3, SIGKILL);
    farm_signal(lab->farm, 4, SIGSTOP);
    for (int64_t until = now_ms() + 800; now_ms() < until; pause_ms(20))
        assert_int_equal(count(lab, "a", "1").err, MS_OK);
    farm_signal(lab->farm, 5, SIGKILL);
    for (int64_t until = now_ms() + 800; now_ms() < until; pause_ms(20))
        assert_int_equal(count(lab, "a", "1").err, MS_OK);
    assert_false(stats_of(lab)->degraded);
    /* nobody is left to confirm it, but it is not left for ever */
    farm_signal(lab->farm, master, SIGKILL);
    farm_restart(lab->farm, master);
    took = recovery(lab, "a", 8000);
    assert_true(took > 2000 && took < 5000);
    lab_end(lab);
}

static void
test_sentinel_behind(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);
    size_t old = farm_master(lab->farm);

    (void)state;
    farm_signal(lab->farm, 5, SIGKILL);
    farm_signal(lab->farm, old, SIGKILL);
    assert_true(follow(lab, old) < RECOVERY_MS);
    /* the two that know are gone; the third, which slept over it, still
     * believes in the old one, which is there again and thinks so, too */
    farm_signal(lab->farm, 3, SIGKILL);
    farm_signal(lab->farm, 4, SIGKILL);
    farm_restart(lab->farm, old);
    farm_restart(lab->farm, 5);
    assert_int_equal(farm_master(lab->farm), old);
    assert_non_null(strstr(farm_ask(lab->farm, old, "ROLE"), "master"));
    for (int64_t until = now_ms() + 2000; now_ms() < until; pause_ms(20))
        assert_int_equal(count(lab, "a", "1").err, MS_OK);
    assert_int_equal(calls_of(lab, old), 0);
    lab_end(lab);
}

static void
test_unknown_master(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);

    (void)state;
    for (size_t i = 3; i < 6; i++)
        assert_string_equal(farm_ask(lab->farm, i, "SENTINEL REMOVE mortsafe"),
                            "OK");
    lab_again(lab);
    await_told(lab, 0, 1);
    assert_true(told_of(lab, "no master"));
    assert_int_equal(count(lab, "a", "1").err, MS_UNAVAIL);
    assert_int_equal(stats_of(lab)->n_nodes, 1);
    assert_string_equal(stats_of(lab)->node[0].name, "mortsafe");
    assert_non_null(strstr(stats_of(lab)->node[0].trouble, "no master"));
    assert_true(stats_of(lab)->degraded);
    lab_end(lab);
}

static void
test_passwords(void **state)
{
    struct lab *lab = lab_begin(FARM_SENTINEL);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        (void)farm_ask(lab->farm, i,
                       "ACL SETUSER mortsafe on >secret ~* &* +@all");
    for (size_t i = 3; i < 6; i++)
        (void)farm_ask(lab->farm, i, "ACL SETUSER default resetpass >watch");
    lab->user = "mortsafe";
    lab->password = "secret";
    lab->sentinel_password = "watch";
    lab_again(lab);
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    assert_int_equal(count(lab, "a", "1").value, 1);
    assert_non_null(
        strstr(farm_ask(lab->farm, farm_master(lab->farm), "CLIENT LIST"),
               "user=mortsafe"));
    lab->password = "wrong";
    lab_again(lab);
    await_told(lab, 0, 1);
    assert_true(told_of(lab, "WRONGPASS"));
    lab_end(lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_old_master_returns),
        cmocka_unit_test(test_planned),
        cmocka_unit_test(test_sentinels_away),
        cmocka_unit_test(test_sentinel_behind),
        cmocka_unit_test(test_unknown_master),
        cmocka_unit_test(test_passwords),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
