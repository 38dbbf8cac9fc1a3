/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/clerk.c - the thread that writes down.
 *
 * Whoever asks settles first, in its own thread, so it waits for the disk at
 * most; only the clerk's thread waits for the fleet's servers.
 */
#include <config.h>

#include "milter/clerk/clerk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/clerk/acts.h"
#include "milter/clerk/cases.h"
#include "milter/clerk/inside.h"
#include "milter/clerk/orders.h"
#include "milter/clerk/queue.h"
#include "milter/clerk/site.h"
#include "milter/clerk/walk.h"
#include "milter/wait.h"

enum {
    SOME = 256,         /* decisions of one transaction */
    SHARED_WAIT = 4096, /* decisions that wait for the board */
    SHARED_SOME = 256,  /* of them in one beat */
    AUDITS_WAIT = 1000,
    ASK_MS = 60000, /* between two looks for what was not told */
    JUMP_S = 7200,  /* of the wall clock: then it is not relied on */
    AFTER_FORGET_MS = 2 * CLERK_BEAT_MS /* until blobs are saved again */
};

static const char history_blob[] = "history", pictures_blob[] = "pictures";

/* An entry of the audit trail that is not everywhere yet. */
struct audit {
    struct audit *next;
    bool written; /* in the diary */
    struct diary_audit entry;
};

struct clerk {
    struct clerk_needs is;
    struct clerk_queue *queue;
    struct clerk_acts *acts;
    struct clerk_orders *orders, *feedback;
    struct clerk_cases *cases;
    struct clerk_site *site;
    struct clerk_walk *walk; /* NULL: not started */
    _Atomic bool keeps;      /* decisions at all */

    pthread_mutex_t writing; /* guards these four; held over the diary's I/O */
    bool failing;            /* the last write did */
    struct decision *some;   /* SOME */
    struct diary_would *woulds;
    struct clerk_queue *board; /* written, and not on the board yet */
    pthread_mutex_t sharing;   /* held while some of these, or an entry of the
                                  audit trail, are on their way */
    pthread_mutex_t saving;    /* so that the newer picture is written later */

    /* Of the thread, or of clerk_beat(). */
    struct clerk_share share;
    int64_t share_ms, save_ms, trim_ms, ask_ms; /* when it is done next */
    bool heard;      /* something from the fleet since others were asked */
    int64_t ahead_s; /* the wall clock, of the other, at the last trim */
    uint64_t forgets;

    pthread_mutex_t lock; /* guards all below; a leaf */
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stop, news;
    struct audit *first, **last;
    size_t n_audits;
};

/* ----- clerk_inside.h */

struct store *
clerk_shared(const struct clerk *clerk)
{
    return clerk->is.shared;
}

uint64_t
clerk_keep_s(const struct clerk *clerk)
{
    return clerk->is.keep_s(clerk->is.arg);
}

struct store_time
clerk_now(const struct clerk *clerk)
{
    return clerk->is.now(clerk->is.arg);
}

const char *
clerk_host(const struct clerk *clerk)
{
    return clerk->is.host;
}

/* ----- what is told of the diary: when it begins to fail, and when it ends */

static void
conclude_locked(struct clerk *clerk, enum ms_err err)
{
    struct why why;

    if ((err != MS_OK) == clerk->failing)
        return;
    clerk->failing = err != MS_OK;
    if (err == MS_OK) {
        journal_say(clerk->is.journal, LOG_NOTICE,
                    "diary: writing works again; decisions lost: %llu",
                    (unsigned long long)clerk_lost(clerk));
        return;
    }
    diary_trouble(clerk->is.diary, &why);
    journal_say(clerk->is.journal, LOG_ERR,
                "diary: cannot write: %s; the newest %d decisions wait",
                why.text[0] != '\0' ? why.text : "no memory", CLERK_QUEUE);
}

enum ms_err
clerk_write(struct clerk *clerk,
            enum ms_err (*work)(struct diary *diary, void *arg), void *arg)
{
    enum ms_err err;

