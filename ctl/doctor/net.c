/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/net.c - how the world sees this host: by name, on lists, and as a
 * relay or proxy. */
#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ctl/doctor/checks.h"
#include "ctl/listed/lists.h"
#include "ctl/listed/mine.h"
#include "ctl/pace.h"
#include "ctl/relay/own.h"
#include "ctl/relay/proxy.h"
#include "ctl/relay/relay.h"
#include "policy/dns/resolver.h"

enum {
    ANSWER_MS = 5000,
    ADDRESSES = 8, /* of this host that are looked up */
    RELAY_S = 60,
    PROXY_S = 30,
    PROXY_MS = 2000,
    SERVERS = 8
};

/* ----- one question, and its answer */

struct asking {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t come;
    bool done;
    enum resolver_status status;
    enum resolver_type type;
    char name[RESOLVER_NAME]; /* the first of PTR */
    struct prefix address[RESOLVER_RECORDS];
    size_t n;
};

/* An A or AAAA record. */
static void
take_address(struct asking *asking, const struct resolver_record *record)
{
    size_t size = asking->type == RESOLVER_A ? 4 : 16;
    struct prefix *out = &asking->address[asking->n];

    if (record->length != size)
        return;
    *out = (struct prefix){.family = size == 4 ? 4 : 6,
                           .len = (uint8_t)(8 * size)};
    memcpy(out->addr, record->data, size);
    asking->n++;
}

static void
hear(void *arg, const struct resolver_answer *answer)
{
    struct asking *asking = arg;

    (void)pthread_mutex_lock(&asking->lock);
    asking->status = answer->status;
    for (size_t i = 0; i < answer->n && asking->n < RESOLVER_RECORDS; i++) {
        const struct resolver_record *record = &answer->record[i];

        if (asking->type != RESOLVER_PTR)
            take_address(asking, record);
        else if (asking->name[0] == '\0')
            (void)resolver_name(record->data, record->length, asking->name);
    }
    asking->done = true;
    (void)pthread_cond_signal(&asking->come);
    (void)pthread_mutex_unlock(&asking->lock);
}

/* The resolver calls back by its deadline in any case. */
static enum resolver_status
ask(struct resolver *resolver, const char *name, enum resolver_type type,
    struct asking *out)
{
    struct resolver_question *question = NULL;
    struct mono deadline = {pace_now().ms + ANSWER_MS};

    *out = (struct asking){.type = type, .status = RESOLVER_FAILED};
    (void)pthread_mutex_init(&out->lock, NULL);
    (void)pthread_cond_init(&out->come, NULL);
    if (resolver_ask(resolver, name, type, deadline, hear, out, &question) ==
        MS_OK) {
        (void)pthread_mutex_lock(&out->lock);
        while (!out->done)
            (void)pthread_cond_wait(&out->come, &out->lock);
        (void)pthread_mutex_unlock(&out->lock);
        resolver_forget(question);
    }
    (void)pthread_cond_destroy(&out->come);
    (void)pthread_mutex_destroy(&out->lock);
    return out->status;
}

/* ----- names and addresses */

/* "7.2.0.192.in-addr.arpa" */
static void
reverse_name(struct prefix address, char out[RESOLVER_NAME])
{
    size_t len = 0;

    if (address.family == 4) {
        (void)snprintf(out, RESOLVER_NAME, "%u.%u.%u.%u.in-addr.arpa",
                       address.addr[3], address.addr[2], address.addr[1],
                       address.addr[0]);
        return;
    }
    for (int i = 15; i >= 0; i--)
        len += (size_t)snprintf(out + len, RESOLVER_NAME - len, "%x.%x.",
                                address.addr[i] & 15, address.addr[i] >> 4);
    (void)snprintf(out + len, RESOLVER_NAME - len, "ip6.arpa");
}

/* Does NAME lead back to ADDRESS? */
static bool
leads_back(struct resolver *resolver, const char *name, struct prefix address)
{
    struct asking forward;

    (void)ask(resolver, name, address.family == 4 ? RESOLVER_A : RESOLVER_AAAA,
              &forward);
    for (size_t i = 0; i < forward.n; i++) {
        if (prefix_covers(address, forward.address[i]))
            return true;
    }
    return false;
}

static void
look_at_address(struct patient *p, struct resolver *resolver,
                struct prefix address)
{
    char name[RESOLVER_NAME], text[PREFIX_TEXT], look[256];
    struct asking back;
    enum resolver_status status;

