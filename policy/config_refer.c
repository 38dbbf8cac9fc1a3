/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_refer.c - readers of options that name other blocks. */
#include <config.h>

#include <string.h>

#include "policy/config_build.h"
#include "policy/guess.h"

enum { ALL_KINDS = KIND_STRANGER | KIND_RELAY | KIND_LOGIN | KIND_LOCAL };

static const struct {
    const char *name;
    uint8_t kind;
} kinds[] = {{"strangers", KIND_STRANGER},
             {"relays", KIND_RELAY},
             {"logins", KIND_LOGIN}};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

uint8_t
config_refer_kind(const char *name)
{
    size_t i;

    for (i = 0; i < N_KINDS; i++)
        if (strcmp(name, kinds[i].name) == 0)
            return kinds[i].kind;
    return 0;
}

/*
 * The block of KIND that term I names behind SKIP letters; NULL with an error
 * if there is none.  A block that is off can be named: that is no mistake.
 */
static const struct config_block *
find_block(const struct reading *r, size_t i, size_t skip,
           enum option_block kind)
{
    const struct config_text *text = r->build->text;
    const char *name = reading_term(r, i) + skip;
    const struct config_block *block = config_text_find(text, kind, name);
    char hint[GUESS_TEXT];
    struct guess guess;
    size_t j;

    if (block != NULL)
        return block;
    guess_start(&guess, name);
    for (j = 0; j < text->n_blocks && !notes_full(r->build->notes); j++)
        if (text->blocks[j]->kind == kind)
            guess_try(&guess, text->blocks[j]->title);
    for (j = 0; j < N_KINDS && r->setting->option->type == OPTION_IN; j++)
        guess_try(&guess, kinds[j].name);
    reading_error(r, i, "there is no %s `%s`%s", option_block(kind)->name, name,
                  guess_print(&guess, hint));
    return NULL;
}

/* ----- in */

/* Add to SET, by networks with none in front, what term I names behind SKIP
 * letters. */
static void
add_place(const struct reading *r, size_t i, size_t skip, uint8_t *set)
{
    const uint8_t kind = config_refer_kind(reading_term(r, i) + skip);
    const struct config_block *block;
    size_t j;

    for (j = 0; kind != 0 && j <= r->build->config->n_networks; j++)
        set[j] |= kind;
    if (kind != 0)
        return;
    block = find_block(r, i, skip, BLOCK_NETWORK);
    if (block != NULL && block->object != NULL)
        set[1 + ((const struct network *)block->object)->index] = ALL_KINDS;
}

enum ms_err
config_refer_in(const struct reading *r)
{
    const size_t n = r->build->config->n_networks + 1;
    const bool yes = true;
    uint8_t *with = arena_get(r->build->arena, n);
    uint8_t *without = arena_get(r->build->arena, n);
    bool named = false;
    size_t i;

    if (with == NULL || without == NULL)
        return MS_NOMEM;
    for (i = 0; i < r->setting->n_terms; i++) {
        if (reading_term(r, i)[0] == '!') {
            add_place(r, i, 1, without);
            continue;
        }
        named = true;
        add_place(r, i, 0, with);
        if (strcmp(reading_term(r, i), "loopback") == 0)
            memcpy(reading_count_at(r), &yes, sizeof yes);
    }
    for (i = 0; i < n; i++)
        with[i] = (uint8_t)((named ? with[i] : ALL_KINDS) & ~without[i]);
    memcpy(reading_at(r), &with, sizeof with);
    return MS_OK;
}

/* ----- on */

enum ms_err
config_refer_on(const struct reading *r)
{
    uint64_t with = 0, without = 0, *set;
    const struct config_block *block;
    bool named = false;
    size_t i;

    for (i = 0; i < r->setting->n_terms; i++) {
        const bool negated = reading_term(r, i)[0] == '!';

        named = named || !negated;
        set = negated ? &without : &with;
        block = find_block(r, i, negated, BLOCK_LISTENER);
        if (block == NULL)
            continue;
        /* more listeners than bits are an error of their own */
        *set |= (uint64_t)1
                << (((const struct listener *)block->object)->index & 63);
    }
    with = (named ? with : UINT64_MAX) & ~without;
    memcpy(reading_at(r), &with, sizeof with);
    return MS_OK;
}

