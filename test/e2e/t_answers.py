#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the API answers: every answer against its schema, over the socket and over TCP with
and without names; hostile names; every refusal of a question; the manual's examples."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import redis
import schemas
import tap
from api import Api
from daemon import Mortsafe
from milter import session
from tap import equal, ok

EXTRA = '''
listener submission { port = 587  auth = require  tls = allow }
network office { addr = 192.0.2.0/24  relay = any }
limit user { key = user  count = external  rate = 3/1h, 10/1d }
limit box { key = user+sender  count = messages  rate = 50/1h  mode = observe }
limit net { key = prefix  count = messages  rate = 2/1h  mode = observe }
exempt news { user = news@example.org  skip = limit.user  note = "weekly list" }
api { socket = %s  group daemon { may = read } }
status { listen = inet:%d@127.0.0.1  names = %s }
'''
MANUAL = os.path.join(place.HERE, '..', '..', 'man', 'mortsafe-api.7')
# as MAIL has them; all but the last two are addresses
SENDERS = [b'<"<script>alert(1)</script>"@evil.test>', b'<"} x 1"@evil.test>',
           b'<a\\x41b@evil.test>', b'<a%0d%0ab@evil.test>', 'caf\u00e9@evil.test'.encode(),
           b'<../../etc/passwd@evil.test>', b'<\xff\xfe\x01@evil.test>', b'<' + b'x' * 900 + b'>']
LOGINS = [b'<script>', b'"} evil 1', b"';drop table decisions--", b'../..', b'%s%n%x',
          b'\xff\xfe', 'caf\u00e9'.encode(), b'a+b:c', b'~K7Q2M9XD', b'user:x', b'a/b?c#d&e=f']
MARK = re.compile(r'~[0-9A-Z]{8}')


class Place:
    """A daemon with its API at both doors."""

    def __init__(self, names='no'):
        port = place.port()
        folder = place.path('api-%d' % port)
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        self.path = os.path.join(folder, 'api.sock')
        self.safe = Mortsafe(EXTRA % (self.path, port, names)).start()
        self.api, self.tcp = Api(self.path), Api(('127.0.0.1', port))
        place.until(lambda: os.path.exists(self.path) and place.listening(port), 'the API')

    def end(self):
        equal(self.safe.end(), 0, 'the daemon ends well')

    def send(self, login, sender=b'<s@example.org>', recipients=('<v@victim.test>',), **how):
        with session(self.safe.socket, port=587, **how) as m:
            return m.message(sender, list(recipients), login=login)

    def stranger(self, sender, recipient='<v@victim.test>', address='203.0.113.9'):
        with session(self.safe.socket, address=address) as m:
            return m.message(sender, [recipient])


def fits(name, answer, what, status=200):
    """Is ANSWER what schema NAME says?"""
    if not equal(answer.status, status, '%s: %d' % (what, status), body=answer.text[:500]):
        return False
    wrong = schemas.errors(name, answer.json)
    if re.search(r'\d\.\d{7}', answer.text):
        wrong.append('a number with more digits than it was written with')
    return ok(not wrong, '%s is as %s.json says' % (what, name), wrong='\n'.join(wrong[:8]),
              body=answer.text[:800])


def refused(answer, status, kind, what):
    fits('problem', answer, what, status)
    equal(answer.json and answer.json['type'], 'tag:mortsafe,2026:' + kind, what + ': ' + kind)
    equal(answer.headers.get('Content-Type'), 'application/problem+json', what + ': its type')
    equal(answer.json and answer.json['status'], status, what + ': its status')


def quote(key):
    return urllib.parse.quote(key, safe='')


def traffic(p):
    """Some of everything: accepted, refused, would be, by a relay, by strangers."""
    for _ in range(4):
        p.send('ann', b'<ann@example.org>')
    p.send('news', b'<news@example.org>', ['<v%d@victim.test>' % i for i in range(9)])
    p.stranger('<s@spam.test>')
    for _ in range(3):
        with session(p.safe.socket, address='192.0.2.7') as m:
            m.message('<box@example.org>', ['<v@victim.test>'])


