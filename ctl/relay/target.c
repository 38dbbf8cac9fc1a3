/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/target.h"

#include <string.h>
#include <unistd.h>

#include "ctl/bar.h"
#include "ctl/field.h"
#include "ctl/load.h"
#include "ctl/when.h"

#define CONFIG_FILE SYSCONFDIR "/mortsafe/mortsafe.conf"

static void
tell_nobody(void *arg, const char *line)
{
    (void)arg, (void)line;
}

static const struct config_report silent = {tell_nobody, tell_nobody, NULL};

/* What the daemon says of its configuration, or of NAME in it. */
static struct config *
ask_daemon(const struct call *call, const char *name)
{
    struct config *config = NULL;
    json_t *answer = NULL;
    struct url url;
    struct why why;

    url_start(&url, "/v1/config");
    url_query(&url, "name", name);
    url_query(&url, "defaults", "no");
    if (client_ask(call->client, CLIENT_GET, &url, NULL, &answer, &why) !=
        CTL_OK)
        return NULL;
    (void)config_load_text("the daemon's", field_text(answer, "text"),
                           (struct wall){when_now()}, &silent, &config);
    json_decref(answer);
    return config;
}

/*
 * Without any a host can still be this machine.  The whole of a daemon's may
 * name tables that the user cannot read.
 */
static int
find_config(const struct call *call, struct config **out)
{
    const char *file = call_option(call, "file");

    if (file != NULL)
        return load_config(call->out, file, out);
    *out = ask_daemon(call, NULL);
    if (*out == NULL)
        *out = ask_daemon(call, "own_hosts");
    if (*out == NULL && access(CONFIG_FILE, R_OK) == 0)
        (void)config_load(CONFIG_FILE, (struct wall){when_now()}, &silent, out);
    return CTL_OK;
}

static int
refuse(const struct call *call, const struct target *target)
{
    out_complain(call->out,
                 "%s is neither this machine nor in own_hosts: this is no tool "
                 "against others (if it is yours, write own_hosts = %s, or say "
                 "--yes-this-is-mine)",
                 target->host.name, target->host.name);
    return EX_NOPERM;
}

int
target_take(const struct call *call, struct target *out)
{
    struct why why;
    enum ms_err err;
    int code;

    memset(out, 0, sizeof(*out));
    err = own_find(call_word(call, 0), &out->host, &why);
    if (err != MS_OK) {
        out_complain(call->out, "%s", why.text);
        return err == MS_INVALID ? EX_USAGE : EX_NOHOST;
    }
    out->address =
        prefix_of_sockaddr((const struct sockaddr *)&out->host.addrs[0]);
    code = find_config(call, &out->config);
    if (code != CTL_OK)
        return code;
    out->claim = own_claim(&out->host, out->config);
    if (out->claim == OWN_NOBODYS && !call_given(call, "yes-this-is-mine"))
        return refuse(call, out);
    return CTL_OK;
}

void
target_end(struct target *target)
{
    config_destroy(target->config);
    target->config = NULL;
}

const char *
target_whose(const struct target *target)
{
    static const char *const words[] = {
        [OWN_INTERFACE] = "this machine",
        [OWN_LISTED] = "in own_hosts",
        [OWN_NOBODYS] = "yours, as you say by --yes-this-is-mine"};

    return words[target->claim];
}

void
target_others(const struct out *out, const struct target *target)
{
    char text[PREFIX_TEXT];

    for (size_t i = 1; i < target->host.n; i++)
        out_remark(
            out,
            "It has the address %s, too: test that by itself, what is "
            "closed at one may be open at the other.",
            prefix_print(prefix_of_sockaddr(
                             (const struct sockaddr *)&target->host.addrs[i]),
                         text));
}

void
target_line(void *arg, char who, const char *text)
{
    const struct target_show *show = arg;

    bar_wipe(show->bar);
    out_verbatim(show->out, OUT_DIM, "%c: %s", who, text);
}

void
target_done(void *arg, size_t done, size_t total)
{
    const struct target_show *show = arg;

    bar_draw(show->bar, done, total);
}

void
target_advise(const struct out *out, const struct advice *advice)
{
    out_line(out, OUT_PLAIN, 6, "    - %s", advice->text);
    for (size_t i = 0; i < ADVICE_COMMANDS && advice->commands[i] != NULL; i++)
        out_verbatim(out, OUT_BOLD, "          %s", advice->commands[i]);
}
