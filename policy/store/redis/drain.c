/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/drain.c - each subject's counts are a charge of no items.
 */
#include <config.h>

#include "policy/store/redis/drain.h"

#include <stdlib.h>

struct load {
    struct script_subject subject;
    struct script_delta delta;
    struct script_charge charge;
    struct redis_call *call;
};

static void
send_load(struct redis *r, struct load *load)
{
    struct script_room *room = redis_core_room(r);
    struct codec_command command;
    char key[SCRIPT_KEY];
    size_t len = script_key(r->prefix, load->subject.hash, key);

    load->call = NULL;
    load->subject.delta = &load->delta;
    load->charge = (struct script_charge){
        .prefix = r->prefix,
        .subjects = &load->subject,
        .n_subjects = 1,
        .clock_ms = redis_core_asked_ms(r, redis_core_time(r)),
        .form = fleet_form(r->fleet, r->form),
        .reads = r->form,
        .keep_s = r->keep_s};
    if (room == NULL)
        return;
    if (script_ask_charge(&load->charge, room, &command) != MS_OK ||
        redis_nodes_call(r->nodes, key, len, SCRIPT_CHARGE, &command,
                         &load->call) != MS_OK)
        load->call = NULL;
    redis_core_room_back(r, room);
}

static bool
end_load(struct redis *r, struct load *load)
{
    struct script_answer answer;
    struct reply *reply = NULL;
    bool merged = load->call != NULL &&
                  redis_core_wait(load->call, &reply) == MS_OK &&
                  script_read_charge(&load->charge, reply, &answer) == MS_OK &&
                  answer.subject[0].merged;

    reply_destroy(reply);
    if (merged)
        deltas_arrived(r->deltas, load->subject.hash, load->delta.seq);
    else if (load->call == NULL)
        deltas_unsent(r->deltas, load->subject.hash, load->delta.seq);
    else
        deltas_unknown(r->deltas, load->subject.hash, load->delta.seq);
    return merged;
}

bool
redis_drain_some(struct redis *r)
{
    struct load *load = NULL;
    size_t n = 0;
    bool all = true;

    if (deltas_waiting(r->deltas) > 0 && r->admitted)
        load = malloc(REDIS_DRAIN_SOME * sizeof(*load));
    while (load != NULL && n < REDIS_DRAIN_SOME &&
           deltas_next(r->deltas, load[n].subject.hash, &load[n].delta))
        send_load(r, &load[n++]);
    for (size_t i = 0; i < n; i++)
        all = end_load(r, &load[i]) && all;
    free(load);
    return all;
}

void
redis_drain_all(struct redis *r, struct mono until)
{
    while (deltas_waiting(r->deltas) > 0 &&
           redis_core_now(r).mono.ms < until.ms && redis_drain_some(r))
        ;
}
