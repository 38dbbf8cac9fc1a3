/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/names.c - strings to numbers: open addressing, at most half full. */
#include <config.h>

#include "policy/names.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 16 };

struct slot {
    const char *name; /* NULL: free */
    uint32_t hash;
    uint32_t value;
};

struct names {
    struct slot *slots;
    size_t n_slots; /* a power of two */
    size_t n;
};

/* FNV-1a, folded: what is stored is the operator's, not a client's. */
static uint32_t
hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return (uint32_t)(hash ^ hash >> 32);
}

enum ms_err
names_create(struct names **out)
{
    struct names *names = calloc(1, sizeof *names);

    if (names == NULL)
        return MS_NOMEM;
    names->slots = calloc(SLOTS_FIRST, sizeof *names->slots);
    if (names->slots == NULL) {
        free(names);
        return MS_NOMEM;
    }
    names->n_slots = SLOTS_FIRST;
    *out = names;
    return MS_OK;
}

void
names_destroy(struct names *names)
{
    if (names == NULL)
        return;
    free(names->slots);
    free(names);
}

/* NAME's slot, or the free one where it belongs. */
static struct slot *
find(const struct names *names, const char *name, uint32_t hash)
{
    size_t i = hash & (names->n_slots - 1);

    while (names->slots[i].name != NULL &&
           (names->slots[i].hash != hash ||
            strcmp(names->slots[i].name, name) != 0))
        i = (i + 1) & (names->n_slots - 1);
    return &names->slots[i];
}

static enum ms_err
grow(struct names *names)
{
    struct names bigger = {NULL, names->n_slots * 2, names->n};
    size_t i;

    bigger.slots = calloc(bigger.n_slots, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return MS_NOMEM;
    for (i = 0; i < names->n_slots; i++) {
        const struct slot *old = &names->slots[i];

        if (old->name != NULL)
            *find(&bigger, old->name, old->hash) = *old;
    }
    free(names->slots);
    *names = bigger;
    return MS_OK;
}

enum ms_err
names_add(struct names *names, const char *name, uint32_t value, bool *known,
          uint32_t **slot)
{
    uint32_t hash = hash_of(name);
    struct slot *s;
    bool was_there;

    if (names->n >= names->n_slots / 2 && grow(names) != MS_OK)
        return MS_NOMEM;
    s = find(names, name, hash);
    was_there = s->name != NULL;
    if (!was_there) {
        *s = (struct slot){name, hash, value};
        names->n++;
    }
    if (known != NULL)
        *known = was_there;
    if (slot != NULL)
        *slot = &s->value;
    return MS_OK;
}

bool
names_get(const struct names *names, const char *name, uint32_t *value)
{
    const struct slot *s = find(names, name, hash_of(name));

    if (s->name == NULL)
        return false;
    *value = s->value;
    return true;
}

size_t
names_count(const struct names *names)
{
    return names->n;
}
