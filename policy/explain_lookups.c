/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain_lookups.c - what SPF and lists say of a stranger, and what
 * follows from it.  Nobody is asked: findings are handed in with the facts.
 */
#include <config.h>

#include "policy/explain_say.h"

#include <stdio.h>
#include <string.h>

#include "policy/lookups.h"
#include "policy/zombie.h"

/* ----- what was found */

static const struct lookups nothing;

static const struct lookups *
lookups_of(const struct explanation *e)
{
    return e->facts.lookups != NULL ? e->facts.lookups : &nothing;
}

static enum lookup_state
state_of(const struct explanation *e, unsigned source)
{
    const struct lookups *lookups = lookups_of(e);

    if (source == LOOKUPS_MAIL_FROM)
        return lookups->mail_from.state;
    if (source == LOOKUPS_HELO)
        return lookups->helo.state;
    return lookups->list[source - LOOKUPS_LIST].state;
}

/* "example.org says fail", "the name in HELO, h.example, says pass". */
static void
say_spf(struct explanation *e, unsigned source)
{
    const bool helo = source == LOOKUPS_HELO;
    const struct spf_finding *found =
        helo ? &lookups_of(e)->helo : &lookups_of(e)->mail_from;
    const char *domain = found->domain;

    if (*domain == '\0' && !helo)
        domain = e->p.scene.sender_parsed.domain;
    if (found->state == LOOKUP_PENDING)
        explain_say(e, "it is not yet known what ");
    if (*domain == '\0')
        explain_say(e, "the name in HELO");
    else
        explain_say(e, helo ? "the name in HELO, %s," : "%s", domain);
    if (found->state == LOOKUP_PENDING)
        explain_say(e, " says");
    else
        explain_say(e, " says %s", spf_result_name(found->result));
}

static void
say_list(struct explanation *e, const struct dnsbl *list)
{
    const struct list_finding *found = &lookups_of(e)->list[list->index];
    char client[PREFIX_TEXT];

    prefix_print(e->p.scene.client, client);
    if (found->state == LOOKUP_PENDING)
        explain_say(e, "whether %s is on it is not yet known", client);
    else if (found->failed)
        explain_say(e, "it does not say whether %s is on it", client);
    else if (!found->listed)
        explain_say(e, "%s is not on it", client);
    else
        explain_say(e, "%s is on it (%u.%u.%u.%u)", client, found->code[0],
                    found->code[1], found->code[2], found->code[3]);
}

static void
say_finding(struct explanation *e, unsigned source)
{
    if (source < LOOKUPS_LIST)
        say_spf(e, source);
    else
        say_list(e, e->asked->config->dnsbls[source - LOOKUPS_LIST]);
}

/* ----- what follows */

static void
begin(struct explanation *e, unsigned source, const char *rule)
{
    const struct config *config = e->asked->config;
    char name[VERDICT_RULE];

    if (source < LOOKUPS_LIST) {
        explain_begin(e, rule != NULL ? rule : "spf", config->spf.origin);
        return;
    }
    (void)snprintf(name, sizeof name, "dnsbl.%.64s",
                   config->dnsbls[source - LOOKUPS_LIST]->name);
    explain_begin(e, rule != NULL ? rule : name,
                  config->dnsbls[source - LOOKUPS_LIST]->origin);
}

static void
say_consequence(struct explanation *e, const struct lookups_ruling *ruling)
{
    switch (ruling->action) {
    case LOOKUP_IGNORE:
        break;
    case LOOKUP_MARK:
        explain_say(e, ruling->pending ? "; the mail goes on, marked"
                                       : "; the mail is marked");
        break;
    case LOOKUP_EVIDENCE:
        explain_say(e, "; the mail is marked, and spam to the detector");
        break;
    case LOOKUP_DEFER:
        explain_say(e, ruling->pending ? "; it is put off for that once an hour"
                                       : "; it is put off");
        break;
    case LOOKUP_REJECT:
        explain_say(e, "; it is refused");
        break;
    }
}

static void
end(struct explanation *e, const struct lookups_ruling *ruling)
{
    if (ruling->verdict.action == VERDICT_CONTINUE)
        explain_end(e, EXPLAIN_PASS);
    else if (ruling->trial)
        explain_end(e, EXPLAIN_WOULD);
    else
        explain_end_refusal(e);
}

/* What SOURCE found leads to RULING (NULL: to nothing). */
static void
tell_finding(struct explanation *e, unsigned source,
             const struct lookups_ruling *ruling)
{
    begin(e, source, ruling != NULL ? ruling->verdict.rule : NULL);
    say_finding(e, source);
    if (ruling == NULL) {
        explain_end(e, EXPLAIN_PASS);
        return;
    }
    say_consequence(e, ruling);
    end(e, ruling);
}

/* Why SOURCE says nothing here. */
static void
tell_skipped(struct explanation *e, unsigned source, bool help)
{
    struct limit_reason reason = {NULL, NULL};
    const enum limit_state state =
        lookups_state(e->asked->config, &e->p.scene, source, &reason);

    begin(e, source, NULL);
    if (state == LIMIT_OTHER_LISTENER)
        explain_say(e, "nobody is looked up on listener %s",
                    e->p.scene.listener->name);
    else if (state == LIMIT_EXEMPT)
        explain_say_exempt(e, reason.exempt);
    else if (state != LIMIT_APPLIES)
        explain_say(e, "only strangers are looked up, and addresses that "
                       "the DNS can know");
    else if (help)
        explain_say(e, "mail to those who help passes it");
    else
        explain_say(e, "it is asked about this client; what it says was not "
                       "told here");
    explain_end(e, EXPLAIN_SKIP);
}

/* Is there anything to tell of SOURCE?  The name in HELO is part of SPF: of it
 * only what was found. */
static bool
matters(const struct explanation *e, unsigned source)
{
    if (source == LOOKUPS_HELO)
        return state_of(e, source) != LOOKUP_UNASKED;
    return source >= LOOKUPS_LIST || e->asked->config->spf.written;
}

static void
tell_source(struct explanation *e, unsigned source, bool help)
{
    const struct config *config = e->asked->config;
    struct lookups_ruling ruling;
    const bool rules =
        !help && lookups_rule(config, &e->facts, &e->p.scene, source, &ruling);

    if (rules && ruling.verdict.action != VERDICT_CONTINUE)
        tell_finding(e, source, &ruling);
    else if (e->shown_lookups)
        return;
    else if (help || state_of(e, source) == LOOKUP_UNASKED ||
             lookups_state(config, &e->p.scene, source, NULL) != LIMIT_APPLIES)
        tell_skipped(e, source, help);
    else
        tell_finding(e, source, rules ? &ruling : NULL);
}

void
explain_lookups(struct explanation *e)
{
    const struct config *config = e->asked->config;
    const unsigned n = LOOKUPS_LIST + (unsigned)config->n_dnsbls;
    const bool help = zombie_is_help(config, &e->p.recipient, e->p.external);

    if (policy_refuses(&e->p) && strncmp(e->p.verdict.rule, "relay.", 6) == 0)
        return; /* it is not asked then */
    for (unsigned i = 0; i < n; i++) {
        if (matters(e, i))
            tell_source(e, i, help);
    }
    e->shown_lookups = e->shown_lookups || !help;
}
