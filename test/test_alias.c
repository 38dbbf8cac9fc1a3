/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudonyms: of texts, and in the answers of the API.
 */
#include <config.h>

#include "milter/api/alias.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

static const uint8_t key[ALIAS_KEY] = {1, 2, 3};

static struct alias *
make(const uint8_t of[ALIAS_KEY])
{
    struct alias *alias = NULL;

    assert_int_equal(alias_create(of, &alias), MS_OK);
    return alias;
}

static void
test_text(void **state)
{
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    static const uint8_t other_key[ALIAS_KEY] = {1, 2, 4};
    struct alias *alias = make(key), *other = make(other_key);
    char a[ALIAS_TEXT], b[ALIAS_TEXT];

    (void)state;
    assert_ptr_equal(alias_of(alias, "ann@example.org", a), a);
    assert_int_equal(strlen(a), 9);
    assert_int_equal(a[0], '~');
    assert_int_equal(strspn(a + 1, letters), 8);
    assert_string_equal(alias_of(alias, "ann@example.org", b), a);
    assert_string_not_equal(alias_of(alias, "Ann@example.org", b), a);
    assert_string_not_equal(alias_of(other, "ann@example.org", b), a);
    (void)alias_of(alias, "", a);
    assert_int_equal(strlen(a), 9);
    alias_destroy(alias);
    alias_destroy(other);
    alias_destroy(NULL);
}

/* A name must not change from one version to the next. */
static void
test_stable(void **state)
{
    struct alias *alias = make(key);
    char a[ALIAS_TEXT];

    (void)state;
    assert_string_equal(alias_of(alias, "ann@example.org", a), "~WX861QEC");
    alias_destroy(alias);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Every letter comes, and names are different. */
static void
test_spread(void **state)
{
    enum { NAMES = 2000 };
    static char names[NAMES][ALIAS_TEXT];
    struct alias *alias = make(key);
    bool seen[8][128] = {{false}};
    char text[16];

    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        (void)snprintf(text, sizeof(text), "user%u", i);
        (void)alias_of(alias, text, names[i]);
        for (unsigned j = 0; j < 8; j++)
            seen[j][(unsigned char)names[i][j + 1]] = true;
    }
    for (unsigned j = 0; j < 8; j++) {
        unsigned n = 0;

        for (unsigned c = 0; c < 128; c++)
            n += seen[j][c];
        assert_int_equal(n, 32);
    }
    qsort(names, NAMES, sizeof(names[0]), by_text);
    for (unsigned i = 1; i < NAMES; i++)
        assert_string_not_equal(names[i - 1], names[i]);
    alias_destroy(alias);
}

/* Make of "<ann>" the pseudonym of ann, wherever it stands in TEXT. */
static char *
fill_in(const struct alias *alias, const char *text)
{
    char *out = calloc(1, strlen(text) * 4 + 1), *at = out;

    assert_non_null(out);
    while (*text != '\0') {
        const char *end = *text == '<' ? strchr(text, '>') : NULL;
        char name[64];

        if (end == NULL) {
            *at++ = *text++;
            continue;
        }
        assert_true(end - text < (ptrdiff_t)sizeof(name));
        memcpy(name, text + 1, (size_t)(end - text - 1));
        name[end - text - 1] = '\0';
        (void)alias_of(alias, name, at);
        at += strlen(at);
        text = end + 1;
    }
    return out;
}

