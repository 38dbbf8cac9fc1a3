/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/standing.h - somebody's standing for people: since when, why, against
 * what is usual, and how it came to it.
 */
#ifndef MORTSAFE_CTL_STANDING_H
#define MORTSAFE_CTL_STANDING_H

#include "ctl/out.h"

/* How the word STANDING is coloured: the worse, the redder. */
enum out_color standing_color(const char *standing);

/* A table of standings, as GET /v1/zombies lists them at the time NOW, as the
 * API writes it. */
void standing_table(const struct out *out, const json_t *rows, const char *now);

/* How SUBJECT, an answer of GET /v1/subjects/ID, stands and why; for people.
 * Nothing if no rule judges it. */
void standing_print_now(const struct out *out, const json_t *subject);

/* All of SUBJECT, an answer of GET /v1/subjects/ID, that is about zombies; for
 * people.  Nothing if there is nothing to tell. */
void standing_print(const struct out *out, const json_t *subject);

/* What a change of standing, an object of mortsafe-api(7), is now: a line. */
void standing_print_change(const struct out *out, const json_t *change);

/* The columns of a change, for programs. */
extern const struct out_column standing_change_fields[];

#endif
