/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/lookup/heading.h - the headers that tell the next program what was
 * found: Authentication-Results (RFC 8601), Received-SPF (RFC 7208 section 9)
 * and our own about lists, and which of a message's headers are forged ones.
 * Pure.
 */
#ifndef MORTSAFE_MILTER_LOOKUP_HEADING_H
#define MORTSAFE_MILTER_LOOKUP_HEADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/lookups.h"
#include "policy/scene.h"

enum {
    HEADING_VALUE = 4096, /* of one that we write, folded */
    HEADING_FORGED = 64   /* of each name that are kept in mind */
};

enum heading_name {
    HEADING_RESULTS,
    HEADING_RECEIVED,
    HEADING_LISTS,
    HEADINGS
};
const char *heading_name(enum heading_name name); /* "Authentication-Results" */

/* What the message's headers are, so far; all zero is none. */
struct heading {
    struct {
        uint32_t n;                      /* of this name */
        uint32_t forged[HEADING_FORGED]; /* the first, counted from 1 */
        uint32_t n_forged;               /* all */
    } of[HEADINGS];
};

/* The next header.  One is forged that claims to be from AUTHSERV_ID (RFC 8601
 * section 5; a Received-SPF as its receiver), or has the name that only we
 * write. */
void heading_read(struct heading *heading, const char *name, const char *value,
                  const char *authserv_id);

/* The value of header NAME for what LOOKUPS say, folded by LF and a tab; false:
 * there is nothing to write.  HELO is as it was said; with an AUTHSERV_ID of ""
 * we have no name to write under. */
bool heading_write(enum heading_name name, const struct config *config,
                   const struct scene *scene, const struct lookups *lookups,
                   const char *helo, const char *authserv_id,
                   char out[HEADING_VALUE]);

#endif
