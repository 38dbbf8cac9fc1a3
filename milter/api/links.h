/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/links.h - who is connected to the API, and since when: no
 * connection may take for ever, and no user all of them.  Thread-safe; its
 * lock is held for moments only.
 */
#ifndef MORTSAFE_MILTER_API_LINKS_H
#define MORTSAFE_MILTER_API_LINKS_H

#include <stdbool.h>

#include "policy/clock.h"
#include "policy/err.h"

enum { API_LINKS_A_PEER = 32 }; /* connections of one user that is not ours */

struct api_links;
struct api_link;

enum ms_err api_links_create(struct api_links **out); /* MS_NOMEM */
void api_links_destroy(struct api_links *links);      /* NULL is fine */

/*
 * A connection FD is there, of the status port or not; it is shut down at once
 * if its user has too many.  NULL: no memory.  api_link_end() is to be called
 * before FD is closed; NULL is fine there.
 */
struct api_link *api_link_begin(struct api_links *links, int fd, bool tcp);
void api_link_end(struct api_link *link);

int api_link_fd(const struct api_link *link);

/* From now on a handler works for LINK (NULL is fine), however long it takes;
 * or the time for the answer, or for the next request, begins. */
enum api_link_state { API_LINK_IDLE, API_LINK_BUSY };
void api_link_mark(struct api_link *link, enum api_link_state state);

/* Shut down what takes longer than API_WHOLE_S. */
void api_links_tick(struct api_links *links, struct mono now);

#endif
