/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <curl/curl.h>

#include "ctl/call.h"
#include "ctl/field.h"

struct client {
    const char *path;
    CURL *curl;
    struct curl_slist *headers; /* of a request with a body */
    unsigned patience;
    bool (*ended)(void); /* NULL: nobody ends a request */
    /* The answer, as it comes in. */
    char *bytes;
    size_t len, room;
    bool too_long, no_memory;
};

/* ----- the answer's bytes */

static bool
make_room(struct client *client, size_t more)
{
    size_t room = client->room == 0 ? 16384 : client->room;
    char *bytes;

    if (more > CLIENT_BYTES - client->len) {
        client->too_long = true;
        return false;
    }
    while (room < client->len + more)
        room *= 2;
    if (room == client->room)
        return true;
    bytes = realloc(client->bytes, room);
    if (bytes == NULL) {
        client->no_memory = true;
        return false;
    }
    client->bytes = bytes;
    client->room = room;
    return true;
}

static size_t
take(char *from, size_t size, size_t n, void *arg)
{
    struct client *client = arg;

    (void)size; /* always 1 */
    if (!make_room(client, n))
        return 0;
    memcpy(client->bytes + client->len, from, n);
    client->len += n;
    return n;
}

/* ----- the client */

enum ms_err
client_create(const char *path, struct client **out)
{
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return MS_NOMEM;
    if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        free(client);
        return MS_NOMEM;
    }
    client->path = path;
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    client->curl = curl_easy_init();
    if (client->curl == NULL || client->headers == NULL) {
        client_destroy(client);
        return MS_NOMEM;
    }
    *out = client;
    return MS_OK;
}

void
client_destroy(struct client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    curl_global_cleanup();
    free(client->bytes);
    free(client);
}

void
client_patience(struct client *client, unsigned n)
{
    client->patience = n;
}

void
client_until(struct client *client, bool (*ended)(void))
{
    client->ended = ended;
}

static int
look_up(void *arg, curl_off_t down, curl_off_t down_now, curl_off_t up,
        curl_off_t up_now)
{
    const struct client *client = arg;

    (void)down, (void)down_now, (void)up, (void)up_now;
    return client->ended != NULL && client->ended() ? 1 : 0;
}

static bool
set_up(struct client *client, enum client_method method, const char *address,
       const char *body)
{
    CURL *curl = client->curl;
    long wait_ms = 1000L * (long)(CLIENT_WAIT_S + client->patience);
    bool fine = true;

    curl_easy_reset(curl);
#define SET(option, value)                                                     \
    (fine = fine && curl_easy_setopt(curl, option, value) == CURLE_OK)
    SET(CURLOPT_UNIX_SOCKET_PATH, client->path);
    SET(CURLOPT_URL, address);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, 1000L * CLIENT_WAIT_S);
    SET(CURLOPT_TIMEOUT_MS, wait_ms);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_XFERINFOFUNCTION, look_up);
    SET(CURLOPT_XFERINFODATA, client);
    SET(CURLOPT_NOPROGRESS, 0L);
    if (method == CLIENT_DELETE)
        SET(CURLOPT_CUSTOMREQUEST, "DELETE");
    if (method == CLIENT_POST) {
        SET(CURLOPT_POSTFIELDS, body);
        SET(CURLOPT_HTTPHEADER, client->headers);
    }
#undef SET
    return fine;
}

/* ----- what went wrong */

/* Why nobody could be asked: curl tells "could not connect" alone, so look. */
static int
look(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd, failed = 0;

    memcpy(to.sun_path, path, strlen(path)); /* that it fits was seen before */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        failed = errno;
    (void)close(fd);
    return failed;
}

static int
no_connection(const struct client *client, struct why *why)
{
    const char *path = client->path;
    int failed = look(path);

    switch (failed) {
    case ENOENT:
        why_set(why, MS_UNAVAIL, "mortsafe is not running (no socket at %s)",
                path);
        return CTL_AWAY;
    case ECONNREFUSED:
        why_set(why, MS_UNAVAIL,
                "mortsafe is not running (nobody listens at %s)", path);
        return CTL_AWAY;
    case EAGAIN:
        why_set(why, MS_TIMEOUT,
                "mortsafe does not answer (too many are waiting at %s)", path);
        return CTL_AWAY;
    case EACCES:
    case EPERM:
        why_set(why, MS_UNAVAIL,
                "no permission to use %s: only root and the groups that "
                "`api` names in mortsafe.conf may",
                path);
        return EX_NOPERM;
    case 0: /* it has just come */
        why_set(why, MS_UNAVAIL, "mortsafe did not answer: try again");
        return CTL_AWAY;
    default:
        errno = failed;
        why_errno(why, MS_UNAVAIL, path);
        return EX_NOINPUT;
    }
}

