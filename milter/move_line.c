/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/move_line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "policy/window.h"

static const char format[] = "mortsafe-export";

static const char *const standings[] = {
    [STANDING_NORMAL] = "normal",       [STANDING_WATCHED] = "watched",
    [STANDING_THROTTLED] = "throttled", [STANDING_QUARANTINED] = "quarantined",
    [STANDING_PROBATION] = "probation",
};

enum {
    STANDINGS = sizeof standings / sizeof *standings,
    BYTES_MAX = 1536, /* of a subject or a state */
    BASE64_ROOM =
        sodium_base64_ENCODED_LEN(BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)
};

_Static_assert((int)BYTES_MAX >= (int)SUBJECT_BYTES &&
                   (int)BYTES_MAX >= (int)STORE_STATE_MAX,
               "room for both");

/* ----- writing */

/* OBJECT, which is ended here (NULL: there was no memory for it), as a line. */
static enum ms_err
print_line(json_t *object, char **out, size_t *len)
{
    char *text = NULL, *line = NULL;

    if (object != NULL)
        text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL)
        return MS_NOMEM;
    *len = strlen(text) + 1;
    line = malloc(*len + 1);
    if (line != NULL) {
        memcpy(line, text, *len - 1);
        memcpy(line + *len - 1, "\n", 2);
    }
    free(text);
    *out = line;
    return line == NULL ? MS_NOMEM : MS_OK;
}

enum ms_err
move_line_head(const char *host, struct wall time, char **out, size_t *len)
{
    return print_line(json_pack("{s:s, s:i, s:I, s:s%}", "format", format,
                                "version", MOVE_VERSION, "time",
                                (json_int_t)time.s, "host", host, strlen(host)),
                      out, len);
}

enum ms_err
move_line_end(const struct move_end *end, char **out, size_t *len)
{
    return print_line(json_pack("{s:b, s:I, s:I, s:I, s:s}", "end", 1,
                                "subjects", (json_int_t)end->subjects,
                                "windows", (json_int_t)end->windows, "time",
                                (json_int_t)end->time.s, "sum", end->sum),
                      out, len);
}

static bool
holds_anything(const struct store_window *w)
{
    size_t i;

    for (i = 0; i < WINDOW_SLICES; i++)
        if (w->slices[i] != 0)
            return true;
    return false;
}

size_t
move_line_windows(const struct store_record *record)
{
    size_t i, n = 0;

    for (i = 0; i < record->n_windows; i++)
        n += holds_anything(&record->windows[i]);
    return n;
}

static json_t *
pack_window(const struct store_window *w)
{
    json_t *slices = json_array();
    uint8_t id[sizeof w->window];
    char hex[2 * sizeof id + 1];
    size_t i;

    for (i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(w->window >> (8 * (sizeof id - 1 - i)));
    (void)sodium_bin2hex(hex, sizeof hex, id, sizeof id);
    for (i = 0; i < WINDOW_SLICES; i++)
        if (json_array_append_new(slices, json_integer(w->slices[i])) != 0)
            break;
    if (i < WINDOW_SLICES) {
        json_decref(slices);
        return NULL;
    }
    return json_pack("{s:s, s:I, s:I, s:o}", "id", hex, "span",
                     (json_int_t)w->span_s, "limit", (json_int_t)w->limit,
                     "slices", slices);
}

static json_t *
pack_windows(const struct store_record *record)
{
    json_t *windows = json_array();
    size_t i;

    for (i = 0; i < record->n_windows; i++) {
        if (!holds_anything(&record->windows[i]) ||
            json_array_append_new(windows, pack_window(&record->windows[i])) ==
                0)
            continue;
        json_decref(windows);
        return NULL;
    }
    return windows;
}

enum ms_err
move_line_subject(const struct store_record *record, char **out, size_t *len)
{
    const struct subject *subject = &record->subject;
    const struct store_state *state = &record->state;
    char name[SUBJECT_TEXT], bytes[BASE64_ROOM], detector[BASE64_ROOM];
    json_t *windows = pack_windows(record);

    if (windows == NULL)
        return MS_NOMEM;
    (void)sodium_bin2base64(bytes, sizeof bytes, subject->bytes, subject->len,
                            sodium_base64_VARIANT_ORIGINAL);
    (void)sodium_bin2base64(detector, sizeof detector, state->bytes, state->len,
                            sodium_base64_VARIANT_ORIGINAL);
    return print_line(
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:o}", "kind",
                  subject_kind_name(subject->kind), "name",
                  subject_print(subject, name), "subject", bytes, "standing",
                  standings[state->standing], "throttle",
                  (json_int_t)state->throttle, "state", detector, "first_seen",
                  (json_int_t)record->first_seen.s, "last_seen",
                  (json_int_t)record->last_seen.s, "windows", windows),
        out, len);
}

