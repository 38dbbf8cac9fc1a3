/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_store.c - where a shared store is, the password that opens it,
 * and what these must be together.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/config_build.h"

enum { SECRET_MAX = 512 };

/* ----- servers */

/* Term I as one server.  A URL may hold a password, which is not repeated. */
static bool
read_server(const struct reading *r, size_t i, struct endpoint *out)
{
    const bool url = r->setting->option->type == OPTION_URLS;
    const char *text = reading_term(r, i);
    struct why why;

    if (strchr(text, ',') != NULL) {
        reading_error(r, i,
                      "several servers in one; write each on its own, "
                      "with commas between");
        return false;
    }
    if (url && strstr(text, "://") == NULL && strncmp(text, "unix:", 5) != 0) {
        reading_error(r, i,
                      "not a URL; each server has one of its own, such "
                      "as redis://mortsafe@192.0.2.1:6379/0");
        return false;
    }
    if ((url ? endpoint_parse(text, out, &why)
             : endpoint_parse_host(text, ENDPOINT_SENTINEL_PORT, out, &why)) ==
        MS_OK)
        return true;
    reading_error(r, i, "%s", why.text);
    return false;
}

static bool
has_server(const struct endpoint *list, size_t n, const struct endpoint *one)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (endpoint_same(&list[i], one))
            return true;
    return false;
}

enum ms_err
config_store_servers(const struct reading *r)
{
    const size_t n = r->setting->n_terms;
    struct endpoint *list = arena_array(r->build->arena, n, sizeof *list);
    size_t i, good = 0;

    if (list == NULL)
        return MS_NOMEM;
    for (i = 0; i < n && i < CONFIG_SERVERS; i++) {
        if (!read_server(r, i, &list[good]))
            continue;
        if (has_server(list, good, &list[good]))
            reading_error(r, i, "the same server again");
        else
            good++;
    }
    if (n > CONFIG_SERVERS)
        reading_error(r, CONFIG_SERVERS,
                      "more than %d servers; name some, the "
                      "others are found",
                      CONFIG_SERVERS);
    memcpy(reading_at(r), &list, sizeof list);
    memcpy(reading_count_at(r), &good, sizeof good);
    return MS_OK;
}

/* ----- passwords */

/* Up to SIZE bytes of the file PATH, which others may not read. */
static enum ms_err
read_secret(const char *path, char *buf, size_t size, size_t *len,
            struct why *why)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum ms_err err = MS_INVALID;
    struct stat st;
    ssize_t n = 1;

    *len = 0;
    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, path);
    if (fstat(fd, &st) != 0) {
        err = why_errno(why, MS_UNAVAIL, path);
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        why_set(why, err, "%s: not a regular file", path);
        goto done;
    }
    if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        why_set(why, err,
                "%s: others may read or write it; chmod o-rwx it, "
                "and change the password if they have",
                path);
        goto done;
    }
    while (*len < size && n > 0) {
        n = read(fd, buf + *len, size - *len);
        if (n > 0)
            *len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    err = n < 0 ? why_errno(why, MS_UNAVAIL, path) : MS_OK;
done:
    close(fd);
    return err;
}

/* Is the first line, LEN bytes at BUF, a password? */
static enum ms_err
check_secret(const char *path, const char *buf, size_t len, struct why *why)
{
    if (len > SECRET_MAX)
        return why_set(why, MS_INVALID,
                       "%s: its first line is longer than %d bytes", path,
                       SECRET_MAX);
    if (len == 0)
        return why_set(why, MS_INVALID, "%s: its first line is empty", path);
    if (memchr(buf, '\0', len) != NULL)
        return why_set(why, MS_INVALID, "%s: a NUL byte in its first line",
                       path);
    if (buf[len - 1] == '\r')
        return why_set(why, MS_INVALID,
                       "%s: its first line ends with a carriage return", path);
    return MS_OK;
}