# every question: path, schema, is it on the status port
QUESTIONS = [
    ('/v1/ping', 'ping', True),
    ('/v1/status', 'status', True),
    ('/v1/subjects', 'subjects', True),
    ('/v1/subjects?sort=external&limit=1', 'subjects', True),
    ('/v1/subjects?kind=pair', 'subjects', True),
    ('/v1/subjects?standing=normal', 'subjects', True),
    ('/v1/subjects?fleet=yes', 'subjects', True),
    ('/v1/decisions', 'decisions', True),
    ('/v1/decisions?deed=would&limit=1', 'decisions', True),
    ('/v1/decisions?after=0', 'decisions', True),
    ('/v1/would', 'would', True),
    ('/v1/limits', 'limits', True),
    ('/v1/seen', 'seen', False),
    ('/v1/data', 'data', True),
    ('/v1/subjects?standing=throttled,quarantined', 'subjects', True),
    ('/v1/zombies', 'zombies', True),
    ('/v1/zombies?standing=quarantined&limit=1', 'zombies', True),
    ('/v1/zombies?observed=yes', 'zombies', True),
    ('/v1/changes', 'changes', True),
    ('/v1/changes?family=content&to=throttled,quarantined&since=7d&fleet=yes', 'changes', True),
    ('/v1/held', 'held', True),
    ('/v1/held?fleet=yes&limit=1', 'held', True),
    ('/v1/notices', 'notices', True),
    ('/v1/reports', 'reports', False),
    ('/v1/reports?since=7d&limit=1', 'reports', False),
    ('/v1/history', 'history', True),
    ('/v1/history?range=30d', 'history', True),
    ('/v1/config', 'config', False),
    ('/v1/acts', 'acts', False),
    ('/v1/audit', 'audit', False),
    ('/v1/audit?since=7d&limit=1&fleet=yes', 'audit', False),
]


def answers():
    """Every answer against its schema, at both doors"""
    p = Place()
    traffic(p)
    ann = '/v1/subjects/user:ann%40example.org'
    orders = [
        (ann + '/exempt', {'limit': 'box', 'until': '7d', 'note': 'ticket "4711" <b>'}, 'act'),
        (ann + '/raise', {'limit': 'user', 'rates': '2000/1d', 'until': '2099-12-24'}, 'act'),
        (ann + '/quarantine', {'for': '7d', 'note': 'ticket "4712" <b>'}, 'quarantine'),
        (ann + '/resend', {}, 'resend'),
        ('/v1/held/gone', {'ids': [{'id': '4Xk2Wz0q3zz'}]}, 'held_gone'),
        ('/v1/feedback', {'kind': 'complaint', 'ids': ['4Xk2Wz0q3zz'], 'detail': '<b>'},
         'feedback'),
        ('/v1/release', {'since': '1d', 'family': 'content', 'dry_run': True}, 'release_all'),
        ('/v1/mode', {'mode': 'observe', 'for': '2h'}, 'mode'),
        ('/v1/reload', {}, 'reload'),
        ('/v1/explain', {'client': '203.0.113.7', 'user': 'ann', 'to': 'b@victim.test'}, 'explain'),
        ('/v1/explain', {'client': '2001:db8::7', 'port': 25, 'to': ['b@victim.test']}, 'explain'),
    ]
    for path, body, schema in orders:
        fits(schema, p.api.post(path, body), 'POST ' + path)
    for path, schema, tcp in QUESTIONS:
        fits(schema, p.api.get(path), path)
        if tcp:
            fits(schema, p.tcp.get(path), 'by TCP, ' + path)
        else:
            refused(p.tcp.get(path), 403, 'forbidden', 'by TCP, ' + path)
    for row in p.api.get('/v1/subjects?limit=1000').json['subjects']:
        fits('subject', p.api.get(p.api.subject(row['id'])), row['id'])
    for row in p.tcp.get('/v1/subjects?limit=1000').json['subjects']:
        fits('subject', p.tcp.get(p.tcp.subject(row['id'])), 'by TCP, ' + row['id'])
    fits('export', p.api.get(ann + '/export'), 'an export')
    told = p.api.get(ann).json
    equal((told['standing'], told['zombie']['by'] is not None, len(told['changes'])),
          ('quarantined', True, 1), 'how she stands is told, and who says so')
    fits('release', p.api.post(ann + '/release', {'how': 'legit', 'note': 'x'}), 'a release')
    fits('lease', p.api.post('/v1/subjects/client:192.0.2.7/lease'), 'a lease')
    fits('release_all', p.api.post('/v1/release', {'since': '1d'}), 'a release in bulk')
    refused(p.api.post('/v1/confirm', {'code': 'K7Q2-M9XD'}), 404, 'unknown-code', 'no such code')
    refused(p.api.get(ann + '/preview'), 409, 'conflict', 'a letter that nobody would send')
    equal(len([a for a in told['acts'] if a['holds']]), 2, 'both acts hold')
    equal([u['by'] for u in told['limits'] if u['limit'] == 'user'], ['configuration', 'raised'],
          'the raised rate is told, and the other')
    acts = p.api.get('/v1/acts').json['acts']
    for act in acts:
        fits('act_removed', p.api.delete('/v1/acts/' + act['id']), 'DELETE of a ' + act['kind'])
    fits('mode', p.api.post('/v1/mode', {'mode': 'configured'}), 'the mode of the configuration')
    fits('reset', p.api.post(ann + '/reset', {'limit': 'user'}), 'a reset of a limit')
    fits('reset', p.api.post(ann + '/reset'), 'a reset')
    fits('forget', p.api.post(ann + '/forget'), 'a forget')
    p.end()


