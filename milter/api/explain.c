/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/explain.c - what would be answered to somebody, and why: the
 * engine's own way with the counts of now, none of which changes.
 */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/clerk/clerk.h"
#include "policy/explain.h"
#include "policy/lookups.h"

enum {
    ADDRESS = 1000,   /* bytes of one */
    RECIPIENTS = 100, /* of one message */
    LOOK_MS = 3000,
    SOURCE_PORT = 40000 /* of the imagined connection: not the local mail's */
};

/* A session as it was described, and what comes out. */
struct session {
    struct api_call *call;
    const struct config *config;
    struct acts *acts;
    struct facts facts;
    struct sockaddr_storage client;
    char port[16];
    char user[ADDRESS_TEXT];
    char sender[ADDRESS + 3];
    char (*recipient)[ADDRESS + 3];
    const char **recipients;
    size_t n;
    const char *helo;
    struct lookups lookups; /* as they were described */

    json_t *steps;
    const char *refused; /* the recipient that the verdict was for */
    bool failed;         /* no memory for a step */
};

/* ----- what was asked */

static bool
read_client(struct session *s)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(SOURCE_PORT)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(SOURCE_PORT)};
    const char *text;
    struct prefix p;

    if (!api_call_text(s->call, "client", PREFIX_TEXT, &text))
        return false;
    if (text == NULL || prefix_parse(text, &p, NULL) != MS_OK ||
        p.len != (p.family == 4 ? 32 : 128)) {
        api_problem(s->call, 400, "bad-request",
                    "\"client\" is needed: an address such as 192.0.2.7 or "
                    "2001:db8::25");
        return false;
    }
    memcpy(&in.sin_addr, p.addr, sizeof(in.sin_addr));
    memcpy(&in6.sin6_addr, p.addr, sizeof(in6.sin6_addr));
    if (p.family == 4)
        memcpy(&s->client, &in, sizeof(in));
    else
        memcpy(&s->client, &in6, sizeof(in6));
    s->facts.client = (const struct sockaddr *)&s->client;
    return true;
}

/* By the name that it has, or by its first port. */
static bool
take_listener(struct session *s, const struct listener *listener)
{
    if (listener == s->config->local) {
        (void)snprintf(s->port, sizeof(s->port), "0");
    } else if (listener->n_names > 0) {
        s->facts.daemon_name = listener->names[0];
        return true;
    } else if (listener->n_ports > 0) {
        (void)snprintf(s->port, sizeof(s->port), "%u", listener->ports[0]);
    } else {
        api_problem(s->call, 400, "bad-request",
                    "listener %.60s has neither a port nor a name",
                    listener->name);
        return false;
    }
    s->facts.daemon_port = s->port;
    return true;
}

static bool
read_listener(struct session *s, const char *name)
{
    for (size_t i = 0; i < s->config->n_listeners; i++) {
        if (strcmp(s->config->listeners[i]->name, name) == 0)
            return take_listener(s, s->config->listeners[i]);
    }
    api_problem(s->call, 400, "bad-request", "there is no listener `%.60s'",
                name);
    return false;
}

