/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/move_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "milter/move.h"
#include "milter/move_line.h"
#include "milter/now.h"
#include "milter/open_store.h"
#include "milter/progress.h"
#include "policy/store/redis.h"

enum { UP_MS = 5000 /* for a shared store to answer */ };

/* ----- files */

static void complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void
complain(const char *format, ...)
{
    va_list args;

    (void)fputs("mortsafe: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* A new file, or one that is empty, as a run that failed leaves it. */
static int
open_new(const char *path)
{
    const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
    int fd = open(path, flags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    struct stat st;

    if (fd >= 0 || errno != EEXIST)
        return fd;
    fd = open(path, flags);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        st.st_size == 0 && st.st_uid == geteuid() &&
        fchmod(fd, S_IRUSR | S_IWUSR) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    errno = EEXIST;
    return -1;
}

static FILE *
open_output(const char *path)
{
    int fd;
    FILE *out;

    if (strcmp(path, "-") == 0)
        return stdout;
    fd = open_new(path);
    out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL && fd >= 0)
        (void)close(fd);
    return out;
}

/* What can be read twice: standard input is copied first. */
static FILE *
open_input(const char *path)
{
    char buf[MOVE_LINE];
    FILE *copy;
    size_t n;

    if (strcmp(path, "-") != 0)
        return fopen(path, "re");
    copy = tmpfile();
    while (copy != NULL && (n = fread(buf, 1, sizeof buf, stdin)) > 0) {
        if (fwrite(buf, 1, n, copy) == n)
            continue;
        (void)fclose(copy);
        return NULL;
    }
    if (copy != NULL)
        rewind(copy);
    return copy;
}

/* All that was written is to be on disk before anybody relies on it. */
static enum ms_err
close_output(FILE *out, struct why *why)
{
    enum ms_err err = MS_OK;

    if (fflush(out) != 0 || (fsync(fileno(out)) != 0 && errno != EINVAL &&
                             errno != EROFS && errno != ENOTSUP))
        err = why_errno(why, MS_UNAVAIL, "cannot write");
    if (out != stdout && fclose(out) != 0 && err == MS_OK)
        err = why_errno(why, MS_UNAVAIL, "cannot write");
    return err;
}

/* What is there is of no use: leave nothing, or at least an empty file, which
 * the next run takes. */
static void
discard_output(FILE *out, const char *path)
{
    if (out == stdout)
        return;
    (void)fflush(out);
    if (ftruncate(fileno(out), 0) == 0)
        (void)unlink(path);
    (void)fclose(out);
}

/* ----- all of it */

static struct store_time
read_now(void *arg)
{
    (void)arg;
    return now_read();
}

static void
tell(void *arg, enum ms_err err, const char *text)
{
    (void)arg;
    (void)err;
    complain("store: %s", text);
}

static void
describe(void *arg, struct store_host *out)
{
    const struct config *config = arg;

    memset(out, 0, sizeof *out);
    (void)gethostname(out->name, sizeof out->name - 1); /* "" will do */
    (void)snprintf(out->version, sizeof out->version, "%s", PACKAGE_VERSION);
    (void)snprintf(out->mode, sizeof out->mode, "%s", mode_name(config->mode));
}

/* Is all of a shared store in use?  Else WHY tells what is not. */
static enum ms_err
check_up(struct store *store, struct why *why)
{
    struct store_stats *stats = calloc(1, sizeof *stats);
    enum ms_err err;
    size_t i;

    if (stats == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    store_stats(store, stats);
    err = stats->shared.degraded ? MS_UNAVAIL : MS_OK;
    why_set(why, err, "no server can be used; mortsafe -n --connect tells why");
    for (i = 0; err != MS_OK && i < stats->shared.n_nodes; i++)
        if (!stats->shared.node[i].up)
            why_set(why, err, "%s: %s; mortsafe -n --connect tells more",
                    stats->shared.node[i].name, stats->shared.node[i].trouble);
    free(stats);
    return err;
}

static enum ms_err
open_for_move(struct config *config, struct open_store *open, struct why *why)
{
    const struct open_store_needs needs = {
        .use = OPEN_STORE_TOOL,
        .clock = {.now = read_now},
        .events = {.tell = tell},
        .describe = describe,
        .arg = config,
    };
    enum ms_err err = open_store(config, &needs, open, why);
    const struct mono until = {now_read().mono.ms + UP_MS};

    if (err == MS_BUSY) {
        const struct why who = *why;

        return why_set(why, err,
                       "%.400s: stop it first, and start it again "
                       "afterwards",
                       who.text);
    }
    if (err != MS_OK || config->store.type != STORE_REDIS)
        return err;
    (void)store_redis_wait_up(open->store, until);
    return check_up(open->store, why);
}

static void
step(void *arg, uint64_t done, uint64_t total)
{
    progress_step(arg, done, total);
}

static enum ms_err
move(enum move_way way, struct store *store, FILE *file,
     struct move_counts *counts, struct why *why)
{
    const struct store_clock clock = {.now = read_now};
    struct progress progress;
    const struct move_watch watch = {step, &progress};
    char host[HOST_NAME_MAX + 1] = "";
    enum ms_err err;

    progress_start(&progress, way == MOVE_EXPORT ? "exporting" : "importing");
    if (way == MOVE_EXPORT) {
        (void)gethostname(host, sizeof host - 1); /* "" will do */
        err = move_export(store, clock, host, file, &watch, counts, why);
        progress_end(&progress);
        return err;
    }
    err = move_import(store, clock, file, &watch, counts, why);
    progress_end(&progress);
    if (err == MS_OK)
        err = check_up(store, why); /* else what was read back is our own */
    return err == MS_OK ? store_flush(store, now_read(), why) : err;
}

static void
tell_counts(enum move_way way, const struct move_counts *counts)
{
    if (way == MOVE_EXPORT)
        complain("exported %" PRIu64 " subjects, %" PRIu64 " windows",
                 counts->subjects, counts->windows);
    else
        complain("imported %" PRIu64 " subjects, %" PRIu64 " windows (%" PRIu64
                 " more were over), %" PRIu64 " replaced, %" PRIu64 " verified",
                 counts->subjects, counts->windows, counts->aged,
                 counts->replaced, counts->verified);
}

static int
exit_code(enum ms_err err)
{
    switch (err) {
    case MS_OK:
        return EX_OK;
    case MS_INVALID:
    case MS_VERSION:
        return EX_DATAERR;
    case MS_BUSY:
        return EX_TEMPFAIL;
    case MS_NOMEM:
        return EX_OSERR;
    case MS_UNAVAIL:
    case MS_TIMEOUT:
        break;
    }
    return EX_UNAVAILABLE;
}

/* With FILE, which is left open. */
static enum ms_err
move_opened(enum move_way way, FILE *file, struct config *config,
            struct move_counts *counts, struct why *why)
{
    struct open_store open = {0};
    enum ms_err err = open_for_move(config, &open, why);

    if (err == MS_OK)
        err = move(way, open.store, file, counts, why);
    open_store_close(&open);
    return err;
}

int
move_run(enum move_way way, const char *path, struct config *config,
         const struct identity *who)
{
    struct move_counts counts = {0};
    enum ms_err err;
    struct why why;
    FILE *file;
    bool may;

    if (config->store.type == STORE_MEMORY) {
        complain("type = memory: what the store holds is in the daemon alone");
        return EX_CONFIG;
    }
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    file = way == MOVE_EXPORT ? open_output(path) : open_input(path);
    if (file == NULL) {
        (void)why_errno(&why, MS_UNAVAIL, path);
        complain("%s", why.text);
        return way == MOVE_EXPORT ? EX_CANTCREAT : EX_NOINPUT;
    }
    err = identity_become(who, &why);
    may = err == MS_OK;
    if (may)
        err = move_opened(way, file, config, &counts, &why);
    if (way == MOVE_IMPORT)
        (void)fclose(file);
    else if (err == MS_OK)
        err = close_output(file, &why);
    else
        discard_output(file, path);
    if (err == MS_OK)
        tell_counts(way, &counts);
    else
        complain("%s", why.text);
    return may ? exit_code(err) : EX_NOPERM;
}
