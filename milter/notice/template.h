/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/template.h - which letters there are, of enum notice_kind, and
 * the phrases and fields of which they are made.
 */
#ifndef MORTSAFE_MILTER_NOTICE_TEMPLATE_H
#define MORTSAFE_MILTER_NOTICE_TEMPLATE_H

#include "milter/notice/notice.h"
#include "policy/err.h"
#include "policy/letters.h"

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

/* Read the letters of LANGUAGE in FOLDER, as letters_load() does. */
enum ms_err template_load(const char *folder, const char *language,
                          void (*line)(void *arg, const char *text), void *arg,
                          struct letters **out);

#endif
