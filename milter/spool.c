/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/spool.h"

#include <errno.h>
#include <limits.h>
#include <paths.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "milter/now.h"

enum {
    NAP_MS = 10,   /* lines that come together are written together */
    END_MS = 1000, /* for what is left at the end */
    HEAD = 3       /* of a line: its length (2) and its level */
};

struct spool {
    pthread_mutex_t lock; /* guards all up to STARTED */
    pthread_cond_t wake;  /* for the writer */
    pthread_cond_t ended;
    struct spool_target target;
    char *fill; /* lines come here */
    size_t filled, size;
    uint64_t dropped;     /* not told yet */
    uint64_t dropped_all; /* since the start */
    bool sleeping;        /* the writer waits for a line */
    bool napping;         /* ... for more lines to come */
    bool stop, gone;
    bool started;

    /* The writer's own. */
    pthread_t thread;
    char *drain;
    int sock;
    uint64_t lost;              /* in this batch */
    _Atomic int64_t stop_by_us; /* 0: no hurry */
};

static bool
out_of_time(struct spool *spool)
{
    int64_t by = atomic_load(&spool->stop_by_us);

    return by != 0 && now_us() >= by;
}

/* Wait until FD takes something; false at the end of our time. */
static bool
writable(struct spool *spool, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    for (;;) {
        int n = poll(&p, 1, 100);

        if (n > 0)
            return (p.revents & POLLNVAL) == 0;
        if (n < 0 && errno != EINTR)
            return false;
        if (out_of_time(spool))
            return false;
    }
}

