/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/daemon.c - what the daemon knows, of itself and of the MTA. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/doctor/checks.h"
#include "ctl/field.h"

enum { FILTERED = 20 /* messages with a login, before a word about it */ };

void
check_daemon(struct patient *p)
{
    if (p->status == NULL)
        finding_bad(&p->findings, FINDING_FAIL,
                    "systemctl start mortsafe.socket mortsafe.service",
                    "mortsafe does not answer: %s", p->no_daemon.text);
    else
        finding_ok(&p->findings, "mortsafe %s runs, mode %s",
                   field_text(p->status, "version"),
                   field_text(p->status, "mode"));
}

void
check_config(struct patient *p)
{
    char cure[FINDING_CURE];

    (void)snprintf(cure, sizeof(cure), "mortsafectl check %.1000s", p->path);
    if (p->config == NULL)
        finding_bad(&p->findings, FINDING_FAIL, cure, "%s", p->no_config.text);
    else
        finding_ok(&p->findings, "%s has no errors", p->path);
}

/* ----- how it is */

void
check_health(struct patient *p)
{
    const json_t *row;
    size_t i;

    json_array_foreach(field_at(p->status, "health"), i, row)
    {
        const char *state = field_text(row, "state");
        const char *name = field_text(row, "name");

        if (strcmp(state, "ok") == 0)
            finding_ok(&p->findings, "%s: %s", name, field_text(row, "text"));
        else
            finding_bad(
                &p->findings,
                strcmp(state, "error") == 0 ? FINDING_FAIL : FINDING_WARN,
                "mortsafectl status", "%s: %s", name, field_text(row, "text"));
    }
}

/* ----- what the MTA has shown */

static const struct {
    const char *stage, *option, *names;
} stages[] = {
    {"connect", "CONNECT",
     "j, v, _, {daemon_name}, {daemon_port}, {daemon_addr}, {daemon_flags}, "
     "{client_addr}, {if_name}, {if_addr}"},
    {"mail", "ENVFROM",
     "j, i, {mail_addr}, {mail_host}, {mail_mailer}, {auth_type}, "
     "{auth_authen}, {tls_version}"},
    {"rcpt", "ENVRCPT", "i, {rcpt_mailer}, {rcpt_host}, {rcpt_addr}"},
    {"end", "EOM", "j, i, {msg_id}"},
};

/* Postfix tells them unless it is told not to; a Sendmail before 8.14 has to be
 * told which of STAGE. */
static void
write_macro_cure(const struct patient *p, const char *stage,
                 char cure[FINDING_CURE])
{
    char set[PATIENT_COMMAND], reload[PATIENT_COMMAND];

    (void)snprintf(cure, FINDING_CURE, "mortsafectl setup %s",
                   p->mta == PATIENT_SENDMAIL ? "sendmail" : "postfix");
    if (p->mta == PATIENT_POSTFIX)
        (void)snprintf(cure, FINDING_CURE,
                       "%s -X milter_protocol milter_macro_daemon_name "
                       "milter_macro_v\n%s",
                       patient_postconf(p, set), patient_reload(p, reload));
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        if (p->mta == PATIENT_SENDMAIL && strcmp(stages[i].stage, stage) == 0)
            (void)snprintf(cure, FINDING_CURE,
                           "sed -i '1,/^MAILER/s/^MAILER/define("
                           "`confMILTER_MACROS_%s'\\'', `%s'\\'')dnl\\n&/' "
                           "/etc/mail/sendmail.mc\n"
                           "make -C /etc/mail && systemctl restart sendmail",
                           stages[i].option, stages[i].names);
    }
}

void
check_macros(struct patient *p)
{
    const json_t *row;
    char cure[FINDING_CURE];
    long long wrong = 0, asked = 0;
    size_t i;

    json_array_foreach(field_at(p->seen, "macros"), i, row)
    {
        long long missing = field_int(row, "missing");

        asked += field_int(row, "asked");
        if (missing == 0)
            continue;
        wrong++;
        write_macro_cure(p, field_text(row, "stage"), cure);
        finding_bad(&p->findings,
                    missing == field_int(row, "asked") ? FINDING_FAIL
                                                       : FINDING_WARN,
                    cure,
                    "%s did not come at %s in %lld of %lld cases: mortsafe "
                    "does not know what it tells",
                    field_text(row, "name"), field_text(row, "stage"), missing,
                    (long long)field_int(row, "asked"));
    }
    if (asked == 0)
        finding_skip(&p->findings, "the MTA has not asked since %s",
                     field_text(p->seen, "since"));
    else if (wrong == 0)
        finding_ok(&p->findings, "all macros come that mortsafe decides by");
}

/* May CLIENT still relay, by the configuration of now? */
static bool
may_relay(const struct patient *p, struct prefix client)
{
    uint32_t index;

    return p->config == NULL ||
           (nettree_longest(p->config->nets, client, &index) &&
            p->config->networks[index]->relay == RELAY_ANY);
}

void
check_crowds(struct patient *p)
{
    const json_t *row, *list = field_at(p->seen, "crowds");
    char cure[FINDING_CURE];
    size_t i, wrong = 0;

    json_array_foreach(list, i, row)
    {
        const char *text = field_text(row, "client");
        struct prefix client;

        if (prefix_parse(text, &client, NULL) != MS_OK || !may_relay(p, client))
            continue;
        patient_untrust(p, client, cure);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s (network %s) may relay, and has said at least %lld "
                    "HELO names and %lld foreign sender domains today: others "
                    "come through it (if all of them may relay, give the "
                    "network class = gateway)",
                    text, field_text(row, "network"),
                    (long long)field_int(row, "helo"),
                    (long long)field_int(row, "domains"));
        wrong++;
    }
    if (wrong == 0)
        finding_ok(&p->findings, "no trusted address has several machines "
                                 "behind it");
}

void
check_filter(struct patient *p)
{
    long long logins = (long long)field_int(p->seen, "filter.logins");
    long long verdicts = (long long)field_int(p->seen, "filter.verdicts");

    if (p->config->n_zombies == 0 || p->config->verdict.n_headers == 0)
        finding_skip(&p->findings, "no rule of zombies reads a filter's "
                                   "verdict");
    else if (logins < FILTERED)
        finding_skip(&p->findings,
                     "%lld messages with a login since %s are "
                     "too few to tell",
                     logins, field_text(p->seen, "since"));
    else if (verdicts == 0)
        finding_bad(&p->findings, FINDING_WARN,
                    "echo 'skip_authenticated = false;' >> "
                    "/etc/rspamd/local.d/milter_headers.conf\n"
                    "systemctl reload rspamd",
                    "none of %lld messages with a login had a verdict of a "
                    "content filter: does it leave them out, as rspamd does "
                    "unless told otherwise?",
                    logins);
    else
        finding_ok(&p->findings,
                   "%lld of %lld messages with a login had a "
                   "filter's verdict",
                   verdicts, logins);
}
