/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/replay/history.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 1024, LOGINS = 64, LOGIN_S = 3600 };

enum ms_err
history_create(struct history **out)
{
    struct history *h = calloc(1, sizeof(*h));

    if (h == NULL || strings_create(&h->strings) != MS_OK) {
        free(h);
        return MS_NOMEM;
    }
    *out = h;
    return MS_OK;
}

void
history_destroy(struct history *h)
{
    if (h == NULL)
        return;
    strings_destroy(h->strings);
    free(h->message);
    free(h->recipient);
    free(h->event);
    free(h->by_id);
    free(h->pair);
    free(h);
}

/* Room for one more than N of SIZE bytes in *LIST. */
static enum ms_err
make_room(void **list, size_t n, size_t *room, size_t size)
{
    size_t more = *room == 0 ? FIRST : 2 * *room;
    void *to;

    if (n < *room)
        return MS_OK;
    to = reallocarray(*list, more, size);
    if (to == NULL)
        return MS_NOMEM;
    *list = to;
    *room = more;
    return MS_OK;
}

/* ----- messages by their queue ids */

/* Where BY_ID keeps the message of text ID. */
static enum ms_err
place_of(struct history *h, uint32_t id, uint32_t **out)
{
    size_t room = h->by_id_room == 0 ? FIRST : h->by_id_room;
    uint32_t *to;

    while (room <= id)
        room *= 2;
    if (room > h->by_id_room) {
        to = reallocarray(h->by_id, room, sizeof(*to));
        if (to == NULL)
            return MS_NOMEM;
        memset(to + h->by_id_room, 0, (room - h->by_id_room) * sizeof(*to));
        h->by_id = to;
        h->by_id_room = room;
    }
    *out = &h->by_id[id];
    return MS_OK;
}

/* The message that LINE is about, made if there is none.  ANEW: a queue id is
 * used again. */
static enum ms_err
find_message(struct history *h, const struct maillog_line *line, bool anew,
             struct history_message **out)
{
    void *list = h->message;
    uint32_t id, *place;
    enum ms_err err = strings_number(h->strings, line->id, &id);

    if (err == MS_OK)
        err = place_of(h, id, &place);
    if (err == MS_OK && (*place == 0 || anew)) {
        err = make_room(&list, h->n_messages, &h->messages_room,
                        sizeof(*h->message));
        h->message = list;
        if (err != MS_OK)
            return err;
        h->message[h->n_messages++] = (struct history_message){
            .at_s = line->at_s,
            .id = id,
            .recipients = HISTORY_NONE,
        };
        *place = (uint32_t)h->n_messages;
    }
    if (err == MS_OK)
        *out = &h->message[*place - 1];
    return err;
}

static enum ms_err
add_recipient(struct history *h, struct history_message *m, const char *address,
              bool refused)
{
    void *list = h->recipient;
    uint32_t number, at = (uint32_t)h->n_recipients;
    enum ms_err err = strings_number(h->strings, address, &number);

    if (err == MS_OK)
        err = make_room(&list, h->n_recipients, &h->recipients_room,
                        sizeof(*h->recipient));
    h->recipient = list;
    if (err != MS_OK)
        return err;
    h->recipient[h->n_recipients++] = (struct history_recipient){
        .address = number, .next = HISTORY_NONE, .refused = refused};
    if (m->recipients == HISTORY_NONE)
        m->recipients = at;
    else
        h->recipient[m->last].next = at;
    m->last = at;
    m->count++;
    return MS_OK;
}

/* ----- which address a message has already */

/* Where PAIR is, or would be. */
static uint64_t *
pair_place(const struct history *h, uint64_t pair)
{
    size_t mask = h->pairs_room - 1;
    size_t i = (size_t)(pair * UINT64_C(0x9E3779B97F4A7C15) >> 20) & mask;

    while (h->pair[i] != 0 && h->pair[i] != pair)
        i = (i + 1) & mask;
    return &h->pair[i];
}

