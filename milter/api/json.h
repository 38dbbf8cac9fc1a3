/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/json.h - the shapes that several answers of mortsafe-api(7) have
 * in common.  What makes JSON returns a new reference, or NULL without memory.
 */
#ifndef MORTSAFE_MILTER_API_JSON_H
#define MORTSAFE_MILTER_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/api/call.h"
#include "milter/counts/picture.h"
#include "milter/counts/top.h"
#include "policy/acts.h"
#include "policy/config.h"
#include "policy/rate.h"
#include "policy/subject.h"

/* TEXT; NULL is null.  Bytes that are not UTF-8 (of a path, say) come as
 * \xHH. */
json_t *api_text(const char *text);

/* N, or the greatest number that JSON's readers agree on: 2^53 - 1. */
json_t *api_number(uint64_t n);

/* PERMILLE as a share: 830 is 0.83. */
json_t *api_share(uint64_t permille);
/* TENTHS of a decibel as decibels: 621 is 62.1. */
json_t *api_tenths(uint32_t tenths);
/* USED of N in permille; of nothing: 1000. */
uint64_t api_permille(uint64_t used, uint64_t n);

/* "/etc/mortsafe/mortsafe.conf:12", "built in". */
json_t *api_origin(struct origin origin);

/* {"n", "span_s", "text"}; bytes are counted in KiB. */
json_t *api_rate(struct rate rate, enum metric metric);
enum rate_unit api_unit(enum metric metric);

/* "id", "kind" and "key" of SUBJECT, and behind them the fields of REST (moved;
 * NULL: there was no memory). */
json_t *api_subject_with(const struct subject *subject, json_t *rest);
/* What stands behind the kind in the id of SUBJECT. */
const char *api_key_of(const char *id);

const char *api_limit_action_name(enum limit_action action);

/* Of a list of subjects; HOST NULL: nobody in particular.  A row without a
 * rate (span and number 0, metric METRICS) has no window. */
json_t *api_row(const struct top_row *row, const char *host);

/* ACT at NOW, its rates as CONFIG writes those of its limit: "20M/1d". */
json_t *api_act(const struct config *config, const struct act *act,
                struct wall now);
enum { API_RATES = RATES_MAX * (RATE_TEXT + 2) };
/* "300/1h, 1000/1d".  Returns OUT. */
char *api_rates_print(const struct rates *rates, enum metric metric,
                      char out[API_RATES]);

/* N counts of 32 bits. */
json_t *api_counts(const uint32_t *counts, size_t n);

json_t *api_picture(const struct picture_view *view, const char *host);

json_t *api_would(const struct diary_would *would);

/* Append VALUE (moved) to LIST; false without memory. */
bool api_append(json_t *list, json_t *value);

/*
 * ----- what was asked
 */

/* Are all query parameters of CALL among NAMES, words apart by a blank?
 * Otherwise 400 has been answered. */
bool api_only_queries(struct api_call *call, const char *names);

/* The same of the body's keys; a call without a body has none. */
bool api_only_keys(struct api_call *call, const char *names);

/* "yes" or "no" in query NAME, PRESET if it is not given.  False: answered. */
bool api_yes(struct api_call *call, const char *name, bool preset, bool *out);

/* The truth value KEY of the body, PRESET if it is not there or null.  False:
 * it is something else; answered. */
bool api_bool(struct api_call *call, const char *key, bool preset, bool *out);

/* The limit NAME of CONFIG.  NULL: 404 has been answered, with a guess. */
const struct limit *api_limit(struct api_call *call,
                              const struct config *config, const char *name);

#endif
