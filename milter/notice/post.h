/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/post.h - a letter on its way: SMTP (RFC 5321) to the site's own
 * mail server, with the null sender, so that nothing ever comes back.
 */
#ifndef MORTSAFE_MILTER_NOTICE_POST_H
#define MORTSAFE_MILTER_NOTICE_POST_H

#include <stdatomic.h>

#include "milter/notice/transfer.h"
#include "policy/err.h"

/* All borrowed. */
struct post {
    const char *server; /* "inet:10027@127.0.0.1", "unix:/path" */
    const char *host;   /* our name, for EHLO */
    const char *to;     /* contact_is_address() */
    const char *letter; /* lines end in CRLF */
    const struct transfer_bounds *bounds; /* NULL: the usual ones */
    const atomic_bool *stop;              /* NULL: never */
};

/*
 * Hand it over.  AGAIN: the server has put it off (4xx), or there is no memory;
 * REFUSED: 5xx for its recipient or itself; AWAY: no connection, no answer in
 * time, it broke off, or it takes nothing at all: 5xx before, or 530.  WHY,
 * unless it is done.
 */
enum transfer_end post_letter(const struct post *post, struct why *why);

/* Can TEXT be a server?  MS_INVALID. */
enum ms_err post_check(const char *text, struct why *why);

#endif
