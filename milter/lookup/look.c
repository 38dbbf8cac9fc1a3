/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/lookup/look.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "milter/detect/detect.h"
#include "milter/lookup/heading.h"
#include "policy/address.h"
#include "policy/prefix.h"

enum { MOST_REMOVED = 1000 }; /* headers of one name */

bool
look_marks(const struct config *config)
{
    return config->spf.written || config->n_dnsbls > 0;
}

/* ----- asking */

static bool
is_wanted(const struct lookups_wanted *wanted)
{
    return wanted->lists != 0 || wanted->mail_from || wanted->helo;
}

/* Ask for WANTED about the session, and SENDER (NULL: there is none yet). */
static void
ask(struct step *step, const struct lookups_wanted *wanted, const char *sender)
{
    struct session *session = step->session;
    const struct lookup_ask ask = {
        .config = step->config,
        .wanted = wanted,
        .client = step->facts.client,
        .helo = session->helo,
        .sender = sender,
        .receiver = session->hostname,
    };
    struct lookup *lookup = daemon_lookup(step->daemon);

    if (lookup == NULL || !is_wanted(wanted))
        return;
    if (session->lookups == NULL)
        session->lookups_config =
            daemon_config_again(step->daemon, step->config);
    lookup_begin(lookup, &ask, &session->lookups);
    if (session->lookups == NULL)
        session_forget_lookups(session);
}

void
look_connect(struct step *step)
{
    struct lookups_wanted wanted;

    lookups_wanted(step->config, &step->facts, &step->policy.scene,
                   STAGE_CONNECT, &wanted);
    ask(step, &wanted, NULL);
}

/* Has the client said a domain in HELO (RFC 7208 section 2.3), not an address
 * or a name without a dot? */
static bool
has_helo(const struct session *session)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];
    struct prefix address;

    return strchr(session->helo, '.') != NULL &&
           address_domain(session->helo, domain) &&
           prefix_parse(session->helo, &address, NULL) != MS_OK;
}

/* Of what is WANTED, that for which there is a name. */
static void
leave_nameless(const struct step *step, struct lookups_wanted *wanted)
{
    const enum address_form form = step->policy.scene.sender_parsed.form;
    const bool helo = has_helo(step->session);

    wanted->helo = wanted->helo && helo;
    wanted->mail_from = wanted->mail_from && (form == ADDRESS_DOMAIN ||
                                              (form == ADDRESS_NULL && helo));
}

/* Its sender as SPF knows it: as it was said, but for quotes. */
static const char *
sender_of(const struct address *address, char out[ADDRESS_TEXT])
{
    out[0] = '\0';
    if (address->form == ADDRESS_DOMAIN)
        (void)snprintf(out, ADDRESS_TEXT, "%s@%s", address->local,
                       address->domain);
    return out;
}

/*
 * What was asked at CONNECT counts for as long as its configuration does; and
 * only if it would be asked now, for by now it is known who sends what.
 */
void
look_mail(struct step *step)
{
    struct session *session = step->session;
    struct message *m = session->message;
    const struct scene *scene = &step->policy.scene;
    struct lookups_wanted wanted, early;
    char sender[ADDRESS_TEXT];

    if (session->lookups_config != step->config)
        session_forget_lookups(session);
    lookups_wanted(step->config, &step->facts, scene, STAGE_CONNECT, &early);
    lookups_wanted(step->config, &step->facts, scene, STAGE_MAIL, &wanted);
    wanted.lists |= early.lists;
    leave_nameless(step, &wanted);
    ask(step, &wanted, sender_of(&scene->sender_parsed, sender));
    m->looked = session->lookups != NULL && is_wanted(&wanted);
    m->looked_lists = wanted.lists;
}

/* Who is not yet known, or could not be asked about, has a name all the same,
 * which the reply tells. */
static void
name_finding(struct spf_finding *found, const char *domain)
{
    if (found->state != LOOKUP_UNASKED && found->domain[0] == '\0')
        (void)snprintf(found->domain, sizeof(found->domain), "%s", domain);
}

static void
name_findings(struct step *step)
{
    const struct address *sender = &step->policy.scene.sender_parsed;
    const char *helo = step->session->helo;

    name_finding(&step->lookups.helo, helo);
    name_finding(&step->lookups.mail_from,
                 sender->form == ADDRESS_DOMAIN ? sender->domain : helo);
}

