/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/rows.h - mail from a file: lines `t,subject,rcpts,flag,bounces,
 * prefix,from,attack`, gzip or not.
 */
#ifndef MORTSAFE_TEST_SIM_ROWS_H
#define MORTSAFE_TEST_SIM_ROWS_H

#include "policy/err.h"
#include "test/sim/traffic.h"

struct rows;

/* Open PATH.  MS_UNAVAIL, MS_NOMEM; WHY is filled in, as below. */
enum ms_err rows_open(const char *path, struct rows **out, struct why *why);
void rows_close(struct rows *rows); /* NULL is fine */

/*
 * The next row, in *MAIL, with *SUBJECT and *RECIPIENT borrowed until the next
 * call; *SUBJECT is NULL at the end.  MS_INVALID: a bad row, or one that is
 * earlier than the one before; MS_UNAVAIL: the file is damaged; MS_NOMEM.
 */
enum ms_err rows_next(struct rows *rows, struct mail *mail,
                      const char **subject, const uint64_t **recipient,
                      struct why *why);

#endif
