/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/socket.h - the socket on which MTAs reach us.  libmilter opens it;
 * here is what it does not do: leave a live socket alone, remove a dead one,
 * take nothing else for one, and set mode and group from the first moment.
 */
#ifndef MORTSAFE_MILTER_SOCKET_H
#define MORTSAFE_MILTER_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "policy/err.h"

enum socket_kind {
    SOCKET_LOCAL,
    SOCKET_INET,
    SOCKET_INET6,
    SOCKET_FD /* inherited: systemd's socket activation */
};

enum { SOCKET_PATH = 108 };

struct socket_spec {
    enum socket_kind kind;
    const char *path; /* of SOCKET_LOCAL; borrowed from the text */
    int fd;           /* of SOCKET_FD */
};

/* Who may use a local socket, and who may remove it. */
struct socket_access {
    unsigned mode;     /* 0660 */
    const char *group; /* NULL: GID */
    gid_t gid;         /* (gid_t)-1: leave */
    uid_t owner;       /* (uid_t)-1: leave */
};

/*
 * Read "local:/path", "unix:/path", "/path", "inet:port@host", "inet:port",
 * "inet6:..." or "fd:3".  MS_INVALID.  *OUT lives as long as TEXT.
 */
enum ms_err socket_parse(const char *text, struct socket_spec *out,
                         struct why *why);

/*
 * Make sure that the path of SPEC is ours to listen on: take the lock file
 * beside it (PATH.lock, held until *LOCK is closed), and remove a dead socket.
 * MS_BUSY: somebody is alive there.  MS_INVALID: it is no socket.
 * MS_UNAVAIL: cannot be done.  Other kinds: *LOCK is -1, and an inherited
 * descriptor must be a listening socket.
 */
enum ms_err socket_claim(const struct socket_spec *spec, uid_t owner, int *lock,
                         struct why *why);

/*
 * Let libmilter listen on TEXT, which SPEC was read from and socket_claim()
 * claimed.  A group or owner that cannot be given is told in *WARNING (else it
 * is ""), and the socket stays without.  MS_UNAVAIL.  Not thread-safe: changes
 * the umask for a moment.
 */
enum ms_err socket_listen(const char *text, const struct socket_spec *spec,
                          const struct socket_access *access, int backlog,
                          struct why *warning, struct why *why);

/* Connect to ourselves for a moment, so that libmilter's listener wakes up; a
 * host must be an address.  Never waits. */
void socket_wake(const char *text, const struct socket_spec *spec);

#endif
