/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/board.c - see the header.  Nothing is asked before the
 * fleet has taken our heartbeat: a store of another site's key is not written
 * to.
 */
#include <config.h>

#include "policy/store/redis/board.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/core.h"

enum {
    FORM = 1,
    HEAD = 1 + SITEKEY_HASH + 1, /* of what is sealed, before the field */
    PLAIN = HEAD + BOARD_FIELD + BOARD_BLOB,
    SEALED = PLAIN + SITEKEY_BYTES_MORE,
    NUMBER = 24, /* digits */
    PAGE = 32    /* elements of a page behind the first, at most */
};

_Static_assert(BOARD_FIELD <= UINT8_MAX, "a field's length has one byte");
_Static_assert(4 + 3 * BOARD_ADDS <= CODEC_ARGS, "they fit into one command");
_Static_assert(SEALED <= 17408 && BOARD_FIELD < 256, "as board.lua has it");

static const char news[] = "board";

/* A name, and the deed that is being done to it. */
struct deed {
    struct redis *r;
    uint8_t hash[SITEKEY_HASH];
    char key[SCRIPT_KEY];
    size_t key_len;
    struct codec_command command;
};

/* ----- keys and news */

size_t
board_key(const char *prefix, const uint8_t hash[SITEKEY_HASH],
          char out[SCRIPT_KEY])
{
    size_t len = script_key(prefix, hash, out);

    memcpy(out + len, ":b", sizeof(":b"));
    return len + 2;
}

static void
begin(const char *key, size_t len, const char *word, struct codec_command *out)
{
    out->n = 0;
    codec_word(out, "1"); /* key */
    codec_arg(out, key, len);
    codec_word(out, word);
}

void
board_ask_nothing(const char *key, struct codec_command *out)
{
    begin(key, strlen(key), "drop", out);
}

bool
board_told_read(const char *text, size_t len)
{
    return len == sizeof(news) - 1 && memcmp(text, news, len) == 0;
}

/* ----- sealing */

static bool
is_field(const char *field)
{
    size_t len = strlen(field);

    return len > 0 && len <= BOARD_FIELD;
}

/* Seal BLOB as FIELD of the name: *LEN bytes in *OUT, the caller's to free. */
static enum ms_err
seal(const struct deed *deed, const char *field, const struct board_blob *blob,
     uint8_t **out, size_t *len)
{
    const size_t letters = strlen(field);
    const size_t size = HEAD + letters + blob->len;
    uint8_t *plain, *sealed;

    if (blob->len > BOARD_BLOB)
        return MS_INVALID;
    plain = malloc(size);
    sealed = malloc(size + SITEKEY_BYTES_MORE);
    if (plain == NULL || sealed == NULL) {
        free(plain);
        free(sealed);
        return MS_NOMEM;
    }
    plain[0] = FORM;
    memcpy(plain + 1, deed->hash, SITEKEY_HASH);
    plain[HEAD - 1] = (uint8_t)letters;
    memcpy(plain + HEAD, field, letters);
    if (blob->len > 0)
        memcpy(plain + HEAD + letters, blob->bytes, blob->len);
    *len = sitekey_seal_bytes(deed->r->key, plain, size, sealed,
                              size + SITEKEY_BYTES_MORE);
    *out = sealed;
    explicit_bzero(plain, size);
    free(plain);
    return MS_OK;
}

/* Is SEALED (of a server) what was put there as FIELD of the name?  PLAIN is
 * room for it, and then holds what OUT points to. */
static bool
open_blob(const struct deed *deed, const char *field,
          const struct reply *sealed, uint8_t plain[SEALED],
          struct board_blob *out)
{
    size_t letters = strlen(field), len = 0;

    if (sealed->type != REPLY_TEXT || sealed->len > SEALED ||
        !sitekey_open_bytes(deed->r->key, (const uint8_t *)sealed->text,
                            sealed->len, plain, &len))
        return false;
    if (len < HEAD + letters || plain[0] != FORM ||
        plain[HEAD - 1] != letters ||
        memcmp(plain + 1, deed->hash, SITEKEY_HASH) != 0 ||
        memcmp(plain + HEAD, field, letters) != 0)
        return false;
    *out = (struct board_blob){.field = field,
                               .bytes = plain + HEAD + letters,
                               .len = len - HEAD - letters};
    return true;
}

