/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/words.h - the lists in which MTAs write their settings: words
 * between commas and blanks, of which one may stand in braces.  Pure.
 */
#ifndef MORTSAFE_CTL_DOCTOR_WORDS_H
#define MORTSAFE_CTL_DOCTOR_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { WORDS_TEXT = 512 };

/*
 * The next word of *AT in OUT, without its braces; *AT moves behind it.  One
 * that is longer than WORDS_TEXT is cut.  False: there is none.
 */
bool words_next(const char **at, char out[WORDS_TEXT]);

/* Is WORD among those of TEXT, whatever the case? */
bool words_has(const char *text, const char *word);

/* The part of TEXT behind "NAME=" or "NAME =", up to the next comma, without
 * blanks around it, in OUT.  False: it is not there. */
bool words_value(const char *text, const char *name, char out[WORDS_TEXT]);

#endif
