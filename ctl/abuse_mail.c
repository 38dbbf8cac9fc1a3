/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/abuse_mail.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "policy/plain.h"

/* ----- parts */

/* DATE as RFC 5322 has it, in UTC; g_free() ends it. */
static char *
write_date(int64_t at_s)
{
    GDateTime *date = g_date_time_new_from_unix_utc(at_s);
    char *text = date != NULL ? g_mime_utils_header_format_date(date) : NULL;

    if (date != NULL)
        g_date_time_unref(date);
    return text != NULL ? text : g_strdup("");
}

static void
add_part(GMimeMultipart *to, GMimePart *part)
{
    g_mime_multipart_add(to, GMIME_OBJECT(part));
    g_object_unref(part);
}

static GMimePart *
letter_part(const struct abuse_mail *mail)
{
    GMimeTextPart *part = g_mime_text_part_new_with_subtype("plain");

    g_mime_text_part_set_charset(part, "utf-8");
    g_mime_text_part_set_text(part, mail->body);
    g_mime_part_set_content_encoding(GMIME_PART(part),
                                     GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return GMIME_PART(part);
}

/* TEXT (moved) as a part of TYPE/SUBTYPE. */
static GMimePart *
text_part(const char *type, const char *subtype, GString *text)
{
    GMimePart *part = g_mime_part_new_with_type(type, subtype);
    GMimeStream *stream =
        g_mime_stream_mem_new_with_buffer(text->str, text->len);
    GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(
        stream, GMIME_CONTENT_ENCODING_DEFAULT);

    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_7BIT);
    g_object_unref(content);
    g_object_unref(stream);
    (void)g_string_free(text, TRUE);
    return part;
}

/* What has a line end in it, or is no plain ASCII, is left out. */
static void
add_field(GString *to, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    for (const char *p = value; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            return;
    g_string_append_printf(to, "%s: %s\n", name, value);
}

/* The machine's part: RFC 5965 section 3. */
static GMimePart *
feedback_part(const struct abuse_mail *mail)
{
    GString *text = g_string_new(NULL);
    char *date = write_date(mail->arrival_s);

    add_field(text, "Feedback-Type", "abuse");
    add_field(text, "User-Agent", "mortsafe/" PACKAGE_VERSION);
    add_field(text, "Version", "1");
    if (mail->arrival_s > 0)
        add_field(text, "Arrival-Date", date);
    add_field(text, "Source-IP", mail->source_ip);
    add_field(text, "Reported-Domain", mail->domain);
    if (mail->host != NULL && mail->host[0] != '\0')
        g_string_append_printf(text, "Reporting-MTA: dns; %s\n", mail->host);
    if (mail->incidents > 0)
        g_string_append_printf(text, "Incidents: %u\n", mail->incidents);
    g_free(date);
    return text_part("message", "feedback-report", text);
}

/* Of the messages nothing is kept but how we knew them: their trace, as our MTA
 * wrote it into them. */
static GMimePart *
trace_part(const struct abuse_mail *mail)
{
    GString *text = g_string_new(NULL);
    char *date = write_date(mail->arrival_s);

    for (size_t i = 0; i < mail->n_ids; i++)
        g_string_append_printf(
            text, "Received: from %s%s%s by %s id %s; %s\n",
            mail->source_ip != NULL ? "[" : "",
            mail->source_ip != NULL ? mail->source_ip : "unknown",
            mail->source_ip != NULL ? "]" : "",
            mail->host != NULL && mail->host[0] != '\0' ? mail->host
                                                        : "unknown",
            mail->ids[i], date);
    add_field(text, "X-Mortsafe-Reported", mail->subject);
    if (text->len == 0)
        add_field(text, "X-Mortsafe-Reported", "no message by its number");
    g_free(date);
    return text_part("text", "rfc822-headers", text);
}

/* ----- the whole */

static bool
set_addresses(GMimeMessage *message, GMimeAddressType type, const char *text)
{
    InternetAddressList *from = internet_address_list_parse(NULL, text);
    bool ok = from != NULL && internet_address_list_length(from) == 1 &&
              plain_is_text(text) && strchr(text, '@') != NULL;

    if (ok)
        internet_address_list_append(
            g_mime_message_get_addresses(message, type), from);
    if (from != NULL)
        g_object_unref(from);
    return ok;
}

static void
set_head(GMimeMessage *message, const struct abuse_mail *mail)
{
    GDateTime *date = g_date_time_new_from_unix_utc(mail->now_s);
    const char *at = strrchr(mail->from, '@'); /* a name may have one */
    char *host = g_strndup(at + 1, strcspn(at + 1, "> \t"));
    char *id = g_mime_utils_generate_message_id(host);

    g_mime_message_set_subject(message, mail->subject, "utf-8");
    if (date != NULL) {
        g_mime_message_set_date(message, date);
        g_date_time_unref(date);
    }
    g_mime_message_set_message_id(message, id);
    g_mime_object_set_header(GMIME_OBJECT(message), "Auto-Submitted",
                             "auto-generated", NULL);
    g_free(id);
    g_free(host);
}

static enum ms_err
print(GMimeMessage *message, char **out)
{
    GMimeFormatOptions *options = g_mime_format_options_new();
    GMimeStream *stream = g_mime_stream_mem_new();
    GByteArray *bytes;

    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    (void)g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    *out = malloc(bytes->len + 1);
    if (*out != NULL) {
        memcpy(*out, bytes->data, bytes->len);
        (*out)[bytes->len] = '\0';
    }
    g_object_unref(stream);
    g_mime_format_options_free(options);
    return *out != NULL ? MS_OK : MS_NOMEM;
}

enum ms_err
abuse_mail_write(const struct abuse_mail *mail, char **out, struct why *why)
{
    GMimeMultipart *parts;
    GMimeMessage *message;
    enum ms_err err = MS_OK;

    g_mime_init();
    message = g_mime_message_new(TRUE);
    if (!set_addresses(message, GMIME_ADDRESS_TYPE_FROM, mail->from))
        err = why_set(why, MS_INVALID, "`%.200s' is no address", mail->from);
    else if (mail->to != NULL &&
             !set_addresses(message, GMIME_ADDRESS_TYPE_TO, mail->to))
        err = why_set(why, MS_INVALID, "`%.200s' is no address", mail->to);
    if (err == MS_OK) {
        set_head(message, mail);
        parts = g_mime_multipart_new_with_subtype("report");
        g_mime_object_set_content_type_parameter(
            GMIME_OBJECT(parts), "report-type", "feedback-report");
        add_part(parts, letter_part(mail));
        add_part(parts, feedback_part(mail));
        add_part(parts, trace_part(mail));
        g_mime_message_set_mime_part(message, GMIME_OBJECT(parts));
        g_object_unref(parts);
        err = print(message, out);
    }
    g_object_unref(message);
    return err;
}
