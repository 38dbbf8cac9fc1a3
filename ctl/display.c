/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/display.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* Printable by the locale's books, yet not to be seen, or turning what stands
 * around them about. */
static const struct range {
    uint32_t first, last;
} hidden[] = {
    {0x00AD, 0x00AD},   /* soft hyphen */
    {0x061C, 0x061C},   /* a mark of direction */
    {0x180E, 0x180E},   /* a blank without width */
    {0x200B, 0x200F},   /* blanks without width, joiners, marks of direction */
    {0x2028, 0x202E},   /* line ends, turns of direction */
    {0x2060, 0x206F},   /* isolates and the like */
    {0xFE00, 0xFE0F},   /* variations */
    {0xFEFF, 0xFEFF},   /* byte order mark */
    {0xFFF9, 0xFFFB},   /* annotations */
    {0xE0000, 0xE0FFF}, /* tags */
};

/*
 * The next character of TEXT: its bytes are returned, its columns in *WIDTH; 0
 * and -1 for a byte that is not to be shown.
 */
static size_t
next(const char *text, bool utf8, int *width)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t n;

    if (*text >= ' ' && *text <= '~') {
        *width = 1;
        return 1;
    }
    *width = -1;
    n = utf8 ? mbrtowc(&c, text, strnlen(text, MB_LEN_MAX), &state) : 0;
    if (n == 0 || n == (size_t)-1 || n == (size_t)-2 || !iswprint((wint_t)c))
        return 0;
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if ((uint32_t)c >= hidden[i].first && (uint32_t)c <= hidden[i].last)
            return 0;
    *width = wcwidth(c);
    return *width < 0 ? 0 : n;
}

char *
display_escape(const char *text, bool utf8)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = malloc(4 * strlen(text) + 1), *at = out;

    while (out != NULL && *text != '\0') {
        int width;
        size_t n = next(text, utf8, &width);

        if (n == 0) {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex[(unsigned char)*text >> 4];
            *at++ = hex[(unsigned char)*text & 15];
            text++;
            continue;
        }
        memcpy(at, text, n);
        at += n;
        text += n;
    }
    if (out != NULL)
        *at = '\0';
    return out;
}

/* Bytes of TEXT that take at most WIDTH columns; those in *TOOK. */
static size_t
fitting(const char *text, size_t width, bool utf8, size_t *took)
{
    size_t bytes = 0;

    *took = 0;
    while (text[bytes] != '\0') {
        int columns;
        size_t n = next(text + bytes, utf8, &columns);

        if (n == 0) { /* not escaped: nobody knows */
            n = 1;
            columns = 1;
        }
        if (*took + (size_t)columns > width)
            break;
        *took += (size_t)columns;
        bytes += n;
    }
    return bytes;
}

size_t
display_width(const char *text, bool utf8)
{
    size_t took;

    (void)fitting(text, SIZE_MAX / 2, utf8, &took);
    return took;
}

size_t
display_cut(FILE *to, const char *text, size_t width, bool utf8)
{
    const char *dots = utf8 ? "\xE2\x80\xA6" : "..";
    size_t wide = utf8 ? 1 : 2, took;
    size_t bytes = fitting(text, width, utf8, &took);

    if (text[bytes] == '\0') {
        (void)fwrite(text, 1, bytes, to);
        return took;
    }
    if (width < wide) {
        (void)fprintf(to, "%.*s", (int)width, "..");
        return width;
    }
    bytes = fitting(text, width - wide, utf8, &took);
    (void)fwrite(text, 1, bytes, to);
    (void)fputs(dots, to);
    return took + wide;
}

size_t
display_break(const char *text, size_t width, bool utf8)
{
    int columns;
    size_t took, bytes = fitting(text, width, utf8, &took), blank;

    if (text[bytes] == '\0' || text[bytes] == ' ')
        return bytes;
    for (blank = bytes; blank > 0; blank--)
        if (text[blank - 1] == ' ')
            return blank;
    if (bytes == 0)
        bytes = next(text, utf8, &columns);
    return bytes > 0 ? bytes : 1;
}
