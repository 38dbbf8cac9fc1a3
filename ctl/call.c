/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/help.h"
#include "policy/guess.h"

/* ----- reading the command line */

/* What is left to read. */
struct reader {
    int argc;
    char *const *argv;
    int at;
    bool words_only; /* "--" has come */
};

static void
guess_options(struct guess *guess, const struct command_option *list)
{
    for (; list->name != NULL; list++)
        guess_try(guess, list->name);
}

static int
unknown_option(const struct call *call, const char *name)
{
    struct guess guess;
    char buf[GUESS_TEXT];

    guess_start(&guess, name);
    if (call->command != NULL)
        guess_options(&guess, call->command->options);
    guess_options(&guess, common_options);
    if (guess.best[0] != '\0')
        return call_usage(call, "there is no option --%s; did you mean --%s?",
                          name, guess.best);
    return call_usage(call, "there is no option --%s%s", name,
                      guess_print(&guess, buf));
}

int
call_unknown_command(const struct call *call, const char *name)
{
    struct guess guess;
    char buf[GUESS_TEXT];

    guess_start(&guess, name);
    for (const struct command *one = commands; one->name != NULL; one++)
        guess_try(&guess, one->name);
    return call_usage(call, "there is no command %s%s", name,
                      guess_print(&guess, buf));
}

/* Is TEXT one of CHOICES, "a|b"? */
static bool
is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);

    while (choices != NULL) {
        const char *bar = strchr(choices, '|');
        size_t len = bar != NULL ? (size_t)(bar - choices) : strlen(choices);

        if (len == n && strncmp(choices, text, n) == 0)
            return true;
        choices = bar != NULL ? bar + 1 : NULL;
    }
    return false;
}

/* ", did you mean `x`", of CHOICES. */
static char *
guess_choice(const char *choices, const char *text, char buf[GUESS_TEXT])
{
    struct guess guess;
    char one[GUESS_WORD];

    guess_start(&guess, text);
    while (choices != NULL) {
        const char *bar = strchr(choices, '|');
        size_t len = bar != NULL ? (size_t)(bar - choices) : strlen(choices);

        if (len < sizeof(one)) {
            memcpy(one, choices, len);
            one[len] = '\0';
            guess_try(&guess, one);
        }
        choices = bar != NULL ? bar + 1 : NULL;
    }
    return guess_print(&guess, buf);
}

static int
give(struct call *call, const struct command_option *option, const char *value)
{
    char buf[GUESS_TEXT];

    if (option->kind == WORD_CHOICE && !is_choice(option->choices, value))
        return call_usage(call, "--%s is one of %s, not %s%s", option->name,
                          option->choices, value,
                          guess_choice(option->choices, value, buf));
    if (!option->many && call_given(call, option->name))
        return call_usage(call, "--%s is given twice", option->name);
    call->given[call->n_given++] = (struct call_given){option, value};
    return CTL_OK;
}

/* The option's value: ATTACHED to it, or the next argument. */
static int
give_with_value(struct call *call, const struct command_option *option,
                const char *attached, struct reader *reader)
{
    if (option->argument == NULL)
        return attached != NULL
                   ? call_usage(call, "--%s takes no value", option->name)
                   : give(call, option, "");
    if (attached != NULL)
        return give(call, option, attached);
    if (reader->at >= reader->argc)
        return call_usage(call, "--%s needs a value: %s", option->name,
                          option->argument);
    return give(call, option, reader->argv[reader->at++]);
}

/* "--name", "--name=value"; TEXT is behind the dashes. */
static int
read_long(struct call *call, const char *text, struct reader *reader)
{
    const char *equals = strchr(text, '=');
    size_t n = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const struct command_option *option = NULL;
    char name[32];

    if (n < sizeof(name)) {
        memcpy(name, text, n);
        name[n] = '\0';
        option = command_option(call->command, name, 0);
    }
    if (option == NULL)
        return unknown_option(call, n < sizeof(name) ? name : text);
    return give_with_value(call, option, equals != NULL ? equals + 1 : NULL,
                           reader);
}

/* "-n20", "-jq"; TEXT is behind the dash. */
static int
read_short(struct call *call, const char *text, struct reader *reader)
{
    int code = CTL_OK;

    while (code == CTL_OK && *text != '\0') {
        const struct command_option *option =
            command_option(call->command, "", *text);

        if (option == NULL)
            return call_usage(call, "there is no option -%c", *text);
        text++;
        if (option->argument == NULL) {
            code = give(call, option, "");
            continue;
        }
        return give_with_value(call, option, *text != '\0' ? text : NULL,
                               reader);
    }
    return code;
}

