/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/lookups.h"

#include <stdio.h>
#include <string.h>

#include "policy/excess.h"
#include "policy/limit.h"
#include "policy/policy.h"
#include "policy/ruling.h"

static const char *const results[SPF_RESULTS] = {
    [SPF_NONE] = "none",           [SPF_NEUTRAL] = "neutral",
    [SPF_PASS] = "pass",           [SPF_FAIL] = "fail",
    [SPF_SOFTFAIL] = "softfail",   [SPF_TEMPERROR] = "temperror",
    [SPF_PERMERROR] = "permerror",
};

const char *
spf_result_name(enum spf_result result)
{
    return results[result];
}

bool
spf_result_parse(const char *word, enum spf_result *out)
{
    for (unsigned i = 0; i < SPF_RESULTS; i++) {
        if (strcmp(results[i], word) != 0)
            continue;
        *out = (enum spf_result)i;
        return true;
    }
    return false;
}

/* ----- whom to ask about */

/* Somebody out there, of whom the DNS can know something. */
static bool
is_known_to_dns(const struct scene *scene)
{
    return scene->kind == KIND_STRANGER && !scene->has_login &&
           scene->network == NULL && scene->client.family != 0 &&
           !prefix_is_private(scene->client) && !ruling_skips(scene);
}

/* Does EXEMPT let SOURCE be skipped? */
static bool
skips(const struct exempt *exempt, unsigned source)
{
    if (source < LOOKUPS_LIST)
        return exempt->skip_spf;
    return exempt->skip_dnsbls || exempt->skip_dnsbl[source - LOOKUPS_LIST];
}

static const struct exempt *
find_exempt(const struct config *config, const struct scene *scene,
            unsigned source)
{
    for (size_t i = 0; i < config->n_exempts; i++) {
        if (skips(config->exempts[i], source) &&
            limit_is_exempt_claim(config->exempts[i], scene))
            return config->exempts[i];
    }
    return NULL;
}

static bool
knows_family(const struct dnsbl *list, const struct scene *scene)
{
    return scene->client.family == 4 ? list->ipv4 : list->ipv6;
}

enum limit_state
lookups_state(const struct config *config, const struct scene *scene,
              unsigned source, struct limit_reason *out)
{
    const struct dnsbl *list =
        source < LOOKUPS_LIST ? NULL : config->dnsbls[source - LOOKUPS_LIST];
    const uint64_t on = list != NULL ? list->on : config->spf.on;
    const struct exempt *exempt;

    if ((on >> (scene->listener->index & 63) & 1) == 0)
        return LIMIT_OTHER_LISTENER;
    if (!is_known_to_dns(scene) || (list != NULL && !knows_family(list, scene)))
        return LIMIT_OTHER_SESSION;
    exempt = find_exempt(config, scene, source);
    if (out != NULL)
        *out = (struct limit_reason){.exempt = exempt};
    return exempt != NULL ? LIMIT_EXEMPT : LIMIT_APPLIES;
}

static bool
asks(const struct config *config, const struct scene *scene, unsigned source)
{
    return lookups_state(config, scene, source, NULL) == LIMIT_APPLIES;
}

/* Does SCENE's sender have a domain, or <> the name in HELO instead of one? */
static bool
has_domain(const struct scene *scene)
{
    return scene->sender_parsed.form != ADDRESS_BARE &&
           scene->sender_parsed.form != ADDRESS_LITERAL;
}

void
lookups_wanted(const struct config *config, const struct facts *facts,
               const struct scene *scene, unsigned stage,
               struct lookups_wanted *out)
{
    const enum stage lists =
        scene->auth == AUTH_FORBID ? STAGE_CONNECT : STAGE_MAIL;

    *out = (struct lookups_wanted){0};
    for (size_t i = 0; stage == lists && i < config->n_dnsbls; i++) {
        if (asks(config, scene, LOOKUPS_LIST + (unsigned)i))
            out->lists |= (uint32_t)1 << i;
    }
    if (stage != STAGE_MAIL || facts->sender == NULL ||
        !asks(config, scene, LOOKUPS_MAIL_FROM))
        return;
    out->mail_from = has_domain(scene);
    out->helo = config->spf.helo_fail != LOOKUP_IGNORE;
}

