/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/field.h"

#include <string.h>

const json_t *
field_at(const json_t *row, const char *path)
{
    const char *dot;

    while (row != NULL && (dot = strchr(path, '.')) != NULL) {
        row = json_object_getn(row, path, (size_t)(dot - path));
        path = dot + 1;
    }
    return row == NULL ? NULL : json_object_get(row, path);
}

const char *
field_text(const json_t *row, const char *path)
{
    const char *text = json_string_value(field_at(row, path));

    return text != NULL ? text : "";
}

int64_t
field_int(const json_t *row, const char *path)
{
    return (int64_t)json_integer_value(field_at(row, path));
}

double
field_real(const json_t *row, const char *path)
{
    return json_number_value(field_at(row, path));
}

bool
field_true(const json_t *row, const char *path)
{
    return json_is_true(field_at(row, path));
}

const char *
field_unit(const json_t *row)
{
    return strcmp(field_text(row, "metric"), "bytes") == 0 ? "K" : "";
}

bool
field_is(const json_t *row, const char *path)
{
    const json_t *found = field_at(row, path);

    return found != NULL && !json_is_null(found);
}

void
field_set_text(json_t *body, const char *key, const char *value)
{
    if (value != NULL)
        (void)json_object_set_new(body, key, json_string(value));
}

void
field_set_flag(json_t *body, const char *key, bool value)
{
    (void)json_object_set_new(body, key, json_boolean(value));
}
