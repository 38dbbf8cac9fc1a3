/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/line.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

/* What stands for itself in a word, a name, a path and in free text. */
enum {
    PLAIN_WORD = 1,
    PLAIN_NAME = 2,
    PLAIN_PATH = 4,
    PLAIN_TEXT = 8,
    PLAIN_QUOTED = 16
};

static unsigned
plain(unsigned char c)
{
    if (c < ' ' || c > '~')
        return 0;
    switch (c) {
    case ' ':
        return PLAIN_TEXT | PLAIN_QUOTED;
    case '\\':
        return 0;
    case '"':
        return PLAIN_TEXT;
    case '<':
    case '>':
        return PLAIN_WORD | PLAIN_NAME | PLAIN_TEXT | PLAIN_QUOTED;
    case '[':
    case ']':
        return PLAIN_WORD | PLAIN_PATH | PLAIN_TEXT | PLAIN_QUOTED;
    default:
        return PLAIN_WORD | PLAIN_NAME | PLAIN_PATH | PLAIN_TEXT | PLAIN_QUOTED;
    }
}

static void
put_bytes(struct line *line, const char *bytes, size_t n)
{
    if (n > LINE_BYTES - line->len)
        n = LINE_BYTES - line->len;
    memcpy(line->text + line->len, bytes, n);
    line->len += n;
}

static void
put(struct line *line, const char *text)
{
    put_bytes(line, text, strlen(text));
}

/* One byte of a value, which may take up to five. */
static size_t
escape(const struct line *line, unsigned char c, unsigned kind, char out[5])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    if ((plain(c) & kind) != 0) {
        if (c == '"' && line->format == LOG_JSON)
            out[n++] = '\\';
        out[n++] = (char)c;
        return n;
    }
    if (line->format == LOG_JSON)
        out[n++] = '\\';
    out[n++] = '\\';
    out[n++] = 'x';
    out[n++] = hex[c >> 4];
    out[n++] = hex[c & 15];
    return n;
}

/* Nothing to escape, as nearly always? */
static bool
is_plain(const char *value, size_t len, unsigned kind)
{
    for (size_t i = 0; i < len; i++) {
        if ((plain((unsigned char)value[i]) & kind) == 0 || value[i] == '"')
            return false;
    }
    return true;
}

