/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/postconf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"

/* NAME of SERVICE ("smtp/inet"; "": of main.cf) is VALUE. */
struct setting {
    const char *service, *name, *value;
    struct setting *next;
};

struct postconf {
    struct arena *arena;
    struct setting *settings; /* the last first */
    struct postconf_service **service;
    size_t n, room;
};

enum ms_err
postconf_create(struct postconf **out)
{
    struct postconf *postconf = calloc(1, sizeof(*postconf));

    if (postconf == NULL)
        return MS_NOMEM;
    if (arena_create(&postconf->arena) != MS_OK) {
        free(postconf);
        return MS_NOMEM;
    }
    *out = postconf;
    return MS_OK;
}

void
postconf_destroy(struct postconf *postconf)
{
    if (postconf == NULL)
        return;
    arena_destroy(postconf->arena);
    free(postconf->service);
    free(postconf);
}

/* ----- settings */

static enum ms_err
add_setting(struct postconf *postconf, const char *service, size_t service_len,
            const char *line)
{
    size_t len = strcspn(line, " =");
    const char *value = line + len + strspn(line + len, " ");
    struct setting *one;

    if (len == 0 || *value != '=')
        return MS_OK; /* a warning, say */
    value += 1 + strspn(value + 1, " ");
    one = arena_get(postconf->arena, sizeof(*one));
    if (one == NULL)
        return MS_NOMEM;
    one->service = arena_dup(postconf->arena, service, service_len);
    one->name = arena_dup(postconf->arena, line, len);
    one->value = arena_dup(postconf->arena, value, strlen(value));
    if (one->service == NULL || one->name == NULL || one->value == NULL)
        return MS_NOMEM;
    one->next = postconf->settings;
    postconf->settings = one;
    return MS_OK;
}

enum ms_err
postconf_main(struct postconf *postconf, const char *line)
{
    return add_setting(postconf, "", 0, line);
}

/* The service's name may hold slashes, as a socket's path does. */
enum ms_err
postconf_own(struct postconf *postconf, const char *line)
{
    const char *end = line + strcspn(line, " =");
    const char *slash = end;

    while (slash > line && *slash != '/')
        slash--;
    if (slash == line)
        return MS_OK;
    return add_setting(postconf, line, (size_t)(slash - line), slash + 1);
}

static const struct setting *
find_setting(const struct postconf *postconf, const char *service,
             const char *name)
{
    const struct setting *one = postconf->settings;

    while (one != NULL &&
           (strcmp(one->service, service) != 0 || strcmp(one->name, name) != 0))
        one = one->next;
    return one;
}

/* What SERVICE has set for itself, or NULL. */
static const struct setting *
find_own(const struct postconf *postconf,
         const struct postconf_service *service, const char *name)
{
    char key[WORDS_TEXT];
    int n;

    if (service == NULL)
        return NULL;
    n = snprintf(key, sizeof(key), "%s/%s", service->name, service->type);
    return n > 0 && n < (int)sizeof(key) ? find_setting(postconf, key, name)
                                         : NULL;
}

bool
postconf_has_own(const struct postconf *postconf,
                 const struct postconf_service *service, const char *name)
{
    return find_own(postconf, service, name) != NULL;
}

const char *
postconf_get(const struct postconf *postconf,
             const struct postconf_service *service, const char *name)
{
    const struct setting *one = find_own(postconf, service, name);

    if (one == NULL)
        one = find_setting(postconf, "", name);
    return one != NULL ? one->value : "";
}

bool
postconf_knows(const struct postconf *postconf, const char *name)
{
    return find_setting(postconf, "", name) != NULL;
}

bool
postconf_yes(const struct postconf *postconf,
             const struct postconf_service *service, const char *name)
{
    return strcmp(postconf_get(postconf, service, name), "yes") == 0;
}

/* ----- services */

static const struct {
    const char *name;
    unsigned port;
} ports[] = {{"smtp", 25},
             {"submission", 587},
             {"submissions", 465},
             {"smtps", 465},
             {"ssmtp", 465}};