static enum ms_err
grow_pairs(struct history *h)
{
    uint64_t *old = h->pair;
    size_t n = h->pairs_room;

    h->pair = calloc(n == 0 ? FIRST : 2 * n, sizeof(*h->pair));
    if (h->pair == NULL) {
        h->pair = old;
        return MS_NOMEM;
    }
    h->pairs_room = n == 0 ? FIRST : 2 * n;
    for (size_t i = 0; i < n; i++) {
        if (old[i] != 0)
            *pair_place(h, old[i]) = old[i];
    }
    free(old);
    return MS_OK;
}

/* *ANEW: message M has not had ADDRESS so far. */
static enum ms_err
note_pair(struct history *h, const struct history_message *m, uint32_t address,
          bool *anew)
{
    uint64_t pair = (uint64_t)(m - h->message + 1) << 32 | address;
    uint64_t *place;

    if (2 * h->n_pairs >= h->pairs_room && grow_pairs(h) != MS_OK)
        return MS_NOMEM;
    place = pair_place(h, pair);
    *anew = *place == 0;
    h->n_pairs += *anew;
    *place = pair;
    return MS_OK;
}

static enum ms_err
add_event(struct history *h, int64_t at_s, enum history_kind kind,
          uint32_t what)
{
    void *list = h->event;
    enum ms_err err =
        make_room(&list, h->n_events, &h->events_room, sizeof(*h->event));

    h->event = list;
    if (err == MS_OK)
        h->event[h->n_events++] =
            (struct history_event){.at_s = at_s, .what = what, .kind = kind};
    return err;
}

/* ----- lines */

static enum ms_err
set_client(struct history *h, struct history_message *m,
           const struct maillog_line *line)
{
    enum ms_err err = MS_OK;

    if (line->addr[0] != '\0')
        err = strings_number(h->strings, line->addr, &m->addr);
    if (err == MS_OK && line->user[0] != '\0')
        err = strings_number(h->strings, line->user, &m->user);
    m->known = true;
    m->local = m->local || line->local;
    if (line->port != 0)
        m->port = line->port;
    return err;
}

/* Sendmail: the login that process has told of last. */
static enum ms_err
add_login(struct history *h, const struct maillog_line *line)
{
    struct history_login *login = &h->login[line->process % LOGINS];
    struct history_message *m;
    enum ms_err err = strings_number(h->strings, line->user, &login->user);

    if (err == MS_OK)
        err = strings_number(h->strings, line->addr, &login->addr);
    login->process = line->process;
    login->at_s = line->at_s;
    if (err == MS_OK && line->id[0] != '\0') {
        err = find_message(h, line, false, &m);
        if (err == MS_OK)
            m->user = login->user;
    }
    return err;
}

/* Is LOGIN that of the message M, which LINE tells of?  Numbers of processes
 * come again. */
static bool
is_login(const struct history_login *login, const struct history_message *m,
         const struct maillog_line *line)
{
    return login->process == line->process && login->addr == m->addr &&
           m->addr != 0 && line->at_s - login->at_s >= 0 &&
           line->at_s - login->at_s <= LOGIN_S;
}

static enum ms_err
add_from(struct history *h, const struct maillog_line *line)
{
    const struct history_login *login = &h->login[line->process % LOGINS];
    struct history_message *m;
    enum ms_err err = find_message(h, line, false, &m);

    if (err != MS_OK)
        return err;
    if (m->size == 0)
        m->size = line->size;
    err = strings_number(h->strings, line->address, &m->sender);
    if (err == MS_OK && (line->addr[0] != '\0' || line->local))
        err = set_client(h, m, line);
    if (err == MS_OK && m->user == 0 && is_login(login, m, line))
        m->user = login->user;
    return err;
}

/* What became of a recipient; the first line about each tells that there is
 * one. */
