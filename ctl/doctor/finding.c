/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/field.h"

static const struct {
    const char *name;
    enum out_color color;
} states[FINDING_STATES] = {
    [FINDING_OK] = {"ok", OUT_GOOD},
    [FINDING_WARN] = {"warn", OUT_WARN},
    [FINDING_FAIL] = {"FAIL", OUT_BAD},
    [FINDING_SKIP] = {"skip", OUT_DIM},
};

const char *
finding_state_name(enum finding_state state)
{
    return states[state].name;
}

bool
findings_start(struct findings *out)
{
    *out = (struct findings){.list = json_array(), .check = ""};
    return out->list != NULL;
}

void
findings_end(struct findings *findings)
{
    json_decref(findings->list);
}

/* ----- adding */

static void add(struct findings *findings, enum finding_state state,
                const char *cure, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

/* Was the same just told?  Two parts of a check may lack one thing. */
static bool
is_told(const struct findings *findings, enum finding_state state,
        const char *text)
{
    size_t n = json_array_size(findings->list);
    const json_t *last = n > 0 ? json_array_get(findings->list, n - 1) : NULL;

    return strcmp(field_text(last, "check"), findings->check) == 0 &&
           strcmp(field_text(last, "state"), finding_state_name(state)) == 0 &&
           strcmp(field_text(last, "text"), text) == 0;
}

static void
add(struct findings *findings, enum finding_state state, const char *cure,
    const char *format, va_list args)
{
    json_t *row;
    char text[FINDING_TEXT];

    if (vsnprintf(text, sizeof(text), format, args) >= (int)sizeof(text))
        memcpy(text + sizeof(text) - 4, "...", 4);
    if (is_told(findings, state, text))
        return;
    row = json_object();
    field_set_text(row, "check", findings->check);
    field_set_text(row, "state", finding_state_name(state));
    field_set_text(row, "text", text);
    (void)json_object_set_new(
        row, "cure", cure[0] != '\0' ? json_string(cure) : json_null());
    (void)json_array_append_new(findings->list, row);
    findings->n[state]++;
}

void
finding_ok(struct findings *findings, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(findings, FINDING_OK, "", format, args);
    va_end(args);
}

void
finding_skip(struct findings *findings, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(findings, FINDING_SKIP, "", format, args);
    va_end(args);
}

void
finding_bad(struct findings *findings, enum finding_state state,
            const char *cure, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(findings, state, cure, format, args);
    va_end(args);
}

/* ----- printing */

static enum out_color
color_of(const char *state)
{
    for (size_t i = 0; i < FINDING_STATES; i++) {
        if (strcmp(states[i].name, state) == 0)
            return states[i].color;
    }
    return OUT_PLAIN;
}

/* Each line of CURE, to be pasted. */
static void
print_cure(const struct out *out, const char *cure)
{
    while (*cure != '\0') {
        size_t len = strcspn(cure, "\n");

        out_verbatim(out, OUT_BOLD, "        %.*s", (int)len, cure);
        cure += len + (cure[len] == '\n' ? 1 : 0);
    }
}

static void
print_one(const struct out *out, const json_t *row)
{
    const char *state = field_text(row, "state");

    out_line(out, color_of(state), 19, "%-4s  %-12s %s", state,
             field_text(row, "check"), field_text(row, "text"));
    print_cure(out, field_text(row, "cure"));
}

static const struct out_column columns[] = {
    {.title = "CHECK", .path = "check", .kind = OUT_TEXT},
    {.title = "STATE", .path = "state", .kind = OUT_TEXT},
    {.title = "TEXT", .path = "text", .kind = OUT_TEXT},
    {.title = "CURE", .path = "cure", .kind = OUT_TEXT},
    {.title = NULL},
};

void
findings_print(const struct findings *findings, const struct out *out,
               size_t from)
{
    if (out->format != OUT_PEOPLE) {
        out_table(out, columns, findings->list);
        return;
    }
    for (size_t i = from; i < json_array_size(findings->list); i++)
        print_one(out, json_array_get(findings->list, i));
    (void)fflush(out->file); /* what comes next may take a while */
}
