/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/counts/sights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sights {
    pthread_mutex_t lock; /* guards all of VIEW */
    struct sights_view view;
};

static const struct {
    const char *name, *stage;
} macros[SIGHTS_MACROS] = {
    [SIGHTS_HOSTNAME] = {"j", "connect"},
    [SIGHTS_DAEMON_NAME] = {"{daemon_name}", "connect"},
    [SIGHTS_DAEMON_PORT] = {"{daemon_port}", "connect"},
    [SIGHTS_LOGIN] = {"{auth_authen}", "mail"},
    [SIGHTS_MAILER] = {"{rcpt_mailer}", "rcpt"},
    [SIGHTS_ID] = {"i", "end"},
};

const char *
sights_macro_name(enum sights_macro macro)
{
    return macros[macro].name;
}

const char *
sights_macro_stage(enum sights_macro macro)
{
    return macros[macro].stage;
}

enum ms_err
sights_create(struct wall now, struct sights **out)
{
    struct sights *sights = calloc(1, sizeof(*sights));

    if (sights == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&sights->lock, NULL);
    sights->view.since = now;
    *out = sights;
    return MS_OK;
}

void
sights_destroy(struct sights *sights)
{
    if (sights == NULL)
        return;
    (void)pthread_mutex_destroy(&sights->lock);
    free(sights);
}

/* ----- noting */

/* What TEXT becomes in the N bytes of OUT, cut where it is too long. */
static void
take(char *out, size_t n, const char *text)
{
    (void)snprintf(out, n, "%.*s", (int)n - 1, text != NULL ? text : "");
}

/* The row of PLACE, made if there is none; once there is no room the last. */
static struct sights_listener *
find_locked(struct sights_view *view, struct sights_place place)
{
    struct sights_listener key = {.name = ""};

    take(key.name, sizeof(key.name), place.listener);
    take(key.port, sizeof(key.port), place.port);
    for (size_t i = 0; i < view->n_listeners; i++) {
        struct sights_listener *row = &view->listener[i];

        if (strcmp(row->name, key.name) == 0 &&
            strcmp(row->port, key.port) == 0)
            return row;
    }
    if (view->n_listeners == SIGHTS_LISTENERS)
        return &view->listener[SIGHTS_LISTENERS - 1];
    view->listener[view->n_listeners] = key;
    return &view->listener[view->n_listeners++];
}

static void
note_mta_locked(struct sights_view *view, const char *mta)
{
    char name[SIGHTS_NAME];

    take(name, sizeof(name), mta);
    for (size_t i = 0; i < view->n_mtas; i++) {
        if (strcmp(view->mta[i], name) == 0)
            return;
    }
    if (name[0] != '\0' && view->n_mtas < SIGHTS_MTAS)
        memcpy(view->mta[view->n_mtas++], name, sizeof(name));
}

void
sights_session(struct sights *sights, struct sights_place place,
               const char *mta)
{
    (void)pthread_mutex_lock(&sights->lock);
    find_locked(&sights->view, place)->sessions++;
    note_mta_locked(&sights->view, mta);
    (void)pthread_mutex_unlock(&sights->lock);
}

void
sights_macro(struct sights *sights, enum sights_macro macro, bool there)
{
    (void)pthread_mutex_lock(&sights->lock);
    sights->view.macro[macro].asked++;
    sights->view.macro[macro].missing += there ? 0 : 1;
    (void)pthread_mutex_unlock(&sights->lock);
}

void
sights_message(struct sights *sights, const struct sights_message *message)
{
    struct sights_view *view = &sights->view;
    struct sights_listener *row;

    (void)pthread_mutex_lock(&sights->lock);
    row = find_locked(view, message->place);
    row->messages++;
    row->logins += message->login ? 1 : 0;
    row->tls += message->tls ? 1 : 0;
    if (message->login && message->verdict != SIGHTS_NOT_ASKED) {
        view->logins++;
        view->verdicts += message->verdict == SIGHTS_VERDICT ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&sights->lock);
}

void
sights_read(struct sights *sights, struct sights_view *out)
{
    (void)pthread_mutex_lock(&sights->lock);
    *out = sights->view;
    (void)pthread_mutex_unlock(&sights->lock);
}
