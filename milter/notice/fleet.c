/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/fleet.h"

#include <stdlib.h>
#include <string.h>

enum {
    SOON_S = 5, /* between two looks while letters wait that may be overtaken */
    CALM_S = 60,  /* while there are none */
    LATE_S = 3600 /* that a change may come to the board behind others */
};

/* ----- is there anything to look for? */

struct letters {
    bool any, wait;
};

static bool
take_letter(void *arg, const struct outbox_entry *entry)
{
    struct letters *letters = arg;

    letters->any = true;
    letters->wait = letters->wait || entry->state == OUTBOX_WAITS;
    return true;
}

/* Letters about quarantines that wait, or that were sent. */
static enum ms_err
find_letters(struct notice *notice, struct letters *out)
{
    struct outbox_query query = OUTBOX_ANY;
    enum ms_err err;

    *out = (struct letters){false, false};
    query.kind = notice_kind_name(NOTICE_QUARANTINED);
    query.states = 1U << OUTBOX_WAITS;
    query.limit = 1;
    err = diary_outbox(notice->is.diary, &query, take_letter, out);
    query.states = 1U << OUTBOX_SENT;
    if (err == MS_OK && !out->any)
        err = diary_outbox(notice->is.diary, &query, take_letter, out);
    return err;
}

/* ----- what has ended */

struct ends {
    struct notice *notice;
    struct change *change; /* the newest first */
    size_t n, room;
    int64_t newest_s;
    bool failed; /* no memory */
};

static bool
take_end(void *arg, const struct change *change)
{
    struct ends *ends = arg;
    const struct evidence *e = &change->evidence;

    if (e->at_s > ends->newest_s)
        ends->newest_s = e->at_s;
    if (e->from != STANDING_QUARANTINED || e->to == STANDING_QUARANTINED ||
        e->at_s + LATE_S < ends->notice->heard_s ||
        strcmp(change->host, ends->notice->is.host) == 0)
        return true;
    if (ends->n == ends->room) {
        size_t room = ends->room * 2 + NOTICE_SOME;
        struct change *more =
            reallocarray(ends->change, room, sizeof(*ends->change));

        ends->failed = more == NULL;
        if (ends->failed)
            return false;
        ends->change = more;
        ends->room = room;
    }
    ends->change[ends->n++] = *change;
    return true;
}

static void
hear(struct notice *notice)
{
    struct ends ends = {.notice = notice, .newest_s = notice->heard_s};
    enum ms_err err = notice->is.changes(notice->is.arg, take_end, &ends);

    if (err == MS_OK && !ends.failed) {
        for (size_t i = ends.n; i > 0; i--)
            notice_heard(notice, &ends.change[i - 1]);
        notice->heard_s = ends.newest_s;
    }
    free(ends.change);
}

enum ms_err
fleet_look(struct notice *notice, int64_t now_s)
{
    struct letters letters;
    bool stepped = notice->look_s > now_s + CALM_S;
    enum ms_err err;

    if (notice->is.changes == NULL)
        return MS_OK;
    err = find_letters(notice, &letters);
    if (err != MS_OK || !letters.any)
        return err;
    if (letters.wait && notice->look_s > now_s + SOON_S)
        notice->look_s = now_s; /* it was set when there were none */
    if (now_s < notice->look_s && !stepped)
        return MS_OK;
    hear(notice);
    notice->look_s = now_s + (letters.wait ? SOON_S : CALM_S);
    return MS_OK;
}
