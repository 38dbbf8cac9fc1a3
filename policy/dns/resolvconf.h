/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/resolvconf.h - the servers that resolv.conf(5) names, and how a
 * server is written.
 */
#ifndef MORTSAFE_POLICY_DNS_RESOLVCONF_H
#define MORTSAFE_POLICY_DNS_RESOLVCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"

enum {
    RESOLVCONF_MOST = 8,   /* servers; more are left out, as others do */
    RESOLVCONF_SERVER = 96 /* an address, a scope and a port, and NUL */
};

struct resolvconf {
    size_t n;
    char server[RESOLVCONF_MOST][RESOLVCONF_SERVER];
};

/* Is TEXT "192.0.2.53", "2001:db8::53", "fe80::1%eth0", or one of these with
 * "@53"? */
bool resolvconf_server_valid(const char *text);

/*
 * Read PATH into *OUT.  Lines that are no server's, or name one that cannot be,
 * are passed over.  MS_UNAVAIL: it cannot be read, or names no server (WHY says
 * so); MS_NOMEM.
 */
enum ms_err resolvconf_read(const char *path, struct resolvconf *out,
                            struct why *why);

#endif
