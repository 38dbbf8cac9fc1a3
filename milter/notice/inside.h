/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/inside.h - what the files of the notices know of each other.
 *
 * An entry of the outbox is of a letter to the owner ("throttled",
 * "quarantined", "released"), to the postmaster ("postmaster/throttled", ...),
 * or of a "webhook".  Its JSON: `change'; of a letter `to', `language', `apart'
 * (may have a code), `told' (where the owner is told), `again' (asked for by
 * an operator: `at_most' does not count it), `error', `after' (the seq of the
 * letter about the quarantine, that was on its way when it ended).
 */
#ifndef MORTSAFE_MILTER_NOTICE_INSIDE_H
#define MORTSAFE_MILTER_NOTICE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "milter/diary/outbox.h"
#include "milter/notice/addressee.h"
#include "milter/notice/notice.h"

enum {
    NOTICE_GAP_S = 60, /* until the second try; then twice as long, and so on */
    NOTICE_GAP_MOST_S = 3600,
    NOTICE_PATIENCE_S = 5 * 86400,
    NOTICE_KEEP_S = 90 * 86400, /* behind its end */
    NOTICE_SOME = 16,           /* entries that are read at one time */
    NOTICE_CALLS = 32           /* of the webhook in one beat */
};

#define NOTICE_WEBHOOK OUTBOX_CALL
#define NOTICE_TO_POSTMASTER "postmaster/"

/* A way out: as long as nobody is there, nothing else is tried either. */
struct notice_way {
    const char *what;     /* "letters" */
    int64_t away_until_s; /* 0: somebody was there, as far as is known */
    unsigned failures;    /* in a row */
};

struct notice {
    struct notice_needs is;
    struct sitekey *own_key; /* NULL: that of the site is used */

    pthread_mutex_t beating; /* guards these; held over I/O and by nobody
                                else */
    struct notice_way letters, hooks;
    int64_t trim_s;  /* when it is done next */
    int64_t look_s;  /* the fleet's changes are, too */
    int64_t heard_s; /* of the newest of them, then */
    bool failing;    /* the diary does */

    pthread_mutex_t lock; /* guards these; a leaf */
    pthread_cond_t wake;
    pthread_t thread;
    bool started, poked;
    int64_t lost_told_s; /* that calls were lost */

    _Atomic uint64_t sending; /* the entry on its way; 0: none */
    atomic_bool stop;
    atomic_bool hurry; /* try servers that were away, at once */
    _Atomic uint64_t sent, failed, limited, undeliverable, waiting;
    _Atomic uint64_t called, calls_failed, calls_waiting, calls_lost;
};

/* Entries with their JSON, for the caller to notice_free_some(). */
struct notice_some {
    struct outbox_entry *entry;
    size_t n, room;
    bool failed; /* no memory */
};
enum ms_err notice_read_some(struct notice *notice,
                             const struct outbox_query *query,
                             struct notice_some *out);
void notice_free_some(struct notice_some *some);

/* The string KEY of ENTRY; "" if there is none. */
const char *notice_entry_text(const struct outbox_entry *entry,
                              const char *key);
bool notice_entry_flag(const struct outbox_entry *entry, const char *key);

/* Of a letter's entry: its kind, and what it is about. */
enum notice_kind notice_entry_kind(const struct outbox_entry *entry,
                                   enum notice_kind *about);

/* Whose change ENTRY is about: its id ("": none can be read) and time. */
const char *notice_entry_change(const struct outbox_entry *entry,
                                int64_t *at_s);

/* ENTRY, a letter that waits as it was read, is not sent: WHY.  False: it is on
 * its way, or has ended otherwise. */
bool notice_overtake(struct notice *notice, struct outbox_entry *entry,
                     const char *why);

/* CHANGE of another host has ended a quarantine: the owner, who was told of it
 * by this host, is told; or is not told of it any more. */
void notice_heard(struct notice *notice, const struct change *change);

/* The thread has something to do. */
void notice_poke(struct notice *notice);

const struct sitekey *notice_key(const struct notice *notice);

/* The letter of ENTRY, about CHANGE, as CONFIG has it now, in *OUT
 * (malloc()).  MS_INVALID and the like, with WHY. */
enum ms_err notice_render(struct notice *notice, const struct config *config,
                          const struct outbox_entry *entry,
                          const struct change *change, char **out,
                          struct why *why);

#endif
