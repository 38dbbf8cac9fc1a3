#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Faults of the DNS and of those who publish there: a resolver that is mute, slow or wrong,
records that are too long, too many, in circles or made to break who reads them, and a worker
that dies.  Each row: the result is the one that RFC 7208 has, no callback waits for long, the
daemon lives, and neither memory nor descriptors grow."""
import asyncio
import collections
import json
import os
import random
import re
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'e2e', 'lib')]
import api
import crowd
import daemon
import dns
import milter
import place
import tap
from matrix import instrumented
from tap import equal, ok
from world import local_socket

CALLBACK_S = 5.0   # whatever happens
CROWD = 500        # strangers at one time
LOGINS, LOAD_S = 4, 3.5
P99_MORE_MS = 30   # above that without a fault: two cores carry all of this
RSS_KIB, MORE_FDS = 6 << 10, 4
CACHES_KIB = 16 << 10  # what the resolver keeps of names that are new to it
CLIENT = '192.0.2.7'
CONFIG = '''
resolver { server = %(server)s }
spf { program = %(program)s  timeout = 1s  %(more)s }
listener mx { port = 25  auth = forbid }
listener submission { port = 587  auth = require  tls = allow }
limit burst { off = yes }
limit user { off = yes }
limit user_all { off = yes }
limit user_bad { off = yes }
'''
BOMB = ' '.join('%{d}' for _ in range(50))  # in an explanation it ends a careless reader
LONG = '.'.join(['x' * 63] * 3 + ['y' * 50])  # with .test it is a name of 247 octets
ZONE = r'''
good.test       TXT   v=spf1 ip4:192.0.2.0/24 -all
servfail.test   fault servfail
refused.test    fault refused
nxdomain.test   fault nxdomain
nodata.test     fault nodata
truncated.test  TXT   v=spf1 ip4:192.0.2.0/24 -all
truncated.test  fault truncated
cut.test        TXT   v=spf1 ip4:192.0.2.0/24 -all
cut.test        fault cut
tcponly.test    TXT   v=spf1 ip4:192.0.2.0/24 -all
tcponly.test    fault tcp-only
wrongid.test    TXT   v=spf1 ip4:192.0.2.0/24 -all
wrongid.test    fault wrong-id
lame.test       fault lame
garbage.test    fault garbage
half.test       TXT   v=spf1 ip4:192.0.2.0/24 -all
half.test       fault half
hung.test       fault hang
inc1.test       TXT   v=spf1 include:servfail.test -all
inc2.test       TXT   v=spf1 include:nxdomain.test -all
huge.test       fault huge
many.test       fault many 1000
two.test        TXT   v=spf1 +all
two.test        TXT   v=spf1 -all
umlaut.test     TXT   v=spf1 a:\195\164.test -all
nul.test        TXT   v=spf1 \000 -all
other.test      TXT   \195\164 text of some other kind
self.test       TXT   v=spf1 include:self.test -all
ping.test       TXT   v=spf1 include:pong.test -all
pong.test       TXT   v=spf1 include:ping.test -all
round.test      TXT   v=spf1 redirect=round.test
*.chain.test    fault chain 40
*.tree.test     fault tree 9 40
exp.test        TXT   v=spf1 -all exp=bomb.test
bomb.test       TXT   ''' + BOMB + r'''
macro.test      TXT   v=spf1 exists:''' + '%{d}' * 40 + r'''.test include:%{d}.%{d}.macro.test -all
*.macro.test    TXT   v=spf1 include:%{d}.%{d} -all
long.test       TXT   v=spf1 include:''' + LONG + r'''.%{l}.test -all
split.test      TXT   v=spf1 exists:%{l200r-}.%{d200r-}.%{h99-}.test -all
void.test       TXT   v=spf1 a:v1.test a:v2.test a:v3.test a:v4.test -all
eleven.test     TXT   v=spf1 ''' + ' '.join('a:a%d.test' % n for n in range(11)) + r''' -all
''' + ''.join('a%d.test A 203.0.113.1\n' % n for n in range(11)) + '''
*.slow.test     TXT   v=spf1 -all
*.slow.test     fault delay 2000
*.quick.test    TXT   v=spf1 -all
'''
DNSBL = 'dnsbl black { zone = list.test  action = mark }\n'


class Bench:
    def __init__(self, more='', lists=DNSBL):
        self.dns = dns.Dns(ZONE)
        program = os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafe-spf')
        self.extra = CONFIG % {'server': self.dns.at, 'program': program, 'more': more} + lists
        self.safe = daemon.Mortsafe(self.extra, socket=local_socket()).start()
        self.slow = 4 if instrumented(self.safe.process.pid) else 1
        self.longest = 0.0
        self.lock = threading.Lock()

    def timed(self, deed):
        began = time.monotonic()
        answer = deed()
        with self.lock:
            self.longest = max(self.longest, time.monotonic() - began)
        return answer

    def judge(self, domain, client=CLIENT, wait_s=None, local='s', helo='client.test'):
        """The result of SPF for DOMAIN once it is there, or the reply that refused."""
        with milter.Milter(self.safe.socket, timeout=30) as m:
            m.negotiate()
            self.timed(lambda: m.connect(client, macros={'{daemon_port}': '25'}))
            self.timed(lambda: m.helo(helo))
            self.timed(lambda: m.mail('<%s@%s>' % (local, domain)))
            answer = self.timed(lambda: m.rcpt('<alice@example.org>'))
            if answer.refused:
                return str(answer)[:9]
            if wait_s:
                time.sleep(wait_s if wait_s > 1 else wait_s * min(self.slow, 2))
            self.timed(m.data)
            end = self.timed(m.end)
            m.quit()
        return result(end)

    def all(self, domains, wait_s, **how):
        """Those of many, side by side."""
        found = {}

        def one(domain):
            try:
                found[domain] = self.judge(domain, wait_s=wait_s, **how)
            except (OSError, milter.Closed) as e:
                found[domain] = repr(e)
        threads = [threading.Thread(target=one, args=(d,)) for d in domains]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return found

    def lookups(self):
        return api.Api(self.safe.api).get('/v1/lookups').json

    def worker(self):
        """The pid of the worker; None: there is none at this moment."""
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/stat' % pid) as stat:
                    name, _, rest = stat.read().partition('(')[2].rpartition(')')
            except OSError:
                continue
            state, parent = rest.split()[:2]
            if name == 'mortsafe-spf' and state != 'Z' and int(parent) == self.safe.process.pid:
                return int(pid)
        return None

    def held(self):
        """Memory in KiB and descriptors, the worker's too."""
        pid, rss = self.worker(), self.safe.status('VmRSS')
        if pid:
            with open('/proc/%d/status' % pid) as lines:
                rss += int(re.search(r'^VmRSS:\s+(\d+)', lines.read(), re.M).group(1))
        return rss, self.safe.descriptors()

    def calm(self, what, before=None, more_kib=RSS_KIB):
        """All callbacks were quick; it lives, and holds no more than BEFORE."""
        longest, self.longest = self.longest, 0.0
        ok(longest <= CALLBACK_S, '%s: every callback answered within 5 s' % what,
           longest=longest)
        ok(self.safe.alive(), what + ': mortsafe lives', log=self.safe.log()[-2000:])
        figures = {'row': what, 'longest_ms': round(longest * 1000, 1)}
        if before:
            place.until(lambda: not self.lookups()['resolver']['in_flight'],
                        'questions to end', 30)
            after = self.held()
            figures.update(rss_kib=after[0] - before[0], fds=after[1] - before[1])
            ok(after[0] - before[0] <= more_kib * self.slow ** 2, what + ': memory is flat',
               before=before, after=after)
            ok(after[1] - before[1] <= MORE_FDS, what + ': descriptors are flat',
               before=before, after=after)
        tap.diag(json.dumps(figures))


