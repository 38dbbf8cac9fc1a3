/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_warn.c - what is legal, and most likely not meant. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/config_build.h"
#include "policy/zombie.h"

/* ----- networks */

static void
warn_width(const struct build *b)
{
    char text[PREFIX_TEXT], where[NOTES_PLACE];
    size_t i;

    for (i = 0; i < b->places->n; i++) {
        const struct prefix_place *p = &b->places->place[i];

        if (p->network->relay != RELAY_ANY || prefix_is_private(p->prefix) ||
            p->prefix.len >= (p->prefix.family == 4 ? 16 : 32))
            continue;
        notes_warning(b->notes, p->network->origin,
                      "network `%s` may relay from all of %s (%s)",
                      p->network->name, prefix_print(p->prefix, text),
                      notes_place(p->at, where, sizeof where));
    }
}

static void
warn_network(const struct build *b, const struct config_block *block)
{
    const struct network *network = block->object;

    if (network->auth == AUTH_ALLOW && network != b->config->loopback)
        notes_warning(b->notes, config_text_origin(block, "auth"),
                      "auth: clients in network `%s` may log in on mx too",
                      network->name);
    if (network->has_until && network->mode == MODE_UNSET)
        notes_warning(b->notes, config_text_origin(block, "until"),
                      "until: it ends the network's `mode`, which is not "
                      "written");
    else if (network->has_until && b->today.s >= network->until.s)
        notes_warning(b->notes, config_text_origin(block, "until"),
                      "until: it has passed; the mode of network `%s` does "
                      "not hold any more",
                      network->name);
}

/* ----- listeners */

/* The listener before LISTENER that has NAME, or NULL. */
static const struct listener *
name_taken(const struct config *config, const struct listener *listener,
           const char *name)
{
    size_t i, j;

    for (i = 0; i < listener->index; i++)
        for (j = 0; j < config->listeners[i]->n_names; j++)
            if (strcasecmp(config->listeners[i]->names[j], name) == 0)
                return config->listeners[i];
    return NULL;
}

/* How many of the ports and names of BLOCK's listener are its own, and not an
 * earlier one's (OWNER: by port); warns of the others. */
static size_t
claim(const struct build *b, const struct listener **owner,
      const struct config_block *block)
{
    const struct listener *listener = block->object, *other;
    size_t i, own = 0;

    for (i = 0; i < listener->n_ports; i++) {
        other = owner[listener->ports[i]];
        owner[listener->ports[i]] = other == NULL ? listener : other;
        own += other == NULL;
        if (other != NULL)
            notes_warning(b->notes, config_text_origin(block, "port"),
                          "port: %u is listener `%s` already",
                          listener->ports[i], other->name);
    }
    for (i = 0; i < listener->n_names; i++) {
        other = name_taken(b->config, listener, listener->names[i]);
        own += other == NULL;
        if (other != NULL)
            notes_warning(b->notes, config_text_origin(block, "name"),
                          "name: `%s` is listener `%s` already",
                          listener->names[i], other->name);
    }
    return own;
}

static void
warn_skip(const struct build *b, const struct config_block *block)
{
    const struct listener *listener = block->object;

    if (listener->skip &&
        memchr(listener->from, 1, b->config->n_networks) == NULL)
        notes_warning(b->notes, config_text_origin(block, "from"),
                      "from: no such network is there; nobody is skipped");
}

static enum ms_err
warn_listeners(const struct build *b)
{
    const struct listener **owner = calloc(UINT16_MAX + 1, sizeof *owner);
    size_t i;

    if (owner == NULL)
        return MS_NOMEM;
    for (i = 0; i < b->text->n_blocks; i++) {
        const struct config_block *block = b->text->blocks[i];
        const struct listener *listener = block->object;

        if (block->kind != BLOCK_LISTENER || listener == b->config->local)
            continue;
        if (claim(b, owner, block) == 0)
            notes_warning(b->notes, block->origin,
                          "no client can reach listener `%s`: it has no port "
                          "or name of its own",
                          listener->name);
        warn_skip(b, block);
        if (listener == b->config->mx && listener->auth == AUTH_ALLOW)
            notes_warning(b->notes, config_text_origin(block, "auth"),
                          "auth: clients may log in on mx, where passwords "
                          "are guessed");
        if (listener == b->config->mx && listener->auth == AUTH_REQUIRE)
            notes_warning(b->notes, config_text_origin(block, "auth"),
                          "auth: other mail servers cannot send to mx");
    }
    free(owner);
    return MS_OK;
}

/* ----- limits */

