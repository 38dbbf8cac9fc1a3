# SPDX-License-Identifier: BSD-2-Clause
"""SPF before a real mail server: what the next program reads in the headers, what the
client is told, and of whom nothing is asked."""
import os
import re
import time

import apart
import dns
import place
import smtp
import tap
from tap import equal, ok, starts
from world import World, main as main_of_world

WORKER = 'mortsafe-spf'
ID = 'mx.example.org'
HOME, ABROAD = '192.0.2.%d', '198.51.100.%d'  # the clients: may send for pass.test, may not
ZONE = '''
client.test     A     192.0.2.9
pass.test       TXT   v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/64 -all
a.test          TXT   v=spf1 a:hosts.a.test mx -all
a.test          MX    10 mx.a.test
hosts.a.test    A     192.0.2.33
mx.a.test       A     192.0.2.34
inc.test        TXT   v=spf1 include:pass.test ~all
redir.test      TXT   v=spf1 redirect=pass.test
fail.test       TXT   v=spf1 ip4:203.0.113.1 -all
soft.test       TXT   v=spf1 ip4:203.0.113.1 ~all
neutral.test    TXT   v=spf1 ?all
perm.test       TXT   v=spf1 ip4:203.0.113.300 -all
two.test        TXT   v=spf1 +all
two.test        TXT   v=spf1 -all
none.test       TXT   some other text
temp.test       fault servfail
slow.test       TXT   v=spf1 -all
slow.test       fault delay 400
badhelo.test    TXT   v=spf1 -all
goodhelo.test   TXT   v=spf1 +all
example.org     TXT   v=spf1 ip4:203.0.113.25 -all
2.0.0.127.grey.test       A   127.0.0.2
2.0.0.127.black.test      A   127.0.0.2
77.100.51.198.grey.test   A   127.0.0.3
78.100.51.198.black.test  A   127.0.0.2
'''
CONFIG = '''
resolver { server = %(server)s }
spf { program = %(program)s %(more)s }
network partner { addr = 198.51.100.200/32 }
exempt friend { client = 198.51.100.201/32  skip = spf }
'''
LISTS = '''
dnsbl grey { zone = grey.test }
dnsbl black { zone = black.test  action = reject }
'''
STRICT = '''fail = reject  softfail = defer  temperror = defer  permerror = reject
  none = reject  helo = reject  own_domain_fail = reject'''
TEXT = 'Subject: test\r\n\r\nhello\r\n'
FORGED = ''.join(line + '\r\n' for line in (
    'Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=fail.test',
    'Authentication-Results: filter.example; dkim=pass header.d=a.test',
    'X-Other: stays',
    'AUTHENTICATION-RESULTS: MX.Example.ORG;',
    ' spf=pass smtp.mailfrom=fail.test',
    'Authentication-Results: "mx.example.org"; auth=pass',
    'Authentication-Results: (a remark) mx.example.org 1; spf=pass',
    'X-Mortsafe-Lists: none at all')) + TEXT


def program():
    """The worker beside the daemon that is tested."""
    return os.path.join(os.path.dirname(place.mortsafe_path()), WORKER)


def config(world, more=''):
    return CONFIG % {'server': world.dns.at, 'program': program(), 'more': more}


def reconfigure(world, more=''):
    world.safe.configure(config(world, more))
    world.safe.reload('is in force', 10)


class Seen:
    """What became of a message: the replies, and its headers where it was taken."""

    def __init__(self, world, rcpt, end):
        self.world, self.rcpt, self.end = world, rcpt, end
        self._headers = None

    @property
    def headers(self):
        """(name, value) in their order, unfolded."""
        if self._headers is None:
            if not self.end.queue_id:
                raise RuntimeError('no message: %s' % self.end)
            self._headers = [(name, re.sub(r'\s+', ' ', value).strip())
                             for name, value in head(self.world, self.end.queue_id)]
        return self._headers

    def all(self, name):
        return [value for n, value in self.headers if n.lower() == name.lower()]

    @property
    def results(self):
        """Our own Authentication-Results."""
        return [r for r in self.all('Authentication-Results') if r.startswith(ID + ';')]

    def result(self, of='mailfrom'):
        """The result for one identity, as "fail", and its domain or address."""
        for one in self.results:
            found = re.search(r'spf=(\w+)( \((?:[^()\\]|\\.)*\))? smtp\.%s=(\S+?)(;|$)' % of, one)
            if found:
                return found.group(1), found.group(3)
        return None


