/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/lookup/engine.h - what asks: a resolver, mortsafe-spf where it is
 * wanted, and the care for lists.  Made of a configuration, and made anew when
 * that asks for another.  Its parts are borrowed from it; they are thread-safe,
 * it is not.
 */
#ifndef MORTSAFE_MILTER_LOOKUP_ENGINE_H
#define MORTSAFE_MILTER_LOOKUP_ENGINE_H

#include <stdbool.h>

#include "policy/config.h"
#include "policy/dns/dnsbl.h"
#include "policy/dns/resolver.h"
#include "policy/dns/spf.h"
#include "policy/err.h"

struct journal;

struct engine {
    struct resolver *resolver; /* NULL: it does not run yet */
    struct spf *spf;           /* NULL: senders are not looked up */
    struct dnsbl_care *care;   /* NULL: as the resolver */
    char *made_of;             /* what of a configuration it is for */
    struct why lack;           /* why mortsafe-spf, which it is to have, could
                                  not be started; "": it lacks nothing */
    struct journal *journal;   /* borrowed */
    unsigned users;            /* cases; its owner's to guard */
    struct engine *next;       /* of those that nobody asks any more */
};

/* Does CONFIG ask anything? */
bool engine_is_wanted(const struct config *config);

/*
 * Make it in *OUT for CONFIG, and start mortsafe-spf if that has `spf`; no
 * thread yet.  Where it cannot be started the engine goes without, and its LACK
 * says why: lists can be asked all the same.  MS_NOMEM (WHY).  engine_destroy()
 * ends it: nobody may ask any more, or have questions that were not forgotten.
 */
enum ms_err engine_create(const struct config *config, struct journal *journal,
                          struct engine **out, struct why *why);
void engine_destroy(struct engine *engine); /* NULL is fine */

/* Begin, in threads.  MS_INVALID, MS_UNAVAIL, MS_NOMEM (WHY). */
enum ms_err engine_run(struct engine *engine, const struct config *config,
                       struct why *why);

/* Is it what CONFIG asks for, but for its lists? */
bool engine_is_for(const struct engine *engine, const struct config *config);

#endif
