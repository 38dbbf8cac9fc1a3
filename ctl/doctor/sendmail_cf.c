/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/sendmail_cf.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
put(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%.*s", (int)size - 1, text);
}

/* ----- filters and daemons */

/* "mortsafe, S=local:/run/mortsafe/milter.sock, F=T, T=C:10s;S:10s" */
static void
read_filter(struct sendmail_cf *cf, const char *text)
{
    struct sendmail_filter *filter = &cf->filter[cf->n_filters];
    size_t len = strcspn(text, ", \t");
    char value[WORDS_TEXT];

    if (cf->n_filters == SENDMAIL_CF_FILTERS || len == 0)
        return;
    *filter = (struct sendmail_filter){.name = ""};
    (void)snprintf(filter->name, sizeof(filter->name), "%.*s",
                   (int)(len < 63 ? len : 63), text);
    if (words_value(text + len, "S", value))
        put(filter->socket, sizeof(filter->socket), value);
    if (words_value(text + len, "F", value))
        filter->on_failure = value[0];
    cf->n_filters++;
}

static unsigned
port_of(const char *text)
{
    char *end;
    unsigned long n;

    if (strcasecmp(text, "smtp") == 0)
        return 25;
    if (strcasecmp(text, "submission") == 0)
        return 587;
    if (strcasecmp(text, "submissions") == 0 || strcasecmp(text, "smtps") == 0)
        return 465;
    if (*text < '0' || *text > '9')
        return 0;
    n = strtoul(text, &end, 10);
    return *end == '\0' && n <= UINT16_MAX ? (unsigned)n : 0;
}

/* Sendmail tells keys by their first letter; Port= may be P=. */
static bool
daemon_value(const char *text, const char *name, char out[WORDS_TEXT])
{
    const char letter[2] = {name[0], '\0'};

    return words_value(text, name, out) || words_value(text, letter, out);
}

static void
read_daemon(struct sendmail_cf *cf, const char *text)
{
    struct sendmail_daemon *one = &cf->daemon[cf->n_daemons];
    char value[WORDS_TEXT];

    if (cf->n_daemons == SENDMAIL_CF_DAEMONS)
        return;
    *one = (struct sendmail_daemon){.port = 25};
    if (daemon_value(text, "Name", value))
        put(one->name, sizeof(one->name), value);
    if (daemon_value(text, "Port", value))
        one->port = port_of(value);
    if (daemon_value(text, "Addr", value))
        put(one->host, sizeof(one->host), value);
    if (daemon_value(text, "Modify", value) || words_value(text, "M", value))
        put(one->modify, sizeof(one->modify), value);
    one->own_filters = daemon_value(text, "InputMailFilters", value);
    if (one->own_filters)
        put(one->filters, sizeof(one->filters), value);
    one->loopback = strncmp(one->host, "127.", 4) == 0 ||
                    strcmp(one->host, "::1") == 0 ||
                    strcmp(one->host, "localhost") == 0 ||
                    strcasecmp(one->host, "IPv6:::1") == 0;
    cf->n_daemons++;
}

/* ----- options */

static void
read_option(struct sendmail_cf *cf, const char *text)
{
    const struct {
        const char *name;
        char *out;
        size_t size;
    } rows[] = {
        {"InputMailFilters", cf->filters, sizeof(cf->filters)},
        {"AuthOptions", cf->auth_options, sizeof(cf->auth_options)},
        {"AuthMechanisms", cf->auth_mechanisms, sizeof(cf->auth_mechanisms)},
        {"ServerCertFile", cf->server_cert, sizeof(cf->server_cert)},
        {"ServerKeyFile", cf->server_key, sizeof(cf->server_key)},
    };
    size_t len = strcspn(text, "=");
    const char *value = text + len + (text[len] == '=' ? 1 : 0);

    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    value += strspn(value, " \t");
    if (len == strlen("DaemonPortOptions") &&
        strncasecmp(text, "DaemonPortOptions", len) == 0)
        read_daemon(cf, value);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strlen(rows[i].name) == len &&
            strncasecmp(text, rows[i].name, len) == 0)
            put(rows[i].out, rows[i].size, value);
    }
}

