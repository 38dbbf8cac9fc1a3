/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/visit.h - a visit to one server: a link of its own,
 * questions one after the other, and which rights were missing.  One thread.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_VISIT_H
#define MORTSAFE_POLICY_STORE_REDIS_VISIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/endpoint.h"
#include "policy/err.h"
#include "policy/store/redis/link.h"
#include "policy/store/redis/script.h"

enum { VISIT_RULES = 320 };

struct visit {
    struct endpoint at;
    char name[ENDPOINT_NAME];
    const char *prefix; /* borrowed */
    struct store_clock clock;
    /* What questions are about: %k, %d and %c in them. */
    char key[SCRIPT_KEY], data_key[SCRIPT_KEY], channel[SCRIPT_KEY];
    char rules[VISIT_RULES]; /* " +get ~mortsafe:*": what would grant it */
    struct redis_link *link;
    pthread_mutex_t lock; /* guards what follows */
    bool up, down;
    struct why why;
};

struct visit_where {
    struct endpoint at;
    const char *password; /* borrowed; NULL: none */
    struct link_tls *tls; /* borrowed; NULL: none */
    uint32_t deadline_ms; /* to connect; 2 s at least */
    const char *prefix;   /* borrowed */
};

/* Connect and log in.  MS_UNAVAIL: WHY tells cause and cure; MS_NOMEM.  Either
 * way visit_end() ends it. */
enum ms_err visit_begin(const struct visit_where *where,
                        struct store_clock clock, struct visit *out,
                        struct why *why);
void visit_end(struct visit *visit);

/* Ask COMMAND; the reply (reply_destroy()), or NULL: the server has gone. */
struct reply *visit_ask(struct visit *visit,
                        const struct codec_command *command);

/* The same for words with a blank between, at most 120 letters: %k is the key,
 * %d the data key, %c the channel. */
struct reply *visit_ask_words(struct visit *visit, const char *words);

/* Does REPLY (NULL: no) say that the user lacks a right? */
bool visit_is_denied(const struct reply *reply);

/* Note what would grant it: the command RIGHT, the keys or the channels. */
void visit_note(struct visit *visit, const struct reply *reply,
                const char *right);

/* What to do about TROUBLE, a server's or of reaching it: "; ...", or "" if
 * nobody knows. */
const char *visit_cure(const char *trouble);

/* Who is logged in. */
const char *visit_user(const struct visit *visit);

#endif
