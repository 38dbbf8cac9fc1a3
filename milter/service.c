/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/service.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "milter/api/desk.h"
#include "milter/api/server.h"
#include "milter/callbacks.h"
#include "milter/compat.h"
#include "milter/connect.h"
#include "milter/daemon.h"
#include "milter/detach.h"
#include "milter/journal.h"
#include "milter/lookup/lookup.h"
#include "milter/notice/notice.h"
#include "milter/notify.h"
#include "milter/now.h"
#include "milter/open_store.h"
#include "milter/pidfile.h"
#include "milter/reload.h"
#include "milter/self.h"
#include "milter/socket.h"
#include "milter/status.h"
#include "milter/step.h"
#include "policy/store/denials.h"
#include "policy/store/redis.h"

enum {
    DRAIN_MS = 5500,   /* callbacks in flight; each has 5 s from its start */
    LINGER_MS = 100,   /* for libmilter to write their answers */
    STOP_MS = 6000,    /* for libmilter to end, once it was told to */
    LOOK_AGAIN_S = 1,  /* whether it has */
    STUCK_MS = 10000,  /* a callback that takes longer is stuck */
    STATUS_MS = 10000, /* between two STATUS= lines */
    FIRST_MS = 1000,   /* that the start gives to a shared store, at most */
    LOOK_MS = 500,     /* between two looks whether it has come later */
    WAKE_MS = 50,      /* between two of libmilter's listener */
    BACKLOG_MAX = 1024
};

/* Everything of the process; zero is "not made yet". */
struct service {
    const struct service_options *options;
    struct identity who;
    struct config *config; /* until the daemon owns it */
    struct detach detach;
    char *socket; /* as written; SPEC points into it */
    struct socket_spec spec;
    int lock;               /* of the socket */
    _Atomic bool listening; /* and libmilter will not remove a local socket */
    struct reload reload;
    struct journal *journal;
    struct lookup *lookup;
    struct self *self;
    struct open_store opened;        /* what the store borrows; its `store` only
                                        until the daemon owns it */
    _Atomic(struct store *) denials; /* above a shared store; NULL: none */
    struct daemon *daemon;
    char host[HOST_NAME_MAX + 1];
    struct desk desk;
    pthread_mutex_t reloading; /* held by who reads the configuration again */
    pthread_mutex_t news;      /* guards the next two against those who call
                                  them while we end */
    struct clerk *clerk;       /* NULL: not made yet, or gone */
    struct api *api;           /* the same */
    struct api_sockets sockets;
    struct notify notify;
    pthread_t keeper, signaller, looker;
    _Atomic bool has_keeper, has_signaller, has_looker;
    _Atomic bool serving;  /* libmilter has begun */
    _Atomic bool stopping; /* libmilter is to end */
    _Atomic bool leaving;  /* somebody cleans up */
    _Atomic bool ending;   /* our threads are */
};

/* ----- the configuration */

static void
print_error(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", line);
}

static void
print_warning(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "warning: %s\n", line);
}

