/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/acts.h - what operators have set with the tool beside the
 * configuration: exemptions, raised rates, another mode for a while.  An
 * immutable snapshot, counted by those who use it; the engine reads it with
 * the facts.  It never touches relay and port rules.
 */
#ifndef MORTSAFE_POLICY_ACTS_H
#define MORTSAFE_POLICY_ACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/clock.h"
#include "policy/config.h"
#include "policy/err.h"
#include "policy/rate.h"
#include "policy/subject.h"

struct scene;

enum act_kind {
    ACT_EXEMPT, /* SUBJECT is not held to LIMIT, or to any; or not judged by a
                   rule of zombies, or by any */
    ACT_RAISE,  /* RATES for SUBJECT instead of LIMIT's own */
    ACT_MODE    /* MODE for the whole daemon */
};

enum {
    ACT_ID = 9, /* eight letters and digits, NUL */
    ACT_LIMIT = 64,
    ACT_NOTE = 501,
    ACT_BY = 128,
    ACT_HOST = 128,
    ACTS_MAX = 10000
};

#define ACT_FOR_EVER INT64_MAX

struct act {
    char id[ACT_ID];
    enum act_kind kind;
    struct subject subject; /* kind SUBJECT_KINDS: none (ACT_MODE) */
    char limit[ACT_LIMIT];  /* name; of ACT_EXEMPT also "": all limits,
                               "zombie.NAME", "zombies": all of those */
    struct rates rates;     /* ACT_RAISE */
    enum mode mode;         /* ACT_MODE */
    struct wall since;
    struct wall until; /* first second in which it does not hold */
    bool fleet;        /* of all hosts that share the store */
    char note[ACT_NOTE];
    char by[ACT_BY];     /* "ann (uid 1000)" */
    char host[ACT_HOST]; /* where it was said */
};

struct acts;

/* A snapshot of N acts (copied; at most ACTS_MAX) in *OUT, with one reference.
 * MS_NOMEM, MS_INVALID (too many). */
enum ms_err acts_create(const struct act *list, size_t n, struct acts **out);

/* One reference more; one less (the last frees it).  NULL is fine.
 * Thread-safe. */
struct acts *acts_get(struct acts *acts);
void acts_put(struct acts *acts);

size_t acts_count(const struct acts *acts); /* NULL: 0 */
const struct act *acts_at(const struct acts *acts, size_t i);

/* "exempt", "raise", "mode". */
const char *act_kind_name(enum act_kind kind);

/* Does ACT hold at NOW?  SINCE has no say in it: hosts' clocks differ. */
bool acts_holds(const struct act *act, struct wall now);

/* Of all below: ACTS may be NULL.  Pure. */

/* The daemon's mode at NOW where CONFIGURED is written: the newest ACT_MODE
 * that holds, or CONFIGURED.  *BY (NULL: nobody asks) is that act, or NULL. */
enum mode acts_mode(const struct acts *acts, enum mode configured,
                    struct wall now, const struct act **by);

/*
 * The act by which SCENE is not held to LIMIT, or NULL.  A user, sender,
 * domain, network matches as in a written `exempt`; a client if it is the
 * scene's address (or /64), a prefix if that is inside; a pair if LIMIT counts
 * just that pair here.
 */
const struct act *acts_skips(const struct acts *acts, const struct limit *limit,
                             const struct scene *scene);

/* The same of a rule of zombies; SUBJECT is the one that it judges here. */
const struct act *acts_skips_zombie(const struct acts *acts,
                                    const struct zombie *zombie,
                                    const struct scene *scene,
                                    const struct subject *subject);

/* The newest act that raises LIMIT for SUBJECT, the one that LIMIT counts, or
 * NULL. */
const struct act *acts_raises(const struct acts *acts,
                              const struct limit *limit,
                              const struct subject *subject, struct wall now);

#endif
