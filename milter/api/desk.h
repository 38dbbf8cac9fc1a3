/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/desk.h - all that an operator's question may touch: what the API's
 * handlers, the page and the metrics are given.  Everything in it is
 * thread-safe.
 */
#ifndef MORTSAFE_MILTER_API_DESK_H
#define MORTSAFE_MILTER_API_DESK_H

#include "milter/api/alias.h"
#include "milter/api/grants.h"
#include "milter/clerk/clerk.h"
#include "milter/counts/history.h"
#include "milter/counts/metrics.h"
#include "milter/counts/picture.h"
#include "milter/counts/sights.h"
#include "milter/counts/top.h"
#include "milter/daemon.h"
#include "milter/detect/detect.h"
#include "milter/diary/diary.h"
#include "milter/notice/notice.h"
#include "milter/self.h"
#include "policy/store/sitekey.h"
#include "policy/store/store.h"

struct desk {
    struct daemon *daemon; /* configuration, acts, store, counts, journal */
    struct clerk *clerk;
    struct diary *diary;
    struct history *history;
    struct pictures *pictures;
    struct top *top;
    struct sights *sights;
    struct metrics *metrics;
    struct detect *detect;
    struct notice *notice;
    struct hashes hashes; /* of the detector */
    struct alias *alias;
    struct self *self;
    struct grants *grants;
    const struct sitekey *key; /* of the site; NULL: there is none */
    struct store *shared;      /* NULL: no fleet */
    struct store *denials;     /* NULL: none; emptied when acts change */
    enum store_type type;
    const char *path; /* of the configuration */
    const char *host;
    int64_t started_s;
    struct desk_turns *turns; /* NULL: as many as come */

    /* Read the configuration again, handing each line that the log is told to
     * LINE(TO).  MS_INVALID: the old one stays. */
    enum ms_err (*reload)(void *arg,
                          void (*line)(void *to, int level, const char *text),
                          void *to);
    /* Are sessions served, and will be?  NULL: yes. */
    bool (*ready)(void *arg);
    struct store_time (*now)(void *arg);
    void *arg;
};

/* desk->ready(). */
bool desk_ready(const struct desk *desk);

/*
 * What only so many readers may do at one time, so that they hold up neither
 * the diary's writer nor the servers.  Those who come to the status port have
 * turns of their own: whoever sits there takes none from an operator.
 */
enum desk_turn {
    DESK_WALK,    /* through all records: one each */
    DESK_SEARCH,  /* in the diary: two, of the status port */
    DESK_WAIT,    /* for decisions to come: sixteen, of the status port */
    DESK_CONFIRM, /* of a code, which is good once: one */
    DESK_TURNS
};

/* Take a TURN, waiting for UP_TO_MS; TCP: of the status port.  False: others
 * have them all.  Each is ended by desk_end_turn(). */
bool desk_take_turn(const struct desk *desk, enum desk_turn turn, bool tcp,
                    unsigned up_to_ms);
void desk_end_turn(const struct desk *desk, enum desk_turn turn, bool tcp);

/* The same for those who make a desk by hand.  MS_NOMEM; NULL is fine. */
enum ms_err desk_turns_create(struct desk_turns **out);
void desk_turns_destroy(struct desk_turns *turns);

/*
 * DESK has daemon, self, key, shared, denials, type, path, host, started_s,
 * reload, now and arg (all borrowed): make the rest, from the diary in the
 * folder of the daemon's store on, give the daemon its ears and the acts that
 * are known, and have the clerk work.  A diary that cannot be opened is told in
 * the log, and kept in memory.  DESK must stay where it is.  MS_NOMEM,
 * MS_UNAVAIL: then desk_close() ends what there is.
 */
enum ms_err desk_open(struct desk *desk);

/* The daemon's mode is another now, by the clock, a reload or an act: tell it
 * to all who must know.  Once a second, and when something has changed. */
void desk_follow_mode(struct desk *desk, struct wall now);

/* The configuration has changed. */
void desk_reloaded(struct desk *desk);

/* No callback and no request runs any more: write down what waits.  Then
 * nobody may use DESK but for desk_close(). */
void desk_settle(struct desk *desk);

/* End all that desk_open() has made, after desk_settle(); NULLs are fine. */
void desk_close(struct desk *desk);

#endif
