/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/smtp.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
show(const struct smtp_watch *watch, char who, const char *text)
{
    if (watch->line != NULL)
        watch->line(watch->arg, who, text);
}

static unsigned
code_of(const char *line)
{
    for (int i = 0; i < 3; i++)
        if (!isdigit((unsigned char)line[i]))
            return 0;
    if (line[0] < '2' || line[0] > '5' ||
        (line[3] != '\0' && line[3] != ' ' && line[3] != '-'))
        return 0;
    return (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 +
           (unsigned)(line[2] - '0');
}

/* "5.7.1" where LINE has one behind its code, of the same class. */
static void
read_enhanced(const char *line, char out[SMTP_CODE])
{
    size_t n = strlen(line) > 4 ? strspn(line + 4, "0123456789.") : 0;

    out[0] = '\0';
    if (n < 5 || n >= SMTP_CODE || line[4] != line[0] || line[5] != '.')
        return;
    memcpy(out, line + 4, n);
    out[n] = '\0';
}

enum ms_err
smtp_hear(struct conn *conn, const struct smtp_watch *watch,
          void (*each)(void *arg, const char *text), void *arg,
          struct smtp_reply *reply, struct why *why)
{
    for (unsigned n = 0; n < SMTP_LINES; n++) {
        enum ms_err err = conn_line(conn, reply->text, why);

        if (err != MS_OK)
            return err;
        show(watch, 'S', reply->text);
        reply->code = code_of(reply->text);
        if (reply->code == 0)
            return why_set(why, MS_INVALID, "it does not speak SMTP");
        if (each != NULL && reply->text[3] != '\0')
            each(arg, reply->text + 4);
        if (reply->text[3] != '-') {
            read_enhanced(reply->text, reply->enhanced);
            return MS_OK;
        }
    }
    return why_set(why, MS_INVALID, "a reply without an end");
}

static enum ms_err
say(struct conn *conn, const struct smtp_watch *watch, struct why *why,
    const char *format, va_list args)
{
    char line[SMTP_COMMAND];
    int n = vsnprintf(line, sizeof(line) - 2, format, args);

    if (n < 0 || (size_t)n >= sizeof(line) - 2)
        return why_set(why, MS_INVALID, "a command too long");
    show(watch, 'C', line);
    line[n] = '\r';
    line[n + 1] = '\n';
    return conn_write(conn, line, (size_t)n + 2, why);
}

enum ms_err
smtp_say(struct conn *conn, const struct smtp_watch *watch, struct why *why,
         const char *format, ...)
{
    enum ms_err err;
    va_list args;

    va_start(args, format);
    err = say(conn, watch, why, format, args);
    va_end(args);
    return err;
}

enum ms_err
smtp_ask(struct conn *conn, const struct smtp_watch *watch,
         struct smtp_reply *reply, struct why *why, const char *format, ...)
{
    enum ms_err err;
    va_list args;

    va_start(args, format);
    err = say(conn, watch, why, format, args);
    va_end(args);
    return err == MS_OK ? smtp_hear(conn, watch, NULL, NULL, reply, why) : err;
}
