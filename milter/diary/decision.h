/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/decision.h - one answer against somebody, or one that would have
 * been given: what `mortsafectl why` tells.  Plain data, made from what the
 * journal is told; its strings are copies, cut as in the log.
 */
#ifndef MORTSAFE_MILTER_DIARY_DECISION_H
#define MORTSAFE_MILTER_DIARY_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/journal.h"
#include "policy/prefix.h"

enum {
    DECISION_WORD = 128,
    DECISION_ADDRESS = 321,
    DECISION_SUBJECT = DECISION_ADDRESS + 16,
    DECISION_HOST = 64
};

struct decision {
    uint64_t seq; /* in this host's diary; 0: not written yet */
    int64_t at_s; /* wall clock */
    enum journal_deed deed;
    enum verdict_action action;
    char host[DECISION_HOST]; /* that has decided */
    char ref[JOURNAL_REF];    /* "": none */
    char id[DECISION_HOST];   /* the MTA's queue id; "" */
    char rule[VERDICT_RULE];
    char listener[DECISION_HOST], via[16];
    char client[PREFIX_TEXT]; /* the address; "" */
    char client_name[DECISION_WORD];
    char user[DECISION_ADDRESS]; /* "" */
    bool has_from, has_to;
    char from[DECISION_ADDRESS], to[DECISION_ADDRESS]; /* without <> */
    uint32_t nrcpt;
    char subject[DECISION_SUBJECT]; /* "user:ann@example.org"; "" */
    /* Of a limit, if the rate's span or number is not 0: */
    enum metric metric;
    struct rate rate;
    uint64_t used, retry_s; /* UINT64_MAX: never */
    uint16_t code;
    char enhanced[8];
    char text[VERDICT_TEXT]; /* the reply's words; "" if none was given */
    char error[32], store[16];
    char spf[16];                 /* the result; "": not known */
    char lists[DECISION_ADDRESS]; /* that list the client, apart by commas */
    int64_t took_us;              /* in hundreds, as the log tells it */
};

/* Its texts, for those who write all of them down. */
struct decision_text {
    const char *name; /* as in JSON */
    size_t at, size;  /* in a struct decision */
    size_t has;       /* the bool that tells "" from none; 0: "" is none */
    bool words;       /* apart by commas: in JSON a list, which may be empty */
};
enum { DECISION_TEXTS = 18 };
extern const struct decision_text decision_texts[DECISION_TEXTS];

/*
 * From ENTRY, with the words of the reply (NULL: none) and the HOST's name.
 * What is foreign reads as in the log: printable ASCII, the rest as \xHH, cut
 * with "...".  SUBJECT is the limit's, else "client:ADDR" (an IPv6 one by its
 * /64, as limits count it); of our own failures "".
 */
void decision_make(const struct journal_entry *entry, const char *text,
                   const char *host, struct decision *out);

/* TEXT of a subject as a decision holds it: one that is longer is cut. */
void decision_subject(const char *text, char out[DECISION_SUBJECT]);

/* Does it tell of a limit? */
bool decision_is_counted(const struct decision *decision);

/*
 * The object of mortsafe-api(7), and back (MS_INVALID: not one).  A new
 * reference, or NULL without memory.
 */
json_t *decision_json(const struct decision *decision);
enum ms_err decision_read(const json_t *json, struct decision *out);

#endif
