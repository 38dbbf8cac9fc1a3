/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/standing.h - this host knows who does not stand normal,
 * and so does the store: each learns from the other.
 *
 * A server that is emptied takes all standings with it.  Who was let off is
 * told on a channel, so where nothing was missed, a standing that has vanished
 * was lost, and is written back.  After a gap in the news it may have been let
 * off meanwhile: it is taken as lost only if the index is gone, too.
 *
 * All but redis_standing_unlearn() wait for replies; one thread at a time.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_STANDING_H
#define MORTSAFE_POLICY_STORE_REDIS_STANDING_H

#include "policy/store/redis/core.h"

/* Something was told of N subjects (at most REDIS_RECORD_BATCH), whoever they
 * are: see how they stand. */
void redis_standing_read(struct redis *r, const uint8_t (*hash)[SITEKEY_HASH],
                         size_t n, struct store_time now);

/* What was known of the subject holds no more, by somebody's order.  False:
 * nothing was; else SUBJECT is told. */
bool redis_standing_unlearn(struct redis *r, const uint8_t hash[SITEKEY_HASH],
                            struct subject *subject);

/* After a gap in the news: look at all that stands here, and all that stands
 * there.  False: the store cannot be asked. */
bool redis_standing_catch_up(struct redis *r, struct store_time now);

/* Has the store lost some of whom this host knows? */
void redis_standing_check(struct redis *r, struct store_time now);

/* Look at those of whom it has told a standing that this host doubts. */
void redis_standing_doubts(struct redis *r, struct store_time now);

#endif
