/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/list_options.c - the table of options as tab-separated lines, for the
 * manual's test: block, option, type, words, least, most, default, needed.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "policy/option.h"

static void
print_words(const struct option *option)
{
    const struct option_word *word = option->words;

    for (; word != NULL && word->word != NULL; word++)
        printf("%s%s", word == option->words ? "" : "|", word->word);
}

static const char *
kind_of(const struct option *option)
{
    switch ((int)option->type) {
    case OPTION_BOOL:
    case OPTION_CHOICE:
    case OPTION_FLAG:
        return "words";
    case OPTION_NUMBER:
        return "number";
    case OPTION_OCTAL:
        return "octal";
    case OPTION_PERCENT:
        return "percentage";
    case OPTION_SIZE:
        return "size";
    case OPTION_TIME:
        return "time";
    case OPTION_SPAN:
        return "span";
    case OPTION_TEXT:
    case OPTION_REPLY:
    case OPTION_TAG:
    case OPTION_DOTTED_TAG:
        return "text";
    default:
        return "other";
    }
}

static void
print_option(const struct option *option)
{
    printf("%s\t%s\t%s\t%s\t", option_block(option->block)->name, option->name,
           kind_of(option), option_type_name(option->type));
    print_words(option);
    printf("\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\n", option->least, option->most,
           option->preset == NULL ? "" : option->preset,
           option->needed ? "needed" : "");
}

int
main(void)
{
    for (int block = BLOCK_TOP; block < BLOCKS; block++) {
        size_t i, n;
        const struct option *rows = option_rows((enum option_block)block, &n);

        for (i = 0; i < n; i++)
            print_option(&rows[i]);
    }
    return ferror(stdout) || fflush(stdout) != 0;
}
