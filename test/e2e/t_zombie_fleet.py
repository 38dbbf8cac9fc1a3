#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two Postfix with a mortsafe each, and one Redis: a zombie that spreads itself over both is
found as soon as one that does not, and what one host knows the other obeys, whoever of them
all is away."""
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import fleet
import place
import redis
import smtp
import tap
from tap import equal, ok
from world import address
from zombies import DAY, HOUR, ctl, one, queued_for, quiet_weeks, rows, submit

USERS = ('alice bob carol dave erin frank grace heidi ivan judy mike news olga peggy '
         'victor walter help'.split() + ['m%02d' % n for n in range(60)])
TOLD_S = 1.0   # until the other host obeys; a busy machine is late by itself now and then
LATE_S = 1.0   # ... by so much
EXTRA = '''
notice { from = postmaster@example.org  smtp = inet:%(letters)d@127.0.0.1  at_most = 100/1h
  templates = %(templates)s }
'''
pair = None


def user(name):
    return 'user:%s@example.org' % name


def soon(condition, what):
    """Within a second."""
    began = time.monotonic()
    place.until(condition, what, 10)
    took = time.monotonic() - began
    ok(took <= TOLD_S + LATE_S, what, seconds=round(took, 2))


def replies(name):
    """What each host says to a message of NAME's."""
    found = []
    for host in pair.hosts:
        with submit(host, name) as c:
            found.append(one(host, c, 'known@known.test')[0].code)
    return found


class Spread:
    """A blast of N messages to strangers, in turn over both hosts, two seconds apart."""

    def __init__(self, name, n, spam_every=2, until=None):
        self.let, self.at_throttle, self.at_quarantine = 0, None, None
        links = [submit(host, name) for host in pair.hosts]
        for i in range(n):
            host, c = pair.hosts[i % 2], links[i % 2]
            spam = spam_every and i // 2 % spam_every == 0
            reply, where = one(host, c, 's%d-%d@new.test' % (host.sent, i),
                               'cheap pills' if spam else 'news')
            if reply.accepted:
                self.let += 1
            elif self.at_throttle is None:
                self.at_throttle = self.let
            if reply.code == 550 and where in ('mail', 'rcpt') and self.at_quarantine is None:
                self.at_quarantine = self.let
            pair.clock.step(2)
            if until and pair.hosts[0].standing(user(name)) == until:
                break
        for c in links:
            c.close()

    def __repr__(self):
        return 'let %d, throttled at %s, quarantined at %s' % (
            self.let, self.at_throttle, self.at_quarantine)


def brought(name, standing):
    """Have NAME stand so by what it sends."""
    spam = 1 if standing == 'quarantined' else 0
    values = pair.filter.values
    if not spam:
        pair.filter.values = (None, None)
    try:
        Spread(name, 400, spam, until=standing)
    finally:
        pair.filter.values = values
    pair.both(user(name), standing)


# ----- how much is let through

def spread_blast():
    """half of a blast over both hosts is flagged: throttled, then quarantined"""
    host = pair.hosts[0]
    with submit(host, 'alice') as c:
        quiet_weeks(host, c, 'alice')
    pair.both(user('alice'), 'normal')
    before = [len(queued_for(h, 'alice@example.org')) for h in pair.hosts]
    blast = Spread('alice', 400)
    tap.diag(blast)
    ok(blast.at_throttle is not None and blast.at_throttle <= 1.3 * 30,
       'throttled within 39 recipients', seen=blast)
    ok(blast.at_quarantine is not None and blast.at_quarantine <= 1.3 * 60,
       'quarantined within 78 recipients', seen=blast)
    pair.both(user('alice'), 'quarantined')
    after = [len(queued_for(h, 'alice@example.org')) for h in pair.hosts]
    place.until(lambda: sum(len(queued_for(h, 'alice@example.org')) for h in pair.hosts)
                == sum(before) + blast.let, 'the queues to have what was let through: %r, %r, %r'
                % (before, after, blast))
    equal(replies('alice'), [550, 550], 'both refuse')


