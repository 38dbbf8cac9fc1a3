/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/replay/postfix.c - what Postfix's programs log. */
#include <config.h>

#include <string.h>

#include "ctl/replay/inside.h"

bool
maillog_client(struct span s, struct maillog_line *out)
{
    struct span addr;

    if (!span_after(s, "[", &addr))
        return false;
    if (span_starts(addr, "IPv6:"))
        addr = span_skip(addr, 5);
    return span_copy(span_until(addr, "]"), out->addr, sizeof(out->addr));
}

bool
maillog_address(struct span s, char out[MAILLOG_ADDRESS])
{
    if (!span_starts(s, "<"))
        return false;
    return span_copy(span_until(span_skip(s, 1), ">"), out, MAILLOG_ADDRESS);
}

enum maillog_status
maillog_code(struct span code)
{
    return span_starts(code, "5.1.") ? MAILLOG_UNKNOWN : MAILLOG_BOUNCED;
}

/* Which port the service listens on, by the names that are usual for it. */
static uint16_t
port_of(struct span program)
{
    if (span_find(program, "submissions") != NULL ||
        span_find(program, "smtps") != NULL)
        return 465;
    if (span_find(program, "submission") != NULL)
        return 587;
    return 0;
}

/* "4XyZ0q3zz: ": a queue id, long or short. */
static bool
read_id(struct span *s, struct maillog_line *out)
{
    struct span id = span_until(*s, ": ");

    if (id.len < 5 || id.len == s->len || s->at[id.len] != ':' ||
        span_count(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "abcdefghijklmnopqrstuvwxyz") < id.len ||
        !span_copy(id, out->id, sizeof(out->id)))
        return false;
    *s = span_skip(*s, id.len + 2);
    return true;
}

/* "...; from=<a> to=<b> proto=...": a quoted recipient before it may look the
 * same. */
static bool
read_envelope(struct span s, struct maillog_line *out)
{
    struct span from, to;

    return span_behind_last(s, "; from=", &from) &&
           maillog_address(from, out->from) && span_after(from, "> to=", &to) &&
           maillog_address(to, out->address);
}

/* "reject: RCPT from name[addr]: 550 5.1.1 <x@y>: ...; from=<a> to=<b> ..." */
static bool
read_reject(struct span s, struct maillog_line *out)
{
    struct span code;

    if (!maillog_client(s, out) || !span_after(s, "]: ", &code) ||
        code.len < 5 || code.at[0] != '5')
        return false;
    out->kind = MAILLOG_REFUSED;
    out->status = maillog_code(span_skip(code, 4));
    return read_envelope(s, out);
}

/* smtpd: "client=name[addr], sasl_method=PLAIN, sasl_username=ann". */
static bool
read_message_client(struct span s, struct maillog_line *out)
{
    struct span user;

    out->kind = MAILLOG_CLIENT;
    if (!maillog_client(s, out))
        return false;
    if (span_after(s, ", sasl_username=", &user))
        (void)span_copy(span_until(user, ", "), out->user, sizeof(out->user));
    return true;
}

static bool
read_smtpd(struct span s, struct maillog_line *out)
{
    if (span_starts(s, "connect from ")) {
        out->kind = MAILLOG_CONNECT;
        return maillog_client(s, out);
    }
    if (span_starts(s, "NOQUEUE: "))
        s = span_skip(s, 9);
    else if (!read_id(&s, out))
        return false;
    if (span_starts(s, "client="))
        return read_message_client(s, out);
    if (span_starts(s, "reject: RCPT from "))
        return read_reject(s, out);
    return false;
}

/* "from=<a@b>, size=1234, nrcpt=3 (queue active)". */
static bool
read_from(struct span s, struct maillog_line *out)
{
    struct span rest;

    if (!maillog_address(span_skip(s, 5), out->address))
        return false;
    out->kind = MAILLOG_FROM;
    if (span_after(s, ", size=", &rest))
        out->size = span_number(rest);
    return true;
}

/* "to=<x@y>, orig_to=<z>, relay=..., dsn=5.1.1, status=bounced (...)". */
static bool
read_to(struct span s, struct maillog_line *out)
{
    struct span rest, dsn;

    if (!maillog_address(span_skip(s, 3), out->address))
        return false;
    if (span_after(s, ", orig_to=", &rest))
        (void)maillog_address(rest, out->address);
    if (!span_after(s, ", status=", &rest))
        return false;
    out->kind = MAILLOG_TO;
    out->status = MAILLOG_SENT;
    if (span_starts(rest, "deferred"))
        out->status = MAILLOG_DEFERRED;
    else if (span_starts(rest, "bounced") && span_after(s, ", dsn=", &dsn))
        out->status = maillog_code(dsn);
    else if (span_starts(rest, "bounced"))
        out->status = MAILLOG_BOUNCED;
    return true;
}

bool
maillog_postfix(struct span program, struct span text, struct maillog_line *out)
{
    out->port = port_of(program);
    if (program.len > 5 &&
        memcmp(program.at + program.len - 5, "smtpd", 5) == 0)
        return read_smtpd(text, out);
    if (!read_id(&text, out))
        return false;
    if (span_starts(text, "from="))
        return read_from(text, out);
    if (span_starts(text, "to="))
        return read_to(text, out);
    if (span_starts(text, "milter-reject: END-OF-MESSAGE ")) {
        out->kind = MAILLOG_SPAM;
        return span_find(text, " 5.7.") != NULL && read_envelope(text, out);
    }
    if (span_starts(text, "uid=")) { /* pickup: the sendmail command */
        out->kind = MAILLOG_CLIENT;
        out->local = true;
        return true;
    }
    return false;
}