/* A whole number KEY of the body; PRESET if it is not there. */
static bool
read_number(struct api_call *call, const char *key, uint64_t preset,
            uint64_t most, uint64_t *out)
{
    const json_t *value = json_object_get(call->body, key);

    *out = preset;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most) {
        api_problem(call, 400, "bad-request",
                    "\"%s\" is a number from 0 to %llu", key,
                    (unsigned long long)most);
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

/* Where the session comes in: a listener, a port, or what people use. */
static bool
read_place(struct session *s)
{
    const char *listener;
    uint64_t port;

    if (!api_call_text(s->call, "listener", 64, &listener) ||
        !read_number(s->call, "port", s->facts.login != NULL ? 587 : 25, 65535,
                     &port))
        return false;
    if (listener != NULL)
        return read_listener(s, listener);
    (void)snprintf(s->port, sizeof(s->port), "%u", (unsigned)port);
    s->facts.daemon_port = s->port;
    return true;
}

static bool
read_login(struct session *s)
{
    if (!api_call_text(s->call, "user", ADDRESS, &s->facts.login) ||
        !api_bool(s->call, "tls", s->facts.login != NULL, &s->facts.tls))
        return false;
    if (s->facts.login != NULL)
        s->facts.login_type = "PLAIN";
    return true;
}

/* ADDRESS as MAIL and RCPT have it. */
static void
bracket(const char *address, char out[ADDRESS + 3])
{
    bool bare = address[0] != '<';

    (void)snprintf(out, ADDRESS + 3, "%s%s%s", bare ? "<" : "", address,
                   bare ? ">" : "");
}

/* Who does not say a sender writes as himself; without a login, as nobody. */
static bool
read_sender(struct session *s)
{
    const struct config *config = s->config;
    const char *from;

    if (!api_call_text(s->call, "from", ADDRESS, &from))
        return false;
    if (from == NULL && s->facts.login != NULL &&
        address_login(s->facts.login, config->users_fold,
                      config->users_default_domain, s->user))
        from = s->user;
    bracket(from != NULL ? from : "", s->sender);
    s->facts.sender = s->sender;
    return true;
}

static bool
refuse_recipients(struct session *s)
{
    api_problem(s->call, 400, "bad-request",
                "\"to\" is an address of at most %d bytes, or a list of at "
                "most %d",
                ADDRESS, RECIPIENTS);
    return false;
}

static bool
read_recipients(struct session *s)
{
    json_t *to = json_object_get(s->call->body, "to");
    size_t n = json_is_array(to) ? json_array_size(to) : to != NULL;

    if (json_is_null(to))
        n = 0;
    if (n > RECIPIENTS)
        return refuse_recipients(s);
    s->recipient = calloc(n + 1, sizeof(*s->recipient));
    s->recipients = calloc(n + 1, sizeof(*s->recipients));
    if (s->recipient == NULL || s->recipients == NULL) {
        api_failed(s->call, MS_NOMEM, NULL);
        return false;
    }
    for (; s->n < n; s->n++) {
        const json_t *one = json_is_array(to) ? json_array_get(to, s->n) : to;

        if (!json_is_string(one) || json_string_length(one) > ADDRESS)
            return refuse_recipients(s);
        bracket(json_string_value(one), s->recipient[s->n]);
        s->recipients[s->n] = s->recipient[s->n];
    }
    return true;
}

/* What SPF says, by KEY of the body: a result. */
static bool
read_spf(struct session *s, const char *key, enum lookups_source source)
{
    const char *word;
    struct why why;

    if (!api_call_text(s->call, key, sizeof("temperror"), &word))
        return false;
    if (word == NULL ||
        lookups_say_spf(&s->lookups, source, word, &why) == MS_OK)
        return true;
    api_problem(s->call, 400, "bad-request", "\"%s\": %s", key, why.text);
    return false;
}

static bool
read_one_listed(struct session *s, const json_t *one)
{
    struct why why;

    if (!json_is_string(one))
        (void)why_set(&why, MS_INVALID, "it is a text, or a list of texts");
    else if (lookups_say_listed(&s->lookups, s->config, json_string_value(one),
                                &why) == MS_OK)
        return true;
    api_problem(s->call, 400, "bad-request", "\"listed\": %s", why.text);
    return false;
}

/* What lists say: "zen:127.0.0.4", or several of them. */
static bool
read_listed(struct session *s)
{
    const json_t *listed = json_object_get(s->call->body, "listed"), *one;
    bool good = true;
    size_t i;

    if (listed == NULL || json_is_null(listed))
        return true;
    if (!json_is_array(listed))
        return read_one_listed(s, listed);
    json_array_foreach(listed, i, one)
    {
        good = good && read_one_listed(s, one);
    }
    return good;
}

/* What the DNS says is only what was described: nobody is asked. */
static bool
read_lookups(struct session *s)
{
    s->facts.lookups = &s->lookups;
    if (s->helo != NULL && strlen(s->helo) < sizeof(s->lookups.helo.domain))
        (void)snprintf(s->lookups.helo.domain, sizeof(s->lookups.helo.domain),
                       "%s", s->helo);
    return read_spf(s, "spf", LOOKUPS_MAIL_FROM) &&
           read_spf(s, "spf_helo", LOOKUPS_HELO) && read_listed(s);
}

static bool
read_session(struct session *s)
{
    return api_only_queries(s->call, "") &&
           api_only_keys(s->call, "client port listener tls user helo from to "
                                  "size spf spf_helo listed") &&
           read_client(s) && read_login(s) && read_place(s) &&
           api_call_text(s->call, "helo", ADDRESS, &s->helo) &&
           read_sender(s) && read_recipients(s) && read_lookups(s) &&
           read_number(s->call, "size", 0, INT64_MAX, &s->facts.size);
}

/* ----- looking */

/* The counts of now.  Not as early looks, which a layer above the store may
 * answer without it. */
static enum ms_err
look(void *arg, const struct charge_item *items, size_t n,
     struct charge_answers *out)
{
    struct session *s = arg;
    struct store *store = daemon_store(s->call->desk->daemon);
    struct mono deadline = {s->call->now.mono.ms + LOOK_MS};
    struct charge_item looks[CHARGE_ITEMS];
    struct store_ticket *ticket = NULL;
    enum ms_err err;

    if (n > CHARGE_ITEMS)
        return MS_INVALID;
    for (size_t i = 0; i < n; i++) {
        looks[i] = items[i];
        looks[i].kind = CHARGE_LOOK;
        looks[i].early = false;
    }
    err = store_submit(store, looks, n, s->call->now, &ticket);
    if (err == MS_OK)
        err = store_collect(store, ticket, deadline, out);
    return err;
}

/* ----- telling */

static json_t *
room_json(const struct explain_step *step)
{
    if (!step->counted || !step->known || step->room_s == UINT64_MAX)
        return json_null();
    return api_number(step->room_s);
}

static json_t *
step_json(const struct explain_step *step)
{
    bool counted = step->counted, known = counted && step->known;
    bool has_origin = step->rule[0] != '\0' || step->origin.file != NULL;
    char id[SUBJECT_TEXT];

    if (counted)
        subject_print(&step->subject, id);
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "stage",
        explain_stage_name(step->stage), "outcome",
        explain_outcome_name(step->outcome), "rule",
        api_text(step->rule[0] != '\0' ? step->rule : NULL), "origin",
        has_origin ? api_origin(step->origin) : json_null(), "text",
        api_text(step->text), "recipient", api_text(step->recipient), "subject",
        api_text(counted ? id : NULL), "metric",
        api_text(counted ? metric_name(step->metric) : NULL), "used",
        known ? api_number(step->used) : json_null(), "rate",
        counted ? api_rate(step->rate, step->metric) : json_null(), "room_s",
        room_json(step), "share",
        known ? api_share(api_permille(step->used, step->rate.n))
              : json_null());
}