def head(world, ident):
    """The header of the queued message IDENT."""
    world.server.find(ident)
    if world.kind == 'postfix':
        text = world.server.run('postcat', '-q', '-h', ident)
        lines = re.sub(r'\r?\n([ \t])', r'\1', text).splitlines()
    else:
        name = os.path.join(world.server.dir, 'queue', 'qf' + ident)
        with open(name, encoding='latin-1') as queue:
            lines = re.sub(r'\n([ \t])', r'\1', queue.read()).splitlines()
        lines = [re.sub(r'^H(\?[^?]*\?)?', '', line)
                 for line in lines if line.startswith('H')]
    found = (line.partition(':') for line in lines)
    return [(name, value) for name, colon, value in found if colon]


def try_once(world, sender, source=None, helo='client.test', to='<alice@example.org>', text=TEXT,
             host='127.0.0.1'):
    """A message of a stranger's, by the mail exchanger's port."""
    with smtp.Client(world.server.mx, host=host, source=source or ABROAD % 7) as c:
        c.ehlo(helo)
        first, each, end = c.message(sender, [to], text)
        return Seen(world, each[0] if each else first, end)


def send(world, *what, **how):
    """The same, again until everything was known in time: on a busy machine an answer may
    take longer than a message waits for it."""
    for _ in range(20):
        seen = try_once(world, *what, **how)
        late = '(not known in time)' in str(seen.headers) if seen.end.queue_id else \
            'not yet known' in str(seen.rcpt)
        if not late:
            break
        time.sleep(0.2)
    return seen


RESULTS = (  # sender, client, result
    ('pass.test', HOME % 7, 'pass'),
    ('pass.test', ABROAD % 7, 'fail'),
    ('a.test', HOME % 33, 'pass'),
    ('a.test', HOME % 34, 'pass'),
    ('a.test', HOME % 35, 'fail'),
    ('inc.test', HOME % 7, 'pass'),
    ('inc.test', ABROAD % 7, 'softfail'),
    ('redir.test', ABROAD % 7, 'fail'),
    ('soft.test', HOME % 7, 'softfail'),
    ('neutral.test', HOME % 7, 'neutral'),
    ('perm.test', HOME % 7, 'permerror'),
    ('two.test', HOME % 7, 'permerror'),
    ('none.test', HOME % 7, 'none'),
    ('nowhere.test', HOME % 7, 'none'),
    ('temp.test', HOME % 7, 'temperror'),
)


def marked(world):
    """mark, the default: everything passes, and the header tells the result"""
    for domain, source, want in RESULTS:
        seen = send(world, '<s@%s>' % domain, source)
        starts(seen.end, '250', '%s from %s passes' % (domain, source))
        equal(seen.result(), (want, 's@' + domain), '%s from %s: spf=%s' % (domain, source, want),
              headers=seen.headers)
        equal(len(seen.results), 1, 'in one header of ours', headers=seen.headers)
    first = [n for n, _ in seen.headers if n.lower() not in ('received', 'return-path')][0]
    equal(first, 'Authentication-Results', 'which stands first', headers=seen.headers)
    ok(not seen.all('Received-SPF') and not seen.all('X-Mortsafe-Lists'), 'and no other')


def helo_names(world):
    """The name in HELO is looked up too, and counts for the empty sender"""
    seen = send(world, '<s@pass.test>', HOME % 7, helo='badhelo.test')
    equal((seen.result(), seen.result('helo')), (('pass', 's@pass.test'), ('fail', 'badhelo.test')),
          'one result for each', headers=seen.headers)
    seen = send(world, '<>', ABROAD % 7, helo='badhelo.test')
    equal(seen.result(), ('fail', 'postmaster@badhelo.test'), '<> is judged by HELO',
          headers=seen.headers)
    world.dns.forget()
    send(world, '<s@pass.test>', HOME % 7, helo='[192.0.2.7]')
    send(world, '<s@pass.test>', HOME % 7, helo='localhost')
    ok(not world.dns.asked('localhost') and not world.dns.asked('*.7]'),
       'what is no domain is not looked up', asked=world.dns.questions())