bool
lookups_any(const struct lookups *lookups)
{
    if (lookups->mail_from.state != LOOKUP_UNASKED ||
        lookups->helo.state != LOOKUP_UNASKED)
        return true;
    for (size_t i = 0; i < LOOKUPS_LISTS; i++) {
        if (lookups->list[i].state != LOOKUP_UNASKED)
            return true;
    }
    return false;
}

/* ----- what follows from one finding */

enum finding {
    FINDING_FAIL,
    FINDING_SOFTFAIL,
    FINDING_TEMPERROR,
    FINDING_PERMERROR,
    FINDING_NONE,
    FINDING_HELO,
    FINDING_OWN_DOMAIN,
    FINDING_SPF_PENDING,
    FINDING_LISTED,
    FINDING_LIST_PENDING
};

/* RFC 7372 has the codes of SPF.  The last digits are the same whether mail is
 * refused or put off. */
static const struct {
    const char *rule; /* NULL: the list's */
    uint16_t reject;  /* 0: it is never refused for good */
    uint16_t defer;
    const char *detail;
    const char *reason;
} findings[] = {
    [FINDING_FAIL] = {"spf.fail", 550, 451, "7.23",
                      "{domain} does not let {client} send its mail (SPF): "
                      "send it through the server of your provider; whoever "
                      "forwards mail must write a sender of his own"},
    [FINDING_SOFTFAIL] = {"spf.softfail", 550, 451, "7.23",
                          "{domain} does not expect its mail from {client} "
                          "(SPF): send it through the server of your "
                          "provider"},
    [FINDING_TEMPERROR] = {"spf.temperror", 0, 451, "7.24",
                           "The DNS does not say now who may send mail of "
                           "{domain} (SPF); try again later"},
    [FINDING_PERMERROR] = {"spf.permerror", 550, 451, "7.24",
                           "The SPF record of {domain} cannot be read: its "
                           "postmaster must mend it"},
    [FINDING_NONE] = {"spf.none", 550, 451, "7.23",
                      "{domain} does not say who may send its mail: its "
                      "postmaster must publish an SPF record"},
    [FINDING_HELO] = {"spf.helo", 550, 451, "7.23",
                      "{client} may not call itself {domain} in HELO, says "
                      "that domain (SPF): the server needs a name of its own"},
    [FINDING_OWN_DOMAIN] = {"spf.own_domain", 550, 451, "7.23",
                            "{domain} is ours, and {client} may not send its "
                            "mail (SPF): log in on port 587 to send it"},
    [FINDING_SPF_PENDING] = {"spf.pending", 0, 451, "7.1",
                             "Whether {client} may send mail of {domain} is "
                             "not yet known (SPF); try again in some minutes"},
    [FINDING_LISTED] = {NULL, 550, 451, "7.1",
                        "{client} is on the list {list}: ask its provider, "
                        "who can have it taken off"},
    [FINDING_LIST_PENDING] = {NULL, 0, 451, "7.1",
                              "Whether {client} is on the list {list} is not "
                              "yet known; try again in some minutes"},
};

static bool
refuses(enum lookup_action action)
{
    return action == LOOKUP_DEFER || action == LOOKUP_REJECT;
}

