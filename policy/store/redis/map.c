/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/map.c - see the header.  A node is lent under the lock
 * while the map lists it; once it is retired nobody new can hold it, and the
 * watch ends it when the last has given it back.  So no link is ended by a
 * thread that is inside of it.
 */
#include <config.h>

#include "policy/store/redis/map.h"

#include <string.h>

#include "policy/store/redis/watch.h"

struct mono
map_now(const struct redis_nodes *nodes)
{
    return nodes->needs.clock.now(nodes->needs.clock.arg).mono;
}

struct link_target
map_target(const struct redis_nodes *nodes, const struct endpoint *at)
{
    return (struct link_target){
        .at = *at,
        .password = nodes->where.password,
        .tls = at->tls ? nodes->tls : NULL,
        .deadline_ms = nodes->where.deadline_ms,
    };
}

static struct redis_node *
lend(struct redis_node *node)
{
    if (node != NULL)
        (void)atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    return node;
}

struct redis_node *
map_owner(struct redis_nodes *nodes, unsigned slot)
{
    struct redis_node *node;

    (void)pthread_mutex_lock(&nodes->lock);
    if (nodes->where.layout == REDIS_CLUSTER)
        node = lend(nodes->owner[slot]);
    else
        node = lend(nodes->n > 0 ? nodes->node[0] : NULL);
    (void)pthread_mutex_unlock(&nodes->lock);
    return node;
}

struct redis_node *
map_at(struct redis_nodes *nodes, size_t i)
{
    struct redis_node *node;

    (void)pthread_mutex_lock(&nodes->lock);
    node = lend(i < nodes->n ? nodes->node[i] : NULL);
    (void)pthread_mutex_unlock(&nodes->lock);
    return node;
}

static struct redis_node *
find_locked(struct redis_nodes *nodes, const struct endpoint *at)
{
    for (size_t i = 0; i < nodes->n; i++)
        if (endpoint_same(&nodes->node[i]->at, at))
            return nodes->node[i];
    return NULL;
}

/* False: there is no room. */
static bool
retire_locked(struct redis_nodes *nodes, struct redis_node *node)
{
    if (nodes->n_retired == MAP_RETIRED)
        return false;
    nodes->retired[nodes->n_retired++] = node;
    return true;
}

/* FRESH into the map, unless AT is there by now; then it is retired, and ends
 * in *UNUSED where there is no room for that, either. */
static struct redis_node *
insert_locked(struct redis_nodes *nodes, struct redis_node *fresh,
              struct redis_node **unused)
{
    struct redis_node *node = find_locked(nodes, &fresh->at);

    if (node == NULL && nodes->n < SLOTS_NODES &&
        !atomic_load(&nodes->stopping) && !atomic_load(&nodes->refused)) {
        nodes->node[nodes->n++] = fresh;
        return fresh;
    }
    if (!retire_locked(nodes, fresh))
        *unused = fresh;
    return node;
}

struct redis_node *
map_find(struct redis_nodes *nodes, const struct endpoint *at)
{
    struct redis_node *node, *fresh, *unused = NULL;
    bool room;

    (void)pthread_mutex_lock(&nodes->lock);
    node = lend(find_locked(nodes, at));
    room = nodes->n < SLOTS_NODES && nodes->n_retired < MAP_RETIRED / 2 &&
           !atomic_load(&nodes->stopping) && !atomic_load(&nodes->refused);
    (void)pthread_mutex_unlock(&nodes->lock);
    if (node != NULL)
        atomic_store(&node->listed_ms, map_now(nodes).ms);
    if (node != NULL || !room || node_create(nodes, at, &fresh) != MS_OK)
        return node;
    (void)pthread_mutex_lock(&nodes->lock);
    node = lend(insert_locked(nodes, fresh, &unused));
    (void)pthread_mutex_unlock(&nodes->lock);
    node_destroy(unused);
    watch_wake(nodes->watch);
    return node;
}

void
map_refresh(struct redis_nodes *nodes)
{
    if (nodes->where.layout == REDIS_SINGLE)
        return;
    atomic_store(&nodes->refresh, true);
    watch_wake(nodes->watch);
}

static void
count_owned_locked(struct redis_nodes *nodes)
{
    nodes->owned = 0;
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        nodes->owned += nodes->owner[slot] != NULL;
}

void
map_moved(struct redis_nodes *nodes, unsigned slot, struct redis_node *node)
{
    bool listed = node == NULL;

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = 0; i < nodes->n && !listed; i++)
        listed = nodes->node[i] == node;
    if (listed) {
        nodes->owned += (unsigned)(node != NULL);
        nodes->owned -= (unsigned)(nodes->owner[slot] != NULL);
        nodes->owner[slot] = node;
    }
    (void)pthread_mutex_unlock(&nodes->lock);
    map_refresh(nodes);
}

