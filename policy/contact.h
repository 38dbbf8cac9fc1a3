/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/contact.h - whom to write to, as the configuration and its table of
 * contacts say it: an address, with a name in front or a language behind.
 */
#ifndef MORTSAFE_POLICY_CONTACT_H
#define MORTSAFE_POLICY_CONTACT_H

#include <stdbool.h>

#include "policy/address.h"
#include "policy/err.h"

enum { CONTACT_NAME = 200, CONTACT_LANGUAGE = 36 };

struct contact {
    char address[ADDRESS_TEXT];      /* local@domain, as it was written */
    char language[CONTACT_LANGUAGE]; /* lower case; "" if none is written */
};

/*
 * Is TEXT an address to which a letter can be sent: local@domain in ASCII,
 * without brackets, quotes or blanks?  Pure.
 */
bool contact_is_address(const char *text);

/* TEXT, a tag such as "de" or "pt-BR" (RFC 5646), in lower case.  False if it
 * is none.  Pure. */
bool contact_language(const char *text, char out[CONTACT_LANGUAGE]);

/* "address" or "address language", a line's value of the table of contacts.
 * MS_INVALID leaves *OUT alone.  Pure. */
enum ms_err contact_parse(const char *text, struct contact *out,
                          struct why *why);

/*
 * "Example Mail <postmaster@example.org>", or the address alone: the name
 * (UTF-8, "" without one; no control bytes, brackets, quotes or backslashes)
 * and the address.  False if it is neither.  Pure.
 */
bool contact_mailbox(const char *text, char name[CONTACT_NAME],
                     char address[ADDRESS_TEXT]);

#endif