    (void)pthread_mutex_lock(&clerk->writing);
    err = work(clerk->is.diary, arg);
    conclude_locked(clerk, err);
    (void)pthread_mutex_unlock(&clerk->writing);
    return err;
}

/* ----- writing */

static void
free_nodes(struct clerk_node *list)
{
    while (list != NULL) {
        struct clerk_node *next = list->next;

        free(list);
        list = next;
    }
}

/* LIST is written, with the numbers that `some' has got: on to the board. */
static void
pass_on_locked(struct clerk *clerk, struct clerk_node *list)
{
    size_t n = 0;

    for (struct clerk_node *node = list; node != NULL; node = node->next)
        node->decision.seq = clerk->some[n++].seq;
    if (clerk->board != NULL)
        clerk_queue_append(clerk->board, list);
    else
        free_nodes(list);
}

static enum ms_err
write_some_locked(struct clerk *clerk, bool *more)
{
    struct clerk_node *list = clerk_queue_take(clerk->queue, SOME);
    enum ms_err err;
    size_t n = 0;

    for (const struct clerk_node *node = list; node != NULL; node = node->next)
        clerk->some[n++] = node->decision;
    *more = n == SOME;
    err = diary_add(clerk->is.diary, clerk->some, n);
    if (err == MS_OK)
        pass_on_locked(clerk, list);
    else
        clerk_queue_put_back(clerk->queue, list);
    return err;
}

static enum ms_err
write_woulds_locked(struct clerk *clerk)
{
    size_t n = clerk_queue_take_woulds(clerk->queue, clerk->woulds);
    enum ms_err err = diary_add_woulds(clerk->is.diary, clerk->woulds, n);

    if (err != MS_OK)
        clerk_queue_put_back_woulds(clerk->queue, clerk->woulds, n);
    return err;
}

static void
forget_queue(struct clerk *clerk)
{
    clerk_queue_clear(clerk->queue);
    if (clerk->board != NULL)
        clerk_queue_clear(clerk->board);
}

static void
write_all(struct clerk *clerk)
{
    bool keeps = clerk_keep_s(clerk) > 0, more = true, any;
    enum ms_err err = MS_OK;

    atomic_store(&clerk->keeps, keeps);
    if (!keeps) {
        forget_queue(clerk);
        return;
    }
    (void)pthread_mutex_lock(&clerk->writing);
    any = clerk_queue_count(clerk->queue) > 0;
    while (err == MS_OK && more)
        err = write_some_locked(clerk, &more);
    if (err == MS_OK)
        err = write_woulds_locked(clerk);
    if (any || err != MS_OK)
        conclude_locked(clerk, err);
    (void)pthread_mutex_unlock(&clerk->writing);
}

void
clerk_settle(struct clerk *clerk)
{
    write_all(clerk);
}

/* ----- decisions */

void
clerk_note(struct clerk *clerk, const struct journal_entry *entry,
           const char *text)
{
    enum verdict_action action = entry->verdict->action;
    struct decision d;

    if (action == VERDICT_CONTINUE || action == VERDICT_ACCEPT ||
        !atomic_load(&clerk->keeps))
        return;
    decision_make(entry, text, clerk->is.host, &d);
    /* our own failures are about nobody: then by rule, as in the log */
    clerk_queue_add(clerk->queue, &d, d.subject[0] != '\0' ? d.subject : d.rule,
                    entry->now.mono);
}

uint64_t
clerk_queued(struct clerk *clerk)
{
    return clerk_queue_count(clerk->queue);
}

uint64_t
clerk_lost(struct clerk *clerk)
{
    return clerk_queue_lost(clerk->queue) + clerk_cases_lost(clerk->cases);
}

/* ----- the audit trail */

static enum ms_err
add_audit(struct diary *diary, void *arg)
{
    return diary_add_audit(diary, arg);
}

static enum ms_err
write_audit(struct clerk *clerk, const struct diary_audit *entry)
{
    struct diary_audit copy = *entry;

    return clerk_write(clerk, add_audit, &copy);
}

