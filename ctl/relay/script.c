/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/script.h"

#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "policy/address.h"
#include "policy/prefix.h"

/* All that goes into the script is a name or an address: nothing in it means
 * anything to a shell. */
struct words {
    char address[PREFIX_TEXT], literal[PREFIX_TEXT + 8];
    char domain[ADDRESS_DOMAIN_MAX + 1], host[ADDRESS_DOMAIN_MAX + 1],
        foreign[ADDRESS_DOMAIN_MAX + 1], relayed[ADDRESS_DOMAIN_MAX + 1];
    uint16_t port;
};

static enum ms_err
take_name(const char *text, char out[ADDRESS_DOMAIN_MAX + 1], struct why *why)
{
    out[0] = '\0';
    if (text != NULL && !address_domain(text, out))
        return why_set(why, MS_INVALID, "%s: this is no domain", text);
    return MS_OK;
}

static enum ms_err
take_words(const struct relay_ask *ask, const char *host, struct words *out,
           struct why *why)
{
    struct prefix to = prefix_of_sockaddr((const struct sockaddr *)&ask->to);
    struct prefix address;
    enum ms_err err;

    (void)prefix_print(to, out->address);
    (void)snprintf(out->literal, sizeof(out->literal), "[%s%s]",
                   to.family == 6 ? "IPv6:" : "", out->address);
    out->port = ntohs(ask->to.ss_family == AF_INET6
                          ? ((const struct sockaddr_in6 *)&ask->to)->sin6_port
                          : ((const struct sockaddr_in *)&ask->to)->sin_port);
    if (prefix_parse(host, &address, NULL) == MS_OK ||
        !address_domain(host, out->host))
        out->host[0] = '\0';
    err = take_name(ask->domain, out->domain, why);
    if (err == MS_OK)
        err = take_name(ask->foreign != NULL ? ask->foreign : RELAY_FOREIGN,
                        out->foreign, why);
    return err == MS_OK ? take_name(ask->relay_domain, out->relayed, why) : err;
}

static const char *
or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void
write_vectors(const struct words *w, FILE *out)
{
    static const char *const ends[] = {[END_ELSEWHERE] = "elsewhere",
                                       [END_HERE] = "here",
                                       [END_HARMLESS] = "harmless"};
    struct vector_words words = {
        "relay-test",     w->foreign, "example.net",      w->domain,
        or_null(w->host), w->literal, or_null(w->relayed)};
    struct vector_words others = words;
    char mail[VECTOR_TEXT], rcpt[VECTOR_TEXT], second[VECTOR_TEXT];

    others.victim = "relay-test-2";
    for (size_t i = 0; i < vectors_count; i++) {
        const struct vector *v = &vectors[i];

        if (vector_write(v->mail != NULL ? v->mail : "", &words, mail) &&
            vector_write(v->rcpt, &words, rcpt) &&
            vector_write(v->rcpt, &others, second))
            (void)fprintf(out, "%s|%s|%s|%s|%s\n", ends[v->end], v->name, mail,
                          rcpt, second);
    }
}

enum ms_err
script_write(const struct relay_ask *ask, const char *host, FILE *out,
             struct why *why)
{
    struct words w;
    enum ms_err err = take_words(ask, host, &w, why);

    if (err != MS_OK)
        return err;
    (void)fprintf(out,
                  "#!/bin/sh\n"
                  "# Is the mail server %s port %u an open relay?  Made by\n"
                  "# mortsafectl relay-test --print-script.  Run it on a host "
                  "that this\n"
                  "# server has no reason to trust: not in its networks.  It "
                  "sends no message,\n"
                  "# and exits with 0: closed, 1: open, 2: cannot tell.\n"
                  "# WAY=bash|nc|python3|perl chooses how it speaks TCP.\n"
                  "address=%s port=%u domain=%s foreign=%s\n\n"
                  "# what would become of it|form|MAIL FROM|RCPT TO|a second "
                  "one\n"
                  "vectors() {\n    cat <<'VECTORS'\n",
                  w.address, (unsigned)w.port, w.address, (unsigned)w.port,
                  w.domain, w.foreign);
    write_vectors(&w, out);
    (void)fputs("VECTORS\n}\n\n", out);
    (void)fputs(script_body, out);
    return MS_OK;
}