/* The kinds of sessions that have a subject of KIND. */
static uint8_t
kinds_with(enum subject_kind kind)
{
    switch (kind) {
    case SUBJECT_CLIENT:
    case SUBJECT_PREFIX:
        return KIND_STRANGER | KIND_RELAY | KIND_LOGIN;
    case SUBJECT_USER:
        return KIND_LOGIN | KIND_LOCAL;
    case SUBJECT_SENDER:
    case SUBJECT_DOMAIN:
        return KIND_RELAY | KIND_LOGIN | KIND_LOCAL;
    case SUBJECT_NETWORK:
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return KIND_STRANGER | KIND_RELAY | KIND_LOGIN | KIND_LOCAL;
}

/* The sessions at place I (0: outside of all networks), of those in SET, that
 * have a subject of the N halves of KEY. */
static uint8_t
kinds_at(const struct limit_key *key, size_t n, const uint8_t *set, size_t i)
{
    uint8_t kinds = set[i];
    size_t j;

    for (j = 0; j < n; j++) {
        kinds &= kinds_with(key[j].kind);
        if (i == 0 && key[j].kind == SUBJECT_NETWORK)
            kinds = 0;
    }
    return kinds;
}

/* Can LIMIT count anything there? */
static bool
holds_at(const struct limit *limit, size_t i)
{
    return kinds_at(limit->key, limit->n_keys, limit->in, i) != 0;
}

static bool
covers_all(const struct nettree *clients)
{
    const struct prefix all4 = {4, 0, {0}}, all6 = {6, 0, {0}};
    uint32_t value;

    return nettree_longest(clients, all4, &value) &&
           nettree_longest(clients, all6, &value);
}

/* Does EXEMPT let everybody at place I pass? */
static bool
covers(const struct config *config, const struct exempt *exempt, size_t i)
{
    size_t j;

    if (exempt->n_values[EXEMPT_USER] > 0 ||
        exempt->n_values[EXEMPT_SENDER] > 0 ||
        exempt->n_values[EXEMPT_DOMAIN] > 0 ||
        (exempt->clients != NULL && !covers_all(exempt->clients)))
        return false;
    if (exempt->n_values[EXEMPT_NETWORK] == 0)
        return true;
    for (j = 0; i > 0 && j < exempt->n_values[EXEMPT_NETWORK]; j++)
        if (strcmp(exempt->values[EXEMPT_NETWORK][j],
                   config->networks[i - 1]->name) == 0)
            return true;
    return false;
}

static void
warn_shadow(const struct build *b, const struct limit *limit,
            const struct exempt *exempt)
{
    char where[NOTES_PLACE];
    size_t i;

    if ((!exempt->skip_all && !exempt->skip[limit->index]) ||
        (exempt->has_until && b->today.s >= exempt->until.s))
        return;
    for (i = 0; i <= b->config->n_networks; i++)
        if (holds_at(limit, i) && !covers(b->config, exempt, i))
            return;
    notes_warning(b->notes,
                  limit->origin.file == NULL ? exempt->origin : limit->origin,
                  "limit `%s` never holds: all it could count is in exempt "
                  "`%s`, %s",
                  limit->name, exempt->name,
                  notes_place(exempt->origin, where, sizeof where));
}

/* Only what a fleet counts together can be away. */
static void
warn_fallback(const struct build *b, const struct config_block *block)
{
    const struct limit *limit = block->object;
    const bool host = limit->scope == SCOPE_HOST;

    if (config_is_written(block, "on_store_error") &&
        (host || b->config->store.type != STORE_REDIS))
        notes_warning(b->notes, config_text_origin(block, "on_store_error"),
                      "on_store_error: limit `%s` is counted on this host, %s",
                      limit->name,
                      host ? "by its scope" : "as all are without a Redis");
}

/* Who is new gets the smaller of two rates. */
static void
warn_warmup(const struct build *b, const struct config_block *block)
{
    const struct limit *limit = block->object;
    size_t i, j;

    if (limit->since != NULL && limit->n_warmups == 0)
        notes_warning(b->notes, config_text_origin(block, "since"),
                      "since: limit `%s` has no `warmup`", limit->name);
    for (i = 0; i < limit->n_warmups; i++)
        for (j = 0; j < limit->rates.n; j++)
            if (limit->rates.rate[j].span_s == limit->warmup[i].rate.span_s &&
                limit->rates.rate[j].n <= limit->warmup[i].rate.n)
                notes_warning(b->notes, config_text_origin(block, "warmup"),
                              "warmup: a rate of limit `%s` is not below its "
                              "`rate` over the same span",
                              limit->name);
}

static void
warn_limit(const struct build *b, const struct config_block *block)
{
    const struct config *config = b->config;
    const struct limit *limit = block->object;
    size_t i;

    warn_fallback(b, block);
    warn_warmup(b, block);
    if (!config_refer_has_listener(config, limit->on)) {
        notes_warning(b->notes, config_text_origin(block, "on"),
                      "on: limit `%s` holds on no listener", limit->name);
        return;
    }
    for (i = 0; i <= config->n_networks && !holds_at(limit, i); i++)
        ;
    if (i > config->n_networks) {
        notes_warning(b->notes, config_text_origin(block, "in"),
                      "in: limit `%s` never holds: nobody there has its key",
                      limit->name);
        return;
    }
    for (i = 0; i < config->n_exempts && limit != config->postmaster; i++)
        warn_shadow(b, limit, config->exempts[i]);
}

/* ----- zombies */

/* What is about addresses judges no login. */
static bool
judges_at(const struct zombie *zombie, size_t i)
{
    uint8_t kinds = kinds_at(zombie->key, zombie->n_keys, zombie->in, i);

    if (zombie_is_address(zombie))
        kinds &= (uint8_t)~KIND_LOGIN;
    return kinds != 0;
}

/* Who is stopped, and who is told, must be able to do something about it. */
static void
warn_people(const struct build *b, const struct config_block *block)
{
    const struct config *config = b->config;
    const struct zombie *zombie = block->object;

    if (zombie->mode == MODE_ENFORCE && config->support == NULL)
        notes_warning(b->notes, config_text_origin(block, "mode"),
                      "mode: refusals of zombie `%s` cannot say where help "
                      "is; write `support`",
                      zombie->name);
    if (zombie->self_release && config->notice.contacts == NULL)
        notes_warning(b->notes, config_text_origin(block, "self_release"),
                      "self_release: nobody gets a code without `contacts` in "
                      "a block `notice`");
    if ((zombie->notify & NOTIFY_OWNER) != 0 && config->notice.from == NULL)
        notes_warning(b->notes, config_text_origin(block, "notify"),
                      "notify: the owner gets no letter without a block "
                      "`notice`");
}

static void
warn_zombie(const struct build *b, const struct config_block *block)
{
    const struct zombie *zombie = block->object;
    size_t i;

    warn_people(b, block);
    if (!config_refer_has_listener(b->config, zombie->on)) {
        notes_warning(b->notes, config_text_origin(block, "on"),
                      "on: zombie `%s` holds on no listener", zombie->name);
        return;
    }
    for (i = 0; i <= b->config->n_networks; i++)
        if (judges_at(zombie, i))
            return;
    notes_warning(b->notes, config_text_origin(block, "in"),
                  "in: zombie `%s` never holds: nobody there has its key",
                  zombie->name);
}

/* ----- the rest */

static void
warn_exempt(const struct build *b, const struct config_block *block)
{
    const struct exempt *exempt = block->object;

    if (exempt->has_until && b->today.s >= exempt->until.s)
        notes_warning(b->notes, config_text_origin(block, "until"),
                      "until: exempt `%s` has ended", exempt->name);
    config_dns_warn_exempt(b, block);
}

static void
warn_top(const struct build *b, const struct config_block *top)
{
    const char *socket = b->config->socket;
    const char *host = strchr(socket, '@');

    if (domains_count(b->config->domains) == 0)
        notes_warning(b->notes, top->origin,
                      "no `domains`: strangers can send to nobody here");
    if (strncmp(socket, "inet", 4) == 0 && host != NULL &&
        (strcmp(host, "@0.0.0.0") == 0 || strcmp(host, "@::") == 0))
        notes_warning(b->notes, config_text_origin(top, "socket"),
                      "socket: whoever reaches this port can ask; a milter "
                      "has no password");
}

/* Is HOST this machine, to which nobody else comes? */
static bool
is_own(const char *host)
{
    struct prefix prefix;

    return strcmp(host, "localhost") == 0 ||
           (prefix_parse(host, &prefix, NULL) == MS_OK &&
            prefix_is_loopback(prefix));
}

static void
warn_status(const struct build *b, const struct config_block *block)
{
    const char *socket = b->config->status.listen;

    if (socket != NULL && !is_own(strchr(socket, '@') + 1))
        notes_warning(b->notes, config_text_origin(block, "listen"),
                      "listen: whoever reaches this port can read it; there "
                      "is no password, and no TLS");
}

static void
warn_notice(const struct build *b, const struct config_block *block)
{
    const char *url = b->config->notice.webhook;
    char host[URL_HOST];

    if (url != NULL && strncmp(url, "http:", 5) == 0 &&
        config_notice_host(url, host) && !is_own(host))
        notes_warning(b->notes, config_text_origin(block, "webhook"),
                      "webhook: without https others can read on the way who "
                      "is stopped");
}

enum ms_err
config_warn(const struct build *b)
{
    size_t i;

    for (i = 0; i < b->text->n_blocks; i++) {
        const struct config_block *block = b->text->blocks[i];

        if (block->kind == BLOCK_TOP)
            warn_top(b, block);
        else if (block->kind == BLOCK_STORE)
            config_store_warn(b, block);
        else if (block->kind == BLOCK_STATUS)
            warn_status(b, block);
        else if (block->kind == BLOCK_NOTICE)
            warn_notice(b, block);
        else if (block->kind == BLOCK_SPF)
            config_dns_warn(b, block);
        else if (block->off || block->object == NULL)
            continue;
        else if (block->kind == BLOCK_NETWORK)
            warn_network(b, block);
        else if (block->kind == BLOCK_LIMIT)
            warn_limit(b, block);
        else if (block->kind == BLOCK_ZOMBIE)
            warn_zombie(b, block);
        else if (block->kind == BLOCK_DNSBL)
            config_dns_warn(b, block);
        else if (block->kind == BLOCK_EXEMPT)
            warn_exempt(b, block);
    }
    warn_width(b);
    return warn_listeners(b);
}
