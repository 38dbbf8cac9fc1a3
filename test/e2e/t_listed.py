#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl listed against a DNS server of ours: what is told, and what the daemon counts."""
import json
import os
import pty
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import tap
from api import Api
from daemon import Mortsafe
from dns import Dns
from tap import equal, ok

EX_USAGE, EX_CONFIG = 64, 78
CTL = os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafectl')
NETWORKS = '''
network customers { addr = 192.0.2.0/28, 198.51.100.0/24, 2001:db8::/48  relay = any }
'''
LISTS = '''
list spam.example {
    name = "Spam of Example"  use = free  knows = both  off = "Ask Example to take it off."
    code 127.0.0.2 = "it has sent spam"
    policy 127.0.0.10 = "a line of end users"
}
list few.example { name = "Few"  use = few  code 127.0.0.2 = "proxy" }
list key.example { name = "Key"  use = key }
'''
ZONE = '''
2.0.0.127.spam.example  A 127.0.0.2
7.2.0.192.spam.example  A 127.0.0.2
9.2.0.192.spam.example  A 127.0.0.10
2.0.0.127.few.example   A 127.0.0.2
7.2.0.192.few.example   A 127.0.0.2
'''


def ctl(dns, *words, config=NETWORKS, socket=None, timeout=60, lists=LISTS):
    """What `mortsafectl listed WORDS` does, asking DNS."""
    file = place.write('listed.conf', 'domains local { list = example.org }\n' + config)
    known = place.write('lists', lists)
    first = [CTL] + (['--socket', socket] if socket else [])
    rate = [] if '--rate' in words else ['--rate', '500']
    server = [] if '--server' in words else ['--server', dns.at]
    return subprocess.run(
        first + ['listed', '-x', file, '--lists', known, *server, *rate, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding='utf-8', timeout=timeout)


def found(done):
    return {(row['address'], row['list'], row['code']) for row in json.loads(done.stdout)['listed']}


def states(done):
    return {row['list']: row['state'] for row in json.loads(done.stdout)['lists']}


def test_addresses():
    """addresses, small networks, and what a listing means"""
    dns = Dns(ZONE)
    done = ctl(dns, '192.0.2.7')
    equal(done.returncode, 1, 'an address that is listed: exit 1', said=done)
    for text in ('192.0.2.7', 'Spam of Example', '127.0.0.2', 'it has sent spam',
                 'Ask Example to take it off.', '1 of 1 addresses is listed.'):
        ok(text in done.stdout, 'people read "%s"' % text, said=done.stdout)
    ok('Left out: Key (key.example)' in done.stdout, 'and which list wants a key', said=done.stdout)
    equal(dns.asked('*.key.example'), 0, 'which was not asked')
    done = ctl(dns, '192.0.2.8')
    equal(done.returncode, 0, 'an address that is not: exit 0', said=done)
    ok('Nothing is listed: 1 address, 2 lists.' in done.stdout, 'and that is told',
       said=done.stdout)
    done = ctl(dns, '-j', '192.0.2.0/29', '192.0.2.9')
    equal(done.returncode, 1, 'as JSON')
    equal(found(done), {('192.0.2.7', 'spam.example', '127.0.0.2'),
                        ('192.0.2.9', 'spam.example', '127.0.0.10'),
                        ('192.0.2.7', 'few.example', '127.0.0.2')}, 'all that is listed is there')
    whole = json.loads(done.stdout)
    equal((whole['addresses'], whole['complete'], whole['unanswered']), (9, True, 0),
          'and that it is all')
    equal({row['policy'] for row in whole['listed'] if row['address'] == '192.0.2.9'}, {True},
          'what says only what an address is, is told apart')
    done = ctl(dns, '--list', 'few.example', '-j', '192.0.2.7')
    equal(states(done), {'few.example': 'asked'}, 'one list alone')
    done = ctl(dns, '--list', 'few.example', '192.0.2.8', '2001:db8::1')
    equal(done.returncode, 2, 'an address that no list knows of: it cannot be told', said=done)
    ok('knows IPv6 addresses' in done.stdout and 'Nothing is listed' not in done.stdout,
       'which is what people read', said=done.stdout)
    done = ctl(dns, '-j', '--list', 'few.example', '2001:db8::1')
    equal(json.loads(done.stdout)['complete'], False, 'and programs')


def test_networks():
    """networks of the configuration, by name and by themselves"""
    dns = Dns(ZONE)
    done = ctl(dns, '-j')
    whole = json.loads(done.stdout)
    equal((done.returncode, whole['addresses'] >= 17), (1, True),
          'small networks of the configuration are asked about', said=done)
    equal(dns.asked('0.100.51.198.spam.example'), 0, 'large ones are not')
    done = ctl(dns)
    ok('198.51.100.0/24 of the network customers is left out' in done.stdout, 'which is told',
       said=done.stdout)
    done = ctl(dns, '-j', '--networks')
    equal(states(done)['few.example'], 'volume', 'of many addresses not every list is asked')
    equal(json.loads(done.stdout)['complete'], True, 'and all answers have come')
    equal(dns.asked('255.100.51.198.spam.example', 'A'), 1, 'of all addresses')
    done = ctl(dns, '-j', 'customers')
    equal(json.loads(done.stdout)['addresses'], 16 + 256 + 1, 'a network by its name')
    done = ctl(dns, 'nonsense')
    equal(done.returncode, EX_USAGE, 'a word that names none is an error', said=done)
    done = ctl(dns, '192.0.0.0/8')
    equal(done.returncode, EX_USAGE, 'and so is one that is too large', said=done)


def test_unsound():
    """lists that are not to be believed"""
    dns = Dns('*.spam.example A 127.0.0.2\n*.few.example A 127.255.255.254\n')
    done = ctl(dns, '-j', '192.0.2.7')
    equal(states(done), {'spam.example': 'everybody', 'few.example': 'blocked',
                         'key.example': 'key'}, 'one that lists everybody, one that blocks us')
    equal((done.returncode, found(done)), (2, set()), 'then it cannot be told')
    done = ctl(dns, '192.0.2.7')
    ok('lists everybody' in done.stdout and 'does not answer this resolver' in done.stdout,
       'and people are told why', said=done.stdout)
    dns.set('')
    done = ctl(dns, '-j', '192.0.2.7')
    equal((done.returncode, states(done)['spam.example']), (2, 'empty'), 'a list that is dead')
    dns.set(ZONE + '8.2.0.192.spam.example fault servfail\n')
    done = ctl(dns, '-j', '192.0.2.8')
    equal((done.returncode, json.loads(done.stdout)['unanswered']), (2, 1),
          'one question that was not answered: it cannot be told', said=done)


def test_long():
    """what takes long is told and asked before; an interrupt tells how to go on"""
    dns = Dns(ZONE)
    done = ctl(dns, '--rate', '1', '198.51.100.0/22')
    equal(done.returncode, EX_USAGE, 'hours are not begun without --yes', said=done)
    ok('1024 addresses, 1 list: 1024 questions, 1 a second, that is about 17 minutes'
       in done.stdout, 'what it takes is told', said=done)
    file = place.write('lists', LISTS)
    asks, ours = pty.openpty()
    child = subprocess.Popen([CTL, 'listed', '-x', place.write('none.conf', 'mode = observe\n'),
                              '--lists', file, '--server', dns.at, '--rate', '1',
                              '198.51.100.0/22'], stdin=ours, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
    place.undo(child.kill)
    said = b''
    while b'[y/N]' not in said:
        more = os.read(child.stderr.fileno(), 4096)
        if not more:
            break
        said += more
    child.send_signal(signal.SIGINT)
    equal(child.wait(20), -signal.SIGINT, 'an interrupt at the question ends it', said=said)
    os.close(asks)
    os.close(ours)
    child = subprocess.Popen([CTL, 'listed', '-x', place.write('none.conf', 'mode = observe\n'),
                              '--lists', file, '--server', dns.at, '--rate', '20', '--yes',
                              '198.51.100.0/24'], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8')
    place.undo(child.kill)
    until = time.monotonic() + 20
    while dns.asked('5.100.51.198.spam.example') == 0 and time.monotonic() < until:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=20)
    equal(child.returncode, 2, 'an interrupt: it cannot be told', said=said)
    ok('go on with --from 198.51.100.' in said, 'and how to go on', said=said)
    dns.forget()
    child = subprocess.Popen([CTL, 'listed', '-x', place.path('none.conf'), '--lists', file,
                              '--server', dns.at, '--rate', '3', '192.0.2.0/28'],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, encoding='utf-8')
    place.undo(child.kill)
    place.until(lambda: dns.asked('2.0.0.127.spam.example'), 'the last test point', 20)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=20)
    ok('go on with --from 192.0.2.0.' in said, 'none is left out that was not asked', said=said)
    dns.forget()
    done = ctl(dns, '-j', '--from', '198.51.100.250', '198.51.100.0/24')
    equal((json.loads(done.stdout)['addresses'], dns.asked('249.100.51.198.spam.example')),
          (6, 0), 'and so it does')


def test_mistakes():
    """what is wrong is an error, not an answer"""
    dns = Dns(ZONE)
    done = ctl(dns, '192.0.2.7', lists='list {')
    equal(done.returncode, EX_CONFIG, 'a data file that is wrong', said=done)
    ok('lists:1:' in done.stderr, 'with its place', said=done.stderr)
    equal(ctl(dns, '--server', 'nobody', '192.0.2.7').returncode, EX_CONFIG,
          'a server that is none')
    equal(ctl(dns, '--from', '192.0.2.8', '192.0.2.7').returncode, EX_USAGE,
          'an address to go on with that is none of them')
    equal(ctl(dns, '--rate', '0', '192.0.2.7').returncode, EX_USAGE, 'no rate')


def test_evidence():
    """what is found counts against customers, once a day, and only for what they did"""
    dns = Dns(ZONE + '3.113.0.203.spam.example A 127.0.0.2\n')
    daemon = Mortsafe(NETWORKS + 'zombie line { key = client  mode = enforce }\n').start()
    api = Api(daemon.api)
    done = ctl(dns, '--evidence', '192.0.2.0/28', '203.0.113.3', socket=daemon.api)
    equal(done.returncode, 1, 'it tells as always', said=done)
    ok('2 listings were counted' in done.stdout, 'and how many were counted', said=done.stdout)
    reports = api.get('/v1/reports').json['reports']
    equal({(row['subject'], row['id'], row['kind']) for row in reports},
          {('client:192.0.2.7', 'spam.example', 'listed'),
           ('client:192.0.2.7', 'few.example', 'listed')},
          'against the customer alone, not for what says nothing about him')
    until = time.monotonic() + 10
    now = None
    while now != 2 and time.monotonic() < until:
        time.sleep(0.1)
        zombie = api.get('/v1/subjects/client:192.0.2.7').json['zombie']
        now = zombie and zombie['now'] and zombie['now']['complaints']
    equal(now, 2, 'it is evidence as complaints are')
    ctl(dns, '--evidence', '192.0.2.7', socket=daemon.api)
    equal(len(api.get('/v1/reports').json['reports']), 2, 'once a day')
    dns.set(ZONE + '*.100.51.198.spam.example A 127.0.0.2\n')
    done = ctl(dns, '--evidence', '198.51.100.0/25', socket=daemon.api)
    ok('128 listings were counted' in done.stdout, 'of more than are told at once, all',
       said=done)
    done = ctl(dns, '-j', '--evidence', '198.51.100.0/25', socket=daemon.api)
    equal((done.returncode, len(found(done))), (1, 128), 'beside it, JSON is JSON', said=done)
    daemon.stop()


tap.run(test_addresses, test_networks, test_unsound, test_long, test_mistakes, test_evidence)
tap.finish()
