/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/explain_file.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/call.h"
#include "ctl/field.h"
#include "ctl/load.h"
#include "ctl/when.h"
#include "policy/config.h"
#include "policy/explain.h"
#include "policy/lookups.h"
#include "policy/notes.h"

enum { SOURCE_PORT = 1024, RECIPIENTS = 1000, ADDRESS_MAX = 1024 };

/* ----- the question */

/* What the facts borrow. */
struct question {
    struct explain_asked asked;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } client;
    char port[8];
    char sender[ADDRESS_MAX + 3]; /* in brackets, as a client says it */
    const char *recipients[RECIPIENTS];
    struct lookups lookups;
};

static bool
read_client(const char *text, struct question *q)
{
    memset(&q->client, 0, sizeof(q->client));
    if (inet_pton(AF_INET, text, &q->client.in.sin_addr) == 1) {
        q->client.in.sin_family = AF_INET;
        q->client.in.sin_port = htons(SOURCE_PORT);
        return true;
    }
    if (inet_pton(AF_INET6, text, &q->client.in6.sin6_addr) == 1) {
        q->client.in6.sin6_family = AF_INET6;
        q->client.in6.sin6_port = htons(SOURCE_PORT);
        return true;
    }
    return false;
}

/* Who does not say a sender writes as himself; without a login, as nobody. */
static void
read_sender(const json_t *asked, const struct config *config,
            struct question *q)
{
    char login[ADDRESS_TEXT] = "";
    const char *from = field_text(asked, "from");
    bool bracketed = *from == '<';

    if (!field_is(asked, "from") && *field_text(asked, "user") != '\0' &&
        address_login(field_text(asked, "user"), config->users_fold,
                      config->users_default_domain, login))
        from = login;

    (void)snprintf(q->sender, sizeof(q->sender), "%s%.*s%s",
                   bracketed ? "" : "<", ADDRESS_MAX, from,
                   bracketed ? "" : ">");
    q->asked.facts.sender = q->sender;
}

/* The listener that is asked for, by its name or port. */
static bool
read_listener(const json_t *asked, const struct config *config,
              struct question *q)
{
    struct facts *facts = &q->asked.facts;
    const char *name = field_text(asked, "listener");

    (void)snprintf(q->port, sizeof(q->port), "%" PRId64,
                   field_int(asked, "port"));
    facts->daemon_port = q->port;
    for (size_t i = 0; *name != '\0' && i < config->n_listeners; i++) {
        const struct listener *listener = config->listeners[i];

        if (strcmp(listener->name, name) != 0)
            continue;
        if (listener->n_names > 0)
            facts->daemon_name = listener->names[0];
        (void)snprintf(q->port, sizeof(q->port), "%u",
                       listener->n_ports > 0 ? listener->ports[0] : 0);
        return true;
    }
    return *name == '\0';
}

/* All counts are taken as empty: only what never fits is over. */
static enum ms_err
look(void *arg, const struct charge_item *items, size_t n,
     struct charge_answers *out)
{
    (void)arg;
    memset(out, 0, sizeof(*out));
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        out->item[i].used = items[i].n;
        out->item[i].over = items[i].n > items[i].limit;
        out->item[i].room_ms = out->item[i].over ? UINT64_MAX : 0;
    }
    return MS_OK;
}

/* What the DNS says, as far as it is told here. */
static enum ms_err
read_lookups(const json_t *asked, const struct config *config,
             struct question *q, struct why *why)
{
    static const char *const keys[] = {
        [LOOKUPS_MAIL_FROM] = "spf", [LOOKUPS_HELO] = "spf_helo"};
    const json_t *listed = field_at(asked, "listed"), *one;
    enum ms_err err = MS_OK;
    size_t i;

    (void)snprintf(q->lookups.helo.domain, sizeof(q->lookups.helo.domain),
                   "%.255s", field_text(asked, "helo"));
    for (i = 0; i < LOOKUPS_LIST && err == MS_OK; i++) {
        if (field_is(asked, keys[i]))
            err = lookups_say_spf(&q->lookups, (enum lookups_source)i,
                                  field_text(asked, keys[i]), why);
    }
    json_array_foreach(listed, i, one)
    {
        if (err == MS_OK)
            err = lookups_say_listed(&q->lookups, config,
                                     json_string_value(one), why);
    }
    q->asked.facts.lookups = &q->lookups;
    return err;
}

static void
read_question(const json_t *asked, const struct config *config,
              struct question *q)
{
    struct facts *facts = &q->asked.facts;
    const json_t *to = field_at(asked, "to"), *one;
    size_t i;

    facts->now = (struct wall){when_now()};
    facts->client = &q->client.sa;
    facts->login = field_text(asked, "user");
    facts->login_type = *facts->login != '\0' ? "PLAIN" : "";
    facts->tls = field_is(asked, "tls") ? field_true(asked, "tls")
                                        : *facts->login != '\0';
    read_sender(asked, config, q);
    facts->size = (uint64_t)field_int(asked, "size");
    json_array_foreach(to, i, one)
    {
        if (q->asked.n_recipients < RECIPIENTS)
            q->recipients[q->asked.n_recipients++] = json_string_value(one);
    }
    q->asked.recipients = q->recipients;
    q->asked.look = look;
}