/* LEN bytes of VALUE, escaped, in at most MAX bytes. */
static void
put_value(struct line *line, const char *value, size_t len, unsigned kind,
          size_t max)
{
    size_t used = 0, whole = line->len; /* where "..." would still fit */

    if (len <= max && is_plain(value, len, kind)) {
        put_bytes(line, value, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        char out[5];
        size_t n = escape(line, (unsigned char)value[i], kind, out);

        if (used + n > max) {
            line->len = whole;
            put(line, "...");
            return;
        }
        put_bytes(line, out, n);
        used += n;
        if (used + 3 <= max)
            whole = line->len;
    }
}

static void
put_key(struct line *line, const char *key)
{
    if (line->format == LOG_JSON) {
        if (line->len > 1)
            put(line, ",");
        put(line, "\"");
        put(line, key);
        put(line, "\":");
        return;
    }
    if (line->len > 0)
        put(line, " ");
    put(line, key);
    put(line, "=");
}

static void
put_quote(struct line *line)
{
    if (line->format == LOG_JSON)
        put(line, "\"");
}

static void
put_number(struct line *line, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put_bytes(line, digits + at, sizeof(digits) - at);
}

static void
put_time(struct line *line, struct wall now)
{
    time_t t = (time_t)now.s;
    struct tm tm;
    char text[32];

    if (gmtime_r(&t, &tm) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return;
    put_key(line, "time");
    put_quote(line);
    put(line, text);
    put_quote(line);
}

void
line_begin(struct line *line, enum log_format format, struct wall now)
{
    line->format = format;
    line->len = 0;
    if (format == LOG_JSON) {
        put(line, "{");
        put_time(line, now);
    }
}

void
line_id(struct line *line, const char *id)
{
    bool has = id != NULL && *id != '\0';

    if (line->format == LOG_JSON) {
        line_word(line, "id", id, LINE_WORD);
        return;
    }
    if (has)
        put_value(line, id, strlen(id), PLAIN_WORD, LINE_WORD);
    else
        put(line, "NOQUEUE");
    put(line, ":");
}

void
line_word(struct line *line, const char *key, const char *value, size_t max)
{
    if (value == NULL || *value == '\0')
        return;
    put_key(line, key);
    put_quote(line);
    put_value(line, value, strlen(value), PLAIN_WORD, max);
    put_quote(line);
}

void
line_quoted(struct line *line, const char *key, const char *text)
{
    if (*text == '\0')
        return;
    put_key(line, key);
    put(line, "\"");
    put_value(line, text, strlen(text), PLAIN_QUOTED, LINE_BYTES / 2);
    put(line, "\"");
}

void
line_path(struct line *line, const char *key, const char *address)
{
    size_t len;

    if (address == NULL)
        return;
    len = strlen(address);
    if (len >= 2 && address[0] == '<' && address[len - 1] == '>') {
        address++;
        len -= 2;
    }
    put_key(line, key);
    put(line, line->format == LOG_JSON ? "\"" : "<");
    put_value(line, address, len, PLAIN_PATH, LINE_ADDRESS);
    put(line, line->format == LOG_JSON ? "\"" : ">");
}

void
line_client(struct line *line, const char *name, const char *addr)
{
    /* What an MTA calls a host without a name is "[192.0.2.7]" or "". */
    if (name == NULL || *name == '\0' || *name == '[')
        name = "unknown";
    if (line->format == LOG_JSON) {
        line_word(line, "client", addr, LINE_WORD);
        line_word(line, "client_name", name, LINE_WORD);
        return;
    }
    put_key(line, "client");
    put_value(line, name, strlen(name), PLAIN_NAME, LINE_WORD);
    put(line, "[");
    put_value(line, addr, strlen(addr), PLAIN_NAME, LINE_WORD);
    put(line, "]");
}

void
line_number(struct line *line, const char *key, uint64_t n)
{
    put_key(line, key);
    put_number(line, n);
}

void
line_tenths(struct line *line, const char *key, uint64_t tenths)
{
    put_key(line, key);
    put_number(line, tenths / 10);
    put(line, ".");
    put_number(line, tenths % 10);
}

void
line_message(struct line *line, const char *text)
{
    if (line->format == LOG_JSON) {
        put_key(line, "message");
        put(line, "\"");
    } else if (line->len > 0) {
        put(line, " ");
    }
    put_value(line, text, strlen(text), PLAIN_TEXT, LINE_BYTES * 3 / 4);
    put_quote(line);
}

void
line_end(struct line *line)
{
    bool cut = line->len >= LINE_BYTES;

    /* No field is long enough for this; it is here so that none ever is. */
    if (cut) {
        memcpy(line->text + line->len, "...", 3);
        line->len += 3;
    }
    if (line->format == LOG_JSON)
        line->text[line->len++] = '}';
    line->text[line->len] = '\0';
}

char *
line_print(enum line_kind kind, const char *value, size_t len, char *out,
           size_t size)
{
    static const unsigned plain_of[] = {
        [LINE_KIND_WORD] = PLAIN_WORD,
        [LINE_KIND_NAME] = PLAIN_NAME,
        [LINE_KIND_PATH] = PLAIN_PATH,
        [LINE_KIND_TEXT] = PLAIN_TEXT,
    };
    struct line line;

    line.format = LOG_TEXT;
    line.len = 0;
    put_value(&line, value, len, plain_of[kind], size - 1);
    memcpy(out, line.text, line.len);
    out[line.len] = '\0';
    return out;
}
