/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/address.h - an envelope address, read strictly (RFC 5321 section
 * 4.1.2).  This parse alone authorizes relaying, so what two programs could
 * read in two ways is not "ours": it names a second hop or is malformed.
 */
#ifndef MORTSAFE_POLICY_ADDRESS_H
#define MORTSAFE_POLICY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/prefix.h"

enum address_form {
    ADDRESS_NULL,    /* <> */
    ADDRESS_BARE,    /* a local part without a domain */
    ADDRESS_DOMAIN,  /* local@domain, one hop */
    ADDRESS_LITERAL, /* local@[192.0.2.1] or @[IPv6:...] */
    ADDRESS_HOP,     /* a source route, or a second hop in the local part */
    ADDRESS_MALFORMED
};

enum {
    ADDRESS_LOCAL_MAX = 256,  /* RFC 5321 says 64; SRS and VERP are longer */
    ADDRESS_DOMAIN_MAX = 255, /* RFC 5321 section 4.5.3.1.2 */
    ADDRESS_TEXT = ADDRESS_LOCAL_MAX + 1 + ADDRESS_DOMAIN_MAX + 1
};

struct address {
    enum address_form form;
    char local[ADDRESS_LOCAL_MAX + 1];   /* unquoted once, case as it came */
    char domain[ADDRESS_DOMAIN_MAX + 1]; /* A-labels, lower case, no last dot;
                                            "" unless ADDRESS_DOMAIN */
    struct prefix literal;               /* of ADDRESS_LITERAL; family 0 for a
                                            literal that is no IP address */
};

/*
 * Parse RAW as the client sent it, with or without angle brackets.  Never
 * fails: what cannot be read is ADDRESS_MALFORMED.  Pure.
 */
void address_parse(const char *raw, struct address *out);

/*
 * The address as subjects and tables know it: "local@domain", ASCII case
 * folded in the whole; "" for <>, "invalid" for a malformed one or a hop.
 */
void address_canonical(const struct address *address, char out[ADDRESS_TEXT]);

/*
 * A domain name in A-labels (RFC 5891, libidn2), lower case, one last dot
 * removed.  False if it is empty, too long or no name; OUT is then "".
 */
bool address_domain(const char *text, char out[ADDRESS_DOMAIN_MAX + 1]);

/*
 * A login folded to lower case (FOLD) and completed with "@DEFAULT_DOMAIN"
 * where it has no "@" (NULL or "": left bare).  False if it is too long.
 */
bool address_login(const char *login, bool fold, const char *default_domain,
                   char out[ADDRESS_TEXT]);

#endif
