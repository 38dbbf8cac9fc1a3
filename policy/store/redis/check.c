/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/check.c - each server is looked at over a link of its
 * own, one after the other.  What is tried leaves nothing behind.
 */
#include <config.h>

#include "policy/store/redis/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/prefix.h"
#include "policy/store/redis/board.h"
#include "policy/store/redis/error.h"
#include "policy/store/redis/script.h"
#include "policy/store/redis/slots.h"
#include "policy/store/redis/visit.h"

enum {
    PINGS = 20,      /* until a link knows how quick it is */
    CLOCK_S = 2,     /* that clocks may differ */
    TRIES = 1 << 20, /* of names, until one has a slot of ours */
    SHA = 40,        /* letters of a script's hash */
    LINE = 768
};

struct checker {
    const struct redis_where *where;
    const char *prefix;
    const struct sitekey *key;
    struct link_tls *tls;
    struct store_clock clock;
    void (*tell)(void *arg, enum check_result result, const char *line);
    void *arg;
    enum check_result worst;
};

/* One server, and which of a Cluster's it is. */
struct server {
    struct checker *checker;
    struct visit visit;
    const struct slots *slots; /* NULL: no Cluster */
    size_t index;              /* in SLOTS */
};

static void say(struct checker *c, enum check_result result, const char *name,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void
say(struct checker *c, enum check_result result, const char *name,
    const char *format, ...)
{
    char text[LINE - ENDPOINT_NAME - 4], line[LINE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(line, sizeof line, "%s: %s", name, text);
    if (result > c->worst)
        c->worst = result;
    c->tell(c->arg, result, line);
}

/* Has the server SLOT?  ARG is the server. */
static bool
is_its(void *arg, unsigned slot)
{
    const struct server *s = arg;

    return s->slots == NULL || s->slots->owner[slot] == s->index;
}

/* Visit AT and log in with PASSWORD; false: it has been told why that cannot
 * be.  visit_end() ends it either way. */
static bool
server_open(struct server *s, struct checker *c, const struct endpoint *at,
            const char *password)
{
    const struct visit_where where = {.at = *at,
                                      .password = password,
                                      .tls = c->tls,
                                      .deadline_ms = c->where->deadline_ms,
                                      .prefix = c->prefix};
    struct why why;

    s->checker = c;
    s->slots = NULL;
    if (visit_begin(&where, c->clock, &s->visit, &why) == MS_OK)
        return true;
    say(c, CHECK_FAIL, s->visit.name, "cannot be used: %s", why.text);
    return false;
}

/* ----- rights */

/* What a store of any layout asks, its scripts included. */
static const struct {
    const char *right, *words;
    bool cluster; /* only of a Cluster */
} tries[] = {
    {"ping", "PING", false},
    {"time", "TIME", false},
    {"del", "DEL %k %d", false}, /* what is left where a right was missing */
    {"hset", "HSET %k f 1", false},
    {"hmget", "HMGET %k f", false},
    {"hgetall", "HGETALL %k", false},
    {"persist", "PERSIST %k", false},
    {"pexpire", "PEXPIRE %k 60000", false},
    {"hdel", "HDEL %k f", false},
    {"zadd", "ZADD %d NX 1 check", false},
    {"zrange", "ZRANGE %d 0 -1", false},
    {"zcard", "ZCARD %d", false},
    {"zrem", "ZREM %d check", false},
    {"set", "SET %d 1 PX 60000", false},
    {"get", "GET %d", false},
    {"del", "DEL %k %d", false},
    {"scan", "SCAN 0 MATCH %c COUNT 10", false},
    {"publish", "PUBLISH %c check", false},
    {"cluster|slots", "CLUSTER SLOTS", true},
    {"asking", "ASKING", true},
};

/* Tell that WHAT has not come to REPLY's good end. */
static void
tell_failure(struct server *s, const char *what, const struct reply *reply)
{
    char error[200] = "the connection was lost";

    if (reply != NULL)
        (void)redis_error_print(reply, error, sizeof error);
    say(s->checker, CHECK_FAIL, s->visit.name, "%s: %s%s", what, error,
        visit_cure(error));
}

/* Try each; false: it has been told why there is no more to be tried. */
static bool
try_commands(struct server *s)
{
    const bool cluster = s->checker->where->layout == REDIS_CLUSTER;
    bool good = true;
    size_t i;

    for (i = 0; i < sizeof tries / sizeof *tries && good; i++) {
        struct reply *reply;

        if (tries[i].cluster && !cluster)
            continue;
        reply = visit_ask_words(&s->visit, tries[i].words);
        if (visit_is_denied(reply)) {
            visit_note(&s->visit, reply, tries[i].right);
        } else if (reply == NULL || reply->type == REPLY_ERROR) {
            good = false;
            tell_failure(s, tries[i].right, reply);
        }
        reply_destroy(reply);
    }
    return good;
}

/* The connection listens from here on, and is of no more use. */
static void
try_subscribe(struct server *s)
{
    struct reply *reply = visit_ask_words(&s->visit, "SUBSCRIBE %c");

    if (visit_is_denied(reply))
        visit_note(&s->visit, reply, "subscribe");
    reply_destroy(reply);
}

static void
tell_rights(struct server *s)
{
    const char *user = visit_user(&s->visit);

    if (s->visit.rules[0] == '\0')
        say(s->checker, CHECK_OK, s->visit.name,
            "user %s has all rights needed", user);
    else
        say(s->checker, CHECK_FAIL, s->visit.name,
            "user %s lacks rights: ACL SETUSER %s%s", user, user,
            s->visit.rules);
}

/* ----- scripts */

static bool
load_script(struct server *s, enum script script, char sha[SHA + 1])
{
    struct codec_command command = {0};
    struct reply *reply;
    bool good;

    codec_word(&command, "SCRIPT");
    codec_word(&command, "LOAD");
    codec_arg(&command, script_lua[script].text, script_lua[script].len);
    reply = visit_ask(&s->visit, &command);
    good = reply != NULL && reply->type == REPLY_TEXT && reply->len == SHA;
    if (good)
        memcpy(sha, reply->text, SHA + 1);
    else if (visit_is_denied(reply))
        visit_note(&s->visit, reply, "script|load");
    else
        tell_failure(s, "SCRIPT LOAD", reply);
    reply_destroy(reply);
    return good;
}

/* A hash whose key is the server's. */
static void
find_hash(struct server *s, uint8_t hash[SITEKEY_HASH])
{
    char key[SCRIPT_KEY];
    uint32_t i = 0;

    memset(hash, 0, SITEKEY_HASH);
    do {
        memcpy(hash, &i, sizeof i);
        (void)script_key(s->checker->prefix, hash, key);
    } while (++i < TRIES && !is_its(s, redis_slot(key, strlen(key))));
}

/* What does nothing: take back nothing, forget and drop what is not there.
 * KEY is room for one. */
static enum ms_err
compose_script(struct server *s, enum script script, struct script_room *room,
               char key[SCRIPT_KEY], struct codec_command *out)
{
    struct script_change forget = {.deed = SCRIPT_FORGET,
                                   .prefix = s->checker->prefix};

    find_hash(s, forget.hash);
    switch (script) {
    case SCRIPT_CHARGE:
        return script_ask_refund(forget.prefix, forget.hash, NULL, 0, 0, room,
                                 out);
    case SCRIPT_BOARD:
        (void)board_key(forget.prefix, forget.hash, key);
        board_ask_nothing(key, out);
        return MS_OK;
    case SCRIPT_CHANGE:
    case SCRIPTS:
        break;
    }
    return script_ask_change(&forget, room, out);
}

static bool
judge_script(struct server *s, enum script script, const struct reply *reply)
{
    if (reply != NULL && reply->type == REPLY_INTEGER)
        return true;
    if (visit_is_denied(reply))
        visit_note(&s->visit, reply, "evalsha");
    else if (s->visit.rules[0] == '\0') /* else it cannot work */
        tell_failure(s, script_lua[script].name, reply);
    return false;
}

/* Does it work?  Else it has been told why not, or it is a right. */
static bool
try_script(struct server *s, enum script script)
{
    struct codec_command command = {0}, args = {0};
    struct script_room *room = NULL;
    struct reply *reply;
    char sha[SHA + 1], key[SCRIPT_KEY];
    bool good = false;
    size_t i;

    if (script_room_create(&room) != MS_OK)
        return false;
    if (load_script(s, script, sha) &&
        compose_script(s, script, room, key, &args) == MS_OK) {
        codec_word(&command, "EVALSHA");
        codec_word(&command, sha);
        for (i = 0; i < args.n; i++)
            codec_arg(&command, args.arg[i], args.len[i]);
        reply = visit_ask(&s->visit, &command);
        good = judge_script(s, script, reply);
        reply_destroy(reply);
    }
    script_room_destroy(room);
    return good;
}

static void
try_scripts(struct server *s)
{
    int script, work = 0;

    for (script = 0; script < SCRIPTS; script++)
        work += try_script(s, (enum script)script);
    if (work == SCRIPTS)
        say(s->checker, CHECK_OK, s->visit.name, "all scripts work");
}

/* ----- what else matters */

static void
check_speed(struct server *s)
{
    uint32_t us;
    int i;

    for (i = 0; i < PINGS; i++)
        reply_destroy(visit_ask_words(&s->visit, "PING"));
    us = redis_link_latency_us(s->visit.link);
    if (us < 10)
        us = 10; /* it is shown in hundredths */
    say(s->checker, CHECK_OK, s->visit.name, "answers in %u.%02u ms", us / 1000,
        us / 10 % 100);
}

static void
check_way(struct server *s)
{
    struct prefix prefix;
    const bool known = prefix_parse(s->visit.at.host, &prefix, NULL) == MS_OK;

    if (s->visit.at.path[0] != '\0')
        say(s->checker, CHECK_OK, s->visit.name, "nothing leaves this host");
    else if (s->visit.at.tls)
        say(s->checker, CHECK_OK, s->visit.name,
            "TLS, and its certificate is as it should be");
    else if (strcmp(s->visit.at.host, "localhost") == 0 ||
             (known && prefix_is_private(prefix)))
        say(s->checker, CHECK_OK, s->visit.name,
            "not encrypted, in a network of our own");
    else
        say(s->checker, CHECK_WARN, s->visit.name,
            "not encrypted: who is on the way reads the password and can "
            "change counts; use rediss://");
}

/* The value of NAME in INFO, as text in OUT; false: it is not there. */
static bool
find_info(const struct reply *info, const char *name, char *out, size_t size)
{
    const size_t len = strlen(name);
    const char *at = info->text;

    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, len) == 0 && at[len] == ':') {
            const size_t n = strcspn(at + len + 1, "\r\n");

            if (n >= size)
                return false;
            memcpy(out, at + len + 1, n);
            out[n] = '\0';
            return true;
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    return false;
}

/* INFO's PART, or NULL: it has been told that we may not ask. */
static struct reply *
ask_info(struct server *s, const char *part)
{
    char words[32];
    struct reply *reply;

    (void)snprintf(words, sizeof words, "INFO %s", part);
    reply = visit_ask_words(&s->visit, words);
    if (reply != NULL && reply->type == REPLY_TEXT)
        return reply;
    if (visit_is_denied(reply))
        say(s->checker, CHECK_WARN, s->visit.name,
            "INFO %s is not permitted, so its %s cannot be checked: ACL "
            "SETUSER %s +info",
            part, strcmp(part, "memory") == 0 ? "eviction" : "version",
            visit_user(&s->visit));
    reply_destroy(reply);
    return NULL;
}

static void
check_version(struct server *s)
{
    struct reply *info = ask_info(s, "server");
    unsigned major = 0, minor = 0;
    char version[32];

    if (info == NULL)
        return;
    if (!find_info(info, "redis_version", version, sizeof version) ||
        sscanf(version, "%u.%u", &major, &minor) != 2)
        say(s->checker, CHECK_WARN, s->visit.name, "does not tell its version");
    else if (major < 6 || (major == 6 && minor < 2))
        say(s->checker, CHECK_FAIL, s->visit.name,
            "version %u.%u is too old: 6.2 is the least", major, minor);
    else
        say(s->checker, CHECK_OK, s->visit.name, "version %u.%u", major, minor);
    reply_destroy(info);
}

static void
check_eviction(struct server *s)
{
    struct reply *info = ask_info(s, "memory");
    char most[32] = "0", policy[32] = "?";

    if (info == NULL)
        return;
    (void)find_info(info, "maxmemory", most, sizeof most);
    (void)find_info(info, "maxmemory_policy", policy, sizeof policy);
    if (strcmp(most, "0") == 0)
        say(s->checker, CHECK_OK, s->visit.name,
            "maxmemory is not set: no counter is evicted");
    else if (strcmp(policy, "noeviction") == 0)
        say(s->checker, CHECK_OK, s->visit.name,
            "maxmemory-policy noeviction: no counter is evicted");
    else
        say(s->checker, CHECK_WARN, s->visit.name,
            "maxmemory-policy %.20s: when memory is short counters vanish, "
            "and limits with them; CONFIG SET maxmemory-policy noeviction",
            policy);
    reply_destroy(info);
}

static bool
read_seconds(const struct reply *time, int64_t *out)
{
    uint64_t n = 0;
    size_t i;

    if (time == NULL || time->type != REPLY_ARRAY || time->n != 2 ||
        time->element[0]->type != REPLY_TEXT || time->element[0]->len > 12)
        return false;
    for (i = 0; i < time->element[0]->len; i++) {
        const char digit = time->element[0]->text[i];

        if (digit < '0' || digit > '9')
            return false;
        n = n * 10 + (uint64_t)(digit - '0');
    }
    *out = (int64_t)n;
    return true;
}

static void
check_clock(struct server *s)
{
    const struct checker *c = s->checker;
    struct reply *time = visit_ask_words(&s->visit, "TIME");
    int64_t its, off;

    if (read_seconds(time, &its)) {
        off = its - c->clock.now(c->clock.arg).wall.s;
        if (off >= -CLOCK_S && off <= CLOCK_S)
            say(s->checker, CHECK_OK, s->visit.name, "its clock is ours");
        else
            say(s->checker, CHECK_WARN, s->visit.name,
                "its clock is %" PRId64 " s %s ours: spans follow it, but "
                "logs will not fit; let NTP set both",
                off < 0 ? -off : off, off < 0 ? "behind" : "ahead of");
    }
    reply_destroy(time);
}

static void
check_role(struct server *s)
{
    struct reply *role = visit_ask_words(&s->visit, "ROLE");

    if (visit_is_denied(role)) {
        if (s->checker->where->layout == REDIS_SENTINEL)
            visit_note(&s->visit, role, "role");
    } else if (role != NULL && slots_is_master(role)) {
        say(s->checker, CHECK_OK, s->visit.name, "is a master");
    } else if (role != NULL && role->type == REPLY_ARRAY) {
        say(s->checker, CHECK_FAIL, s->visit.name,
            "is a replica, which takes no counts: name its master, or its "
            "Sentinels");
    } else {
        tell_failure(s, "ROLE", role);
    }
    reply_destroy(role);
}

/* Is the fleet's key ours? */
static void
check_fleet(struct server *s)
{
    struct codec_command command = {0};
    char key[SCRIPT_KEY], ours[SITEKEY_PRINT];
    const struct reply *its;
    struct reply *reply;

    (void)snprintf(key, sizeof key, "%s:{fleet}", s->checker->prefix);
    if (!is_its(s, redis_slot(key, strlen(key))))
        return;
    sitekey_fingerprint(s->checker->key, ours);
    codec_word(&command, "HMGET");
    codec_word(&command, key);
    codec_word(&command, "key");
    reply = visit_ask(&s->visit, &command);
    its = reply != NULL && reply->type == REPLY_ARRAY && reply->n == 1
              ? reply->element[0]
              : NULL;
    if (its != NULL && its->type == REPLY_NIL)
        say(s->checker, CHECK_OK, s->visit.name,
            "no host of the fleet has come yet; our site key is %s", ours);
    else if (its != NULL && its->type == REPLY_TEXT &&
             strcmp(its->text, ours) == 0)
        say(s->checker, CHECK_OK, s->visit.name,
            "the fleet has our site key, %s", ours);
    else if (its != NULL)
        say(s->checker, CHECK_FAIL, s->visit.name,
            "the fleet has another site key, %.16s, than our %s: copy its "
            "key_file to this host, or choose another `prefix`",
            its->type == REPLY_TEXT ? its->text : "?", ours);
    else if (!visit_is_denied(reply))
        tell_failure(s, key, reply);
    reply_destroy(reply);
}

/* ----- one server, all of it */

/* Names for what is tried, in a slot of the server's. */
static void
name_scratch(struct server *s)
{
    char tag[SLOTS_TAG];
    const char *prefix = s->checker->prefix;

    if (s->slots == NULL || !slots_tag(is_its, s, tag))
        memcpy(tag, "check", sizeof "check");
    (void)snprintf(s->visit.key, sizeof s->visit.key, "%s:{%s}", prefix, tag);
    (void)snprintf(s->visit.data_key, sizeof s->visit.data_key, "%s:{%s}:d",
                   prefix, tag);
    (void)snprintf(s->visit.channel, sizeof s->visit.channel, "%s:check",
                   prefix);
}

/* With a link that is up. */
static void
look_closely(struct server *s)
{
    check_speed(s);
    check_way(s);
    check_version(s);
    check_role(s);
    check_eviction(s);
    check_clock(s);
    name_scratch(s);
    if (try_commands(s)) {
        try_scripts(s);
        check_fleet(s);
        try_subscribe(s);
        tell_rights(s);
    }
}

/* Server AT, which is number INDEX of SLOTS (NULL: no Cluster). */
static void
check_server(struct checker *c, const struct endpoint *at,
             const struct slots *slots, size_t index)
{
    struct server *s = malloc(sizeof *s);
    struct endpoint whole = *at;

    if (s == NULL) {
        say(c, CHECK_FAIL, c->prefix, "no memory");
        return;
    }
    whole.tls = c->where->tls;
    whole.db = c->where->db;
    memcpy(whole.user, c->where->user, sizeof whole.user);
    if (server_open(s, c, &whole, c->where->password)) {
        s->slots = slots;
        s->index = index;
        look_closely(s);
    }
    visit_end(&s->visit);
    free(s);
}

/* ----- Sentinels */

/* The master as the Sentinel AT knows it; false: told why not. */
static bool
ask_sentinel(struct checker *c, const struct endpoint *at,
             struct endpoint *master)
{
    struct codec_command command = {0};
    struct server *s = malloc(sizeof *s);
    struct endpoint whole = *at;
    char text[ENDPOINT_NAME];
    struct reply *reply;
    struct why why;
    bool good = false;

    if (s == NULL)
        return false;
    whole.tls = c->where->tls;
    if (!server_open(s, c, &whole, c->where->sentinel_password))
        goto done;
    codec_word(&command, "SENTINEL");
    codec_word(&command, "get-master-addr-by-name");
    codec_word(&command, c->where->master);
    reply = visit_ask(&s->visit, &command);
    good = reply != NULL &&
           slots_read_master(reply, &whole, master, &why) == MS_OK;
    if (good)
        say(c, CHECK_OK, s->visit.name, "Sentinel; its master %s is %s",
            c->where->master, endpoint_print(master, text));
    else if (visit_is_denied(reply))
        say(c, CHECK_FAIL, s->visit.name,
            "Sentinel; its user lacks rights: ACL SETUSER default "
            "+sentinel|get-master-addr-by-name +sentinel|master");
    else
        say(c, CHECK_FAIL, s->visit.name, "Sentinel; %s",
            reply == NULL ? "no answer" : why.text);
    reply_destroy(reply);
done:
    visit_end(&s->visit);
    free(s);
    return good;
}

static void
check_sentinels(struct checker *c)
{
    struct endpoint masters[REDIS_SEEDS];
    size_t i, known = 0;
    bool agree = true;

    for (i = 0; i < c->where->n_seeds; i++)
        if (ask_sentinel(c, &c->where->seed[i], &masters[known])) {
            agree = agree && endpoint_same(&masters[0], &masters[known]);
            known++;
        }
    if (known == 0)
        return; /* each has told why */
    if (!agree)
        say(c, CHECK_FAIL, c->where->master,
            "Sentinels do not agree on the master: during a failover wait and "
            "look again, else see whether all watch the same one");
    else if (known == 1)
        say(c, CHECK_WARN, c->where->master,
            "one Sentinel knows the master: name more, lest it be missed");
    else
        say(c, CHECK_OK, c->where->master, "%zu Sentinels agree", known);
    check_server(c, &masters[0], NULL, 0);
}

/* ----- a Cluster */

/* The slots as the first seed that answers tells them. */
static bool
ask_slots(struct checker *c, struct slots *slots)
{
    struct server *s = malloc(sizeof *s);
    struct reply *reply;
    bool good = false;
    struct why why;
    size_t i;

    for (i = 0; s != NULL && i < c->where->n_seeds && !good; i++) {
        struct endpoint at = c->where->seed[i];

        at.tls = c->where->tls;
        memcpy(at.user, c->where->user, sizeof at.user);
        if (server_open(s, c, &at, c->where->password)) {
            reply = visit_ask_words(&s->visit, "CLUSTER SLOTS");
            good = reply != NULL && reply->type != REPLY_ERROR &&
                   slots_read(reply, &at, slots, &why) == MS_OK;
            if (visit_is_denied(reply))
                say(c, CHECK_FAIL, s->visit.name,
                    "user %s lacks rights: ACL SETUSER %s +cluster|slots",
                    at.user, at.user);
            else if (!good && reply != NULL && reply->type == REPLY_ERROR)
                say(c, CHECK_FAIL, s->visit.name, "is no node of a Cluster: %s",
                    redis_error_print(reply, why.text, sizeof why.text));
            else if (!good)
                say(c, CHECK_FAIL, s->visit.name, "CLUSTER SLOTS: %s",
                    reply == NULL ? "no answer" : why.text);
            reply_destroy(reply);
        }
        visit_end(&s->visit);
    }
    free(s);
    return good;
}

static void
check_cluster(struct checker *c)
{
    struct slots *slots = malloc(sizeof *slots);
    size_t i;

    if (slots != NULL && ask_slots(c, slots)) {
        if (slots->owned == REDIS_SLOTS)
            say(c, CHECK_OK, "Cluster", "%zu masters own all %d slots",
                slots->n, REDIS_SLOTS);
        else
            say(c, CHECK_FAIL, "Cluster",
                "%u of %d slots have no owner: whose subject is there is "
                "decided on each host; redis-cli --cluster fix",
                REDIS_SLOTS - slots->owned, REDIS_SLOTS);
        for (i = 0; i < slots->n; i++)
            check_server(c, &slots->node[i], slots, i);
    }
    free(slots);
}

enum check_result
redis_check(const struct redis_where *where, const char *prefix,
            const struct sitekey *key, struct store_clock clock,
            void (*tell)(void *arg, enum check_result result, const char *line),
            void *arg)
{
    struct checker c = {.where = where,
                        .prefix = prefix,
                        .key = key,
                        .clock = clock,
                        .tell = tell,
                        .arg = arg,
                        .worst = CHECK_OK};
    struct why why;

    if (where->tls &&
        link_tls_create(&where->tls_options, &c.tls, &why) != MS_OK) {
        say(&c, CHECK_FAIL, "TLS", "%s", why.text);
        return c.worst;
    }
    switch (where->layout) {
    case REDIS_SINGLE:
        check_server(&c, &where->seed[0], NULL, 0);
        break;
    case REDIS_SENTINEL:
        check_sentinels(&c);
        break;
    case REDIS_CLUSTER:
        check_cluster(&c);
        break;
    }
    link_tls_destroy(c.tls);
    return c.worst;
}
