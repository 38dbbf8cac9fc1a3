/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/code.h - the code by which a customer lifts a quarantine once:
 * the id of the change, and a keyed hash of what it is about.  Pure.
 */
#ifndef MORTSAFE_MILTER_NOTICE_CODE_H
#define MORTSAFE_MILTER_NOTICE_CODE_H

#include <stdbool.h>

#include "milter/diary/change.h"
#include "milter/notice/notice.h"
#include "policy/store/sitekey.h"

/* "7K2M-9QXD-...": six groups of four of 32 letters and digits. */
void code_make(const struct sitekey *key, const struct change *change,
               char out[NOTICE_CODE]);

/* The letters and digits of TEXT as code_make() writes them, without the
 * dashes: it may have small letters, blanks and dashes anywhere, O for 0, I and
 * L for 1.  False: it is no code. */
bool code_read(const char *text, char out[NOTICE_CODE]);

#endif