static int
read_word(struct call *call, const char *word)
{
    if (call->command != NULL) {
        call->words[call->n_words++] = word;
        return CTL_OK;
    }
    call->command = command_find(word);
    return call->command != NULL ? CTL_OK : call_unknown_command(call, word);
}

static int
read_argument(struct call *call, struct reader *reader)
{
    const char *text = reader->argv[reader->at++];
    json_t *utf8 = json_string(text);
    bool fine = utf8 != NULL;

    json_decref(utf8);
    if (!fine) /* JSON could not hold it, and to leave it out is worse */
        return call_usage(call, "%s is not UTF-8", text);
    if (reader->words_only || text[0] != '-' || text[1] == '\0')
        return read_word(call, text);
    if (strcmp(text, "--") == 0) {
        reader->words_only = true;
        return CTL_OK;
    }
    return text[1] == '-' ? read_long(call, text + 2, reader)
                          : read_short(call, text + 1, reader);
}

/* ----- is it what the table asks for */

static int
check_word(const struct call *call, const struct command_word *row,
           const char *word)
{
    char buf[GUESS_TEXT];

    if (row->kind == WORD_CHOICE && !is_choice(row->choices, word))
        return call_usage(call, "%s is not one of %s%s", word, row->choices,
                          guess_choice(row->choices, word, buf));
    if (*word == '\0')
        return call_usage(call, "%s is empty", row->name);
    return CTL_OK;
}

/* Words that may be left out in front of one that is needed (show's KIND) are
 * there only if there are words enough. */
static int
check_words(const struct call *call)
{
    const struct command_word *row = call->command->words;
    size_t needed = 0, at = 0, spare;
    int code = CTL_OK;

    for (const struct command_word *one = row; one->name != NULL; one++)
        needed += one->needed ? 1 : 0;
    spare = call->n_words > needed ? call->n_words - needed : 0;
    for (; row->name != NULL && code == CTL_OK; row++) {
        if (at >= call->n_words && row->needed)
            return call_usage(call, "%s needs %s", call->command->name,
                              row->name);
        if (at >= call->n_words || (!row->needed && spare == 0))
            continue;
        spare -= row->needed ? 0 : 1;
        code = check_word(call, row, call->words[at++]);
        while (row->many && code == CTL_OK && at < call->n_words)
            code = check_word(call, row, call->words[at++]);
    }
    if (code == CTL_OK && at < call->n_words)
        return call_usage(call, "%s: one word too many", call->words[at]);
    return code;
}

/* What the common options say about the output. */
static int
set_out(struct call *call)
{
    const char *color = call_option(call, "color");

    call->out->quiet = call_given(call, "quiet");
    if (call_given(call, "json"))
        call->out->format = OUT_JSON;
    if (call_given(call, "tsv"))
        call->out->format = OUT_TSV;
    if (color != NULL && strcmp(color, "always") == 0)
        out_color_when(call->out, OUT_COLOR_ALWAYS);
    if (color != NULL && strcmp(color, "never") == 0)
        out_color_when(call->out, OUT_COLOR_NEVER);
    if (call_given(call, "json") && call_given(call, "tsv"))
        return call_usage(call, "--json and --tsv: only one can be printed");
    return CTL_OK;
}

/* What takes the place of the command: --help, --version, or nothing said. */
static bool
replace(struct call *call)
{
    static const char *const names[] = {"help", "version"};

    for (size_t i = 0; i < 2; i++) {
        if (!call_given(call, names[i]))
            continue;
        call->n_words = 0;
        if (i == 0 && call->command != NULL)
            call->words[call->n_words++] = call->command->name;
        call->command = command_find(names[i]);
        return true;
    }
    return false;
}

int
call_read(int argc, char *const *argv, struct call *out)
{
    struct reader reader = {argc, argv, 0, false};
    const char *path;
    int code = CTL_OK;

    /* no more words than arguments; an argument may be many short options */
    size_t room = 2;

    for (int i = 0; i < argc; i++)
        room += strlen(argv[i]) + 1;
    out->words = calloc(room, sizeof(*out->words));
    out->given = calloc(room, sizeof(*out->given));
    if (out->words == NULL || out->given == NULL) {
        out_complain(out->out, "no memory");
        return EX_OSERR;
    }
    while (code == CTL_OK && reader.at < argc)
        code = read_argument(out, &reader);
    if (code == CTL_OK)
        code = set_out(out);
    if (code != CTL_OK || replace(out))
        return code;
    if (out->command == NULL)
        return call_usage(out, "what is to be done?");
    code = check_words(out);
    path = call_option(out, "socket");
    if (code == CTL_OK && client_create(path != NULL ? path : CLIENT_SOCKET,
                                        &out->client) != MS_OK) {
        out_complain(out->out, "no memory");
        return EX_OSERR;
    }
    return code;
}

