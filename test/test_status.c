/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

static char told[65536];

static void
hear(void *arg, const char *line)
{
    size_t len = strlen(told);

    (void)arg;
    assert_true(strlen(line) < STATUS_LINE);
    for (const char *at = line; *at != '\0'; at++)
        assert_true(*at >= ' ' && *at <= '~');
    (void)snprintf(told + len, sizeof(told) - len, "%s\n", line);
}

/* 2026-11-22 12:00:00 UTC, an hour after the boot. */
static struct status
status_of(enum store_type type, struct store_stats *store,
          struct daemon_counts *counts)
{
    memset(store, 0, sizeof(*store));
    memset(counts, 0, sizeof(*counts));
    told[0] = '\0';
    return (struct status){.now = {{3600000}, {1795348800}},
                           .type = type,
                           .store = store,
                           .counts = counts};
}

static struct store_stats store;
static struct daemon_counts counts;

static void
test_embedded(void **state)
{
    struct status status = status_of(STORE_EMBEDDED, &store, &counts);
    char text[STATUS_SHORT];

    (void)state;
    store.subjects[SUBJECT_USER] = 3;
    store.subjects[SUBJECT_PAIR] = 4;
    store.bytes = 12345;
    store.saves = 6;
    counts.accepted = 7;
    counts.done[VERDICT_REJECT] = 8;
    status_tell(&status, hear, NULL);
    assert_string_equal(
        told,
        "store: type=embedded subjects=7 bytes=12345 evicted=0 overflowed=0 "
        "dirty=0 saves=6 save_errors=0\n"
        "counts: messages=7 waits=0 waits_max=0 local=0 sessions=0 "
        "sessions_all=0 capped=0 deferred=0 rejected=8 held=0 would_defer=0 "
        "would_reject=0 would_hold=0 errors=0\n");
    assert_string_equal(status_short(&status, text), "store embedded");
    told[0] = '\0';
    store.saving_failed = true;
    (void)snprintf(store.trouble, sizeof(store.trouble), "the disk is full");
    status_tell(&status, hear, NULL);
    assert_non_null(
        strstr(told, " save_errors=0 trouble=\"the disk is full\""));
    assert_string_equal(status_short(&status, text),
                        "store embedded cannot save");
}

static void
make_shared(struct store_shared *shared)
{
    shared->n_nodes = 2;
    shared->node[0] = (struct store_node){.name = "192.0.2.1:6379",
                                          .since = {0},
                                          .trouble = "no answer in 300 ms",
                                          .commands = 10,
                                          .errors = 2,
                                          .in_flight = 1};
    shared->node[1] = (struct store_node){
        .name = "unix:/run/redis.sock", .up = true, .since = {3599000}};
    shared->n_hosts = 1;
    shared->host[0] = (struct store_host){.name = "mx2",
                                          .version = "0.3",
                                          .config = "00ff",
                                          .mode = "enforce",
                                          .form = 1,
                                          .seen_s = 4};
    shared->degraded = true;
    shared->since.ms = 1800000;
    shared->hosts = 3;
    shared->local = 200;
    shared->local_now = 123;
    shared->deltas = 5;
}

static void
test_shared(void **state)
{
    struct status status = status_of(STORE_REDIS, &store, &counts);
    char text[STATUS_SHORT];

    (void)state;
    make_shared(&store.shared);
    status_tell(&status, hear, NULL);
    assert_ptr_equal(
        strstr(told, "store: type=redis degraded=yes "
                     "since=2026-11-22T11:30:00Z hosts=3 local=200 "
                     "local_now=123 deltas=5 waits=0 commands=0 redirects=0 "
                     "scripts=0 denials=0 denials_used=0 subjects=0 "),
        told);
    assert_non_null(
        strstr(told, "\nstore: node=192.0.2.1:6379 up=no "
                     "since=2026-11-22T11:00:00Z commands=10 errors=2 "
                     "in_flight=1 trouble=\"no answer in 300 ms\"\n"
                     "store: node=unix:/run/redis.sock up=yes "
                     "since=2026-11-22T11:59:59Z commands=0 errors=0 "
                     "in_flight=0\n"
                     "store: host=mx2 version=0.3 config=00ff mode=enforce "
                     "form=1 seen=4s\ncounts: "));
    assert_string_equal(
        status_short(&status, text),
        "store redis degraded since 11:30:00Z, 123 decisions made here");
    store.shared.degraded = false;
    store.shared.foreign = true;
    told[0] = '\0';
    status_tell(&status, hear, NULL);
    assert_non_null(strstr(told, " degraded=no foreign_key=yes hosts=3"));
    assert_string_equal(status_short(&status, text), "store redis");
}

/* Servers and other hosts say what they like. */
static void
test_hostile(void **state)
{
    struct status status = status_of(STORE_REDIS, &store, &counts);

    (void)state;
    make_shared(&store.shared);
    memset(store.shared.node[0].trouble, 'x', STORE_TROUBLE - 1);
    memcpy(store.shared.node[0].trouble, "a \"b\"\n\\c\xff", 9);
    memset(store.shared.node[0].name, 'y', STORE_NODE_NAME - 1);
    memcpy(store.shared.host[0].name, "m x\n2", 6);
    store.shared.host[0].mode[0] = '\0';
    status_tell(&status, hear, NULL);
    assert_non_null(strstr(told, " trouble=\"a 'b'??c?xxx"));
    assert_non_null(strstr(told, "store: host=m?x?2 version="));
    assert_non_null(strstr(told, " mode=- form="));
}

/* As many as there may be, and numbers as long as they get. */
static void
test_bounds(void **state)
{
    struct status status = status_of(STORE_REDIS, &store, &counts);
    size_t lines = 0;

    (void)state;
    memset(&store, 0xff, sizeof(store));
    memset(&counts, 0xff, sizeof(counts));
    store.shared.degraded = store.shared.foreign = store.saving_failed = true;
    store.shared.n_nodes = store.shared.n_hosts = STORE_NODES;
    for (size_t i = 0; i < STORE_NODES; i++) {
        struct store_node *node = &store.shared.node[i];

        memset(node->name, 'n', sizeof(node->name));
        node->name[sizeof(node->name) - 1] = '\0';
        memset(node->trouble, 't', sizeof(node->trouble));
        node->trouble[sizeof(node->trouble) - 1] = '\0';
        node->up = true;
        memset(&store.shared.host[i], 0, sizeof(store.shared.host[i]));
    }
    memset(store.trouble, 's', sizeof(store.trouble));
    store.trouble[sizeof(store.trouble) - 1] = '\0';
    status_tell(&status, hear, NULL);
    for (const char *at = told; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 2 * STORE_NODES + 2);
    assert_non_null(strstr(told, "...\n")); /* the first is too long */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedded),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
