/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mortsafe-spf - reads SPF records for mortsafe, in a sandbox: a request comes
 * in on descriptor 0, a result or a question goes out.  It keeps nothing
 * between requests, and ends when the daemon has gone.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/dns/spf_wire.h"
#include "policy/dns/worker/judge.h"
#include "policy/dns/worker/sandbox.h"

static bool
is_our_socket(void)
{
    socklen_t len = sizeof(int);
    int type = 0;

    return getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_SEQPACKET;
}

static bool
send_frame(const struct spf_out *out)
{
    ssize_t n;

    do
        n = write(0, out->data, out->len);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)out->len;
}

static bool
greet(struct spf_out *out)
{
    spf_frame_begin(out, SPF_FRAME_HELLO);
    return spf_frame_end(out) == MS_OK && send_frame(out);
}

/* Answer the request of LEN octets. */
static bool
answer(struct judge *judge, const uint8_t *data, size_t len,
       struct spf_out *out)
{
    static struct spf_request request;
    struct spf_reply reply;

    if (!spf_request_read(data, len, &request))
        return false;
    judge_run(judge, &request, &reply);
    return spf_reply_write(&reply, out) == MS_OK && send_frame(out);
}

/* 0: the daemon has gone; 1: it says what is none of its requests. */
static int
serve(struct judge *judge, struct spf_out *out)
{
    static uint8_t in[SPF_FRAME];

    for (;;) {
        ssize_t n = read(0, in, sizeof(in));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0;
        if (!answer(judge, in, (size_t)n, out))
            return 1;
    }
}

int
main(void)
{
    struct spf_out out = {0};
    struct judge *judge;

    if (!is_our_socket()) {
        fputs("mortsafe-spf is started by mortsafe\n", stderr);
        return 2;
    }
    sandbox_close_files();
    if (judge_create(&judge) != MS_OK || !sandbox_enter() || !greet(&out))
        _exit(1);
    /* not by exit(): there is nothing to flush, and nothing to be allowed */
    _exit(serve(judge, &out));
}