/* FINDING leads to out->action. */
static bool
rule(const struct scene *scene, enum finding finding, const char *domain,
     const struct dnsbl *list, struct lookups_ruling *out)
{
    struct verdict *v = &out->verdict;
    const bool reject = out->action == LOOKUP_REJECT;
    char enhanced[8];

    verdict_continue(v);
    v->list = list;
    (void)snprintf(v->domain, sizeof(v->domain), "%s", domain);
    if (list != NULL)
        (void)snprintf(v->rule, sizeof(v->rule), "dnsbl.%.64s%s", list->name,
                       finding == FINDING_LIST_PENDING ? ".pending" : "");
    else
        (void)snprintf(v->rule, sizeof(v->rule), "%s", findings[finding].rule);
    if (!refuses(out->action))
        return out->action != LOOKUP_IGNORE;
    (void)snprintf(enhanced, sizeof(enhanced), "%c.%s", reject ? '5' : '4',
                   findings[finding].detail);
    verdict_refuse(v, reject ? VERDICT_REJECT : VERDICT_DEFER,
                   reject ? findings[finding].reject : findings[finding].defer,
                   enhanced);
    v->observed = out->trial || scene->mode == MODE_OBSERVE;
    v->reason = findings[finding].reason;
    return true;
}

/* What is not yet known, and could lead to WORST, puts a client off once. */
static bool
rule_pending(const struct lookups *lookups, const struct scene *scene,
             enum lookup_action worst, const char *domain,
             const struct dnsbl *list, struct lookups_ruling *out)
{
    out->pending = true;
    out->action = LOOKUP_MARK;
    if (refuses(worst) && !lookups->put_off)
        out->action = LOOKUP_DEFER;
    return rule(scene,
                list != NULL ? FINDING_LIST_PENDING : FINDING_SPF_PENDING,
                domain, list, out);
}

static enum lookup_action
stricter(enum lookup_action a, enum lookup_action b)
{
    return a > b ? a : b;
}

/* Is it one of our domains that the sender claims? */
static bool
is_own(const struct config *config, const struct scene *scene,
       const char *domain)
{
    char name[ADDRESS_DOMAIN_MAX + 1];

    return scene->sender_parsed.form != ADDRESS_NULL &&
           address_domain(domain, name) && domains_has(config->domains, name);
}

/* What RESULT of the sender's domain, which may be our OWN, leads to; the
 * finding in *OUT. */
static enum lookup_action
spf_action(const struct config *config, enum spf_result result, bool own,
           enum finding *out)
{
    switch (result) {
    case SPF_FAIL:
        *out = FINDING_FAIL;
        if (!own || config->spf.own_domain_fail < config->spf.fail)
            return config->spf.fail;
        *out = FINDING_OWN_DOMAIN;
        return config->spf.own_domain_fail;
    case SPF_SOFTFAIL:
        *out = FINDING_SOFTFAIL;
        return config->spf.softfail;
    case SPF_TEMPERROR:
        *out = FINDING_TEMPERROR;
        return config->spf.temperror;
    case SPF_PERMERROR:
        *out = FINDING_PERMERROR;
        return config->spf.permerror;
    case SPF_NONE:
        *out = FINDING_NONE;
        return config->spf.none;
    case SPF_NEUTRAL:
    case SPF_PASS:
    case SPF_RESULTS:
        break;
    }
    *out = FINDING_FAIL;
    return LOOKUP_IGNORE;
}

/* The worst that any result could lead to. */
static enum lookup_action
spf_worst(const struct config *config, bool own)
{
    enum lookup_action worst = LOOKUP_IGNORE;
    enum finding any;

    for (unsigned i = 0; i < SPF_RESULTS; i++)
        worst =
            stricter(worst, spf_action(config, (enum spf_result)i, own, &any));
    return worst;
}

static bool
rule_mail_from(const struct config *config, const struct scene *scene,
               const struct lookups *lookups, struct lookups_ruling *out)
{
    const struct spf_finding *found = &lookups->mail_from;
    const char *domain =
        found->domain[0] != '\0' ? found->domain : scene->sender_parsed.domain;
    const bool own = is_own(config, scene, domain);
    enum finding finding;

    if (found->state == LOOKUP_PENDING)
        return rule_pending(lookups, scene, spf_worst(config, own), domain,
                            NULL, out);
    out->action = spf_action(config, found->result, own, &finding);
    return rule(scene, finding, domain, NULL, out);
}