static bool
is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool
write_all(struct spool *spool, int fd, const char *bytes, size_t len)
{
    bool file = is_file(fd); /* which takes all there is room for */

    while (len > 0) {
        /* A pipe that poll() calls writable takes PIPE_BUF at once. */
        size_t some = file || len < PIPE_BUF ? len : PIPE_BUF;
        ssize_t n;

        if (!file && !writable(spool, fd))
            return false;
        n = write(fd, bytes, some);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return true;
}

static int
syslog_connect(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd;

    if (path == NULL)
        path = _PATH_LOG;
    if (strlen(path) >= sizeof(addr.sun_path))
        return -1;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void
syslog_close(struct spool *spool)
{
    if (spool->sock >= 0)
        (void)close(spool->sock);
    spool->sock = -1;
}

/* One datagram, over a new socket if syslogd has been restarted. */
static bool
syslog_send(struct spool *spool, const char *path, const char *bytes,
            size_t len)
{
    for (int tries = 0; tries < 2;) {
        if (spool->sock < 0)
            spool->sock = syslog_connect(path);
        if (spool->sock < 0)
            return false;
        if (send(spool->sock, bytes, len, MSG_NOSIGNAL) >= 0)
            return true;
        if (errno == EAGAIN || errno == ENOBUFS) {
            if (!writable(spool, spool->sock))
                return false;
            continue;
        }
        if (errno != EINTR) {
            syslog_close(spool);
            tries++;
        }
    }
    return false;
}

/* "Nov 22 08:13:00 mortsafe[99]", as RFC 3164 wants it: local time. */
static void
syslog_stamp(char *out, size_t size)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                       "May", "Jun", "Jul", "Aug",
                                       "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)now_read().wall.s;
    struct tm tm = {0};

    (void)localtime_r(&t, &tm);
    (void)snprintf(out, size, "%s %2d %02d:%02d:%02d mortsafe[%ld]",
                   months[(unsigned)tm.tm_mon % 12], tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec, (long)getpid());
}

struct parcel {
    int level;
    const char *line;
    size_t len;
};

/* The line at *AT of LEN bytes at BATCH; false behind the last. */
static bool
next_line(const char *batch, size_t len, size_t *at, struct parcel *out)
{
    const unsigned char *head = (const unsigned char *)batch + *at;

    if (*at >= len)
        return false;
    out->len = (size_t)(head[0] | head[1] << 8);
    out->level = head[2];
    out->line = batch + *at + HEAD;
    *at += HEAD + out->len;
    return true;
}

static void
write_syslog(struct spool *spool, const struct spool_target *target,
             const char *batch, size_t len)
{
    char stamp[64], text[4096];
    struct parcel p;
    size_t at = 0;

    syslog_stamp(stamp, sizeof(stamp));
    while (next_line(batch, len, &at, &p)) {
        int n = snprintf(text, sizeof(text), "<%d>%s: %.*s",
                         target->facility | p.level, stamp, (int)p.len, p.line);

        if (n < 0 || !syslog_send(spool, target->syslog, text,
                                  (size_t)n < sizeof(text) ? (size_t)n
                                                           : sizeof(text) - 1))
            spool->lost++;
    }
}

/* The lines alone, each with a newline, moved together in place. */
static void
write_stderr(struct spool *spool, const struct spool_target *target,
             char *batch, size_t len)
{
    struct parcel p;
    size_t at = 0, n = 0, lines = 0;

    while (next_line(batch, len, &at, &p)) {
        memmove(batch + n, p.line, p.len);
        n += p.len;
        batch[n++] = '\n';
        lines++;
    }
    if (!write_all(spool, target->fd, batch, n))
        spool->lost += lines;
}

static void
write_batch(struct spool *spool, const struct spool_target *target, char *batch,
            size_t len)
{
    bool to_fd = target->to == LOG_TO_STDERR;

    if (!to_fd && spool->sock < 0)
        spool->sock = syslog_connect(target->syslog);
    if (!to_fd && spool->sock < 0)
        to_fd = target->or_stderr;
    if (to_fd)
        write_stderr(spool, target, batch, len);
    else
        write_syslog(spool, target, batch, len);
}

static size_t
put_line(char *at, int level, const char *line, size_t len)
{
    at[0] = (char)(len & 0xff);
    at[1] = (char)(len >> 8 & 0xff);
    at[2] = (char)level;
    memcpy(at + HEAD, line, len);
    return HEAD + len;
}

static void
tell_dropped(struct spool *spool, const struct spool_target *target,
             uint64_t dropped)
{
    char text[80], batch[HEAD + 80 + 1];
    int n = snprintf(text, sizeof(text), "log: lines dropped: %llu",
                     (unsigned long long)dropped);

    if (n > 0)
        write_batch(spool, target, batch,
                    put_line(batch, LOG_WARNING, text, (size_t)n));
}

/* Write what has come; the lock is given up meanwhile. */
static void
write_out_locked(struct spool *spool)
{
    struct spool_target target = spool->target;
    uint64_t dropped = spool->dropped;
    size_t len = spool->filled;
    char *batch = spool->fill;

    spool->fill = spool->drain;
    spool->drain = batch;
    spool->filled = 0;
    spool->dropped = 0;
    spool->lost = 0;
    (void)pthread_mutex_unlock(&spool->lock);

    if (dropped > 0)
        tell_dropped(spool, &target, dropped);
    write_batch(spool, &target, batch, len);

    (void)pthread_mutex_lock(&spool->lock);
    spool->dropped += spool->lost;
    spool->dropped_all += spool->lost;
}

static void
nap_locked(struct spool *spool)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += NAP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    spool->napping = true;
    while (!spool->stop && spool->filled < spool->size / 2) {
        if (pthread_cond_timedwait(&spool->wake, &spool->lock, &until) != 0)
            break;
    }
    spool->napping = false;
}

static void *
writer(void *arg)
{
    struct spool *spool = arg;

    (void)pthread_mutex_lock(&spool->lock);
    for (;;) {
        spool->sleeping = true;
        while (!spool->stop && spool->filled == 0)
            (void)pthread_cond_wait(&spool->wake, &spool->lock);
        spool->sleeping = false;
        if (spool->filled == 0)
            break;
        nap_locked(spool);
        write_out_locked(spool);
    }
    spool->gone = true;
    (void)pthread_cond_signal(&spool->ended);
    (void)pthread_mutex_unlock(&spool->lock);
    return NULL;
}

