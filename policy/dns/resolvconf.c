/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/resolvconf.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "policy/textfile.h"

static bool
is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    unsigned long port;

    if (n == 0 || n > 5 || text[n] != '\0')
        return false;
    port = strtoul(text, NULL, 10);
    return port > 0 && port < 65536;
}

/* An address without its scope: only those of a link have one. */
static bool
is_address(char *text)
{
    char *scope = strchr(text, '%');
    uint8_t octets[16];

    if (inet_pton(AF_INET, text, octets) == 1)
        return true;
    if (scope != NULL)
        *scope++ = '\0';
    return inet_pton(AF_INET6, text, octets) == 1 &&
           (scope == NULL || (*scope != '\0' && octets[0] == 0xfe &&
                              (octets[1] & 0xc0) == 0x80));
}

bool
resolvconf_server_valid(const char *text)
{
    char copy[RESOLVCONF_SERVER], *port;
    size_t n = strlen(text);

    if (n >= sizeof(copy))
        return false;
    memcpy(copy, text, n + 1);
    port = strchr(copy, '@');
    if (port != NULL)
        *port++ = '\0';
    return is_address(copy) && (port == NULL || is_port(port));
}

static void
read_line(char *line, struct resolvconf *out)
{
    static const char blank[] = " \t\r";
    char *save = NULL, *word = strtok_r(line, blank, &save);

    if (word == NULL || strcmp(word, "nameserver") != 0)
        return;
    word = strtok_r(NULL, blank, &save);
    if (word == NULL || strchr(word, '@') != NULL ||
        !resolvconf_server_valid(word) || out->n == RESOLVCONF_MOST)
        return;
    memcpy(out->server[out->n++], word, strlen(word) + 1);
}

enum ms_err
resolvconf_read(const char *path, struct resolvconf *out, struct why *why)
{
    static const char cure[] =
        "write `resolver { server = ADDRESS }` in the configuration";
    struct resolvconf found = {0};
    struct why what = {""};
    char *text = NULL, *save = NULL;
    size_t length;
    enum ms_err err = textfile_read(path, &text, &length, NULL, &what);

    if (err == MS_NOMEM)
        return err;
    if (err != MS_OK)
        return why_set(why, MS_UNAVAIL, "%s: %s: %s", path, what.text, cure);
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        read_line(line, &found);
    free(text);
    if (found.n == 0)
        return why_set(why, MS_UNAVAIL, "%s names no server: %s", path, cure);
    *out = found;
    return MS_OK;
}
