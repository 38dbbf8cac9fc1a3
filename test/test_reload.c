/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reload: what is told to wait for the next restart.
 */
#include <config.h>

#include "milter/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "test/dialog.h"
#include "test/unit.h"

#define SITE "domains local { list = example.org }\n"
#define STORE                                                                  \
    "store { type = redis  url = redis://mortsafe@192.0.2.1/0  hosts = 3 "     \
    "prefix = one  deadline = 300ms }\n"
#define SENTINELS                                                              \
    "store { type = redis  url = redis://x@/0  sentinel = 192.0.2.1, "         \
    "192.0.2.2  master = one }\n"
#define PRIVACY "privacy { key_file = /etc/mortsafe/site.key  state = 90d }\n"

static const struct {
    const char *row, *before, *after;
    const char *told; /* all that is; "" for nothing */
} rows[] = {
    {"nothing", STORE PRIVACY, STORE PRIVACY, ""},
    {"what is in force at once", STORE PRIVACY,
     "mode = enforce\n"
     "store { type = redis  url = redis://mortsafe@192.0.2.1/0  hosts = 3  "
     "prefix = one  deadline = 300ms  fallback = tempfail }\n" PRIVACY,
     ""},
    {"another type", "store { type = memory }\n", "store { type = embedded }\n",
     "store type"},
    {"another path", "store { type = embedded  path = /tmp/a }\n",
     "store { type = embedded  path = /tmp/b }\n", "store path"},
    {"another server", STORE PRIVACY,
     "store { type = redis  url = redis://mortsafe@192.0.2.2/0  hosts = 3  "
     "prefix = one  deadline = 300ms }\n" PRIVACY,
     "store url"},
    {"another port", STORE PRIVACY,
     "store { type = redis  url = redis://mortsafe@192.0.2.1:6380/0  "
     "hosts = 3  prefix = one  deadline = 300ms }\n" PRIVACY,
     "store url"},
    {"another user", STORE PRIVACY,
     "store { type = redis  url = redis://other@192.0.2.1/0  hosts = 3  "
     "prefix = one  deadline = 300ms }\n" PRIVACY,
     "store url"},
    {"another database", STORE PRIVACY,
     "store { type = redis  url = redis://mortsafe@192.0.2.1/1  hosts = 3  "
     "prefix = one  deadline = 300ms }\n" PRIVACY,
     "store url"},
    {"TLS", STORE PRIVACY,
     "store { type = redis  url = rediss://mortsafe@192.0.2.1/0  hosts = 3  "
     "prefix = one  deadline = 300ms }\n" PRIVACY,
     "store url"},
    {"several at once, in their order", STORE PRIVACY,
     "store { type = redis  url = redis://mortsafe@192.0.2.1/0  hosts = 4  "
     "prefix = two  deadline = 200ms }\n"
     "privacy { key_file = /etc/mortsafe/other.key  state = 30d }\n",
     "store prefix, store deadline, store hosts, privacy key_file, "
     "privacy state"},
    {"another Sentinel", SENTINELS PRIVACY,
     "store { type = redis  url = redis://x@/0  sentinel = 192.0.2.1, "
     "192.0.2.3  "
     "master = one }\n" PRIVACY,
     "store sentinel"},
    {"one Sentinel more", SENTINELS PRIVACY,
     "store { type = redis  url = redis://x@/0  sentinel = 192.0.2.1, "
     "192.0.2.2, 192.0.2.3  "
     "master = one }\n" PRIVACY,
     "store sentinel"},
    {"another master", SENTINELS PRIVACY,
     "store { type = redis  url = redis://x@/0  sentinel = 192.0.2.1, "
     "192.0.2.2  "
     "master = two }\n" PRIVACY,
     "store master"},
    {"the API's sockets", "api { socket = /run/a }\n",
     "api { socket = /run/b }\nstatus { listen = inet:8896@127.0.0.1 }\n",
     "api socket, status listen"},
    {"who may do what there is in force at once", "api { socket = /run/a }\n",
     "api { socket = /run/a  group helpdesk { may = read } }\n"
     "status { names = yes  hosts = a.example }\n",
     ""},
};

