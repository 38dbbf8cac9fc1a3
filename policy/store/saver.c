/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/saver.c - the thread that saves.
 *
 * It holds a shard's lock while it copies at most 64 records, and none while it
 * writes.  What it copied is on the shard's list of records being saved
 * until the transaction ends; if that fails, all of them are dirty again.
 */
#include <config.h>

#include "policy/store/saver.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PERIOD_MS = 800, /* writing takes time, too: a second in all */
    RETRY_MS = 1000, /* at first; then twice as long each time */
    RETRY_MAX_MS = 60000,
    TRANSACTION = 65536, /* records, about */
    SWEEP_PARTS = 600    /* of all records, one a round: ten minutes for all */
};

struct saver {
    struct saver_needs is; /* the thread's, but for the ledger */
    struct rows *rows;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below; a leaf */
    pthread_cond_t done;
    int pipe[2]; /* to wake the thread: no clock is needed to wait by it */
    bool stop, kicked;
    uint64_t wanted, finished; /* rounds that somebody waits for */
    enum ms_err err;           /* of the last round */
    struct why why;
    uint64_t saves, save_errors;
    int64_t retry_ms; /* until the next try after an error */
};

static void
tell(const struct store_events *events, enum ms_err err, const char *text)
{
    if (events->tell != NULL)
        events->tell(events->arg, err, text);
}

void
saver_meta(struct ledger *ledger, const char *boot, struct store_time now,
           struct statefile_meta *out)
{
    struct store_stats stats;

    memset(out, 0, sizeof(*out));
    (void)snprintf(out->boot, sizeof(out->boot), "%s", boot);
    out->boot_ms = now.mono.ms;
    out->wall_s = now.wall.s;
    out->clock_ms = (int64_t)ledger_clock_ms(ledger, now);
    memcpy(out->hash_key, ledger->hash_key, LEDGER_HASH_KEY);
    ledger_stats(ledger, &stats);
    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        out->subjects += stats.subjects[i];
}

enum ms_err
saver_move_aside(struct statedir *dir, struct store_time now,
                 struct store_events events, struct why *why)
{
    char aside[STATEDIR_PATH];
    struct why event;
    enum ms_err err = statedir_move_aside(dir, now.wall, aside, why);

    if (err != MS_OK)
        return err;
    why_set(&event, MS_INVALID, "%.200s; moved to %.200s: a new file is begun",
            why->text, aside);
    tell(&events, MS_INVALID, event.text);
    return MS_OK;
}

/* ----- one round */

static struct store_time
now_of(const struct saver *saver)
{
    return saver->is.clock.now(saver->is.clock.arg);
}

static enum ms_err
make_file(struct saver *saver, struct why *why)
{
    struct statefile_meta meta;
    enum ms_err err = statedir_begin_draft(saver->is.dir, why);

    if (err != MS_OK)
        return err;
    saver_meta(saver->is.ledger, saver->is.boot, now_of(saver), &meta);
    err = statefile_create(statedir_draft(saver->is.dir), &meta, why);
    if (err == MS_OK)
        err = statedir_end_draft(saver->is.dir, why);
    if (err == MS_OK)
        ledger_all_dirty(saver->is.ledger);
    return err;
}

/* The file that lies there must be the one that was loaded. */
static enum ms_err
check_file(struct saver *saver, struct statefile *file, struct why *why)
{
    struct statefile_meta meta;
    enum ms_err err = statefile_read_meta(file, &meta, why);

    if (err == MS_OK &&
        memcmp(meta.hash_key, saver->is.ledger->hash_key, LEDGER_HASH_KEY) != 0)
        err = why_set(why, MS_INVALID, "%s: it is another store's",
                      statedir_file(saver->is.dir));
    return err;
}

/* Open the file, or begin a new one where there is none. */
static enum ms_err
open_file(struct saver *saver, struct why *why)
{
    struct statefile *file = NULL;
    const char *path = statedir_file(saver->is.dir);
    bool found;
    enum ms_err err = statedir_look(saver->is.dir, &found, why);

    if (err == MS_OK && !found) {
        err = make_file(saver, why);
        if (err == MS_OK)
            err = statedir_look(saver->is.dir, &found, why);
    }
    if (err == MS_OK)
        err = statefile_open(path, &file, why);
    if (err == MS_OK)
        err = check_file(saver, file, why);
    if (err == MS_OK)
        saver->is.file = file;
    else
        statefile_close(file);
    return err;
}

static void
close_file(struct saver *saver)
{
    statefile_close(saver->is.file);
    saver->is.file = NULL;
}

static enum ms_err
write_rows(struct saver *saver, struct why *why)
{
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < rows_count(saver->rows) && err == MS_OK; i++) {
        struct row row = rows_at(saver->rows, i);

        err = statefile_write(saver->is.file, &row, why);
    }
    return err;
}