/* In front; NULL: there is none. */
static struct audit *
take_audit(struct clerk *clerk)
{
    struct audit *audit;

    (void)pthread_mutex_lock(&clerk->lock);
    audit = clerk->first;
    if (audit != NULL) {
        clerk->first = audit->next;
        if (clerk->first == NULL)
            clerk->last = &clerk->first;
        clerk->n_audits--;
    }
    (void)pthread_mutex_unlock(&clerk->lock);
    return audit;
}

static void
put_back_audit(struct clerk *clerk, struct audit *audit)
{
    (void)pthread_mutex_lock(&clerk->lock);
    audit->next = clerk->first;
    clerk->first = audit;
    if (audit->next == NULL)
        clerk->last = &audit->next;
    clerk->n_audits++;
    (void)pthread_mutex_unlock(&clerk->lock);
}

/* The entry that waits longest goes if there are too many. */
static void
keep_audit(struct clerk *clerk, const struct diary_audit *entry, bool written)
{
    struct audit *audit = malloc(sizeof(*audit));
    bool full;

    if (audit == NULL)
        return;
    *audit = (struct audit){.written = written, .entry = *entry};
    (void)pthread_mutex_lock(&clerk->lock);
    *clerk->last = audit;
    clerk->last = &audit->next;
    full = ++clerk->n_audits > AUDITS_WAIT;
    (void)pthread_mutex_unlock(&clerk->lock);
    if (full)
        free(take_audit(clerk));
}

void
clerk_audit(struct clerk *clerk, const struct diary_audit *entry)
{
    bool written = write_audit(clerk, entry) == MS_OK;

    if (!written || clerk->is.shared != NULL)
        keep_audit(clerk, entry, written);
}

/* Write and share the one that waits longest; false: there is none, or it
 * waits on. */
static bool
send_audit_locked(struct clerk *clerk)
{
    struct audit *audit = take_audit(clerk);

    if (audit == NULL)
        return false;
    if (!audit->written)
        audit->written = write_audit(clerk, &audit->entry) == MS_OK;
    if (!audit->written ||
        (clerk->is.shared != NULL &&
         clerk_share_audit(clerk->is.shared, &audit->entry) != MS_OK)) {
        put_back_audit(clerk, audit);
        return false;
    }
    free(audit);
    return true;
}

static void
send_audits(struct clerk *clerk)
{
    bool more = true;

    while (more) {
        (void)pthread_mutex_lock(&clerk->sharing);
        more = send_audit_locked(clerk);
        (void)pthread_mutex_unlock(&clerk->sharing);
    }
}

/* ----- standings */

void
clerk_share_change(struct clerk *clerk, struct change *change)
{
    clerk_cases_change(clerk->cases, change);
}

void
clerk_share_held(struct clerk *clerk, const struct held *held)
{
    clerk_cases_held(clerk->cases, held);
}

enum ms_err
clerk_drop_held(struct clerk *clerk, const struct clerk_gone *gone, size_t n,
                unsigned *dropped)
{
    return clerk_cases_drop(clerk->cases, gone, n, dropped);
}

void
clerk_share_freeze(struct clerk *clerk, int64_t until_s)
{
    clerk_site_set(clerk->site, until_s);
    if (clerk->is.shared != NULL)
        clerk_news(clerk); /* the others are to hear at once */
}

void
clerk_freeze(struct clerk *clerk, struct clerk_freeze *out)
{
    clerk_site_freeze(clerk->site, out);
}

struct wall
clerk_birth(struct clerk *clerk)
{
    return clerk_site_birth(clerk->site);
}

enum ms_err
clerk_order_feedback(struct clerk *clerk, const struct diary_report *report,
                     uint32_t unknown, uint32_t complaints)
{
    return clerk_orders_report(clerk->feedback, report, unknown, complaints);
}

/* ----- the fleet */

enum ms_err
clerk_order_forget(struct clerk *clerk, const struct subject *subject,
                   const char *pseudonym)
{
    return clerk_orders_give(clerk->orders, subject, pseudonym);
}

