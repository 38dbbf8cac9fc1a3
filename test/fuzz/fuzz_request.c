/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the API, as far as reading them is ours: the first line is path
 * and query, the second the header Host, the rest the body.  Whatever comes,
 * what handlers get is bounded, printable UTF-8, and each answer is JSON.
 */
#include <config.h>

#include "milter/api/call.h"
#include "milter/api/host.h"
#include "milter/api/routes.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

/* Is TEXT what JSON can tell, without control characters? */
static void
check_word(const char *text)
{
    json_t *json = json_string(text);

    must(json != NULL);
    json_decref(json);
    for (; *text != '\0'; text++)
        must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void
check_answer(struct api_call *call)
{
    char *text = json_dumps(call->json, JSON_COMPACT);

    must(call->json != NULL && text != NULL && call->status >= 200);
    free(text);
}

static void
check_queries(struct api_call *call)
{
    const struct wall now = {1795357072};
    uint64_t n;
    int64_t s;

    must(call->n_queries <= API_QUERIES);
    for (size_t i = 0; i < call->n_queries; i++) {
        const char *name = call->query[i].name, *value = call->query[i].value;

        check_word(name);
        check_word(value);
        must(api_call_query(call, name) == value);
        if (api_call_number(call, name, 0, 1, 1000, &n))
            must(n >= 1 && n <= 1000);
        if (api_when_read(value, now, false, &s))
            must(s > -4000000000000 && s < 4000000000000);
        (void)api_call_when(call, name, &s);
    }
}

static void
check_routes(struct api_call *call)
{
    static const enum api_method methods[] = {API_GET, API_POST, API_DELETE};
    char allow[API_ALLOW];
    bool any = false;

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        call->method = methods[i];
        any = api_route_of(call) != NULL || any;
    }
    must((api_route_allow(call, allow)[0] != '\0') == any);
}

static void
check_target(struct api_call *call, const char *target)
{
    struct why why = {""};

    if (api_call_target(call, target, &why) != MS_OK) {
        must(why.text[0] != '\0');
        return;
    }
    must(call->n_segments <= API_SEGMENTS);
    for (size_t i = 0; i < call->n_segments; i++) {
        check_word(call->segment[i]);
        must(call->segment[i][0] != '\0');
        must(strcmp(call->segment[i], "..") != 0);
    }
    check_queries(call);
    check_routes(call);
}

static void
check_host(const char *host)
{
    static char listen[] = "inet:8896@127.0.0.1", name[] = "a.example";
    char *hosts[] = {name};
    const struct config config = {
        .status = {.listen = listen, .hosts = hosts, .n_hosts = 1}};

    if (api_host_fits(&config, host))
        must(strpbrk(host, "/@ ,") == NULL);
    (void)api_origin_fits(host, "localhost");
}

static void
check_body(struct api_call *call, const char *bytes, size_t len)
{
    const char *text;
    struct why why = {""};

    if (api_call_body(call, bytes, len, &why) != MS_OK) {
        api_failed(call, MS_INVALID, why.text);
        return;
    }
    must(json_is_object(call->body));
    if (api_call_text(call, "until", 64, &text) && text != NULL)
        must(strlen(text) <= 64);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct peer peer = {.uid = 4711};
    struct api_call call = {.peer = &peer};
    char *text = malloc(size + 3), *host, *body;

    must(text != NULL);
    memcpy(text, data, size);
    memcpy(text + size, "\n\n", 3);
    host = text + strcspn(text, "\n");
    if (*host == '\n')
        *host++ = '\0';
    body = host + strcspn(host, "\n");
    if (*body == '\n')
        *body++ = '\0';
    check_target(&call, text);
    check_host(host);
    check_body(&call, body, strlen(body));
    api_problem(&call, 400, "bad-request", "%s: %s", host, body);
    check_answer(&call);
    api_call_end(&call);
    free(text);
    return 0;
}
