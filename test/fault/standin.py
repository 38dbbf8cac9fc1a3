#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Milters that are worse than mortsafe, to prove that the fault matrix sees it.

    standin.py open|harsh|slow PORT

open lets everything through, harsh refuses logins for good, slow takes long for each
answer.  The last two refuse strangers as they should.
"""
import asyncio
import struct
import sys

ASKED = b'CHMRTEO'  # that want an answer; QUIT, ABORT and macros do not
STEPS = 0x10 | 0x20 | 0x40 | 0x100  # no body, header, end of header, unknown command


class StandIn:
    def __init__(self, kind):
        self.kind = kind
        self.login = self.submission = False

    def answer(self, command, data):
        if self.kind == 'open':
            return b'c'
        if command == b'M' and self.submission and not self.login:
            return b'y530 5.7.0 Log in first\0'
        if command == b'R' and self.login and self.kind == 'harsh':
            return b'y550 5.7.1 No\0'
        if command == b'R' and not self.login and b'@example.org' not in data:
            return b'y550 5.7.1 Relaying denied\0'
        return b'c'

    def macros(self, data):
        if data[:1] == b'C':
            self.submission = b'{daemon_port}\x00587\0' in data
        if data[:1] == b'M':
            self.login = b'{auth_authen}' in data

    async def serve(self, reader, writer):
        try:
            while True:
                size = struct.unpack('>I', await reader.readexactly(4))[0]
                packet = await reader.readexactly(size)
                command, data = packet[:1], packet[1:]
                if command == b'D':
                    self.macros(data)
                if command not in ASKED:
                    continue
                if command == b'O':
                    reply = b'O' + struct.pack('>III', 6, 0, STEPS)
                else:
                    if self.kind == 'slow':
                        await asyncio.sleep(0.7)
                    reply = self.answer(command, data)
                writer.write(struct.pack('>I', len(reply)) + reply)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


async def main(kind, port):
    server = await asyncio.start_server(lambda r, w: StandIn(kind).serve(r, w), '127.0.0.1', port)
    await server.serve_forever()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
