/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/notice.h - telling people: letters to the owner of an account
 * or line and to the postmaster, and a webhook for programs.  What is to be
 * sent waits in the diary's outbox until it is, so that nothing is lost; one
 * thread sends.  Thread-safe but for start and stop.
 */
#ifndef MORTSAFE_MILTER_NOTICE_NOTICE_H
#define MORTSAFE_MILTER_NOTICE_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/daemon.h"
#include "milter/diary/change.h"
#include "milter/diary/diary.h"
#include "policy/store/sitekey.h"
#include "policy/store/store.h"

struct notice;

struct notice_needs {
    struct daemon *daemon; /* configuration, journal */
    struct diary *diary;
    const struct sitekey *key; /* of the site, for codes; NULL: a random one,
                                  kept in the diary */
    const char *host;
    /* The newest changes of all hosts of the fleet, until EACH returns false;
     * errors of clerk_fleet_changes().  May wait.  NULL: this host is alone. */
    enum ms_err (*changes)(void *arg,
                           bool (*each)(void *each_arg, const struct change *),
                           void *each_arg);
    struct store_time (*now)(void *arg);
    void *arg;
};

enum ms_err notice_create(const struct notice_needs *needs,
                          struct notice **out);  /* MS_NOMEM, MS_UNAVAIL */
enum ms_err notice_start(struct notice *notice); /* MS_UNAVAIL */
void notice_stop(struct notice *notice); /* NULL is fine; what waits stays */
void notice_destroy(struct notice *notice);
void notice_beat(struct notice *notice); /* tests: what the thread does */

/*
 * CHANGE happened: have letters and webhook written where its rule, the change
 * and `at_most` say so.  Observed ones go to nobody but the webhook.  What is
 * lost for want of memory or disk is told in the log.  Who was told of a
 * quarantine is told of its end by the same host, whichever has ended it.
 */
void notice_change(struct notice *notice, const struct change *change);

/* For whom, and in what words. */
enum notice_kind {
    NOTICE_THROTTLED, /* to the owner */
    NOTICE_QUARANTINED,
    NOTICE_RELEASED,
    NOTICE_POSTMASTER, /* about any of them */
    NOTICE_KINDS
};
const char *notice_kind_name(enum notice_kind kind); /* "throttled", ... */

/* The letter as it would go out now (headers and body, CRLF), in *OUT
 * (malloc()): of CHANGE in LANGUAGE (NULL: the recipient's).  MS_INVALID: no
 * `notice` is configured, or WHY. */
enum ms_err notice_preview(struct notice *notice, const struct change *change,
                           enum notice_kind kind, const char *language,
                           char **out, struct why *why);

/* Letters and webhooks, sent or waiting, of SUBJECT (as printed; NULL: all),
 * the newest first: objects of mortsafe-api(7).  NULL without memory. */
json_t *notice_list(struct notice *notice, const char *subject, unsigned limit);
/* Send the last letters about SUBJECT again; *N how many.  `at_most` does not
 * count them. */
enum ms_err notice_resend(struct notice *notice, const struct subject *subject,
                          unsigned *n);
/* All that is kept of SUBJECT goes. */
enum ms_err notice_forget(struct notice *notice, const struct subject *subject,
                          uint64_t *n);

/*
 * The code that lets the subject of CHANGE, a quarantine, out once: the id of
 * the change and a keyed hash of all that it is about, in letters and digits
 * that are not mistaken for one another.  notice_code_id(): the id in CODE, as
 * a person types it; false: it is no code.  notice_code_fits(): is it really
 * the one for CHANGE?  (Constant time.)
 */
enum { NOTICE_CODE = 40 };
void notice_code(struct notice *notice, const struct change *change,
                 char out[NOTICE_CODE]);
bool notice_code_id(const char *code, char id[ACT_ID]);
bool notice_code_fits(struct notice *notice, const char *code,
                      const struct change *change);

struct notice_counts {
    uint64_t sent, failed, limited, undeliverable; /* letters: gone out; tries
                             that failed; kept back by `at_most`; no address */
    uint64_t waiting;
    uint64_t hooks, hooks_failed, hooks_waiting;
    uint64_t hooks_lost; /* too many waited */
};
void notice_counts(struct notice *notice, struct notice_counts *out);

/* Read all templates of CONFIG: what is wrong (a missing file, an unknown
 * field) is handed to LINE.  True: nothing is.  For `mortsafe -n` and reload.
 */
bool notice_check(const struct config *config,
                  void (*line)(void *arg, const char *text), void *arg);

#endif