void
look_read(struct step *step, enum lookup_wait wait)
{
    const struct session *session = step->session;
    const struct message *m = session->message;

    step->facts.lookups = NULL;
    if (m == NULL || !m->looked)
        return;
    lookup_read(session->lookups, wait, &step->lookups);
    for (unsigned i = 0; i < LOOKUPS_LISTS; i++) {
        if ((m->looked_lists >> i & 1) == 0)
            memset(&step->lookups.list[i], 0, sizeof(step->lookups.list[i]));
    }
    if (step->has_scene)
        name_findings(step);
    /* its other recipients come again, too */
    step->lookups.put_off = step->lookups.put_off && !m->put_off;
    step->facts.lookups = &step->lookups;
}

void
look_judged(struct step *step)
{
    struct message *m = step->session->message;

    if (!step->policy.put_off || m->put_off)
        return;
    m->put_off = true;
    lookup_put_off(daemon_lookup(step->daemon), step->session->lookups);
}

bool
look_is_evidence(const struct step *step)
{
    return step->facts.lookups != NULL && step->session->message->watched &&
           lookups_evidence(step->config, &step->policy.scene,
                            step->facts.lookups);
}

/* ----- headers */

/* Mail that this machine hands on to itself, through a filter that takes it by
 * SMTP, may have ours already. */
void
look_begin(struct step *step)
{
    const struct scene *scene = &step->policy.scene;

    step->session->message->headed = look_marks(step->config) &&
                                     scene->kind != KIND_LOCAL &&
                                     !prefix_is_loopback(scene->client);
}

static const char *
authserv_id(const struct session *session)
{
    const char *id = session->message->config->spf.authserv_id;

    return id != NULL ? id : session->hostname;
}

void
look_header(struct session *session, const char *name, const char *value)
{
    struct message *m = session->message;

    if (m->headed)
        heading_read(&m->heading, name, value, authserv_id(session));
}

/* libmilter's arguments are not const, though it does not change them.  A right
 * that was not negotiated, before a reload, is no failure of the message's. */
static void
drop(SMFICTX *ctx, const char *name, uint32_t index)
{
    (void)smfi_chgheader(ctx, (char *)(uintptr_t)name, (int)index, NULL);
}

static void
insert(SMFICTX *ctx, const char *name, const char *value)
{
    (void)smfi_insheader(ctx, 0, (char *)(uintptr_t)name,
                         (char *)(uintptr_t)value);
}

/* From the last one down, so that what is left keeps its place.  Who sends more
 * of them than are kept in mind loses all of that name. */
static void
drop_forged(SMFICTX *ctx, const struct heading *heading, enum heading_name name)
{
    uint32_t forged = heading->of[name].n_forged, all = heading->of[name].n;

    if (forged <= HEADING_FORGED) {
        while (forged-- > 0)
            drop(ctx, heading_name(name), heading->of[name].forged[forged]);
        return;
    }
    for (uint32_t i = all < MOST_REMOVED ? all : MOST_REMOVED; i > 0; i--)
        drop(ctx, heading_name(name), i);
}

static void
write_heading(struct step *step, enum heading_name name)
{
    const struct session *session = step->session;
    char value[HEADING_VALUE];

    if (heading_write(name, step->config, &step->policy.scene,
                      step->facts.lookups, session->helo, authserv_id(session),
                      value))
        insert(step->ctx, heading_name(name), value);
}

/* What is inserted last stands first: the results, as RFC 8601 section 5 has
 * it. */
void
look_end(struct step *step)
{
    const struct message *m = step->session->message;

    if (!m->headed)
        return;
    for (unsigned i = 0; i < HEADINGS; i++)
        drop_forged(step->ctx, &m->heading, (enum heading_name)i);
    for (unsigned i = HEADINGS; step->facts.lookups != NULL && i > 0; i--)
        write_heading(step, (enum heading_name)(i - 1));
}

/* ----- the log */

const char *
look_spf(const struct lookups *lookups)
{
    const struct spf_finding *found = lookups->mail_from.state != LOOKUP_UNASKED
                                          ? &lookups->mail_from
                                          : &lookups->helo;

    return found->state == LOOKUP_KNOWN ? spf_result_name(found->result) : NULL;
}

const char *
look_lists(const struct lookups *lookups, const struct config *config,
           char out[LOOK_LISTS])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < config->n_dnsbls && i < LOOKUPS_LISTS; i++) {
        const struct list_finding *found = &lookups->list[i];
        const char *name = config->dnsbls[i]->name;
        size_t room = LOOK_LISTS - len;
        int n;

        if (found->state != LOOKUP_KNOWN || !found->listed)
            continue;
        n = snprintf(out + len, room, "%s%.64s", len > 0 ? "," : "", name);
        if (n < 0 || (size_t)n >= room) {
            out[len] = '\0';
            break;
        }
        len += (size_t)n;
    }
    return out;
}
