/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints a page made from the answers in a file, for tests that look at it
 * without a daemon:
 *
 *   page_render policy       what Content-Security-Policy must say
 *   page_render FILE         the page: of a subject if FILE has "subject", of
 *                            a problem if it has "problem", else the status
 */
#include <config.h>

#include "milter/page/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const json_t *
answer(const json_t *all, const char *key)
{
    const json_t *json = json_object_get(all, key);

    return json_is_null(json) ? NULL : json;
}

static char *
render(const json_t *all, size_t *len)
{
    const json_t *problem = answer(all, "problem");
    int64_t now_s = json_integer_value(answer(all, "now_s"));
    bool pseudonyms = json_is_true(answer(all, "pseudonyms"));

    if (problem != NULL)
        return page_problem(
            (unsigned)json_integer_value(json_object_get(problem, "status")),
            json_string_value(json_object_get(problem, "title")),
            json_string_value(json_object_get(problem, "detail")), len);
    if (answer(all, "subject") != NULL)
        return page_subject(answer(all, "subject"), now_s, pseudonyms, len);
    return page_home(
        &(struct page_home){.status = answer(all, "status"),
                            .history = answer(all, "history"),
                            .near = answer(all, "near"),
                            .users = answer(all, "users"),
                            .clients = answer(all, "clients"),
                            .decisions = answer(all, "decisions"),
                            .would = answer(all, "would"),
                            .zombies = answer(all, "zombies"),
                            .held = answer(all, "held"),
                            .now_s = now_s,
                            .pseudonyms = pseudonyms,
                            .still = json_is_true(answer(all, "still"))},
        len);
}

int
main(int argc, char **argv)
{
    json_error_t error;
    json_t *all;
    size_t len = 0;
    char *text;

    if (argc == 2 && strcmp(argv[1], "policy") == 0) {
        puts(page_policy());
        return 0;
    }
    if (argc != 2)
        return 64;
    all = json_load_file(argv[1], 0, &error);
    if (all == NULL) {
        fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, error.text);
        return 65;
    }
    text = render(all, &len);
    if (text != NULL)
        fwrite(text, 1, len, stdout);
    free(text);
    json_decref(all);
    return len > 0 ? 0 : 70;
}
