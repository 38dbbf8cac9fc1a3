/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "milter/api/call.h"
#include "milter/api/host.h"
#include "milter/api/routes.h"
#include "test/unit.h"

/* ----- path and query */

/* What CALL has: "v1 a|b|c ?n=v&n=v". */
static void
write_call(const struct api_call *call, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%s", call->v1 ? "v1" : "");

    for (size_t i = 0; i < call->n_segments; i++)
        len += (size_t)snprintf(out + len, size - len, "|%s", call->segment[i]);
    for (size_t i = 0; i < call->n_queries; i++)
        len += (size_t)snprintf(out + len, size - len, "?%s=%s",
                                call->query[i].name, call->query[i].value);
}

static const struct {
    const char *name, *target, *expected; /* NULL: refused */
} targets[] = {
    {"the root", "/", ""},
    {"a page", "/metrics", "|metrics"},
    {"v1 is no segment", "/v1/ping", "v1|ping"},
    {"v1 alone", "/v1", "v1"},
    {"a second v1 is one", "/v1/v1", "v1|v1"},
    {"v1 behind is one", "/x/v1", "|x|v1"},
    {"a subject", "/v1/subjects/user:ann@example.org/reset",
     "v1|subjects|user:ann@example.org|reset"},
    {"a slash in a segment", "/v1/subjects/prefix:192.0.2.0%2F24",
     "v1|subjects|prefix:192.0.2.0/24"},
    {"small hexadecimal digits", "/%2f", "|/"},
    {"a percent sign", "/100%25", "|100%"},
    {"decoded once only", "/%252F", "|%2F"},
    {"UTF-8", "/%C3%A4", "|\xc3\xa4"},
    {"a plus is a plus", "/a+b?c=d+e", "|a+b?c=d+e"},
    {"a query", "/a?b=1&c=", "|a?b=1?c="},
    {"a query without a value", "/a?b", "|a?b="},
    {"an equals sign in a value", "/a?b=c=d", "|a?b=c=d"},
    {"empty parameters are none", "/a?&b=1&&", "|a?b=1"},
    {"a question mark in a query", "/a?b=?", "|a?b=?"},
    {"a slash in a query", "/a?b=/", "|a?b=/"},
    {"an ampersand in a value", "/a?b=%26", "|a?b=&"},
    {"eight segments", "/1/2/3/4/5/6/7/8", "|1|2|3|4|5|6|7|8"},
    {"nine segments", "/1/2/3/4/5/6/7/8/9", NULL},
    {"many segments", "/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f", NULL},
    {"nothing", "", NULL},
    {"no slash", "v1/ping", NULL},
    {"another server", "http://localhost/v1/ping", NULL},
    {"an asterisk", "*", NULL},
    {"an empty segment", "/a//b", NULL},
    {"two slashes", "//", NULL},
    {"a slash at the end", "/a/", NULL},
    {"a dot", "/a/./b", NULL},
    {"two dots", "/a/../b", NULL},
    {"two dots, escaped", "/a/%2e%2E/b", NULL},
    {"two dots at the end", "/..", NULL},
    {"two dots with a slash are a name", "/..%2f..", "|../.."},
    {"three dots are a name", "/...", "|..."},
    {"a NUL", "/a%00b", NULL},
    {"a NUL in a query", "/a?b=%00", NULL},
    {"a newline", "/a%0Ab", NULL},
    {"a delete", "/a%7f", NULL},
    {"an escape cut short", "/a%2", NULL},
    {"an escape of nothing", "/a%", NULL},
    {"an escape that is none", "/a%zz", NULL},
    {"an escape over the end of a segment", "/a%2/f", NULL},
    {"an escape over the end of a name", "/a?b%3=4", NULL},
    {"no UTF-8", "/%ff", NULL},
    {"overlong UTF-8", "/%c0%af", NULL},
    {"overlong UTF-8 of three", "/%e0%80%af", NULL},
    {"a surrogate", "/%ed%a0%80", NULL},
    {"beyond Unicode", "/%f4%90%80%80", NULL},
    {"UTF-8 cut short", "/%c3", NULL},
    {"a raw byte", "/\xc3\xa4", NULL},
    {"a blank", "/a b", NULL},
    {"a fragment", "/a#b", NULL},
    {"a parameter twice", "/a?b=1&b=2", NULL},
    {"a parameter twice, escaped", "/a?b=1&%62=2", NULL},
};

static void
takes_paths_and_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(targets); i++) {
        struct api_call call = {.desk = NULL};
        struct why why = {""};
        char found[512];
        enum ms_err err = api_call_target(&call, targets[i].target, &why);

        if (targets[i].expected == NULL) {
            expect(targets[i].name, err == MS_INVALID && why.text[0] != '\0');
        } else {
            expect(targets[i].name, err == MS_OK);
            write_call(&call, found, sizeof(found));
            if (strcmp(found, targets[i].expected) != 0)
                fail_msg("%s: %s", targets[i].name, found);
        }
        api_call_end(&call);
    }
}

