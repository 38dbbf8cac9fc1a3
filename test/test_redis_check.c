/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operator is told of a shared store, by real servers: each with one
 * thing wrong, and the words that mend it.
 */
#include <config.h>

#include "policy/store/redis/check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "test/redis_farm.h"
#include "test/unit.h"

static const uint8_t secret[32] = {1, 2, 3};

static struct {
    char text[32768];
    int64_t ahead_s; /* our clock before the true one */
} heard;

static struct store_time
read_clock(void *arg)
{
    struct timespec mono, wall;

    (void)arg;
    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct store_time){
        .mono = {mono.tv_sec * 1000 + mono.tv_nsec / 1000000},
        .wall = {wall.tv_sec + heard.ahead_s}};
}

static void
hear(void *arg, enum check_result result, const char *line)
{
    static const char *const words[] = {"ok ", "warn ", "FAIL "};
    size_t len = strlen(heard.text);

    (void)arg;
    (void)snprintf(heard.text + len, sizeof heard.text - len, "%s%s\n",
                   words[result], line);
}

static enum check_result
check(const struct redis_where *where)
{
    const struct store_clock clock = {.now = read_clock};
    struct sitekey *key = NULL;
    enum check_result result;

    assert_int_equal(sitekey_from(secret, &key), MS_OK);
    heard.text[0] = '\0';
    result = redis_check(where, "mortsafe", key, clock, hear, NULL);
    sitekey_destroy(key);
    return result;
}

/* Does some line begin with RESULT and hold PART? */
static bool
heard_line(const char *result, const char *part)
{
    const char *line = heard.text, *at;

    while (*line != '\0') {
        const char *end = strchr(line, '\n');

        at = strstr(line, part);
        if (strncmp(line, result, strlen(result)) == 0 && at != NULL &&
            at < end)
            return true;
        line = end + 1;
    }
    return false;
}

static void
expect_line(const char *name, const char *result, const char *part)
{
    if (!heard_line(result, part))
        fail_msg("%s: no %s%s in\n%s", name, result, part, heard.text);
}

/* ----- good ones */

static const struct {
    const char *name;
    enum farm_layout layout;
    const char *lines[4]; /* parts of what is told, with "ok" in front */
} farms[] = {
    {"a Unix socket", FARM_UNIX, {"nothing leaves this host", "is a master"}},
    {"TCP", FARM_TCP, {"not encrypted, in a network of our own", "version "}},
    {"TLS", FARM_TLS, {"TLS, and its certificate is as it should be"}},
    {"Sentinels",
     FARM_SENTINEL,
     {"3 Sentinels agree", "its master mortsafe is 127.0.0.1", "is a master"}},
    {"a Cluster", FARM_CLUSTER, {"3 masters own all 16384 slots"}},
};

static void
test_good(void **state)
{
    static const char *const always[] = {": answers in ",
                                         ": version ",
                                         ": maxmemory is not set",
                                         ": its clock is ours",
                                         ": all scripts work",
                                         ": user default has all rights needed",
                                         ": no host of the fleet has come yet"};

    (void)state;
    for (size_t i = 0; i < ROWS(farms); i++) {
        struct farm *farm = farm_start(farms[i].layout);
        struct redis_where where;
        size_t j;

        farm_where(farm, &where);
        if (check(&where) != CHECK_OK)
            fail_msg("%s:\n%s", farms[i].name, heard.text);
        for (j = 0; j < ROWS(always); j++)
            expect_line(farms[i].name, "ok ", always[j]);
        for (j = 0; farms[i].lines[j] != NULL; j++)
            expect_line(farms[i].name, "ok ", farms[i].lines[j]);
        for (j = 0; j < farm_servers(farm); j++)
            if (farms[i].layout != FARM_SENTINEL)
                assert_string_equal(farm_ask(farm, j, "DBSIZE"), "(integer) 0");
        farm_stop(farm);
    }
}

/* ----- one server with one thing wrong */

