/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/lookup/look.h - what callbacks do about look-ups: begin them, read
 * what is known, and have the MTA tell the next program.  None of it decides,
 * and none fails: what could not be asked is not known.
 */
#ifndef MORTSAFE_MILTER_LOOKUP_LOOK_H
#define MORTSAFE_MILTER_LOOKUP_LOOK_H

#include <stdbool.h>

#include "milter/lookup/lookup.h"
#include "milter/session.h"
#include "milter/step.h"
#include "policy/config.h"

/* Does CONFIG have headers written, so that the MTA is asked for the right, and
 * for a message's? */
bool look_marks(const struct config *config);

/* At CONNECT and MAIL, behind a verdict that lets it go on: begin what is
 * wanted.  Never waits. */
void look_connect(struct step *step);
void look_mail(struct step *step);

/* MAIL has been judged, however: are its headers looked through? */
void look_begin(struct step *step);

/* What is known of the message's look-ups, as step->facts.lookups; NULL:
 * nothing was asked. */
void look_read(struct step *step, enum lookup_wait wait);

/* The verdict at RCPT stands: is its client put off for what was not known? */
void look_judged(struct step *step);

/* A header of the message has come. */
void look_header(struct session *session, const char *name, const char *value);

/* Do look-ups call the message spam?  For a message whose facts are read. */
bool look_is_evidence(const struct step *step);

/* The message goes on: forged headers go, ours come. */
void look_end(struct step *step);

/* In the log's words: the result of SPF (NULL: not known; the name in HELO
 * counts only where no sender was asked about), and the names of the
 * lists that list the client, apart by commas ("": none). */
enum { LOOK_LISTS = 256 };
const char *look_spf(const struct lookups *lookups);
const char *look_lists(const struct lookups *lookups,
                       const struct config *config, char out[LOOK_LISTS]);

#endif
