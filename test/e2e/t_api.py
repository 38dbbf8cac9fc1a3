#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The API: who may ask, what is refused, and that nobody holds up mail with it."""
import grp
import http.client
import json
import os
import pwd
import re
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import tap
from api import Api, as_user
from daemon import BASE, USER, Mortsafe
from milter import session
from tap import equal, ok

LOGIN = 'listener submission { port = 587  auth = require  tls = allow }\n'
FIVE = LOGIN + 'limit burst { key = user  count = messages  rate = 5/1h }\n'
STRANGER = 47110  # nobody has this number
NONE = 990000     # nor is there such a group
STEPPED = os.path.join(os.path.dirname(place.mortsafe_path()), 'test', 'mortsafe-stepped')
HEADERS = {'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store',
           'Referrer-Policy': 'no-referrer'}


def groups(n):
    """Names and numbers of N groups that this machine has, none of them root's."""
    found = [(g.gr_name, g.gr_gid) for g in grp.getgrall()
             if g.gr_gid not in (0, 65534) and re.fullmatch('[a-z]+', g.gr_name)]
    return found[:n]


def started(extra='', **how):
    safe = Mortsafe(extra, **how).start()
    return safe, Api(safe.api)


def with_port(extra='', names='no'):
    """One with a status port, too."""
    number = place.port()
    safe, api = started('status { listen = inet:%d@127.0.0.1  names = %s }\n%s'
                        % (number, names, extra))
    return safe, api, Api(('127.0.0.1', number))


def folder(name):
    """A store's folder, and the base configuration with it."""
    path = place.path(name)
    os.mkdir(path, 0o700)
    shutil.chown(path, USER)
    return path, BASE.replace('type = memory', 'type = embedded  path = ' + path)


def send(safe, count, login='ann'):
    """How many of COUNT messages pass."""
    passed = 0
    for _ in range(count):
        with session(safe.socket, '198.18.0.9', port=587) as m:
            end = m.message('<%s@example.org>' % login, ['<v@victim.test>'], login=login)[2]
            passed += bool(end and end.passed)
    return passed


def problem(answer, status, kind, name, says=''):
    """Is ANSWER a problem document of that kind?"""
    said = answer.json if isinstance(answer.json, dict) else {}
    return ok(answer.status == status and said.get('status') == status and
              said.get('type') == 'tag:mortsafe,2026:' + kind and
              answer.headers['Content-Type'] == 'application/problem+json' and
              re.search(says, said.get('detail', '')), name, answer=answer)


def first_answers():
    """Each answer has its type and headers"""
    safe, api, port = with_port()
    for path, kind in (('/v1/ping', 'application/json'), ('/v1/status', 'application/json'),
                       ('/v1/limits', 'application/json'), ('/v1/data', 'application/json'),
                       ('/v1/history?range=24h', 'application/json'),
                       ('/v1/subjects', 'application/json'),
                       ('/v1/decisions', 'application/json'),
                       ('/v1/would', 'application/json'),
                       ('/metrics', 'text/plain; version=0.0.4; charset=utf-8'),
                       ('/healthz', 'text/plain; charset=utf-8'),
                       ('/readyz', 'text/plain; charset=utf-8'),
                       ('/', 'text/html; charset=utf-8')):
        for where, name in (api, 'socket'), (port, 'status port'):
            got = where.get(path)
            seen = {k: got.headers[k] for k in HEADERS}
            policy = got.headers['Content-Security-Policy'] or ''
            ok(got.status == 200 and got.headers['Content-Type'] == kind and seen == HEADERS and
               policy.startswith("default-src 'none'") and 'Access-Control' not in str(got.headers),
               '%s by the %s' % (path, name), answer=got, headers=got.headers)
            head = where.ask('HEAD', path)
            ok(head.status == 200 and head.body == b'' and
               head.headers['Content-Type'] == kind, 'HEAD %s by the %s' % (path, name))
    for path in '/v1/config', '/v1/acts', '/v1/audit':
        equal(api.get(path).status, 200, path + ' by the socket')
        problem(port.get(path), 403, 'forbidden', path + ' not by the status port')
    status = api.get('/v1/status').json
    equal([h['state'] for h in status['health'] if h['state'] == 'error'], [], 'health',
          health=status['health'])
    equal((status['pid'], status['mode'], status['store']['type']),
          (safe.process.pid, 'enforce', 'memory'), 'the status is about this daemon')
    used = api.connection()
    answers = [api.ask('GET', '/v1/ping', connection=used).status for _ in range(3)]
    missing = [api.ask('GET', '/v1/none', connection=used).status for _ in range(3)]
    equal((answers, missing), ([200] * 3, [404] * 3), 'one connection, many requests')
    used.close()
    safe.end()


