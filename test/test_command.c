/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of mortsafectl and the paths it asks for, as tables; and
 * whether the table of commands is sound in itself.
 */
#include <config.h>

#include "ctl/call.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

enum { ARGUMENTS = 12 };

/* ----- paths */

static void
test_url(void **state)
{
    static const struct {
        const char *row, *kind, *key, *verb, *want;
    } rows[] = {
        {"a user", "user", "ann@example.org", NULL,
         "/v1/subjects/user%3Aann%40example.org"},
        {"a bare key", NULL, "192.0.2.7", NULL, "/v1/subjects/192.0.2.7"},
        {"a slash is no step", NULL, "192.0.2.0/24", "reset",
         "/v1/subjects/192.0.2.0%2F24/reset"},
        {"a question is no query", NULL, "a?b=c&d#e", NULL,
         "/v1/subjects/a%3Fb%3Dc%26d%23e"},
        {"a percent sign is no code", NULL, "%2e%2E", NULL,
         "/v1/subjects/%252e%252E"},
        {"a line's end is no header", NULL, "a\r\nHost: x", NULL,
         "/v1/subjects/a%0D%0AHost%3A%20x"},
        {"UTF-8", NULL, "b\xC3\xBC", NULL, "/v1/subjects/b%C3%BC"},
        {"a step is refused", NULL, "..", NULL, NULL},
        {"so is standing still", NULL, ".", NULL, NULL},
        {"three dots are a name", NULL, "...", NULL, "/v1/subjects/..."},
        {"with its kind a dot is a name", "user", "..", NULL,
         "/v1/subjects/user%3A.."},
    };
    struct url url;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        url_subject(&url, rows[i].kind, rows[i].key, rows[i].verb);
        expect(rows[i].row,
               url.refused == (rows[i].want == NULL) &&
                   (url.refused || strcmp(url.text, rows[i].want) == 0));
    }
}

static void
test_query(void **state)
{
    static char long_word[URL_TEXT];
    struct url url;

    (void)state;
    url_start(&url, "/v1/decisions");
    url_query(&url, "since", NULL);
    assert_string_equal(url.text, "/v1/decisions");
    url_query(&url, "rule", "a&b=c");
    url_query(&url, "user", "");
    url_query_number(&url, "limit", UINT64_MAX);
    assert_string_equal(url.text, "/v1/decisions?rule=a%26b%3Dc&user=&limit="
                                  "18446744073709551615");
    assert_false(url.refused);
    memset(long_word, 'x', sizeof(long_word) - 1);
    url_query(&url, "user", long_word);
    assert_true(url.refused); /* never asked for cut short */
}

/* ----- the command line */