/* Has clerk_news() been called since? */
static bool
take_news(struct clerk *clerk)
{
    bool news;

    (void)pthread_mutex_lock(&clerk->lock);
    news = clerk->news;
    clerk->news = false;
    (void)pthread_mutex_unlock(&clerk->lock);
    return news;
}

/* Put decisions on the board, some at a time; while it is away they wait. */
static void
share_decisions(struct clerk *clerk)
{
    uint64_t keep_s = clerk_keep_s(clerk);
    struct clerk_node *list;
    enum ms_err err = MS_OK;

    (void)pthread_mutex_lock(&clerk->sharing);
    list = clerk_queue_take(clerk->board, SHARED_SOME);

    while (list != NULL && err != MS_TIMEOUT) {
        struct clerk_node *node = list;

        err = clerk_share_decision(clerk->is.shared, &clerk->share,
                                   &node->decision, keep_s);
        if (err == MS_UNAVAIL)
            break;
        list = node->next; /* any other error is of this one */
        free(node);
    }
    clerk_queue_put_back(clerk->board, list);
    (void)pthread_mutex_unlock(&clerk->sharing);
}

void
clerk_weed(struct clerk *clerk, const struct clerk_weed *weed)
{
    clerk_cases_weed(clerk->cases, weed);
    (void)pthread_mutex_lock(&clerk->sharing);
    if (clerk->board != NULL)
        clerk_queue_weed(clerk->board, weed->decision, weed->arg);
    (void)pthread_mutex_lock(&clerk->lock);
    for (struct audit *audit = clerk->first; audit != NULL; audit = audit->next)
        weed->audit(weed->arg, &audit->entry);
    (void)pthread_mutex_unlock(&clerk->lock);
    (void)pthread_mutex_unlock(&clerk->sharing);
}

/* The row of SUBJECT as it is now in this host's store. */
static bool
row_of(struct clerk *clerk, const struct subject *subject, struct top_row *out)
{
    struct store *shadow = store_redis_shadow(clerk->is.shared);
    struct store_record record;
    bool found = false;

    return store_get(shadow, subject, clerk_now(clerk), &found, &record) ==
               MS_OK &&
           found && clerk->is.row(clerk->is.arg, &record, TOP_SHARE, out);
}

static enum ms_err
publish_kind(struct clerk *clerk, enum subject_kind kind)
{
    struct subject *subjects = NULL;
    struct top_row *rows = NULL;
    size_t n = 0, n_rows = 0;
    enum ms_err err = top_list(clerk->is.top, kind, TOP_SHARE, &subjects, &n);

    if (err == MS_OK) {
        rows = calloc(CLERK_TOP, sizeof(*rows));
        err = rows != NULL ? MS_OK : MS_NOMEM;
    }
    for (size_t i = 0; err == MS_OK && i < n && n_rows < CLERK_TOP; i++)
        n_rows += row_of(clerk, &subjects[i], &rows[n_rows]);
    if (err == MS_OK)
        err = clerk_share_top(clerk->is.shared, clerk->is.host,
                              clerk_now(clerk).wall, kind, rows, n_rows);
    free(rows);
    free(subjects);
    return err;
}

static void
publish_top(struct clerk *clerk)
{
    enum ms_err err = MS_OK;

    if (clerk->is.row == NULL || clerk->is.top == NULL)
        return;
    for (int kind = 0; kind < SUBJECT_KINDS && err == MS_OK; kind++)
        err = publish_kind(clerk, (enum subject_kind)kind);
}

/* What may be much is asked for only when something was told, and now and
 * then. */
static void
follow_others(struct clerk *clerk, bool news, int64_t now_ms)
{
    clerk->heard = clerk->heard || news || now_ms >= clerk->ask_ms;
    if (!clerk->heard || now_ms < clerk->share_ms)
        return;
    clerk->heard = false;
    clerk->ask_ms = now_ms + ASK_MS;
    (void)clerk_orders_follow(clerk->feedback);
    clerk_cases_follow(clerk->cases);
}