def told_once():
    """changes are told once in the fleet, and so are letters"""
    found = []

    def agreed():
        found[:] = [h.desk.get('/v1/changes', subject=user('alice'), fleet='yes').json['changes']
                    for h in pair.hosts]
        return {c['id'] for c in found[0]} == {c['id'] for c in found[1]}
    place.until(agreed, 'both hosts to know of all changes: %r' % found)
    for changes, host in zip(found, pair.hosts):
        told = [(c['from'], c['to']) for c in reversed(changes)]
        equal([to for _, to in told if to in ('throttled', 'quarantined')],
              ['throttled', 'quarantined'], '%s knows each change once' % host.name, told=told)
        equal(len({c['id'] for c in changes}), len(changes), 'none twice', changes=changes)
    logged = [line for h in pair.hosts for line in h.safe.log().splitlines()
              if 'standing=quarantined' in line and 'alice@example.org' in line]
    equal(len(logged), 1, 'one line in one log', lines=logged)
    notices = []

    def sent():
        notices[:] = [n for h in pair.hosts for n in h.desk.get(
            '/v1/notices', subject=user('alice')).json['notices'] if not n['webhook']]
        return not [n for n in notices if n['result'] == 'waiting']
    place.until(sent, 'all letters to be sent')
    # throttled: to both; quarantined: to the owner at another address, or not at all
    equal(sorted((n['kind'], n['to']) for n in notices),
          [('postmaster', 'postmaster@example.org')] * 2
          + [('quarantined', None), ('throttled', 'alice@example.org')],
          'to the owner and the postmaster, once for each change')
    letters = [(to[0], re.search('^Subject: .*', text, re.M).group()) for to, text in
               pair.mailbox.about('alice@example.org')]
    equal(len(letters), len([n for n in notices if n['result'] == 'sent']),
          'and each is sent once', letters=letters, notices=notices)


def volume_alone():
    """nothing but volume is known: throttled within 208, not quarantined"""
    pair.clock.step(2 * HOUR)
    pair.filter.values = (None, None)
    try:
        host = pair.hosts[1]
        with submit(host, 'bob') as c:
            quiet_weeks(host, c, 'bob')
        blast = Spread('bob', 500)
    finally:
        pair.filter.values = ('NO', 'YES')
    tap.diag(blast)
    ok(blast.at_throttle is not None and blast.at_throttle <= 1.3 * 160,
       'throttled within 208 recipients', seen=blast)
    equal(blast.at_quarantine, None, 'not quarantined')
    pair.both(user('bob'), 'throttled')
    equal(replies('bob'), [451, 451], 'both hosts slow it down')


# ----- what one says the other obeys

def one_is_enough():
    """quarantined on one host, refused on the other; and released"""
    first, second = pair.hosts
    equal(replies('dave'), [250, 250], 'mail passes')
    with submit(second, 'dave') as c:
        ctl(first, 'quarantine', user('dave'), '--note', 'ticket 1')
        soon(lambda: one(second, c, 'known@known.test')[0].code == 550,
             'quarantined on one, refused on the other')
    with submit(first, 'dave') as c:
        ctl(second, 'release', user('dave'), '--note', 'clean again')
        soon(lambda: one(first, c, 'known@known.test')[0].accepted,
             'released on the other, mail passes on the first')
    pair.both(user('dave'), 'probation')


def held_elsewhere():
    """what one host holds the other lists, with the command to run there"""
    first, second = pair.hosts
    ctl(first, 'quarantine', user('carol'), '--note', 'ticket 2')
    pair.both(user('carol'), 'quarantined')
    with submit(second, 'carol', second.server.submissions) as c:
        reply, _ = one(second, c, 'h@new.test')
    ok(reply.accepted, 'mail is taken', reply=reply)
    place.until(lambda: [m for m in second.server.held() if m.sender == 'carol@example.org'],
                'the second host to hold it')
    mine = [m.id for m in second.server.held() if m.sender == 'carol@example.org']
    place.until(lambda: rows(first, 'held', user('carol'), '--fleet'), 'the first to know', 10)
    told = rows(first, 'held', user('carol'), '--fleet')
    equal([(h['host'], h['id'], h['mta']) for h in told],
          [(second.name, ident, 'postfix') for ident in mine], 'whose, and which')
    ok(all(h['id'] in h['command']['deliver'] and 'postsuper' in h['command']['deliver']
           for h in told), 'the command to run there', told=told)
    equal(rows(first, 'held', user('carol')), [], 'it is not of the first host')
    text = ctl(first, 'held', user('carol'), '--fleet', code=None).stdout
    ok(second.name in text and mine[0] in text, 'people are told so too', text=text)
    ctl(first, 'release', user('carol'))
    pair.both(user('carol'), 'probation')


