/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/visit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    UP_MS = 2000,  /* to connect, at least */
    ASK_MS = 1000, /* for a reply */
    NAP_MS = 2     /* between two looks at a link */
};

/* ----- a link */

static void
link_up(void *arg)
{
    struct visit *v = arg;

    pthread_mutex_lock(&v->lock);
    v->up = true;
    pthread_mutex_unlock(&v->lock);
}

static void
link_down(void *arg, const struct why *why)
{
    struct visit *v = arg;

    pthread_mutex_lock(&v->lock);
    if (!v->down)
        v->why = *why; /* the first trouble is the cause of the others */
    v->down = true;
    pthread_mutex_unlock(&v->lock);
}

static struct mono
now(const struct visit *v)
{
    return v->clock.now(v->clock.arg).mono;
}

static bool
wait_up(struct visit *v, uint32_t wait_ms)
{
    const struct timespec nap = {0, NAP_MS * 1000000L};
    const int64_t until = now(v).ms + wait_ms;
    bool up = false, down = false;

    while (!up && !down && now(v).ms < until) {
        (void)nanosleep(&nap, NULL);
        pthread_mutex_lock(&v->lock);
        up = v->up;
        down = v->down;
        pthread_mutex_unlock(&v->lock);
    }
    return up;
}

const char *
visit_cure(const char *trouble)
{
    static const struct {
        const char *part, *cure;
    } cures[] = {
        {"WRONGPASS", "; see the user in `url`, and password_file"},
        {"NOAUTH", "; it wants a password: see password_file"},
        {"SELECT: NOPERM", "; ACL SETUSER, for the user in `url`, +select"},
        {"invalid password", "; see password_file"},
        {"without any password", "; it has no password for this user: remove "
                                 "password_file, or set one there"},
        {"refused", "; does it run, and on this port?"},
        {"No such file", "; does it run, with this unixsocket?"},
        {"Permission denied", "; the user whom mortsafe runs as needs the "
                              "group of the socket"},
        {"certificate", "; see ca_file and tls_name"},
        {"host's name", "; write its address, or see /etc/resolv.conf"},
        {"OOM ", "; its memory is full: raise maxmemory"},
        {"MISCONF", "; it cannot save to its disk, as its log tells"},
        {"NOREPLICAS", "; too few replicas follow it: see them, or "
                       "min-replicas-to-write"},
        {"READONLY", "; it is a replica"},
        {"LOADING", "; wait until it has loaded what is on its disk"},
        {"BUSY ", "; a script of somebody else's runs: SCRIPT KILL"},
        {"connecting", "; does it run, and does a firewall let us through?"},
    };
    size_t i;

    for (i = 0; i < sizeof cures / sizeof *cures; i++)
        if (strstr(trouble, cures[i].part) != NULL)
            return cures[i].cure;
    return "";
}

void
visit_end(struct visit *visit)
{
    redis_link_destroy(visit->link);
    visit->link = NULL;
    (void)pthread_mutex_destroy(&visit->lock);
}

enum ms_err
visit_begin(const struct visit_where *where, struct store_clock clock,
            struct visit *out, struct why *why)
{
    const struct link_events events = {
        .up = link_up, .down = link_down, .arg = out};
    const uint32_t wait_ms =
        where->deadline_ms > UP_MS ? where->deadline_ms : UP_MS;
    const struct link_target target = {.at = where->at,
                                       .password = where->password,
                                       .tls = where->at.tls ? where->tls : NULL,
                                       .deadline_ms = wait_ms};
    const char *trouble;

    memset(out, 0, sizeof *out);
    out->at = where->at;
    out->prefix = where->prefix;
    out->clock = clock;
    (void)endpoint_print(&out->at, out->name);
    (void)pthread_mutex_init(&out->lock, NULL);
    if (redis_link_create(&target, clock, events, &out->link) != MS_OK)
        return why_set(why, MS_NOMEM, "no memory or no thread for it");
    if (wait_up(out, wait_ms))
        return MS_OK;
    pthread_mutex_lock(&out->lock);
    trouble = out->down ? out->why.text : "connecting: it does not answer";
    why_set(why, MS_UNAVAIL, "%.380s%s", trouble, visit_cure(trouble));
    pthread_mutex_unlock(&out->lock);
    return MS_UNAVAIL;
}

const char *
visit_user(const struct visit *visit)
{
    return visit->at.user[0] == '\0' ? "default" : visit->at.user;
}

/* ----- questions */

struct reply *
visit_ask(struct visit *v, const struct codec_command *command)
{
    const struct mono until = {now(v).ms + ASK_MS};
    struct link_request *request;
    struct reply *reply = NULL;

    if (redis_link_send(v->link, command, 1, until, &request) != MS_OK ||
        redis_link_wait(v->link, request, &reply, NULL) != MS_OK)
        return NULL;
    return reply;
}

/* "HSET %k f 1" as a command: %k and %d are the scratch keys, %c the channel,
 * TEXT is used up. */
static void
compose(const struct visit *v, char *text, struct codec_command *out)
{
    char *rest = text, *word;

    memset(out, 0, sizeof *out);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        if (strcmp(word, "%k") == 0)
            codec_word(out, v->key);
        else if (strcmp(word, "%d") == 0)
            codec_word(out, v->data_key);
        else if (strcmp(word, "%c") == 0)
            codec_word(out, v->channel);
        else
            codec_word(out, word);
    }
}

struct reply *
visit_ask_words(struct visit *v, const char *words)
{
    struct codec_command command;
    char text[128];

    (void)snprintf(text, sizeof text, "%s", words);
    compose(v, text, &command);
    return visit_ask(v, &command);
}

bool
visit_is_denied(const struct reply *reply)
{
    return reply != NULL && reply_is(reply, REPLY_ERROR, "NOPERM");
}

/* ----- rights */

static void
add_rule(struct visit *v, const char *sign, const char *rule,
         const char *behind)
{
    char text[96], *found;
    size_t len = strlen(v->rules), n;

    (void)snprintf(text, sizeof text, " %s%s%s", sign, rule, behind);
    n = strlen(text);
    found = strstr(v->rules, text);
    if (found != NULL && (found[n] == ' ' || found[n] == '\0'))
        return;
    if (len + n < sizeof v->rules)
        memcpy(v->rules + len, text, n + 1);
}

void
visit_note(struct visit *v, const struct reply *reply, const char *right)
{
    const bool place = strstr(reply->text, "to access") != NULL;

    if (place && strstr(reply->text, "channel") != NULL)
        add_rule(v, "&", v->prefix, ":*");
    else if (place)
        add_rule(v, "~", v->prefix, ":*");
    else
        add_rule(v, "+", right, "");
}
