/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/hashes.h - addresses and networks as the detector keeps them:
 * keyed hashes, so that its state names nobody.  The same on all hosts that
 * share a store, and never 0.  Immutable once made.
 */
#ifndef MORTSAFE_MILTER_DETECT_HASHES_H
#define MORTSAFE_MILTER_DETECT_HASHES_H

#include <stdint.h>

#include "policy/err.h"
#include "policy/prefix.h"

enum { HASHES_KEY = 16 };

struct hashes {
    uint8_t key[HASHES_KEY];
};

/* Of an envelope or header address, in small letters; NULL and "": of "<>". */
uint64_t hashes_address(const struct hashes *hashes, const char *address);
/* Of any text as it is: a Message-ID. */
uint64_t hashes_text(const struct hashes *hashes, const char *text);
/* Of HOST's /16 or /32; 0 for family 0. */
uint64_t hashes_network(const struct hashes *hashes, struct prefix host);

#endif
