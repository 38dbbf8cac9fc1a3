/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/letters.h - letters of one language, as files that an operator can
 * change: a file a letter, the first line of which is its subject, and one of
 * phrases from which fields are made.  {name} is a field, {{ a brace.
 */
#ifndef MORTSAFE_POLICY_LETTERS_H
#define MORTSAFE_POLICY_LETTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/arena.h"
#include "policy/err.h"

/* A phrase, and the fields that may stand in it, with blanks between. */
struct letters_word {
    const char *name, *fields;
};

/* What there has to be.  Constant. */
struct letters_shape {
    const char *const *letter; /* names of files without ".txt" */
    size_t n_letters;
    const char *letter_fields;  /* that may stand in a letter */
    const char *subject_fields; /* and in its subject, which is one line */
    const char *words;          /* name of the phrases' file */
    const struct letters_word *word;
    size_t n_words;
    size_t months; /* the phrase that has to be twelve words; n_words: none */
    bool others;   /* there are phrases that nobody here asks for */
};

/* What a field stands for; a list of them ends with a NULL name. */
struct letters_field {
    const char *name, *value;
};

struct letters;

/*
 * Read the letters of LANGUAGE (as contact_language() has it) in FOLDER
 * into *OUT, which letters_destroy() ends.  What is wrong goes to LINE
 * ("path:line: text"): a missing file, a field or a phrase that there is not,
 * text that is not plain UTF-8.  MS_INVALID, MS_UNAVAIL, MS_NOMEM.
 */
enum ms_err letters_load(const struct letters_shape *shape, const char *folder,
                         const char *language,
                         void (*line)(void *arg, const char *text), void *arg,
                         struct letters **out);
void letters_destroy(struct letters *letters); /* NULL is fine */

/*
 * The subject, body, phrase (numbers of the shape's rows) with FIELDS in it, in
 * ARENA; NULL: no memory.  A line of nothing but fields that are empty goes; of
 * empty lines that follow one another the first stays.
 */
char *letters_subject(const struct letters *t, size_t kind,
                      const struct letters_field *fields, struct arena *arena);
char *letters_body(const struct letters *t, size_t kind,
                   const struct letters_field *fields, struct arena *arena);
char *letters_say(const struct letters *t, size_t word,
                  const struct letters_field *fields, struct arena *arena);

#endif
