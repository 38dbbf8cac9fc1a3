/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/mime.h"

#include <stdint.h>
#include <string.h>

#include "policy/plain.h"

enum {
    WORD = 75 /* of an encoded-word: RFC 2047 section 2 */
};

static const char hex[] = "0123456789ABCDEF";
static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ----- bodies */

static bool
stands_for_itself(unsigned char c)
{
    return c >= ' ' && c <= '~' && c != '=';
}

const char *
mime_encoding_name(enum mime_encoding encoding)
{
    return encoding == MIME_QUOTED ? "quoted-printable" : "base64";
}

enum mime_encoding
mime_choose(const char *text)
{
    size_t len = strlen(text), coded = 0;

    for (size_t i = 0; i < len; i++)
        if (!stands_for_itself((unsigned char)text[i]) && text[i] != '\n')
            coded++;
    return 2 * coded > len / 3 ? MIME_BASE64 : MIME_QUOTED;
}

/* One line of quoted-printable.  A blank at its end would be lost on the way,
 * and a "From " or a full stop in front has a meaning to some. */
static void
quote_line(FILE *out, const char *line, size_t len)
{
    bool apart = len > 0 &&
                 (line[0] == '.' || (len > 4 && memcmp(line, "From ", 5) == 0));
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        bool itself = stands_for_itself(c) && !(c == ' ' && i + 1 == len) &&
                      !(apart && i == 0);
        size_t n = itself ? 1 : 3;

        if (at + n > MIME_LINE - (i + 1 < len ? 1U : 0U)) {
            (void)fputs("=\r\n", out);
            at = 0;
        }
        if (itself)
            (void)fputc(c, out);
        else
            (void)fprintf(out, "=%c%c", hex[c >> 4], hex[c & 15]);
        at += n;
    }
    (void)fputs("\r\n", out);
}

static void
quote(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        quote_line(out, text, len);
        text += len;
        if (*text == '\n')
            text++;
    }
}

/* Base64 of bytes that come one by one. */
struct base64 {
    FILE *out;
    uint32_t bits;
    unsigned n;  /* bytes in BITS */
    size_t line; /* characters in this line */
};

static void
put_group(struct base64 *b)
{
    uint32_t bits = b->bits << 8 * (3 - b->n);

    for (unsigned i = 0; i < 4; i++)
        (void)fputc(i <= b->n ? digits[bits >> (18 - 6 * i) & 63] : '=',
                    b->out);
    b->bits = b->n = 0;
    b->line += 4;
    if (b->line == MIME_LINE) {
        (void)fputs("\r\n", b->out);
        b->line = 0;
    }
}

static void
put_byte(struct base64 *b, unsigned char c)
{
    b->bits = b->bits << 8 | c;
    if (++b->n == 3)
        put_group(b);
}

static void
put_base64(FILE *out, const char *text)
{
    struct base64 b = {.out = out};

    for (; *text != '\0'; text++) {
        if (*text == '\n')
            put_byte(&b, '\r');
        put_byte(&b, (unsigned char)*text);
    }
    if (b.n > 0)
        put_group(&b);
    if (b.line > 0)
        (void)fputs("\r\n", out);
}

void
mime_body(FILE *out, enum mime_encoding encoding, const char *text)
{
    if (encoding == MIME_QUOTED)
        quote(out, text);
    else
        put_base64(out, text);
}

/* ----- headers */

/* May C stand for itself in an encoded-word, of a phrase too? */
static bool
is_word_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || strchr("!*+-/", c) != NULL;
}

/* Write the N bytes of one character in the "Q" encoding. */
static void
put_coded(FILE *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == ' ')
            (void)fputc('_', out);
        else if (is_word_char(c))
            (void)fputc(c, out);
        else
            (void)fprintf(out, "=%c%c", hex[c >> 4], hex[c & 15]);
    }
}

static size_t
coded_size(const char *text, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += text[i] == ' ' || is_word_char((unsigned char)text[i]) ? 1 : 3;
    return size;
}

/* TEXT as encoded-words, AT characters of the line taken.  No character is
 * parted: each word can be read alone.  Returns where the line ends then. */
static size_t
put_words(FILE *out, size_t at, const char *text)
{
    static const char begin[] = "=?utf-8?q?", end[] = "?=";
    const size_t around = sizeof(begin) - 1 + sizeof(end) - 1;
    size_t len = strlen(text), word = 0; /* of this one, 0: none is begun */
    uint32_t c;

    for (size_t i = 0, n; i < len; i += n) {
        size_t size;

        n = plain_decode(text + i, len - i, &c);
        n = n == 0 ? 1 : n;
        size = coded_size(text + i, n);
        if (word > 0 && (word + size > WORD || at + word + size > MIME_LINE)) {
            (void)fprintf(out, "%s\r\n ", end);
            at = 1;
            word = 0;
        }
        if (word == 0) {
            (void)fputs(begin, out);
            word = around;
        }
        put_coded(out, text + i, n);
        word += size;
    }
    if (word > 0)
        (void)fputs(end, out);
    return at + word;
}

/* ASCII that is read as it is, with no run that could not be folded. */
static bool
can_stand(const char *text)
{
    size_t run = 0;

    if (strstr(text, "=?") != NULL || *text == ' ' || *text == '\0' ||
        text[strlen(text) - 1] == ' ' || strstr(text, "  ") != NULL)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            return false;
        run = *text == ' ' ? 0 : run + 1;
        if (run > MIME_LINE - 16)
            return false;
    }
    return true;
}

/* Words of ASCII, folded in front of one that does not fit. */
static void
put_folded(FILE *out, size_t at, const char *text)
{
    bool first = true;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (!first && at + 1 + len > MIME_LINE) {
            (void)fputs("\r\n", out);
            at = 0;
        }
        if (!first) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fwrite(text, 1, len, out);
        at += len;
        first = false;
        text += len;
        text += strspn(text, " ");
    }
}

void
mime_header(FILE *out, const char *name, const char *text)
{
    size_t at = strlen(name) + 2;

    (void)fprintf(out, "%s: ", name);
    if (can_stand(text))
        put_folded(out, at, text);
    else
        (void)put_words(out, at, text);
    (void)fputs("\r\n", out);
}

/* A phrase of atoms. */
static bool
is_atoms(const char *text)
{
    static const char others[] = "!#$%&'*+-/=?^_`{|}~ ";

    for (const char *p = text; *p != '\0'; p++)
        if (!is_word_char((unsigned char)*p) && strchr(others, *p) == NULL)
            return false;
    return can_stand(text);
}

void
mime_phrase(FILE *out, size_t at, const char *text, bool *folded)
{
    size_t len = strlen(text);

    if (can_stand(text) && at + 2 * len + 2 <= MIME_LINE) {
        const char *quote_mark = is_atoms(text) ? "" : "\"";

        (void)fputs(quote_mark, out);
        for (; *text != '\0'; text++) {
            if (*text == '"' || *text == '\\')
                (void)fputc('\\', out);
            (void)fputc(*text, out);
        }
        (void)fputs(quote_mark, out);
        *folded = false;
    } else {
        (void)put_words(out, at, text);
        *folded = true;
    }
}
