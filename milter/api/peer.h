/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/peer.h - who is at the other end of the API's socket, as the
 * kernel says.
 */
#ifndef MORTSAFE_MILTER_API_PEER_H
#define MORTSAFE_MILTER_API_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "policy/acts.h"
#include "policy/err.h"

enum { PEER_GROUPS = 256 };

struct peer {
    bool tcp; /* by the status port: nobody in particular, may read */
    uid_t uid;
    gid_t groups[PEER_GROUPS]; /* supplementary ones and the primary */
    size_t n_groups;
    char by[ACT_BY]; /* "ann (uid 1000)"; "status port" */
};

/* Only whose process has connected to FD, which asks nobody but the kernel.
 * MS_UNAVAIL. */
enum ms_err peer_uid(int fd, uid_t *out);

/*
 * Fill in OUT from the connection FD (SO_PEERCRED, SO_PEERGROUPS); looks the
 * user's name up, which may wait for a directory service.  Of somebody in more
 * than PEER_GROUPS - 1 groups only the primary one is known.  MS_UNAVAIL.
 */
enum ms_err peer_read(int fd, struct peer *out, struct why *why);

/* Whoever has come by TCP. */
void peer_tcp(struct peer *out);

/* Is PEER root, or who we are? */
bool peer_is_ours(const struct peer *peer);
bool peer_has(const struct peer *peer, gid_t gid);

/*
 * Tell PEER's groups by name, "helpdesk, mail", as many as fit into OUT, which
 * then ends in "..."; may wait as peer_read().  Returns OUT.
 */
char *peer_groups(const struct peer *peer, char *out, size_t size);

#endif
