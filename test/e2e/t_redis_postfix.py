#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two Postfix with a mortsafe each, and one Redis: one limit for both."""
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import limiting
import mta
import place
import redis
import smtp
import tap
from tap import equal, ok, starts
from world import address

LIMIT = 30
USERS = 'alice bob carol dave erin'.split()
EXTRA = '''
limit burst { off = yes }
limit user { key = user  count = external  rate = %d/1h }
''' % LIMIT


class Host:
    """A Postfix and its mortsafe."""

    def __init__(self, layout):
        self.server = mta.Postfix(
            open='yes', auth_plain='yes', user=USERS,
            login=['%s@example.org:pw-%s' % (u, u) for u in USERS])
        ports = {k: getattr(self.server, k) for k in ('mx', 'submission', 'submissions')}
        ports['tls'] = 'allow'
        self.safe = redis.Host(layout, EXTRA, 'hosts = 2', ports=ports)
        self.server.options['milter'] = self.server.milter(self.safe.socket)

    def start(self):
        self.safe.start()
        self.server.start()
        return self

    def stop(self):
        self.server.stop()
        return self.safe.end()

    def submit(self, user):
        return limiting.submit(self, user)

    def send(self, user, n):
        """N messages in one session; how many are taken."""
        taken = 0
        with self.submit(user) as c:
            for _ in range(n):
                _, rcpt, end = c.message(c.sender, ['<v@victim.test>'])
                taken += end.code == 250
                if not rcpt or not rcpt[0].accepted:
                    c.rset()
        return taken

    def queued(self, user):
        return sum(len(m.recipients) for m in self.server.queue()
                   if m.sender == user + '@example.org')


class Pair:
    """Two hosts and the servers that they share."""

    def __init__(self, layout):
        self.layout = layout.start()
        self.hosts = [Host(self.layout).start() for _ in range(2)]
        self.normal()

    def normal(self):
        """Wait until both decide in the store."""
        for host in self.hosts:
            host.safe.normal(lambda host=host: host.send('erin', 1))

    def queued(self, user):
        return sum(h.queued(user) for h in self.hosts)

    def both(self, user, n):
        """N messages through each at once; how many are taken in all."""
        taken = []
        threads = [threading.Thread(target=lambda h=h: taken.append(h.send(user, n)))
                   for h in self.hosts for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return sum(taken)

    def stop(self):
        for host in self.hosts:
            ok(host.safe.alive(), 'mortsafe still runs')
            equal(host.stop(), 0, 'mortsafe ends with 0')
        self.layout.stop()


pair = None


def sum_is_the_limit():
    """Both at once: exactly the limit, and not one more"""
    equal(pair.both('alice', 12), LIMIT, 'of 48 messages through both hosts %d are taken' % LIMIT)
    place.until(lambda: pair.queued('alice') >= LIMIT, 'the queues')
    equal(pair.queued('alice'), LIMIT, 'the two queues hold %d in all' % LIMIT,
          each=[h.queued('alice') for h in pair.hosts])
    ok(all(h.queued('alice') > 0 for h in pair.hosts), 'each host has let some through')
    for host in pair.hosts:
        with host.submit('alice') as c:
            _, rcpt, _ = c.message(c.sender, ['<v@victim.test>'])
        starts(rcpt[0], '450 4.7.1', 'the next one is deferred')
        told = host.safe.wait_decision(rule='limit.user', user='alice@example.org')
        ok(told.action == 'defer' and '/%d/1h' % LIMIT in told.used, 'the log has the count',
           log=told)
        ok(str(LIMIT) in str(rcpt[0]), 'and the reply the number', reply=rcpt[0])


def refunds():
    """What ends without being accepted is given back, for the other host too"""
    first, second = pair.hosts
    with first.submit('bob') as c:
        replies = []
        for _ in range(LIMIT - 1):
            c.mail(c.sender)
            replies.append(c.rcpt('<v@victim.test>').code)
            c.rset()
    equal(set(replies), {250}, '%d transactions end with RSET' % (LIMIT - 1))
    equal(second.send('bob', LIMIT), LIMIT, 'all %d messages are still there' % LIMIT)
    equal(first.send('bob', 1), 0, 'and not one more')


def redis_stops():
    """Redis hangs: each host goes on within its share; then all is added"""
    first, second = pair.hosts
    equal([h.send('carol', 5) for h in pair.hosts], [5, 5], 'carol sends five through each')
    lines = [len(h.safe.told('store:')) for h in pair.hosts]
    for server in pair.layout.servers:
        server.signal(signal.SIGSTOP)
    began = time.monotonic()
    equal(first.send('dave', 4), 4, 'mail of another login goes on')
    ok(time.monotonic() - began < 3, 'without much delay', seconds=time.monotonic() - began)
    each = [h.send('carol', 15) for h in pair.hosts]
    ok(all(4 <= n <= LIMIT // 2 for n in each), 'carol has her share on each host', each=each)
    ok(sum(each) + 10 <= LIMIT + LIMIT // 2, 'and the sum is within its bound', each=each)
    with smtp.Client(first.server.mx, source=address()) as c:
        c.ehlo()
        c.mail('<s@spam.test>')
        starts(c.rcpt('<v@victim.test>'), '550', 'a stranger cannot relay')
        starts(c.rcpt('<bob@example.org>'), '250', 'and can write to us')
    told = first.safe.local()
    ok(told, 'the log marks what was decided here')
    for server in pair.layout.servers:
        server.signal(signal.SIGCONT)
    pair.normal()
    for host in pair.hosts:
        host.safe.settled()
    # The one that was on its way when Redis stopped may count twice.
    more = pair.both('dave', 10)
    ok(LIMIT - 5 <= more <= LIMIT - 4, "dave's four have been added", more=more)
    equal(pair.queued('dave'), 4 + more, 'the queues hold what dave was let')
    rest = pair.both('carol', 10)
    equal(pair.queued('carol'), 10 + sum(each) + rest, 'the queues hold what carol was let')
    left = max(0, LIMIT - 10 - sum(each))
    ok(max(0, left - 1) <= rest <= left, "carol's have been added", rest=rest, left=left)
    new = [h.safe.told('store:')[n:] for h, n in zip(pair.hosts, lines)]
    equal([len(n) for n in new], [2, 2], 'one line when it goes, one when it is back', lines=new)


def with_password_and_acl():
    """One Redis on loopback"""
    global pair
    pair = Pair(redis.Layout())
    tap.run(sum_is_the_limit, refunds, redis_stops)
    pair.stop()


def with_tls():
    """The same with TLS"""
    global pair
    pair = Pair(redis.Tls())
    tap.run(sum_is_the_limit, redis_stops)
    pair.stop()


if redis.program() is None:
    tap.skip('two Postfix and one Redis', 'no redis-server, and no redis-check-rdb')
else:
    tap.run(with_password_and_acl, with_tls)
place.leave()
tap.finish()