void
call_end(struct call *call)
{
    client_destroy(call->client);
    free(call->words);
    free(call->given);
}

/* ----- what was given */

const char *
call_option_nth(const struct call *call, const char *name, size_t n)
{
    for (size_t i = 0; i < call->n_given; i++)
        if (strcmp(call->given[i].option->name, name) == 0 && n-- == 0)
            return call->given[i].value;
    return NULL;
}

const char *
call_option(const struct call *call, const char *name)
{
    const char *last = NULL;

    for (size_t i = 0; i < call->n_given; i++)
        if (strcmp(call->given[i].option->name, name) == 0)
            last = call->given[i].value;
    return last;
}

bool
call_given(const struct call *call, const char *name)
{
    return call_option(call, name) != NULL;
}

const char *
call_word(const struct call *call, size_t n)
{
    return n < call->n_words ? call->words[n] : NULL;
}

int
call_number(const struct call *call, const char *name, uint64_t preset,
            uint64_t least, uint64_t most, uint64_t *out)
{
    const char *text = call_option(call, name);
    char *end;
    unsigned long long n;

    if (text == NULL) {
        *out = preset;
        return CTL_OK;
    }
    errno = 0;
    n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < least ||
        n > most)
        return call_usage(
            call, "--%s is a number from %" PRIu64 " to %" PRIu64 ", not %s",
            name, least, most, text);
    *out = n;
    return CTL_OK;
}

int
call_usage(const struct call *call, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    out_complain(call->out, "%s", text != NULL ? text : "no memory");
    free(text);
    if (call->command != NULL)
        help_synopsis(call->command, stderr);
    else
        (void)fputs("usage: mortsafectl COMMAND ...; `mortsafectl help` lists "
                    "them\n",
                    stderr);
    return EX_USAGE;
}

/* ----- asking */

static int
ask(const struct call *call, enum client_method method, const struct url *url,
    const json_t *body, json_t **out)
{
    struct why why = {""};
    int code = client_ask(call->client, method, url, body, out, &why);

    if (code != CTL_OK)
        out_complain(call->out, "%s", why.text);
    return code;
}

int
call_patience(const struct call *call, unsigned n)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/ping");
    code = call_get(call, &url, &answer);
    json_decref(answer);
    if (code == CTL_OK)
        client_patience(call->client, n);
    return code;
}

int
call_get(const struct call *call, const struct url *url, json_t **out)
{
    return ask(call, CLIENT_GET, url, NULL, out);
}

int
call_get_text(const struct call *call, const struct url *url, char **out)
{
    struct why why = {""};
    int code = client_get_text(call->client, url, out, &why);

    if (code != CTL_OK)
        out_complain(call->out, "%s", why.text);
    return code;
}

int
call_post(const struct call *call, const struct url *url, json_t *body,
          json_t **out)
{
    int code = ask(call, CLIENT_POST, url, body, out);

    json_decref(body);
    return code;
}

int
call_delete(const struct call *call, const struct url *url, json_t **out)
{
    return ask(call, CLIENT_DELETE, url, NULL, out);
}

int
call_confirm(const struct call *call, const char *format, ...)
{
    char line[16] = "", *text = NULL;
    va_list args;
    int n;

    if (call_given(call, "yes"))
        return CTL_OK;
    if (isatty(STDIN_FILENO) != 1) {
        out_complain(call->out,
                     "there is no terminal to ask on: say --yes to %s",
                     call->command->name);
        return EX_USAGE;
    }
    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return EX_OSERR;
    (void)fflush(call->out->file);
    (void)fprintf(stderr, "%s [y/N] ", text);
    free(text);
    if (fgets(line, sizeof(line), stdin) == NULL)
        (void)fputc('\n', stderr);
    if (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0 ||
        strcmp(line, "Y\n") == 0)
        return CTL_OK;
    out_complain(call->out, "not done");
    return CTL_NO;
}
