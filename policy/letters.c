/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/letters.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/plain.h"
#include "policy/textfile.h"

enum { PATH = 4096, FIELD = 32, TOLD = 5000 };

struct letters {
    struct arena *arena;
    char **subject, **body; /* of each letter */
    char **word;
};

struct loading {
    const struct letters_shape *shape;
    const char *folder, *language;
    void (*line)(void *arg, const char *text);
    void *arg;
    struct letters *t;
    char path[PATH]; /* of the file that is being read */
    unsigned at;     /* its line */
    enum ms_err err;
};

static void fail(struct loading *l, enum ms_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Told at once; the first error is the one that is returned. */
static void
fail(struct loading *l, enum ms_err err, const char *format, ...)
{
    char told[TOLD];
    struct why why;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why.text, sizeof(why.text), format, args);
    va_end(args);
    if (l->at > 0)
        (void)snprintf(told, sizeof(told), "%s:%u: %s", l->path, l->at,
                       why.text);
    else
        (void)snprintf(told, sizeof(told), "%s: %s", l->path, why.text);
    l->line(l->arg, told);
    if (l->err == MS_OK)
        l->err = err;
}

/* ----- fields */

/* Is the LEN bytes at NAME one of the words of LIST? */
static bool
is_one_of(const char *list, const char *name, size_t len)
{
    while (*list != '\0') {
        size_t n = strcspn(list, " ");

        if (n == len && memcmp(list, name, n) == 0)
            return true;
        list += n;
        list += strspn(list, " ");
    }
    return false;
}

/* The field that begins at TEXT ("{name}"): the length of its name; 0: there
 * is none. */
static size_t
field_length(const char *text)
{
    size_t n = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_");

    return text[n + 1] == '}' && n < FIELD ? n : 0;
}

/* LINE without what is wrong in it: plain text, and fields of KNOWN. */
static void
check_line(struct loading *l, const char *line, const char *known)
{
    if (!plain_is_text(line)) {
        fail(l, MS_INVALID, "not plain text in UTF-8");
        return;
    }
    for (const char *p = strchr(line, '{'); p != NULL; p = strchr(p, '{')) {
        size_t n = field_length(p);

        if (p[1] == '{') {
            p += 2;
            continue;
        }
        if (n == 0)
            fail(l, MS_INVALID, "`{' that begins no field: write `{{'");
        else if (!is_one_of(known, p + 1, n))
            fail(l, MS_INVALID, "there is no field {%.*s} here; but %s", (int)n,
                 p + 1, known[0] != '\0' ? known : "none");
        p++;
    }
}

/* ----- reading */

static char *
read_file(struct loading *l, const char *name)
{
    struct why why;
    char *text = NULL;
    size_t len;
    enum ms_err err;
    int n = snprintf(l->path, sizeof(l->path), "%s/%s/%s.txt", l->folder,
                     l->language, name);

    l->at = 0;
    if (n < 0 || (size_t)n >= sizeof(l->path)) {
        fail(l, MS_INVALID, "the path is too long");
        return NULL;
    }
    err = textfile_read(l->path, &text, &len, NULL, &why);
    if (err != MS_OK)
        fail(l, err, "%s", why.text);
    return text;
}

/* The next line at *AT (NULL: none), which is ended in place. */
static char *
take_line(struct loading *l, char **at)
{
    char *line = *at;
    size_t len;

    if (*line == '\0')
        return NULL;
    l->at++;
    len = strcspn(line, "\n");
    *at = line + len + (line[len] == '\n' ? 1 : 0);
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    return line;
}

