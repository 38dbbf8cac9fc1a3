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
    CLERK_ACT_STAYS_S = 86400, /* on the board after its end */
    CLERK_TOP_KEEP_S = 60      /* what a host has published is true */
};

/* ----- clerk.c's */

/* needs.shared; needs.keep_s(); needs.now(). */
struct store *clerk_shared(const struct clerk *clerk);
uint64_t clerk_keep_s(const struct clerk *clerk);
struct store_time clerk_now(const struct clerk *clerk);

/* What waits for the board, is written, and is BAD goes; audit entries that
 * wait are handed to CHANGE, which must not lock; what is on its way has
 * arrived. */
void clerk_weed(struct clerk *clerk,
                bool (*bad)(void *arg, const struct decision *decision),
                void (*change)(void *arg, struct diary_audit *entry),
                void *arg);

/* ----- clerk_share.c's, and clerk_top.c's */

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
