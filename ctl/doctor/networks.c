/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/networks.c - who may relay without a login: networks that are too
 * wide to be one's own, and a gateway that stands for whoever comes through.
 */
#include <config.h>

#include "ctl/doctor/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor/checks.h"
#include "ctl/doctor/words.h"

/* ----- pure */

enum networks_width
networks_width(struct prefix p)
{
    if (p.len < 8)
        return NETWORKS_EVERYBODY;
    if (prefix_is_private(p))
        return NETWORKS_OWN;
    if (p.len < (p.family == 4 ? 16 : 29))
        return NETWORKS_HUGE;
    return p.len < (p.family == 4 ? 22 : 32) ? NETWORKS_WIDE : NETWORKS_OWN;
}

/* "[2001:db8::]/32" is how Postfix writes it. */
bool
networks_parse(const char *word, struct prefix *out)
{
    char text[WORDS_TEXT];
    size_t n = 0;

    for (; *word != '\0' && n < sizeof(text) - 1; word++) {
        if (*word != '[' && *word != ']')
            text[n++] = *word;
    }
    text[n] = '\0';
    return prefix_parse(text, out, NULL) == MS_OK;
}

/* A field of 2 N hexadecimal digits as N bytes. */
static bool
read_hex(const char *text, uint8_t *out, size_t n)
{
    if (strspn(text, "0123456789abcdefABCDEF") != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char two[3] = {text[2 * i], text[2 * i + 1], '\0'};

        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return text[2 * n] == ' ' || text[2 * n] == '\t';
}

/* Field N of LINE, fields being apart by blanks; NULL: there is none. */
static const char *
field_of(const char *line, unsigned n)
{
    line += strspn(line, " \t");
    while (n-- > 0) {
        line += strcspn(line, " \t");
        line += strspn(line, " \t");
    }
    return *line != '\0' ? line : NULL;
}

bool
networks_route4(const char *line, struct prefix *out)
{
    const char *to = field_of(line, 1), *gateway = field_of(line, 2);
    uint8_t bytes[4];
    static const uint8_t none[4];

    if (gateway == NULL || strncmp(to, "00000000", 8) != 0 ||
        !read_hex(gateway, bytes, 4))
        return false;
    *out = (struct prefix){.family = 4, .len = 32};
    for (size_t i = 0; i < 4; i++) /* as a number of this machine's order */
        out->addr[i] = htonl(1) == 1 ? bytes[i] : bytes[3 - i];
    return memcmp(out->addr, none, 4) != 0;
}

bool
networks_route6(const char *line, struct prefix *out)
{
    const char *len = field_of(line, 1), *gateway = field_of(line, 4);
    static const uint8_t none[16];
    uint8_t bytes[16];

    if (gateway == NULL || strncmp(len, "00 ", 3) != 0 ||
        !read_hex(gateway, bytes, 16) || memcmp(bytes, none, 16) == 0)
        return false;
    *out = (struct prefix){.family = 6, .len = 128};
    memcpy(out->addr, bytes, 16);
    return true;
}

/* ----- this machine's gateways */

enum { GATEWAYS = 16 };

static size_t
read_routes(const char *path,
            bool (*route)(const char *line, struct prefix *out),
            struct prefix *out, size_t n)
{
    FILE *in = fopen(path, "re");
    char line[512];

    if (in == NULL)
        return n;
    while (n < GATEWAYS && fgets(line, sizeof(line), in) != NULL)
        n += route(line, &out[n]) ? 1 : 0;
    (void)fclose(in);
    return n;
}

static size_t
find_gateways(struct prefix out[GATEWAYS])
{
    size_t n = read_routes("/proc/net/route", networks_route4, out, 0);

    return read_routes("/proc/net/ipv6_route", networks_route6, out, n);
}

/* ----- the MTA's list */

/* Tells about one network that may relay; WHERE names the setting. */
static size_t
look_at_network(struct patient *p, const char *where, const char *cure,
                struct prefix network)
{
    struct prefix gateway[GATEWAYS];
    char text[PREFIX_TEXT], other[PREFIX_TEXT];
    size_t n, wrong = 1;

    (void)prefix_print(network, text);
    switch (networks_width(network)) {
    case NETWORKS_EVERYBODY:
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s has %s: the whole Internet may relay", where, text);
        return 1;
    case NETWORKS_HUGE:
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s has %s, a network that large is hardly yours alone",
                    where, text);
        return 1;
    case NETWORKS_WIDE:
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "%s has %s: is all of it yours?", where, text);
        return 1;
    case NETWORKS_OWN:
        wrong = 0;
        break;
    }
    n = find_gateways(gateway);
    for (size_t i = 0; i < n; i++) {
        if (!prefix_covers(network, gateway[i]))
            continue;
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "%s has %s with %s in it, the gateway of this machine: if "
                    "it hides the address of whoever comes through it, all of "
                    "them may relay",
                    where, text, prefix_print(gateway[i], other));
        wrong++;
    }
    return wrong;
}

struct networks_seen {
    size_t n, wrong;
};

