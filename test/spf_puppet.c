/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of mortsafe-spf: a worker that does what its own name says when it
 * starts, and what the name that is asked about says when it is asked.
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/dns/spf_wire.h"

/* Write a frame of LEN octets, whatever they are. */
static void
put(const void *data, size_t len)
{
    if (write(0, data, len) < 0)
        _exit(3);
}

static void
put_reply(const struct spf_reply *reply)
{
    struct spf_out out = {0};

    if (spf_reply_write(reply, &out) != MS_OK)
        _exit(3);
    put(out.data, out.len);
    free(out.data);
}

static void
hang(void)
{
    for (;;)
        (void)pause();
}

static void
die(void)
{
    (void)raise(SIGKILL);
}

static void
put_garbage(void)
{
    put("garbage", 7);
}

static void
put_too_much(void)
{
    static const char much[SPF_REPLY + 1] = "M\1\4";

    put(much, sizeof(much));
}

/* The first octets of a true result, and its end. */
static void
die_in_reply(void)
{
    put("M\1\4\0\0\0\0\x10", 8);
    die();
}

static void
leave(void)
{
    _exit(7);
}

static void
ask_again(void)
{
    static struct spf_reply reply = {.asks = true, .type = RESOLVER_A};
    static unsigned n;

    (void)snprintf(reply.name, sizeof(reply.name), "n%u.ask.example", n++);
    put_reply(&reply);
}

static const struct {
    const char *word;
    void (*act)(void);
} acts[] = {
    {"die.", die},           {"hang.", hang},         {"garbage.", put_garbage},
    {"much.", put_too_much}, {"half.", die_in_reply}, {"leave.", leave},
    {"ask.", ask_again},
};

static void
serve(void)
{
    static uint8_t in[SPF_FRAME];
    static struct spf_request request;

    for (;;) {
        ssize_t n = read(0, in, sizeof(in));
        size_t i;

        if (n <= 0 || !spf_request_read(in, (size_t)n, &request))
            _exit(n != 0);
        for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
            if (strstr(request.sender, acts[i].word) != NULL) {
                acts[i].act();
                break;
            }
        if (i == sizeof(acts) / sizeof(acts[0]))
            put_reply(
                &(struct spf_reply){.result = SPF_PASS, .detail = "+all"});
    }
}

int
main(int argc, char **argv)
{
    struct spf_out hello = {0};

    (void)argc;
    if (strstr(argv[0], "dies-first") != NULL)
        die();
    if (strstr(argv[0], "leaves-first") != NULL)
        leave();
    spf_frame_begin(&hello, SPF_FRAME_HELLO);
    if (spf_frame_end(&hello) != MS_OK)
        return 3;
    if (strstr(argv[0], "of-another-version") != NULL)
        hello.data[1]++;
    put(hello.data, hello.len);
    if (strstr(argv[0], "dies-then") != NULL)
        die();
    serve();
}