/* Write what is dirty, about TRANSACTION records at most; add to *N. */
static enum ms_err
write_some(struct saver *saver, uint64_t *n, struct why *why)
{
    enum ms_err err = MS_OK;

    while (err == MS_OK && *n < TRANSACTION) {
        err = ledger_take(saver->is.ledger, saver->rows);
        if (err != MS_OK)
            return why_set(why, err, "no memory");
        if (rows_count(saver->rows) == 0)
            break;
        err = write_rows(saver, why);
        *n += rows_count(saver->rows);
    }
    return err;
}

/* A transaction; the file is closed if it fails. */
static enum ms_err
transact(struct saver *saver, bool clean, uint64_t *n, struct why *why)
{
    struct statefile_meta meta;
    enum ms_err err = statefile_begin(saver->is.file, why);

    *n = 0;
    if (err == MS_OK)
        err = write_some(saver, n, why);
    if (err == MS_OK) {
        saver_meta(saver->is.ledger, saver->is.boot, now_of(saver), &meta);
        meta.clean = clean;
        err = statefile_commit(saver->is.file, &meta, why);
    }
    if (err == MS_OK) {
        ledger_saved(saver->is.ledger);
    } else {
        close_file(saver);
        ledger_unsaved(saver->is.ledger);
    }
    return err;
}

/* Did somebody remove or replace the file?  It is ours until we end. */
static enum ms_err
check_place(struct saver *saver, struct why *why)
{
    bool found;

    if (statedir_is_same(saver->is.dir))
        return MS_OK;
    close_file(saver);
    if (statedir_look(saver->is.dir, &found, why) != MS_OK)
        return MS_UNAVAIL;
    if (!found)
        return MS_OK; /* a new one will be made */
    return why_set(why, MS_INVALID, "%s: it was replaced while in use",
                   statedir_file(saver->is.dir));
}

static enum ms_err
save_all(struct saver *saver, struct why *why)
{
    uint64_t left = ledger_dirty(saver->is.ledger);
    enum ms_err err = MS_OK;

    if (saver->is.file != NULL && left > 0)
        err = check_place(saver, why);
    if (err == MS_OK && saver->is.file == NULL) {
        err = open_file(saver, why);
        left = ledger_dirty(saver->is.ledger);
    }
    while (err == MS_OK && left > 0) {
        uint64_t n;

        err = transact(saver, false, &n, why);
        /* what comes meanwhile is the next round's */
        left = n >= TRANSACTION && n < left ? left - n : 0;
    }
    return err;
}

/* Save all; a file that turns out to be damaged is replaced by a new one. */
static enum ms_err
save(struct saver *saver, struct why *why)
{
    enum ms_err err = save_all(saver, why);

    if (err != MS_INVALID)
        return err;
    close_file(saver);
    err = saver_move_aside(saver->is.dir, now_of(saver), saver->is.events, why);
    return err == MS_OK ? save_all(saver, why) : err;
}

/* Nothing comes any more. */
static void
finish(struct saver *saver, enum ms_err err)
{
    struct why why;
    uint64_t n;

    if (err != MS_OK) {
        why_set(&why, err, "%llu subjects could not be saved to %.300s",
                (unsigned long long)ledger_dirty(saver->is.ledger),
                statedir_file(saver->is.dir));
        tell(&saver->is.events, err, why.text);
    }
    if (saver->is.file == NULL)
        return;
    if (transact(saver, true, &n, &why) == MS_OK)
        statefile_settle(saver->is.file, &why); /* else at the next start */
    close_file(saver);
}

/* ----- the thread */

/* Keep the outcome of a round, and tell it if it is another than before. */
static void
conclude(struct saver *saver, enum ms_err err, const struct why *why)
{
    bool failed = saver->err != MS_OK;
    struct why event;

    if (err != MS_OK && !failed)
        why_set(&event, err,
                "cannot save: %.300s; counts and standings are kept in memory",
                why->text);
    else if (err == MS_OK && failed)
        why_set(&event, err, "saving to %.300s works again",
                statedir_file(saver->is.dir));
    pthread_mutex_lock(&saver->lock);
    saver->err = err;
    if (err == MS_OK) {
        saver->saves++;
    } else {
        saver->save_errors++;
        saver->why = *why;
        if (failed && saver->retry_ms < RETRY_MAX_MS / 2)
            saver->retry_ms *= 2;
        else
            saver->retry_ms = failed ? RETRY_MAX_MS : RETRY_MS;
    }
    pthread_mutex_unlock(&saver->lock);
    if ((err != MS_OK) != failed)
        tell(&saver->is.events, err, event.text);
}

/* Wait so long, or until somebody asks. */
static void
wait_ms(struct saver *saver, int64_t ms)
{
    struct pollfd pipe = {.fd = saver->pipe[0], .events = POLLIN};
    char drain[64];

    if (poll(&pipe, 1, (int)ms) > 0)
        while (read(saver->pipe[0], drain, sizeof(drain)) > 0)
            ;
}

