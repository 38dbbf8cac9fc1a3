/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/report.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

enum { ID_LEAST = 5 }; /* shorter words behind "id" are no queue ids */

static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static const struct {
    const char *name;
    enum report_kind kind;
} kinds[] = {{"complaint", REPORT_COMPLAINT},
             {"bounce", REPORT_BOUNCE},
             {"log", REPORT_LOG}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const char *
report_kind_name(enum report_kind kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "auto";
}

enum report_kind
report_kind_of(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    return REPORT_ANY;
}

/* ----- queue ids */

/* Add the N bytes at TEXT, if they are an id, once. */
static void
add_id(struct report_case *c, const char *text, size_t n)
{
    char id[REPORT_ID];

    if (n < ID_LEAST || n >= REPORT_ID || c->n_ids == REPORT_IDS)
        return;
    memcpy(id, text, n);
    id[n] = '\0';
    if (strspn(id, alnum) != n)
        return;
    for (size_t i = 0; i < c->n_ids; i++)
        if (strcmp(c->ids[i], id) == 0)
            return;
    memcpy(c->ids[c->n_ids++], id, n + 1);
}

/* The next word of a field from *AT on, comments (RFC 5322 section 3.2.2) left
 * out; its length, 0 at the end or before a semicolon. */
static size_t
next_word(const char **at)
{
    const char *p = *at;
    unsigned depth = 0;
    size_t n;

    for (; *p != '\0'; p++) {
        if (depth > 0 && *p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && depth > 0)
            depth--;
        else if (depth == 0 && strchr(" \t\r\n", *p) == NULL)
            break;
    }
    n = strcspn(p, " \t\r\n(;");
    *at = p;
    return n;
}

/* `from a by b (Postfix) with ESMTPSA id 4XyZq1 for <c>; date`. */
static void
add_received(struct report_case *c, const char *value)
{
    bool behind = false;
    size_t n;

    while ((n = next_word(&value)) > 0) {
        if (behind)
            add_id(c, value, n);
        behind = n == 2 && strncasecmp(value, "id", 2) == 0;
        value += n;
    }
}

/* ----- fields in a part: "Name: value", a group of them, an empty line */

enum { FIELD_NAME = 64, FIELD_VALUE = 1024 };

struct fields {
    const char *at, *end;
    char name[FIELD_NAME];
    char value[FIELD_VALUE]; /* unfolded; what is longer is cut */
};

enum next { NEXT_END, NEXT_FIELD, NEXT_GROUP };

/* The line at AT without its end; the next one begins at *NEXT. */
static size_t
line_length(const char *at, const char *end, const char **next)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t n = (size_t)((newline != NULL ? newline : end) - at);

    *next = newline != NULL ? newline + 1 : end;
    return n > 0 && at[n - 1] == '\r' ? n - 1 : n;
}

static void
append(char *value, const char *text, size_t n)
{
    size_t len = strlen(value);

    for (; n > 0 && len + 1 < FIELD_VALUE; n--, text++)
        value[len++] = *text != '\0' ? *text : ' ';
    value[len] = '\0';
}

/* Read what is next into F: a field, the end of a group, or the end.  A line
 * that is no field is passed over. */
static enum next
next_field(struct fields *f)
{
    while (f->at < f->end) {
        const char *line = f->at, *colon, *next;
        size_t n = line_length(line, f->end, &next);

        f->at = next;
        if (n == 0)
            return NEXT_GROUP;
        colon = memchr(line, ':', n);
        if (colon == NULL || colon == line || *line == ' ' || *line == '\t' ||
            colon - line >= FIELD_NAME)
            continue;
        memcpy(f->name, line, (size_t)(colon - line));
        f->name[colon - line] = '\0';
        f->value[0] = '\0';
        append(f->value, colon + 1, n - (size_t)(colon + 1 - line));
        while (f->at < f->end && (*f->at == ' ' || *f->at == '\t')) {
            line = f->at;
            n = line_length(line, f->end, &f->at);
            append(f->value, line, n);
        }
        return NEXT_FIELD;
    }
    return NEXT_END;
}

/* VALUE behind its blanks. */
static const char *
trimmed(const char *value)
{
    return value + strspn(value, " \t");
}

