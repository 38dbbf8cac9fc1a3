/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/replay/strings.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum { FIRST = 1024 };

struct strings {
    char *block; /* the texts, one behind the other, each with its NUL */
    size_t used, room;
    size_t *at; /* of each number, in BLOCK */
    uint32_t n, n_room;
    uint32_t *slot;   /* number + 1; 0: free */
    uint32_t n_slots; /* a power of two */
    uint8_t key[crypto_shorthash_KEYBYTES];
};

/* Keyed, for whoever writes mail chooses the addresses in a log. */
static uint64_t
hash(const struct strings *s, const char *text)
{
    uint64_t h;

    (void)crypto_shorthash((uint8_t *)&h, (const uint8_t *)text, strlen(text),
                           s->key);
    return h;
}

static uint32_t *
find(const struct strings *s, const char *text)
{
    uint32_t i = (uint32_t)hash(s, text) & (s->n_slots - 1);

    while (s->slot[i] != 0 &&
           strcmp(s->block + s->at[s->slot[i] - 1], text) != 0)
        i = (i + 1) & (s->n_slots - 1);
    return &s->slot[i];
}

static enum ms_err
grow_slots(struct strings *s)
{
    uint32_t n_slots = s->n_slots == 0 ? 2 * FIRST : 2 * s->n_slots;
    uint32_t *slot =
        n_slots > s->n_slots ? calloc(n_slots, sizeof(*slot)) : NULL;

    if (slot == NULL)
        return MS_NOMEM;
    free(s->slot);
    s->slot = slot;
    s->n_slots = n_slots;
    for (uint32_t i = 0; i < s->n; i++)
        *find(s, s->block + s->at[i]) = i + 1;
    return MS_OK;
}

static enum ms_err
grow(void **block, size_t *room, size_t wanted, size_t size)
{
    size_t more = *room == 0 ? FIRST : *room;
    void *to;

    while (more < wanted)
        more *= 2;
    to = reallocarray(*block, more, size);
    if (to == NULL)
        return MS_NOMEM;
    *block = to;
    *room = more;
    return MS_OK;
}

static enum ms_err
add(struct strings *s, const char *text)
{
    size_t size = strlen(text) + 1, n_room = s->n_room;
    void *block = s->block, *at = s->at;
    enum ms_err err = MS_OK;

    if (s->used + size > s->room)
        err = grow(&block, &s->room, s->used + size, 1);
    s->block = block;
    if (err == MS_OK && s->n == s->n_room)
        err = s->n < UINT32_MAX / 2
                  ? grow(&at, &n_room, (size_t)s->n + 1, sizeof(*s->at))
                  : MS_NOMEM;
    s->at = at;
    s->n_room = (uint32_t)n_room;
    if (err != MS_OK)
        return err;
    memcpy(s->block + s->used, text, size);
    s->at[s->n++] = s->used;
    s->used += size;
    return MS_OK;
}

enum ms_err
strings_number(struct strings *s, const char *text, uint32_t *out)
{
    uint32_t *slot;
    enum ms_err err = MS_OK;

    if (2 * (uint64_t)s->n >= s->n_slots)
        err = grow_slots(s);
    if (err != MS_OK)
        return err;
    slot = find(s, text);
    if (*slot == 0) {
        err = add(s, text);
        if (err != MS_OK)
            return err;
        *slot = s->n;
    }
    *out = *slot - 1;
    return MS_OK;
}

const char *
strings_text(const struct strings *s, uint32_t number)
{
    return s->block + s->at[number];
}

uint32_t
strings_count(const struct strings *s)
{
    return s->n;
}

enum ms_err
strings_create(struct strings **out)
{
    struct strings *s = calloc(1, sizeof(*s));
    uint32_t none;

    if (s == NULL)
        return MS_NOMEM;
    crypto_shorthash_keygen(s->key);
    if (strings_number(s, "", &none) != MS_OK) {
        strings_destroy(s);
        return MS_NOMEM;
    }
    *out = s;
    return MS_OK;
}

void
strings_destroy(struct strings *s)
{
    if (s == NULL)
        return;
    free(s->block);
    free(s->at);
    free(s->slot);
    free(s);
}
