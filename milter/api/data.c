/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/data.c - which personal data are kept, what for, where and how
 * long: what an operator needs for the record of processing.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"

enum { TEXT = 384 };

/* Where things are, under the configuration of now. */
struct places {
    char counts[TEXT], diary[TEXT], log[TEXT];
    char longest[RATE_TEXT], state[RATE_TEXT], decisions[RATE_TEXT];
    bool memory, shared;
};

static void
read_places(const struct api_call *call, const struct config *config,
            struct places *out)
{
    const char *path = config->store.path;
    uint64_t longest_s = 0;

    for (size_t i = 0; i < config->n_limits; i++) {
        const struct rates *rates = &config->limits[i]->rates;

        for (size_t j = 0; j < rates->n; j++) {
            if (rates->rate[j].span_s > longest_s)
                longest_s = rates->rate[j].span_s;
        }
    }
    out->memory = call->desk->type == STORE_MEMORY;
    out->shared = call->desk->shared != NULL;
    (void)span_print(longest_s, out->longest);
    (void)span_print(config->privacy.state_s, out->state);
    (void)span_print(config->privacy.decisions_s, out->decisions);
    (void)snprintf(out->counts, sizeof(out->counts), "%.200s%s%s",
                   out->memory ? "memory" : path,
                   out->memory ? "" : "/state.db",
                   out->shared ? ", and Redis (under keyed hashes)" : "");
    (void)snprintf(out->diary, sizeof(out->diary), "%.200s%s%s",
                   out->memory ? "memory" : path,
                   out->memory ? "" : "/diary.db",
                   out->shared ? ", and Redis (sealed)" : "");
    (void)snprintf(out->log, sizeof(out->log), "%s",
                   config->log.to == LOG_TO_SYSLOG ? "syslog"
                                                   : "standard error");
}

static json_t *row(const char *what, const char *why, const char *where,
                   const char *option, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* FORMAT says how long it is kept. */
static json_t *
row(const char *what, const char *why, const char *where, const char *option,
    const char *format, ...)
{
    char kept[TEXT];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(kept, sizeof(kept), format, args);
    va_end(args);
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "what", what, "why", why,
                     "where", api_text(where), "kept", api_text(kept), "option",
                     option);
}

static bool
add_rows(const struct places *p, json_t *list)
{
    return api_append(
               list,
               row("counts of a subject (login, address, sender, domain)",
                   "to hold it to its limits", p->counts, "limit { rate }",
                   "until the longest window has passed: %s", p->longest)) &&
           api_append(list,
                      row("standing of a subject", "to judge it by its past",
                          p->counts, "privacy { state }",
                          "%s after its last event", p->state)) &&
           api_append(list,
                      row("decisions against somebody: client, login, sender, "
                          "recipient, time, rule",
                          "to tell a customer why mail was stopped", p->diary,
                          "privacy { decisions }", "%s, at most 100,000",
                          p->decisions)) &&
           api_append(list,
                      row("what is usual for a subject: counts, and keyed "
                          "hashes of whom it writes to",
                          "to notice when it is not that any more", p->counts,
                          "privacy { state }", "%s after its last event",
                          p->state)) &&
           api_append(list,
                      row("changes of a subject's standing, with the evidence "
                          "and queue ids",
                          "to tell a customer and an operator why", p->diary,
                          "", "366 days, at most 100,000")) &&
           api_append(list,
                      row("messages that are held: queue id, sender, how many "
                          "recipients",
                          "to deliver or delete them", p->diary, "",
                          "until they are gone, at most 90 days")) &&
           api_append(list,
                      row("queue ids of messages that went out, with the "
                          "subject",
                          "so that an abuse report or a bounce finds who has "
                          "sent it",
                          p->diary, "privacy { decisions }",
                          "%s, at most 1,000,000", p->decisions)) &&
           api_append(list, row("what others have said about messages: abuse "
                                "reports, bounces",
                                "as evidence, and for the operator", p->diary,
                                "privacy { decisions }", "%s, at most 100,000",
                                p->decisions)) &&
           api_append(list,
                      row("letters to owners of accounts, and calls of the "
                          "webhook",
                          "to send them, and to know who was told", p->diary,
                          "notice { from }, notice { webhook }",
                          "until they are sent, and then %s, at most 10,000",
                          p->decisions)) &&
           api_append(list, row("who would have been stopped, by day",
                                "to see what enforcing would do", p->diary,
                                "privacy { decisions }", "%s, at most 100,000",
                                p->decisions)) &&
           api_append(list,
                      row("exemptions and raised limits of a subject",
                          "because an operator has set them", p->diary, "",
                          "until they are removed, or 30 days after their "
                          "end")) &&
           api_append(list, row("what operators have done, with their login",
                                "to know who did what", p->diary, "",
                                "366 days; a forgotten subject goes by a "
                                "pseudonym in it")) &&
           api_append(list, row("hourly and daily counts of a subject",
                                "for its picture", p->diary, "",
                                "30 days, of the 65,536 seen last")) &&
           api_append(list,
                      row("a line for each message and refusal: client, login, "
                          "sender, recipient",
                          "to find what became of a message", p->log,
                          "log { to }",
                          "as long as the log is kept, which is not up to "
                          "mortsafe"));
}

void
api_get_data(struct api_call *call)
{
    const struct config *config;
    struct places places;
    json_t *list;

    if (!api_only_queries(call, ""))
        return;
    config = daemon_config_get(call->desk->daemon);
    read_places(call, config, &places);
    daemon_config_put(call->desk->daemon, config);
    list = json_array();
    if (!add_rows(&places, list)) {
        json_decref(list);
        list = NULL;
    }
    api_ok(call, list != NULL ? json_pack("{s:o}", "data", list) : NULL);
}
