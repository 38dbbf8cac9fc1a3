/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/plain.h - is it text that may be shown to people as it is?
 */
#ifndef MORTSAFE_POLICY_PLAIN_H
#define MORTSAFE_POLICY_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at TEXT, of LEN bytes (1 or more), in *OUT; returns how many of
 * them it is, 0: it is none.  Pure. */
size_t plain_decode(const char *text, size_t len, uint32_t *out);

/* Are LEN bytes at TEXT UTF-8 (no surrogates, nothing overlong)?  Pure. */
bool plain_is_utf8(const char *text, size_t len);

/* UTF-8 without anything that a reader could be misled by: control characters,
 * marks that turn or hide text?  Pure. */
bool plain_is_text(const char *text);

#endif
