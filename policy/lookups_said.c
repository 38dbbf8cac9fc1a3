/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/lookups_said.c - findings as a person says them. */
#include <config.h>

#include "policy/lookups.h"

#include <string.h>

#include "policy/guess.h"

static const char pending[] = "pending", failed[] = "failed";

enum ms_err
lookups_say_spf(struct lookups *lookups, enum lookups_source source,
                const char *word, struct why *why)
{
    struct spf_finding *out =
        source == LOOKUPS_HELO ? &lookups->helo : &lookups->mail_from;
    char hint[GUESS_TEXT];
    struct guess guess;

    if (strcmp(word, pending) == 0) {
        out->state = LOOKUP_PENDING;
        return MS_OK;
    }
    if (spf_result_parse(word, &out->result)) {
        out->state = LOOKUP_KNOWN;
        return MS_OK;
    }
    guess_start(&guess, word);
    for (unsigned i = 0; i < SPF_RESULTS; i++)
        guess_try(&guess, spf_result_name((enum spf_result)i));
    return why_set(why, MS_INVALID,
                   "`%.40s` is none of: none | neutral | pass | fail | "
                   "softfail | temperror | permerror | pending%s",
                   word, guess_print(&guess, hint));
}

/* The list whose name are the first LEN letters of TEXT; NULL: there is none.
 */
static const struct dnsbl *
find_list(const struct config *config, const char *text, size_t len)
{
    for (size_t i = 0; i < config->n_dnsbls; i++) {
        const char *name = config->dnsbls[i]->name;

        if (strlen(name) == len && memcmp(name, text, len) == 0)
            return config->dnsbls[i];
    }
    return NULL;
}

/* An answer by which LIST lists somebody. */
static void
some_code(const struct dnsbl *list, uint8_t code[4])
{
    static const uint8_t usual[] = {127, 0, 0, 2};

    memcpy(code, usual, sizeof(usual));
    if (list->n_match == 0)
        return;
    memcpy(code, list->match[0].net, sizeof(list->match[0].net));
    code[3] = list->match[0].first;
}

static enum ms_err
say_answer(const struct dnsbl *list, const char *answer,
           struct list_finding *out, struct why *why)
{
    struct list_finding found = {.state = LOOKUP_KNOWN};

    if (answer == NULL) {
        found.listed = true;
        some_code(list, found.code);
    } else if (strcmp(answer, pending) == 0) {
        found.state = LOOKUP_PENDING;
    } else if (strcmp(answer, failed) == 0) {
        found.failed = true;
    } else if (listmask_code(answer, found.code)) {
        found.listed = listmask_lists(list->match, list->n_match, found.code);
    } else {
        return why_set(why, MS_INVALID,
                       "`%.40s` is no answer of a list such as 127.0.0.2, nor "
                       "pending or failed",
                       answer);
    }
    *out = found;
    return MS_OK;
}

enum ms_err
lookups_say_listed(struct lookups *lookups, const struct config *config,
                   const char *text, struct why *why)
{
    const size_t len = strcspn(text, ":");
    const struct dnsbl *list = find_list(config, text, len);
    char hint[GUESS_TEXT];
    struct guess guess;

    if (list != NULL)
        return say_answer(list, text[len] == ':' ? text + len + 1 : NULL,
                          &lookups->list[list->index], why);
    guess_start(&guess, text);
    for (size_t i = 0; i < config->n_dnsbls; i++)
        guess_try(&guess, config->dnsbls[i]->name);
    return why_set(why, MS_INVALID, "there is no dnsbl `%.*s`%s",
                   (int)(len < 64 ? len : 64), text, guess_print(&guess, hint));
}
