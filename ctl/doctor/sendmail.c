/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/sendmail.c - what sendmail.cf says. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/doctor/checks.h"
#include "ctl/doctor/socket.h"

/* sendmail.cf is made of sendmail.mc, where it has to be changed. */
static const char remake[] =
    "mortsafectl setup sendmail  # paste it into /etc/mail/sendmail.mc\n"
    "make -C /etc/mail && systemctl restart sendmail";

/* The same with an edit of sendmail.mc in front. */
static void
write_edit(char cure[FINDING_CURE], const char *edit)
{
    (void)snprintf(cure, FINDING_CURE,
                   "%s\nmake -C /etc/mail && systemctl restart sendmail", edit);
}

/* Is a filter of this name mortsafe? */
static bool
is_ours(const struct patient *p, const char *name)
{
    const struct sendmail_filter *filter =
        sendmail_cf_filter(p->sendmail, name);

    return filter != NULL && socket_is(patient_socket(p), filter->socket, "");
}

/* The filters of a daemon, one after the other: apart by commas or, in a
 * daemon's own list, semicolons. */
static bool
next_filter(const char **at, char out[64])
{
    size_t len;

    *at += strspn(*at, ";, \t");
    len = strcspn(*at, ";, \t");
    (void)snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), *at);
    *at += len;
    return len > 0;
}

/* mortsafe among DAEMON's filters: its name, and the one behind it ("": none).
 */
static bool
find_ours(const struct patient *p, const struct sendmail_daemon *daemon,
          char ours[64], char behind[64])
{
    const char *at = daemon->filters;

    behind[0] = '\0';
    while (next_filter(&at, ours)) {
        if (is_ours(p, ours)) {
            (void)next_filter(&at, behind);
            return true;
        }
    }
    return false;
}

/* A daemon that takes mail from others, and its listener. */
static const struct listener *
listener_of(const struct patient *p, const struct sendmail_daemon *daemon)
{
    const struct listener *one = patient_listener(p, daemon->port);

    return one != NULL && !one->skip ? one : NULL;
}

static void
look_at_daemon(struct patient *p, const struct sendmail_daemon *daemon)
{
    const struct listener *listener = listener_of(p, daemon);
    char ours[64], behind[64];

    if (find_ours(p, daemon, ours, behind))
        finding_ok(&p->findings, "%s, port %u (%s) asks mortsafe", daemon->name,
                   daemon->port,
                   listener != NULL ? listener->name : "no listener");
    else if (listener != NULL)
        finding_bad(&p->findings, FINDING_FAIL, remake,
                    "%s, port %u (%s) does not ask mortsafe: nothing is "
                    "checked there",
                    daemon->name, daemon->port, listener->name);
    else if (!daemon->loopback)
        finding_bad(&p->findings, FINDING_WARN, remake,
                    "%s takes mail at port %u and does not ask mortsafe, which "
                    "knows no listener with that port",
                    daemon->name, daemon->port);
}

void
check_milter_sendmail(struct patient *p)
{
    for (size_t i = 0; i < p->sendmail->n_daemons; i++)
        look_at_daemon(p, &p->sendmail->daemon[i]);
    if (p->sendmail->n_daemons == 0)
        finding_bad(&p->findings, FINDING_WARN, remake,
                    "%s names no daemon: Sendmail listens on 25 and 587 as it "
                    "likes",
                    p->cf);
}

void
check_action_sendmail(struct patient *p)
{
    char cure[FINDING_CURE];

    for (size_t i = 0; i < p->sendmail->n_filters; i++) {
        const struct sendmail_filter *one = &p->sendmail->filter[i];

        if (!is_ours(p, one->name))
            continue;
        (void)snprintf(cure, sizeof(cure),
                       "sed -i \"/MAIL_FILTER(.%s/s/S=[^,']*/&, F=T/\" "
                       "/etc/mail/sendmail.mc\n"
                       "make -C /etc/mail && systemctl restart sendmail",
                       one->name);
        if (one->on_failure == '\0')
            finding_bad(&p->findings, FINDING_FAIL, cure,
                        "filter %s has no F=T: while mortsafe is away all mail "
                        "passes without any check",
                        one->name);
        else if (one->on_failure == 'R')
            finding_bad(&p->findings, FINDING_WARN, remake,
                        "filter %s has F=R: while mortsafe is away mail is "
                        "refused for good, and its senders lose it",
                        one->name);
        else
            finding_ok(&p->findings,
                       "while mortsafe is away clients are put "
                       "off (F=%c)",
                       one->on_failure);
    }
}

