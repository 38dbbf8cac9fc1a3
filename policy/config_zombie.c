/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_zombie.c - what rules about zombies alone have, what they must
 * be together, and what follows: a rule's identity.
 */
#include <config.h>

#include "policy/zombie.h"

#include <stdio.h>
#include <string.h>

#include "policy/config_build.h"
#include "policy/guess.h"
#include "policy/rate.h"

enum { LIFT_LEAST_S = 60, LIFT_MOST_S = 366 * 86400 };

/* ----- options */

/* Term I as a time after which a quarantine ends, longer than BEFORE; 0 for
 * never, behind which nothing can stand. */
static bool
read_lift(const struct reading *r, size_t i, uint64_t before, uint64_t *out)
{
    const char *term = reading_term(r, i);
    uint64_t span_s;

    if (strcmp(term, "never") == 0) {
        if (i + 1 < r->setting->n_terms)
            reading_error(r, i + 1, "nothing can stand behind `never`");
        *out = 0;
        return true;
    }
    if (!span_parse(term, &span_s))
        reading_error(r, i, "`%s` is no span such as 1h or 1d, nor `never`",
                      term);
    else if (span_s < LIFT_LEAST_S || span_s > LIFT_MOST_S)
        reading_error(r, i, "`%s` is not from 1m to 366d", term);
    else if (span_s <= before)
        reading_error(r, i, "`%s` is not longer than what is before it", term);
    else
        *out = span_s;
    return false;
}

enum ms_err
config_zombie_lift(const struct reading *r)
{
    const size_t n = r->setting->n_terms;
    uint64_t lift_s[ZOMBIE_LIFTS] = {0};
    bool never = false;
    size_t i;

    for (i = 0; i < n && i < ZOMBIE_LIFTS && !never; i++)
        never = read_lift(r, i, i == 0 ? 0 : lift_s[i - 1], &lift_s[i]);
    if (!never && n > ZOMBIE_LIFTS)
        reading_error(r, ZOMBIE_LIFTS, "more than %d spans", ZOMBIE_LIFTS);
    memcpy(reading_at(r), lift_s, sizeof lift_s);
    memcpy(reading_count_at(r), &i, sizeof i);
    return MS_OK;
}

enum ms_err
config_zombie_class(const struct reading *r, const struct table_entry *entry,
                    struct why *why)
{
    const struct option_word *word = option_find(BLOCK_NETWORK, "class")->words;
    char hint[GUESS_TEXT];
    struct guess guess;

    (void)r;
    guess_start(&guess, entry->value);
    for (; word->word != NULL; word++) {
        if (strcmp(word->word, entry->value) == 0)
            return MS_OK;
        guess_try(&guess, word->word);
    }
    return why_set(why, MS_INVALID,
                   "`%.80s` is none of: person | office | server | gateway | "
                   "list%s",
                   entry->value, guess_print(&guess, hint));
}

/* ----- all options together */

/* Each standing is worse than the one before, and its score higher.  What is 0
 * was wrong itself. */
static void
check_above(const struct build *b, const struct config_block *block,
            const char *name, unsigned score, const char *below, unsigned lower)
{
    if (score != 0 && score <= lower)
        notes_error(b->notes, config_text_origin(block, name),
                    "%s: %u is not above `%s`, %u", name, score, below, lower);
}

void
config_zombie_check(const struct build *b, const struct config_block *block)
{
    const struct zombie *zombie = block->object;

    check_above(b, block, "throttle_at", zombie->throttle_at, "watch",
                zombie->watch);
    check_above(b, block, "quarantine_at", zombie->quarantine_at, "throttle_at",
                zombie->throttle_at);
    if (zombie->index == ZOMBIE_RULES)
        notes_error(b->notes, block->origin, "more than %d blocks `zombie`",
                    ZOMBIE_RULES);
}

void
config_zombie_identify(struct zombie *zombie)
{
    char key[LIMIT_KEY_TEXT], text[192];

    snprintf(text, sizeof text, "zombie.%s %s", zombie->name,
             config_limit_print_key(zombie->key, zombie->n_keys, key));
    zombie->id = config_limit_hash(text);
}