def help_desk():
    """Why was she stopped, and let her go on"""
    p = Place()
    for _ in range(3):
        first, each, end = p.send('ann', b'<ann@example.org>')
    ok(end.passed, 'the third passes')
    first, each, _ = p.send('ann', b'<ann@example.org>')
    equal(each[0].code, 450, 'the fourth is deferred')
    ref = re.search(r'ref (\w{8})', str(each[0])).group(1)
    found = p.api.get('/v1/decisions?ref=' + ref).json['decisions']
    equal([(d['rule'], d['user'], d['used']) for d in found],
          [('limit.user', 'ann@example.org', 4)], 'found by its reference')
    told = p.api.get('/v1/subjects/ann%40example.org').json
    use = [u for u in told['limits'] if u['limit'] == 'user' and u['span_s'] == 3600][0]
    equal((told['id'], use['used'], use['rate']['text']), ('user:ann@example.org', 3, '3/1h'),
          'who, and how much')
    ok(0 < use['room_s'] <= 3900, 'and when there is room', room_s=use['room_s'])
    ok(use['origin'].startswith(p.safe.file + ':'), 'and where it is written', use=use)
    said = p.api.post('/v1/explain', {'client': '192.0.2.1', 'user': 'ann', 'tls': True,
                                      'to': 'v@victim.test'}).json
    equal((said['action'], said['rule'], said['code']), ('defer', 'limit.user', 450),
          'explain says so as well')
    def counts(limits):  # the slices, and the time until there is room, go on
        return [(u['limit'], u['span_s'], u['used']) for u in limits]
    equal(counts(p.api.get('/v1/subjects/user:ann').json['limits']), counts(told['limits']),
          'and has counted nothing')
    equal(p.api.post('/v1/subjects/user:ann/reset', {'limit': 'user'}).status, 200, 'reset')
    ok(p.send('ann', b'<ann@example.org>')[2].passed, 'the next one passes at once')
    equal([e['act'] for e in p.api.get('/v1/audit').json['entries']], ['reset'],
          'who did what is written down')
    p.end()


def waiting():
    """To follow what is decided"""
    p = Place()
    last = p.api.get('/v1/decisions').json['last']
    c = p.api.connection()
    c.request('GET', '/v1/decisions?after=%d&wait=20' % last)
    p.stranger('<s@spam.test>')
    began = time.monotonic()
    told = json.loads(c.getresponse().read())
    ok(time.monotonic() - began < 10, 'who waits hears of it')
    equal([d['rule'] for d in told['decisions']], ['relay.denied'], 'of what has happened')
    ok(told['last'] > last, 'and where to go on')
    began = time.monotonic()
    told = p.api.get('/v1/decisions?after=%d&wait=1' % told['last']).json
    ok(time.monotonic() - began >= 0.9 and told['decisions'] == [], 'and if nothing happens, nothing')
    p.end()


