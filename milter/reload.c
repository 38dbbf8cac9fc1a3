/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "milter/api/server.h"
#include "milter/detect/detect.h"
#include "milter/lookup/lookup.h"
#include "milter/notice/notice.h"
#include "milter/now.h"
#include "policy/acts.h"

struct spool_target
reload_target(const struct reload *reload, const struct config *config)
{
    struct spool_target target = {
        .to = config->log.to,
        .facility = config->log.facility,
        .fd = STDERR_FILENO,
        .or_stderr = reload->foreground,
    };

    return target;
}

int
reload_level(const struct reload *reload, const struct config *config)
{
    return reload->debug ? LOG_DEBUG : config->log.level;
}

/* Descriptors that the API may take for connections. */
static unsigned long
for_api(const struct config *config)
{
    unsigned long need = 0;

    if (config->api.socket != NULL && config->api.socket[0] != '\0')
        need += API_CONNECTIONS;
    if (config->status.listen != NULL)
        need += API_CONNECTIONS;
    return need;
}

enum ms_err
reload_descriptors(const struct config *config, struct why *why)
{
    unsigned long need = 2UL * config->sessions + 64 + for_api(config);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return why_errno(why, MS_INVALID, "RLIMIT_NOFILE");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < need)
        return why_set(why, MS_INVALID,
                       "sessions = %u needs %lu open files, but only %lu are "
                       "allowed: lower it, or raise LimitNOFILE",
                       config->sessions, need, (unsigned long)limit.rlim_cur);
    return MS_OK;
}

/* ----- again */

/* Who is told what a reload says. */
struct telling {
    struct journal *journal;
    void (*line)(void *to, int level, const char *text); /* NULL: nobody else */
    void *to;
};

static void tell(const struct telling *telling, int level, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));

static void
tell(const struct telling *telling, int level, const char *format, ...)
{
    char text[1600];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof(text))
        memcpy(text + sizeof(text) - 4, "...", 4);
    journal_say(telling->journal, level, "reload: %s", text);
    if (telling->line != NULL)
        telling->line(telling->to, level, text);
}

static void
say_error(void *arg, const char *line)
{
    tell(arg, LOG_ERR, "%s", line);
}

static void
say_warning(void *arg, const char *line)
{
    tell(arg, LOG_WARNING, "%s", line);
}

static void
say_change(void *arg, const char *line)
{
    tell(arg, LOG_NOTICE, "%s", line);
}

static bool
differ(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") != 0;
}

static bool
servers_differ(const struct endpoint *a, size_t n_a, const struct endpoint *b,
               size_t n_b)
{
    if (n_a != n_b)
        return true;
    for (size_t i = 0; i < n_a; i++)
        if (!endpoint_same(&a[i], &b[i]) || a[i].tls != b[i].tls ||
            a[i].db != b[i].db || differ(a[i].user, b[i].user))
            return true;
    return false;
}

