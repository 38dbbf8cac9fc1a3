/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedded store's process is killed at random moments, starting and
 * saving included: it opens every time, what was flushed is there, and of the
 * rest at most about the last second is lost.  MORTSAFE_KILLS=n kills n times.
 */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/store/sqlite.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum {
    KILLS = 30,
    USERS = 300,
    YEAR_S = 366 * 86400,
    MARKS = 4096,
    MARK_MS = 5,
    LOST_MOST_MS = 1000, /* promised; */
    SLACK_MS = 4000      /* by a machine that does nothing else */
};

/* At MS so many events had been answered in this life. */
struct mark {
    _Atomic int64_t ms;
    _Atomic uint64_t total;
};

/* What the child tells, and keeps telling when it is dead. */
struct told {
    _Atomic bool opened, refused;
    _Atomic uint32_t found[USERS]; /* counts at the start of this life */
    _Atomic uint32_t answered[USERS], flushed[USERS];
    _Atomic uint32_t standing[USERS], standing_found[USERS];
    _Atomic uint64_t total;
    _Atomic unsigned n_marks;
    struct mark mark[MARKS];
    char text[WHY_TEXT];
};

static int64_t
clock_ms(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct store_time
real_now(void *arg)
{
    (void)arg;
    return (struct store_time){{clock_ms(CLOCK_BOOTTIME)},
                               {clock_ms(CLOCK_REALTIME) / 1000}};
}

static void
hear_damage(void *arg, enum ms_err err, const char *text)
{
    struct told *told = arg;

    if (err == MS_OK)
        return;
    snprintf(told->text, sizeof(told->text), "%s", text);
    told->refused = true;
}

static struct subject
user(unsigned i)
{
    char name[64];

    snprintf(name, sizeof(name), "user:user%u@example.org", i);
    return lab_subject(name);
}

static enum ms_err
set_standing(void *arg, struct store_state *state)
{
    const uint32_t *standing = arg;

    state->standing = (enum standing)(*standing % 4);
    state->throttle = *standing;
    state->len = (uint16_t)(*standing % 500);
    memset(state->bytes, (int)(*standing & 0xff), state->len);
    return MS_OK;
}

static void
read_all(struct store *store, struct told *told)
{
    static struct store_record record;

    for (unsigned i = 0; i < USERS; i++) {
        struct subject subject = user(i);
        bool found;

        store_get(store, &subject, real_now(NULL), &found, &record);
        told->found[i] = found && record.n_windows > 0
                             ? (uint32_t)record.windows[0].used
                             : 0;
        told->answered[i] = told->found[i];
        told->standing_found[i] = found ? record.state.throttle : 0;
        told->standing[i] = told->standing_found[i];
        if (found && record.state.len != record.state.throttle % 500)
            told->refused = true;
    }
}

static void
charge(struct store *store, struct told *told, unsigned i)
{
    static struct charge_answers answers;
    struct subject subject = user(i);
    const struct charge_item item = {.subject = &subject,
                                     .window = 1,
                                     .span_s = YEAR_S,
                                     .n = 1,
                                     .limit = UINT32_MAX};
    struct store_time now = real_now(NULL);
    struct store_ticket *ticket;

    if (store_submit(store, &item, 1, now, &ticket) != MS_OK ||
        store_collect(store, ticket, now.mono, &answers) != MS_OK)
        _exit(3);
    told->answered[i]++;
    told->total++;
}

static void
mark(struct told *told)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    unsigned n = told->n_marks;

    if (n == MARKS || (n > 0 && now_ms < told->mark[n - 1].ms + MARK_MS))
        return;
    told->mark[n].total = told->total;
    told->mark[n].ms = now_ms;
    told->n_marks = n + 1;
}