def rights():
    """The peer's uid and groups decide, and refusals are written down"""
    (reader, r), (resetter, s), (releaser, l), (master, m) = groups(4)
    safe, api = started('''api { socket = %s
  group %s { may = read }
  group %s { may = reset }
  group %s { may = read, release }
  group %s { may = all }
  group no-such-group { may = all } }''' % (place.path('rights.api'), reader, resetter, releaser,
                                          master))
    safe.api = place.path('rights.api')
    api = Api(safe.api)
    place.until(lambda: 'no-such-group' in safe.log(), 'the log to tell of a missing group')
    health = {h['name']: h for h in api.get('/v1/status').json['health']}
    ok(health['configuration']['state'] == 'warning' and
       'no-such-group' in health['configuration']['text'], 'and stands in the health')
    asked = {
        'read': ('GET', '/v1/status', None),
        'reset': ('POST', '/v1/subjects/user:ann@example.org/reset', {}),
        'release': ('POST', '/v1/subjects/user:ann@example.org/exempt', {'limit': 'burst'}),
        'zombies': ('GET', '/v1/zombies', None),
        'reports': ('GET', '/v1/reports', None),
        'quarantine': ('POST', '/v1/subjects/user:cy@example.org/quarantine', {}),
        'let go': ('POST', '/v1/subjects/user:cy@example.org/release', {}),
        'let all go': ('POST', '/v1/release', {'since': '1h', 'dry_run': True}),
        'lease': ('POST', '/v1/subjects/client:192.0.2.77/lease', {}),
        'confirm': ('POST', '/v1/confirm', {'code': 'x'}),
        'gone': ('POST', '/v1/held/gone', {'ids': [{'id': '4XkA'}]}),
        'feedback': ('POST', '/v1/feedback', {'kind': 'log'}),
        'mode': ('POST', '/v1/mode', {'mode': 'configured'}),
        'config': ('GET', '/v1/config', None),
        'audit': ('GET', '/v1/audit', None),
        'export': ('GET', '/v1/subjects/user:ann@example.org/export', None),
        'forget': ('POST', '/v1/subjects/user:bob@example.org/forget', {}),
        'reload': ('POST', '/v1/reload', {}),
    }
    everything = set(asked)
    read = {'read', 'zombies', 'reports'}
    release = {'release', 'quarantine', 'let go', 'let all go', 'lease', 'confirm', 'gone',
               'feedback'}
    may = ((NONE, [], 'in no group', set()),
           (NONE, [r], 'read', read),
           (NONE, [s], 'reset', {'reset'}),
           (NONE, [r, s], 'read and reset', read | {'reset'}),
           (l, [], 'read, release by the primary group', read | release),
           (NONE, [m], 'all', everything),
           (NONE, list(range(100000, 100100)) + [r], 'read among a hundred groups', read))

    def ask_all():
        found = {}
        for name, request in asked.items():
            got = api.ask(*request)
            found[name] = [got.status, got.json.get('detail', '')]
        return found
    for gid, list_, name, expected in may:
        found = as_user(STRANGER, gid, list_, ask_all)
        allowed = {n for n, (status, _) in found.items() if status < 300 or status == 404}
        equal(allowed, expected, 'may do what it may: ' + name, found=found)
        equal({status for n, (status, _) in found.items() if n not in expected} - {403}, set(),
              'and the rest is 403')
    for uid, name in (0, 'root'), (pwd.getpwnam(USER).pw_uid, "the daemon's own user"):
        found = as_user(uid, NONE, [], ask_all)
        ok(all(s < 300 or s == 404 for s, _ in found.values()), name + ' may do all', found=found)
    detail = as_user(STRANGER, NONE, [r], ask_all)['reset'][1]
    ok('uid %d' % STRANGER in detail and reader in detail and '`reset' in detail and
       'may = reset' in detail, 'the refusal says who, and what is missing', detail=detail)
    entries = api.get('/v1/audit', limit=1000).json['entries']
    denied = [e for e in entries if e['act'] == 'denied' and 'uid %d' % STRANGER in e['by']]
    ok(denied and not denied[0]['ok'], 'and stands in the audit trail', entries=entries[:3])
    ok(('user:ann@example.org', 'POST /v1/subjects/*/exempt: needs release') in
       [(e['subject'], e['detail']) for e in denied], 'with its subject apart', denied=denied)
    done = {(e['act'], e['by']) for e in entries if e['ok']}
    ok(('mode', 'root (uid 0)') in done and ('reset', 'uid %d' % STRANGER) in done,
       'as does what was done', done=done)
    before = len(entries)
    as_user(STRANGER, NONE, [], lambda: [api.get('/v1/ping').status for _ in range(200)])
    after = len(api.get('/v1/audit', limit=1000).json['entries'])
    ok(after - before <= 60, 'nobody can fill it with refusals', before=before, after=after)
    # a reload changes who may
    safe.configure('api { socket = %s  group %s { may = reset } }' % (safe.api, reader))
    safe.reload('is in force')
    equal(as_user(STRANGER, NONE, [r], lambda: api.get('/v1/ping').status), 403,
          'after a reload others may')
    safe.end()