static void
ignore_line(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static void complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void
complain(const char *format, ...)
{
    va_list args;

    (void)fputs("mortsafe: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* Whom root is to become: -u, or what the file says, which root reads for
 * that alone and without a word. */
static enum ms_err
find_user(const struct service_options *options, struct identity *who,
          struct why *why)
{
    const struct config_report quiet = {ignore_line, ignore_line, NULL};
    struct config *config = NULL;
    enum ms_err err;

    if (options->user != NULL)
        return identity_find(options->user, who, why);
    if (config_load(options->path, now_read().wall, &quiet, &config) != MS_OK)
        return identity_find("mortsafe", who, why);
    err = config->user != NULL && config->user[0] != '\0'
              ? identity_find(config->user, who, why)
              : why_set(why, MS_INVALID, "user = \"\": name one, or use -u");
    config_destroy(config);
    return err;
}

static int
find_identity(const struct service_options *options, enum service_need need,
              struct identity *who)
{
    struct why why;

    *who = identity_own();
    if (identity_is_root()) {
        struct identity found = *who;

        if (find_user(options, &found, &why) == MS_OK) {
            *who = found;
            return EX_OK;
        }
        complain("%s%s (create it, or name another with -u)",
                 need == SERVICE_MAY ? "warning: " : "", why.text);
        return need == SERVICE_MAY ? EX_OK : EX_NOUSER;
    }
    if (options->user != NULL) {
        struct identity other;

        if (identity_find(options->user, &other, &why) != MS_OK ||
            other.uid != who->uid) {
            complain("-u %s: only root can become somebody else",
                     options->user);
            return EX_NOPERM;
        }
    }
    return EX_OK;
}

int
service_read(const struct service_options *options, enum service_need need,
             struct identity *who, struct config **config)
{
    const struct config_report report = {print_error, print_warning, NULL};
    struct why why;
    int code = find_identity(options, need, who);
    enum ms_err err;

    if (code != EX_OK)
        return code;
    if (identity_borrow(who, &why) != MS_OK) {
        complain("%s", why.text);
        return EX_NOPERM;
    }
    err = config_load(options->path, now_read().wall, &report, config);
    if (err == MS_OK && !notice_check(*config, print_error, NULL)) {
        config_destroy(*config);
        *config = NULL;
        err = MS_INVALID;
    }
    if (identity_back(who, &why) != MS_OK) {
        complain("%s", why.text);
        return EX_OSERR;
    }
    return err == MS_OK ? EX_OK : err == MS_NOMEM ? EX_OSERR : EX_CONFIG;
}

/* ----- the start */

/* An absolute name for the configuration, which a reload will need when we
 * stand in another folder. */
static enum ms_err
read_path(struct service *service, char **absolute)
{
    const char *path = service->options->path;

    service->reload.path = path;
    if (service->options->foreground || path[0] == '/')
        return MS_OK;
    *absolute = realpath(path, NULL);
    if (*absolute == NULL) {
        struct why why;

        (void)why_errno(&why, MS_UNAVAIL, path);
        complain("%s", why.text);
        return MS_UNAVAIL;
    }
    service->reload.path = *absolute;
    return MS_OK;
}

static int
listen_on(struct service *service)
{
    const struct config *config = service->config;
    const char *text = service->socket;
    const char *group = config->socket_group;
    uid_t owner = service->who.change ? service->who.uid : (uid_t)-1;
    struct socket_access access = {
        .mode = config->socket_mode,
        .group = group != NULL && group[0] != '\0' ? group : NULL,
        .gid = service->who.change ? service->who.gid : (gid_t)-1,
        .owner = owner,
    };
    int backlog =
        config->sessions < BACKLOG_MAX ? (int)config->sessions : BACKLOG_MAX;
    struct why why, warning;
    enum ms_err err;

    err = socket_parse(text, &service->spec, &why);
    if (err != MS_OK) {
        complain("%s", why.text);
        return EX_CONFIG;
    }
    err = socket_claim(&service->spec, owner, &service->lock, &why);
    if (err == MS_OK && smfi_register(callbacks_describe()) != MI_SUCCESS)
        err = why_set(&why, MS_NOMEM, "libmilter refuses to work with us");
    if (err == MS_OK)
        err = socket_listen(text, &service->spec, &access, backlog, &warning,
                            &why);
    if (err != MS_OK) {
        complain("%s", why.text);
        return EX_UNAVAILABLE;
    }
    service->listening = true;
    if (warning.text[0] != '\0')
        complain("warning: %s", warning.text);
    return EX_OK;
}

/* Before the milter's: whoever sees that one finds this. */
static int
listen_for_api(struct service *service)
{
    uid_t owner = service->who.change ? service->who.uid : (uid_t)-1;
    struct why why;

    if (api_listen(service->config, owner, &service->sockets, &why) == MS_OK)
        return EX_OK;
    complain("%s", why.text);
    return EX_UNAVAILABLE;
}

static int
settle(struct service *service)
{
    struct why why;

    if (pidfile_write(service->options->pidfile, &why) != MS_OK) {
        complain("%s", why.text);
        return EX_CANTCREAT;
    }
    if (identity_become(&service->who, &why) != MS_OK) {
        complain("%s", why.text);
        return EX_NOPERM;
    }
    return EX_OK;
}

static struct store_time
store_now(void *arg)
{
    (void)arg;
    return now_read();
}

static void
store_tells(void *arg, enum ms_err err, const char *text)
{
    journal_say(arg, err == MS_OK ? LOG_NOTICE : LOG_ERR, "store: %s", text);
}

/* What others are told of us; from the store's threads. */
static void
describe(void *arg, struct store_host *out)
{
    const struct service *service = arg;

    self_get(service->self, out);
}

/* A subject has changed elsewhere; from the store's threads, also before the
 * layer is there. */
static void
changed(void *arg, const uint8_t *key)
{
    struct service *service = arg;
    struct store *denials = atomic_load(&service->denials);

    if (denials != NULL && key != NULL)
        store_denials_drop(denials, key);
    else if (denials != NULL)
        store_denials_clear(denials);
}

/* Something on the fleet's board has changed; from the store's threads. */
static void
board(void *arg)
{
    struct service *service = arg;

    (void)pthread_mutex_lock(&service->news);
    if (service->clerk != NULL)
        clerk_news(service->clerk);
    (void)pthread_mutex_unlock(&service->news);
}

static void
shared_key(const void *arg, const struct subject *subject,
           uint8_t key[DENIALS_KEY])
{
    sitekey_hash(arg, subject, key);
}

/* Give a shared store a moment, so that the first messages need not do without
 * it for nothing, and have refusals remembered above it. */
static enum ms_err
prepare_shared(struct service *service)
{
    const struct denials_keys keys = {shared_key, service->opened.key};
    unsigned wait_ms = service->config->store.deadline_ms;
    struct mono until = now_read().mono;
    struct store *layer;
    enum ms_err err;

    until.ms += wait_ms < FIRST_MS ? wait_ms : FIRST_MS;
    (void)store_redis_wait_up(service->opened.store, until);
    err = store_denials_create(service->opened.store, keys, &layer);
    if (err != MS_OK)
        return err;
    service->desk.shared = service->opened.store;
    service->desk.denials = layer;
    service->opened.store = layer;
    atomic_store(&service->denials, layer);
    return MS_OK;
}

static int
make_store(struct service *service)
{
    const struct config *config = service->config;
    const struct open_store_needs needs = {
        .use = OPEN_STORE_DAEMON,
        .clock = {.now = store_now},
        .events = {store_tells, service->journal},
        .describe = describe,
        .changed = changed,
        .board = board,
        .arg = service,
    };
    struct why why = {"no memory"};
    enum ms_err err = open_store(config, &needs, &service->opened, &why);

    service->desk.type = config->store.type;
    if (err == MS_OK && service->desk.type == STORE_REDIS)
        err = prepare_shared(service);
    if (err == MS_OK)
        return EX_OK;
    complain("store: %s", why.text);
    return err == MS_BUSY ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

static int
make_journal(struct service *service)
{
    const struct config *config = service->config;
    struct spool_target target = reload_target(&service->reload, config);
    char *host = service->host;

    (void)gethostname(host, HOST_NAME_MAX); /* "" will do */
    if (journal_create(&target, config->log.format,
                       reload_level(&service->reload, config), host,
                       &service->journal) == MS_OK &&
        self_create(host, &service->self) == MS_OK)
        return EX_OK;
    complain("no memory");
    return EX_OSERR;
}

/* Before there is a thread; and as who we stay, for as nobody else could we end
 * mortsafe-spf. */
static int
make_lookup(struct service *service)
{
    struct why why;

    if (lookup_create(service->config, service->journal, &service->lookup,
                      &why) == MS_OK)
        return EX_OK;
    complain("%s", why.text);
    return EX_OSERR;
}

static int
start_lookup(struct service *service)
{
    const struct config *config = daemon_config_get(service->daemon);
    struct why why;
    enum ms_err err = lookup_run(service->lookup, config, &why);

    daemon_config_put(service->daemon, config);
    if (err == MS_OK)
        return EX_OK;
    complain("%s", why.text);
    return err == MS_INVALID ? EX_CONFIG : EX_OSERR;
}

static int
make_daemon(struct service *service)
{
    struct pool *steps = NULL;
    int code;

    self_set(service->self, service->config);
    code = make_store(service);
    if (code != EX_OK)
        return code;
    if (pool_create(sizeof(struct step), &steps) != MS_OK ||
        daemon_create(service->config, service->opened.store, steps,
                      service->journal, &service->daemon) != MS_OK) {
        pool_destroy(steps);
        complain("no memory");
        return EX_OSERR;
    }
    service->config = NULL;
    service->opened.store = NULL;
    daemon_set_lookup(service->daemon, service->lookup);
    callbacks_serve(service->daemon);
    return EX_OK;
}

/* For the desk: the clock, and reading the configuration again. */
static enum ms_err reload(void *arg,
                          void (*line)(void *to, int level, const char *text),
                          void *to);

static bool
is_ready(void *arg)
{
    struct service *service = arg;

    return atomic_load(&service->serving) && !atomic_load(&service->stopping);
}

static int
make_desk(struct service *service)
{
    struct desk *desk = &service->desk;

    desk->daemon = service->daemon;
    desk->self = service->self;
    desk->path = service->reload.path;
    desk->host = service->host;
    desk->key = service->opened.key;
    desk->started_s = now_read().wall.s;
    desk->reload = reload;
    desk->ready = is_ready;
    desk->now = store_now;
    desk->arg = service;
    if (desk_open(desk) != MS_OK) {
        complain("no memory");
        return EX_OSERR;
    }
    (void)pthread_mutex_lock(&service->news);
    service->clerk = desk->clerk;
    (void)pthread_mutex_unlock(&service->news);
    return EX_OK;
}

static int
start_api(struct service *service)
{
    struct api *api = NULL;
    struct why why;

    if (service->sockets.left_out)
        journal_say(service->journal, LOG_NOTICE,
                    "api: there is no folder for %s, so mortsafectl cannot "
                    "ask; make the folder, or write api { socket = \"\" }",
                    RUNSTATEDIR "/mortsafe/api.sock");
    if (api_start(&service->desk, &service->sockets, &api, &why) != MS_OK) {
        complain("api: %s", why.text);
        return EX_OSERR;
    }
    (void)pthread_mutex_lock(&service->news);
    service->api = api;
    (void)pthread_mutex_unlock(&service->news);
    return EX_OK;
}

/* ----- threads */

/* How the daemon and its store are now. */
struct state {
    struct store_stats store;
    struct daemon_counts counts;
    struct status status;
};

static void
read_state(struct service *service, struct state *out)
{
    store_stats(daemon_store(service->daemon), &out->store);
    daemon_counts(service->daemon, &out->counts);
    out->status = (struct status){.now = now_read(),
                                  .type = service->desk.type,
                                  .store = &out->store,
                                  .counts = &out->counts};
}

static void
tell_status(struct service *service)
{
    const char *mode = mode_name(daemon_mode(service->daemon, now_read().wall));
    char store[STATUS_SHORT];
    struct state state;

    read_state(service, &state);
    notify_send(&service->notify,
                "STATUS=mode %s, %llu sessions, %llu messages accepted, "
                "%llu answers against, %llu would be, %s",
                mode, (unsigned long long)state.counts.sessions,
                (unsigned long long)state.counts.accepted,
                (unsigned long long)(state.counts.done[VERDICT_DEFER] +
                                     state.counts.done[VERDICT_REJECT]),
                (unsigned long long)(state.counts.would[VERDICT_DEFER] +
                                     state.counts.would[VERDICT_REJECT]),
                status_short(&state.status, store));
}

/* Callbacks that run, and none that ends for a long time: better to be
 * restarted than to hang. */
struct pulse {
    uint64_t finished;
    int64_t since_ms;
};

static bool
makes_progress(struct pulse *pulse, const struct daemon_counts *counts,
               struct mono now)
{
    if (counts->running == 0 || counts->finished != pulse->finished) {
        pulse->finished = counts->finished;
        pulse->since_ms = now.ms;
    }
    return now.ms - pulse->since_ms < STUCK_MS;
}

static void
warn_line(void *arg, const char *text)
{
    journal_say(arg, LOG_WARNING, "%s", text);
}

/* What ends by itself with a day is told when it does. */
static void
tell_lapsed(struct service *service, struct wall after, struct wall now)
{
    const struct config *config = daemon_config_get(service->daemon);

    config_lapsed(config, after, now, warn_line, service->journal);
    daemon_config_put(service->daemon, config);
}

static void
tick_api(struct service *service, struct store_time now)
{
    (void)pthread_mutex_lock(&service->news);
    api_tick(service->api, now);
    (void)pthread_mutex_unlock(&service->news);
}

static void
tick_lookup(struct service *service, struct mono now)
{
    const struct config *config = daemon_config_get(service->daemon);

    lookup_beat(service->lookup, config, now);
    daemon_config_put(service->daemon, config);
}

/* Gives refunds to the store as they come; about once a second it tells the
 * log what was kept quiet, and systemd how we are. */
static void *
keep(void *arg)
{
    struct service *service = arg;
    struct pulse pulse = {0, now_read().mono.ms};
    int64_t tick_ms = 0, status_ms = 0;
    struct wall before = now_read().wall;

    while (!atomic_load(&service->ending)) {
        struct store_time now = now_read();
        struct daemon_counts counts;

        if (now.mono.ms >= tick_ms) {
            tick_ms = now.mono.ms + 1000;
            journal_tick(service->journal, now);
            tell_lapsed(service, before, now.wall);
            before = now.wall;
            desk_follow_mode(&service->desk, now.wall);
            tick_api(service, now);
            daemon_beat(service->daemon, now.wall);
            tick_lookup(service, now.mono);
            daemon_counts(service->daemon, &counts);
            if (service->notify.watchdog_us > 0 &&
                makes_progress(&pulse, &counts, now.mono))
                notify_send(&service->notify, "WATCHDOG=1");
            if (now.mono.ms >= status_ms) {
                status_ms = now.mono.ms + STATUS_MS;
                tell_status(service);
            }
        }
        if (atomic_load(&service->stopping)) {
            socket_wake(service->socket, &service->spec);
            tick_ms = now.mono.ms + WAKE_MS;
        }
        daemon_refund_wait(service->daemon, (struct mono){tick_ms});
    }
    return NULL;
}

static void
notice_line(void *arg, const char *text)
{
    journal_say(arg, LOG_NOTICE, "%s", text);
}

/* SIGUSR2: the whole state, into the log. */
static void
log_state(struct service *service)
{
    struct state state;

    read_state(service, &state);
    status_tell(&state.status, notice_line, service->journal);
}

/* By the signal or the API, which may come together. */
static enum ms_err
reload(void *arg, void (*line)(void *to, int level, const char *text), void *to)
{
    struct service *service = arg;
    struct timespec now = {0, 0};
    enum ms_err err;

    (void)pthread_mutex_lock(&service->reloading);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    notify_send(&service->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
                (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    err = reload_tell(&service->reload, service->daemon, line, to);
    if (err == MS_OK)
        desk_reloaded(&service->desk);
    metrics_reload(service->desk.metrics, err == MS_OK);
    notify_send(&service->notify, "READY=1");
    (void)pthread_mutex_unlock(&service->reloading);
    return err;
}

static void clean_up(struct service *service);

/*
 * A worker of libmilter's may end with the lock that all others wait for, when
 * they are told to stop: then smfi_main() never returns, and we end without it.
 */
static void
leave(struct service *service)
{
    if (atomic_exchange(&service->leaving, true))
        return; /* it has just returned */
    journal_say(service->journal, LOG_WARNING,
                "libmilter does not end; ending without it");
    service->has_signaller = false; /* that is us */
    service->listening = true;      /* it will not remove its socket */
    clean_up(service);
    _exit(EX_OK);
}

/* The next signal of SET; 0: none has come for a while. */
static int
next_signal(const sigset_t *set)
{
    const struct timespec a_while = {LOOK_AGAIN_S, 0};
    int signal = sigtimedwait(set, NULL, &a_while);

    return signal > 0 ? signal : 0;
}

/*
 * Waits for SIGUSR1, to reload, for SIGUSR2, to tell how we are, and beside
 * libmilter's own thread for the signals that end us.  If libmilter is first,
 * it notices within five seconds; if we are, at once.
 */
static void *
signaller(void *arg)
{
    struct service *service = arg;
    int64_t stopped_ms = 0; /* when that was asked for */
    sigset_t set;
    int signal;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGUSR2);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    for (;;) {
        signal = next_signal(&set);
        if (atomic_load(&service->ending))
            return NULL;
        if (stopped_ms == 0 && atomic_load(&service->stopping))
            stopped_ms = now_read().mono.ms;
        if (stopped_ms != 0 && now_read().mono.ms - stopped_ms > STOP_MS)
            leave(service);
        if (signal == 0)
            continue;
        if (signal == SIGUSR1) {
            (void)reload(service, NULL, NULL);
        } else if (signal == SIGUSR2) {
            log_state(service);
        } else {
            notify_send(&service->notify, "STOPPING=1");
            atomic_store(&service->stopping, true);
            daemon_wake(service->daemon);
            (void)smfi_stop(); /* waits for the listener, whom keep() wakes */
        }
    }
}

/* Once a shared store is there: is it fit for use? */
static void *
look(void *arg)
{
    struct service *service = arg;
    struct store *store = store_denials_below(atomic_load(&service->denials));
    const struct config *config = daemon_config_get(service->daemon);
    bool up = false;

    while (!up && !atomic_load(&service->ending)) {
        struct mono until = {now_read().mono.ms + LOOK_MS};

        up = store_redis_wait_up(store, until);
    }
    if (up)
        connect_look(config, service->opened.key, service->journal);
    daemon_config_put(service->daemon, config);
    return NULL;
}

static int
start_threads(struct service *service)
{
    if (journal_start(service->journal) == MS_OK &&
        pthread_create(&service->keeper, NULL, keep, service) == 0) {
        service->has_keeper = true;
        if (pthread_create(&service->signaller, NULL, signaller, service) ==
            0) {
            service->has_signaller = true;
            /* without a third, nothing is lost but advice */
            if (atomic_load(&service->denials) != NULL)
                service->has_looker =
                    pthread_create(&service->looker, NULL, look, service) == 0;
            return EX_OK;
        }
    }
    complain("cannot start a thread");
    return EX_OSERR;
}

/* ----- the end */

static void
nap(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&ts, NULL);
}

/* Wait until no callback runs, for UP_TO_MS at most. */
static bool
is_quiet(struct service *service, int64_t up_to_ms)
{
    int64_t until_ms = now_read().mono.ms + up_to_ms;
    struct daemon_counts counts;

    for (;;) {
        daemon_counts(service->daemon, &counts);
        if (counts.running == 0)
            return true;
        if (now_read().mono.ms >= until_ms)
            return false;
        nap(10);
    }
}

static void
end_threads(struct service *service)
{
    atomic_store(&service->ending, true);
    if (service->has_looker)
        (void)pthread_join(service->looker, NULL);
    if (service->has_signaller) {
        (void)pthread_kill(service->signaller, SIGUSR1);
        (void)pthread_join(service->signaller, NULL);
    }
    if (service->has_keeper) {
        daemon_wake(service->daemon);
        (void)pthread_join(service->keeper, NULL);
    }
}

/* End the store, if it is not the daemon's, and what its threads have used. */
static void
end_store(struct service *service)
{
    open_store_close(&service->opened);
    self_destroy(service->self);
}

/* Whoever asks is sent away. */
static void
end_api(struct service *service)
{
    struct api *api;

    (void)pthread_mutex_lock(&service->news);
    api = service->api;
    service->api = NULL;
    (void)pthread_mutex_unlock(&service->news);
    api_stop(api);
}

/* No callback runs, and the store is still there. */
static void
end_desk(struct service *service)
{
    (void)pthread_mutex_lock(&service->news);
    service->clerk = NULL;
    (void)pthread_mutex_unlock(&service->news);
    desk_close(&service->desk);
}

/*
 * libmilter has stopped, but does not wait for its callbacks: let them answer
 * first.  The daemon's struct stays, for one that might come late.
 */
static void
end_daemon(struct service *service)
{
    struct store *store = daemon_store(service->daemon);
    struct why why = {""};

    end_api(service);
    if (!is_quiet(service, DRAIN_MS))
        journal_say(service->journal, LOG_WARNING,
                    "stopping although callbacks still run");
    nap(LINGER_MS);
    daemon_close(service->daemon);
    end_threads(service);
    desk_settle(&service->desk);
    if (store_flush(store, now_read(), &why) != MS_OK)
        journal_say(service->journal, LOG_ERR, "store: %s", why.text);
    journal_say(service->journal, LOG_NOTICE, "stopped");
    if (!is_quiet(service, LINGER_MS))
        return;
    end_desk(service);
    lookup_destroy(service->lookup);
    daemon_retire(service->daemon);
    end_store(service);
}

static void
clean_up(struct service *service)
{
    if (service->daemon != NULL) {
        end_daemon(service);
    } else {
        end_store(service); /* it may still tell the journal */
        lookup_destroy(service->lookup);
    }
    journal_destroy(service->journal);
    config_destroy(service->config);
    pidfile_remove(service->options->pidfile);
    if (service->listening && service->spec.kind == SOCKET_LOCAL)
        (void)unlink(service->spec.path);
    api_close(&service->sockets);
    notify_close(&service->notify);
    free(service->socket);
    if (service->lock >= 0)
        (void)close(service->lock);
}

/* ----- all of it */

static int
serve(struct service *service, enum detach_stderr keep_stderr)
{
    const struct config *config = daemon_config_get(service->daemon);
    const char *mode = mode_name(daemon_mode(service->daemon, now_read().wall));
    int done;

    journal_say(service->journal, LOG_NOTICE,
                "mortsafe %s started: socket=%s mode=%s sessions=%u",
                PACKAGE_VERSION, service->socket, mode, config->sessions);
    daemon_config_put(service->daemon, config);
    notify_send(&service->notify, "READY=1");
    detach_ready(&service->detach, keep_stderr);
    service->listening = false;
    atomic_store(&service->serving, true);
    done = smfi_main();
    atomic_store(&service->stopping, true);
    notify_send(&service->notify, "STOPPING=1");
    return done == MI_SUCCESS ? EX_OK : EX_SOFTWARE;
}

/*
 * No thread is to be ended by a signal: they are waited for, by libmilter's
 * own thread and by our signaller.
 */
static void
block_signals(void)
{
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        (void)sigaddset(&set, signals[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGUSR1, SIG_DFL); /* no longer ignored */
    (void)signal(SIGUSR2, SIG_DFL);
}

static int
start(struct service *service)
{
    const struct config *config = service->config;
    const char *socket = service->options->socket;
    enum detach_stderr keep_stderr = config->log.to == LOG_TO_STDERR
                                         ? DETACH_KEEP_STDERR
                                         : DETACH_CLOSE_STDERR;
    struct why why;
    int code;

    service->socket = strdup(socket != NULL ? socket : config->socket);
    if (service->socket == NULL) {
        complain("no memory");
        return EX_OSERR;
    }
    if (reload_descriptors(config, &why) != MS_OK) {
        complain("%s", why.text);
        return EX_CONFIG;
    }
    code = listen_for_api(service);
    if (code == EX_OK)
        code = listen_on(service);
    if (code == EX_OK)
        code = settle(service);
    block_signals();
    if (code == EX_OK)
        code = make_journal(service);
    if (code == EX_OK)
        code = make_lookup(service);
    if (code == EX_OK)
        code = make_daemon(service);
    if (code == EX_OK)
        code = start_lookup(service);
    if (code == EX_OK)
        code = make_desk(service);
    if (code == EX_OK)
        code = start_threads(service);
    if (code == EX_OK)
        code = start_api(service);
    return code == EX_OK ? serve(service, keep_stderr) : code;
}

int
service_run(const struct service_options *options)
{
    struct service service = {
        .options = options,
        .detach = {-1},
        .lock = -1,
        .reload = {.debug = options->verbose,
                   .foreground = options->foreground},
        .reloading = PTHREAD_MUTEX_INITIALIZER,
        .news = PTHREAD_MUTEX_INITIALIZER,
        .notify = {.fd = -1},
    };
    char *absolute = NULL;
    int code;

    api_sockets_none(&service.sockets);
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN); /* until there is something to reload */
    (void)signal(SIGUSR2, SIG_IGN); /* and to tell of */
    code = service_read(options, SERVICE_MUST, &service.who, &service.config);
    if (code == EX_OK && read_path(&service, &absolute) != MS_OK)
        code = EX_NOINPUT;
    if (code == EX_OK &&
        (options->foreground || detach_fork(&service.detach, &code))) {
        notify_open(&service.notify);
        code = start(&service);
    }
    while (atomic_exchange(&service.leaving, true))
        (void)pause(); /* until the signaller, which does it, has ended us */
    clean_up(&service);
    free(absolute);
    return code;
}
