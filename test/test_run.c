/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running programs: what they read, what they say, how they end, and where they
 * are looked for.
 */
#include <config.h>

#include "ctl/run.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit.h"

struct heard {
    size_t lines, bytes;
    char last[256], all[1024];
};

static void
hear(void *arg, char *text)
{
    struct heard *heard = arg;
    size_t used = strlen(heard->all);

    heard->lines++;
    heard->bytes += strlen(text);
    (void)snprintf(heard->last, sizeof(heard->last), "%s", text);
    (void)snprintf(heard->all + used, sizeof(heard->all) - used, "%s|", text);
}

static enum ms_err
play(const char *const *words, const char *input, size_t len,
     struct heard *heard, int *code, struct why *why)
{
    const struct run run = {.words = words,
                            .input = input,
                            .input_len = len,
                            .line = hear,
                            .arg = heard};

    *heard = (struct heard){.lines = 0};
    return run_program(&run, code, why);
}

static void
test_rows(void **state)
{
    static const struct {
        const char *row, *script, *input;
        int code;
        const char *all;
    } rows[] = {
        {"output comes line by line", "echo a; echo b", "", 0, "a|b|"},
        {"so do complaints", "echo a; echo b >&2", "", 0, "a|b|"},
        {"a last line without its end is one", "printf 'a\\nb'", "", 0, "a|b|"},
        {"an empty line is one", "printf 'a\\n\\nb\\n'", "", 0, "a||b|"},
        {"silence is none", ":", "", 0, ""},
        {"it reads what it shall", "cat", "x\ny\n", 0, "x|y|"},
        {"and then the end", "read a; read b || echo $a end", "x\n", 0,
         "x end|"},
        {"who does not read does no harm", "exec <&-; echo a", "x\n", 0, "a|"},
        {"its exit code is told", "echo a; exit 7", "", 7, "a|"},
        {"a signal, too", "kill -9 $$", "", RUN_CODE_SIGNAL + SIGKILL, ""},
        {"SIGPIPE ends it as it should", "kill -PIPE $$; exit 1", "",
         RUN_CODE_SIGNAL + SIGPIPE, ""},
        {"words are not split", "printf '%s,' \"$@\"; echo", "", 0,
         "a b,*,$(id),|"},
    };

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the tool does */
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *words[] = {"sh",  "-c", rows[i].script, "sh",
                               "a b", "*",  "$(id)",        NULL};
        struct heard heard;
        struct why why = {""};
        int code = -1;

        expect(rows[i].row, play(words, rows[i].input, strlen(rows[i].input),
                                 &heard, &code, &why) == MS_OK);
        expect(rows[i].row, code == rows[i].code);
        if (strcmp(heard.all, rows[i].all) != 0)
            fail_msg("%s: %s", rows[i].row, heard.all);
    }
}

/* More than any pipe holds, both ways at once. */
static void
test_much(void **state)
{
    enum { LINES = 200000 };
    const char *words[] = {"cat", NULL};
    char *input = malloc(LINES * 10 + 1);
    struct heard heard;
    struct why why = {""};
    int code = -1;

    (void)state;
    assert_non_null(input);
    for (size_t i = 0; i < LINES; i++)
        (void)snprintf(input + 10 * i, 11, "%09zu\n", i);
    assert_int_equal(
        play(words, input, 10 * (size_t)LINES, &heard, &code, &why), MS_OK);
    assert_int_equal(code, 0);
    assert_int_equal(heard.lines, LINES);
    assert_int_equal(heard.bytes, 9 * LINES);
    assert_string_equal(heard.last, "000199999");
    free(input);
}

/* A line that is longer than what is read at once. */
static void
test_long_line(void **state)
{
    const char *words[] = {"sh", "-c", "printf '%0300000d' 7; echo; echo b",
                           NULL};
    struct heard heard;
    struct why why = {""};
    int code = -1;

    (void)state;
    assert_int_equal(play(words, NULL, 0, &heard, &code, &why), MS_OK);
    assert_int_equal(heard.lines, 2);
    assert_int_equal(heard.bytes, 300001);
    assert_string_equal(heard.last, "b");
}

static void
test_where(void **state)
{
    const char *missing[] = {"no-such-program-anywhere", NULL};
    const char *here[] = {"run-me", NULL};
    char folder[] = "/tmp/mortsafe-run-XXXXXX", path[64], old[4096];
    struct heard heard;
    struct why why = {""};
    int code = -1;
    FILE *out;

    (void)state;
    assert_int_equal(play(missing, NULL, 0, &heard, &code, &why), MS_UNAVAIL);
    assert_string_equal(why.text,
                        "there is no no-such-program-anywhere in PATH");
    assert_int_equal(code, -1);

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/run-me", folder);
    out = fopen(path, "w");
    assert_non_null(out);
    (void)fputs("#!/bin/sh\necho me\n", out);
    (void)fclose(out);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chdir(folder), 0);
    (void)snprintf(old, sizeof(old), "%s", getenv("PATH"));
    /* the folder one is in is not looked into, however it is called */
    assert_int_equal(setenv("PATH", ".::/nowhere", 1), 0);
    assert_int_equal(play(here, NULL, 0, &heard, &code, &why), MS_UNAVAIL);
    assert_int_equal(setenv("PATH", folder, 1), 0);
    assert_int_equal(play(here, NULL, 0, &heard, &code, &why), MS_OK);
    assert_string_equal(heard.all, "me|");
    assert_int_equal(setenv("PATH", old, 1), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Who neither ends nor heeds a signal is ended all the same. */
static void
test_deadline(void **state)
{
    static const char *const words[] = {
        "sh", "-c", "trap '' TERM; echo a; while :; do sleep 1; done", NULL};
    struct heard heard = {.lines = 0};
    const struct run run = {
        .words = words, .input = "", .line = hear, .arg = &heard, .wait_s = 1};
    struct why why;
    int code = 0;

    (void)state;
    assert_int_equal(run_program(&run, &code, &why), MS_TIMEOUT);
    assert_string_equal(why.text, "sh has not ended within 1 s");
    assert_string_equal(heard.all, "a|");
    assert_int_equal(code, RUN_CODE_SIGNAL + SIGKILL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_much),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_where),
        cmocka_unit_test(test_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