def pages():
    """A list in pages is the list"""
    p = Place()
    for i in range(12):
        p.send('u%02d' % i, b'<a@example.org>', ['<v%d@victim.test>' % n for n in range(i % 3 + 1)])
    whole = [r['id'] for r in p.api.get('/v1/subjects?sort=external').json['subjects']]
    got, cursor = [], None
    while len(got) < 100:
        query = {'sort': 'external', 'limit': 5}
        if cursor:
            query['cursor'] = cursor
        page = p.api.get('/v1/subjects', **query).json
        got += [r['id'] for r in page['subjects']]
        cursor = page['next']
        if not cursor:
            break
    equal(got, whole, 'page by page, the same subjects in the same order')
    equal(len([r for r in got if r.startswith('user:u')]), 12, 'all of them')
    p.end()


def hostile():
    """Senders, logins and queue ids of an attacker, told as text"""
    p = Place('yes')
    for sender in SENDERS:
        p.stranger(sender)
        with session(p.safe.socket, address='192.0.2.7') as m:
            m.message(sender, ['<v@victim.test>'])
    for login in LOGINS:
        for _ in range(4):
            p.send(login, b'<s@example.org>')
    with session(p.safe.socket, port=587, macros={'i': b'<b>"} x 1\n'}) as m:
        m.mail(b'<s@example.org>', login='eve', macros={'i': b'<b>"} x 1'})
        for n in range(5):
            m.rcpt('<v%d@victim.test>' % n, macros={'i': b'<b>"} x 1'})
    for path, schema, tcp in QUESTIONS:
        answer = p.api.get(path)
        fits(schema, answer, path)
        ok(all(32 <= b < 127 or b == 10 for b in answer.body), path + ' is printable')
    seen = 0
    for row in p.api.get('/v1/subjects?limit=1000').json['subjects']:
        told = p.api.get(p.api.subject(row['id']))
        fits('subject', told, row['id'])
        equal(told.json and told.json['id'], row['id'], 'and is found by its own id')
        seen += 1
    ok(seen > 15, 'there were many', seen=seen)
    for d in p.api.get('/v1/decisions?limit=1000').json['decisions']:
        if d['user']:
            again = p.api.get('/v1/decisions', subject=d['subject'] or 'user:' + d['user'])
            ok(again.status == 200 and again.json['decisions'],
               'decisions of %s are found' % d['user'], answer=again)
    for word in ['<b>', '"} x', "' or '1'='1", '%', '_', '../', 'a\\x00b', '\u00e9']:
        for name in ('ref', 'id', 'user', 'client', 'rule'):
            answer = p.api.get('/v1/decisions', **{name: word})
            ok(answer.status == 200 and answer.json['decisions'] == [],
               '%s=%s finds nothing' % (name, word), answer=answer)
        for act in ('exempt', 'reset', 'forget'):
            path = p.api.subject('user:' + word, act)
            answer = p.api.post(path)
            ok(answer.status == 200, act + ' of ' + word, answer=answer)
        refused(p.api.get(p.api.subject('sender:x' + word + '@nobody.test')), 404,
                'unknown-subject', 'nobody called ' + word)
    fits('acts', p.api.get('/v1/acts'), 'acts')
    ok(p.safe.alive(), 'the daemon lives')
    p.end()


