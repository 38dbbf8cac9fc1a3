/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/mime.h - text in UTF-8 as mail carries it: in a header (RFC
 * 2047), in a body (RFC 2045).  What goes in is UTF-8 without control
 * characters: plain_is_text() of policy/plain.h.
 */
#ifndef MORTSAFE_MILTER_NOTICE_MIME_H
#define MORTSAFE_MILTER_NOTICE_MIME_H

#include <stdbool.h>
#include <stdio.h>

enum { MIME_LINE = 76 }; /* characters of a line at most, CRLF not counted */

/* How a body is written. */
enum mime_encoding { MIME_QUOTED, MIME_BASE64 };

/* The shorter of both for TEXT; "quoted-printable", "base64". */
enum mime_encoding mime_choose(const char *text);
const char *mime_encoding_name(enum mime_encoding encoding);

/* Write TEXT, lines of which end in "\n", as a body: lines of at most
 * MIME_LINE characters that end in CRLF. */
void mime_body(FILE *out, enum mime_encoding encoding, const char *text);

/* Write the header NAME with unstructured TEXT, folded; encoded where it is
 * not ASCII or would be misread. */
void mime_header(FILE *out, const char *name, const char *text);

/* Write a display name as a phrase (RFC 5322 section 3.2.5), AT characters of
 * the line taken already; what follows it has to begin on a new line if
 * *FOLDED. */
void mime_phrase(FILE *out, size_t at, const char *text, bool *folded);

#endif