/* ----- reading */

static enum ms_err
parse(const char *line, size_t len, json_t **out, struct why *why)
{
    json_error_t error;

    *out = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (*out != NULL)
        return MS_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return why_set(why, MS_NOMEM, "no memory");
    return why_set(why, MS_INVALID, "no JSON: %s", error.text);
}

enum ms_err
move_line_read_head(const char *line, size_t len, struct why *why)
{
    const char *name = "";
    json_int_t version = 0;
    json_t *object;
    enum ms_err err = parse(line, len, &object, why);

    if (err != MS_OK)
        return err;
    if (json_unpack(object, "{s:s, s:I}", "format", &name, "version",
                    &version) != 0 ||
        strcmp(name, format) != 0 || version < 1)
        err = why_set(why, MS_INVALID, "not a file that mortsafe exported");
    else if (version > MOVE_VERSION)
        err = why_set(why, MS_VERSION,
                      "exported by a newer mortsafe, in version %lld; this one "
                      "reads %d",
                      (long long)version, MOVE_VERSION);
    json_decref(object);
    return err;
}

static bool
fits(json_int_t n, uint32_t *out)
{
    *out = (uint32_t)n;
    return n >= 0 && n <= UINT32_MAX;
}

/* TEXT as bytes; false: it is not base64, or more than SIZE. */
static bool
unpack_bytes(const char *text, uint8_t *out, size_t size, size_t *len)
{
    return sodium_base642bin(out, size, text, strlen(text), NULL, len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0;
}

static bool
unpack_id(const char *hex, uint64_t *out)
{
    uint8_t id[sizeof *out];
    size_t len, i;

    if (strlen(hex) != 2 * sizeof id ||
        sodium_hex2bin(id, sizeof id, hex, 2 * sizeof id, NULL, &len, NULL) !=
            0 ||
        len != sizeof id)
        return false;
    *out = 0;
    for (i = 0; i < sizeof id; i++)
        *out = *out << 8 | id[i];
    return true;
}

static bool
unpack_window(json_t *object, struct store_window *w)
{
    json_int_t span, limit;
    json_t *slices;
    const char *id;
    size_t i;

    if (json_unpack_ex(object, NULL, JSON_STRICT, "{s:s, s:I, s:I, s:o}", "id",
                       &id, "span", &span, "limit", &limit, "slices",
                       &slices) != 0 ||
        !unpack_id(id, &w->window) || !fits(span, &w->span_s) ||
        !fits(limit, &w->limit) || w->span_s < WINDOW_SPAN_MIN_S ||
        w->span_s > WINDOW_SPAN_MAX_S ||
        json_array_size(slices) != WINDOW_SLICES)
        return false;
    w->used = 0;
    for (i = 0; i < WINDOW_SLICES; i++) {
        json_t *slice = json_array_get(slices, i);

        if (!json_is_integer(slice) ||
            !fits(json_integer_value(slice), &w->slices[i]))
            return false;
        w->used += w->slices[i];
    }
    return true;
}

static bool
unpack_windows(json_t *windows, struct store_record *record)
{
    size_t i, n = json_array_size(windows);

    if (!json_is_array(windows) || n > STORE_WINDOWS)
        return false;
    for (i = 0; i < n; i++)
        if (!unpack_window(json_array_get(windows, i), &record->windows[i]))
            return false;
    record->n_windows = n;
    return true;
}

static bool
unpack_standing(const char *name, enum standing *out)
{
    int i;

    for (i = 0; i < STANDINGS; i++) {
        if (strcmp(standings[i], name) == 0) {
            *out = (enum standing)i;
            return true;
        }
    }
    return false;
}

static bool
unpack_subject(const char *kind, const char *name, const char *base64,
               struct subject *out)
{
    uint8_t bytes[SUBJECT_BYTES];
    char text[SUBJECT_TEXT];
    size_t len;

    return unpack_bytes(base64, bytes, sizeof bytes, &len) &&
           subject_read(bytes, len, out) &&
           strcmp(subject_kind_name(out->kind), kind) == 0 &&
           strcmp(subject_print(out, text), name) == 0;
}

static enum ms_err
read_subject(json_t *object, struct store_record *out, struct why *why)
{
    const char *kind, *name, *subject, *standing, *detector;
    json_int_t throttle, first, last;
    struct store_state *state = &out->state;
    json_t *windows;
    size_t len;

    if (json_unpack_ex(object, NULL, JSON_STRICT,
                       "{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:o}", "kind",
                       &kind, "name", &name, "subject", &subject, "standing",
                       &standing, "throttle", &throttle, "state", &detector,
                       "first_seen", &first, "last_seen", &last, "windows",
                       &windows) != 0)
        return why_set(why, MS_INVALID, "not a subject's line");
    memset(out, 0, offsetof(struct store_record, windows));
    if (!unpack_subject(kind, name, subject, &out->subject))
        return why_set(why, MS_INVALID,
                       "its subject is not what its kind and name say");
    if (!unpack_standing(standing, &state->standing) ||
        !fits(throttle, &state->throttle))
        return why_set(why, MS_INVALID, "no such standing");
    if (!unpack_bytes(detector, state->bytes, sizeof state->bytes, &len))
        return why_set(why, MS_INVALID, "its state is damaged");
    state->len = (uint16_t)len;
    if (first < 0 || last < first)
        return why_set(why, MS_INVALID, "it was last seen before the first");
    out->first_seen.s = first;
    out->last_seen.s = last;
    if (!unpack_windows(windows, out))
        return why_set(why, MS_INVALID, "a window is damaged");
    return MS_OK;
}

static enum ms_err
read_end(json_t *object, struct move_end *out, struct why *why)
{
    json_int_t subjects, windows, time;
    const char *sum;
    int end;

    if (json_unpack_ex(object, NULL, JSON_STRICT, "{s:b, s:I, s:I, s:I, s:s}",
                       "end", &end, "subjects", &subjects, "windows", &windows,
                       "time", &time, "sum", &sum) != 0 ||
        !end || subjects < 0 || windows < 0 || strlen(sum) >= sizeof out->sum)
        return why_set(why, MS_INVALID, "the last line is damaged");
    out->subjects = (uint64_t)subjects;
    out->windows = (uint64_t)windows;
    out->time.s = time;
    memcpy(out->sum, sum, strlen(sum) + 1);
    return MS_OK;
}

enum ms_err
move_line_read(const char *line, size_t len, enum move_line_kind *kind,
               struct store_record *record, struct move_end *end,
               struct why *why)
{
    json_t *object;
    enum ms_err err = parse(line, len, &object, why);

    if (err != MS_OK)
        return err;
    *kind = json_object_get(object, "end") != NULL ? MOVE_LINE_END
                                                   : MOVE_LINE_SUBJECT;
    err = *kind == MOVE_LINE_END ? read_end(object, end, why)
                                 : read_subject(object, record, why);
    json_decref(object);
    return err;
}