def result(end):
    """spf=... of what an end of message has brought, but its HELO."""
    for kind, text in end.changes:
        found = re.search(r'spf=(\w+)[^;]*smtp\.mailfrom', text)
        if kind == "b'i'" and found:
            return found.group(1)
    return 'nothing' if end.passed else str(end)


# ----- the harness itself

def the_server_breaks():
    """The DNS server has the faults that it is told to have"""
    server = dns.Dns(ZONE)

    def ask(name, kind='TXT', **how):
        return dns.ask(server.port, name, kind, **how)

    def spf(answer):
        return answer and [dns.text_of(d)[:6] for d in answer[1]]
    equal(spf(ask('good.test')), [b'v=spf1'], 'no fault: an answer')
    equal(ask('nosuch.test')[0], 3, 'no such name')
    equal(ask('good.test', 'A'), (0, [], False), 'no such record')
    for name, code in ('servfail', 2), ('refused', 5), ('nxdomain', 3), ('nodata', 0):
        equal(ask(name + '.test')[:2], (code, []), name)
    for name in 'hung', 'wrongid', 'tcponly':
        equal(ask(name + '.test', seconds=0.2), None, name + ': no answer by UDP')
    equal(spf(ask('tcponly.test', tcp=True)), [b'v=spf1'], 'tcp-only: one by TCP')
    equal(ask('truncated.test')[2], True, 'truncated: by UDP')
    equal(spf(ask('truncated.test', tcp=True)), [b'v=spf1'], 'truncated: whole by TCP')
    equal((ask('cut.test')[2], ask('cut.test', tcp=True)), (True, None), 'cut: TCP hangs up')
    began = time.monotonic()
    ask('a.slow.test', seconds=5)
    ok(2 <= time.monotonic() - began < 3, 'delay')
    whole = ask('huge.test', tcp=True)
    ok(60000 < len(whole[1][0]) < 65536, 'huge: more than 60,000 octets')
    equal(len(ask('many.test', tcp=True)[1]), 1000, 'many: a thousand records')
    equal(dns.text_of(ask('a.tree.test', tcp=True)[1][0]).count(b'include:'), 9, 'tree: nine each')
    equal(server.asked('*.slow.test'), 1, 'and it counts')
    server.stop()


