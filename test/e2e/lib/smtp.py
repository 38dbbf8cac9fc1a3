# SPDX-License-Identifier: BSD-2-Clause
"""An SMTP conversation held word by word."""
import base64
import re
import socket
import ssl


class Reply:
    """What the server said: code, the enhanced code if there is one, all lines."""

    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3]) if lines and lines[-1][:3].isdigit() else 0
        found = re.match(r'\d{3}[ -](\d\.\d{1,3}\.\d{1,3})', lines[-1]) if lines else None
        self.enhanced = found.group(1) if found else ''

    @property
    def accepted(self):
        return 200 <= self.code < 400

    @property
    def queue_id(self):
        """The id that the MTA gave to the message it just took."""
        found = re.search(r'queued as (\w+)|2\.0\.0 (\w+) Message accepted', str(self))
        return found and (found.group(1) or found.group(2))

    def __str__(self):
        return ' / '.join(self.lines) or 'connection closed'

    __repr__ = __str__


class Client:
    """A session.  TALK holds everything said, for the reader of a failed test."""

    def __init__(self, port, host='127.0.0.1', source=None, tls=False, proxy=None,
                 timeout=30):
        source = (source, 0) if source else None
        self.socket = socket.create_connection((host, port), timeout, source)
        self.buffer = b''
        self.talk = []
        if proxy:
            self.socket.sendall(proxy.encode() + b'\r\n')
        if tls:
            self._wrap()
        self.greeting = self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def _wrap(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def send(self, data):
        """Bytes as they are."""
        self.talk.append('> %r' % data[:120])
        self.socket.sendall(data)

    def read(self):
        """One reply; an empty one when the server has hung up."""
        lines = []
        while True:
            while b'\n' not in self.buffer:
                try:
                    more = self.socket.recv(65536)
                except (ConnectionError, ssl.SSLError):
                    more = b''
                if not more:
                    return Reply(lines)
                self.buffer += more
            line, _, self.buffer = self.buffer.partition(b'\n')
            line = line.rstrip(b'\r').decode('ascii', 'backslashreplace')
            self.talk.append('< ' + line)
            lines.append(line)
            if line[3:4] != '-':
                return Reply(lines)

    def say(self, line):
        if isinstance(line, str):
            line = line.encode('utf-8', 'surrogateescape')
        try:
            self.send(line + b'\r\n')
        except OSError:
            return Reply([])
        return self.read()

    def pipeline(self, *lines):
        """All lines in one write, then one reply for each."""
        self.send(b''.join(line.encode() + b'\r\n' for line in lines))
        return [self.read() for _ in lines]

    def ehlo(self, name='client.test'):
        return self.say('EHLO ' + name)

    def helo(self, name='client.test'):
        return self.say('HELO ' + name)

    def starttls(self):
        reply = self.say('STARTTLS')
        if reply.code == 220:
            self._wrap()
        return reply

    def login(self, user='alice@example.org', password='secret'):
        word = base64.b64encode(('\0%s\0%s' % (user, password)).encode()).decode()
        return self.say('AUTH PLAIN ' + word)

    def xclient(self, **what):
        """Become another client; the server greets again."""
        return self.say('XCLIENT ' + ' '.join('%s=%s' % p for p in what.items()))

    def mail(self, sender='<s@spam.test>', *parameters):
        return self.say(' '.join(('MAIL FROM:' + sender,) + parameters))

    def rcpt(self, recipient, *parameters):
        return self.say(' '.join(('RCPT TO:' + recipient,) + parameters))

    def rset(self):
        return self.say('RSET')

    def quit(self):
        reply = self.say('QUIT')
        self.close()
        return reply

    def data(self, text='Subject: test\r\n\r\nhello\r\n'):
        """DATA with a text; the reply is the one to DATA itself if that refuses."""
        reply = self.say('DATA')
        if reply.code != 354:
            return reply
        self.send(text.encode() + b'.\r\n')
        return self.read()

    def bdat(self, *chunks):
        """The message in chunks; the last reply."""
        for n, chunk in enumerate(chunks, 1):
            self.send(b'BDAT %d%s\r\n' % (len(chunk), b' LAST' if n == len(chunks) else b'')
                      + chunk)
            reply = self.read()
        return reply

    def message(self, sender, recipients, text='Subject: test\r\n\r\nhello\r\n', *parameters):
        """A whole transaction.  Returns the reply to MAIL, those to each RCPT, and
        the last one, which is what became of the message."""
        first = self.mail(sender, *parameters)
        if not first.accepted:
            return first, [], first
        each = [self.rcpt(r) for r in recipients]
        return first, each, self.data(text)


def submitter(port, user='alice@example.org', password='secret', **how):
    """A mail program on the submission port: STARTTLS, then AUTH."""
    client = Client(port, **how)
    client.ehlo()
    client.starttls()
    client.ehlo()
    reply = client.login(user, password)
    if reply.code != 235:
        raise RuntimeError('no login for %s: %s' % (user, reply))
    return client
