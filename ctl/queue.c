/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/queue.c - postsuper(1) and postqueue(1) of Postfix; sendmail(8). Sendmail
 * has no command that deletes: the files of a quarantined message, which no
 * queue run touches, are removed.
 */
#include <config.h>

#include "ctl/queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "ctl/field.h"
#include "ctl/run.h"

static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool
queue_is_id(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n < QUEUE_ID && strspn(text, alnum) == n;
}

const char *
queue_fate_name(enum queue_fate fate)
{
    switch (fate) {
    case QUEUE_HELD:
        return "held";
    case QUEUE_DELIVERED:
        return "delivered";
    case QUEUE_DELETED:
        return "deleted";
    case QUEUE_GONE:
        return "gone";
    case QUEUE_UNKNOWN:
        break;
    }
    return "unknown";
}

/* ----- items by their id */

static int
compare(const void *a, const void *b)
{
    const struct queue_item *x = a, *y = b;

    return strcmp(x->id, y->id);
}

static enum ms_err
sort(struct queue *queue, struct why *why)
{
    for (size_t i = 0; i < queue->n; i++)
        if (!queue_is_id(queue->items[i].id))
            return why_set(why, MS_INVALID, "%.80s is no queue id",
                           queue->items[i].id);
    if (queue->n > 0)
        qsort(queue->items, queue->n, sizeof(*queue->items), compare);
    return MS_OK;
}

/* The item whose id is the N bytes at TEXT, or NULL. */
static struct queue_item *
item_of(const struct queue *queue, const char *text, size_t n)
{
    struct queue_item key = {.id = ""};

    if (n == 0 || n >= QUEUE_ID || queue->n == 0)
        return NULL;
    memcpy(key.id, text, n);
    return bsearch(&key, queue->items, queue->n, sizeof(key), compare);
}

enum queue_fate
queue_fate_of(const struct queue *queue, const char *id)
{
    const struct queue_item *item = item_of(queue, id, strlen(id));

    return item != NULL ? item->fate : QUEUE_UNKNOWN;
}

static void
set_all(struct queue *queue, enum queue_fate fate)
{
    for (size_t i = 0; i < queue->n; i++)
        queue->items[i].fate = fate;
}

static size_t
count(const struct queue *queue, enum queue_fate fate)
{
    size_t n = 0;

    for (size_t i = 0; i < queue->n; i++)
        n += queue->items[i].fate == fate ? 1 : 0;
    return n;
}

/* ----- a run of a program, and what it says */

struct hearing {
    struct queue *queue;
    enum queue_fate fate;      /* Postfix: what "done" means */
    const char *done;          /* ": removed" */
    char folder[QUEUE_FOLDER]; /* Sendmail: of the lines that follow */
    bool whole;                /* it was told to its end */
    char said[256];            /* the last complaint */
};

/* Run WORDS with INPUT; complaints of its own are in WHY, too. */
static enum ms_err
ask(const char *const *words, const char *input,
    void (*line)(void *arg, char *text), struct hearing *hearing,
    struct why *why)
{
    const struct run run = {.words = words,
                            .input = input,
                            .input_len = input != NULL ? strlen(input) : 0,
                            .line = line,
                            .arg = hearing};
    int code = 0;
    enum ms_err err = run_program(&run, &code, why);

    if (err == MS_OK && code != 0)
        err = why_set(why, MS_UNAVAIL, "%s has failed (%d): %s", words[0], code,
                      hearing->said);
    return err;
}

static void
keep_said(struct hearing *hearing, const char *text)
{
    (void)snprintf(hearing->said, sizeof(hearing->said), "%s", text);
}

/* NAME [OPTION CONFIG] A B C, in WORDS; NULL ends it. */
enum { WORDS = 8 };

static void
put_words(const struct queue *queue, const char *name, const char *option,
          const char *const *more, const char *words[WORDS])
{
    size_t n = 0;

    words[n++] = name;
    if (queue->config != NULL) {
        words[n++] = option;
        words[n++] = queue->config;
    }
    while (*more != NULL && n + 1 < WORDS)
        words[n++] = *more++;
    words[n] = NULL;
}

/* ----- Postfix */

