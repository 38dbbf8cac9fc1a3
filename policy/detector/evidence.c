/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/evidence.c - evidence in words.
 */
#include <config.h>

#include "policy/detector/evidence.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const families[FAMILIES] = {
    [FAMILY_BULK] = "bulk",           [FAMILY_CONTENT] = "content",
    [FAMILY_RECEPTION] = "reception", [FAMILY_SPREAD] = "spread",
    [FAMILY_IDENTITY] = "identity",
};

static const char *const causes[CAUSES] = {
    [CAUSE_NONE] = "none",         [CAUSE_EVIDENCE] = "evidence",
    [CAUSE_TIME] = "time",         [CAUSE_OPERATOR] = "operator",
    [CAUSE_CUSTOMER] = "customer", [CAUSE_BREAKER] = "breaker",
    [CAUSE_FREEZE] = "freeze",     [CAUSE_ENFORCE] = "enforce",
    [CAUSE_LEASE] = "lease",       [CAUSE_LADDER] = "ladder",
};

/* In the order of the enum, with how bad each is. */
static const struct {
    const char *name;
    unsigned rank;
} standings[] = {
    [STANDING_NORMAL] = {"normal", 0},
    [STANDING_WATCHED] = {"watched", 2},
    [STANDING_THROTTLED] = {"throttled", 3},
    [STANDING_QUARANTINED] = {"quarantined", 4},
    [STANDING_PROBATION] = {"probation", 1},
};

const char *
family_name(enum family family)
{
    return families[family];
}

const char *
cause_name(enum evidence_cause cause)
{
    return causes[cause];
}

bool
cause_of(const char *name, enum evidence_cause *out)
{
    for (unsigned i = 0; i < CAUSES; i++)
        if (strcmp(name, causes[i]) == 0) {
            *out = (enum evidence_cause)i;
            return true;
        }
    return false;
}

const char *
standing_name(enum standing standing)
{
    return standings[standing].name;
}

bool
standing_of(const char *name, enum standing *out)
{
    for (unsigned i = 0; i < sizeof(standings) / sizeof(standings[0]); i++)
        if (strcmp(name, standings[i].name) == 0) {
            *out = (enum standing)i;
            return true;
        }
    return false;
}

bool
standing_worse(enum standing a, enum standing b)
{
    return standings[a].rank > standings[b].rank;
}

uint32_t
evidence_score(const struct evidence *e)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < FAMILIES; i++)
        sum += e->tenths[i];
    return sum;
}

/* ----- words */

/* Text that grows in a buffer of SIZE, and ends in "..." if it does not fit. */
struct line {
    char *text;
    size_t size, len;
};

static void say(struct line *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct line *l, const char *format, ...)
{
    va_list args;
    int n;

    if (l->len >= l->size)
        return;
    va_start(args, format);
    n = vsnprintf(l->text + l->len, l->size - l->len, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < l->size - l->len) {
        l->len += (size_t)n;
        return;
    }
    for (size_t i = l->size > 4 ? l->size - 4 : 0; i + 1 < l->size; i++)
        l->text[i] = '.';
    l->text[l->size - 1] = '\0';
    l->len = l->size;
}

static const char *
plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

/* Is A of USUAL_A more out of the usual than B of USUAL_B? */
static bool
outdoes(uint32_t a, uint32_t usual_a, uint32_t b, uint32_t usual_b)
{
    return (uint64_t)a * usual_b > (uint64_t)b * usual_a;
}

static void
say_bulk(struct line *l, const struct evidence *e)
{
    bool of_day = outdoes(e->day, e->usual_day, e->hour, e->usual_hour);

    if (of_day)
        say(l, "%u recipient%s in 24 hours, the usual peak is %u", e->day,
            plural(e->day), e->usual_day);
    else
        say(l, "%u recipient%s in the last hour, the usual peak is %u", e->hour,
            plural(e->hour), e->usual_hour);
    if (e->new_day > 0)
        say(l, "; %u%s never written to before", e->new_day,
            !of_day && e->new_day > e->hour ? " in 24 hours" : "");
}

static void
say_content(struct line *l, const struct evidence *e)
{
    say(l, "%u of %u message%s of 24 hours flagged as spam", e->spam, e->judged,
        plural(e->judged));
}

static void
say_reception(struct line *l, const struct evidence *e)
{
    if (e->unknown > 0)
        say(l, "%u unknown recipient%s", e->unknown, plural(e->unknown));
    if (e->unknown > 0 && e->complaints > 0)
        say(l, " and ");
    if (e->complaints > 0)
        say(l, "%u complaint%s", e->complaints, plural(e->complaints));
    if (l->len == 0)
        say(l, "unknown recipients or complaints on earlier days");
    else
        say(l, " in 24 hours");
}

static void
say_spread(struct line *l, const struct evidence *e)
{
    say(l, "sent from %u network%s in two days, the usual peak is %u",
        e->networks, plural(e->networks), e->usual_networks);
}

static void
say_identity(struct line *l, const struct evidence *e)
{
    say(l, "%u sender address%s today, the usual peak is %u", e->senders,
        e->senders == 1 ? "" : "es", e->usual_senders);
}

char *
evidence_say(const struct evidence *e, enum family family,
             char out[EVIDENCE_TEXT])
{
    static void (*const says[FAMILIES])(struct line *,
                                        const struct evidence *) = {
        [FAMILY_BULK] = say_bulk,           [FAMILY_CONTENT] = say_content,
        [FAMILY_RECEPTION] = say_reception, [FAMILY_SPREAD] = say_spread,
        [FAMILY_IDENTITY] = say_identity,
    };
    struct line l = {out, EVIDENCE_TEXT, 0};

    out[0] = '\0';
    if (e->tenths[family] > 0)
        says[family](&l, e);
    return out;
}

char *
evidence_line(const struct evidence *e, char *out, size_t size)
{
    struct line l = {out, size, 0};
    uint32_t score = evidence_score(e);
    unsigned told = 0;
    char text[EVIDENCE_TEXT];

    say(&l, "score %u.%u", score / 10, score % 10);
    for (const char *between = ": "; told + 1U < 1U << FAMILIES;
         between = "; ") {
        unsigned best = FAMILIES;

        for (unsigned i = 0; i < FAMILIES; i++)
            if ((told & 1U << i) == 0 &&
                (best == FAMILIES || e->tenths[i] > e->tenths[best]))
                best = i;
        if (e->tenths[best] == 0)
            break;
        told |= 1U << best;
        say(&l, "%s+%u.%u %s", between, e->tenths[best] / 10U,
            e->tenths[best] % 10U, evidence_say(e, (enum family)best, text));
    }
    return out;
}
