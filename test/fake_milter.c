/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/fake_milter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----- for tests */

static void *
need(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

SMFICTX *
fake_create(void)
{
    return need(calloc(1, sizeof(SMFICTX)));
}

static void
clear_stage(SMFICTX *ctx, int stage)
{
    for (int i = 0; i < FAKE_MACROS; i++) {
        free(ctx->macro[stage][i].name);
        free(ctx->macro[stage][i].value);
        ctx->macro[stage][i].name = ctx->macro[stage][i].value = NULL;
    }
}

void
fake_forget(SMFICTX *ctx, int stage)
{
    for (; stage < FAKE_STAGES; stage++)
        clear_stage(ctx, stage);
}

void
fake_destroy(SMFICTX *ctx)
{
    fake_forget(ctx, 0);
    for (int i = 0; i < FAKE_STAGES; i++)
        free(ctx->lists[i]);
    free(ctx);
}

void
fake_macro(SMFICTX *ctx, int stage, const char *name, const char *value)
{
    for (int i = 0; i < FAKE_MACROS; i++) {
        if (ctx->macro[stage][i].name != NULL &&
            strcmp(ctx->macro[stage][i].name, name) != 0)
            continue;
        free(ctx->macro[stage][i].name);
        free(ctx->macro[stage][i].value);
        ctx->macro[stage][i].name = need(strdup(name));
        ctx->macro[stage][i].value = need(strdup(value));
        return;
    }
}

void
fake_clear(SMFICTX *ctx)
{
    ctx->code[0] = ctx->enhanced[0] = ctx->text[0] = ctx->reason[0] = '\0';
    ctx->replies = 0;
    ctx->deeds[0] = '\0';
}

/* ----- for the callbacks */

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
    for (int stage = FAKE_STAGES - 1; stage >= 0; stage--) {
        for (int i = 0; i < FAKE_MACROS; i++) {
            if (ctx->macro[stage][i].name != NULL &&
                strcmp(ctx->macro[stage][i].name, name) == 0)
                return ctx->macro[stage][i].value;
        }
    }
    return NULL;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
    return ctx->priv;
}

int
smfi_setpriv(SMFICTX *ctx, void *data)
{
    if (ctx->refuses_private)
        return MI_FAILURE;
    ctx->priv = data;
    return MI_SUCCESS;
}

/* As libmilter checks it: nothing about control bytes, and a code and an
 * enhanced code that do not fit together are taken. */
int
smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
    bool refuses = ctx->refuses_reply;

    ctx->refuses_reply = false;
    if (refuses || strlen(code) != 3 || (code[0] != '4' && code[0] != '5') ||
        strlen(text) > 980 || strpbrk(text, "\r\n") != NULL)
        return MI_FAILURE;
    (void)snprintf(ctx->code, sizeof(ctx->code), "%s", code);
    (void)snprintf(ctx->enhanced, sizeof(ctx->enhanced), "%s", enhanced);
    (void)snprintf(ctx->text, sizeof(ctx->text), "%s", text);
    ctx->replies++;
    return MI_SUCCESS;
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
    if (ctx->refuses_quarantine || *reason == '\0')
        return MI_FAILURE;
    (void)snprintf(ctx->reason, sizeof(ctx->reason), "%s", reason);
    return MI_SUCCESS;
}

static int
add_deed(SMFICTX *ctx, const char *name, const char *value, int index)
{
    size_t len = strlen(ctx->deeds);

    if (ctx->refuses_headers)
        return MI_FAILURE;
    if (value != NULL)
        len += (size_t)snprintf(ctx->deeds + len, FAKE_DEEDS - len, "%s: %s\n",
                                name, value);
    else
        len += (size_t)snprintf(ctx->deeds + len, FAKE_DEEDS - len, "-%s %d\n",
                                name, index);
    if (len >= FAKE_DEEDS)
        abort();
    return MI_SUCCESS;
}

int
smfi_insheader(SMFICTX *ctx, int index, char *name, char *value)
{
    if (index != 0 || strpbrk(value, "\r") != NULL)
        abort();
    return add_deed(ctx, name, value, 0);
}

int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
    if (index < 1 || value != NULL)
        abort();
    return add_deed(ctx, name, NULL, index);
}

int
smfi_setsymlist(SMFICTX *ctx, int stage, char *names)
{
    if (stage < 0 || stage >= FAKE_STAGES || ctx->lists[stage] != NULL)
        return MI_FAILURE;
    ctx->lists[stage] = need(strdup(names));
    return MI_SUCCESS;
}
