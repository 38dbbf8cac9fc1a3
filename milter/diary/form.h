/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/form.h - the parts of records as JSON, and back: texts, times,
 * numbers, subjects.  Pure.
 */
#ifndef MORTSAFE_MILTER_DIARY_FORM_H
#define MORTSAFE_MILTER_DIARY_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "policy/subject.h"

/* Set KEY of JSON to VALUE (moved).  False: no memory for one of the three. */
bool form_put(json_t *json, const char *key, json_t *value);

/* New references, or NULL without memory.  What of a text is no UTF-8 comes as
 * in the log; a time outside of the years 1000 to 9999 is null. */
json_t *form_text(const char *text);
json_t *form_text_or_null(const char *text); /* "": null */
json_t *form_time(int64_t s);
json_t *form_time_or_null(int64_t s); /* 0: null */
json_t *form_number_or_null(uint64_t n);
json_t *form_tenths(uint32_t tenths); /* 381: 38.1 */

/* JSON (moved; NULL is fine) as a text that the caller frees; NULL without
 * memory. */
char *form_dump(json_t *json);

/*
 * KEY of JSON in *OUT: a text of less than SIZE bytes, null or not there is "";
 * a time, null is NONE; a number from 0 to MOST, null is 0; true or false.
 * False: it is something else.
 */
bool form_read_text(const json_t *json, const char *key, char *out,
                    size_t size);
bool form_read_time(const json_t *json, const char *key, int64_t none,
                    int64_t *out_s);
bool form_read_number(const json_t *json, const char *key, uint64_t most,
                      uint64_t *out);
bool form_read_bool(const json_t *json, const char *key, bool *out);

/* The subject, a pair too, that subject_print() has written as TEXT. */
bool form_read_subject(const char *text, struct subject *out);

#endif
