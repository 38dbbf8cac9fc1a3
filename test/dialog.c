/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/dialog.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <syslog.h>

#include "milter/callbacks.h"
#include "milter/now.h"
#include "milter/step.h"
#include "policy/store/memory.h"

enum { LOG_ROOM = 1 << 20 };

/* A store that passes all on to one in memory, unless it is to fail. */
struct moody {
    struct store store;
    struct store *real;
    enum dialog_store mood;
};

struct dialog {
    struct smfiDesc filter;
    struct daemon *daemon;
    struct journal *journal;
    struct moody *moody; /* the daemon's */
    FILE *log;
    const char *mta; /* NULL: it does not say */
};

static void *
need(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* ----- the store */

static struct moody *
moody_of(struct store *store)
{
    return (struct moody *)(void *)store;
}

static enum ms_err
submit(struct store *store, const struct charge_item *items, size_t n,
       struct store_time now, struct store_ticket **out)
{
    struct moody *moody = moody_of(store);

    if (moody->mood == DIALOG_REFUSES)
        return MS_UNAVAIL;
    return store_submit(moody->real, items, n, now, out);
}

static enum ms_err
collect(struct store *store, struct store_ticket *ticket, struct mono deadline,
        struct charge_answers *out)
{
    struct moody *moody = moody_of(store);
    enum ms_err err;

    if (moody->mood == DIALOG_HANGS) {
        store_drop(moody->real, ticket);
        return MS_TIMEOUT;
    }
    err = store_collect(moody->real, ticket, deadline, out);
    out->waited = moody->mood == DIALOG_SHARED;
    out->degraded = moody->mood == DIALOG_ALONE;
    return err;
}

static void
drop(struct store *store, struct store_ticket *ticket)
{
    store_drop(moody_of(store)->real, ticket);
}

static void
refund(struct store *store, const struct receipt *receipts, size_t n,
       struct store_time now)
{
    store_refund(moody_of(store)->real, receipts, n, now);
}

static enum ms_err
get(struct store *store, const struct subject *subject, struct store_time now,
    bool *found, struct store_record *out)
{
    return store_get(moody_of(store)->real, subject, now, found, out);
}

static void
destroy(struct store *store)
{
    store_destroy(moody_of(store)->real);
    free(moody_of(store));
}

static enum ms_err
update(struct store *store, const struct subject *subject,
       struct store_time now,
       enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    return store_update(moody_of(store)->real, subject, now, change, arg);
}

static struct moody *
moody_create(void)
{
    static const struct store_ops ops = {
        .submit = submit,
        .collect = collect,
        .drop = drop,
        .refund = refund,
        .get = get,
        .update = update,
        .destroy = destroy,
    };
    struct moody *moody = need(calloc(1, sizeof(*moody)));

    moody->store.ops = &ops;
    if (store_memory_create(16 << 20, &moody->real) != MS_OK)
        abort();
    return moody;
}

/* ----- the dialog */

static void
print_error(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", line);
}

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static struct config *
read_config(const char *text)
{
    const struct config_report report = {print_error, ignore, NULL};
    struct config *config;

    if (config_load_text("test", text, (struct wall){1767787200}, &report,
                         &config) != MS_OK)
        abort();
    return config;
}

struct dialog *
dialog_create(const char *config)
{
    struct pool *steps;
    struct dialog *dialog = need(calloc(1, sizeof(*dialog)));
    struct spool_target target = {.to = LOG_TO_STDERR};
    struct config *parsed = read_config(config);

    dialog->log = need(tmpfile());
    target.fd = fileno(dialog->log);
    dialog->moody = moody_create();
    if (journal_create(&target, LOG_TEXT, LOG_DEBUG, "mx.example.org",
                       &dialog->journal) != MS_OK ||
        pool_create(sizeof(struct step), &steps) != MS_OK ||
        daemon_create(parsed, &dialog->moody->store, steps, dialog->journal,
                      &dialog->daemon) != MS_OK)
        abort();
    dialog->filter = callbacks_describe();
    callbacks_serve(dialog->daemon);
    return dialog;
}

char *
dialog_destroy(struct dialog *dialog)
{
    char *text = need(calloc(1, LOG_ROOM));
    size_t n;

    daemon_destroy(dialog->daemon);
    journal_destroy(dialog->journal);
    rewind(dialog->log);
    n = fread(text, 1, LOG_ROOM - 1, dialog->log);
    text[n] = '\0';
    (void)fclose(dialog->log);
    free(dialog);
    return text;
}

struct daemon *
dialog_daemon(struct dialog *dialog)
{
    return dialog->daemon;
}

void
dialog_store(struct dialog *dialog, enum dialog_store store)
{
    dialog->moody->mood = store;
}

void
dialog_mta(struct dialog *dialog, const char *mta)
{
    dialog->mta = mta;
}

void
dialog_reload(struct dialog *dialog, const char *config)
{
    daemon_config_swap(dialog->daemon, read_config(config));
}

uint64_t
dialog_used(struct dialog *dialog, const char *subject)
{
    struct store_record *record = need(malloc(sizeof(*record)));
    struct subject parsed;
    uint64_t used = 0;
    bool found;

    daemon_refund_wait(dialog->daemon, (struct mono){0});
    if (subject_parse(subject, &parsed, NULL) != MS_OK ||
        store_get(daemon_store(dialog->daemon), &parsed, now_read(), &found,
                  record) != MS_OK)
        abort();
    for (size_t i = 0; found && i < record->n_windows; i++)
        used += record->windows[i].used;
    free(record);
    return used;
}

/* ----- events */

static void
read_answer(const SMFICTX *ctx, sfsistat status, char answer[DIALOG_ANSWER])
{
    const char *text = "?";

    switch (status) {
    case SMFIS_CONTINUE:
        text = ctx->reason[0] != '\0' ? "h" : "c";
        break;
    case SMFIS_ACCEPT:
        text = "a";
        break;
    case SMFIS_DISCARD:
        text = "d";
        break;
    case SMFIS_TEMPFAIL:
    case SMFIS_REJECT:
        if (ctx->replies == 1 &&
            (status == SMFIS_TEMPFAIL ? ctx->code[0] == '4'
                                      : ctx->code[0] == '5') &&
            ctx->enhanced[0] == ctx->code[0])
            text = ctx->code;
        break;
    default:
        break;
    }
    (void)snprintf(answer, DIALOG_ANSWER, "%.7s", text);
}

void
dialog_connect(struct dialog *dialog, SMFICTX *ctx, const char *addr,
               const char *port, char answer[DIALOG_ANSWER])
{
    char name[] = "host.example.net";
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } sa;
    bool known = true;

    memset(&sa, 0, sizeof(sa));
    fake_clear(ctx);
    fake_forget(ctx, 0);
    fake_macro(ctx, SMFIM_CONNECT, "j", "mx.example.org");
    fake_macro(ctx, SMFIM_CONNECT, "{client_addr}", addr);
    if (dialog->mta != NULL)
        fake_macro(ctx, SMFIM_CONNECT, "v", dialog->mta);
    if (strcmp(port, "-") != 0)
        fake_macro(ctx, SMFIM_CONNECT, "{daemon_port}", port);
    if (inet_pton(AF_INET, addr, &sa.in.sin_addr) == 1) {
        sa.in.sin_family = AF_INET;
        sa.in.sin_port = htons(40000);
    } else if (inet_pton(AF_INET6, addr, &sa.in6.sin6_addr) == 1) {
        sa.in6.sin6_family = AF_INET6;
        sa.in6.sin6_port = htons(40000);
    } else if (strcmp(addr, "/") == 0) {
        sa.un.sun_family = AF_UNIX;
    } else {
        known = false;
    }
    read_answer(ctx,
                dialog->filter.xxfi_connect(ctx, name, known ? &sa.sa : NULL),
                answer);
}

