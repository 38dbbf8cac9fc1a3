/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/journal.h - what the daemon tells: one line per decision, its keys
 * in a fixed order, and a line now and then about itself.  Never waits, and
 * is bounded: 20 refusals a subject and minute, then how many more there were.
 */
#ifndef MORTSAFE_MILTER_JOURNAL_H
#define MORTSAFE_MILTER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/spool.h"
#include "policy/config.h"
#include "policy/policy.h"
#include "policy/scene.h"
#include "policy/store/store.h"
#include "policy/verdict.h"

enum {
    JOURNAL_REF = 9, /* a reference with its NUL */
    JOURNAL_REFUSALS = 20,
    JOURNAL_PERIOD_MS = 60000
};

struct change;
struct journal;

/* Is it done, or would it be? */
enum journal_deed { JOURNAL_DONE, JOURNAL_WOULD };

/* A decision.  Strings are borrowed for the call; NULL leaves a key out. */
struct journal_entry {
    struct store_time now;
    const struct verdict *verdict;
    enum journal_deed deed;
    const struct scene *scene; /* NULL: too early for one */
    const char *id;            /* the MTA's queue id; NULL: none yet */
    const char *client_name;   /* as the MTA calls it */
    const char *from, *to;     /* arguments of MAIL and RCPT */
    const char *spf;           /* the result; NULL: not known */
    const char *lists;         /* that list the client, apart by commas */
    uint32_t nrcpt;            /* 0 leaves it out */
    const char *ref;
    const char *error; /* what of our own has failed */
    const char *store; /* who has counted, if it was not the usual one */
    int64_t took_us;
};

/*
 * Make a journal in *OUT that writes to TARGET, as FORMAT, lines up to LEVEL
 * (as syslog(3)); HOST goes into references.  MS_NOMEM.
 */
enum ms_err journal_create(const struct spool_target *target,
                           enum log_format format, int level, const char *host,
                           struct journal **out);

/* Start its thread; until then lines wait.  MS_UNAVAIL. */
enum ms_err journal_start(struct journal *journal);

/* Change where, how and what is told.  Thread-safe. */
void journal_set(struct journal *journal, const struct spool_target *target,
                 enum log_format format, int level);

/* Write what is left (a second at most) and end it.  NULL is fine. */
void journal_destroy(struct journal *journal);

/* A reference for a reply and its line: eight characters, the first two of
 * them this host's, none twice in one run. */
void journal_ref(struct journal *journal, char ref[JOURNAL_REF]);

/* Tell ENTRY.  Thread-safe; never waits. */
void journal_decide(struct journal *journal, const struct journal_entry *entry);

/*
 * Tell that somebody's standing is another: from the evidence that CHANGE
 * keeps, every time, for there are few of them.  A notice of what is done to
 * mail from now on, else information.
 */
void journal_standing(struct journal *journal, const struct change *change,
                      struct store_time now);

/* Tell once a span that a limit has come near its number. */
void journal_warn(struct journal *journal, const struct policy_warning *warning,
                  struct store_time now);

/* Tell once a day that the MTA takes DOMAIN for its own and `domains` does
 * not. */
void journal_unlisted(struct journal *journal, const char *domain,
                      struct store_time now);

/* Tell that SCENE's client, which may relay without a login, has shown N
 * different names of a KIND ("helo", "domains") within a day. */
void journal_crowd(struct journal *journal, const struct scene *scene,
                   const char *kind, unsigned n, struct store_time now);

/* Tell of the daemon itself, as printf does, at LEVEL. */
void journal_say(struct journal *journal, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* To be called about once a second: tells what was kept quiet. */
void journal_tick(struct journal *journal, struct store_time now);

/* Lines dropped because nobody took them. */
uint64_t journal_dropped(struct journal *journal);

#endif
