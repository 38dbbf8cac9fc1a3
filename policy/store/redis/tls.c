/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenSSL writes to a socket with write(), which may raise SIGPIPE in whatever
 * program this is; so its bytes go through a BIO of ours, with send().
 */
#include <config.h>

#include "policy/store/redis/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct link_tls {
    SSL_CTX *ctx;
    BIO_METHOD *socket;
    char *name; /* NULL: the host's */
};

struct tls_stream {
    SSL *ssl;
    int fd;
};

/* ----- a socket, as OpenSSL sees it */

static int
moved(BIO *bio, ssize_t n, int retry)
{
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int
socket_read(BIO *bio, char *buf, int size)
{
    const struct tls_stream *stream = BIO_get_data(bio);

    return moved(bio, recv(stream->fd, buf, (size_t)size, 0), BIO_FLAGS_READ);
}

static int
socket_write(BIO *bio, const char *buf, int len)
{
    const struct tls_stream *stream = BIO_get_data(bio);

    return moved(bio, send(stream->fd, buf, (size_t)len, MSG_NOSIGNAL),
                 BIO_FLAGS_WRITE);
}

static long
socket_ctrl(BIO *bio, int command, long n, void *p)
{
    (void)bio, (void)n, (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
socket_method(void)
{
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mortsafe");

    if (method == NULL)
        return NULL;
    if (BIO_meth_set_read(method, socket_read) != 1 ||
        BIO_meth_set_write(method, socket_write) != 1 ||
        BIO_meth_set_ctrl(method, socket_ctrl) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* ----- what connections share */

/* What OpenSSL says of FILE. */
static enum ms_err
why_file(struct why *why, const char *file)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);

    if (ERR_SYSTEM_ERROR(error)) {
        errno = ERR_GET_REASON(error);
        return why_errno(why, MS_UNAVAIL, file);
    }
    return why_set(why, MS_UNAVAIL, "%s: %s", file,
                   reason != NULL ? reason : "it cannot be used");
}

static enum ms_err
load_authorities(struct link_tls *tls, const char *ca_file, struct why *why)
{
    if (ca_file == NULL)
        return SSL_CTX_set_default_verify_paths(tls->ctx) == 1
                   ? MS_OK
                   : why_file(why, "the system's certificates");
    if (SSL_CTX_load_verify_locations(tls->ctx, ca_file, NULL) != 1)
        return why_file(why, ca_file);
    return MS_OK;
}

static enum ms_err
load_own(struct link_tls *tls, const struct link_tls_options *options,
         struct why *why)
{
    if (options->cert_file == NULL && options->key_file == NULL)
        return MS_OK;
    if (options->cert_file == NULL || options->key_file == NULL)
        return why_set(why, MS_UNAVAIL, "%s: a %s belongs to it",
                       options->cert_file != NULL ? options->cert_file
                                                  : options->key_file,
                       options->cert_file != NULL ? "key" : "certificate");
    if (SSL_CTX_use_certificate_chain_file(tls->ctx, options->cert_file) != 1)
        return why_file(why, options->cert_file);
    if (SSL_CTX_use_PrivateKey_file(tls->ctx, options->key_file,
                                    SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(tls->ctx) != 1)
        return why_file(why, options->key_file);
    return MS_OK;
}

/* A key with a passphrase is refused: nobody is asked for one. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static enum ms_err
set_up(struct link_tls *tls, const struct link_tls_options *options,
       struct why *why)
{
    enum ms_err err;

    tls->ctx = SSL_CTX_new(TLS_client_method());
    tls->socket = socket_method();
    if (options->name != NULL)
        tls->name = strdup(options->name);
    if (tls->ctx == NULL || tls->socket == NULL ||
        (options->name != NULL && tls->name == NULL))
        return why_set(why, MS_NOMEM, "out of memory for TLS");
    SSL_CTX_set_default_passwd_cb(tls->ctx, no_passphrase);
    (void)SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                         SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    err = load_authorities(tls, options->ca_file, why);
    return err != MS_OK ? err : load_own(tls, options, why);
}

enum ms_err
link_tls_create(const struct link_tls_options *options, struct link_tls **out,
                struct why *why)
{
    struct link_tls *tls = calloc(1, sizeof(*tls));
    enum ms_err err;

    if (tls == NULL)
        return why_set(why, MS_NOMEM, "out of memory for TLS");
    ERR_clear_error();
    err = set_up(tls, options, why);
    ERR_clear_error();
    if (err == MS_OK)
        *out = tls;
    else
        link_tls_destroy(tls);
    return err;
}

void
link_tls_destroy(struct link_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    BIO_meth_free(tls->socket);
    free(tls->name);
    free(tls);
}

/* ----- a stream */

/* The certificate must be NAME's; a name is also told to the server. */
static bool
expect_name(SSL *ssl, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1 ||
        inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum ms_err
tls_stream_create(struct link_tls *tls, int fd, const char *host,
                  struct tls_stream **out)
{
    const char *name = tls->name != NULL ? tls->name : host;
    struct tls_stream *stream;
    BIO *bio;

    if (name[0] == '\0')
        return MS_INVALID;
    stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return MS_NOMEM;
    stream->fd = fd;
    stream->ssl = SSL_new(tls->ctx);
    bio = stream->ssl != NULL ? BIO_new(tls->socket) : NULL;
    if (bio == NULL) {
        tls_stream_destroy(stream);
        return MS_NOMEM;
    }
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(stream->ssl, bio, bio);
    SSL_set_connect_state(stream->ssl);
    if (!expect_name(stream->ssl, name)) {
        tls_stream_destroy(stream);
        return MS_NOMEM;
    }
    *out = stream;
    return MS_OK;
}

void
tls_stream_destroy(struct tls_stream *stream)
{
    if (stream == NULL)
        return;
    SSL_free(stream->ssl);
    free(stream);
}

/* The certificate's fault, the protocol's, the system's, or just the end. */
static enum tls_result
ended(const struct tls_stream *stream, int error, struct why *why)
{
    long verified = SSL_get_verify_result(stream->ssl);
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);

    if (verified != X509_V_OK)
        (void)why_set(why, MS_UNAVAIL, "TLS: the server's certificate: %s",
                      X509_verify_cert_error_string(verified));
    else if (code != 0)
        (void)why_set(why, MS_UNAVAIL, "TLS: %s",
                      reason != NULL ? reason : "the connection failed");
    else if (error == SSL_ERROR_SYSCALL && errno != 0)
        (void)why_errno(why, MS_UNAVAIL, "TLS");
    else
        (void)why_set(why, MS_UNAVAIL, "the server closed the connection");
    ERR_clear_error();
    return TLS_ENDED;
}

/* What the result of a call means.  errno is still the call's. */
static enum tls_result
result_of(const struct tls_stream *stream, int result, struct why *why)
{
    int error =
        result == 1 ? SSL_ERROR_NONE : SSL_get_error(stream->ssl, result);

    if (error == SSL_ERROR_NONE)
        return TLS_DONE;
    if (error == SSL_ERROR_WANT_READ)
        return TLS_WANTS_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return TLS_WANTS_WRITE;
    return ended(stream, error, why);
}

/* OpenSSL looks at what others left in its thread's queue of errors. */
static void
begin(void)
{
    ERR_clear_error();
    errno = 0;
}

enum tls_result
tls_handshake(struct tls_stream *stream, struct why *why)
{
    begin();
    return result_of(stream, SSL_do_handshake(stream->ssl), why);
}

enum tls_result
tls_read(struct tls_stream *stream, void *buf, size_t size, size_t *got,
         struct why *why)
{
    begin();
    return result_of(stream, SSL_read_ex(stream->ssl, buf, size, got), why);
}

enum tls_result
tls_write(struct tls_stream *stream, const void *buf, size_t len, size_t *put,
          struct why *why)
{
    begin();
    return result_of(stream, SSL_write_ex(stream->ssl, buf, len, put), why);
}
