/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/abuse_letter.h - what is told to a customer about his own mail, or to
 * the provider whose customer he is: from the daemon's answers and the letters
 * of one language.  Nobody else is named in it, recipients least of all.
 */
#ifndef MORTSAFE_CTL_ABUSE_LETTER_H
#define MORTSAFE_CTL_ABUSE_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "policy/arena.h"
#include "policy/err.h"

enum abuse_kind { ABUSE_CUSTOMER, ABUSE_PROVIDER };

enum {
    ABUSE_IDS = 32,    /* messages that are named */
    ABUSE_EVENTS = 20, /* that are told one by one, the newest */
    ABUSE_ID = 64
};

/* All borrowed. */
struct abuse {
    enum abuse_kind kind;
    const json_t *subject; /* GET /v1/subjects/ID */
    const json_t *changes; /* the lists of GET /v1/changes, ... about it */
    const json_t *reports; /* (NULL: not known) */
    const json_t *decisions;
    bool only_then;        /* nothing but these: no figures of now */
    const char *support;   /* where help is; NULL */
    const char *mailbox;   /* that takes mail in any case; NULL */
    const char *reference; /* to be quoted */
    const char *folder;    /* of notices */
    const char *language;  /* "de" */
};

struct abuse_letter {
    const char *subject, *body; /* UTF-8, in the arena */
    int64_t newest_s;           /* when what it tells was seen last; 0 */
    unsigned incidents;
    size_t n_ids;
    char ids[ABUSE_IDS][ABUSE_ID]; /* queue ids, the newest first */
};

/*
 * Write it into OUT, texts in ARENA.  MS_INVALID: its templates are wrong (told
 * to LINE); MS_UNAVAIL: nothing is known against it; MS_NOMEM.  Pure but for
 * the time zone and the templates' files.
 */
enum ms_err abuse_letter_write(const struct abuse *abuse, struct arena *arena,
                               void (*line)(void *arg, const char *text),
                               void *arg, struct abuse_letter *out);

#endif