    (void)prefix_print(address, text);
    reverse_name(address, name);
    (void)snprintf(look, sizeof(look),
                   "dig -x %s  # have whoever gave you the address set it",
                   text);
    status = ask(resolver, name, RESOLVER_PTR, &back);
    if (status == RESOLVER_FAILED)
        finding_bad(&p->findings, FINDING_WARN, look,
                    "nobody answers for the name of %s", text);
    else if (back.name[0] == '\0')
        finding_bad(&p->findings, FINDING_WARN, look,
                    "%s has no name (PTR): many servers take no mail from it",
                    text);
    else if (!leads_back(resolver, back.name, address))
        finding_bad(&p->findings, FINDING_WARN, look,
                    "%s is called %s, which does not lead back to it", text,
                    back.name);
    else
        finding_ok(&p->findings, "%s is %s, and back", text, back.name);
}

/* What the MTA greets with. */
static void
look_at_hostname(struct patient *p, struct resolver *resolver)
{
    char name[256] = "", look[300];
    struct asking v4, v6;

    (void)gethostname(name, sizeof(name) - 1);
    if (p->mta == PATIENT_POSTFIX && p->postfix != NULL)
        (void)snprintf(name, sizeof(name), "%.255s",
                       postconf_get(p->postfix, NULL, "myhostname"));
    (void)snprintf(look, sizeof(look), "dig %.255s", name);
    (void)ask(resolver, name, RESOLVER_A, &v4);
    (void)ask(resolver, name, RESOLVER_AAAA, &v6);
    if (v4.status == RESOLVER_FAILED && v6.status == RESOLVER_FAILED)
        finding_bad(&p->findings, FINDING_FAIL, "cat /etc/resolv.conf",
                    "the DNS does not answer for %s: is there a resolver that "
                    "works?",
                    name);
    else if (v4.n + v6.n == 0)
        finding_bad(&p->findings, FINDING_WARN, look,
                    "the DNS knows no address of %s, the name of this server",
                    name);
    else
        finding_ok(&p->findings, "the DNS knows %s", name);
}

/* The values of --server. */
static size_t
servers_of(const struct patient *p, const char *out[SERVERS])
{
    size_t n = 0;

    while (n < SERVERS &&
           (out[n] = call_option_nth(p->call, "server", n)) != NULL)
        n++;
    return n;
}

void
check_dns(struct patient *p)
{
    const char *server[SERVERS];
    struct resolver_options options = {.servers = server, .now = pace_now};
    struct resolver *resolver = NULL;
    struct mine mine = {.n = 0};
    struct why why;

    options.n_servers = servers_of(p, server);
    if (options.n_servers == 0 && p->config != NULL) {
        options.servers = (const char *const *)p->config->resolver.servers;
        options.n_servers = p->config->resolver.n_servers;
    }
    if (resolver_create(&options, &resolver, &why) != MS_OK) {
        finding_bad(&p->findings, FINDING_FAIL, "cat /etc/resolv.conf",
                    "no resolver: %s", why.text);
        return;
    }
    look_at_hostname(p, resolver);
    if (mine_interfaces(&mine, &why) != MS_OK)
        finding_skip(&p->findings, "this host's addresses: %s", why.text);
    for (size_t i = 0; i < mine.n && i < ADDRESSES; i++)
        look_at_address(p, resolver, mine.address[i]);
    resolver_destroy(resolver);
}

/* ----- lists */

static void
hear_host(void *arg, const char *text)
{
    struct patient *p = arg;

    finding_skip(&p->findings, "own_hosts: %s", text);
}

static void
hear_listed(void *arg, const struct lists_found *found)
{
    struct patient *p = arg;
    char text[PREFIX_TEXT], cure[256];

    (void)prefix_print(found->address, text);
    (void)snprintf(cure, sizeof(cure), "mortsafectl listed %s", text);
    if (!found->failed)
        finding_bad(&p->findings, FINDING_FAIL, cure, "%s is on %s%s%s", text,
                    found->list->name, found->means[0] != '\0' ? ": " : "",
                    found->means);
}

void
check_listed(struct patient *p)
{
    const char *server[SERVERS];
    struct lists_options options = {.config = p->config, .servers = server};
    size_t before = p->findings.n[FINDING_FAIL], usable = 0;
    struct mine mine = {.n = 0};
    struct why why;

    options.n_servers = servers_of(p, server);
    (void)mine_interfaces(&mine, &why);
    mine_hosts(&mine, p->config, hear_host, p);
    if (mine.n == 0)
        finding_skip(&p->findings, "this host has no address that the Internet "
                                   "sees; name yours in own_hosts");
    else if (lists_check(&options, mine.address, mine.n, hear_listed, p,
                         &usable, &why) != MS_OK)
        finding_skip(&p->findings, "%s", why.text);
    else if (usable == 0)
        finding_skip(&p->findings, "no DNS list could be asked: mortsafectl "
                                   "listed tells why");
    else if (p->findings.n[FINDING_FAIL] == before)
        finding_ok(&p->findings, "none of %zu addresses is on one of %zu lists",
                   mine.n, usable);
}