bool
config_refer_has_listener(const struct config *config, uint64_t on)
{
    const uint64_t all = config->n_listeners >= 64
                             ? UINT64_MAX
                             : ((uint64_t)1 << config->n_listeners) - 1;

    return (on & all) != 0;
}

/* ----- from, network, skip */

enum ms_err
config_refer_from(const struct reading *r)
{
    struct listener *listener = r->object;
    const struct config_block *block;
    size_t i;

    for (i = 0; i < r->setting->n_terms; i++) {
        block = find_block(r, i, 0, BLOCK_NETWORK);
        if (block != NULL && block->object != NULL)
            listener->from[((const struct network *)block->object)->index] = 1;
    }
    return MS_OK;
}

enum ms_err
config_refer_networks(const struct reading *r)
{
    const size_t n = r->setting->n_terms;
    const char **list = arena_array(r->build->arena, n, sizeof *list);
    const struct config_block *block;
    size_t i, good = 0;

    if (list == NULL)
        return MS_NOMEM;
    for (i = 0; i < n; i++) {
        block = find_block(r, i, 0, BLOCK_NETWORK);
        if (block != NULL)
            list[good++] = block->title;
    }
    memcpy(reading_at(r), &list, sizeof list);
    memcpy(reading_count_at(r), &good, sizeof good);
    return MS_OK;
}

/* What can be skipped: all of a kind, or one by its name (PREFIX; NULL: it has
 * none). */
static const struct {
    const char *all, *prefix;
    enum option_block kind;
} skips[] = {{"limits", "limit.", BLOCK_LIMIT},
             {"zombies", "zombie.", BLOCK_ZOMBIE},
             {"spf", NULL, BLOCK_SPF},
             {"dnsbl", "dnsbl.", BLOCK_DNSBL}};

enum { SKIPS = sizeof skips / sizeof *skips };

/* Skip all of KIND. */
static void
skip_all(struct exempt *exempt, enum option_block kind)
{
    if (kind == BLOCK_ZOMBIE)
        exempt->skip_zombies = true;
    else if (kind == BLOCK_SPF)
        exempt->skip_spf = true;
    else if (kind == BLOCK_DNSBL)
        exempt->skip_dnsbls = true;
    else
        exempt->skip_all = true;
}

/* Skip the one that BLOCK is about. */
static void
skip_one(struct exempt *exempt, const struct config_block *block)
{
    if (block->kind == BLOCK_ZOMBIE)
        exempt->skip_zombie[((const struct zombie *)block->object)->index] = 1;
    else if (block->kind == BLOCK_DNSBL)
        exempt->skip_dnsbl[((const struct dnsbl *)block->object)->index] = 1;
    else
        exempt->skip[((const struct limit *)block->object)->index] = 1;
}

/* Term I names one rule of kind number J. */
static void
read_skip_name(const struct reading *r, size_t i, size_t j)
{
    const struct config_block *block =
        find_block(r, i, strlen(skips[j].prefix), skips[j].kind);

    if (block == NULL || block->object == NULL)
        return;
    if (block->object == r->build->config->postmaster)
        reading_error(r, i,
                      "limit.postmaster refuses nothing; there is "
                      "nothing to skip");
    else
        skip_one(r->object, block);
}

static void
read_skip_term(const struct reading *r, size_t i)
{
    const char *term = reading_term(r, i), *prefix;
    char hint[GUESS_TEXT];
    struct guess guess;
    size_t j;

    guess_start(&guess, term);
    for (j = 0; j < SKIPS; j++) {
        prefix = skips[j].prefix;
        if (strcmp(term, skips[j].all) == 0) {
            skip_all(r->object, skips[j].kind);
            return;
        }
        if (prefix != NULL && strncmp(term, prefix, strlen(prefix)) == 0) {
            read_skip_name(r, i, j);
            return;
        }
        guess_try(&guess, skips[j].all);
    }
    reading_error(r, i,
                  "`%s` is none of: limits | limit.NAME | zombies | "
                  "zombie.NAME | spf | dnsbl | dnsbl.NAME%s",
                  term, guess_print(&guess, hint));
}

enum ms_err
config_refer_skip(const struct reading *r)
{
    size_t i;

    for (i = 0; i < r->setting->n_terms; i++)
        read_skip_term(r, i);
    return MS_OK;
}
