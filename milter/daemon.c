/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/daemon.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "milter/now.h"
#include "policy/acts.h"

struct daemon {
    pthread_mutex_t config_lock; /* guards config, every refs, and acts */
    struct config *config;
    struct acts *acts; /* one reference, or NULL */

    pthread_mutex_t refund_lock; /* guards refunds and woken */
    pthread_cond_t refund_wake;
    struct receipts *refunds;
    bool woken;
    pthread_mutex_t giving; /* held by who gives refunds to the store */
    _Atomic size_t waiting; /* refunds not given yet */

    struct store *store;
    struct journal *journal;
    struct crowd *crowd;
    struct pool *steps;
    struct daemon_ears ears;
    struct lookup *lookup; /* NULL: nothing is looked up */
    _Atomic bool closed;
    _Atomic uint64_t running, finished;
    uint64_t beaten; /* of FINISHED, at the last beat */
    _Atomic int64_t heard_s;
    _Atomic uint64_t sessions, sessions_all;
    _Atomic uint64_t failing; /* decisions since the store went away */
    _Atomic uint64_t accepted, waits, waits_max;
    _Atomic uint64_t counts[DAEMON_COUNTS];
    _Atomic uint64_t verdicts[JOURNAL_WOULD + 1][VERDICT_HOLD + 1];
};

enum ms_err
daemon_create(struct config *config, struct store *store, struct pool *steps,
              struct journal *journal, struct daemon **out)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    pthread_condattr_t attr;

    if (daemon == NULL)
        return MS_NOMEM;
    if (crowd_create(&daemon->crowd) != MS_OK) {
        free(daemon);
        return MS_NOMEM;
    }
    (void)pthread_mutex_init(&daemon->config_lock, NULL);
    (void)pthread_mutex_init(&daemon->refund_lock, NULL);
    (void)pthread_mutex_init(&daemon->giving, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&daemon->refund_wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    daemon->config = config;
    config->refs = 1;
    daemon->store = store;
    daemon->steps = steps;
    daemon->journal = journal;
    *out = daemon;
    return MS_OK;
}

struct store *
daemon_store(struct daemon *daemon)
{
    return daemon->store;
}

struct pool *
daemon_steps(const struct daemon *daemon)
{
    return daemon->steps;
}

struct journal *
daemon_journal(struct daemon *daemon)
{
    return daemon->journal;
}

struct crowd *
daemon_crowd(struct daemon *daemon)
{
    return daemon->crowd;
}

void
daemon_set_ears(struct daemon *daemon, const struct daemon_ears *ears)
{
    daemon->ears = *ears;
}

const struct daemon_ears *
daemon_ears(const struct daemon *daemon)
{
    return &daemon->ears;
}

void
daemon_set_lookup(struct daemon *daemon, struct lookup *lookup)
{
    daemon->lookup = lookup;
}

struct lookup *
daemon_lookup(struct daemon *daemon)
{
    return daemon->lookup;
}

/* ----- configuration */

const struct config *
daemon_config_get(struct daemon *daemon)
{
    struct config *config;

    (void)pthread_mutex_lock(&daemon->config_lock);
    config = daemon->config;
    config->refs++;
    (void)pthread_mutex_unlock(&daemon->config_lock);
    return config;
}

const struct config *
daemon_config_again(struct daemon *daemon, const struct config *config)
{
    (void)pthread_mutex_lock(&daemon->config_lock);
    ((struct config *)(uintptr_t)config)->refs++;
    (void)pthread_mutex_unlock(&daemon->config_lock);
    return config;
}

/* The references are ours, though all else about a snapshot is const. */
static void
put(struct daemon *daemon, struct config *config)
{
    bool last;

    (void)pthread_mutex_lock(&daemon->config_lock);
    last = --config->refs == 0;
    (void)pthread_mutex_unlock(&daemon->config_lock);
    if (last)
        config_destroy(config);
}

void
daemon_config_put(struct daemon *daemon, const struct config *config)
{
    if (config != NULL)
        put(daemon, (struct config *)(uintptr_t)config);
}

