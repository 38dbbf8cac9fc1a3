/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/store_lab.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/store/memory.h"
#include "policy/store/sqlite.h"
#include "test/unit.h"

struct store_time
lab_clock(void *arg)
{
    return lab_now(arg);
}

static void
hear(void *arg, enum ms_err err, const char *text)
{
    struct lab *lab = arg;

    pthread_mutex_lock(&lab->lock);
    lab->told++;
    lab->told_err = err;
    snprintf(lab->told_text, sizeof(lab->told_text), "%s", text);
    pthread_mutex_unlock(&lab->lock);
}

enum { TESTS = 256 };

static enum ms_err
open_memory(struct lab *lab, struct store **out, struct why *why)
{
    (void)why;
    return store_memory_create(lab->memory, out);
}

static enum ms_err
open_embedded(struct lab *lab, struct store **out, struct why *why)
{
    const struct store_clock clock = {lab_clock, lab, lab->boot};
    const struct store_events events = {hear, lab};

    return store_sqlite_open(lab->path, lab->memory, clock, events, out, why);
}

const struct lab_kind lab_kinds[] = {
    {"memory", open_memory, false, false},
    {"embedded", open_embedded, true, false},
};
const size_t lab_n_kinds = ROWS(lab_kinds);

struct tests {
    struct CMUnitTest test[TESTS];
    char name[TESTS][64];
    size_t n;
};

static void
add_tests(struct tests *all, const struct lab_kind *kind,
          const struct lab_test *tests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tests[i].here && kind->shared)
            continue;
        assert_true(all->n < TESTS);
        snprintf(all->name[all->n], sizeof(all->name[0]), "%s: %.48s",
                 kind->name, tests[i].name);
        all->test[all->n] = (struct CMUnitTest){.name = all->name[all->n],
                                                .test_func = tests[i].run,
                                                .initial_state = (void *)kind};
        all->n++;
    }
}

int
lab_run_with(const struct lab_kind *kinds, size_t n_kinds,
             const struct lab_test *tests, size_t n)
{
    static struct tests all;

    for (size_t i = 0; i < lab_n_kinds; i++)
        add_tests(&all, &lab_kinds[i], tests, n);
    for (size_t i = 0; i < n_kinds; i++)
        add_tests(&all, &kinds[i], tests, n);
    return _cmocka_run_group_tests("store", all.test, all.n, NULL, NULL);
}

int
lab_run(const struct lab_test *tests, size_t n)
{
    return lab_run_with(NULL, 0, tests, n);
}

const struct lab_kind *
lab_embedded(void)
{
    return &lab_kinds[1];
}

/* Where syncing costs nothing, if there is such a place. */
static const char *
scratch(void)
{
    const char *tmp = getenv("TMPDIR");

    if (tmp != NULL)
        return tmp;
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

/* Days behind the other clock: whoever counts by this one has the same slices.
 */
enum { WALL_S = 100000 + 20832 * 86400 };

struct lab *
lab_create(const struct lab_kind *kind)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    struct why why = {""};

    assert_non_null(lab);
    lab->kind = kind;
    lab->memory = LAB_MEMORY;
    lab->mono_ms = 100000000;
    lab->wall_s = WALL_S;
    snprintf(lab->boot, sizeof(lab->boot), "the first boot");
    snprintf(lab->dir, sizeof(lab->dir), "%.100s/mortsafe-XXXXXX", scratch());
    assert_non_null(mkdtemp(lab->dir));
    snprintf(lab->path, sizeof(lab->path), "%.200s/state", lab->dir);
    assert_int_equal(pthread_mutex_init(&lab->lock, NULL), 0);
    if (lab_open(lab, &why) != MS_OK)
        fail_msg("%s: %s", kind->name, why.text);
    return lab;
}

/* Two levels are all that there is. */
static void
remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[2 * LAB_PATH];

    chmod(path, 0700);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(name, sizeof(name), "%.200s/%.200s", path, entry->d_name);
        if (entry->d_name[0] == '.' || unlink(name) == 0)
            continue;
        remove_tree(name);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

