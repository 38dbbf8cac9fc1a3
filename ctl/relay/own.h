/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/own.h - whose host is it?  A test that an open relay or proxy is
 * looked for with is a tool against others unless it is held to one's own.
 */
#ifndef MORTSAFE_CTL_RELAY_OWN_H
#define MORTSAFE_CTL_RELAY_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "policy/config.h"
#include "policy/err.h"
#include "policy/prefix.h"

enum { OWN_ADDRESSES = 16, OWN_NAME = 256 };

/* A host as it was named, and all addresses that it has. */
struct own_host {
    char name[OWN_NAME]; /* without port and brackets */
    uint16_t port;       /* 0: none was named */
    struct sockaddr_storage addrs[OWN_ADDRESSES];
    size_t n;
};

enum own_claim {
    OWN_INTERFACE, /* each address is one of this machine's */
    OWN_LISTED,    /* the name, or each other address, is in own_hosts */
    OWN_NOBODYS    /* neither */
};

/*
 * Read TEXT, "HOST", "HOST:PORT", "ADDRESS", "[ADDRESS]:PORT", and look the
 * name up; *OUT's addresses bear the port.  MS_INVALID (it is no host),
 * MS_UNAVAIL (no address is known, or too many are), each with WHY.
 */
enum ms_err own_find(const char *text, struct own_host *out, struct why *why);

/*
 * Is HOST this machine, or in CONFIG's own_hosts (NULL: there is none)?  An
 * address of this machine is one of its interfaces as they are now.
 */
enum own_claim own_claim(const struct own_host *host,
                         const struct config *config);

/* Is ADDRESS one of this machine's interfaces, or loopback? */
bool own_address(struct prefix address);

/* ADDRESS with PORT. */
struct sockaddr_storage own_sockaddr(struct prefix address, uint16_t port);

#endif