/* libmilter hands out arguments that may be written to. */
static char *
copy(const char *text)
{
    return text != NULL ? need(strdup(text)) : NULL;
}

void
dialog_mail(struct dialog *dialog, SMFICTX *ctx, const char *sender,
            const char *parameter, const char *login,
            char answer[DIALOG_ANSWER])
{
    char *argv[] = {copy(sender), copy(parameter), NULL};

    fake_clear(ctx);
    fake_forget(ctx, SMFIM_ENVFROM);
    fake_macro(ctx, SMFIM_ENVFROM, "{mail_addr}", "x");
    if (login != NULL) {
        fake_macro(ctx, SMFIM_ENVFROM, "{auth_authen}", login);
        fake_macro(ctx, SMFIM_ENVFROM, "{auth_type}", "PLAIN");
        fake_macro(ctx, SMFIM_ENVFROM, "{tls_version}", "TLSv1.3");
    }
    read_answer(ctx, dialog->filter.xxfi_envfrom(ctx, argv), answer);
    free(argv[0]);
    free(argv[1]);
}

void
dialog_rcpt(struct dialog *dialog, SMFICTX *ctx, const char *recipient,
            const char *mailer, const char *host, char answer[DIALOG_ANSWER])
{
    char *argv[] = {copy(recipient), NULL};

    fake_clear(ctx);
    fake_forget(ctx, SMFIM_ENVRCPT);
    fake_macro(ctx, SMFIM_ENVRCPT, "{rcpt_addr}", "x");
    fake_macro(ctx, SMFIM_ENVRCPT, "{rcpt_mailer}", mailer);
    fake_macro(ctx, SMFIM_ENVRCPT, "{rcpt_host}", host);
    read_answer(ctx, dialog->filter.xxfi_envrcpt(ctx, argv), answer);
    free(argv[0]);
}