static void
take_step(void *arg, const struct explain_step *step)
{
    struct session *s = arg;
    bool against =
        step->outcome == EXPLAIN_REFUSE || step->outcome == EXPLAIN_WOULD;

    if (against && s->refused == NULL && step->recipient != NULL)
        s->refused = step->recipient;
    if (!api_append(s->steps, step_json(step)))
        s->failed = true;
}

/* The words of the reply; it has no reference, since nothing was decided. */
static json_t *
text_json(struct session *s, const struct verdict *verdict)
{
    char text[VERDICT_TEXT];
    struct scene scene;

    if (verdict->action == VERDICT_CONTINUE ||
        verdict->action == VERDICT_ACCEPT)
        return json_null();
    s->facts.recipient = s->refused;
    scene_make(s->config, &s->facts, &scene);
    verdict_text(verdict, s->config, &scene, s->refused, "none", text);
    return api_text(text);
}

static json_t *
verdict_json(struct session *s, const struct verdict *verdict, enum stage stage)
{
    bool against = verdict->action != VERDICT_CONTINUE;

    if (s->failed)
        return NULL;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:O}", "action",
        verdict_action_name(verdict->action), "code",
        verdict->code != 0 ? api_number(verdict->code) : json_null(),
        "enhanced",
        api_text(verdict->enhanced[0] != '\0' ? verdict->enhanced : NULL),
        "text", text_json(s, verdict), "rule",
        api_text(verdict->rule[0] != '\0' ? verdict->rule : NULL), "stage",
        api_text(against ? explain_stage_name(stage) : NULL), "observed",
        verdict->observed, "steps", s->steps);
}

static void
explain(struct session *s)
{
    struct explain_asked asked = {.config = s->config,
                                  .facts = s->facts,
                                  .recipients = s->recipients,
                                  .n_recipients = s->n,
                                  .look = look,
                                  .arg = s};
    struct verdict verdict;
    enum stage stage = STAGE_CONNECT;
    enum ms_err err;

    verdict_continue(&verdict);
    s->steps = json_array();
    if (s->steps == NULL)
        err = MS_NOMEM;
    else
        err = policy_explain(&asked, take_step, s, &verdict, &stage);
    if (err != MS_OK)
        api_failed(s->call, err, NULL);
    else
        api_ok(s->call, verdict_json(s, &verdict, stage));
    json_decref(s->steps);
}

void
api_post_explain(struct api_call *call)
{
    struct daemon *daemon = call->desk->daemon;
    struct session s = {.call = call};

    s.config = daemon_config_get(daemon);
    s.acts = daemon_acts_get(daemon);
    s.facts.now = call->now.wall;
    s.facts.acts = s.acts;
    if (call->desk->clerk != NULL)
        s.facts.birth = clerk_birth(call->desk->clerk);
    s.facts.hostname = call->desk->host;
    if (read_session(&s))
        explain(&s);
    free(s.recipient);
    free(s.recipients);
    acts_put(s.acts);
    daemon_config_put(daemon, s.config);
}
