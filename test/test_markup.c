/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is foreign cannot become markup, and is shown as what it is.
 */
#include <config.h>

#include "milter/page/markup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

static int fail_after = -1; /* allocations that still succeed; -1: all do */

void *__real_realloc(void *at, size_t n);
void *__wrap_realloc(void *at, size_t n);

void *
__wrap_realloc(void *at, size_t n)
{
    if (fail_after == 0)
        return NULL;
    fail_after -= fail_after > 0;
    return __real_realloc(at, n);
}

/* End M and compare; it is empty then. */
static void
same(const char *row, struct markup *m, const char *want)
{
    size_t len = 0;
    char *got;

    markup_raw(m, "");
    got = markup_end(m, &len);
    if (got == NULL || strcmp(got, want) != 0 || len != strlen(want))
        fail_msg("%s: \"%s\", not \"%s\"", row, got, want);
    free(got);
    assert_null(m->text);
}

static void
test_text(void **state)
{
    static const struct {
        const char *row, *text, *want;
    } rows[] = {
        {"a name stays", "ann@example.org", "ann@example.org"},
        {"nothing is nothing", "", ""},
        {"nobody is nothing", NULL, ""},
        {"a tag is text", "<script>", "&lt;script&gt;"},
        {"quotes cannot end an attribute", "\"'", "&quot;&#39;"},
        {"an entity is not one", "&lt;", "&amp;lt;"},
        {"letters of all tongues stay", "\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80",
         "\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80"},
        {"controls are shown", "a\tb\x01\x7f", "a\\x09b\\x01\\x7F"},
        {"so are those behind ASCII", "\xc2\x85", "\\u{85}"},
        {"what turns text is shown", "\xe2\x80\xae", "\\u{202E}"},
        {"what isolates it, too", "\xe2\x81\xa6", "\\u{2066}"},
        {"Arabic's mark, too", "\xd8\x9c", "\\u{61C}"},
        {"a width of nothing is shown", "a\xe2\x80\x8b", "a\\u{200B}"},
        {"a blank that is none is shown", "\xc2\xa0", "\\u{A0}"},
        {"a line of its own is shown", "\xe2\x80\xa8", "\\u{2028}"},
        {"tags of Unicode are shown", "\xf3\xa0\x81\x81", "\\u{E0041}"},
        {"a byte that begins nothing", "\x80", "\\x80"},
        {"a character cut short", "\xe2\x80", "\\xE2\\x80"},
        {"one that is too long", "\xc0\xbc", "\\xC0\\xBC"},
        {"half of a pair", "\xed\xa0\x80", "\\xED\\xA0\\x80"},
        {"behind the last", "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},
        {"a byte that never is", "\xff<", "\\xFF&lt;"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct markup m = MARKUP_EMPTY;

        markup_text(&m, rows[i].text, 1000);
        same(rows[i].row, &m, rows[i].want);
        markup_put(&m, "%s", rows[i].text);
        same(rows[i].row, &m, rows[i].want);
    }
}

static void
test_cut(void **state)
{
    static const struct {
        const char *row, *text;
        size_t most;
        const char *want;
    } rows[] = {
        {"what fits stays whole", "abc", 3, "abc"},
        {"what does not ends in an ellipsis", "abcd", 3, "abc\xe2\x80\xa6"},
        {"a character counts once", "\xc3\xa4\xc3\xa4", 1,
         "\xc3\xa4\xe2\x80\xa6"},
        {"so does one that is escaped", "<<", 1, "&lt;\xe2\x80\xa6"},
        {"and a byte that is none", "\xff\xff", 1, "\\xFF\xe2\x80\xa6"},
        {"no room at all", "a", 0, "\xe2\x80\xa6"},
    };
    char name[MARKUP_NAME + 2], want[MARKUP_NAME + 20];
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        markup_text(&m, rows[i].text, rows[i].most);
        same(rows[i].row, &m, rows[i].want);
    }
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(want, sizeof(want), "<bdi>%.*s\xe2\x80\xa6</bdi>",
                   MARKUP_NAME, name);
    markup_name(&m, name);
    same("a name is cut, and stands apart", &m, want);
}

static void
test_segment(void **state)
{
    static const struct {
        const char *row, *text, *want;
    } rows[] = {
        {"a subject stays readable", "user:ann@example.org",
         "user:ann@example.org"},
        {"a slash makes no folder", "192.0.2.0/24", "192.0.2.0%2F24"},
        {"nor do dots", "..", "%2E%2E"},
        {"nor one", ".", "%2E"},
        {"dots in front of more are harmless", "../x", "..%2Fx"},
        {"no query", "a?b#c", "a%3Fb%23c"},
        {"no escape of its own", "%41", "%2541"},
        {"no quote", "\"'<>", "%22%27%3C%3E"},
        {"a pair", "user+sender:a+b", "user%2Bsender:a%2Bb"},
        {"8 bits, byte by byte", "\xc3\xa4\xff", "%C3%A4%FF"},
        {"controls", "\n", "%0A"},
    };
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        markup_segment(&m, rows[i].text);
        same(rows[i].row, &m, rows[i].want);
    }
}

