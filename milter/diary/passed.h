/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/passed.h - which messages went out for whom: so that a bounce or
 * an abuse report that names a queue id of ours finds who sent it, and a
 * forged one finds nobody.  Kept as long as decisions.
 */
#ifndef MORTSAFE_MILTER_DIARY_PASSED_H
#define MORTSAFE_MILTER_DIARY_PASSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/diary/decision.h"

struct diary;

enum { DIARY_PASSED = 1000000 }; /* the newest; older ones go */

struct passed {
    int64_t at_s;
    char id[DECISION_HOST];         /* queue id */
    char subject[DECISION_SUBJECT]; /* that zombie rules judge, as printed */
};

/* Write N of them in one transaction; errors as of diary.h. */
enum ms_err diary_add_passed(struct diary *diary, const struct passed *passed,
                             size_t n);
/* What went out for SUBJECT (as printed), the newest first, at most LIMIT. */
enum ms_err diary_passed_of(struct diary *diary, const char *subject,
                            unsigned limit,
                            bool (*each)(void *arg, const struct passed *),
                            void *arg);
/* Everybody (user, client, ...) for whom the message ID went out: the newest up
 * to UNTIL_S, for short queue ids come again. */
enum ms_err diary_passed(struct diary *diary, const char *id, int64_t until_s,
                         bool (*each)(void *arg, const struct passed *),
                         void *arg);

#endif
