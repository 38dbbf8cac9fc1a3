/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/error.h"

#include <stdio.h>
#include <string.h>

static const struct row {
    const char *word; /* the first, or after '-' within a script's error */
    const char *also; /* that must follow somewhere; NULL: nothing */
    enum redis_error means;
} rows[] = {
    {"BUSY", NULL, REDIS_ERROR_SICK},
    {"LOADING", NULL, REDIS_ERROR_SICK},
    {"MISCONF", NULL, REDIS_ERROR_SICK},
    {"NOAUTH", NULL, REDIS_ERROR_SICK},
    {"NOPERM", NULL, REDIS_ERROR_SICK},
    {"NOREPLICAS", NULL, REDIS_ERROR_SICK},
    {"OOM", NULL, REDIS_ERROR_SICK},
    {"WRONGPASS", NULL, REDIS_ERROR_SICK},
    {"MASTERDOWN", NULL, REDIS_ERROR_STALE},
    {"READONLY", NULL, REDIS_ERROR_STALE},
    {"CLUSTERDOWN", "slot not served", REDIS_ERROR_UNSERVED},
    {"CLUSTERDOWN", NULL, REDIS_ERROR_STALE},
    {"MOVED", NULL, REDIS_ERROR_MOVED},
    {"ASK", NULL, REDIS_ERROR_ASK},
    {"TRYAGAIN", NULL, REDIS_ERROR_TRYAGAIN},
    {"NOSCRIPT", NULL, REDIS_ERROR_NOSCRIPT},
    /* a right that the script lacks, as 7 and 6.2 say it */
    {"ERR", "ACL failure in script", REDIS_ERROR_SICK},
    {"ERR", "The user executing the script can't", REDIS_ERROR_SICK},
};

static bool
begins(const char *text, const char *word)
{
    size_t len = strlen(word);

    return strncmp(text, word, len) == 0 &&
           (text[len] == '\0' || text[len] == ' ');
}

/* TEXT is the error from its first word on. */
static enum redis_error
means(const char *text)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (begins(text, rows[i].word) &&
            (rows[i].also == NULL || strstr(text, rows[i].also) != NULL))
            return rows[i].means;
    return REDIS_ERROR_OTHER;
}

enum redis_error
redis_error_means(const struct reply *reply)
{
    const char *text = reply->text;
    enum redis_error found = means(text);

    if (found != REDIS_ERROR_OTHER || !begins(text, "ERR") ||
        strstr(text, "unning script") == NULL)
        return found;
    /* 6.2: "@user_script: 1: -OOM command not allowed ..." */
    while (found == REDIS_ERROR_OTHER && (text = strstr(text, ": -")) != NULL) {
        text += strlen(": -");
        found = means(text);
    }
    return found;
}

char *
redis_error_print(const struct reply *reply, char *buf, size_t size)
{
    static const char *const others[] = {
        [REPLY_NIL] = "an unexpected nil",
        [REPLY_INTEGER] = "an unexpected number",
        [REPLY_ARRAY] = "an unexpected array",
    };
    const char *text = reply->text;

    if (reply->type == REPLY_NIL || reply->type == REPLY_INTEGER ||
        reply->type == REPLY_ARRAY)
        text = others[reply->type];
    if ((size_t)snprintf(buf, size, "%s", text) >= size && size > 3)
        memcpy(buf + size - 4, "...", 4);
    for (char *p = buf; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    return buf;
}
