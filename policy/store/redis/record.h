/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/record.h - whole records of a shared store: read, judged,
 * listed, replaced.  All wait for replies.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_RECORD_H
#define MORTSAFE_POLICY_STORE_REDIS_RECORD_H

#include "policy/store/redis/core.h"

enum { REDIS_RECORD_BATCH = 32 };

/* What the store holds of one subject. */
struct redis_record {
    enum ms_err err; /* MS_OK, MS_VERSION (the standing holds); else unknown */
    bool found;
    bool named; /* RECORD.subject is its subject */
    uint64_t epoch;
    struct store_record record;
};

/* Read N of them (at most REDIS_RECORD_BATCH) at once. */
void redis_record_read(struct redis *r, const uint8_t (*hash)[SITEKEY_HASH],
                       size_t n, struct store_time now,
                       struct redis_record *out);

/* The store's functions of these names (policy/store/store.h).  While the store
 * may have lost how the subject stands an update is MS_BUSY: it would begin
 * anew what is about to be written back. */
enum ms_err redis_record_update(
    struct redis *r, const struct subject *subject, struct store_time now,
    enum ms_err (*change)(void *arg, struct store_state *state), void *arg);
enum ms_err redis_record_get(struct redis *r, const struct subject *subject,
                             struct store_time now, bool *found,
                             struct store_record *out);
enum ms_err redis_record_list(
    struct redis *r, enum subject_kind kind, struct store_time now,
    bool (*each)(void *arg, const struct store_record *record), void *arg);
enum ms_err redis_record_standings(
    struct redis *r, struct store_time now,
    bool (*each)(void *arg, const struct store_record *record), void *arg);
enum ms_err redis_record_forget(struct redis *r, const struct subject *subject,
                                struct store_time now, bool *found);
enum ms_err redis_record_reset(struct redis *r, const struct subject *subject,
                               uint64_t window, struct store_time now,
                               bool *found);
enum ms_err redis_record_put(struct redis *r, const struct store_record *record,
                             struct store_time now);

/* An update that writes back what was lost. */
enum ms_err redis_record_restore(
    struct redis *r, const struct subject *subject, struct store_time now,
    enum ms_err (*change)(void *arg, struct store_state *state), void *arg);

/* Enter the subject in the index of those that are not normal. */
enum ms_err redis_record_index(struct redis *r,
                               const uint8_t hash[SITEKEY_HASH],
                               struct store_time now);

#endif
