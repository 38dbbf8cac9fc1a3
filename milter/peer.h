/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/peer.h - who is at the other end of the API's socket, as the kernel
 * says, and what the configuration lets them do.
 */
#ifndef MORTSAFE_MILTER_PEER_H
#define MORTSAFE_MILTER_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "policy/acts.h"
#include "policy/config.h"
#include "policy/err.h"

enum { PEER_GROUPS = 256 };

struct peer {
    bool tcp; /* by the status port: nobody in particular, may read */
    uid_t uid;
    gid_t groups[PEER_GROUPS]; /* supplementary ones and the primary */
    size_t n_groups;
    char by[ACT_BY]; /* "ann (uid 1000)"; "status port" */
};

/* Fill in OUT from the connection FD (SO_PEERCRED, SO_PEERGROUPS). */
enum ms_err peer_read(int fd, struct peer *out, struct why *why);

/* What PEER may do: root and our own user all; else the sum of its groups in
 * CONFIG. Bits of enum api_right, with those that API_ALL includes. */
unsigned peer_rights(const struct peer *peer, const struct config *config);

#endif
