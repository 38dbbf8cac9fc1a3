/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis_script.h - what charge.lua and change.lua are asked and
 * what they answer: packed forms, their names for things, and the two scripts
 * themselves, which the build embeds.  Pure; a reply is checked in every byte.
 *
 * A subject is two keys.  `PREFIX:{22 base64url letters}` is a hash: field `m`
 * (SCRIPT_META bytes: form, standing, throttle rate, version, times, epoch), a
 * field a window (named by its id and span, 12 bytes; 56 bytes as
 * window_pack() has them, then the limit), and a field a host whose counts
 * were merged (`h` and 8 bytes; its last sequence number and when).  The same
 * name with `:d` is a string: the sealed name and the detector's state.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_SCRIPT_H
#define MORTSAFE_POLICY_STORE_REDIS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/err.h"
#include "policy/store/redis_codec.h"
#include "policy/store/redis_nodes.h"
#include "policy/store/sitekey.h"
#include "policy/store/store.h"

enum {
    SCRIPT_FORM = 1, /* of what is stored: read up to this, and the one below */
    SCRIPT_PREFIX = 32,
    SCRIPT_KEY = SCRIPT_PREFIX + 1 + 24 + 2 + 1, /* "PREFIX:{...}:d" and NUL */
    SCRIPT_DELTAS = 64 /* windows of one subject's delta */
};

enum script { SCRIPT_CHARGE, SCRIPT_CHANGE, SCRIPTS };
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
    uint8_t form;      /* to write new records in */
    uint32_t keep_s;   /* least life of a record with a state in `:d` */
};

/* Room for a command's words; the command points into it. */
struct script_room;
enum ms_err script_room_create(struct script_room **out);
void script_room_destroy(struct script_room *room);

/* What follows EVALSHA for a charge.  OUT points into ROOM and CHARGE until
 * ROOM is used again.  MS_NOMEM. */
enum ms_err script_ask_charge(const struct script_charge *charge,
                              struct script_room *room,
                              struct codec_command *out);

struct script_told {
    enum standing standing;
    uint32_t throttle;
    uint64_t epoch;
    bool name_due; /* `:d` lacks the name, or is about to lose it */
    bool newer;    /* a form that we do not read: nothing was counted */
    bool merged;   /* its delta is in, now or before */
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

/* Take back N receipts of one key (receipt.shared). */
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
    uint8_t form;
    uint32_t keep_s;     /* privacy { state } */
    const char *channel; /* WRITE, RESET, FORGET, PUT: told there "b64 deed" */
};

enum ms_err script_ask_change(const struct script_change *change,
                              struct script_room *room,
                              struct codec_command *out);

/* *DONE: WRITE found its version; RESET and FORGET found a record.  MS_VERSION:
 * a record of a newer form, left alone. */
enum ms_err script_read_change(const struct reply *reply, bool *done);

/* A subject's two keys as HGETALL and GET tell them; DATA may be nil.  *FOUND
 * false: no record.  MS_INVALID: damaged; MS_VERSION: newer, but OUT's
 * standing holds. */
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
