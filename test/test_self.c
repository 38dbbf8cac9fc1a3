/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/self.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "test/heard.h"
#include "test/unit.h"

#define SITE "domains local { list = example.org }\n"

/* What a host called NAME with CONFIG, a configuration's text, tells. */
static struct store_host
told(const char *name, const char *text)
{
    static struct heard heard;
    struct store_host host;
    struct config *config = NULL;
    struct self *self;

    assert_true(sodium_init() >= 0);
    if (heard_load(&heard, text, 0, &config) != MS_OK)
        fail_msg("%s", heard.text);
    assert_int_equal(self_create(name, &self), MS_OK);
    self_set(self, config);
    self_get(self, &host);
    self_destroy(self);
    self_destroy(NULL);
    config_destroy(config);
    return host;
}

static void
test_words(void **state)
{
    struct store_host host = told("mx2.example.org", "mode = enforce\n" SITE);
    char name[2 * STORE_NODE_NAME];

    (void)state;
    assert_string_equal(host.name, "mx2.example.org");
    assert_string_equal(host.version, PACKAGE_VERSION);
    assert_string_equal(host.mode, "enforce");
    assert_int_equal(strlen(host.config), 32);
    assert_int_equal(strspn(host.config, "0123456789abcdef"), 32);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    host = told(name, SITE);
    assert_int_equal(strlen(host.name), STORE_NODE_NAME - 1);
}

/* A hash tells apart what is in force, and not how files are laid out. */
static void
test_hash(void **state)
{
    static const struct {
        const char *row, *text;
        bool same;
    } rows[] = {
        {"the same", "mode = enforce\n" SITE, true},
        {"other lines", "# a remark\n\nmode = enforce\n\n" SITE, true},
        {"another order of blocks", SITE "mode = enforce\n", true},
        {"a default that is written out",
         "mode = enforce\nsessions = 4000\n" SITE, true},
        {"another value", "mode = observe\n" SITE, false},
        {"another value of one that is a default",
         "mode = enforce\nsessions = 3999\n" SITE, false},
        {"another domain",
         "mode = enforce\ndomains local { list = example.net }\n", false},
        {"a name with a # in it",
         "mode = enforce\n" SITE "reply relay.denied { text = \"a # b\" }\n",
         false},
    };
    struct store_host host = told("mx1", "mode = enforce\n" SITE);
    struct store_host a, b;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        a = told("mx2", rows[i].text);
        expect(rows[i].row,
               (strcmp(a.config, host.config) == 0) == rows[i].same);
    }
    a = told("mx1", SITE "reply relay.denied { text = \"a # b\" }\n");
    b = told("mx1", SITE "reply relay.denied { text = \"a # c\" }\n");
    assert_string_not_equal(a.config, b.config);
}

/* The mode is that of the acts, once somebody has said so. */
static void
test_mode(void **state)
{
    static struct heard heard;
    struct config *config = NULL;
    struct store_host host;
    struct self *self;

    (void)state;
    assert_int_equal(heard_load(&heard, "mode = enforce\n" SITE, 0, &config),
                     MS_OK);
    assert_int_equal(self_create("mx1", &self), MS_OK);
    assert_int_equal(self_loaded_s(self), 0);
    self_set(self, config);
    assert_true(self_loaded_s(self) > 0);
    assert_false(self_set_mode(self, MODE_ENFORCE));
    assert_true(self_set_mode(self, MODE_OBSERVE));
    self_set(self, config); /* a reload */
    self_get(self, &host);
    assert_string_equal(host.mode, "observe");
    assert_false(self_set_mode(self, MODE_OBSERVE));
    assert_true(self_set_mode(self, MODE_ENFORCE));
    self_get(self, &host);
    assert_string_equal(host.mode, "enforce");
    self_destroy(self);
    config_destroy(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
