/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_text.c - the configuration as it is written. */
#include <config.h>

#include "policy/config_text.h"

#include <stdlib.h>
#include <string.h>

#include "policy/config_include.h"
#include "policy/config_parse.h"

/* What holds where the files say nothing. */
static const char built_in[] =
    "network loopback {\n"
    "    addr = 127.0.0.0/8, ::1\n"
    "    relay = any  auth = allow  tls = allow  class = gateway\n"
    "}\n"
    "listener mx          { port = 25   auth = forbid   tls = allow }\n"
    "listener submission  { port = 587  auth = require  tls = require }\n"
    "listener submissions { port = 465  auth = require  tls = require }\n"
    "listener local       { }\n"
    "limit message  { key = user  count = recipients  rate = 100/msg }\n"
    "limit burst    { key = user  count = messages  rate = 30/1m }\n"
    "limit user     { key = user  count = external\n"
    "                 rate = 300/1h, 1000/1d }\n"
    "limit user_all { key = user  count = recipients\n"
    "                 rate = 1000/1h, 3000/1d }\n"
    "limit user_bad { key = user  count = bad_recipients\n"
    "                 rate = 30/1h, 100/1d }\n"
    "limit relay    { key = client  count = external\n"
    "                 rate = 300/1h, 1000/1d  in = relays\n"
    "                 mode = observe }\n"
    "limit connect  { key = client  count = connections  rate = 300/1m\n"
    "                 in = strangers  on = mx  scope = host  mode = observe }\n"
    "limit harvest  { key = client  count = bad_recipients\n"
    "                 rate = 100/10m  in = strangers  scope = host\n"
    "                 mode = observe }\n"
    "limit postmaster { key = client  count = messages  rate = 50/1h\n"
    "                   scope = host }\n"
    "zombie account { key = user }\n"
    "zombie machine { key = client  in = relays }\n"
    "users { }\n"
    "resolver { }\n"
    "store { }\n"
    "privacy { }\n"
    "api { }\n"
    "status { }\n"
    "log { }\n";

enum ms_err
config_text_create(struct notes *notes, struct config_text **out)
{
    const struct config_source source = {
        .folder = "/", .content = built_in, .len = sizeof built_in - 1};
    const struct origin nowhere = {NULL, 0, 0};
    struct config_text *text = calloc(1, sizeof *text);
    enum ms_err err = MS_NOMEM;
    struct config_block *top;
    bool known;
    int kind;

    if (text == NULL)
        return MS_NOMEM;
    text->notes = notes;
    if (arena_create(&text->arena) != MS_OK)
        goto done;
    for (kind = 0; kind < BLOCKS; kind++)
        if (names_create(&text->titles[kind]) != MS_OK)
            goto done;
    text->building_in = true;
    err = config_text_block(text, BLOCK_TOP, "", nowhere, &known, &top);
    if (err == MS_OK)
        err = config_parse(text, top, &source);
    text->building_in = false;
    if (err != MS_OK)
        goto done;
    *out = text;
    text = NULL;
done:
    config_text_destroy(text);
    return err;
}

void
config_text_destroy(struct config_text *text)
{
    int kind;

    if (text == NULL)
        return;
    for (kind = 0; kind < BLOCKS; kind++)
        names_destroy(text->titles[kind]);
    arena_destroy(text->arena);
    free(text->blocks);
    free(text);
}

enum ms_err
config_text_read(struct config_text *text, const char *path)
{
    const struct origin nowhere = {NULL, 0, 0};

    return config_include_file(text, text->blocks[0], path, nowhere);
}

enum ms_err
config_text_read_memory(struct config_text *text, const char *name,
                        const char *content)
{
    struct config_source source = {.content = content, .len = strlen(content)};

    source.file = arena_dup(text->arena, name, strlen(name));
    source.folder = config_include_folder(text->arena, name);
    if (source.file == NULL || source.folder == NULL ||
        notes_file(text->notes, source.file) != MS_OK)
        return MS_NOMEM;
    text->blocks[0]->origin = (struct origin){source.file, 1, 1};
    return config_parse(text, text->blocks[0], &source);
}

static struct config_block *
block_create(struct config_text *text, enum option_block kind,
             const char *title, struct origin origin)
{
    struct config_block *block = arena_get(text->arena, sizeof *block);
    size_t n;

    option_rows(kind, &n);
    if (block == NULL)
        return NULL;
    block->kind = kind;
    block->title = arena_dup(text->arena, title, strlen(title));
    block->origin = origin;
    block->built_in = text->building_in;
    block->settings = arena_array(text->arena, n, sizeof *block->settings);
    if (block->title == NULL || block->settings == NULL)
        return NULL;
    return block;
}

