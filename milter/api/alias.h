/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/alias.h - pseudonyms for a page that anybody on this machine may
 * read: the same for the same name as long as the key lives, and no way back
 * without it.  Thread-safe once made.
 */
#ifndef MORTSAFE_MILTER_API_ALIAS_H
#define MORTSAFE_MILTER_API_ALIAS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "policy/err.h"
#include "policy/subject.h"

enum { ALIAS_KEY = 32, ALIAS_TEXT = 12 }; /* "~K7Q2M9XD" and NUL */

struct alias;

enum ms_err alias_create(const uint8_t key[ALIAS_KEY], struct alias **out);
void alias_destroy(struct alias *alias);

/* The pseudonym of TEXT: "~" and eight letters.  Returns OUT. */
char *alias_of(const struct alias *alias, const char *text,
               char out[ALIAS_TEXT]);

/*
 * Put pseudonyms into JSON, an answer of mortsafe-api(7), wherever it names a
 * person or machine: into all strings under the keys id and also (of a
 * subject), subject, key, user, client, client_name, from, to, by and detail.
 * Of "user:ann" the kind stays, and so do an empty string and a queue id.  What
 * stands under note and text becomes empty, but for the text of a rate and of
 * our own health.  Doing it twice changes nothing.  MS_NOMEM; JSON is of no
 * use then.
 */
enum ms_err alias_json(const struct alias *alias, json_t *json);

#endif