static void
takes_many_parameters(void **state)
{
    char target[2048] = "/a?";
    size_t len = strlen(target);

    (void)state;
    for (int i = 0; i <= API_QUERIES; i++) {
        struct api_call call = {.desk = NULL};

        len += (size_t)snprintf(target + len, sizeof(target) - len, "p%d&", i);
        assert_int_equal(api_call_target(&call, target, NULL),
                         i < API_QUERIES ? MS_OK : MS_INVALID);
        api_call_end(&call);
    }
}

/* ----- bodies */

static const struct {
    const char *name, *body;
    bool fits;
} bodies[] = {
    {"nothing is an object", "", true},
    {"an object", "{\"a\":1}", true},
    {"blanks around it", " {} \n", true},
    {"an array", "[]", false},
    {"a string", "\"a\"", false},
    {"null", "null", false},
    {"a half", "{\"a\":", false},
    {"something behind it", "{}{}", false},
    {"a key twice", "{\"a\":1,\"a\":2}", false},
    {"no JSON", "mode=observe", false},
    {"a NUL in a string", "{\"a\":\"\\u0000\"}", false},
    {"no UTF-8", "{\"a\":\"\xff\"}", false},
    {"sixteen levels", "{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", true},
    {"seventeen", "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", false},
    {"brackets in a string", "{\"a\":\"[[[[[[[[[[[[[[[[[[[[\"}", true},
    {"and behind a quote in one", "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[\"}", true},
};

static void
takes_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bodies); i++) {
        struct api_call call = {.desk = NULL};
        struct why why = {""};
        enum ms_err err =
            api_call_body(&call, bodies[i].body, strlen(bodies[i].body), &why);

        expect(bodies[i].name, (err == MS_OK) == bodies[i].fits);
        expect(bodies[i].name, bodies[i].fits || why.text[0] != '\0');
        api_call_end(&call);
    }
}

