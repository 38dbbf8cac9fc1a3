/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_include.c - files of the configuration. */
#include <config.h>

#include "policy/config_include.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/config_parse.h"
#include "policy/textfile.h"

enum { CONFIG_FILE_MAX = 16 * 1024 * 1024 };

const char *
config_include_path(struct arena *arena, const char *before, const char *folder,
                    const char *path)
{
    const bool relative = path[0] != '/';
    const size_t n_before = strlen(before), n_path = strlen(path);
    size_t n_folder = relative ? strlen(folder) : 0;
    char *out;

    if (n_folder > 0 && folder[n_folder - 1] == '/')
        n_folder--;
    out = arena_get(arena, n_before + n_folder + 1 + n_path + 1);
    if (out == NULL)
        return NULL;
    memcpy(out, before, n_before);
    memcpy(out + n_before, folder, n_folder);
    if (relative)
        out[n_before + n_folder++] = '/';
    memcpy(out + n_before + n_folder, path, n_path);
    return out;
}

const char *
config_include_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *folder;
    char *here;

    folder = arena_dup(arena, path, slash == NULL ? 0 : (size_t)(slash - path));
    if (folder == NULL || path[0] == '/')
        return folder;
    here = getcwd(NULL, 0);
    if (here == NULL)
        return errno == ENOMEM ? NULL : slash == NULL ? "." : folder;
    folder = slash == NULL ? arena_dup(arena, here, strlen(here))
                           : config_include_path(arena, "", here, folder);
    free(here);
    return folder;
}

static bool
same(struct textfile_id a, struct textfile_id b)
{
    return a.device == b.device && a.inode == b.inode;
}

static bool
is_open(const struct config_text *text, struct textfile_id id)
{
    size_t i;

    for (i = 0; i < text->n_open; i++)
        if (same(text->open[i], id))
            return true;
    return false;
}

/* Note a fault with PATH: where it is included or, of the first, by name. */
static void
fault(struct config_text *text, const char *path, struct origin at,
      const char *what)
{
    if (at.file == NULL)
        notes_error(text->notes, at, "%s: %s", path, what);
    else
        notes_error(text->notes, at, "`%s`: %s", path, what);
}

/* Read PATH's CONTENT, which is file ID. */
static enum ms_err
read_content(struct config_text *text, struct config_block *block,
             const char *path, struct textfile_id id,
             const struct config_source *content)
{
    struct config_source source = *content;
    enum ms_err err;

    source.file = arena_dup(text->arena, path, strlen(path));
    source.folder = config_include_folder(text->arena, path);
    if (source.file == NULL || source.folder == NULL ||
        notes_file(text->notes, source.file) != MS_OK)
        return MS_NOMEM;
    if (text->n_open == 0) /* what is missing in all files, is here */
        text->blocks[0]->origin = (struct origin){source.file, 1, 1};
    text->open[text->n_open++] = id;
    err = config_parse(text, block, &source);
    text->n_open--;
    return err;
}

enum ms_err
config_include_file(struct config_text *text, struct config_block *block,
                    const char *path, struct origin at)
{
    struct config_source source = {0};
    enum ms_err err = MS_INVALID;
    struct textfile_id id;
    char *content = NULL;
    struct why why;

    if (text->n_open == TEXT_DEPTH)
        why_set(&why, err, "more than %d files inside each other", TEXT_DEPTH);
    else if (text->n_files == TEXT_FILES)
        why_set(&why, err, "more than %d files", TEXT_FILES);
    else
        err = textfile_read(path, &content, &source.len, &id, &why);
    if (err == MS_OK && is_open(text, id))
        err = why_set(&why, MS_INVALID, "the file includes itself");
    if (err == MS_OK && source.len > CONFIG_FILE_MAX)
        err = why_set(&why, MS_INVALID,
                      "it is longer than 16 MiB; use tables for long lists");
    if (err == MS_OK) {
        text->n_files++;
        source.content = content;
        err = read_content(text, block, path, id, &source);
    } else if (err != MS_NOMEM) {
        fault(text, path, at, why.text);
        err = MS_OK;
    }
    free(content);
    return err;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder that is not there holds no files; one that is closed to us may. */
static int
glob_fault(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

enum ms_err
config_include(struct config_text *text, struct config_block *block,
               const char *folder, const char *pattern, struct origin at)
{
    const char *path = config_include_path(text->arena, "", folder, pattern);
    glob_t found = {0};
    enum ms_err err = MS_OK;
    size_t i;

    if (path == NULL)
        return MS_NOMEM;
    if (strpbrk(pattern, "*?[") == NULL)
        return config_include_file(text, block, path, at);
    switch (glob(path, GLOB_NOSORT, glob_fault, &found)) {
    case 0:
        /* by bytes: the order must not depend on a locale */
        qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_name);
        for (i = 0; i < found.gl_pathc && err == MS_OK; i++)
            err = config_include_file(text, block, found.gl_pathv[i], at);
        break;
    case GLOB_NOMATCH:
        break;
    case GLOB_NOSPACE:
        err = MS_NOMEM;
        break;
    default:
        fault(text, path, at, "cannot read the folder");
    }
    globfree(&found);
    return err;
}
