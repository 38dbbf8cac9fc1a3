/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/textfile.h - a whole file in memory, as configuration and tables
 * need it: a regular file of a sane size, without NUL bytes.
 */
#ifndef MORTSAFE_POLICY_TEXTFILE_H
#define MORTSAFE_POLICY_TEXTFILE_H

#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum { TEXTFILE_MAX = 64 * 1024 * 1024 };

/* Which file it was, however it was named. */
struct textfile_id {
    uint64_t device, inode;
};

/*
 * Read PATH (symbolic links are followed) into *OUT, NUL-terminated, which
 * free() ends; LEN without the NUL, ID (may be NULL).  MS_UNAVAIL: it cannot
 * be opened or read.  MS_INVALID: no regular file, longer than
 * TEXTFILE_MAX, or with a NUL byte.  MS_NOMEM.  WHY says which, without PATH.
 */
enum ms_err textfile_read(const char *path, char **out, size_t *len,
                          struct textfile_id *id, struct why *why);

#endif
