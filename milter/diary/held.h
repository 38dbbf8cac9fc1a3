/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/held.h - messages that an MTA holds because we said so: on which
 * host, under which queue id, for whose sake.
 */
#ifndef MORTSAFE_MILTER_DIARY_HELD_H
#define MORTSAFE_MILTER_DIARY_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/diary/decision.h"
#include "policy/subject.h"

struct diary;

enum held_mta { HELD_POSTFIX, HELD_SENDMAIL };
enum { DIARY_HELDS = 100000 };

struct held {
    int64_t at_s;
    char host[DECISION_HOST];
    enum held_mta mta;
    char id[DECISION_HOST]; /* queue id */
    char subject[DECISION_SUBJECT];
    char rule[VERDICT_RULE];
    bool has_from;
    char from[DECISION_ADDRESS]; /* without <> */
    uint32_t nrcpt;
};

/* Is ID letters and digits only, as MTAs give them?  Else no command is made of
 * it. */
bool held_is_id(const char *id);

/* The object of mortsafe-api(7), with the commands that deliver and delete it
 * (null where the id is none), and back (MS_INVALID: not one).  NULL without
 * memory. */
json_t *held_json(const struct held *held);
enum ms_err held_read(const json_t *json, struct held *out);

/* Errors as of diary.h.  One of the same host and id replaces the other. */
enum ms_err diary_add_held(struct diary *diary, const struct held *held);

/* The oldest first; SUBJECT as printed, NULL: any; at most LIMIT (0: all). */
enum ms_err diary_helds(struct diary *diary, const char *subject,
                        unsigned limit,
                        bool (*each)(void *arg, const struct held *),
                        void *arg);

/* The one of HOST called ID. */
enum ms_err diary_find_held(struct diary *diary, const char *host,
                            const char *id, bool *found, struct held *out);

/* It was delivered, deleted or is not in the MTA's queue any more. */
enum ms_err diary_drop_held(struct diary *diary, const char *host,
                            const char *id, bool *found);

/* How many there are, and since when the oldest waits (0: none). */
enum ms_err diary_count_held(struct diary *diary, uint64_t *n,
                             int64_t *oldest_s);

#endif
