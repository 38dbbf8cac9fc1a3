/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hosts that share a store, by their heartbeats.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/store/redis/fleet.h"
#include "test/unit.h"

enum { HEARD = 8, MINUTE_MS = 60000 };

static char dir[64], path[128], draft[128];

static int
make_dir(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    snprintf(dir, sizeof(dir), "%.40s/mortsafe-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/hosts", dir);
    snprintf(draft, sizeof(draft), "%s/hosts.new", dir);
    return 0;
}

static int
remove_dir(void **state)
{
    (void)state;
    unlink(path);
    unlink(draft);
    return rmdir(dir);
}

static struct fleet *
fleet(const char *file, unsigned least)
{
    struct fleet *fleet = NULL;

    assert_int_equal(fleet_create(file, least, &fleet), MS_OK);
    return fleet;
}

/* N hosts, all seen AGO_S seconds ago. */
static void
hear(struct fleet *fleet, size_t n, int64_t ago_s, int64_t at_ms)
{
    static struct store_host host[STORE_NODES + 1];

    for (size_t i = 0; i < n; i++) {
        snprintf(host[i].name, sizeof(host[i].name), "mx%zu", i);
        host[i].seen_s = ago_s;
        host[i].form = 1;
    }
    fleet_heard(fleet, host, n, (struct mono){at_ms});
}

/* ----- how many */

/* What is heard when, minutes from the first time. */
struct heard {
    size_t n;
    int64_t ago_s, at_min;
};

static const struct {
    const char *row;
    unsigned least;
    struct heard heard[HEARD]; /* up to the first with no hosts */
    unsigned hosts;
} counts[] = {
    {"nobody has been heard", 0, {{0, 0, 0}}, 1},
    {"then it is as configured", 3, {{0, 0, 0}}, 3},
    {"one alone", 0, {{1, 0, 0}}, 1},
    {"three", 0, {{3, 0, 0}}, 3},
    {"never less than configured", 5, {{3, 0, 0}}, 5},
    {"who was seen 30 s ago is alive", 0, {{3, 30, 0}}, 3},
    {"who was seen 31 s ago is not", 0, {{3, 31, 0}}, 1},
    {"the most count", 0, {{2, 0, 0}, {4, 0, 1}, {3, 0, 2}}, 4},
    {"for an hour", 0, {{4, 0, 0}, {3, 0, 1}, {3, 0, 2}}, 4},
    {"in which it was heard: an outage is not a part of it",
     0,
     {{4, 0, 0}, {1, 0, 300}},
     4},
    {"more than anybody shows", 0, {{STORE_NODES + 1, 0, 0}}, STORE_NODES},
};

static void
test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(counts); i++) {
        struct fleet *f = fleet(NULL, counts[i].least);

        for (const struct heard *h = counts[i].heard; h->n > 0; h++)
            hear(f, h->n, h->ago_s, 1000000 + h->at_min * MINUTE_MS);
        if (fleet_hosts(f, (struct mono){99000000}) != counts[i].hosts)
            fail_msg("%s: %u, not %u", counts[i].row,
                     fleet_hosts(f, (struct mono){0}), counts[i].hosts);
        fleet_destroy(f);
    }
    fleet_destroy(NULL);
}

/* A host that is gone for good is forgotten after an hour, not before. */
static void
test_hour(void **state)
{
    struct fleet *f = fleet(NULL, 0);

    (void)state;
    hear(f, 4, 0, 0);
    for (int64_t s = 5; s < 3540; s += 5)
        hear(f, 3, 0, s * 1000);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 4);
    for (int64_t s = 3540; s <= 3600; s += 5)
        hear(f, 3, 0, s * 1000);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 3);
    fleet_destroy(f);
}

/* ----- forms */

