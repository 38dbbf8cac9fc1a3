/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/cast.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "u7@example.org"; the parser of the options has bounded the domain. */
static void
address(char buf[CAST_ADDRESS], char letter, uint32_t n, const char *domain)
{
    (void)snprintf(buf, CAST_ADDRESS, "%c%" PRIu32 "@%.256s", letter, n,
                   domain);
}

void
cast_client(struct cast *cast, struct plan *plan)
{
    uint32_t host = plan_next_client(plan);
    uint32_t user = plan_next_user(plan);
    struct in_addr in = {.s_addr = htonl(host)};
    const char **value = cast->macros.value;

    (void)inet_ntop(AF_INET, &in, cast->addr, sizeof(cast->addr));
    (void)snprintf(cast->client, sizeof(cast->client),
                   "host-%08" PRIx32 ".example.net", host);
    (void)snprintf(cast->verified, sizeof(cast->verified), "%s [%s]",
                   cast->client, cast->addr);
    (void)snprintf(cast->port, sizeof(cast->port), "%u", plan->port);
    memset(&cast->macros, 0, sizeof(cast->macros));
    value[MACRO_J] = "mx.example.org";
    value[MACRO_V] = "Postfix 3.7.11";
    value[MACRO_UNDERSCORE] = cast->verified;
    value[MACRO_DAEMON_NAME] = plan->daemon_name;
    value[MACRO_DAEMON_ADDR] = "192.0.2.25";
    value[MACRO_DAEMON_PORT] = cast->port;
    value[MACRO_CLIENT_ADDR] = cast->addr;
    value[MACRO_CLIENT_PORT] = "40000";
    value[MACRO_CLIENT_NAME] = cast->client;
    value[MACRO_CLIENT_PTR] = cast->client;
    value[MACRO_CLIENT_RESOLVE] = "OK";
    value[MACRO_CLIENT_CONNECTIONS] = "1";
    if (plan->tls) {
        value[MACRO_TLS_VERSION] = "TLSv1.3";
        value[MACRO_CIPHER] = "TLS_AES_256_GCM_SHA384";
        value[MACRO_CIPHER_BITS] = "256";
    }
    if (user != PLAN_NOBODY) {
        address(cast->user, 'u', user, plan->from_domain);
        value[MACRO_AUTH_TYPE] = "PLAIN";
        value[MACRO_AUTH_AUTHEN] = cast->user;
    }
}

void
cast_message(struct cast *cast, struct plan *plan)
{
    uint32_t sender = plan_next_sender(plan);
    const char **value = cast->macros.value;

    if (sender == PLAN_NOBODY && value[MACRO_AUTH_AUTHEN] != NULL)
        memcpy(cast->sender, cast->user, sizeof(cast->sender));
    else
        address(cast->sender, 's', sender == PLAN_NOBODY ? 0 : sender,
                plan->from_domain);
    (void)snprintf(cast->queue_id, sizeof(cast->queue_id), "4%010" PRIX64,
                   ++plan->serial);
    value[MACRO_MAIL_ADDR] = cast->sender;
    value[MACRO_MAIL_HOST] = plan->from_domain;
    value[MACRO_MAIL_MAILER] = "smtp";
    value[MACRO_I] = NULL;
}

void
cast_rcpt(struct cast *cast, const struct plan *plan, uint32_t rcpt,
          uint32_t accepted)
{
    const char **value = cast->macros.value;

    address(cast->to, 'r', rcpt, plan->to_domain);
    value[MACRO_RCPT_ADDR] = cast->to;
    value[MACRO_RCPT_HOST] = plan->to_domain;
    value[MACRO_RCPT_MAILER] = "smtp";
    if (accepted > 0)
        value[MACRO_I] = cast->queue_id;
}

void
cast_data(struct cast *cast)
{
    cast->macros.value[MACRO_I] = cast->queue_id;
}
