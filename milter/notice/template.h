/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/template.h - the letters of one language, as the operator's
 * files have them: a file a letter, the first line of which is its subject, and
 * `words.txt', phrases from which fields are made.  {name} is a field, {{ a
 * brace.
 */
#ifndef MORTSAFE_MILTER_NOTICE_TEMPLATE_H
#define MORTSAFE_MILTER_NOTICE_TEMPLATE_H

#include <stddef.h>

#include "milter/notice/notice.h"
#include "policy/arena.h"
#include "policy/err.h"

/* Phrases of words.txt. */
enum template_word {
    WORD_TIME,
    WORD_MONTHS,
    WORD_ACCOUNT,
    WORD_LINE,
    WORD_BULK_HOUR,
    WORD_BULK_DAY,
    WORD_BULK_NEW,
    WORD_CONTENT,
    WORD_UNKNOWN,
    WORD_COMPLAINTS,
    WORD_SPREAD,
    WORD_IDENTITY,
    WORD_BY_HAND,
    WORD_SLOWED,
    WORD_SLOWED_HELD,
    WORD_REFUSED,
    WORD_DEFERRED,
    WORD_HELD,
    WORD_ENDS_SLOWED,
    WORD_ENDS_AT,
    WORD_ENDS_NEVER,
    WORD_CODE,
    WORD_STEPS_ACCOUNT,
    WORD_STEPS_LINE,
    WORD_HELP,
    WORD_HELP_MAIL,
    WORD_RELEASED_OPERATOR,
    WORD_RELEASED_CODE,
    WORD_RELEASED_TIME,
    WORD_HELD_LEFT,
    WORD_TOLD,
    WORD_NOT_TOLD,
    WORD_NORMAL,
    WORD_WATCHED,
    WORD_THROTTLED,
    WORD_QUARANTINED,
    WORD_PROBATION,
    WORDS
};

/* What a field stands for; a list of them ends with a NULL name. */
struct template_field {
    const char *name, *value;
};

struct templates;

/*
 * Read the letters of LANGUAGE (as contact_language() has it) in FOLDER
 * into *OUT, which template_destroy() ends.  What is wrong goes to LINE
 * ("path:line: text"): a missing file, a field or a phrase that there is not,
 * text that is not plain UTF-8.  MS_INVALID, MS_UNAVAIL, MS_NOMEM.
 */
enum ms_err template_load(const char *folder, const char *language,
                          void (*line)(void *arg, const char *text), void *arg,
                          struct templates **out);
void template_destroy(struct templates *template); /* NULL is fine */

/*
 * The subject, body, phrase with FIELDS in it, in ARENA; NULL: no memory.  A
 * line of nothing but fields that are empty goes; of empty lines that follow
 * one another the first stays.
 */
char *template_subject(const struct templates *t, enum notice_kind kind,
                       const struct template_field *fields,
                       struct arena *arena);
char *template_body(const struct templates *t, enum notice_kind kind,
                    const struct template_field *fields, struct arena *arena);
char *template_say(const struct templates *t, enum template_word word,
                   const struct template_field *fields, struct arena *arena);

#endif
