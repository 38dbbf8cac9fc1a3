/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/lookup/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/journal.h"
#include "milter/now.h"
#include "policy/err.h"

static struct mono
mono_now(void)
{
    return now_read().mono;
}

static void
say(void *arg, const char *text)
{
    journal_say(arg, LOG_WARNING, "%s", text);
}

bool
engine_is_wanted(const struct config *config)
{
    return config->spf.written || config->n_dnsbls > 0;
}

/* All of CONFIG that an engine is made of, as one text; NULL: no memory. */
static char *
made_of(const struct config *config)
{
    const char *anchor = config->resolver.trust_anchor;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < config->resolver.n_servers; i++)
        (void)fprintf(out, "%s\n", config->resolver.servers[i]);
    (void)fprintf(out, "anchor %s\nin_flight %u\nspf %s\n",
                  anchor != NULL ? anchor : "", config->resolver.in_flight,
                  config->spf.written ? config->spf.program : "");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

bool
engine_is_for(const struct engine *engine, const struct config *config)
{
    char *text = made_of(config);
    bool is = text != NULL && strcmp(text, engine->made_of) == 0;

    free(text);
    return is;
}

enum ms_err
engine_create(const struct config *config, struct journal *journal,
              struct engine **out, struct why *why)
{
    const struct spf_options options = {
        .program = config->spf.program,
        .now = mono_now,
        .say = say,
        .arg = journal,
    };
    struct engine *engine = calloc(1, sizeof(*engine));
    struct why spf_why = {"no memory"};
    enum ms_err err = MS_OK;

    if (engine != NULL)
        engine->made_of = made_of(config);
    if (engine == NULL || engine->made_of == NULL) {
        free(engine);
        return why_set(why, MS_NOMEM, "no memory");
    }
    engine->journal = journal;
    if (config->spf.written)
        err = spf_create(&options, &engine->spf, &spf_why);
    if (err == MS_NOMEM) {
        engine_destroy(engine);
        return why_set(why, err, "%s", spf_why.text);
    }
    if (err != MS_OK)
        engine->lack = spf_why;
    *out = engine;
    return MS_OK;
}

void
engine_destroy(struct engine *engine)
{
    if (engine == NULL)
        return;
    dnsbl_care_destroy(engine->care);
    spf_destroy(engine->spf);
    resolver_destroy(engine->resolver);
    free(engine->made_of);
    free(engine);
}

enum ms_err
engine_run(struct engine *engine, const struct config *config, struct why *why)
{
    const struct resolver_options options = {
        .servers = (const char *const *)config->resolver.servers,
        .n_servers = config->resolver.n_servers,
        .trust_anchor = config->resolver.trust_anchor,
        .in_flight = config->resolver.in_flight,
        .now = mono_now,
    };
    enum ms_err err;

    (void)why_set(why, MS_NOMEM, "no memory"); /* unless it says more */
    err = resolver_create(&options, &engine->resolver, why);
    if (err == MS_OK)
        err = dnsbl_care_create(engine->resolver, mono_now, say,
                                engine->journal, &engine->care);
    if (err == MS_OK)
        err = dnsbl_care_set(engine->care, config);
    if (err == MS_OK && engine->spf != NULL)
        err = spf_run(engine->spf, engine->resolver);
    return err;
}
