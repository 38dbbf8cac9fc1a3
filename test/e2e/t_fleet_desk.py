#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two hosts and one Redis: what operators ask on one, and set there, is the fleet's."""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import api
import place
import redis
import tap
from milter import session
from tap import equal, ok

LIMIT = 3
EXTRA = '''
listener submission { port = 587  auth = require  tls = allow }
limit user { rate = %d/1h }
limit burst { off = yes }
limit user_all { off = yes }
limit box { key = user+sender  count = messages  rate = 1000/1h }
''' % LIMIT
SOON = 2     # seconds, for what operators set
WRITTEN = 5  # until a decision is on the board
TOLD = 15    # until hosts have told of their busiest
one = two = layout = None


class Host(redis.Host):
    """A host of its own name, which needs a namespace for it."""

    def __init__(self, name):
        self.host = name
        super().__init__(layout, EXTRA)
        self.desk = api.Api(self.api)

    def command(self):
        return ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', self.host,
                *super().command()]

    def send(self, user, to='v@victim.test'):
        """Does a message of USER's pass?"""
        with session(self.socket, port=587, address='192.0.2.7') as m:
            end = m.message('<%s>' % user, ['<%s>' % to], login=user)[2]
        return bool(end and end.passed)

    def stopped(self, user):
        """Spend the limit and one more; the decision that follows."""
        # (what another host has admitted may be known here a moment later)
        place.until(lambda: not self.send(user), 'a limit to be reached')
        return self.wait_decision(user=user, action='defer')

    def mode(self):
        return self.desk.get('/v1/status').json['mode']

    def acts(self):
        return {act['id'] for act in self.desk.get('/v1/acts').json['acts']}

    def refs(self, **query):
        answer = self.desk.get('/v1/decisions', **query)
        return [d['ref'] for d in answer.json['decisions']] if answer.status == 200 else answer


def found_on_the_other():
    """A decision of one host, asked of the other"""
    told = one.stopped('ann@example.org')
    place.until(lambda: two.refs(ref=told.ref) == [told.ref],
                'the other host to find %s' % told.ref, WRITTEN)
    answer = two.desk.get('/v1/decisions', ref=told.ref).json['decisions'][0]
    equal((answer['host'], answer['user'], answer['rule'], answer['action']),
          (one.host, 'ann@example.org', 'limit.user', 'defer'), 'all of it is told')
    equal(two.refs(ref=told.ref, fleet='no'), [], 'it is not of that host')
    equal(two.refs(ref='000000AA'), [], 'another reference is found nowhere')
    known = two.desk.get(two.desk.subject('user:ann@example.org'))
    equal(known.status, 200, 'the other host knows whom it stopped')
    ok(told.ref in [d['ref'] for d in known.json['decisions']], 'and what it did', got=known)


def set_for_all():
    """What is set on one host holds on the other within two seconds"""
    bob = 'bob@example.org'
    one.stopped(bob)
    ok(not two.send(bob), 'the limit is the fleet\'s')
    done = one.desk.post(one.desk.subject('user:' + bob, 'exempt'),
                         {'limit': 'user', 'fleet': True, 'note': 'ticket 4711'})
    equal(done.status, 200, 'exempt', said=done)
    exempt = done.json['act']
    equal((exempt['fleet'], exempt['host'], exempt['note']), (True, one.host, 'ticket 4711'),
          'for the fleet, by this host')
    place.until(lambda: two.send(bob), 'the other host to let it pass', SOON)
    shown = [a for a in two.desk.get('/v1/acts').json['acts'] if a['id'] == exempt['id']]
    equal([(a['host'], a['subject'], a['by']) for a in shown],
          [(one.host, 'user:' + bob, exempt['by'])], 'which knows who has said so')
    gone = two.desk.delete('/v1/acts/' + exempt['id'])
    equal(gone.status, 200, 'it can be taken back there', said=gone)
    place.until(lambda: exempt['id'] not in one.acts(), 'the first to follow', SOON)
    ok(not one.send(bob), 'and the limit is one again')

    eve = 'eve@example.org'
    two.stopped(eve)
    done = two.desk.post(two.desk.subject('user:' + eve, 'raise'),
                         {'limit': 'user', 'rates': '6/1h', 'until': '2h', 'fleet': True})
    equal(done.status, 200, 'raise', said=done)
    place.until(lambda: one.send(eve), 'the raised limit on the other host', SOON)
    passed = 1 + sum(one.send(eve) for _ in range(10))
    equal(passed, 6 - LIMIT, 'up to the new one')

    done = one.desk.post('/v1/mode', {'mode': 'observe', 'for': '2h', 'fleet': True})
    equal(done.status, 200, 'the button', said=done)
    place.until(lambda: two.mode() == 'observe', 'the other to observe', SOON)
    ok(two.send(eve), 'and it lets all pass')
    done = two.desk.post('/v1/mode', {'mode': 'configured', 'fleet': True})
    equal(done.status, 200, 'back', said=done)
    place.until(lambda: one.mode() == 'enforce', 'the first to enforce again', SOON)
    trail = [(e['host'], e['act']) for e in
             two.desk.get('/v1/audit', fleet='yes', limit=50).json['entries']]
    ok((one.host, 'mode') in trail and (two.host, 'raise') in trail,
       'the fleet\'s trail names both hosts', trail=trail)


