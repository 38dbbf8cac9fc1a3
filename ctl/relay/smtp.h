/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/smtp.h - a conversation in SMTP with a server that is being tried:
 * commands out, replies in, each bounded and shown to who looks on.
 */
#ifndef MORTSAFE_CTL_RELAY_SMTP_H
#define MORTSAFE_CTL_RELAY_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/relay/conn.h"

enum { SMTP_LINES = 100, SMTP_CODE = 12, SMTP_COMMAND = 700 };

struct smtp_reply {
    unsigned code;            /* 200 to 599 */
    char enhanced[SMTP_CODE]; /* "5.7.1", or "" */
    char text[CONN_LINE];     /* its last line, with the code */
};

/* Who looks on. */
struct smtp_watch {
    void (*line)(void *arg, char who, const char *text); /* NULL: nobody */
    void *arg;
};

/*
 * Read a reply.  Each of its lines, without the code, goes to EACH(ARG) (NULL:
 * not wanted).  MS_INVALID: it is none, or has over SMTP_LINES lines;
 * MS_UNAVAIL, MS_TIMEOUT as conn_line().
 */
enum ms_err smtp_hear(struct conn *conn, const struct smtp_watch *watch,
                      void (*each)(void *arg, const char *text), void *arg,
                      struct smtp_reply *reply, struct why *why);

/* Say COMMAND (as printf does, without its end) and read the reply. */
enum ms_err smtp_ask(struct conn *conn, const struct smtp_watch *watch,
                     struct smtp_reply *reply, struct why *why,
                     const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Say a command whose reply is read by smtp_hear(). */
enum ms_err smtp_say(struct conn *conn, const struct smtp_watch *watch,
                     struct why *why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
