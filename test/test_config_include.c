/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration of several files: includes and tables, and what is wrong
 * with them.
 */
#include <config.h>

#include "policy/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/unit.h"

enum { TODAY_S = 1800000000 /* 2027-01-15 */ };

static struct heard heard;

/* A folder of our own, whose path is cut out of what is heard. */
static char dir[] = "/tmp/test_config.XXXXXX";

static void
write_file(const char *name, const char *content)
{
    FILE *out = fopen(name, "w");

    assert_non_null(out);
    assert_int_equal(fputs(content, out) >= 0, 1);
    assert_int_equal(fclose(out), 0);
}

static void
cut(const char *what)
{
    char *at;

    while ((at = strstr(heard.text, what)) != NULL)
        memmove(at, at + strlen(what), strlen(at + strlen(what)) + 1);
}

struct file {
    const char *name, *content;
};

enum { FILES = 4 };

static const struct {
    const char *name;
    struct file files[FILES]; /* the first is the configuration */
    const char *heard;        /* "": it loads */
} trees[] = {
    {"a file that includes itself",
     {{"a", "include a\n"}},
     "a:1:9: `/a`: the file includes itself\n"},
    {"by way of another",
     {{"a", "include b\n"}, {"b", "\ninclude ./a\nmode = x"}},
     "/b:2:9: `/./a`: the file includes itself\n"
     "/b:3:8: mode: `x` is none of: observe | enforce\n"},
    {"twice, which is no loop",
     {{"a", "include b\ninclude b\n"}, {"b", "mode = observe"}},
     "/b:1:1: `mode` is set already at /b:1:1\n"},
    {"files come in the order of their names",
     {{"a", "include *.inc"}, {"2.inc", "mode = x"}, {"10.inc", "mode = y"}},
     "/10.inc:1:8: mode: `y` is none of: observe | enforce\n"
     "/2.inc:1:1: `mode` is set already at /10.inc:1:1\n"},
    {"a pattern that matches none", {{"a", "include *.none"}}, ""},
    {"a folder that is not there", {{"a", "include none/*.conf"}}, ""},
    {"a file ends its blocks",
     {{"a", "users {\ninclude b\n}"}, {"b", "}"}},
     "/b:1:1: `}` closes no block\n"},
    {"a file gives options to a block",
     {{"a", "limit user {\ninclude b\n}"}, {"b", "rate = x"}},
     "/b:1:8: rate: `x` is no rate such as 200/1h\n"},
    {"errors of two files are told in the order of the files",
     {{"a", "mode = x\ninclude b\nsessions = x"}, {"b", "on_error = x"}},
     "a:1:8: mode: `x` is none of: observe | enforce\n"
     "a:3:12: sessions: `x` is no number\n"
     "/b:1:12: on_error: `x` is none of: tempfail | accept\n"},
    {"a NUL byte is found by its line",
     {{"a", "include b"}, {"b", NULL}},
     "a:1:9: `/b`: a NUL byte in line 2: no text file\n"},
    {"rates in a table are checked",
     {{"a", "limit user { rates = texthash:b }"},
      {"b", "ann 5/1h\nbob 5/1s\ncarl x, 1/1h\n"}},
     "/b:2: the span `1s` is not from 12s to 366d\n"
     "/b:3: `x` is no rate such as 200/1h\n"},
    {"by what the limit counts",
     {{"a", "limit burst { rates = texthash:b }"}, {"b", "ann 5/msg\n"}},
     "/b:1: /msg is for limits that count recipients or external\n"},
    {"owners are lists of logins",
     {{"a", "owners { file = texthash:b }"}, {"b", "a@b.example ,\n"}},
     "/b:1: no login\n"},
    {"keys of a table of domains are domains",
     {{"a", "domains d { file = texthash:b }"},
      {"b", "b.example OK\na@b OK\n"}},
     "/b:2: `a@b` is no domain name\n"},
    {"a network is a set of prefixes",
     {{"a", "network n { addr = cidr:b }"},
      {"b", "!192.0.2.0/24 x\nif ::/0\n::1 x\nendif\n"}},
     "/b:1: a set of prefixes has neither `!` nor `if`\n"
     "/b:3: a set of prefixes has neither `!` nor `if`\n"},
    {"a prefix in two tables",
     {{"a", "network n { addr = cidr:b }\nnetwork m { addr = cidr:c }"},
      {"b", "::2 x\n192.0.2.0/24 x\n"},
      {"c", "::3 x\n\n192.0.2.0/24 x\n"}},
     "/c:3: `192.0.2.0/24` stands already in network `n`, /b:2\n"},
    {"a prefix in a table and in the file",
     {{"a", "network n { addr = cidr:b }\nnetwork m { addr = ::2 }"},
      {"b", "::2 x\n"}},
     "a:2:20: addr: `::2` stands already in network `n`, /b:1\n"},
    {"faults of a table come where it is named",
     {{"a", "network n { addr = cidr:b, x }"}, {"b", "y x\n"}},
     NULL},
    {"a table that is not there",
     {{"a", "network n { addr = cidr:none }"}},
     "a:1:20: /none: cannot open it: No such file or directory\n"},
};

