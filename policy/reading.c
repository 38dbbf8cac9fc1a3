/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/reading.c - one setting being read. */
#include <config.h>

#include "policy/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *
reading_at(const struct reading *r)
{
    return (char *)r->object + r->setting->option->at;
}

void *
reading_count_at(const struct reading *r)
{
    return (char *)r->object + r->setting->option->count_at;
}

const char *
reading_term(const struct reading *r, size_t i)
{
    return r->setting->terms[i].text;
}

struct origin
reading_place(const struct reading *r, size_t i)
{
    return config_text_place(r->block, r->setting, i);
}

static void write_text(char text[WHY_TEXT], const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void
write_text(char text[WHY_TEXT], const char *format, va_list args)
{
    if (vsnprintf(text, WHY_TEXT, format, args) >= WHY_TEXT)
        memcpy(text + WHY_TEXT - 4, "...", 4);
}

void
reading_error(const struct reading *r, size_t i, const char *format, ...)
{
    char text[WHY_TEXT];
    va_list args;

    va_start(args, format);
    write_text(text, format, args);
    va_end(args);
    notes_error(r->build->notes, reading_place(r, i), "%s: %s",
                r->setting->option->name, text);
}

void
reading_warning(const struct reading *r, size_t i, const char *format, ...)
{
    char text[WHY_TEXT];
    va_list args;

    va_start(args, format);
    write_text(text, format, args);
    va_end(args);
    notes_warning(r->build->notes, reading_place(r, i), "%s: %s",
                  r->setting->option->name, text);
}

bool
reading_digits(const char **text, unsigned base, uint64_t *out)
{
    const char *p = *text;
    uint64_t n = 0;

    for (; *p >= '0' && *p < (char)('0' + (int)base); p++) {
        if (n > (UINT64_MAX - 9) / base)
            return false;
        n = n * base + (uint64_t)(*p - '0');
    }
    if (p == *text)
        return false;
    *text = p;
    *out = n;
    return true;
}
