/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/heard.h - what a reading of the configuration reported, a line each,
 * warnings with "warning: " in front.
 */
#ifndef MORTSAFE_TEST_HEARD_H
#define MORTSAFE_TEST_HEARD_H

#include <stdio.h>
#include <string.h>

#include "policy/config.h"

struct heard {
    char text[32768];
};

static inline void
heard_line(struct heard *heard, const char *prefix, const char *line)
{
    size_t len = strlen(heard->text);

    (void)snprintf(heard->text + len, sizeof(heard->text) - len, "%s%s\n",
                   prefix, line);
}

static inline void
heard_error(void *arg, const char *line)
{
    heard_line(arg, "", line);
}

static inline void
heard_warning(void *arg, const char *line)
{
    heard_line(arg, "warning: ", line);
}

/* config_load_text() as from a file "t"; HEARD is emptied first. */
static inline enum ms_err
heard_load(struct heard *heard, const char *text, int64_t today_s,
           struct config **out)
{
    const struct config_report report = {heard_error, heard_warning, heard};

    heard->text[0] = '\0';
    return config_load_text("t", text, (struct wall){today_s}, &report, out);
}

/* config_load(), likewise. */
static inline enum ms_err
heard_load_file(struct heard *heard, const char *path, int64_t today_s,
                struct config **out)
{
    const struct config_report report = {heard_error, heard_warning, heard};

    heard->text[0] = '\0';
    return config_load(path, (struct wall){today_s}, &report, out);
}

/* What is called NAME; NULL: nothing. */
static inline const struct limit *
limit_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if (strcmp(config->limits[i]->name, name) == 0)
            return config->limits[i];
    return NULL;
}

static inline const struct network *
network_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_networks; i++)
        if (strcmp(config->networks[i]->name, name) == 0)
            return config->networks[i];
    return NULL;
}

/* The network that ADDRESS is in; "" for none. */
static inline const char *
net(const struct config *config, const char *address)
{
    struct prefix host;
    uint32_t i;

    if (prefix_parse(address, &host, NULL) != MS_OK ||
        !nettree_longest(config->nets, host, &i))
        return "";
    return config->networks[i]->name;
}

#endif
