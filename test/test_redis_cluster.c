/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Cluster: keys are spread, slots move under load, masters change, slots are
 * nobody's; what was counted is never lost nor counted twice.
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

enum { KEYS = 1000, CALLERS = 3, OF_A_SLOT = 20, FAILOVER_MS = 30000 };

static void
all_servers(struct lab *lab, const char *command)
{
    for (size_t i = 0; i < farm_servers(lab->farm); i++)
        if (farm_pid(lab->farm, i) > 0)
            assert_string_equal(farm_ask(lab->farm, i, command), "OK");
}

/* A key that server OWNER has. */
static const char *
key_of(struct lab *lab, size_t owner, char key[16])
{
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(key, 16, "k%d", i);
        if (farm_owner(lab->farm, key) == owner)
            return key;
    }
    fail_msg("server %zu owns nothing", owner);
    return NULL;
}

static void
test_spread(void **state)
{
    struct lab *lab = *state;
    char key[16];

    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof(key), "key-%d", i);
        assert_int_equal(count(lab, key, "1").value, 1);
    }
    assert_int_equal(stats_of(lab)->redirects, 0);
    assert_int_equal(lab->stats.n_nodes, 3);
    assert_int_equal(redis_nodes_count(lab->nodes), 3);
    for (size_t i = 0; i < 3; i++)
        assert_in_range(lab->stats.node[i].commands, KEYS / 4, KEYS / 2);
    /* (writes to the tag that belongs there) */
    for (size_t i = 0; i < 3; i++)
        assert_non_null(
            strstr(farm_ask(lab->farm, i, "KEYS probe:*"), "probe:{"));
    (void)farm_ask(lab->farm, farm_owner(lab->farm, "x"), "SCRIPT FLUSH");
    assert_int_equal(count(lab, "x", "1").value, 1);
    assert_int_equal(stats_of(lab)->scripts, 1);
}

/* ----- slots move */

struct caller {
    struct lab *lab;
    pthread_t thread;
    _Atomic bool stop;
    bool leaves;
    int64_t good, bad, unknown;
};

static void
key_in_slot(char key[16], int i)
{
    (void)snprintf(key, 16, "{a}%d", i);
}

/* Call and leave; wait for a hundred now and then. */
static void
leave_some(struct caller *caller)
{
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct redis_call *call;
    char key[16];
    unsigned n = 0;

    for (int i = 0; i < 100; i++) {
        key_in_slot(key, i % OF_A_SLOT);
        if (begin(caller->lab, key, "1", &call) != MS_OK)
            continue;
        redis_call_leave(call, hear, &heard);
        n++;
    }
    await_heard(&heard, n);
    caller->good += heard.good;
    caller->unknown += n - heard.good;
}

static void *
call_on(void *arg)
{
    struct caller *caller = arg;
    char key[16];

    for (int i = 0; !atomic_load(&caller->stop); i = (i + 1) % OF_A_SLOT) {
        struct outcome out;

        if (caller->leaves) {
            leave_some(caller);
            continue;
        }
        key_in_slot(key, i);
        out = count(caller->lab, key, "1");
        caller->good += out.err == MS_OK;
        caller->bad += out.err != MS_OK && !out.unknown;
        caller->unknown += out.err != MS_OK && out.unknown;
    }
    return NULL;
}

static void
callers_begin(struct lab *lab, struct caller *callers)
{
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.lab = lab, .leaves = i == 0};
        assert_int_equal(
            pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
}

/* All together in *SUM. */
static void
callers_end(struct caller *callers, struct caller *sum)
{
    *sum = (struct caller){0};
    for (size_t i = 0; i < CALLERS; i++)
        atomic_store(&callers[i].stop, true);
    for (size_t i = 0; i < CALLERS; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        sum->good += callers[i].good;
        sum->bad += callers[i].bad;
        sum->unknown += callers[i].unknown;
    }
}

static int64_t
total(struct lab *lab)
{
    int64_t sum = 0;
    char key[16];

    for (int i = 0; i < OF_A_SLOT; i++) {
        key_in_slot(key, i);
        sum += count(lab, key, "0").value;
    }
    return sum;
}

static void
set_slot(struct lab *lab, size_t i, const char *format, size_t of)
{
    char command[128], id[64];

    (void)snprintf(id, sizeof(id), "%.40s",
                   farm_ask(lab->farm, of, "CLUSTER MYID") + 1);
    (void)snprintf(command, sizeof(command), "CLUSTER SETSLOT %u %s %s",
                   redis_slot("{a}", 3), format, id);
    assert_string_equal(farm_ask(lab->farm, i, command), "OK");
}