static bool
is_word(const char *value, const char *word)
{
    size_t n = strlen(word);

    value = trimmed(value);
    return strncasecmp(value, word, n) == 0 &&
           strchr(" \t;(", value[n]) != NULL;
}

/* ----- status codes (RFC 3463) */

/* Of class 5 and subject 1: is it that the recipient does not exist?  The
 * others are about the sender, or say nothing. */
static bool
is_unknown_detail(unsigned long detail)
{
    static const unsigned long details[] = {
        1,  /* no such mailbox */
        2,  /* no such system */
        3,  /* no address at all */
        6,  /* moved, and nobody knows where */
        10, /* a domain without mail (RFC 7505) */
    };

    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        if (details[i] == detail)
            return true;
    return false;
}

/* "5.1.1" at TEXT, as *SUBJECT and *DETAIL of class 5. */
static bool
read_failure(const char *text, unsigned long *subject, unsigned long *detail)
{
    char *end;

    if (strncmp(text, "5.", 2) != 0 || text[2] < '0' || text[2] > '9')
        return false;
    *subject = strtoul(text + 2, &end, 10);
    if (*end != '.' || end[1] < '0' || end[1] > '9')
        return false;
    *detail = strtoul(end + 1, &end, 10);
    return *end == '\0' || (*end != '.' && strchr(alnum, *end) == NULL);
}

/* A status that says nothing by itself may have a better one in the words of
 * the remote server: "smtp; 550 5.1.1 no such user", "550-5.1.1 no such". */
static bool
says_unknown(const char *status, const char *diagnostic)
{
    unsigned long subject, detail;

    if (!read_failure(trimmed(status), &subject, &detail))
        return false;
    if (subject == 1)
        return is_unknown_detail(detail);
    if (subject != 0)
        return false;
    for (const char *p = strpbrk(diagnostic, " -"); p != NULL;
         p = strpbrk(p + 1, " -"))
        if (read_failure(p + 1, &subject, &detail))
            return subject == 1 && is_unknown_detail(detail);
    return false;
}

/* ----- parts of a mail */

/* What is inside PART, decoded, malloc()ed by GLib; NULL: nothing. */
static GByteArray *
part_bytes(GMimeObject *part)
{
    GMimeDataWrapper *content =
        GMIME_IS_PART(part) ? g_mime_part_get_content(GMIME_PART(part)) : NULL;
    GMimeStream *stream;
    GByteArray *bytes;

    if (content == NULL)
        return NULL;
    stream = g_mime_stream_mem_new();
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
    (void)g_mime_data_wrapper_write_to_stream(content, stream);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    g_object_unref(stream);
    return bytes;
}

static void
start_fields(struct fields *f, const GByteArray *bytes)
{
    f->at = (const char *)bytes->data;
    f->end = f->at + bytes->len;
}

static bool
is_type(GMimeObject *part, const char *type, const char *subtype)
{
    GMimeContentType *has = g_mime_object_get_content_type(part);

    return has != NULL && g_mime_content_type_is_type(has, type, subtype);
}

/* Is it the message itself, or its header? */
static void
add_original(struct report_case *c, GMimeObject *part)
{
    GMimeMessage *message =
        GMIME_IS_MESSAGE_PART(part)
            ? g_mime_message_part_get_message(GMIME_MESSAGE_PART(part))
            : NULL;
    GMimeHeaderList *list;

    if (message == NULL)
        return;
    list = g_mime_object_get_header_list(GMIME_OBJECT(message));
    for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(list, i);
        const char *value = g_mime_header_get_raw_value(header);

        if (value != NULL &&
            strcasecmp(g_mime_header_get_name(header), "Received") == 0)
            add_received(c, value);
    }
}

static void
add_original_header(struct report_case *c, GMimeObject *part)
{
    GByteArray *bytes = part_bytes(part);
    struct fields f;

    if (bytes == NULL)
        return;
    start_fields(&f, bytes);
    while (next_field(&f) == NEXT_FIELD)
        if (strcasecmp(f.name, "Received") == 0)
            add_received(c, f.value);
    g_byte_array_free(bytes, TRUE);
}

/* ----- detail */

