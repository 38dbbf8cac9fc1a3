/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One server that dies, hangs, is slow, and refuses in all the ways it can.
 */
#include <config.h>

#include "policy/store/redis/nodes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/nodes_lab.h"
#include "test/unit.h"

/* ----- one server */

static void
test_calls(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);

    (void)state;
    assert_int_equal(count(lab, "a", "2").value, 2);
    assert_int_equal(count(lab, "a", "3").value, 5);
    assert_string_equal(farm_ask(lab->farm, 0, "GET a"), "\"5\"");
    await_told(lab, 1, 0);
    assert_false(lab->degraded);
    assert_int_equal(stats_of(lab)->n_nodes, 1);
    assert_true(stats_of(lab)->node[0].up);
    assert_false(stats_of(lab)->degraded);
    assert_true(stats_of(lab)->commands >= 2);
    lab_end(lab);
}

static void
test_errors_of_calls(void **state)
{
    struct lab *lab = lab_begin(FARM_TCP);
    struct outcome out;

    (void)state;
    (void)farm_ask(lab->farm, 0, "LPUSH list x");
    out = count(lab, "list", "1");
    assert_int_equal(out.err, MS_OK);
    assert_non_null(strstr(out.error, "WRONGTYPE"));
    out = count(lab, "a", "x");
    assert_non_null(strstr(out.error, "integer"));
    assert_int_equal(count(lab, "a", "1").value, 1);
    await_told(lab, 1, 0);
    lab_end(lab);
}

static void
test_tls(void **state)
{
    struct lab *lab = lab_begin(FARM_TLS);

    (void)state;
    assert_int_equal(count(lab, "a", "2").value, 2);
    lab_end(lab);
}

static void
test_noscript(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);

    (void)state;
    assert_int_equal(count(lab, "a", "1").value, 1);
    assert_string_equal(farm_ask(lab->farm, 0, "SCRIPT FLUSH"), "OK");
    assert_int_equal(count(lab, "a", "1").value, 2);
    assert_int_equal(count(lab, "a", "1").value, 3);
    assert_int_equal(stats_of(lab)->scripts, 1);
    await_told(lab, 1, 0);
    lab_end(lab);
}

static void
test_killed(void **state)
{
    struct lab *lab = lab_begin(FARM_TCP);

    (void)state;
    await_told(lab, 1, 0);
    farm_signal(lab->farm, 0, SIGKILL);
    (void)count(lab, "a", "1");
    assert_int_equal(count(lab, "a", "1").err, MS_UNAVAIL);
    assert_true(count(lab, "a", "1").took_ms < 50);
    await_told(lab, 1, 1);
    assert_true(lab->degraded && stats_of(lab)->degraded);
    assert_true(stats_of(lab)->node[0].trouble[0] != '\0');
    pause_ms(1500);
    await_told(lab, 1, 1); /* still but once */
    farm_restart(lab->farm, 0);
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    await_told(lab, 2, 1);
    assert_false(lab->degraded || stats_of(lab)->degraded);
    lab_end(lab);
}

static void
test_absent_at_first(void **state)
{
    struct lab *lab = lab_begin(FARM_TCP);

    (void)state;
    farm_signal(lab->farm, 0, SIGKILL);
    lab_again(lab);
    assert_int_equal(count(lab, "a", "1").err, MS_UNAVAIL);
    await_told(lab, 0, 1);
    farm_restart(lab->farm, 0);
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    await_told(lab, 1, 1);
    lab_end(lab);
}

static void
test_hung(void **state)
{
    struct lab *lab = lab_begin(FARM_TCP);
    struct outcome out;

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(count(lab, "a", "1").value, i + 1);
    farm_signal(lab->farm, 0, SIGSTOP);
    out = count(lab, "a", "1");
    assert_true(out.err != MS_OK && out.unknown);
    assert_in_range(out.took_ms, 250, 600);
    await_told(lab, 1, 1);
    for (int i = 0; i < 50; i++) {
        out = count(lab, "a", "1");
        assert_int_equal(out.err, MS_UNAVAIL);
        assert_true(!out.unknown && out.took_ms < 50);
    }
    farm_signal(lab->farm, 0, SIGCONT);
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    await_told(lab, 2, 1);
    /* the one that nobody knew of may have counted; no other has */
    assert_in_range(count(lab, "a", "0").value, 50, 51);
    lab_end(lab);
}

static const struct sickness {
    const char *row;
    const char *ill[2], *cure[2], *word;
} sicknesses[] = {
    {"no memory is left",
     {"CONFIG SET maxmemory 1"},
     {"CONFIG SET maxmemory 0"},
     "OOM"},
    {"it is a replica",
     {"REPLICAOF 127.0.0.1 1"},
     {"REPLICAOF NO ONE"},
     "READONLY"},
    {"it is a replica that serves nobody",
     {"CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"},
     {"REPLICAOF NO ONE"},
     "MASTERDOWN"},
    {"too few replicas",
     {"CONFIG SET min-replicas-to-write 1"},
     {"CONFIG SET min-replicas-to-write 0"},
     "NOREPLICAS"},
    {"a right is missing",
     {"ACL SETUSER default -evalsha"},
     {"ACL SETUSER default +evalsha"},
     "NOPERM"},
    {"a right of the script is missing",
     {"ACL SETUSER default -incrby"},
     {"ACL SETUSER default +incrby"},
     "run"},
    {"it wants a password",
     {"CONFIG SET requirepass x", "CLIENT KILL TYPE normal SKIPME yes"},
     {"CONFIG SET requirepass \"\""},
     "NOAUTH"},
};

