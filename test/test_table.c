/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit.h"

static char dir[] = "/tmp/test_table.XXXXXX";
static char path[64];

static int
make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/t", dir);
    return 0;
}

static int
remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static void
write_file(const char *text, size_t len)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* What was reported: "3: message\n", warnings with "warning: ". */
struct heard {
    char text[4096];
};

static void
hear(struct heard *heard, const char *prefix, unsigned line, const char *text)
{
    size_t len = strlen(heard->text);

    (void)snprintf(heard->text + len, sizeof(heard->text) - len, "%u: %s%s\n",
                   line, prefix, text);
}

static void
on_error(void *arg, const char *file, unsigned line, const char *text)
{
    assert_string_equal(file, path);
    hear(arg, "", line, text);
}

static void
on_warning(void *arg, const char *file, unsigned line, const char *text)
{
    assert_string_equal(file, path);
    hear(arg, "warning: ", line, text);
}

static enum ms_err
load(enum table_type type, const char *text, struct heard *heard,
     struct table **out)
{
    const struct table_report report = {on_error, on_warning, heard};

    heard->text[0] = '\0';
    write_file(text, strlen(text));
    return table_load(type, path, &report, out);
}

/* ----- texthash */

static const struct {
    const char *name, *text, *key, *value;
} gets[] = {
    {"a key has a value", "a 1\n", "a", "1"},
    {"another has none", "a 1\n", "b", NULL},
    {"an empty file has none", "", "a", NULL},
    {"a key folds to lower case", "Ann@Example.ORG 1\n", "ann@example.org",
     "1"},
    {"so does what is asked for", "ann@example.org 1\n", "ANN@example.org",
     "1"},
    {"the last line needs no end", "a 1\nb 2", "b", "2"},
    {"tabs part key and value", "a\t\t1\n", "a", "1"},
    {"blanks behind are no part of the value", "a 1 \t\n", "a", "1"},
    {"blanks inside are", "a 1  2,\t3\n", "a", "1  2,\t3"},
    {"a line with white space goes on", "a 1,\n  2\n", "a", "1,  2"},
    {"over a comment", "a 1,\n# no\n 2\n", "a", "1, 2"},
    {"over an empty line", "a 1,\n\n \t\n 2\n", "a", "1, 2"},
    {"over a comment with blanks before", "a 1,\n   # no\n 2\n", "a", "1, 2"},
    {"a key on a line of its own", "a\n 1\nb 2\n", "a", "1"},
    {"a comment is none", "# a 1\na 2\n", "a", "2"},
    {"# inside a line is no comment", "a 1 # 2\n", "a", "1 # 2"},
    {"CRLF ends a line", "a 1\r\nb 2\r\n", "a", "1"},
    {"a local part keeps its bytes", "j\xc3\xb6rg\xff 1\n", "j\xc3\xb6rg\xff",
     "1"},
    {"the first of two equal keys holds", "a 1\nA 2\n", "a", "1"},
    {"a domain key", "@example.org 5/1h\n", "@example.org", "5/1h"},
};

static void
test_gets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(gets); i++) {
        struct table *table = NULL;
        struct heard heard;
        const char *value;

        expect(gets[i].name,
               load(TABLE_TEXTHASH, gets[i].text, &heard, &table) == MS_OK);
        value = table_get(table, gets[i].key);
        if (gets[i].value == NULL
                ? value != NULL
                : value == NULL || strcmp(value, gets[i].value) != 0)
            fail_msg("%s: %s", gets[i].name, value == NULL ? "-" : value);
        table_destroy(table);
    }
}

/* ----- cidr */

