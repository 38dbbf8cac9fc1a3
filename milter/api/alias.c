/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/alias.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum { LETTERS = 8, SUM = 16 };

_Static_assert((unsigned)SUM >= crypto_generichash_BYTES_MIN &&
                   (unsigned)ALIAS_KEY <= crypto_generichash_KEYBYTES_MAX,
               "BLAKE2b takes these lengths");

struct alias {
    uint8_t key[ALIAS_KEY];
};

enum ms_err
alias_create(const uint8_t key[ALIAS_KEY], struct alias **out)
{
    struct alias *alias = malloc(sizeof(*alias));

    if (alias == NULL)
        return MS_NOMEM;
    memcpy(alias->key, key, sizeof(alias->key));
    *out = alias;
    return MS_OK;
}

void
alias_destroy(struct alias *alias)
{
    if (alias != NULL)
        sodium_memzero(alias, sizeof(*alias));
    free(alias);
}

/* Crockford's: nothing in it is taken for something else. */
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

char *
alias_of(const struct alias *alias, const char *text, char out[ALIAS_TEXT])
{
    uint8_t sum[SUM];
    uint64_t bits = 0;

    (void)crypto_generichash(sum, sizeof(sum), (const uint8_t *)text,
                             strlen(text), alias->key, sizeof(alias->key));
    for (unsigned i = 0; i < LETTERS * 5 / 8; i++)
        bits = bits << 8 | sum[i];
    out[0] = '~';
    for (unsigned i = LETTERS; i > 0; i--, bits >>= 5)
        out[i] = letters[bits & 31];
    out[1 + LETTERS] = '\0';
    return out;
}

/* ----- what is in an answer */

/* How many of the LEN bytes at TEXT are "user" or "user+sender"; 0: they do
 * not begin with kinds of subjects, or these do not end with END. */
static size_t
kinds_at(const char *text, char end)
{
    size_t len = 0;

    for (int parts = 0; parts < 2; parts++) {
        size_t word = strcspn(text + len, "+:");
        bool known = false;

        for (int kind = 0; kind < SUBJECT_KINDS; kind++) {
            const char *name = subject_kind_name((enum subject_kind)kind);

            known = known || (strlen(name) == word &&
                              memcmp(name, text + len, word) == 0);
        }
        if (!known)
            return 0;
        len += word;
        if (text[len] == end)
            return len;
        if (text[len] != '+')
            return 0;
        len++;
    }
    return 0;
}

/* What becomes of a string. */
enum fate {
    FATE_STAYS,
    FATE_NAME,    /* a name: its pseudonym */
    FATE_SUBJECT, /* "user:ann": the kind, and a pseudonym */
    FATE_ID,      /* a subject, or no name at all: a queue id, say */
    FATE_GOES     /* words that anybody may be named in */
};

static bool
has(const json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL;
}

static bool
is_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0)
        words++;
    return *words != NULL;
}

static enum fate
fate_of_key(const json_t *object, const char *text)
{
    if (!has(object, "kind") && kinds_at(text, '\0') > 0)
        return FATE_STAYS; /* what a limit counts */
    return FATE_NAME;
}

/* Where a rate comes from, or who has done something? */
static enum fate
fate_of_by(const json_t *object, const char *text)
{
    static const char *const sources[] = {"configuration", "table", "raised",
                                          NULL};

    (void)object;
    return is_one_of(text, sources) ? FATE_STAYS : FATE_NAME;
}

/* Who was asked for a list of subjects, how somebody stood, or who has sent? */
static enum fate
fate_of_from(const json_t *object, const char *text)
{
    (void)text;
    return has(object, "subjects") || has(object, "cause") ? FATE_STAYS
                                                           : FATE_NAME;
}

/* How somebody stands now, or who got it? */
static enum fate
fate_of_to(const json_t *object, const char *text)
{
    (void)text;
    return has(object, "cause") ? FATE_STAYS : FATE_NAME;
}

/* What of our own has failed, or what a mail server has said of a letter? */
static enum fate
fate_of_error(const json_t *object, const char *text)
{
    (void)text;
    return has(object, "tries") ? FATE_GOES : FATE_STAYS;
}