enum ms_err
config_text_block(struct config_text *text, enum option_block kind,
                  const char *title, struct origin origin, bool *known,
                  struct config_block **out)
{
    size_t room = text->room == 0 ? 64 : text->room * 2;
    struct config_block **blocks, *block;
    uint32_t i;

    *known = names_get(text->titles[kind], title, &i);
    if (*known) {
        *out = text->blocks[i];
        return MS_OK;
    }
    if (text->n_blocks == text->room) {
        blocks = reallocarray(text->blocks, room, sizeof *blocks);
        if (blocks == NULL)
            return MS_NOMEM;
        text->blocks = blocks;
        text->room = room;
    }
    block = block_create(text, kind, title, origin);
    if (block == NULL ||
        names_add(text->titles[kind], block->title, (uint32_t)text->n_blocks,
                  NULL, NULL) != MS_OK)
        return MS_NOMEM;
    text->blocks[text->n_blocks++] = block;
    *out = block;
    return MS_OK;
}

struct config_block *
config_text_find(const struct config_text *text, enum option_block kind,
                 const char *title)
{
    uint32_t i;

    return names_get(text->titles[kind], title, &i) ? text->blocks[i] : NULL;
}

const struct config_setting *
config_text_setting(const struct config_block *block, const char *name)
{
    const struct option *rows, *option = option_find(block->kind, name);
    size_t n;

    if (option == NULL)
        return NULL;
    rows = option_rows(block->kind, &n);
    if (block->settings[option - rows].option == NULL)
        return NULL;
    return &block->settings[option - rows];
}

struct origin
config_text_place(const struct config_block *block,
                  const struct config_setting *setting, size_t term)
{
    if (setting->origin.file == NULL)
        return block->origin;
    return (struct origin){setting->origin.file, setting->terms[term].line,
                           setting->terms[term].column};
}

struct origin
config_text_origin(const struct config_block *block, const char *name)
{
    const struct config_setting *setting = config_text_setting(block, name);

    return setting == NULL ? block->origin
                           : config_text_place(block, setting, 0);
}

bool
config_text_allows(const struct config_block *block,
                   const struct option *option)
{
    return block->kind != BLOCK_LISTENER ||
           strcmp(block->title, "local") != 0 ||
           strcmp(option->name, "mode") == 0;
}

bool
config_text_is_shared(const struct config_text *text)
{
    const struct config_setting *type =
        config_text_setting(config_text_find(text, BLOCK_STORE, ""), "type");

    return type != NULL && strcmp(type->terms[0].text, "redis") == 0;
}

/* ----- defaults */

/* Is a login part of BLOCK's key? */
static bool
has_user(const struct config_block *block)
{
    const struct config_setting *key = config_text_setting(block, "key");
    const char *text = key == NULL ? "" : key->terms[0].text;

    return strcmp(text, "user") == 0 || strncmp(text, "user+", 5) == 0 ||
           (strchr(text, '+') != NULL &&
            strcmp(strchr(text, '+'), "+user") == 0);
}

/* Submission takes only a login's own senders, once it is known whose is
 * which; a person with a login shall know at once; and who has no shared store
 * need not read about one. */
static const char *
preset(const struct config_text *text, const struct config_block *block,
       const struct option *option)
{
    if (option->shared && !config_text_is_shared(text))
        return NULL;
    if (block->kind == BLOCK_LISTENER && block->built_in &&
        strcmp(option->name, "sender") == 0 &&
        strncmp(block->title, "submission", 10) == 0 &&
        config_text_find(text, BLOCK_OWNERS, "") != NULL)
        return "owned";
    if (block->kind == BLOCK_ZOMBIE &&
        strcmp(option->name, "quarantine") == 0 && has_user(block))
        return "reject";
    return option->preset;
}

static enum ms_err
complete_block(struct config_text *text, struct config_block *block)
{
    const struct option *rows;
    enum ms_err err = MS_OK;
    size_t i, n;

    rows = option_rows(block->kind, &n);
    for (i = 0; i < n && err == MS_OK; i++) {
        const char *value = preset(text, block, &rows[i]);

        if (block->settings[i].option != NULL || value == NULL ||
            !config_text_allows(block, &rows[i]))
            continue;
        block->settings[i].option = &rows[i];
        err = config_parse_preset(text, value, &block->settings[i]);
    }
    return err;
}

enum ms_err
config_text_complete(struct config_text *text)
{
    enum ms_err err = MS_OK;
    size_t i;

    for (i = 0; i < text->n_blocks && err == MS_OK; i++)
        err = complete_block(text, text->blocks[i]);
    return err;
}