def operators_words():
    """a block with an end, and an address that has a new customer, on both"""
    first, second = pair.hosts
    subject = user('erin')
    ctl(second, 'quarantine', subject, '--for', '2h', '--note', 'ticket 3')
    pair.both(subject, 'quarantined')
    ends = [h.desk.get(h.desk.subject(subject)).json['zombie']['until'] for h in pair.hosts]
    ok(ends[0] and ends[0] == ends[1], 'both know its end', ends=ends)
    equal(replies('erin'), [550, 550], 'both refuse')
    pair.clock.step(2 * HOUR)
    pair.clock.minute_passes()
    place.until(lambda: 'quarantined' not in [h.standing(subject) for h in pair.hosts],
                'its end on both', 15)
    place.until(lambda: replies('erin') == [250, 250], 'both to let it pass', 5)

    machine = 'client:127.0.0.9'

    def relays(host):
        with smtp.Client(host.server.mx, source='127.0.0.9', timeout=60) as c:
            c.ehlo()
            c.sender = '<someone@example.org>'
            return one(host, c, 'a@known.test')[0].code
    ctl(first, 'quarantine', machine, '--note', 'infected')
    soon(lambda: relays(second) == 450, 'a machine is deferred by both')
    equal(relays(first), 450, '(by the first one, too)')
    ctl(second, 'lease', '127.0.0.9')
    soon(lambda: relays(first) == 250, 'another customer has its address: it passes')
    equal(relays(second), 250, '(there, too)')


# ----- what is away

def stood():
    """Three accounts, a standing each, by what they have sent."""
    pair.clock.step(2 * HOUR)
    stand = {'watched': 'frank', 'throttled': 'grace', 'quarantined': 'heidi'}
    for standing, name in stand.items():
        brought(name, standing)
    return stand


CODES = {'watched': 250, 'throttled': 451, 'quarantined': 550}
standings = {}


def killed():
    """a host that is killed knows all standings when it is back"""
    standings.update(stood())
    for host in pair.hosts:
        host.safe.kill()
        host.safe.start()
        place.until(lambda host=host: ctl(host, 'ping', code=None).returncode == 0, 'the API')
        for standing, name in standings.items():
            place.until(lambda: host.standing(user(name)) == standing,
                        '%s to be %s on %s after a crash' % (name, standing, host.name), 5)
    ok(True, 'each standing is known after a crash')
    pair.normal('news')
    for standing, name in standings.items():
        if standing == 'throttled':
            spent(name)
        equal(replies(name), [CODES[standing]] * 2, '%s is in force' % standing)


def without_redis(how):
    """HOW Redis goes away; then both hosts go by what they know."""
    server = pair.layout.servers[0]
    how(server)
    for standing, name in standings.items():
        began = time.monotonic()
        equal(replies(name), [CODES[standing]] * 2, '%s stays in force' % standing)
        ok(time.monotonic() - began < 6, 'without much delay', seconds=time.monotonic() - began)
    equal(replies('mike'), [250, 250], 'others go on')


def spent(name):
    """Have NAME, who is throttled, spend what it may send."""
    spread = Spread(name, 60, 0)
    ok(spread.at_throttle is not None and spread.let <= 20, 'it is let through a little',
       seen=spread)


def stands_again(what, lost=False):
    deadline = time.monotonic() + 20
    for standing, name in standings.items():
        pair.both(user(name), standing, deadline - time.monotonic())
    ok(True, 'all stand as they did ' + what)
    if lost:
        spent(standings['throttled'])  # what was counted is lost, too
    for standing, name in standings.items():
        equal(replies(name), [CODES[standing]] * 2, '%s is in force %s' % (standing, what))


def redis_hangs():
    """Redis hangs: standings stay in force, and others go on"""
    server = pair.layout.servers[0]
    without_redis(lambda s: s.signal(signal.SIGSTOP))
    server.signal(signal.SIGCONT)
    pair.normal('news')
    stands_again('when Redis goes on')


def redis_dies():
    """Redis is killed, and started again"""
    server = pair.layout.servers[0]
    without_redis(lambda s: s.kill())
    server.restart()
    pair.normal('news')
    stands_again('when Redis is back')


def redis_forgets():
    """Redis loses everything"""
    pair.layout.flush()
    pair.normal('news')
    stands_again('when Redis has lost everything', lost=True)
    server = pair.layout.servers[0]
    server.kill()
    for name in os.listdir(server.dir):
        if name.startswith('appendonlydir'):
            for file in os.listdir(os.path.join(server.dir, name)):
                os.unlink(os.path.join(server.dir, name, file))
    equal(replies('heidi'), [550, 550], 'quarantined while it is away')
    server.restart()
    pair.normal('news')
    stands_again('when an empty Redis is back', lost=True)
    ok(all(h.safe.alive() for h in pair.hosts), 'both still run')


# ----- a filter that is wrong about everybody