/* ----- networks as Sendmail writes them */

/* "192.0.2" is 192.0.2.0/24, "10" is 10.0.0.0/8. */
static bool
spell_ipv4(const char *text, size_t len, char out[WORDS_TEXT])
{
    unsigned dots = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.')
            dots++;
        else if (text[i] < '0' || text[i] > '9')
            return false;
    }
    if (len == 0 || len > 15 || dots > 3 || text[0] == '.')
        return false;
    if (text[len - 1] == '.') {
        len--;
        dots--;
    }
    (void)snprintf(out, WORDS_TEXT, "%.*s%s/%u", (int)len, text,
                   dots == 0   ? ".0.0.0"
                   : dots == 1 ? ".0.0"
                   : dots == 2 ? ".0"
                               : "",
                   8 * (dots + 1));
    return true;
}

/* "IPv6:2001:db8" is 2001:db8::/32. */
static bool
spell_ipv6(const char *text, size_t len, char out[WORDS_TEXT])
{
    unsigned groups = 1;

    if (len == 0 || len > 39)
        return false;
    for (size_t i = 0; i < len; i++)
        groups += text[i] == ':' ? 1 : 0;
    if (groups >= 8 || memmem(text, len, "::", 2) != NULL)
        (void)snprintf(out, WORDS_TEXT, "%.*s/128", (int)len, text);
    else
        (void)snprintf(out, WORDS_TEXT, "%.*s::/%u", (int)len, text,
                       16 * groups);
    return true;
}

static bool
spell(const char *text, size_t len, char out[WORDS_TEXT])
{
    if (len > 5 && strncasecmp(text, "IPv6:", 5) == 0)
        return spell_ipv6(text + 5, len - 5, out);
    return spell_ipv4(text, len, out);
}

static void
add_relay(struct sendmail_cf *cf, enum sendmail_relay_in in, const char *text,
          size_t len)
{
    struct sendmail_relay *out = &cf->relay[cf->n_relays];
    char net[WORDS_TEXT];

    if (cf->n_relays == SENDMAIL_CF_RELAYS || len >= sizeof(out->written) ||
        !spell(text, len, net))
        return;
    put(out->net, sizeof(out->net), net);
    memcpy(out->written, text, len);
    out->written[len] = '\0';
    out->in = in;
    cf->n_relays++;
}

void
sendmail_cf_relay(struct sendmail_cf *cf, const char *line)
{
    line += strspn(line, " \t");
    add_relay(cf, SENDMAIL_RELAY_FILE, line, strcspn(line, " \t#"));
}

/* "Connect:192.0.2   RELAY", "192.0.2   RELAY" */
void
sendmail_cf_access(struct sendmail_cf *cf, const char *line)
{
    size_t len;

    line += strspn(line, " \t");
    if (strncasecmp(line, "Connect:", 8) == 0)
        line += 8;
    len = strcspn(line, " \t");
    if (strncasecmp(line + len + strspn(line + len, " \t"), "RELAY", 5) == 0)
        add_relay(cf, SENDMAIL_RELAY_ACCESS, line, len);
}

/* ----- who may relay */

/* "R10.1 192.0.2" of `C{R}` or `CR`. */
static void
read_class(struct sendmail_cf *cf, const char *text)
{
    char word[WORDS_TEXT];

    if (strncmp(text, "{R}", 3) == 0)
        text += 3;
    else if (text[0] == 'R')
        text++;
    else
        return;
    while (words_next(&text, word))
        add_relay(cf, SENDMAIL_RELAY_CF, word, strlen(word));
}

