/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/server.c - HTTP itself, which libmicrohttpd speaks: one thread for
 * each connection, so that whoever is slow holds up nobody.  What a request
 * means is not decided here: api_call.c reads it, api_routes.c knows who
 * answers.
 */
#include <config.h>

#include "milter/api/server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <microhttpd.h>

#include "milter/api/call.h"
#include "milter/api/host.h"
#include "milter/api/links.h"
#include "milter/api/routes.h"
#include "milter/compat.h"
#include "milter/now.h"
#include "milter/page/page.h"

enum {
    POOL = 4 * API_HEADERS,  /* of libmicrohttpd, for each connection */
    SWALLOW = 16 * API_BODY, /* of a body that is too large and says so late */
#ifdef MS_SANITIZED
    STACK = 4 << 20
#else
    STACK = 512 << 10
#endif
};

/* One of the two servers. */
struct server {
    struct api *api;
    bool tcp;
    struct MHD_Daemon *mhd;
};

struct api {
    struct desk desk;
    struct server unix_server, tcp_server;
    struct api_links *links; /* of both servers */
};

/* One request, from its first line to the end of its answer. */
struct request {
    struct api *api;
    struct api_link *link; /* NULL: it could not be remembered */
    char *target;
    struct peer peer;
    struct api_call call;
    const struct api_route *route;
    bool begun, too_large;
    char *body;
    size_t body_len, body_room;
    char allow[API_ALLOW];
};

/* ----- connections */

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
              enum MHD_ConnectionNotificationCode code)
{
    struct server *server = cls;
    const union MHD_ConnectionInfo *info;

    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
        api_link_end(*context);
        return;
    }
    info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info != NULL ? api_link_begin(server->api->links,
                                             info->connect_fd, server->tcp)
                            : NULL;
}

void
api_tick(struct api *api, struct store_time now)
{
    if (api != NULL)
        api_links_tick(api->links, now.mono);
}

/* ----- requests */

/* libmicrohttpd has read a first line. */
static void *
begin_request(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct server *server = cls;
    struct request *request = calloc(1, sizeof(*request));
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (request == NULL)
        return NULL;
    request->api = server->api;
    request->link = info != NULL ? info->socket_context : NULL;
    request->target = strdup(uri);
    request->call.desk = &server->api->desk;
    request->call.peer = &request->peer;
    compat_give_way(); /* this thread has only this connection */
    request->peer.tcp = server->tcp;
    if (request->target == NULL) {
        free(request);
        return NULL;
    }
    return request;
}

static void
end_request(void *cls, struct MHD_Connection *connection, void **context,
            enum MHD_RequestTerminationCode code)
{
    struct request *request = *context;

    (void)cls;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    *context = NULL;
    api_link_mark(request->link, API_LINK_IDLE);
    api_call_end(&request->call);
    free(request->target);
    free(request->body);
    free(request);
}

/* Paths and queries are decoded by us, from how they came. */
static size_t
leave_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result
add_length(void *cls, enum MHD_ValueKind kind, const char *key,
           const char *value)
{
    size_t *sum = cls;

    (void)kind;
    *sum += strlen(key) + 4 + (value != NULL ? strlen(value) : 0);
    return MHD_YES;
}

static size_t
header_bytes(struct MHD_Connection *connection)
{
    size_t sum = 0;

    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, add_length,
                                    &sum);
    return sum;
}

static const char *
header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool
know_peer(struct request *request)
{
    struct why why = {""};

    if (request->peer.tcp) {
        peer_tcp(&request->peer);
        return true;
    }
    if (request->link != NULL &&
        peer_read(api_link_fd(request->link), &request->peer, &why) == MS_OK)
        return true;
    api_problem(&request->call, 403, "forbidden",
                "the system does not say who you are: %s", why.text);
    return false;
}

