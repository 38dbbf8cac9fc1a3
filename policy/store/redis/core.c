/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/core.c - what all parts of the shared store need.
 */
#include <config.h>

#include "policy/store/redis/core.h"

#include <string.h>

/* ----- its clock */

/* Of a test's clock both times are steps of one: wall time tells which. */
static int64_t
first_offset(const struct redis *r, struct store_time now)
{
    return r->handed_clock
               ? (now.wall.s - (now.mono.ms - now.mono.ms % 1000) / 1000) * 1000
               : now.wall.s * 1000 - now.mono.ms;
}

uint64_t
redis_core_clock_ms(struct redis *r, struct store_time now)
{
    int64_t offset = r->offset_ms;
    int64_t seen, ms;

    if (offset == REDIS_CORE_NO_OFFSET) {
        offset = first_offset(r, now);
        if (r->handed_clock && now.wall.s > 0) /* else by redis_core_time() */
            r->offset_ms = offset;
    }
    ms = now.mono.ms + offset;
    if (r->handed_clock) { /* threads hand in times in another order */
        seen = r->seen_ms;
        while (ms > seen &&
               !atomic_compare_exchange_weak(&r->seen_ms, &seen, ms))
            ;
        ms = ms > seen ? ms : seen;
    }
    return ms > 0 ? (uint64_t)ms : 1;
}

uint64_t
redis_core_asked_ms(struct redis *r, struct store_time now)
{
    return r->handed_clock ? redis_core_clock_ms(r, now) : 0;
}

void
redis_core_learn_clock(struct redis *r, struct store_time now,
                       uint64_t clock_ms)
{
    if (!r->handed_clock && clock_ms < INT64_MAX)
        r->offset_ms = (int64_t)clock_ms - now.mono.ms;
}

struct store_time
redis_core_now(const struct redis *r)
{
    return r->clock.now(r->clock.arg);
}

struct store_time
redis_core_time(struct redis *r)
{
    int64_t seen_ms = r->seen_ms, offset_ms = r->offset_ms;

    if (!r->handed_clock)
        return redis_core_now(r);
    if (offset_ms == REDIS_CORE_NO_OFFSET)
        return (struct store_time){{0}, {0}};
    return (struct store_time){{seen_ms - offset_ms}, {seen_ms / 1000}};
}

/* ----- asking */

struct script_room *
redis_core_room(struct redis *r)
{
    struct script_room *room = NULL;

    pthread_mutex_lock(&r->lock);
    if (r->n_rooms > 0)
        room = r->room[--r->n_rooms];
    pthread_mutex_unlock(&r->lock);
    if (room == NULL && script_room_create(&room) != MS_OK)
        return NULL;
    return room;
}

void
redis_core_room_back(struct redis *r, struct script_room *room)
{
    pthread_mutex_lock(&r->lock);
    if (r->n_rooms < REDIS_CORE_ROOMS) {
        r->room[r->n_rooms++] = room;
        room = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    script_room_destroy(room);
}

struct script_change
redis_core_change(struct redis *r, enum script_deed deed,
                  const uint8_t hash[SITEKEY_HASH], struct store_time now)
{
    struct script_change change = {.deed = deed,
                                   .prefix = r->prefix,
                                   .clock_ms = redis_core_asked_ms(r, now),
                                   .form = fleet_form(r->fleet, r->form),
                                   .reads = r->form,
                                   .keep_s = r->keep_s,
                                   .channel = r->channel};

    memcpy(change.hash, hash, SITEKEY_HASH);
    return change;
}

enum ms_err
redis_core_ask_change(struct redis *r, const struct script_change *change,
                      struct redis_call **out)
{
    struct script_room *room = redis_core_room(r);
    struct codec_command command;
    char key[SCRIPT_KEY];
    enum ms_err err = MS_NOMEM;

    if (room != NULL)
        err = script_ask_change(change, room, &command);
    if (err == MS_OK)
        err = redis_nodes_call(r->nodes, key,
                               script_key(r->prefix, change->hash, key),
                               SCRIPT_CHANGE, &command, out);
    if (room != NULL)
        redis_core_room_back(r, room);
    return err;
}

enum ms_err
redis_core_ask_plain(struct redis *r, const char *key,
                     const struct codec_command *command,
                     struct redis_call **out)
{
    return redis_nodes_call(r->nodes, key, strlen(key), REDIS_CALL_PLAIN,
                            command, out);
}

enum ms_err
redis_core_wait(struct redis_call *call, struct reply **out)
{
    const struct mono never = {INT64_MAX};
    bool waited, unknown;

    return redis_call_wait(call, never, out, &waited, &unknown);
}

/* ----- standings */

static enum ms_err
set_standing(void *arg, struct store_state *state)
{
    const struct redis_core_news *news = arg;

    if (news->state != NULL) {
        state->len = news->state->len;
        memcpy(state->bytes, news->state->bytes, state->len);
    }
    state->standing = news->standing;
    state->throttle = news->throttle;
    return MS_OK;
}

void
redis_core_adopt(struct redis *r, const uint8_t hash[SITEKEY_HASH],
                 const struct subject *subject, struct store_time now,
                 const struct redis_core_news *news)
{
    struct redis_core_news copy = *news;

    /* a shadow that is full of those who are not normal has no room */
    (void)store_update(r->shadow, subject, now, set_standing, &copy);
    known_set(r->known, hash, subject, news->standing, news->epoch);
}