static void
read_letter(struct loading *l, size_t kind)
{
    static const char mark[] = "Subject: ";
    char *text = read_file(l, l->shape->letter[kind]), *at = text, *line, *body;
    size_t n = 0;

    if (text == NULL)
        return;
    line = take_line(l, &at);
    if (line == NULL || strncmp(line, mark, strlen(mark)) != 0) {
        l->at = 1;
        fail(l, MS_INVALID, "the first line must be `Subject: ...'");
        free(text);
        return;
    }
    check_line(l, line, l->shape->subject_fields);
    line += strlen(mark);
    l->t->subject[kind] = arena_dup(l->t->arena, line, strlen(line));
    body = text;
    while ((line = take_line(l, &at)) != NULL) {
        size_t len = strlen(line);

        check_line(l, line, l->shape->letter_fields);
        if (n == 0 && len == 0)
            continue;
        memmove(body + n, line, len);
        n += len;
        body[n++] = '\n';
    }
    if (n == 0)
        fail(l, MS_INVALID, "there is nothing below the subject");
    l->t->body[kind] = arena_dup(l->t->arena, body, n);
    if (l->t->subject[kind] == NULL || l->t->body[kind] == NULL)
        fail(l, MS_NOMEM, "no memory");
    free(text);
}

/* One phrase while it is read: the text behind "=", and its further lines. */
struct phrase {
    size_t word; /* n_words: none */
    size_t n;
    char *text;
};

/* Twelve words, that blanks part. */
static void
check_months(struct loading *l, const char *text)
{
    static const char blanks[] = " \n";
    unsigned n = 0;

    for (text += strspn(text, blanks); *text != '\0'; n++) {
        text += strcspn(text, blanks);
        text += strspn(text, blanks);
    }
    if (n != 12)
        fail(l, MS_INVALID, "`months' has %u words, not twelve", n);
}

static void
end_phrase(struct loading *l, struct phrase *phrase)
{
    char **at;

    if (phrase->word == l->shape->n_words)
        return;
    at = &l->t->word[phrase->word];
    if (*at != NULL)
        fail(l, MS_INVALID, "`%s' stands here twice",
             l->shape->word[phrase->word].name);
    else if (phrase->n == 0)
        fail(l, MS_INVALID, "`%s' is empty", l->shape->word[phrase->word].name);
    *at = arena_dup(l->t->arena, phrase->text, phrase->n);
    if (*at == NULL)
        fail(l, MS_NOMEM, "no memory");
    else if (phrase->word == l->shape->months)
        check_months(l, *at);
    phrase->word = l->shape->n_words;
}

static void
add_to_phrase(struct loading *l, struct phrase *phrase, const char *line)
{
    size_t len = strlen(line);

    if (phrase->word == l->shape->n_words)
        return;
    check_line(l, line, l->shape->word[phrase->word].fields);
    if (phrase->n > 0)
        phrase->text[phrase->n++] = '\n';
    memmove(phrase->text + phrase->n, line, len);
    phrase->n += len;
}

static void
begin_phrase(struct loading *l, struct phrase *phrase, const char *line)
{
    size_t len = strcspn(line, " =");
    const char *value = line + len + strspn(line + len, " ");

    end_phrase(l, phrase);
    phrase->n = 0;
    for (size_t i = 0; i < l->shape->n_words; i++)
        if (strlen(l->shape->word[i].name) == len &&
            memcmp(l->shape->word[i].name, line, len) == 0)
            phrase->word = i;
    if (*value != '=' || len == 0)
        fail(l, MS_INVALID, "`name = text' is expected");
    else if (phrase->word == l->shape->n_words && !l->shape->others)
        fail(l, MS_INVALID, "there is no phrase `%.*s'", (int)len, line);
    else
        add_to_phrase(l, phrase, value + 1 + strspn(value + 1, " "));
}

/* Lines that begin with two blanks go on with the phrase; empty ones between
 * them belong to it. */
static void
read_phrases(struct loading *l, char *text)
{
    char *at = text, *line;
    struct phrase phrase = {.word = l->shape->n_words};
    unsigned empty = 0;

    /* Written over what is behind us: never more than was read. */
    phrase.text = text;
    while ((line = take_line(l, &at)) != NULL) {
        if (*line == '#')
            continue;
        if (*line == '\0') {
            empty++;
        } else if (strncmp(line, "  ", 2) == 0) {
            for (; empty > 0; empty--)
                add_to_phrase(l, &phrase, "");
            add_to_phrase(l, &phrase, line + 2);
        } else {
            empty = 0;
            begin_phrase(l, &phrase, line);
        }
    }
    end_phrase(l, &phrase);
}

