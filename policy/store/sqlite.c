/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/sqlite.c - the embedded store: a ledger, read back from a file
 * at start, and a saver behind it.  No call here waits for the disk, but open,
 * flush and destroy.
 */
#include <config.h>

#include "policy/store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/ledger.h"
#include "policy/store/saver.h"
#include "policy/store/statedir.h"
#include "policy/store/statefile.h"
#include "policy/store/step.h"

struct embedded {
    struct store store;
    struct ledger *ledger;
    struct statedir *dir;
    struct saver *saver;
    char boot[STATEFILE_BOOT];
};

/* The embedded store behind STORE, which is one of ours. */
static struct embedded *
of(struct store *store)
{
    return (struct embedded *)store;
}

/* ----- what a store does */

static enum ms_err
embedded_submit(struct store *store, const struct charge_item *items, size_t n,
                struct store_time now, struct store_ticket **out)
{
    return step_submit(of(store)->ledger, items, n, now, out);
}

static enum ms_err
embedded_collect(struct store *store, struct store_ticket *ticket,
                 struct mono deadline, struct charge_answers *out)
{
    (void)store;
    (void)deadline;
    step_collect(ticket, out);
    return MS_OK;
}

static void
embedded_drop(struct store *store, struct store_ticket *ticket)
{
    (void)store;
    step_drop(ticket);
}

static void
embedded_refund(struct store *store, const struct receipt *receipts, size_t n,
                struct store_time now)
{
    ledger_refund(of(store)->ledger, receipts, n, now);
}

static enum ms_err
embedded_update(struct store *store, const struct subject *subject,
                struct store_time now,
                enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    bool changed = false;
    enum ms_err err =
        ledger_update(of(store)->ledger, subject, now, change, arg, &changed);

    if (changed)
        saver_kick(of(store)->saver);
    return err;
}

static enum ms_err
embedded_get(struct store *store, const struct subject *subject,
             struct store_time now, bool *found, struct store_record *out)
{
    return ledger_get(of(store)->ledger, subject, now, found, out);
}

static enum ms_err
embedded_list(struct store *store, enum subject_kind kind,
              struct store_time now,
              bool (*each)(void *, const struct store_record *), void *arg)
{
    return ledger_list(of(store)->ledger, kind, now, each, arg);
}

static enum ms_err
embedded_standings(struct store *store, struct store_time now,
                   bool (*each)(void *, const struct store_record *), void *arg)
{
    return ledger_standings(of(store)->ledger, now, each, arg);
}

static void
embedded_keep(struct store *store, uint32_t keep_s)
{
    ledger_keep(of(store)->ledger, keep_s);
}

static enum ms_err
embedded_forget(struct store *store, const struct subject *subject,
                struct store_time now, bool *found)
{
    enum ms_err err = ledger_forget(of(store)->ledger, subject, now, found);

    saver_kick(of(store)->saver);
    return err;
}

static enum ms_err
embedded_reset(struct store *store, const struct subject *subject,
               uint64_t window, struct store_time now, bool *found)
{
    return ledger_reset(of(store)->ledger, subject, window, now, found);
}

static enum ms_err
embedded_put(struct store *store, const struct store_record *record,
             struct store_time now)
{
    enum ms_err err = ledger_put(of(store)->ledger, record, now);

    if (err == MS_OK && record->state.standing != STANDING_NORMAL)
        saver_kick(of(store)->saver);
    return err;
}

static void
embedded_stats(struct store *store, struct store_stats *out)
{
    ledger_stats(of(store)->ledger, out);
    saver_stats(of(store)->saver, out);
}

static enum ms_err
embedded_flush(struct store *store, struct store_time now, struct why *why)
{
    (void)now; /* the saver has a clock of its own */
    return saver_flush(of(store)->saver, why);
}

static void
embedded_destroy(struct store *store)
{
    struct embedded *e = of(store);

    saver_stop(e->saver);
    statedir_close(e->dir);
    ledger_destroy(e->ledger);
    free(e);
}

static const struct store_ops embedded_ops = {
    .submit = embedded_submit,
    .collect = embedded_collect,
    .drop = embedded_drop,
    .refund = embedded_refund,
    .update = embedded_update,
    .get = embedded_get,
    .list = embedded_list,
    .standings = embedded_standings,
    .forget = embedded_forget,
    .reset = embedded_reset,
    .put = embedded_put,
    .keep = embedded_keep,
    .stats = embedded_stats,
    .flush = embedded_flush,
    .destroy = embedded_destroy,
};

/* ----- opening */

struct loading {
    struct ledger *ledger;
    enum ledger_keys keys;
    uint64_t loaded, skipped;
};

static enum ms_err
load_row(void *arg, const struct row *row)
{
    struct loading *loading = arg;
    enum ms_err err = ledger_restore(loading->ledger, row, loading->keys);

    if (err == MS_OK)
        loading->loaded++;
    if (err != MS_INVALID)
        return err;
    loading->skipped++;
    return MS_OK;
}

