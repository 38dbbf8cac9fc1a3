/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/detect.h - the thread that judges, off the SMTP path: messages
 * become evidence, evidence moves standings, and each change is told.  Events
 * wait by subject, are merged when there are too many, and are never dropped
 * silently.  All but start and stop is thread-safe.
 */
#ifndef MORTSAFE_MILTER_DETECT_DETECT_H
#define MORTSAFE_MILTER_DETECT_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/daemon.h"
#include "milter/detect/hashes.h"
#include "milter/diary/change.h"
#include "milter/diary/held.h"
#include "policy/detector/detector.h"
#include "policy/scene.h"
#include "policy/store/store.h"

enum {
    DETECT_SUBJECTS = 65536,  /* that wait at one time; those of one kind that
                                 are more share an event */
    DETECT_EVENTS = 64,       /* of one of them; more are merged */
    DETECT_RECIPIENTS = 1024, /* hashes of one of them; more only count */
    DETECT_BYTES = 64 << 20,  /* of all of them; beyond, they are merged */
    DETECT_BEAT_MS = 1000,    /* quiet subjects are judged so often; others at
                                 once */
    DETECT_PASS_MS = 60000,   /* between two looks at what time alone does */
    DETECT_TRIES = 200        /* of an update that others overtake */
};

struct detect;

/* All borrowed for its life. */
struct detect_needs {
    struct daemon *daemon; /* configuration, acts, journal */
    struct store *store;   /* that decides */
    struct diary *diary;
    const char *host;
    const struct hashes *hashes; /* of recipients, networks, senders */
    /*
     * A standing has changed; called once, on the host that changed it, by
     * the thread or by whoever called detect_release() and the like; no lock is
     * held.  It writes the diary, the board, notices, webhooks; LOG and history
     * are told already.
     */
    void (*changed)(void *arg, const struct change *change);
    /* A message is held. */
    void (*held)(void *arg, const struct held *held);
    /* Filters are not to be believed until UNTIL_S, on all hosts; and the
     * number of the freeze that holds at NOW, 0: none does.  Never wait.  Both
     * NULL: this host is alone. */
    void (*freeze)(void *arg, int64_t until_s);
    uint64_t (*frozen)(void *arg, struct wall now);
    struct store_time (*now)(void *arg);
    void *arg;
};

enum ms_err detect_create(const struct detect_needs *needs,
                          struct detect **out);  /* MS_NOMEM */
enum ms_err detect_start(struct detect *detect); /* MS_UNAVAIL */
/* Judge all that waits, then end the thread.  NULL is fine. */
void detect_stop(struct detect *detect);
void detect_destroy(struct detect *detect);
/* What the thread does when it is due, by the caller: tests. */
void detect_beat(struct detect *detect);

/* ----- from callbacks: never wait, never fail */

/* What a message was, at its end or where it was aborted behind DATA. */
struct detect_message {
    const uint64_t *recipients; /* hashes_address() of all it was addressed to,
                                   those refused as unknown too */
    size_t n_recipients;
    uint32_t more; /* recipients beyond these */
    uint32_t unknown;
    enum verdict_flag flag;
    uint64_t message_id, from; /* hashes; 0: none */
    const char *id;            /* the MTA's; "" */
    bool passed;               /* it goes out, or is held */
};
void detect_note(struct detect *detect, const struct config *config,
                 const struct scene *scene,
                 const struct detect_message *message);

void detect_note_held(struct detect *detect, const struct held *held);

/* By which message_id and from are made; borrowed as DETECT is. */
const struct hashes *detect_hashes(const struct detect *detect);

/* Are filters not believed at NOW? */
bool detect_frozen(struct detect *detect, struct wall now);

/* ----- from the API; wait for the store */

/* Who says so, and why. */
struct detect_word {
    const char *by;   /* "ann (uid 1000)" */
    const char *note; /* "" */
};

/* Let SUBJECT go: MS_OK also if it stood normal (then *CHANGED is false).
 * Errors of store_update(); MS_VERSION: a newer version's state. */
enum ms_err detect_release(struct detect *detect, const struct subject *subject,
                           enum detector_release how, enum evidence_cause cause,
                           const struct detect_word *word, bool *changed,
                           struct change *out);
/* Quarantine SUBJECT by hand until UNTIL (0: until released). */
enum ms_err detect_quarantine(struct detect *detect,
                              const struct subject *subject, struct wall until,
                              const struct detect_word *word,
                              struct change *out);
/* SUBJECT (a client or prefix) has a new customer. */
enum ms_err detect_lease(struct detect *detect, const struct subject *subject,
                         const struct detect_word *word, bool *changed,
                         struct change *out);
/* UNKNOWN recipients or COMPLAINTS about a message that SUBJECT sent, as the
 * decision or delivery of queue id ID shows; "": about SUBJECT itself. */
enum ms_err detect_feedback(struct detect *detect,
                            const struct subject *subject, uint32_t unknown,
                            uint32_t complaints, const char *id);

/* The detector's state of SUBJECT as it is in RECORD's bytes, and what rule
 * judges it now; for show.  False: none, or not readable. */
struct detect_view {
    struct detector detector;
    struct evidence now;       /* as it shows at NOW */
    const struct zombie *rule; /* of CONFIG; NULL: none judges it */
    enum network_class class;
    bool newer; /* only the standing could be read */
};
bool detect_view(const struct config *config, const struct store_record *record,
                 struct wall now, struct detect_view *out);

/*
 * Throttles and quarantines that were earned while a rule only looked on become
 * watched where it enforces now, by the mode of daemon, network and rule.  EACH
 * (may be NULL) is told of whom that is; with ONLY_TELL of all that were earned
 * so, and nothing is changed.  The second: by what is about to be in force
 * UNDER other words, so that nobody is stopped for it in between.  Who is
 * judged is looked at so each time, and all once a minute.
 */
enum detect_enforce { DETECT_ONLY_TELL, DETECT_DEMOTE };
enum ms_err detect_enforce(struct detect *detect, enum detect_enforce how,
                           bool (*each)(void *arg,
                                        const struct store_record *record,
                                        const struct detector *detector),
                           void *arg);
struct detect_under {
    const struct config *config;
    const struct acts *acts; /* NULL: none */
};
enum ms_err
detect_enforce_under(struct detect *detect, const struct detect_under *under,
                     enum detect_enforce how,
                     bool (*each)(void *arg, const struct store_record *record,
                                  const struct detector *detector),
                     void *arg);

/* What waits is judged now, and waited for; not what comes meanwhile.  Behind
 * detect_stop(), that has judged all. */
void detect_settle(struct detect *detect);

/* Nothing is kept here of SUBJECT, and of pairs with it; what has gone out for
 * it is in the diary.  Waits as detect_settle() does. */
void detect_forget(struct detect *detect, const struct subject *subject);

struct detect_counts {
    uint64_t queued;         /* subjects that wait now */
    uint64_t events;         /* taken, since the start */
    uint64_t merged;         /* of them, because there were too many */
    uint64_t updates;        /* of states */
    uint64_t retries;        /* because another host was faster */
    uint64_t failed;         /* the store was away: tried again later */
    uint64_t damaged, newer; /* states that could not be read */
    uint64_t changes[STANDING_PROBATION + 1]; /* to each standing */
    uint64_t braked; /* became watched by the breaker */
    bool braking;    /* ... within the last hour */
    bool frozen;     /* content is not believed now */
    uint64_t standing[STANDING_PROBATION + 1]; /* subjects, at the last look;
                                                  normal is not counted */
};
void detect_counts(struct detect *detect, struct detect_counts *out);

#endif
