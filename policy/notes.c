/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/notes.c - errors and warnings, in the order of the files. */
#include <config.h>

#include "policy/notes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_TEXT = 1024 };

enum gravity { WARNING, ERROR, GRAVITIES };

struct note {
    enum gravity gravity;
    size_t rank; /* of the file; 0: none */
    unsigned line, column;
    size_t serial;
    char *text;
};

struct notes {
    struct note *note;
    size_t n, room;
    const char **files;
    size_t n_files;
    size_t count[GRAVITIES]; /* those not kept too */
    bool nomem;
};

enum ms_err
notes_create(struct notes **out)
{
    struct notes *notes = calloc(1, sizeof *notes);

    if (notes == NULL)
        return MS_NOMEM;
    *out = notes;
    return MS_OK;
}

void
notes_destroy(struct notes *notes)
{
    size_t i;

    if (notes == NULL)
        return;
    for (i = 0; i < notes->n; i++)
        free(notes->note[i].text);
    free(notes->note);
    free(notes->files);
    free(notes);
}

enum ms_err
notes_file(struct notes *notes, const char *file)
{
    const char **files =
        reallocarray(notes->files, notes->n_files + 1, sizeof *files);

    if (files == NULL)
        return MS_NOMEM;
    files[notes->n_files++] = file;
    notes->files = files;
    return MS_OK;
}

static size_t
rank_of(const struct notes *notes, const char *file)
{
    size_t i;

    for (i = 0; i < notes->n_files; i++)
        if (notes->files[i] == file)
            return i + 1;
    return 0;
}

char *
notes_place(struct origin at, char *buf, size_t size)
{
    int n;

    if (at.file == NULL)
        n = snprintf(buf, size, "built in");
    else if (at.column == 0)
        n = snprintf(buf, size, "%s:%u", at.file, at.line);
    else
        n = snprintf(buf, size, "%s:%u:%u", at.file, at.line, at.column);
    if (n >= (int)size)
        memcpy(buf + size - 4, "...", 4);
    return buf;
}

/* One line of printable text, whatever the operator wrote. */
static void
clean(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

/* Keep TEXT, LEN bytes long if it had all been there. */
static void
keep(struct notes *notes, enum gravity gravity, struct origin at, char *text,
     int len)
{
    size_t room = notes->room == 0 ? 16 : notes->room * 2;
    struct note *note;
    char *copy;

    if (notes->count[gravity]++ >= NOTES_MAX)
        return;
    if (len >= NOTE_TEXT)
        memcpy(text + NOTE_TEXT - 4, "...", 4);
    clean(text);
    if (notes->n == notes->room) {
        note = reallocarray(notes->note, room, sizeof *note);
        if (note == NULL) {
            notes->nomem = true;
            return;
        }
        notes->note = note;
        notes->room = room;
    }
    copy = strdup(text);
    if (copy == NULL) {
        notes->nomem = true;
        return;
    }
    notes->note[notes->n] = (struct note){
        gravity, rank_of(notes, at.file), at.line, at.column, notes->n, copy};
    notes->n++;
}

static void keep_format(struct notes *notes, enum gravity gravity,
                        struct origin at, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static void
keep_format(struct notes *notes, enum gravity gravity, struct origin at,
            const char *format, va_list args)
{
    char text[NOTE_TEXT];
    int place = 0, rest;

    if (at.file != NULL)
        place = snprintf(text, sizeof text, "%s:%u:%u: ", at.file, at.line,
                         at.column);
    if (place < 0 || place >= NOTE_TEXT)
        place = 0; /* a name so long that only the message has room */
    rest = vsnprintf(text + place, sizeof text - (size_t)place, format, args);
    keep(notes, gravity, at, text, place + rest);
}

void
notes_error(struct notes *notes, struct origin at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    keep_format(notes, ERROR, at, format, args);
    va_end(args);
}

void
notes_warning(struct notes *notes, struct origin at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    keep_format(notes, WARNING, at, format, args);
    va_end(args);
}

static void
keep_table(struct notes *notes, enum gravity gravity, struct origin at,
           const char *path, unsigned line, const char *what)
{
    char text[NOTE_TEXT];
    int len;

    if (line > 0)
        len = snprintf(text, sizeof text, "%s:%u: %s", path, line, what);
    else
        len = snprintf(text, sizeof text, "%s:%u:%u: %s: %s",
                       at.file != NULL ? at.file : "built in", at.line,
                       at.column, path, what);
    keep(notes, gravity, at, text, len);
}

void
notes_table_error(struct notes *notes, struct origin at, const char *path,
                  unsigned line, const char *text)
{
    keep_table(notes, ERROR, at, path, line, text);
}

void
notes_table_warning(struct notes *notes, struct origin at, const char *path,
                    unsigned line, const char *text)
{
    keep_table(notes, WARNING, at, path, line, text);
}

enum ms_err
notes_err(const struct notes *notes)
{
    if (notes->nomem)
        return MS_NOMEM;
    return notes->count[ERROR] > 0 ? MS_INVALID : MS_OK;
}

bool
notes_full(const struct notes *notes)
{
    return notes->count[ERROR] >= NOTES_MAX;
}

static int
by_place(const void *a, const void *b)
{
    const struct note *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void
tell_rest(const struct notes *notes, enum gravity gravity, const char *what,
          void (*line)(void *arg, const char *line), void *arg)
{
    char text[80];

    if (notes->count[gravity] <= NOTES_MAX)
        return;
    snprintf(text, sizeof text, "and %zu more %s",
             notes->count[gravity] - NOTES_MAX, what);
    line(arg, text);
}

void
notes_tell(struct notes *notes, const struct config_report *report)
{
    size_t i;

    if (report == NULL)
        return;
    if (notes->n > 0)
        qsort(notes->note, notes->n, sizeof *notes->note, by_place);
    for (i = 0; i < notes->n; i++) {
        if (notes->note[i].gravity == ERROR)
            report->error(report->arg, notes->note[i].text);
        else
            report->warning(report->arg, notes->note[i].text);
    }
    tell_rest(notes, ERROR, "errors", report->error, report->arg);
    tell_rest(notes, WARNING, "warnings", report->warning, report->arg);
}
