/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/trail.c - two blocks of rows, each a time and two texts with
 * their NULs: one is filled while the other is written.
 */
#include <config.h>

#include "milter/detect/trail.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct block {
    size_t len;
    char bytes[TRAIL_BYTES];
};

struct trail {
    pthread_mutex_t lock; /* guards `filling', what it points to, `lost' */
    struct block *filling;
    uint64_t lost;

    struct block *writing; /* of the thread that writes */
    size_t written;        /* of it */
    struct block block[2];
    struct passed some[TRAIL_SOME];
};

enum ms_err
trail_create(struct trail **out)
{
    struct trail *trail = calloc(1, sizeof(*trail));

    if (trail == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&trail->lock, NULL);
    trail->filling = &trail->block[0];
    trail->writing = &trail->block[1];
    *out = trail;
    return MS_OK;
}

void
trail_destroy(struct trail *trail)
{
    if (trail == NULL)
        return;
    (void)pthread_mutex_destroy(&trail->lock);
    free(trail);
}

static void
append(struct block *block, const void *bytes, size_t len)
{
    memcpy(block->bytes + block->len, bytes, len);
    block->len += len;
}

void
trail_add(struct trail *trail, const char *id, const char *subject,
          int64_t at_s)
{
    size_t id_size = strlen(id) + 1, subject_size = strlen(subject) + 1;
    struct block *block;

    if (id_size == 1 || id_size > DECISION_HOST ||
        subject_size > DECISION_SUBJECT)
        return;
    (void)pthread_mutex_lock(&trail->lock);
    block = trail->filling;
    if (block->len + sizeof(at_s) + id_size + subject_size <= TRAIL_BYTES) {
        append(block, &at_s, sizeof(at_s));
        append(block, id, id_size);
        append(block, subject, subject_size);
    } else {
        trail->lost++;
    }
    (void)pthread_mutex_unlock(&trail->lock);
}

static void
turn(struct trail *trail)
{
    struct block *full;

    (void)pthread_mutex_lock(&trail->lock);
    full = trail->filling;
    trail->writing->len = 0;
    trail->filling = trail->writing;
    (void)pthread_mutex_unlock(&trail->lock);
    trail->writing = full;
    trail->written = 0;
}

/* The row at *AT, which goes on to the next. */
static void
read_row(const struct block *block, size_t *at, struct passed *out)
{
    size_t size;

    memcpy(&out->at_s, block->bytes + *at, sizeof(out->at_s));
    *at += sizeof(out->at_s);
    size = strlen(block->bytes + *at) + 1;
    memcpy(out->id, block->bytes + *at, size);
    *at += size;
    size = strlen(block->bytes + *at) + 1;
    memcpy(out->subject, block->bytes + *at, size);
    *at += size;
}

static enum ms_err
write_some(struct trail *trail, struct diary *diary)
{
    size_t at = trail->written, n = 0;
    enum ms_err err;

    while (n < TRAIL_SOME && at < trail->writing->len)
        read_row(trail->writing, &at, &trail->some[n++]);
    err = diary_add_passed(diary, trail->some, n);
    if (err == MS_OK)
        trail->written = at;
    return err;
}

enum ms_err
trail_write(struct trail *trail, struct diary *diary)
{
    enum ms_err err = MS_OK;

    while (err == MS_OK && trail->written < trail->writing->len)
        err = write_some(trail, diary);
    if (err != MS_OK)
        return err;
    turn(trail);
    while (err == MS_OK && trail->written < trail->writing->len)
        err = write_some(trail, diary);
    return err;
}

uint64_t
trail_lost(struct trail *trail)
{
    uint64_t lost;

    (void)pthread_mutex_lock(&trail->lock);
    lost = trail->lost;
    (void)pthread_mutex_unlock(&trail->lock);
    return lost;
}
