# SPDX-License-Identifier: BSD-2-Clause
"""A client of mortsafe's API, over its Unix socket or the status port."""
import http.client
import json
import os
import socket
import traceback
import urllib.parse


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=15):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    """json is None where it is none; headers are found without regard to case."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        kind = self.headers.get('Content-Type', '')
        self.json = json.loads(self.body) if 'json' in kind and self.body else None

    @property
    def text(self):
        return self.body.decode('utf-8', 'backslashreplace')

    def __repr__(self):
        return '%d %s' % (self.status, self.text[:300])


class Api:
    """WHERE is the path of a socket, or (host, port)."""

    def __init__(self, where, timeout=15):
        self.where, self.timeout = where, timeout

    def connection(self):
        if isinstance(self.where, str):
            return Connection(self.where, self.timeout)
        return http.client.HTTPConnection(*self.where, timeout=self.timeout)

    def ask(self, method, path, body=None, headers=None, connection=None):
        """One request.  BODY that is no bytes goes as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault('Content-Type', 'application/json')
        used = connection or self.connection()
        try:
            try:
                used.request(method, path, body, headers)
            except BrokenPipeError:
                pass  # answered before all of the body was sent
            return Answer(used.getresponse())
        finally:
            if not connection:
                used.close()

    def get(self, path, **query):
        if query:
            path += '?' + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        return self.ask('GET', path)

    def post(self, path, body=None):
        return self.ask('POST', path, {} if body is None else body)

    def delete(self, path):
        return self.ask('DELETE', path)

    def subject(self, key, *more):
        """The path of a subject, "user:ann@example.org" or a bare key."""
        return '/v1/subjects/' + '/'.join([urllib.parse.quote(key, safe='')] + list(more))

    def raw(self, data, seconds=None):
        """Send bytes as they are; what comes until the other side closes."""
        with self.socket() as s:
            s.settimeout(seconds or self.timeout)
            got = b''
            try:
                s.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                while True:
                    more = s.recv(65536)
                    if not more:
                        return got
                    got += more
            except (socket.timeout, ConnectionResetError):
                return got

    def socket(self):
        if isinstance(self.where, str):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.where)  # waits where the backlog is full
            s.settimeout(self.timeout)
            return s
        return socket.create_connection(self.where, self.timeout)


def as_user(uid, gid, groups, function):
    """What FUNCTION returns (as JSON can say it), called by another user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(writer, json.dumps(function()).encode())
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, 'rb') as told:
        said = told.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else None
