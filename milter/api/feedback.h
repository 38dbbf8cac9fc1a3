/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/feedback.h - what others say about mail that went out: an abuse
 * report, a bounce.  It counts only where it names a message of ours, and so
 * who sent it.
 */
#ifndef MORTSAFE_MILTER_API_FEEDBACK_H
#define MORTSAFE_MILTER_API_FEEDBACK_H

#include <stdint.h>

#include <jansson.h>

#include "milter/api/call.h"
#include "milter/api/desk.h"
#include "milter/diary/change.h"

enum { API_BOUNCES = 10 }; /* of one message that are believed */

/*
 * REPORT, whose subject is "", is about UNKNOWN recipients of the message with
 * its queue id, or COMPLAINTS: give it to the detector for everybody (user,
 * client) for whom that message went out through this host, write it down, and
 * tell TAKEN (may be NULL) who that is.  *N grows by them.  Of one message a
 * single complaint counts, and API_BOUNCES bounces: anyone can send them.
 * Errors of the diary and of detect_feedback().
 */
enum ms_err api_feedback_take(struct desk *desk,
                              const struct diary_report *report,
                              uint32_t unknown, uint32_t complaints,
                              void (*taken)(void *arg, const char *subject),
                              void *arg, unsigned *n);

/* POST /v1/feedback of the kind "listed": answers CALL. */
void api_feedback_listed(struct api_call *call);

/* At most LIMIT of those about SUBJECT (as printed; NULL: all, nobody's too),
 * the newest first, as `reports' of mortsafe-api(7) in a new *OUT.  Errors of
 * the diary, MS_NOMEM. */
enum ms_err api_reports(struct desk *desk, const char *subject, int64_t since_s,
                        unsigned limit, json_t **out);

#endif