static void
test_forms(void **state)
{
    static const struct {
        const char *row;
        uint8_t ours;
        uint8_t form[3]; /* up to the first 0 */
        int64_t ago_s[3];
        uint8_t expected;
    } rows[] = {
        {"nobody has been heard: one below ours", 3, {0}, {0}, 2},
        {"the first form has none below", 1, {0}, {0}, 1},
        {"all read ours", 3, {3, 3, 3}, {0}, 3},
        {"one does not", 3, {3, 2, 3}, {0}, 2},
        {"others are ahead", 3, {4, 4, 3}, {0}, 3},
        {"who is gone does not count", 3, {3, 2, 3}, {0, 31, 0}, 3},
        {"who was here 30 s ago does", 3, {3, 2, 3}, {0, 30, 0}, 2},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fleet *f = fleet(NULL, 0);
        struct store_host host[3] = {0};
        size_t n = 0;

        for (; n < ROWS(host) && rows[i].form[n] > 0; n++) {
            host[n].form = rows[i].form[n];
            host[n].seen_s = rows[i].ago_s[n];
        }
        if (n > 0)
            fleet_heard(f, host, n, (struct mono){0});
        if (fleet_form(f, rows[i].ours) != rows[i].expected)
            fail_msg("%s: %u, not %u", rows[i].row, fleet_form(f, rows[i].ours),
                     rows[i].expected);
        fleet_destroy(f);
    }
}

static void
test_stats(void **state)
{
    static struct store_shared shared;
    struct fleet *f = fleet(NULL, 0);

    (void)state;
    hear(f, 2, 7, 0);
    fleet_stats(f, &shared);
    assert_int_equal(shared.n_hosts, 2);
    assert_string_equal(shared.host[1].name, "mx1");
    assert_int_equal(shared.host[1].seen_s, 7);
    fleet_destroy(f);
}

/* ----- the file */

static void
write_file(const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void
test_file(void **state)
{
    struct fleet *f = fleet(path, 0);
    char line[64] = "";
    FILE *in;

    (void)state;
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 1);
    hear(f, 3, 0, 0);
    fleet_destroy(f);
    in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof(line), in));
    fclose(in);
    assert_string_equal(line, "hosts 3\n");
    assert_int_equal(access(draft, F_OK), -1);
    f = fleet(path, 0); /* it outlives us, for an hour of heartbeats */
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 3);
    hear(f, 1, 0, 0);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 3);
    for (int64_t min = 1; min <= 60; min++)
        hear(f, 1, 0, min * MINUTE_MS);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 1);
    fleet_destroy(f);
    f = fleet(path, 0);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 1);
    fleet_destroy(f);
}

static void
test_damaged_file(void **state)
{
    static const struct {
        const char *text;
        unsigned hosts;
    } rows[] = {
        {"hosts 12\n", 12},
        {"hosts 100000\n", 100000},
        {"", 2},
        {"hosts", 2},
        {"hosts \n", 2},
        {"hosts 12", 2},
        {"hosts 12\n\n", 2},
        {"hosts -12\n", 2},
        {"hosts 100001\n", 2},
        {"hosts 99999999999999999999999\n", 2},
        {"hosts 1x\n", 2},
        {"HOSTS 12\n", 2},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fleet *f;

        write_file(rows[i].text);
        f = fleet(path, 2);
        expect(rows[i].text, fleet_hosts(f, (struct mono){0}) == rows[i].hosts);
        fleet_destroy(f);
    }
}

/* What lies there is no file: it is as good as none, and is left alone. */
static void
test_no_file(void **state)
{
    struct fleet *f;
    struct stat st;

    (void)state;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    f = fleet(path, 2);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 2);
    fleet_destroy(f);
    unlink(path);
    write_file("hosts 9\n");
    assert_int_equal(rename(path, draft), 0);
    assert_int_equal(symlink(draft, path), 0);
    f = fleet(path, 2);
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 2);
    fleet_destroy(f);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    f = fleet(path, 2);
    hear(f, 3, 0, 0); /* cannot be kept: no misfortune */
    assert_int_equal(fleet_hosts(f, (struct mono){0}), 3);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(rmdir(path), 0);
    hear(f, 3, 0, 1000); /* and is tried again */
    fleet_destroy(f);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),  cmocka_unit_test(test_hour),
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_stats),
        cmocka_unit_test(test_file),    cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
