#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The fast rows of the fault matrix; matrix.py runs all."""
import json
import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'e2e', 'lib')]
import matrix
import place
import redis
import tap


def tell(result):
    tap.ok(result['ok'], '%(fault)s: %(layout)s, %(load)s' % result)
    tap.diag(json.dumps(result))


def seconds(deed):
    """What DEED() returns or raises, and how long it took."""
    began = time.monotonic()
    try:
        said = deed()
    except (OSError, EOFError, redis.Error, ValueError) as e:
        said = type(e).__name__
    return said, time.monotonic() - began


def the_proxy_breaks():
    """The proxy has the faults that it is told to have"""
    layout = redis.Layout(proxied=True).start()
    server, proxy = layout.servers[0], layout.proxy

    def ping(link=None):
        def deed():
            with link or redis.Link(server.public, timeout=0.7) as one:
                return one('PING')
        return seconds(deed)

    tap.equal(ping()[0], 'PONG', 'no fault: a reply')
    proxy.tell('delay 300')
    said, took = ping()
    tap.ok(said == 'PONG' and took >= 0.3, 'delay', said=said, took=took)
    proxy.tell('dribble 50')
    said, took = ping()
    tap.ok(said == 'PONG' and took >= 6 * 0.05, 'dribble', said=said, took=took)
    for order, want in (('cut 3', 'EOFError'), ('hole', 'TimeoutError'), ('full', 'TimeoutError'),
                        ('down', 'ConnectionRefusedError'), ('hold', 'TimeoutError'),
                        ('answer http PING', 'ValueError'), ('answer nil *', None),
                        ('error PING LOADING a while', 'Error')):
        proxy.tell(order)
        tap.equal(ping()[0], want, order)
    for order, want in ('rst', 'ConnectionResetError'), ('halfclose', 'EOFError'):
        proxy.tell('pass')
        link = redis.Link(server.public)
        link('PING')
        proxy.tell(order)
        tap.equal(ping(link)[0], want, order)
    proxy.tell('flap 100')
    end, said = time.monotonic() + 1, set()
    while time.monotonic() < end:
        said.add(ping()[0])
        time.sleep(0.01)
    tap.ok('PONG' in said and 'ConnectionRefusedError' in said, 'flap', said=said)
    proxy.tell('hold')
    link = redis.Link(server.public)
    link.send('EVALSHA', '0' * 40, 0)
    time.sleep(0.2)
    late = proxy.stats()[2]
    proxy.tell('pass')
    tap.ok('NOSCRIPT' in str(link.read()), 'what was held back comes in the end')
    tap.equal(proxy.stats()[2] - late, 1, 'and is counted')
    link.close()
    layout.stop()


def the_harness_sees():
    """Without a fault; then something worse than mortsafe must be seen"""
    for result in matrix.plain_rows(('open', 'harsh', 'apart'), ('idle',), quick=True):
        tell(result)


def the_fast_rows():
    """The store breaks in every way"""
    for result in matrix.results(fast=True):
        tell(result)


if redis.program() is None:
    tap.skip('faults of the store', 'no redis-server, and no redis-check-rdb')
else:
    tap.run(the_proxy_breaks, the_harness_sees, the_fast_rows)
place.leave()
tap.finish()
