/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/spf_wire.h - what the daemon and mortsafe-spf say to each other:
 * frames, one a message of the socket, each with its version, its kind and its
 * length.  Neither side believes the other: what is not exactly a frame is
 * none.  Pure.
 *
 * A frame is "M", the version, the kind, 0, the whole length (32 bits, most
 * significant first), and its body.  A string in it is 16 bits of length, its
 * bytes (none of them NUL) and a NUL that the length counts.
 */
#ifndef MORTSAFE_POLICY_DNS_SPF_WIRE_H
#define MORTSAFE_POLICY_DNS_SPF_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/dns/resolver.h"
#include "policy/err.h"
#include "policy/lookups.h"

enum {
    SPF_FRAME = 64 * 1024, /* octets of the longest */
    SPF_ANSWERS = 40,      /* that a request can hold */
    SPF_SENDER = 512,      /* octets of a sender, with its NUL */
    SPF_RECORD = 4096,     /* octets of a record that is read at all */
    SPF_REPLY = 1024       /* octets of the longest QUESTION or RESULT */
};

enum spf_frame {
    SPF_FRAME_HELLO = 1, /* worker: I am ready; no body */
    SPF_FRAME_REQUEST,   /* daemon: evaluate this */
    SPF_FRAME_QUESTION,  /* worker: I need to know this first */
    SPF_FRAME_RESULT     /* worker: it is this */
};

/* ----- writing */

/* All zero is an empty one; free(data) ends it. */
struct spf_out {
    uint8_t *data;
    size_t len, room;
    enum ms_err err; /* MS_NOMEM; MS_INVALID: it grew past SPF_FRAME.  Once it
                        is set, nothing more is written. */
};

void spf_put_u8(struct spf_out *out, uint8_t n);
void spf_put_u16(struct spf_out *out, uint16_t n);
void spf_put_bytes(struct spf_out *out, const void *data, size_t len);
void spf_put_string(struct spf_out *out, const char *text);

/* Begin a frame in OUT, over what was in it; spf_frame_end() writes its length
 * and returns OUT's error. */
void spf_frame_begin(struct spf_out *out, enum spf_frame kind);
enum ms_err spf_frame_end(struct spf_out *out);

/* ----- reading */

/* What is left of a frame. */
struct spf_in {
    const uint8_t *at, *end;
    bool bad; /* something was not there; all that is read then is 0 or "" */
};

/* The body of the frame DATA in *IN, its kind in *KIND.  False: no frame. */
bool spf_frame_open(const uint8_t *data, size_t len, enum spf_frame *kind,
                    struct spf_in *in);
uint8_t spf_get_u8(struct spf_in *in);
uint16_t spf_get_u16(struct spf_in *in);
const uint8_t *spf_get_bytes(struct spf_in *in, size_t len);
const char *spf_get_string(struct spf_in *in); /* borrowed from the frame */

/* ----- a request */

/* An answer of the DNS, as much of it as SPF wants to know. */
struct spf_answer {
    const char *name; /* borrowed */
    enum resolver_type type;
    enum resolver_status status; /* never CROWDED */
    unsigned n;
    const uint8_t *records; /* 16 bits of length and the data of each: 4 or 16
                               octets, a name as text, a TXT without its
                               pieces' lengths */
};

struct spf_request {
    bool v6;
    uint8_t client[16]; /* 4 of them, unless V6 */
    const char *helo, *sender, *receiver;
    unsigned n;
    struct spf_answer answer[SPF_ANSWERS];
};

/* Read the request DATA into *OUT, which borrows from it.  False: it is none.
 */
bool spf_request_read(const uint8_t *data, size_t len, struct spf_request *out);

/* The next record of an answer that was read: its data, with *LEN.  AT begins
 * as answer->records. */
const uint8_t *spf_record_next(const uint8_t **at, size_t *len);

/* ----- a reply */

struct spf_reply {
    bool asks;
    unsigned terms, voids; /* that this evaluation has cost so far */
    /* asks */
    char name[RESOLVER_NAME];
    enum resolver_type type;
    /* a result */
    enum spf_result result;
    char detail[LOOKUPS_DETAIL]; /* printable ASCII, whatever was in the frame
                                  */
};

bool spf_reply_read(const uint8_t *data, size_t len, struct spf_reply *out);
enum ms_err spf_reply_write(const struct spf_reply *reply, struct spf_out *out);

/* Is TEXT, a TXT record, one of SPF (RFC 7208 section 4.5)? */
bool spf_is_record(const void *text, size_t len);

/* TEXT into OUT as printable ASCII; what is longer ends in "...". */
void spf_printable(const char *text, size_t len, char out[LOOKUPS_DETAIL]);

#endif
