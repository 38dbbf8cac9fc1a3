/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/board.h - the board of a shared store, whose functions
 * policy/store/redis.h declares: what it is made of, and what others here need
 * of it.
 *
 * A name is one key, `PREFIX:{22 base64url letters}:b`, the letters a keyed
 * hash of the name, and no subject's: a sorted set.  A field is a member of
 * score 0: its name, a zero byte, what is sealed.  An entry of a list is a
 * member by itself, its score the server's clock in microseconds.  What is
 * sealed is the hash of the name 16, length of the field 1, field, and the
 * blob: none can be moved to another name or field.
 *
 * To board.lua go the key (to add, also several), and a deed with what it
 * needs: put FIELD SEALED MS MOST CHANNEL   (MS 0: for ever; "": nobody is
 * told) remove FIELD CHANNEL add, for each key: SEALED, and MS and MOST with a
 * blank between swap SCORE OLD NEW                 (NEW "": nothing instead)
 *   drop
 * which answer with a number, 0: not done; and
 *   fields AFTER                       ("": from the beginning)
 *   list BEFORE                        (a score; "": from the newest)
 * which answer with an array: 1 if there is more, then field or score, and
 * what is sealed, of each.  A reply has at most 16 of them and 48 KB, lest
 * those who wait behind it on the same connection wait long.
 *
 * Only commands are used that users.acl has always granted.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_BOARD_H
#define MORTSAFE_POLICY_STORE_REDIS_BOARD_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/store/redis/codec.h"
#include "policy/store/redis/script.h"

/* The key of the name whose hash is HASH; returns its length. */
size_t board_key(const char *prefix, const uint8_t hash[SITEKEY_HASH],
                 char out[SCRIPT_KEY]);

/* What follows EVALSHA for a deed that does nothing where KEY is unused.  KEY
 * is borrowed. */
void board_ask_nothing(const char *key, struct codec_command *out);

/* Is that, which was told on the channel, news of the board? */
bool board_told_read(const char *text, size_t len);

#endif
