/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/replay/sendmail.c - what Sendmail logs. */
#include <config.h>

#include <string.h>

#include "ctl/replay/inside.h"

/* "wAMHf3x9012345: "; not that of a line without one. */
static bool
read_id(struct span *s, struct maillog_line *out)
{
    struct span id = span_until(*s, ": =[");

    if (id.len < 10 || id.len == s->len || s->at[id.len] != ':' ||
        !span_copy(id, out->id, sizeof(out->id)))
        return false;
    *s = span_skip(*s, id.len + 2);
    return true;
}

/* The value of NAME ("daemon=") up to the next comma. */
static bool
value(struct span s, const char *name, struct span *out)
{
    if (!span_after(s, name, out))
        return false;
    *out = span_until(*out, ",");
    return true;
}

static uint16_t
port_of(struct span daemon)
{
    static const struct {
        const char *name;
        uint16_t port;
    } names[] = {{"MSAS", 465},
                 {"TLSMTA", 465},
                 {"MSA", 587},
                 {"MSP", 587},
                 {"MTA", 25}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_starts(daemon, names[i].name))
            return names[i].port;
    }
    return 0;
}

/* "from=<a@b>, size=12, class=0, nrcpts=2, ..., daemon=MSA, relay=n [addr]" */
static bool
read_from(struct span s, struct maillog_line *out)
{
    struct span rest;

    if (!maillog_address(span_skip(s, 5), out->address) &&
        !span_copy(span_until(span_skip(s, 5), ","), out->address,
                   sizeof(out->address)))
        return false;
    out->kind = MAILLOG_FROM;
    if (value(s, ", size=", &rest))
        out->size = span_number(rest);
    if (value(s, ", daemon=", &rest))
        out->port = port_of(rest);
    if (value(s, ", relay=", &rest)) {
        out->local = !maillog_client(rest, out);
        if (span_find(rest, "@localhost") != NULL)
            out->local = true; /* "ann@localhost": by the sendmail command */
    }
    return true;
}

static bool
read_to(struct span s, struct maillog_line *out)
{
    struct span rest, others;

    if (!maillog_address(span_skip(s, 3), out->address) ||
        !span_after(s, ", stat=", &rest))
        return false;
    if (span_after(s, ">", &others)) {
        out->others = others.at;
        out->n_others = others.len;
    }
    out->kind = MAILLOG_TO;
    out->status = MAILLOG_BOUNCED;
    if (span_starts(rest, "Sent"))
        out->status = MAILLOG_SENT;
    else if (span_starts(rest, "Deferred") || span_starts(rest, "queued"))
        out->status = MAILLOG_DEFERRED;
    else if (span_starts(rest, "User unknown"))
        out->status = MAILLOG_UNKNOWN;
    else if (value(s, ", dsn=", &rest))
        out->status = maillog_code(rest);
    return true;
}

/* "AUTH=server, relay=n [addr], authid=ann, mech=PLAIN, bits=0" */
static bool
read_auth(struct span s, struct maillog_line *out)
{
    struct span rest;

    out->kind = MAILLOG_AUTH;
    if (!value(s, ", authid=", &rest) ||
        !span_copy(rest, out->user, sizeof(out->user)))
        return false;
    if (value(s, ", relay=", &rest))
        (void)maillog_client(rest, out);
    return true;
}

/* "ruleset=check_rcpt, arg1=<x@y>, relay=n [addr], reject=550 5.1.1 ..." */
static bool
read_ruleset(struct span s, struct maillog_line *out)
{
    struct span rest;

    if (!span_after(s, ", arg1=", &rest) ||
        !maillog_address(rest, out->address) || !value(s, ", relay=", &rest) ||
        !maillog_client(rest, out) || !span_after(s, ", reject=5", &rest))
        return false;
    out->kind = MAILLOG_REFUSED;
    out->status = maillog_code(span_skip(rest, 3));
    return true;
}

bool
maillog_sendmail(struct span text, struct maillog_line *out)
{
    bool has_id = read_id(&text, out);

    if (span_starts(text, "AUTH=server, "))
        return read_auth(text, out);
    if (span_starts(text, "ruleset=check_rcpt, "))
        return read_ruleset(text, out);
    if (!has_id)
        return false;
    if (span_starts(text, "from="))
        return read_from(text, out);
    if (span_starts(text, "to="))
        return read_to(text, out);
    if (span_starts(text, "Milter: data, reject=55")) {
        out->kind = MAILLOG_SPAM;
        return true;
    }
    /* "<x@y>... User unknown" */
    if (span_starts(text, "<") && span_find(text, "... User unknown")) {
        out->kind = MAILLOG_REFUSED;
        out->status = MAILLOG_UNKNOWN;
        return maillog_address(text, out->address);
    }
    return false;
}
