/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/inside.h - what clerk.c, which has the thread, and
 * clerk_share.c, which knows the fleet's board, know of each other.
 *
 * All that is shared waits for the store, until its deadline: the clerk's
 * thread and the API's may, a callback never.  SHARED is the shared store
 * itself (no layer above it); NULL: there is no fleet, so nothing is done and
 * nothing found, MS_OK.  Errors are those of store_board_*().
 */
#ifndef MORTSAFE_MILTER_CLERK_INSIDE_H
#define MORTSAFE_MILTER_CLERK_INSIDE_H

#include <stddef.h>
#include <stdint.h>

#include "milter/clerk/clerk.h"
#include "policy/store/redis.h"

enum {
    CLERK_SHARE_KEEP_S = 7 * 86400, /* decisions on the board, at most */
    CLERK_SHARE_MOST = 3000, /* of one host: at once, and then a day; half
                                of it for those without a login */
    CLERK_ABOUT = 1000,      /* of one address, to be forgotten */
    CLERK_AUDITS = 1000,     /* of the fleet, on the board */
    CLERK_AUDIT_KEEP_S = 366 * 86400,
    CLERK_ACT_STAYS_S = 86400,        /* on the board after its end */
    CLERK_TOP_KEEP_S = 60,            /* what a host has published is true */
    CLERK_CHANGE_KEEP_S = 30 * 86400, /* of a subject on the board */
    CLERK_CHANGES_DAY =
        1000, /* of one host; more are only among those of all */
    CLERK_HELD_KEEP_S = 90 * 86400
};

/* ----- clerk.c's */

/* Have WORK(ARG) write into the diary, and tell of trouble. */
enum ms_err clerk_write(struct clerk *clerk,
                        enum ms_err (*work)(struct diary *diary, void *arg),
                        void *arg);

/* needs.shared; needs.keep_s(); needs.now(); needs.host. */
struct store *clerk_shared(const struct clerk *clerk);
uint64_t clerk_keep_s(const struct clerk *clerk);
struct store_time clerk_now(const struct clerk *clerk);
const char *clerk_host(const struct clerk *clerk);

/* What waits, is written if it could be, and is bad goes; what is not, and
 * audit entries, may be changed.  They must not lock.  What is on its way has
 * arrived. */
struct clerk_weed {
    bool (*decision)(void *arg, const struct decision *decision);
    bool (*change)(void *arg, struct change *change);
    bool (*held)(void *arg, struct held *held);
    void (*audit)(void *arg, struct diary_audit *entry);
    void *arg;
};
void clerk_weed(struct clerk *clerk, const struct clerk_weed *weed);

/* ----- clerk_share.c's, and clerk_top.c's */

/* ----- share_cases.c's */

/* How many changes were put under their subjects today: begins as all zero. */
struct clerk_share_day {
    int64_t day;
    unsigned n;
};
enum ms_err clerk_share_change_now(struct store *shared,
                                   struct clerk_share_day *today,
                                   const struct change *change);

/* The same of a message held; MS_NOMEM also: the board has too many. */
enum ms_err clerk_share_held_now(struct store *shared, const struct held *held);
/* Take HELD off the board. */
enum ms_err clerk_share_gone(struct store *shared, const struct held *held);

/* How much one host may put on the board, so that a flood does not fill the
 * servers' memory: begins as all zero; one thread at a time. */
struct clerk_share {
    int64_t filled_s; /* the wall clock when LEFT was last topped up */
    uint64_t left;
};

/* Put DECISION on the board: under its reference and its queue id, and among
 * the newest of its subject.  KEEP_S: how long decisions are kept.  MS_NOMEM
 * also: this host has put enough there; nothing was done. */
enum ms_err clerk_share_decision(struct store *shared,
                                 struct clerk_share *share,
                                 const struct decision *decision,
                                 uint64_t keep_s);

/* Set an act, or take one back; the other hosts are told. */
enum ms_err clerk_share_act(struct store *shared, const struct act *act);
enum ms_err clerk_share_unact(struct store *shared, const char *id);

/* All acts of the fleet, those that have just ended too; old ones go. */
enum ms_err clerk_share_acts(struct store *shared, struct wall now,
                             bool (*each)(void *arg, const struct act *act),
                             void *arg);

enum ms_err clerk_share_audit(struct store *shared,
                              const struct diary_audit *entry);

/* This HOST's busiest subjects of KIND at NOW, best first: N rows in place of
 * what it has published before; what does not fit into one blob (some 80 of
 * common names) is left out from the end. */
enum ms_err clerk_share_top(struct store *shared, const char *host,
                            struct wall now, enum subject_kind kind,
                            const struct top_row *rows, size_t n);

/* Take SUBJECT, and pairs with it, out of all that hosts have published. */
enum ms_err clerk_top_forget(struct store *shared,
                             const struct subject *subject);

#endif