/* That of a rate, of our own health, and of evidence, names nobody. */
static enum fate
fate_of_text(const json_t *object, const char *text)
{
    (void)text;
    return has(object, "span_s") || has(object, "state") ||
                   has(object, "decibels")
               ? FATE_STAYS
               : FATE_GOES;
}

static const struct {
    const char *key;
    enum fate fate;
    enum fate (*look)(const json_t *object, const char *text); /* or NULL */
} fates[] = {
    {"id", FATE_ID, NULL},
    {"also", FATE_ID, NULL},
    {"subject", FATE_SUBJECT, NULL},
    {"key", FATE_NAME, fate_of_key},
    {"user", FATE_NAME, NULL},
    {"client", FATE_NAME, NULL},
    {"client_name", FATE_NAME, NULL},
    {"from", FATE_NAME, fate_of_from},
    {"to", FATE_NAME, fate_of_to},
    {"error", FATE_STAYS, fate_of_error},
    {"by", FATE_NAME, fate_of_by},
    {"detail", FATE_NAME, NULL},
    {"note", FATE_GOES, NULL},
    {"text", FATE_GOES, fate_of_text},
};

static enum fate
fate_of(const json_t *object, const char *key, const char *text)
{
    for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
        if (strcmp(fates[i].key, key) == 0)
            return fates[i].look != NULL ? fates[i].look(object, text)
                                         : fates[i].fate;
    }
    return FATE_STAYS;
}

/* ----- changing it */

/* Has TEXT been made here? */
static bool
is_alias(const char *text)
{
    return text[0] == '~' && strlen(text) == 1 + LETTERS &&
           strspn(text + 1, letters) == LETTERS;
}

/* Make of "user:ann" "user:~K7Q2M9XD". */
static enum ms_err
hide_behind(const struct alias *alias, json_t *string, size_t kinds)
{
    const char *text = json_string_value(string);
    char name[ALIAS_TEXT], *hidden;
    enum ms_err err = MS_NOMEM;

    if (is_alias(text + kinds))
        return MS_OK; /* a string that stands in two places */
    hidden = malloc(kinds + ALIAS_TEXT);
    if (hidden != NULL) {
        memcpy(hidden, text, kinds);
        memcpy(hidden + kinds, alias_of(alias, text + kinds, name),
               sizeof(name));
        if (json_string_set(string, hidden) == 0)
            err = MS_OK;
    }
    free(hidden);
    return err;
}

static enum ms_err
hide(const struct alias *alias, json_t *string, enum fate fate)
{
    const char *text = json_string_value(string);
    size_t kinds = kinds_at(text, ':');

    if (*text == '\0')
        return MS_OK; /* nobody, or the empty sender */
    switch (fate) {
    case FATE_STAYS:
        return MS_OK;
    case FATE_NAME:
        return hide_behind(alias, string, 0);
    case FATE_SUBJECT:
        return hide_behind(alias, string, kinds > 0 ? kinds + 1 : 0);
    case FATE_ID:
        return kinds > 0 ? hide_behind(alias, string, kinds + 1) : MS_OK;
    case FATE_GOES:
        break;
    }
    return json_string_set(string, "") == 0 ? MS_OK : MS_NOMEM;
}

static enum ms_err hide_below(const struct alias *alias, const json_t *object,
                              const char *key, json_t *value);

static enum ms_err
hide_object(const struct alias *alias, json_t *object)
{
    enum ms_err err = MS_OK;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (err == MS_OK)
            err = hide_below(alias, object, key, value);
    }
    return err;
}

/* VALUE stands under KEY of OBJECT, perhaps in an array. */
static enum ms_err
hide_below(const struct alias *alias, const json_t *object, const char *key,
           json_t *value)
{
    enum ms_err err = MS_OK;
    json_t *one;
    size_t i;

    if (json_is_string(value))
        return hide(alias, value,
                    fate_of(object, key, json_string_value(value)));
    if (json_is_object(value))
        return hide_object(alias, value);
    json_array_foreach(value, i, one)
    {
        if (err == MS_OK)
            err = hide_below(alias, object, key, one);
    }
    return err;
}

enum ms_err
alias_json(const struct alias *alias, json_t *json)
{
    return hide_below(alias, NULL, "", json);
}