def breaker():
    """a filter that is wrong about many at once: five are quarantined, the others watched"""
    pair.clock.step(8 * DAY)
    seen = [len(h.safe.log()) for h in pair.hosts]
    crowd = USERS[-60:][:10]
    links = {n: [submit(h, n) for h in pair.hosts] for n in crowd}
    for i in range(19):  # fewer than what a freeze looks at
        for name in crowd:
            host, c = pair.hosts[i % 2], links[name][i % 2]
            one(host, c, 'b%d-%s@new.test' % (i, name), 'cheap pills')
        pair.clock.step(2)
    for each in links.values():
        for c in each:
            c.close()
    stand = [[h.standing(user(n)) for n in crowd] for h in pair.hosts]
    place.until(lambda: [pair.hosts[0].standing(user(n)) for n in crowd]
                == [pair.hosts[1].standing(user(n)) for n in crowd], 'both to agree: %s' % stand)
    stand = [pair.hosts[0].standing(user(n)) for n in crowd]
    tap.diag(stand)
    ok(0 < stand.count('quarantined') <= 5, 'at most five are quarantined', stand=stand)
    ok('watched' in stand or 'throttled' in stand, 'others are not', stand=stand)
    refused = sum(replies(n)[0] == 550 for n in crowd)
    equal(refused, stand.count('quarantined'), 'who is refused')
    lines = [line for h, n in zip(pair.hosts, seen) for line in h.safe.log()[n:].splitlines()
             if 'would be quarantined' in line]
    ok(1 <= len(lines) <= 2, 'the log tells it', lines=lines)
    equal(len({line for line in lines}), 1, 'with the same words')


def frozen():
    """a filter that flags everything: it is not believed, and what it has done is undone"""
    seen = [len(h.safe.log()) for h in pair.hosts]
    crowd = USERS[-60:][10:]
    for i in range(6):
        for n, name in enumerate(crowd):
            host = pair.hosts[(i + n) % 2]
            with submit(host, name) as c:
                one(host, c, 'known%d@known.test' % n, 'cheap pills')
        pair.clock.step(5)

    def all_know():
        return [h.desk.get('/v1/zombies').json['frozen'] for h in pair.hosts] == [True, True]
    place.until(all_know, 'both hosts to know of the freeze', 10)
    ok(True, 'both hosts know of it')
    lines = [line for h, n in zip(pair.hosts, seen) for line in h.safe.log()[n:].splitlines()
             if 'not believed' in line]
    ok(1 <= len(lines) <= 2, 'the log tells it', lines=lines)
    stopped = []

    def undone():
        stopped[:] = [(h.name, n, h.standing(user(n))) for n in USERS[-60:] for h in pair.hosts
                      if h.standing(user(n)) in ('throttled', 'quarantined')]
        return not stopped
    try:
        place.until(undone, 'what was done to be taken back', 15)
    except TimeoutError:
        pass  # the check tells
    equal(stopped, [], 'nobody is stopped any more for what it said')
    for host in pair.hosts:
        with submit(host, 'olga') as c:
            for i in range(12):
                one(host, c, 'friend%d@known.test' % (i % 3), 'cheap pills')
    pair.clock.step(60)
    place.until(lambda: [h.desk.get(h.desk.subject(user('olga'))).json['zombie'] is not None
                         for h in pair.hosts] == [True, True], 'olga to be judged')
    for host in pair.hosts:
        found = host.desk.get(host.desk.subject(user('olga'))).json['zombie']
        content = [f for f in found['families'] if f['family'] == 'content' and f['decibels'] > 0]
        equal((found['standing'], content), ('normal', []),
              '%s takes no account of it' % host.name)
    pair.clock.step(2 * HOUR)
    place.until(lambda: [h.desk.get('/v1/zombies').json['frozen'] for h in pair.hosts]
                == [False, False], 'the end of the freeze', 10)
    ok(True, 'it ends')


def a_pair():
    """two hosts"""
    global pair
    pair = fleet.Pair(USERS, EXTRA)
    pair.normal('news')
    tap.run(spread_blast, told_once, volume_alone, one_is_enough, held_elsewhere,
            operators_words, killed, redis_hangs, redis_dies, redis_forgets, breaker, frozen)
    for host in pair.hosts:
        ok(host.safe.alive(), 'mortsafe still runs')
        host.server.stop()
        equal(host.safe.end(), 0, 'mortsafe ends with 0')


if redis.program() is None:
    tap.skip('zombies in a fleet', 'no redis-server, and no redis-check-rdb')
else:
    try:
        a_pair()
    except Exception:  # pylint: disable=broad-except
        import traceback
        ok(False, 'the servers start', raised=traceback.format_exc())
place.leave()
tap.finish()
