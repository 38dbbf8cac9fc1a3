/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/outbox.h - letters and calls that wait to be sent, and those
 * that were: a table of the diary, so that no end of the process loses them.
 * What is in their JSON is the sender's own (milter/notice).
 *
 *   CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT,
 *    at_s INTEGER NOT NULL, due_s INTEGER NOT NULL, kind TEXT NOT NULL,
 *    subject TEXT, state TEXT NOT NULL, tries INTEGER NOT NULL,
 *    json TEXT NOT NULL)
 */
#ifndef MORTSAFE_MILTER_DIARY_OUTBOX_H
#define MORTSAFE_MILTER_DIARY_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "policy/clock.h"
#include "policy/err.h"
#include "policy/subject.h"

struct diary;

/* The kind of calls; all others are letters. */
#define OUTBOX_CALL "webhook"

enum {
    OUTBOX_KIND = 32,
    OUTBOX_WAITING = 10000, /* that may wait at one time; and as many calls */
    OUTBOX_ENDED = 10000    /* that are kept behind their end */
};

enum outbox_state {
    OUTBOX_WAITS,
    OUTBOX_SENT,
    OUTBOX_FAILED,        /* given up after days */
    OUTBOX_LIMITED,       /* kept back */
    OUTBOX_UNDELIVERABLE, /* nobody to send it to, or refused for good */
    OUTBOX_STATES
};

struct outbox_entry {
    uint64_t seq;  /* 0: not written yet */
    int64_t at_s;  /* when it was put in */
    int64_t due_s; /* when it is to be tried (again) */
    char kind[OUTBOX_KIND];
    char subject[SUBJECT_TEXT]; /* as printed; "": none */
    enum outbox_state state;
    unsigned tries;
    json_t *json; /* owned by whoever made the entry */
};

/* "waiting", "sent", "failed", "limited", "undeliverable". */
const char *outbox_state_name(enum outbox_state state);

/* All below: errors as of diary.h.  EACH is called with the diary's lock held,
 * until it returns false; the entry and its JSON are borrowed for the call. */

/* Put ENTRY in; its seq is filled in.  Where OUTBOX_WAITING wait already a
 * letter is MS_BUSY; a call takes the place of the one that was due first, and
 * *LOST (NULL: nobody asks) goes up. */
enum ms_err diary_outbox_add(struct diary *diary, struct outbox_entry *entry,
                             uint64_t *lost);

/* Write due_s, state, tries and JSON of the one of ENTRY's seq anew, if it
 * waits still and was tried TRIES times: nobody undoes what another has made of
 * it meanwhile.  *FOUND (NULL: nobody asks): so it was. */
enum ms_err diary_outbox_set(struct diary *diary,
                             const struct outbox_entry *entry, unsigned tries,
                             bool *found);

enum outbox_class { OUTBOX_BOTH, OUTBOX_LETTERS, OUTBOX_CALLS };

struct outbox_query {
    uint64_t seq; /* this one; 0: any */
    enum outbox_class class;
    const char *kind;    /* NULL: any */
    const char *subject; /* as printed; NULL: any */
    unsigned states;     /* bits 1 << enum outbox_state; 0: any */
    int64_t since_s;     /* put in behind it; INT64_MIN: any */
    int64_t due_s;       /* due by then, the one due first in front;
                            INT64_MAX: any, the newest in front */
    unsigned limit;      /* 0: 100 */
};
#define OUTBOX_ANY                                                             \
    {                                                                          \
        .since_s = INT64_MIN, .due_s = INT64_MAX                               \
    }
enum ms_err diary_outbox(struct diary *diary, const struct outbox_query *query,
                         bool (*each)(void *arg, const struct outbox_entry *),
                         void *arg);

/* How many wait, and when the first of them is due (INT64_MAX: none waits). */
struct outbox_totals {
    uint64_t letters, calls;
    int64_t due_s;
};
enum ms_err diary_outbox_totals(struct diary *diary, struct outbox_totals *out);

/* Give up what waits since before BEFORE_S: *N how many, and one of their
 * seqs in *LAST. */
enum ms_err diary_outbox_give_up(struct diary *diary, int64_t before_s,
                                 uint64_t *n, uint64_t *last);

/* All about SUBJECT (as printed) goes; *N how many. */
enum ms_err diary_outbox_forget(struct diary *diary, const char *subject,
                                uint64_t *n);

/* Drop what has ended and is older than KEEP_S at NOW, or beyond
 * OUTBOX_ENDED. */
enum ms_err diary_outbox_trim(struct diary *diary, struct wall now,
                              uint64_t keep_s);

#endif
