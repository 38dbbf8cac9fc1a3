/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/store.c - whose store it is decides what a call does.
 */
#include <config.h>

#include "policy/store/store.h"

enum ms_err
store_submit(struct store *store, const struct charge_item *items, size_t n,
             struct store_time now, struct store_ticket **out)
{
    return store->ops->submit(store, items, n, now, out);
}

enum ms_err
store_collect(struct store *store, struct store_ticket *ticket,
              struct mono deadline, struct charge_answers *out)
{
    return store->ops->collect(store, ticket, deadline, out);
}

void
store_drop(struct store *store, struct store_ticket *ticket)
{
    if (ticket != NULL)
        store->ops->drop(store, ticket);
}

void
store_refund(struct store *store, const struct receipt *receipts, size_t n,
             struct store_time now)
{
    store->ops->refund(store, receipts, n, now);
}

enum ms_err
store_update(struct store *store, const struct subject *subject,
             struct store_time now,
             enum ms_err (*change)(void *arg, struct store_state *state),
             void *arg)
{
    return store->ops->update(store, subject, now, change, arg);
}

enum ms_err
store_get(struct store *store, const struct subject *subject,
          struct store_time now, bool *found, struct store_record *out)
{
    return store->ops->get(store, subject, now, found, out);
}

enum ms_err
store_list(struct store *store, enum subject_kind kind, struct store_time now,
           bool (*each)(void *arg, const struct store_record *record),
           void *arg)
{
    return store->ops->list(store, kind, now, each, arg);
}

enum ms_err
store_standings(struct store *store, struct store_time now,
                bool (*each)(void *arg, const struct store_record *record),
                void *arg)
{
    return store->ops->standings(store, now, each, arg);
}

enum ms_err
store_forget(struct store *store, const struct subject *subject,
             struct store_time now, bool *found)
{
    return store->ops->forget(store, subject, now, found);
}

enum ms_err
store_reset(struct store *store, const struct subject *subject, uint64_t window,
            struct store_time now, bool *found)
{
    return store->ops->reset(store, subject, window, now, found);
}

enum ms_err
store_put(struct store *store, const struct store_record *record,
          struct store_time now)
{
    return store->ops->put(store, record, now);
}

void
store_keep_states(struct store *store, uint32_t keep_s)
{
    store->ops->keep(store, keep_s);
}

void
store_stats(struct store *store, struct store_stats *out)
{
    store->ops->stats(store, out);
}

enum ms_err
store_flush(struct store *store, struct store_time now, struct why *why)
{
    return store->ops->flush(store, now, why);
}

void
store_destroy(struct store *store)
{
    if (store != NULL)
        store->ops->destroy(store);
}
