/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/reply.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct reply {
    sfsistat status;
    char class; /* first digit of both codes */
    char code[4];
    char enhanced[8];
    const char *words; /* if all else fails */
};

static const struct reply reply_defer = {SMFIS_TEMPFAIL, '4', "451", "4.7.1",
                                         "Try again later"};
static const struct reply reply_reject = {SMFIS_REJECT, '5', "550", "5.7.1",
                                          "Refused by policy"};

/* "4.7.1": three numbers of at most three digits, the first one digit. */
static bool
is_enhanced(const char *text)
{
    unsigned class, subject, detail;
    int end = 0;

    return sscanf(text, "%1u.%3u.%3u%n", &class, &subject, &detail, &end) ==
               3 &&
           text[end] == '\0' && strspn(text, "0123456789.") == strlen(text);
}

/* TEXT in printable ASCII with every % doubled. */
static void
clean(const char *text, char out[2 * REPLY_TEXT + 1])
{
    size_t n = 0, len = strlen(text);
    bool cut = len > REPLY_TEXT;

    if (cut)
        len = REPLY_TEXT - 3;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';

        if (c == '%')
            out[n++] = c;
        out[n++] = c;
    }
    memcpy(out + n, "...", cut ? 3 : 0);
    out[cut ? n + 3 : n] = '\0';
}

/* libmilter's arguments are not const, though it changes none of them. */
static bool
set(SMFICTX *ctx, const char *code, const char *enhanced, const char *text)
{
    return smfi_setreply(ctx, (char *)(uintptr_t)code,
                         (char *)(uintptr_t)enhanced,
                         (char *)(uintptr_t)text) == MI_SUCCESS;
}

static sfsistat
refuse(SMFICTX *ctx, const struct verdict *v, const char *text,
       const struct reply *fixed)
{
    char code[8], enhanced[sizeof(v->enhanced)], cleaned[2 * REPLY_TEXT + 1];

    (void)snprintf(code, sizeof(code), "%u", (unsigned)v->code);
    memcpy(enhanced, v->enhanced, sizeof(enhanced));
    enhanced[sizeof(enhanced) - 1] = '\0';
    if (strlen(code) != 3 || code[0] != fixed->class)
        memcpy(code, fixed->code, sizeof(fixed->code));
    if (enhanced[0] != fixed->class || !is_enhanced(enhanced))
        memcpy(enhanced, fixed->enhanced, sizeof(fixed->enhanced));
    clean(text[0] != '\0' ? text : fixed->words, cleaned);
    if (!set(ctx, code, enhanced, cleaned))
        (void)set(ctx, fixed->code, fixed->enhanced, fixed->words);
    return fixed->status;
}

sfsistat
reply_set(SMFICTX *ctx, const struct verdict *verdict, const char *text)
{
    switch (verdict->action) {
    case VERDICT_DEFER:
        return refuse(ctx, verdict, text, &reply_defer);
    case VERDICT_REJECT:
        return refuse(ctx, verdict, text, &reply_reject);
    case VERDICT_ACCEPT:
        return SMFIS_ACCEPT;
    case VERDICT_CONTINUE:
    case VERDICT_HOLD:
        break;
    }
    return SMFIS_CONTINUE;
}