def pseudonyms():
    """By TCP no name is told, unless names = yes"""
    names = ['ann', 'victim.test', '203.0.113.9', '192.0.2.7', 'spam.test', 'box@']
    p = Place()
    traffic(p)
    p.api.post('/v1/subjects/user:ann/quarantine', {'note': 'ann has called'})
    everything = ''
    for path, _, tcp in QUESTIONS:
        if tcp:
            everything += p.tcp.get(path).text
    rows = p.tcp.get('/v1/subjects?limit=1000').json['subjects']
    ok(len(rows) >= 4, 'there are rows', rows=rows)
    stands = p.tcp.get('/v1/zombies').json['standings']
    ok(len(stands) == 1 and MARK.search(stands[0]['subject']) and stands[0]['note'] == '',
       'who stands how', stands=stands)
    change = p.tcp.get('/v1/changes').json['changes'][0]
    equal((change['from'], change['to'], change['note']), ('normal', 'quarantined', ''),
          'a standing is nobody\'s name')
    for row in rows:
        ok(MARK.fullmatch(row['key']) or row['kind'] == 'network', 'a pseudonym: ' + row['id'])
        answer = p.tcp.get(p.tcp.subject(row['id']))
        equal(answer.json.get('id'), row['id'], 'which finds its subject')
        real = p.api.get(p.api.subject(row['id'])).json
        ok(real['kind'] == row['kind'] and '~' not in real['id'],
           'and whose name is told on the socket', real=real['id'])
        refused(p.tcp.get(p.tcp.subject(real['id'])), 404, 'unknown-subject',
                'by TCP nobody is found by name')
        everything += answer.text
    for name in names:
        ok(name not in everything, '%s is nowhere' % name,
           where=everything[max(0, everything.find(name) - 150):][:300])
    refused(p.tcp.get('/v1/decisions?user=ann'), 400, 'bad-request', 'names cannot be tried')
    refused(p.tcp.get('/v1/decisions?client=203.0.113.9'), 400, 'bad-request', 'nor addresses')
    refused(p.tcp.get('/v1/subjects/user:~AAAAAAAA'), 404, 'unknown-subject', 'no such pseudonym')
    p.end()
    p = Place('yes')
    traffic(p)
    ids = [r['id'] for r in p.tcp.get('/v1/subjects?limit=1000').json['subjects']]
    ok('user:ann@example.org' in ids, 'with names = yes there are names', ids=ids)
    equal(p.tcp.get('/v1/subjects/user:ann%40example.org').status, 200, 'and they are found')
    p.end()


def refusals():
    """Every question that is none"""
    p = Place()
    ann = '/v1/subjects/user:ann%40example.org'
    for path in ('/v1/subjects?colour=red', '/v1/subjects?limit=many', '/v1/subjects?kind=people',
                 '/v1/subjects?standing=bad', '/v1/subjects?sort=name', '/v1/subjects?cursor=x',
                 '/v1/subjects?fleet=maybe', '/v1/subjects/client:ann', ann + '?x=1',
                 '/v1/decisions?limit=0', '/v1/decisions?since=yore', '/v1/decisions?wait=1',
                 '/v1/decisions?after=0&wait=21', '/v1/decisions?action=kill',
                 '/v1/decisions?deed=no', '/v1/decisions?after=-1', '/v1/would?limit=10001',
                 '/v1/zombies?standing=normal', '/v1/zombies?standing=quarantined,', '/v1/zombies?limit=0',
                 '/v1/zombies?cursor=1', '/v1/zombies?observed=1', '/v1/changes?to=bad',
                 '/v1/changes?family=x', '/v1/changes?since=yore', '/v1/held?limit=0',
                 '/v1/held?subject=client:ann', '/v1/notices?x=1', '/v1/reports?limit=0',
                 ann + '/preview?kind=love', '/v1/would?since=', '/v1/audit?limit=0', '/v1/history?range=1y', '/v1/acts?x=1'):
        refused(p.api.get(path), 400, 'bad-request', path)
    for path in (ann, '/v1/subjects/ann', ann + '/export'):
        refused(p.api.get(path), 404, 'unknown-subject', path)
    for path, body in ((ann + '/reset', {'limits': 'user'}), (ann + '/reset', {'limit': 7}),
                       (ann + '/exempt', {'until': '2001-01-01'}), (ann + '/exempt', {'until': 'soon'}),
                       (ann + '/exempt', {'fleet': True}), (ann + '/exempt', {'note': 'x' * 501}),
                       ('/v1/subjects/bob/exempt', {}),
                       (ann + '/raise', {'limit': 'user', 'rates': '9/1h'}),
                       (ann + '/raise', {'rates': '9/1h', 'until': '7d'}),
                       (ann + '/raise', {'limit': 'user', 'until': '7d'}),
                       (ann + '/raise', {'limit': 'user', 'rates': '9/1w', 'until': '7d'}),
                       (ann + '/raise', {'limit': 'user', 'rates': '9/2h', 'until': '7d'}),
                       (ann + '/raise', {'limit': 'net', 'rates': '9/1h', 'until': '7d'}),
                       (ann + '/quarantine', {'for': '7d', 'until': '2099-01-01'}),
                       (ann + '/quarantine', {'until': '2001-01-01'}),
                       ('/v1/subjects/domain:example.org/quarantine', {}),
                       (ann + '/release', {'how': 'softly'}), (ann + '/lease', {}),
                       ('/v1/release', {}), ('/v1/release', {'since': 'yore'}),
                       ('/v1/release', {'since': '1h', 'standing': ['normal']}),
                       ('/v1/release', {'since': '1h', 'dry_run': 'yes'}),
                       ('/v1/confirm', {}), ('/v1/confirm', {'code': 7}),
                       ('/v1/held/gone', {}), ('/v1/held/gone', {'ids': ['4Xk2Wz0q3zz']}),
                       ('/v1/feedback', {}), ('/v1/feedback', {'kind': 'praise'}),
                       ('/v1/feedback', {'kind': 'log', 'ids': 'x'}),
                       (ann + '/forget', {'yes': True}), ('/v1/explain', {}),
                       ('/v1/explain', {'client': 'ann'}),
                       ('/v1/explain', {'client': '192.0.2.7', 'listener': 'smtp'}),
                       ('/v1/explain', {'client': '192.0.2.7', 'port': -1}),
                       ('/v1/explain', {'client': '192.0.2.7', 'to': [[]]}),
                       ('/v1/explain', {'client': '192.0.2.7', 'to': ['a@b.test'] * 101})):
        refused(p.api.post(path, body), 400, 'bad-request', path + ' ' + json.dumps(body)[:60])
    answer = p.api.post(ann + '/reset', {'limit': 'usr'})
    refused(answer, 404, 'unknown-limit', 'a limit that is none')
    ok('did you mean `user`' in answer.json['detail'], 'and what was meant', detail=answer.json)
    refused(p.api.delete('/v1/acts/AAAAAAAA'), 404, 'unknown-act', 'an act that is none')
    for path in (ann + '/export', '/v1/acts', '/v1/audit', '/v1/config', '/v1/reports',
                 ann + '/preview'):
        refused(p.tcp.get(path), 403, 'forbidden', 'by TCP, ' + path)
    equal(p.api.get('/v1/acts').json['acts'], [], 'nothing of it was done')
    p.end()


