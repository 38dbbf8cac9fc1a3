# SPDX-License-Identifier: BSD-2-Clause
"""The mail server's side of the milter protocol, with no mail server."""
import socket
import struct

STAGES = {0: 'connect', 1: 'helo', 2: 'mail', 3: 'rcpt', 4: 'data', 5: 'eom', 6: 'eoh'}
CONNECT, HELO, MAIL, RCPT, DATA = b'C', b'H', b'M', b'R', b'T'
HEADER, EOH, BODY, EOM = b'L', b'N', b'B', b'E'
ABORT, QUIT, QUIT_NC, UNKNOWN, MACRO, NEGOTIATE = b'A', b'Q', b'K', b'U', b'D', b'O'
ALL_ACTIONS, ALL_STEPS = 0x1ff, 0x1fffff
NO_STEP = {CONNECT: 0x1, HELO: 0x2, MAIL: 0x4, RCPT: 0x8, BODY: 0x10, HEADER: 0x20,
           EOH: 0x40, UNKNOWN: 0x100, DATA: 0x200}
NO_REPLY = {CONNECT: 0x1000, HELO: 0x2000, MAIL: 0x4000, RCPT: 0x8000, DATA: 0x10000,
            UNKNOWN: 0x20000, HEADER: 0x80, EOH: 0x40000, BODY: 0x80000}
RCPT_REJ = 0x800
VERDICTS = {b'c': 'continue', b'a': 'accept', b'r': 'reject', b't': 'tempfail',
            b'd': 'discard', b'y': 'reply', b's': 'skip', b'p': 'progress',
            b'q': 'quarantine', b'f': 'failure', b'4': 'shutdown'}


class Closed(Exception):
    """mortsafe has closed the connection."""


class Answer:
    """What came back.  code is 0 for continue and its like; changes are what an end of
    message brings before its answer."""

    def __init__(self, kind, text='', changes=()):
        self.kind, self.text, self.changes = kind, text, list(changes)
        self.code = int(text[:3]) if kind == 'reply' and text[:3].isdigit() else 0

    @property
    def refused(self):
        return self.kind in ('reply', 'reject', 'tempfail')

    @property
    def passed(self):
        return self.kind in ('continue', 'none')

    def __str__(self):
        return self.text or self.kind

    __repr__ = __str__