static void
must_ask(struct farm *farm, size_t i, const char *command)
{
    const char *reply = farm_ask(farm, i, command);

    if (strncmp(reply, "(error)", 7) == 0)
        fail_msg("%s: %s", command, reply);
}

static const struct {
    const char *name;
    const char *commands[3]; /* that make it so, and unmake it */
    const char *undo[3];
    const char *result, *part;
    enum check_result worst;
    int64_t ahead_s;
} wrongs[] = {
    {"another site's key",
     {"HSET mortsafe:{fleet} key 0123456789abcdef"},
     {"DEL mortsafe:{fleet}"},
     "FAIL ",
     "the fleet has another site key, 0123456789abcdef, than our ",
     CHECK_FAIL,
     0},
    {"a fleet's key of another type",
     {"SET mortsafe:{fleet} x"},
     {"DEL mortsafe:{fleet}"},
     "FAIL ",
     "mortsafe:{fleet}: WRONGTYPE ",
     CHECK_FAIL,
     0},
    {"counters that are evicted",
     {"CONFIG SET maxmemory 100000000",
      "CONFIG SET maxmemory-policy allkeys-lru"},
     {"CONFIG SET maxmemory-policy noeviction"},
     "warn ",
     "maxmemory-policy allkeys-lru: when memory is short counters vanish",
     CHECK_WARN,
     0},
    {"none that are",
     {"CONFIG SET maxmemory 100000000"},
     {"CONFIG SET maxmemory 0"},
     "ok ",
     "maxmemory-policy noeviction",
     CHECK_OK,
     0},
    {"memory that is full",
     {"CONFIG SET maxmemory 1"},
     {"CONFIG SET maxmemory 0"},
     "FAIL ",
     "; its memory is full: raise maxmemory",
     CHECK_FAIL,
     0},
    {"our clock ahead",
     {NULL},
     {NULL},
     "warn ",
     " s behind ours",
     CHECK_WARN,
     9},
    {"our clock behind",
     {NULL},
     {NULL},
     "warn ",
     " s ahead of ours",
     CHECK_WARN,
     -9},
    {"a replica",
     {"REPLICAOF 127.0.0.1 1", "CONFIG SET replica-serve-stale-data yes"},
     {"REPLICAOF NO ONE"},
     "FAIL ",
     "is a replica, which takes no counts",
     CHECK_FAIL,
     0},
    {"a master that waits for replicas",
     {"CONFIG SET min-replicas-to-write 1"},
     {"CONFIG SET min-replicas-to-write 0"},
     "FAIL ",
     ": NOREPLICAS ",
     CHECK_FAIL,
     0},
};

static void
test_wrong(void **state)
{
    struct farm *farm = farm_start(FARM_TCP);
    struct redis_where where;

    (void)state;
    farm_where(farm, &where);
    for (size_t i = 0; i < ROWS(wrongs); i++) {
        const char *name = wrongs[i].name;
        enum check_result worst;

        for (size_t j = 0; j < 3 && wrongs[i].commands[j] != NULL; j++)
            must_ask(farm, 0, wrongs[i].commands[j]);
        heard.ahead_s = wrongs[i].ahead_s;
        worst = check(&where);
        heard.ahead_s = 0;
        for (size_t j = 0; j < 3 && wrongs[i].undo[j] != NULL; j++)
            must_ask(farm, 0, wrongs[i].undo[j]);
        expect_line(name, wrongs[i].result, wrongs[i].part);
        if (worst != wrongs[i].worst)
            fail_msg("%s: %d\n%s", name, worst, heard.text);
    }
    where.layout = REDIS_CLUSTER;
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("no Cluster", "FAIL ",
                "is no node of a Cluster: ERR This instance has cluster "
                "support disabled");
    farm_stop(farm);
}

/* ----- rights: what the manual tells to grant, but for one */

static const char rights[] =
    "+evalsha +script|load +time +hmget +hgetall +hset +hdel +del +get +set "
    "+zadd +zrem +zcard +zrange +pexpire +persist +publish +subscribe +scan "
    "+ping +role +info +client|setname +cluster|slots";

