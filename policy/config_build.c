/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_build.c - from what is written to what the engine reads. */
#include <config.h>

#include "policy/config_build.h"

#include <stdlib.h>
#include <string.h>

/* ----- objects: one for each titled block that is on */

static const struct {
    enum option_block kind;
    size_t size;
    size_t list, count; /* in struct config */
} objects[] = {
    {BLOCK_NETWORK, sizeof(struct network), offsetof(struct config, networks),
     offsetof(struct config, n_networks)},
    {BLOCK_LISTENER, sizeof(struct listener),
     offsetof(struct config, listeners), offsetof(struct config, n_listeners)},
    {BLOCK_LIMIT, sizeof(struct limit), offsetof(struct config, limits),
     offsetof(struct config, n_limits)},
    {BLOCK_ZOMBIE, sizeof(struct zombie), offsetof(struct config, zombies),
     offsetof(struct config, n_zombies)},
    {BLOCK_DNSBL, sizeof(struct dnsbl), offsetof(struct config, dnsbls),
     offsetof(struct config, n_dnsbls)},
    {BLOCK_EXEMPT, sizeof(struct exempt), offsetof(struct config, exempts),
     offsetof(struct config, n_exempts)},
    {BLOCK_API_GROUP, sizeof(struct api_group),
     offsetof(struct config, api.groups),
     offsetof(struct config, api.n_groups)},
};

static bool
is_off(const struct config_block *block)
{
    const struct config_setting *off = config_text_setting(block, "off");

    return off != NULL && strcmp(off->terms[0].text, "yes") == 0;
}

static bool
is_postmaster(const struct config_block *block)
{
    return block->kind == BLOCK_LIMIT &&
           strcmp(block->title, "postmaster") == 0;
}

/* What a block's object holds beside its options. */
static void
introduce(struct config *config, const struct config_block *block, size_t index)
{
    char *name = block->title; /* in the same arena */

    if (block->kind == BLOCK_NETWORK) {
        struct network *network = block->object;

        network->name = name;
        network->index = index;
        network->origin = block->origin;
        if (strcmp(name, "loopback") == 0)
            config->loopback = network;
    } else if (block->kind == BLOCK_LISTENER) {
        struct listener *listener = block->object;

        listener->name = name;
        listener->index = index;
        listener->origin = block->origin;
        listener->auth = AUTH_ALLOW;
        listener->tls = TLS_ALLOW;
    } else if (block->kind == BLOCK_LIMIT) {
        struct limit *limit = block->object;

        limit->name = name;
        limit->index = index;
        limit->origin = block->origin;
        limit->on = UINT64_MAX;
        limit->count = METRICS; /* nothing, until it is read */
        if (is_postmaster(block))
            config->postmaster = limit;
    } else if (block->kind == BLOCK_ZOMBIE) {
        struct zombie *zombie = block->object;

        zombie->name = name;
        zombie->index = index;
        zombie->origin = block->origin;
        zombie->on = UINT64_MAX;
        zombie->class = CLASS_UNSET;
    } else if (block->kind == BLOCK_DNSBL) {
        struct dnsbl *list = block->object;

        list->name = name;
        list->index = index;
        list->origin = block->origin;
    } else if (block->kind == BLOCK_EXEMPT) {
        struct exempt *exempt = block->object;

        exempt->name = name;
        exempt->origin = block->origin;
        exempt->class = CLASS_UNSET;
    } else {
        struct api_group *group = block->object;

        group->name = name;
        group->origin = block->origin;
    }
}

