/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/clerk/site.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "milter/clerk/board.h"

enum { FREEZE_MOST_S = 2 * 3600 }; /* from now on: clocks differ a little */

static const char name[] = "site"; /* on the board, its field, and the blob */

struct known {
    int64_t birth_s; /* 0: not known */
    struct clerk_freeze freeze;
};

struct clerk_site {
    struct clerk *clerk;
    struct diary *diary;
    bool read; /* what the diary knows is in it; of the thread */

    pthread_mutex_t lock; /* guards all below; a leaf */
    struct known known;
    bool changed; /* since it was written */
};

/* ----- two that know */

struct clerk_freeze
clerk_site_join(struct clerk_freeze a, struct clerk_freeze b)
{
    const struct clerk_freeze *first = a.id <= b.id ? &a : &b;
    const struct clerk_freeze *second = a.id <= b.id ? &b : &a;

    if (first->id == 0 || first->until_s < (int64_t)second->id)
        return *second;
    if (second->until_s <= first->until_s)
        return *first;
    return (struct clerk_freeze){first->id, second->until_s};
}

static bool
same(const struct known *a, const struct known *b)
{
    return a->birth_s == b->birth_s && a->freeze.id == b->freeze.id &&
           a->freeze.until_s == b->freeze.until_s;
}

static struct known
join(struct known a, struct known b)
{
    struct known out = {a.birth_s, clerk_site_join(a.freeze, b.freeze)};

    if (out.birth_s == 0 || (b.birth_s != 0 && b.birth_s < out.birth_s))
        out.birth_s = b.birth_s;
    return out;
}

/* A freeze ends within an hour of its last sign: one that lasts longer was made
 * by a clock that was ahead, and is none. */
static struct clerk_freeze
believed(struct clerk_freeze freeze, int64_t now_s)
{
    if (freeze.until_s > now_s + FREEZE_MOST_S)
        return (struct clerk_freeze){0, 0};
    return freeze;
}

/* What OTHER knows is known here, too; *OUT is all then. */
static void
learn(struct clerk_site *site, const struct known *other, struct known *out)
{
    const int64_t now_s = clerk_now(site->clerk).wall.s;
    struct known theirs = *other;

    theirs.freeze = believed(theirs.freeze, now_s);
    (void)pthread_mutex_lock(&site->lock);
    *out = site->known;
    out->freeze = believed(out->freeze, now_s);
    *out = join(*out, theirs);
    site->changed = site->changed || !same(out, &site->known);
    site->known = *out;
    (void)pthread_mutex_unlock(&site->lock);
}

/* ----- as JSON */

static json_t *
known_json(const struct known *k)
{
    return json_pack("{s:I, s:I, s:I}", "birth", (json_int_t)k->birth_s,
                     "freeze", (json_int_t)k->freeze.id, "until",
                     (json_int_t)k->freeze.until_s);
}

static bool
read_known(const void *bytes, size_t len, struct known *out)
{
    json_t *json = json_loadb(bytes, len, 0, NULL);
    json_int_t birth, freeze, until;
    bool good = json != NULL &&
                json_unpack(json, "{s:I, s:I, s:I}", "birth", &birth, "freeze",
                            &freeze, "until", &until) == 0 &&
                birth >= 0 && freeze >= 0 && until >= 0;

    if (good)
        *out = (struct known){birth, {(uint64_t)freeze, until}};
    json_decref(json);
    return good;
}

/* ----- the diary */

/* Once.  A site that nobody has heard of begins now. */
static void
read_diary(struct clerk_site *site)
{
    struct known known = {.birth_s = clerk_now(site->clerk).wall.s}, all;
    void *bytes = NULL;
    size_t len = 0;

    if (site->read || diary_get_blob(site->diary, name, &bytes, &len) != MS_OK)
        return;
    if (bytes != NULL)
        (void)read_known(bytes, len, &known);
    free(bytes);
    site->read = true;
    learn(site, &known, &all);
}

static enum ms_err
write_blob(struct diary *diary, void *arg)
{
    const struct board_blob *blob = arg;

    return diary_put_blob(diary, blob->field, blob->bytes, blob->len);
}

void
clerk_site_keep(struct clerk_site *site)
{
    struct board_blob blob;
    struct known known;
    bool changed;

    read_diary(site);
    (void)pthread_mutex_lock(&site->lock);
    known = site->known;
    changed = site->changed && site->read;
    site->changed = site->changed && !site->read;
    (void)pthread_mutex_unlock(&site->lock);
    if (!changed)
        return;
    if (clerk_blob(known_json(&known), name, &blob) == MS_OK) {
        changed = clerk_write(site->clerk, write_blob, &blob) != MS_OK;
        clerk_blob_end(&blob);
    }
    (void)pthread_mutex_lock(&site->lock);
    site->changed = site->changed || changed;
    (void)pthread_mutex_unlock(&site->lock);
}

/* ----- the board */

static bool
take_known(void *arg, const struct board_blob *blob)
{
    if (strcmp(blob->field, name) == 0)
        (void)read_known(blob->bytes, blob->len, arg);
    return true;
}

void
clerk_site_exchange(struct clerk_site *site)
{
    struct store *shared = clerk_shared(site->clerk);
    struct known board = {0}, all;
    struct board_blob blob;

    if (shared == NULL || !site->read ||
        store_board_fields(shared, name, take_known, &board) != MS_OK)
        return;
    learn(site, &board, &all);
    if (same(&all, &board) ||
        clerk_blob(known_json(&all), name, &blob) != MS_OK)
        return;
    (void)store_board_put(shared, name, &blob, 0, true); /* or next time */
    clerk_blob_end(&blob);
}

/* ----- for those who ask */

void
clerk_site_set(struct clerk_site *site, int64_t until_s)
{
    const int64_t now_s = clerk_now(site->clerk).wall.s;
    struct clerk_freeze *freeze = &site->known.freeze;

    (void)pthread_mutex_lock(&site->lock);
    *freeze = believed(*freeze, now_s);
    if (freeze->until_s < now_s)
        *freeze = (struct clerk_freeze){(uint64_t)now_s, until_s};
    else if (freeze->until_s < until_s)
        freeze->until_s = until_s;
    site->changed = true;
    (void)pthread_mutex_unlock(&site->lock);
}

void
clerk_site_freeze(struct clerk_site *site, struct clerk_freeze *out)
{
    const int64_t now_s = clerk_now(site->clerk).wall.s;

    (void)pthread_mutex_lock(&site->lock);
    *out = believed(site->known.freeze, now_s);
    (void)pthread_mutex_unlock(&site->lock);
}

struct wall
clerk_site_birth(struct clerk_site *site)
{
    struct wall birth;

    (void)pthread_mutex_lock(&site->lock);
    birth.s = site->known.birth_s;
    (void)pthread_mutex_unlock(&site->lock);
    return birth;
}

/* ----- making it */

enum ms_err
clerk_site_create(struct clerk *clerk, struct diary *diary,
                  struct clerk_site **out)
{
    struct clerk_site *site = calloc(1, sizeof(*site));

    if (site == NULL)
        return MS_NOMEM;
    site->clerk = clerk;
    site->diary = diary;
    (void)pthread_mutex_init(&site->lock, NULL);
    read_diary(site);
    *out = site;
    return MS_OK;
}

void
clerk_site_destroy(struct clerk_site *site)
{
    if (site == NULL)
        return;
    (void)pthread_mutex_destroy(&site->lock);
    free(site);
}