/* Move one key after the other, with pauses, and then the slot. */
static void
migrate(struct lab *lab, size_t from, size_t to)
{
    char command[128], key[16];

    set_slot(lab, to, "IMPORTING", from);
    set_slot(lab, from, "MIGRATING", to);
    for (int i = 0; i < OF_A_SLOT; i++) {
        key_in_slot(key, i);
        (void)snprintf(command, sizeof(command),
                       "MIGRATE 127.0.0.1 %u %s 0 1000",
                       farm_port(lab->farm, to), key);
        (void)farm_ask(lab->farm, from, command);
        pause_ms(3);
    }
    /* what was made meanwhile was made over there, by ASK */
    set_slot(lab, to, "NODE", to);
    set_slot(lab, from, "NODE", to);
}

static void
test_migration(void **state)
{
    struct lab *lab = *state;
    struct caller callers[CALLERS], sum;
    size_t from = farm_owner(lab->farm, "{a}");

    callers_begin(lab, callers);
    for (int i = 0; i < 6; i++) {
        size_t to = (from + 1) % 3;

        migrate(lab, from, to);
        pause_ms(50);
        from = to;
    }
    callers_end(callers, &sum);
    assert_true(sum.good > 1000);
    assert_int_equal(sum.bad, 0);
    assert_int_equal(sum.unknown, 0);
    assert_int_equal(total(lab), sum.good);
    assert_true(stats_of(lab)->redirects > 6);
    assert_false(stats_of(lab)->degraded);
}

/* Two keys that are on two servers for a moment. */
static void
test_try_again(void **state)
{
    struct lab *lab = *state;
    size_t from = farm_owner(lab->farm, "{a}"), to = (from + 1) % 3;
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct codec_command args = {0};
    struct redis_call *call[2];
    struct reply *reply;
    bool waited, unknown;
    uint64_t redirects;
    char command[128];

    assert_int_equal(count(lab, "{a}0", "1").value, 1);
    assert_int_equal(count(lab, "{a}1", "1").value, 1);
    set_slot(lab, to, "IMPORTING", from);
    set_slot(lab, from, "MIGRATING", to);
    (void)snprintf(command, sizeof(command), "MIGRATE 127.0.0.1 %u {a}1 0 1000",
                   farm_port(lab->farm, to));
    assert_string_equal(farm_ask(lab->farm, from, command), "OK");
    codec_word(&args, "2");
    codec_word(&args, "{a}0");
    codec_word(&args, "{a}1");
    codec_word(&args, "1");
    for (size_t i = 0; i < ROWS(call); i++)
        assert_int_equal(
            redis_nodes_call(lab->nodes, "{a}", 3, 0, &args, &call[i]), MS_OK);
    redis_call_leave(call[0], hear, &heard);
    pause_ms(5);
    command[strlen("MIGRATE 127.0.0.1 12345 {a}")] = '0';
    assert_string_equal(farm_ask(lab->farm, from, command), "OK");
    assert_int_equal(redis_call_wait(call[1], (struct mono){now_ms() + 1000},
                                     &reply, &waited, &unknown),
                     MS_OK);
    assert_int_equal(reply->type, REPLY_INTEGER);
    reply_destroy(reply);
    await_heard(&heard, 1);
    assert_int_equal(heard.err, MS_OK);
    assert_int_equal(count(lab, "{a}0", "0").value, 3);
    set_slot(lab, to, "NODE", to);
    set_slot(lab, from, "NODE", to);
    redirects = stats_of(lab)->redirects;
    for (int i = 0; i < 100; i++)
        assert_int_equal(count(lab, "{a}0", "0").value, 3);
    /* the first has learned where it is, with no need to ask who owns what */
    assert_true(stats_of(lab)->redirects <= redirects + 1);
    (void)farm_ask(lab->farm, to, "FLUSHALL");
}

/* ----- masters change */

static void
test_planned_failover(void **state)
{
    struct lab *lab = lab_begin(FARM_CLUSTER);
    size_t old = farm_owner(lab->farm, "{a}");
    struct caller callers[CALLERS], sum;
    int64_t until = now_ms() + FAILOVER_MS;

    (void)state;
    callers_begin(lab, callers);
    pause_ms(100);
    assert_string_equal(farm_ask(lab->farm, old + 3, "CLUSTER FAILOVER"), "OK");
    while (farm_owner(lab->farm, "{a}") == old) {
        assert_true(now_ms() < until);
        pause_ms(5);
    }
    assert_true(recovery(lab, "{a}", 5000) < RECOVERY_MS);
    pause_ms(100);
    callers_end(callers, &sum);
    /* the server that took over was new: calls have waited for it */
    assert_true(total(lab) >= sum.good);
    assert_true(total(lab) <= sum.good + sum.unknown);
    assert_true(
        redis_nodes_wait_up(lab->nodes, (struct mono){now_ms() + RECOVERY_MS}));
    for (until = now_ms() + 3000; stats_of(lab)->n_nodes > 3; pause_ms(5)) {
        assert_true(now_ms() < until);
        (void)count(lab, "{a}", "0");
    }
    lab_end(lab);
}

