/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/links.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/api/peer.h"
#include "milter/api/server.h"
#include "milter/now.h"

struct api_link {
    struct api_link *next, **at;
    struct api_links *links;
    int fd;
    bool tcp;
    uid_t uid; /* of a Unix socket's */
    enum api_link_state state;
    int64_t since_ms; /* when that began */
};

struct api_links {
    pthread_mutex_t lock; /* guards the rest, and what all links have */
    struct api_link *first;
};

enum ms_err
api_links_create(struct api_links **out)
{
    struct api_links *links = calloc(1, sizeof(*links));

    if (links == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&links->lock, NULL);
    *out = links;
    return MS_OK;
}

void
api_links_destroy(struct api_links *links)
{
    if (links != NULL)
        (void)pthread_mutex_destroy(&links->lock);
    free(links);
}

/* Does LINK's user, neither root nor ours, have all it may have? */
static bool
is_crowded_locked(const struct api_links *links, const struct api_link *link)
{
    unsigned n = 0;

    if (link->tcp || link->uid == 0 || link->uid == geteuid())
        return false;
    for (const struct api_link *at = links->first; at != NULL; at = at->next)
        n += !at->tcp && at->uid == link->uid;
    return n >= API_LINKS_A_PEER;
}

struct api_link *
api_link_begin(struct api_links *links, int fd, bool tcp)
{
    struct api_link *link = calloc(1, sizeof(*link));
    bool crowded;

    if (link == NULL)
        return NULL;
    link->links = links;
    link->fd = fd;
    link->tcp = tcp;
    link->uid = (uid_t)-1;
    link->since_ms = now_read().mono.ms;
    if (!tcp)
        (void)peer_uid(fd, &link->uid);
    (void)pthread_mutex_lock(&links->lock);
    crowded = is_crowded_locked(links, link);
    link->next = links->first;
    link->at = &links->first;
    if (link->next != NULL)
        link->next->at = &link->next;
    links->first = link;
    (void)pthread_mutex_unlock(&links->lock);
    if (crowded)
        (void)shutdown(fd, SHUT_RDWR);
    return link;
}

void
api_link_end(struct api_link *link)
{
    struct api_links *links;

    if (link == NULL)
        return;
    links = link->links;
    (void)pthread_mutex_lock(&links->lock);
    *link->at = link->next;
    if (link->next != NULL)
        link->next->at = link->at;
    (void)pthread_mutex_unlock(&links->lock);
    free(link);
}

int
api_link_fd(const struct api_link *link)
{
    return link->fd;
}

void
api_link_mark(struct api_link *link, enum api_link_state state)
{
    if (link == NULL)
        return;
    (void)pthread_mutex_lock(&link->links->lock);
    link->state = state;
    link->since_ms = now_read().mono.ms;
    (void)pthread_mutex_unlock(&link->links->lock);
}

void
api_links_tick(struct api_links *links, struct mono now)
{
    (void)pthread_mutex_lock(&links->lock);
    for (struct api_link *link = links->first; link != NULL;
         link = link->next) {
        if (link->state == API_LINK_IDLE &&
            now.ms - link->since_ms >= (int64_t)API_WHOLE_S * 1000)
            (void)shutdown(link->fd, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&links->lock);
}
