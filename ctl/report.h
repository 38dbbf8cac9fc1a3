/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/report.h - what others say of mail that we have sent: abuse reports (RFC
 * 5965), bounces (RFC 3464), and the MTA's own log.  From bytes to the queue
 * ids they name and what they count; nothing else is kept of them, addresses
 * least of all.
 */
#ifndef MORTSAFE_CTL_REPORT_H
#define MORTSAFE_CTL_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum report_kind { REPORT_ANY, REPORT_COMPLAINT, REPORT_BOUNCE, REPORT_LOG };

enum {
    REPORT_BYTES = 50 * 1024 * 1024,
    REPORT_LEVELS = 100,  /* of MIME, one inside the other */
    REPORT_PARTS = 1000,  /* of MIME */
    REPORT_CASES = 10000, /* messages that a log is about */
    REPORT_IDS = 32,      /* that one message may have had, hop by hop */
    REPORT_ID = 64,
    REPORT_DETAIL = 256
};

/* One message, as far as it is said which. */
struct report_case {
    uint32_t unknown;    /* recipients that do not exist */
    uint32_t complaints; /* 0: it says nothing against the message */
    size_t n_ids;
    char ids[REPORT_IDS][REPORT_ID]; /* queue ids of any MTA on its way */
};

struct report {
    enum report_kind kind;
    size_t n; /* of a mail: one */
    struct report_case *cases;
    char detail[REPORT_DETAIL]; /* for people, in printable ASCII */
};

/* "complaint", "bounce", "log"; "auto" for any.  REPORT_ANY: none of them. */
const char *report_kind_name(enum report_kind kind);
enum report_kind report_kind_of(const char *name);

/*
 * Read the N bytes at TEXT as a report of kind WANT (REPORT_ANY: whichever it
 * is) into OUT, which report_end() frees.  MS_INVALID with WHY: it is none, it
 * is broken, or larger or deeper than the bounds above.  MS_NOMEM.  Not
 * thread-safe: GMime is set up by the first call.
 */
enum ms_err report_read(const char *text, size_t n, enum report_kind want,
                        struct report *out, struct why *why);
void report_end(struct report *report);

#endif