/* ----- asking */

/* Begin the deed WORD to NAME. */
static enum ms_err
deed_begin(struct store *store, const char *name, const char *word,
           struct deed *out)
{
    struct redis *r = (struct redis *)store;

    if (strlen(name) > BOARD_NAME)
        return MS_INVALID;
    if (!r->admitted || r->foreign)
        return MS_UNAVAIL;
    out->r = r;
    sitekey_hash_text(r->key, name, out->hash);
    out->key_len = board_key(r->prefix, out->hash, out->key);
    begin(out->key, out->key_len, word, &out->command);
    return MS_OK;
}

static enum ms_err
deed_ask(struct deed *deed, struct redis_call **out)
{
    return redis_nodes_call(deed->r->nodes, deed->key, deed->key_len,
                            SCRIPT_BOARD, &deed->command, out);
}

/* Wait for CALL, which is to be answered with a number. */
static enum ms_err
wait_number(struct redis_call *call, int64_t *out)
{
    struct reply *reply = NULL;
    enum ms_err err = redis_core_wait(call, &reply);

    if (err == MS_OK && reply->type != REPLY_INTEGER)
        err = MS_UNAVAIL;
    if (err == MS_OK)
        *out = reply->integer;
    reply_destroy(reply);
    return err;
}

static enum ms_err
deed_do(struct deed *deed, int64_t *out)
{
    struct redis_call *call;
    enum ms_err err = deed_ask(deed, &call);

    return err == MS_OK ? wait_number(call, out) : err;
}

static void
print_life(uint32_t keep_s, char out[NUMBER])
{
    (void)snprintf(out, NUMBER, "%" PRIu64, (uint64_t)keep_s * 1000);
}

/* ----- fields */

enum ms_err
store_board_put(struct store *store, const char *name,
                const struct board_blob *blob, uint32_t keep_s, bool tell)
{
    char life[NUMBER], most[NUMBER];
    struct deed deed;
    uint8_t *sealed = NULL;
    int64_t done = 0;
    size_t len = 0;
    enum ms_err err;

    if (!is_field(blob->field))
        return MS_INVALID;
    err = deed_begin(store, name, "put", &deed);
    if (err != MS_OK)
        return err;
    err = seal(&deed, blob->field, blob, &sealed, &len);
    if (err == MS_OK) {
        print_life(keep_s, life);
        (void)snprintf(most, sizeof(most), "%d", (int)BOARD_FIELDS);
        codec_word(&deed.command, blob->field);
        codec_arg(&deed.command, sealed, len);
        codec_word(&deed.command, life);
        codec_word(&deed.command, most);
        codec_word(&deed.command, tell ? deed.r->channel : "");
        err = deed_do(&deed, &done);
    }
    free(sealed);
    return err == MS_OK && done == 0 ? MS_NOMEM : err;
}

enum ms_err
store_board_remove(struct store *store, const char *name, const char *field)
{
    struct deed deed;
    int64_t done;
    enum ms_err err;

    if (!is_field(field))
        return MS_INVALID;
    err = deed_begin(store, name, "remove", &deed);
    if (err != MS_OK)
        return err;
    codec_word(&deed.command, field);
    codec_word(&deed.command, deed.r->channel);
    return deed_do(&deed, &done);
}

/* ----- lists */

/* One entry on its way. */
struct entry {
    struct deed deed; /* its name's */
    char how[2 * NUMBER];
    uint8_t *sealed;
    size_t len;
};

static enum ms_err
entry_make(struct store *store, const struct board_add *add, struct entry *out)
{
    char life[NUMBER];
    enum ms_err err;

    if (add->most == 0)
        return MS_INVALID;
    err = deed_begin(store, add->name, "add", &out->deed);
    if (err != MS_OK)
        return err;
    print_life(add->keep_s, life);
    (void)snprintf(out->how, sizeof(out->how), "%s %u", life, add->most);
    return seal(&out->deed, "", &add->blob, &out->sealed, &out->len);
}

