/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Foreign text on a terminal, and small pictures, as tables of what goes in
 * and what comes out.
 */
#include <config.h>

#include "ctl/display.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/shell.h"
#include "ctl/spark.h"
#include "test/unit.h"

static void
test_escape(void **state)
{
    static const struct {
        const char *row, *text;
        bool utf8;
        const char *want;
    } rows[] = {
        {"plain text stays", "ann@example.org", true, "ann@example.org"},
        {"so does nothing", "", true, ""},
        {"a control sequence", "\033[2J", true, "\\x1B[2J"},
        {"a line's end", "a\nb", true, "a\\x0Ab"},
        {"a tab, a bell, DEL", "\t\a\177", true, "\\x09\\x07\\x7F"},
        {"a character of UTF-8 stays", "b\xC3\xBC", true, "b\xC3\xBC"},
        {"without UTF-8 its bytes are told", "b\xC3\xBC", false, "b\\xC3\\xBC"},
        {"a control character of C1 in UTF-8", "\xC2\x9B", true, "\\xC2\\x9B"},
        {"a byte that is no UTF-8", "a\xFFz", true, "a\\xFFz"},
        {"a character cut short", "a\xE2\x82", true, "a\\xE2\\x82"},
        {"a character written too long", "\xC0\xAF", true, "\\xC0\\xAF"},
        {"a surrogate", "\xED\xA0\x80", true, "\\xED\\xA0\\x80"},
        {"text turned about", "\xE2\x80\xAE", true, "\\xE2\\x80\\xAE"},
        {"a blank without width", "\xE2\x80\x8B", true, "\\xE2\\x80\\x8B"},
        {"a byte order mark", "\xEF\xBB\xBF", true, "\\xEF\\xBB\\xBF"},
        {"a line separator", "\xE2\x80\xA8", true, "\\xE2\\x80\\xA8"},
        {"a tag", "\xF3\xA0\x81\x81", true, "\\xF3\\xA0\\x81\\x81"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *got = display_escape(rows[i].text, rows[i].utf8);
        char *again;

        assert_non_null(got);
        again = display_escape(got, rows[i].utf8);
        expect(rows[i].row, strcmp(got, rows[i].want) == 0);
        expect("what is escaped stays as it is", strcmp(again, got) == 0);
        free(got);
        free(again);
    }
}

static void
test_width(void **state)
{
    static const struct {
        const char *row, *text;
        bool utf8;
        size_t want;
    } rows[] = {
        {"nothing", "", true, 0},
        {"ASCII", "abc", true, 3},
        {"an accent takes no second column", "b\xC3\xBC", true, 2},
        {"a combining one takes none", "e\xCC\x81", true, 1},
        {"wide characters take two", "\xE6\x9D\xB1\xE4\xBA\xAC", true, 4},
        {"ASCII without UTF-8", "abc", false, 3},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].row,
               display_width(rows[i].text, rows[i].utf8) == rows[i].want);
}

static void
test_cut(void **state)
{
    static const struct {
        const char *row, *text;
        size_t width;
        bool utf8;
        const char *want;
    } rows[] = {
        {"what fits is whole", "abcde", 5, true, "abcde"},
        {"what does not ends in dots", "abcdef", 5, true, "abcd\xE2\x80\xA6"},
        {"two of them in ASCII", "abcdef", 5, false, "abc.."},
        {"one column holds the dots alone", "abc", 1, true, "\xE2\x80\xA6"},
        {"none holds nothing", "abc", 0, true, ""},
        {"one of ASCII", "abc", 1, false, "."},
        {"a wide character is not halved", "\xE6\x9D\xB1\xE4\xBA\xAC", 3, true,
         "\xE6\x9D\xB1\xE2\x80\xA6"},
        {"nor squeezed in", "a\xE6\x9D\xB1z", 3, true, "a\xE2\x80\xA6"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = NULL;
        size_t len = 0, took;
        FILE *to = open_memstream(&text, &len);

        assert_non_null(to);
        took = display_cut(to, rows[i].text, rows[i].width, rows[i].utf8);
        assert_int_equal(fclose(to), 0);
        expect(rows[i].row, strcmp(text, rows[i].want) == 0);
        expect("it tells what it took",
               took == display_width(text, rows[i].utf8) &&
                   took <= rows[i].width);
        free(text);
    }
}

static void
test_break(void **state)
{
    static const struct {
        const char *row, *text;
        size_t width, want;
    } rows[] = {
        {"what fits is a line", "ab cd", 5, 5},
        {"broken behind a blank", "ab cdef", 5, 3},
        {"at a blank that would be the next", "abcde fg", 5, 5},
        {"a word too long is broken where it must be", "abcdefgh", 5, 5},
        {"at least a character", "\xE6\x9D\xB1", 1, 3},
        {"and a byte", "abc", 0, 1},
        {"nothing is nothing", "", 5, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].row, display_break(rows[i].text, rows[i].width, true) ==
                                rows[i].want);
}

/* ----- pictures */

static void
expect_bar(const char *row, double share, bool utf8, const char *want)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    spark_bar(to, share, 4, utf8);
    assert_int_equal(fclose(to), 0);
    expect(row, strcmp(text, want) == 0);
    free(text);
}