static int
not_asked(const struct client *client, CURLcode code, struct why *why)
{
    if (client->no_memory || code == CURLE_OUT_OF_MEMORY) {
        why_set(why, MS_NOMEM, "no memory");
        return EX_OSERR;
    }
    if (client->too_long) {
        why_set(why, MS_INVALID, "the answer is longer than %d MB",
                CLIENT_BYTES / 1024 / 1024);
        return EX_IOERR;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        why_set(why, MS_TIMEOUT, "mortsafe does not answer within %u s",
                CLIENT_WAIT_S + client->patience);
        return CTL_AWAY;
    }
    if (code == CURLE_COULDNT_CONNECT)
        return no_connection(client, why);
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        why_set(why, MS_TIMEOUT, "interrupted");
        return CTL_AWAY;
    }
    why_set(why, MS_UNAVAIL, "mortsafe has not answered in full (%s)",
            curl_easy_strerror(code));
    return EX_IOERR;
}

/* The exit code of a problem's status. */
static int
problem_code(long status)
{
    switch (status) {
    case 403:
        return EX_NOPERM;
    case 404:
    case 409:
        return CTL_NO;
    case 400:
    case 413:
    case 414:
    case 431:
        return EX_DATAERR;
    case 503:
    case 504:
        return EX_UNAVAILABLE;
    default:
        return EX_SOFTWARE;
    }
}

/* JSON: what was answered, or NULL if that was none. */
static int
problem(long status, const json_t *json, struct why *why)
{
    const char *detail = field_text(json, "detail");

    if (*detail == '\0')
        detail = field_text(json, "title");
    if (*detail == '\0')
        why_set(why, MS_INVALID, "mortsafe has answered %ld", status);
    else
        why_set(why, MS_INVALID, "%s", detail);
    return problem_code(status);
}

static long
status_of(const struct client *client)
{
    long status = 0;

    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static int
read_answer(const struct client *client, json_t **out, struct why *why)
{
    json_t *json = json_loadb(client->bytes != NULL ? client->bytes : "",
                              client->len, 0, NULL);
    long status = status_of(client);
    int code = CTL_OK;

    if (status < 200 || status > 299) {
        code = problem(status, json, why);
    } else if (!json_is_object(json)) {
        why_set(why, MS_INVALID,
                "what came from %s is not an answer of mortsafe", client->path);
        code = EX_IOERR;
    }
    if (code == CTL_OK)
        *out = json_incref(json);
    json_decref(json);
    return code;
}

/* ----- a request */

static CURLcode
perform(struct client *client, enum client_method method, const struct url *url,
        const char *body)
{
    char address[URL_TEXT + sizeof("http://localhost")];

    (void)snprintf(address, sizeof(address), "http://localhost%s", url->text);
    client->len = 0;
    client->too_long = client->no_memory = false;
    if (!set_up(client, method, address, body))
        return CURLE_OUT_OF_MEMORY;
    return curl_easy_perform(client->curl);
}

/* What need not be tried: CTL_OK, or the exit code with WHY. */
static int
look_before(const struct client *client, const struct url *url, struct why *why)
{
    if (url->refused) {
        why_set(why, MS_INVALID, "that is too long, or no name, to ask about");
        return EX_DATAERR;
    }
    if (strlen(client->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        errno = ENAMETOOLONG;
        why_errno(why, MS_INVALID, client->path);
        return EX_USAGE;
    }
    return CTL_OK;
}

int
client_ask(struct client *client, enum client_method method,
           const struct url *url, const json_t *body, json_t **out,
           struct why *why)
{
    int code = look_before(client, url, why);
    char *text;
    CURLcode done;

    if (code != CTL_OK)
        return code;
    text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    if (body != NULL && text == NULL) {
        why_set(why, MS_NOMEM, "no memory");
        return EX_OSERR;
    }
    done = perform(client, method, url, text != NULL ? text : "{}");
    free(text);
    if (done != CURLE_OK)
        return not_asked(client, done, why);
    return read_answer(client, out, why);
}

int
client_get_text(struct client *client, const struct url *url, char **out,
                struct why *why)
{
    int code = look_before(client, url, why);
    json_t *none = NULL;
    CURLcode done;
    char *text;

    if (code != CTL_OK)
        return code;
    done = perform(client, CLIENT_GET, url, NULL);
    if (done != CURLE_OK)
        return not_asked(client, done, why);
    if (status_of(client) < 200 || status_of(client) > 299) {
        code = read_answer(client, &none, why);
        json_decref(none);
        return code;
    }
    text = malloc(client->len + 1);
    if (text == NULL) {
        why_set(why, MS_NOMEM, "no memory");
        return EX_OSERR;
    }
    if (client->len > 0)
        memcpy(text, client->bytes, client->len);
    text[client->len] = '\0';
    *out = text;
    return CTL_OK;
}
