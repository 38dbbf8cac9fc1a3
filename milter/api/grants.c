/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/grants.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME = 64, MEMBERS = 1 << 18 };

static const unsigned everything = API_READ | API_RESET | API_RELEASE | API_ALL;

struct grant {
    char name[NAME];
    bool known;
    gid_t gid;
    unsigned may;
};

struct grants {
    pthread_mutex_t lock; /* guards the rest */
    struct grant *list;
    size_t n;
    int64_t minute; /* in which TOLD refusals were told */
    unsigned told;
};

enum ms_err
grants_create(struct grants **out)
{
    struct grants *grants = calloc(1, sizeof(*grants));

    if (grants == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&grants->lock, NULL);
    *out = grants;
    return MS_OK;
}

void
grants_destroy(struct grants *grants)
{
    if (grants == NULL)
        return;
    (void)pthread_mutex_destroy(&grants->lock);
    free(grants->list);
    free(grants);
}

/* BUF has room for a group with thousands of members. */
static void
look_up(const struct api_group *group, char *buf, struct grant *out)
{
    struct group entry;
    struct group *found = NULL;

    (void)snprintf(out->name, sizeof(out->name), "%.63s", group->name);
    out->may = (group->may & API_ALL) != 0 ? everything : group->may;
    out->known = getgrnam_r(group->name, &entry, buf, MEMBERS, &found) == 0 &&
                 found != NULL;
    out->gid = out->known ? entry.gr_gid : (gid_t)-1;
}

enum ms_err
grants_set(struct grants *grants, const struct config *config,
           void (*missing)(void *arg, const char *group), void *arg)
{
    size_t n = config->api.n_groups;
    struct grant *list = calloc(n + 1, sizeof(*list)), *old;
    char *buf = malloc(MEMBERS);

    if (list == NULL || buf == NULL) {
        free(list);
        free(buf);
        return MS_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        look_up(config->api.groups[i], buf, &list[i]);
        if (!list[i].known)
            missing(arg, list[i].name);
    }
    free(buf);
    (void)pthread_mutex_lock(&grants->lock);
    old = grants->list;
    grants->list = list;
    grants->n = n;
    (void)pthread_mutex_unlock(&grants->lock);
    free(old);
    return MS_OK;
}

unsigned
grants_of(struct grants *grants, const struct peer *peer)
{
    unsigned may = 0;

    if (peer->tcp)
        return API_READ;
    if (peer_is_ours(peer))
        return everything;
    (void)pthread_mutex_lock(&grants->lock);
    for (size_t i = 0; i < grants->n; i++) {
        const struct grant *grant = &grants->list[i];

        if (grant->known && peer_has(peer, grant->gid))
            may |= grant->may;
    }
    (void)pthread_mutex_unlock(&grants->lock);
    return may;
}

bool
grants_tell(struct grants *grants, struct mono now)
{
    int64_t minute = now.ms / 60000;
    bool may;

    (void)pthread_mutex_lock(&grants->lock);
    if (minute != grants->minute)
        grants->told = 0;
    grants->minute = minute;
    may = grants->told < GRANTS_TOLD;
    grants->told += may;
    (void)pthread_mutex_unlock(&grants->lock);
    return may;
}

size_t
grants_missing(struct grants *grants, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    (void)pthread_mutex_lock(&grants->lock);
    for (size_t i = 0; i < grants->n; i++) {
        if (grants->list[i].known)
            continue;
        if (n++ == 0)
            (void)snprintf(out, size, "%s", grants->list[i].name);
    }
    (void)pthread_mutex_unlock(&grants->lock);
    return n;
}