/* The name in HELO: only a fail says something. */
static bool
rule_helo(const struct config *config, const struct scene *scene,
          const struct lookups *lookups, struct lookups_ruling *out)
{
    const struct spf_finding *found = &lookups->helo;

    if (found->state == LOOKUP_PENDING)
        return rule_pending(lookups, scene, config->spf.helo_fail,
                            found->domain, NULL, out);
    out->action =
        found->result == SPF_FAIL ? config->spf.helo_fail : LOOKUP_IGNORE;
    return rule(scene, FINDING_HELO, found->domain, NULL, out);
}

static bool
rule_spf(const struct config *config, const struct scene *scene,
         const struct lookups *lookups, enum lookups_source source,
         struct lookups_ruling *out)
{
    const struct spf_finding *found =
        source == LOOKUPS_HELO ? &lookups->helo : &lookups->mail_from;

    if (found->state == LOOKUP_UNASKED || !asks(config, scene, source))
        return false;
    out->trial = config->spf.mode == MODE_OBSERVE;
    if (source == LOOKUPS_HELO)
        return rule_helo(config, scene, lookups, out);
    return rule_mail_from(config, scene, lookups, out);
}

static bool
rule_list(const struct config *config, const struct scene *scene,
          const struct lookups *lookups, const struct dnsbl *list,
          struct lookups_ruling *out)
{
    const struct list_finding *found = &lookups->list[list->index];

    if (found->state == LOOKUP_UNASKED ||
        !asks(config, scene, LOOKUPS_LIST + (unsigned)list->index))
        return false;
    out->trial = list->mode == MODE_OBSERVE;
    if (found->state == LOOKUP_PENDING)
        return rule_pending(lookups, scene, list->action, "", list, out);
    out->action =
        found->listed && !found->failed ? list->action : LOOKUP_IGNORE;
    return rule(scene, FINDING_LISTED, "", list, out);
}

bool
lookups_rule(const struct config *config, const struct facts *facts,
             const struct scene *scene, unsigned source,
             struct lookups_ruling *out)
{
    const size_t list = source - LOOKUPS_LIST;

    *out = (struct lookups_ruling){.action = LOOKUP_IGNORE};
    if (facts->lookups == NULL)
        return false;
    if (source < LOOKUPS_LIST)
        return rule_spf(config, scene, facts->lookups,
                        (enum lookups_source)source, out);
    return list < config->n_dnsbls &&
           rule_list(config, scene, facts->lookups, config->dnsbls[list], out);
}

/* ----- all of them */

/* What is refused for good weighs most, what is not yet known least. */
static int
weight(const struct lookups_ruling *ruling)
{
    if (ruling->pending)
        return 1;
    return ruling->verdict.action == VERDICT_REJECT ? 3 : 2;
}

void
lookups_judge(struct policy *p)
{
    const unsigned n = LOOKUPS_LIST + (unsigned)p->config->n_dnsbls;
    struct lookups_ruling ruling;
    int most = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!lookups_rule(p->config, p->facts, &p->scene, i, &ruling) ||
            !refuses(ruling.action))
            continue;
        if (ruling.trial) {
            if (!ruling.pending) /* else a trial has nothing to tell */
                excess_try(p, &ruling.verdict);
        } else if (weight(&ruling) > most) {
            most = weight(&ruling);
            p->verdict = ruling.verdict;
            p->put_off = ruling.pending;
        }
    }
}

bool
lookups_evidence(const struct config *config, const struct scene *scene,
                 const struct lookups *lookups)
{
    if (config->spf.evidence && config->spf.fail != LOOKUP_IGNORE &&
        lookups->mail_from.state == LOOKUP_KNOWN &&
        lookups->mail_from.result == SPF_FAIL &&
        asks(config, scene, LOOKUPS_MAIL_FROM))
        return true;
    for (size_t i = 0; i < config->n_dnsbls; i++) {
        const struct dnsbl *list = config->dnsbls[i];
        const struct list_finding *found = &lookups->list[i];

        if (list->action == LOOKUP_EVIDENCE && found->state == LOOKUP_KNOWN &&
            !found->failed && found->listed &&
            asks(config, scene, LOOKUPS_LIST + (unsigned)i))
            return true;
    }
    return false;
}
