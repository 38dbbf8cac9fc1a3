/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events in any order with any strings, over two sessions: nothing crashes,
 * nobody relays who may not, every line of the log is printable, and nothing
 * is left behind.
 */
#include <config.h>

#include "policy/address.h"

#include <stdbool.h>
#include <string.h>

#include "test/dialog.h"
#include "test/fuzz/fuzz.h"

enum { SESSIONS = 2, WORD = 700 };

static const char config[] =
    "mode = enforce\n"
    "domains local { list = example.org }\n"
    "network office { addr = 192.0.2.0/24 relay = any sender = .example.org }\n"
    "listener reinject { port = 10025 skip = yes from = loopback }\n"
    "limit user { key = user count = external rate = 5/1h action = hold }\n"
    "limit bytes { key = client count = bytes rate = 100K/1h }\n"
    "limit con { key = client count = connections rate = 50/1h }\n"
    "store { type = memory }\n";

static const char *const addresses[] = {"203.0.113.9", "2001:db8::9", "/", "-",
                                        "192.0.2.9",   "127.0.0.1"};

/* The input, eaten from its beginning. */
struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned
byte(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

/* A string: its length, then its bytes up to a NUL. */
static const char *
word(struct input *in, char out[WORD])
{
    size_t len = byte(in) * 2;

    if (len > in->size)
        len = in->size;
    memcpy(out, in->data, len);
    out[len] = '\0';
    in->data += len;
    in->size -= len;
    return out;
}

struct peer {
    SMFICTX *ctx;
    bool trusted; /* may relay without a login */
    bool login;   /* has one */
};

static void
connect_peer(struct dialog *dialog, struct peer *peer, struct input *in,
             char answer[DIALOG_ANSWER])
{
    size_t which = byte(in) % (sizeof(addresses) / sizeof(addresses[0]));
    char port[WORD];

    (void)word(in, port);
    peer->trusted = which >= 4 || strcmp(port, "0") == 0;
    dialog_connect(dialog, peer->ctx, addresses[which], port, answer);
}

/* Is RAW ours, as a reader would say who knows the configuration above? */
static bool
is_ours(const char *raw)
{
    struct address a;

    address_parse(raw, &a);
    return a.form == ADDRESS_BARE ||
           (a.form == ADDRESS_DOMAIN &&
            (strcmp(a.domain, "example.org") == 0 ||
             strcmp(a.domain, "mx.example.org") == 0 ||
             strcmp(a.domain, "localhost") == 0));
}

static void
write_to(struct dialog *dialog, struct peer *peer, struct input *in,
         bool refused, char answer[DIALOG_ANSWER])
{
    char recipient[WORD], host[WORD];

    (void)word(in, recipient);
    dialog_rcpt(dialog, peer->ctx, recipient, refused ? "error" : "smtp",
                refused ? word(in, host) : "", answer);
    must(answer[0] != 'c' || peer->trusted || peer->login ||
         is_ours(recipient));
}

static void
play(struct dialog *dialog, struct peer *peer, struct input *in)
{
    char sender[WORD], extra[WORD], answer[DIALOG_ANSWER];

    switch (byte(in) % 10) {
    case 0:
        connect_peer(dialog, peer, in, answer);
        break;
    case 1:
    case 2:
        (void)word(in, sender);
        peer->login = false;
        dialog_mail(dialog, peer->ctx, sender, word(in, extra), NULL, answer);
        break;
    case 3:
        (void)word(in, sender);
        peer->login = *word(in, extra) != '\0';
        dialog_mail(dialog, peer->ctx, sender, NULL, peer->login ? extra : NULL,
                    answer);
        break;
    case 4:
        write_to(dialog, peer, in, true, answer);
        break;
    case 5:
        dialog_octets(dialog, peer->ctx, "HB"[byte(in) % 2], byte(in) * 100,
                      answer);
        break;
    case 6:
        dialog_other(dialog, peer->ctx, 'E', answer);
        break;
    case 7:
        dialog_other(dialog, peer->ctx, "AQ"[byte(in) % 2], answer);
        /* without a CONNECT it is nobody we know */
        peer->trusted = peer->trusted && peer->ctx->priv != NULL;
        break;
    default:
        write_to(dialog, peer, in, false, answer);
        break;
    }
    must(answer[0] != '?');
}

static void
end(struct dialog *dialog, struct peer peers[SESSIONS])
{
    char answer[DIALOG_ANSWER];
    struct daemon_counts counts;
    char *log;

    for (int i = 0; i < SESSIONS; i++) {
        dialog_other(dialog, peers[i].ctx, 'Q', answer);
        must(peers[i].ctx->priv == NULL);
        fake_destroy(peers[i].ctx);
    }
    daemon_counts(dialog_daemon(dialog), &counts);
    must(counts.sessions == 0 && counts.running == 0);
    log = dialog_destroy(dialog);
    for (const char *p = log; *p != '\0'; p++)
        must(*p == '\n' || (*p >= ' ' && *p <= '~'));
    free(log);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct peer peers[SESSIONS] = {{fake_create(), false, false},
                                   {fake_create(), false, false}};
    struct dialog *dialog = dialog_create(config);

    dialog_store(dialog, byte(&in) < 240 ? DIALOG_WORKS : DIALOG_HANGS);
    while (in.size > 0)
        play(dialog, &peers[byte(&in) % SESSIONS], &in);
    end(dialog, peers);
    return 0;
}
