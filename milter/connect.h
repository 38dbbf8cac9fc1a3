/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/connect.h - is the shared store that is configured fit for use?
 * `mortsafe -n --connect` prints what is found, and the daemon logs it when
 * its store is there.
 */
#ifndef MORTSAFE_MILTER_CONNECT_H
#define MORTSAFE_MILTER_CONNECT_H

#include "milter/journal.h"
#include "policy/config.h"
#include "policy/store/sitekey.h"

/*
 * Look at CONFIG's store, and print a line for each thing to standard output.
 * KEY is the site's; NULL: the store needs none.  Returns an exit code of
 * sysexits.h: EX_OK, or EX_UNAVAILABLE if something must be mended.
 */
int connect_check(const struct config *config, const struct sitekey *key);

/* Look at CONFIG's shared store, and log what must or should be mended.  Waits
 * for seconds at most. */
void connect_look(const struct config *config, const struct sitekey *key,
                  struct journal *journal);

#endif
