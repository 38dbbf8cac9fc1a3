/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/reply.h - a verdict as the MTA is told it.  The text is set and the
 * status that fits it returned in one call, because libmilter keeps a text
 * that was set once for a later refusal, and Postfix drops a milter whose
 * codes do not fit together.
 */
#ifndef MORTSAFE_MILTER_REPLY_H
#define MORTSAFE_MILTER_REPLY_H

#include <libmilter/mfapi.h>

#include "policy/verdict.h"

enum { REPLY_TEXT = 450 }; /* bytes on the wire, RFC 5321 section 4.5.3.1.5 */

/*
 * Set the reply for VERDICT, a DEFER or REJECT, with TEXT (anything: what is
 * not printable ASCII becomes "?", and too long a text ends in "..."), and
 * return SMFIS_TEMPFAIL or SMFIS_REJECT.  For other verdicts sets nothing and
 * returns SMFIS_CONTINUE or SMFIS_ACCEPT.
 */
sfsistat reply_set(SMFICTX *ctx, const struct verdict *verdict,
                   const char *text);

#endif
