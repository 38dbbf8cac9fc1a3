/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/form.h"

#include <stdlib.h>
#include <string.h>

#include "milter/line.h"
#include "milter/stamp.h"
#include "policy/prefix.h"

bool
form_put(json_t *json, const char *key, json_t *value)
{
    return json_object_set_new(json, key, value) == 0;
}

static bool
is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

json_t *
form_text(const char *text)
{
    char plain[LINE_BYTES];
    json_t *json = json_string(text);

    if (json != NULL || is_ascii(text)) /* then there is no memory */
        return json;
    return json_string(
        line_print(LINE_KIND_TEXT, text, strlen(text), plain, sizeof(plain)));
}

json_t *
form_text_or_null(const char *text)
{
    return text[0] != '\0' ? form_text(text) : json_null();
}

json_t *
form_time(int64_t s)
{
    char text[STAMP_TEXT];

    return stamp_print(s, text) != NULL ? json_string(text) : json_null();
}

json_t *
form_time_or_null(int64_t s)
{
    return s != 0 ? form_time(s) : json_null();
}

json_t *
form_number_or_null(uint64_t n)
{
    return n != 0 ? json_integer((json_int_t)n) : json_null();
}

json_t *
form_tenths(uint32_t tenths)
{
    return json_real((double)tenths / 10);
}

/* Where memory is short json_dumps() may leave a key out and say nothing; into
 * a buffer that is large enough it does not. */
char *
form_dump(json_t *json)
{
    size_t len = json != NULL ? json_dumpb(json, NULL, 0, JSON_COMPACT) : 0;
    char *text = len > 0 ? malloc(len + 1) : NULL;

    if (text != NULL && json_dumpb(json, text, len, JSON_COMPACT) != len) {
        free(text);
        text = NULL;
    }
    if (text != NULL)
        text[len] = '\0';
    json_decref(json);
    return text;
}

bool
form_read_text(const json_t *json, const char *key, char *out, size_t size)
{
    const json_t *value = json_object_get(json, key);
    size_t len;

    out[0] = '\0';
    if (value == NULL || json_is_null(value))
        return true;
    len = json_string_length(value);
    if (!json_is_string(value) || len >= size ||
        strlen(json_string_value(value)) != len)
        return false;
    memcpy(out, json_string_value(value), len + 1);
    return true;
}

bool
form_read_time(const json_t *json, const char *key, int64_t none,
               int64_t *out_s)
{
    const json_t *value = json_object_get(json, key);

    *out_s = none;
    if (value == NULL || json_is_null(value))
        return true;
    return json_is_string(value) && stamp_read(json_string_value(value), out_s);
}

bool
form_read_number(const json_t *json, const char *key, uint64_t most,
                 uint64_t *out)
{
    const json_t *value = json_object_get(json, key);
    json_int_t n = json_integer_value(value);

    *out = 0;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_integer(value) || n < 0 || (uint64_t)n > most)
        return false;
    *out = (uint64_t)n;
    return true;
}

bool
form_read_bool(const json_t *json, const char *key, bool *out)
{
    const json_t *value = json_object_get(json, key);

    *out = json_is_true(value);
    return value == NULL || json_is_boolean(value);
}

/* ----- a subject as text, and back */

static int
hex(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* LEN bytes of TEXT without the \xHH of subject_print().  False: too long, or
 * not of that form. */
static bool
unescape(const char *text, size_t len, char out[SUBJECT_PART_MAX + 1])
{
    const char *end = text + len;
    size_t n = 0;

    for (; text < end && n < SUBJECT_PART_MAX; n++) {
        if (*text != '\\') {
            out[n] = *text++;
            continue;
        }
        if (end - text < 4 || text[1] != 'x' || hex(text[2]) < 0 ||
            hex(text[3]) < 0 || (text[2] == '0' && text[3] == '0'))
            return false;
        out[n] = (char)(hex(text[2]) << 4 | hex(text[3]));
        text += 4;
    }
    out[n] = '\0';
    return text == end;
}

/* The kind that LEN bytes of NAME call; SUBJECT_KINDS: none of one part. */
static enum subject_kind
kind_of(const char *name, size_t len)
{
    int kind;

    for (kind = SUBJECT_CLIENT; kind < SUBJECT_PAIR; kind++) {
        const char *known = subject_kind_name((enum subject_kind)kind);

        if (strlen(known) == len && memcmp(known, name, len) == 0)
            return (enum subject_kind)kind;
    }
    return SUBJECT_KINDS;
}

/* A pair that is read from TEXT. */
struct pair_text {
    const char *text, *parts; /* all of it; from behind the colon on */
    enum subject_kind kind1, kind2;
};

/* Can TEXT be what KIND says?  Of names hardly anything is known. */
static bool
is_part(enum subject_kind kind, const char *text)
{
    struct prefix prefix;

    return (kind != SUBJECT_CLIENT && kind != SUBJECT_PREFIX) ||
           prefix_parse(text, &prefix, NULL) == MS_OK;
}

/* The pair whose second part begins behind PLUS, if both can be what they are
 * called, and it is printed so again. */
static bool
read_pair_at(const struct pair_text *p, const char *plus, struct subject *out)
{
    char one[SUBJECT_PART_MAX + 1], two[SUBJECT_PART_MAX + 1];
    char again[SUBJECT_TEXT];
    struct subject pair;

    if (plus == NULL || !unescape(p->parts, (size_t)(plus - p->parts), one) ||
        !unescape(plus + 1, strlen(plus + 1), two) || !is_part(p->kind1, one) ||
        !is_part(p->kind2, two) ||
        !subject_make_pair(p->kind1, one, p->kind2, two, &pair) ||
        strcmp(subject_print(&pair, again), p->text) != 0)
        return false;
    *out = pair;
    return true;
}

/* Names may have a "+" themselves: an address before its "@", so the first
 * behind that is tried before all others. */
static bool
read_pair(const struct pair_text *p, struct subject *out)
{
    const char *at = strchr(p->parts, '@');
    const char *plus = at != NULL ? strchr(at, '+') : NULL;

    if (p->kind1 == SUBJECT_KINDS || p->kind2 == SUBJECT_KINDS)
        return false;
    if (read_pair_at(p, plus, out))
        return true;
    for (plus = strchr(p->parts, '+'); plus != NULL;
         plus = strchr(plus + 1, '+'))
        if (read_pair_at(p, plus, out))
            return true;
    return false;
}

bool
form_read_subject(const char *text, struct subject *out)
{
    const char *colon = strchr(text, ':');
    const char *plus = strchr(text, '+');
    char one[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;

    if (colon == NULL)
        return false;
    if (plus != NULL && plus < colon) {
        const struct pair_text pair = {
            text, colon + 1, kind_of(text, (size_t)(plus - text)),
            kind_of(plus + 1, (size_t)(colon - plus - 1))};

        return read_pair(&pair, out);
    }
    kind = kind_of(text, (size_t)(colon - text));
    return kind != SUBJECT_KINDS &&
           unescape(colon + 1, strlen(colon + 1), one) &&
           subject_make(kind, one, out);
}
