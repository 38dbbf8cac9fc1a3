/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/redis_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/store/memory.h"
#include "test/unit.h"

enum { LAYOUTS = FARM_CLUSTER + 1, WAIT_MS = 15000 };

/* What a program has of these, until its end. */
static struct farm *farms[LAYOUTS];
static struct sitekey *key;

struct farm *
redis_lab_farm(enum farm_layout layout)
{
    if (farms[layout] == NULL)
        farms[layout] = farm_start(layout);
    return farms[layout];
}

void
redis_lab_end_farms(void)
{
    for (size_t i = 0; i < LAYOUTS; i++) {
        farm_stop(farms[i]);
        farms[i] = NULL;
    }
    sitekey_destroy(key);
    key = NULL;
}

const struct sitekey *
redis_lab_key(void)
{
    static const uint8_t bytes[32] = {1, 2, 3};

    if (key == NULL)
        assert_int_equal(sitekey_from(bytes, &key), MS_OK);
    return key;
}

void
redis_lab_prefix(char out[32])
{
    static unsigned n;

    snprintf(out, 32, "t%ld-%u", (long)getpid(), n++);
}

struct store_time
redis_lab_now(void *unused)
{
    struct timespec mono, wall;

    (void)unused;
    clock_gettime(CLOCK_BOOTTIME, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct store_time){
        {(int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000}, {wall.tv_sec}};
}

static struct mono
real_ms_from_now(int64_t ms)
{
    struct mono then = redis_lab_now(NULL).mono;

    then.ms += ms;
    return then;
}

/* ----- the kinds of a lab */

static enum ms_err
open_redis(struct lab *lab, enum farm_layout layout, struct store **out,
           struct why *why)
{
    struct redis_where where;
    struct redis_needs needs = {.where = &where,
                                .prefix = lab->prefix,
                                .key = redis_lab_key(),
                                .keep_s = 90 * 86400,
                                .memory = LAB_MEMORY,
                                .clock = {redis_lab_now, NULL, NULL},
                                .handed_clock = true};
    enum ms_err err;

    if (lab->prefix[0] == '\0')
        redis_lab_prefix(lab->prefix);
    farm_where(redis_lab_farm(layout), &where);
    where.deadline_ms = 2000; /* of a machine that others use, too */
    err = store_memory_create(lab->memory, &needs.shadow);
    if (err != MS_OK)
        return err;
    err = store_redis_create(&needs, out, why);
    if (err != MS_OK) {
        store_destroy(needs.shadow);
        return err;
    }
    return store_redis_wait_up(*out, real_ms_from_now(WAIT_MS))
               ? MS_OK
               : why_set(why, MS_UNAVAIL, "the farm does not answer");
}

static enum ms_err
open_unix(struct lab *lab, struct store **out, struct why *why)
{
    return open_redis(lab, FARM_UNIX, out, why);
}

static enum ms_err
open_tls(struct lab *lab, struct store **out, struct why *why)
{
    return open_redis(lab, FARM_TLS, out, why);
}

static enum ms_err
open_sentinel(struct lab *lab, struct store **out, struct why *why)
{
    return open_redis(lab, FARM_SENTINEL, out, why);
}

static enum ms_err
open_cluster(struct lab *lab, struct store **out, struct why *why)
{
    return open_redis(lab, FARM_CLUSTER, out, why);
}

const struct lab_kind redis_lab_kinds[] = {
    {"redis", open_unix, true, true},
    {"redis by TLS", open_tls, true, true},
    {"sentinel", open_sentinel, true, true},
    {"cluster", open_cluster, true, true},
};
const size_t redis_lab_n_kinds = ROWS(redis_lab_kinds);

int
redis_lab_run(const struct lab_test *tests, size_t n)
{
    int failed = lab_run_with(redis_lab_kinds, redis_lab_n_kinds, tests, n);

    redis_lab_end_farms();
    return failed;
}

/* ----- hosts of a fleet */

static void
tell(void *arg, enum ms_err err, const char *text)
{
    struct redis_host *host = arg;

    (void)err;
    pthread_mutex_lock(&host->lock);
    if (host->n_told < TOLD)
        snprintf(host->told[host->n_told], WHY_TEXT, "%s", text);
    host->n_told++;
    pthread_mutex_unlock(&host->lock);
}

static void
describe(void *arg, struct store_host *out)
{
    const struct redis_host *host = arg;

    snprintf(out->name, sizeof(out->name), "%s", host->name);
    snprintf(out->version, sizeof(out->version), "1.0");
    snprintf(out->mode, sizeof(out->mode), "enforce");
}

static void
changed(void *arg, const uint8_t *subject)
{
    struct redis_host *host = arg;

    if (subject != NULL)
        host->changed++;
    else
        host->changed_all++;
}

static void
board(void *arg)
{
    struct redis_host *host = arg;

    host->board++;
}

void
redis_host_open(struct redis_host *host)
{
    struct redis_where where;
    struct why why = {""};
    struct redis_needs needs = {.where = &where,
                                .prefix = host->prefix,
                                .key = host->key != NULL ? host->key
                                                         : redis_lab_key(),
                                .hosts = host->hosts,
                                .keep_s = 90 * 86400,
                                .memory = LAB_MEMORY,
                                .clock = {redis_lab_now, NULL, NULL},
                                .events = {tell, host},
                                .describe = describe,
                                .changed = changed,
                                .board = board,
                                .arg = host,
                                .handed_clock = host->handed_clock,
                                .form = host->form};

    farm_where(host->farm, &where);
    where.deadline_ms = host->deadline_ms > 0 ? host->deadline_ms : 300;
    host->n_told = host->changed = host->changed_all = host->board = 0;
    pthread_mutex_init(&host->lock, NULL);
    assert_int_equal(store_memory_create(LAB_MEMORY, &host->shadow), MS_OK);
    needs.shadow = host->shadow;
    if (store_redis_create(&needs, &host->store, &why) != MS_OK)
        fail_msg("%s: %s", host->name, why.text);
}

void
redis_host_start(struct redis_host *host)
{
    redis_host_open(host);
    if (!store_redis_wait_up(host->store, real_ms_from_now(WAIT_MS)))
        fail_msg("%s: %s", host->name,
                 host->n_told > 0 ? host->told[0] : "not up");
}

void
redis_host_stop(struct redis_host *host)
{
    store_destroy(host->store);
    host->store = NULL;
    pthread_mutex_destroy(&host->lock);
}

bool
redis_host_charge(struct redis_host *host, const struct charge_item *items,
                  size_t n, struct charge_answers *out)
{
    struct store_time now = redis_lab_now(NULL);
    struct store_ticket *ticket = NULL;

    assert_int_equal(store_submit(host->store, items, n, now, &ticket), MS_OK);
    assert_int_equal(
        store_collect(host->store, ticket, real_ms_from_now(5000), out), MS_OK);
    assert_int_equal(out->n, n);
    return out->added;
}

/* ----- for short tests */

void
redis_lab_pause(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

struct charge_item
redis_lab_item(const struct subject *subject, enum charge_kind kind, uint32_t n,
               uint32_t limit)
{
    return (struct charge_item){.subject = subject,
                                .window = REDIS_LAB_WINDOW,
                                .span_s = REDIS_LAB_SPAN_S,
                                .n = n,
                                .limit = limit,
                                .kind = kind};
}

bool
redis_host_take(struct redis_host *host, const struct subject *subject,
                uint32_t limit, struct charge_answers *out)
{
    const struct charge_item item =
        redis_lab_item(subject, CHARGE_TAKE, 1, limit);

    return redis_host_charge(host, &item, 1, out);
}

static struct store_record *
read_record(struct store *store, const struct subject *subject, bool *found)
{
    struct store_record *record = calloc(1, sizeof(*record));

    assert_non_null(record);
    assert_int_equal(
        store_get(store, subject, redis_lab_now(NULL), found, record), MS_OK);
    return record;
}

uint64_t
redis_lab_used(struct store *store, const struct subject *subject)
{
    bool found;
    struct store_record *record = read_record(store, subject, &found);
    uint64_t used = 0;

    for (size_t i = 0; found && i < record->n_windows; i++)
        if (record->windows[i].window == REDIS_LAB_WINDOW)
            used = record->windows[i].used;
    free(record);
    return used;
}

enum standing
redis_lab_standing(struct store *store, const struct subject *subject)
{
    bool found;
    struct store_record *record = read_record(store, subject, &found);
    enum standing standing = found ? record->state.standing : STANDING_NORMAL;

    free(record);
    return standing;
}

void
redis_lab_expect(struct store *store, const struct subject *subject,
                 enum standing standing)
{
    for (int ms = 0; ms < REDIS_LAB_SOON_MS; ms += 20) {
        if (redis_lab_standing(store, subject) == standing)
            return;
        redis_lab_pause(20);
    }
    fail_msg("a standing is %d, not %d",
             (int)redis_lab_standing(store, subject), (int)standing);
}

static enum ms_err
set_standing(void *arg, struct store_state *state)
{
    state->standing = *(enum standing *)arg;
    return MS_OK;
}

void
redis_host_judge(struct redis_host *host, const struct subject *subject,
                 enum standing standing)
{
    assert_int_equal(store_update(host->store, subject, redis_lab_now(NULL),
                                  set_standing, &standing),
                     MS_OK);
}