/* Make the user `check` with all rights but those of BUT, and log in as it. */
static void
make_user(struct farm *farm, const char *keys, const char *channels,
          const char *but, struct redis_where *where)
{
    char command[512];

    (void)snprintf(command, sizeof command,
                   "ACL SETUSER check reset on >pw %s %s -@all %s %s", keys,
                   channels, rights, but);
    must_ask(farm, 0, command);
    farm_where(farm, where);
    (void)snprintf(where->user, sizeof where->user, "check");
    (void)snprintf(where->seed[0].user, sizeof where->seed[0].user, "check");
    where->password = "pw";
}

static const struct {
    const char *but;
    const char *rule; /* of the line that tells it */
} missing[] = {
    {"-evalsha", "ACL SETUSER check +evalsha\n"},
    {"-script|load", "ACL SETUSER check +script|load\n"},
    {"-time", "ACL SETUSER check +time\n"},
    {"-hmget", "ACL SETUSER check +hmget\n"},
    {"-hgetall", "ACL SETUSER check +hgetall\n"},
    {"-hset", "ACL SETUSER check +hset\n"},
    {"-hdel", "ACL SETUSER check +hdel\n"},
    {"-del", "ACL SETUSER check +del\n"},
    {"-get", "ACL SETUSER check +get\n"},
    {"-set", "ACL SETUSER check +set\n"},
    {"-zadd", "ACL SETUSER check +zadd\n"},
    {"-zrem", "ACL SETUSER check +zrem\n"},
    {"-zcard", "ACL SETUSER check +zcard\n"},
    {"-zrange", "ACL SETUSER check +zrange\n"},
    {"-pexpire", "ACL SETUSER check +pexpire\n"},
    {"-persist", "ACL SETUSER check +persist\n"},
    {"-publish", "ACL SETUSER check +publish\n"},
    {"-subscribe", "ACL SETUSER check +subscribe\n"},
    {"-scan", "ACL SETUSER check +scan\n"},
    {"-ping", "ACL SETUSER check +ping\n"},
    {"-hset -set -evalsha", "ACL SETUSER check +hset +set +evalsha\n"},
};

static void
test_rights(void **state)
{
    struct farm *farm = farm_start(FARM_UNIX);
    struct redis_where where;

    (void)state;
    make_user(farm, "~mortsafe:*", "&mortsafe:*", "", &where);
    if (check(&where) != CHECK_OK)
        fail_msg("all rights: %s", heard.text);
    expect_line("all", "ok ", "user check has all rights needed");
    for (size_t i = 0; i < ROWS(missing); i++) {
        make_user(farm, "~mortsafe:*", "&mortsafe:*", missing[i].but, &where);
        if (check(&where) != CHECK_FAIL ||
            strstr(heard.text, missing[i].rule) == NULL ||
            strstr(strstr(heard.text, "FAIL") + 1, "FAIL") != NULL)
            fail_msg("%s:\n%s", missing[i].but, heard.text);
    }
    assert_string_equal(farm_ask(farm, 0, "DBSIZE"), "(integer) 0");
    make_user(farm, "~mortsafe:*", "&mortsafe:*", "", &where);
    where.db = where.seed[0].db = 1;
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("select", "FAIL ", "ACL SETUSER, for the user in `url`, +sel");
    make_user(farm, "~other:*", "&mortsafe:*", "", &where);
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("keys", "FAIL ", "ACL SETUSER check ~mortsafe:*");
    make_user(farm, "~mortsafe:*", "&other:*", "", &where);
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("channels", "FAIL ", "ACL SETUSER check &mortsafe:*");
    make_user(farm, "~mortsafe:*", "&mortsafe:*", "-role", &where);
    assert_int_equal(check(&where), CHECK_OK);
    make_user(farm, "~mortsafe:*", "&mortsafe:*", "-client", &where);
    assert_int_equal(check(&where), CHECK_OK);
    make_user(farm, "~mortsafe:*", "&mortsafe:*", "-info", &where);
    assert_int_equal(check(&where), CHECK_WARN);
    expect_line("info", "warn ",
                "INFO memory is not permitted, so its eviction cannot be "
                "checked: ACL SETUSER check +info");
    farm_stop(farm);
}