static enum ms_err
make_objects(const struct build *b, size_t row)
{
    char *at = (char *)b->config;
    size_t *n = (size_t *)(void *)(at + objects[row].count), i;
    void **list = arena_array(b->arena, b->text->n_blocks, sizeof *list);

    if (list == NULL)
        return MS_NOMEM;
    memcpy(at + objects[row].list, &list, sizeof list);
    for (i = 0; i < b->text->n_blocks; i++) {
        struct config_block *block = b->text->blocks[i];

        if (block->kind != objects[row].kind)
            continue;
        block->off = is_off(block);
        if (block->off)
            continue;
        block->object = arena_get(b->arena, objects[row].size);
        if (block->object == NULL)
            return MS_NOMEM;
        introduce(b->config, block, *n);
        if (!is_postmaster(block))
            list[(*n)++] = block->object;
    }
    return MS_OK;
}

static enum ms_err
make_replies(const struct build *b)
{
    struct config *config = b->config;
    size_t i;

    config->replies =
        arena_array(b->arena, b->text->n_blocks, sizeof *config->replies);
    if (config->replies == NULL)
        return MS_NOMEM;
    for (i = 0; i < b->text->n_blocks; i++) {
        struct config_block *block = b->text->blocks[i];
        struct reply_text *reply;

        if (block->kind != BLOCK_REPLY)
            continue;
        reply = &config->replies[config->n_replies++];
        reply->rule = block->title;
        reply->origin = block->origin;
        block->object = reply;
    }
    return MS_OK;
}

/* Where blocks without a title have their destinations. */
static void *
object_of(const struct build *b, const struct config_block *block)
{
    switch (block->kind) {
    case BLOCK_NETWORK:
    case BLOCK_LISTENER:
    case BLOCK_LIMIT:
    case BLOCK_ZOMBIE:
    case BLOCK_DNSBL:
    case BLOCK_EXEMPT:
    case BLOCK_REPLY:
    case BLOCK_API_GROUP:
        return block->object;
    case BLOCK_TOP:
    case BLOCK_USERS:
    case BLOCK_DOMAINS:
    case BLOCK_OWNERS:
    case BLOCK_VERDICT:
    case BLOCK_NOTICE:
    case BLOCK_RESOLVER:
    case BLOCK_SPF:
    case BLOCK_STORE:
    case BLOCK_PRIVACY:
    case BLOCK_API:
    case BLOCK_STATUS:
    case BLOCK_LOG:
    case BLOCKS:
        break;
    }
    return b->config;
}

/* N bytes of VALUE in *OUT. */
static enum ms_err
make_set(const struct build *b, size_t n, int value, uint8_t **out)
{
    *out = arena_get(b->arena, n);
    if (*out == NULL)
        return MS_NOMEM;
    memset(*out, value, n);
    return MS_OK;
}

/* A rule holds everywhere, a skipped listener skips nobody and an exemption
 * nothing, until an option says otherwise. */
static enum ms_err
make_sets_of(const struct build *b, const struct config_block *block)
{
    const struct config *config = b->config;
    const size_t n = config->n_networks;
    const int all = KIND_STRANGER | KIND_RELAY | KIND_LOGIN | KIND_LOCAL;
    struct exempt *exempt;
    enum ms_err err;

    if (block->kind == BLOCK_LIMIT)
        return make_set(b, n + 1, all, &((struct limit *)block->object)->in);
    if (block->kind == BLOCK_ZOMBIE)
        return make_set(b, n + 1, all, &((struct zombie *)block->object)->in);
    if (block->kind == BLOCK_LISTENER)
        return make_set(b, n, 0, &((struct listener *)block->object)->from);
    if (block->kind != BLOCK_EXEMPT)
        return MS_OK;
    exempt = block->object;
    err = make_set(b, config->n_limits, 0, &exempt->skip);
    if (err == MS_OK)
        err = make_set(b, config->n_zombies, 0, &exempt->skip_zombie);
    if (err == MS_OK)
        err = make_set(b, config->n_dnsbls, 0, &exempt->skip_dnsbl);
    return err;
}

static enum ms_err
make_sets(const struct build *b)
{
    enum ms_err err = MS_OK;
    size_t i;

    for (i = 0; i < b->text->n_blocks && err == MS_OK; i++)
        if (b->text->blocks[i]->object != NULL)
            err = make_sets_of(b, b->text->blocks[i]);
    return err;
}

