/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/letter.h"

#include <stdio.h>
#include <string.h>

enum { LETTER_SIZE = 4096 };

static enum ms_err
send_text(struct conn *conn, const struct smtp_watch *watch,
          const struct letter *letter, struct smtp_reply *reply)
{
    char text[LETTER_SIZE];
    enum ms_err err;
    int n = snprintf(
        text, sizeof(text),
        "From: relay-test@[%s]\r\n"
        "To: undisclosed-recipients:;\r\n"
        "Subject: " LETTER_SUBJECT ": %s\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "Precedence: junk\r\n"
        "\r\n"
        "This is a test, no advertisement.  The operator of the mail server "
        "%s\r\n"
        "has had mortsafectl(8) try whether it is an open relay, and named\r\n"
        "this address for what gets through.\r\n"
        "\r\n"
        "That you read this proves it: anybody can send mail through that\r\n"
        "server by\r\n"
        "\r\n"
        "    MAIL FROM:%s\r\n"
        "    RCPT TO:%s\r\n"
        "\r\n"
        "(%s; sent from %s).\r\n",
        letter->source, letter->name, letter->host, letter->mail, letter->rcpt,
        letter->name, letter->source);

    if (n < 0 || (size_t)n >= sizeof(text))
        return MS_INVALID;
    err = conn_write(conn, text, (size_t)n, NULL);
    return err == MS_OK ? smtp_ask(conn, watch, reply, NULL, "%s", ".") : err;
}

enum ms_err
letter_send(struct conn *conn, const struct smtp_watch *watch,
            const struct letter *letter, struct smtp_reply *reply,
            enum letter_step *step)
{
    struct smtp_reply end;
    enum ms_err err =
        smtp_ask(conn, watch, reply, NULL, "MAIL FROM:%s", letter->mail);

    *step = LETTER_ADDRESSES;
    if (err == MS_OK && reply->code < 300)
        err = smtp_ask(conn, watch, reply, NULL, "RCPT TO:%s", letter->rcpt);
    if (err == MS_OK && reply->code < 300) {
        *step = LETTER_DATA;
        err = smtp_ask(conn, watch, reply, NULL, "DATA");
    }
    if (err == MS_OK && reply->code == 354) {
        *step = LETTER_TEXT;
        return send_text(conn, watch, letter, reply);
    }
    return err == MS_OK ? smtp_ask(conn, watch, &end, NULL, "RSET") : err;
}