class Milter:
    """A connection.  WHERE is mortsafe's own way to write its socket."""

    def __init__(self, where, timeout=15):
        kind, rest = where.split(':', 1)
        if kind == 'inet':
            port, host = rest.split('@')
            self.socket = socket.create_connection((host, int(port)), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(rest)
        self.steps = 0
        self.macros = {}
        self.one_by_one = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def raw(self, data):
        try:
            if self.one_by_one:
                for n in range(len(data)):
                    self.socket.sendall(data[n:n + 1])
            else:
                self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def frame(self, command, data=b''):
        self.raw(struct.pack('>I', len(data) + 1) + command + data)

    def _exactly(self, n):
        data = b''
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except ConnectionResetError:
                raise Closed from None
            if not more:
                raise Closed
            data += more
        return data

    def read(self):
        size = struct.unpack('>I', self._exactly(4))[0]
        packet = self._exactly(size)
        return packet[:1], packet[1:]

    def answer(self):
        changes = []
        while True:
            command, data = self.read()
            kind = VERDICTS.get(command, repr(command))
            text = data.rstrip(b'\0').decode('ascii', 'backslashreplace')
            if kind == 'progress':
                continue
            if kind in ('quarantine',) or kind.startswith('b'):
                changes.append((kind, text))
                continue
            return Answer(kind, text, changes)

    def closed(self):
        """Does mortsafe hang up (and say nothing before that)?"""
        try:
            self._exactly(1)
        except Closed:
            return True
        except socket.timeout:
            return False
        return False

    def negotiate(self, version=6, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.frame(NEGOTIATE, struct.pack('>III', version, actions, steps))
        command, data = self.read()
        if command != NEGOTIATE:
            raise Closed
        self.version, self.actions, self.steps = struct.unpack('>III', data[:12])
        data = data[12:]
        while len(data) > 4:
            stage = struct.unpack('>I', data[:4])[0]
            names, _, data = data[4:].partition(b'\0')
            self.macros[STAGES.get(stage, stage)] = names.decode().split()
        return self

    def define(self, command, macros):
        """Macros for COMMAND: a dictionary; None is not sent."""
        data = b''.join(_bytes(k) + b'\0' + _bytes(v) + b'\0'
                        for k, v in macros.items() if v is not None)
        self.frame(MACRO, command + data)

    def step(self, command, data=b'', macros=None):
        """A command, if mortsafe wants it, and the answer, if it gives one."""
        if macros is not None:
            self.define(command, macros)
        if self.steps & NO_STEP.get(command, 0):
            return Answer('none')
        self.frame(command, data)
        if self.steps & NO_REPLY.get(command, 0):
            return Answer('none')
        return self.answer()

    def connect(self, address='192.0.2.1', name=None, family=None, port=40000, macros=None):
        if family is None:
            family = 'U' if address is None else '6' if ':' in address else '4'
        data = _bytes(name or '[%s]' % address) + b'\0' + family.encode()
        if family != 'U':
            data += struct.pack('>H', port) + _bytes(address) + b'\0'
        given = {'j': 'mx.example.org', '{daemon_name}': 'MTA', '{daemon_port}': '25',
                 '{daemon_addr}': '127.0.0.1'}
        given.update(macros or {})
        return self.step(CONNECT, data, given)

    def helo(self, name='client.test', tls=False, macros=None):
        given = {'{tls_version}': 'TLSv1.3'} if tls else {}
        given.update(macros or {})
        return self.step(HELO, _bytes(name) + b'\0', given)

    def mail(self, sender='<s@spam.test>', *parameters, login=None, tls=False, macros=None):
        given = {'{mail_addr}': _bytes(sender).strip(b'<>')}
        if login:
            given.update({'{auth_type}': 'PLAIN', '{auth_authen}': login})
        if tls:
            given['{tls_version}'] = 'TLSv1.3'
        given.update(macros or {})
        return self.step(MAIL, _arguments(sender, *parameters), given)

    def rcpt(self, recipient, *parameters, macros=None):
        given = {'{rcpt_mailer}': 'smtp', '{rcpt_addr}': _bytes(recipient).strip(b'<>')}
        given.update(macros or {})
        return self.step(RCPT, _arguments(recipient, *parameters), given)

    def data(self, macros=None):
        return self.step(DATA, b'', macros or {'i': 'Q1'})

    def end(self, text=b'Subject: x\r\n\r\nhello\r\n', macros=None):
        """Header, body and end of message, as far as they are wanted."""
        head, _, body = text.partition(b'\r\n\r\n')
        for line in head.split(b'\r\n'):
            name, _, value = line.partition(b': ')
            self.step(HEADER, name + b'\0' + value + b'\0')
        self.step(EOH)
        for n in range(0, len(body), 65535):
            self.step(BODY, body[n:n + 65535])
        return self.step(EOM, b'', macros or {'i': 'Q1'})

    def abort(self):
        self.frame(ABORT)

    def quit(self):
        try:
            self.frame(QUIT)
        except Closed:
            pass
        self.close()

    def message(self, sender, recipients, login=None, tls=True, text=None):
        """A transaction; the answers to MAIL, each RCPT, and the end (None if none)."""
        first = self.mail(sender, login=login, tls=tls)
        if first.refused:
            return first, [], None
        each = [self.rcpt(r) for r in recipients]
        if all(a.refused for a in each):
            self.abort()
            return first, each, None
        self.data()
        return first, each, self.end(text) if text else self.end()


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode('utf-8', 'surrogateescape')


def _arguments(*words):
    return b''.join(_bytes(w) + b'\0' for w in words)


def session(where, address='192.0.2.1', port=25, tls=False, macros=None, **how):
    """Connected, negotiated and greeted."""
    m = Milter(where, **how)
    m.negotiate()
    given = {'{daemon_port}': str(port)}
    given.update(macros or {})
    m.connect(address, macros=given)
    m.helo(tls=tls)
    return m