void
dialog_header(struct dialog *dialog, SMFICTX *ctx, const char *name,
              const char *value, char answer[DIALOG_ANSWER])
{
    char *names[] = {copy(name), copy(value)};

    fake_clear(ctx);
    read_answer(ctx, dialog->filter.xxfi_header(ctx, names[0], names[1]),
                answer);
    free(names[0]);
    free(names[1]);
}

void
dialog_octets(struct dialog *dialog, SMFICTX *ctx, char kind, size_t n,
              char answer[DIALOG_ANSWER])
{
    char *bytes = need(malloc(n + 1)), name[] = "X-Test";
    sfsistat status;

    memset(bytes, 'x', n);
    bytes[n] = '\0';
    fake_clear(ctx);
    if (kind == 'H')
        status = dialog->filter.xxfi_header(ctx, name, bytes);
    else
        status = dialog->filter.xxfi_body(ctx, (unsigned char *)bytes, n);
    read_answer(ctx, status, answer);
    free(bytes);
}

void
dialog_other(struct dialog *dialog, SMFICTX *ctx, char kind,
             char answer[DIALOG_ANSWER])
{
    sfsistat status = SMFIS_NOREPLY;

    fake_clear(ctx);
    switch (kind) {
    case 'E':
        fake_macro(ctx, SMFIM_EOM, "i", "4XYZ");
        status = dialog->filter.xxfi_eom(ctx);
        break;
    case 'D':
        status = dialog->filter.xxfi_data(ctx);
        break;
    case 'A':
        status = dialog->filter.xxfi_abort(ctx);
        break;
    case 'Q':
        status = dialog->filter.xxfi_close(ctx);
        break;
    default:
        break;
    }
    read_answer(ctx, status, answer);
}

/* ----- scripts */

/* The next word of *LINE, or what is left of it for the LAST; NULL: none. */
static char *
next_word(char **line)
{
    char *word = *line, *end;

    if (word == NULL)
        return NULL;
    end = strchr(word, ' ');
    if (end != NULL)
        *end++ = '\0';
    *line = end;
    return word;
}

static void
play_line(struct dialog *dialog, SMFICTX *ctx, char *line,
          char answer[DIALOG_ANSWER])
{
    const char *kind = next_word(&line);
    const char *first = next_word(&line);
    const char *second = next_word(&line);

    switch (kind[0]) {
    case 'C':
        dialog_connect(dialog, ctx, need((void *)(uintptr_t)first),
                       need((void *)(uintptr_t)second), answer);
        break;
    case 'M':
        dialog_mail(dialog, ctx, first, second, NULL, answer);
        break;
    case 'L':
        dialog_mail(dialog, ctx, second, NULL, first, answer);
        break;
    case 'R':
        dialog_rcpt(dialog, ctx, first, "smtp", "host.example", answer);
        break;
    case 'X':
        for (char *p = (char *)(uintptr_t)first; *p != '\0'; p++)
            *p = *p == '_' ? ' ' : *p;
        dialog_rcpt(dialog, ctx, second, "error", first, answer);
        break;
    case 'N':
        dialog_header(dialog, ctx, first, second, answer);
        break;
    case 'H':
    case 'B':
        dialog_octets(dialog, ctx, kind[0], strtoul(first, NULL, 10), answer);
        break;
    default:
        dialog_other(dialog, ctx, kind[0], answer);
        break;
    }
}

void
dialog_play(struct dialog *dialog, SMFICTX *ctx, const char *script,
            char *answers, size_t size)
{
    char *text = need(strdup(script)), *line = text;
    size_t len = 0;

    answers[0] = '\0';
    while (line != NULL && *line != '\0') {
        char *end = strchr(line, '\n'), answer[DIALOG_ANSWER];

        if (end != NULL)
            *end++ = '\0';
        play_line(dialog, ctx, line, answer);
        if (len + strlen(answer) + 2 > size)
            abort();
        len += (size_t)snprintf(answers + len, size - len, "%s%s",
                                len > 0 ? " " : "", answer);
        line = end;
    }
    free(text);
}
