/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/pidfile.h - a file with the number of our process, for who starts
 * daemons by script.
 */
#ifndef MORTSAFE_MILTER_PIDFILE_H
#define MORTSAFE_MILTER_PIDFILE_H

#include "policy/err.h"

/* Write our number to PATH (NULL: nothing to do), which is no link and has
 * no other name.  MS_UNAVAIL, MS_INVALID. */
enum ms_err pidfile_write(const char *path, struct why *why);

/* Remove PATH (may be NULL) if it has our number and we may. */
void pidfile_remove(const char *path);

#endif
