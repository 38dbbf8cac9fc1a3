/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/clerk/clerk.h"
#include "milter/detect/detect.h"
#include "milter/now.h"
#include "policy/acts.h"

enum { RECEIPTS_FIRST = 8, RECEIPTS_MAX = 4096, ADDRESSED_FIRST = 8 };

enum ms_err
session_create(struct daemon *daemon, struct session **out)
{
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return MS_NOMEM;
    session->daemon = daemon;
    *out = session;
    return MS_OK;
}

void
session_destroy(struct session *session)
{
    if (session == NULL)
        return;
    session_end(session, SESSION_DROPPED);
    session_forget_connect(session);
    session_forget_lookups(session);
    free(session);
}

void
session_forget_connect(struct session *session)
{
    store_drop(daemon_store(session->daemon), session->ticket);
    session->ticket = NULL;
    daemon_config_put(session->daemon, session->config);
    session->config = NULL;
    acts_put(session->acts);
    session->acts = NULL;
    session->connect_err = MS_OK;
}

void
session_forget_lookups(struct session *session)
{
    lookup_end(session->lookups);
    session->lookups = NULL;
    daemon_config_put(session->daemon, session->lookups_config);
    session->lookups_config = NULL;
}

void
session_set_client(struct session *session, const struct sockaddr *addr)
{
    session->has_client = false;
    if (addr == NULL)
        return;
    if (addr->sa_family == AF_INET) {
        memcpy(&session->client.in, addr, sizeof(session->client.in));
        session->has_client = true;
    } else if (addr->sa_family == AF_INET6) {
        memcpy(&session->client.in6, addr, sizeof(session->client.in6));
        session->has_client = true;
    }
}

void
session_copy(char *out, size_t size, const char *value)
{
    size_t len = value != NULL ? strlen(value) : 0;

    if (len >= size)
        len = 0;
    if (len > 0)
        memcpy(out, value, len);
    out[len] = '\0';
}

/* Since when this site counts; 0: not known. */
static struct wall
birth_of(const struct session *session)
{
    struct clerk *clerk = daemon_ears(session->daemon)->clerk;

    return clerk != NULL ? clerk_birth(clerk) : (struct wall){0};
}

void
session_facts(const struct session *session, const struct message *message,
              struct wall now, struct facts *out)
{
    if (message != NULL)
        *out = message->facts;
    else
        *out = (struct facts){.birth = birth_of(session)};
    out->now = now;
    out->acts = message != NULL ? message->acts : session->acts;
    out->client = session->has_client ? &session->client.sa : NULL;
    out->client_stdin = session->client_stdin;
    out->daemon_name = session->daemon_name;
    out->daemon_port = session->daemon_port;
    out->daemon_flags = session->daemon_flags;
    out->daemon_addr = session->daemon_addr;
    out->hostname = session->hostname;
}

/* Append VALUE (NULL: nothing) at *AT. */
static const char *
add_text(char **at, const char *value)
{
    char *text = *at;
    size_t size;

    if (value == NULL)
        return NULL;
    size = strlen(value) + 1;
    memcpy(text, value, size);
    *at += size;
    return text;
}

static size_t
text_size(const char *value)
{
    return value != NULL ? strlen(value) + 1 : 0;
}

enum ms_err
session_begin(struct session *session, const struct config *config,
              const struct session_mail *mail)
{
    size_t size = text_size(mail->sender) + text_size(mail->login) +
                  text_size(mail->login_type);
    struct message *m = malloc(sizeof(*m) + size);
    char *at;

    session_end(session, SESSION_REFUNDED);
    if (m == NULL) {
        daemon_config_put(session->daemon, config);
        return MS_NOMEM;
    }
    memset(m, 0, sizeof(*m));
    m->config = config;
    m->acts = daemon_acts_get(session->daemon);
    at = m->text;
    m->facts.sender = add_text(&at, mail->sender);
    m->facts.login = add_text(&at, mail->login);
    m->facts.login_type = add_text(&at, mail->login_type);
    m->facts.tls = mail->tls;
    m->facts.size = mail->size;
    m->facts.birth = birth_of(session);
    session_copy(m->id, sizeof(m->id), mail->id);
    session->message = m;
    return MS_OK;
}

void
session_end(struct session *session, enum session_end end)
{
    struct message *m = session->message;

    if (m == NULL)
        return;
    session->message = NULL;
    lookup_next(session->lookups);
    switch (end) {
    case SESSION_REFUNDED:
        if (m->receipts != NULL)
            store_refund(daemon_store(session->daemon), m->receipts->item,
                         m->receipts->n, now_read());
        free(m->receipts);
        break;
    case SESSION_DROPPED:
        daemon_refund(session->daemon, m->receipts);
        break;
    case SESSION_KEPT:
        free(m->receipts);
        break;
    }
    daemon_config_put(session->daemon, m->config);
    acts_put(m->acts);
    free(m->held);
    free(m->addressed);
    free(m);
}

/* ----- counts and receipts */

void
message_count(struct message *message, const struct facts *facts)
{
    struct facts *had = &message->facts;

    had->recipients = facts->recipients;
    had->external = facts->external;
    had->bad = facts->bad;
    had->ordinary = facts->ordinary;
    had->counted = facts->counted;
    had->throttled = facts->throttled;
    had->n_seen = facts->n_seen;
    memcpy(had->seen, facts->seen, sizeof(had->seen));
}