/* ----- settings */

/* One term a value and, unless it is a list, one value. */
static bool
check_form(const struct reading *r)
{
    const struct config_setting *setting = r->setting;
    const enum option_type type = setting->option->type;
    const bool text = type == OPTION_TEXT || type == OPTION_REPLY ||
                      type == OPTION_ASCII || type == OPTION_MAILBOX;
    size_t i;

    for (i = 1; i < setting->n_terms; i++) {
        if (!setting->terms[i].first && !text && type != OPTION_WARMUP) {
            reading_error(r, i, "a comma is missing before `%s`",
                          setting->terms[i].text);
            return false;
        }
        if (setting->terms[i].first && !option_is_list(type)) {
            reading_error(r, i,
                          text ? "a text with commas needs quotes"
                               : "only one value can stand here");
            return false;
        }
    }
    return true;
}

static enum ms_err (*const readers[OPTION_TYPES])(const struct reading *r) = {
    [OPTION_BOOL] = config_value_bool,
    [OPTION_CHOICE] = config_value_choice,
    [OPTION_SET] = config_value_set,
    [OPTION_NUMBER] = config_value_number,
    [OPTION_OCTAL] = config_value_number,
    [OPTION_PERCENT] = config_value_number,
    [OPTION_SIZE] = config_value_size,
    [OPTION_TIME] = config_value_time,
    [OPTION_SPAN] = config_value_span,
    [OPTION_TEXT] = config_value_text,
    [OPTION_REPLY] = config_value_text,
    [OPTION_ASCII] = config_value_text,
    [OPTION_NAME] = config_value_name,
    [OPTION_TAG] = config_value_tag,
    [OPTION_DOTTED_TAG] = config_value_tag,
    [OPTION_PATH] = config_value_path,
    [OPTION_FILE] = config_value_file,
    [OPTION_SECRET] = config_store_secret,
    [OPTION_URLS] = config_store_servers,
    [OPTION_HOSTS] = config_store_servers,
    [OPTION_SOCKET] = config_value_socket,
    [OPTION_LISTEN] = config_value_listen,
    [OPTION_UNIX] = config_value_socket_path,
    [OPTION_URL] = config_notice_url,
    [OPTION_ADDRESS] = config_value_address,
    [OPTION_MAILBOX] = config_value_text,
    [OPTION_DOMAIN] = config_value_domain,
    [OPTION_DATE] = config_value_date,
    [OPTION_PORTS] = config_list_ports,
    [OPTION_WORDS] = config_list_strings,
    [OPTION_SENDERS] = config_list_strings,
    [OPTION_LOGINS] = config_list_strings,
    [OPTION_MAILBOXES] = config_list_strings,
    [OPTION_NAMES] = config_list_strings,
    [OPTION_HEADERS] = config_list_strings,
    [OPTION_LANGUAGES] = config_list_strings,
    [OPTION_OWN] = config_files_own,
    [OPTION_OWN_TABLE] = config_files_own_table,
    [OPTION_PREFIXES] = config_files_prefixes,
    [OPTION_CLIENTS] = config_files_clients,
    [OPTION_TEXTHASH] = config_files_texthash,
    [OPTION_CLASSES] = config_files_texthash,
    [OPTION_CONTACTS] = config_files_texthash,
    [OPTION_KEY] = config_limit_key,
    [OPTION_RATES] = config_limit_rates,
    [OPTION_RATE] = config_notice_rate,
    [OPTION_WARMUP] = config_limit_warmup,
    [OPTION_RATE_TABLE] = config_limit_table,
    [OPTION_MAP] = config_limit_table,
    [OPTION_SINCE] = config_limit_table,
    [OPTION_LIFT] = config_zombie_lift,
    [OPTION_ON] = config_refer_on,
    [OPTION_IN] = config_refer_in,
    [OPTION_FROM] = config_refer_from,
    [OPTION_NETWORKS] = config_refer_networks,
    [OPTION_SKIP] = config_refer_skip,
    [OPTION_FLAG] = config_value_bool,
    [OPTION_OWN_HOSTS] = config_dns_hosts,
    [OPTION_SERVERS] = config_dns_servers,
    [OPTION_SPF_FIELDS] = config_dns_headers,
    [OPTION_ZONE] = config_dns_zone,
    [OPTION_MASKS] = config_dns_masks,
};

