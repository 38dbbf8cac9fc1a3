/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/shell.h"

#include <stdlib.h>
#include <string.h>

char *
shell_quote(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+:,./"
                                "_-";
    char *out, *at;

    if (*text != '\0' && text[strspn(text, plain)] == '\0')
        return strdup(text);
    at = out = malloc(4 * strlen(text) + 3);
    if (out == NULL)
        return NULL;
    *at++ = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            memcpy(at, "'\\''", 4);
            at += 4;
        } else {
            *at++ = *text;
        }
    }
    *at++ = '\'';
    *at = '\0';
    return out;
}