static bool
read_method(struct request *request, const char *method)
{
    static const struct {
        const char *name;
        enum api_method method;
        bool tcp;
    } known[] = {
        {"GET", API_GET, true},
        {"HEAD", API_GET, true},
        {"POST", API_POST, false},
        {"DELETE", API_DELETE, false},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(method, known[i].name) == 0 &&
            (known[i].tcp || !request->peer.tcp)) {
            request->call.method = known[i].method;
            return true;
        }
    }
    return false;
}

static bool
read_target(struct request *request, struct MHD_Connection *connection)
{
    struct api_call *call = &request->call;
    struct why why = {""};
    enum ms_err err;

    if (strlen(request->target) > API_TARGET) {
        api_problem(call, 414, "uri-too-long",
                    "path and query are longer than %d bytes", API_TARGET);
        return false;
    }
    if (header_bytes(connection) > API_HEADERS) {
        api_problem(call, 431, "headers-too-large",
                    "the headers are longer than %d bytes", API_HEADERS);
        return false;
    }
    err = api_call_target(call, request->target, &why);
    if (err != MS_OK)
        api_failed(call, err, why.text);
    return err == MS_OK;
}

/* Has a page of others led a browser here? */
static bool
is_ours(struct request *request, struct MHD_Connection *connection)
{
    struct daemon *daemon = request->api->desk.daemon;
    const char *host = header(connection, "Host");
    const char *origin = header(connection, "Origin");
    const struct config *config = daemon_config_get(daemon);
    bool fits = !request->peer.tcp || api_host_fits(config, host);

    daemon_config_put(daemon, config);
    if (!fits)
        api_problem(&request->call, 421, "misdirected",
                    "the header Host does not name this host: status { hosts = "
                    "... } lists names beside localhost");
    else if (origin != NULL && !api_origin_fits(origin, host))
        api_problem(&request->call, 403, "forbidden",
                    "the header Origin names another site");
    else
        return true;
    return false;
}

static void
refuse_method(struct request *request)
{
    struct api_call *call = &request->call;

    (void)api_route_allow(call, request->allow);
    if (request->allow[0] != '\0')
        api_problem(call, 405, "method-not-allowed", "%s has %s", call->target,
                    request->allow);
    else
        api_problem(call, 404, "not-found", "there is no %s",
                    call->target != NULL ? call->target : "such path");
}

/* Which route is it, and may the peer take it? */
static bool
find_route(struct request *request, const char *method)
{
    struct api_call *call = &request->call;
    const struct api_route *route;

    if (!read_method(request, method)) {
        refuse_method(request);
        return false;
    }
    route = api_route_of(call);
    if (route == NULL) {
        refuse_method(request);
        return false;
    }
    request->route = route;
    if (call->peer->tcp && !route->tcp) {
        api_problem(call, 403, "forbidden",
                    "this is only to be had by the Unix socket");
        return false;
    }
    call->rights = grants_of(request->api->desk.grants, call->peer);
    return api_call_may(call, route->right);
}

static bool
is_json(const char *type)
{
    const char json[] = "application/json";
    size_t len = sizeof(json) - 1;

    return type != NULL && strncasecmp(type, json, len) == 0 &&
           strchr("; \t", type[len]) != NULL;
}

