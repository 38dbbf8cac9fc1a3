/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations: whatever is read, what is printed of it reads as the same
 * again; a wrong one has at least one error, a good one none.
 */
#include <config.h>

#include "policy/config.h"

#include <string.h>

#include "test/fuzz/fuzz.h"
#include "test/printed.h"

static const struct wall today = {1800000000};

static void
count(void *arg, const char *line)
{
    must(*line != '\0' && strchr(line, '\n') == NULL);
    ++*(unsigned *)arg;
}

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    must(*line != '\0' && strchr(line, '\n') == NULL);
}

static struct config *
load(const char *text)
{
    unsigned n_errors = 0;
    const struct config_report report = {count, ignore, &n_errors};
    struct config *config = NULL;
    enum ms_err err = config_load_text("fuzz", text, today, &report, &config);

    must(err == MS_OK || err == MS_INVALID);
    must((err == MS_OK) == (n_errors == 0));
    must((err == MS_OK) == (config != NULL));
    return config;
}

static void
check(const char *text)
{
    struct config *config = load(text), *again;
    char *first, *second;

    if (config == NULL)
        return;
    first = printed_text(config);
    again = load(first);
    must(again != NULL);
    second = printed_text(again);
    printed_cut(first);
    printed_cut(second);
    must(strcmp(first, second) == 0);
    must(config->n_limits == again->n_limits);
    for (size_t i = 0; i < config->n_limits; i++)
        must(config->limits[i]->id == again->limits[i]->id &&
             config->limits[i]->on == again->limits[i]->on);
    config_destroy(config);
    config_destroy(again);
    free(first);
    free(second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    /* what it would find depends on the machine, and may be all of it */
    if (strstr(text, "include") == NULL)
        check(text);
    free(text);
    return 0;
}