/* "R-o /etc/mail/relay-domains" of `FR` or `F{R}`. */
static void
read_file(struct sendmail_cf *cf, const char *text)
{
    if (strncmp(text, "{R}", 3) == 0)
        text += 3;
    else if (text[0] == 'R')
        text++;
    else
        return;
    text += strspn(text, " \t");
    if (strncmp(text, "-o", 2) == 0)
        text += 2 + strspn(text + 2, " \t");
    put(cf->relay_file, sizeof(cf->relay_file), text);
    cf->relay_file[strcspn(cf->relay_file, " \t%")] = '\0';
}

/* "access hash -T<TMPF> /etc/mail/access" */
static void
read_map(struct sendmail_cf *cf, const char *text)
{
    const char *path = strrchr(text, '/');
    size_t len;

    if (strncmp(text, "access", 6) != 0 || text[6] == '\0' ||
        strchr(" \t", text[6]) == NULL || path == NULL)
        return;
    while (path > text && strchr(" \t", path[-1]) == NULL)
        path--;
    len = strcspn(path, " \t");
    (void)snprintf(cf->access_file, sizeof(cf->access_file), "%.*s",
                   (int)(len < WORDS_TEXT ? len : 0), path);
    len = strlen(cf->access_file);
    if (len > 3 && strcmp(cf->access_file + len - 3, ".db") == 0)
        cf->access_file[len - 3] = '\0';
}

/* m4 leaves the name of each feature's file in a comment. */
static void
read_comment(struct sendmail_cf *cf, const char *text)
{
    static const char *const names[] = {"promiscuous_relay", "relay_local_from",
                                        "loose_relay_check",
                                        "relay_based_on_MX"};

    if (strstr(text, "Id: ") == NULL && strstr(text, ".m4") == NULL)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *at = strstr(text, names[i]);

        if (at != NULL && strncmp(at + strlen(names[i]), ".m4", 3) == 0 &&
            cf->n_features < SENDMAIL_CF_FEATURES)
            put(cf->feature[cf->n_features++], sizeof(cf->feature[0]),
                names[i]);
    }
}

/* ----- lines */

static void
read_line(struct sendmail_cf *cf)
{
    const char *text = cf->line;

    switch (text[0]) {
    case 'X':
        read_filter(cf, text + 1);
        break;
    case 'O':
        read_option(cf, text + 1 + strspn(text + 1, " \t"));
        cf->begun = true;
        break;
    case 'C':
        read_class(cf, text + 1);
        break;
    case 'F':
        read_file(cf, text + 1);
        break;
    case 'K':
        read_map(cf, text + 1);
        break;
    case '#':
        read_comment(cf, text);
        break;
    default: /* rules, mailers, headers */
        break;
    }
}

void
sendmail_cf_end(struct sendmail_cf *cf)
{
    if (cf->len > 0)
        read_line(cf);
    cf->len = 0;
    cf->line[0] = '\0';
    /* the general filters may stand behind a daemon */
    for (size_t i = 0; i < cf->n_daemons; i++) {
        if (!cf->daemon[i].own_filters)
            put(cf->daemon[i].filters, sizeof(cf->daemon[i].filters),
                cf->filters);
    }
}

/* A line that begins with a blank goes on with the one before. */
void
sendmail_cf_line(struct sendmail_cf *cf, const char *text)
{
    size_t n = strlen(text);

    if ((text[0] != ' ' && text[0] != '\t') || cf->len == 0) {
        if (cf->len > 0)
            read_line(cf);
        cf->len = 0;
    }
    if (n > sizeof(cf->line) - 1 - cf->len)
        n = sizeof(cf->line) - 1 - cf->len;
    memcpy(cf->line + cf->len, text, n);
    cf->len += n;
    cf->line[cf->len] = '\0';
}

const struct sendmail_filter *
sendmail_cf_filter(const struct sendmail_cf *cf, const char *name)
{
    for (size_t i = 0; i < cf->n_filters; i++) {
        if (strcmp(cf->filter[i].name, name) == 0)
            return &cf->filter[i];
    }
    return NULL;
}