/* What is shown, is pasted: a shell must take it for one word. */
static void
test_word(void **state)
{
    static const struct {
        const char *row, *text, *want;
    } rows[] = {
        {"a plain word", "user:ann@example.org", "user:ann@example.org"},
        {"a prefix", "prefix:192.0.2.0/24", "prefix:192.0.2.0/24"},
        {"nothing", "", "&#39;&#39;"},
        {"somebody's home", "~root", "&#39;~root&#39;"},
        {"a command within", "$(reboot)`x`", "&#39;$(reboot)`x`&#39;"},
        {"a command behind", "a;b|c&d", "&#39;a;b|c&amp;d&#39;"},
        {"a quote", "a'b", "&#39;a&#39;\\&#39;&#39;b&#39;"},
        {"blanks", "a b", "&#39;a b&#39;"},
        {"a pattern", "a*", "&#39;a*&#39;"},
        {"a redirection", "a>b", "&#39;a&gt;b&#39;"},
    };
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_true(markup_typable(rows[i].text));
        markup_word(&m, rows[i].text);
        same(rows[i].row, &m, rows[i].want);
    }
    assert_false(markup_typable("a\nb"));
    assert_false(markup_typable("a\x7f"));
    assert_false(markup_typable("\xc3\xa4"));
}

static void
test_put(void **state)
{
    struct markup m = MARKUP_EMPTY;

    (void)state;
    markup_put(&m, "<a b=\"%s\">%d %u %zu %jd %ju %%</a>", "\"", -1, 2u,
               (size_t)3, INTMAX_MIN, UINTMAX_MAX);
    same("all that it knows", &m,
         "<a b=\"&quot;\">-1 2 3 -9223372036854775808 18446744073709551615 "
         "%</a>");
    markup_put(&m, "100%%");
    same("a sign at the end", &m, "100%");
    markup_raw(&m, "<b>&amp;</b>");
    same("ours is as it is", &m, "<b>&amp;</b>");
}

static void
test_failure(void **state)
{
    struct markup m = MARKUP_EMPTY;
    char *long_text = malloc(MARKUP_MOST + 1);
    size_t len = 7;

    (void)state;
    assert_non_null(long_text);
    memset(long_text, 'x', MARKUP_MOST);
    long_text[MARKUP_MOST] = '\0';
    for (fail_after = 0; fail_after < 2; fail_after++) {
        int n = fail_after;

        markup_raw(&m, "a");
        for (int i = 0; i < 20000; i++)
            markup_text(&m, "bc", 10);
        assert_true(m.failed);
        assert_null(markup_end(&m, &len));
        assert_int_equal(len, 7);
        fail_after = n;
    }
    fail_after = -1;
    markup_raw(&m, long_text);
    assert_true(m.failed);
    markup_raw(&m, "a");
    assert_null(markup_end(&m, NULL));
    long_text[MARKUP_MOST - 1] = '\0';
    markup_raw(&m, long_text);
    same("the longest there is", &m, long_text);
    assert_null(markup_end(&m, &len)); /* nothing was written */
    free(long_text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_segment), cmocka_unit_test(test_word),
        cmocka_unit_test(test_put),     cmocka_unit_test(test_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
