/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/pack.h - a blob of a fixed form: the name of the form with its
 * version, numbers in little-endian order, and a checksum over all of it, so
 * that no byte can change unseen.
 */
#ifndef MORTSAFE_MILTER_COUNTS_PACK_H
#define MORTSAFE_MILTER_COUNTS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum { PACK_FORM = 8, PACK_SUM = 16 };

/* A blob that grows.  What fails is told at the end. */
struct pack {
    uint8_t *bytes;
    size_t len, room;
    bool failed;
};

/* Begin one of FORM, which has PACK_FORM letters. */
void pack_begin(struct pack *pack, const char *form);

/* Add N in SIZE bytes (1 to 8); LEN bytes as they are. */
void pack_number(struct pack *pack, uint64_t n, unsigned size);
void pack_bytes(struct pack *pack, const void *bytes, size_t len);

/* Close it: *BYTES is the caller's to free().  MS_NOMEM; then there is
 * nothing to free.  PACK is ended in either case. */
enum ms_err pack_end(struct pack *pack, void **bytes, size_t *len);

/* A blob that is read; what it points to is borrowed. */
struct pack_reader {
    const uint8_t *at;
    size_t left;
    bool failed; /* more was read than there is */
};

/* Begin to read one of FORM.  MS_INVALID: it is another, or damaged. */
enum ms_err pack_open(struct pack_reader *reader, const char *form,
                      const void *bytes, size_t len);

/* The next number of SIZE bytes, 0 behind the end; the next LEN bytes, NULL
 * behind the end. */
uint64_t pack_read(struct pack_reader *reader, unsigned size);
const uint8_t *pack_read_bytes(struct pack_reader *reader, size_t len);

/* Has all been read, and nothing that is not there? */
bool pack_is_done(const struct pack_reader *reader);

#endif