/* Send N entries in one go, whose keys are one server's. */
static enum ms_err
entries_ask(struct entry *entries, size_t n, struct redis_call **out)
{
    struct codec_command *command = &entries[0].deed.command;
    char keys[NUMBER];

    (void)snprintf(keys, sizeof(keys), "%zu", n);
    command->n = 0;
    codec_word(command, keys);
    for (size_t i = 0; i < n; i++)
        codec_arg(command, entries[i].deed.key, entries[i].deed.key_len);
    codec_word(command, "add");
    for (size_t i = 0; i < n; i++) {
        codec_arg(command, entries[i].sealed, entries[i].len);
        codec_word(command, entries[i].how);
    }
    return deed_ask(&entries[0].deed, out);
}

/* Send all N, STEP at a time, and wait for them. */
static enum ms_err
entries_do(struct entry *entries, size_t n, size_t step)
{
    struct redis_call *calls[BOARD_ADDS];
    enum ms_err err = MS_OK;
    size_t sent = 0;
    int64_t done;

    for (size_t i = 0; i < n; i += step) {
        enum ms_err its = entries_ask(&entries[i], step, &calls[sent]);

        sent += its == MS_OK;
        err = err == MS_OK ? its : err;
    }
    for (size_t i = 0; i < sent; i++) {
        enum ms_err its = wait_number(calls[i], &done);

        err = err == MS_OK ? its : err;
    }
    return err;
}

enum ms_err
store_board_add_all(struct store *store, const struct board_add *adds, size_t n)
{
    struct entry *entries;
    enum ms_err err = MS_OK;

    if (n == 0 || n > BOARD_ADDS)
        return n == 0 ? MS_OK : MS_INVALID;
    entries = calloc(n, sizeof(*entries));
    if (entries == NULL)
        return MS_NOMEM;
    for (size_t i = 0; i < n && err == MS_OK; i++)
        err = entry_make(store, &adds[i], &entries[i]);
    if (err == MS_OK) /* servers of a Cluster share no command */
        err = entries_do(entries, n, entries[0].deed.r->one_node ? n : 1);
    for (size_t i = 0; i < n; i++)
        free(entries[i].sealed);
    free(entries);
    return err;
}

enum ms_err
store_board_add(struct store *store, const char *name,
                const struct board_blob *blob, unsigned most, uint32_t keep_s)
{
    const struct board_add add = {name, *blob, most, keep_s};

    return store_board_add_all(store, &add, 1);
}

/* ----- walking through all of a name, page by page */

struct walk {
    struct deed deed;
    const char *word;
    bool fields;
    char after[BOARD_FIELD + 1]; /* a field or a score; "": the beginning */
    size_t seen;
    uint8_t *plain;
    /* TAG and SEALED as the server has them; false: no more. */
    bool (*each)(struct walk *walk, const struct reply *sealed,
                 const struct board_blob *blob);
    bool (*tell)(void *arg, const struct board_blob *blob);
    enum board_edit (*edit)(void *arg, const struct board_blob *blob,
                            struct board_blob *instead);
    void *arg;
    enum ms_err err; /* of an edit */
};

static bool
is_page(const struct reply *reply)
{
    if (reply->type != REPLY_ARRAY || reply->n % 2 != 1 ||
        reply->n > 1 + PAGE || reply->element[0]->type != REPLY_INTEGER)
        return false;
    for (size_t i = 1; i < reply->n; i += 2)
        if (reply->element[i]->type != REPLY_TEXT)
            return false;
    return true;
}

/* Hand on the Ith pair of PAGE; false: no more is wanted. */
static bool
walk_one(struct walk *walk, const struct reply *page, size_t i)
{
    const struct reply *tag = page->element[i], *sealed = page->element[i + 1];
    struct board_blob blob;

    if (tag->len >= sizeof(walk->after) || strlen(tag->text) != tag->len)
        return true; /* not of ours */
    memcpy(walk->after, tag->text, tag->len + 1);
    if (!open_blob(&walk->deed, walk->fields ? walk->after : "", sealed,
                   walk->plain, &blob))
        return true;
    return walk->each(walk, sealed, &blob);
}

