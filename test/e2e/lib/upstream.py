# SPDX-License-Identifier: BSD-2-Clause
"""A content filter that stands before mortsafe: a milter of its own, which puts a header
on top of each message.  Mail whose Subject has the word "pills" is spam to it."""
import os
import socketserver
import struct
import threading

import place

ADD_HEADERS = 0x01
# not asked for: connect, helo, envelope, body, unknown, data
STEPS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x100 | 0x200
CONTINUE, INSERT = b'c', b'i'


class _Session(socketserver.BaseRequestHandler):
    def _exactly(self, n):
        data = b''
        while len(data) < n:
            more = self.request.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _say(self, command, data=b'', then=b''):
        self.request.sendall(struct.pack('>I', len(data) + 1) + command + data + then)

    def _end(self, spam):
        filter_ = self.server.filter
        filter_.seen += 1
        value = filter_.values[1 if spam else 0]
        if value is not None:
            self._say(INSERT, struct.pack('>I', 0) + filter_.header.encode() + b'\0'
                      + value.encode() + b'\0', then=struct.pack('>I', 1) + CONTINUE)
        else:
            self._say(CONTINUE)

    def handle(self):
        spam = False
        try:
            while True:
                size = struct.unpack('>I', self._exactly(4))[0]
                packet = self._exactly(size)
                command, data = packet[:1], packet[1:]
                if command == b'O':
                    self._say(b'O', struct.pack('>III', 6, ADD_HEADERS, STEPS))
                elif command == b'L':
                    name, value = data.split(b'\0')[:2]
                    if name.lower() == b'subject' and b'pills' in value:
                        spam = True
                    self._say(CONTINUE)
                elif command == b'E':
                    self._end(spam)
                    spam = False
                elif command == b'A':
                    spam = False
                elif command in (b'Q', b'K'):
                    if command == b'Q':
                        return
                    spam = False
                elif command != b'D':
                    self._say(CONTINUE)
        except (EOFError, ConnectionError):
            pass


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class Filter:
    """Listens at once.  VALUES: what the header says of clean mail and of spam; None: it
    adds none."""

    def __init__(self, header='X-Spam-Flag', values=('NO', 'YES')):
        self.header, self.values, self.seen = header, values, 0
        self.socket = place.path('filter-%d.sock' % place.port())
        self.server = _Server(self.socket, _Session)
        os.chmod(self.socket, 0o666)
        self.server.filter = self
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        place.undo(self.end)

    def end(self):
        self.server.shutdown()
        self.server.server_close()
