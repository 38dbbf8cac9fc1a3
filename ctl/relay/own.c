/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/own.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <netinet/in.h>

/* ----- what was named */

/* PORT behind TEXT's last colon into *PORT.  False: it is none. */
static bool
read_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n == 0 || n > 65535)
        return false;
    *port = (uint16_t)n;
    return true;
}

/* Take TEXT apart at its port.  An address of IPv6 without brackets has none.
 */
static bool
split(const char *text, struct own_host *out)
{
    const char *colon = strrchr(text, ':'), *end = text + strlen(text);
    const bool bracket = text[0] == '[';

    out->port = 0;
    if (bracket) {
        end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        colon = end[1] == ':' ? end + 1 : NULL;
        text++;
    } else if (colon != NULL && colon == strchr(text, ':')) {
        end = colon;
    } else {
        colon = NULL;
    }
    if (colon != NULL && !read_port(colon + 1, &out->port))
        return false;
    if (end == text || (size_t)(end - text) >= OWN_NAME)
        return false;
    memcpy(out->name, text, (size_t)(end - text));
    out->name[end - text] = '\0';
    return true;
}

struct sockaddr_storage
own_sockaddr(struct prefix address, uint16_t port)
{
    struct sockaddr_storage out;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;

    memset(&out, 0, sizeof(out));
    if (address.family == 4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, address.addr, 4);
    } else if (address.family == 6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        memcpy(&v6->sin6_addr, address.addr, 16);
    }
    return out;
}

static enum ms_err
keep(const struct addrinfo *found, struct own_host *out, struct why *why)
{
    for (; found != NULL; found = found->ai_next) {
        struct prefix address = prefix_of_sockaddr(found->ai_addr);

        if (address.family == 0)
            continue;
        if (out->n == OWN_ADDRESSES)
            return why_set(why, MS_UNAVAIL, "%s: it has over %d addresses",
                           out->name, OWN_ADDRESSES);
        out->addrs[out->n] = own_sockaddr(address, out->port);
        if (found->ai_family == AF_INET6 && address.family == 6) {
            /* of a link-local address the link, too */
            ((struct sockaddr_in6 *)&out->addrs[out->n])->sin6_scope_id =
                ((const struct sockaddr_in6 *)(const void *)found->ai_addr)
                    ->sin6_scope_id;
        }
        out->n++;
    }
    if (out->n == 0)
        return why_set(why, MS_UNAVAIL, "%s: it has no address", out->name);
    return MS_OK;
}

enum ms_err
own_find(const char *text, struct own_host *out, struct why *why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    enum ms_err err;
    int code;

    memset(out, 0, sizeof(*out));
    if (!split(text, out))
        return why_set(why, MS_INVALID,
                       "%s: a host is wanted, or HOST:PORT, or [ADDRESS]:PORT",
                       text);
    code = getaddrinfo(out->name, NULL, &hints, &found);
    if (code != 0)
        return why_set(why, MS_UNAVAIL, "%s: %s", out->name,
                       gai_strerror(code));
    err = keep(found, out, why);
    freeaddrinfo(found);
    return err;
}

/* ----- whose it is */

bool
own_address(struct prefix address)
{
    struct ifaddrs *all = NULL;
    bool found = prefix_is_loopback(address);

    if (!found && getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
        struct prefix own = {0};

        if (i->ifa_addr != NULL)
            own = prefix_of_sockaddr(i->ifa_addr);
        found = own.family != 0 && own.family == address.family &&
                prefix_covers(own, address);
    }
    freeifaddrs(all);
    return found;
}

/* Is ADDRESS in own_hosts, by itself or in a network? */
static bool
is_listed(struct prefix address, const struct config *config)
{
    for (size_t i = 0; i < config->n_own_hosts; i++) {
        struct prefix listed;

        if (prefix_parse(config->own_hosts[i], &listed, NULL) == MS_OK &&
            listed.family == address.family && prefix_covers(listed, address))
            return true;
    }
    return false;
}

static bool
is_named(const char *name, const struct config *config)
{
    for (size_t i = 0; i < config->n_own_hosts; i++)
        if (strcasecmp(config->own_hosts[i], name) == 0)
            return true;
    return false;
}

enum own_claim
own_claim(const struct own_host *host, const struct config *config)
{
    enum own_claim claim = OWN_INTERFACE;

    if (config != NULL && is_named(host->name, config))
        return OWN_LISTED;
    for (size_t i = 0; i < host->n; i++) {
        struct prefix address =
            prefix_of_sockaddr((const struct sockaddr *)&host->addrs[i]);

        if (own_address(address))
            continue;
        if (config == NULL || !is_listed(address, config))
            return OWN_NOBODYS;
        claim = OWN_LISTED;
    }
    return host->n > 0 ? claim : OWN_NOBODYS;
}