# ----- rows

WRONG = {
    'good.test': 'pass', 'servfail.test': 'temperror', 'refused.test': 'temperror',
    'nxdomain.test': 'none', 'nodata.test': 'none', 'truncated.test': 'pass',
    'cut.test': 'temperror', 'wrongid.test': 'temperror',
    'garbage.test': 'temperror', 'half.test': 'temperror', 'hung.test': 'temperror',
    'tcponly.test': 'temperror', 'inc1.test': 'temperror', 'inc2.test': 'permerror'}


def wrong_answers():
    """F81: each wrong answer comes to the result that RFC 7208 has"""
    found = bench.all([*WRONG, 'lame.test'], 1.3)
    for domain, want in WRONG.items():
        equal(found[domain], want, 'F81: %s is a %s' % (domain, want))
    # a resolver that sends us elsewhere has no answer; ours does not go there
    ok(found['lame.test'] in ('none', 'temperror'), 'F81: lame.test is never a pass', found=found)
    bench.calm('F81')


RECORDS = {
    'huge.test': 'permerror', 'many.test': 'permerror', 'two.test': 'permerror',
    'umlaut.test': 'permerror', 'nul.test': 'permerror', 'other.test': 'none'}


def bad_records():
    """F82: records that are too long, too many, or not of letters"""
    before = bench.held()
    for _ in range(3):
        found = bench.all(RECORDS, 0.3)
    for domain, want in RECORDS.items():
        equal(found[domain], want, 'F82: %s is a %s' % (domain, want))
    bench.calm('F82', before)


def in_circles():
    """F83, F84: loops, chains and trees end soon, and cost few questions"""
    before = bench.held()
    for domain, at_most in (('self.test', 12), ('ping.test', 12), ('round.test', 12),
                            ('c.chain.test', 12), ('t.tree.test', 40), ('void.test', 12),
                            ('eleven.test', 14)):
        bench.dns.forget()
        equal(bench.judge(domain, wait_s=0.25), 'permerror', '%s is a permerror' % domain)
        asked = bench.dns.asked() - bench.dns.asked('client.test')
        ok(asked <= at_most, '%s costs %d questions at most' % (domain, at_most), asked=asked,
           questions=bench.dns.questions())
    bench.calm('F83, F84', before)


