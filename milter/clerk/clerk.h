/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/clerk.h - the thread that writes down, off the SMTP path:
 * decisions into the diary and onto the fleet's board, history and pictures to
 * the disk, what other hosts have set into the acts of this one.  All but
 * clerk_stop() is thread-safe.
 */
#ifndef MORTSAFE_MILTER_CLERK_CLERK_H
#define MORTSAFE_MILTER_CLERK_CLERK_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/counts/history.h"
#include "milter/counts/picture.h"
#include "milter/counts/top.h"
#include "milter/diary/change.h"
#include "milter/diary/decision.h"
#include "milter/diary/diary.h"
#include "milter/diary/held.h"
#include "milter/journal.h"
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
    CLERK_TRIM_MS = 3600000,
    CLERK_TOP = 50,       /* busiest of each kind that a host publishes */
    CLERK_CHANGES = 1000, /* of all subjects on the board */
    CLERK_FEEDBACK = 1000 /* that wait there for who knows the message */
};

struct clerk;

/* All borrowed for the clerk's life. */
struct clerk_needs {
    struct diary *diary;
    struct history *history;
    struct pictures *pictures;
    struct top *top;
    struct store *store;  /* of this host; of a fleet, see SHARED */
    struct store *shared; /* whose board to use, and whose shadow is looked at
                             then; NULL: no fleet */
    struct journal *journal;
    const char *host;
    /* The acts in force are others now (moved: one reference); any thread. */
    void (*acts)(void *arg, struct acts *acts);
    /* How long decisions are kept, now. */
    uint64_t (*keep_s)(void *arg);
    /* Look at a record for top; as the API sorts. */
    void (*rank)(void *arg, const struct store_record *record);
    /* top_row() under the configuration of now; NULL: nothing is published. */
    bool (*row)(void *arg, const struct store_record *record, unsigned sort,
                struct top_row *out);
    /* Forget SUBJECT on this host, as another was asked to; its audit entries
     * name it by PSEUDONYM.  NULL: nobody is forgotten so. */
    enum ms_err (*forget)(void *arg, const struct subject *subject,
                          const char *pseudonym);
    /* Another host was told about a message that it does not know: take
     * REPORT if this one does, for UNKNOWN recipients and COMPLAINTS.  MS_OK
     * also if not; an error: asked again later.  NULL: nobody takes any. */
    enum ms_err (*feedback)(void *arg, const struct diary_report *report,
                            uint32_t unknown, uint32_t complaints);
    struct store_time (*now)(void *arg);
    void *arg;
};

/* Make it: history and pictures are what they were when last saved, and acts
 * that the diary knows are handed over at once.  MS_NOMEM. */
enum ms_err clerk_create(const struct clerk_needs *needs, struct clerk **out);
/* Start its threads.  MS_UNAVAIL. */
enum ms_err clerk_start(struct clerk *clerk);
/* Write all that waits, save, end the threads; then free it.  NULL is fine. */
void clerk_stop(struct clerk *clerk);
void clerk_destroy(struct clerk *clerk);

/* What the thread does once a second: tests need not wait for the clock.  Not
 * between clerk_start() and clerk_stop(). */
void clerk_beat(struct clerk *clerk);

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

/* Set ACT (its id is filled in; without a fleet it is this host's) and hand the
 * new snapshot over; with ACT->fleet on the board too.  It replaces an older
 * one of its kind for the same subject and limit, a mode any older mode; but a
 * host's own never the fleet's.  Errors of diary and board; WHY. */
enum ms_err clerk_set(struct clerk *clerk, struct act *act, struct why *why);
enum ms_err clerk_unset(struct clerk *clerk, const char *id, bool *found,
                        struct why *why);

/* Write it into the audit trail here at once, and later on the fleet's board.
 * Where it cannot be written it waits. */
void clerk_audit(struct clerk *clerk, const struct diary_audit *entry);

/* Write CHANGE into the diary here, if its seq is 0 (it is filled in), and put
 * it on the fleet's board later; the same of a message that is held.  Where it
 * cannot be written it waits.  Never waits for the fleet. */