static void
make_files(const struct file files[FILES])
{
    for (size_t i = 0; i < FILES && files[i].name != NULL; i++) {
        FILE *out;

        if (files[i].content != NULL) {
            write_file(files[i].name, files[i].content);
            continue;
        }
        out = fopen(files[i].name, "w");
        assert_non_null(out);
        assert_int_equal(fwrite("a\n\0b", 1, 4, out), 4);
        assert_int_equal(fclose(out), 0);
    }
}

static void
test_trees(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(trees); i++) {
        struct config *config = NULL;
        enum ms_err err;

        make_files(trees[i].files);
        err = heard_load_file(&heard, "a", TODAY_S, &config);
        for (size_t j = 0; j < FILES && trees[i].files[j].name != NULL; j++)
            (void)unlink(trees[i].files[j].name);
        cut(dir);
        if (err == MS_OK)
            cut("warning: a:1:1: no `domains`: strangers can send to nobody "
                "here\n");
        config_destroy(config);
        if (trees[i].heard == NULL) {
            expect(trees[i].name, strncmp(heard.text, "/b:1: ", 6) == 0);
            expect(trees[i].name, strstr(heard.text, "\na:1:28: ") != NULL);
            continue;
        }
        expect(trees[i].name,
               err == (*trees[i].heard == '\0' ? MS_OK : MS_INVALID));
        if (strcmp(heard.text, trees[i].heard) != 0)
            fail_msg("%s:\n%s", trees[i].name, heard.text);
    }
}

static void
test_depth(void **state)
{
    char name[16], content[32];
    struct config *config = NULL;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        (void)snprintf(content, sizeof(content), "include f%u\n", i + 1);
        write_file(name, content);
    }
    assert_int_equal(heard_load_file(&heard, "f0", TODAY_S, &config),
                     MS_INVALID);
    cut(dir);
    assert_string_equal(heard.text, "/f15:1:9: `/f16`: more than 16 files "
                                    "inside each other\n");
    assert_int_equal(heard_load_file(&heard, "f10", TODAY_S, &config),
                     MS_INVALID);
    cut(dir);
    assert_string_equal(heard.text, "/f19:1:9: `/f20`: cannot open it: No "
                                    "such file or directory\n");
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        (void)unlink(name);
    }
    assert_int_equal(heard_load_file(&heard, "f0", TODAY_S, &config),
                     MS_INVALID);
    assert_string_equal(heard.text,
                        "f0: cannot open it: No such file or directory\n");
}

/* 100,000 prefixes are read within a second; here in a table. */
static void
test_many_prefixes(void **state)
{
    struct config *config = NULL;
    FILE *out = fopen("many", "w");

    (void)state;
    assert_non_null(out);
    for (unsigned i = 0; i < 100000; i++)
        fprintf(out, "%u.%u.%u.0/24 OK\n", 1 + i / 65536, i / 256 % 256,
                i % 256);
    assert_int_equal(fclose(out), 0);
    write_file("a", "network n { addr = cidr:many }");
    assert_int_equal(heard_load_file(&heard, "a", TODAY_S, &config), MS_OK);
    assert_int_equal(nettree_count(config->nets), 100002);
    config_destroy(config);
    (void)unlink("a");
    (void)unlink("many");
}

static int
make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL || chdir(dir) != 0;
}

static int
remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_prefixes),
    };

    return cmocka_run_group_tests_name("config_include", tests, make_dir,
                                       remove_dir);
}