def crowding():
    """One user cannot take all connections"""
    (reader, gid), = groups(1)
    path = place.path('crowd.api')
    safe, api = started('api { socket = %s  group %s { may = read } }' % (path, reader))
    api = Api(path)

    def crowd():
        held = [api.socket() for _ in range(120)]
        time.sleep(0.5)
        closed = 0
        for s in held:
            s.settimeout(0.01)
            try:
                closed += s.recv(1) == b''
            except socket.timeout:
                pass
            except ConnectionResetError:
                closed += 1
        return [closed, api_as_root()]

    def api_as_root():
        return 0
    closed, _ = as_user(STRANGER, NONE, [gid], crowd)
    equal(closed, 120 - 32, 'the 33rd connection of a user is shut')
    equal(api.get('/v1/ping').status, 200, 'and root is answered')
    safe.end()


def sockets():
    """The socket's file: stale, alive, no socket, no folder; none at all"""
    safe, api = started()
    mode = os.stat(safe.api).st_mode & 0o777
    equal(mode, 0o666, 'everybody may connect')
    safe.kill()
    ok(os.path.exists(safe.api), 'a crash leaves the socket')
    safe.start()
    equal(api.get('/v1/ping').status, 200, 'and the next start takes its place')

    def refused(config, word, name):
        other = Mortsafe(config).launch()
        place.until(lambda: not other.alive() or ' started' in other.log(), name)
        ok(not other.alive() and other.process.returncode == 69 and re.search(word, other.log()),
           name, log=other.log(), code=other.process.returncode)
    refused('api { socket = %s }' % safe.api, 'another mortsafe is running',
            'a second daemon is refused')
    equal(api.get('/v1/ping').status, 200, 'and the first works on')
    plain = place.write('plain', 'Dear Sir')
    refused('api { socket = %s }' % plain, 'not a socket', 'a plain file is left alone')
    refused('api { socket = %s/no/api.sock }' % place.folder(), 'No such file',
            'a folder that is not there')
    number = place.port()
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', number))
        taken.listen()
        refused('status { listen = inet:%d@127.0.0.1 }' % number, 'another program listens',
                'a port that is taken')
    equal(safe.stop(), 0, 'it stops')
    ok(not os.path.exists(safe.api) or os.stat(place.folder()).st_uid != os.stat(safe.api).st_uid,
       'and removes the socket where it may')
    none = Mortsafe('api { socket = "" }').start()
    ok(not os.path.exists(none.api), 'without a socket there is none')
    none.end()
    if not os.path.exists('/run/mortsafe'):
        default = Mortsafe('api { }').start()
        place.until(lambda: 'there is no folder' in default.log(), 'the log')
        ok(default.alive(), 'the default without its folder is only told')
        default.end()


def by_which_name():
    """Host and Origin"""
    safe, api, port = with_port('')
    number = port.where[1]
    for host, status in (('127.0.0.1:%d' % number, 200), ('localhost:%d' % number, 200),
                         ('LOCALHOST', 200), ('[::1]:1', 200), ('evil.example', 421),
                         ('evil.example:%d' % number, 421), ('', 421),
                         ('localhost.evil.example', 421), ('localhost@evil', 421)):
        equal(port.ask('GET', '/v1/ping', headers={'Host': host}).status, status,
              'Host: ' + host)
    for origin, status in (('http://127.0.0.1:%d' % number, 200), ('http://evil.example', 403),
                           ('null', 403), ('http://127.0.0.1', 403)):
        for path in '/v1/ping', '/':
            equal(port.ask('GET', path, headers={'Origin': origin}).status, status,
                  'Origin: %s for %s' % (origin, path))
    problem(port.ask('GET', '/v1/ping', headers={'Host': 'evil.example'}), 421, 'misdirected',
            'a foreign name is told', 'hosts =')
    problem(api.ask('GET', '/v1/ping', headers={'Origin': 'http://evil.example'}), 403,
            'forbidden', 'a foreign site at the Unix socket')
    equal(api.ask('GET', '/v1/ping', headers={'Host': 'whatever'}).status, 200,
          'which may be called anything')
    got = port.raw(b'GET /v1/ping HTTP/1.0\r\n\r\n')
    ok(b' 421 ' in got or b' 400 ' in got, 'none at all', got=got)
    got = port.raw(b'GET /v1/ping HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n'
                   b'Connection: close\r\n\r\n')
    ok(got.startswith(b'HTTP/1.1 '), 'two of them', got=got)
    for method in 'POST', 'DELETE', 'PUT', 'OPTIONS', 'TRACE', 'PATCH':
        got = port.ask(method, '/v1/ping')
        ok(got.status == 405 and got.headers['Allow'] == 'GET, HEAD', method + ' is refused there',
           answer=got)
    safe.configure('status { listen = inet:%d@127.0.0.1  hosts = evil.example }' % number)
    safe.reload('is in force')
    equal(port.ask('GET', '/v1/ping', headers={'Host': 'evil.example'}).status, 200,
          'a reload may add a name')
    safe.end()


