/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk.h - the thread that writes down, off the SMTP path: decisions
 * into the diary and onto the fleet's board, history and pictures to the disk,
 * what other hosts have set into the acts of this one.  All but clerk_stop()
 * is thread-safe.
 */
#ifndef MORTSAFE_MILTER_CLERK_H
#define MORTSAFE_MILTER_CLERK_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/decision.h"
#include "milter/diary.h"
#include "milter/history.h"
#include "milter/journal.h"
#include "milter/picture.h"
#include "milter/top.h"
#include "policy/acts.h"
#include "policy/store/store.h"

enum {
    CLERK_QUEUE = 8192,     /* decisions that wait to be written */
    CLERK_A_SUBJECT = 20,   /* decisions kept of one subject and minute; more
                               only count as would */
    CLERK_BOARD = 20,       /* of each subject on the board */
    CLERK_BEAT_MS = 1000,   /* between two writings */
    CLERK_SHARE_MS = 5000,  /* between two exchanges with the fleet */
    CLERK_SAVE_MS = 300000, /* of history and pictures */
    CLERK_TOP = 50          /* busiest of each kind that a host publishes */
};

struct clerk;

/* All borrowed for the clerk's life. */
struct clerk_needs {
    struct diary *diary;
    struct history *history;
    struct pictures *pictures;
    struct top *top;
    struct store *store;  /* to look at subjects that top keeps */
    struct store *shared; /* whose board to use; NULL: no fleet */
    struct journal *journal;
    const char *host;
    /* The acts in force are others now (moved: one reference); any thread. */
    void (*acts)(void *arg, struct acts *acts);
    /* How long decisions are kept, now. */
    uint64_t (*keep_s)(void *arg);
    /* Look at a record for top; as the API sorts. */
    void (*rank)(void *arg, const struct store_record *record);
    struct store_time (*now)(void *arg);
    void *arg;
};

/* Make it; what the diary and the board know of acts is handed over at once.
 * MS_NOMEM. */
enum ms_err clerk_create(const struct clerk_needs *needs, struct clerk **out);
enum ms_err clerk_start(struct clerk *clerk);
/* Write all that waits, save, end the thread; then free it.  NULL is fine. */
void clerk_stop(struct clerk *clerk);
void clerk_destroy(struct clerk *clerk);

/* A decision was made: copies it; never waits, never fails but counts what is
 * lost.  Decisions of VERDICT_CONTINUE and VERDICT_ACCEPT are passed over. */
void clerk_note(struct clerk *clerk, const struct journal_entry *entry,
                const char *text);

uint64_t clerk_queued(struct clerk *clerk);
uint64_t clerk_lost(struct clerk *clerk);

/* Something on the fleet's board has changed; does not wait. */
void clerk_news(struct clerk *clerk);

/* Write what waits now, and wait for it: so that who asks sees it. */
void clerk_settle(struct clerk *clerk);

/* Set ACT (its id is filled in) and hand the new snapshot over; with
 * ACT->fleet on the board too.  Errors of diary and board; WHY. */
enum ms_err clerk_set(struct clerk *clerk, struct act *act, struct why *why);
enum ms_err clerk_unset(struct clerk *clerk, const char *id, bool *found,
                        struct why *why);

/* Write it into the audit trail here, and on the fleet's board. */
void clerk_audit(struct clerk *clerk, const struct diary_audit *entry);

/*
 * Decisions of other hosts: under a reference, a queue id, or a subject's
 * text, the newest first; and the fleet's audit trail, its busiest subjects.
 * Without a fleet nothing is found.  Errors of store_board_list().
 */
enum ms_err clerk_fleet_decisions(struct clerk *clerk, const char *name,
                                  bool (*each)(void *arg,
                                               const struct decision *),
                                  void *arg);
enum ms_err clerk_fleet_audit(struct clerk *clerk,
                              bool (*each)(void *arg,
                                           const struct diary_audit *),
                              void *arg);
enum ms_err clerk_fleet_top(struct clerk *clerk, enum subject_kind kind,
                            bool (*each)(void *arg, const char *host,
                                         const struct top_row *row),
                            void *arg);

/* Remove what the board has about SUBJECT. */
enum ms_err clerk_fleet_forget(struct clerk *clerk,
                               const struct subject *subject);

#endif
