/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The saved form of pictures: a subject after the other, until one without a
 * name: the name, when it was seen, which hour and day are the newest, which
 * rows it has; of each row which slots are not zero, and these.
 */
#include <config.h>

#include "milter/counts/picture.h"

#include <stdlib.h>
#include <string.h>

#include "milter/counts/pack.h"
#include "milter/counts/picture_inside.h"

enum {
    SAVED_AT_ONCE = 16, /* while a lock is held */
    LOADED_FIRST = 64
};

_Static_assert(PICTURE_SLOTS <= 64, "a bit a slot");

/* The last letter is its version. */
static const char form[] = "mspict\n\1";

static void
save_entry(const struct picture_entry *entry, struct pack *pack)
{
    uint8_t rows = 0;

    for (unsigned row = 0; row < PICTURE_ROWS; row++)
        rows |= (uint8_t)((entry->row[row] != NULL) << row);
    pack_number(pack, entry->len, 2);
    pack_bytes(pack, entry->name, entry->len);
    pack_number(pack, (uint64_t)entry->seen_s, 8);
    pack_number(pack, (uint32_t)entry->hour, 4);
    pack_number(pack, (uint32_t)entry->day, 4);
    pack_number(pack, rows, 1);
    for (unsigned row = 0; row < PICTURE_ROWS; row++) {
        uint64_t slots = 0;

        for (unsigned i = 0; i < PICTURE_SLOTS; i++)
            slots |= (uint64_t)(picture_get(entry, row, i) != 0) << i;
        if (rows >> row & 1)
            pack_number(pack, slots, 8);
        for (unsigned i = 0; i < PICTURE_SLOTS; i++)
            if (slots >> i & 1)
                pack_number(pack, picture_get(entry, row, i), 4);
    }
}

/* A few at a time, so that no callback finds the lock held for long; who comes
 * or goes meanwhile may be missed. */
static void
save_shard(struct picture_shard *shard, struct pack *pack)
{
    bool more = true;

    for (unsigned from = 0; more; from += SAVED_AT_ONCE) {
        (void)pthread_mutex_lock(&shard->lock);
        for (unsigned i = from; i < from + SAVED_AT_ONCE && i < shard->room;
             i++)
            if (shard->entry[i].len > 0)
                save_entry(&shard->entry[i], pack);
        more = from + SAVED_AT_ONCE < shard->room;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}

enum ms_err
pictures_save(struct pictures *pictures, void **bytes, size_t *len)
{
    struct pack pack;

    pack_begin(&pack, form);
    for (unsigned i = 0; i < pictures->n_shards; i++)
        save_shard(&pictures->shard[i], &pack);
    pack_number(&pack, 0, 2);
    return pack_end(&pack, bytes, len);
}

/* A number of SIZE bytes that is at most MOST; it FAILS the reader. */
static uint64_t
read_upto(struct pack_reader *reader, unsigned size, uint64_t most)
{
    uint64_t n = pack_read(reader, size);

    if (n > most)
        reader->failed = true;
    return n;
}

/* Read what follows a name into ENTRY. */
static enum ms_err
load_entry(struct pack_reader *reader, struct picture_entry *entry)
{
    unsigned rows;

    entry->seen_s = (int64_t)pack_read(reader, 8);
    entry->hour = (int32_t)read_upto(reader, 4,
                                     (uint64_t)PICTURE_LAST_S / PICTURE_HOUR_S);
    entry->day =
        (int32_t)read_upto(reader, 4, (uint64_t)PICTURE_LAST_S / PICTURE_DAY_S);
    rows = (unsigned)read_upto(reader, 1, (1U << PICTURE_ROWS) - 1);
    for (unsigned row = 0; row < PICTURE_ROWS && !reader->failed; row++) {
        uint64_t slots =
            rows >> row & 1
                ? read_upto(reader, 8, (UINT64_C(1) << PICTURE_SLOTS) - 1)
                : 0;

        for (unsigned i = 0; i < PICTURE_SLOTS && !reader->failed; i++) {
            uint32_t n = slots >> i & 1 ? (uint32_t)pack_read(reader, 4) : 0;

            picture_set(entry, row, i, n);
            if (picture_get(entry, row, i) != n)
                return MS_NOMEM;
        }
    }
    return reader->failed ? MS_INVALID : MS_OK;
}

/* What was read, before it has a place. */
struct loaded {
    struct picture_entry *entry;
    size_t n, room;
};

static void
end_loaded(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->n; i++)
        picture_end(&loaded->entry[i]);
    free(loaded->entry);
}