/* What is fixed at start and written differently now. */
static void
say_fixed(const struct telling *telling, const struct config *old,
          const struct config *new)
{
    const struct {
        const char *name;
        bool differs;
    } fixed[] = {
        {"socket", differ(old->socket, new->socket)},
        {"socket_mode", old->socket_mode != new->socket_mode},
        {"socket_group", differ(old->socket_group, new->socket_group)},
        {"user", differ(old->user, new->user)},
        {"store type", old->store.type != new->store.type},
        {"store path", differ(old->store.path, new->store.path)},
        {"store memory", old->store.memory != new->store.memory},
        {"store url", servers_differ(old->store.urls, old->store.n_urls,
                                     new->store.urls, new->store.n_urls)},
        {"store sentinel",
         servers_differ(old->store.sentinels, old->store.n_sentinels,
                        new->store.sentinels, new->store.n_sentinels)},
        {"store master", differ(old->store.master, new->store.master)},
        {"store cluster", old->store.cluster != new->store.cluster},
        {"store password_file",
         differ(old->store.password_file, new->store.password_file) ||
             differ(old->store.password, new->store.password)},
        {"store sentinel_password_file",
         differ(old->store.sentinel_password_file,
                new->store.sentinel_password_file) ||
             differ(old->store.sentinel_password,
                    new->store.sentinel_password)},
        {"store ca_file", differ(old->store.ca_file, new->store.ca_file)},
        {"store cert_file", differ(old->store.cert_file, new->store.cert_file)},
        {"store key_file", differ(old->store.key_file, new->store.key_file)},
        {"store tls_name", differ(old->store.tls_name, new->store.tls_name)},
        {"store prefix", differ(old->store.prefix, new->store.prefix)},
        {"store deadline", old->store.deadline_ms != new->store.deadline_ms},
        {"store hosts", old->store.hosts != new->store.hosts},
        {"privacy key_file",
         differ(old->privacy.key_file, new->privacy.key_file)},
        {"api socket", differ(old->api.socket, new->api.socket)},
        {"status listen", differ(old->status.listen, new->status.listen)},
        {"privacy state", old->privacy.state_s != new->privacy.state_s},
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (fixed[i].differs)
            tell(telling, LOG_WARNING,
                 "%s has changed; that takes effect at the next restart",
                 fixed[i].name);
    }
}

/* Standings that were earned while a rule only looked on must not act where it
 * does under NEW (NULL: what is in force). */
static void
look_at_standings(struct daemon *daemon, const struct config *new)
{
    struct detect *detect = daemon_ears(daemon)->detect;
    struct acts *acts;

    if (detect == NULL)
        return;
    if (new == NULL) {
        (void)detect_enforce(detect, DETECT_DEMOTE, NULL, NULL);
        return;
    }
    acts = daemon_acts_get(daemon);
    (void)detect_enforce_under(detect, &(struct detect_under){new, acts},
                               DETECT_DEMOTE, NULL, NULL);
    acts_put(acts);
}

/* NEW is in order: it takes the place of the old one. */
static void
put_in_force(const struct reload *reload, struct daemon *daemon,
             struct config *new, struct telling *telling)
{
    const struct config *old = daemon_config_get(daemon);
    struct spool_target target = reload_target(reload, new);

    say_fixed(telling, old, new);
    config_diff(old, new, say_change, telling);
    journal_set(telling->journal, &target, new->log.format,
                reload_level(reload, new));
    tell(telling, LOG_NOTICE, "%s is in force, mode=%s", reload->path,
         mode_name(new->mode));
    look_at_standings(daemon, new);
    if (daemon_lookup(daemon) != NULL)
        lookup_set(daemon_lookup(daemon), new);
    daemon_config_swap(daemon, new);
    look_at_standings(daemon, NULL);
    daemon_config_put(daemon, old);
}

enum ms_err
reload_tell(const struct reload *reload, struct daemon *daemon,
            void (*line)(void *to, int level, const char *text), void *to)
{
    struct telling telling = {daemon_journal(daemon), line, to};
    const struct config_report report = {say_error, say_warning, &telling};
    struct config *new = NULL;
    struct why why;
    enum ms_err err;

    err = config_load(reload->path, now_read().wall, &report, &new);
    if (err == MS_OK && !notice_check(new, say_error, &telling))
        err = MS_INVALID;
    if (err == MS_OK) {
        err = reload_descriptors(new, &why);
        if (err != MS_OK)
            tell(&telling, LOG_ERR, "%s", why.text);
    }
    if (err == MS_OK) {
        put_in_force(reload, daemon, new, &telling);
        return MS_OK;
    }
    tell(&telling, LOG_ERR, "%s is not used, the old configuration stays",
         reload->path);
    config_destroy(new);
    return err;
}

enum ms_err
reload_now(const struct reload *reload, struct daemon *daemon)
{
    return reload_tell(reload, daemon, NULL, NULL);
}
