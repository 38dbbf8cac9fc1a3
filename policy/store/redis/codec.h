/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/codec.h - commands to bytes, bytes to replies: hiredis as
 * a codec, behind bounds.  Redis is trusted with counts, not with our memory.
 * Nothing here reads or writes a descriptor.  Not thread-safe: the link locks.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_CODEC_H
#define MORTSAFE_POLICY_STORE_REDIS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum {
    CODEC_ARGS = 40,         /* of a command */
    CODEC_ARRAY = 65536,     /* elements of an array */
    CODEC_ELEMENTS = 262144, /* of one reply in all */
    CODEC_BULK = 8 << 20,    /* bytes of a reply in all */
    CODEC_DEPTH = 7
};

/* A command, borrowed: its words with their lengths. */
struct codec_command {
    size_t n;
    const char *arg[CODEC_ARGS];
    size_t len[CODEC_ARGS];
};

/* Append a word.  It is borrowed.  Past CODEC_ARGS it is a bug of ours. */
void codec_arg(struct codec_command *command, const void *bytes, size_t len);
void codec_word(struct codec_command *command, const char *word);

/* Bytes that grow; zero is empty.  codec_bytes_end() frees. */
struct codec_bytes {
    uint8_t *at;
    size_t len, room;
};
void codec_bytes_end(struct codec_bytes *bytes);

/* Append COMMAND in the server's protocol.  MS_NOMEM: nothing was. */
enum ms_err codec_write(const struct codec_command *command,
                        struct codec_bytes *out);

enum reply_type {
    REPLY_NIL,
    REPLY_INTEGER,
    REPLY_TEXT,   /* bulk: any bytes */
    REPLY_STATUS, /* "OK" */
    REPLY_ERROR,  /* "MOVED 3999 127.0.0.1:6381" */
    REPLY_ARRAY
};

struct reply {
    enum reply_type type;
    int64_t integer;
    const char *text; /* of TEXT, STATUS, ERROR; LEN bytes and a NUL */
    size_t len;
    size_t n; /* of ARRAY */
    struct reply **element;
};
void reply_destroy(struct reply *reply); /* NULL is fine */

/* Does the error's first word, or the status, read WORD?  NULL does not. */
bool reply_is(const struct reply *reply, enum reply_type type,
              const char *word);

struct codec_reader;
enum ms_err codec_reader_create(struct codec_reader **out); /* MS_NOMEM */
void codec_reader_destroy(struct codec_reader *reader);

/*
 * Take LEN bytes that came from a server, some 10,000 at a time; codec_next()
 * is to take out what they hold before more is fed.  MS_INVALID, MS_NOMEM: the
 * reader is of no more use, nor is the connection.
 */
enum ms_err codec_feed(struct codec_reader *reader, const void *bytes,
                       size_t len);

/* The next whole reply (the caller's, reply_destroy()) in *OUT; NULL: there is
 * none yet.  Errors as codec_feed(): beyond a bound, or not the protocol. */
enum ms_err codec_next(struct codec_reader *reader, struct reply **out);

#endif
