/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/spf_lab.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/dns/spf_check.h"
#include "policy/dns/spf_wire.h"

enum { CNAME = 5, LOST = 0, WORD = 70000, ALIASES = 8 };

struct row {
    struct row *next;
    char *name;
    unsigned type;
    uint8_t *data;
    size_t len;
};

struct spf_lab {
    struct row *first, **last;
};

#define must(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

struct spf_lab *
spf_lab_create(void)
{
    struct spf_lab *lab = calloc(1, sizeof(*lab));

    must(lab != NULL);
    lab->last = &lab->first;
    return lab;
}

void
spf_lab_clear(struct spf_lab *lab)
{
    while (lab->first != NULL) {
        struct row *row = lab->first;

        lab->first = row->next;
        free(row->name);
        free(row->data);
        free(row);
    }
    lab->last = &lab->first;
}

void
spf_lab_destroy(struct spf_lab *lab)
{
    spf_lab_clear(lab);
    free(lab);
}

void
spf_lab_add_raw(struct spf_lab *lab, const char *name, unsigned type,
                const void *data, size_t len)
{
    struct row *row = calloc(1, sizeof(*row));

    must(row != NULL);
    row->name = strdup(name);
    row->type = type;
    row->data = malloc(len + 1);
    must(row->name != NULL && row->data != NULL);
    if (len > 0)
        memcpy(row->data, data, len);
    row->len = len;
    *lab->last = row;
    lab->last = &row->next;
}

/* ----- lines */

static int
hex(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

    return c != '\0' && at != NULL ? (int)(at - digits) : -1;
}

bool
spf_lab_word(const char **at, char *out, size_t size, size_t *len)
{
    const char *p = *at + strspn(*at, " \t\n");
    bool quoted = *p == '"';

    *len = 0;
    if (*p == '\0' || *p == '#')
        return false;
    for (p += quoted; *p != '\0' && *len + 1 < size; p++) {
        if (quoted ? *p == '"' : strchr(" \t\n", *p) != NULL)
            break;
        out[*len] = *p;
        if (quoted && p[0] == '\\' && p[1] == 'x' && hex(p[2]) >= 0 &&
            hex(p[3]) >= 0) {
            out[*len] = (char)(hex(p[2]) << 4 | hex(p[3]));
            p += 3;
        }
        ++*len;
    }
    if (quoted && *p++ != '"')
        return false;
    out[*len] = '\0';
    *at = p;
    return true;
}

/* NAME as it stands in RDATA. */
static size_t
wire_name(const char *name, uint8_t *out)
{
    size_t at = 0;

    while (*name != '\0' && strcmp(name, ".") != 0) {
        size_t n = strcspn(name, ".");

        must(n > 0 && n < 64);
        out[at++] = (uint8_t)n;
        memcpy(out + at, name, n);
        at += n;
        name += n;
        name += *name == '.';
    }
    out[at++] = 0;
    return at;
}

/* The strings of LINE, as TXT has them: pieces of 255 octets at most. */
static size_t
wire_txt(const char *line, uint8_t *out)
{
    char *word = malloc(WORD);
    size_t len, at = 0;

    must(word != NULL);
    while (spf_lab_word(&line, word, WORD, &len)) {
        for (size_t i = 0; i < len; i += 255) {
            size_t n = len - i < 255 ? len - i : 255;

            out[at++] = (uint8_t)n;
            memcpy(out + at, word + i, n);
            at += n;
        }
    }
    free(word);
    return at;
}

static const struct {
    const char *word;
    unsigned type;
} types[] = {
    {"a", RESOLVER_A},     {"aaaa", RESOLVER_AAAA}, {"mx", RESOLVER_MX},
    {"ptr", RESOLVER_PTR}, {"txt", RESOLVER_TXT},   {"cname", CNAME},
    {"lost", LOST},
};

/* The data of TYPE in LINE, into OUT; its length, or -1. */
static int
read_data(unsigned type, const char *line, uint8_t *out)
{
    char word[512];
    size_t len, skip = 0;

    if (type == LOST)
        return 0;
    if (type == RESOLVER_TXT)
        return (int)wire_txt(line, out);
    if (type == RESOLVER_MX) {
        if (!spf_lab_word(&line, word, sizeof(word), &len))
            return -1;
        out[0] = 0;
        out[1] = (uint8_t)strtoul(word, NULL, 10);
        skip = 2;
    }
    if (!spf_lab_word(&line, word, sizeof(word), &len))
        return -1;
    if (type == RESOLVER_A)
        return inet_pton(AF_INET, word, out) == 1 ? 4 : -1;
    if (type == RESOLVER_AAAA)
        return inet_pton(AF_INET6, word, out) == 1 ? 16 : -1;
    return (int)(skip + wire_name(word, out + skip));
}

