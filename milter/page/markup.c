/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/page/markup.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add(struct markup *m, const char *bytes, size_t n)
{
    if (m->failed)
        return;
    if (n >= MARKUP_MOST - m->len) {
        m->failed = true;
        return;
    }
    if (m->len + n + 1 > m->room) {
        size_t room = m->room > 0 ? m->room : 16384;
        char *text;

        while (room < m->len + n + 1)
            room *= 2;
        text = realloc(m->text, room);
        if (text == NULL) {
            m->failed = true;
            return;
        }
        m->text = text;
        m->room = room;
    }
    memcpy(m->text + m->len, bytes, n);
    m->len += n;
    m->text[m->len] = '\0';
}

void
markup_raw(struct markup *m, const char *html)
{
    add(m, html, strlen(html));
}

/* The character at S in *CODE and its bytes; 0: these are not UTF-8. */
static size_t
decode(const unsigned char *s, uint32_t *code)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0},
                 {0xe0, 0xc0, 0x80},
                 {0xf0, 0xe0, 0x800},
                 {0xf8, 0xf0, 0x10000}};

    for (size_t n = 0; n < sizeof(forms) / sizeof(forms[0]); n++) {
        if ((s[0] & forms[n].mask) != forms[n].lead)
            continue;
        *code = s[0] & (unsigned char)~forms[n].mask;
        for (size_t i = 1; i <= n; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            *code = *code << 6 | (s[i] & 0x3f);
        }
        if (*code < forms[n].least || *code > 0x10ffff ||
            (*code >= 0xd800 && *code <= 0xdfff))
            return 0;
        return n + 1;
    }
    return 0;
}

/* Characters that are not seen, or change how others are: controls, zero
 * widths, directions, fillers, tags, private use, no characters at all. */
static bool
misleading(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1f},       {0x7f, 0xa0},       {0xad, 0xad},
                  {0x34f, 0x34f},     {0x61c, 0x61c},     {0x115f, 0x1160},
                  {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x2000, 0x200f},
                  {0x2028, 0x202f},   {0x205f, 0x206f},   {0x2800, 0x2800},
                  {0x3000, 0x3000},   {0x3164, 0x3164},   {0xe000, 0xf8ff},
                  {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
                  {0xffa0, 0xffa0},   {0xfff0, 0xffff},   {0x1d173, 0x1d17a},
                  {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

static void
add_character(struct markup *m, const char *s, size_t n, uint32_t code)
{
    char buf[16];
    int len;

    if (code == '<')
        markup_raw(m, "&lt;");
    else if (code == '>')
        markup_raw(m, "&gt;");
    else if (code == '&')
        markup_raw(m, "&amp;");
    else if (code == '"')
        markup_raw(m, "&quot;");
    else if (code == '\'')
        markup_raw(m, "&#39;");
    else if (misleading(code)) {
        len = snprintf(buf, sizeof(buf), code < 0x80 ? "\\x%02X" : "\\u{%X}",
                       (unsigned)code);
        assert(len > 0 && (size_t)len < sizeof(buf));
        add(m, buf, (size_t)len);
    } else
        add(m, s, n);
}

void
markup_text(struct markup *m, const char *text, size_t most)
{
    if (text == NULL)
        return;
    for (size_t shown = 0; *text != '\0'; shown++) {
        uint32_t code = 0;
        size_t n = decode((const unsigned char *)text, &code);
        char buf[8];

        if (shown == most) {
            markup_raw(m, "\xe2\x80\xa6");
            return;
        }
        if (n > 0) {
            add_character(m, text, n, code);
            text += n;
            continue;
        }
        n = (size_t)snprintf(buf, sizeof(buf), "\\x%02X",
                             (unsigned)(unsigned char)*text);
        add(m, buf, n);
        text++;
    }
}

void
markup_name(struct markup *m, const char *name)
{
    markup_raw(m, "<bdi>");
    markup_text(m, name, MARKUP_NAME);
    markup_raw(m, "</bdi>");
}

static bool
unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

void
markup_segment(struct markup *m, const char *text)
{
    char buf[4];

    /* "." and ".." would be steps, not names */
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0) {
        markup_raw(m, text[1] == '\0' ? "%2E" : "%2E%2E");
        return;
    }
    for (; *text != '\0'; text++) {
        if (unreserved(*text) || *text == ':' || *text == '@') {
            add(m, text, 1);
            continue;
        }
        (void)snprintf(buf, sizeof(buf), "%%%02X",
                       (unsigned)(unsigned char)*text);
        add(m, buf, 3);
    }
}

void
markup_word(struct markup *m, const char *text)
{
    bool plain = *text != '\0' && *text != '~';

    for (const char *c = text; *c != '\0'; c++)
        plain = plain && (unreserved(*c) || strchr("@:+,/%", *c) != NULL);
    if (plain) {
        markup_text(m, text, SIZE_MAX);
        return;
    }
    markup_raw(m, "&#39;");
    for (; *text != '\0'; text++)
        if (*text == '\'')
            markup_raw(m, "&#39;\\&#39;&#39;");
        else
            add_character(m, text, 1, (unsigned char)*text);
    markup_raw(m, "&#39;");
}

bool
markup_typable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static void
add_signed(struct markup *m, intmax_t n)
{
    char buf[32];
    int len = snprintf(buf, sizeof(buf), "%" PRIdMAX, n);

    assert(len > 0 && (size_t)len < sizeof(buf));
    add(m, buf, (size_t)len);
}

static void
add_unsigned(struct markup *m, uintmax_t n)
{
    char buf[32];
    int len = snprintf(buf, sizeof(buf), "%" PRIuMAX, n);

    assert(len > 0 && (size_t)len < sizeof(buf));
    add(m, buf, (size_t)len);
}

/* One conversion behind "%"; returns what follows it. */
static const char *
convert(struct markup *m, const char *format, va_list *values)
{
    switch (*format) {
    case 's':
        markup_text(m, va_arg(*values, const char *), SIZE_MAX);
        return format + 1;
    case 'd':
        add_signed(m, va_arg(*values, int));
        return format + 1;
    case 'u':
        add_unsigned(m, va_arg(*values, unsigned));
        return format + 1;
    case '%':
        add(m, "%", 1);
        return format + 1;
    case 'z':
        assert(format[1] == 'u');
        add_unsigned(m, va_arg(*values, size_t));
        return format + 2;
    case 'j':
        assert(format[1] == 'd' || format[1] == 'u');
        if (format[1] == 'd')
            add_signed(m, va_arg(*values, intmax_t));
        else
            add_unsigned(m, va_arg(*values, uintmax_t));
        return format + 2;
    }
    assert(!"a conversion that markup_put() knows");
    return format + strlen(format);
}

void
markup_put(struct markup *m, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");

        add(m, format, plain);
        format += plain;
        if (*format == '%')
            format = convert(m, format + 1, &values);
    }
    va_end(values);
}

char *
markup_end(struct markup *m, size_t *len)
{
    char *text = m->text;

    if (m->failed || text == NULL) {
        free(text);
        text = NULL;
    } else if (len != NULL)
        *len = m->len;
    *m = (struct markup)MARKUP_EMPTY;
    return text;
}
