/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/prefix.h - an IPv4 or IPv6 network, or one host as /32 or /128.  All
 * prefix arithmetic is here.  A v4-mapped address (RFC 4291 section 2.5.5.2)
 * is IPv4.
 */
#ifndef MORTSAFE_POLICY_PREFIX_H
#define MORTSAFE_POLICY_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "policy/err.h"

enum { PREFIX_TEXT = 64 }; /* room for any prefix_print(), NUL included */

/* Bits behind LEN are zero.  FAMILY 0 is "no address". */
struct prefix {
    uint8_t family;   /* 4, 6, or 0 */
    uint8_t len;      /* 0 to 32, or 0 to 128 */
    uint8_t addr[16]; /* network byte order; IPv4 in the first four */
};

/*
 * The host in SA (NULL, AF_UNIX and the like: family 0).  Pure.
 */
struct prefix prefix_of_sockaddr(const struct sockaddr *sa);

/*
 * Parse "192.0.2.0/24", "2001:db8::/32", "[2001:db8::1]", a bare address, and
 * "IPv6:..." as MTAs write it.  MS_INVALID (WHY says what, host bits behind
 * the length included) leaves *OUT alone.  Pure.
 */
enum ms_err prefix_parse(const char *text, struct prefix *out, struct why *why);

/* P cut to LEN4 or LEN6 bits by its family; a shorter one stays.  Pure. */
struct prefix prefix_cut(struct prefix p, unsigned len4, unsigned len6);

/* Is INNER the same as or inside OUTER?  Pure. */
bool prefix_covers(struct prefix outer, struct prefix inner);

/* 127.0.0.0/8 or ::1?  Pure. */
bool prefix_is_loopback(struct prefix p);

/* Of a range that is not routed on the Internet, loopback included?  Pure. */
bool prefix_is_private(struct prefix p);

/*
 * Write P into BUF as "192.0.2.7" (a whole host) or "192.0.2.0/24"; family 0
 * gives "unknown".  Returns BUF.
 */
char *prefix_print(struct prefix p, char buf[PREFIX_TEXT]);

#endif
