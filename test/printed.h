/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/printed.h - a configuration as config_print() writes it, and the same
 * without where its values come from: reading it again must give that again.
 */
#ifndef MORTSAFE_TEST_PRINTED_H
#define MORTSAFE_TEST_PRINTED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config.h"

/* What is printed of CONFIG; free() ends it.  Aborts without memory. */
static inline char *
printed_text(const struct config *config)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        abort();
    config_print(config, out);
    if (fclose(out) != 0)
        abort();
    return text;
}

/* Cut what stands behind the values in TEXT. */
static inline void
printed_cut(char *text)
{
    char *to = text, *end, *comment;

    for (; *text != '\0'; text = end) {
        end = strchr(text, '\n') + 1;
        comment = end - 1;
        while (comment > text && strncmp(comment, " # ", 3) != 0)
            comment--;
        if (comment == text)
            comment = end - 1;
        while (comment > text && comment[-1] == ' ')
            comment--;
        memmove(to, text, (size_t)(comment - text));
        to += comment - text;
        *to++ = '\n';
    }
    *to = '\0';
}

#endif
