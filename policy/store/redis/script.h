/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/script.h - what charge.lua and change.lua are asked and
 * what they answer: packed forms, their names for things, and the two scripts
 * themselves, which the build embeds.  Pure; a reply is checked in every byte.
 *
 * All numbers are little-endian; behind a name stands its length in bytes.
 *
 * A subject is two keys.  `PREFIX:{22 base64url letters}` is a hash of
 *   m          form 1, standing 1, flags 2 (1: there is a state), throttle 4
 *              (so far the same in every form), version 4, first seen 4, last
 *              seen 4, expiry 4, expiry of `:d` if that has a name 4 (both:
 *              0 none, all ones never), epoch 8
 *   id span    12 bytes name a window; 56 as window_pack() has them, limit 4
 *   h host     9 bytes name a host whose counts were merged: its last
 *              sequence number 4, when 4
 * of which nothing is longer than 64 bytes, so that Redis keeps it packed.
 * `PREFIX:{...}:d` is a string: form 1, 0 1, length of the sealed name 2, of
 * the detector's state 2, both.  A field that is not as it should be counts as
 * none; a key of another type is deleted and begun anew.
 *
 * To charge.lua go all subjects' first keys and one argument:
 *   SCRIPT_ASK 1, operation 1 (1 charge, 2 refund), form read 1, form written
 *   1, subjects 1, least life of a state 4, clock in ms 8 (0: the server's),
 *   epoch of new records 8; for a charge, each subject's
 *     entries 1, counts in its delta 1
 *     entries: window and span 12, length of a slice 4, n 4, limit 4, kind 1
 *       (enum charge_kind; 3: of the delta only), observe 1, throttled 1,
 *       number of the first entry of the same window 1 (0: no other is)
 *     its delta, if any: host 8, sequence number 4, and
 *       entry (from 1) 1, slice 4, n 4, limit 4 for each count
 *   for a refund the number of receipts 2, and epoch 8, window and span 12,
 *   length of a slice 4, slice 4, n 4 for each.
 * A refund is answered with the number of receipts taken back, a charge with
 *   SCRIPT_ASK 1, added 1, subjects 1, items 1, clock 8; of each subject
 *     standing 1, flags 1 (name due, newer, merged, begun anew), throttle 4,
 *     first seen 4 (0: never before), epoch 8 (0: no record)
 *     items, in their order: flags 1 (over, never, added), slice 4, used 8,
 *       milliseconds until room returns 8
 *
 * To change.lua go both keys and five arguments: what is fixed (SCRIPT_ASK 1,
 * deed 1, form read 1, form written 1, least life of a state 4, clock 8, a new
 * epoch 8, epoch expected 8, version 4, standing 1, throttle 4, window 8,
 * first seen 4, last seen 4, the letters of the key 22), sealed name, state,
 * channel, windows (of PUT: window and span 12, length of a slice 4, limit 4,
 * counts 52, oldest first).  It answers with 0 (not done), 1 (done), 2 (newer).
 * A heartbeat has one key, and name, fingerprint, and what the host tells
 * (form 1; version, configuration, mode, a length before each) in their place;
 * it is answered with SCRIPT_ASK 1, 0, clock 8, number of hosts 2, and length
 * of the name 1, age in seconds 4, length of the rest 1, name, rest for each;
 * or with SCRIPT_ASK 1, 1, clock 8 and the fingerprint that is there.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_SCRIPT_H
#define MORTSAFE_POLICY_STORE_REDIS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/err.h"
#include "policy/store/redis/codec.h"
#include "policy/store/redis/nodes.h"
#include "policy/store/sitekey.h"
#include "policy/store/store.h"

enum {
    SCRIPT_FORM = 1, /* of what is stored: read up to this, and the one below */
    SCRIPT_ASK = 1,  /* of what is asked and answered */
    SCRIPT_PREFIX = 32,
    SCRIPT_KEY = SCRIPT_PREFIX + 1 + 24 + 2 + 1, /* "PREFIX:{...}:d" and NUL */
    SCRIPT_DELTAS = 64,    /* windows of one subject's delta */
    SCRIPT_RECEIPTS = 1024 /* of one refund */
};

enum script { SCRIPT_CHARGE, SCRIPT_CHANGE, SCRIPT_BOARD, SCRIPTS };
extern const struct redis_lua script_lua[SCRIPTS];

/* The subject's first key, and its second. */
size_t script_key(const char *prefix, const uint8_t hash[SITEKEY_HASH],
                  char out[SCRIPT_KEY]);
size_t script_data_key(const char *prefix, const uint8_t hash[SITEKEY_HASH],
                       char out[SCRIPT_KEY]);
/* The hash in KEY (either of the two); false: not one of PREFIX's. */
bool script_key_read(const char *prefix, const char *key, size_t len,
                     uint8_t hash[SITEKEY_HASH]);

/* Counts that a host made on its own, on their way to one subject. */
struct script_delta {
    uint8_t host[8];
    uint32_t seq;
    size_t n;
    struct script_delta_item {
        uint64_t window;
        uint32_t span_s;
        uint32_t slice; /* of the store's clock */
        uint32_t n;
        uint32_t limit;
    } item[SCRIPT_DELTAS];
};

/* One subject of a charge. */
struct script_subject {
    uint8_t hash[SITEKEY_HASH];
    const struct script_delta *delta; /* NULL: none */
};

struct script_charge {
    const char *prefix;
    const struct script_subject *subjects; /* at most CHARGE_SUBJECTS */
    size_t n_subjects;
    const struct charge_item *items; /* at most CHARGE_ITEMS; SUBJECT unused */
    const uint8_t *of;               /* the subject of each */
    size_t n;
    uint64_t clock_ms; /* 0: the server's; else a test's */
    uint8_t form;      /* to write in; 0: SCRIPT_FORM */
    uint8_t reads;     /* the newest that we read; 0: SCRIPT_FORM */
    uint32_t keep_s;   /* least life of a record with a state in `:d`, or that
                          stands otherwise than normal */
};

/* Room for a command's words; the command points into it. */
struct script_room;
enum ms_err script_room_create(struct script_room **out);
void script_room_destroy(struct script_room *room);

/* What follows EVALSHA for a charge.  OUT points into ROOM and CHARGE until
 * ROOM is used again.  MS_NOMEM; MS_INVALID: too many, or a span out of
 * range. */
enum ms_err script_ask_charge(const struct script_charge *charge,
                              struct script_room *room,
                              struct codec_command *out);

struct script_told {
    enum standing standing;
    uint32_t throttle;
    uint32_t first_s; /* 0: this is the first time */
    uint64_t epoch;
    bool name_due; /* `:d` lacks the name, or is about to lose it */
    bool newer;    /* a form that we do not read: nothing was counted */
    bool merged;   /* its delta is in, now or before */
    bool anew;     /* its key was of another type, which is gone */
};

struct script_answer {
    uint64_t clock_ms; /* of the store */
    struct script_told subject[CHARGE_SUBJECTS];
    struct charge_answers answers; /* receipts: .shared and the numbers */
};

/* Read the reply to CHARGE.  MS_INVALID: it cannot be one. */
enum ms_err script_read_charge(const struct script_charge *charge,
                               const struct reply *reply,
                               struct script_answer *out);

/* Take back N receipts of one key (receipt.shared); those that prove nothing
 * are left out.  MS_NOMEM; MS_INVALID: more than SCRIPT_RECEIPTS, or a span
 * out of range. */
enum ms_err script_ask_refund(const char *prefix, const uint8_t hash[16],
                              const struct receipt *const *receipts, size_t n,
                              uint64_t clock_ms, struct script_room *room,
                              struct codec_command *out);

/* ----- change.lua: everything else that writes */

enum script_deed {
    SCRIPT_WRITE,  /* standing, throttle and state, if VERSION is unchanged */
    SCRIPT_NAME,   /* the sealed name alone */
    SCRIPT_RESET,  /* empty WINDOW, or all for 0; a new epoch */
    SCRIPT_FORGET, /* both keys */
    SCRIPT_PUT,    /* all of RECORD */
    SCRIPT_BEAT    /* a host's heartbeat; KEY is "PREFIX:{fleet}" */
};

struct script_change {
    enum script_deed deed;
    const char *prefix;
    uint8_t hash[SITEKEY_HASH];
    const uint8_t *sealed; /* WRITE, NAME, PUT: the name */
    size_t sealed_len;
    uint64_t epoch;   /* WRITE: as it was read; 0: there was no record */
    uint32_t version; /* WRITE: as it was read */
    const struct store_state *state;   /* WRITE */
    uint64_t window;                   /* RESET */
    const struct store_record *record; /* PUT */
    uint64_t clock_ms;
    uint8_t form, reads; /* as of a charge */
    uint32_t keep_s;     /* privacy { state } */
    const char *channel; /* RESET, FORGET, PUT, and WRITE where standing or
                            throttle change: told there; NULL: nobody is */
};

/* MS_NOMEM; MS_INVALID: a field out of range, or SCRIPT_BEAT. */
enum ms_err script_ask_change(const struct script_change *change,
                              struct script_room *room,
                              struct codec_command *out);

/* *DONE: WRITE found its version; NAME, RESET and FORGET found a record.
 * MS_VERSION: a record of a newer form, left alone (but by FORGET). */
enum ms_err script_read_change(const struct reply *reply, bool *done);

/* "22 letters, blank, deed" as told on a channel: whose?  False: not that. */
bool script_told_read(const char *text, size_t len, uint8_t hash[SITEKEY_HASH]);

/*
 * A subject's two keys as HGETALL and then GET tell them, in this order, so
 * that what a WRITE puts between the two makes the next WRITE fail; DATA may
 * be nil.  CLOCK_MS is the store's; 0: show windows as they were when it was
 * last seen.  *FOUND false: no record.  OUT->subject.len is 0 if the name is
 * not there, or not sealed with KEY (NULL: nobody asks).  *EPOCH is 0 where
 * `m` is damaged, and what it said is as if it had never been.  MS_INVALID:
 * not what these commands answer; MS_VERSION: newer, but OUT's standing and
 * throttle hold (a standing that we do not know is told as watched).
 */
enum ms_err script_read_record(const struct reply *hash,
                               const struct reply *data,
                               const struct sitekey *key, uint64_t clock_ms,
                               bool *found, struct store_record *out,
                               uint64_t *epoch);

/* ----- heartbeats: KEY "PREFIX:{fleet}", a field a host */

/* Ask to store SELF (its seen_s is unused), drop who was last seen over
 * HOUR_S ago, and tell of all.  FINGERPRINT: of the site's key. */
enum ms_err script_ask_beat(const char *prefix, const struct store_host *self,
                            const char *fingerprint, uint64_t clock_ms,
                            struct script_room *room,
                            struct codec_command *out);

/* MS_OK; MS_BUSY: another site's key is in use there (OTHER: its
 * fingerprint); MS_INVALID. */
enum ms_err script_read_beat(const struct reply *reply, uint64_t *clock_ms,
                             struct store_host *hosts, size_t room, size_t *n,
                             char other[SITEKEY_PRINT]);

#endif
