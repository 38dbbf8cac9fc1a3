/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_check.c - what no option can know alone: errors. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "policy/config_build.h"
#include "policy/guess.h"

enum { LISTENERS_MAX = 64 /* bits of limit->on */ };

bool
config_is_written(const struct config_block *block, const char *name)
{
    const struct config_setting *setting = config_text_setting(block, name);

    return setting != NULL && setting->origin.file != NULL;
}

static void
check_listener(const struct build *b, const struct config_block *block)
{
    const struct listener *listener = block->object;

    if (listener->sender == SENDER_OWNED &&
        config_text_find(b->text, BLOCK_OWNERS, "") == NULL)
        notes_error(b->notes, config_text_origin(block, "sender"),
                    "sender: owned needs a block `owners`");
    if (listener->index == LISTENERS_MAX)
        notes_error(b->notes, block->origin, "more than %d listeners",
                    LISTENERS_MAX);
}

static void
check_network(const struct build *b, const struct config_block *block)
{
    if (config_refer_kind(block->title) != 0)
        notes_error(b->notes, block->origin,
                    "`%s` is a kind of session; no network can be called so",
                    block->title);
}

static void
check_domains(const struct build *b, const struct config_block *block)
{
    if (!config_is_written(block, "list") && !config_is_written(block, "file"))
        notes_error(b->notes, block->origin,
                    "`domains %s` needs `list` or `file`", block->title);
}

static void
check_exempt(const struct build *b, const struct config_block *block)
{
    static const char *const keys[] = {"user", "sender", "domain", "client",
                                       "network"};
    size_t i;

    if (!config_is_written(block, "skip") && !config_is_written(block, "class"))
        notes_error(b->notes, block->origin, "`exempt %s` needs skip or class",
                    block->title);
    for (i = 0; i < sizeof keys / sizeof *keys; i++)
        if (config_is_written(block, keys[i]))
            return;
    notes_error(b->notes, block->origin,
                "`exempt %s` needs user, sender, domain, client or network",
                block->title);
}

/* ----- replies */

static const char *const fixed_rules[] = {
    "relay.denied", "relay.hop",    "relay.none",     "relay.syntax",
    "spf.fail",     "spf.softfail", "spf.temperror",  "spf.permerror",
    "spf.none",     "spf.helo",     "spf.own_domain", "spf.pending"};

/* Rules that have a block's name: BLOCK.NAME and what is behind. */
static const struct {
    enum option_block kind;
    const char *behind;
} named_rules[] = {{BLOCK_LIMIT, ""},           {BLOCK_ZOMBIE, ""},
                   {BLOCK_DNSBL, ""},           {BLOCK_DNSBL, ".pending"},
                   {BLOCK_LISTENER, ".auth"},   {BLOCK_LISTENER, ".tls"},
                   {BLOCK_LISTENER, ".sender"}, {BLOCK_NETWORK, ".port25"},
                   {BLOCK_NETWORK, ".sender"}};

enum {
    FIXED_RULES = sizeof fixed_rules / sizeof *fixed_rules,
    NAMED_RULES = sizeof named_rules / sizeof *named_rules,
    RULE_MAX = 96
};

/* The rule I of BLOCK, or NULL if that is not for such blocks. */
static const char *
rule_of(const struct config_block *block, size_t i, char text[RULE_MAX])
{
    if (block->kind != named_rules[i].kind ||
        (block->kind == BLOCK_LIMIT &&
         strcmp(block->title, "postmaster") == 0)) /* it refuses nothing */
        return NULL;
    snprintf(text, RULE_MAX, "%s.%.63s%s", option_block(block->kind)->name,
             block->title, named_rules[i].behind);
    return text;
}

/* The block that RULE is named after, if it is a rule of kind I; or NULL. */
static const struct config_block *
block_of(const struct build *b, const char *rule, size_t i)
{
    const char *kind = option_block(named_rules[i].kind)->name;
    const size_t before = strlen(kind) + 1, len = strlen(rule);
    const size_t behind = strlen(named_rules[i].behind);
    char name[RULE_MAX];

    if (len < before + behind || len - before - behind >= sizeof name)
        return NULL;
    memcpy(name, rule + before, len - before - behind);
    name[len - before - behind] = '\0';
    return config_text_find(b->text, named_rules[i].kind, name);
}

