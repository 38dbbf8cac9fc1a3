/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/memory.c - the store in this process: a ledger, and nothing
 * behind it.
 */
#include <config.h>

#include "policy/store/memory.h"

#include <stdlib.h>

#include "policy/store/ledger.h"
#include "policy/store/step.h"

struct memory {
    struct store store;
    struct ledger *ledger;
};

/* The ledger of a store that is one of ours. */
static struct ledger *
of(struct store *store)
{
    return ((struct memory *)store)->ledger;
}

static enum ms_err
memory_submit(struct store *store, const struct charge_item *items, size_t n,
              struct store_time now, struct store_ticket **out)
{
    return step_submit(of(store), items, n, now, out);
}

static enum ms_err
memory_collect(struct store *store, struct store_ticket *ticket,
               struct mono deadline, struct charge_answers *out)
{
    (void)store;
    (void)deadline;
    step_collect(ticket, out);
    return MS_OK;
}

static void
memory_drop(struct store *store, struct store_ticket *ticket)
{
    (void)store;
    step_drop(ticket);
}

static void
memory_refund(struct store *store, const struct receipt *receipts, size_t n,
              struct store_time now)
{
    ledger_refund(of(store), receipts, n, now);
}

static enum ms_err
memory_update(struct store *store, const struct subject *subject,
              struct store_time now,
              enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    bool changed;

    return ledger_update(of(store), subject, now, change, arg, &changed);
}

static enum ms_err
memory_get(struct store *store, const struct subject *subject,
           struct store_time now, bool *found, struct store_record *out)
{
    return ledger_get(of(store), subject, now, found, out);
}

static enum ms_err
memory_list(struct store *store, enum subject_kind kind, struct store_time now,
            bool (*each)(void *, const struct store_record *), void *arg)
{
    return ledger_list(of(store), kind, now, each, arg);
}

static enum ms_err
memory_standings(struct store *store, struct store_time now,
                 bool (*each)(void *, const struct store_record *), void *arg)
{
    return ledger_standings(of(store), now, each, arg);
}

static void
memory_keep(struct store *store, uint32_t keep_s)
{
    ledger_keep(of(store), keep_s);
}

static enum ms_err
memory_forget(struct store *store, const struct subject *subject,
              struct store_time now, bool *found)
{
    return ledger_forget(of(store), subject, now, found);
}

static enum ms_err
memory_reset(struct store *store, const struct subject *subject,
             uint64_t window, struct store_time now, bool *found)
{
    return ledger_reset(of(store), subject, window, now, found);
}

static enum ms_err
memory_put(struct store *store, const struct store_record *record,
           struct store_time now)
{
    return ledger_put(of(store), record, now);
}

static void
memory_stats(struct store *store, struct store_stats *out)
{
    ledger_stats(of(store), out);
}

static enum ms_err
memory_flush(struct store *store, struct store_time now, struct why *why)
{
    (void)store;
    (void)now;
    (void)why;
    return MS_OK;
}

static void
memory_destroy(struct store *store)
{
    ledger_destroy(of(store));
    free(store);
}

static const struct store_ops memory_ops = {
    .submit = memory_submit,
    .collect = memory_collect,
    .drop = memory_drop,
    .refund = memory_refund,
    .update = memory_update,
    .get = memory_get,
    .list = memory_list,
    .standings = memory_standings,
    .forget = memory_forget,
    .reset = memory_reset,
    .put = memory_put,
    .keep = memory_keep,
    .stats = memory_stats,
    .flush = memory_flush,
    .destroy = memory_destroy,
};

enum ms_err
store_memory_create(uint64_t memory, struct store **out)
{
    struct memory *m = calloc(1, sizeof(*m));
    enum ms_err err;

    if (m == NULL)
        return MS_NOMEM;
    m->store.ops = &memory_ops;
    err = ledger_create(memory, NULL, &m->ledger);
    if (err != MS_OK) {
        free(m);
        return err;
    }
    *out = &m->store;
    return MS_OK;
}