static const struct {
    const char *name, *text, *host, *value;
} hosts[] = {
    {"an address in a prefix", "192.0.2.0/24 a\n", "192.0.2.7", "a"},
    {"one outside", "192.0.2.0/24 a\n", "192.0.3.7", NULL},
    {"a single address", "192.0.2.7 a\n", "192.0.2.7", "a"},
    {"IPv6", "2001:db8::/32 a\n", "2001:db8::1", "a"},
    {"IPv6 in brackets", "[2001:db8::]/32 a\n", "2001:db8::1", "a"},
    {"the first match wins, not the longest", "192.0.2.0/24 a\n192.0.2.7 b\n",
     "192.0.2.7", "a"},
    {"the longest if it stands first", "192.0.2.7 b\n192.0.2.0/24 a\n",
     "192.0.2.7", "b"},
    {"everything", "0.0.0.0/0 a\n", "203.0.113.1", "a"},
    {"everything of IPv4 is not IPv6", "0.0.0.0/0 a\n", "2001:db8::1", NULL},
    {"not that prefix", "!192.0.2.0/24 a\n", "203.0.113.1", "a"},
    {"not in it", "!192.0.2.0/24 a\n", "192.0.2.1", NULL},
    {"not that prefix says nothing of IPv6", "!192.0.2.0/24 a\n", "2001:db8::1",
     NULL},
    {"not not", "!!192.0.2.0/24 a\n", "192.0.2.1", "a"},
    {"first match wins with ! too", "!10.0.0.0/8 a\n192.0.2.1 b\n", "192.0.2.1",
     "a"},
    {"within if", "if 192.0.2.0/24\n0.0.0.0/0 a\nendif\n0.0.0.0/0 b\n",
     "192.0.2.1", "a"},
    {"outside of if", "if 192.0.2.0/24\n0.0.0.0/0 a\nendif\n0.0.0.0/0 b\n",
     "203.0.113.1", "b"},
    {"if and no match inside",
     "if 192.0.2.0/24\n192.0.2.9 a\nendif\n"
     "0.0.0.0/0 b\n",
     "192.0.2.1", "b"},
    {"if not", "if !192.0.2.0/24\n0.0.0.0/0 a\nENDIF\n", "203.0.113.1", "a"},
    {"if not, in it", "IF !192.0.2.0/24\n0.0.0.0/0 a\nendif\n", "192.0.2.1",
     NULL},
    {"if in if",
     "if 192.0.0.0/8\nif 192.0.2.0/24\n192.0.0.0/8 a\nendif\n"
     "192.0.0.0/8 b\nendif\n",
     "192.0.2.1", "a"},
    {"if in if, behind the inner",
     "if 192.0.0.0/8\nif 192.0.2.0/24\n"
     "192.0.0.0/8 a\nendif\n"
     "192.0.0.0/8 b\nendif\n",
     "192.0.3.1", "b"},
    {"if in if, outside",
     "if 192.0.0.0/8\nif 0.0.0.0/0\n0.0.0.0/0 a\nendif\n"
     "endif\n",
     "203.0.113.1", NULL},
    {"if of IPv4 is not for IPv6", "if 0.0.0.0/0\n::/0 a\nendif\n",
     "2001:db8::1", NULL},
};

static void
test_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(hosts); i++) {
        const struct prefix nobody = {0};
        struct table *table = NULL;
        struct prefix host;
        struct heard heard;
        const char *value;

        assert_int_equal(prefix_parse(hosts[i].host, &host, NULL), MS_OK);
        expect(hosts[i].name,
               load(TABLE_CIDR, hosts[i].text, &heard, &table) == MS_OK);
        value = table_get_host(table, host);
        if (hosts[i].value == NULL
                ? value != NULL
                : value == NULL || strcmp(value, hosts[i].value) != 0)
            fail_msg("%s: %s", hosts[i].name, value == NULL ? "-" : value);
        expect(hosts[i].name, table_get_host(table, nobody) == NULL);
        expect(hosts[i].name, table_get(table, "192.0.2.1") == NULL);
        table_destroy(table);
    }
}

/* ----- errors */