/* Charge until killed; flush and judge now and then, unless QUIET. */
static void
live(const char *path, struct told *told, unsigned seed, bool quiet)
{
    const struct store_clock clock = {real_now, NULL, NULL};
    const struct store_events events = {hear_damage, told};
    struct store *store;
    struct why why;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* the parent's tests are not ours */
    if (store_sqlite_open(path, 64 << 20, clock, events, &store, &why) !=
        MS_OK) {
        snprintf(told->text, sizeof(told->text), "%s", why.text);
        told->refused = true;
        _exit(2);
    }
    read_all(store, told);
    told->opened = true;
    for (unsigned i = 0;; i++) {
        unsigned who = (unsigned)rand_r(&seed) % USERS;

        mark(told);
        charge(store, told, who);
        if (!quiet && rand_r(&seed) % 500 == 0) {
            uint32_t standing = told->standing[who] + 1;
            struct subject subject = user(who);

            store_update(store, &subject, real_now(NULL), set_standing,
                         &standing);
            told->standing[who] = standing;
        }
        if (!quiet && rand_r(&seed) % 3000 == 0) {
            if (store_flush(store, real_now(NULL), NULL) != MS_OK)
                _exit(4);
            for (unsigned j = 0; j < USERS; j++)
                told->flushed[j] = told->answered[j];
        }
        if (i % 50 == 0)
            usleep(500);
    }
}

/* What the life before left behind, as the next one finds it. */
struct left {
    uint32_t answered[USERS], flushed[USERS], standing[USERS];
    int64_t killed_ms;
    bool lived;
};

/* How long before it was killed had it answered only as many as were found? */
static int64_t
lost_ms(const struct told *before, const struct left *left, uint64_t found)
{
    for (unsigned i = 0; i < before->n_marks; i++)
        if (before->mark[i].total > found)
            return left->killed_ms - before->mark[i].ms;
    return 0;
}

static void
check(const struct told *told, const struct told *before,
      const struct left *left, int life, int64_t *most_ms)
{
    uint64_t found = 0;
    int64_t ms;

    if (told->refused)
        fail_msg("life %d: %s", life, told->text);
    if (!told->opened || !left->lived)
        return;
    for (unsigned i = 0; i < USERS; i++) {
        if (told->found[i] < left->flushed[i] ||
            told->found[i] > left->answered[i] + 1)
            fail_msg("life %d: user %u: %u found, %u flushed, %u answered",
                     life, i, told->found[i], left->flushed[i],
                     left->answered[i]);
        if (told->standing_found[i] > left->standing[i] + 1)
            fail_msg("life %d: a standing nobody gave", life);
        found += told->found[i] - before->found[i];
    }
    ms = lost_ms(before, left, found);
    *most_ms = ms > *most_ms ? ms : *most_ms;
}

static void
kill_once(const char *path, struct told *told, int life, unsigned *seed)
{
    int64_t after_us = rand_r(seed) % 150000;
    bool quiet = life % 5 == 2; /* saved only because a second is over */
    pid_t pid;
    int status;

    if (life % 10 == 7)
        after_us = 1200000 + rand_r(seed) % 1000000;
    memset(told, 0, sizeof(*told));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(path, told, (unsigned)rand_r(seed), quiet);
    usleep((useconds_t)after_us);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("life %d: it ended by itself: %d: %s", life,
                 WEXITSTATUS(status), told->text);
}

static void
test_kill(void **state)
{
    char dir[] = "/tmp/mortsafe-kill-XXXXXX", path[64], command[128];
    const char *many = getenv("MORTSAFE_KILLS");
    int n = many != NULL ? (int)strtol(many, NULL, 10) : KILLS;
    struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static struct told before;
    static struct left left;
    unsigned seed = 1;
    int64_t most_ms = 0;
    int opened = 0;

    (void)state;
    assert_true(told != MAP_FAILED);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/state", dir);
    for (int life = 0; life < n; life++) {
        kill_once(path, told, life, &seed);
        check(told, &before, &left, life, &most_ms);
        if (!told->opened && !told->refused)
            continue; /* killed while it was opening: nothing has changed */
        opened++;
        memcpy(&before, told, sizeof(before));
        for (unsigned i = 0; i < USERS; i++) {
            left.answered[i] = told->answered[i];
            left.flushed[i] = told->flushed[i] > told->found[i]
                                  ? told->flushed[i]
                                  : told->found[i];
            left.standing[i] = told->standing[i];
        }
        left.killed_ms = clock_ms(CLOCK_MONOTONIC);
        left.lived = true;
    }
    print_message("# %d kills, %d lives, at most %lld ms lost\n", n, opened,
                  (long long)most_ms);
    assert_in_range(most_ms, 0, LOST_MOST_MS + SLACK_MS);
    assert_true(opened > 0);
    munmap(told, sizeof(*told));
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
