/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/dialog.h - our callbacks with everything behind them, called as an MTA
 * would have libmilter call them: over test/fake_milter.c, with a store in
 * memory that can be told to fail, and the log in a file.
 */
#ifndef MORTSAFE_TEST_DIALOG_H
#define MORTSAFE_TEST_DIALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/daemon.h"
#include "test/fake_milter.h"

struct dialog;

/* What the store is to do. */
enum dialog_store {
    DIALOG_WORKS,
    DIALOG_REFUSES, /* takes no charge */
    DIALOG_HANGS,   /* takes it and does not answer */
    DIALOG_SHARED,  /* has waited for a shared one */
    DIALOG_ALONE    /* answers for a shared one */
};

/* An answer: "c", "a" (accept), "d" (discard), "h" (continue, and held), or
 * the code of the reply, as in "550". */
enum { DIALOG_ANSWER = 8 };

/* Make a dialog under CONFIG, a configuration's text.  Aborts if it cannot. */
struct dialog *dialog_create(const char *config);

/* End it; what the log has, which free() ends. */
char *dialog_destroy(struct dialog *dialog);

struct daemon *dialog_daemon(struct dialog *dialog);
void dialog_store(struct dialog *dialog, enum dialog_store store);

/* The MTA says that it is MTA (kept, not copied) from the next CONNECT on. */
void dialog_mta(struct dialog *dialog, const char *mta);

/* Another configuration takes the place of the one in force. */
void dialog_reload(struct dialog *dialog, const char *config);

/* Give refunds to the store now, and tell how much TEXT ("user:ann@a.test")
 * has used in all its windows together. */
uint64_t dialog_used(struct dialog *dialog, const char *subject);

/*
 * Play SCRIPT, a line an event, on CTX; ANSWERS gets what was answered, with
 * a blank between.  Lines, their words apart by one blank:
 *
 *   C ADDR PORT     connect; ADDR - is NULL, / a Unix socket, 0 stdin; PORT -
 *                   is no {daemon_port}
 *   M SENDER [WORD] MAIL, with a parameter
 *   L LOGIN SENDER  MAIL of somebody who has logged in
 *   R RCPT          RCPT that the MTA accepts
 *   X HOST RCPT     RCPT with {rcpt_mailer} = error and this {rcpt_host}, in
 *                   which _ is a blank
 *   H N, B N        a header, a piece of body of N octets
 *   N NAME VALUE    a header
 *   D E A Q         DATA, end of message, abort, close
 */
void dialog_play(struct dialog *dialog, SMFICTX *ctx, const char *script,
                 char *answers, size_t size);

/* One event with the strings as they are.  ARGUMENT NULL: no argument. */
void dialog_connect(struct dialog *dialog, SMFICTX *ctx, const char *addr,
                    const char *port, char answer[DIALOG_ANSWER]);
void dialog_mail(struct dialog *dialog, SMFICTX *ctx, const char *sender,
                 const char *parameter, const char *login,
                 char answer[DIALOG_ANSWER]);
void dialog_rcpt(struct dialog *dialog, SMFICTX *ctx, const char *recipient,
                 const char *mailer, const char *host,
                 char answer[DIALOG_ANSWER]);
void dialog_header(struct dialog *dialog, SMFICTX *ctx, const char *name,
                   const char *value, char answer[DIALOG_ANSWER]);
void dialog_octets(struct dialog *dialog, SMFICTX *ctx, char kind, size_t n,
                   char answer[DIALOG_ANSWER]);
void dialog_other(struct dialog *dialog, SMFICTX *ctx, char kind,
                  char answer[DIALOG_ANSWER]);

#endif