static enum ms_err
read_setting(const struct reading *r)
{
    if (!check_form(r))
        return MS_OK;
    return readers[r->setting->option->type](r);
}

static void
check_needed(const struct build *b, const struct config_block *block)
{
    const struct option *rows;
    size_t i, n;

    rows = option_rows(block->kind, &n);
    for (i = 0; i < n; i++)
        if (rows[i].needed && block->settings[i].option == NULL)
            notes_error(b->notes, block->origin, "`%s%s%s` needs `%s`",
                        option_block(block->kind)->name,
                        *block->title == '\0' ? "" : " ", block->title,
                        rows[i].name);
}

/* Of a block that is off only that is read. */
static enum ms_err
read_block(const struct build *b, const struct config_block *block)
{
    struct reading r = {.build = b, .block = block};
    enum ms_err err = MS_OK;
    size_t i, n;

    option_rows(block->kind, &n);
    r.object = object_of(b, block);
    for (i = 0; i < n && err == MS_OK; i++) {
        r.setting = &block->settings[i];
        if (r.setting->option != NULL &&
            (!block->off || r.setting->option->type == OPTION_FLAG))
            err = read_setting(&r);
    }
    if (err == MS_OK && !block->off)
        check_needed(b, block);
    return err;
}

/* Logins are read by what `users` says: that comes first. */
static enum ms_err
read_blocks(const struct build *b)
{
    const struct config_block *users =
        config_text_find(b->text, BLOCK_USERS, "");
    enum ms_err err = read_block(b, users);
    size_t i;

    for (i = 0; i < b->text->n_blocks && err == MS_OK; i++)
        if (b->text->blocks[i] != users)
            err = read_block(b, b->text->blocks[i]);
    return err;
}

static void
find_listeners(struct config *config)
{
    const struct {
        const char *name;
        struct listener **at;
    } own[] = {{"mx", &config->mx},
               {"submission", &config->submission},
               {"submissions", &config->submissions},
               {"local", &config->local}};
    size_t i, j;

    for (i = 0; i < config->n_listeners; i++)
        for (j = 0; j < sizeof own / sizeof *own; j++)
            if (strcmp(config->listeners[i]->name, own[j].name) == 0)
                *own[j].at = config->listeners[i];
}

static enum ms_err
make(const struct build *b)
{
    enum ms_err err = MS_OK;
    size_t i;

    for (i = 0; i < sizeof objects / sizeof *objects && err == MS_OK; i++)
        err = make_objects(b, i);
    if (err == MS_OK)
        err = make_replies(b);
    if (err == MS_OK)
        err = make_sets(b);
    config_dns_introduce(b);
    if (err == MS_OK)
        err = nettree_create(&b->config->nets);
    if (err == MS_OK)
        err = domains_create(&b->config->domains);
    if (err == MS_OK)
        err = read_blocks(b);
    if (err != MS_OK)
        return err;
    find_listeners(b->config);
    err = config_check(b);
    if (err == MS_OK && notes_err(b->notes) == MS_OK)
        err = config_warn(b);
    return err;
}

enum ms_err
config_build(const struct build *build)
{
    struct prefix_places places = {NULL, 0, 0};
    struct build b = *build;
    enum ms_err err;

    b.places = &places;
    err = make(&b);
    free(places.place);
    return err;
}
