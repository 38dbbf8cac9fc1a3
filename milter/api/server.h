/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/server.h - the HTTP servers: one on a Unix socket, for whoever the
 * configuration lets, and one on a loopback port, read-only.  They have
 * threads of their own, so that a slow reader delays nobody else.
 */
#ifndef MORTSAFE_MILTER_API_SERVER_H
#define MORTSAFE_MILTER_API_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "milter/api/desk.h"
#include "policy/config.h"
#include "policy/err.h"

enum {
    API_CONNECTIONS = 128, /* of each server, at one time */
    API_IDLE_S = 10,
    API_WHOLE_S = 30,   /* a request, and its answer, at most */
    API_HEADERS = 16384 /* bytes of a request line with its headers */
};

struct api;

/* What is opened before privileges go: the two sockets. */
struct api_sockets {
    int unix_fd, tcp_fd; /* -1: none */
    char path[108];      /* of the first, to remove at the end */
    int lock;            /* of it; -1: none */
    bool left_out;       /* the first is configured, but its folder is not
                            there */
};

/* None is open. */
void api_sockets_none(struct api_sockets *out);

/*
 * Open CONFIG's sockets.  The first, if it is the default and its folder is
 * missing, is left out.  OWNER ((uid_t)-1: we): who removes the socket later.
 * MS_BUSY: another daemon's; MS_UNAVAIL, MS_INVALID; WHY names path and cure,
 * and none is open.  Not thread-safe: changes the umask for a moment.
 */
enum ms_err api_listen(const struct config *config, uid_t owner,
                       struct api_sockets *out, struct why *why);

/* Close them, and remove the first from the file system. */
void api_close(struct api_sockets *sockets);

/*
 * Read `status { listen }': "inet:8896@127.0.0.1", "inet6:8896@::1".
 * MS_INVALID. Pure.
 */
struct sockaddr_storage;
enum ms_err api_listen_read(const char *text, struct sockaddr_storage *out,
                            struct why *why);

/* Serve DESK (copied; what it borrows must live until api_stop()) on SOCKETS
 * (borrowed).  MS_NOMEM, MS_UNAVAIL. */
enum ms_err api_start(const struct desk *desk,
                      const struct api_sockets *sockets, struct api **out,
                      struct why *why);

/* To be called about once a second: ends what takes too long, but for a
 * handler that waits. */
void api_tick(struct api *api, struct store_time now);

/* End all waits, connections and threads, and free API.  NULL is fine. */
void api_stop(struct api *api);

#endif
