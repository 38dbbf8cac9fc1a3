/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/counts/ears.h"

#include "milter/clerk/clerk.h"
#include "milter/counts/picture.h"
#include "milter/counts/top.h"

void
ears_callback(const struct daemon_ears *ears, enum metrics_stage stage,
              int64_t took_us)
{
    if (ears->metrics != NULL)
        metrics_callback(ears->metrics, stage, took_us);
}

void
ears_decision(const struct daemon_ears *ears, enum metrics_stage stage,
              const struct journal_entry *entry, const char *text)
{
    const struct verdict *v = entry->verdict;
    const struct scene *scene = entry->scene;

    if (ears->metrics != NULL)
        metrics_decision(ears->metrics,
                         scene != NULL ? scene->listener->name : NULL, stage,
                         v->action, entry->deed, v->rule);
    if (ears->clerk != NULL && v->action != VERDICT_CONTINUE &&
        v->action != VERDICT_ACCEPT)
        clerk_note(ears->clerk, entry, text);
}

void
ears_charged(const struct daemon_ears *ears, const struct policy *p,
             const struct charge_answers *answers)
{
    if (ears->top != NULL)
        top_note(ears->top, p, answers);
}

/* ----- pictures */

static bool
client_of(const struct scene *scene, struct subject *out)
{
    char text[PREFIX_TEXT];

    if (scene->client.family == 0)
        return false;
    return subject_make(SUBJECT_CLIENT,
                        prefix_print(prefix_cut(scene->client, 32, 64), text),
                        out);
}

/* Whose picture shows what SCENE does: the login's, else the client's. */
static bool
subject_of(const struct scene *scene, struct subject *out)
{
    if (scene->kind == KIND_LOGIN && scene->user[0] != '\0')
        return subject_make(SUBJECT_USER, scene->user, out);
    return client_of(scene, out);
}

/* ----- what the MTA shows */

/* Mail that does not come by SMTP has not all of them. */
void
ears_macro(const struct daemon_ears *ears, const struct scene *scene,
           enum sights_macro macro, const char *value)
{
    if (ears->sights != NULL && scene->kind != KIND_LOCAL)
        sights_macro(ears->sights, macro, value != NULL && *value != '\0');
}

static void
note_connection(const struct daemon_ears *ears, const struct scene *scene,
                const struct facts *facts, const char *mta)
{
    const struct sights_place place = {scene->listener->name,
                                       facts->daemon_port};

    if (ears->sights == NULL)
        return;
    sights_session(ears->sights, place, mta);
    ears_macro(ears, scene, SIGHTS_HOSTNAME, facts->hostname);
    ears_macro(ears, scene, SIGHTS_DAEMON_NAME, facts->daemon_name);
    ears_macro(ears, scene, SIGHTS_DAEMON_PORT, facts->daemon_port);
}

void
ears_connected(const struct daemon_ears *ears, const struct scene *scene,
               const struct facts *facts, const char *mta)
{
    struct subject subject;

    note_connection(ears, scene, facts, mta);

    if (ears->pictures != NULL && client_of(scene, &subject))
        picture_note(ears->pictures, &subject, METRIC_CONNECTIONS, 1,
                     scene->now);
}

/* N recipients came to OUTCOME. */
static void
note_outcome(const struct daemon_ears *ears, enum history_outcome outcome,
             uint32_t n, struct wall now)
{
    if (ears->history != NULL)
        history_note(ears->history, outcome, n, now);
    if (ears->metrics != NULL)
        metrics_recipients(ears->metrics, outcome, n);
}

void
ears_refused(const struct daemon_ears *ears, const struct scene *scene,
             enum history_outcome outcome, uint32_t n, struct wall now)
{
    struct subject subject;

    note_outcome(ears, outcome, n, now);
    if (ears->pictures != NULL && scene != NULL && subject_of(scene, &subject))
        picture_note(ears->pictures, &subject, PICTURE_REFUSED, n, now);
}

void
ears_unknown(const struct daemon_ears *ears, const struct scene *scene)
{
    struct subject subject;

    if (ears->pictures != NULL && subject_of(scene, &subject))
        picture_note(ears->pictures, &subject, METRIC_BAD_RECIPIENTS, 1,
                     scene->now);
}

/* Octets in the unit in which limits count them. */
static uint32_t
kib(uint64_t bytes)
{
    uint64_t n = bytes / 1024 + (bytes % 1024 != 0);

    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void
note_picture(struct pictures *pictures, const struct scene *scene,
             const struct ears_message *message)
{
    const struct {
        enum metric metric;
        uint32_t n;
    } rows[] = {
        {METRIC_MESSAGES, 1},
        {METRIC_RECIPIENTS, message->recipients},
        {METRIC_EXTERNAL, message->external},
        {METRIC_BYTES, kib(message->bytes)},
    };
    struct subject subject;

    if (!subject_of(scene, &subject))
        return;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].n > 0)
            picture_note(pictures, &subject, rows[i].metric, rows[i].n,
                         scene->now);
    }
}

void
ears_message(const struct daemon_ears *ears, const struct scene *scene,
             const struct ears_message *message)
{
    uint32_t would = message->would < message->recipients ? message->would
                                                          : message->recipients;

    note_outcome(ears, message->outcome, message->recipients - would,
                 scene->now);
    note_outcome(ears, HISTORY_WOULD, would, scene->now);
    if (ears->pictures != NULL)
        note_picture(ears->pictures, scene, message);
    if (ears->sights != NULL)
        sights_message(ears->sights,
                       &(struct sights_message){
                           .place = {scene->listener->name, message->port},
                           .login = scene->kind == KIND_LOGIN,
                           .tls = scene->tls_on,
                           .verdict = message->verdict,
                       });
}