/* ----- relay and proxy */

/* How the world reaches this host: its first public address, or loopback. */
static struct prefix
face_of(void)
{
    struct mine mine = {.n = 0};
    struct prefix address = {.family = 4, .len = 32, .addr = {127, 0, 0, 1}};
    struct why why;

    if (mine_interfaces(&mine, &why) == MS_OK && mine.n > 0)
        address = mine.address[0];
    return address;
}

static void
tell_relay(struct patient *p, const struct relay_outcome *outcome,
           const char *host)
{
    char cure[FINDING_CURE];

    (void)snprintf(cure, sizeof(cure), "mortsafectl relay-test %s", host);
    switch (outcome->verdict) {
    case RELAY_OPEN:
        finding_bad(&p->findings, FINDING_FAIL, cure, "%s is an open relay: %s",
                    host, outcome->why);
        return;
    case RELAY_CLOSED:
        finding_ok(&p->findings, "%s does not relay for strangers", host);
        return;
    case RELAY_UNTOLD:
        break;
    }
    if (outcome->greeting[0] == '\0')
        finding_skip(&p->findings, "no mail server answers at %s: %s", host,
                     outcome->why);
    else
        finding_skip(
            &p->findings,
            "it cannot be told from here whether %s relays (%s); "
            "mortsafectl relay-test --print-script --domain %s %s "
            "makes a script to run elsewhere",
            host, outcome->why,
            outcome->domain[0] != '\0' ? outcome->domain : "example.org", host);
}

static uint16_t
mx_port(const struct patient *p)
{
    return p->config != NULL && p->config->mx->n_ports > 0
               ? p->config->mx->ports[0]
               : 25;
}

void
check_relay(struct patient *p)
{
    static const struct prefix loopback = {
        .family = 4, .len = 32, .addr = {127, 0, 0, 1}};
    struct prefix address = face_of();
    struct relay_outcome outcome;
    struct why why;

    for (unsigned i = 0; i < 2; i++) {
        const struct relay_ask ask = {
            .to = own_sockaddr(address, mx_port(p)),
            .nets = p->config != NULL ? p->config->nets : NULL,
            .brief = true,
            .limit_s = RELAY_S,
            .answer_ms = ANSWER_MS};
        char host[PREFIX_TEXT + 16], text[PREFIX_TEXT];

        if (relay_run(&ask, &outcome, &why) != MS_OK) {
            finding_skip(&p->findings, "%s", why.text);
            return;
        }
        (void)prefix_print(address, text);
        (void)snprintf(host, sizeof(host),
                       address.family == 4 ? "%s:%u" : "[%s]:%u", text,
                       mx_port(p));
        if (outcome.greeting[0] != '\0' || prefix_is_loopback(address) ||
            i == 1) {
            tell_relay(p, &outcome, host);
            i = 1;
        }
        relay_end(&outcome);
        address = loopback; /* a server may listen there only */
    }
}

void
check_proxy(struct patient *p)
{
    const struct prefix address = face_of();
    const struct proxy_ask ask = {.to = own_sockaddr(address, 0),
                                  .answer_ms = PROXY_MS,
                                  .limit_s = PROXY_S};
    struct proxy_outcome outcome;
    char cure[FINDING_CURE], text[PREFIX_TEXT];
    struct why why;

    (void)prefix_print(address, text);
    (void)snprintf(cure, sizeof(cure), "mortsafectl proxy-test %s", text);
    if (proxy_run(&ask, &outcome, &why) != MS_OK) {
        finding_skip(&p->findings, "%s", why.text);
        return;
    }
    if (outcome.verdict == PROXY_OPEN)
        finding_bad(&p->findings, FINDING_FAIL, cure, "%s is an open proxy: %s",
                    text, outcome.why);
    else if (outcome.verdict == PROXY_UNTOLD)
        finding_skip(&p->findings, "%s", outcome.why);
    else
        finding_ok(&p->findings, "no open proxy on the usual ports of %s",
                   text);
    proxy_end(&outcome);
}
