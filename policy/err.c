/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
shorten(char *text, int wanted)
{
    if (wanted >= WHY_TEXT)
        memcpy(text + WHY_TEXT - 4, "...", 4);
}

enum ms_err
why_set(struct why *why, enum ms_err err, const char *format, ...)
{
    va_list args;
    int wanted;

    if (why == NULL)
        return err;
    va_start(args, format);
    wanted = vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    shorten(why->text, wanted);
    return err;
}

enum ms_err
why_errno(struct why *why, enum ms_err err, const char *subject)
{
    char buf[128];

    /* the GNU strerror_r: returns the text, in BUF or not */
    return why_set(why, err, "%s: %s", subject,
                   strerror_r(errno, buf, sizeof(buf)));
}