static void
exchange(struct clerk *clerk, int64_t now_ms)
{
    bool news = take_news(clerk), due = now_ms >= clerk->share_ms;

    if (clerk->is.shared == NULL)
        return;
    if (news || due) {
        (void)clerk_acts_pull(clerk->acts); /* else with the next exchange */
        (void)clerk_orders_follow(clerk->orders);
        clerk_site_exchange(clerk->site);
    }
    follow_others(clerk, news, now_ms);
    share_decisions(clerk); /* none of those that are forgotten now */
    if (due) {
        publish_top(clerk);
        clerk->share_ms = now_ms + CLERK_SHARE_MS;
    }
}

/* ----- blobs */

static enum ms_err
save_blob(struct clerk *clerk, const char *name, enum ms_err err, void *bytes,
          size_t len)
{
    (void)pthread_mutex_lock(&clerk->writing);
    if (err == MS_OK) {
        err = diary_put_blob(clerk->is.diary, name, bytes, len);
        conclude_locked(clerk, err);
    }
    (void)pthread_mutex_unlock(&clerk->writing);
    free(bytes);
    return err;
}

enum ms_err
clerk_save(struct clerk *clerk)
{
    void *bytes = NULL;
    size_t len = 0;
    enum ms_err err = MS_OK, other = MS_OK;

    (void)pthread_mutex_lock(&clerk->saving);
    if (clerk->is.history != NULL) {
        err = history_save(clerk->is.history, &bytes, &len);
        err = save_blob(clerk, history_blob, err, bytes, len);
    }
    if (clerk->is.pictures != NULL) {
        bytes = NULL;
        other = pictures_save(clerk->is.pictures, &bytes, &len);
        other = save_blob(clerk, pictures_blob, other, bytes, len);
    }
    (void)pthread_mutex_unlock(&clerk->saving);
    return err == MS_OK ? other : err;
}

/* One that is damaged is told, and begun anew. */
static void
tell_blob(struct clerk *clerk, const char *name, enum ms_err err)
{
    if (err == MS_INVALID)
        journal_say(clerk->is.journal, LOG_WARNING,
                    "diary: the %s cannot be read: begun anew", name);
}

static void
load(struct clerk *clerk)
{
    void *bytes = NULL;
    size_t len = 0;

    if (clerk->is.history != NULL &&
        diary_get_blob(clerk->is.diary, history_blob, &bytes, &len) == MS_OK &&
        bytes != NULL)
        tell_blob(clerk, history_blob,
                  history_load(clerk->is.history, bytes, len));
    free(bytes);
    bytes = NULL;
    if (clerk->is.pictures != NULL &&
        diary_get_blob(clerk->is.diary, pictures_blob, &bytes, &len) == MS_OK &&
        bytes != NULL)
        tell_blob(clerk, pictures_blob,
                  pictures_load(clerk->is.pictures, bytes, len));
    free(bytes);
}

/* ----- now and then */

static void
save_in_time(struct clerk *clerk, int64_t now_ms)
{
    uint64_t forgets = diary_forgets(clerk->is.diary);

    /* blobs that name somebody who was to be forgotten must not stay */
    if (forgets != clerk->forgets) {
        clerk->forgets = forgets;
        if (clerk->save_ms > now_ms + AFTER_FORGET_MS)
            clerk->save_ms = now_ms + AFTER_FORGET_MS;
    }
    if (now_ms < clerk->save_ms)
        return;
    clerk->save_ms = now_ms + CLERK_SAVE_MS;
    (void)clerk_save(clerk); /* else with the next one */
}

static int64_t
ahead_of(struct store_time now)
{
    return now.wall.s - now.mono.ms / 1000;
}

/* Has the wall clock left the other behind since this was asked?  Nothing is
 * deleted by a clock that may be set right within the hour. */
