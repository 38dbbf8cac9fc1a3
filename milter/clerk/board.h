/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/board.h - what is on the fleet's board, by which names and in
 * which form, for the clerk's files.  Names are
 *   decisions SUBJECT, decisions ref REF, decisions id QUEUEID
 *                  lists of the newest, as JSON
 *   about ADDRESS  a list: under which names, also of this kind, a decision or
 *                  change is that mentions the address, which is in small
 * letters here; for who wants to be forgotten acts           fields, by their
 * ids audit          a list changes, changes SUBJECT lists of the newest
 * changes of standings, as JSON helds, held SUBJECT fields, by "HOST QUEUEID":
 * messages held, as JSON gone HOST      fields, by queue ids: they are held
 * there no more forgets, feedback fields, by orders: see milter/clerk/orders.h
 *   site           a field: see milter/clerk/site.h
 *   top KIND       fields, by hosts: see milter/clerk/top.c
 */
#ifndef MORTSAFE_MILTER_CLERK_BOARD_H
#define MORTSAFE_MILTER_CLERK_BOARD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "milter/clerk/inside.h"

/* ----- names */

enum {
    CLERK_NAMES = 5,   /* under which one decision is */
    CLERK_MENTIONS = 5 /* addresses that it mentions */
};

/* Some names, no two of them the same. */
struct clerk_names {
    size_t n;
    char name[CLERK_NAMES + CLERK_MENTIONS][BOARD_NAME + 1];
};

/* Add KIND with TEXT behind it; none where TEXT is "", or too long to be one.
 */
void clerk_names_add(struct clerk_names *names, const char *kind,
                     const char *text);

/* Add "about TEXT", in small letters. */
void clerk_names_about(struct clerk_names *names, const char *text);

/* Add those under which DECISION is to be found; and those under which it is
 * to be forgotten. */
void clerk_names_decision(struct clerk_names *names,
                          const struct decision *decision);
void clerk_names_mentions(struct clerk_names *names,
                          const struct decision *decision);

/* NAMES, each in a line, as a blob in TEXT. */
enum { CLERK_POINTER = (CLERK_NAMES + CLERK_MENTIONS) * (BOARD_NAME + 1) };
struct board_blob clerk_names_pointer(const struct clerk_names *names,
                                      char text[CLERK_POINTER]);

/* ----- forms */

/* JSON (moved; NULL: MS_NOMEM) as a blob, which clerk_blob_end() ends. */
enum ms_err clerk_blob(json_t *json, const char *field, struct board_blob *out);
void clerk_blob_end(struct board_blob *blob);

/* "HOST QUEUEID" as a field; false: it is too long for one. */
bool clerk_field_held(const char *host, const char *id,
                      char out[BOARD_FIELD + 1]);

/* BLOB as what it should be; false: it is of another mortsafe, or nothing. */
bool clerk_blob_decision(const struct board_blob *blob, struct decision *out);
bool clerk_blob_act(const struct board_blob *blob, struct act *out);
bool clerk_blob_audit(const struct board_blob *blob, struct diary_audit *out);
bool clerk_blob_change(const struct board_blob *blob, struct change *out);
bool clerk_blob_held(const struct board_blob *blob, struct held *out);

#endif