static const struct {
    const char *name;
    enum table_type type;
    const char *text, *heard;
    enum ms_err err;
} reports[] = {
    {"a key without value", TABLE_TEXTHASH, "a\nb 1\n",
     "1: `a` has no value behind it\n", MS_INVALID},
    {"every error is told", TABLE_TEXTHASH, "a\nb\n",
     "1: `a` has no value behind it\n2: `b` has no value behind it\n",
     MS_INVALID},
    {"a line that goes on with nothing", TABLE_TEXTHASH, " a 1\n",
     "1: white space at the beginning, and no line to go on with\n",
     MS_INVALID},
    {"comments are no lines to go on with", TABLE_TEXTHASH, "# x\n\n a 1\n",
     "3: white space at the beginning, and no line to go on with\n",
     MS_INVALID},
    {"a line that goes on has the number of its first", TABLE_TEXTHASH,
     "a 1\n 2\n\nb\n\n", "4: `b` has no value behind it\n", MS_INVALID},
    {"equal keys are a warning", TABLE_TEXTHASH, "a 1\nb 2\nA 3\n",
     "3: warning: `a` stands in line 1 already, which holds\n", MS_OK},
    {"an alias file", TABLE_TEXTHASH, "ann: bob\n",
     "1: warning: `ann:` ends in a colon: is this an alias file?\n", MS_OK},
    {"a prefix without value", TABLE_CIDR, "192.0.2.0/24\n",
     "1: `192.0.2.0/24` has no value behind it (OK, say)\n", MS_INVALID},
    {"equal prefixes are a warning", TABLE_CIDR,
     "192.0.2.0/24 a\n192.0.2.0/24 b\n",
     "2: warning: `192.0.2.0/24` stands in line 1 already, which holds\n",
     MS_OK},
    {"if without endif", TABLE_CIDR, "\nif 10.0.0.0/8\n10.0.0.1 a\n",
     "2: `if` without `endif`\n", MS_INVALID},
    {"endif without if", TABLE_CIDR, "10.0.0.1 a\nendif\n",
     "2: `endif` without `if`\n", MS_INVALID},
    {"one endif too many", TABLE_CIDR, "if ::/0\n::1 a\nendif\nendif\n",
     "4: `endif` without `if`\n", MS_INVALID},
};

static void
test_reports(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(reports); i++) {
        struct table *table = NULL;
        struct heard heard;
        enum ms_err err =
            load(reports[i].type, reports[i].text, &heard, &table);

        expect(reports[i].name, err == reports[i].err);
        expect(reports[i].name, (table != NULL) == (err == MS_OK));
        if (strcmp(heard.text, reports[i].heard) != 0)
            fail_msg("%s: %s", reports[i].name, heard.text);
        table_destroy(table);
    }
}

/* Texts of prefix_parse() are not ours to repeat: only where it went wrong. */
static const struct {
    const char *name, *text;
} bad_prefixes[] = {
    {"host bits", "192.0.2.1/24 a\n"},
    {"a length over 32", "192.0.2.0/33 a\n"},
    {"a name", "example.org a\n"},
    {"nothing behind !", "! a\n"},
    {"a bad prefix behind if", "if 192.0.2.1/24\nendif\n"},
    {"nothing behind if", "if\nendif\n"},
    {"more behind if", "if 192.0.2.0/24 a\nendif\n"},
};

static void
test_bad_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad_prefixes); i++) {
        struct table *table = NULL;
        struct heard heard;

        expect(bad_prefixes[i].name, load(TABLE_CIDR, bad_prefixes[i].text,
                                          &heard, &table) == MS_INVALID);
        expect(bad_prefixes[i].name, strncmp(heard.text, "1: ", 3) == 0);
        expect(bad_prefixes[i].name, strchr(heard.text, '\n')[1] == '\0');
    }
}

static void
test_files(void **state)
{
    const struct table_report report = {on_error, on_warning, state};
    struct heard heard = {""};
    struct table_report ours = report;
    struct table *table = NULL;

    (void)state;
    ours.arg = &heard;
    (void)unlink(path);
    assert_int_equal(table_load(TABLE_CIDR, path, &ours, &table), MS_UNAVAIL);
    assert_string_equal(heard.text,
                        "0: cannot open it: No such file or directory\n");

    heard.text[0] = '\0';
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(table_load(TABLE_CIDR, path, &ours, &table), MS_INVALID);
    assert_string_equal(heard.text, "0: it is no regular file\n");
    assert_int_equal(rmdir(path), 0);

    heard.text[0] = '\0';
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(table_load(TABLE_CIDR, path, &ours, &table), MS_INVALID);
    assert_string_equal(heard.text, "0: it is no regular file\n");
    assert_int_equal(unlink(path), 0);

    heard.text[0] = '\0';
    write_file("a 1\nb\0c 2\n", 10);
    assert_int_equal(table_load(TABLE_TEXTHASH, path, &ours, &table),
                     MS_INVALID);
    assert_string_equal(heard.text, "0: a NUL byte in line 2: no text file\n");

    heard.text[0] = '\0';
    write_file("", 0);
    assert_int_equal(truncate(path, (off_t)64 * 1024 * 1024 + 1), 0);
    assert_int_equal(table_load(TABLE_TEXTHASH, path, &ours, &table),
                     MS_INVALID);
    assert_string_equal(heard.text, "0: it is longer than 64 MiB\n");
    assert_null(table);
    table_destroy(table);
}

