#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""DNS lists: when they are asked and about whom, by the questions that a server of our own
has seen; and what becomes of a list that cannot be believed."""
import functools
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import api
import daemon
import dns
import fleet
import place
import tap
import zombies
from milter import session
from tap import equal, ok, starts

HOUR = 3600
SOUND = '2.0.0.127.%(zone)s A 127.0.0.2\n'
EVERY = 'one two mask bits six evid mute'.split()
ZONE = '$ttl 0\n' + ''.join(SOUND % {'zone': z + '.test'} for z in EVERY) + '''
9.100.51.198.one.test      A 127.0.0.2
10.100.51.198.two.test     A 127.0.0.3
11.100.51.198.one.test     A 127.0.0.2
11.100.51.198.two.test     A 127.0.0.9
20.100.51.198.mask.test    A 127.0.0.4
21.100.51.198.mask.test    A 127.0.0.11
22.100.51.198.mask.test    A 127.0.0.12
23.100.51.198.mask.test    A 127.0.0.1
24.100.51.198.mask.test    A 192.0.2.1
25.100.51.198.bits.test    A 127.0.0.8
26.100.51.198.bits.test    A 127.0.0.3
27.100.51.198.bits.test    A 127.0.0.3
27.100.51.198.bits.test    A 127.0.0.4
31.100.51.198.mute.test    A 127.0.0.2
5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.six.test A 127.0.0.2
'''
CONFIG = '''
resolver { server = %(server)s }
listener mx { port = 25  auth = forbid }
listener both { port = 2525  auth = allow  tls = allow }
listener submission { port = 587  auth = require  tls = allow }
network office { addr = 198.51.100.200/32 }
exempt friend { client = 198.51.100.201/32  skip = dnsbl }
'''
LISTS = '''
dnsbl one { zone = one.test  on = mx, both  action = %(one)s }
dnsbl two { zone = two.test  on = mx, both }
exempt of_one { client = 198.51.100.202/32  skip = dnsbl.one }
'''


class Bench:
    """The daemon with stepped clocks, and the server that it asks."""

    def __init__(self):
        self.dns = dns.Dns(ZONE)
        self.clock = fleet.Clock()
        self.safe = daemon.Mortsafe(self.config(LISTS % {'one': 'reject'}))
        self.safe.program = zombies.STEPPED
        self.safe.environment = {'MORTSAFE_CLOCK': self.clock.path}
        self.safe.start()
        self.desk = api.Api(self.safe.api)
        self.settle(2)

    def config(self, lists):
        return CONFIG % {'server': self.dns.at} + lists

    def configure(self, lists):
        """These lists from now on; their test points have been asked."""
        self.dns.forget()
        self.safe.configure(self.config(lists))
        self.safe.reload('is in force', 10)
        self.settle(len(re.findall(r'^dnsbl (?!.*off = yes)', lists, re.M)))

    def settle(self, lists):
        """Three questions a list tell whether it is sound."""
        def quiet():
            before = self.dns.asked()
            time.sleep(0.2)
            return self.dns.asked() == before
        place.until(quiet, 'lists to have been tried')
        self.dns.forget()
        return lists

    def asked(self, wanted=None, kind='A'):
        """How many names, for a resolver may ask twice; where some are WANTED, once they are
        there."""
        def names():
            return len([q for q in self.dns.questions() if q.endswith(' ' + kind)])
        if wanted:
            place.until(lambda: names() >= wanted, '%d questions' % wanted)
        else:
            time.sleep(0.15)
        return names()

    def send(self, client, port=25):
        """A message of CLIENT's, its RCPT once all answers are there; the answers to RCPT
        and to the end of message."""
        with session(self.safe.socket, address=client, port=port) as m:
            m.mail('<s@a.test>')
            place.until(self.idle, 'answers')
            rcpt, end = m.rcpt('<alice@example.org>'), None
            if not rcpt.refused:
                m.data()
                end = m.end()
            m.quit()
            return rcpt, end

    def idle(self):
        return not self.desk.get('/v1/lookups').json['resolver']['in_flight']


def marks(end):
    """Our header about lists, if an end of message brings it."""
    for kind, text in end.changes:
        if kind == "b'i'" and 'X-Mortsafe-Lists' in text:
            return text.split('\0')[-1].strip()
    return None


def at_connect(bench):
    """Where no logins are taken, lists are asked at CONNECT, all at once"""
    bench.dns.forget()
    with session(bench.safe.socket, address='198.51.100.70') as m:
        equal(bench.asked(2), 2, 'CONNECT and HELO: both lists are asked')
        equal(sorted(bench.dns.questions()),
              ['70.100.51.198.one.test A', '70.100.51.198.two.test A'],
              'about this client alone, and addresses alone')
        bench.dns.forget()
        m.mail('<s@a.test>')
        equal(bench.asked(), 0, 'MAIL asks nothing more')
        m.rcpt('<alice@example.org>')
        m.data()
        m.end()
        m.mail('<t@a.test>')
        m.rcpt('<alice@example.org>')
        m.data()
        m.end()
        equal(bench.asked(), 0, 'nor does the next message')


def at_mail(bench):
    """Where logins are taken, they are asked at MAIL, and not about logins"""
    bench.dns.forget()
    with session(bench.safe.socket, address='198.51.100.71', port=2525) as m:
        equal(bench.asked(), 0, 'CONNECT and HELO: nothing is asked')
        m.mail('<alice@example.org>', login='alice@example.org')
        m.rcpt('<v@victim.test>')
        m.data()
        m.end()
        equal(bench.asked(), 0, 'a login: nothing is asked')
    with session(bench.safe.socket, address='198.51.100.72', port=2525) as m:
        m.mail('<s@a.test>')
        equal(bench.asked(2), 2, 'a stranger: at MAIL')
    with session(bench.safe.socket, address='198.51.100.73', port=587) as m:
        m.mail('<alice@example.org>', login='alice@example.org')
        m.mail('<alice@example.org>')
        equal(bench.asked(), 2, 'on 587 nobody is looked up')


def about_whom(bench):
    """Nothing is asked about own networks, private addresses and who is exempt"""
    bench.dns.forget()
    for client in '198.51.100.200', '198.51.100.201', '127.0.0.5', '10.1.2.3', '192.168.7.7', \
            '100.64.0.9', '169.254.1.1', 'fd00::1', 'fe80::1', '::1', None:
        bench.send(client)
        equal(bench.asked(), 0, 'nothing about %s' % client)
    bench.send('198.51.100.202')
    bench.asked(1)
    equal(list(bench.dns.questions()), ['202.100.51.198.two.test A'],
          'an exemption of one list leaves the other')


def refused(bench):
    """reject, mark, and both"""
    rcpt, _ = bench.send('198.51.100.9')
    starts(rcpt, '550 5.7.1', 'a client on list one is refused')
    ok('198.51.100.9' in str(rcpt) and 'one' in str(rcpt), 'and told who and which', reply=rcpt)
    told = bench.safe.wait_decision(rule='dnsbl.one')
    equal((told.action, told.lists), ('reject', 'one'), 'the log has it', log=told)
    rcpt, end = bench.send('198.51.100.10')
    ok(rcpt.passed and end.passed, 'a client on list two passes')
    ok('two (127.0.0.3)' in (marks(end) or ''), 'with a mark', changes=end.changes)
    rcpt, end = bench.send('198.51.100.12')
    ok(rcpt.passed and marks(end) is None, 'who is on none has none', changes=end.changes)
    with session(bench.safe.socket, address='198.51.100.9') as m:
        m.mail('<s@a.test>')
        ok(m.rcpt('<postmaster@example.org>').passed, 'mail to postmaster passes')
        starts(m.rcpt('<alice@example.org>'), '550 5.7.1', 'mail to others does not')
    bench.configure(LISTS % {'one': 'defer'})
    starts(bench.send('198.51.100.9')[0], '451 4.7.1', 'defer')
    bench.configure(LISTS % {'one': 'reject  mode = observe'})
    rcpt, end = bench.send('198.51.100.11')
    ok(rcpt.passed and end.passed, 'observe: it passes')
    told = [d for d in bench.safe.decisions(rule='dnsbl.one') if d.observed]
    equal([(d.action, d.lists) for d in told], [('reject', 'one,two')], 'the log says would=')
    ok('one (127.0.0.2)' in (marks(end) or '') and 'two (127.0.0.9)' in marks(end),
       'and both lists are named', changes=end.changes)


MASKED = (  # client, list, listed?
    (20, 'mask', True), (21, 'mask', True), (22, 'mask', False), (23, 'mask', False),
    (24, 'mask', False), (25, 'bits', True), (26, 'bits', False), (27, 'bits', True))


def masks(bench):
    """match: ranges and bits of the answer"""
    bench.configure('dnsbl mask { zone = mask.test  match = 127.0.0.4-11 }\n'
                    'dnsbl bits { zone = bits.test  match = 127.0.0.&12 }\n')
    for n, name, listed in MASKED:
        _, end = bench.send('198.51.100.%d' % n)
        equal((marks(end) or '').split(' ')[0], name if listed else '',
              '%d by %s: %s' % (n, name, 'listed' if listed else 'not'), changes=end.changes)


def over_ipv6(bench):
    """IPv6: nibbles; and not on a list that knows none"""
    bench.configure('dnsbl six { zone = six.test  action = reject }\n'
                    'dnsbl one { zone = one.test  ipv6 = no }\n')
    starts(bench.send('2001:db8::5')[0], '550 5.7.1', 'a listed IPv6 address is refused')
    ok(bench.send('2001:db8::6')[0].passed, 'the next one is not')
    equal({key.split('.')[-2] for key in bench.dns.questions()}, {'six'},
          'the other list is not asked', asked=bench.dns.questions())
    bench.dns.forget()
    bench.send('::ffff:198.51.100.9')
    bench.asked(2)
    ok('9.100.51.198.one.test A' in bench.dns.questions(), 'a mapped one is IPv4',
       asked=bench.dns.questions())


def lines(bench, name):
    return [line for line in bench.safe.log().splitlines() if 'dnsbl %s ' % name in line]


def gone_wild(bench):
    """A list that names everybody goes off with one line, and comes back with one"""
    lists = 'dnsbl wild { zone = wild.test  action = reject }\n' + LISTS % {'one': 'reject'}
    bench.dns.set(ZONE + '*.wild.test A 127.0.0.2\n')
    bench.configure(lists)
    place.until(lambda: lines(bench, 'wild'), 'a line about the list')
    ok('everybody' in lines(bench, 'wild')[0], 'the line says why', log=lines(bench, 'wild'))
    bench.dns.forget()
    for n in range(80, 90):
        ok(bench.send('198.51.100.%d' % n)[0].passed, 'nobody is refused by it')
    bench.asked(10)
    equal(bench.dns.asked('*.wild.test'), 0, 'nor is it asked')
    starts(bench.send('198.51.100.9')[0], '550 5.7.1', 'the others work on')
    equal(len(lines(bench, 'wild')), 1, 'it was told once', log=lines(bench, 'wild'))
    bench.clock.age(HOUR + HOUR // 8)
    place.until(lambda: bench.dns.asked('*.wild.test') >= 3, 'another trial')
    bench.settle(1)
    equal(len(lines(bench, 'wild')), 1, 'an hour later it is as before: nothing is told')
    bench.dns.set(ZONE + SOUND % {'zone': 'wild.test'} + '90.100.51.198.wild.test A 127.0.0.2\n')
    bench.clock.age(HOUR + HOUR // 8)
    place.until(lambda: len(lines(bench, 'wild')) > 1, 'a line that it is sound')
    starts(bench.send('198.51.100.90')[0], '550 5.7.1', 'and it is asked again')
    equal(len(lines(bench, 'wild')), 2, 'two lines in all', log=lines(bench, 'wild'))


def blocked(bench):
    """A list that does not answer our resolver is off, from that answer on"""
    zone = ZONE + SOUND % {'zone': 'shut.test'}
    lists = 'dnsbl shut { zone = shut.test  action = reject }\n'
    bench.dns.set(zone)
    bench.configure(lists)
    ok(bench.send('198.51.100.91')[0].passed, 'at first it is sound')
    bench.dns.set(ZONE + '*.shut.test A 127.255.255.254\n')
    bench.dns.forget()
    for n in range(92, 97):
        ok(bench.send('198.51.100.%d' % n)[0].passed, 'its "blocked" is no listing')
        if n == 92:
            place.until(lambda: lines(bench, 'shut'), 'a line about the list')
    equal(bench.asked(), 1, 'it is not asked any more', asked=bench.dns.questions())
    equal(len(lines(bench, 'shut')), 1, 'one line', log=lines(bench, 'shut'))
    bench.dns.set(zone + '97.100.51.198.shut.test A 127.0.0.2\n')
    bench.clock.age(HOUR + HOUR // 8)
    place.until(lambda: len(lines(bench, 'shut')) > 1, 'a line that it is sound')
    starts(bench.send('198.51.100.97')[0], '550 5.7.1', 'it comes back')


def empty_and_silent(bench):
    """A list without its test point, and one that is mute, are told and asked"""
    bench.dns.set(ZONE + '30.100.51.198.void.test A 127.0.0.2\n*.mute.test fault servfail\n'
                  '1.0.0.127.mute.test fault servfail\n2.0.0.127.mute.test fault servfail\n')
    bench.configure('dnsbl void { zone = void.test  action = reject }\n'
                    'dnsbl mute { zone = mute.test  action = reject }\n')
    place.until(lambda: lines(bench, 'void') and lines(bench, 'mute'), 'lines about them')
    starts(bench.send('198.51.100.30')[0], '550 5.7.1', 'without 127.0.0.2 it is believed')
    ok(bench.send('198.51.100.98')[0].passed, 'a list that fails lists nobody')
    equal((len(lines(bench, 'void')), len(lines(bench, 'mute'))), (1, 1), 'told once each')


def no_wait(bench):
    """What came before RCPT costs no wait; what is late is not waited for long"""
    bench.dns.set(ZONE + '*.late.test fault delay 300\n')
    bench.configure('dnsbl late { zone = late.test  action = mark }\n' + LISTS % {'one': 'reject'})
    time.sleep(1)
    with session(bench.safe.socket, address='198.51.100.99') as m:
        m.mail('<s@a.test>')
        began = time.monotonic()
        ok(m.rcpt('<alice@example.org>').passed, 'a list that is late holds up nobody')
        took = time.monotonic() - began
        ok(0.05 < took < 1, 'RCPT waits a tenth of a second, and no longer', took=took)
        time.sleep(1.5)
        m.abort()
        m.mail('<s@a.test>')
        began = time.monotonic()
        m.rcpt('<alice@example.org>')
        took = time.monotonic() - began
        ok(took < 0.08, 'once the answers are there RCPT does not wait', took=took)


def told(bench):
    """GET /v1/lookups tells the lists, and what they were asked"""
    answer = bench.desk.get('/v1/lookups')
    equal(answer.status, 200, 'an answer', answer=answer)
    lists = {one['name']: one for one in (answer.json or {}).get('lists', [])}
    equal(sorted(lists), ['late', 'one', 'two'], 'the lists of the configuration', answer=answer)
    ok(lists and lists['one']['zone'] == 'one.test' and lists['one']['usable']
       and lists['one']['health'] == 'sound', 'list one is sound', answer=answer)


def taken_away(bench):
    """A reload without lists ends it"""
    bench.configure('')
    bench.send('198.51.100.9')
    equal(bench.asked(), 0, 'nothing is asked any more', asked=bench.dns.questions())
    bench.clock.age(2 * HOUR)
    equal(bench.asked(), 0, 'nor are test points', asked=bench.dns.questions())


def main():
    try:
        bench = Bench()
    except Exception as e:  # the checks cannot begin
        tap.ok(False, 'mortsafe starts', raised=repr(e))
        place.leave()
        tap.finish()
    for test in (at_connect, at_mail, about_whom, refused, masks, over_ipv6, gone_wild, blocked,
                 empty_and_silent, no_wait, told, taken_away):
        tap.run(functools.update_wrapper(functools.partial(test, bench), test))
    ok(bench.safe.alive(), 'mortsafe still runs')
    equal(bench.safe.end(), 0, 'mortsafe ends with 0')
    place.leave()
    tap.finish()


main()