void
daemon_config_swap(struct daemon *daemon, struct config *config)
{
    struct config *old;

    (void)pthread_mutex_lock(&daemon->config_lock);
    old = daemon->config;
    daemon->config = config;
    config->refs = 1;
    (void)pthread_mutex_unlock(&daemon->config_lock);
    put(daemon, old);
}

struct acts *
daemon_acts_get(struct daemon *daemon)
{
    struct acts *acts;

    (void)pthread_mutex_lock(&daemon->config_lock);
    acts = acts_get(daemon->acts);
    (void)pthread_mutex_unlock(&daemon->config_lock);
    return acts;
}

void
daemon_acts_swap(struct daemon *daemon, struct acts *acts)
{
    struct acts *old;

    (void)pthread_mutex_lock(&daemon->config_lock);
    old = daemon->acts;
    daemon->acts = acts;
    (void)pthread_mutex_unlock(&daemon->config_lock);
    acts_put(old);
}

enum mode
daemon_mode(struct daemon *daemon, struct wall now)
{
    const struct config *config = daemon_config_get(daemon);
    struct acts *acts = daemon_acts_get(daemon);
    enum mode mode = acts_mode(acts, config->mode, now, NULL);

    acts_put(acts);
    daemon_config_put(daemon, config);
    return mode;
}

/* ----- callbacks and sessions */

bool
daemon_enter(struct daemon *daemon)
{
    /* Both sequentially consistent: who closes then sees us, or we see it. */
    (void)atomic_fetch_add(&daemon->running, 1);
    return !atomic_load(&daemon->closed);
}

void
daemon_leave(struct daemon *daemon)
{
    (void)atomic_fetch_add_explicit(&daemon->finished, 1, memory_order_relaxed);
    (void)atomic_fetch_sub(&daemon->running, 1);
}

void
daemon_beat(struct daemon *daemon, struct wall now)
{
    uint64_t finished =
        atomic_load_explicit(&daemon->finished, memory_order_relaxed);

    if (finished != daemon->beaten)
        atomic_store(&daemon->heard_s, now.s);
    daemon->beaten = finished;
}

void
daemon_close(struct daemon *daemon)
{
    atomic_store(&daemon->closed, true);
}

bool
daemon_session_begin(struct daemon *daemon, unsigned max)
{
    (void)atomic_fetch_add_explicit(&daemon->sessions_all, 1,
                                    memory_order_relaxed);
    return atomic_fetch_add(&daemon->sessions, 1) < max;
}

void
daemon_session_end(struct daemon *daemon)
{
    (void)atomic_fetch_sub(&daemon->sessions, 1);
}

/* ----- refunds */

void
daemon_refund(struct daemon *daemon, struct receipts *receipts)
{
    if (receipts == NULL)
        return;
    if (receipts->n == 0) {
        free(receipts);
        return;
    }
    (void)atomic_fetch_add(&daemon->waiting, 1);
    (void)pthread_mutex_lock(&daemon->refund_lock);
    receipts->next = daemon->refunds;
    daemon->refunds = receipts;
    (void)pthread_mutex_unlock(&daemon->refund_lock);
    (void)pthread_cond_signal(&daemon->refund_wake);
}

void
daemon_refund_now(struct daemon *daemon)
{
    struct receipts *list;

    if (atomic_load(&daemon->waiting) == 0)
        return;
    (void)pthread_mutex_lock(&daemon->giving);
    (void)pthread_mutex_lock(&daemon->refund_lock);
    list = daemon->refunds;
    daemon->refunds = NULL;
    (void)pthread_mutex_unlock(&daemon->refund_lock);
    while (list != NULL) {
        struct receipts *next = list->next;

        store_refund(daemon->store, list->item, list->n, now_read());
        (void)atomic_fetch_sub(&daemon->waiting, 1);
        free(list);
        list = next;
    }
    (void)pthread_mutex_unlock(&daemon->giving);
}

