/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/postconf.h - Postfix's configuration as postconf(1) prints it: the
 * settings of main.cf, the services of master.cf, and what these set for
 * themselves.  The text is not believed to be well formed.  Pure.
 */
#ifndef MORTSAFE_CTL_DOCTOR_POSTCONF_H
#define MORTSAFE_CTL_DOCTOR_POSTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/doctor/words.h"
#include "policy/err.h"

struct postconf;

enum ms_err postconf_create(struct postconf **out); /* MS_NOMEM */
void postconf_destroy(struct postconf *postconf);   /* NULL is fine */

/* A line of `postconf -x`: "name = value"; of `postconf -M`; of `postconf -x
 * -P`: "smtp/inet/name = value".  What is no such line is passed over.
 * MS_NOMEM. */
enum ms_err postconf_main(struct postconf *postconf, const char *line);
enum ms_err postconf_service(struct postconf *postconf, const char *line);
enum ms_err postconf_own(struct postconf *postconf, const char *line);

/* A service of master.cf. */
struct postconf_service {
    const char *name, *type; /* "127.0.0.1:10026", "inet" */
    char chroot;             /* y, n or - */
    const char *command;     /* "smtpd" */
    const char *host;        /* "127.0.0.1"; "": any address */
    unsigned port;           /* of an inet service; 0: not known */
    bool loopback;           /* it listens for this machine only */
};

size_t postconf_services(const struct postconf *postconf);
const struct postconf_service *postconf_at(const struct postconf *postconf,
                                           size_t i);
/* The service NAME of TYPE, or NULL. */
const struct postconf_service *postconf_find(const struct postconf *postconf,
                                             const char *name,
                                             const char *type);

/*
 * Who speaks SMTP behind SERVICE: itself, or the service that postscreen(8)
 * hands clients to; NULL: nobody, it is another kind of service.
 */
const struct postconf_service *
postconf_smtpd(const struct postconf *postconf,
               const struct postconf_service *service);

/* The value of NAME for SERVICE (NULL: of main.cf alone); "" if there is none,
 * or it is not known to this Postfix. */
const char *postconf_get(const struct postconf *postconf,
                         const struct postconf_service *service,
                         const char *name);
/* Has SERVICE set NAME for itself? */
bool postconf_has_own(const struct postconf *postconf,
                      const struct postconf_service *service, const char *name);
/* Does this Postfix know NAME? */
bool postconf_knows(const struct postconf *postconf, const char *name);
/* NAME is "yes" for SERVICE. */
bool postconf_yes(const struct postconf *postconf,
                  const struct postconf_service *service, const char *name);

/* Does SERVICE run chrooted?  "-" is what Postfix's compatibility level has it
 * be. */
bool postconf_chroot(const struct postconf *postconf,
                     const struct postconf_service *service);

/* One milter of smtpd_milters. */
struct postconf_milter {
    char endpoint[WORDS_TEXT]; /* "unix:/mortsafe/milter.sock" */
    char action[32];           /* of default_action; "": the general one */
};

/* The next milter of *AT, which moves behind it.  False: none. */
bool postconf_milter(const char **at, struct postconf_milter *out);

#endif
