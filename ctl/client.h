/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/client.h - the daemon's API by its Unix socket.  One request at a time,
 * each with a deadline; what comes back is not believed to be JSON, or short.
 */
#ifndef MORTSAFE_CTL_CLIENT_H
#define MORTSAFE_CTL_CLIENT_H

#include <stdbool.h>

#include <jansson.h>

#include "ctl/url.h"
#include "policy/err.h"

enum {
    CLIENT_WAIT_S = 5,              /* for an answer, all of it */
    CLIENT_BYTES = 64 * 1024 * 1024 /* of one answer, at most */
};

#define CLIENT_SOCKET RUNSTATEDIR "/mortsafe/api.sock"

enum client_method { CLIENT_GET, CLIENT_POST, CLIENT_DELETE };

struct client;

/* A client of the socket at PATH (borrowed), not yet connected.  MS_NOMEM. */
enum ms_err client_create(const char *path, struct client **out);
void client_destroy(struct client *client); /* NULL is fine */

/* Wait N s longer than CLIENT_WAIT_S from now on: for what takes its time. */
void client_patience(struct client *client, unsigned n);

/* Let ENDED(), asked about once a second, end a request: CTL_OK is then not
 * returned. */
void client_until(struct client *client, bool (*ended)(void));

/*
 * Ask for URL, with BODY (borrowed; NULL: none).  CTL_OK and the answer, a new
 * reference, in *OUT; else the exit code of mortsafectl(8) for what went
 * wrong, *OUT untouched, and WHY in words for people.
 */
int client_ask(struct client *client, enum client_method method,
               const struct url *url, const json_t *body, json_t **out,
               struct why *why);

/* GET URL, whose answer is text: *OUT is malloc()ed, with a 0 at its end. Codes
 * as of client_ask(). */
int client_get_text(struct client *client, const struct url *url, char **out,
                    struct why *why);

#endif
