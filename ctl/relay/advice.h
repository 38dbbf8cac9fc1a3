/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/advice.h - what closes a hole: a sentence and the commands to
 * paste, by mail server or by kind of proxy.
 */
#ifndef MORTSAFE_CTL_RELAY_ADVICE_H
#define MORTSAFE_CTL_RELAY_ADVICE_H

#include <stddef.h>

#include "ctl/relay/proxy.h"
#include "ctl/relay/relay.h"

enum { ADVICE_COMMANDS = 5 };

struct advice {
    const char *text;                      /* a sentence */
    const char *commands[ADVICE_COMMANDS]; /* to paste; NULL ends them */
};

/* "Postfix", ...; RELAY_MTA_UNKNOWN: "any mail server". */
const char *advice_mta_name(enum relay_mta mta);

/* The N-th piece of advice for MTA about any of HOLES (bits of enum
 * vector_hole); NULL: no more. */
const struct advice *advice_relay(unsigned holes, enum relay_mta mta, size_t n);

/* The N-th about proxies of any of KINDS (bits of enum proxy_kind). */
const struct advice *advice_proxy(unsigned kinds, size_t n);

#endif