static void
test_long_keys(void **state)
{
    static char text[1200], key[1100];
    struct table *table = NULL;
    struct heard heard;

    (void)state;
    memset(key, 'k', 1023);
    (void)snprintf(text, sizeof(text), "%s v\n", key);
    assert_int_equal(load(TABLE_TEXTHASH, text, &heard, &table), MS_OK);
    assert_string_equal(table_get(table, key), "v");
    key[1023] = 'k';
    assert_null(table_get(table, key));
    table_destroy(table);
    table = NULL;
    (void)snprintf(text, sizeof(text), "%s v\n", key);
    assert_int_equal(load(TABLE_TEXTHASH, text, &heard, &table), MS_INVALID);
    assert_string_equal(heard.text, "1: a key of more than 1023 bytes\n");
}

static void
test_entries(void **state)
{
    struct table_entry entry;
    struct table *table = NULL;
    struct heard heard;

    (void)state;
    assert_int_equal(load(TABLE_CIDR,
                          "# x\n192.0.2.0/24 a\nif 10.0.0.0/8\n"
                          "10.1.0.0/16 b\nendif\n!::/0 c\n::1 d\n",
                          &heard, &table),
                     MS_OK);
    assert_int_equal(table_type(table), TABLE_CIDR);
    assert_string_equal(table_path(table), path);
    assert_true(table_entry(table, 0, &entry));
    assert_string_equal(entry.key, "192.0.2.0/24");
    assert_string_equal(entry.value, "a");
    assert_int_equal(entry.prefix.len, 24);
    assert_int_equal(entry.line, 2);
    assert_true(entry.plain);
    assert_true(table_entry(table, 1, &entry));
    assert_string_equal(entry.value, "b");
    assert_int_equal(entry.line, 4);
    assert_false(entry.plain);
    assert_true(table_entry(table, 2, &entry));
    assert_string_equal(entry.key, "!::/0");
    assert_false(entry.plain);
    assert_true(table_entry(table, 3, &entry));
    assert_true(entry.plain);
    assert_false(table_entry(table, 4, &entry));
    table_destroy(table);
}

/* A table with `!` or `if` is searched line by line, one without by tree:
 * both must say the same. */
static void
test_both_ways(void **state)
{
    struct table *plain = NULL, *linear = NULL;
    char *text = NULL, all[64];
    size_t size = 0;
    struct heard heard;
    unsigned random = 1;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    for (unsigned i = 0; i < 300; i++) {
        unsigned len = (unsigned)rand_r(&random) % 9;
        unsigned bits = (unsigned)rand_r(&random) % 256u;

        bits &= len == 0 ? 0 : 0xffu << (8 - len);
        fprintf(out, "10.0.0.%u/%u v%u\n", bits & 0xff, 24 + len, i);
    }
    fclose(out);
    assert_int_equal(load(TABLE_CIDR, text, &heard, &plain), MS_OK);
    text = realloc(text, size + 32);
    assert_non_null(text);
    strcat(text, "!10.0.0.0/24 none\n");
    assert_int_equal(load(TABLE_CIDR, text, &heard, &linear), MS_OK);
    for (unsigned i = 0; i < 256; i++) {
        const char *a, *b;
        struct prefix host;

        (void)snprintf(all, sizeof(all), "10.0.0.%u", i);
        assert_int_equal(prefix_parse(all, &host, NULL), MS_OK);
        a = table_get_host(plain, host);
        b = table_get_host(linear, host);
        expect(all, (a == NULL) == (b == NULL));
        expect(all, a == NULL || strcmp(a, b) == 0);
    }
    table_destroy(plain);
    table_destroy(linear);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gets),    cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_reports), cmocka_unit_test(test_bad_prefixes),
        cmocka_unit_test(test_files),   cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_entries), cmocka_unit_test(test_both_ways),
    };

    return cmocka_run_group_tests_name("table", tests, make_dir, remove_dir);
}