def set_meanwhile():
    """A host that was down learns what was set"""
    two.stop()
    done = one.desk.post(one.desk.subject('user:late@example.org', 'exempt'), {'fleet': True})
    equal(done.status, 200, 'exempt', said=done)
    two.start()
    place.until(lambda: done.json['act']['id'] in two.acts(), 'the host that was down', 10)
    ok(all(two.send('late@example.org') for _ in range(LIMIT + 2)), 'and it holds')


def busiest():
    """The busiest of all hosts"""
    one.send('top1@example.org')
    two.send('top2@example.org')

    def hosts():
        rows = two.desk.get('/v1/subjects', kind='user', fleet='yes', limit=100).json['subjects']
        return {(r['host'], r['key']) for r in rows}
    wanted = {(one.host, 'top1@example.org'), (two.host, 'top2@example.org')}
    place.until(lambda: wanted <= hosts(), 'both hosts in the top', TOLD)
    ok(True, 'each row says whose it is')
    equal({r['host'] for r in two.desk.get('/v1/subjects', kind='user').json['subjects']}
          - {None, two.host}, set(), 'alone, a host tells its own')


def forgotten():
    """Forget on one host leaves nothing on the board, nor on the other host"""
    zoe = 'zoe@example.org'
    refs = [one.stopped(zoe).ref, two.stopped(zoe).ref]
    for ref in refs:
        place.until(lambda: one.refs(ref=ref) == two.refs(ref=ref) == [ref],
                    'both hosts to find %s' % ref, WRITTEN)
    one.desk.post(one.desk.subject('user:' + zoe, 'exempt'), {'fleet': True})
    place.until(lambda: two.acts(), 'the exemption on the other', SOON)
    own = two.desk.post(two.desk.subject('user:' + zoe, 'raise'),
                        {'limit': 'user', 'rates': '%d/1h' % LIMIT, 'until': '2h'})
    equal(own.status, 200, 'one of its own', said=own)
    pair = two.desk.subject('user+sender:%s+%s' % (zoe, zoe))
    equal(two.desk.get(pair).status, 200, 'which knows a pair, too')
    done = one.desk.post(one.desk.subject('user:' + zoe, 'forget'))
    equal(done.status, 200, 'forget', said=done)
    equal(two.refs(ref=refs[0]), [], 'what the one has decided is gone from the other')
    equal(one.refs(ref=refs[1]), [], 'and the other way round')
    place.until(lambda: 'user:' + zoe not in
                {a['subject'] for a in two.desk.get('/v1/acts').json['acts']},
                'the act to go', SOON)
    trail = str(two.desk.get('/v1/audit', fleet='yes', limit=100).json['entries'])
    ok(zoe not in [e['subject'] for e in one.desk.get('/v1/audit').json['entries']],
       'the trail names a pseudonym', trail=trail)
    place.until(lambda: two.refs(ref=refs[1], fleet='no') == [], 'the other host to forget', TOLD)
    place.until(lambda: two.desk.get(two.desk.subject('user:' + zoe)).status == 404,
                'it to know nothing', TOLD)
    equal(two.desk.get(pair).status, 404, 'nor of the pair')
    ok(own.json['act']['id'] not in two.acts(), 'its own act does not hold any more')
    time.sleep(SOON)  # nothing that waited comes after
    for host in one, two:
        trail = host.desk.get('/v1/audit', fleet='yes', limit=100).json['entries']
        ok(zoe not in str(trail), 'no trail names it', trail=trail)
    place.until(lambda: not two.send(zoe), 'a limit to be reached anew')
    again = two.refs(user=zoe, fleet='no')[0]
    two.stop()
    two.start()
    for _ in range(2):  # orders are followed after acts
        act = one.desk.post(one.desk.subject('user:amy@example.org', 'exempt'),
                            {'fleet': True}).json['act']['id']
        place.until(lambda: act in two.acts(), 'the host that is back', TOLD)
        one.desk.delete('/v1/acts/' + act)
    equal(two.refs(ref=again, fleet='no'), [again], 'once: what comes later stays')


