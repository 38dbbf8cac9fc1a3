/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/networks.h - networks that may relay, as an MTA writes them, and
 * gateways, as the kernel tells them.  Pure.
 */
#ifndef MORTSAFE_CTL_DOCTOR_NETWORKS_H
#define MORTSAFE_CTL_DOCTOR_NETWORKS_H

#include <stdbool.h>

#include "policy/prefix.h"

enum networks_width {
    NETWORKS_OWN,      /* one may have that */
    NETWORKS_WIDE,     /* few have */
    NETWORKS_HUGE,     /* hardly anybody has */
    NETWORKS_EVERYBODY /* nobody has */
};
enum networks_width networks_width(struct prefix network);

/* A word of mynetworks: "192.0.2.0/24", "[2001:db8::]/32".  False: it is no
 * network, but a table, say. */
bool networks_parse(const char *word, struct prefix *out);

/* A line of /proc/net/route, of /proc/net/ipv6_route: the gateway of a default
 * route.  False: it is none. */
bool networks_route4(const char *line, struct prefix *out);
bool networks_route6(const char *line, struct prefix *out);

#endif
