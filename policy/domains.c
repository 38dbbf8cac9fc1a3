/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/domains.c - a set of domain names. */
#include <config.h>

#include "policy/domains.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/address.h"
#include "policy/arena.h"
#include "policy/names.h"

enum { NAME_ALONE, NAME_AND_BELOW };

struct domains {
    struct arena *arena;
    struct names *names;
};

enum ms_err
domains_create(struct domains **out)
{
    struct domains *set = calloc(1, sizeof *set);

    if (set == NULL)
        return MS_NOMEM;
    if (arena_create(&set->arena) != MS_OK ||
        names_create(&set->names) != MS_OK) {
        domains_destroy(set);
        return MS_NOMEM;
    }
    *out = set;
    return MS_OK;
}

void
domains_destroy(struct domains *set)
{
    if (set == NULL)
        return;
    names_destroy(set->names);
    arena_destroy(set->arena);
    free(set);
}

enum ms_err
domains_add(struct domains *set, const char *name, bool subdomains)
{
    char text[ADDRESS_DOMAIN_MAX + 1];
    uint32_t had, *slot;
    char *copy;

    if (name[0] == '.') {
        subdomains = true;
        name++;
    }
    if (!address_domain(name, text))
        return MS_INVALID;
    if (names_get(set->names, text, &had) &&
        (had == NAME_AND_BELOW || !subdomains))
        return MS_OK;
    copy = arena_dup(set->arena, text, strlen(text));
    if (copy == NULL ||
        names_add(set->names, copy, NAME_ALONE, NULL, &slot) != MS_OK)
        return MS_NOMEM;
    if (subdomains)
        *slot = NAME_AND_BELOW;
    return MS_OK;
}

bool
domains_has(const struct domains *set, const char *domain)
{
    const char *parent = domain;
    uint32_t how;

    if (names_get(set->names, domain, &how))
        return true;
    while ((parent = strchr(parent, '.')) != NULL) {
        parent++;
        if (names_get(set->names, parent, &how) && how == NAME_AND_BELOW)
            return true;
    }
    return false;
}

size_t
domains_count(const struct domains *set)
{
    return names_count(set->names);
}