static void
test_bar(void **state)
{
    (void)state;
    expect_bar("nothing", 0, true, "    ");
    expect_bar("a trace can be seen", 0.0001, true, "\xE2\x96\x8F   ");
    expect_bar("a half", 0.5, true, "\xE2\x96\x88\xE2\x96\x88  ");
    expect_bar("nearly all is not all", 0.999, true,
               "\xE2\x96\x88\xE2\x96\x88\xE2\x96\x88\xE2\x96\x89");
    expect_bar("more than all is all", 7, true,
               "\xE2\x96\x88\xE2\x96\x88\xE2\x96\x88\xE2\x96\x88");
    expect_bar("less than nothing is nothing", -1, true, "    ");
    expect_bar("no number is nothing", (double)NAN, true, "    ");
    expect_bar("without end is all", (double)INFINITY, false, "####");
    expect_bar("in ASCII", 0.5, false, "##--");
    expect_bar("a trace in ASCII", 0.0001, false, "#---");
}

static void
test_line(void **state)
{
    static const struct {
        const char *row, *json;
        bool utf8;
        const char *want;
    } rows[] = {
        {"no numbers", "[]", true, ""},
        {"nothing but nought", "[0, 0]", true, "\xC2\xB7\xC2\xB7"},
        {"the largest is full", "[0, 4, 8]", true,
         "\xC2\xB7\xE2\x96\x84\xE2\x96\x88"},
        {"a trace can be seen", "[1, 1000000]", true,
         "\xE2\x96\x81\xE2\x96\x88"},
        {"in ASCII", "[0, 1, 4, 8]", false, "_.:#"},
        {"what is no number counts as none", "[\"x\", null, 8, -3]", false,
         "__#_"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *values = json_loads(rows[i].json, 0, NULL);
        char *text = NULL;
        size_t len = 0;
        FILE *to = open_memstream(&text, &len);

        assert_non_null(to);
        spark_line(to, values, rows[i].utf8);
        assert_int_equal(fclose(to), 0);
        expect(rows[i].row, strcmp(text, rows[i].want) == 0);
        free(text);
        json_decref(values);
    }
}

/* ----- what will be pasted */

static void
test_quote(void **state)
{
    static const struct {
        const char *row, *text, *want;
    } rows[] = {
        {"a plain key", "user:ann@example.org", "user:ann@example.org"},
        {"a prefix", "prefix:2001:db8::/56", "prefix:2001:db8::/56"},
        {"a pair", "user+sender:a@b+c@d", "user+sender:a@b+c@d"},
        {"nothing", "", "''"},
        {"a blank", "a b", "'a b'"},
        {"a command", "user:$(id)@x", "'user:$(id)@x'"},
        {"a backtick and a semicolon", "a`b;c", "'a`b;c'"},
        {"a quote", "o'hara", "'o'\\''hara'"},
        {"a backslash", "a\\x1B", "'a\\x1B'"},
        {"a home", "~root", "'~root'"},
        {"an equals sign", "a=b", "'a=b'"},
        {"a line's end", "a\nb", "'a\nb'"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *got = shell_quote(rows[i].text);

        assert_non_null(got);
        expect(rows[i].row, strcmp(got, rows[i].want) == 0);
        free(got);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape), cmocka_unit_test(test_width),
        cmocka_unit_test(test_cut),    cmocka_unit_test(test_break),
        cmocka_unit_test(test_bar),    cmocka_unit_test(test_line),
        cmocka_unit_test(test_quote),
    };

    if (setlocale(LC_ALL, "C.UTF-8") == NULL)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
