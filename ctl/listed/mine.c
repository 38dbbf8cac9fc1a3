/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/listed/mine.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Beside those of prefix_is_private(): nobody on the Internet sees them. */
static bool
is_public(struct prefix p)
{
    static const struct prefix ranges[] = {
        {4, 8, {0}},        /* "this network" */
        {4, 10, {100, 64}}, /* RFC 6598 */
        {4, 3, {224}},      /* multicast, and what is reserved */
        {6, 127, {0}},      /* none, loopback */
        {6, 8, {0xff}},     /* multicast */
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (prefix_covers(ranges[i], p))
            return false;
    return p.family != 0 && !prefix_is_private(p);
}

void
mine_add(struct mine *mine, struct prefix address)
{
    for (size_t i = 0; i < mine->n; i++)
        if (mine->address[i].len == address.len &&
            prefix_covers(mine->address[i], address))
            return;
    if (mine->n < MINE_ADDRESSES)
        mine->address[mine->n++] = address;
}

enum ms_err
mine_interfaces(struct mine *mine, struct why *why)
{
    struct ifaddrs *all;

    if (getifaddrs(&all) != 0)
        return why_errno(why, MS_UNAVAIL, "the addresses of this host");
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        struct prefix address = prefix_of_sockaddr(one->ifa_addr);

        if (is_public(address))
            mine_add(mine, address);
    }
    freeifaddrs(all);
    return MS_OK;
}

static void
add_host(struct mine *mine, const char *name,
         void (*line)(void *arg, const char *text), void *arg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    struct prefix address;
    char text[512];
    int failed;

    if (prefix_parse(name, &address, NULL) == MS_OK) {
        mine_add(mine, address);
        return;
    }
    failed = getaddrinfo(name, NULL, &hints, &all);
    if (failed != 0) {
        (void)snprintf(text, sizeof(text), "own_hosts: %.255s: %s", name,
                       gai_strerror(failed));
        line(arg, text);
        return;
    }
    for (const struct addrinfo *one = all; one != NULL; one = one->ai_next) {
        address = prefix_of_sockaddr(one->ai_addr);
        if (is_public(address))
            mine_add(mine, address);
    }
    freeaddrinfo(all);
}

void
mine_hosts(struct mine *mine, const struct config *config,
           void (*line)(void *arg, const char *text), void *arg)
{
    for (size_t i = 0; i < config->n_own_hosts; i++)
        add_host(mine, config->own_hosts[i], line, arg);
}
