/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_diff.c - what a reload does to counts, standings, look-ups. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "policy/config_build.h"
#include "policy/zombie.h"

enum { SPANS_MAX = 64 }; /* of one limit; more are not told of */

struct spans {
    size_t n;
    uint32_t span_s[SPANS_MAX];
};

struct teller {
    void (*line)(void *arg, const char *text);
    void *arg;
};

static void
tell_of(const struct teller *teller, const char *kind, const char *name,
        const char *what)
{
    char text[192];

    snprintf(text, sizeof text, "%s %s: %s", kind, name, what);
    teller->line(teller->arg, text);
}

static void
tell(const struct teller *teller, const struct limit *limit, const char *what)
{
    tell_of(teller, "limit", limit->name, what);
}

static bool
has_span(const struct spans *spans, uint32_t span_s)
{
    size_t i;

    for (i = 0; i < spans->n; i++)
        if (spans->span_s[i] == span_s)
            return true;
    return false;
}

static void
add_span(struct spans *spans, uint32_t span_s)
{
    if (span_s != 0 && spans->n < SPANS_MAX && !has_span(spans, span_s))
        spans->span_s[spans->n++] = span_s;
}

static void
add_rates(struct spans *spans, const struct rates *rates)
{
    size_t i;

    for (i = 0; i < rates->n; i++)
        add_span(spans, rates->rate[i].span_s);
}

/* All windows that LIMIT can have, those of newcomers and of its table
 * included. */
static void
find_spans(const struct limit *limit, struct spans *spans)
{
    const enum rate_unit unit =
        limit->count == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS;
    struct table_entry entry;
    struct rates rates;
    size_t i;

    spans->n = 0;
    add_rates(spans, &limit->rates);
    for (i = 0; i < limit->n_warmups; i++)
        add_span(spans, limit->warmup[i].rate.span_s);
    for (i = 0; limit->rates_table != NULL &&
                table_entry(limit->rates_table, i, &entry);
         i++)
        if (rates_parse(entry.value, unit, &rates, NULL) == MS_OK)
            add_rates(spans, &rates);
}

/* Tell of LIMIT's spans that OTHER has not: they are WHAT. */
static void
tell_spans(const struct teller *teller, const struct limit *limit,
           const struct spans *spans, const struct spans *other,
           const char *what)
{
    char span[RATE_TEXT], text[120];
    size_t i;

    for (i = 0; i < spans->n; i++) {
        if (has_span(other, spans->span_s[i]))
            continue;
        snprintf(text, sizeof text, "the span %s %s",
                 span_print(spans->span_s[i], span), what);
        tell(teller, limit, text);
    }
}

static void
compare(const struct teller *teller, const struct limit *old,
        const struct limit *new)
{
    struct spans before, after;

    if (old->id != new->id) {
        tell(teller, new,
             !config_limit_same_key(old, new)
                 ? "another key; its counts start empty"
             : old->count != new->count
                 ? "counts something else; it starts empty"
                 : "another scope; its counts start empty");
        return;
    }
    find_spans(old, &before);
    find_spans(new, &after);
    tell_spans(teller, new, &after, &before, "is new; its count starts empty");
    tell_spans(teller, new, &before, &after, "is gone; its count is dropped");
}

/* Limit I, the one that passes behind the others; NULL behind that. */
static const struct limit *
nth(const struct config *config, size_t i)
{
    if (i < config->n_limits)
        return config->limits[i];
    return i == config->n_limits ? config->postmaster : NULL;
}

static const struct limit *
find(const struct config *config, const char *name)
{
    const struct limit *limit;
    size_t i;

    for (i = 0; (limit = nth(config, i)) != NULL; i++)
        if (strcmp(limit->name, name) == 0)
            return limit;
    return NULL;
}

/* ----- rules about zombies */

static const struct zombie *
find_zombie(const struct config *config, const char *name)
{
    size_t i;

    for (i = 0; i < config->n_zombies; i++)
        if (strcmp(config->zombies[i]->name, name) == 0)
            return config->zombies[i];
    return NULL;
}

