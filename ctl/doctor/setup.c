/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/setup.c - setup: the MTA's side, for this host, to be pasted. */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/doctor/patient.h"
#include "ctl/doctor/recipe.h"
#include "ctl/doctor/socket.h"

enum { FILTERS = 2048 };

#define DEFAULT_SOCKET "local:/var/spool/postfix/mortsafe/milter.sock"
#define DEFAULT_QUEUE "/var/spool/postfix"

static void print(const struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
print(const struct out *out, const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    out_verbatim(out, OUT_PLAIN, "%s", text);
}

static const char *
socket_of(const struct patient *p)
{
    return p->config != NULL ? p->config->socket : DEFAULT_SOCKET;
}

/* The port of mortsafe's listener NAME, or PRESET. */
static unsigned
port_of(const struct patient *p, const char *name, unsigned preset)
{
    for (size_t i = 0; p->config != NULL && i < p->config->n_listeners; i++) {
        const struct listener *one = p->config->listeners[i];

        if (strcmp(one->name, name) == 0 && one->n_ports > 0)
            return one->ports[0];
    }
    return preset;
}

/* ----- Postfix */

/* The chroot column of the service with PORT, as it stands; else Debian's. */
static char
chroot_of(const struct patient *p, unsigned port)
{
    for (size_t i = 0; p->postfix != NULL && i < postconf_services(p->postfix);
         i++) {
        const struct postconf_service *one = postconf_at(p->postfix, i);

        if (postconf_smtpd(p->postfix, one) != NULL && one->port == port)
            return postconf_chroot(p->postfix, one) ? 'y' : 'n';
    }
    return 'y';
}

/* The milters that there are, with mortsafe behind them in place of what it
 * was. */
static bool
write_milters(const struct patient *p, const char *endpoint, const char *root,
              char out[FILTERS])
{
    const char *at = p->postfix != NULL
                         ? postconf_get(p->postfix, NULL, "smtpd_milters")
                         : "";
    char word[WORDS_TEXT], ours[RECIPE_TEXT];
    struct postconf_milter one;
    size_t len = 0;

    while (words_next(&at, word) && len < FILTERS) {
        const char *inside = word;

        if (postconf_milter(&inside, &one) &&
            socket_is(socket_of(p), one.endpoint, root))
            continue;
        len += (size_t)snprintf(
            out + len, FILTERS - len,
            strpbrk(word, ", \t") != NULL ? "{ %s }, " : "%s, ", word);
    }
    return len < FILTERS && recipe_milter(endpoint, ours) &&
           snprintf(out + len, FILTERS - len, "%s", ours) <
               (int)(FILTERS - len);
}

/* All in one chroot, or none: smtpd_milters names the socket once for all. */
static void
print_service(const struct patient *p, const struct recipe_service *service,
              bool chrooted)
{
    const struct out *out = p->call->out;
    unsigned port = port_of(p, service->listener, service->port);
    char name[16];

    (void)snprintf(name, sizeof(name), "%u", port);
    print(out, "# port %u: %s", port, service->remark);
    print(out, "%-11s inet n - %c - - smtpd",
          port == service->port ? service->name : name, chrooted ? 'y' : 'n');
    for (const char *const *one = service->options; *one != NULL; one++)
        print(out, "  -o %s", *one);
}

static int
setup_postfix(const struct patient *p)
{
    const struct out *out = p->call->out;
    const char *queue = p->postfix != NULL
                            ? postconf_get(p->postfix, NULL, "queue_directory")
                            : DEFAULT_QUEUE;
    const char *folder = p->mta_config != NULL ? p->mta_config : "/etc/postfix";
    const bool chrooted = chroot_of(p, port_of(p, "mx", 25)) == 'y';
    char endpoint[RECIPE_TEXT], milters[FILTERS];

    if (!recipe_endpoint(socket_of(p), queue, chrooted, endpoint) ||
        !write_milters(p, endpoint, chrooted ? queue : "", milters)) {
        out_complain(out,
                     "Postfix, chrooted to %s, does not reach socket = %s: set "
                     "socket = local:%s/mortsafe/milter.sock",
                     queue, socket_of(p), queue);
        return CTL_NO;
    }
    print(out, "# Into %s/main.cf, in place of a smtpd_milters that is there:",
          folder);
    print(out, "smtpd_milters = %s", milters);
    print(out, "milter_protocol = 6");
    print(out, "smtpd_forbid_bare_newline = yes");
    print(out, "%s", "");
    print(out,
          "# Into %s/master.cf, in place of the same services there:", folder);
    for (size_t i = 0; i < recipe_services_count; i++)
        print_service(p, &recipe_services[i], chrooted);
    print(out, "%s", "");
    print(out, "# Then, as root:");
    print(out, "#   postfix check && postfix reload && mortsafectl doctor");
    return CTL_OK;
}

/* ----- Sendmail */

/* The names of the filters that there are, with mortsafe behind them. */
static void
write_filters(const struct patient *p, char out[FILTERS])
{
    const char *at = p->sendmail != NULL && p->sendmail->n_daemons > 0
                         ? p->sendmail->daemon[0].filters
                         : "";
    size_t len = 0;

    while (*at != '\0' && len < FILTERS - 64) {
        size_t n = strcspn(at, ";, \t");
        char name[64];
        const struct sendmail_filter *filter;

        (void)snprintf(name, sizeof(name), "%.*s", (int)(n < 63 ? n : 63), at);
        filter = n > 0 ? sendmail_cf_filter(p->sendmail, name) : NULL;
        if (filter != NULL && !socket_is(socket_of(p), filter->socket, "") &&
            strcmp(name, "mortsafe") != 0)
            len += (size_t)snprintf(out + len, FILTERS - len, "%s;", name);
        at += n + (at[n] != '\0' ? 1 : 0);
    }
    (void)snprintf(out + len, FILTERS - len, "mortsafe");
}

static int
setup_sendmail(const struct patient *p)
{
    const struct out *out = p->call->out;
    char socket[RECIPE_TEXT], filters[FILTERS];

    if (!recipe_socket(socket_of(p), socket)) {
        out_complain(out,
                     "Sendmail does not reach socket = %s: set socket = "
                     "local:/run/mortsafe/milter.sock",
                     socket_of(p));
        return CTL_NO;
    }
    write_filters(p, filters);
    print(out, "dnl Into /etc/mail/sendmail.mc, before the MAILER lines and in "
               "place of the");
    print(out, "dnl DAEMON_OPTIONS lines that are there:");
    print(out,
          "MAIL_FILTER(`mortsafe', `S=%s, F=T, T=C:10s;S:10s;R:30s;E:2m')dnl",
          socket);
    print(out, "FEATURE(`no_default_msa')dnl");
    for (size_t i = 0; i < recipe_daemons_count; i++) {
        const struct recipe_daemon *one = &recipe_daemons[i];

        print(out,
              "DAEMON_OPTIONS(`Name=%s, Family=inet, Port=%u, Modify=%s, "
              "InputMailFilters=%s')dnl",
              one->name, port_of(p, one->listener, one->port), one->modify,
              filters);
    }
    print(out, "define(`confAUTH_OPTIONS', `A p')dnl");
    print(out, "dnl Then, as root:");
    print(out, "dnl   make -C /etc/mail && systemctl restart sendmail && "
               "mortsafectl doctor");
    return CTL_OK;
}

int
cmd_setup(const struct call *call)
{
    const bool postfix = strcmp(call_word(call, 0), "postfix") == 0;
    struct patient patient;
    int code = patient_start_for(
        call, postfix ? PATIENT_POSTFIX : PATIENT_SENDMAIL, &patient);

    if (code == CTL_OK)
        code = postfix ? setup_postfix(&patient) : setup_sendmail(&patient);
    patient_end(&patient);
    return code;
}
