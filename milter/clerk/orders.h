/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/orders.h - forgetting in a fleet: what one host was asked to
 * forget, the others forget too, those that were away when they come back
 * within a week.  The order itself names the subject, sealed, for that week.
 */
#ifndef MORTSAFE_MILTER_CLERK_ORDERS_H
#define MORTSAFE_MILTER_CLERK_ORDERS_H

#include "milter/clerk/clerk.h"

enum { CLERK_ORDERS_KEEP_S = 7 * 86400 };

struct clerk_orders;

/* NEEDS (borrowed): diary, shared, forget(), now().  MS_NOMEM. */
enum ms_err clerk_orders_create(const struct clerk_needs *needs,
                                struct clerk_orders **out);
void clerk_orders_destroy(struct clerk_orders *orders); /* NULL is fine */

/* Order all other hosts to forget SUBJECT, whose audit entries are to name it
 * by PSEUDONYM; this one has.  Errors of store_board_put().  Thread-safe. */
enum ms_err clerk_orders_give(struct clerk_orders *orders,
                              const struct subject *subject,
                              const char *pseudonym);

/* Follow those orders of others that are not done here yet; old ones go.  What
 * cannot be done is tried with the next call.  Errors of store_board_fields()
 * and the diary, MS_NOMEM: then none was followed.  Thread-safe. */
enum ms_err clerk_orders_follow(struct clerk_orders *orders);

#endif
