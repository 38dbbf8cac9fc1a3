/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/checks.h"

#include <string.h>
#include <unistd.h>

const struct check checks[] = {
    {"daemon", 0, check_daemon},
    {"config", 0, check_config},
    {"health", NEEDS_DAEMON, check_health},
    {"store", NEEDS_CONFIG, check_store},
    {"keys", NEEDS_CONFIG, check_keys},
    {"keys", NEEDS_POSTFIX, check_keys_postfix},
    {"keys", NEEDS_SENDMAIL, check_keys_sendmail},
    {"clock", 0, check_clock},

    {"socket", NEEDS_CONFIG, check_socket},
    {"socket", NEEDS_CONFIG | NEEDS_POSTFIX | NEEDS_ROOT, check_socket_postfix},
    {"socket", NEEDS_CONFIG | NEEDS_SENDMAIL, check_socket_sendmail},
    {"milter", NEEDS_CONFIG | NEEDS_POSTFIX, check_milter_postfix},
    {"milter", NEEDS_CONFIG | NEEDS_SENDMAIL, check_milter_sendmail},
    {"away", NEEDS_CONFIG | NEEDS_POSTFIX, check_action_postfix},
    {"away", NEEDS_CONFIG | NEEDS_SENDMAIL, check_action_sendmail},
    {"order", NEEDS_CONFIG | NEEDS_POSTFIX, check_order_postfix},
    {"order", NEEDS_CONFIG | NEEDS_SENDMAIL, check_order_sendmail},
    {"twice", NEEDS_CONFIG | NEEDS_POSTFIX, check_twice_postfix},
    {"macros", NEEDS_SEEN, check_macros},
    {"filter", NEEDS_CONFIG | NEEDS_SEEN, check_filter},

    {"auth", NEEDS_CONFIG | NEEDS_POSTFIX, check_auth_postfix},
    {"auth", NEEDS_CONFIG | NEEDS_SENDMAIL, check_auth_sendmail},
    {"newline", NEEDS_POSTFIX, check_newline},
    {"rules", NEEDS_POSTFIX, check_rules},
    {"rules", NEEDS_SENDMAIL, check_features},
    {"networks", NEEDS_POSTFIX, check_networks_postfix},
    {"networks", NEEDS_SENDMAIL, check_networks_sendmail},
    {"networks", NEEDS_CONFIG, check_gateway},
    {"crowds", NEEDS_SEEN, check_crowds},
    {"certificates", NEEDS_CONFIG, check_certificates},
    {"certificates", NEEDS_POSTFIX, check_certificates_postfix},
    {"certificates", NEEDS_SENDMAIL, check_certificates_sendmail},

    {"dns", 0, check_dns},
    {"listed", NEEDS_CONFIG, check_listed},
    {"relay", 0, check_relay},
    {"proxy", 0, check_proxy},
    {.name = NULL},
};

/* Is CHECK about the other MTA than the one that is here?  Where there is none
 * at all, one of the two says so. */
static bool
is_foreign(const struct check *check, const struct patient *p)
{
    if ((check->needs & NEEDS_SENDMAIL) != 0)
        return p->mta != PATIENT_SENDMAIL;
    return (check->needs & NEEDS_POSTFIX) != 0 && p->mta == PATIENT_SENDMAIL;
}

/* What CHECK needs and is not there; NULL: nothing. */
static const char *
find_missing(const struct check *check, const struct patient *p)
{
    const struct {
        unsigned need;
        bool missing;
        const char *text;
    } rows[] = {
        {NEEDS_POSTFIX, p->postfix == NULL, p->no_mta.text},
        {NEEDS_SENDMAIL, p->sendmail == NULL, p->no_mta.text},
        {NEEDS_CONFIG, p->config == NULL,
         "the configuration cannot be read: mortsafectl doctor config tells "
         "why"},
        {NEEDS_DAEMON | NEEDS_SEEN, p->status == NULL, p->no_daemon.text},
        {NEEDS_SEEN, p->seen == NULL, p->no_seen.text},
        {NEEDS_ROOT, geteuid() != 0, "only root may look"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((check->needs & rows[i].need) != 0 && rows[i].missing)
            return rows[i].text;
    }
    return NULL;
}

void
check_run(const struct check *check, struct patient *patient)
{
    const char *missing;

    if (is_foreign(check, patient))
        return;
    patient->findings.check = check->name;
    missing = find_missing(check, patient);
    if (missing != NULL)
        finding_skip(&patient->findings, "%s", missing);
    else
        check->look(patient);
}
