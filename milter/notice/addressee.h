/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/addressee.h - who is told about somebody, where, and in which
 * language: by the table `contacts`, else a login that is an address.
 */
#ifndef MORTSAFE_MILTER_NOTICE_ADDRESSEE_H
#define MORTSAFE_MILTER_NOTICE_ADDRESSEE_H

#include <stdbool.h>

#include "policy/config.h"
#include "policy/contact.h"
#include "policy/err.h"
#include "policy/subject.h"

struct addressee {
    char address[ADDRESS_TEXT];
    char language[CONTACT_LANGUAGE];
    bool apart; /* of the table, and not the subject's own mailbox */
};

/* The language where nothing else is said; and is LANGUAGE one of those that
 * are configured? */
const char *addressee_language(const struct config *config);
bool addressee_speaks(const struct config *config, const char *language);

/*
 * The owner of SUBJECT.  Of the table: for a user the login, its name without
 * the domain, "@domain"; for an address that, then each network around it; of a
 * pair the first part that has an entry.  A sender's address counts for
 * nothing, for anybody can write it.  Nobody is told at the address that
 * letters come from.  MS_INVALID: there is nobody; WHY (may be NULL) says why.
 */
enum ms_err addressee_owner(const struct config *config,
                            const struct subject *subject,
                            struct addressee *out, struct why *why);

/* The operator.  MS_INVALID. */
enum ms_err addressee_postmaster(const struct config *config,
                                 struct addressee *out, struct why *why);

#endif