/* The networks of LIST, which WHERE names and CURE mends. */
static void
look_at_list(struct patient *p, const char *where, const char *list,
             const char *cure, struct networks_seen *seen)
{
    char word[WORDS_TEXT];
    struct prefix network;

    while (words_next(&list, word)) {
        if (networks_parse(word, &network)) {
            seen->wrong += look_at_network(p, where, cure, network);
            seen->n++;
        } else if (strncmp(word, "static:", 7) == 0) {
            finding_bad(&p->findings, FINDING_FAIL, cure,
                        "%s has %s, which fits every address: the whole "
                        "Internet may relay",
                        where, word);
            seen->wrong++;
        } else if (word[0] != '!') {
            finding_skip(&p->findings,
                         "%s names %s, which is not read here: look whether "
                         "all in it is yours",
                         where, word);
        }
    }
}

/* What master.cf has in place of main.cf's list, a service at a time. */
static void
look_at_services(struct patient *p, struct networks_seen *seen)
{
    char where[WORDS_TEXT], cure[FINDING_CURE], set[PATIENT_COMMAND],
        reload[PATIENT_COMMAND];

    for (size_t i = 0; i < postconf_services(p->postfix); i++) {
        const struct postconf_service *one = postconf_at(p->postfix, i);

        if (!postconf_has_own(p->postfix, one, "mynetworks"))
            continue;
        (void)snprintf(where, sizeof(where), "mynetworks of %.80s", one->name);
        (void)snprintf(cure, sizeof(cure),
                       "%s -PX '%.80s/%.16s/mynetworks'\n%s",
                       patient_postconf(p, set), one->name, one->type,
                       patient_reload(p, reload));
        look_at_list(p, where, postconf_get(p->postfix, one, "mynetworks"),
                     cure, seen);
    }
}

void
check_networks_postfix(struct patient *p)
{
    char cure[FINDING_CURE], set[PATIENT_COMMAND], reload[PATIENT_COMMAND];
    struct networks_seen seen = {.n = 0};

    (void)snprintf(cure, sizeof(cure),
                   "%s -e 'mynetworks = 127.0.0.0/8 [::1]/128'\n%s",
                   patient_postconf(p, set), patient_reload(p, reload));
    look_at_list(p, "mynetworks", postconf_get(p->postfix, NULL, "mynetworks"),
                 cure, &seen);
    look_at_services(p, &seen);
    if (seen.wrong == 0)
        finding_ok(&p->findings,
                   "mynetworks has %zu network%s, none of them wide", seen.n,
                   seen.n == 1 ? "" : "s");
}

/* The command that takes RELAY out where it is written. */
static void
write_untrust(const struct sendmail_cf *cf, const struct sendmail_relay *relay,
              char cure[FINDING_CURE])
{
    static const char after[] = "make -C /etc/mail && systemctl restart "
                                "sendmail";

    switch (relay->in) {
    case SENDMAIL_RELAY_CF:
        (void)snprintf(cure, FINDING_CURE,
                       "sed -i \"/^RELAY_DOMAIN(.%s')/d\" "
                       "/etc/mail/sendmail.mc\n%s",
                       relay->written, after);
        break;
    case SENDMAIL_RELAY_FILE:
        (void)snprintf(cure, FINDING_CURE,
                       "sed -i '/^%s\\s*\\(#.*\\)\\?$/d' "
                       "%s\n%s",
                       relay->written, cf->relay_file, after);
        break;
    case SENDMAIL_RELAY_ACCESS:
        (void)snprintf(cure, FINDING_CURE,
                       "sed -i '/^\\(Connect:\\)\\?%s\\s\\+RELAY/Id' %s\n%s",
                       relay->written, cf->access_file, after);
        break;
    }
}

void
check_networks_sendmail(struct patient *p)
{
    const struct sendmail_cf *cf = p->sendmail;
    char cure[FINDING_CURE];
    struct prefix network;
    size_t wrong = 0, n = 0;

    for (size_t i = 0; i < cf->n_relays; i++) {
        if (!networks_parse(cf->relay[i].net, &network))
            continue;
        write_untrust(cf, &cf->relay[i], cure);
        wrong += look_at_network(p,
                                 cf->relay[i].in == SENDMAIL_RELAY_ACCESS
                                     ? "the access map"
                                     : "class R",
                                 cure, network);
        n++;
    }
    if (wrong == 0)
        finding_ok(&p->findings, "%zu network%s may relay, none of them wide",
                   n, n == 1 ? "" : "s");
}

/* ----- our own */

void
check_gateway(struct patient *p)
{
    const struct config *config = p->config;
    struct prefix gateway[GATEWAYS];
    size_t n = find_gateways(gateway), wrong = 0;
    char text[PREFIX_TEXT], cure[FINDING_CURE];
    uint32_t index;

    for (size_t i = 0; i < n; i++) {
        const struct network *network;

        if (!nettree_longest(config->nets, gateway[i], &index))
            continue;
        network = config->networks[index];
        if (network->relay != RELAY_ANY || network == config->loopback)
            continue;
        (void)prefix_print(gateway[i], text);
        patient_untrust(p, gateway[i], cure);
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "network %s may relay, and %s in it is the gateway of this "
                    "machine: if it hides the address of whoever comes through "
                    "it, all of them may relay",
                    network->name, text);
        wrong++;
    }
    if (wrong == 0)
        finding_ok(&p->findings, "no gateway of this machine is in a network "
                                 "that may relay");
}