/* An empty entry more, or NULL. */
static struct picture_entry *
add_loaded(struct loaded *loaded)
{
    size_t room = loaded->room > 0 ? loaded->room * 2 : LOADED_FIRST;
    struct picture_entry *entry;

    if (loaded->n == loaded->room) {
        entry = reallocarray(loaded->entry, room, sizeof(entry[0]));
        if (entry == NULL)
            return NULL;
        loaded->entry = entry;
        loaded->room = room;
    }
    entry = &loaded->entry[loaded->n++];
    *entry = (struct picture_entry){.len = 0};
    return entry;
}

/* One with a name of LEN bytes. */
static enum ms_err
load_one(struct pack_reader *reader, size_t len, struct loaded *loaded)
{
    const uint8_t *name = pack_read_bytes(reader, len);
    struct subject subject;
    struct picture_entry *entry;

    if (name == NULL || !subject_read(name, len, &subject))
        return MS_INVALID;
    entry = add_loaded(loaded);
    if (entry == NULL || (entry->name = malloc(len)) == NULL)
        return MS_NOMEM;
    memcpy(entry->name, name, len);
    entry->len = (uint16_t)len;
    return load_entry(reader, entry);
}

static enum ms_err
load_all(struct pack_reader *reader, struct loaded *loaded)
{
    enum ms_err err = MS_OK;
    size_t len;

    while (err == MS_OK && (len = (size_t)pack_read(reader, 2)) > 0)
        err = load_one(reader, len, loaded);
    if (err == MS_OK && !pack_is_done(reader))
        err = MS_INVALID;
    return err;
}

static int
by_seen(const void *a, const void *b)
{
    int64_t x = ((const struct picture_entry *)a)->seen_s;
    int64_t y = ((const struct picture_entry *)b)->seen_s;

    return x < y ? -1 : x > y;
}

/* Give PICTURES what LOADED has, as the most recent; false: no memory. */
static bool
place(struct pictures *pictures, struct picture_entry *loaded)
{
    uint64_t hash = picture_hash(pictures, loaded->name, loaded->len);
    struct picture_shard *shard = picture_shard_of(pictures, hash);
    uint16_t at = picture_find_locked(shard, hash, loaded->name, loaded->len);
    struct picture_entry *entry;

    if (at == PICTURE_NONE)
        at = picture_add_locked(pictures, shard, hash, loaded->name,
                                loaded->len);
    if (at == PICTURE_NONE)
        return false;
    entry = &shard->entry[at];
    for (unsigned row = 0; row < PICTURE_ROWS; row++) {
        free(entry->row[row]); /* of one that was saved twice */
        entry->row[row] = loaded->row[row];
        loaded->row[row] = NULL;
    }
    entry->wide = loaded->wide;
    entry->hour = loaded->hour;
    entry->day = loaded->day;
    entry->seen_s = loaded->seen_s;
    return true;
}

/* What FRESH has is all there is from now on. */
static void
take(struct pictures *pictures, struct pictures *fresh)
{
    for (unsigned i = 0; i < pictures->n_shards; i++) {
        struct picture_shard *to = &pictures->shard[i],
                             *from = &fresh->shard[i];
        struct picture_shard old;

        (void)pthread_mutex_lock(&to->lock);
        old = *to;
        to->entry = from->entry;
        to->bucket = from->bucket;
        to->n = from->n;
        to->room = from->room;
        to->oldest = from->oldest;
        to->newest = from->newest;
        to->free = from->free;
        (void)pthread_mutex_unlock(&to->lock);
        from->entry = old.entry;
        from->bucket = old.bucket;
        from->room = old.room;
    }
}

enum ms_err
pictures_load(struct pictures *pictures, const void *bytes, size_t len)
{
    size_t most = (size_t)pictures->n_shards * pictures->shard[0].most;
    struct pictures *fresh = NULL;
    struct loaded loaded = {.n = 0};
    struct pack_reader reader;
    enum ms_err err = pack_open(&reader, form, bytes, len);

    if (err != MS_OK)
        return err;
    err = load_all(&reader, &loaded);
    if (err == MS_OK)
        err = pictures_create(most, &fresh);
    if (err == MS_OK) {
        memcpy(fresh->key, pictures->key, sizeof(fresh->key));
        if (loaded.n > 1)
            qsort(loaded.entry, loaded.n, sizeof(loaded.entry[0]), by_seen);
        for (size_t i = 0; i < loaded.n && err == MS_OK; i++)
            err = place(fresh, &loaded.entry[i]) ? MS_OK : MS_NOMEM;
    }
    if (err == MS_OK)
        take(pictures, fresh);
    pictures_destroy(fresh);
    end_loaded(&loaded);
    return err;
}