def bombs():
    """F85, F86: records that are made to break who reads them"""
    before, deaths = bench.held(), bench.lookups()['spf']['deaths']
    bench.dns.forget()
    equal(bench.judge('exp.test', wait_s=0.3), 'fail', 'F85: what exp= names is no matter')
    equal(bench.dns.asked('bomb.test'), 0, 'F85: it is not asked for')
    letters = 'l' * 60
    for domain in 'macro.test', 'long.test', 'split.test':
        bench.dns.forget()
        found = bench.judge(domain, wait_s=0.25, local=letters)
        ok(found in ('permerror', 'fail', 'temperror'), 'F86: %s comes to an end' % domain,
           found=found)
        asked = list(bench.dns.questions())
        ok(len(asked) <= 40 and all(len(q.split()[0]) <= 253 for q in asked),
           'F86: %s asks for names that can be' % domain, asked=asked)
    equal(bench.judge('bomb.test', wait_s=0.3), 'none', 'and the bomb is no record of SPF')
    equal(bench.lookups()['spf']['deaths'], deaths, 'no worker has died of it')
    choice = random.Random(int(os.environ.get('MORTSAFE_E2E_SEED', 1)))
    lines, names = [], []
    for n in range(40):
        noise = ''.join(choice.choice(['%{', '}', '/', ':', 'ip4:', 'exists:', '%{d9r.}', '.',
                                       'a', '0', '-', '+', '~', ' include:', '\\255', '%%', 'mx'])
                        for _ in range(60))
        names.append('n%d.noise.test' % n)
        lines.append('%s TXT v=spf1 %s' % (names[-1], noise))
    bench.dns.set(ZONE + '\n'.join(lines))
    found = collections.Counter(bench.all(names, 0.5).values())
    ok(not set(found) - {'permerror', 'temperror', 'none', 'neutral', 'fail', 'softfail', 'pass'},
       'F86: noise comes to some result', found=found)
    bench.dns.set(ZONE)
    equal(bench.judge('good.test', wait_s=0.3), 'pass', 'a sound record is read as before')
    bench.calm('F85, F86', before)


def killed():
    """The worker is killed in the midst of its work: a temperror each, and another worker"""
    before, stop = bench.held(), threading.Event()
    kills = []

    def kill():
        while not stop.wait(0.15):
            pid = bench.worker()
            if pid:
                kills.append(pid)
                os.kill(pid, 9)
    thread = threading.Thread(target=kill)
    thread.start()
    found = collections.Counter()
    try:
        for n in range(5):
            names = ['k%d-%d.quick.test' % (n, i) for i in range(20)]
            found += collections.Counter(bench.all(names, 0.3).values())
    finally:
        stop.set()
        thread.join()
    ok(len(kills) >= 5, 'it was killed %d times' % len(kills))
    equal(set(found) - {'fail', 'temperror'}, set(), 'every message came to its end', found=found)
    place.until(lambda: bench.judge('good.test', wait_s=0.1) == 'pass', 'a worker', 30)
    ok(True, 'in the end there is one that works')
    equal(bench.lookups()['spf']['running'], True, 'and the API says so')
    about = [line for line in bench.safe.log().splitlines() if 'mortsafe-spf' in line]
    ok(1 <= len(about) <= 3 * len(kills), 'deaths are told, not in floods', told=about[-5:])
    bench.calm('killed', before)


def hung():
    """F80: a resolver that is mute delays nobody for long, and is used again once it speaks"""
    mute = '*.test fault hang\ntest fault hang\n'
    bench.dns.set(mute)
    before = bench.held()
    found = bench.all(['m%d.mute.test' % n for n in range(60)], 1.3)
    equal(set(found.values()), {'temperror'}, 'F80: temperror for all', found=found)
    bench.calm('F80')
    bench.dns.set(ZONE)
    began = time.monotonic()
    turn = iter(range(1000))
    place.until(lambda: bench.judge('back%d.quick.test' % next(turn), wait_s=0.2) == 'fail',
                'the resolver to be used again', 30)
    took = time.monotonic() - began
    tap.diag(json.dumps({'row': 'F80', 'recovery_s': round(took, 2)}))
    ok(took < 10 * bench.slow, 'F80: once it speaks it is used again', took=took)
    bench.calm('F80, recovered', before)


def once_only():
    """F80: where a fail is refused, who is not known is put off once, and passes then"""
    strict = Bench('fail = reject  helo = ignore', '')
    strict.dns.set('*.test fault hang\n')
    names = ['never%d.test' % n for n in range(8)]
    for wait_s, want in (None, '451 4.7.1'), (1.3, 'temperror'):
        found = strict.all(names, wait_s, client='198.51.100.1')
        equal(collections.Counter(found.values())[want] >= (1 if want[0] == '4' else 8), True,
              'once %s' % want, found=found)
    strict.calm('F80, strict')
    equal(strict.safe.end(), 0, 'it ends with 0, questions unanswered')