/* ----- the answer, in the API's shape */

static void
set_text_or_null(json_t *to, const char *key, const char *text)
{
    (void)json_object_set_new(to, key,
                              text != NULL && *text != '\0' ? json_string(text)
                                                            : json_null());
}

struct steps {
    json_t *list;
    const char *recipient; /* that was refused; NULL: none */
};

static json_t *
rate_json(struct rate rate, enum metric metric)
{
    char text[RATE_TEXT];

    return json_pack(
        "{s:I, s:I, s:s}", "n", (json_int_t)rate.n, "span_s",
        (json_int_t)rate.span_s, "text",
        rate_print(rate, metric == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS,
                   text));
}

static void
set_count(json_t *row, const struct explain_step *step)
{
    static const char *const keys[] = {"subject", "metric", "used",
                                       "rate",    "room_s", "share"};
    char text[SUBJECT_TEXT];

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        (void)json_object_set_new(row, keys[i], json_null());
    if (!step->counted)
        return;
    set_text_or_null(row, "subject", subject_print(&step->subject, text));
    set_text_or_null(row, "metric", metric_name(step->metric));
    (void)json_object_set_new(row, "rate", rate_json(step->rate, step->metric));
    if (!step->known)
        return;
    (void)json_object_set_new(row, "used",
                              json_integer((json_int_t)step->used));
    if (step->room_s != UINT64_MAX)
        (void)json_object_set_new(row, "room_s",
                                  json_integer((json_int_t)step->room_s));
    if (step->rate.n > 0)
        (void)json_object_set_new(row, "share",
                                  json_real((double)step->used / step->rate.n));
}

static void
add_step(void *to, const struct explain_step *step)
{
    struct steps *steps = to;
    char place[NOTES_PLACE];
    struct origin origin = step->origin;
    json_t *row = json_object();

    origin.column = 0;
    set_text_or_null(row, "stage", explain_stage_name(step->stage));
    set_text_or_null(row, "outcome", explain_outcome_name(step->outcome));
    set_text_or_null(row, "rule", step->rule);
    set_text_or_null(row, "origin",
                     origin.file == NULL
                         ? "built in"
                         : notes_place(origin, place, sizeof(place)));
    set_text_or_null(row, "text", step->text);
    set_text_or_null(row, "recipient", step->recipient);
    set_count(row, step);
    (void)json_array_append_new(steps->list, row);
    if (step->recipient != NULL &&
        (step->outcome == EXPLAIN_REFUSE || step->outcome == EXPLAIN_WOULD))
        steps->recipient = step->recipient;
}

static json_t *
answer_json(const struct question *q, const struct verdict *verdict,
            enum stage stage, const struct steps *steps)
{
    char text[VERDICT_TEXT] = "";
    struct scene scene;
    json_t *answer = json_object();

    if (verdict->code != 0) {
        scene_make(q->asked.config, &q->asked.facts, &scene);
        verdict_text(verdict, q->asked.config, &scene, steps->recipient, "none",
                     text);
    }
    set_text_or_null(answer, "action", verdict_action_name(verdict->action));
    (void)json_object_set_new(answer, "code", json_integer(verdict->code));
    set_text_or_null(answer, "enhanced", verdict->enhanced);
    set_text_or_null(answer, "text", text);
    set_text_or_null(answer, "rule", verdict->rule);
    set_text_or_null(answer, "stage", explain_stage_name(stage));
    field_set_flag(answer, "observed", verdict->observed);
    (void)json_object_set_new(answer, "steps", steps->list);
    return answer;
}

int
explain_file(const struct out *out, const char *path, const json_t *asked,
             json_t **answer)
{
    struct question q = {0};
    struct config *config = NULL;
    struct verdict verdict;
    enum stage stage = STAGE_CONNECT;
    struct steps steps = {NULL, NULL};
    struct why why;
    int code;

    if (!read_client(field_text(asked, "client"), &q)) {
        out_complain(out, "%s is no IP address", field_text(asked, "client"));
        return EX_DATAERR;
    }
    code = load_config(out, path, &config);
    if (code != CTL_OK)
        return code;
    q.asked.config = config;
    if (!read_listener(asked, config, &q)) {
        out_complain(out, "%s has no listener %s", path,
                     field_text(asked, "listener"));
        config_destroy(config);
        return EX_DATAERR;
    }
    if (read_lookups(asked, config, &q, &why) != MS_OK) {
        out_complain(out, "%s", why.text);
        config_destroy(config);
        return EX_DATAERR;
    }
    read_question(asked, config, &q);
    verdict_continue(&verdict);
    steps.list = json_array();
    if (policy_explain(&q.asked, add_step, &steps, &verdict, &stage) != MS_OK) {
        out_complain(out, "no memory");
        json_decref(steps.list);
        code = EX_OSERR;
    } else {
        *answer = answer_json(&q, &verdict, stage, &steps);
    }
    config_destroy(config);
    return code;
}