static void
test_json(void **state)
{
    static const struct {
        const char *row, *before, *after;
    } rows[] = {
        {"a user", "{'user':'ann'}", "{'user':'<ann>'}"},
        {"a subject keeps its kind, in its id, too",
         "{'id':'user:ann','kind':'user','key':'ann','subject':'client:::1'}",
         "{'id':'user:<ann>','kind':'user','key':'<ann>',"
         "'subject':'client:<::1>'}"},
        {"the kinds of a pair stay", "{'id':'user+sender:a+b'}",
         "{'id':'user+sender:<a+b>'}"},
        {"what only looks like a kind is a name",
         "{'subject':'users:ann','user':'user:ann'}",
         "{'subject':'<users:ann>','user':'<user:ann>'}"},
        {"a subject without a name", "{'subject':'user:'}",
         "{'subject':'user:<>'}"},
        {"a queue id and an act's are no names",
         "{'id':'4XyZq1','mode_act':{'id':'7K2M9QXD','by':'ann (uid 1)'}}",
         "{'id':'4XyZq1','mode_act':{'id':'7K2M9QXD','by':'<ann (uid 1)>'}}"},
        {"other subjects of the same name", "{'also':['user:a','domain:a']}",
         "{'also':['user:<a>','domain:<a>']}"},
        {"senders and recipients", "{'from':'a@b','to':['c@d','e@f']}",
         "{'from':'<a@b>','to':['<c@d>','<e@f>']}"},
        {"the empty sender is nobody, and null is none",
         "{'from':'','user':null}", "{'from':'','user':null}"},
        {"machines", "{'client':'192.0.2.7','client_name':'h.example'}",
         "{'client':'<192.0.2.7>','client_name':'<h.example>'}"},
        {"notes and replies go", "{'note':'ann!','text':'not ann'}",
         "{'note':'','text':''}"},
        {"the text of a rate stays",
         "{'rate':{'n':300,'span_s':3600,'text':'300/1h'}}",
         "{'rate':{'n':300,'span_s':3600,'text':'300/1h'}}"},
        {"so does that of our health",
         "{'health':[{'name':'mta','state':'ok','text':'fine'}]}",
         "{'health':[{'name':'mta','state':'ok','text':'fine'}]}"},
        {"what a limit counts is no name",
         "{'limits':[{'name':'user','key':'user'},{'key':'user+sender'}]}",
         "{'limits':[{'name':'user','key':'user'},{'key':'user+sender'}]}"},
        {"of a subject it is", "{'kind':'user','key':'user'}",
         "{'kind':'user','key':'<user>'}"},
        {"where a rate comes from is no name",
         "{'limits':[{'by':'configuration'},{'by':'table'},{'by':'raised'}]}",
         "{'limits':[{'by':'configuration'},{'by':'table'},{'by':'raised'}]}"},
        {"nor is where a list comes from",
         "{'subjects':[{'key':'a','kind':'user'}],'from':'top'}",
         "{'subjects':[{'key':'<a>','kind':'user'}],'from':'top'}"},
        {"numbers stay", "{'subjects':{'user':3,'client':4},'to':1.5}",
         "{'subjects':{'user':3,'client':4},'to':1.5}"},
        {"deep inside", "{'a':[[{'b':{'user':'x'}}]]}",
         "{'a':[[{'b':{'user':'<x>'}}]]}"},
        {"a pseudonym is one already",
         "{'user':'~K7Q2M9XD','id':'user:~K7Q2M9XD'}",
         "{'user':'~K7Q2M9XD','id':'user:~K7Q2M9XD'}"},
        {"but not what is nearly one",
         "{'user':'~K7Q2M9XU','from':'~K7Q2M9X','to':'~K7Q2M9XDD'}",
         "{'user':'<~K7Q2M9XU>','from':'<~K7Q2M9X>','to':'<~K7Q2M9XDD>'}"},
        {"an array", "[{'user':'ann'},[]]", "[{'user':'<ann>'},[]]"},
        {"nothing", "{}", "{}"},
    };
    struct alias *alias = make(key);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *before = strdup(rows[i].before), *after;
        json_t *json, *wanted;

        assert_non_null(before);
        after = fill_in(alias, rows[i].after);
        for (char *at = before; *at != '\0'; at++)
            *at = (char)(*at == '\'' ? '"' : *at);
        for (char *at = after; *at != '\0'; at++)
            *at = (char)(*at == '\'' ? '"' : *at);
        json = json_loads(before, 0, NULL);
        wanted = json_loads(after, 0, NULL);
        expect(rows[i].row, json != NULL && wanted != NULL);
        expect(rows[i].row, alias_json(alias, json) == MS_OK);
        expect(rows[i].row, json_equal(json, wanted));
        expect(rows[i].row, alias_json(alias, json) == MS_OK);
        expect(rows[i].row, json_equal(json, wanted));
        json_decref(json);
        json_decref(wanted);
        free(before);
        free(after);
    }
    alias_destroy(alias);
}

/* A string that stands in two places changes once. */
static void
test_shared(void **state)
{
    struct alias *alias = make(key);
    json_t *name = json_string("ann"), *json = json_object();
    char text[ALIAS_TEXT];

    (void)state;
    assert_int_equal(json_object_set(json, "user", name), 0);
    assert_int_equal(json_object_set_new(json, "from", name), 0);
    assert_int_equal(alias_json(alias, json), MS_OK);
    assert_string_equal(json_string_value(json_object_get(json, "from")),
                        alias_of(alias, "ann", text));
    json_decref(json);
    alias_destroy(alias);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_stable),
        cmocka_unit_test(test_spread), cmocka_unit_test(test_json),
        cmocka_unit_test(test_shared),
    };

    return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
