/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/list_options.c - the table of options as tab-separated lines, for the
 * manual's test: block, option, type, words, least, most, default, needed.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
    case OPTION_ASCII:
    case OPTION_TAG:
    case OPTION_DOTTED_TAG:
        return "text";
    default:
        return "other";
    }
}

/* A default as the manual has it: folders that are chosen when this is built
 * are the usual ones there. */
static const char *
preset_of(const struct option *option, char buf[256])
{
    static const struct {
        const char *chosen, *usual;
    } folders[] = {{RUNSTATEDIR, "/run"},
                   {PKGDATADIR, "/usr/share/mortsafe"},
                   {LIBEXECDIR, "/usr/libexec"}};

    if (option->preset == NULL)
        return "";
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        const size_t len = strlen(folders[i].chosen);

        if (strncmp(option->preset, folders[i].chosen, len) != 0)
            continue;
        (void)snprintf(buf, 256, "%s%s", folders[i].usual,
                       option->preset + len);
        return buf;
    }
    return option->preset;
}

static void
print_option(const struct option *option)
{
    char preset[256];

    printf("%s\t%s\t%s\t%s\t", option_block(option->block)->name, option->name,
           kind_of(option), option_type_name(option->type));
    print_words(option);
    printf("\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\n", option->least, option->most,
           preset_of(option, preset), option->needed ? "needed" : "");
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
