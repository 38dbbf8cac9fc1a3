/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation fails, for every n: MS_NOMEM, nothing reported, nothing
 * made, and (with a leak checker) nothing lost.
 */
#include <config.h>

#include "policy/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { TODAY_S = 1800000000 /* 2027-01-15 */ };

static struct heard heard;

static void
test_load(void **state)
{
    struct config *config = NULL;
    enum ms_err err = MS_NOMEM;
    unsigned long n = 0;

    (void)state;
    while (err == MS_NOMEM) {
        scarce_set(++n);
        err = heard_load_file(&heard, "full.conf", TODAY_S, &config);
        if (err == MS_NOMEM) {
            assert_null(config);
            assert_string_equal(heard.text, "");
        }
    }
    assert_int_equal(err, MS_OK);
    assert_true(scarce_left() > 0);
    assert_true(n > 100);
    scarce_set(0);
    config_destroy(config);
}

/* A shared store has more parts. */
static void
test_shared(void **state)
{
    static const char text[] =
        "privacy { key_file = site.key }\n"
        "store { type = redis cluster = yes prefix = x\n"
        "url = redis://a@192.168.0.1, redis://a@192.168.0.2:6380 }\n";
    struct config *config = NULL;
    enum ms_err err = MS_NOMEM;
    unsigned long n = 0;

    (void)state;
    while (err == MS_NOMEM) {
        scarce_set(++n);
        err = heard_load(&heard, text, TODAY_S, &config);
        if (err == MS_NOMEM)
            assert_string_equal(heard.text, "");
    }
    scarce_set(0);
    assert_int_equal(err, MS_OK);
    assert_int_equal(config->store.n_urls, 2);
    config_destroy(config);
}

/* Errors, too, need memory. */
static void
test_errors(void **state)
{
    static const char text[] =
        "mode = x\nfoo\nsessions = 0\nlimit user { rates = texthash:none }\n"
        "network a { addr = ::1, x }\nreply limit.x { text = y }\n"
        "zombie a { key = user watch = 50 lift = never, 1h }\n"
        "limit user_all { warmup = 5/1h for 1, 5/1h }\n"
        "notice { from = x contacts = texthash:plans webhook = y }\n";
    struct config *config = NULL;
    enum ms_err err = MS_NOMEM;
    unsigned long n = 0;

    (void)state;
    while (err == MS_NOMEM) {
        scarce_set(++n);
        err = heard_load(&heard, text, TODAY_S, &config);
        if (err == MS_NOMEM)
            assert_string_equal(heard.text, "");
    }
    scarce_set(0);
    assert_int_equal(err, MS_INVALID);
    assert_non_null(strstr(heard.text, "t:6:1: there is no rule"));
    assert_null(config);
}

static int
go_to_data(void **state)
{
    const char *top = getenv("top_srcdir");

    (void)state;
    return chdir(top != NULL ? top : ".") != 0 ||
           chdir("test/data/config") != 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests_name("config_nomem", tests, go_to_data, NULL);
}
