/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/detector/evidence.h"

#include <stdio.h>
#include <string.h>

static const char *const families[] = {"bulk", "content", "reception", "spread",
                                       "identity"};
static const char *const causes[] = {
    "none",    "evidence", "time",    "operator", "customer",
    "breaker", "freeze",   "enforce", "lease",    "ladder"};
static const char *const standings[] = {"normal", "watched", "throttled",
                                        "quarantined", "probation"};
const char *
family_name(enum family f)
{
    return families[f];
}
const char *
cause_name(enum evidence_cause c)
{
    return causes[c];
}
bool
cause_of(const char *n, enum evidence_cause *o)
{
    for (unsigned i = 0; i < CAUSES; i++)
        if (strcmp(n, causes[i]) == 0) {
            *o = (enum evidence_cause)i;
            return true;
        }
    return false;
}
const char *
standing_name(enum standing s)
{
    return standings[s];
}
bool
standing_of(const char *n, enum standing *o)
{
    for (unsigned i = 0; i < 5; i++)
        if (strcmp(n, standings[i]) == 0) {
            *o = (enum standing)i;
            return true;
        }
    return false;
}
bool
standing_worse(enum standing a, enum standing b)
{
    return a > b;
}
uint32_t
evidence_score(const struct evidence *e)
{
    uint32_t s = 0;
    for (unsigned i = 0; i < FAMILIES; i++)
        s += e->tenths[i];
    return s;
}
char *
evidence_say(const struct evidence *e, enum family f, char o[EVIDENCE_TEXT])
{
    (void)e;
    (void)f;
    o[0] = 0;
    return o;
}
char *
evidence_line(const struct evidence *e, char *o, size_t n)
{
    (void)snprintf(o, n, "score %u", evidence_score(e) / 10);
    return o;
}