enum ms_err
config_store_secret(const struct reading *r)
{
    const char *path = reading_term(r, 0), *secret = NULL, *end;
    char buf[SECRET_MAX + 2] = "";
    enum ms_err err = MS_OK;
    struct why why;
    size_t len;

    if (path[0] == '\0') {
        reading_error(r, 0, "the name of a file is missing");
        return MS_OK;
    }
    if (read_secret(path, buf, sizeof buf, &len, &why) != MS_OK) {
        reading_error(r, 0, "%s", why.text);
        goto done;
    }
    end = memchr(buf, '\n', len);
    len = end == NULL ? len : (size_t)(end - buf);
    if (check_secret(path, buf, len, &why) != MS_OK) {
        reading_error(r, 0, "%s", why.text);
        goto done;
    }
    secret = arena_dup(r->build->arena, buf, len);
    if (secret == NULL)
        err = MS_NOMEM;
    memcpy(reading_at(r), &path, sizeof path);
    memcpy(reading_count_at(r), &secret, sizeof secret);
done:
    explicit_bzero(buf, sizeof buf);
    return err;
}

/* ----- together */

/* Where URL I stands, if all of them could be read. */
static struct origin
url_place(const struct config_block *block, size_t i)
{
    const struct config_setting *setting = config_text_setting(block, "url");

    return config_text_place(block, setting,
                             i < setting->n_terms ? i : setting->n_terms - 1);
}

/* What only a shared store has. */
static void
check_foreign(const struct build *b, const struct config_block *block)
{
    const struct option *rows;
    size_t i, n;

    rows = option_rows(BLOCK_STORE, &n);
    for (i = 0; i < n; i++)
        if (rows[i].shared && config_is_written(block, rows[i].name))
            notes_error(b->notes, config_text_origin(block, rows[i].name),
                        "%s: only a store of type redis has it; write `type = "
                        "redis`, or remove it",
                        rows[i].name);
}

