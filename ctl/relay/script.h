/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/script.h - the relay test as a shell script, to be run from a host
 * that the server has no reason to trust.
 */
#ifndef MORTSAFE_CTL_RELAY_SCRIPT_H
#define MORTSAFE_CTL_RELAY_SCRIPT_H

#include <stdint.h>
#include <stdio.h>

#include "ctl/relay/relay.h"

/* What does not depend on the server: ctl/relay/outside.sh. */
extern const char script_body[];

/*
 * Write the script for the server at ASK->to, called HOST ("" or an address:
 * it has no name), on OUT.  ASK's domain has to be set.  MS_INVALID with WHY: a
 * domain is none.
 */
enum ms_err script_write(const struct relay_ask *ask, const char *host,
                         FILE *out, struct why *why);

#endif