static bool
signs(const struct patient *p, const char *name)
{
    const struct sendmail_filter *filter =
        sendmail_cf_filter(p->sendmail, name);

    return strstr(name, "dkim") != NULL ||
           (filter != NULL && (strstr(filter->socket, "dkim") != NULL ||
                               strstr(filter->socket, ":8891") != NULL));
}

void
check_order_sendmail(struct patient *p)
{
    size_t found = 0, wrong = 0;

    for (size_t i = 0; i < p->sendmail->n_daemons; i++) {
        const struct sendmail_daemon *one = &p->sendmail->daemon[i];
        char ours[64], behind[64];

        if (!find_ours(p, one, ours, behind))
            continue;
        found++;
        if (behind[0] == '\0' || signs(p, behind))
            continue;
        wrong++;
        finding_bad(&p->findings, FINDING_WARN, remake,
                    "%s asks %s behind mortsafe: its verdict cannot be read, "
                    "and what it refuses has been counted by then",
                    one->name, behind);
    }
    if (found > 0 && wrong == 0)
        finding_ok(&p->findings, "mortsafe is asked behind filters");
}

/* ----- logins */

/* Does DAEMON offer AUTH?  A in Modify forbids it. */
static bool
offers_auth(const struct patient *p, const struct sendmail_daemon *daemon)
{
    return p->sendmail->auth_mechanisms[0] != '\0' &&
           strchr(daemon->modify, 'A') == NULL;
}

void
check_auth_sendmail(struct patient *p)
{
    const struct sendmail_cf *cf = p->sendmail;
    bool plain = strchr(cf->auth_options, 'p') == NULL;
    char cure[FINDING_CURE];
    size_t wrong = 0;

    for (size_t i = 0; i < cf->n_daemons; i++) {
        const struct sendmail_daemon *one = &cf->daemon[i];
        const struct listener *listener = listener_of(p, one);

        if (!offers_auth(p, one))
            continue;
        if (plain && strchr(one->modify, 's') == NULL) {
            write_edit(cure, "sed -i '1,/^MAILER/s/^MAILER/define("
                             "`confAUTH_OPTIONS'\\'', `A p'\\'')dnl\\n&/' "
                             "/etc/mail/sendmail.mc");
            finding_bad(&p->findings, FINDING_FAIL, cure,
                        "%s, port %u offers AUTH without TLS: passwords can be "
                        "read on the way",
                        one->name, one->port);
            wrong++;
        }
        if (listener != NULL ? listener->auth == AUTH_FORBID
                             : one->port == 25) {
            finding_bad(&p->findings, FINDING_WARN, remake,
                        "%s, port %u offers AUTH, where mail from other "
                        "servers comes in: passwords are tried there day and "
                        "night; mail programs have 587 and 465",
                        one->name, one->port);
            wrong++;
        }
    }
    if (wrong == 0)
        finding_ok(&p->findings,
                   "AUTH is offered with TLS, and not to other servers");
}

/* ----- relaying */

static const struct {
    const char *name;
    enum finding_state state;
    const char *means;
} features[] = {
    {"promiscuous_relay", FINDING_FAIL, "relays for anybody"},
    {"relay_local_from", FINDING_FAIL,
     "relays for whoever claims a sender of yours"},
    {"loose_relay_check", FINDING_WARN,
     "looks only at the last hop of an address"},
    {"relay_based_on_MX", FINDING_WARN,
     "relays for every domain that names this host in its MX"},
};

void
check_features(struct patient *p)
{
    const struct sendmail_cf *cf = p->sendmail;
    char cure[FINDING_CURE], edit[256];

    for (size_t i = 0; i < cf->n_features; i++) {
        for (size_t k = 0; k < sizeof(features) / sizeof(features[0]); k++) {
            if (strcmp(cf->feature[i], features[k].name) != 0)
                continue;
            (void)snprintf(edit, sizeof(edit),
                           "sed -i '/^FEATURE(.%s/d' /etc/mail/sendmail.mc",
                           features[k].name);
            write_edit(cure, edit);
            finding_bad(&p->findings, features[k].state, cure,
                        "FEATURE(%s): Sendmail itself %s while mortsafe only "
                        "observes",
                        features[k].name, features[k].means);
        }
    }
    if (cf->n_features == 0)
        finding_ok(&p->findings, "Sendmail's own rules refuse to relay");
}