static void
test_read(void **state)
{
    static const struct {
        const char *row;
        const char *arguments[ARGUMENTS];
        int code;
        const char *command, *words, *option, *value;
    } rows[] = {
        {"a command", {"ping"}, CTL_OK, "ping", "", NULL, NULL},
        {"an option behind it", {"ping", "-j"}, CTL_OK, "ping", "", "json", ""},
        {"an option before it", {"-j", "ping"}, CTL_OK, "ping", "", "json", ""},
        {"with a value", {"top", "-n", "5"}, CTL_OK, "top", "", "number", "5"},
        {"attached", {"top", "-n5"}, CTL_OK, "top", "", "number", "5"},
        {"long", {"top", "--number", "5"}, CTL_OK, "top", "", "number", "5"},
        {"with an equals sign",
         {"top", "--number=5"},
         CTL_OK,
         "top",
         "",
         "number",
         "5"},
        {"an empty value",
         {"explain", "--client", "::1", "--from", ""},
         CTL_OK,
         "explain",
         "",
         "from",
         ""},
        {"a value with an equals sign",
         {"audit", "--since=a=b"},
         CTL_OK,
         "audit",
         "",
         "since",
         "a=b"},
        {"a value that looks like an option",
         {"audit", "--since", "-n"},
         CTL_OK,
         "audit",
         "",
         "since",
         "-n"},
        {"short ones in one word",
         {"-jq", "ping"},
         CTL_OK,
         "ping",
         "",
         "quiet",
         ""},
        {"the last with a value",
         {"log", "-fn7"},
         CTL_OK,
         "log",
         "",
         "number",
         "7"},
        {"words", {"reset", "a", "b"}, CTL_OK, "reset", "a b", NULL, NULL},
        {"options between words",
         {"exempt", "add", "--host", "a"},
         CTL_OK,
         "exempt",
         "add a",
         "host",
         ""},
        {"words behind two dashes",
         {"reset", "--", "-j", "--tsv"},
         CTL_OK,
         "reset",
         "-j --tsv",
         NULL,
         NULL},
        {"a dash is a word", {"reset", "-"}, CTL_OK, "reset", "-", NULL, NULL},
        {"a word that may be left out",
         {"show", "a"},
         CTL_OK,
         "show",
         "a",
         NULL,
         NULL},
        {"and need not",
         {"show", "user", "a"},
         CTL_OK,
         "show",
         "user a",
         NULL,
         NULL},
        {"a name that is also a kind",
         {"show", "user"},
         CTL_OK,
         "show",
         "user",
         NULL,
         NULL},
        {"a word that may be a verb",
         {"notices", "resend", "a"},
         CTL_OK,
         "notices",
         "resend a",
         NULL,
         NULL},
        {"and need not be one",
         {"notices", "ann@example.org"},
         CTL_OK,
         "notices",
         "ann@example.org",
         NULL,
         NULL},
        {"what becomes of held mail is a choice",
         {"release", "a", "--held", "burn"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"help as an option",
         {"reset", "--help"},
         CTL_OK,
         "help",
         "reset",
         NULL,
         NULL},
        {"help alone", {"-h"}, CTL_OK, "help", "", NULL, NULL},
        {"the version as an option", {"-V"}, CTL_OK, "version", "", NULL, NULL},
        {"nothing", {NULL}, EX_USAGE, NULL, NULL, NULL, NULL},
        {"an unknown command", {"pong"}, EX_USAGE, NULL, NULL, NULL, NULL},
        {"an option of another command",
         {"ping", "--csv"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"an option before its command",
         {"--csv", "would"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"a value that is missing",
         {"top", "-n"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"a value that is not wanted",
         {"ping", "--json=1"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"a value that is no choice",
         {"--color=sometimes", "ping"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"a word that is no choice",
         {"top", "everybody"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"part of a choice", {"top", "user"}, EX_USAGE, NULL, NULL, NULL, NULL},
        {"an unknown kind",
         {"show", "usr", "a"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"a word too many",
         {"reset", "a", "b", "c"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"a word too few",
         {"raise", "a", "b"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"an empty word", {"reset", ""}, EX_USAGE, NULL, NULL, NULL, NULL},
        {"a letter that is none",
         {"ping", "-jz"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"an option twice",
         {"ping", "-j", "-j"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"one that may be",
         {"explain", "--to", "a", "--to", "b"},
         CTL_OK,
         "explain",
         "",
         "to",
         "b"},
        {"two formats",
         {"ping", "-j", "--tsv"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"what is not UTF-8",
         {"reset", "a\xFF"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
        {"nor in a value",
         {"audit", "--since=\xC3"},
         EX_USAGE,
         NULL,
         NULL,
         NULL,
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char words[64] = "", *arguments[ARGUMENTS] = {NULL};
        struct out out = {.file = stdout};
        struct call call = {.out = &out};
        int n = 0, code;

        while (rows[i].arguments[n] != NULL) {
            arguments[n] = strdup(rows[i].arguments[n]);
            assert_non_null(arguments[n++]);
        }
        code = call_read(n, arguments, &call);
        for (size_t j = 0; j < call.n_words && code == CTL_OK; j++)
            (void)snprintf(words + strlen(words), sizeof(words) - strlen(words),
                           "%s%s", j > 0 ? " " : "", call.words[j]);
        expect(rows[i].row, code == rows[i].code);
        if (code == CTL_OK) {
            expect(rows[i].row,
                   strcmp(call.command->name, rows[i].command) == 0 &&
                       strcmp(words, rows[i].words) == 0);
            expect(rows[i].row, rows[i].option == NULL ||
                                    strcmp(call_option(&call, rows[i].option),
                                           rows[i].value) == 0);
        }
        call_end(&call);
        while (n > 0)
            free(arguments[--n]);
    }
}

/* ----- the table */

static void
check_option(const struct command *command, const struct command_option *option)
{
    char head[64];

    expect("an option has help, and no full stop",
           option->help != NULL &&
               option->help[strlen(option->help) - 1] != '.');
    expect("it has an argument, or no kind of one",
           (option->argument == NULL) == (option->kind == WORD_NONE));
    expect("choices belong to a choice",
           (option->choices == NULL) == (option->kind != WORD_CHOICE));
    if (command == NULL)
        return;
    expect("it is not called like one of all commands",
           command_option(NULL, option->name, 0) == NULL &&
               (option->letter == 0 ||
                command_option(NULL, "", option->letter) == NULL));
    (void)snprintf(head, sizeof(head), "--%s", option->name);
    if (strstr(command->synopsis, head) == NULL)
        (void)snprintf(head, sizeof(head), "-%c", option->letter);
    expect("the synopsis has it, or leaves them to the list below",
           strstr(command->synopsis, head) != NULL ||
               strstr(command->synopsis, "[OPTION]...") != NULL);
}

static void
test_table(void **state)
{
    (void)state;
    for (const struct command_option *o = common_options; o->name != NULL; o++)
        check_option(NULL, o);
    for (const struct command *c = commands; c->name != NULL; c++) {
        expect("a command is found", command_find(c->name) == c);
        expect("it has a function", c->run != NULL);
        expect("its line has no full stop, and is short",
               c->brief[strlen(c->brief) - 1] != '.' && strlen(c->brief) <= 66);
        expect("its help is sentences",
               isupper((unsigned char)c->help[0]) &&
                   c->help[strlen(c->help) - 1] == '.');
        for (const struct command_option *o = c->options; o->name != NULL; o++)
            check_option(c, o);
        for (const struct command_word *w = c->words; w->name != NULL; w++)
            expect("choices belong to a choice, or to a verb",
                   (w->choices == NULL) ==
                       (w->kind != WORD_CHOICE && w->kind != WORD_VERB));
    }
    assert_null(command_find("nonsense"));
    for (enum command_group g = 0; g < COMMAND_GROUPS; g++)
        assert_true(*command_group_title(g) != '\0');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