void
daemon_refund_wait(struct daemon *daemon, struct mono until)
{
    struct timespec ts;
    int64_t wait_ms = until.ms - now_read().mono.ms;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    if (wait_ms > 0) {
        int64_t ns = ts.tv_nsec + wait_ms % 1000 * 1000000;

        ts.tv_sec += (time_t)(wait_ms / 1000 + ns / 1000000000);
        ts.tv_nsec = (long)(ns % 1000000000);
    }
    (void)pthread_mutex_lock(&daemon->refund_lock);
    while (daemon->refunds == NULL && !daemon->woken) {
        if (pthread_cond_timedwait(&daemon->refund_wake, &daemon->refund_lock,
                                   &ts) != 0)
            break;
    }
    daemon->woken = false;
    (void)pthread_mutex_unlock(&daemon->refund_lock);
    daemon_refund_now(daemon);
}

void
daemon_wake(struct daemon *daemon)
{
    (void)pthread_mutex_lock(&daemon->refund_lock);
    daemon->woken = true;
    (void)pthread_mutex_unlock(&daemon->refund_lock);
    (void)pthread_cond_signal(&daemon->refund_wake);
}

void
daemon_retire(struct daemon *daemon)
{
    daemon_refund_now(daemon);
    store_destroy(daemon->store);
    daemon->store = NULL;
    crowd_destroy(daemon->crowd);
    daemon->crowd = NULL;
    pool_destroy(daemon->steps);
    daemon->steps = NULL;
    acts_put(daemon->acts);
    daemon->acts = NULL;
    put(daemon, daemon->config);
    daemon->config = NULL;
}

void
daemon_destroy(struct daemon *daemon)
{
    if (daemon == NULL)
        return;
    if (daemon->config != NULL)
        daemon_retire(daemon);
    (void)pthread_cond_destroy(&daemon->refund_wake);
    (void)pthread_mutex_destroy(&daemon->giving);
    (void)pthread_mutex_destroy(&daemon->refund_lock);
    (void)pthread_mutex_destroy(&daemon->config_lock);
    free(daemon);
}

/* ----- counts */

bool
daemon_store_failed(struct daemon *daemon)
{
    return atomic_fetch_add(&daemon->failing, 1) == 0;
}

uint64_t
daemon_store_served(struct daemon *daemon)
{
    if (atomic_load_explicit(&daemon->failing, memory_order_relaxed) == 0)
        return 0;
    return atomic_exchange(&daemon->failing, 0);
}

void
daemon_count(struct daemon *daemon, enum daemon_count count)
{
    (void)atomic_fetch_add_explicit(&daemon->counts[count], 1,
                                    memory_order_relaxed);
}

void
daemon_count_accepted(struct daemon *daemon, uint32_t waits)
{
    uint64_t most =
        atomic_load_explicit(&daemon->waits_max, memory_order_relaxed);

    (void)atomic_fetch_add_explicit(&daemon->accepted, 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&daemon->waits, waits,
                                    memory_order_relaxed);
    while (waits > most &&
           !atomic_compare_exchange_weak(&daemon->waits_max, &most, waits))
        continue;
}

void
daemon_count_verdict(struct daemon *daemon, const struct verdict *verdict,
                     enum journal_deed deed)
{
    (void)atomic_fetch_add_explicit(&daemon->verdicts[deed][verdict->action], 1,
                                    memory_order_relaxed);
}

void
daemon_counts(struct daemon *daemon, struct daemon_counts *out)
{
    out->sessions = atomic_load(&daemon->sessions);
    out->sessions_all = atomic_load(&daemon->sessions_all);
    out->capped = atomic_load(&daemon->counts[DAEMON_CAPPED]);
    out->accepted = atomic_load(&daemon->accepted);
    out->waits = atomic_load(&daemon->waits);
    out->waits_max = atomic_load(&daemon->waits_max);
    out->local = atomic_load(&daemon->counts[DAEMON_LOCAL]);
    out->errors = atomic_load(&daemon->counts[DAEMON_ERROR]);
    for (int i = 0; i <= VERDICT_HOLD; i++) {
        out->done[i] = atomic_load(&daemon->verdicts[JOURNAL_DONE][i]);
        out->would[i] = atomic_load(&daemon->verdicts[JOURNAL_WOULD][i]);
    }
    out->running = atomic_load(&daemon->running);
    out->finished = atomic_load(&daemon->finished);
    out->heard_s = atomic_load(&daemon->heard_s);
}