static void
takes_strings_of_a_body(void **state)
{
    static const char body[] = "{\"s\":\"four\",\"n\":null,\"i\":1}";
    const struct {
        const char *name, *key;
        size_t most;
        bool fits;
        const char *value;
    } rows[] = {
        {"as long as may be", "s", 4, true, "four"},
        {"longer", "s", 3, false, NULL},
        {"null is nothing", "n", 9, true, NULL},
        {"nor is what is missing", "x", 9, true, NULL},
        {"a number is no string", "i", 9, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct api_call call = {.desk = NULL};
        const char *value = "unset";

        assert_int_equal(api_call_body(&call, body, strlen(body), NULL), MS_OK);
        expect(rows[i].name, api_call_text(&call, rows[i].key, rows[i].most,
                                           &value) == rows[i].fits);
        expect(rows[i].name, (call.status == 400) != rows[i].fits);
        expect(rows[i].name, value == rows[i].value ||
                                 (value != NULL && rows[i].value != NULL &&
                                  strcmp(value, rows[i].value) == 0));
        api_call_end(&call);
    }
}

/* ----- numbers and times */

static void
takes_numbers(void **state)
{
    const struct {
        const char *target;
        bool fits;
        uint64_t value;
    } rows[] = {
        {"/?", true, 50},
        {"/?n=1", true, 1},
        {"/?n=1000", true, 1000},
        {"/?n=007", true, 7},
        {"/?n=0", false, 0},
        {"/?n=1001", false, 0},
        {"/?n=", false, 0},
        {"/?n=-1", false, 0},
        {"/?n=+1", false, 0},
        {"/?n=1x", false, 0},
        {"/?n=1.5", false, 0},
        {"/?n=18446744073709551617", false, 0},
        {"/?n=99999999999999999999999999999999", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct api_call call = {.desk = NULL};
        uint64_t n = 4711;

        assert_int_equal(api_call_target(&call, rows[i].target, NULL), MS_OK);
        expect(rows[i].target,
               api_call_number(&call, "n", 50, 1, 1000, &n) == rows[i].fits);
        expect(rows[i].target, n == (rows[i].fits ? rows[i].value : 4711));
        expect(rows[i].target, (call.status == 400) != rows[i].fits);
        api_call_end(&call);
    }
}

static void
takes_times(void **state)
{
    const struct wall now = {1795357072}; /* 2026-11-22T14:17:52Z */
    const struct {
        const char *text;
        bool future, fits;
        int64_t s;
    } rows[] = {
        {"2026-11-22T14:17:52Z", false, true, 1795357072},
        {"2026-11-22t14:17:52z", true, true, 1795357072},
        {"2026-11-22T15:17:52+01:00", false, true, 1795357072},
        {"2026-11-22T09:47:52-04:30", false, true, 1795357072},
        {"2026-11-22T14:17:52.999Z", false, true, 1795357072},
        {"2026-11-22", false, true, 1795305600},
        {"2026-11-22", true, true, 1795392000},
        {"1970-01-01", false, true, 0},
        {"2024-02-29", false, true, 1709164800},
        {"2100-03-01", false, true, 4107542400},
        {"30m", false, true, 1795357072 - 1800},
        {"30m", true, true, 1795357072 + 1800},
        {"7d", false, true, 1795357072 - 604800},
        {"1w", false, true, 1795357072 - 604800},
        {"0s", false, true, 1795357072},
        {"2025-02-29", false, false, 0},
        {"2100-02-29", false, false, 0},
        {"2026-13-01", false, false, 0},
        {"2026-00-01", false, false, 0},
        {"2026-11-00", false, false, 0},
        {"2026-11-31", false, false, 0},
        {"1969-12-31", false, false, 0},
        {"2026-11-22T24:00:00Z", false, false, 0},
        {"2026-11-22T14:17:52", false, false, 0},
        {"2026-11-22T14:17Z", false, false, 0},
        {"2026-11-22T14:17:52Zx", false, false, 0},
        {"2026-11-22T14:17:52+1:00", false, false, 0},
        {"2026-11-22 ", false, false, 0},
        {"2026-11", false, false, 0},
        {"20", false, false, 0},
        {"7", false, false, 0},
        {"7x", false, false, 0},
        {"7dd", false, false, 0},
        {"-7d", false, false, 0},
        {"99999999999999999999d", false, false, 0},
        {"99999w", false, false, 0},
        {"yesterday", false, false, 0},
        {"", false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t s = -1;

        expect(rows[i].text, api_when_read(rows[i].text, now, rows[i].future,
                                           &s) == rows[i].fits);
        if (s != (rows[i].fits ? rows[i].s : -1))
            fail_msg("%s: %lld", rows[i].text, (long long)s);
    }
}

static void
writes_times(void **state)
{
    const struct {
        int64_t s;
        const char *text; /* NULL: null */
    } rows[] = {
        {1795357072, "2026-11-22T14:17:52Z"},
        {0, NULL},
        {-1, NULL},
        {INT64_MAX, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = api_time(rows[i].s);

        if (rows[i].text != NULL)
            assert_string_equal(json_string_value(json), rows[i].text);
        else
            assert_true(json_is_null(json));
        json_decref(json);
    }
}

/* ----- answers */

static void
tells_problems(void **state)
{
    struct api_call call = {.target = "/v1/subjects/x"};
    const char *detail;
    char long_text[3000];

    (void)state;
    api_problem(&call, 404, "unknown-subject", "nothing is known of %s", "x");
    assert_int_equal(call.status, 404);
    assert_true(call.problem);
    assert_string_equal(json_string_value(json_object_get(call.json, "type")),
                        "tag:mortsafe,2026:unknown-subject");
    assert_string_equal(
        json_string_value(json_object_get(call.json, "instance")),
        "/v1/subjects/x");

    /* another one takes its place; hostile text does no harm */
    api_problem(&call, 400, "bad-request", "%s", "\xff<script>\"\n");
    detail = json_string_value(json_object_get(call.json, "detail"));
    assert_string_equal(detail, "?<script>\"?");

    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    api_problem(&call, 400, "bad-request", "%s", long_text);
    detail = json_string_value(json_object_get(call.json, "detail"));
    assert_string_equal(detail + strlen(detail) - 4, "x...");

    api_ok(&call, json_object());
    assert_int_equal(call.status, 200);
    assert_false(call.problem);
    api_ok(&call, NULL);
    assert_int_equal(call.status, 503);
    for (int err = MS_INVALID; err <= MS_VERSION; err++) {
        api_failed(&call, (enum ms_err)err, NULL);
        assert_in_range(call.status, 400, 504);
    }
    api_call_end(&call);
}

/* ----- routes */

static const struct {
    const char *name;
    enum api_method method;
    bool tcp;
    const char *target, *path, *allow; /* PATH NULL: none */
} roads[] = {
    {"the home page", API_GET, true, "/", "/", "GET, HEAD"},
    {"ping", API_GET, false, "/v1/ping", "/v1/ping", "GET, HEAD"},
    {"ping needs v1", API_GET, false, "/ping", NULL, ""},
    {"metrics has none", API_GET, true, "/metrics", "/metrics", "GET, HEAD"},
    {"metrics with it", API_GET, true, "/v1/metrics", NULL, ""},
    {"a subject", API_GET, false, "/v1/subjects/a%2Fb", "/v1/subjects/*",
     "GET, HEAD"},
    {"its page", API_GET, false, "/subjects/a", "/subjects/*", "GET, HEAD"},
    {"an act upon it", API_POST, false, "/v1/subjects/reset/reset",
     "/v1/subjects/*/reset", "POST"},
    {"not by GET", API_GET, false, "/v1/subjects/a/reset", NULL, "POST"},
    {"nor at the status port", API_POST, true, "/v1/subjects/a/reset",
     "/v1/subjects/*/reset", ""},
    {"more than there is", API_GET, false, "/v1/ping/x", NULL, ""},
    {"less", API_POST, false, "/v1/subjects/a", NULL, "GET, HEAD"},
    {"the beginning of a name", API_GET, false, "/v1/pin", NULL, ""},
    {"and more than a name", API_GET, false, "/v1/pings", NULL, ""},
    {"in capitals", API_GET, false, "/v1/PING", NULL, ""},
    {"a star", API_GET, false, "/v1/*", NULL, ""},
};

static void
finds_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(roads); i++) {
        const struct peer peer = {.tcp = roads[i].tcp};
        struct api_call call = {.peer = &peer, .method = roads[i].method};
        const struct api_route *route;
        char allow[API_ALLOW];

        assert_int_equal(api_call_target(&call, roads[i].target, NULL), MS_OK);
        route = api_route_of(&call);
        expect(roads[i].name, (route != NULL) == (roads[i].path != NULL));
        if (route != NULL && strcmp(route->path, roads[i].path) != 0)
            fail_msg("%s: %s", roads[i].name, route->path);
        if (strcmp(api_route_allow(&call, allow), roads[i].allow) != 0)
            fail_msg("%s: %s", roads[i].name, allow);
        api_call_end(&call);
    }
}

static void
shows_only_what_reading_may_see(void **state)
{
    size_t n;
    const struct api_route *route = api_routes(&n);

    (void)state;
    for (; n > 0; n--, route++) {
        expect(route->path, !route->tcp || (route->method == API_GET &&
                                            route->right == API_READ));
        expect(route->path,
               route->method != API_DELETE || route->right != API_READ);
    }
}

/* ----- by which name */

static void
knows_its_names(void **state)
{
    static char listen[] = "inet6:8896@2001:db8::7";
    static char name[] = "status.example.org", address[] = "192.0.2.7";
    char *hosts[] = {name, address};
    const struct config config = {
        .status = {.listen = listen, .hosts = hosts, .n_hosts = 2}};
    const struct {
        const char *host;
        bool fits;
    } rows[] = {
        {"localhost", true},
        {"localhost:8896", true},
        {"LocalHost:1", true},
        {"127.0.0.1", true},
        {"127.0.0.1:8896", true},
        {"[::1]", true},
        {"[::1]:8896", true},
        {"[2001:db8::7]:8896", true},
        {"status.example.org", true},
        {"Status.Example.ORG:80", true},
        {"192.0.2.7:8896", true},
        {NULL, false},
        {"", false},
        {":8896", false},
        {"evil.example", false},
        {"evil.example:8896", false},
        {"localhost.evil.example", false},
        {"localhos", false},
        {"localhost:", true},
        {"localhost:x", false},
        {"localhost:80:80", false},
        {"localhost@evil.example", false},
        {"127.0.0.2", false},
        {"::1", false},
        {"[::1", false},
        {"[::1]x", false},
        {"[]", false},
        {"2001:db8::7", false},
        {"[192.0.2.7]", false},
        {"localhost,evil", false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *host = rows[i].host != NULL ? rows[i].host : "none";

        expect(host, api_host_fits(&config, rows[i].host) == rows[i].fits);
    }
}

static void
knows_its_origin(void **state)
{
    const struct {
        const char *origin, *host;
        bool fits;
    } rows[] = {
        {"http://localhost:8896", "localhost:8896", true},
        {"https://LOCALHOST", "localhost", true},
        {"http://localhost:8896", "localhost", false},
        {"http://evil.example", "localhost", false},
        {"null", "localhost", false},
        {"", "localhost", false},
        {"localhost", "localhost", false},
        {"ftp://localhost", "localhost", false},
        {"http://localhost", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].origin,
               api_origin_fits(rows[i].origin, rows[i].host) == rows[i].fits);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_paths_and_queries),
        cmocka_unit_test(takes_many_parameters),
        cmocka_unit_test(takes_bodies),
        cmocka_unit_test(takes_strings_of_a_body),
        cmocka_unit_test(takes_numbers),
        cmocka_unit_test(takes_times),
        cmocka_unit_test(writes_times),
        cmocka_unit_test(tells_problems),
        cmocka_unit_test(finds_routes),
        cmocka_unit_test(shows_only_what_reading_may_see),
        cmocka_unit_test(knows_its_names),
        cmocka_unit_test(knows_its_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
