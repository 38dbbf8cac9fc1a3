/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/orders.h - what one host of a fleet was asked to do and the
 * others are to do too, each once, those that were away when they come back
 * within a time: to forget somebody (a week; the order itself names the
 * subject, sealed, for so long), and to take what was said of a message that
 * perhaps one of them knows (a day).
 */
#ifndef MORTSAFE_MILTER_CLERK_ORDERS_H
#define MORTSAFE_MILTER_CLERK_ORDERS_H

#include "milter/clerk/inside.h"

enum {
    CLERK_ORDERS_KEEP_S = 7 * 86400, /* to forget */
    CLERK_ORDERS_FEEDBACK_S = 86400
};

enum clerk_orders_kind { CLERK_ORDERS_FORGET, CLERK_ORDERS_FEEDBACK };

struct clerk_orders;

/* Those of KIND.  NEEDS (borrowed): diary, shared, forget(), feedback(), now().
 * MS_NOMEM. */
enum ms_err clerk_orders_create(const struct clerk_needs *needs,
                                enum clerk_orders_kind kind,
                                struct clerk_orders **out);
void clerk_orders_destroy(struct clerk_orders *orders); /* NULL is fine */

/* Order all other hosts to forget SUBJECT, whose audit entries are to name it
 * by PSEUDONYM; this one has.  Errors of store_board_put().  Thread-safe. */
enum ms_err clerk_orders_give(struct clerk_orders *orders,
                              const struct subject *subject,
                              const char *pseudonym);

/* The same of what REPORT says.  MS_NOMEM also: CLERK_FEEDBACK wait. */
enum ms_err clerk_orders_report(struct clerk_orders *orders,
                                const struct diary_report *report,
                                uint32_t unknown, uint32_t complaints);

/* What REPORT of an order says, in BLOB; false: it is no such order. */
bool clerk_orders_read_report(const struct board_blob *blob,
                              struct diary_report *report, uint32_t *unknown,
                              uint32_t *complaints);

/* Follow those orders of others that are not done here yet; old ones go.  What
 * cannot be done is tried with the next call.  Errors of store_board_fields()
 * and the diary, MS_NOMEM: then none was followed.  Thread-safe. */
enum ms_err clerk_orders_follow(struct clerk_orders *orders);

#endif