def forged(world):
    """Whoever writes our name in a header, it goes; others' stay"""
    seen = send(world, '<s@fail.test>', text=FORGED)
    equal(seen.result(), ('fail', 's@fail.test'), 'a stranger: ours is there',
          headers=seen.headers)
    equal([r for r in seen.all('Authentication-Results') if r not in seen.results],
          ['filter.example; dkim=pass header.d=a.test'], 'and the other filter\'s',
          headers=seen.headers)
    ok(not any('=pass' in r for r in seen.results) and len(seen.results) == 1,
       'nobody says pass in our name', headers=seen.headers)
    equal((seen.all('X-Mortsafe-Lists'), seen.all('X-Other')), ([], ['stays']),
          'our header about lists goes, others stay')
    with smtp.submitter(world.server.submission, source=HOME % 8) as c:
        _, _, end = c.message('<alice@example.org>', ['<v@victim.test>'], FORGED)
        seen = Seen(world, end, end)
    equal(seen.all('Authentication-Results'), ['filter.example; dkim=pass header.d=a.test'],
          'a login: forged ones go, none is written', headers=seen.headers)
    many = ''.join('Authentication-Results: mx.example.org; x=%d\r\n' % n for n in range(90))
    seen = send(world, '<s@pass.test>', HOME % 7, text=many + TEXT)
    equal((len(seen.all('Authentication-Results')), seen.result()), (1, ('pass', 's@pass.test')),
          'ninety forged ones go too')
    hostile = send(world, '<s@nowhere.test>', HOME % 7, helo='a(b);c=.test')
    ok(len(hostile.results) <= 1 and all('\n' not in r for r in hostile.results),
       'what HELO says breaks no header', headers=hostile.headers)


def unasked(world):
    """Nothing is asked about logins, own networks, whom an exemption names"""
    world.dns.forget()
    with smtp.submitter(world.server.submission, source=ABROAD % 8) as c:
        _, _, end = c.message('<alice@example.org>', ['<v@victim.test>'])
    starts(end, '250', 'a login sends from anywhere')
    equal(Seen(world, end, end).results, [], 'and has no header')
    for n, who in (200, 'a partner of our own'), (201, 'who is exempt'):
        seen = send(world, '<s@fail.test>', ABROAD % n)
        equal((seen.end.code, seen.results), (250, []), who + ' is not looked up')
    seen = send(world, '<s@fail.test>', '127.0.0.77')
    equal((seen.end.code, seen.results), (250, []), 'nor are private addresses')
    equal(world.dns.asked(), 0, 'not one question', asked=world.dns.questions())


def nothing_is_granted(world):
    """pass gives nobody a right"""
    seen = send(world, '<s@pass.test>', HOME % 7, to='<v@victim.test>')
    ok(not seen.rcpt.accepted, 'pass does not relay', reply=seen.rcpt)


def over_ipv6(world):
    """IPv6 clients are looked up by their address"""
    if not place.IPV6:
        return tap.skip('IPv6', 'there is none')
    for domain, want in ('pass.test', 'pass'), ('fail.test', 'fail'):
        seen = send(world, '<s@%s>' % domain, '2001:db8::5', host='::1')
        equal(seen.result(), (want, 's@' + domain), 'IPv6: %s' % want, headers=seen.headers)
    return None


REFUSALS = (  # sender, HELO, the reply, the rule, whose name it tells
    ('fail.test', 'client.test', '550 5.7.23', 'spf.fail', 'fail.test'),
    ('soft.test', 'client.test', '451 4.7.23', 'spf.softfail', 'soft.test'),
    ('temp.test', 'client.test', '451 4.7.24', 'spf.temperror', 'temp.test'),
    ('perm.test', 'client.test', '550 5.7.24', 'spf.permerror', 'perm.test'),
    ('none.test', 'client.test', '550 5.7.23', 'spf.none', 'none.test'),
    ('example.org', 'client.test', '550 5.7.23', 'spf.own_domain', 'example.org'),
    ('neutral.test', 'badhelo.test', '550 5.7.23', 'spf.helo', 'badhelo.test'),
)
OF_CLIENT = 'spf.fail', 'spf.softfail', 'spf.own_domain', 'spf.helo'