/* The kernel's name of this boot; "" if it does not tell. */
static void
read_boot(char out[STATEFILE_BOOT])
{
    FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");

    out[0] = '\0';
    if (in == NULL)
        return;
    if (fgets(out, STATEFILE_BOOT, in) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(in);
}

/* The store's clock goes on from where it was, and by how long ago that was. */
static void
continue_clock(struct ledger *ledger, const struct statefile_meta *meta,
               const char *boot, struct store_time now)
{
    int64_t age_ms;

    if (boot[0] != '\0' && strcmp(boot, meta->boot) == 0 &&
        now.mono.ms >= meta->boot_ms)
        age_ms = now.mono.ms - meta->boot_ms;
    else
        age_ms = (now.wall.s - meta->wall_s) * 1000;
    if (age_ms < 0)
        age_ms = 0;
    ledger->offset_ms = meta->clock_ms + age_ms - now.mono.ms;
}

static enum ms_err
make_ledger(struct embedded *e, uint64_t memory,
            const struct statefile_meta *meta, struct store_time now,
            struct why *why)
{
    enum ms_err err =
        ledger_create(memory, meta != NULL ? meta->hash_key : NULL, &e->ledger);

    if (err != MS_OK)
        return why_set(why, err, "no store of %llu bytes can be made",
                       (unsigned long long)memory);
    e->ledger->tally.saved = true;
    if (meta == NULL)
        return MS_OK;
    continue_clock(e->ledger, meta, e->boot, now);
    ledger_expect(e->ledger, meta->subjects);
    return MS_OK;
}

/*
 * Read the rows of FILE.  It is checked as a whole after an end that was not
 * clean, and if rows are damaged: then the tree that holds them may be, too.
 */
static enum ms_err
load_rows(struct statefile *file, bool clean, struct loading *loading,
          struct why *why)
{
    enum ms_err damage = clean ? MS_OK : statefile_check(file, why);
    struct why ignored;
    enum ms_err err = statefile_read(file, load_row, loading,
                                     damage == MS_OK ? why : &ignored);

    if (damage == MS_OK && err == MS_OK && clean && loading->skipped > 0)
        damage = statefile_check(file, why);
    return damage != MS_OK ? damage : err;
}

/* Read FILE into a new ledger.  MS_INVALID: damaged; there is a ledger all the
 * same, with what could be read. */
static enum ms_err
load(struct embedded *e, struct statefile *file, uint64_t memory,
     struct store_time now, struct loading *loading, struct why *why)
{
    struct statefile_meta meta;
    struct why ignored;
    enum ms_err damage = statefile_read_meta(file, &meta, why);
    enum ms_err err;

    if (damage != MS_OK && damage != MS_INVALID)
        return damage;
    loading->keys = damage == MS_OK ? LEDGER_KEYS_HOLD : LEDGER_KEYS_NEW;
    err = make_ledger(e, memory, damage == MS_OK ? &meta : NULL, now, why);
    if (err != MS_OK)
        return err;
    loading->ledger = e->ledger;
    if (damage == MS_OK)
        return load_rows(file, meta.clean, loading, why);
    err = load_rows(file, true, loading, &ignored);
    return err == MS_NOMEM ? err : damage;
}

static void
tell_loaded(const struct embedded *e, const struct loading *loading,
            enum ms_err damage, struct store_events events)
{
    struct why event;

    if (events.tell == NULL || (damage == MS_OK && loading->skipped == 0))
        return;
    why_set(&event, MS_INVALID,
            "%.300s: %llu subjects were read whole, %llu were damaged",
            statedir_file(e->dir), (unsigned long long)loading->loaded,
            (unsigned long long)loading->skipped);
    events.tell(events.arg, MS_INVALID, event.text);
}

/* Load state.db if there is one; *FILE stays open for the saver. */
static enum ms_err
load_file(struct embedded *e, uint64_t memory, struct store_time now,
          struct store_events events, struct statefile **file, struct why *why)
{
    struct loading loading = {0};
    bool found, writable = statedir_is_writable(e->dir);
    enum ms_err err = statedir_look(e->dir, &found, why);

    if (err != MS_OK || !found)
        return err;
    err = statefile_open(statedir_file(e->dir), file, why);
    if (err == MS_UNAVAIL && !writable)
        err = statefile_open_unwritable(statedir_file(e->dir), file, why);
    if (err == MS_OK)
        err = load(e, *file, memory, now, &loading, why);
    if (err == MS_OK || (err == MS_INVALID && *file != NULL))
        tell_loaded(e, &loading, err, events);
    if (err != MS_INVALID && (err != MS_OK || writable))
        return err;
    statefile_close(*file); /* the saver tries to open it, or begins another */
    *file = NULL;
    return err == MS_OK ? MS_OK : saver_move_aside(e->dir, now, events, why);
}

static enum ms_err
open_all(struct embedded *e, const char *path, uint64_t memory,
         struct saver_needs *needs, struct why *why)
{
    struct store_time now = needs->clock.now(needs->clock.arg);
    enum ms_err err = statedir_open(path, &e->dir, why);

    if (err == MS_OK)
        err = load_file(e, memory, now, needs->events, &needs->file, why);
    if (err == MS_OK && e->ledger == NULL)
        err = make_ledger(e, memory, NULL, now, why);
    if (err != MS_OK)
        return err;
    needs->ledger = e->ledger;
    needs->dir = e->dir;
    err = saver_start(needs, &e->saver);
    if (err != MS_OK)
        return why_set(why, err, "%s: no thread can be started", path);
    needs->file = NULL; /* the saver has it */
    return MS_OK;
}

enum ms_err
store_sqlite_open(const char *path, uint64_t memory, struct store_clock clock,
                  struct store_events events, struct store **out,
                  struct why *why)
{
    struct embedded *e = calloc(1, sizeof(*e));
    struct saver_needs needs = {.clock = clock, .events = events};
    enum ms_err err;

    if (e == NULL)
        return why_set(why, MS_NOMEM, "%s: no memory", path);
    e->store.ops = &embedded_ops;
    if (clock.boot != NULL)
        (void)snprintf(e->boot, sizeof(e->boot), "%s", clock.boot);
    else
        read_boot(e->boot);
    needs.boot = e->boot;
    err = open_all(e, path, memory, &needs, why);
    if (err == MS_OK) {
        *out = &e->store;
        return MS_OK;
    }
    statefile_close(needs.file);
    embedded_destroy(&e->store);
    return err;
}
