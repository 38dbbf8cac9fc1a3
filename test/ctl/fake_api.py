# SPDX-License-Identifier: BSD-2-Clause
"""A daemon's API as mortsafectl sees it: a Unix socket that gives the answers it was
handed, or misbehaves.  It keeps what it was asked for."""
import json
import os
import socket
import threading
import time

REASONS = {200: 'OK', 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 409: 'Conflict',
           413: 'Content Too Large', 503: 'Service Unavailable'}


def answer(body, status=200, kind='application/json'):
    """An HTTP answer of BODY, an object or bytes."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return ('HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n'
            % (status, REASONS[status], kind, len(body))).encode() + body


def problem(status, name, detail):
    return answer({'type': 'tag:mortsafe,2026:' + name, 'title': name.replace('-', ' '),
                   'status': status, 'detail': detail, 'instance': '/v1'}, status,
                  'application/problem+json')


# ----- what a broken daemon does with a connection that has asked

def hang(connection):
    connection.settimeout(20)
    try:
        connection.recv(1)
    except OSError:
        pass


def drip(connection):
    """A byte now and then, for ever."""
    try:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
        for _ in range(40):
            connection.sendall(b' ')
            time.sleep(0.5)
    except OSError:
        pass


def close_early(connection):
    pass


def half(connection):
    connection.sendall(answer({'ok': True, 'version': '0.1.0'})[:-8])


def garbage(connection):
    connection.sendall(b'\x00\xff\x1b[2J no HTTP at all\r\n\r\n')


def no_json(connection):
    connection.sendall(answer(b'<html>\x1b[31mwho are you?</html>'))


def deep_json(connection):
    connection.sendall(answer(b'{"a":' + b'[' * 100000 + b']' * 100000 + b'}'))


def wrong_types(connection):
    connection.sendall(answer({
        'ok': 'perhaps', 'version': 7, 'health': 'fine', 'subjects': {'a': 1},
        'decisions': [1, None, 'x', {'time': 5, 'rate': 'fast', 'used': '9', 'text': ['x']}],
        'rows': [[], {'rule': {}, 'n': 'many'}], 'steps': 'none', 'limits': [None, 3],
        'acts': 9, 'entries': [0], 'data': 'x', 'lines': 3, 'store': [], 'fleet': 'big',
        'zombie': {'families': 'many', 'usual': 4, 'now': [], 'since': {}, 'rate': 'x',
                   'quarantines': 'y', 'score': 'z'},
        'changes': [None, {'families': [3, {'decibels': 'x'}], 'ids': [{}, None], 'cause': 5}],
        'held': [{'host': 7, 'id': None, 'at': [], 'command': 'rm'}, 'x', None],
        'notices': [{'to': 5, 'error': {}, 'next': 9}, 0], 'reports': [1, {'detail': []}],
        'standings': [{'score': 'high', 'since': 1, 'held': 'all', 'by': 7}, 2, None],
        'counts': 'none', 'braking': 'a bit', 'rules': [{'rule': 1, 'mode': 2}, 'x'],
        'change': ['x'], 'changed': 'no', 'matched': [{'id': 5}, 'y'], 'kept': 1, 'sent': 'two',
        'pictures': {'hours': {'counts': {'messages': ['a', None, -5]}}, 'days': 0}}))


def endless(connection):
    try:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n')
        block = b' ' * (1 << 20)
        for _ in range(80):
            connection.sendall(block)
    except OSError:
        pass


class Fake:
    """Serves ANSWERS, {'GET /v1/ping': bytes, or a function of a connection}; the query is
    not part of the key.  ASKED holds 'METHOD TARGET BODY' of each request."""

    def __init__(self, path, answers):
        self.path, self.answers, self.asked = path, answers, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            data = b''
            while True:
                while b'\r\n\r\n' not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b'\r\n\r\n')
                length = 0
                for line in head.split(b'\r\n')[1:]:
                    name, _, value = line.partition(b':')
                    if name.lower() == b'content-length':
                        length = int(value)
                while len(data) < length:
                    data += connection.recv(65536)
                body, data = data[:length], data[length:]
                method, target = head.decode().split(' ')[:2]
                self.asked.append(' '.join((method, target, body.decode())).rstrip())
                given = self.answers.get('%s %s' % (method, target.partition('?')[0]))
                if isinstance(given, list):
                    given = given.pop(0) if len(given) > 1 else given[0]
                if callable(given):
                    given(connection)
                    return
                connection.sendall(given if given is not None else
                                   problem(404, 'not-found', 'there is no ' + target))
