/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/store.h - where counts and standings live: one noun, several
 * implementations behind one function table, one set of conformance tests.
 * A subject's record holds its windows, its standing and the detector's
 * state.  All functions are thread-safe unless they say otherwise.
 */
#ifndef MORTSAFE_POLICY_STORE_STORE_H
#define MORTSAFE_POLICY_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/clock.h"
#include "policy/err.h"
#include "policy/subject.h"

struct store;
struct store_ticket;

/* The time as the caller knows it. */
struct store_time {
    struct mono mono;
    struct wall wall; /* for records that outlive a boot */
};

enum { STORE_STATE_MAX = 1024, STORE_WINDOWS = 32 };

/* The part of a record that judgement owns. */
struct store_state {
    enum standing standing;
    uint32_t throttle; /* recipients per hour while throttled */
    uint32_t version;  /* of the record; grows with each update */
    uint16_t len;      /* of the detector's state; 0: none */
    uint8_t bytes[STORE_STATE_MAX];
};

/* One window of a record, for people. */
struct store_window {
    uint64_t window;
    uint32_t span_s;
    uint32_t limit;      /* that it was last compared with */
    uint64_t used;       /* now */
    uint32_t slices[13]; /* oldest first */
};

struct store_record {
    struct subject subject;
    struct store_state state;
    struct wall first_seen, last_seen;
    size_t n_windows;
    struct store_window windows[STORE_WINDOWS];
};

enum { STORE_NODES = 64, STORE_NODE_NAME = 128, STORE_TROUBLE = 256 };

/* One server of a shared store. */
struct store_node {
    char name[STORE_NODE_NAME];  /* "192.0.2.1:6379", "unix:/run/redis.sock" */
    bool up;                     /* decisions are asked of it */
    struct mono since;           /* it is up, or is not */
    char trouble[STORE_TROUBLE]; /* why it is not; "" if it is */
    uint64_t commands;           /* sent to it */
    uint64_t errors;             /* of them without a good reply */
    uint32_t in_flight;          /* now */
};

/* Another host of the fleet, as its last heartbeat told. */
struct store_host {
    char name[STORE_NODE_NAME];
    char version[32], config[33], mode[16]; /* CONFIG: hash, hexadecimal */
    uint8_t form;                           /* of records, that it can read */
    int64_t seen_s;                         /* ago */
};

/* Of a store that a fleet shares.  All zero: it is not. */
struct store_shared {
    size_t n_nodes;
    struct store_node node[STORE_NODES];
    size_t n_hosts;
    struct store_host host[STORE_NODES];
    bool degraded;         /* some node is not up */
    struct mono since;     /* the first that is not */
    unsigned hosts;        /* that limits are shared among meanwhile */
    uint64_t commands;     /* sent */
    uint64_t waits;        /* collects that had to wait for a reply */
    uint64_t redirects;    /* MOVED and ASK that were followed */
    uint64_t scripts;      /* loaded, after the first time */
    uint64_t local;        /* decisions made without it, since the start */
    uint64_t local_now;    /* the same since it went away */
    uint64_t deltas;       /* subjects with counts that wait to be added */
    uint64_t denials;      /* refusals remembered for a few seconds */
    uint64_t denials_used; /* answered from them */
    bool foreign;          /* another site's key: refused */
};

/* For an operator and the metrics. */
struct store_stats {
    uint64_t subjects[SUBJECT_KINDS];
    uint64_t bytes;      /* of records, as the cap counts them */
    uint64_t evicted;    /* records that made room */
    uint64_t overflowed; /* charges that shared an overflow record */
    uint64_t dirty;      /* records not on disk yet */
    uint64_t saves, save_errors;
    bool saving_failed; /* the last attempt to persist failed */
    char trouble[256];  /* why, if it did */
    struct store_shared shared;
};

/* What an implementation provides; callers use the functions below. */
struct store_ops {
    enum ms_err (*submit)(struct store *, const struct charge_item *, size_t,
                          struct store_time, struct store_ticket **);
    enum ms_err (*collect)(struct store *, struct store_ticket *,
                           struct mono deadline, struct charge_answers *);
    void (*drop)(struct store *, struct store_ticket *);
    void (*refund)(struct store *, const struct receipt *, size_t,
                   struct store_time);
    enum ms_err (*update)(struct store *, const struct subject *,
                          struct store_time,
                          enum ms_err (*)(void *, struct store_state *),
                          void *);
    enum ms_err (*get)(struct store *, const struct subject *,
                       struct store_time, bool *, struct store_record *);
    enum ms_err (*list)(struct store *, enum subject_kind, struct store_time,
                        bool (*)(void *, const struct store_record *), void *);
    enum ms_err (*standings)(struct store *, struct store_time,
                             bool (*)(void *, const struct store_record *),
                             void *);
    enum ms_err (*forget)(struct store *, const struct subject *,
                          struct store_time, bool *);
    enum ms_err (*reset)(struct store *, const struct subject *,
                         uint64_t window, struct store_time, bool *);
    enum ms_err (*put)(struct store *, const struct store_record *,
                       struct store_time);
    void (*keep)(struct store *, uint32_t keep_s);
    void (*stats)(struct store *, struct store_stats *);
    enum ms_err (*flush)(struct store *, struct store_time, struct why *);
    void (*destroy)(struct store *);
};

