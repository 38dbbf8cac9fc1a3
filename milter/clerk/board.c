/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/clerk/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/diary/form.h"
#include "policy/prefix.h"

/* ----- names */

void
clerk_names_add(struct clerk_names *names, const char *kind, const char *text)
{
    char name[BOARD_NAME + 1];
    int len = snprintf(name, sizeof(name), "%s%s", kind, text);

    if (text[0] == '\0' || len > BOARD_NAME ||
        names->n == CLERK_NAMES + CLERK_MENTIONS)
        return;
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0)
            return;
    memcpy(names->name[names->n++], name, (size_t)len + 1);
}

void
clerk_names_about(struct clerk_names *names, const char *text)
{
    char small[DECISION_SUBJECT];
    size_t len = strlen(text);

    if (len >= sizeof(small))
        return;
    for (size_t i = 0; i <= len; i++)
        small[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a'
                                                           : text[i]);
    clerk_names_add(names, "about ", small);
}

/* The client of TEXT, an address, as limits count it; "" if it is none. */
static void
print_client(const char *text, char out[PREFIX_TEXT])
{
    struct prefix prefix;

    out[0] = '\0';
    if (prefix_parse(text, &prefix, NULL) == MS_OK)
        (void)prefix_print(prefix_cut(prefix, 32, 64), out);
}

void
clerk_names_decision(struct clerk_names *names, const struct decision *decision)
{
    char client[PREFIX_TEXT];

    print_client(decision->client, client);
    clerk_names_add(names, "decisions ", decision->subject);
    clerk_names_add(names, "decisions user:", decision->user);
    clerk_names_add(names, "decisions client:", client);
    clerk_names_add(names, "decisions ref ", decision->ref);
    clerk_names_add(names, "decisions id ", decision->id);
}

void
clerk_names_mentions(struct clerk_names *names, const struct decision *decision)
{
    const char *colon = strchr(decision->subject, ':');
    char client[PREFIX_TEXT];

    print_client(decision->client, client);
    if (colon != NULL)
        clerk_names_about(names, colon + 1);
    clerk_names_about(names, decision->user);
    clerk_names_about(names, decision->from);
    clerk_names_about(names, decision->to);
    clerk_names_about(names, client);
}

struct board_blob
clerk_names_pointer(const struct clerk_names *names, char text[CLERK_POINTER])
{
    size_t len = 0;

    for (size_t i = 0; i < names->n; i++) {
        size_t n = strlen(names->name[i]);

        memcpy(text + len, names->name[i], n);
        text[len + n] = '\n';
        len += n + 1;
    }
    return (struct board_blob){"", (const uint8_t *)text, len};
}

/* ----- forms */

enum ms_err
clerk_blob(json_t *json, const char *field, struct board_blob *out)
{
    char *text = form_dump(json);

    if (text == NULL)
        return MS_NOMEM;
    *out = (struct board_blob){field, (const uint8_t *)text, strlen(text)};
    return MS_OK;
}

void
clerk_blob_end(struct board_blob *blob)
{
    free((void *)(uintptr_t)blob->bytes); /* made by clerk_blob() */
    blob->bytes = NULL;
}

static json_t *
json_of(const struct board_blob *blob)
{
    return json_loadb((const char *)blob->bytes, blob->len,
                      JSON_REJECT_DUPLICATES, NULL);
}

bool
clerk_blob_decision(const struct board_blob *blob, struct decision *out)
{
    json_t *json = json_of(blob);
    bool good = json != NULL && decision_read(json, out) == MS_OK;

    json_decref(json);
    return good;
}

bool
clerk_blob_act(const struct board_blob *blob, struct act *out)
{
    json_t *json = json_of(blob);
    bool good = json != NULL && act_read(json, out) == MS_OK &&
                strcmp(out->id, blob->field) == 0;

    json_decref(json);
    return good;
}

bool
clerk_blob_audit(const struct board_blob *blob, struct diary_audit *out)
{
    json_t *json = json_of(blob);
    bool good = json != NULL && diary_audit_read(json, out) == MS_OK;

    json_decref(json);
    return good;
}

bool
clerk_blob_change(const struct board_blob *blob, struct change *out)
{
    json_t *json = json_of(blob);
    bool good = json != NULL && change_read(json, out) == MS_OK;

    json_decref(json);
    return good;
}

bool
clerk_field_held(const char *host, const char *id, char out[BOARD_FIELD + 1])
{
    int n = snprintf(out, BOARD_FIELD + 1, "%s %s", host, id);

    return n > 0 && n <= BOARD_FIELD;
}

bool
clerk_blob_held(const struct board_blob *blob, struct held *out)
{
    json_t *json = json_of(blob);
    bool good = json != NULL && held_read(json, out) == MS_OK;

    json_decref(json);
    return good;
}