enum ms_err
spool_create(const struct spool_target *target, size_t size, struct spool **out)
{
    struct spool *spool;
    pthread_condattr_t attr;

    if (size < 4096)
        return MS_INVALID;
    spool = calloc(1, sizeof(*spool));
    if (spool == NULL)
        return MS_NOMEM;
    spool->fill = malloc(size);
    spool->drain = malloc(size);
    if (spool->fill == NULL || spool->drain == NULL) {
        free(spool->fill);
        free(spool->drain);
        free(spool);
        return MS_NOMEM;
    }
    spool->target = *target;
    spool->size = size;
    spool->sock = -1;
    (void)pthread_mutex_init(&spool->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&spool->wake, &attr);
    (void)pthread_cond_init(&spool->ended, &attr);
    (void)pthread_condattr_destroy(&attr);
    *out = spool;
    return MS_OK;
}

enum ms_err
spool_start(struct spool *spool)
{
    if (pthread_create(&spool->thread, NULL, writer, spool) != 0)
        return MS_UNAVAIL;
    spool->started = true;
    return MS_OK;
}

void
spool_aim(struct spool *spool, const struct spool_target *target)
{
    (void)pthread_mutex_lock(&spool->lock);
    spool->target = *target;
    (void)pthread_mutex_unlock(&spool->lock);
}

void
spool_add(struct spool *spool, int level, const char *line, size_t len)
{
    bool wake;

    if (len > UINT16_MAX)
        len = UINT16_MAX;
    (void)pthread_mutex_lock(&spool->lock);
    if (HEAD + len <= spool->size - spool->filled) {
        spool->filled +=
            put_line(spool->fill + spool->filled, level, line, len);
    } else {
        spool->dropped++;
        spool->dropped_all++;
    }
    wake =
        spool->sleeping || (spool->napping && spool->filled >= spool->size / 2);
    spool->sleeping = false;
    (void)pthread_mutex_unlock(&spool->lock);
    if (wake)
        (void)pthread_cond_signal(&spool->wake);
}

uint64_t
spool_dropped(struct spool *spool)
{
    uint64_t n;

    (void)pthread_mutex_lock(&spool->lock);
    n = spool->dropped_all;
    (void)pthread_mutex_unlock(&spool->lock);
    return n;
}

/* True if the writer has ended in time. */
static bool
end_writer(struct spool *spool)
{
    struct timespec until;
    bool gone;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += END_MS / 1000 + 1;
    (void)pthread_mutex_lock(&spool->lock);
    spool->stop = true;
    (void)pthread_cond_signal(&spool->wake);
    while (!spool->gone &&
           pthread_cond_timedwait(&spool->ended, &spool->lock, &until) == 0)
        continue;
    gone = spool->gone;
    (void)pthread_mutex_unlock(&spool->lock);
    return gone;
}

void
spool_destroy(struct spool *spool)
{
    if (spool == NULL)
        return;
    atomic_store(&spool->stop_by_us, now_us() + END_MS * 1000);
    if (spool->started) {
        if (!end_writer(spool)) {
            (void)pthread_detach(spool->thread);
            return;
        }
        (void)pthread_join(spool->thread, NULL);
    }
    (void)pthread_mutex_lock(&spool->lock);
    if (spool->filled > 0)
        write_out_locked(spool);
    (void)pthread_mutex_unlock(&spool->lock);
    syslog_close(spool);
    (void)pthread_cond_destroy(&spool->ended);
    (void)pthread_cond_destroy(&spool->wake);
    (void)pthread_mutex_destroy(&spool->lock);
    free(spool->fill);
    free(spool->drain);
    free(spool);
}