/* What is left of the time between two rounds, one having begun at FROM. */
static int64_t
rest_ms(const struct saver *saver, struct store_time from)
{
    int64_t took_ms = now_of(saver).mono.ms - from.mono.ms;

    if (saver->err != MS_OK)
        return saver->retry_ms;
    return took_ms < 0 || took_ms > PERIOD_MS ? 0 : PERIOD_MS - took_ms;
}

/* Does what is asked for come to an end with this round? */
static bool
begin(struct saver *saver, uint64_t *wanted)
{
    bool stop;

    pthread_mutex_lock(&saver->lock);
    saver->kicked = false;
    *wanted = saver->wanted;
    stop = saver->stop;
    pthread_mutex_unlock(&saver->lock);
    return stop;
}

static void
end(struct saver *saver, uint64_t wanted)
{
    pthread_mutex_lock(&saver->lock);
    saver->finished = wanted;
    pthread_cond_broadcast(&saver->done);
    pthread_mutex_unlock(&saver->lock);
}

static void *
run(void *arg)
{
    struct saver *saver = arg;
    bool last = false;

    ledger_order(saver->is.ledger); /* of what was loaded */
    while (!last) {
        struct store_time from = now_of(saver);
        struct why why;
        uint64_t wanted;
        enum ms_err err;

        last = begin(saver, &wanted);
        ledger_sweep(saver->is.ledger, SWEEP_PARTS, from);
        err = save(saver, &why);
        conclude(saver, err, &why);
        if (last)
            finish(saver, err);
        end(saver, wanted);
        if (!last)
            wait_ms(saver, rest_ms(saver, from));
    }
    return NULL;
}

static enum ms_err
start_thread(struct saver *saver)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
        return MS_NOMEM;
    rc = pthread_create(&saver->thread, NULL, run, saver);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0 ? MS_OK : MS_NOMEM;
}

static enum ms_err
init_waiting(struct saver *saver)
{
    saver->pipe[0] = saver->pipe[1] = -1;
    if (pthread_mutex_init(&saver->lock, NULL) != 0)
        return MS_NOMEM;
    if (pthread_cond_init(&saver->done, NULL) != 0) {
        pthread_mutex_destroy(&saver->lock);
        return MS_NOMEM;
    }
    /* Without one it only saves less promptly, and flush waits longer. */
    if (pipe2(saver->pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        saver->pipe[0] = saver->pipe[1] = -1;
    return MS_OK;
}

static void
destroy(struct saver *saver)
{
    pthread_cond_destroy(&saver->done);
    pthread_mutex_destroy(&saver->lock);
    for (int i = 0; i < 2; i++)
        if (saver->pipe[i] >= 0)
            close(saver->pipe[i]);
    rows_destroy(saver->rows);
    free(saver);
}

enum ms_err
saver_start(const struct saver_needs *needs, struct saver **out)
{
    struct saver *saver = calloc(1, sizeof(*saver));

    if (saver == NULL)
        return MS_NOMEM;
    saver->is = *needs;
    if (init_waiting(saver) != MS_OK) {
        free(saver);
        return MS_NOMEM;
    }
    if (rows_create(&saver->rows) != MS_OK || start_thread(saver) != MS_OK) {
        destroy(saver);
        return MS_NOMEM;
    }
    *out = saver;
    return MS_OK;
}

static void
wake_locked(struct saver *saver)
{
    ssize_t sent = write(saver->pipe[1], "", 1);

    (void)sent; /* a full pipe wakes as well */
}

void
saver_kick(struct saver *saver)
{
    pthread_mutex_lock(&saver->lock);
    if (!saver->kicked && saver->err == MS_OK) {
        saver->kicked = true;
        wake_locked(saver);
    }
    pthread_mutex_unlock(&saver->lock);
}

enum ms_err
saver_flush(struct saver *saver, struct why *why)
{
    uint64_t wanted;
    enum ms_err err;

    pthread_mutex_lock(&saver->lock);
    wanted = ++saver->wanted;
    wake_locked(saver);
    while (saver->finished < wanted)
        pthread_cond_wait(&saver->done, &saver->lock);
    err = saver->err;
    if (err != MS_OK && why != NULL)
        *why = saver->why;
    pthread_mutex_unlock(&saver->lock);
    return err;
}

void
saver_stats(struct saver *saver, struct store_stats *out)
{
    pthread_mutex_lock(&saver->lock);
    out->saves = saver->saves;
    out->save_errors = saver->save_errors;
    out->saving_failed = saver->err != MS_OK;
    if (saver->err != MS_OK)
        (void)snprintf(out->trouble, sizeof(out->trouble), "%.252s",
                       saver->why.text);
    pthread_mutex_unlock(&saver->lock);
}

void
saver_stop(struct saver *saver)
{
    if (saver == NULL)
        return;
    pthread_mutex_lock(&saver->lock);
    saver->stop = true;
    wake_locked(saver);
    pthread_mutex_unlock(&saver->lock);
    pthread_join(saver->thread, NULL);
    destroy(saver);
}
