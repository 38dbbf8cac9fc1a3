/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/field.h - fields of an answer by their path, "rate.text".  What is not
 * there, or not of that type, is "", 0 or false: the daemon may be another
 * version.
 */
#ifndef MORTSAFE_CTL_FIELD_H
#define MORTSAFE_CTL_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* All borrow from ROW (NULL is fine). */
const json_t *field_at(const json_t *row, const char *path); /* NULL: none */
const char *field_text(const json_t *row, const char *path);
int64_t field_int(const json_t *row, const char *path);
double field_real(const json_t *row, const char *path);
bool field_true(const json_t *row, const char *path);

/* Behind a count of ROW, which has a `metric`: "K" of bytes, which are counted
 * in KiB; else "". */
const char *field_unit(const json_t *row);

/* Is it there, and not null? */
bool field_is(const json_t *row, const char *path);

/* Add KEY to the object BODY: a string (NULL: leave it out), a flag. */
void field_set_text(json_t *body, const char *key, const char *value);
void field_set_flag(json_t *body, const char *key, bool value);

#endif