static unsigned
port_of(const char *text)
{
    unsigned long n;
    char *end;

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        if (strcmp(ports[i].name, text) == 0)
            return ports[i].port;
    }
    if (*text < '0' || *text > '9')
        return 0;
    n = strtoul(text, &end, 10);
    return *end == '\0' && n <= UINT16_MAX ? (unsigned)n : 0;
}

/* "host:port", "[host]:port", "port". */
static enum ms_err
read_place(struct postconf *postconf, struct postconf_service *service)
{
    const char *colon = strrchr(service->name, ':');
    const char *host = service->name;
    size_t len = colon != NULL ? (size_t)(colon - host) : 0;

    service->port = port_of(colon != NULL ? colon + 1 : service->name);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    service->host = arena_dup(postconf->arena, host, len);
    if (service->host == NULL)
        return MS_NOMEM;
    service->loopback = strncmp(service->host, "127.", 4) == 0 ||
                        strcmp(service->host, "localhost") == 0 ||
                        strcmp(service->host, "::1") == 0;
    return MS_OK;
}

static bool
has_room(struct postconf *postconf)
{
    size_t room = postconf->room > 0 ? 2 * postconf->room : 32;
    struct postconf_service **grown;

    if (postconf->n < postconf->room)
        return true;
    grown = reallocarray(postconf->service, room, sizeof(*grown));
    if (grown == NULL)
        return false;
    postconf->service = grown;
    postconf->room = room;
    return true;
}

enum ms_err
postconf_service(struct postconf *postconf, const char *line)
{
    enum { NAME, TYPE, CHROOT = 4, COMMAND = 7, COLUMNS };
    const char *column[COLUMNS];
    struct postconf_service *service;

    for (size_t i = 0; i < COLUMNS; i++) {
        size_t len;

        line += strspn(line, " \t");
        len = strcspn(line, " \t");
        if (len == 0)
            return MS_OK; /* not a whole service */
        column[i] = arena_dup(postconf->arena, line, len);
        if (column[i] == NULL)
            return MS_NOMEM;
        line += len;
    }
    service = arena_get(postconf->arena, sizeof(*service));
    if (service == NULL || !has_room(postconf))
        return MS_NOMEM;
    service->name = column[NAME];
    service->type = column[TYPE];
    service->chroot = column[CHROOT][0];
    service->command = column[COMMAND];
    service->host = "";
    postconf->service[postconf->n++] = service;
    return strcmp(service->type, "inet") == 0 ? read_place(postconf, service)
                                              : MS_OK;
}

size_t
postconf_services(const struct postconf *postconf)
{
    return postconf->n;
}

const struct postconf_service *
postconf_at(const struct postconf *postconf, size_t i)
{
    return postconf->service[i];
}

const struct postconf_service *
postconf_find(const struct postconf *postconf, const char *name,
              const char *type)
{
    for (size_t i = 0; i < postconf->n; i++) {
        if (strcmp(postconf->service[i]->name, name) == 0 &&
            strcmp(postconf->service[i]->type, type) == 0)
            return postconf->service[i];
    }
    return NULL;
}

const struct postconf_service *
postconf_smtpd(const struct postconf *postconf,
               const struct postconf_service *service)
{
    if (strcmp(service->type, "inet") != 0)
        return NULL;
    if (strcmp(service->command, "smtpd") == 0)
        return service;
    return strcmp(service->command, "postscreen") == 0
               ? postconf_find(postconf, "smtpd", "pass")
               : NULL;
}

bool
postconf_chroot(const struct postconf *postconf,
                const struct postconf_service *service)
{
    const char *level = postconf_get(postconf, NULL, "compatibility_level");

    if (service->chroot == '-')
        return level[0] == '\0' || level[0] == '0';
    return service->chroot == 'y';
}

/* ----- milters */

bool
postconf_milter(const char **at, struct postconf_milter *out)
{
    char word[WORDS_TEXT], action[WORDS_TEXT];
    const char *inside = word;

    if (!words_next(at, word))
        return false;
    *out = (struct postconf_milter){.endpoint = ""};
    (void)words_next(&inside, out->endpoint);
    if (words_value(word, "default_action", action))
        (void)snprintf(out->action, sizeof(out->action), "%.31s", action);
    return true;
}
