/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/ears.h - telling those who are asked later (struct daemon_ears)
 * what a callback has done.  Never waits and needs no memory; each ear may be
 * NULL. Thread-safe.
 */
#ifndef MORTSAFE_MILTER_COUNTS_EARS_H
#define MORTSAFE_MILTER_COUNTS_EARS_H

#include <stdint.h>

#include "milter/counts/history.h"
#include "milter/counts/metrics.h"
#include "milter/counts/sights.h"
#include "milter/daemon.h"
#include "milter/journal.h"
#include "policy/policy.h"
#include "policy/scene.h"

/* A callback of STAGE has taken TOOK_US. */
void ears_callback(const struct daemon_ears *ears, enum metrics_stage stage,
                   int64_t took_us);

/* ENTRY goes into the log; TEXT are the reply's words (NULL: none given). */
void ears_decision(const struct daemon_ears *ears, enum metrics_stage stage,
                   const struct journal_entry *entry, const char *text);

/* ANSWERS came for P. */
void ears_charged(const struct daemon_ears *ears, const struct policy *p,
                  const struct charge_answers *answers);

/* The client of SCENE, of which FACTS were told, has connected; MTA is what
 * the MTA says it is. */
void ears_connected(const struct daemon_ears *ears, const struct scene *scene,
                    const struct facts *facts, const char *mta);

/* In SCENE the MTA was asked for MACRO, and has said VALUE (NULL, "": nothing).
 */
void ears_macro(const struct daemon_ears *ears, const struct scene *scene,
                enum sights_macro macro, const char *value);

/* Of SCENE (NULL: too early for one) N recipients were refused, as OUTCOME; a
 * refusal before there are any is one. */
void ears_refused(const struct daemon_ears *ears, const struct scene *scene,
                  enum history_outcome outcome, uint32_t n, struct wall now);

/* The MTA has refused a recipient of SCENE as unknown. */
void ears_unknown(const struct daemon_ears *ears, const struct scene *scene);

/* A message goes through. */
struct ears_message {
    enum history_outcome outcome; /* HISTORY_ACCEPTED or HISTORY_HELD */
    uint32_t recipients;
    uint32_t would; /* of them, that enforcing would have refused */
    uint32_t external;
    uint64_t bytes;
    const char *port; /* {daemon_port}; "": not said */
    enum sights_verdict verdict;
};
void ears_message(const struct daemon_ears *ears, const struct scene *scene,
                  const struct ears_message *message);

#endif