static bool
has_jumped(struct clerk *clerk, struct store_time now)
{
    int64_t by_s = ahead_of(now) - clerk->ahead_s;

    clerk->ahead_s += by_s;
    if (by_s <= JUMP_S)
        return false;
    journal_say(clerk->is.journal, LOG_WARNING,
                "diary: the wall clock has jumped ahead by %lld s: what is "
                "too old by now stays for another hour",
                (long long)by_s);
    return true;
}

static void
trim_in_time(struct clerk *clerk, struct store_time now)
{
    enum ms_err err;

    if (now.mono.ms < clerk->trim_ms)
        return;
    clerk->trim_ms = now.mono.ms + CLERK_TRIM_MS;
    if (has_jumped(clerk, now))
        return;
    clerk_acts_trim(clerk->acts, now.wall);
    (void)pthread_mutex_lock(&clerk->writing);
    err = diary_trim(clerk->is.diary, now.wall, clerk_keep_s(clerk));
    conclude_locked(clerk, err);
    (void)pthread_mutex_unlock(&clerk->writing);
    if (clerk->is.pictures != NULL)
        pictures_trim(clerk->is.pictures, now.wall);
}

void
clerk_beat(struct clerk *clerk)
{
    struct store_time now = clerk_now(clerk);

    write_all(clerk);
    clerk_acts_tick(clerk->acts);
    exchange(clerk, now.mono.ms);
    send_audits(clerk);
    clerk_cases_send(clerk->cases);
    clerk_site_keep(clerk->site);
    save_in_time(clerk, now.mono.ms);
    trim_in_time(clerk, now);
}

/* ----- the thread */

/* Wait for the next beat, or news.  False: it is to end. */
static bool
wait_beat(struct clerk *clerk)
{
    struct timespec until = wait_until(CLERK_BEAT_MS);
    bool stop;
    int rc = 0;

    (void)pthread_mutex_lock(&clerk->lock);
    while (!clerk->stop && !clerk->news && rc == 0)
        rc = pthread_cond_timedwait(&clerk->wake, &clerk->lock, &until);
    stop = clerk->stop;
    (void)pthread_mutex_unlock(&clerk->lock);
    return !stop;
}

static void *
run(void *arg)
{
    struct clerk *clerk = arg;

    do {
        clerk_beat(clerk);
    } while (wait_beat(clerk));
    return NULL;
}

void
clerk_news(struct clerk *clerk)
{
    (void)pthread_mutex_lock(&clerk->lock);
    clerk->news = true;
    (void)pthread_cond_signal(&clerk->wake);
    (void)pthread_mutex_unlock(&clerk->lock);
}

static enum ms_err
start_walk(struct clerk *clerk)
{
    const struct clerk_walk_needs needs = {
        .store = clerk->is.shared != NULL ? store_redis_shadow(clerk->is.shared)
                                          : clerk->is.store,
        .rank = clerk->is.rank,
        .now = clerk->is.now,
        .arg = clerk->is.arg,
    };

    if (needs.store == NULL || needs.rank == NULL)
        return MS_OK;
    return clerk_walk_start(&needs, &clerk->walk);
}

enum ms_err
clerk_start(struct clerk *clerk)
{
    enum ms_err err = start_walk(clerk);

    if (err != MS_OK)
        return err;
    if (pthread_create(&clerk->thread, NULL, run, clerk) != 0)
        return MS_UNAVAIL;
    clerk->started = true;
    return MS_OK;
}

static void
end_thread(struct clerk *clerk)
{
    if (!clerk->started)
        return;
    (void)pthread_mutex_lock(&clerk->lock);
    clerk->stop = true;
    (void)pthread_cond_signal(&clerk->wake);
    (void)pthread_mutex_unlock(&clerk->lock);
    (void)pthread_join(clerk->thread, NULL);
    clerk->started = false;
}

void
clerk_stop(struct clerk *clerk)
{
    if (clerk == NULL)
        return;
    clerk_walk_stop(clerk->walk);
    clerk->walk = NULL;
    end_thread(clerk);
    clerk->save_ms = INT64_MIN;
    clerk_beat(clerk);
}

