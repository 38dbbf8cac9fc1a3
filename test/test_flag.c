/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/flag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

#define SITE "domains local { list = example.org }\n"
#define STATUS SITE "verdict { header = X-Spam-Status }\n"
#define WORDS SITE "verdict { header = X-Filter  spam = bad, \"very bad\" }\n"

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static struct config *
read_config(const char *text)
{
    const struct config_report report = {ignore, ignore, NULL};
    struct config *config = NULL;

    if (config_load_text("test", text, (struct wall){1767787200}, &report,
                         &config) != MS_OK)
        fail_msg("not a configuration: %s", text);
    return config;
}

/* ----- one value */

static const struct {
    const char *row, *config, *name, *value;
    enum verdict_flag flag;
} values[] = {
    {"X-Spam-Flag says yes", STATUS, "X-Spam-Flag", "YES", FLAG_SPAM},
    {"X-Spam-Flag says no", STATUS, "x-spam-flag", "no", FLAG_CLEAN},
    {"a word that only begins so is no yes", STATUS, "X-Spam-Flag", "yesterday",
     FLAG_NONE},
    {"blanks in front are none", STATUS, "X-Spam-Flag", " \t YES", FLAG_SPAM},
    {"X-Spam-Status goes on behind it", STATUS, "X-Spam-Status",
     "Yes, score=12.3 required=5.0", FLAG_SPAM},
    {"and so does a clean one", STATUS, "X-Spam-Status",
     "No, score=-1.0 required=5.0", FLAG_CLEAN},
    {"X-Spam says yes", STATUS, "X-Spam", "Yes", FLAG_SPAM},
    {"Rspamd rejects", STATUS, "X-Rspamd-Action", "reject", FLAG_SPAM},
    {"Rspamd adds a header", STATUS, "X-Rspamd-Action", "add header",
     FLAG_SPAM},
    {"Rspamd rewrites", STATUS, "X-Rspamd-Action", "rewrite subject",
     FLAG_SPAM},
    {"Rspamd does nothing", STATUS, "X-Rspamd-Action", "no action", FLAG_CLEAN},
    {"greylisting says nothing", STATUS, "X-Rspamd-Action", "greylist",
     FLAG_NONE},
    {"nor does a soft reject", STATUS, "X-Rspamd-Action", "soft reject",
     FLAG_NONE},
    {"another header says yes", STATUS, "X-Mine", "Yes", FLAG_SPAM},
    {"or true", STATUS, "X-Mine", "TRUE", FLAG_SPAM},
    {"or no", STATUS, "X-Mine", "false", FLAG_CLEAN},
    {"what is not known says nothing", STATUS, "X-Mine", "maybe", FLAG_NONE},
    {"an empty one says nothing", STATUS, "X-Spam-Flag", "", FLAG_NONE},
    {"written words count alone", WORDS, "X-Filter", "Yes", FLAG_CLEAN},
    {"a written word", WORDS, "X-Filter", "BAD; score 12", FLAG_SPAM},
    {"a written word of two", WORDS, "X-Filter", "Very Bad", FLAG_SPAM},
    {"with written words, too, nothing is nothing", WORDS, "X-Filter", "  ",
     FLAG_NONE},
};

static void
test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(values); i++) {
        struct config *config = read_config(values[i].config);

        expect(values[i].row, flag_value(config, values[i].name,
                                         values[i].value) == values[i].flag);
        config_destroy(config);
    }
}

/* ----- whole messages; a line each, up to a blank line */

#define MESSAGE                                                                \
    "Received: from a by b\nFrom: a@b.test\nTo: c@d.test\nSubject: x\n"        \
    "Date: now\nMessage-ID: <1@b.test>\n"

