/* SPDX-License-Identifier: BSD-2-Clause */
/* What the MTA has shown: counted by listener, macro and filter, within fixed
 * room. */
#include <config.h>

#include "milter/counts/sights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

static struct sights *
make(void)
{
    struct sights *sights = NULL;

    assert_int_equal(sights_create((struct wall){1000}, &sights), MS_OK);
    return sights;
}

static const struct sights_listener *
row_of(const struct sights_view *view, const char *name, const char *port)
{
    for (size_t i = 0; i < view->n_listeners; i++) {
        if (strcmp(view->listener[i].name, name) == 0 &&
            strcmp(view->listener[i].port, port) == 0)
            return &view->listener[i];
    }
    fail_msg("no row %s %s", name, port);
    return NULL;
}

static void
test_listeners(void **state)
{
    static const struct sights_place mx = {"mx", "25"}, other = {"mx", "2525"},
                                     unsaid = {"mx", NULL};
    struct sights_view *view = malloc(sizeof(*view));
    struct sights *sights = make();

    (void)state;
    assert_non_null(view);
    sights_session(sights, mx, "Postfix 3.7.11");
    sights_session(sights, mx, "Postfix 3.7.11");
    sights_session(sights, other, "8.17.1.9");
    sights_session(sights, unsaid, NULL);
    sights_message(sights, &(struct sights_message){.place = mx, .tls = true});
    sights_message(sights,
                   &(struct sights_message){.place = mx, .login = true});
    sights_read(sights, view);
    assert_int_equal(view->since.s, 1000);
    assert_int_equal(view->n_listeners, 3);
    assert_int_equal(row_of(view, "mx", "25")->sessions, 2);
    assert_int_equal(row_of(view, "mx", "25")->messages, 2);
    assert_int_equal(row_of(view, "mx", "25")->tls, 1);
    assert_int_equal(row_of(view, "mx", "25")->logins, 1);
    assert_int_equal(row_of(view, "mx", "2525")->sessions, 1);
    assert_int_equal(row_of(view, "mx", "")->sessions, 1);
    assert_int_equal(view->n_mtas, 2);
    assert_string_equal(view->mta[0], "Postfix 3.7.11");
    sights_destroy(sights);
    sights_destroy(NULL);
    free(view);
}

static void
test_room(void **state)
{
    struct sights_view *view = malloc(sizeof(*view));
    struct sights *sights = make();
    char name[200], mta[200];
    uint64_t all = 0;

    (void)state;
    assert_non_null(view);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "listener%u", i);
        (void)snprintf(mta, sizeof(mta), "mta %u", i);
        sights_session(sights, (struct sights_place){name, "25"}, mta);
    }
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    sights_session(sights, (struct sights_place){name, name}, name);
    sights_read(sights, view);
    assert_int_equal(view->n_listeners, SIGHTS_LISTENERS);
    assert_int_equal(view->n_mtas, SIGHTS_MTAS);
    for (size_t i = 0; i < view->n_listeners; i++)
        all += view->listener[i].sessions;
    assert_int_equal(all, 1001); /* none is forgotten */
    sights_destroy(sights);
    free(view);
}

static void
test_macros(void **state)
{
    struct sights_view *view = malloc(sizeof(*view));
    struct sights *sights = make();

    (void)state;
    assert_non_null(view);
    sights_macro(sights, SIGHTS_MAILER, true);
    sights_macro(sights, SIGHTS_MAILER, false);
    sights_macro(sights, SIGHTS_ID, true);
    sights_read(sights, view);
    assert_int_equal(view->macro[SIGHTS_MAILER].asked, 2);
    assert_int_equal(view->macro[SIGHTS_MAILER].missing, 1);
    assert_int_equal(view->macro[SIGHTS_ID].missing, 0);
    assert_int_equal(view->macro[SIGHTS_HOSTNAME].asked, 0);
    for (unsigned i = 0; i < SIGHTS_MACROS; i++) {
        assert_true(sights_macro_name((enum sights_macro)i)[0] != '\0');
        assert_true(sights_macro_stage((enum sights_macro)i)[0] != '\0');
    }
    sights_destroy(sights);
    free(view);
}

static void
test_filter(void **state)
{
    static const struct {
        const char *row;
        bool login;
        enum sights_verdict verdict;
        uint64_t logins, verdicts;
    } rows[] = {
        {"a stranger's is of no account", false, SIGHTS_VERDICT, 0, 0},
        {"nor is one whose headers were not read", true, SIGHTS_NOT_ASKED, 0,
         0},
        {"a login's without a verdict", true, SIGHTS_NO_VERDICT, 1, 0},
        {"and one with it", true, SIGHTS_VERDICT, 1, 1},
    };
    struct sights_view *view = malloc(sizeof(*view));

    (void)state;
    assert_non_null(view);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sights *sights = make();

        sights_message(sights,
                       &(struct sights_message){.place = {"submission", "587"},
                                                .login = rows[i].login,
                                                .verdict = rows[i].verdict});
        sights_read(sights, view);
        expect(rows[i].row, view->logins == rows[i].logins);
        expect(rows[i].row, view->verdicts == rows[i].verdicts);
        sights_destroy(sights);
    }
    free(view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_macros),
        cmocka_unit_test(test_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