static void
check_sick(struct lab *lab, const struct sickness *row, unsigned before)
{
    struct outcome out;

    for (size_t i = 0; i < ROWS(row->ill) && row->ill[i] != NULL; i++)
        (void)farm_ask(lab->farm, 0, row->ill[i]);
    out = count(lab, "a", "1");
    expect(row->row, out.err == MS_UNAVAIL);
    await_told(lab, before, before);
    /* (a connection is lost first, where it is for a password) */
    for (int64_t until = now_ms() + 2000;
         strstr(stats_of(lab)->node[0].trouble, row->word) == NULL; pause_ms(5))
        if (now_ms() > until)
            fail_msg("%s: %s", row->row, stats_of(lab)->node[0].trouble);
    pause_ms(30);
    out = count(lab, "a", "1");
    expect(row->row, out.err == MS_UNAVAIL && !out.unknown && out.took_ms < 50);
    for (size_t i = 0; i < ROWS(row->cure) && row->cure[i] != NULL; i++)
        (void)farm_ask(lab->farm, 0, row->cure[i]);
    expect(row->row, recovery(lab, "a", 5000) < RECOVERY_MS);
    await_told(lab, before + 1, before);
}

static void
test_sick(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);

    (void)state;
    assert_int_equal(count(lab, "a", "1").value, 1);
    await_told(lab, 1, 0);
    for (size_t i = 0; i < ROWS(sicknesses); i++)
        check_sick(lab, &sicknesses[i], (unsigned)i + 1);
    assert_int_equal(count(lab, "a", "0").value, 1); /* nothing was done */
    lab_end(lab);
}

static void
test_busy(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);
    struct outcome out;

    (void)state;
    await_told(lab, 1, 0);
    (void)farm_ask(lab->farm, 0, "CONFIG SET lua-time-limit 20");
    farm_tell(lab->farm, 0, "EVAL while\ttrue\tdo\tend 0");
    pause_ms(100);
    out = count(lab, "a", "1");
    assert_true(out.err == MS_UNAVAIL && !out.unknown);
    await_told(lab, 1, 1);
    pause_ms(1200);
    assert_non_null(strstr(stats_of(lab)->node[0].trouble, "BUSY"));
    /* it runs still: nobody but its owner may kill it */
    assert_non_null(strstr(farm_ask(lab->farm, 0, "PING"), "BUSY"));
    assert_string_equal(farm_ask(lab->farm, 0, "SCRIPT KILL"), "OK");
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    lab_end(lab);
}

static void
test_loading(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);

    (void)state;
    await_told(lab, 1, 0);
    (void)farm_ask(lab->farm, 0, "DEBUG POPULATE 3000 key 100");
    for (int i = 0; i < 300; i++) {
        char command[64];

        (void)snprintf(command, sizeof(command), "SET k%d %0*d", i, 20, i);
        (void)farm_ask(lab->farm, 0, command);
    }
    assert_string_equal(farm_ask(lab->farm, 0, "SAVE"), "OK");
    (void)farm_ask(lab->farm, 0, "CONFIG SET key-load-delay 4000");
    (void)farm_ask(lab->farm, 0,
                   "CONFIG SET loading-process-events-interval-bytes 1024");
    assert_string_equal(farm_ask(lab->farm, 0, "CONFIG REWRITE"), "OK");
    farm_signal(lab->farm, 0, SIGKILL);
    await_told(lab, 1, 1);
    farm_restart(lab->farm, 0);
    for (int64_t until = now_ms() + 1000;
         strstr(stats_of(lab)->node[0].trouble, "LOADING") == NULL; pause_ms(5))
        if (now_ms() > until)
            fail_msg("%s", stats_of(lab)->node[0].trouble);
    while (strstr(farm_ask(lab->farm, 0, "PING"), "LOADING") != NULL)
        pause_ms(5);
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    await_told(lab, 2, 1); /* LOADING was told but once, with the rest */
    lab_end(lab);
}

static void
test_slow(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);
    int64_t until = now_ms() + 4000;

    (void)state;
    while (!told_of(lab, "slow") && now_ms() < until) {
        (void)farm_ask(lab->farm, 0, "CLIENT PAUSE 80 ALL");
        (void)count(lab, "a", "1");
        pause_ms(1);
    }
    assert_true(told_of(lab, "slow"));
    assert_true(recovery(lab, "a", 5000) < RECOVERY_MS);
    lab_end(lab);
}

/* ----- what else can be done with a call */

