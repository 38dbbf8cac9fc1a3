#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Three hosts are upgraded one by one under load, and rolled back one by one.

The other release is the program that MORTSAFE_OTHER names; without it the same one, so that
what is tested is how hosts go and come.
"""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import crowd
import place
import redis
import tap
from tap import equal, ok

LIMIT = 200
GREEDY = 'greedy@example.org'
EXTRA = '''
listener submission { port = 587  auth = require  tls = require }
limit burst { off = yes }
limit user { key = user  count = messages  rate = 100000/1h  rates = texthash:%s }
'''


class Host(redis.Host):
    """One that can be started as either release."""

    def __init__(self, layout):
        self.other = False
        rates = place.write('rates', '%s %d/1h\n' % (GREEDY, LIMIT))
        super().__init__(layout, EXTRA % rates, 'hosts = 3')

    def command(self):
        words = super().command()
        if self.other and os.environ.get('MORTSAFE_OTHER'):
            words[0] = os.environ['MORTSAFE_OTHER']
        return words

    def replace(self, other):
        """Stop in good order, start as the other release."""
        status = self.stop()
        self.other = other
        self.start()
        return status


class Rolling:
    """A fleet, and mail all the time."""

    def __init__(self, layout):
        self.layout = layout.start()
        self.hosts = [Host(self.layout).start() for _ in range(3)]
        self.crowd = crowd.Crowd([h.socket for h in self.hosts], 0.05)
        for host in self.hosts:
            self.normal(host)

    def normal(self, host):
        host.normal(lambda: self.crowd.once_at(host.socket, 'probe@example.org'))

    def load(self):
        c = self.crowd
        for n in range(20):
            c.add(c.innocent, 'u%d@example.org' % n)
        for n in range(5):
            c.add(c.stranger, '203.0.113.%d' % n)
        for _ in range(6):
            c.add(c.greedy, GREEDY)

    def stop(self):
        self.crowd.close()
        for host in self.hosts:
            ok(host.alive(), 'mortsafe still runs')
            equal(host.end(), 0, 'mortsafe ends with 0')
        self.layout.stop()


def roll(layout):
    """Forth and back under load."""
    name = layout.name
    r = Rolling(layout)
    book = r.crowd.book
    r.crowd.greedy_left = 0
    r.load()
    time.sleep(0.5)
    steps = [(h, True) for h in r.hosts] + [(h, False) for h in r.hosts]
    for n, (host, other) in enumerate(steps):
        # A part of the limit between any two steps, some of it while a host is away.
        r.crowd.greedy_left = LIMIT // 8
        status = host.replace(other)
        equal(status, 0, '%s: host %d stops in good order' % (name, n % 3))
        r.normal(host)
        time.sleep(0.2)
        ok(book.admitted[GREEDY] <= LIMIT, '%s: the limit holds after step %d' % (name, n + 1),
           admitted=book.admitted[GREEDY])
    before = book.admitted[GREEDY]
    ok(before > LIMIT // 3, '%s: the greedy login has sent all the while' % name, sent=before)
    r.crowd.greedy_left = None
    place.until(lambda: any(h.decisions(user=GREEDY, rule='limit.user') for h in r.hosts),
                'the limit to be reached', 30)
    time.sleep(1)
    r.crowd.stop()
    r.crowd.stopping = False
    ok(book.admitted[GREEDY] <= LIMIT, '%s: never more than the limit' % name,
       admitted=book.admitted[GREEDY])
    # A session that a stopping host cuts off has been charged: at most one for each of six.
    ok(book.admitted[GREEDY] >= LIMIT - 6 * len(steps), '%s: and the counts were kept' % name,
       admitted=book.admitted[GREEDY])
    equal((book.relays, sum(book.rejected.values()), book.local_rejected), (0, 0, 0),
          '%s: no relay, no 5xx' % name)
    lost = [who for who in book.deferred if who != GREEDY and not r.crowd.once(who)]
    equal(lost, [], '%s: no mail was lost' % name)
    ok(book.refused > 0, '%s: strangers were refused all the while' % name)
    r.stop()


def alone():
    """One Redis"""
    roll(redis.Layout())


def cluster():
    """A Cluster"""
    roll(redis.Cluster())


if redis.program() is None:
    tap.skip('a rolling upgrade', 'no redis-server, and no redis-check-rdb')
else:
    tap.run(alone, cluster)
place.leave()
tap.finish()
