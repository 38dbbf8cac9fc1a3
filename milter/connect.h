/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/connect.h - what `mortsafe -n --connect` prints: is the store that
 * is configured fit for use?
 */
#ifndef MORTSAFE_MILTER_CONNECT_H
#define MORTSAFE_MILTER_CONNECT_H

#include "policy/config.h"
#include "policy/store/sitekey.h"

/*
 * Look at CONFIG's store, and print a line for each thing to standard output.
 * KEY is the site's; NULL: the store needs none.  Returns an exit code of
 * sysexits.h: EX_OK, or EX_UNAVAILABLE if something must be mended.
 */
int connect_check(const struct config *config, const struct sitekey *key);

#endif
