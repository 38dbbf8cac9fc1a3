/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/worker/macro.h"

#include <stdbool.h>
#include <string.h>

/* A macro as it stands between "%{" and "}". */
struct macro {
    char letter;
    size_t keep; /* labels at the right; 0: all */
    bool reverse;
    const char *delimiters;
    size_t n_delimiters;
};

struct part {
    const char *at;
    size_t len;
};

/* OUT with LEN octets in it. */
struct text {
    char *out;
    size_t len;
};

static void
put(struct text *to, const char *text, size_t len)
{
    if (len > MACRO_TEXT - 1 - to->len)
        len = MACRO_TEXT - 1 - to->len;
    memcpy(to->out + to->len, text, len);
    to->len += len;
}

/* ----- what a letter stands for */

static struct part
whole(const char *text)
{
    return (struct part){text, strlen(text)};
}

static struct part
value_of(char letter, const struct macro_values *v)
{
    const char *at = strrchr(v->sender, '@');

    switch (letter | 0x20) {
    case 'l':
        return (struct part){v->sender,
                             at != NULL ? (size_t)(at - v->sender) : 0};
    case 's':
        return whole(v->sender);
    case 'o':
        return whole(v->sender_domain);
    case 'd':
        return whole(v->domain);
    case 'i':
        return whole(v->client);
    case 'p':
        return whole(v->name);
    case 'v':
        return whole(v->family);
    default:
        return whole(v->helo);
    }
}

/* ----- what is made of it */

static size_t
split(struct part value, const struct macro *m, struct part out[SPF_SENDER])
{
    size_t n = 0;

    out[0] = (struct part){value.at, 0};
    for (size_t i = 0; i < value.len; i++)
        if (memchr(m->delimiters, value.at[i], m->n_delimiters) == NULL)
            out[n].len++;
        else
            out[++n] = (struct part){value.at + i + 1, 0};
    return n + 1;
}

static bool
is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* PART, as an address of the web has it where the letter is a capital. */
static void
put_part(struct text *to, struct part part, bool encode)
{
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.at[i];
        const char code[] = {'%', "0123456789ABCDEF"[c >> 4],
                             "0123456789ABCDEF"[c & 0xf]};

        if (encode && !is_unreserved(part.at[i]))
            put(to, code, sizeof(code));
        else
            put(to, part.at + i, 1);
    }
}

static void
put_macro(struct text *to, const struct macro *m, const struct macro_values *v)
{
    struct part parts[SPF_SENDER];
    size_t n = split(value_of(m->letter, v), m, parts);
    size_t first = m->keep > 0 && m->keep < n ? n - m->keep : 0;

    for (size_t i = first; i < n; i++) {
        if (i > first)
            put(to, ".", 1);
        put_part(to, parts[m->reverse ? n - 1 - i : i],
                 m->letter >= 'A' && m->letter <= 'Z');
    }
}

/* Read the macro at SPEC, "%{...}"; its length. */
static size_t
read_macro(const char *spec, size_t len, struct macro *out)
{
    size_t i = 3;

    *out = (struct macro){.letter = spec[2]};
    for (; i < len && spec[i] >= '0' && spec[i] <= '9'; i++)
        out->keep = out->keep * 10 + (size_t)(spec[i] - '0');
    if (i < len && (spec[i] | 0x20) == 'r') {
        out->reverse = true;
        i++;
    }
    out->delimiters = spec + i;
    while (i < len && spec[i] != '}')
        i++;
    out->n_delimiters = (size_t)(spec + i - out->delimiters);
    if (out->n_delimiters == 0) {
        out->delimiters = ".";
        out->n_delimiters = 1;
    }
    return i + 1;
}

/* What the two octets of "%%", "%_" or "%-" stand for. */
static const char *
escape(char c)
{
    return c == '%' ? "%" : c == '_' ? " " : "%20";
}

void
macro_expand(const char *spec, size_t len, const struct macro_values *values,
             char out[MACRO_TEXT])
{
    struct text to = {.out = out};
    size_t i = 0;

    while (i < len) {
        struct macro m;

        if (spec[i] != '%' || i + 1 == len) {
            put(&to, spec + i++, 1);
        } else if (spec[i + 1] != '{') {
            put(&to, escape(spec[i + 1]), strlen(escape(spec[i + 1])));
            i += 2;
        } else {
            i += read_macro(spec + i, len - i, &m);
            put_macro(&to, &m, values);
        }
    }
    out[to.len] = '\0';
}