static void
read_words(struct loading *l)
{
    char *text = read_file(l, l->shape->words);

    if (text == NULL)
        return;
    read_phrases(l, text);
    l->at = 0;
    for (size_t i = 0; i < l->shape->n_words; i++)
        if (l->t->word[i] == NULL)
            fail(l, MS_INVALID, "the phrase `%s' is missing",
                 l->shape->word[i].name);
    free(text);
}

static enum ms_err
make_room(struct letters *t, const struct letters_shape *shape)
{
    enum ms_err err = arena_create(&t->arena);

    if (err != MS_OK)
        return err;
    t->subject = arena_array(t->arena, shape->n_letters, sizeof(char *));
    t->body = arena_array(t->arena, shape->n_letters, sizeof(char *));
    t->word = arena_array(t->arena, shape->n_words, sizeof(char *));
    return t->subject != NULL && t->body != NULL && t->word != NULL ? MS_OK
                                                                    : MS_NOMEM;
}

enum ms_err
letters_load(const struct letters_shape *shape, const char *folder,
             const char *language, void (*line)(void *arg, const char *text),
             void *arg, struct letters **out)
{
    struct loading l = {shape, folder, language, line, arg, NULL, "", 0, MS_OK};

    l.t = calloc(1, sizeof(*l.t));
    if (l.t == NULL)
        return MS_NOMEM;
    l.err = make_room(l.t, shape);
    for (size_t kind = 0; l.err != MS_NOMEM && kind < shape->n_letters; kind++)
        read_letter(&l, kind);
    if (l.err != MS_NOMEM)
        read_words(&l);
    if (l.err == MS_OK) {
        *out = l.t;
        return MS_OK;
    }
    letters_destroy(l.t);
    return l.err;
}

void
letters_destroy(struct letters *letters)
{
    if (letters == NULL)
        return;
    arena_destroy(letters->arena);
    free(letters);
}

/* ----- filling in */

static const char *
value_of(const struct letters_field *fields, const char *name, size_t len)
{
    for (; fields->name != NULL; fields++)
        if (strlen(fields->name) == len && memcmp(fields->name, name, len) == 0)
            return fields->value != NULL ? fields->value : "";
    return "";
}

/* The LEN bytes at TEXT with FIELDS in them, to OUT (NULL: nowhere); returns
 * how many bytes that are. */
static size_t
fill(const char *text, size_t len, const struct letters_field *fields,
     char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len;) {
        size_t field = text[i] == '{' ? field_length(text + i) : 0;
        const char *value = text + i;
        size_t size = 1;

        if (field > 0) {
            value = value_of(fields, text + i + 1, field);
            size = strlen(value);
        }
        if (out != NULL)
            memcpy(out + n, value, size);
        n += size;
        i += field > 0 ? field + 2 : value[0] == '{' && value[1] == '{' ? 2 : 1;
    }
    return n;
}

static char *
filled(const char *text, const struct letters_field *fields,
       struct arena *arena)
{
    size_t len = strlen(text);
    size_t size = fill(text, len, fields, NULL);
    char *out = arena_get(arena, size + 1);

    if (out != NULL)
        (void)fill(text, len, fields, out);
    return out;
}

char *
letters_subject(const struct letters *t, size_t kind,
                const struct letters_field *fields, struct arena *arena)
{
    char *text = filled(t->subject[kind], fields, arena);

    for (char *p = text; p != NULL && *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return text;
}

char *
letters_say(const struct letters *t, size_t word,
            const struct letters_field *fields, struct arena *arena)
{
    return filled(t->word[word], fields, arena);
}

char *
letters_body(const struct letters *t, size_t kind,
             const struct letters_field *fields, struct arena *arena)
{
    const char *text = t->body[kind];
    char *out = arena_get(arena, fill(text, strlen(text), fields, NULL) + 1);
    size_t n = 0;

    if (out == NULL)
        return NULL;
    for (size_t len; *text != '\0'; text += len) {
        size_t size;

        len = strcspn(text, "\n") + 1;
        size = fill(text, len, fields, out + n);
        if (size == 1 && (len > 1 || n == 0 || (n > 1 && out[n - 2] == '\n')))
            continue;
        n += size;
    }
    while (n > 1 && out[n - 2] == '\n')
        n--;
    out[n] = '\0';
    return out;
}