/* Slices of a shared store need not begin with ours. */
static bool
same_proof(const struct proof *a, const struct proof *b)
{
    return a->epoch == b->epoch && a->slice == b->slice &&
           a->waits == b->waits && memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

static bool
same_slice(const struct receipt *a, const struct receipt *b)
{
    return a->window == b->window && a->slice == b->slice &&
           a->epoch == b->epoch && a->span_s == b->span_s &&
           memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
           same_proof(&a->shared, &b->shared);
}

/* Room for one more in *LIST; false: no memory. */
static bool
has_room(struct receipts **list)
{
    size_t room = RECEIPTS_FIRST;
    struct receipts *grown;

    if (*list != NULL && (*list)->n < (*list)->room)
        return true;
    if (*list != NULL)
        room = 2 * (*list)->room;
    if (room > RECEIPTS_MAX)
        return false;
    grown = realloc(*list, sizeof(*grown) + room * sizeof(grown->item[0]));
    if (grown == NULL)
        return false;
    if (*list == NULL)
        grown->n = 0;
    grown->room = room;
    *list = grown;
    return true;
}

/* Add RECEIPT to the one of its slice, which most likely stands at AT. */
static void
charge_one(struct message *m, const struct receipt *receipt, size_t at)
{
    size_t n = m->receipts != NULL ? m->receipts->n : 0;

    for (size_t i = 0; i < n; i++) {
        struct receipt *had = &m->receipts->item[(at + i) % n];

        if (same_slice(had, receipt)) {
            had->n = receipt->n > UINT32_MAX - had->n ? UINT32_MAX
                                                      : had->n + receipt->n;
            return;
        }
    }
    if (has_room(&m->receipts))
        m->receipts->item[m->receipts->n++] = *receipt;
}

void
message_charge(struct message *message, const struct receipt *receipts,
               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (receipts[i].n > 0)
            charge_one(message, &receipts[i], i);
    }
}

/* ----- evidence */

static struct detect *
detect_of(const struct session *session)
{
    return daemon_ears(session->daemon)->detect;
}

/* Room for one more; false: there is no memory, or there are enough. */
static bool
has_room_addressed(struct message *m)
{
    size_t room =
        m->room_addressed > 0 ? 2 * m->room_addressed : ADDRESSED_FIRST;
    uint64_t *grown;

    if (m->n_addressed < m->room_addressed)
        return true;
    if (room > DETECT_RECIPIENTS)
        return false;
    grown = realloc(m->addressed, room * sizeof(*grown));
    if (grown == NULL)
        return false;
    m->addressed = grown;
    m->room_addressed = room;
    return true;
}

/* Of ADDRESS as an argument, with or without its angle brackets. */
static uint64_t
hash_of(const struct hashes *hashes, const char *address)
{
    size_t len = strlen(address);
    char bare[SESSION_WORD];

    if (len < 2 || len > sizeof(bare) || address[0] != '<' ||
        address[len - 1] != '>')
        return hashes_address(hashes, address);
    memcpy(bare, address + 1, len - 2);
    bare[len - 2] = '\0';
    return hashes_address(hashes, bare);
}

void
message_address(struct session *session, const char *address, bool unknown)
{
    struct message *m = session->message;
    struct detect *detect = detect_of(session);

    if (!m->watched || detect == NULL)
        return;
    m->unknown += unknown;
    if (has_room_addressed(m))
        m->addressed[m->n_addressed++] =
            hash_of(detect_hashes(detect), address);
    else
        m->more++;
}

void
message_header(struct session *session, const char *name, const char *value)
{
    struct message *m = session->message;
    struct detect *detect = detect_of(session);
    char address[FLAG_ADDRESS];

    if (!m->watched || detect == NULL || m->config->verdict.n_headers == 0)
        return;
    flag_header(&m->flag, m->config, name, value);
    if (m->from == 0 && strcasecmp(name, "From") == 0 &&
        flag_from(value, address))
        m->from = hashes_address(detect_hashes(detect), address);
    else if (m->message_id == 0 && strcasecmp(name, "Message-ID") == 0)
        m->message_id = hashes_text(detect_hashes(detect), value);
}

enum verdict_flag
message_flag(const struct session *session)
{
    const struct message *m = session->message;
    const struct nettree *from = m->config->verdict.from;
    uint32_t index;

    if (!m->watched || detect_of(session) == NULL)
        return FLAG_NONE;
    return flag_end(&m->flag, m->config,
                    from != NULL && session->has_client &&
                        nettree_longest(from,
                                        prefix_of_sockaddr(&session->client.sa),
                                        &index));
}

void
message_evidence(const struct session *session, const struct scene *scene,
                 enum verdict_flag flag, bool passed)
{
    const struct message *m = session->message;
    struct detect *detect = detect_of(session);
    struct detect_message message = {
        .recipients = m->addressed,
        .n_recipients = m->n_addressed,
        .more = m->more,
        .unknown = m->unknown,
        .flag = flag,
        .message_id = m->message_id,
        .from = m->from,
        .id = m->id,
        .passed = passed,
    };

    if (!m->watched || detect == NULL)
        return;
    if (message.from == 0)
        message.from = hashes_address(detect_hashes(detect), scene->sender);
    detect_note(detect, m->config, scene, &message);
}
