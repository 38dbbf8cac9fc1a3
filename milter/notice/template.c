/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/template.h"

/* Phrases, and what may stand in them. */
static const struct letters_word words[WORDS] = {
    [WORD_TIME] = {"time", "day month month_name year clock zone"},
    [WORD_MONTHS] = {"months", ""}, /* twelve */
    [WORD_ACCOUNT] = {"account", "name"},
    [WORD_LINE] = {"line", "name"},
    [WORD_BULK_HOUR] = {"bulk_hour", "n usual"},
    [WORD_BULK_DAY] = {"bulk_day", "n usual"},
    [WORD_BULK_NEW] = {"bulk_new", "n usual"},
    [WORD_CONTENT] = {"content", "n all"},
    [WORD_UNKNOWN] = {"unknown", "n"},
    [WORD_COMPLAINTS] = {"complaints", "n"},
    [WORD_SPREAD] = {"spread", "n usual"},
    [WORD_IDENTITY] = {"identity", "n usual"},
    [WORD_BY_HAND] = {"by_hand", ""},
    [WORD_SLOWED] = {"slowed", "rate"},
    [WORD_SLOWED_HELD] = {"slowed_held", "rate"},
    [WORD_REFUSED] = {"refused", ""},
    [WORD_DEFERRED] = {"deferred", ""},
    [WORD_HELD] = {"held", ""},
    [WORD_ENDS_SLOWED] = {"ends_slowed", ""},
    [WORD_ENDS_AT] = {"ends_at", "until"},
    [WORD_ENDS_NEVER] = {"ends_never", ""},
    [WORD_CODE] = {"code", "code"},
    [WORD_STEPS_ACCOUNT] = {"steps_account", ""},
    [WORD_STEPS_LINE] = {"steps_line", ""},
    [WORD_HELP] = {"help", "support"},
    [WORD_HELP_MAIL] = {"help_mail", "postmaster"},
    [WORD_RELEASED_OPERATOR] = {"released_operator", ""},
    [WORD_RELEASED_CODE] = {"released_code", ""},
    [WORD_RELEASED_TIME] = {"released_time", ""},
    [WORD_HELD_LEFT] = {"held_left", ""},
    [WORD_TOLD] = {"told", "to"},
    [WORD_NOT_TOLD] = {"not_told", ""},
    [WORD_NORMAL] = {"normal", ""},
    [WORD_WATCHED] = {"watched", ""},
    [WORD_THROTTLED] = {"throttled", ""},
    [WORD_QUARANTINED] = {"quarantined", ""},
    [WORD_PROBATION] = {"probation", ""},
};

/* What may stand in a letter. */
static const char letter_fields[] =
    "name who time evidence action ends code steps help reason held reference"
    " subject standing before rule score messages host by note told";

/* In its subject, which is one line. */
static const char subject_fields[] =
    "name subject standing before rule score host reference";

enum ms_err
template_load(const char *folder, const char *language,
              void (*line)(void *arg, const char *text), void *arg,
              struct letters **out)
{
    const char *names[NOTICE_KINDS];
    const struct letters_shape shape = {
        .letter = names,
        .n_letters = NOTICE_KINDS,
        .letter_fields = letter_fields,
        .subject_fields = subject_fields,
        .words = "words",
        .word = words,
        .n_words = WORDS,
        .months = WORD_MONTHS,
    };

    for (unsigned i = 0; i < NOTICE_KINDS; i++)
        names[i] = notice_kind_name((enum notice_kind)i);
    return letters_load(&shape, folder, language, line, arg, out);
}
