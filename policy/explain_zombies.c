/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain_zombies.c - what rules of zombies have to say: how somebody
 * stands, once, at the first stage that asks; and where that stops something.
 */
#include <config.h>

#include "policy/explain_say.h"

#include <stdio.h>

#include "policy/zombie.h"

static void
begin(struct explanation *e, const struct zombie *zombie)
{
    char rule[VERDICT_RULE];

    (void)snprintf(rule, sizeof rule, "zombie.%.64s", zombie->name);
    explain_begin(e, rule, zombie->origin);
}

/* ----- how somebody stands */

static void
say_standing(struct explanation *e, const struct explain_stand *stand)
{
    char name[SUBJECT_TEXT];

    explain_say(e, "%.160s ", subject_print(&stand->subject, name));
    switch (stand->standing) {
    case STANDING_NORMAL:
        explain_say(e, "stands normal");
        break;
    case STANDING_WATCHED:
        explain_say(e, "is watched; its mail goes through");
        break;
    case STANDING_PROBATION:
        explain_say(e, "is on probation; its mail goes through");
        break;
    case STANDING_THROTTLED:
        explain_say(e, "is throttled to %lu recipients in 1 hour",
                    (unsigned long)stand->throttle);
        break;
    case STANDING_QUARANTINED:
        explain_say(e, "is quarantined");
        break;
    }
}

static bool
stops(enum standing standing)
{
    return standing == STANDING_QUARANTINED || standing == STANDING_THROTTLED;
}

/* Of one that stands so, at the stage that asks first. */
static void
tell_standing(struct explanation *e, const struct explain_stand *stand)
{
    begin(e, stand->zombie);
    say_standing(e, stand);
    if (stops(stand->standing) && stand->zombie->mode != MODE_ENFORCE)
        explain_say(e, "; this rule only observes");
    else if (stand->standing == STANDING_QUARANTINED)
        explain_say(e, stand->zombie->action == ZOMBIE_HOLD
                           ? "; its mail is held"
                           : "; only mail to those who help goes through");
    explain_end(e, EXPLAIN_PASS);
}

static void
end_stop(struct explanation *e, const struct zombie *zombie)
{
    if (zombie->mode != MODE_ENFORCE) {
        explain_say(e, "; this rule only observes");
        explain_end(e, EXPLAIN_WOULD);
    } else {
        explain_end_refusal(e);
    }
}

/* ----- what it stops */

static void
tell_quarantined(struct explanation *e, const struct explain_stand *stand)
{
    const bool held =
        e->stage == STAGE_END || stand->zombie->action == ZOMBIE_HOLD;

    begin(e, stand->zombie);
    say_standing(e, stand);
    if (e->stage == STAGE_MAIL)
        explain_say(e, ", and has begun %d messages in an hour to reach help",
                    (int)ZOMBIE_HELP_HOUR);
    else if (held)
        explain_say(e, "; the mail is held");
    end_stop(e, stand->zombie);
}

static void
tell_throttled(struct explanation *e, const struct explain_stand *stand)
{
    char span[RATE_TEXT];

    begin(e, stand->zombie);
    say_standing(e, stand);
    explain_say(e, ", and %llu are used", (unsigned long long)stand->used);
    if (stand->room_s != UINT64_MAX)
        explain_say(e, "; there is room in %s",
                    verdict_span(stand->room_s, span));
    if (stand->zombie->throttle == ZOMBIE_THROTTLE_HOLD)
        explain_say(e, "; the mail is held");
    end_stop(e, stand->zombie);
}

static void
tell_flagged(struct explanation *e, const struct zombie *zombie)
{
    begin(e, zombie);
    explain_say(e, "its sender is throttled, and a filter flags this message");
    end_stop(e, zombie);
}

/* Is there no room to hold more for V's sake? */
static void
tell_full(struct explanation *e)
{
    const struct verdict *v = &e->p.verdict;

    if (v->zombie == NULL || e->p.holding.zombie != v->zombie)
        return;
    begin(e, v->zombie);
    explain_say(e, "as much is held today as there is room for: it is refused");
    explain_end_refusal(e);
}

/* ----- at a stage */

static const struct explain_stand *
find_stand(const struct explanation *e, const struct zombie *zombie)
{
    for (size_t i = 0; i < e->n_stands; i++)
        if (e->stand[i].zombie == zombie)
            return &e->stand[i];
    return NULL;
}

/* A rule with the same key that holds here and stands before ZOMBIE. */
static const struct zombie *
find_before(const struct explanation *e, const struct zombie *zombie)
{
    const struct config *config = e->asked->config;

    for (size_t i = 0; i < zombie->index; i++)
        if (zombie_same_key(config->zombies[i], zombie) &&
            zombie_holds(config, config->zombies[i], &e->p.scene))
            return config->zombies[i];
    return NULL;
}

/* Once: why ZOMBIE does not hold here, or how its subject stands. */
static void
tell_rule(struct explanation *e, const struct zombie *zombie)
{
    const struct explain_stand *stand = find_stand(e, zombie);
    const struct zombie *before = NULL;
    struct limit_reason reason;
    struct subject subject;
    enum limit_state state =
        zombie_state(e->asked->config, zombie, &e->p.scene, &reason);

    if (stand != NULL) {
        tell_standing(e, stand);
        return;
    }
    begin(e, zombie);
    if (state == LIMIT_APPLIES)
        before = find_before(e, zombie);
    if (state != LIMIT_APPLIES)
        explain_say_state(e, zombie->in, "judges", state, &reason);
    else if (before != NULL)
        explain_say(e, "zombie.%s judges the same, and stands before it",
                    before->name);
    else if (!zombie_subject(zombie, &e->p.scene, &subject))
        explain_say_nobody(e, zombie->key, zombie->n_keys, "judges");
    else
        explain_say(e, "how its subject stands was not asked");
    explain_end(e, EXPLAIN_SKIP);
}

/* What STAND stops at this stage. */
static void
tell_stop(struct explanation *e, const struct explain_stand *stand)
{
    const bool mail = e->stage == STAGE_MAIL;

    if (stand->standing == STANDING_QUARANTINED &&
        (!mail || e->p.verdict.zombie == stand->zombie))
        tell_quarantined(e, stand);
    else if (stand->standing == STANDING_THROTTLED && stand->over)
        tell_throttled(e, stand);
    else if (stand->standing == STANDING_THROTTLED && !mail &&
             e->stage == STAGE_END && e->facts.flag == FLAG_SPAM)
        tell_flagged(e, stand->zombie);
}

void
explain_zombies(struct explanation *e)
{
    const struct config *config = e->asked->config;
    const bool local = e->p.scene.kind == KIND_LOCAL;

    for (size_t i = 0; i < config->n_zombies; i++) {
        if (e->stage != (local ? STAGE_END : STAGE_MAIL) ||
            (e->shown_zombies >> i & 1) != 0)
            continue;
        tell_rule(e, config->zombies[i]);
        e->shown_zombies |= UINT64_C(1) << i;
    }
    for (size_t i = 0; i < e->n_stands; i++)
        tell_stop(e, &e->stand[i]);
    if (e->stage == STAGE_END && !local && e->facts.throttled != NULL &&
        e->facts.flag == FLAG_SPAM)
        tell_flagged(e, e->facts.throttled);
    tell_full(e);
}
