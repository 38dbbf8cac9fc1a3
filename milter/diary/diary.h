/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/diary.h - what an operator may ask about later: decisions, what
 * would have been done to whom, what operators have set and done, the history
 * of counts.  A SQLite file beside the store's; damage is moved aside and told,
 * never fatal.  Thread-safe (one lock, held over I/O): never from a callback.
 */
#ifndef MORTSAFE_MILTER_DIARY_DIARY_H
#define MORTSAFE_MILTER_DIARY_DIARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/diary/decision.h"
#include "policy/acts.h"
#include "policy/clock.h"
#include "policy/err.h"

struct diary;

enum {
    DIARY_DECISIONS = 100000, /* the newest; older ones go */
    DIARY_WOULDS = 100000,    /* rows of who would have been stopped */
    DIARY_AUDIT = 100000,
    DIARY_AUDIT_TEXT = 512
};

/*
 * Open DIR/diary.db (0600; NULL: in memory), making it if need be; *OUT is
 * ended by diary_close().  DIR is locked by the caller (its store) until then.
 * TELL(ARG) hears that a damaged file was moved aside, now or later; what could
 * be read of acts is in the new one, and while that cannot be made the old one
 * stays.  Numbers go on when the file becomes another.  MS_UNAVAIL (WHY names
 * path and cure), MS_VERSION, MS_BUSY, MS_NOMEM.
 *
 * All below may return MS_UNAVAIL (disk full, read-only, gone), MS_NOMEM,
 * MS_BUSY, or MS_INVALID (damaged: moved aside, a new one is begun); then
 * nothing was changed, and the next call tries again.  EACH is called with the
 * lock held, until it returns false: it must not call the diary.
 */
enum ms_err diary_open(const char *dir, struct wall now,
                       void (*tell)(void *arg, const char *text), void *arg,
                       struct diary **out, struct why *why);
void diary_close(struct diary *diary); /* NULL is fine */

/* Why the last call failed, in words; "" if it did not. */
void diary_trouble(struct diary *diary, struct why *out);

/* ----- decisions */

/* Write N decisions in one transaction; their seq is filled in.  Those that
 * would have been (JOURNAL_WOULD) also count by rule, subject and day. */
enum ms_err diary_add(struct diary *diary, struct decision *decisions,
                      size_t n);

/* Which ones; NULL or 0: any.  Texts must be equal, but for RULE, which may be
 * the beginning up to a dot ("limit").  USER may be as it is, or as a
 * decision shows it. */
struct diary_query {
    const char *ref, *id, *user, *client, *rule, *subject, *action;
    bool done, would;         /* only these; both false: any */
    int64_t since_s, until_s; /* from the one on, before the other */
    uint64_t after;  /* seq above it, oldest first; else newest first */
    uint64_t before; /* seq below it */
    unsigned limit;  /* at most so many; 0: 100 */
};
enum ms_err diary_find(struct diary *diary, const struct diary_query *query,
                       bool (*each)(void *arg, const struct decision *),
                       void *arg);

/* The newest seq; waits until it is above AFTER, or for UP_TO_MS.  Any number
 * of threads may wait; diary_wake() ends all waits, for ever. */
uint64_t diary_wait(struct diary *diary, uint64_t after, int64_t up_to_ms);
void diary_wake(struct diary *diary);

/* Who would have been stopped. */
struct diary_would {
    char rule[VERDICT_RULE];
    char subject[DECISION_SUBJECT]; /* the limit's, or "client:..." */
    enum verdict_action action;
    uint64_t n;
    int64_t first_s, last_s;
};
/* Count those of which no decision is kept: of a day each. */
enum ms_err diary_add_woulds(struct diary *diary,
                             const struct diary_would *woulds, size_t n);
/* Those of days in which something was since SINCE_S, by RULE (as above) and
 * then most often first. */
enum ms_err diary_woulds(struct diary *diary, const char *rule, int64_t since_s,
                         bool (*each)(void *arg, const struct diary_would *),
                         void *arg);

/* ----- what operators have set */

enum ms_err diary_put_act(struct diary *diary, const struct act *act);
enum ms_err diary_remove_act(struct diary *diary, const char *id, bool *found);
enum ms_err diary_acts(struct diary *diary,
                       bool (*each)(void *arg, const struct act *act),
                       void *arg);

/* The JSON object of mortsafe-api(7) at NOW, and back (MS_INVALID: not one).
 * The rates are in the limit's own unit: KiB where it counts bytes. */
json_t *act_json(const struct act *act, struct wall now);
enum ms_err act_read(const json_t *json, struct act *out);

/* ----- what they have done */

struct diary_audit {
    int64_t at_s;
    char host[DECISION_HOST];
    char by[ACT_BY];                /* "ann (uid 1000)" */
    char act[32];                   /* "reset", "raise", "denied", ... */
    char subject[DECISION_SUBJECT]; /* "" */
    char detail[DIARY_AUDIT_TEXT];
    bool ok;
};
enum ms_err diary_add_audit(struct diary *diary,
                            const struct diary_audit *entry);
/* The newest first, at most LIMIT. */
enum ms_err diary_audits(struct diary *diary, int64_t since_s, unsigned limit,
                         bool (*each)(void *arg, const struct diary_audit *),
                         void *arg);

/* The JSON object of mortsafe-api(7), and back. */
json_t *diary_audit_json(const struct diary_audit *entry);
enum ms_err diary_audit_read(const json_t *json, struct diary_audit *out);

/* ----- blobs of whoever needs them: history, pictures, the alias key */

enum ms_err diary_put_blob(struct diary *diary, const char *name,
                           const void *bytes, size_t len);
/* *BYTES is the caller's to free(); NULL if there is none. */
enum ms_err diary_get_blob(struct diary *diary, const char *name, void **bytes,
                           size_t *len);

/* ----- what must not be kept */

/* Forget decisions, woulds, acts, changes, messages held, deliveries, reports
 * and letters about SUBJECT ("user:ann@example.org"); decisions and messages
 * held that only mention its address lose the address, letters that do go;
 * audit entries, and what was said of others, name it by PSEUDONYM
 * ("~K7Q2M9XD") from now on.  What still waits at the clerk is not here:
 * clerk_settle() first. */
struct diary_forgotten {
    uint64_t decisions; /* gone, or without the address */
    uint64_t woulds, acts, audits;
    uint64_t changes, helds, passed, reports, letters;
};
enum ms_err diary_forget(struct diary *diary, const struct subject *subject,
                         const char *pseudonym, struct diary_forgotten *out);

/* Where TEXT has NAME as a whole, in small letters or capitals: no letter,
 * digit or any of . _ + - @ touches it, but for the full stop of a sentence.
 * NULL: nowhere. */
const char *diary_named(const char *text, const char *name);

/* How often it has been forgotten from: who saves blobs about subjects saves
 * them again. */
uint64_t diary_forgets(struct diary *diary);

/* Drop what is older than KEEP_S at NOW, or beyond the numbers above; acts that
 * ended over 30 days ago; messages held for 90 days; audit entries and changes
 * of standings after 366 days. */
enum ms_err diary_trim(struct diary *diary, struct wall now, uint64_t keep_s);

#endif
