/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "milter/notice/mime.h"
#include "policy/plain.h"

enum ms_err
letter_mailbox(const char *text, struct mailbox *out, struct why *why)
{
    struct mailbox box;

    if (text == NULL || !contact_mailbox(text, box.name, box.address))
        return why_set(why, MS_INVALID,
                       "`%s` is no sender: `Name <local@domain>`",
                       text != NULL ? text : "");
    if (!plain_is_text(box.name))
        return why_set(why, MS_INVALID, "the name is not plain text in UTF-8");
    *out = box;
    return MS_OK;
}

/* ----- headers */

static void
put_date(FILE *out, int64_t at_s)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed",
                                   "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)at_s;
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL)
        return;
    (void)fprintf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n",
                  days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                  tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
put_from(FILE *out, const struct mailbox *from)
{
    bool folded = false;

    (void)fputs("From: ", out);
    if (from->name[0] == '\0') {
        (void)fprintf(out, "%s\r\n", from->address);
        return;
    }
    mime_phrase(out, strlen("From: "), from->name, &folded);
    folded = folded || strlen(from->name) + strlen(from->address) > 60;
    (void)fprintf(out, "%s <%s>\r\n", folded ? "\r\n" : "", from->address);
}

static void
put_headers(FILE *out, const struct letter *letter, enum mime_encoding encoding)
{
    put_from(out, letter->from);
    (void)fprintf(out, "To: %s\r\n",
                  letter->to != NULL ? letter->to : "undisclosed-recipients:;");
    mime_header(out, "Subject", letter->subject);
    put_date(out, letter->at_s);
    (void)fprintf(out, "Message-ID: <%s@%s>\r\n", letter->id,
                  strchr(letter->from->address, '@') + 1);
    (void)fprintf(out,
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: %s\r\n"
                  "Content-Language: %s\r\n"
                  "Auto-Submitted: auto-generated\r\n"
                  "X-Auto-Response-Suppress: All\r\n",
                  mime_encoding_name(encoding), letter->language);
}

enum ms_err
letter_write(const struct letter *letter, char **out)
{
    enum mime_encoding encoding = mime_choose(letter->body);
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    bool failed;

    if (to == NULL)
        return MS_NOMEM;
    put_headers(to, letter, encoding);
    (void)fputs("\r\n", to);
    mime_body(to, encoding, letter->body);
    failed = ferror(to) != 0;
    if (fclose(to) != 0 || failed) {
        free(text);
        return MS_NOMEM;
    }
    *out = text;
    return MS_OK;
}