bool
spf_lab_add(struct spf_lab *lab, const char *line)
{
    uint8_t *data = malloc(2 * WORD);
    char word[16], name[512];
    size_t len;
    int n = -1;

    must(data != NULL);
    if (spf_lab_word(&line, word, sizeof(word), &len) &&
        spf_lab_word(&line, name, sizeof(name), &len))
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            if (strcmp(word, types[i].word) == 0) {
                n = read_data(types[i].type, line, data);
                if (n >= 0)
                    spf_lab_add_raw(lab, name, types[i].type, data, (size_t)n);
            }
    free(data);
    return n >= 0;
}

/* ----- questions */

/* What NAME is another name of, or NAME. */
static const char *
follow(const struct spf_lab *lab, const char *name, char out[RESOLVER_NAME])
{
    for (int i = 0; i < ALIASES; i++) {
        const struct row *row = lab->first;

        while (row != NULL &&
               (row->type != CNAME || strcasecmp(row->name, name) != 0))
            row = row->next;
        if (row == NULL)
            return name;
        must(resolver_name(row->data, row->len, out));
        name = out;
    }
    return NULL; /* round and round */
}

void
spf_lab_ask(struct spf_lab *lab, const char *name, enum resolver_type type,
            void (*done)(void *arg, const struct resolver_answer *answer),
            void *arg)
{
    struct resolver_record record[RESOLVER_RECORDS];
    struct resolver_answer answer = {
        .status = RESOLVER_NXDOMAIN, .ttl_s = 60, .record = record};
    char alias[RESOLVER_NAME];
    bool lost = false;

    name = follow(lab, name, alias);
    for (const struct row *r = name != NULL ? lab->first : NULL; r != NULL;
         r = r->next) {
        if (strcasecmp(r->name, name) != 0)
            continue;
        answer.status = answer.n > 0 ? RESOLVER_DATA : RESOLVER_NODATA;
        lost = lost || r->type == LOST;
        if (r->type != type)
            continue;
        answer.status = RESOLVER_DATA;
        answer.cut = answer.n == RESOLVER_RECORDS;
        if (!answer.cut)
            record[answer.n++] = (struct resolver_record){r->data, r->len};
    }
    if (name == NULL || (lost && answer.n == 0))
        answer.status = RESOLVER_FAILED;
    done(arg, &answer);
}

/* ----- evaluations */

static void
answered(void *arg, const struct resolver_answer *answer)
{
    spf_check_answer(arg, answer);
}

/* Have the JUDGE look at CHECK's frame, as mortsafe-spf does. */
static void
judge_once(struct judge *judge, struct spf_check *check)
{
    struct spf_request *request = malloc(sizeof(*request));
    struct spf_out out = {0};
    struct spf_reply reply;
    const uint8_t *frame;
    size_t len;

    must(request != NULL);
    frame = spf_check_frame(check, &len);
    must(spf_request_read(frame, len, request));
    judge_run(judge, request, &reply);
    must(spf_reply_write(&reply, &out) == MS_OK);
    must(spf_check_reply(check, out.data, out.len) == MS_OK);
    free(out.data);
    free(request);
}

struct spf_finding
spf_lab_evaluate(struct spf_lab *lab, struct judge *judge,
                 const struct spf_ask *ask, struct spf_cost *cost)
{
    struct spf_finding found;
    struct spf_check *check;
    enum resolver_type type;
    enum spf_step step;
    const char *name;

    *cost = (struct spf_cost){0};
    must(spf_check_create(ask, &check) == MS_OK);
    while ((step = spf_check_step(check)) != SPF_STEP_DONE)
        if (step == SPF_STEP_ASK) {
            cost->questions++;
            name = spf_check_question(check, &type);
            spf_lab_ask(lab, name, type, answered, check);
        } else {
            cost->runs++;
            judge_once(judge, check);
        }
    found = *spf_check_found(check);
    spf_check_destroy(check);
    return found;
}