class Logins:
    """Authenticated mail, in a process of its own: how long their callbacks took."""

    def __init__(self, where, seconds):
        reader, writer = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(reader)
            with os.fdopen(writer, 'w') as out:
                json.dump(self.load(where, seconds), out)
            os._exit(0)
        os.close(writer)
        self.told = os.fdopen(reader)

    @staticmethod
    def load(where, seconds):
        book = crowd.Book()

        async def live(n):
            end = time.monotonic() + seconds
            async with crowd.Session(where, book) as s:
                await s.greet('203.0.113.%d' % n, 587, tls=True)
                while time.monotonic() < end:
                    await crowd.message(s, 'user%d@example.org' % n, book)
                    await asyncio.sleep(0.02)
                await s.quit()

        async def every():
            await asyncio.gather(*map(live, range(LOGINS)))
        asyncio.run(every())
        refused = sum(book.rejected.values()) + sum(book.deferred.values())
        return {'ms': sorted(t[1] for t in book.times), 'refused': refused,
                'taken': sum(book.admitted.values())}

    def end(self):
        with self.told:
            said = json.load(self.told)
        os.waitpid(self.child, 0)
        return said


class Strangers:
    """CROWD sessions at one time, each with a message now and then of a domain nobody knows."""

    def __init__(self, where, zone, seconds):
        self.book = crowd.Book()
        self.where, self.zone, self.seconds = where, zone, seconds
        self.codes = collections.Counter()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.every()))
        self.thread.start()

    async def live(self, n):
        end = time.monotonic() + self.seconds
        await asyncio.sleep(n / CROWD * 2)
        try:
            async with crowd.Session(self.where, self.book) as s:
                await s.greet('198.51.%d.%d' % (100 + n // 250, n % 250), 25)
                turn = 0
                while time.monotonic() < end:
                    await s.ask('mail', '<s@d%d-%d.%s>' % (n, turn, self.zone))
                    answer = await s.ask('rcpt', '<alice@example.org>')
                    if answer.refused:
                        s.frames.abort()
                    else:
                        await s.ask('data')
                        answer = await s.end()
                    self.codes[answer.code if answer.refused else 250] += 1
                    turn += 1
                    await asyncio.sleep(2)
                await s.quit()
        except (milter.Closed, OSError):
            self.book.broken += 1

    async def every(self):
        await asyncio.gather(*map(self.live, range(CROWD)))

    def end(self):
        self.thread.join()
        return max((t[1] for t in self.book.times), default=0)


def slow_resolver():
    """F87: 500 strangers at one time, a resolver that takes 2 s: logins do not notice"""
    figures = {}
    before = None
    for zone in 'quick.test', 'slow.test':
        strangers = Strangers(bench.safe.socket, zone, LOAD_S)
        time.sleep(0.5)
        said = Logins(bench.safe.socket, LOAD_S - 0.5).end()
        longest = strangers.end()
        bench.longest = max(bench.longest, longest / 1000)
        figures[zone] = crowd.quantile(said['ms'], 0.99)
        tap.diag(json.dumps({'row': 'F87', 'zone': zone, 'logins': said['taken'],
                             'p50_ms': round(crowd.quantile(said['ms'], 0.5), 2),
                             'p99_ms': round(figures[zone], 2),
                             'strangers': sum(strangers.codes.values()),
                             'longest_ms': round(longest, 1)}))
        equal(said['refused'], 0, zone + ': no login is refused')
        ok(said['taken'] > 20, zone + ': logins send', taken=said['taken'])
        equal((set(strangers.codes), strangers.book.broken), ({250}, 0),
              zone + ': every stranger\'s mail passes, marked', codes=strangers.codes)
        before = before or bench.held()
    ok(figures['slow.test'] <= figures['quick.test'] * 1.5 + P99_MORE_MS * bench.slow,
       'F87: logins\' p99 is as with a quick resolver', figures=figures)
    waits = bench.lookups()['waits']
    ok(waits['not_waited'] > 0, 'F87: most were not allowed to wait', waits=waits)
    bench.calm('F87', before, CACHES_KIB)


def the_end():
    """All is well behind it"""
    equal(bench.judge('good.test', wait_s=0.3), 'pass', 'sound records are read')
    said = bench.safe.log()
    ok('Sanitizer' not in said and 'runtime error' not in said, 'no sanitizer speaks',
       log=said[-3000:])
    odd = [line for line in said.splitlines() if re.search(r'[^\x20-\x7e\t]', line)]
    equal(odd, [], 'the log is plain text')
    equal(bench.safe.end(), 0, 'mortsafe ends with 0')


try:
    bench = Bench()
except Exception as error:  # the rows cannot begin
    tap.ok(False, 'mortsafe starts', raised=repr(error))
    place.leave()
    tap.finish()
tap.run(the_server_breaks, wrong_answers, bad_records, in_circles, bombs, killed, slow_resolver,
        hung, once_only, the_end)
place.leave()
tap.finish()
