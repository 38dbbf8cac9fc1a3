/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/explain_say.c - a step of an explanation in words. */
#include <config.h>

#include "policy/explain_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "policy/config_text.h"

void
explain_begin(struct explanation *e, const char *rule, struct origin origin)
{
    struct explain_step *step = &e->step;

    step->stage = e->stage;
    step->outcome = EXPLAIN_INFO;
    (void)snprintf(step->rule, sizeof step->rule, "%s", rule);
    step->origin = origin;
    step->text[0] = '\0';
    step->recipient = e->recipient;
    step->counted = step->known = false;
    step->subject.kind = SUBJECT_KINDS;
    step->subject.len = 0;
    step->metric = METRICS;
    step->rate = (struct rate){0};
    step->used = step->room_s = 0;
    e->full = false;
}

/* End TEXT, of which all SIZE bytes are taken, in "...", with no character of
 * UTF-8 cut through. */
static void
cut(char *text, size_t size)
{
    size_t at = size - 4;

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
}

void
explain_say(struct explanation *e, const char *format, ...)
{
    char *text = e->step.text;
    size_t at = strlen(text);
    va_list args;
    int len;

    if (e->full)
        return;
    va_start(args, format);
    len = vsnprintf(text + at, sizeof e->step.text - at, format, args);
    va_end(args);
    e->full = len >= 0 && at + (size_t)len >= sizeof e->step.text;
    if (e->full)
        cut(text, sizeof e->step.text);
    for (; text[at] != '\0'; at++)
        if ((unsigned char)text[at] < ' ' || text[at] == 0x7f)
            text[at] = '?';
}

void
explain_say_day(struct explanation *e, struct wall when)
{
    const time_t seconds = (time_t)when.s;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL) /* else beyond any calendar */
        explain_say(e, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                    tm.tm_mday);
}

void
explain_say_minute(struct explanation *e, struct wall when)
{
    const int64_t minute = when.s % 86400 / 60;

    explain_say_day(e, when);
    explain_say(e, " %02d:%02d UTC", (int)(minute / 60), (int)(minute % 60));
}

void
explain_say_act(struct explanation *e, const struct act *act)
{
    explain_say(e, "act %s", act->id);
    if (act->by[0] != '\0')
        explain_say(e, " by %s", act->by);
    if (act->until.s != ACT_FOR_EVER) {
        explain_say(e, ", until ");
        explain_say_minute(e, act->until);
    }
    if (act->note[0] != '\0')
        explain_say(e, ": %s", act->note);
}

/* ----- rules that do not hold */

/* The session as `in =` sees it. */
static const char *
kind_words(enum session_kind kind)
{
    switch (kind) {
    case KIND_STRANGER:
        return "strangers";
    case KIND_RELAY:
        return "relays, that is networks that may send anywhere";
    case KIND_LOGIN:
        return "logins";
    case KIND_LOCAL:
        return "mail that does not come by SMTP";
    }
    return "";
}

static void
say_other_session(struct explanation *e, const uint8_t *in)
{
    const struct scene *scene = &e->p.scene;
    const struct network *network = scene->network;

    if (in[network != NULL ? network->index + 1 : 0] != 0)
        explain_say(e, "it does not hold for %s", kind_words(scene->kind));
    else if (network != NULL)
        explain_say(e, "it does not hold in network %s", network->name);
    else
        explain_say(e, "it holds in certain networks, and the client is in "
                       "none");
}

void
explain_say_exempt(struct explanation *e, const struct exempt *exempt)
{
    explain_say(e, "exempt %s", exempt->name);
    if (exempt->has_until) {
        explain_say(e, ", until the end of ");
        explain_say_day(e, (struct wall){exempt->until.s - 1});
    }
    if (exempt->note != NULL)
        explain_say(e, ": %s", exempt->note);
}

void
explain_say_state(struct explanation *e, const uint8_t *in, const char *verb,
                  enum limit_state state, const struct limit_reason *reason)
{
    switch (state) {
    case LIMIT_APPLIES:
        break;
    case LIMIT_OTHER_LISTENER:
        explain_say(e, "it does not hold on listener %s",
                    e->p.scene.listener->name);
        break;
    case LIMIT_OTHER_SESSION:
        say_other_session(e, in);
        break;
    case LIMIT_LOOPBACK:
        explain_say(e,
                    "it %s addresses, and this one is of network "
                    "loopback",
                    verb);
        break;
    case LIMIT_LOGIN:
        explain_say(e, "it %s addresses, and this is a login", verb);
        break;
    case LIMIT_EXEMPT:
        explain_say_exempt(e, reason->exempt);
        break;
    case LIMIT_RELEASED:
        explain_say(e, "exempt by ");
        explain_say_act(e, reason->act);
        break;
    }
}

void
explain_say_nobody(struct explanation *e, const struct limit_key *key, size_t n,
                   const char *verb)
{
    const struct scene *scene = &e->p.scene;
    const bool local = scene->kind == KIND_LOCAL;

    for (size_t i = 0; i < n; i++) {
        const enum subject_kind kind = key[i].kind;
        const bool address = kind == SUBJECT_CLIENT || kind == SUBJECT_PREFIX;
        const char *why = NULL;

        if (address && local)
            why = "clients, and this mail comes from none";
        else if (address && scene->client.family == 0)
            why = "clients, and this one is not known";
        else if (address || *limit_name(scene, kind) != '\0' ||
                 (local && *scene->sender != '\0' &&
                  (kind == SUBJECT_USER || kind == SUBJECT_SENDER)))
            continue;
        else if (kind == SUBJECT_USER && !local)
            why = "logins, and there is none";
        else if (kind == SUBJECT_NETWORK)
            why = "networks, and the client is in none";
        else if (scene->kind == KIND_STRANGER)
            why = "senders, but not those of strangers";
        else
            why = "senders, and this one is empty";
        explain_say(e, "it %s %s", verb, why);
        return;
    }
    explain_say(e, "there is nobody here that it %s", verb);
}

void
explain_end(struct explanation *e, enum explain_outcome outcome)
{
    if (e->first.action == VERDICT_CONTINUE &&
        strcmp(e->step.rule, e->p.verdict.rule) == 0)
        e->first_origin = e->step.origin;
    e->step.outcome = outcome;
    e->each(e->to, &e->step);
}

void
explain_end_refusal(struct explanation *e)
{
    explain_end(e, e->p.scene.mode == MODE_OBSERVE ? EXPLAIN_WOULD
                                                   : EXPLAIN_REFUSE);
}

struct origin
explain_origin(const struct explanation *e, enum option_block kind,
               const char *title, const char *option)
{
    const struct config_block *block =
        config_text_find(e->asked->config->text, kind, title);

    return block != NULL ? config_text_origin(block, option)
                         : (struct origin){NULL, 0, 0};
}
