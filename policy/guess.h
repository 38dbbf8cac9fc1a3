/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/guess.h - what a word was most likely meant to be, by Levenshtein's
 * distance.  Only asked once there is an error.
 */
#ifndef MORTSAFE_POLICY_GUESS_H
#define MORTSAFE_POLICY_GUESS_H

#include <stddef.h>

enum { GUESS_WORD = 96, GUESS_TEXT = 128 };

/* The nearest candidate so far.  Longer ones are none. */
struct guess {
    const char *word;      /* borrowed */
    char best[GUESS_WORD]; /* "": none is near */
    size_t distance;
};

/* Begin with WORD: at most a third of it, and three letters, may differ. */
void guess_start(struct guess *guess, const char *word);

/* CANDIDATE takes the lead if it is nearer than all before. */
void guess_try(struct guess *guess, const char *candidate);

/* "; did you mean `x`?", or nothing.  Returns BUF. */
char *guess_print(const struct guess *guess, char buf[GUESS_TEXT]);

#endif