/* What becomes of the standings under a rule that was OLD (NULL: none) and is
 * NEW; NULL: nothing. */
static const char *
zombie_change(const struct zombie *old, const struct zombie *new)
{
    if (old == NULL)
        return "is new; it knows nobody yet";
    if (!zombie_same_key(old, new))
        return "another key; it knows nobody yet";
    if (old->mode == new->mode)
        return NULL;
    return new->mode == MODE_ENFORCE
               ? "enforces from now on; who got a standing before is watched"
               : "only observes from now on; nobody is stopped by it";
}

static void
compare_zombies(const struct teller *teller, const struct config *old,
                const struct config *new)
{
    size_t i;

    for (i = 0; i < new->n_zombies; i++) {
        const struct zombie *zombie = new->zombies[i];
        const char *what =
            zombie_change(find_zombie(old, zombie->name), zombie);

        if (what != NULL)
            tell_of(teller, "zombie", zombie->name, what);
    }
    for (i = 0; i < old->n_zombies; i++)
        if (find_zombie(new, old->zombies[i]->name) == NULL)
            tell_of(teller, "zombie", old->zombies[i]->name,
                    "is gone; nobody is stopped by it");
}

/* ----- what is asked of the DNS */

static const struct dnsbl *
find_list(const struct config *config, const char *name)
{
    size_t i;

    for (i = 0; i < config->n_dnsbls; i++)
        if (strcmp(config->dnsbls[i]->name, name) == 0)
            return config->dnsbls[i];
    return NULL;
}

/* What changes for clients where a list was OLD (NULL: none) and is NEW; NULL:
 * nothing. */
static const char *
list_change(const struct dnsbl *old, const struct dnsbl *new)
{
    const bool acts = new->action >= LOOKUP_DEFER;

    if (old == NULL)
        return acts ? "is new; who is listed is refused or put off"
                    : "is new; who is listed is marked";
    if (strcmp(old->zone, new->zone) != 0)
        return "another zone is asked";
    if ((old->action >= LOOKUP_DEFER) == acts)
        return NULL;
    return acts ? "who is listed is refused or put off from now on"
                : "who is listed is only marked from now on";
}

static void
compare_lists(const struct teller *teller, const struct config *old,
              const struct config *new)
{
    size_t i;

    for (i = 0; i < new->n_dnsbls; i++) {
        const struct dnsbl *list = new->dnsbls[i];
        const char *what = list_change(find_list(old, list->name), list);

        if (what != NULL)
            tell_of(teller, "dnsbl", list->name, what);
    }
    for (i = 0; i < old->n_dnsbls; i++)
        if (find_list(new, old->dnsbls[i]->name) == NULL)
            tell_of(teller, "dnsbl", old->dnsbls[i]->name,
                    "is gone; it is not asked any more");
}

static void
compare_spf(const struct teller *teller, const struct config *old,
            const struct config *new)
{
    if (old->spf.written != new->spf.written)
        teller->line(teller->arg,
                     new->spf.written
                         ? "spf: strangers' senders are looked up from now on"
                         : "spf: senders are not looked up any more");
}

void
config_diff(const struct config *old, const struct config *new,
            void (*line)(void *arg, const char *text), void *arg)
{
    const struct teller teller = {line, arg};
    const struct limit *limit, *other;
    size_t i;

    for (i = 0; (limit = nth(new, i)) != NULL; i++) {
        other = find(old, limit->name);
        if (other == NULL)
            tell(&teller, limit, "is new; its counts start empty");
        else
            compare(&teller, other, limit);
    }
    for (i = 0; (limit = nth(old, i)) != NULL; i++)
        if (find(new, limit->name) == NULL)
            tell(&teller, limit, "is gone; its counts are dropped");
    compare_zombies(&teller, old, new);
    compare_spf(&teller, old, new);
    compare_lists(&teller, old, new);
}