def refused(world):
    """reject and defer: the reply that RFC 7372 has, and one line in the log"""
    reconfigure(world, STRICT)
    for n, (domain, helo, reply, rule, word) in enumerate(REFUSALS):
        source = ABROAD % (20 + n)
        seen = send(world, '<s@%s>' % domain, source, helo=helo)
        starts(seen.rcpt, reply, '%s: %s' % (rule, reply))
        ok(word in str(seen.rcpt), rule + ': it says whose domain', reply=seen.rcpt)
        if rule in OF_CLIENT:
            ok(source in str(seen.rcpt), rule + ': and which client', reply=seen.rcpt)
        told = world.refusals(source, 1, rule=rule)
        ok(len(told) == 1 and told[0].action == ('reject' if reply[0] == '5' else 'defer'),
           rule + ': the log has it, once', log=told)
        equal(told and told[0].spf, {'spf.own_domain': 'fail', 'spf.helo': 'neutral'}.get(
            rule, rule[4:]), rule + ': with the result', log=told)
    seen = send(world, '<s@pass.test>', HOME % 7, helo='goodhelo.test')
    starts(seen.end, '250', 'pass passes')
    seen = send(world, '<s@neutral.test>', HOME % 7)
    starts(seen.end, '250', 'neutral passes')
    for to in '<postmaster@example.org>', '<abuse@example.org>':
        starts(send(world, '<s@fail.test>', to=to).end, '250', 'mail to %s passes' % to)
    starts(send(world, '<s@fail.test>', ABROAD % 201).end, '250', 'who is exempt passes')
    with smtp.submitter(world.server.submission, source=ABROAD % 8) as c:
        _, _, end = c.message('<alice@example.org>', ['<v@victim.test>'])
    starts(end, '250', 'a login passes, as its own domain has -all')


def worded(world):
    """reply: the operator's own words"""
    world.safe.configure(config(world, 'fail = reject')
                         + 'reply spf.fail { text = "{domain} {client} ask us" }\n')
    world.safe.reload('is in force', 10)
    seen = send(world, '<s@fail.test>', ABROAD % 40)
    ok('fail.test %s ask us' % (ABROAD % 40) in str(seen.rcpt), 'the operator\'s words',
       reply=seen.rcpt)


def pending(world):
    """What is not known in time defers once, or only marks"""
    reconfigure(world, 'fail = reject  helo = ignore')
    source = ABROAD % 50
    first = try_once(world, '<s@slow.test>', source)
    starts(first.rcpt, '451 4.7.1', 'not yet known: come again')
    told = world.refusals(source, 1, rule='spf.pending')
    equal(len(told), 1, 'the log says so', log=told)
    time.sleep(2)  # the resolver asks again and again until it is not too early
    starts(try_once(world, '<s@slow.test>', source).rcpt, '550 5.7.23', 'then it is known')
    world.dns.set(ZONE + 'never.test fault hang\n')
    source = ABROAD % 51
    first = try_once(world, '<s@never.test>', source)
    starts(first.rcpt, '451 4.7.1', 'never known: once deferred')
    seen = try_once(world, '<s@never.test>', source)
    starts(seen.end, '250', 'then it passes')
    equal(seen.result(), ('temperror', 's@never.test'), 'and is marked', headers=seen.headers)
    reconfigure(world, 'fail = mark  helo = ignore')
    seen = try_once(world, '<s@never.test>', ABROAD % 52)
    starts(seen.end, '250', 'where nothing would be refused nobody is put off')
    world.dns.set(ZONE)


def observed(world):
    """observe: told, not done"""
    reconfigure(world, STRICT + '\n  mode = observe')
    for n, (domain, helo, _, rule, _) in enumerate(REFUSALS):
        source = ABROAD % (60 + n)
        seen = send(world, '<s@%s>' % domain, source, helo=helo)
        starts(seen.end, '250', rule + ': observed, it passes')
        told = world.refusals(source, 1, rule=rule)
        ok(told and told[0].observed, rule + ': the log says would=', log=told)
        ok(seen.results, rule + ': and it is marked')


def both_headers(world):
    """header and authserv_id: Received-SPF too, under another name"""
    reconfigure(world, 'header = authentication-results, received-spf\n'
                '  authserv_id = filters.example.org')
    text = ('Authentication-Results: filters.example.org; spf=pass\r\n'
            'Authentication-Results: mx.example.org; spf=pass\r\n' + TEXT)
    seen = send(world, '<s@fail.test>', text=text)
    found = seen.all('Received-SPF')
    ok(len(found) == 1 and found[0].startswith('fail (') and 'client-ip="%s"' % (ABROAD % 7)
       in found[0] and 'envelope-from="s@fail.test"' in found[0], 'Received-SPF', headers=found)
    equal([r.split()[0] for r in seen.all('Authentication-Results')],
          ['filters.example.org;', 'mx.example.org;'], 'the name is the configured one',
          headers=seen.headers)
    reconfigure(world, 'header = none')
    seen = send(world, '<s@fail.test>', text=text)
    equal((seen.all('Received-SPF'), len(seen.all('Authentication-Results'))), ([], 1),
          'none: none is written, forged ones go', headers=seen.headers)