/* Two options of which one is nothing without the other. */
static void
check_pairs(const struct build *b, const struct config_block *block)
{
    static const struct {
        const char *has, *lacks, *cure;
    } pairs[] = {
        {"cert_file", "key_file", "name the file with its key"},
        {"key_file", "cert_file", "name the certificate that it is for"},
        {"sentinel", "master", "name the master as Sentinels know it"},
        {"master", "sentinel", "name some Sentinels, or remove it"},
        {"sentinel_password_file", "sentinel",
         "name some Sentinels, or remove it"},
    };
    size_t i;

    for (i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (config_is_written(block, pairs[i].has) &&
            !config_is_written(block, pairs[i].lacks))
            notes_error(b->notes, config_text_origin(block, pairs[i].has),
                        "%s: it needs `%s`; %s", pairs[i].has, pairs[i].lacks,
                        pairs[i].cure);
}

static void
check_tls(const struct build *b, const struct config_block *block)
{
    static const char *const names[] = {"ca_file", "cert_file", "key_file",
                                        "tls_name"};
    size_t i;

    if (b->config->store.n_urls == 0 || b->config->store.urls[0].tls)
        return;
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (config_is_written(block, names[i]))
            notes_error(b->notes, config_text_origin(block, names[i]),
                        "%s: there is no TLS; write the url with rediss://, or "
                        "remove it",
                        names[i]);
}

/* What of ONE and OTHER, two nodes of a Cluster, differs; NULL: nothing. */
static const char *
find_difference(const struct endpoint *one, const struct endpoint *other)
{
    if (one->tls != other->tls)
        return "all need redis:// or all rediss://";
    if (strcmp(one->user, other->user) != 0)
        return "all need the same user";
    return one->db != other->db ? "all need the same database" : NULL;
}

/* URL I of a Cluster. */
static void
check_node(const struct build *b, const struct config_block *block, size_t i)
{
    const struct endpoint *url = &b->config->store.urls[i];
    const char *difference = find_difference(&b->config->store.urls[0], url);

    if (difference != NULL)
        notes_error(b->notes, url_place(block, i), "url: %s", difference);
    if (url->path[0] != '\0')
        notes_error(b->notes, url_place(block, i),
                    "url: nodes of a Cluster are reached by host and port, "
                    "not by a Unix socket");
    else if (url->db != 0)
        notes_error(b->notes, url_place(block, i),
                    "url: a Cluster has database 0 only");
}

/* The one URL there should be. */
static void
check_single(const struct build *b, const struct config_block *block)
{
    const struct endpoint *url = &b->config->store.urls[0];
    const bool has_place = url->host[0] != '\0' || url->path[0] != '\0';
    const bool sentinel = config_is_written(block, "sentinel");

    if (b->config->store.n_urls > 1)
        notes_error(b->notes, url_place(block, 1),
                    "url: several servers; for a Cluster write `cluster = "
                    "yes`, for a master with replicas name its Sentinels");
    else if (sentinel && has_place)
        notes_error(b->notes, url_place(block, 0),
                    "url: Sentinels tell where the server is; leave the host "
                    "out, as in %s://%s%s/%u",
                    url->tls ? "rediss" : "redis", url->user,
                    url->user[0] == '\0' ? "" : "@", url->db);
    else if (!sentinel && !has_place)
        notes_error(b->notes, url_place(block, 0),
                    "url: it has no host; only behind Sentinels it needs none");
}

static void
check_cluster(const struct build *b, const struct config_block *block)
{
    size_t i;

    if (config_is_written(block, "sentinel"))
        notes_error(b->notes, config_text_origin(block, "cluster"),
                    "cluster: a Cluster has no Sentinels; remove `sentinel` or "
                    "this");
    for (i = 0; i < b->config->store.n_urls; i++) {
        check_node(b, block, i);
        if (b->config->store.urls[i].host[0] == '\0' &&
            b->config->store.urls[i].path[0] == '\0')
            notes_error(b->notes, url_place(block, i), "url: it has no host");
    }
}

void
config_store_check(const struct build *b, const struct config_block *block)
{
    const struct config *config = b->config;

    if (config->store.type != STORE_REDIS) {
        check_foreign(b, block);
        return;
    }
    if (!config_is_written(block, "url"))
        notes_error(b->notes, config_text_origin(block, "type"),
                    "type: redis needs `url`, such as "
                    "redis://mortsafe@192.0.2.1:6379/0");
    if (config->privacy.key_file == NULL)
        notes_error(b->notes, config_text_origin(block, "type"),
                    "type: redis needs `privacy { key_file = ... }`; mortsafe "
                    "--make-key FILE makes one, which all hosts need");
    check_pairs(b, block);
    check_tls(b, block);
    if (config->store.cluster)
        check_cluster(b, block);
    else if (config->store.n_urls > 0)
        check_single(b, block);
}

/* ----- on the way */

/* Does ENDPOINT name a place that is not this host's nor a private network's,
 * as far as can be seen? */
static bool
is_public(const struct endpoint *endpoint)
{
    struct prefix prefix;

    return endpoint->host[0] != '\0' &&
           prefix_parse(endpoint->host, &prefix, NULL) == MS_OK &&
           !prefix_is_private(prefix);
}

static void
warn_plain(const struct build *b, const struct config_block *block,
           const char *name, const struct endpoint *list, size_t n)
{
    const struct config_setting *setting = config_text_setting(block, name);
    char text[ENDPOINT_NAME];
    size_t i;

    for (i = 0; i < n; i++)
        if (is_public(&list[i]))
            notes_warning(b->notes, config_text_place(block, setting, i),
                          "%s: all that goes to %s can be read on the way, "
                          "the password too; use rediss://",
                          name, endpoint_print(&list[i], text));
}

void
config_store_warn(const struct build *b, const struct config_block *block)
{
    const struct config *config = b->config;

    if (config->store.type != STORE_REDIS || config->store.urls[0].tls)
        return;
    warn_plain(b, block, "url", config->store.urls, config->store.n_urls);
    warn_plain(b, block, "sentinel", config->store.sentinels,
               config->store.n_sentinels);
}