/* ----- making it */

static enum ms_err
make_parts(struct clerk *clerk)
{
    enum ms_err err = clerk_queue_create(CLERK_QUEUE, &clerk->queue);

    if (err == MS_OK && clerk->is.shared != NULL)
        err = clerk_queue_create(SHARED_WAIT, &clerk->board);
    clerk->some = calloc(SOME, sizeof(*clerk->some));
    clerk->woulds = calloc(CLERK_WOULDS, sizeof(*clerk->woulds));
    if (err == MS_OK && (clerk->some == NULL || clerk->woulds == NULL))
        err = MS_NOMEM;
    return err;
}

enum ms_err
clerk_create(const struct clerk_needs *needs, struct clerk **out)
{
    struct clerk *clerk = calloc(1, sizeof(*clerk));
    enum ms_err err;

    if (clerk == NULL)
        return MS_NOMEM;
    clerk->is = *needs;
    (void)pthread_mutex_init(&clerk->writing, NULL);
    (void)pthread_mutex_init(&clerk->sharing, NULL);
    (void)pthread_mutex_init(&clerk->saving, NULL);
    (void)pthread_mutex_init(&clerk->lock, NULL);
    wait_init(&clerk->wake);
    clerk->last = &clerk->first;
    atomic_init(&clerk->keeps, clerk_keep_s(clerk) > 0);
    clerk->save_ms = clerk_now(clerk).mono.ms + CLERK_SAVE_MS;
    clerk->ahead_s = ahead_of(clerk_now(clerk));
    err = make_parts(clerk);
    if (err == MS_OK)
        err = clerk_acts_create(&clerk->is, &clerk->acts);
    if (err == MS_OK)
        err = clerk_orders_create(&clerk->is, CLERK_ORDERS_FORGET,
                                  &clerk->orders);
    if (err == MS_OK)
        err = clerk_orders_create(&clerk->is, CLERK_ORDERS_FEEDBACK,
                                  &clerk->feedback);
    if (err == MS_OK)
        err = clerk_cases_create(clerk, &clerk->cases);
    if (err == MS_OK)
        err = clerk_site_create(clerk, clerk->is.diary, &clerk->site);
    if (err == MS_OK) {
        load(clerk);
        *out = clerk;
    } else {
        clerk_destroy(clerk);
    }
    return err;
}

void
clerk_destroy(struct clerk *clerk)
{
    struct audit *audit;

    if (clerk == NULL)
        return;
    clerk_walk_stop(clerk->walk);
    end_thread(clerk);
    while ((audit = take_audit(clerk)) != NULL)
        free(audit);
    clerk_site_destroy(clerk->site);
    clerk_cases_destroy(clerk->cases);
    clerk_orders_destroy(clerk->feedback);
    clerk_orders_destroy(clerk->orders);
    clerk_acts_destroy(clerk->acts);
    clerk_queue_destroy(clerk->queue);
    clerk_queue_destroy(clerk->board);
    free(clerk->some);
    free(clerk->woulds);
    (void)pthread_cond_destroy(&clerk->wake);
    (void)pthread_mutex_destroy(&clerk->lock);
    (void)pthread_mutex_destroy(&clerk->saving);
    (void)pthread_mutex_destroy(&clerk->sharing);
    (void)pthread_mutex_destroy(&clerk->writing);
    free(clerk);
}

/* ----- acts */

enum ms_err
clerk_set(struct clerk *clerk, struct act *act, struct why *why)
{
    struct store_time now = clerk_now(clerk);

    if (act->since.s == 0)
        act->since = now.wall;
    return clerk_acts_set(clerk->acts, act, why);
}

enum ms_err
clerk_unset(struct clerk *clerk, const char *id, bool *found, struct why *why)
{
    return clerk_acts_unset(clerk->acts, id, found, why);
}

enum ms_err
clerk_acts_forget(struct clerk *clerk, const struct subject *subject,
                  uint64_t *n)
{
    return clerk_acts_drop(clerk->acts, subject, n);
}
