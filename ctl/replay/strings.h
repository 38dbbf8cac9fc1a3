/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/strings.h - each text once, under a number: a log names the same
 * addresses again and again.  One thread.
 */
#ifndef MORTSAFE_CTL_REPLAY_STRINGS_H
#define MORTSAFE_CTL_REPLAY_STRINGS_H

#include <stdint.h>

#include "policy/err.h"

struct strings;

enum ms_err strings_create(struct strings **out); /* MS_NOMEM */
void strings_destroy(struct strings *strings);    /* NULL is fine */

/* The number of TEXT, from 0 on in the order of first use; "" is 0.  MS_NOMEM
 * (also for more than some two thousand million). */
enum ms_err strings_number(struct strings *strings, const char *text,
                           uint32_t *out);

/* The text of a number that was given; borrowed until another is added. */
const char *strings_text(const struct strings *strings, uint32_t number);

uint32_t strings_count(const struct strings *strings);

#endif