static const struct {
    const char *row, *headers;
    bool trusted;
    enum verdict_flag flag;
} messages[] = {
    {"no header is no evidence", MESSAGE, false, FLAG_NONE},
    {"a header on top counts", "X-Spam-Status: Yes, 9\n" MESSAGE, false,
     FLAG_SPAM},
    {"an appended one counts", MESSAGE "X-Spam-Status: Yes, 9\n", false,
     FLAG_SPAM},
    {"one between those of the message came from outside",
     "Received: from a by b\nX-Spam-Status: Yes, 9\nSubject: x\n", false,
     FLAG_NONE},
    {"whatever it says", "From: a@b.test\nX-Spam-Status: No, 0\nTo: c@d.test\n",
     false, FLAG_NONE},
    {"of several on top the topmost counts",
     "X-Spam-Status: No, 0\nX-Spam-Status: Yes, 9\n" MESSAGE, false,
     FLAG_CLEAN},
    {"of several behind the last counts",
     MESSAGE "X-Spam-Status: No, 0\nX-Spam-Status: Yes, 9\n", false, FLAG_SPAM},
    {"an appended clean one does not undo one on top",
     "X-Spam-Status: Yes, 9\n" MESSAGE "X-Spam-Status: No, 0\n", false,
     FLAG_SPAM},
    {"a forged one on top does not undo an appended one",
     "X-Spam-Status: No, 0\n" MESSAGE "X-Spam-Status: Yes, 9\n", false,
     FLAG_SPAM},
    {"other headers are in nobody's way",
     "X-One: 1\nX-Spam-Status: Yes, 9\nX-Two: 2\n" MESSAGE, false, FLAG_SPAM},
    {"names are compared without case", "x-spam-STATUS: yes\n" MESSAGE, false,
     FLAG_SPAM},
    {"a trusted client's copy counts wherever it is",
     "Received: from a by b\nX-Spam-Status: Yes, 9\nSubject: x\n", true,
     FLAG_SPAM},
    {"of a trusted client's the topmost counts",
     "X-Spam-Status: No, 0\n" MESSAGE "X-Spam-Status: Yes, 9\n", true,
     FLAG_CLEAN},
    {"a verdict and nothing else", "X-Spam-Status: Yes, 9\n", false, FLAG_SPAM},
};

static void
play(struct flag *flag, const struct config *config, const char *headers)
{
    char *text = strdup(headers), *line = text;

    assert_non_null(text);
    while (*line != '\0') {
        char *end = strchr(line, '\n'), *value = strchr(line, ':');

        *end = *value = '\0';
        flag_header(flag, config, line, value + 2);
        line = end + 1;
    }
    free(text);
}

static void
test_messages(void **state)
{
    struct config *config = read_config(STATUS);

    (void)state;
    for (size_t i = 0; i < ROWS(messages); i++) {
        struct flag flag;

        memset(&flag, 0, sizeof(flag));
        play(&flag, config, messages[i].headers);
        expect(messages[i].row, flag_end(&flag, config, messages[i].trusted) ==
                                    messages[i].flag);
    }
    config_destroy(config);
}

/* Of two headers, one that says spam is enough; else one that says clean. */
static void
test_two(void **state)
{
    struct config *config =
        read_config(SITE "verdict { header = X-Spam-Flag, X-Rspamd-Action }\n");
    struct flag flag;

    (void)state;
    memset(&flag, 0, sizeof(flag));
    play(&flag, config, "X-Spam-Flag: NO\nX-Rspamd-Action: reject\n");
    assert_int_equal(flag_end(&flag, config, false), FLAG_SPAM);
    memset(&flag, 0, sizeof(flag));
    play(&flag, config, "X-Spam-Flag: NO\nX-Rspamd-Action: greylist\n");
    assert_int_equal(flag_end(&flag, config, false), FLAG_CLEAN);
    config_destroy(config);
}

/* ----- From */

static const struct {
    const char *row, *value, *address; /* NULL: none */
} froms[] = {
    {"a bare address", "a@b.test", "a@b.test"},
    {"in angle brackets", "Ann <a@b.test>", "a@b.test"},
    {"a quoted name with one", "\"Ann <x@y.test>\" <a@b.test>", "a@b.test"},
    {"a comment with one", "Ann (was <x@y.test>) <a@b.test>", "a@b.test"},
    {"a comment behind", "a@b.test (Ann)", "a@b.test"},
    {"blanks", " \t a@b.test ", "a@b.test"},
    {"the first of two", "a@b.test, c@d.test", "a@b.test"},
    {"nothing", "", NULL},
    {"empty brackets", "Ann <>", NULL},
    {"brackets that do not end", "Ann <a@b.test", NULL},
    {"a quote that does not end", "\"Ann <a@b.test>", "\"Ann"},
    {"a backslash at the end", "Ann\\", "Ann\\"},
};

static void
test_from(void **state)
{
    char out[FLAG_ADDRESS], big[FLAG_ADDRESS + 2];

    (void)state;
    for (size_t i = 0; i < ROWS(froms); i++) {
        bool has = flag_from(froms[i].value, out);

        expect(froms[i].row, has == (froms[i].address != NULL));
        if (has && strcmp(out, froms[i].address) != 0)
            fail_msg("%s: %s", froms[i].row, out);
    }
    memset(big, 'a', sizeof(big));
    big[FLAG_ADDRESS] = '\0';
    assert_false(flag_from(big, out));
    big[FLAG_ADDRESS - 1] = '\0';
    assert_true(flag_from(big, out));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