static void
test_failover(void **state)
{
    struct lab *lab = lab_begin(FARM_CLUSTER);
    char key[16];
    int64_t took;

    (void)state;
    /* (else the others answer CLUSTERDOWN until there is a new master) */
    all_servers(lab, "CONFIG SET cluster-require-full-coverage no");
    assert_int_equal(count(lab, key_of(lab, 1, key), "1").value, 1);
    farm_signal(lab->farm, 1, SIGKILL);
    (void)count(lab, key_of(lab, 1, key), "0");
    assert_int_equal(count(lab, key_of(lab, 1, key), "0").err, MS_UNAVAIL);
    await_told(lab, 3, 1);
    assert_true(lab->degraded);
    assert_int_equal(redis_nodes_count(lab->nodes), 2);
    for (int i = 0; i < 20; i++)
        assert_int_equal(count(lab, key_of(lab, 2, key), "1").value, i + 1);
    took = recovery(lab, key_of(lab, 1, key), FAILOVER_MS);
    print_message("# after %d ms\n", (int)took);
    assert_true(
        redis_nodes_wait_up(lab->nodes, (struct mono){now_ms() + RECOVERY_MS}));
    assert_false(stats_of(lab)->degraded);
    lab_end(lab);
}

static void
test_slots_gone(void **state)
{
    struct lab *lab = lab_begin(FARM_CLUSTER);
    struct outcome out;
    char key[16], other[16], command[64];

    (void)state;
    all_servers(lab, "CONFIG SET cluster-require-full-coverage no");
    (void)key_of(lab, 0, key);
    (void)key_of(lab, 1, other);
    await_told(lab, 3, 0);
    (void)snprintf(command, sizeof(command), "CLUSTER DELSLOTS %u",
                   redis_slot(key, strlen(key)));
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(farm_ask(lab->farm, i, command), "OK");
    out = count(lab, key, "1");
    assert_true(out.err == MS_UNAVAIL && !out.unknown);
    await_told(lab, 3, 1); /* of the Cluster as a whole */
    assert_true(told_of(lab, "slots"));
    assert_true(lab->degraded && stats_of(lab)->degraded);
    assert_int_equal(count(lab, other, "1").value, 1);
    memcpy(command + 8, "ADD", 3);
    assert_string_equal(farm_ask(lab->farm, 0, command), "OK");
    assert_true(recovery(lab, key, 5000) < RECOVERY_MS);
    await_told(lab, 4, 1);
    assert_false(lab->degraded);
    lab_end(lab);
}

static void
test_cluster_down(void **state)
{
    struct lab *lab = lab_begin(FARM_CLUSTER);
    int64_t until = now_ms() + FAILOVER_MS;
    char key[16];

    (void)state;
    (void)key_of(lab, 0, key);
    farm_signal(lab->farm, 1, SIGKILL);
    farm_signal(lab->farm, 4, SIGKILL);
    /* both have lost what they had, so the whole Cluster refuses */
    while (count(lab, key, "1").err == MS_OK) {
        assert_true(now_ms() < until);
        pause_ms(5);
    }
    while (!told_of(lab, "CLUSTERDOWN")) {
        assert_true(now_ms() < until);
        pause_ms(5);
    }
    assert_int_equal(count(lab, key, "1").err, MS_UNAVAIL);
    farm_restart(lab->farm, 1);
    farm_restart(lab->farm, 4);
    while (strstr(farm_ask(lab->farm, 0, "CLUSTER INFO"), "state:ok") == NULL) {
        assert_true(now_ms() < until);
        pause_ms(5);
    }
    assert_true(recovery(lab, key, 5000) < RECOVERY_MS);
    assert_true(redis_nodes_wait_up(lab->nodes,
                                    (struct mono){now_ms() + 2 * RECOVERY_MS}));
    lab_end(lab);
}

/* One Cluster for those that leave it as it was. */
static int
begin_all(void **state)
{
    *state = lab_begin(FARM_CLUSTER);
    return 0;
}

static int
end_all(void **state)
{
    lab_end(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_try_again),
        cmocka_unit_test(test_migration),
        cmocka_unit_test(test_planned_failover),
        cmocka_unit_test(test_failover),
        cmocka_unit_test(test_slots_gone),
        cmocka_unit_test(test_cluster_down),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