# ----- several hosts

class FleetHost(redis.Host):
    """One with a host name and an API of its own."""

    def __init__(self, layout, host):
        self.host, port = host, place.port()
        folder = place.path('api-%d' % port)
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        path = os.path.join(folder, 'api.sock')
        super().__init__(layout, EXTRA % (path, port, 'no'), 'hosts = 2')
        self.api = Api(path)

    def command(self):
        return ['unshare', '--uts', 'sh', '-c', 'hostname "$0"; exec "$@"', self.host] \
            + super().command()

    def send(self, login, sender=b'<s@example.org>'):
        with session(self.socket, port=587) as m:
            return m.message(sender, ['<v@victim.test>'], login=login)

    def get(self, path, **query):
        return self.api.get(path, **query).json


def fleet():
    """Two hosts that share a store: what one knows the other tells"""
    layout = redis.Layout().start()
    mx1, mx2 = [FleetHost(layout, host).start() for host in ('mx1', 'mx2')]
    for host in mx1, mx2:
        host.normal(lambda: host.send('probe-' + host.host))
    for _ in range(3):
        mx1.send('ann', b'<ann@example.org>')
    refused_reply = mx1.send('ann', b'<ann@example.org>')[1][0]
    equal(refused_reply.code, 450, 'mx1 defers')
    ref = re.search(r'ref (\w{8})', str(refused_reply)).group(1)
    place.until(lambda: mx2.get('/v1/decisions', ref=ref)['decisions'], 'mx2 to know', 20)
    answer = mx2.api.get('/v1/decisions', ref=ref)
    fits('decisions', answer, 'why, asked at the other host')
    equal([d['host'] for d in answer.json['decisions']], ['mx1'], 'it says which host')
    equal(len(mx1.get('/v1/decisions', ref=ref)['decisions']), 1, 'mx1 tells it once')
    equal(mx2.get('/v1/decisions', ref=ref, fleet='no')['decisions'], [], 'fleet=no asks nobody')
    answer = mx2.api.get('/v1/subjects/user:ann')
    fits('subject', answer, 'the subject, asked at the other host')
    equal([u['used'] for u in answer.json['limits'] if u['limit'] == 'user'], [3, 3],
          'counts are those of both')
    equal([d['ref'] for d in answer.json['decisions'] if d['deed'] == 'done'], [ref],
          'and so are decisions')
    place.until(lambda: any(r['host'] == 'mx1' for r in
                            mx2.get('/v1/subjects?fleet=yes')['subjects']), 'the fleet\'s list', 30)
    answer = mx2.api.get('/v1/subjects?fleet=yes&kind=user&sort=external')
    fits('subjects', answer, 'the list of both')
    ids = [r['id'] for r in answer.json['subjects']]
    equal((ids[0], len(ids), answer.json['from']), ('user:ann@example.org', len(set(ids)), 'fleet'),
          'each subject once, the busiest first')
    fits('status', mx2.api.get('/v1/status'), 'the status of a fleet')
    before = layout.servers[0].called().get('scan', 0)
    answer = mx2.api.get('/v1/subjects?standing=normal&limit=1000')
    fits('subjects', answer, 'a list of a standing')
    ok('user:probe-mx2@example.org' in [r['id'] for r in answer.json['subjects']],
       'has what this host knows', answer=answer)
    equal(layout.servers[0].called().get('scan', 0), before, 'and the server was not asked for all')

    fits('reset', mx2.api.post('/v1/subjects/user:ann/reset'), 'a reset at mx2')
    place.until(lambda: mx1.send('ann', b'<ann@example.org>')[2], 'mx1 to let her pass', 3)
    ok(True, 'mx1 lets her pass')
    told = mx2.api.post('/v1/subjects/user:ann/exempt', {'limit': 'user', 'until': '2h'})
    fits('act', told, 'an exemption at mx2')
    ok(told.json['act']['fleet'], 'is of the fleet')
    place.until(lambda: mx1.get('/v1/acts')['acts'], 'mx1 to know', 20)
    ok(all(mx1.send('ann', b'<ann@example.org>')[2] for _ in range(5)), 'mx1 holds her to nothing')
    fits('act_removed', mx1.api.delete('/v1/acts/' + told.json['act']['id']), 'taken back at mx1')
    place.until(lambda: not mx2.get('/v1/acts')['acts'], 'mx2 to know', 20)
    local = mx2.api.post('/v1/subjects/user:ann/exempt', {'fleet': False}).json
    ok(not local['act']['fleet'], 'one of this host alone')
    place.until(lambda: len(mx1.get('/v1/audit?fleet=yes')['entries']) >= 4, 'the audit trail', 20)
    answer = mx1.api.get('/v1/audit?fleet=yes')
    fits('audit', answer, 'the audit trail of both')
    equal(sorted({e['host'] for e in answer.json['entries']}), ['mx1', 'mx2'], 'is of both')
    equal({e['host'] for e in mx1.get('/v1/audit')['entries']}, {'mx1'}, 'or of one')
    equal(mx1.get('/v1/acts')['acts'], [], 'what mx2 does alone mx1 does not know')

    told = mx1.api.post('/v1/subjects/user:eve/quarantine', {'note': 'ticket 4711'})
    fits('quarantine', told, 'a quarantine at mx1')
    place.until(lambda: mx2.get('/v1/zombies')['counts']['quarantined'], 'mx2 to know of it', 5)
    place.until(lambda: mx2.get('/v1/changes', fleet='yes')['changes'], 'mx2 to know why', 20)
    answer = mx2.api.get('/v1/changes?fleet=yes&subject=user:eve')
    fits('changes', answer, 'why, asked at the other host')
    equal([(c['id'], c['host'], c['note']) for c in answer.json['changes']],
          [(told.json['change']['id'], 'mx1', 'ticket 4711')], 'the same change, once')
    equal(len(mx1.get('/v1/changes', fleet='yes')['changes']), 1, 'mx1 tells it once')
    answer = mx2.api.get('/v1/subjects/user:eve')
    fits('subject', answer, 'the subject, asked at the other host')
    equal((answer.json['standing'], answer.json['zombie']['note']), ('quarantined', 'ticket 4711'),
          'stands so there, too')
    fits('release', mx2.api.post('/v1/subjects/user:eve/release'), 'a release at mx2')
    place.until(lambda: not mx1.get('/v1/zombies')['counts']['quarantined'], 'mx1 to know', 5)
    ok(True, 'mx1 lets her go')
    fits('feedback', mx1.api.post('/v1/feedback', {'kind': 'complaint', 'ids': ['4XkNobody']}),
         'a complaint about a message of nobody')

    mx1.send('ann', b'<ann@example.org>')
    fits('forget', mx1.api.post('/v1/subjects/user:ann/forget'), 'a forget at mx1')
    equal(mx1.api.get('/v1/subjects/user:ann').status, 404, 'nothing is known at mx1')
    equal(mx2.get('/v1/decisions', ref=ref)['decisions'], [], 'mx2 does not hear why any more')
    fits('forget', mx2.api.post('/v1/subjects/user:ann/forget'), 'what mx2 has of its own')
    for host in mx1, mx2:
        for path in '/v1/audit?fleet=yes', '/v1/decisions', '/v1/would', '/v1/subjects?fleet=yes':
            text = host.api.get(path).text
            ok('ann@' not in text, '%s: nobody called ann in %s' % (host.host, path), text=text)
        equal(host.end(), 0, 'a host of the fleet ends well')


