/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/record.h - one subject's record in memory: 88 bytes here, one
 * block for its windows and name, one for judgement's state if it has any.
 * Nothing here locks; the shard that holds a record does.
 */
#ifndef MORTSAFE_POLICY_STORE_RECORD_H
#define MORTSAFE_POLICY_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/err.h"
#include "policy/store/store.h"
#include "policy/subject.h"
#include "policy/window.h"

enum {
    RECORD_KEY = 16,
    RECORD_WINDOWS = 255, /* of one subject; over STORE_WINDOWS empty ones go */
    RECORD_OVERFLOW = SUBJECT_KINDS, /* the kind of a shared record */
    RECORD_KINDS = SUBJECT_KINDS + 1,
    RECORD_SPAN = (1 << 25) - 1 /* a span's bits */
};

/* No slot: the end of every list of records. */
#define RECORD_NONE UINT32_MAX

enum record_flag {
    RECORD_DIRTY = 1,         /* in its shard's list of what is to be saved */
    RECORD_SAVING = 2,        /* in its shard's list of what is being saved */
    RECORD_STORED = 4,        /* the file may have a row of it */
    RECORD_STATE_DIRTY = 8,   /* the detector's state is to be saved, too */
    RECORD_STATE_STORED = 16, /* the file may have a state of it */
    RECORD_DEAD = 32,         /* only waits until its row has been deleted */
    RECORD_PINNED = 64        /* in use by a step: not to be evicted */
};

struct record_window {
    uint64_t window; /* limit_window() */
    uint32_t span_s : 25;
    uint32_t percent : 7; /* of what a fleet has counted, here; not saved */
    uint32_t limit;       /* that it was last compared with; 0: never */
    struct window w;
};

struct record_state {
    uint32_t throttle;
    uint16_t len;
    uint8_t bytes[];
};

/* Links are slots of the record's shard. */
struct record {
    uint8_t key[RECORD_KEY];
    uint64_t epoch; /* random, never 0: receipts of another prove nothing */
    uint64_t id;    /* of its row */
    struct record_window
        *windows;               /* N_WINDOWS; behind them LEN bytes of name */
    struct record_state *state; /* NULL: none */
    uint32_t version;
    uint32_t first_s, last_s;      /* wall clock */
    uint32_t chain;                /* of its bucket; of the free slots */
    uint32_t older, newer;         /* of its kind, by last use */
    uint32_t list_prev, list_next; /* of the dirty, of those being saved */
    uint16_t len;
    uint8_t kind; /* enum subject_kind or RECORD_OVERFLOW */
    uint8_t standing;
    uint8_t n_windows;
    uint8_t flags;
};

/* What a record is made from; borrowed. */
struct record_seed {
    const uint8_t *key;  /* RECORD_KEY bytes */
    unsigned kind;       /* enum subject_kind or RECORD_OVERFLOW */
    const uint8_t *name; /* the subject's bytes */
    uint16_t len;
    uint8_t n_windows; /* empty ones, for the caller to fill */
};

/*
 * Make R a record that has no epoch and no row yet.  MS_NOMEM.  record_end()
 * frees what it holds.
 */
enum ms_err record_init(struct record *r, const struct record_seed *seed);
void record_end(struct record *r);

/* The subject's bytes; borrowed until a window comes or goes. */
const uint8_t *record_name(const struct record *r);

/* The window, or NULL; borrowed until a window comes or goes. */
struct record_window *record_find(const struct record *r, uint64_t window,
                                  uint32_t span_s);

/* Append an empty window.  MS_NOMEM (also if there are RECORD_WINDOWS). */
enum ms_err record_add(struct record *r, uint64_t window, uint32_t span_s);

/* Drop the windows that are empty at CLOCK_S. */
void record_prune(struct record *r, uint64_t clock_s);

/* Fill R's windows, as many as IN has, with what IN shows at CLOCK_S.  What is
 * a slice old counts as new: IN's store begins its slices when it likes. */
void record_fill(struct record *r, const struct store_record *in,
                 uint64_t clock_s);

/* Empty the windows called WINDOW, or all for 0; they keep their place. */
void record_reset(struct record *r, uint64_t window);

/* It was seen at WALL_S. */
void record_seen(struct record *r, uint32_t wall_s);

/* What R takes from memory, near enough. */
size_t record_bytes(const struct record *r);

/* Nothing in it that anybody would miss at CLOCK_S?  The detector's state of
 * somebody last seen before STALE_S (wall clock) is not missed. */
bool record_is_idle(const struct record *r, uint64_t clock_s, uint32_t stale_s);

/* Normal, and under half of each limit at CLOCK_S: may it make room? */
bool record_is_spare(const struct record *r, uint64_t clock_s);

/* Judgement's part.  Setting it makes no version.  MS_NOMEM. */
void record_get_state(const struct record *r, struct store_state *out);
enum ms_err record_set_state(struct record *r, const struct store_state *state);

/* All about R, for people.  False for a record that is nobody's. */
bool record_show(const struct record *r, uint64_t clock_s,
                 struct store_record *out);

#endif