/* An object of `postqueue -j`. */
static void
hear_queue(void *arg, char *text)
{
    struct hearing *hearing = arg;
    json_t *row = *text == '{' ? json_loads(text, 0, NULL) : NULL;
    const char *id = field_text(row, "queue_id");
    struct queue_item *item = item_of(hearing->queue, id, strlen(id));

    if (row == NULL)
        keep_said(hearing, text);
    if (item != NULL)
        item->fate = strcmp(field_text(row, "queue_name"), "hold") == 0
                         ? QUEUE_HELD
                         : QUEUE_DELIVERED;
    json_decref(row);
}

static enum ms_err
postfix_look(struct queue *queue, struct why *why)
{
    static const char *const more[] = {"-j", NULL};
    struct hearing hearing = {.queue = queue};
    const char *words[WORDS];
    enum ms_err err;

    put_words(queue, "postqueue", "-c", more, words);
    set_all(queue, QUEUE_GONE);
    err = ask(words, NULL, hear_queue, &hearing, why);
    if (err != MS_OK)
        set_all(queue, QUEUE_UNKNOWN);
    return err;
}

/* "postsuper: 4XyZq1: removed". */
static void
hear_postsuper(void *arg, char *text)
{
    struct hearing *hearing = arg;
    char *end = strstr(text, hearing->done), *start;
    struct queue_item *item;

    keep_said(hearing, text);
    if (end == NULL || end[strlen(hearing->done)] != '\0')
        return;
    for (start = end; start > text && strchr(alnum, start[-1]) != NULL;)
        start--;
    item = item_of(hearing->queue, start, (size_t)(end - start));
    if (item != NULL)
        item->fate = hearing->fate;
}

/* The ids of what is held, a line each; NULL: no memory. */
static char *
held_ids(const struct queue *queue)
{
    char *text = malloc(queue->n * (QUEUE_ID + 1) + 1), *at = text;

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < queue->n; i++) {
        size_t n = strlen(queue->items[i].id);

        if (queue->items[i].fate != QUEUE_HELD)
            continue;
        memcpy(at, queue->items[i].id, n);
        at[n] = '\n';
        at += n + 1;
    }
    *at = '\0';
    return text;
}