void clerk_share_change(struct clerk *clerk, struct change *change);
void clerk_share_held(struct clerk *clerk, const struct held *held);

/* They are not held any more: drops them here and from the board, and has their
 * own hosts drop them.  *DROPPED: how many were known.  Errors of diary and
 * board: some may be left. */
struct clerk_gone {
    const char *host, *id;
};
enum ms_err clerk_drop_held(struct clerk *clerk, const struct clerk_gone *gone,
                            size_t n, unsigned *dropped);

/* An upstream filter is not to be believed until UNTIL_S: a new freeze, or one
 * that is in force goes on.  Holds here at once, on all hosts within seconds,
 * and over a restart.  Never waits. */
struct clerk_freeze {
    uint64_t id;     /* names it, the same on all hosts; 0: there was none */
    int64_t until_s; /* the newest one's end, that may have passed */
};
void clerk_share_freeze(struct clerk *clerk, int64_t until_s);
void clerk_freeze(struct clerk *clerk, struct clerk_freeze *out);

/* Since when this site counts: the oldest that any of its hosts knows; what is
 * known now.  Never waits. */
struct wall clerk_birth(struct clerk *clerk);

/* Have the other hosts look for the message of REPORT, each once within a day.
 * Without a fleet nothing is done.  MS_NOMEM also: too many wait; errors of
 * store_board_put(). */
enum ms_err clerk_order_feedback(struct clerk *clerk,
                                 const struct diary_report *report,
                                 uint32_t unknown, uint32_t complaints);

/*
 * What is on the fleet's board: decisions of all hosts, the newest first, NAME
 * being "ref 02K3F9QX", "id 4XyZ0q3zz" (the MTA's), or a subject's text as it
 * is printed; the audit trail, the newest first; the busiest subjects of KIND,
 * host by host, of hosts that have published within a minute.  Without a fleet
 * nothing is found.  Errors of store_board_list(), MS_UNAVAIL at once if it is
 * away.
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

/* The same of changes of SUBJECT's standing (as printed; NULL: the newest of
 * all), the newest first; of the one called ID; of messages held for SUBJECT
 * (NULL: all, the oldest first). */
enum ms_err clerk_fleet_changes(struct clerk *clerk, const char *subject,
                                bool (*each)(void *arg, const struct change *),
                                void *arg);
enum ms_err clerk_fleet_change(struct clerk *clerk, const char *id, bool *found,
                               struct change *out);
enum ms_err clerk_fleet_held(struct clerk *clerk, const char *subject,
                             bool (*each)(void *arg, const struct held *),
                             void *arg);

/* Remove what the board has about SUBJECT: decisions, also of others that
 * mention its address, changes, messages held, feedback, acts, rows of tops;
 * its audit entries name it by PSEUDONYM from now on.  clerk_forget_waiting()
 * is part of it, without a fleet too. */
enum ms_err clerk_fleet_forget(struct clerk *clerk,
                               const struct subject *subject,
                               const char *pseudonym);

/* What waits in this host to be put on the board goes, if it is about SUBJECT
 * or mentions its address; audit entries that wait name it by PSEUDONYM. */
void clerk_forget_waiting(struct clerk *clerk, const struct subject *subject,
                          const char *pseudonym);

/* Take back all acts about SUBJECT, and about pairs with it; then the new
 * snapshot is handed over.  *N grows by them.  Errors of diary and board: some
 * may be left. */
enum ms_err clerk_acts_forget(struct clerk *clerk,
                              const struct subject *subject, uint64_t *n);

/* Save history and pictures now; before diary_forget(), which sees to it that
 * what was there before is not left on the disk.  Errors of diary_put_blob(),
 * MS_NOMEM. */
enum ms_err clerk_save(struct clerk *clerk);

/* Is WHAT the same as SUBJECT, or a pair of which it is a part?  Pure. */
bool clerk_is_about(const struct subject *what, const struct subject *subject);

/* Have all other hosts forget SUBJECT within seconds, or when they are back
 * within a week.  Without a fleet nothing is done.  Errors of
 * store_board_put(). */
enum ms_err clerk_order_forget(struct clerk *clerk,
                               const struct subject *subject,
                               const char *pseudonym);

#endif