static enum ms_err
add_one_to(struct history *h, const struct maillog_line *line)
{
    struct history_message *m;
    uint32_t address;
    bool anew = false;
    enum ms_err err = find_message(h, line, false, &m);

    if (err == MS_OK)
        err = strings_number(h->strings, line->address, &address);
    if (err == MS_OK)
        err = note_pair(h, m, address, &anew);
    if (err == MS_OK && anew)
        err = add_recipient(h, m, line->address, false);
    if (err == MS_OK && line->status == MAILLOG_UNKNOWN)
        err = add_event(h, line->at_s, HISTORY_BOUNCE,
                        (uint32_t)(m - h->message));
    return err;
}

static enum ms_err
add_to(struct history *h, const struct maillog_line *line)
{
    struct maillog_line one = *line;
    enum ms_err err = add_one_to(h, &one);

    while (err == MS_OK && maillog_next(&one))
        err = add_one_to(h, &one);
    return err;
}

/* A recipient that the MTA refused; Postfix has no queue id before the first
 * it takes, so that it makes a message of its own. */
static enum ms_err
add_refused(struct history *h, const struct maillog_line *line)
{
    struct history_message *m;
    enum ms_err err;

    if (line->status != MAILLOG_UNKNOWN)
        return MS_OK;
    err = find_message(h, line, line->id[0] == '\0', &m);
    if (err == MS_OK && line->from[0] != '\0')
        err = strings_number(h->strings, line->from, &m->sender);
    if (err == MS_OK && line->addr[0] != '\0')
        err = set_client(h, m, line);
    if (err == MS_OK)
        err = add_recipient(h, m, line->address, true);
    return err;
}

static enum ms_err
add_spam(struct history *h, const struct maillog_line *line)
{
    struct history_message *m;
    enum ms_err err = find_message(h, line, false, &m);

    if (err != MS_OK)
        return err;
    m->spam = true;
    if (line->from[0] != '\0')
        err = strings_number(h->strings, line->from, &m->sender);
    if (err == MS_OK && m->count == 0 && line->address[0] != '\0')
        err = add_recipient(h, m, line->address, false);
    return err;
}

static enum ms_err
add_connect(struct history *h, const struct maillog_line *line)
{
    uint32_t addr;
    enum ms_err err = strings_number(h->strings, line->addr, &addr);

    return err != MS_OK ? err : add_event(h, line->at_s, HISTORY_CONNECT, addr);
}

enum ms_err
history_add(struct history *h, const struct maillog_line *line)
{
    struct history_message *m;
    enum ms_err err;

    switch (line->kind) {
    case MAILLOG_CONNECT:
        return add_connect(h, line);
    case MAILLOG_CLIENT:
        err = find_message(h, line, true, &m);
        return err != MS_OK ? err : set_client(h, m, line);
    case MAILLOG_AUTH:
        return add_login(h, line);
    case MAILLOG_FROM:
        return add_from(h, line);
    case MAILLOG_TO:
        return add_to(h, line);
    case MAILLOG_REFUSED:
        return add_refused(h, line);
    case MAILLOG_SPAM:
        return add_spam(h, line);
    }
    return MS_OK;
}

/* ----- the order of time */

static int
by_time(const void *a, const void *b)
{
    const struct history_event *x = a, *y = b;

    if (x->at_s != y->at_s)
        return x->at_s < y->at_s ? -1 : 1;
    if (x->kind != y->kind) /* a connection goes before its message */
        return x->kind < y->kind ? -1 : 1;
    return x->what < y->what ? -1 : x->what > y->what;
}

enum ms_err
history_sort(struct history *h)
{
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < h->n_messages && err == MS_OK; i++) {
        const struct history_message *m = &h->message[i];

        if (m->known && m->count > 0)
            err = add_event(h, m->at_s, HISTORY_MESSAGE, (uint32_t)i);
    }
    if (err == MS_OK && h->n_events > 0)
        qsort(h->event, h->n_events, sizeof(*h->event), by_time);
    return err;
}