/* ----- no way in */

static void
test_login(void **state)
{
    struct farm *farm = farm_start(FARM_UNIX);
    struct redis_where where;

    (void)state;
    make_user(farm, "~mortsafe:*", "&mortsafe:*", "", &where);
    where.password = "wr0ng";
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("password", "FAIL ", "WRONGPASS");
    expect_line("password", "FAIL ",
                "see the user in `url`, and password_file");
    assert_null(strstr(heard.text, "wr0ng"));
    must_ask(farm, 0, "ACL SETUSER default >pw2");
    farm_where(farm, &where);
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("none", "FAIL ", "it wants a password: see password_file");
    farm_stop(farm);
}

static void
test_unreachable(void **state)
{
    struct farm *farm = farm_start(FARM_TCP);
    struct redis_where where;

    (void)state;
    farm_where(farm, &where);
    farm_stop(farm);
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("port", "FAIL ", "does it run, and on this port?");
    (void)snprintf(where.seed[0].path, sizeof where.seed[0].path,
                   "/nowhere/redis.sock");
    where.seed[0].host[0] = '\0';
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("socket", "FAIL unix:/nowhere/redis.sock: ",
                "does it run, with this unixsocket?");
    where.tls = true;
    where.tls_options.ca_file = "/nowhere/ca.pem";
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("ca", "FAIL TLS: ", "/nowhere/ca.pem");
}

/* The certificate must have the name, and be vouched for. */
static void
test_certificates(void **state)
{
    struct farm *farm = farm_start(FARM_TLS);
    struct redis_where where;

    (void)state;
    farm_where(farm, &where);
    where.tls_options.name = "redis.example";
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("name", "FAIL ", "see ca_file and tls_name");
    farm_where(farm, &where);
    where.tls_options.ca_file = NULL;
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("ca", "FAIL ", "see ca_file and tls_name");
    farm_stop(farm);
}

/* ----- several servers */

static void
test_sentinels(void **state)
{
    struct farm *farm = farm_start(FARM_SENTINEL);
    size_t last = farm_servers(farm) - 1;
    struct redis_where where;

    (void)state;
    farm_where(farm, &where);
    must_ask(farm, last, "SENTINEL REMOVE mortsafe");
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("forgetful", "FAIL ", "Sentinel; ");
    expect_line("forgetful", "ok ", "2 Sentinels agree");
    must_ask(farm, last, "SENTINEL MONITOR mortsafe 127.0.0.1 9 2");
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("astray", "FAIL ", "Sentinels do not agree on the master");
    (void)snprintf(where.master, sizeof where.master, "other");
    assert_int_equal(check(&where), CHECK_FAIL);
    assert_false(heard_line("ok ", "agree"));
    farm_stop(farm);
}

static void
test_cluster(void **state)
{
    struct farm *farm = farm_start(FARM_CLUSTER);
    struct redis_where where;

    (void)state;
    farm_where(farm, &where);
    must_ask(farm, farm_owner(farm, "mortsafe:{fleet}"),
             "HSET mortsafe:{fleet} key 0123456789abcdef");
    assert_int_equal(check(&where), CHECK_FAIL);
    expect_line("key", "FAIL ", "the fleet has another site key");
    must_ask(farm, farm_owner(farm, "mortsafe:{fleet}"),
             "DEL mortsafe:{fleet}");
    for (size_t i = 0; i < farm_servers(farm); i++)
        (void)farm_ask(farm, i, "CLUSTER DELSLOTS 0");
    (void)check(&where);
    expect_line("slot", "FAIL Cluster", "1 of 16384 slots have no owner");
    farm_stop(farm);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_rights),      cmocka_unit_test(test_login),
        cmocka_unit_test(test_unreachable), cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_sentinels),   cmocka_unit_test(test_cluster),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