/* One page; *MORE: there is another. */
static enum ms_err
walk_page(struct walk *walk, bool *more)
{
    struct deed *deed = &walk->deed;
    struct redis_call *call;
    struct reply *page = NULL;
    enum ms_err err;

    begin(deed->key, deed->key_len, walk->word, &deed->command);
    codec_word(&deed->command, walk->after);
    err = deed_ask(deed, &call);
    if (err == MS_OK)
        err = redis_core_wait(call, &page);
    if (err == MS_OK && !is_page(page))
        err = MS_UNAVAIL;
    *more = err == MS_OK && page->element[0]->integer == 1;
    for (size_t i = 1; err == MS_OK && i < page->n; i += 2) {
        /* whatever a server says, it comes to an end */
        if (++walk->seen > BOARD_FIELDS || !walk_one(walk, page, i)) {
            *more = false;
            break;
        }
    }
    reply_destroy(page);
    return err == MS_OK ? walk->err : err;
}

static enum ms_err
walk_all(struct store *store, const char *name, struct walk *walk)
{
    enum ms_err err = deed_begin(store, name, walk->word, &walk->deed);
    size_t pages = 0;
    bool more = true;

    if (err != MS_OK)
        return err;
    walk->plain = malloc(SEALED);
    if (walk->plain == NULL)
        return MS_NOMEM;
    while (err == MS_OK && more && ++pages <= BOARD_FIELDS)
        err = walk_page(walk, &more);
    explicit_bzero(walk->plain, SEALED);
    free(walk->plain);
    return err;
}

static bool
tell_one(struct walk *walk, const struct reply *sealed,
         const struct board_blob *blob)
{
    (void)sealed;
    return walk->tell(walk->arg, blob);
}

enum ms_err
store_board_fields(struct store *store, const char *name,
                   bool (*each)(void *arg, const struct board_blob *blob),
                   void *arg)
{
    struct walk walk = {.word = "fields",
                        .fields = true,
                        .each = tell_one,
                        .tell = each,
                        .arg = arg};

    return walk_all(store, name, &walk);
}

enum ms_err
store_board_list(struct store *store, const char *name,
                 bool (*each)(void *arg, const struct board_blob *blob),
                 void *arg)
{
    struct walk walk = {
        .word = "list", .each = tell_one, .tell = each, .arg = arg};

    return walk_all(store, name, &walk);
}

/* ----- changing what is there */

/* Put INSTEAD (NULL: nothing) in the place of OLD. */
static enum ms_err
swap(struct walk *walk, const struct reply *old,
     const struct board_blob *instead)
{
    struct deed deed = walk->deed;
    uint8_t *sealed = NULL;
    size_t len = 0;
    int64_t done;
    enum ms_err err = MS_OK;

    if (instead != NULL)
        err = seal(&deed, "", instead, &sealed, &len);
    if (err == MS_OK) {
        begin(deed.key, deed.key_len, "swap", &deed.command);
        codec_word(&deed.command, walk->after);
        codec_arg(&deed.command, old->text, old->len);
        codec_arg(&deed.command, sealed != NULL ? (const char *)sealed : "",
                  len);
        err = deed_do(&deed, &done);
    }
    free(sealed);
    return err;
}

static bool
edit_one(struct walk *walk, const struct reply *sealed,
         const struct board_blob *blob)
{
    struct board_blob instead = {.field = ""};

    switch (walk->edit(walk->arg, blob, &instead)) {
    case BOARD_KEEP:
        return true;
    case BOARD_REMOVE:
        walk->err = swap(walk, sealed, NULL);
        break;
    case BOARD_REPLACE:
        walk->err = swap(walk, sealed, &instead);
        break;
    }
    return walk->err == MS_OK;
}

enum ms_err
store_board_edit(struct store *store, const char *name,
                 enum board_edit (*edit)(void *arg,
                                         const struct board_blob *blob,
                                         struct board_blob *instead),
                 void *arg)
{
    struct walk walk = {
        .word = "list", .each = edit_one, .edit = edit, .arg = arg};

    return walk_all(store, name, &walk);
}

enum ms_err
store_board_drop(struct store *store, const char *name)
{
    struct deed deed;
    int64_t done;
    enum ms_err err = deed_begin(store, name, "drop", &deed);

    return err == MS_OK ? deed_do(&deed, &done) : err;
}