static bool
announces_body(struct MHD_Connection *connection)
{
    const char *length = header(connection, "Content-Length");

    return header(connection, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static void
refuse_size(struct request *request)
{
    api_problem(&request->call, 413, "too-large",
                "a body may have %d bytes at most", API_BODY);
}

/* Before the body comes: is it fit to be read? */
static bool
expect_body(struct request *request, struct MHD_Connection *connection)
{
    const char *length = header(connection, "Content-Length");

    if (length != NULL && strtoull(length, NULL, 10) > API_BODY) {
        refuse_size(request);
        return false;
    }
    if (request->call.method == API_POST && announces_body(connection) &&
        !is_json(header(connection, "Content-Type"))) {
        api_problem(&request->call, 415, "unsupported-media-type",
                    "the body must be JSON, with the header Content-Type: "
                    "application/json");
        return false;
    }
    return true;
}

/* The headers are there.  False: it has been answered. */
static bool
begin(struct request *request, struct MHD_Connection *connection,
      const char *method)
{
    request->call.now = now_read();
    return know_peer(request) && read_target(request, connection) &&
           is_ours(request, connection) && find_route(request, method) &&
           expect_body(request, connection);
}

/* N bytes of the body.  False: enough is enough. */
static bool
take(struct request *request, const char *bytes, size_t n)
{
    size_t room = request->body_room;

    request->body_len += n;
    if (request->body_len > API_BODY) {
        request->too_large = true;
        return request->body_len <= SWALLOW;
    }
    if (request->body_len > room) {
        char *grown = realloc(request->body, API_BODY);

        if (grown == NULL)
            return false;
        request->body = grown;
        request->body_room = API_BODY;
    }
    memcpy(request->body + request->body_len - n, bytes, n);
    return true;
}

/* All of it is there. */
static void
work(struct request *request)
{
    struct api_call *call = &request->call;
    struct why why = {""};
    enum ms_err err = MS_OK;

    if (request->too_large) {
        refuse_size(request);
        return;
    }
    if (call->method == API_POST)
        err = api_call_body(call, request->body, request->body_len, &why);
    if (err != MS_OK) {
        api_failed(call, err, why.text);
        return;
    }
    api_link_mark(request->link, API_LINK_BUSY);
    call->now = now_read();
    request->route->handle(call);
    api_link_mark(request->link, API_LINK_IDLE);
    if (call->status == 0)
        api_failed(call, MS_NOMEM, NULL);
}

/* ----- answers */

/* Whoever comes by TCP sees no names, unless the operator says so. */
static void
hide_names(struct api_call *call)
{
    struct desk *desk = call->desk;
    const struct config *config;
    bool names;

    if (!call->peer->tcp || call->problem || call->json == NULL)
        return;
    config = daemon_config_get(desk->daemon);
    names = config->status.names;
    daemon_config_put(desk->daemon, config);
    if (!names && alias_json(desk->alias, call->json) != MS_OK)
        api_failed(call, MS_NOMEM, NULL);
}

/* A page for a problem. */
static void
draw_problem(struct api_call *call)
{
    const json_t *json = call->json;
    const char *title = json_string_value(json_object_get(json, "title"));
    const char *detail = json_string_value(json_object_get(json, "detail"));

    call->text = page_problem(call->status, title != NULL ? title : "",
                              detail != NULL ? detail : "", &call->text_len);
    call->type = "text/html; charset=utf-8";
}

/* The JSON as text, with a newline for those who read it on a terminal. */
static void
print_json(struct api_call *call)
{
    char *text = json_dumps(call->json, JSON_COMPACT | JSON_REAL_PRECISION(12));
    size_t len = text != NULL ? strlen(text) : 0;
    char *longer = text != NULL ? realloc(text, len + 2) : NULL;

    if (longer == NULL) {
        free(text);
        return;
    }
    longer[len++] = '\n';
    longer[len] = '\0';
    call->text = longer;
    call->text_len = len;
    call->type =
        call->problem ? "application/problem+json" : "application/json";
}

/* Make text of CALL's answer if it is none yet. */
static void
make_text(const struct request *request, struct api_call *call)
{
    bool html = request->route != NULL && request->route->form == API_HTML;

    if (call->problem) {
        free(call->text);
        call->text = NULL;
    }
    if (call->text != NULL)
        return;
    if (call->problem && html)
        draw_problem(call);
    else if (call->json != NULL)
        print_json(call);
}

static void
add_headers(const struct request *request, struct MHD_Response *response)
{
    const struct api_call *call = &request->call;
    bool html = call->type != NULL && strncmp(call->type, "text/html", 9) == 0;
    char refresh[16];
    const struct {
        const char *name, *value;
    } headers[] = {
        {"Content-Type", call->type},
        {"Refresh", call->refresh_s > 0 ? refresh : NULL},
        {"X-Content-Type-Options", "nosniff"},
        {"Cache-Control", "no-store"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy",
         html ? page_policy() : "default-src 'none'"},
        {"Allow", call->status == 405 ? request->allow : NULL},
    };

    (void)snprintf(refresh, sizeof(refresh), "%u", call->refresh_s);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (headers[i].value != NULL)
            (void)MHD_add_response_header(response, headers[i].name,
                                          headers[i].value);
    }
}

static enum MHD_Result
answer(struct request *request, struct MHD_Connection *connection)
{
    static char none[] = "{\"type\":\"tag:mortsafe,2026:no-memory\","
                         "\"title\":\"No memory\",\"status\":503}\n";
    struct api_call *call = &request->call;
    struct MHD_Response *response;
    enum MHD_Result done;

    hide_names(call);
    make_text(request, call);
    if (call->text != NULL) {
        response = MHD_create_response_from_buffer(call->text_len, call->text,
                                                   MHD_RESPMEM_MUST_FREE);
        if (response != NULL)
            call->text = NULL; /* it is the response's now */
    } else {
        call->status = 503;
        call->type = "application/problem+json";
        response = MHD_create_response_from_buffer(sizeof(none) - 1, none,
                                                   MHD_RESPMEM_PERSISTENT);
    }
    if (response == NULL)
        return MHD_NO;
    add_headers(request, response);
    done = MHD_queue_response(connection, call->status, response);
    MHD_destroy_response(response);
    metrics_request(call->desk->metrics, call->peer->tcp, call->status);
    return done;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url,
           const char *method, const char *version, const char *bytes,
           size_t *n, void **context)
{
    struct request *request = *context;

    (void)cls;
    (void)url;
    (void)version;
    if (request == NULL)
        return MHD_NO;
    if (!request->begun) {
        request->begun = true;
        /* An answer before the body would end the connection: only if there
         * is one to be spared. */
        if (!begin(request, connection, method) && announces_body(connection))
            return answer(request, connection);
        return MHD_YES;
    }
    if (*n > 0) {
        bool fits = take(request, bytes, *n);

        *n = 0;
        return fits ? MHD_YES : MHD_NO;
    }
    if (request->call.status == 0)
        work(request);
    return answer(request, connection);
}

/* ----- servers */

static enum ms_err
start_server(struct server *server, int listening, struct why *why)
{
    int fd = fcntl(listening, F_DUPFD_CLOEXEC, 3); /* which it will close */

    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, "the API's socket");
    server->mhd = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
            MHD_USE_POLL | MHD_USE_ITC,
        0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)API_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK, begin_request, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL, MHD_OPTION_END);
    if (server->mhd != NULL)
        return MS_OK;
    return why_set(why, MS_UNAVAIL, "libmicrohttpd refuses to work with us");
}

enum ms_err
api_start(const struct desk *desk, const struct api_sockets *sockets,
          struct api **out, struct why *why)
{
    struct api *api = calloc(1, sizeof(*api));
    enum ms_err err;

    (void)why_set(why, MS_NOMEM, "no memory");
    if (api == NULL)
        return MS_NOMEM;
    api->desk = *desk;
    api->unix_server.api = api->tcp_server.api = api;
    api->tcp_server.tcp = true;
    err = api_links_create(&api->links);
    if (err == MS_OK && sockets->unix_fd >= 0)
        err = start_server(&api->unix_server, sockets->unix_fd, why);
    if (err == MS_OK && sockets->tcp_fd >= 0)
        err = start_server(&api->tcp_server, sockets->tcp_fd, why);
    if (err == MS_OK)
        *out = api;
    else
        api_stop(api);
    return err;
}

void
api_stop(struct api *api)
{
    if (api == NULL)
        return;
    diary_wake(api->desk.diary);
    if (api->unix_server.mhd != NULL)
        MHD_stop_daemon(api->unix_server.mhd);
    if (api->tcp_server.mhd != NULL)
        MHD_stop_daemon(api->tcp_server.mhd);
    api_links_destroy(api->links);
    free(api);
}