def listed(world):
    """Lists: a header that only we write, and a reply with the list's name"""
    world.safe.configure(config(world) + LISTS)
    world.safe.reload('is in force', 10)
    for helo in 'client.test', 'other.test':
        seen = send(world, '<s@pass.test>', ABROAD % 77, helo=helo, text=FORGED)
        equal(seen.all('X-Mortsafe-Lists'), ['grey (127.0.0.3)'], 'a listed client is marked',
              headers=seen.headers)
    seen = send(world, '<s@pass.test>', ABROAD % 79, text=FORGED)
    equal(seen.all('X-Mortsafe-Lists'), [], 'who is on no list has none', headers=seen.headers)
    seen = send(world, '<s@pass.test>', ABROAD % 78)
    starts(seen.rcpt, '550 5.7.1', 'where the list rejects, it is refused')
    ok('black' in str(seen.rcpt) and ABROAD % 78 in str(seen.rcpt), 'with the list and the client',
       reply=seen.rcpt)
    starts(send(world, '<s@pass.test>', ABROAD % 78, to='<postmaster@example.org>').end, '250',
           'mail to postmaster passes')
    world.dns.forget()
    with smtp.submitter(world.server.submission, source=ABROAD % 78) as c:
        _, _, end = c.message('<alice@example.org>', ['<v@victim.test>'])
    starts(end, '250', 'a login sends from a listed address')
    equal(world.dns.asked(), 0, 'and no list is asked about it', asked=world.dns.questions())


def worker_dies(world):
    """The worker is killed: it is back before the next message"""
    reconfigure(world)
    before = workers(world)
    equal(len(before), 1, 'there is one worker', workers=before)
    for pid in before:
        os.kill(pid, 9)
    seen = send(world, '<s@neutral.test>', HOME % 7)
    starts(seen.end, '250', 'mail goes on')
    place.until(lambda: set(workers(world)) - set(before), 'another worker')
    equal(send(world, '<s@pass.test>', HOME % 7).result(), ('pass', 's@pass.test'),
          'the other one works')
    equal(len(workers(world)), 1, 'it is one again')
    with open('/proc/%d/maps' % workers(world)[0]) as maps:
        shut_in = {'NoNewPrivs': '1'}
        if not re.search('lib[at]san', maps.read()):  # which needs more calls than it may
            shut_in['Seccomp'] = '2'
    with open('/proc/%d/status' % workers(world)[0]) as status:
        found = dict(line.rstrip().split(':\t', 1) for line in status if ':\t' in line)
    equal({key: found.get(key) for key in shut_in}, shut_in, 'the worker is shut in')
    fds = os.listdir('/proc/%d/fd' % workers(world)[0])
    ok(len(fds) <= 4, 'and holds no descriptor but its own', fds=fds)


def workers(world):
    """The pids of the daemon's workers that live."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % pid) as stat:
                name, _, rest = stat.read().partition('(')[2].rpartition(')')
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if name == WORKER and int(parent) == world.safe.process.pid and state != 'Z':
            found.append(int(pid))
    return found


def taken_away(world):
    """A reload without spf ends it all"""
    world.safe.configure('resolver { server = %s }\n' % world.dns.at)
    world.safe.reload('is in force', 10)
    world.dns.forget()
    seen = send(world, '<s@fail.test>', text=FORGED)
    equal((seen.end.code, len(seen.all('Authentication-Results'))), (250, 5),
          'no header is touched', headers=seen.headers)
    equal(world.dns.asked(), 0, 'nothing is asked', asked=world.dns.questions())
    place.until(lambda: not workers(world), 'the worker to end')
    reconfigure(world)
    place.until(lambda: send(world, '<s@fail.test>').result() == ('fail', 's@fail.test'),
                'senders to be looked up again')


def make(kind):
    resolver = dns.Dns(ZONE)
    options = {'ipv6': 'yes'} if place.IPV6 else {}
    world = World(kind, CONFIG % {'server': resolver.at, 'program': program(), 'more': ''},
                  **options)
    world.dns = resolver
    return world


def main(kind):
    # from the Internet, if it has to be
    place.call(os.path.join(place.HERE, kind + '.sh'), 'install')
    apart.enter()
    main_of_world(lambda: make(kind), marked, helo_names, forged, unasked, nothing_is_granted,
                  over_ipv6, refused, worded, pending, observed, both_headers, listed, worker_dies,
                  taken_away)
