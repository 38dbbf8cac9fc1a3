/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/subject.h"

#include <stdio.h>
#include <string.h>

enum { LAYOUT = 1 };

static const char *const names[SUBJECT_KINDS] = {
    [SUBJECT_CLIENT] = "client", [SUBJECT_PREFIX] = "prefix",
    [SUBJECT_USER] = "user",     [SUBJECT_SENDER] = "sender",
    [SUBJECT_DOMAIN] = "domain", [SUBJECT_NETWORK] = "network",
    [SUBJECT_PAIR] = "pair",
};

const char *
subject_kind_name(enum subject_kind kind)
{
    return kind < SUBJECT_KINDS ? names[kind] : NULL;
}

static bool
add_part(struct subject *s, enum subject_kind kind, const char *text)
{
    size_t len = strlen(text);

    if (len > SUBJECT_PART_MAX)
        return false;
    s->bytes[s->len] = (uint8_t)kind;
    s->bytes[s->len + 1] = (uint8_t)(len >> 8);
    s->bytes[s->len + 2] = (uint8_t)len;
    memcpy(s->bytes + s->len + 3, text, len);
    s->len = (uint16_t)(s->len + 3 + len);
    return true;
}

bool
subject_make(enum subject_kind kind, const char *text, struct subject *out)
{
    out->kind = kind;
    out->len = 1;
    out->bytes[0] = LAYOUT;
    return add_part(out, kind, text);
}

bool
subject_make_pair(enum subject_kind kind1, const char *text1,
                  enum subject_kind kind2, const char *text2,
                  struct subject *out)
{
    if (!subject_make(kind1, text1, out) || !add_part(out, kind2, text2))
        return false;
    out->kind = SUBJECT_PAIR;
    return true;
}

/* The part at *AT of S; false at the end or if it is damaged. */
static bool
next_part(const struct subject *s, size_t *at, enum subject_kind *kind,
          const uint8_t **text, size_t *len)
{
    if (*at + 3 > s->len)
        return false;
    *kind = (enum subject_kind)s->bytes[*at];
    *len = (size_t)s->bytes[*at + 1] << 8 | s->bytes[*at + 2];
    if (*kind >= SUBJECT_PAIR || *len > SUBJECT_PART_MAX ||
        *at + 3 + *len > s->len)
        return false;
    *text = s->bytes + *at + 3;
    *at += 3 + *len;
    return true;
}

bool
subject_part(const struct subject *subject, size_t i, enum subject_kind *kind,
             char text[SUBJECT_PART_MAX + 1])
{
    const uint8_t *bytes;
    size_t at = 1, len;

    do {
        if (!next_part(subject, &at, kind, &bytes, &len))
            return false;
    } while (i-- > 0);
    memcpy(text, bytes, len);
    text[len] = '\0';
    return true;
}

bool
subject_same(const struct subject *a, const struct subject *b)
{
    return a->kind == b->kind && a->len == b->len &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool
subject_read(const uint8_t *bytes, size_t len, struct subject *out)
{
    struct subject s;
    enum subject_kind kind, kind2;
    const uint8_t *text;
    size_t at = 1, part;

    if (len < 4 || len > SUBJECT_BYTES || bytes[0] != LAYOUT)
        return false;
    memcpy(s.bytes, bytes, len);
    s.len = (uint16_t)len;
    if (!next_part(&s, &at, &kind, &text, &part))
        return false;
    s.kind = kind;
    if (at < len) {
        if (!next_part(&s, &at, &kind2, &text, &part))
            return false;
        s.kind = SUBJECT_PAIR;
    }
    if (at != len)
        return false;
    *out = s;
    return true;
}

/* Append TEXT escaped; BUF has room for what fits, the rest is "...". */
static size_t
escape(const uint8_t *text, size_t len, char *buf, size_t at, size_t room)
{
    for (size_t i = 0; i < len; i++) {
        bool plain = text[i] >= ' ' && text[i] <= '~' && text[i] != '\\';

        if (at + 4 + 3 >= room) {
            memcpy(buf + at, "...", 3);
            return at + 3;
        }
        if (plain)
            buf[at++] = (char)text[i];
        else
            at += (size_t)snprintf(buf + at, 5, "\\x%02X", text[i]);
    }
    return at;
}

char *
subject_print(const struct subject *subject, char buf[SUBJECT_TEXT])
{
    enum subject_kind kind[2];
    const uint8_t *text[2];
    size_t len[2], at = 1, n = 0;
    size_t out = 0;

    while (n < 2 && next_part(subject, &at, &kind[n], &text[n], &len[n]))
        n++;
    for (size_t i = 0; i < n; i++)
        out += (size_t)snprintf(buf + out, SUBJECT_TEXT - out, "%s%s",
                                i > 0 ? "+" : "", names[kind[i]]);
    for (size_t i = 0; i < n; i++) {
        buf[out++] = i > 0 ? '+' : ':';
        out = escape(text[i], len[i], buf, out, SUBJECT_TEXT - 8);
    }
    buf[out] = '\0';
    return buf;
}

enum ms_err
subject_parse(const char *text, struct subject *out, struct why *why)
{
    const char *colon = strchr(text, ':');

    for (int kind = 0; colon != NULL && kind < SUBJECT_PAIR; kind++) {
        size_t len = (size_t)(colon - text);

        if (strlen(names[kind]) == len && memcmp(names[kind], text, len) == 0) {
            if (subject_make((enum subject_kind)kind, colon + 1, out))
                return MS_OK;
            return why_set(why, MS_INVALID, "the name is too long");
        }
    }
    return why_set(why, MS_INVALID,
                   "`%.60s' does not begin with client:, prefix:, user:, "
                   "sender:, domain: or network:",
                   text);
}
