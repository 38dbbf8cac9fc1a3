/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/site.h - what all hosts of a site agree on: since when it
 * counts, and whether an upstream filter is to be believed.  Kept in the diary,
 * told on the board.  Thread-safe.
 */
#ifndef MORTSAFE_MILTER_CLERK_SITE_H
#define MORTSAFE_MILTER_CLERK_SITE_H

#include "milter/clerk/inside.h"

struct clerk_site;

/* CLERK is borrowed.  What the diary knows is read; while it cannot be it is
 * read again by clerk_site_keep().  MS_NOMEM. */
enum ms_err clerk_site_create(struct clerk *clerk, struct diary *diary,
                              struct clerk_site **out);
void clerk_site_destroy(struct clerk_site *site); /* NULL is fine */

/* As clerk_share_freeze(), clerk_freeze() and clerk_birth(). */
void clerk_site_set(struct clerk_site *site, int64_t until_s);
void clerk_site_freeze(struct clerk_site *site, struct clerk_freeze *out);
struct wall clerk_site_birth(struct clerk_site *site);

/* Write what is new into the diary; and take from the board what others know,
 * or tell them.  What fails is done with the next call.  One thread. */
void clerk_site_keep(struct clerk_site *site);
void clerk_site_exchange(struct clerk_site *site);

/* Two freezes as one: of two that meet the older one's name and the later end,
 * else the later one.  Pure. */
struct clerk_freeze clerk_site_join(struct clerk_freeze a,
                                    struct clerk_freeze b);

#endif
