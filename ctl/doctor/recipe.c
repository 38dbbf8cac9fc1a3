/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/recipe.h"

#include <stdio.h>
#include <string.h>

static bool
fits(int n)
{
    return n > 0 && n < RECIPE_TEXT;
}

/* The path in SOCKET, or NULL. */
static const char *
path_of(const char *socket)
{
    if (strncmp(socket, "local:", 6) == 0)
        return socket + 6;
    return strncmp(socket, "unix:", 5) == 0 ? socket + 5 : NULL;
}

bool
recipe_endpoint(const char *socket, const char *queue, bool chrooted,
                char out[RECIPE_TEXT])
{
    const char *path = path_of(socket), *at = strchr(socket, '@');
    size_t len = strlen(queue);

    if (path != NULL && chrooted) {
        if (len == 0 || strncmp(path, queue, len) != 0 || path[len] != '/')
            return false;
        path += len;
    }
    if (path != NULL)
        return fits(snprintf(out, RECIPE_TEXT, "unix:%s", path));
    if (at == NULL)
        return false;
    if (strncmp(socket, "inet:", 5) == 0)
        return fits(snprintf(out, RECIPE_TEXT, "inet:%s:%.*s", at + 1,
                             (int)(at - socket - 5), socket + 5));
    if (strncmp(socket, "inet6:", 6) == 0)
        return fits(snprintf(out, RECIPE_TEXT, "inet:[%s]:%.*s", at + 1,
                             (int)(at - socket - 6), socket + 6));
    return false;
}

bool
recipe_milter(const char *endpoint, char out[RECIPE_TEXT])
{
    return fits(snprintf(out, RECIPE_TEXT,
                         "{ %s, default_action=tempfail, connect_timeout=10s, "
                         "command_timeout=20s }",
                         endpoint));
}

bool
recipe_socket(const char *socket, char out[RECIPE_TEXT])
{
    const char *path = path_of(socket);

    if (path != NULL)
        return fits(snprintf(out, RECIPE_TEXT, "local:%s", path));
    return strncmp(socket, "inet", 4) == 0 &&
           fits(snprintf(out, RECIPE_TEXT, "%s", socket));
}

/* ----- services and daemons */

static const char *const mx_options[] = {"smtpd_sasl_auth_enable=no", NULL};
static const char *const submission_options[] = {
    "syslog_name=postfix/submission",
    "smtpd_tls_security_level=may",
    "smtpd_tls_auth_only=yes",
    "smtpd_sasl_auth_enable=yes",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    NULL};
static const char *const submissions_options[] = {
    "syslog_name=postfix/submissions", "smtpd_tls_wrappermode=yes",
    "smtpd_sasl_auth_enable=yes",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject", NULL};

const struct recipe_service recipe_services[] = {
    {"mx", "smtp", 25, "mail from other servers, no logins", mx_options},
    {"submission", "submission", 587,
     "mail programs, with a login after "
     "STARTTLS",
     submission_options},
    {"submissions", "submissions", 465, "the same with TLS from the first byte",
     submissions_options},
};
const size_t recipe_services_count =
    sizeof(recipe_services) / sizeof(recipe_services[0]);

const struct recipe_daemon recipe_daemons[] = {
    {"mx", "MTA", "A", 25},
    {"submission", "MSA", "Ea", 587},
    {"submissions", "MSAS", "sEa", 465},
};
const size_t recipe_daemons_count =
    sizeof(recipe_daemons) / sizeof(recipe_daemons[0]);
