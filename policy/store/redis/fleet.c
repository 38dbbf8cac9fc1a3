/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/fleet.c - the hosts that share a store.
 *
 * An hour is an hour in which heartbeats were heard: after an outage of two
 * the others have not gone, they only could not say so.  It is kept as the
 * greatest number of each of its minutes.
 */
#include <config.h>

#include "policy/store/redis/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MINUTES = FLEET_HOUR_S / 60,
    HOSTS_MAX = 100000, /* what a file may say */
    LINE = 32
};

struct fleet {
    char *path, *draft; /* NULL: none */
    unsigned least;

    pthread_mutex_t lock; /* guards all below; a leaf */
    unsigned most[MINUTES];
    unsigned minute;   /* the one that is now */
    int64_t passed_ms; /* of it */
    struct mono heard;
    bool any;      /* has anything been heard? */
    unsigned kept; /* in the file */
    uint8_t form;  /* the lowest of all live hosts */
    size_t n;
    struct store_host host[STORE_NODES];
};

/* ----- the file: "hosts 3" and a newline */

static unsigned
read_number(const char *path)
{
    char line[LINE + 1];
    char *end = line;
    unsigned long n = 0;
    ssize_t len = -1;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        len = read(fd, line, LINE);
    close(fd);
    if (len <= (ssize_t)strlen("hosts "))
        return 0;
    line[len] = '\0';
    if (strncmp(line, "hosts ", strlen("hosts ")) == 0 &&
        strspn(line + strlen("hosts "), "0123456789") > 0)
        n = strtoul(line + strlen("hosts "), &end, 10);
    return *end == '\n' && end[1] == '\0' && n <= HOSTS_MAX ? (unsigned)n : 0;
}

/* Whole or not at all.  Not being able to is no misfortune: it is tried again
 * when the number changes. */
static bool
write_number(const struct fleet *fleet, unsigned n)
{
    char line[LINE];
    int len = snprintf(line, sizeof(line), "hosts %u\n", n);
    bool ok;
    int fd;

    unlink(fleet->draft);
    fd = open(fleet->draft,
              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    ok = write(fd, line, (size_t)len) == len && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && rename(fleet->draft, fleet->path) == 0;
    if (!ok)
        unlink(fleet->draft);
    return ok;
}

/* ----- */

static enum ms_err
take_path(struct fleet *fleet, const char *path)
{
    size_t size = strlen(path) + sizeof(".new");

    fleet->path = strdup(path);
    fleet->draft = malloc(size);
    if (fleet->path == NULL || fleet->draft == NULL)
        return MS_NOMEM;
    (void)snprintf(fleet->draft, size, "%s.new", path);
    fleet->kept = fleet->most[0] = read_number(path);
    return MS_OK;
}

enum ms_err
fleet_create(const char *path, unsigned least, struct fleet **out)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    if (fleet == NULL)
        return MS_NOMEM;
    if (pthread_mutex_init(&fleet->lock, NULL) != 0) {
        free(fleet);
        return MS_NOMEM;
    }
    fleet->least = least > 0 ? least : 1;
    if (path != NULL && take_path(fleet, path) != MS_OK) {
        fleet_destroy(fleet);
        return MS_NOMEM;
    }
    *out = fleet;
    return MS_OK;
}

void
fleet_destroy(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    pthread_mutex_destroy(&fleet->lock);
    free(fleet->path);
    free(fleet->draft);
    free(fleet);
}

static unsigned
most_of_hour(const struct fleet *fleet)
{
    unsigned most = 0;

    for (unsigned i = 0; i < MINUTES; i++)
        if (fleet->most[i] > most)
            most = fleet->most[i];
    return most;
}

/* Time passes only between two heartbeats that were both heard. */
static void
pass(struct fleet *fleet, struct mono now)
{
    int64_t ms = now.ms - fleet->heard.ms;

    if (fleet->any && ms > 0)
        fleet->passed_ms += ms < 60000 ? ms : 60000;
    for (; fleet->passed_ms >= 60000; fleet->passed_ms -= 60000) {
        fleet->minute = (fleet->minute + 1) % MINUTES;
        fleet->most[fleet->minute] = 0;
    }
    fleet->any = true;
    fleet->heard = now;
}

/* Who is alive among those heard: how many, and the lowest form. */
static unsigned
count_alive(struct fleet *fleet)
{
    unsigned alive = 0;

    fleet->form = UINT8_MAX;
    for (size_t i = 0; i < fleet->n; i++) {
        const struct store_host *host = &fleet->host[i];

        if (host->seen_s > FLEET_ALIVE_S)
            continue;
        alive++;
        if (host->form > 0 && host->form < fleet->form)
            fleet->form = host->form;
    }
    return alive;
}

void
fleet_heard(struct fleet *fleet, const struct store_host *hosts, size_t n,
            struct mono now)
{
    unsigned alive, most, kept;

    pthread_mutex_lock(&fleet->lock);
    fleet->n = n < STORE_NODES ? n : STORE_NODES;
    memcpy(fleet->host, hosts, fleet->n * sizeof(hosts[0]));
    pass(fleet, now);
    alive = count_alive(fleet);
    if (alive > fleet->most[fleet->minute])
        fleet->most[fleet->minute] = alive;
    most = most_of_hour(fleet);
    kept = fleet->kept;
    fleet->kept = most;
    pthread_mutex_unlock(&fleet->lock);
    /* one thread hears; the disk is waited for without the lock */
    if (fleet->path != NULL && most != kept && !write_number(fleet, most)) {
        pthread_mutex_lock(&fleet->lock);
        fleet->kept = kept;
        pthread_mutex_unlock(&fleet->lock);
    }
}

unsigned
fleet_hosts(struct fleet *fleet, struct mono now)
{
    unsigned most;

    (void)now; /* while nothing is heard, as it was */
    pthread_mutex_lock(&fleet->lock);
    most = most_of_hour(fleet);
    pthread_mutex_unlock(&fleet->lock);
    return most > fleet->least ? most : fleet->least;
}

uint8_t
fleet_form(struct fleet *fleet, uint8_t ours)
{
    uint8_t form;

    pthread_mutex_lock(&fleet->lock);
    form = fleet->any && fleet->form < ours ? fleet->form : ours;
    /* nobody has been heard yet: somebody may be one behind */
    if (!fleet->any && ours > 1)
        form = (uint8_t)(ours - 1);
    pthread_mutex_unlock(&fleet->lock);
    return form;
}

void
fleet_stats(struct fleet *fleet, struct store_shared *out)
{
    pthread_mutex_lock(&fleet->lock);
    out->n_hosts = fleet->n;
    memcpy(out->host, fleet->host, fleet->n * sizeof(out->host[0]));
    pthread_mutex_unlock(&fleet->lock);
}