/* The names in LOG of what waits for the next restart. */
static void
read_log(const char *log, char *out, size_t size)
{
    static const char front[] = "reload: ", behind[] = " has changed; that ";
    const char *end;

    out[0] = '\0';
    for (; (end = strstr(log, behind)) != NULL; log = end + 1) {
        const char *begin = end;
        size_t len = strlen(out);

        while (begin > log && strncmp(begin, front, strlen(front)) != 0)
            begin--;
        begin += strlen(front);
        (void)snprintf(out + len, size - len, "%s%.*s", len > 0 ? ", " : "",
                       (int)(end - begin), begin);
    }
}

/* Reload FILE in a daemon that has begun with CONFIG, and tell in TOLD what it
 * has said, which goes to standard error from then on. */
static enum ms_err
reload_one(const char *config, const char *file, char *told, size_t size)
{
    const struct reload reload = {.path = file, .foreground = true};
    int kept = dup(STDERR_FILENO);
    FILE *heard = tmpfile();
    struct dialog *dialog;
    enum ms_err err;

    assert_true(kept >= 0);
    assert_non_null(heard);
    assert_true(dup2(fileno(heard), STDERR_FILENO) >= 0);
    dialog = dialog_create(config);
    err = reload_now(&reload, dialog_daemon(dialog));
    free(dialog_destroy(dialog));
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    rewind(heard);
    told[fread(told, 1, size - 1, heard)] = '\0';
    (void)fclose(heard);
    return err;
}

static void
test_fixed(void **state)
{
    char path[] = "/tmp/mortsafe-reload-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < ROWS(rows); i++) {
        char before[1024], log[8192], told[1024];
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        (void)fprintf(file, "%s%slog { to = stderr }\n", SITE, rows[i].after);
        assert_int_equal(fclose(file), 0);
        (void)snprintf(before, sizeof(before), "%s%s", SITE, rows[i].before);
        expect(rows[i].row,
               reload_one(before, path, log, sizeof(log)) == MS_OK);
        expect(rows[i].row, strstr(log, " is in force, mode=") != NULL);
        read_log(log, told, sizeof(told));
        if (strcmp(told, rows[i].told) != 0)
            fail_msg("%s: told of \"%s\"", rows[i].row, told);
    }
    (void)unlink(path);
}

/* ----- who asks for it */

struct lines {
    int errors, warnings, notices;
    char text[4096];
};

static void
note_line(void *to, int level, const char *text)
{
    struct lines *lines = to;
    size_t len = strlen(lines->text);

    lines->errors += level == LOG_ERR;
    lines->warnings += level == LOG_WARNING;
    lines->notices += level == LOG_NOTICE;
    (void)snprintf(lines->text + len, sizeof(lines->text) - len, "%s\n", text);
}

static void
tell_one(const char *config, struct lines *lines, enum ms_err expected)
{
    char path[] = "/tmp/mortsafe-reload-XXXXXX";
    const struct reload reload = {.path = path};
    int fd = mkstemp(path);
    struct dialog *dialog = dialog_create(SITE);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, config, strlen(config)), strlen(config));
    (void)close(fd);
    memset(lines, 0, sizeof(*lines));
    assert_int_equal(
        reload_tell(&reload, dialog_daemon(dialog), note_line, lines),
        expected);
    (void)unlink(path);
    free(dialog_destroy(dialog));
}

static void
test_told(void **state)
{
    static struct lines lines;

    (void)state;
    tell_one(SITE "nonsense = 1\nrubbish = 2\n", &lines, MS_INVALID);
    assert_int_equal(lines.errors, 3); /* two, and that the old one stays */
    assert_non_null(strstr(lines.text, "nonsense"));
    assert_non_null(strstr(lines.text, "rubbish"));
    assert_null(strstr(lines.text, "reload: "));
    tell_one(SITE "api { socket = /run/other }\n", &lines, MS_OK);
    assert_int_equal(lines.errors, 0);
    assert_non_null(strstr(lines.text, "api socket has changed"));
    assert_int_equal(lines.notices, 1);
    assert_non_null(strstr(lines.text, "is in force"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
