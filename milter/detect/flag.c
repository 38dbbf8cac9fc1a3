/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/flag.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* ----- values */

/* What filters are known to write. */
static const struct {
    const char *header; /* NULL: any other */
    const char *spam[4], *clean[4];
} known[] = {
    {"X-Spam-Flag", {"yes"}, {"no"}},
    {"X-Spam-Status", {"yes"}, {"no"}},
    {"X-Spam", {"yes"}, {"no"}},
    {"X-Rspamd-Action",
     {"reject", "add header", "rewrite subject"},
     {"no action"}},
    {NULL, {"yes", "true"}, {"no", "false"}},
};

/* Is VALUE the WORD, or does it begin with it? */
static bool
says(const char *value, const char *word)
{
    size_t len = strlen(word);

    return strncasecmp(value, word, len) == 0 &&
           (value[len] == '\0' || strchr(" \t\r\n,;", value[len]) != NULL);
}

static bool
says_one(const char *value, const char *const words[4])
{
    for (size_t i = 0; i < 4 && words[i] != NULL; i++) {
        if (says(value, words[i]))
            return true;
    }
    return false;
}

enum verdict_flag
flag_value(const struct config *config, const char *name, const char *value)
{
    size_t row = 0;

    value += strspn(value, " \t\r\n");
    for (size_t i = 0; i < config->verdict.n_spam; i++) {
        if (says(value, config->verdict.spam[i]))
            return FLAG_SPAM;
    }
    if (config->verdict.n_spam > 0)
        return *value != '\0' ? FLAG_CLEAN : FLAG_NONE;
    while (known[row].header != NULL &&
           strcasecmp(known[row].header, name) != 0)
        row++;
    if (says_one(value, known[row].spam))
        return FLAG_SPAM;
    return says_one(value, known[row].clean) ? FLAG_CLEAN : FLAG_NONE;
}

/* ----- places */

/* Does every message bring it itself? */
static bool
is_of_message(const char *name)
{
    static const char *const names[] = {"Received", "From", "To",
                                        "Subject",  "Date", "Message-ID"};

    for (size_t i = 0; i < ROWS(names); i++) {
        if (strcasecmp(names[i], name) == 0)
            return true;
    }
    return false;
}

void
flag_header(struct flag *flag, const struct config *config, const char *name,
            const char *value)
{
    bool ends = is_of_message(name);

    for (size_t i = 0; i < config->verdict.n_headers; i++) {
        uint8_t said;

        if (ends)
            flag->copy[i].below = 0;
        if (strcasecmp(config->verdict.headers[i], name) != 0)
            continue;
        said = (uint8_t)(1 + flag_value(config, name, value));
        if (flag->copy[i].any == 0)
            flag->copy[i].any = said;
        if (flag->begun)
            flag->copy[i].below = said;
        else if (flag->copy[i].above == 0)
            flag->copy[i].above = said;
    }
    flag->begun = flag->begun || ends;
}

/* What copies of one header say together. */
static uint8_t
believed(const struct flag *flag, size_t i, bool trusted)
{
    if (trusted)
        return flag->copy[i].any;
    if (flag->copy[i].above == 0 || flag->copy[i].below == 1 + FLAG_SPAM)
        return flag->copy[i].below;
    return flag->copy[i].above;
}

enum verdict_flag
flag_end(const struct flag *flag, const struct config *config, bool trusted)
{
    enum verdict_flag all = FLAG_NONE;

    for (size_t i = 0; i < config->verdict.n_headers; i++) {
        uint8_t said = believed(flag, i, trusted);

        if (said == 1 + FLAG_SPAM)
            return FLAG_SPAM;
        if (said == 1 + FLAG_CLEAN)
            all = FLAG_CLEAN;
    }
    return all;
}

/* ----- From */

/* Where the next C is, neither quoted nor in a comment; NULL: nowhere. */
static const char *
find_bare(const char *at, char c)
{
    unsigned depth = 0;
    bool quoted = false;

    for (; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '"' && depth == 0)
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (*at == '(')
            depth++;
        else if (*at == ')' && depth > 0)
            depth--;
        else if (*at == c && depth == 0)
            return at;
    }
    return NULL;
}

bool
flag_from(const char *value, char out[FLAG_ADDRESS])
{
    const char *open = find_bare(value, '<'), *end;
    size_t len;

    if (open != NULL) {
        value = open + 1;
        end = strchr(value, '>');
        len = end != NULL ? (size_t)(end - value) : 0;
    } else {
        value += strspn(value, " \t\r\n");
        len = strcspn(value, " \t\r\n(,;");
    }
    if (len == 0 || len >= FLAG_ADDRESS)
        return false;
    memcpy(out, value, len);
    out[len] = '\0';
    return true;
}