def bad_requests():
    """Bodies, methods, paths and lines that are not what they should be"""
    safe, api, port = with_port()
    mode = '/v1/mode'
    problem(api.ask('POST', mode, b'{"mode":'), 400, 'bad-request', 'half of JSON', 'JSON')
    problem(api.ask('POST', mode, b'[]'), 400, 'bad-request', 'an array', 'object')
    problem(api.ask('POST', mode, b'[' * 60000), 400, 'bad-request', '60,000 brackets', 'nested')
    problem(api.ask('POST', mode, b'{"mode":"observe","mode":"enforce"}'), 400, 'bad-request',
            'a key twice')
    problem(api.ask('POST', mode, b'\xff\xfe'), 400, 'bad-request', 'no UTF-8')
    problem(api.post(mode, {'mode': 'observe', 'moed': 1}), 400, 'bad-request',
            'a key that there is not', 'moed')
    problem(api.post(mode, {'mode': 7}), 400, 'bad-request', 'a number for a word')
    problem(api.post(mode, {'mode': 'panic'}), 400, 'bad-request', 'a mode that there is not')
    problem(api.post(mode, {'mode': 'observe', 'for': 'ever'}), 400, 'bad-request', 'no span')
    problem(api.post(mode, {'mode': 'observe', 'for': '2020-01-01'}), 400, 'bad-request',
            'a time that is over')
    problem(api.post(mode, {'mode': 'observe', 'fleet': True}), 400, 'bad-request',
            'a fleet where there is none')
    problem(api.ask('POST', mode, b'mode=observe',
                    {'Content-Type': 'application/x-www-form-urlencoded'}),
            415, 'unsupported-media-type', 'a form')
    problem(api.ask('POST', mode, b'{}', {'Content-Type': 'text/plain'}), 415,
            'unsupported-media-type', 'what a page of others may send')
    equal(api.get('/v1/status').json['mode'], 'enforce', 'nothing has been done')
    equal(api.ask('POST', '/v1/reload').status, 200, 'a POST without a body')
    problem(api.ask('POST', mode, b'{}' + b' ' * 10000000), 413, 'too-large', 'ten megabytes')
    problem(api.ask('POST', mode, b'{}' + b' ' * 65535), 413, 'too-large', 'a byte too much')
    problem(api.ask('POST', mode, b'{}' + b' ' * 65534), 400, 'bad-request', 'no byte too much')
    problem(api.ask('GET', '/v1/ping', b'x' * 100000), 413, 'too-large', 'a GET with a body')
    chunk = b'8000\r\n' + b' ' * 0x8000 + b'\r\n'
    start = (b'POST /v1/mode HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
             b'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n')
    ok(b' 413 ' in api.raw(start + chunk * 3 + b'0\r\n\r\n'), 'chunks that become too many')
    got = api.raw(start + chunk * 400)
    ok(got == b'' or b' 413 ' in got, 'and chunks without end', got=got[:200])
    problem(api.get('/v1/status?x=1'), 400, 'bad-request', 'a parameter that there is not', 'x')
    problem(api.get('/v1/decisions?limit=1001'), 400, 'bad-request', 'a number out of range')
    for method, allow in ('PUT', 'GET, HEAD'), ('OPTIONS', 'GET, HEAD'), ('POST', 'GET, HEAD'):
        got = api.ask(method, '/v1/ping')
        ok(got.status == 405 and got.headers['Allow'] == allow, method + ' of what can be read',
           answer=got)
    for path, status in (('/v1/none', 404), ('/v1', 404), ('/v1/', 400), ('//v1/ping', 400),
                         ('/v1/../v1/ping', 400), ('/v1/%2e%2e/ping', 400),
                         ('/v1/ping%00', 400), ('/v1/ping%0d%0aX: y', 400), ('/v1/ping%', 400),
                         ('/v1/%zz', 400), ('/%c0%ae%c0%ae/', 400), ('/etc/passwd', 404),
                         ('/..%2f..%2fetc%2fpasswd', 404), ('/v1/subjects/..%2f..%2fx', 404),
                         ('/' + 'a/' * 50, 400), ('/' + 'a' * 5000, 414), ('/v1/PING', 404)):
        for where in api, port:
            got = where.raw(b'GET ' + path.replace(' ', '%20').encode() +
                            b' HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
            ok(b' %d ' % status in got[:20], path[:40] + ' is %d' % status, got=got[:300])
    long = b'GET /v1/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
    ok(b' 431 ' in port.raw(long + b'X: ' + b'x' * 20000 + b'\r\n\r\n')[:20], 'a long header')
    ok(b' 431 ' in port.raw(long + b'X: y\r\n' * 4000 + b'\r\n')[:20], 'many headers')
    got = port.raw(long + b'X: ' + b'x' * 1000000 + b'\r\n\r\n')
    ok(got == b'' or re.match(rb'HTTP/1.1 4\d\d', got), 'a megabyte of one', got=got[:100])
    for line in (b'\0\0\0\0', b'GET', b'GET / HTTP/9.9\r\n\r\n', b'GET /\r\n\r\n', b'HELO x\r\n',
                 b'\x16\x03\x01\x02\0\x01\0\x01\xfc', b'GET  /v1/ping  HTTP/1.1\r\n\r\n',
                 b'GET http://localhost/v1/ping HTTP/1.1\r\nHost: localhost\r\n'
                 b'Connection: close\r\n\r\n', os.urandom(500) + b'\r\n\r\n'):
        got = port.raw(line, 0.3)
        ok(got == b'' or re.match(rb'HTTP/1.[01] [45]0[0145] ', got),
           'nonsense: %r' % line[:30], got=got[:200])
    two = (b'GET /v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n'
           b'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    equal(port.raw(two).count(b'HTTP/1.1 200'), 2, 'two requests at once')
    equal(api.get('/v1/ping').status, 200, 'it works on')
    ok(safe.alive(), 'it lives')
    safe.end()


def hostile_names():
    """Names that want to be something else, in every answer"""
    safe, api, port = with_port(FIVE, names='yes')
    names = ['<script>alert(1)</script>', '"} x 1', "' OR 1=1 --", '\x1b[31mred', '\u202eevil',
             'a%0d%0aX-Evil: 1', '{{7*7}}', '\\', '&amp;']
    for n, name in enumerate(names):
        login = name + '%d' % n
        with session(safe.socket, '198.18.0.%d' % n, port=587) as m:
            for _ in range(7):
                m.message('<%s@example.org>' % name, ['<v@victim.test>'], login=login)
        with session(safe.socket, '198.18.1.%d' % n) as m:
            m.mail('<%s>' % name)
            m.rcpt('<%s@victim.test>' % name)
    place.until(lambda: len(api.get('/v1/decisions?limit=1000').json['decisions']) >= 9,
                'decisions')
    decisions = api.get('/v1/decisions?limit=1000').json['decisions']
    ok(any(d['from'] and '\\x3Cscript\\x3E' in d['from'] for d in decisions),
       'addresses are as in the log')
    metrics = port.get('/metrics').text
    names_in = re.compile(r'<|alert|1=1|\x1b|evil|victim|example\.org|198\.18')
    equal([m for m in metrics.splitlines() if names_in.search(m)], [], 'metrics have none')
    for path in '/', '/subjects/' + 'user%3A%3Cscript%3Ealert(1)%3C%2Fscript%3E0%40example.org':
        page = port.get(path)
        ok(page.status == 200 and '<script' not in page.text and 'X-Evil' not in page.headers,
           'pages escape them: ' + path[:20], page=page.text[-2000:])
    for path in ('/v1/decisions?limit=1000', '/v1/subjects?limit=1000', '/v1/would'):
        for where in api, port:
            got = where.get(path)
            ok(got.status == 200 and got.json is not None and 'X-Evil' not in got.headers,
               path + ' is JSON')
    for name in names:
        for got in (api.ask('GET', api.subject('user:' + name)),
                    api.post(api.subject('user:' + name, 'reset'))):
            ok(got.status in (200, 400, 404) and got.json is not None, 'asked for %r' % name,
               answer=got)
    safe.end()


def slow_readers():
    """A hundred slow readers do not hold up mail"""
    safe, api, port = with_port(LOGIN)
    for _ in range(200):
        with session(safe.socket, '198.18.0.1') as m:
            m.mail()
            m.rcpt('<v@victim.test>')

    def times(count):
        found = []
        for n in range(count):
            began = time.monotonic()
            with session(safe.socket, '198.18.2.%d' % (n % 250), port=587) as m:
                end = m.message('<u@example.org>', ['<v@victim.test>'], login='u%d' % n)[2]
            found.append(time.monotonic() - began)
            if not end or not end.passed:
                return None
        return sorted(found)
    quiet = times(300)
    slow = []
    for n in range(100):
        s = port.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.sendall(b'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n' * (20 if n % 2 else 1)
                  if n % 4 else b'GET /metrics HTTP/1.1\r\nHos')
        slow.append(s)
    busy = times(300)
    ok(quiet and busy, 'every message passes')
    ok(busy[-4] < max(10 * quiet[-4], 0.1), 'and takes no longer',
       quiet='median %.4f p99 %.4f' % (quiet[150], quiet[-4]),
       busy='median %.4f p99 %.4f' % (busy[150], busy[-4]))
    tap.diag('p99 %.4f s without, %.4f s with' % (quiet[-4], busy[-4]))
    equal(api.get('/v1/ping').status, 200, 'the socket answers meanwhile')
    began = time.monotonic()
    equal(safe.stop(), 0, 'it stops')
    ok(time.monotonic() - began < 10, 'within 10 s, slow readers and all')
    for s in slow:
        s.close()


class Clock:
    """The file with the time of a daemon whose clocks a test steps."""

    def __init__(self, wall=1795357072):
        self.path = place.path('clock-%d' % place.port())
        self.wall, self.mono = wall, 1000000
        self.write()
        os.chmod(self.path, 0o644)

    def write(self):
        with open(self.path, 'r+b' if os.path.exists(self.path) else 'wb') as out:
            out.write(struct.pack('=qq', self.wall, self.mono))

    def step(self, seconds):
        self.wall += seconds
        self.mono += 1000 * seconds
        self.write()


def stepped(extra='', **how):
    clock = Clock()
    safe = Mortsafe(extra, environment={'MORTSAFE_CLOCK': clock.path}, **how)
    safe.program = STEPPED
    return safe, clock, Api(safe.api)


def slow_loris():
    """A request that never ends"""
    if not os.path.exists(STEPPED):
        tap.skip('a request that never ends', 'there is no ' + STEPPED)
        return
    safe, clock, api = stepped()
    safe.start()
    s = api.socket()
    s.sendall(b'GET /v1/ping HTTP/1.1\r\nHost: x\r\n')
    equal(api.get('/v1/ping').status, 200, 'it is accepted')

    def wait():
        try:
            api.get('/v1/decisions?after=0&wait=20')
        except http.client.HTTPException:
            pass  # sent away
    waiting = threading.Thread(target=wait)
    waiting.start()
    for _ in range(3):
        s.sendall(b'X-More: y\r\n')
        clock.step(9)
        time.sleep(0.2)
    clock.step(5)
    s.settimeout(5)
    try:
        got = s.recv(1000)
    except ConnectionResetError:
        got = b''
    equal(got, b'', 'is ended after 30 s, however lively it is')
    equal(api.get('/v1/ping').status, 200, 'and others are answered')
    safe.stop()
    waiting.join(10)
    ok(not waiting.is_alive(), 'who waits is sent away at the end')


def waits_by_tcp():
    """Of the status port's readers sixteen may wait, and an operator always"""
    safe, api, port = with_port()
    held = {}
    for _ in range(17):
        c = port.connection()
        c.request('GET', '/v1/decisions?after=0&wait=20')
        held[c.sock] = c
    answered = select.select(list(held), [], [], 10)[0]
    equal([held[s].getresponse().status for s in answered], [503], 'one of seventeen is put off')
    problem(port.get('/v1/decisions?after=0&wait=1'), 503, 'store-unavailable',
            'as is whoever comes then', 'ask again')
    equal((port.get('/v1/decisions').status, port.get('/healthz').status), (200, 200),
          'who does not wait is answered')
    equal(api.get('/v1/decisions?after=0&wait=1').status, 200, 'and so is who waits at the socket')
    for c in held.values():
        c.close()
    safe.end()


def stopping():
    """It ends within seconds, whoever is connected"""
    safe, api, port = with_port(FIVE)
    held = []
    for where in api, port:
        for data in (b'', b'GET /v1/pi', b'GET /v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n',
                     b'GET /v1/decisions?after=0&wait=20 HTTP/1.1\r\nHost: localhost\r\n\r\n',
                     b'POST /v1/mode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n'
                     b'Content-Type: application/json\r\n\r\n{'):
            s = where.socket()
            s.sendall(data)
            held.append(s)
    time.sleep(0.3)
    equal(send(safe, 7), 5, 'mail goes on')
    began = time.monotonic()
    equal(safe.stop(), 0, 'SIGTERM', log=safe.log()[-1000:])
    ok(time.monotonic() - began < 8, 'is followed within 8 s', took=time.monotonic() - began)
    for s in held:
        s.close()


def modes():
    """Another mode for a while; it survives a reload and a restart"""
    path, base = folder('modes')
    safe = Mortsafe(FIVE, config=base).start()
    api = Api(safe.api)
    equal(send(safe, 7), 5, 'enforcing, five of seven pass')
    got = api.post('/v1/mode', {'mode': 'observe', 'note': 'until the list is out'})
    ok(got.status == 200 and got.json['mode'] == 'observe' and
       got.json['act']['kind'] == 'mode' and got.json['act']['note'] == 'until the list is out' and
       got.json['act']['by'].startswith('root'), 'observe', answer=got)
    equal(send(safe, 7), 7, 'now all pass')
    place.until(lambda: 'mode is observe now, by root' in safe.log(), 'the log to tell it')
    status = api.get('/v1/status').json
    equal((status['mode'], status['configured_mode'], status['mode_act']['id']),
          ('observe', 'enforce', got.json['act']['id']), 'the status, too')
    ok(any(h['name'] == 'mode' and h['state'] == 'warning' and 'root' not in h['text']
           for h in status['health']), 'and warns, without a name', health=status['health'])
    safe.reload('is in force')
    equal(send(safe, 2), 2, 'after a reload, too')
    safe.stop()
    safe.start()
    equal(send(safe, 2), 2, 'and after a restart')
    place.until(lambda: safe.log().count('mode=observe sessions=') == 1, 'the start to say so')
    equal(api.post('/v1/mode', {'mode': 'enforce'}).json['mode'], 'enforce', 'enforce')
    equal(len([a for a in api.get('/v1/acts').json['acts'] if a['kind'] == 'mode']), 1,
          'takes the place of the other')
    got = api.post('/v1/mode', {'mode': 'configured'})
    equal((got.json, api.get('/v1/acts').json['acts']), ({'act': None, 'mode': 'enforce', 'concerned': []}, []),
          'configured: none is left')
    equal(send(safe, 2), 0, 'enforcing again')
    audit = [(e['act'], e['detail']) for e in api.get('/v1/audit').json['entries']]
    ok(('mode', 'configured') in audit and ('mode', 'observe: until the list is out') in audit,
       'the audit trail has it', audit=audit)
    safe.end()


def mode_ends():
    """A mode for two hours ends after two hours"""
    if not os.path.exists(STEPPED):
        tap.skip('a mode for two hours', 'there is no ' + STEPPED)
        return
    safe, clock, api = stepped(FIVE)
    safe.start()
    got = api.post('/v1/mode', {'mode': 'observe', 'for': '2h'})
    equal(got.json['act']['until'], '2026-11-22T16:17:52Z', 'until')
    equal(send(safe, 7), 7, 'observing')
    clock.step(7199)
    equal(api.get('/v1/status').json['mode'], 'observe', 'to the last second')
    clock.step(1)
    equal(api.get('/v1/status').json['mode'], 'enforce', 'and no longer')
    place.until(lambda: 'mode is enforce now' in safe.log(), 'the log to tell')
    safe.end()


def silence():
    """An MTA that asks no more is told of after 15 minutes"""
    if not os.path.exists(STEPPED):
        tap.skip('an MTA that asks no more', 'there is no ' + STEPPED)
        return
    safe, clock, api = stepped(FIVE)
    safe.start()

    def mta():
        return next(h for h in api.get('/v1/status').json['health'] if h['name'] == 'mta')
    place.until(lambda: safe.decided() and mta(), 'the start, by the clock of now')
    clock.step(899)
    equal(mta()['state'], 'ok', 'a second before, all is well')
    clock.step(1)
    equal(mta(), {'name': 'mta', 'state': 'warning',
                  'text': 'no session for 15 minutes: is the MTA configured to ask mortsafe?'},
          'then it warns')
    equal(send(safe, 1), 1, 'a session comes')
    place.until(lambda: mta()['state'] == 'ok', 'the health to be well again')
    safe.end()


def reloading():
    """Reloads that come together, good and bad"""
    safe, api = started(FIVE)
    got = api.post('/v1/reload')
    ok(got.json['ok'] and any('in force' in line['text'] for line in got.json['lines']),
       'what the log is told, the asker is', answer=got)
    found = []

    def ask():
        for _ in range(5):
            found.append(api.post('/v1/reload').json['ok'])
    crowd = [threading.Thread(target=ask) for _ in range(6)]
    for t in crowd:
        t.start()
    for _ in range(20):
        safe.process.send_signal(signal.SIGUSR1)
        time.sleep(0.01)
    for t in crowd:
        t.join()
    equal(found, [True] * 30, 'thirty by the API, twenty by signals')
    safe.configure('nonsense = 1')
    got = api.post('/v1/reload')
    ok(got.status == 200 and got.json['ok'] is False and
       any(line['level'] == 'error' and 'nonsense' in line['text'] for line in got.json['lines']),
       'errors are told', answer=got)
    status = api.get('/v1/status').json
    ok(status['config']['last_ok'] is False and status['config']['reloads_failed'] == 1,
       'and counted', config=status['config'])
    ok(any(h['name'] == 'configuration' and h['state'] == 'warning' for h in status['health']),
       'and stand in the health')
    safe.configure('api { socket = %s.other }\nstatus { listen = inet:1@127.0.0.1 }' % safe.api)
    got = api.post('/v1/reload').json
    waits = [line['text'] for line in got['lines'] if 'next restart' in line['text']]
    equal(len(waits), 2, 'what waits for a restart is told', lines=got['lines'])
    equal(send(safe, 1), 1, 'mail goes on')
    safe.end()


def no_diary():
    """A diary that cannot be opened is told, and kept in memory"""
    path, base = folder('nodiary')
    os.mkdir(path + '/diary.db', 0o700)
    safe = Mortsafe(FIVE, config=base).start()
    api = Api(safe.api)
    place.until(lambda: re.search('diary: .*diary.db.*memory', safe.log()), 'the log to tell')
    equal(send(safe, 7), 5, 'mail goes on')
    place.until(lambda: api.get('/v1/decisions').json['decisions'], 'decisions')
    ok(api.post('/v1/mode', {'mode': 'observe'}).status == 200, 'acts can be set')
    equal(safe.stop(), 0, 'it stops')


def beside_mail():
    """Everybody asks while mail flows, and the configuration is read again"""
    safe, api, port = with_port(FIVE)
    over, wrong, count = threading.Event(), [], [0]
    paths = ['/v1/status', '/v1/subjects?sort=share', '/v1/decisions', '/metrics', '/', '/v1/would',
             '/v1/limits', '/v1/history?range=24h', '/v1/subjects/user:u1@example.org']

    def ask(where, n):
        while not over.is_set():
            got = where.get(paths[n % len(paths)])
            if got.status not in (200, 404):
                wrong.append(got)
            n += 1
            count[0] += 1

    def act():
        n = 0
        while not over.is_set():
            n += 1
            user = api.subject('user:u%d@example.org' % (n % 5))
            for path, body in (('reset', {}), ('exempt', {'limit': 'burst', 'until': '1h'}),
                               ('raise', {'limit': 'burst', 'rates': '9/1h', 'until': '1h'}),
                               ('forget', {})):
                got = api.post(user + '/' + path, body)
                if got.status not in (200, 404):
                    wrong.append(got)
            api.post('/v1/reload')

    def mail(k):
        n = 0
        while not over.is_set():
            n += 1
            with session(safe.socket, '198.18.%d.%d' % (k, n % 250), port=587) as m:
                m.message('<u@example.org>', ['<v@victim.test>'], login='u%d' % (n % 9))
    crowd = [threading.Thread(target=ask, args=(w, n)) for n, w in enumerate((api, port, api))]
    crowd += [threading.Thread(target=mail, args=(k,)) for k in range(3)]
    crowd += [threading.Thread(target=act)]
    for t in crowd:
        t.start()
    time.sleep(float(os.environ.get('MORTSAFE_E2E_SECONDS', '4')))
    over.set()
    for t in crowd:
        t.join()
    equal(wrong, [], 'every request is answered', requests=count[0])
    ok(safe.alive(), 'it lives')
    equal(safe.stop(), 0, 'and ends well', log=safe.log()[-3000:])
    ok('WARNING: ThreadSanitizer' not in safe.log().split('stopped')[0], 'no race',
       log=safe.log()[:6000] if 'ThreadSanitizer' in safe.log() else '')


tap.run(first_answers, rights, crowding, sockets, by_which_name, bad_requests, hostile_names,
        slow_readers, slow_loris, waits_by_tcp, stopping, modes, mode_ends, silence, reloading,
        no_diary, beside_mail)
place.leave()
tap.finish()
