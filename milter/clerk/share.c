/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/share.c - what the hosts of a fleet tell one another on the
 * board of their store: decisions, acts, the audit trail.
 */
#include <config.h>

#include "milter/clerk/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/clerk/board.h"

enum { DAY_S = 86400 };

_Static_assert((int)CLERK_SHARE_MOST <= (int)DAY_S, "one a second at most");
_Static_assert(CLERK_NAMES + CLERK_MENTIONS <= BOARD_ADDS, "they go together");

/* ----- decisions */

/* May DECISION be put there, too?  A flood of strangers leaves room for those
 * whom the help desk knows. */
static bool
take_room(struct clerk_share *share, const struct decision *decision)
{
    const uint64_t least = decision->user[0] != '\0' ? 0 : CLERK_SHARE_MOST / 2;
    const int64_t at_s = decision->at_s;
    const int64_t each_s = DAY_S / CLERK_SHARE_MOST,
                  passed_s = at_s - share->filled_s;

    if (share->filled_s == 0 || passed_s < 0 || passed_s >= DAY_S) {
        /* a clock that went back gives nothing */
        share->left = passed_s < 0 ? share->left : CLERK_SHARE_MOST;
        share->filled_s = at_s;
    } else {
        share->left += (uint64_t)(passed_s / each_s);
        share->filled_s += passed_s / each_s * each_s;
    }
    if (share->left > CLERK_SHARE_MOST)
        share->left = CLERK_SHARE_MOST;
    if (share->left <= least)
        return false;
    share->left--;
    return true;
}

enum ms_err
clerk_share_decision(struct store *shared, struct clerk_share *share,
                     const struct decision *decision, uint64_t keep_s)
{
    const uint32_t keep =
        keep_s < CLERK_SHARE_KEEP_S ? (uint32_t)keep_s : CLERK_SHARE_KEEP_S;
    struct board_add adds[CLERK_NAMES + CLERK_MENTIONS];
    struct board_blob blob, pointer;
    struct clerk_names names;
    char text[CLERK_POINTER];
    enum ms_err err;
    size_t n;

    if (shared == NULL || keep == 0)
        return MS_OK;
    if (!take_room(share, decision))
        return MS_NOMEM;
    err = clerk_blob(decision_json(decision), "", &blob);
    if (err != MS_OK)
        return err;
    names.n = 0;
    clerk_names_decision(&names, decision);
    n = names.n;
    clerk_names_mentions(&names, decision);
    pointer = clerk_names_pointer(&names, text);
    for (size_t i = 0; i < names.n; i++)
        adds[i] = (struct board_add){names.name[i], i < n ? blob : pointer,
                                     i < n ? CLERK_BOARD : CLERK_ABOUT, keep};
    err = store_board_add_all(shared, adds, names.n);
    clerk_blob_end(&blob);
    if (err == MS_UNAVAIL)
        share->left++; /* it will be tried again */
    return err;
}

struct decisions {
    bool (*each)(void *arg, const struct decision *decision);
    void *arg;
};

static bool
tell_decision(void *arg, const struct board_blob *blob)
{
    const struct decisions *to = arg;
    struct decision decision;

    /* one that is not understood is of a newer mortsafe */
    return !clerk_blob_decision(blob, &decision) ||
           to->each(to->arg, &decision);
}

enum ms_err
clerk_fleet_decisions(struct clerk *clerk, const char *name,
                      bool (*each)(void *arg, const struct decision *decision),
                      void *arg)
{
    struct store *shared = clerk_shared(clerk);
    struct decisions to = {each, arg};
    struct clerk_names names = {.n = 0};

    if (shared == NULL)
        return MS_OK;
    clerk_names_add(&names, "decisions ", name);
    return names.n > 0
               ? store_board_list(shared, names.name[0], tell_decision, &to)
               : MS_OK; /* nothing is called so */
}

/* ----- acts */

enum ms_err
clerk_share_act(struct store *shared, const struct act *act)
{
    struct board_blob blob;
    enum ms_err err;

    if (shared == NULL)
        return MS_OK;
    err = clerk_blob(act_json(act, act->since), act->id, &blob);
    if (err != MS_OK)
        return err;
    err = store_board_put(shared, "acts", &blob, 0, true);
    clerk_blob_end(&blob);
    return err;
}

enum ms_err
clerk_share_unact(struct store *shared, const char *id)
{
    return shared != NULL ? store_board_remove(shared, "acts", id) : MS_OK;
}

struct acts_to {
    struct store *shared;
    struct wall now;
    bool (*each)(void *arg, const struct act *act);
    void *arg;
};

static bool
is_old(const struct act *act, struct wall now)
{
    return act->until.s != ACT_FOR_EVER &&
           act->until.s < now.s - CLERK_ACT_STAYS_S;
}

static bool
tell_act(void *arg, const struct board_blob *blob)
{
    const struct acts_to *to = arg;
    struct act act;

    if (!clerk_blob_act(blob, &act))
        return true;
    if (!is_old(&act, to->now))
        return to->each(to->arg, &act);
    (void)store_board_remove(to->shared, "acts", act.id); /* or next time */
    return true;
}

enum ms_err
clerk_share_acts(struct store *shared, struct wall now,
                 bool (*each)(void *arg, const struct act *act), void *arg)
{
    struct acts_to to = {shared, now, each, arg};

    return shared != NULL ? store_board_fields(shared, "acts", tell_act, &to)
                          : MS_OK;
}

/* ----- the audit trail */

enum ms_err
clerk_share_audit(struct store *shared, const struct diary_audit *entry)
{
    struct board_blob blob;
    enum ms_err err;

    if (shared == NULL)
        return MS_OK;
    err = clerk_blob(diary_audit_json(entry), "", &blob);
    if (err != MS_OK)
        return err;
    err = store_board_add(shared, "audit", &blob, CLERK_AUDITS,
                          CLERK_AUDIT_KEEP_S);
    clerk_blob_end(&blob);
    return err;
}

struct audits {
    bool (*each)(void *arg, const struct diary_audit *entry);
    void *arg;
};

static bool
tell_audit(void *arg, const struct board_blob *blob)
{
    const struct audits *to = arg;
    struct diary_audit entry;

    return !clerk_blob_audit(blob, &entry) || to->each(to->arg, &entry);
}

enum ms_err
clerk_fleet_audit(struct clerk *clerk,
                  bool (*each)(void *arg, const struct diary_audit *entry),
                  void *arg)
{
    struct store *shared = clerk_shared(clerk);
    struct audits to = {each, arg};

    return shared != NULL ? store_board_list(shared, "audit", tell_audit, &to)
                          : MS_OK;
}