static void
test_left(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct redis_call *call;

    (void)state;
    assert_int_equal(begin(lab, "a", "7", &call), MS_OK);
    redis_call_leave(call, hear, &heard);
    await_heard(&heard, 1);
    assert_true(heard.err == MS_OK && heard.value == 7);
    assert_int_equal(begin(lab, "a", "1", &call), MS_OK);
    redis_call_leave(call, NULL, NULL);
    (void)farm_ask(lab->farm, 0, "SCRIPT FLUSH");
    assert_int_equal(begin(lab, "a", "1", &call), MS_OK);
    redis_call_leave(call, hear, &heard);
    await_heard(&heard, 2);
    assert_int_equal(heard.value, 7 + 9);
    farm_signal(lab->farm, 0, SIGSTOP);
    assert_int_equal(begin(lab, "a", "1", &call), MS_OK);
    redis_call_leave(call, hear, &heard);
    await_heard(&heard, 3);
    assert_true(heard.err != MS_OK);
    lab_end(lab);
}

static void
test_ended_with_calls(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct redis_call *call;

    (void)state;
    farm_signal(lab->farm, 0, SIGSTOP);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(begin(lab, "a", "1", &call), MS_OK);
        redis_call_leave(call, hear, &heard);
    }
    lab_end(lab);
    assert_int_equal(heard.n, 10);
    assert_int_equal(heard.err, MS_UNAVAIL);
}

static void
test_too_late(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);
    struct redis_call *call;
    struct reply *reply;
    bool waited, unknown;

    (void)state;
    assert_int_equal(begin(lab, "a", "1", &call), MS_OK);
    assert_int_equal(redis_call_wait(call, (struct mono){now_ms() - 1}, &reply,
                                     &waited, &unknown),
                     MS_TIMEOUT);
    assert_true(unknown);
    assert_int_equal(count(lab, "a", "1").value, 2);
    lab_end(lab);
}

static void
test_plain(void **state)
{
    struct lab *lab = lab_begin(FARM_UNIX);
    struct codec_command args = {0};
    struct redis_call *call;
    struct reply *reply;
    bool waited, unknown;

    (void)state;
    codec_word(&args, "SET");
    codec_word(&args, "k");
    codec_arg(&args, "a\0b", 3);
    assert_int_equal(
        redis_nodes_call(lab->nodes, "k", 1, REDIS_CALL_PLAIN, &args, &call),
        MS_OK);
    assert_int_equal(redis_call_wait(call, (struct mono){now_ms() + 1000},
                                     &reply, &waited, &unknown),
                     MS_OK);
    assert_true(reply_is(reply, REPLY_STATUS, "OK"));
    reply_destroy(reply);
    args = (struct codec_command){0};
    codec_word(&args, "STRLEN");
    codec_word(&args, "k");
    assert_int_equal(redis_nodes_count(lab->nodes), 1);
    assert_int_equal(redis_nodes_ask(lab->nodes, 0, &args, &reply), MS_OK);
    assert_int_equal(reply->integer, 3);
    reply_destroy(reply);
    assert_int_equal(redis_nodes_ask(lab->nodes, 1, &args, &reply), MS_UNAVAIL);
    lab_end(lab);
}

static void
test_refused(void **state)
{
    struct lab *lab = lab_begin(FARM_TCP);
    unsigned long long before, after;

    (void)state;
    redis_nodes_refuse(lab->nodes, "another site's key");
    assert_int_equal(count(lab, "a", "1").err, MS_UNAVAIL);
    assert_string_equal(stats_of(lab)->node[stats_of(lab)->n_nodes - 1].trouble,
                        "another site's key");
    pause_ms(400);
    assert_int_equal(stats_of(lab)->n_nodes, 1);
    assert_true(stats_of(lab)->degraded);
    before = strtoull(strstr(farm_ask(lab->farm, 0, "INFO stats"),
                             "total_connections_received:") +
                          27,
                      NULL, 10);
    pause_ms(1500);
    after = strtoull(strstr(farm_ask(lab->farm, 0, "INFO stats"),
                            "total_connections_received:") +
                         27,
                     NULL, 10);
    assert_true(before == after);
    assert_false(redis_nodes_wait_up(lab->nodes, (struct mono){now_ms()}));
    lab_end(lab);
}

static void
test_subscription(void **state)
{
    struct lab *lab = lab_begin(FARM_TCP);

    (void)state;
    assert_int_equal(
        redis_nodes_subscribe(lab->nodes, "news", take_message, take_loss, lab),
        MS_OK);
    await_number(lab, &lab->losses, 1);
    (void)farm_ask(lab->farm, 0, "PUBLISH news hello");
    await_number(lab, &lab->messages, 1);
    assert_string_equal(lab->message, "hello");
    farm_signal(lab->farm, 0, SIGKILL);
    await_number(lab, &lab->losses, 2);
    farm_restart(lab->farm, 0);
    await_number(lab, &lab->losses, 3);
    (void)farm_ask(lab->farm, 0, "PUBLISH news again");
    await_number(lab, &lab->messages, 2);
    assert_string_equal(lab->message, "again");
    lab_end(lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_errors_of_calls),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_noscript),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_absent_at_first),
        cmocka_unit_test(test_hung),
        cmocka_unit_test(test_sick),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_loading),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_ended_with_calls),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_subscription),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
