/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/reload.h"

#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "milter/now.h"

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

enum ms_err
reload_descriptors(const struct config *config, struct why *why)
{
    unsigned long need = 2UL * config->sessions + 64;
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

static void
say_error(void *arg, const char *line)
{
    journal_say(arg, LOG_ERR, "reload: %s", line);
}

static void
say_warning(void *arg, const char *line)
{
    journal_say(arg, LOG_WARNING, "reload: %s", line);
}

static void
say_change(void *arg, const char *line)
{
    journal_say(arg, LOG_NOTICE, "reload: %s", line);
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
say_fixed(struct journal *journal, const struct config *old,
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
        {"privacy state", old->privacy.state_s != new->privacy.state_s},
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (fixed[i].differs)
            journal_say(journal, LOG_WARNING,
                        "reload: %s has changed; that takes effect at the "
                        "next restart",
                        fixed[i].name);
    }
}

enum ms_err
reload_now(const struct reload *reload, struct daemon *daemon)
{
    struct journal *journal = daemon_journal(daemon);
    const struct config_report report = {say_error, say_warning, journal};
    const struct config *old = NULL;
    struct config *new = NULL;
    struct spool_target target;
    struct why why;
    enum ms_err err;

    err = config_load(reload->path, now_read().wall, &report, &new);
    if (err == MS_OK) {
        err = reload_descriptors(new, &why);
        if (err != MS_OK)
            journal_say(journal, LOG_ERR, "reload: %s", why.text);
    }
    if (err != MS_OK) {
        journal_say(journal, LOG_ERR,
                    "reload: %s is not used, the old configuration stays",
                    reload->path);
        config_destroy(new);
        return err;
    }
    old = daemon_config_get(daemon);
    say_fixed(journal, old, new);
    config_diff(old, new, say_change, journal);
    target = reload_target(reload, new);
    journal_set(journal, &target, new->log.format, reload_level(reload, new));
    journal_say(journal, LOG_NOTICE, "reload: %s is in force, mode=%s",
                reload->path, mode_name(new->mode));
    daemon_config_swap(daemon, new);
    daemon_config_put(daemon, old);
    return MS_OK;
}