static void
set_detail(struct report *out, const char *what, const char *of,
           const char *from)
{
    (void)snprintf(out->detail, sizeof(out->detail), "%.60s%s%.60s%s%.100s",
                   what, *of != '\0' ? " " : "", of,
                   *from != '\0' ? ", from " : "", from);
    for (char *p = out->detail; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

/* ----- an abuse report */

/* Feedback types that say that the message was unwanted.  The others are about
 * lists, signatures, or the contrary. */
static bool
is_complaint(const char *type)
{
    static const char *const types[] = {"abuse", "fraud", "virus"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (is_word(type, types[i]))
            return true;
    return false;
}

static enum ms_err
read_feedback(GMimeObject *part, struct report *out, struct why *why)
{
    GByteArray *bytes = part_bytes(part);
    char type[FIELD_VALUE] = "", agent[FIELD_VALUE] = "";
    struct fields f;

    if (bytes == NULL)
        return why_set(why, MS_INVALID, "the report in it is empty");
    start_fields(&f, bytes);
    while (next_field(&f) == NEXT_FIELD) {
        if (strcasecmp(f.name, "Feedback-Type") == 0)
            memcpy(type, f.value, sizeof(type));
        else if (strcasecmp(f.name, "User-Agent") == 0)
            memcpy(agent, f.value, sizeof(agent));
    }
    g_byte_array_free(bytes, TRUE);
    if (*trimmed(type) == '\0')
        return why_set(why, MS_INVALID, "it does not say its Feedback-Type");
    out->cases[0].complaints = is_complaint(type) ? 1 : 0;
    set_detail(out, "feedback", trimmed(type), trimmed(agent));
    return MS_OK;
}

/* ----- a bounce */

struct recipient {
    bool any, failed;
    char status[FIELD_VALUE], diagnostic[FIELD_VALUE];
};

static void
count_recipient(struct recipient *r, struct report_case *c, unsigned *told)
{
    if (r->any)
        (*told)++;
    if (r->failed && says_unknown(r->status, r->diagnostic))
        c->unknown++;
    *r = (struct recipient){.any = false};
}

static void
read_recipient_field(const struct fields *f, struct recipient *r)
{
    if (strcasecmp(f->name, "Action") == 0) {
        r->any = true;
        r->failed = is_word(f->value, "failed");
    } else if (strcasecmp(f->name, "Status") == 0) {
        memcpy(r->status, f->value, sizeof(r->status));
    } else if (strcasecmp(f->name, "Diagnostic-Code") == 0) {
        memcpy(r->diagnostic, f->value, sizeof(r->diagnostic));
    }
}

/* "X-Postfix-Queue-ID", whatever Postfix is called there. */
static bool
is_queue_id_field(const char *name)
{
    size_t n = strlen(name);

    return n > 12 && strncasecmp(name, "X-", 2) == 0 &&
           strcasecmp(name + n - 9, "-Queue-ID") == 0;
}

static enum ms_err
read_delivery(GMimeObject *part, struct report *out, struct why *why)
{
    GByteArray *bytes = part_bytes(part);
    struct recipient recipient = {.any = false};
    char reporter[FIELD_VALUE] = "";
    unsigned told = 0;
    struct fields f;
    enum next next;

    if (bytes == NULL)
        return why_set(why, MS_INVALID, "the report in it is empty");
    start_fields(&f, bytes);
    while ((next = next_field(&f)) != NEXT_END) {
        if (next == NEXT_GROUP) {
            count_recipient(&recipient, &out->cases[0], &told);
            continue;
        }
        if (strcasecmp(f.name, "Reporting-MTA") == 0)
            memcpy(reporter, f.value, sizeof(reporter));
        else if (is_queue_id_field(f.name))
            add_id(&out->cases[0], trimmed(f.value),
                   strspn(trimmed(f.value), alnum));
        read_recipient_field(&f, &recipient);
    }
    count_recipient(&recipient, &out->cases[0], &told);
    g_byte_array_free(bytes, TRUE);
    if (told == 0)
        return why_set(why, MS_INVALID,
                       "it does not say what became of any "
                       "recipient");
    set_detail(out, "bounce", "", trimmed(reporter));
    return MS_OK;
}

/* ----- multipart/report */

/* What a report-type has in its second part. */
static const struct report_type {
    const char *name, *subtype, *international; /* RFC 6533 */
    enum report_kind kind;
    enum ms_err (*read)(GMimeObject *part, struct report *out, struct why *why);
} types[] = {
    {"feedback-report", "feedback-report", NULL, REPORT_COMPLAINT,
     read_feedback},
    {"delivery-status", "delivery-status", "global-delivery-status",
     REPORT_BOUNCE, read_delivery},
};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

static const struct report_type *
type_of(GMimeObject *report)
{
    const char *name =
        g_mime_object_get_content_type_parameter(report, "report-type");

    for (size_t i = 0; i < TYPES && name != NULL; i++)
        if (strcasecmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static enum ms_err
read_parts(GMimeMultipart *multipart, const struct report_type *type,
           struct report *out, struct why *why)
{
    enum ms_err err =
        why_set(why, MS_INVALID, "there is no message/%s in it", type->subtype);
    bool found = false;

    for (int i = 0; i < g_mime_multipart_get_count(multipart); i++) {
        GMimeObject *part = g_mime_multipart_get_part(multipart, i);

        if (!found && (is_type(part, "message", type->subtype) ||
                       (type->international != NULL &&
                        is_type(part, "message", type->international)))) {
            found = true;
            err = type->read(part, out, why);
        } else if (is_type(part, "text", "rfc822-headers") ||
                   is_type(part, "message", "global-headers")) {
            add_original_header(&out->cases[0], part);
        } else {
            add_original(&out->cases[0], part);
        }
    }
    return err;
}

static enum ms_err
read_report(GMimeObject *report, enum report_kind want, struct report *out,
            struct why *why)
{
    const struct report_type *type = type_of(report);

    if (type == NULL || !GMIME_IS_MULTIPART(report))
        return why_set(why, MS_INVALID,
                       "it is a report, but neither about abuse (RFC 5965) "
                       "nor about delivery (RFC 3464)");
    if (want != REPORT_ANY && want != type->kind)
        return why_set(why, MS_INVALID, "it is a %s, not a %s",
                       report_kind_name(type->kind), report_kind_name(want));
    out->kind = type->kind;
    out->cases = calloc(1, sizeof(*out->cases));
    if (out->cases == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    out->n = 1;
    return read_parts(GMIME_MULTIPART(report), type, out, why);
}

/* ----- the mail around it */

struct walk {
    GMimeObject *report; /* the outermost; borrowed */
    unsigned parts;
    bool deep;
};

/* From PART down, LEVEL inside the others. */
static void
walk(struct walk *w, GMimeObject *part, unsigned level)
{
    if (part == NULL || w->deep)
        return;
    w->parts++;
    w->deep = level > REPORT_LEVELS;
    if (w->report == NULL && is_type(part, "multipart", "report"))
        w->report = part;
    if (GMIME_IS_MULTIPART(part)) {
        GMimeMultipart *multipart = GMIME_MULTIPART(part);

        for (int i = 0; i < g_mime_multipart_get_count(multipart); i++)
            walk(w, g_mime_multipart_get_part(multipart, i), level + 1);
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *message =
            g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));

        if (message != NULL)
            walk(w, g_mime_message_get_mime_part(message), level + 1);
    }
}

static enum ms_err
read_message(GMimeMessage *message, enum report_kind want, struct report *out,
             struct why *why)
{
    struct walk w = {.report = NULL};

    walk(&w, g_mime_message_get_mime_part(message), 1);
    if (w.deep)
        return why_set(why, MS_INVALID, "it has more than %d levels of MIME",
                       REPORT_LEVELS);
    if (w.parts > REPORT_PARTS)
        return why_set(why, MS_INVALID, "it has more than %d parts",
                       REPORT_PARTS);
    if (w.report == NULL)
        return why_set(why, MS_INVALID,
                       "it is a mail, but no report: neither about abuse (RFC "
                       "5965) nor about delivery (RFC 3464)");
    return read_report(w.report, want, out, why);
}

/* Are there so many parts, or so deep ones, that it is not to be parsed?  Each
 * level and nearly each part has this field. */
static bool
has_too_many(const char *text, size_t n)
{
    static const char field[] = "content-type:";
    const char *end = text + n;
    unsigned found = 0;

    while (text < end && found <= REPORT_PARTS) {
        const char *next;
        size_t len = line_length(text, end, &next);

        found += len >= sizeof(field) - 1 &&
                         strncasecmp(text, field, sizeof(field) - 1) == 0
                     ? 1
                     : 0;
        text = next;
    }
    return found > REPORT_PARTS;
}

static enum ms_err
read_mail(const char *text, size_t n, enum report_kind want, struct report *out,
          struct why *why)
{
    GMimeStream *stream;
    GMimeParser *parser;
    GMimeMessage *message;
    enum ms_err err;

    if (has_too_many(text, n))
        return why_set(why, MS_INVALID, "it has more than %d parts",
                       REPORT_PARTS);
    g_mime_init();
    stream = g_mime_stream_mem_new_with_buffer(text, n);
    parser = g_mime_parser_new_with_stream(stream);
    g_mime_parser_set_format(parser, GMIME_FORMAT_MESSAGE);
    g_object_unref(stream);
    message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    if (message == NULL)
        return why_set(why, MS_INVALID, "it is no mail");
    err = read_message(message, want, out, why);
    g_object_unref(message);
    return err;
}

/* ----- a log */

/* What a line says about a delivery: of which message, and how many of its
 * recipients do not exist. */
struct line {
    char id[REPORT_ID];
    uint32_t unknown;
};

struct lines {
    struct line *all;
    size_t n, room;
    bool any; /* there was a line about a delivery */
};

/* Behind KEY between AT and END, or NULL. */
static const char *
find(const char *at, const char *end, const char *key)
{
    size_t n = strlen(key);
    const char *found = memmem(at, (size_t)(end - at), key, n);

    return found != NULL ? found + n : NULL;
}

/* Does TEXT begin with WORD? */
static bool
begins(const char *text, const char *end, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(end - text) >= n && memcmp(text, word, n) == 0;
}

/* "4XyZq1: to=", in OUT; behind it, or NULL: it is something else. */
static const char *
read_id(const char *text, const char *end, struct line *out)
{
    size_t n = 0;

    while (text + n < end && text[n] != '\0' && strchr(alnum, text[n]) != NULL)
        n++;
    if (n < ID_LEAST || n >= REPORT_ID || !begins(text + n, end, ": to="))
        return NULL;
    memcpy(out->id, text, n);
    out->id[n] = '\0';
    return text + n + 5;
}

/* Recipients in "<a@example.com>,<b@example.com>, delay=...". */
static uint32_t
count_addresses(const char *text, const char *end)
{
    uint32_t n = 1;

    for (; text + 1 < end && !(text[0] == ',' && text[1] == ' '); text++)
        n += *text == ',' ? 1 : 0;
    return n;
}

/* Is ", dsn=" or what else stands behind DSN the code of an unknown one? */
static bool
is_unknown_code(const char *dsn, const char *end)
{
    unsigned long subject, detail;
    char code[16] = "";
    size_t n = 0;

    while (dsn + n < end && n + 1 < sizeof(code) && dsn[n] != ',') {
        code[n] = dsn[n];
        n++;
    }
    return read_failure(code, &subject, &detail) && subject == 1 &&
           is_unknown_detail(detail);
}

/*
 * `... postfix/smtp[1]: 4XyZq1: to=<a>, ..., dsn=5.1.1, status=bounced (...)`,
 * `... sendmail[1]: 4AM1x: to=<a>, ..., dsn=5.1.1, stat=User unknown`.
 * False: it is about something else.
 */
static bool
read_line(const char *text, size_t n, struct line *out)
{
    const char *end = text + n, *to = find(text, end, "]: "), *dsn, *status;

    if (to != NULL)
        to = read_id(to, end, out);
    if (to == NULL)
        return false;
    dsn = find(to, end, ", dsn=");
    status = find(to, end, ", stat");
    out->unknown = 0;
    if (dsn != NULL && status != NULL && is_unknown_code(dsn, end) &&
        (begins(status, end, "=") || begins(status, end, "us=bounced")))
        out->unknown = count_addresses(to, end);
    return true;
}

static bool
keep_line(struct lines *lines, const struct line *line)
{
    size_t room = lines->room == 0 ? 64 : 2 * lines->room;
    struct line *all = lines->all;

    if (lines->n == lines->room) {
        all = realloc(all, room * sizeof(*all));
        if (all == NULL)
            return false;
        lines->all = all;
        lines->room = room;
    }
    all[lines->n++] = *line;
    return true;
}

static int
compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return strcmp(x->id, y->id);
}

/* One for each message. */
static void
merge(struct lines *lines)
{
    size_t n = 0;

    if (lines->n > 0)
        qsort(lines->all, lines->n, sizeof(*lines->all), compare);
    for (size_t i = 0; i < lines->n; i++) {
        if (n > 0 && compare(&lines->all[n - 1], &lines->all[i]) == 0)
            lines->all[n - 1].unknown += lines->all[i].unknown;
        else
            lines->all[n++] = lines->all[i];
    }
    lines->n = n;
}

static enum ms_err
make_cases(const struct lines *lines, struct report *out, struct why *why)
{
    if (!lines->any)
        return why_set(why, MS_INVALID,
                       "it is neither a mail, nor has it a line of Postfix's "
                       "or Sendmail's log about a delivery");
    if (lines->n > REPORT_CASES)
        return why_set(why, MS_INVALID,
                       "it is about more than %d messages: hand in a shorter "
                       "part of the log",
                       REPORT_CASES);
    out->cases = calloc(lines->n + 1, sizeof(*out->cases));
    if (out->cases == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    for (; out->n < lines->n; out->n++) {
        struct report_case *c = &out->cases[out->n];

        add_id(c, lines->all[out->n].id, strlen(lines->all[out->n].id));
        c->unknown = lines->all[out->n].unknown;
    }
    out->kind = REPORT_LOG;
    (void)snprintf(out->detail, sizeof(out->detail), "log");
    return MS_OK;
}

static enum ms_err
read_log(const char *text, size_t n, struct report *out, struct why *why)
{
    const char *end = text + n, *next;
    struct lines lines = {.all = NULL};
    enum ms_err err = MS_OK;

    for (; text < end && err == MS_OK; text = next) {
        size_t len = line_length(text, end, &next);
        struct line line;

        if (!read_line(text, len, &line))
            continue;
        lines.any = true;
        if (line.unknown > 0 && !keep_line(&lines, &line))
            err = why_set(why, MS_NOMEM, "no memory");
    }
    merge(&lines);
    if (err == MS_OK)
        err = make_cases(&lines, out, why);
    free(lines.all);
    return err;
}

/* ----- either */

/* Does it begin with a field of a mail?  Lines of logs begin with a date. */
static bool
is_mail(const char *text, const char *end)
{
    const char *at = text;

    while (at<end && * at> ' ' && *at <= '~' && *at != ':')
        at++;
    return at > text && at < end && *at == ':' &&
           !(*text >= '0' && *text <= '9');
}

/* TEXT behind the line that mailboxes, and pipes of the MTA's, have in front of
 * a mail, and behind empty lines. */
static const char *
skip_envelope(const char *text, const char *end)
{
    const char *next = end;

    while (text < end && (*text == '\n' || *text == '\r'))
        text++;
    if (!begins(text, end, "From "))
        return text;
    (void)line_length(text, end, &next);
    return next;
}

enum ms_err
report_read(const char *text, size_t n, enum report_kind want,
            struct report *out, struct why *why)
{
    struct report report = {.kind = REPORT_ANY};
    const char *end = text + n;
    enum ms_err err;

    if (n > REPORT_BYTES)
        return why_set(why, MS_INVALID, "it is larger than %d MB",
                       REPORT_BYTES / 1024 / 1024);
    text = skip_envelope(text, end);
    if (text == end)
        return why_set(why, MS_INVALID, "it is empty");
    if (want == REPORT_LOG || (want == REPORT_ANY && !is_mail(text, end)))
        err = read_log(text, (size_t)(end - text), &report, why);
    else
        err = read_mail(text, (size_t)(end - text), want, &report, why);
    if (err == MS_OK)
        *out = report;
    else
        report_end(&report);
    return err;
}

void
report_end(struct report *report)
{
    free(report->cases);
    *report = (struct report){.kind = REPORT_ANY};
}