/* Take the Ith from the map.  False: there is no room for it yet. */
static bool
drop_locked(struct redis_nodes *nodes, size_t i)
{
    struct redis_node *node = nodes->node[i];

    if (!retire_locked(nodes, node))
        return false;
    atomic_store(&node->usable, false);
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        if (nodes->owner[slot] == node)
            nodes->owner[slot] = NULL;
    nodes->node[i] = nodes->node[--nodes->n];
    count_owned_locked(nodes);
    return true;
}

static void
set_owners(struct redis_nodes *nodes, const struct slots *slots,
           struct redis_node *const *node)
{
    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        nodes->owner[slot] = slots->owner[slot] == SLOTS_NOBODY
                                 ? NULL
                                 : node[slots->owner[slot]];
    count_owned_locked(nodes);
    (void)pthread_mutex_unlock(&nodes->lock);
}

static bool
is_listed(const struct slots *slots, const struct redis_node *node)
{
    for (size_t i = 0; i < slots->n; i++)
        if (endpoint_same(&slots->node[i], &node->at))
            return true;
    return false;
}

void
map_set_slots(struct redis_nodes *nodes, const struct slots *slots,
              struct mono before)
{
    struct redis_node *node[SLOTS_NODES];

    for (size_t i = 0; i < slots->n; i++)
        node[i] = map_find(nodes, &slots->node[i]);
    set_owners(nodes, slots, node);
    for (size_t i = 0; i < slots->n; i++)
        if (node[i] != NULL)
            node_unref(node[i]);
    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = nodes->n; i-- > 0;)
        if (is_listed(slots, nodes->node[i]))
            nodes->node[i]->owns = true;
        else if (nodes->node[i]->owns ||
                 atomic_load(&nodes->node[i]->listed_ms) < before.ms)
            (void)drop_locked(nodes, i);
    (void)pthread_mutex_unlock(&nodes->lock);
}

void
map_set_master(struct redis_nodes *nodes, const struct endpoint *at)
{
    struct redis_node *master;

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = nodes->n; i-- > 0;)
        if (!endpoint_same(&nodes->node[i]->at, at))
            (void)drop_locked(nodes, i);
    (void)pthread_mutex_unlock(&nodes->lock);
    master = map_find(nodes, at);
    if (master != NULL)
        node_unref(master);
}

void
map_clear(struct redis_nodes *nodes)
{
    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = nodes->n; i-- > 0;)
        (void)drop_locked(nodes, i);
    (void)pthread_mutex_unlock(&nodes->lock);
}

struct search {
    const struct redis_nodes *nodes;
    const struct redis_node *node;
};

static bool
is_ours(void *arg, unsigned slot)
{
    const struct search *search = arg;

    return search->nodes->owner[slot] == search->node;
}

void
map_tag(struct redis_nodes *nodes, struct redis_node *node)
{
    struct search search = {nodes, node};
    bool found = false;

    if (nodes->where.layout != REDIS_CLUSTER)
        return;
    (void)pthread_mutex_lock(&nodes->lock);
    if (node->tag[0] != '\0')
        found = is_ours(&search, redis_slot(node->tag, strlen(node->tag)));
    for (unsigned slot = 0; slot < REDIS_SLOTS && !found; slot++)
        if (is_ours(&search, slot))
            found = slots_tag(is_ours, &search, node->tag);
    if (!found)
        node->tag[0] = '\0';
    (void)pthread_mutex_unlock(&nodes->lock);
}

/* One that nobody holds any more, or NULL. */
static struct redis_node *
take_retired(struct redis_nodes *nodes)
{
    struct redis_node *node = NULL;

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = 0; i < nodes->n_retired && node == NULL; i++) {
        if (atomic_load_explicit(&nodes->retired[i]->refs,
                                 memory_order_acquire) > 0)
            continue;
        node = nodes->retired[i];
        nodes->retired[i] = nodes->retired[--nodes->n_retired];
    }
    (void)pthread_mutex_unlock(&nodes->lock);
    return node;
}

void
map_sweep(struct redis_nodes *nodes)
{
    struct redis_node *node;

    while ((node = take_retired(nodes)) != NULL) {
        struct link_stats stats;

        redis_link_stats(node->link, &stats);
        (void)pthread_mutex_lock(&nodes->lock);
        nodes->past_commands += stats.commands;
        (void)pthread_mutex_unlock(&nodes->lock);
        node_destroy(node);
    }
}

bool
map_is_whole(struct redis_nodes *nodes)
{
    bool whole;

    (void)pthread_mutex_lock(&nodes->lock);
    whole = nodes->n > 0 && (nodes->where.layout != REDIS_CLUSTER ||
                             nodes->owned == REDIS_SLOTS);
    (void)pthread_mutex_unlock(&nodes->lock);
    return whole;
}

bool
map_is_up(struct redis_nodes *nodes)
{
    bool up = map_is_whole(nodes) && !atomic_load(&nodes->refused);
    struct redis_node *node;

    for (size_t i = 0; up && (node = map_at(nodes, i)) != NULL; i++) {
        up = atomic_load(&node->usable);
        node_unref(node);
    }
    return up;
}
