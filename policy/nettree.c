/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes live in one array and name each other by index, so that a tree of
 * 100,000 prefixes is one allocation and stays close together in the cache.
 * IPv4 and IPv6 have a root each.
 */
#include <config.h>

#include "policy/nettree.h"

#include <stdlib.h>
#include <string.h>

struct node {
    struct prefix prefix;
    bool used; /* has a value; else it only joins two others */
    uint32_t value;
    uint32_t child[2]; /* 0: none (0 is never a child) */
};

struct nettree {
    struct node *node; /* [0]: unused, [1]: IPv4's root, [2]: IPv6's */
    uint32_t n, room;
    size_t count;
};

enum { ROOT4 = 1, ROOT6 = 2, FIRST_ROOM = 16 };

enum ms_err
nettree_create(struct nettree **out)
{
    struct nettree *tree = calloc(1, sizeof(*tree));

    if (tree == NULL)
        return MS_NOMEM;
    tree->node = calloc(FIRST_ROOM, sizeof(*tree->node));
    if (tree->node == NULL) {
        free(tree);
        return MS_NOMEM;
    }
    tree->room = FIRST_ROOM;
    tree->n = ROOT6 + 1;
    tree->node[ROOT4].prefix.family = 4;
    tree->node[ROOT6].prefix.family = 6;
    *out = tree;
    return MS_OK;
}

void
nettree_destroy(struct nettree *tree)
{
    if (tree == NULL)
        return;
    free(tree->node);
    free(tree);
}

size_t
nettree_count(const struct nettree *tree)
{
    return tree->count;
}

void
nettree_each(const struct nettree *tree,
             bool (*each)(void *arg, struct prefix prefix, uint32_t value),
             void *arg)
{
    for (uint32_t i = ROOT4; i < tree->n; i++)
        if (tree->node[i].used &&
            !each(arg, tree->node[i].prefix, tree->node[i].value))
            return;
}

static unsigned
bit(const struct prefix *p, unsigned i)
{
    return (p->addr[i / 8] >> (7 - i % 8)) & 1;
}

/* How many leading bits A and B share, at most MOST. */
static unsigned
shared_bits(const struct prefix *a, const struct prefix *b, unsigned most)
{
    unsigned i = 0;

    while (i + 8 <= most && a->addr[i / 8] == b->addr[i / 8])
        i += 8;
    while (i < most && bit(a, i) == bit(b, i))
        i++;
    return i;
}

/* Make sure that two more nodes fit. */
static enum ms_err
make_room(struct nettree *tree)
{
    struct node *more;

    if (tree->n + 2 <= tree->room)
        return MS_OK;
    if (tree->room > UINT32_MAX / 2)
        return MS_NOMEM;
    more = reallocarray(tree->node, (size_t)tree->room * 2, sizeof(*more));
    if (more == NULL)
        return MS_NOMEM;
    tree->node = more;
    tree->room *= 2;
    return MS_OK;
}

static uint32_t
new_node(struct nettree *tree, struct prefix prefix)
{
    tree->node[tree->n] = (struct node){.prefix = prefix};
    return tree->n++;
}

static enum ms_err
set_value(struct nettree *tree, struct node *node, uint32_t value, bool *known,
          uint32_t *had)
{
    if (known != NULL)
        *known = node->used;
    if (node->used) {
        if (had != NULL)
            *had = node->value;
        return MS_OK;
    }
    node->used = true;
    node->value = value;
    tree->count++;
    return MS_OK;
}

enum ms_err
nettree_add(struct nettree *tree, struct prefix prefix, uint32_t value,
            bool *known, uint32_t *had)
{
    uint32_t at = prefix.family == 4 ? ROOT4 : ROOT6;
    enum ms_err err = make_room(tree);

    if (prefix.family != 4 && prefix.family != 6)
        return MS_INVALID;
    if (err != MS_OK)
        return err;
    for (;;) {
        struct node *node = &tree->node[at];
        unsigned len = node->prefix.len, side;
        uint32_t next, joint;
        unsigned same;

        if (len == prefix.len)
            return set_value(tree, node, value, known, had);
        side = bit(&prefix, len);
        next = node->child[side];
        if (next == 0) {
            next = new_node(tree, prefix);
            tree->node[at].child[side] = next;
            return set_value(tree, &tree->node[next], value, known, had);
        }
        same = tree->node[next].prefix.len;
        if (same > prefix.len)
            same = prefix.len;
        same = shared_bits(&tree->node[next].prefix, &prefix, same);
        if (same < tree->node[next].prefix.len) { /* split the edge */
            joint = new_node(tree, prefix_cut(prefix, same, same));
            tree->node[joint].child[bit(&tree->node[next].prefix, same)] = next;
            tree->node[at].child[side] = joint;
            next = joint;
        }
        at = next;
    }
}

/*
 * Call for each used prefix that covers HOST, shortest first, by walking from
 * the root: one function for both questions below.
 */
static const struct node *
next_cover(const struct nettree *tree, const struct prefix *host, uint32_t *at)
{
    while (*at != 0) {
        const struct node *node = &tree->node[*at];
        unsigned len = node->prefix.len;

        if (len > host->len || shared_bits(&node->prefix, host, len) < len)
            return NULL;
        *at = len < host->len ? node->child[bit(host, len)] : 0;
        if (node->used)
            return node;
    }
    return NULL;
}

static uint32_t
root_of(const struct prefix *host)
{
    return host->family == 4 ? ROOT4 : host->family == 6 ? ROOT6 : 0;
}

bool
nettree_longest(const struct nettree *tree, struct prefix host, uint32_t *value)
{
    uint32_t at = root_of(&host);
    const struct node *node;
    bool found = false;

    while ((node = next_cover(tree, &host, &at)) != NULL) {
        *value = node->value;
        found = true;
    }
    return found;
}

bool
nettree_least(const struct nettree *tree, struct prefix host, uint32_t *value)
{
    uint32_t at = root_of(&host);
    const struct node *node;
    bool found = false;

    while ((node = next_cover(tree, &host, &at)) != NULL) {
        if (!found || node->value < *value)
            *value = node->value;
        found = true;
    }
    return found;
}
