/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/recipe.h - the MTA's side, as it is to be written: what `setup`
 * prints, and what the doctor prescribes.  The same lines as in contrib/.
 * Pure.
 */
#ifndef MORTSAFE_CTL_DOCTOR_RECIPE_H
#define MORTSAFE_CTL_DOCTOR_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

enum { RECIPE_TEXT = 1024 };

/*
 * How Postfix calls mortsafe's SOCKET ("local:/path", "inet:port@host"), seen
 * from below QUEUE, its queue directory, if it is CHROOTED.  False: it cannot
 * be reached from there, or is of no kind that can be named.
 */
bool recipe_endpoint(const char *socket, const char *queue, bool chrooted,
                     char out[RECIPE_TEXT]);

/* "{ ENDPOINT, default_action=tempfail, ... }" */
bool recipe_milter(const char *endpoint, char out[RECIPE_TEXT]);

/* How Sendmail calls SOCKET: as mortsafe does; false: it cannot. */
bool recipe_socket(const char *socket, char out[RECIPE_TEXT]);

/* The lines of master.cf for a service of mortsafe's kind, without what stands
 * in front of the chroot column, an option a line; NULL: no such kind. */
struct recipe_service {
    const char *listener; /* mx, submission, submissions */
    const char *name;     /* "smtp" */
    unsigned port;
    const char *remark;
    const char *const *options; /* NULL ends them */
};
extern const struct recipe_service recipe_services[];
extern const size_t recipe_services_count;

/* Sendmail's daemons. */
struct recipe_daemon {
    const char *listener, *name, *modify;
    unsigned port;
};
extern const struct recipe_daemon recipe_daemons[];
extern const size_t recipe_daemons_count;

#endif