static enum ms_err
postfix_do(struct queue *queue, enum queue_fate fate, struct why *why)
{
    static const char *const deliver[] = {"-H", "-", NULL};
    static const char *const remove[] = {"-d", "-", "hold", NULL};
    struct hearing hearing = {.queue = queue, .fate = fate};
    const char *words[WORDS];
    char *ids = held_ids(queue);
    enum ms_err err;

    if (ids == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    hearing.done = fate == QUEUE_DELETED ? ": removed" : ": released from hold";
    put_words(queue, "postsuper", "-c",
              fate == QUEUE_DELETED ? remove : deliver, words);
    err = ask(words, ids, hear_postsuper, &hearing, why);
    free(ids);
    return err;
}

/* ----- Sendmail */

/* Two tabs, "/var/spool/mqueue (2 requests)".  Lines about senders and
 * recipients begin in another way. */
static void
hear_folder(struct hearing *hearing, const char *text)
{
    const char *end = strstr(text, " (");
    size_t n = end != NULL ? (size_t)(end - text) : QUEUE_FOLDER;

    if (strncmp(text, "\t\t/", 3) != 0 || n - 2 >= QUEUE_FOLDER)
        return;
    memcpy(hearing->folder, text + 2, n - 2);
    hearing->folder[n - 2] = '\0';
}

/* "3BM0abcd123456 ...". */
static void
hear_mailq(void *arg, char *text)
{
    struct hearing *hearing = arg;
    size_t n = strspn(text, alnum);
    struct queue_item *item = item_of(hearing->queue, text, n);

    keep_said(hearing, text);
    hear_folder(hearing, text);
    if (strncmp(text, "\t\tTotal requests: ", 18) == 0)
        hearing->whole = true;
    if (item == NULL && n > 1 && text[n - 1] == 'X') /* "the load is high" */
        item = item_of(hearing->queue, text, n - 1);
    if (item == NULL)
        return;
    item->fate = QUEUE_HELD;
    memcpy(item->folder, hearing->folder, QUEUE_FOLDER);
}

/* What is not held any more has the fate OTHERWISE. */
static enum ms_err
sendmail_look(struct queue *queue, enum queue_fate otherwise, struct why *why)
{
    static const char *const more[] = {"-bp", "-qQ", NULL};
    struct hearing hearing = {.queue = queue};
    const char *words[WORDS];
    enum ms_err err;

    put_words(queue, "sendmail", "-C", more, words);
    for (size_t i = 0; i < queue->n; i++)
        if (queue->items[i].fate != QUEUE_GONE)
            queue->items[i].fate = otherwise;
    err = ask(words, NULL, hear_mailq, &hearing, why);
    if (err == MS_OK && !hearing.whole) /* another MTA's sendmail */
        err = why_set(why, MS_INVALID, "this is not Sendmail's queue: %s",
                      hearing.said);
    if (err != MS_OK)
        set_all(queue, QUEUE_UNKNOWN);
    return err;
}

static void
hear_sendmail(void *arg, char *text)
{
    keep_said(arg, text);
}

static enum ms_err
sendmail_let_go(const struct queue *queue, const char *id, struct why *why)
{
    struct hearing hearing = {.queue = NULL};
    const char *words[WORDS], *more[] = {"-Q", "-qQ", NULL, NULL};
    char which[QUEUE_ID + 4];

    (void)snprintf(which, sizeof(which), "-qI%s", id);
    more[2] = which;
    put_words(queue, "sendmail", "-C", more, words);
    return ask(words, NULL, hear_sendmail, &hearing, why);
}

static enum ms_err
sendmail_deliver(struct queue *queue, struct why *why)
{
    enum ms_err err = MS_OK, looked;

    for (size_t i = 0; i < queue->n && err == MS_OK; i++)
        if (queue->items[i].fate == QUEUE_HELD)
            err = sendmail_let_go(queue, queue->items[i].id, why);
    looked = sendmail_look(queue, QUEUE_DELIVERED, err == MS_OK ? why : NULL);
    return err == MS_OK ? looked : err;
}

/* Remove FOLDER/SUB/KIND+ID, or FOLDER/KIND+ID; an errno. */
static int
remove_file(const struct queue_item *item, const char *sub, const char *kind)
{
    char path[QUEUE_FOLDER + QUEUE_ID + 16];

    (void)snprintf(path, sizeof(path), "%s/%s/%s%s", item->folder, sub, kind,
                   item->id);
    if (unlink(path) == 0)
        return 0;
    if (errno != ENOENT && errno != ENOTDIR)
        return errno;
    (void)snprintf(path, sizeof(path), "%s/%s%s", item->folder, kind, item->id);
    return unlink(path) == 0 ? 0 : errno;
}

/* The control file first: without it the message is none. */
static enum ms_err
sendmail_delete(struct queue *queue, struct why *why)
{
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < queue->n; i++) {
        struct queue_item *item = &queue->items[i];

        if (item->fate != QUEUE_HELD)
            continue;
        errno = item->folder[0] == '/' ? remove_file(item, "qf", "hf") : ENOENT;
        if (errno != 0) {
            err = why_errno(why, MS_UNAVAIL, item->id);
            continue;
        }
        (void)remove_file(item, "df", "df");
        item->fate = QUEUE_DELETED;
    }
    return err;
}

/* ----- either */

enum ms_err
queue_look(struct queue *queue, struct why *why)
{
    enum ms_err err = sort(queue, why);

    if (err != MS_OK || queue->n == 0)
        return err;
    if (queue->mta == QUEUE_POSTFIX)
        return postfix_look(queue, why);
    set_all(queue, QUEUE_UNKNOWN);
    return sendmail_look(queue, QUEUE_GONE, why);
}

enum ms_err
queue_deliver(struct queue *queue, struct why *why)
{
    enum ms_err err = queue_look(queue, why);

    if (err != MS_OK || count(queue, QUEUE_HELD) == 0)
        return err;
    return queue->mta == QUEUE_POSTFIX ? postfix_do(queue, QUEUE_DELIVERED, why)
                                       : sendmail_deliver(queue, why);
}

enum ms_err
queue_delete(struct queue *queue, struct why *why)
{
    enum ms_err err = queue_look(queue, why);

    if (err != MS_OK || count(queue, QUEUE_HELD) == 0)
        return err;
    return queue->mta == QUEUE_POSTFIX ? postfix_do(queue, QUEUE_DELETED, why)
                                       : sendmail_delete(queue, why);
}
