/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/target.h - the host that relay-test or proxy-test was told to try,
 * once it is clear that it is the operator's own.
 */
#ifndef MORTSAFE_CTL_RELAY_TARGET_H
#define MORTSAFE_CTL_RELAY_TARGET_H

#include <jansson.h>

#include "ctl/call.h"
#include "ctl/relay/advice.h"
#include "ctl/relay/own.h"

enum { TARGET_UNTOLD = 2 /* the exit code for "cannot tell" */ };

struct target {
    struct own_host host;
    struct prefix address; /* the one that is tried, its first */
    struct config *config; /* of -x FILE, the daemon, or the usual file; NULL */
    enum own_claim claim;
};

/*
 * Take the first word of CALL, see whose host it is, and say so.  CTL_OK (also
 * with --yes-this-is-mine, which is told); else the exit code, having
 * complained: EX_NOPERM where it is nobody's.  target_end() in any case.
 */
int target_take(const struct call *call, struct target *out);
/* Tell of the host's other addresses, each of which is a server of its own. */
void target_others(const struct out *out, const struct target *target);

void target_end(struct target *target);

/* "this machine", ... */
const char *target_whose(const struct target *target);

/* For both commands: the dialog, and how far it is, as relay_ask and proxy_ask
 * want them, with a struct target_show for ARG. */
struct target_show {
    const struct out *out;
    struct bar *bar;
};
void target_line(void *arg, char who, const char *text);
void target_done(void *arg, size_t done, size_t total);

/* A piece of advice. */
void target_advise(const struct out *out, const struct advice *advice);

#endif
