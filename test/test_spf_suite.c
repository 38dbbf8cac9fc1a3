/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 7208, case by case: test/data/spf/rfc7208.txt holds zones and what
 * follows from them.
 */
#include <config.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/spf_lab.h"
#include "test/unit.h"

enum { LINE = 8192, CASES = 203 };

/* What is being read. */
struct suite {
    struct spf_lab *lab;
    struct judge *judge;
    char name[160], client[64], helo[512], sender[512];
    bool zone; /* the lines before this one were of a zone */
    unsigned cases, failed;
};

static void
read_client(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (void *)out;
    struct sockaddr_in6 *v6 = (void *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        out->ss_family = AF_INET;
        return;
    }
    out->ss_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
}

/* Play the case whose results stand in REST. */
static void
play(struct suite *s, const char *rest)
{
    struct sockaddr_storage client;
    struct spf_ask ask = {.client = (struct sockaddr *)&client,
                          .helo = s->helo,
                          .sender = s->sender,
                          .receiver = "receiver.example"};
    struct spf_finding found;
    struct spf_cost cost;
    enum spf_result wanted;
    bool right = false;
    char word[32];
    size_t len;

    read_client(s->client, &client);
    found = spf_lab_evaluate(s->lab, s->judge, &ask, &cost);
    while (spf_lab_word(&rest, word, sizeof(word), &len)) {
        assert_true(spf_result_parse(word, &wanted));
        right = right || found.result == wanted;
    }
    s->cases++;
    if (right)
        return;
    s->failed++;
    print_message("# %s: %s (%s)\n", s->name, spf_result_name(found.result),
                  found.detail);
}

static bool
next(const char **at, char *out, size_t size)
{
    size_t len;

    return spf_lab_word(at, out, size, &len);
}

static void
read_line(struct suite *s, const char *line)
{
    const char *at = line;
    char word[16];

    if (!next(&at, word, sizeof(word)))
        return;
    if (strcmp(word, "zone") == 0) {
        spf_lab_clear(s->lab);
    } else if (strcmp(word, "case") == 0) {
        assert_true(next(&at, s->name, sizeof(s->name)));
    } else if (strcmp(word, "from") == 0) {
        assert_true(next(&at, s->client, sizeof(s->client)));
        assert_true(next(&at, word, sizeof(word)) &&
                    next(&at, s->helo, sizeof(s->helo)));
        assert_true(next(&at, word, sizeof(word)) &&
                    next(&at, s->sender, sizeof(s->sender)));
    } else if (strcmp(word, "gives") == 0) {
        play(s, at);
    } else if (!spf_lab_add(s->lab, line)) {
        fail_msg("not a line: %s", line);
    }
}

static void
each_case_of_rfc_7208_has_its_result(void **state)
{
    const char *top = getenv("top_srcdir");
    struct suite s = {.lab = spf_lab_create()};
    char path[4096], line[LINE];
    FILE *in;

    (void)state;
    assert_int_equal(judge_create(&s.judge), MS_OK);
    (void)snprintf(path, sizeof(path), "%s/test/data/spf/rfc7208.txt",
                   top != NULL ? top : ".");
    in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof(line), in) != NULL)
        read_line(&s, line);
    fclose(in);
    judge_destroy(s.judge);
    spf_lab_destroy(s.lab);
    assert_int_equal(s.failed, 0);
    assert_int_equal(s.cases, CASES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_of_rfc_7208_has_its_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
