/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/letter.h - the one message that a test sends by a form that was
 * accepted, to the operator's own address: what it is stands in it.
 */
#ifndef MORTSAFE_CTL_RELAY_LETTER_H
#define MORTSAFE_CTL_RELAY_LETTER_H

#include "ctl/relay/smtp.h"

#define LETTER_SUBJECT "mortsafe relay test"

struct letter {
    const char *name;        /* of the form */
    const char *mail, *rcpt; /* its arguments */
    const char *source;      /* where it was sent from */
    const char *host;        /* of the server, "" where it says none */
};

/* How far it came. */
enum letter_step {
    LETTER_ADDRESSES,
    LETTER_DATA, /* both addresses were taken */
    LETTER_TEXT  /* the server has read the message */
};

/*
 * A transaction with LETTER on CONN.  MS_OK with the last *REPLY, the one that
 * took the message or the first that did not go on, and the *STEP that it
 * answers; else as smtp_ask().
 */
enum ms_err letter_send(struct conn *conn, const struct smtp_watch *watch,
                        const struct letter *letter, struct smtp_reply *reply,
                        enum letter_step *step);

#endif
