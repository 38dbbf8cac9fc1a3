/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/limit.h - a limit applied to a session: whether it holds here, for
 * which subject, with which rates, in which window.
 */
#ifndef MORTSAFE_POLICY_LIMIT_H
#define MORTSAFE_POLICY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/scene.h"

struct act;

/* The window of LIMIT over SPAN_S: changing a number keeps it, changing name,
 * key, metric, span or scope starts another. */
uint64_t limit_window(const struct limit *limit, uint32_t span_s);

/* Whether a limit holds, and if not, why. */
enum limit_state {
    LIMIT_APPLIES,
    LIMIT_OTHER_LISTENER, /* `on =` names others */
    LIMIT_OTHER_SESSION,  /* `in =` names others */
    LIMIT_LOOPBACK,       /* it is about addresses, and this is loopback */
    LIMIT_LOGIN,          /* the same, and this is a login: of zombies only */
    LIMIT_EXEMPT,         /* a block `exempt` */
    LIMIT_RELEASED        /* an operator's act */
};

/* By which exemption. */
struct limit_reason {
    const struct exempt *exempt; /* of LIMIT_EXEMPT; else NULL */
    const struct act *act;       /* of LIMIT_RELEASED; else NULL */
};

/* Does EXEMPT name SCENE, whatever it lets skip?  Pure. */
bool limit_is_exempt(const struct exempt *exempt, const struct scene *scene);

/* The same where it is a stranger's claim that counts: EXEMPT's `sender` and
 * `domain` are those of the envelope, whoever sends.  Pure. */
bool limit_is_exempt_claim(const struct exempt *exempt,
                           const struct scene *scene);

/* Whether LIMIT holds for SCENE, all exemptions considered, with the reason in
 * *OUT (NULL: nobody asks).  Pure. */
enum limit_state limit_state(const struct config *config,
                             const struct limit *limit,
                             const struct scene *scene,
                             struct limit_reason *out);

/* Is that LIMIT_APPLIES? */
bool limit_holds(const struct config *config, const struct limit *limit,
                 const struct scene *scene);

/* The user, sender, domain or network (by KIND) that SCENE's mail is counted
 * for; "" for none or another KIND.  Borrowed from SCENE.  Pure. */
const char *limit_name(const struct scene *scene, enum subject_kind kind);

/*
 * The subject that LIMIT counts in SCENE; false where there is none (a user
 * limit without a login, a sender limit for <> or a stranger).
 */
bool limit_subject(const struct limit *limit, const struct scene *scene,
                   struct subject *out);

/* The same of any N keys; MAP (NULL: none) turns the first part into its
 * tenant. */
bool limit_key_subject(const struct limit_key *key, size_t n,
                       const struct table *map, const struct scene *scene,
                       struct subject *out);

/* Is SUBJECT, by its kinds and the width of its prefixes, one that N keys make?
 * Pure. */
bool limit_key_makes(const struct limit_key *key, size_t n,
                     const struct subject *subject);

/* NAME's entry in TABLE: of user@domain, user, or @domain; NULL: none. */
const char *limit_by_name(const struct table *table, const char *name);

/* Where rates come from. */
enum limit_source {
    LIMIT_OWN,    /* the limit's `rate` */
    LIMIT_TABLE,  /* its table of rates */
    LIMIT_WARMUP, /* its `warmup`, for a newcomer */
    LIMIT_RAISED  /* an operator's act */
};

/* What a limit knows of the age of its subject. */
struct limit_age {
    const struct warmup *warmup; /* the first that holds for it; NULL: none */
    bool known;                  /* it was here before */
    int64_t first_s; /* since when it is known; of no meaning if it is not */
    uint64_t age_s;
};

/*
 * How old LIMIT's subject is in SCENE.  None holds for whom nobody has looked
 * at yet (that is done at MAIL), for whom the store knew before it was settled,
 * and for whom the table `since` says so.  Pure.
 */
struct limit_age limit_age(const struct limit *limit,
                           const struct scene *scene);

/*
 * How long until LIMIT's subject in SCENE, a newcomer, is old enough for RATE's
 * number over its span to fit; SUBJECT as for limit_rates().  UINT64_MAX: that
 * is more than it gets at any age.  Pure.
 */
uint64_t limit_grows_s(const struct limit *limit, const struct scene *scene,
                       const struct subject *subject, struct rate rate);

/* RAISED takes the place of RATES over the same spans; the others stay. */
void limit_raise(struct rates *rates, const struct rates *raised);

/* LIMIT's rates for SCENE, where it counts SUBJECT: a newcomer's in the place
 * of larger ones over the same span, then a raised one in the place of that.
 * Pure. */
enum limit_source limit_rates(const struct limit *limit,
                              const struct scene *scene,
                              const struct subject *subject, struct rates *out);

#endif
