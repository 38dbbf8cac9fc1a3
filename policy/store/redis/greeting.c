/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/greeting.h"

#include <stdio.h>
#include <string.h>

enum ms_err
greeting_why(struct why *why, const char *what, const struct reply *reply)
{
    char words[160];
    size_t n = 0;

    for (; n < reply->len && n + 1 < sizeof(words); n++)
        words[n] = reply->text[n] >= ' ' && reply->text[n] <= '~'
                       ? reply->text[n]
                       : '?';
    words[n] = '\0';
    return why_set(why, MS_UNAVAIL, "%s: %s%s", what, words,
                   n < reply->len ? "..." : "");
}

/* Some errors are about the connection, whatever was asked. */
static bool
is_refusal(const struct reply *reply)
{
    static const char *const words[] = {"NOAUTH", "DENIED", "LOADING"};
    static const char full[] = "ERR max number of clients";

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (reply_is(reply, REPLY_ERROR, words[i]))
            return true;
    return reply->type == REPLY_ERROR &&
           strncmp(reply->text, full, strlen(full)) == 0;
}

static struct codec_command *
say(struct greeting *greeting, const char *what, bool needed)
{
    greeting->what[greeting->n] = what;
    greeting->needed[greeting->n] = needed;
    codec_word(&greeting->command[greeting->n], what);
    return &greeting->command[greeting->n++];
}

void
greeting_compose(const char *user, const char *password, unsigned db,
                 struct greeting *out)
{
    struct codec_command *command;

    memset(out, 0, sizeof(*out));
    if (user[0] != '\0' || password != NULL) {
        command = say(out, "AUTH", true);
        if (user[0] != '\0')
            codec_word(command, user);
        codec_word(command, password != NULL ? password : "");
    }
    if (db != 0) {
        (void)snprintf(out->db, sizeof(out->db), "%u", db);
        codec_word(say(out, "SELECT", true), out->db);
    }
    command = say(out, "CLIENT", false);
    codec_word(command, "SETNAME");
    codec_word(command, "mortsafe");
}

enum ms_err
greeting_judge(const struct greeting *greeting, struct reply *const *replies,
               struct why *why)
{
    for (size_t i = 0; i < greeting->n; i++) {
        const struct reply *reply = replies[i];

        if (is_refusal(reply) ||
            (greeting->needed[i] && reply->type == REPLY_ERROR))
            return greeting_why(why, greeting->what[i], reply);
        if (greeting->needed[i] && !reply_is(reply, REPLY_STATUS, "OK"))
            return why_set(why, MS_UNAVAIL, "%s: an answer of another kind",
                           greeting->what[i]);
    }
    return MS_OK;
}