# ----- the manual

def manual_lines():
    with open(MANUAL) as page:
        return page.read().splitlines()


def scripts():
    """What stands in literal text behind a comment "shell"."""
    lines, found = manual_lines(), []
    for i, line in enumerate(lines):
        if line == '.\\" shell':
            end = lines.index('.Ed', i)
            found.append('\n'.join(lines[i + 2:end]).replace('\\e', '\\'))
    return found


def fields(lines, i):
    """Items of the list that begins behind line I, without those of lists in it."""
    depth, names = 0, []
    for line in lines[i + 1:]:
        depth += line.startswith('.Bl') - line.startswith('.El')
        if line.startswith('.It Cm ') and depth == 1:
            names += line[7:].replace(' ,', '').split()
        if depth == 0:
            return names


def properties(name):
    schema = schemas.read('shapes')['definitions'].get(name) or schemas.read(name)
    return sorted(schema['properties'])


def manual():
    """The manual's examples run, and its lists of fields are those of the schemas"""
    p = Place()
    traffic(p)
    for script in scripts():
        said = subprocess.run(['sh', '-ec', script.replace('/run/mortsafe/api.sock', p.path)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        try:
            told = json.loads(said.stdout)
        except ValueError:
            told = None
        ok(said.returncode == 0 and told and 'status' not in told,
           'the example works: ' + ' '.join(script.split())[-70:], said=said)
    ok(len(scripts()) >= 8, 'there are examples')
    p.end()
    lines = manual_lines()
    compared = set()
    for i, line in enumerate(lines):
        if line.startswith('.\\" answer '):
            name = line.split()[-1]
            compared.add(name)
            equal(sorted(fields(lines, i)), properties(name), 'the manual has all of ' + name)
    ok({'row', 'decision', 'act', 'subject', 'use', 'explain', 'change', 'zombie', 'stander', 'held',
        'notice', 'report'} <= compared, 'all shapes', has=compared)
    page = '\n'.join(lines)
    kinds = re.search(r'\((.*)\)', schemas.read('problem')['properties']['type']['pattern']).group(1)
    for kind in kinds.split('|'):
        ok('.It Cm %s\n' % kind in page, 'the manual has the problem ' + kind)


if __name__ == '__main__':
    tap.run(answers, help_desk, waiting, pages, hostile, pseudonyms, refusals)
    if redis.program():
        tap.run(fleet)
    else:
        tap.skip('a fleet', 'no Redis')
    if shutil.which('curl'):
        tap.run(manual)
    else:
        tap.skip('the manual', 'no curl')
    place.leave()
    tap.finish()