/* Is RULE one that a verdict can name? */
static bool
knows_rule(const struct build *b, const char *rule)
{
    const struct config_block *block;
    char text[RULE_MAX];
    size_t i;

    for (i = 0; i < FIXED_RULES; i++)
        if (strcmp(rule, fixed_rules[i]) == 0)
            return true;
    for (i = 0; i < NAMED_RULES; i++) {
        block = block_of(b, rule, i);
        if (block != NULL && rule_of(block, i, text) != NULL &&
            strcmp(text, rule) == 0)
            return true;
    }
    return false;
}

static void
check_reply(const struct build *b, const struct config_block *block)
{
    char hint[GUESS_TEXT], text[RULE_MAX];
    struct guess guess;
    size_t i, j;

    if (knows_rule(b, block->title))
        return;
    guess_start(&guess, block->title);
    for (i = 0; i < FIXED_RULES; i++)
        guess_try(&guess, fixed_rules[i]);
    for (i = 0; i < b->text->n_blocks && !notes_full(b->notes); i++)
        for (j = 0; j < NAMED_RULES; j++)
            if (rule_of(b->text->blocks[i], j, text) != NULL)
                guess_try(&guess, text);
    notes_error(b->notes, block->origin, "there is no rule `%s`%s",
                block->title, guess_print(&guess, hint));
}

static void
check_block(const struct build *b, const struct config_block *block)
{
    switch (block->kind) {
    case BLOCK_NETWORK:
        check_network(b, block);
        break;
    case BLOCK_DOMAINS:
        check_domains(b, block);
        break;
    case BLOCK_LISTENER:
        check_listener(b, block);
        break;
    case BLOCK_LIMIT:
        config_limit_check(b, block);
        break;
    case BLOCK_ZOMBIE:
        config_zombie_check(b, block);
        break;
    case BLOCK_VERDICT:
        config_verdict_check(b, block);
        break;
    case BLOCK_NOTICE:
        config_notice_check(b, block);
        break;
    case BLOCK_RESOLVER:
    case BLOCK_SPF:
    case BLOCK_DNSBL:
        config_dns_check(b, block);
        break;
    case BLOCK_EXEMPT:
        check_exempt(b, block);
        break;
    case BLOCK_REPLY:
        check_reply(b, block);
        break;
    case BLOCK_STORE:
        config_store_check(b, block);
        break;
    case BLOCK_TOP:
    case BLOCK_USERS:
    case BLOCK_OWNERS:
    case BLOCK_PRIVACY:
    case BLOCK_API:
    case BLOCK_API_GROUP:
    case BLOCK_STATUS:
    case BLOCK_LOG:
    case BLOCKS:
        break;
    }
}

/* A limit does as the store does, unless it says otherwise. */
static void
inherit_fallback(const struct build *b, const struct config_block *block)
{
    struct limit *limit = block->object;

    if (block->kind == BLOCK_LIMIT && limit != NULL &&
        !config_is_written(block, "on_store_error"))
        limit->fallback = b->config->store.fallback;
}

enum ms_err
config_check(const struct build *b)
{
    size_t i;

    for (i = 0; i < b->text->n_blocks; i++)
        inherit_fallback(b, b->text->blocks[i]);
    for (i = 0; i < b->text->n_blocks; i++)
        if (!b->text->blocks[i]->off)
            check_block(b, b->text->blocks[i]);
    config_limit_sums(b);
    if (notes_err(b->notes) != MS_OK)
        return MS_OK;
    for (i = 0; i < b->config->n_limits; i++)
        config_limit_identify(b->config->limits[i]);
    if (b->config->postmaster != NULL)
        config_limit_identify(b->config->postmaster);
    for (i = 0; i < b->config->n_zombies; i++)
        config_zombie_identify(b->config->zombies[i]);
    return MS_OK;
}
