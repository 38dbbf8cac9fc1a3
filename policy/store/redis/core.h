/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/core.h - the store that a fleet shares, as the files that
 * make it up know it: what they all hold, its clock, and how they ask.  For
 * policy/store/redis*.c only.  Thread-safe once the store is made.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_CORE_H
#define MORTSAFE_POLICY_STORE_REDIS_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/store/redis.h"
#include "policy/store/redis/delta.h"
#include "policy/store/redis/fleet.h"
#include "policy/store/redis/known.h"
#include "policy/store/redis/script.h"

enum {
    REDIS_CORE_ROOMS = 16,
    REDIS_CORE_NAME = SCRIPT_PREFIX + 16 /* "PREFIX:{fleet}" */
};

struct redis_keeper;

/* The store's clock is not known yet. */
#define REDIS_CORE_NO_OFFSET INT64_MIN

/* A note that is made to see whether a server serves. */
struct redis_probe {
    struct script_charge charge;
    struct script_subject subject;
    struct charge_item item;
    uint8_t of;
    struct script_room *room;
    char host[17], key[2 * SCRIPT_PREFIX + 24];
};

struct redis {
    struct store store;
    char prefix[SCRIPT_PREFIX];
    char channel[REDIS_CORE_NAME]; /* where changes are told */
    char index[REDIS_CORE_NAME];   /* of who does not stand normal */
    char fleet_key[REDIS_CORE_NAME];
    bool one_node; /* owns all keys: a step is one command */
    bool handed_clock;
    uint8_t form;
    _Atomic uint32_t keep_s; /* that the detector's states are kept */
    const struct sitekey *key;
    struct store_clock clock;
    struct store_events events;
    void (*describe)(void *arg, struct store_host *out);
    void (*changed)(void *arg, const uint8_t *key);
    void (*board)(void *arg);
    void *arg;

    struct store *shadow;
    struct redis_nodes *nodes;
    struct deltas *deltas;
    struct fleet *fleet;
    struct known *known;
    struct redis_keeper *keeper;
    struct redis_probe probe; /* its user has a lock for it */

    _Atomic bool admitted; /* a heartbeat was taken, so the key is the site's;
                              and this is not the end */
    _Atomic bool foreign;  /* it is not */
    _Atomic int64_t offset_ms; /* from CLOCK_BOOTTIME to the store's clock */
    _Atomic int64_t seen_ms;   /* the latest time that was handed in */
    _Atomic uint64_t waits, local;

    pthread_mutex_t lock; /* guards all below; a leaf */
    struct script_room *room[REDIS_CORE_ROOMS];
    size_t n_rooms;
    uint64_t local_at; /* decisions made without it, when all were there */
    struct redis_server {
        char name[STORE_NODE_NAME]; /* "": none */
        bool away;
        uint64_t local_at; /* the same, when it was */
    } server[STORE_NODES];
};

/* The store's clock at NOW, as this host knows it; and what a request says of
 * it: 0, unless a test's clock is handed in. */
uint64_t redis_core_clock_ms(struct redis *r, struct store_time now);
uint64_t redis_core_asked_ms(struct redis *r, struct store_time now);

/* The store has told its clock in a reply to what was asked at NOW. */
void redis_core_learn_clock(struct redis *r, struct store_time now,
                            uint64_t clock_ms);

/* The time of spans that really pass; and of the store's, which is another
 * only where a test's clock is handed in. */
struct store_time redis_core_now(const struct redis *r);
struct store_time redis_core_time(struct redis *r);

/* Room for a command, and back with it.  NULL: no memory. */
struct script_room *redis_core_room(struct redis *r);
void redis_core_room_back(struct redis *r, struct script_room *room);

/* A change as all of ours are; the caller adds what its deed needs. */
struct script_change redis_core_change(struct redis *r, enum script_deed deed,
                                       const uint8_t hash[SITEKEY_HASH],
                                       struct store_time now);

/* Ask for CHANGE; *OUT is to be ended.  MS_UNAVAIL, MS_NOMEM: not asked. */
enum ms_err redis_core_ask_change(struct redis *r,
                                  const struct script_change *change,
                                  struct redis_call **out);

/* Ask a plain command about KEY, whose words are separated by blanks. */
enum ms_err redis_core_ask_plain(struct redis *r, const char *key,
                                 const struct codec_command *command,
                                 struct redis_call **out);

/* Wait for CALL's reply, until its own deadline; *OUT is the caller's. */
enum ms_err redis_core_wait(struct redis_call *call, struct reply **out);

/*
 * The standing of SUBJECT is known to be this one: so the shadow and the list
 * of those that are not normal say from now on.  STATE: all that judgement has
 * of it; NULL: STANDING and THROTTLE alone.  Does not wait.
 */
struct redis_core_news {
    enum standing standing;
    uint32_t throttle;
    uint64_t epoch; /* 0: not known */
    const struct store_state *state;
};
void redis_core_adopt(struct redis *r, const uint8_t hash[SITEKEY_HASH],
                      const struct subject *subject, struct store_time now,
                      const struct redis_core_news *news);

#endif