void
lab_end(struct lab *lab)
{
    lab_close(lab);
    remove_tree(lab->dir);
    pthread_mutex_destroy(&lab->lock);
    free(lab);
}

enum ms_err
lab_open(struct lab *lab, struct why *why)
{
    return lab->kind->open(lab, &lab->store, why);
}

void
lab_close(struct lab *lab)
{
    store_destroy(lab->store);
    lab->store = NULL;
}

void
lab_reopen(struct lab *lab)
{
    struct why why = {""};

    lab_close(lab);
    if (lab_open(lab, &why) != MS_OK)
        fail_msg("%s", why.text);
}

void
lab_reboot(struct lab *lab, const char *boot, int64_t away_s)
{
    struct why why = {""};

    lab_close(lab);
    snprintf(lab->boot, sizeof(lab->boot), "%s", boot);
    lab->mono_ms = 5000;
    lab->wall_s += away_s;
    if (lab_open(lab, &why) != MS_OK)
        fail_msg("%s", why.text);
}

void
lab_pass(struct lab *lab, int64_t ms)
{
    int64_t before = lab->mono_ms;

    lab->mono_ms += ms;
    lab->wall_s += (before + ms) / 1000 - before / 1000;
}

struct store_time
lab_now(struct lab *lab)
{
    return (struct store_time){{lab->mono_ms}, {lab->wall_s}};
}

unsigned
lab_told(struct lab *lab)
{
    unsigned told;

    pthread_mutex_lock(&lab->lock);
    told = lab->told;
    lab->told = 0;
    pthread_mutex_unlock(&lab->lock);
    return told;
}

struct subject
lab_subject(const char *text)
{
    struct subject subject;
    struct why why;

    if (subject_parse(text, &subject, &why) != MS_OK)
        fail_msg("%s: %s", text, why.text);
    return subject;
}

bool
lab_charge(struct lab *lab, const struct charge_item *items, size_t n)
{
    struct store_time now = lab_now(lab);
    struct store_ticket *ticket = NULL;

    assert_int_equal(store_submit(lab->store, items, n, now, &ticket), MS_OK);
    assert_int_equal(store_collect(lab->store, ticket, now.mono, &lab->answers),
                     MS_OK);
    assert_int_equal(lab->answers.n, n);
    return lab->answers.added;
}

bool
lab_take(struct lab *lab, const struct subject *subject, uint64_t window,
         uint32_t span_s, uint32_t n, uint32_t limit)
{
    const struct charge_item item = {.subject = subject,
                                     .window = window,
                                     .span_s = span_s,
                                     .n = n,
                                     .limit = limit};

    return lab_charge(lab, &item, 1);
}

static enum ms_err
set_state(void *arg, struct store_state *state)
{
    const struct store_state *wanted = arg;

    state->standing = wanted->standing;
    state->throttle = wanted->throttle;
    state->len = wanted->len;
    memcpy(state->bytes, wanted->bytes, wanted->len);
    return MS_OK;
}

enum ms_err
lab_judge(struct lab *lab, const struct subject *subject,
          enum standing standing, uint32_t rate, uint16_t len)
{
    struct store_state wanted = {
        .standing = standing, .throttle = rate, .len = len};

    for (unsigned i = 0; i < len; i++)
        wanted.bytes[i] = (uint8_t)(i * 7 + len);
    return store_update(lab->store, subject, lab_now(lab), set_state, &wanted);
}

uint64_t
lab_used(struct lab *lab, const struct subject *subject, uint64_t window)
{
    static struct store_record record; /* big, and tests have one thread */
    bool found;

    assert_int_equal(
        store_get(lab->store, subject, lab_now(lab), &found, &record), MS_OK);
    for (size_t i = 0; found && i < record.n_windows; i++)
        if (record.windows[i].window == window)
            return record.windows[i].used;
    return 0;
}

char *
lab_file(const struct lab *lab, const char *name, char out[LAB_PATH])
{
    snprintf(out, LAB_PATH, "%.150s/%.100s", lab->path, name);
    return out;
}
