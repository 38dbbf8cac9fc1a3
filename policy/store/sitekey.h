/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/sitekey.h - the site's key: what makes a subject's name in a
 * shared store, and seals the readable one, so that who holds the store but
 * not the key learns nobody's address.  Thread-safe once it is made.
 */
#ifndef MORTSAFE_POLICY_STORE_SITEKEY_H
#define MORTSAFE_POLICY_STORE_SITEKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/subject.h"

enum {
    SITEKEY_HASH = 16,
    SITEKEY_PRINT = 17, /* 16 hexadecimal digits and a NUL */
    SITEKEY_PAD = 32,   /* names are sealed in multiples of it */
    SITEKEY_SEALED = SUBJECT_BYTES + SITEKEY_PAD + 24 + 16 + 8,
    SITEKEY_BYTES_PAD = 64, /* other bytes, in multiples of this */
    SITEKEY_BYTES_MORE = SITEKEY_BYTES_PAD + 24 + 16 /* than they were */
};

struct sitekey;

/*
 * Read the key in file PATH.  MS_UNAVAIL: missing, a link, not a regular file,
 * readable or writable by others, writable by the group; MS_INVALID: not a
 * key.  WHY names path and cure.  *OUT is ended by sitekey_destroy().
 */
enum ms_err sitekey_read(const char *path, struct sitekey **out,
                         struct why *why);
void sitekey_destroy(struct sitekey *key); /* NULL is fine */

/*
 * Write a new random key to PATH, which must not exist, with mode 0640; by
 * root, its group is GROUP ((gid_t)-1: the caller's).  All of it or nothing is
 * there afterwards.  MS_BUSY: there is one already, which is left alone.
 */
enum ms_err sitekey_make(const char *path, unsigned group, struct why *why);

/* From bytes, for tests and fuzzers.  MS_NOMEM. */
enum ms_err sitekey_from(const uint8_t bytes[32], struct sitekey **out);

/* Keyed BLAKE2b-128 of the subject's bytes. */
void sitekey_hash(const struct sitekey *key, const struct subject *subject,
                  uint8_t out[SITEKEY_HASH]);

/* What may be told of the key: the same for the same key, and no help in
 * finding it. */
void sitekey_fingerprint(const struct sitekey *key, char out[SITEKEY_PRINT]);

/* Seal SUBJECT (libsodium secretbox, random nonce, padded); returns the
 * length, at most SITEKEY_SEALED. */
size_t sitekey_seal(const struct sitekey *key, const struct subject *subject,
                    uint8_t out[SITEKEY_SEALED]);

/* False: not sealed with this key, damaged, or not a subject. */
bool sitekey_open(const struct sitekey *key, const uint8_t *sealed, size_t len,
                  struct subject *out);

/* ----- other things that hosts tell one another, with keys of their own: what
 * is made for one kind of thing is never taken for the other */

/* Keyed BLAKE2b-128 of the name TEXT. */
void sitekey_hash_text(const struct sitekey *key, const char *text,
                       uint8_t out[SITEKEY_HASH]);

/* Seal LEN bytes (the same way); returns the length, at most LEN +
 * SITEKEY_BYTES_MORE, or 0: more than ROOM. */
size_t sitekey_seal_bytes(const struct sitekey *key, const void *bytes,
                          size_t len, uint8_t *out, size_t room);

/* What was sealed, *OUT_LEN bytes of it in OUT, which has room for LEN.  False:
 * not sealed with this key, or damaged. */
bool sitekey_open_bytes(const struct sitekey *key, const uint8_t *sealed,
                        size_t len, uint8_t *out, size_t *out_len);

#endif
