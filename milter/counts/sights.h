/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/sights.h - what the MTA has shown since the start: which
 * listeners it asks us for, which macros come, what says it is an MTA, and
 * whether a filter before us judges mail with a login.  For `mortsafectl
 * doctor`, which cannot see it from outside.  Thread-safe; needs no memory.
 */
#ifndef MORTSAFE_MILTER_COUNTS_SIGHTS_H
#define MORTSAFE_MILTER_COUNTS_SIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"

/* Macros that something is decided by. */
enum sights_macro {
    SIGHTS_HOSTNAME,    /* j at CONNECT */
    SIGHTS_DAEMON_NAME, /* {daemon_name} */
    SIGHTS_DAEMON_PORT, /* {daemon_port} */
    SIGHTS_LOGIN,       /* {auth_authen} at MAIL, where {auth_type} is there */
    SIGHTS_MAILER,      /* {rcpt_mailer} at RCPT */
    SIGHTS_ID,          /* i at the end of a message */
    SIGHTS_MACROS
};
const char *sights_macro_name(enum sights_macro macro);  /* "{daemon_port}" */
const char *sights_macro_stage(enum sights_macro macro); /* "connect" */

enum {
    SIGHTS_LISTENERS = 64, /* pairs of a listener and a port; more are not
                              told apart */
    SIGHTS_MTAS = 8,
    SIGHTS_NAME = 64,
    SIGHTS_PORT = 8
};

struct sights;

enum ms_err sights_create(struct wall now, struct sights **out); /* MS_NOMEM */
void sights_destroy(struct sights *sights); /* NULL is fine */

/* Where mail comes in.  A name that is longer than SIGHTS_NAME is cut. */
struct sights_place {
    const char *listener;
    const char *port; /* as the MTA says it; "" or NULL: it does not */
};

/* A session begins at PLACE; MTA (may be NULL) is what the MTA says it is. */
void sights_session(struct sights *sights, struct sights_place place,
                    const char *mta);

/* MACRO was asked for, and is THERE or not. */
void sights_macro(struct sights *sights, enum sights_macro macro, bool there);

/* What became of the headers in which a filter tells. */
enum sights_verdict {
    SIGHTS_NOT_ASKED, /* none is read of this message */
    SIGHTS_NO_VERDICT,
    SIGHTS_VERDICT /* and it is believed */
};

/* A message goes through. */
struct sights_message {
    struct sights_place place;
    bool login, tls;
    enum sights_verdict verdict;
};
void sights_message(struct sights *sights,
                    const struct sights_message *message);

/* All of it. */
struct sights_view {
    struct wall since;
    size_t n_listeners;
    struct sights_listener {
        char name[SIGHTS_NAME], port[SIGHTS_PORT];
        uint64_t sessions, messages, logins, tls;
    } listener[SIGHTS_LISTENERS];
    struct {
        uint64_t asked, missing;
    } macro[SIGHTS_MACROS];
    uint64_t logins, verdicts; /* messages with a login whose headers were read;
                                  of them, with a verdict */
    size_t n_mtas;
    char mta[SIGHTS_MTAS][SIGHTS_NAME];
};
void sights_read(struct sights *sights, struct sights_view *out);

#endif