def emptied():
    """Redis loses all: what was set stays, and a host that comes later learns it"""
    done = one.desk.post(one.desk.subject('user:amy@example.org', 'exempt'), {'fleet': True})
    act = done.json['act']['id']
    place.until(lambda: act in two.acts(), 'the other host to follow', SOON)
    layout.servers[0]('FLUSHALL')
    three = Host('mx-three').start()
    place.until(lambda: act in three.acts(), 'a new host to learn of it', TOLD)
    ok(act in one.acts() and act in two.acts(), 'it stays where it was')
    three.normal(lambda: three.send('probe@example.org'))
    ok(all(three.send('amy@example.org') for _ in range(LIMIT + 2)), 'and holds there')
    three.end()
    one.desk.delete('/v1/acts/' + act)
    place.until(lambda: act not in two.acts(), 'the other host to follow again', SOON)
    ok(True, 'it can still be taken back')


def sealed():
    """Redis learns nothing of it"""
    server = layout.servers[0]
    keys = [k for k in server.keys() if k.endswith(b':b')]
    ok(len(keys) > 5, 'there is a board', keys=keys)
    stored = b''.join(m for k in keys for m in server('ZRANGE', k, 0, -1)) + b''.join(keys)
    ok(len(stored) > 5000, 'with much on it', length=len(stored))
    equal([m for m in (b'example.org', b'192.0.2.7', b'ticket', b'limit') if m in stored], [],
          'and nothing that can be read')
    ok(one.host.encode() in stored, 'but the names of hosts')


def away():
    """Redis is away: the API says so, and all else goes on"""
    pam, server = 'pam@example.org', layout.servers[0]
    told = one.stopped(pam)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        one.send('probe@example.org')
        place.until(lambda: one.desk.get('/v1/status').json['fleet']['degraded'],
                    'the host to notice')
        took = time.monotonic()
        done = one.desk.post(one.desk.subject('user:' + pam, 'exempt'), {'fleet': True})
        took = time.monotonic() - took
        equal((done.status, done.json['type']), (503, 'tag:mortsafe,2026:store-unavailable'),
              'what is for the fleet is refused', said=done)
        ok(took < 1, 'at once', seconds=took)
        ok('user:' + pam not in [a['subject'] for a in one.desk.get('/v1/acts').json['acts']],
           'and does not hold')
        health = {h['name']: h for h in one.desk.get('/v1/status').json['health']}
        ok(health['fleet']['state'] != 'ok', 'the health says so', health=health)
        ok(not one.send(pam), 'decisions go on')
        equal(one.refs(ref=told.ref), [told.ref], 'and can be asked')
        ok(one.send('quinn@example.org'), 'mail goes on')
        took = time.monotonic()
        ok(isinstance(one.refs(ref='000000AA'), list), 'who asks for others gets an answer')
        ok(time.monotonic() - took < 1, 'at once')
        done = one.desk.post(one.desk.subject('user:' + pam, 'exempt'), {'fleet': False})
        equal(done.status, 200, 'what is for this host is done', said=done)
        place.until(lambda: one.send(pam), 'it to hold', SOON)
        late = one.stopped('rob@example.org')
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    one.normal(lambda: one.send('probe@example.org'))
    two.normal(lambda: two.send('probe@example.org'))
    place.until(lambda: two.refs(ref=late.ref) == [late.ref],
                'the other host to find what was decided meanwhile', TOLD)
    ok(two.acts().isdisjoint({done.json['act']['id']}), 'what was set for one host is its own')
    done = one.desk.post('/v1/mode', {'mode': 'observe', 'for': '1h', 'fleet': True})
    equal(done.status, 200, 'and the fleet can be told again', said=done)
    place.until(lambda: two.mode() == 'observe', 'the other to follow', SOON)


def main():
    global one, two, layout
    layout = redis.Layout().start()
    one, two = Host('mx-one').start(), Host('mx-two').start()
    for host in one, two:
        host.normal(lambda: host.send('probe@example.org'))
    tap.run(found_on_the_other, set_for_all, set_meanwhile, busiest, forgotten, sealed, away,
            emptied)
    for host in one, two:
        ok(host.alive(), 'mortsafe still runs')
        equal(host.end(), 0, 'mortsafe ends with 0')
    layout.stop()


if redis.program() is None:
    tap.skip('a fleet\'s desk', 'no redis-server, and no redis-check-rdb')
elif os.geteuid() != 0:
    tap.skip('a fleet\'s desk', 'only root can give hosts their names')
else:
    def two_hosts():
        """Two hosts"""
        main()
    tap.run(two_hosts)
place.leave()
tap.finish()