/* An implementation's struct begins with this. */
struct store {
    const struct store_ops *ops;
};

/*
 * Ask STORE to charge N items (at most CHARGE_ITEMS) at NOW; *OUT is the
 * ticket, which store_collect() or store_drop() ends.  Does not wait.  Items
 * and their subjects may go when it returns.  MS_NOMEM, MS_UNAVAIL; then
 * there is no ticket and nothing was charged.
 */
enum ms_err store_submit(struct store *store, const struct charge_item *items,
                         size_t n, struct store_time now,
                         struct store_ticket **out);

/*
 * Wait until DEADLINE for TICKET's answers and end it, whatever comes.
 * MS_TIMEOUT or MS_UNAVAIL: the outcome is unknown; it may count.
 */
enum ms_err store_collect(struct store *store, struct store_ticket *ticket,
                          struct mono deadline, struct charge_answers *out);

/* Nobody will collect TICKET (NULL is fine): what it charged stays, unless
 * the implementation can still take it back. */
void store_drop(struct store *store, struct store_ticket *ticket);

/*
 * Take back what RECEIPTS prove, where the record's epoch matches and the
 * slice is still in view.  Never waits, never fails.
 */
void store_refund(struct store *store, const struct receipt *receipts, size_t n,
                  struct store_time now);

/*
 * Read the subject's state, let CHANGE(ARG, state) rewrite it, and write it if
 * nobody else did meanwhile, else again.  CHANGE may run more than once and
 * must not touch the store; what it returns but MS_OK ends the update with
 * that error and nothing written.  A subject not yet known starts empty.
 */
enum ms_err store_update(
    struct store *store, const struct subject *subject, struct store_time now,
    enum ms_err (*change)(void *arg, struct store_state *state), void *arg);

/* All about SUBJECT in *OUT if *FOUND. */
enum ms_err store_get(struct store *store, const struct subject *subject,
                      struct store_time now, bool *found,
                      struct store_record *out);

/*
 * Call EACH for every record of KIND until it returns false.  EACH runs
 * without a lock held; records that come or go meanwhile may be missed.
 */
enum ms_err
store_list(struct store *store, enum subject_kind kind, struct store_time now,
           bool (*each)(void *arg, const struct store_record *record),
           void *arg);

/*
 * The same for every record, of whatever kind, that stands other than normal:
 * cheap, however many others there are.  Of a shared store: as this host knows
 * them.
 */
enum ms_err store_standings(struct store *store, struct store_time now,
                            bool (*each)(void *arg,
                                         const struct store_record *record),
                            void *arg);

/* Remove everything about SUBJECT. */
enum ms_err store_forget(struct store *store, const struct subject *subject,
                         struct store_time now, bool *found);

/* Empty one window of SUBJECT, or all for WINDOW 0; a new epoch begins. */
enum ms_err store_reset(struct store *store, const struct subject *subject,
                        uint64_t window, struct store_time now, bool *found);

/*
 * Put RECORD, as store_get() has shown it in any store at NOW, in place of
 * what there is about its subject; a new epoch begins.  Its slices keep their
 * ages, but for one slice at most: what was counted stays counted for its
 * whole span.  MS_INVALID (a field out of range), MS_NOMEM, MS_UNAVAIL.
 */
enum ms_err store_put(struct store *store, const struct store_record *record,
                      struct store_time now);

/*
 * Keep the detector's state of subjects for KEEP_S seconds after they were last
 * seen (90 days unless said).  A standing other than normal is kept until it
 * changes; but of a shared store all but quarantined go with the state.  An
 * embedded store lets the boot clock say how long that is, since it was opened.
 */
void store_keep_states(struct store *store, uint32_t keep_s);

/* *OUT takes some 30 KB. */
void store_stats(struct store *store, struct store_stats *out);

/* Bring everything to disk now; MS_OK where there is none. */
enum ms_err store_flush(struct store *store, struct store_time now,
                        struct why *why);

/* Flush, stop threads, free.  NULL is fine.  Nobody may use it any more. */
void store_destroy(struct store *store);

#endif
