#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The milter protocol, well and badly spoken, without a mail server."""
import itertools
import os
import random
import re
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import daemon
import milter
import place
import tap
from milter import Closed, Milter, session
from tap import equal, ok, starts

SESSIONS = int(os.environ.get('MORTSAFE_E2E_SESSIONS', '2000'))
safe = daemon.Mortsafe('''
network office { addr = 192.0.2.9/32, 2001:db8:9::/48  relay = any }
network trial { addr = 192.0.2.64/28  mode = observe }
network lapsed { addr = 192.0.2.80/28  mode = observe  until = 2020-01-01 }
domains idn { list = xn--bcher-kva.example }
reply relay.denied { text = "No relaying to {recipient} for {client} {sender} {user} ({ref})" }
listener gate { name = GATE  auth = require  tls = allow }
listener mx { port = 25  auth = forbid  tls = allow }
listener submission { port = 587  auth = require  tls = allow }
limit message { key = user  count = recipients  rate = 100/msg }
limit burst { off = yes }
limit user { off = yes }
limit user_all { off = yes }
limit user_bad { off = yes }
limit relay { off = yes }
''').start()
HOSTILE = [b'', b'%', b'%s%n%d', b'a' * 65000, b'\x01\x02\x7f\x1b[31m', b'\xff\xfe\x80',
           b'x\r\nQUIT', b'\n', b'"', b'\\', b'<', b'>', b'<>', b'<<>>', b'<@>', b'@', b'@@',
           b'<@a:', b'<"', b'<"@example.org>', b'<a@[>', b'<a@[IPv6:>', b'<a@b>c<d@e>',
           b'(' * 3000, b'"' * 3001, b'\\' * 3001, b'<' + b'a@' * 9000 + b'>',
           b'<a@' + b'b.' * 20000 + b'>', b'<a@xn--\xc3\xbc.example>', b' ' * 5000]
_client = itertools.count(1)


def client():
    n = next(_client)
    return '198.18.%d.%d' % divmod(n, 256)


def sane(name):
    """It lives, refuses a stranger's relaying and takes mail for alice."""
    if not ok(safe.alive(), name + ': mortsafe runs'):
        sys.exit(safe.log()[-3000:])
    with session(safe.socket, client()) as m:
        first, each, end = m.message('<s@spam.test>', ['<v@victim.test>', '<alice@example.org>'])
        starts(each[0], '550 5.7.1', name + ': relaying is denied')
        ok(each[1].passed and end.passed, name + ': alice gets her mail', each=each, end=end)


def after(data, before=None, shut=True):
    """Send raw DATA, say no more, and collect what comes until the connection ends."""
    m = before or Milter(safe.socket)
    got = []
    try:
        m.raw(data)
        if shut:
            m.socket.shutdown(1)
        while True:
            got.append(m.read()[0])
    except (Closed, OSError):
        pass
    m.close()
    return got


def ordinary():
    """A whole session: what is asked for, what is answered"""
    with Milter(safe.socket) as m:
        m.negotiate()
        equal(m.version, 6, 'version 6 is agreed on')
        ok(m.steps & milter.RCPT_REJ, 'refused recipients are asked for')
        ok(m.steps & milter.NO_STEP[milter.BODY], 'no body without a limit on bytes')
        ok(m.steps & milter.NO_STEP[milter.HEADER], 'no headers')
        ok(not m.steps & (0xff000 & ~0), 'no step goes without an answer', steps=hex(m.steps))
        ok(not m.actions & ~(0x20 | 0x100), 'only quarantine and macros are wanted',
           actions=hex(m.actions))
        for stage, always in (('mail', '{mail_addr}'), ('rcpt', '{rcpt_addr}'), ('connect', 'j')):
            ok(always in m.macros.get(stage, ()), '%s asks for %s' % (stage, always))
        ok(m.connect('192.0.2.1').passed, 'CONNECT is answered')
        ok(m.helo().passed, 'HELO is answered')
        for n in range(3):
            first, each, end = m.message('<s@spam.test>', ['<alice@example.org>'])
            ok(first.passed and each[0].passed and end.passed, 'message %d passes' % n)
        m.quit()
    sane('ordinary')


def logins():
    """A login is {auth_authen} with {auth_type}, and nothing else"""
    rows = (
        ({'{auth_type}': 'PLAIN', '{auth_authen}': 'ann'}, True, 'both'),
        ({'{auth_authen}': 'ann'}, False, 'no type'),
        ({'{auth_type}': 'PLAIN'}, False, 'no name'),
        ({'{auth_type}': 'PLAIN', '{auth_authen}': ''}, False, 'an empty name'),
        ({'{auth_type}': '', '{auth_authen}': 'ann'}, False, 'an empty type'),
        ({'{auth_author}': 'ann@example.org'}, False, '{auth_author} alone'),
        ({'{auth_type}': 'PLAIN', '{auth_author}': 'ann'}, False, '{auth_author} and a type'),
    )
    for macros, may, name in rows:
        with session(safe.socket, client(), port=587) as m:
            reply = m.mail('<ann@example.org>', macros=macros)
            if may:
                ok(reply.passed and m.rcpt('<v@victim.test>').passed, name + ': a login')
            else:
                starts(reply, '530 5.7.0', name + ': no login')
    with session(safe.socket, client(), port=587) as m:
        ok(m.mail('<ann@example.org>', login='ann').passed, 'a message with a login')
        m.rcpt('<v@victim.test>')
        m.data()
        ok(m.end().passed, 'is accepted')
        starts(m.mail('<ann@example.org>'), '530 5.7.0', 'the next one without it is not')


def nothing_opens():
    """Missing macros open nothing"""
    for bare in ('all', 'port', 'name'):
        with Milter(safe.socket) as m:
            m.negotiate()
            host = b'x\0' + b'4' + struct.pack('>H', 4000) + client().encode() + b'\0'
            if bare == 'all':
                m.step(milter.CONNECT, host)
            else:
                m.step(milter.CONNECT, host, {'{daemon_%s}' % bare: '587'})
            m.step(milter.HELO, b'x\0')
            reply = m.step(milter.MAIL, b'<s@spam.test>\0')
            if reply.passed:
                starts(m.step(milter.RCPT, b'<v@victim.test>\0'), '550 5.7.1',
                       'only {daemon_%s}: a stranger on mx' % bare)
            else:
                starts(reply, '530 5.7.0', 'only {daemon_%s}: submission' % bare)
    for port in '99999', '-1', 'x', '', '25 ', '587x':
        with session(safe.socket, client(), macros={'{daemon_port}': port}) as m:
            reply = m.mail('<s@spam.test>')
            refused = reply if reply.refused else m.rcpt('<v@victim.test>')
            ok(refused.code >= 500, 'port %r: a stranger is refused' % port, reply=refused)
    with Milter(safe.socket) as m:
        m.negotiate()
        m.mail('<s@spam.test>')
        ok(m.rcpt('<v@victim.test>').refused, 'MAIL without CONNECT: a stranger')


def listeners():
    """Which listener it is: by name, port or flags, and the network's own mode"""
    rows = (
        ({'{daemon_name}': 'gate', '{daemon_port}': '25'}, 'gate', 'name'),
        ({'{daemon_name}': 'MTA', '{daemon_port}': '587'}, 'submission', 'port'),
        ({'{daemon_port}': None, '{daemon_flags}': 's EE a'}, 'submissions', 'flags'),
        ({'{daemon_port}': '4711'}, 'mx', 'default'),
        ({'{daemon_port}': '0'}, 'local', 'port'),
    )
    for macros, name, via in rows:
        source = client()
        with session(safe.socket, source, macros=macros) as m:
            if m.mail('<s@spam.test>').passed:
                m.rcpt('<hop%victim.test@example.org>')
                m.rcpt('<v@victim.test>')
                m.data()
                m.end()

        def told():
            return [d for d in safe.decisions() if '[%s]' % source in d.line]
        place.until(told, 'a decision')
        equal(told()[0].listener, name, '%s: %s' % (macros, name), line=told()[0])
        ok(via in (told()[0].via or '') or name == 'local' or via == 'default',
           'the log tells by what (%s)' % via, line=told()[0])
    with session(safe.socket, '192.0.2.65') as m:
        m.mail('<s@spam.test>')
        ok(m.rcpt('<v@victim.test>').passed, 'mode = observe of a network: nothing is refused')
    told = safe.wait_decision(rule='relay.denied', client='unknown[192.0.2.65]')
    ok(told.observed and told.action == 'reject', 'but told', line=told)
    with session(safe.socket, '192.0.2.81') as m:
        m.mail('<s@spam.test>')
        starts(m.rcpt('<v@victim.test>'), '550 5.7.1', 'past its until it is enforced')


def other_alphabets():
    """Domains by IDNA, local parts as bytes"""
    rows = (('<a@b\u00fccher.example>', True), ('<a@B\u00dcCHER.example>', True),
            ('<a@xn--BCHER-kva.example>', True), ('<\u00fcser@example.org>', True),
            ('<a@b\u00fccher.test>', False), ('<a@xn--bcher-kva.test>', False),
            ('<a@example.org\u3002victim.test>', False), ('<a\uff20victim.test>', True))
    for recipient, may in rows:
        with session(safe.socket, client()) as m:
            m.mail('<s@spam.test>', 'SMTPUTF8')
            reply = m.rcpt(recipient)
            equal(reply.passed, may, '%s is %s' % (ascii(recipient), 'ours' if may else 'not'))


def addresses():
    """The client's address in every form"""
    rows = (
        (dict(address=None), 550, 'no address'),
        (dict(address='/tmp/x', family='L', port=0), 550, 'a Unix socket'),
        (dict(address='192.0.2.9', family='L', port=0), 550, 'a Unix socket named like an office'),
        (dict(address='2001:db8:9::1'), 0, 'an office on IPv6'),
        (dict(address='IPv6:2001:db8:9::1'), 0, 'with Sendmail\'s tag'),
        (dict(address='2001:db8:9:0:0:0:0:1'), 0, 'not shortened'),
        (dict(address='2001:db8:8::1'), 550, 'a stranger on IPv6'),
        (dict(address='192.0.2.9'), 0, 'an office'),
        (dict(address='::ffff:192.0.2.9'), 0, 'an office, IPv4 mapped to IPv6'),
        (dict(address='::ffff:c000:209'), 0, 'the same in hexadecimal'),
        (dict(address='::ffff:192.0.2.8'), 550, 'a mapped stranger'),
        (dict(address='192.0.2.8'), 550, 'a neighbour of the office'),
    )
    for how, want, name in rows:
        with Milter(safe.socket) as m:
            m.negotiate()
            m.connect(**how)
            m.helo()
            m.mail('<s@spam.test>')
            equal(m.rcpt('<v@victim.test>').code, want, name)
    for address, family in (('999.1.1.1', '4'), ('192.0.2.9x', '4'), ('', '4'), ('zz::1', '6'),
                            ('192.0.2.9', '6'), ('192.0.2.9', '9'), ('192.0.2.9', '\0')):
        try:
            with Milter(safe.socket, timeout=3) as m:
                m.negotiate()
                m.connect(address, family=family)
                m.mail('<s@spam.test>')
                reply = m.rcpt('<v@victim.test>')
            ok(reply.refused, 'family %r, address %r: refused' % (family, address), reply=reply)
        except (Closed, OSError):
            ok(True, 'family %r, address %r: hung up' % (family, address))
    with session(safe.socket, None, macros={'{client_addr}': '0'}) as m:
        # Sendmail reads SMTP from its standard input: our own program, which may relay.
        m.mail('<s@example.org>')
        ok(m.rcpt('<v@victim.test>').passed, '{client_addr} = 0 without address is local')
    with session(safe.socket, '192.0.2.1', macros={'{client_addr}': '0'}) as m:
        m.mail('<s@example.org>')
        starts(m.rcpt('<v@victim.test>'), '550', '{client_addr} = 0 with an address is not')
    sane('addresses')


def orders():
    """Commands in any order: no crash, no relay opened"""
    commands = {
        'O': (milter.NEGOTIATE, struct.pack('>III', 6, 0x1ff, 0x1fffff)),
        'C': (milter.CONNECT, b'x\x004' + struct.pack('>H', 4000) + b'203.0.113.1\0'),
        'H': (milter.HELO, b'x\0'), 'M': (milter.MAIL, b'<s@spam.test>\0'),
        'R': (milter.RCPT, b'<v@victim.test>\0'), 'T': (milter.DATA, b''),
        'E': (milter.EOM, b''), 'A': (milter.ABORT, b''), 'K': (milter.QUIT_NC, b''),
        'N': (milter.EOH, b''), 'L': (milter.HEADER, b'a\0b\0'), 'B': (milter.BODY, b'x'),
        'U': (milter.UNKNOWN, b'FOO\0'),
    }
    fixed = ['R', 'OR', 'OCR', 'OMR', 'OHMR', 'OCHR', 'OE', 'OCE', 'OCHME', 'OCHRME', 'OT', 'OB',
             'OCHMTE', 'OCHMARE', 'OCHMKMR', 'OCHKCHMR', 'OCHMMR', 'OCCHMR', 'OOCHMR', 'OCHMOR',
             'OK', 'OA', 'OAAAA', 'OKKKK', 'OCHMRKR', 'OCHMAAER', 'OU', 'OCUHUMUR', 'OL', 'ON']
    dice = random.Random(1)
    fixed += ['O' + ''.join(dice.choice('CHMRTEAKNLBU') for _ in range(12)) for _ in range(60)]
    opened = []
    for order in fixed:
        wire = b''.join(struct.pack('>I', len(d) + 1) + c + d
                        for c, d in (commands[letter] for letter in order))
        wire += struct.pack('>I', 1) + b'Q'
        got = after(wire)
        asked = sum(c in 'CHMRTENLBU' for c in order)
        # With every command answered, the last answer is that to the last command.
        answers = [a for a in got if a != milter.NEGOTIATE]
        if order[-1] == 'R' and len(answers) == asked and answers and answers[-1] in (b'c', b'a'):
            opened.append((order, got))
    equal(opened, [], 'no order of %d has a foreign recipient accepted' % len(fixed))
    sane('orders')


def frames():
    """Frames of every wrong length"""
    lengths = (0, 1, 2, 3, 65535, 65536, 65537, 1 << 20, 1 << 30, 0x7fffffff, 0x80000000,
               0x80000001, 0xfffffffe, 0xffffffff)
    memory = safe.status('VmRSS')
    for length in lengths:
        for command in b'O', b'C', b'D', b'M', b'\0', b'\xff':
            after(struct.pack('>I', length) + command + b'x' * min(length, 200000))
            m = Milter(safe.socket)
            m.negotiate()
            after(struct.pack('>I', length) + command + b'x' * 10, before=m)
        ok(safe.alive(), 'a frame of length %d' % length)
    for cut in range(1, 18):
        after((struct.pack('>I', 13) + b'O' + struct.pack('>III', 6, 0x1ff, 0x1fffff))[:cut])
    after(b'')
    ok(safe.status('VmRSS') < memory + 40000, 'none of them takes memory',
       before=memory, after=safe.status('VmRSS'))
    sane('frames')


def foreign_protocols():
    """HTTP, TLS, SMTP and rubbish on the milter port"""
    hello = bytes.fromhex('1603010200010001fc0303') + b'\x55' * 500
    for name, data in (('HTTP', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), ('TLS', hello),
                       ('SMTP', b'EHLO x\r\nMAIL FROM:<a@b>\r\n'), ('zeros', b'\0' * 4000),
                       ('ones', b'\xff' * 4000), ('SSH', b'SSH-2.0-x\r\n')):
        got = after(data)
        ok(safe.alive() and b'c' not in got, name + ' gets no answer', got=got)
    sane('foreign protocols')


def odd_packets():
    """Unknown commands, macros for no stage, missing NULs, odd counts of strings"""
    good = milter.session
    for command in b'Z', b'\0', b'\x80', b'o', b'y':
        m = good(safe.socket, client())
        after(struct.pack('>I', 3) + command + b'xx', before=m)
        ok(safe.alive(), 'command %r' % command)
    packets = (
        (b'D', b''), (b'D', b'X'), (b'D', b'M'), (b'D', b'M{a}'), (b'D', b'M{a}\0'),
        (b'D', b'M{a}\0b'), (b'D', b'Mi\0\0i\0\0'), (b'D', b'R' + b'i\0x\0' * 5000),
        (b'D', b'\0\0\0'), (b'M', b''), (b'M', b'\0'), (b'M', b'<a@b>'), (b'M', b'\0\0\0\0'),
        (b'R', b''), (b'R', b'<v@victim.test>'), (b'R', b'\0'), (b'H', b''), (b'H', b'x'),
        (b'C', b''), (b'C', b'x'), (b'C', b'x\0'), (b'C', b'x\x004'), (b'C', b'x\x004\0'),
        (b'C', b'x\x004\0\x19' + b'1.2.3.4'), (b'L', b'a'), (b'L', b'a\0'), (b'U', b''),
        (b'T', b'rubbish'), (b'E', b'rubbish'), (b'A', b'rubbish'), (b'Q', b'rubbish'))
    for command, data in packets:
        m = good(safe.socket, client())
        m.mail('<s@spam.test>')
        frame = struct.pack('>I', len(data) + 1) + command + data
        quit_ = struct.pack('>I', 1) + b'Q'
        got = after(frame + quit_, before=m)
        ok(safe.alive() and not (command == b'R' and b'c' in got),
           'packet %r %r' % (command, data[:12]), got=got)
    sane('odd packets')


def hostile_text():
    """Hostile bytes in every argument and macro: one escaped line each"""
    before = len(safe.log())
    opened = []
    for text in HOSTILE:
        with session(safe.socket, client(), macros={'{daemon_name}': text}) as m:
            try:
                m.helo(text)
                m.mail(text, macros={'i': text, '{mail_addr}': text, '{auth_author}': text})
                reply = m.rcpt(b'<v@victim.test>', macros={'i': text, '{rcpt_addr}': text,
                                                           '{rcpt_host}': text})
                if reply.passed:
                    opened.append(('mail', text[:30]))
            except Closed:
                pass
        with session(safe.socket, client(), port=587) as m:
            try:
                if m.mail(b'<a@example.org>', login=text or b'x').passed:
                    m.rcpt(b'<v%victim.test@example.org>')
            except Closed:
                pass
        with session(safe.socket, client()) as m:
            try:
                m.mail(b'<s@spam.test>')
                reply = m.rcpt(text)
                printable = re.fullmatch(r'[ -~]*', str(reply))
                ok(printable and '%' not in str(reply).replace('%%', ''),
                   'the reply to %r is clean' % text[:20], reply=str(reply)[:200])
                ok(len(str(reply)) <= 470, 'and not too long', n=len(str(reply)))
                m.rcpt(b'<v' + text + b'@victim.test>')
            except Closed:
                pass
    equal(opened, [], 'no hostile field has a foreign recipient accepted')
    sane('hostile text')
    place.until(lambda: 'victim.test' in safe.log()[before:], 'the log')
    with open(safe.logfile, 'rb') as log:
        raw = log.read()
    equal(re.findall(rb'[^\x20-\x7e\n]', raw), [], 'the log is printable ASCII')
    ok(max(map(len, raw.split(b'\n'))) < 4096, 'and its lines are short')


def many_machines():
    """Many HELO names from one address that may relay are told of, once"""
    own = daemon.Mortsafe(config=daemon.BASE.replace('network loopback { off = yes }', '')
                          + 'network office { addr = 192.0.2.0/24  relay = any }\n').start()
    for address in '192.0.2.9', '127.0.0.1', '203.0.113.9':
        for n in range(15):
            with session(own.socket, address) as m:
                m.helo('pc%d.test' % n)
                m.mail('<a@example.org>')
    place.until(lambda: own.log().count('warning=crowd') >= 2, 'two warnings')
    told = [line for line in own.log().splitlines() if 'warning=crowd' in line]
    equal([line.split('client=')[1].split()[0] for line in told],
          ['unknown[192.0.2.9]', 'unknown[127.0.0.1]'], 'of relaying addresses, once each')
    equal(own.stop(), 0, 'it ends with 0')


def own_words():
    """reply: the operator's own words, with facts of the case in them"""
    with session(safe.socket, '198.19.0.1') as m:
        m.mail('<x@spam.test>')
        reply = m.rcpt('<v@victim.test>')
    told = safe.wait_decision(client='unknown[198.19.0.1]')
    equal(str(reply), '550 5.7.1 No relaying to <v@victim.test> for 198.19.0.1 <x@spam.test>  (%s)'
          % told.ref, 'the text is filled in')


def many_recipients():
    """1,000 recipients, and 100 of a login"""
    with session(safe.socket, client()) as m:
        m.mail('<s@spam.test>')
        replies = [m.rcpt('<u%d@relay.example>' % n) for n in range(1000)]
        ok(all(r.passed for r in replies), '1,000 recipients of ours pass')
        m.data()
        ok(m.end().passed, 'and the message')
    with session(safe.socket, client(), port=587) as m:
        m.mail('<ann@example.org>', login='ann')
        replies = [m.rcpt('<u%d@victim.test>' % n) for n in range(1000)]
        equal(sum(r.passed for r in replies), 100, '100 of a login pass')
        starts(replies[-1], '452 4.5.3', 'the last one is put off')


def old_protocols():
    """Older protocols, and a mail server that can do little"""
    rows = ((2, 0x1f, 0x7f), (3, 0x3f, 0x7f), (4, 0x3f, 0x3ff), (6, 0, 0x1fffff),
            (6, 0x1ff, 0), (6, 0, 0), (6, 0x20, 0x800), (99, 0x1ff, 0x1fffff))
    for version, actions, steps in rows:
        name = 'version %d, actions %#x, steps %#x' % (version, actions, steps)
        try:
            with Milter(safe.socket) as m:
                m.negotiate(version, actions, steps)
                # libmilter reads "nothing" as what version 1 could do.
                ok(not m.actions & ~actions and not m.steps & ~(steps or 0x3f),
                   name + ': nothing is asked that is not offered',
                   asked='%#x %#x' % (m.actions, m.steps))
                m.connect(client())
                m.helo()
                m.mail('<s@spam.test>')
                starts(m.rcpt('<v@victim.test>'), '550 5.7.1', name + ': relaying is denied')
                ok(m.rcpt('<alice@example.org>').passed, name + ': alice is accepted')
                m.data()
                ok(m.end().passed, name + ': her message too')
        except Closed:
            ok(False, name + ': works', log=safe.log()[-500:])
    for version in 0, 1:
        try:
            with Milter(safe.socket, timeout=3) as m:
                m.negotiate(version)
            ok(m.version >= 2, 'version %d is not spoken' % version)
        except (Closed, OSError):
            ok(True, 'version %d is hung up on' % version)
    sane('old protocols')


def used_again():
    """One milter connection for several sessions: nothing of one is left in the next"""
    with Milter(safe.socket) as m:
        m.negotiate()

        def begin(address, port='25'):
            m.connect(address, macros={'{daemon_port}': port})
            m.helo()
        begin('192.0.2.9')
        m.mail()
        ok(m.rcpt('<v@victim.test>').passed, 'an office may relay')
        m.abort()
        m.frame(milter.QUIT_NC)
        begin('192.0.2.8')
        m.mail()
        starts(m.rcpt('<v@victim.test>'), '550 5.7.1', 'the stranger after it may not')
        m.abort()
        m.frame(milter.QUIT_NC)
        begin('192.0.2.8', '587')
        ok(m.mail('<b@example.org>', login='b').passed, 'a login may')
        m.abort()
        m.frame(milter.QUIT_NC)
        begin('192.0.2.8', '587')
        starts(m.mail('<b@example.org>'), '530 5.7.0', 'after it there is none')


def slowly():
    """A byte at a time"""
    m = Milter(safe.socket)
    m.one_by_one = True
    m.negotiate()
    m.connect(client())
    m.helo()
    first, each, end = m.message('<s@spam.test>', ['<v@victim.test>', '<alice@example.org>'])
    starts(each[0], '550 5.7.1', 'relaying is denied')
    ok(each[1].passed and end.passed, 'alice gets her mail')
    m.quit()


def many_sessions():
    """Many sessions, however they end: descriptors and memory as before"""
    def some(n):
        for k in range(n):
            m = session(safe.socket, client())
            if k % 4:
                m.mail('<s@spam.test>')
                m.rcpt('<alice@example.org>')
            if k % 3 == 0:
                m.quit()
            elif k % 3 == 1:
                m.abort()
                m.close()
            else:
                m.close()
    some(300)
    place.until(lambda: safe.descriptors() < 40, 'descriptors to be closed')
    files, memory = safe.descriptors(), safe.status('VmRSS')
    some(SESSIONS)
    ok(place.until(lambda: safe.descriptors() <= files + 2, 'descriptors', 20),
       '%d sessions later all descriptors are closed' % SESSIONS)
    if os.environ.get('MORTSAFE_E2E_STOP'):
        tap.diag('memory is not compared: a sanitizer keeps what was freed')
    else:
        ok(safe.status('VmRSS') < memory + 8192, 'memory is as before',
           before=memory, after=safe.status('VmRSS'))
    held = [session(safe.socket, client()) for _ in range(500)]
    ok(safe.status('Threads') < 200, '500 idle sessions need few threads',
       threads=safe.status('Threads'))
    sane('500 idle sessions')
    for m in held:
        m.close()
    sane('many sessions')


def the_end():
    """It still ends as it should"""
    equal(safe.stop(), 0, 'mortsafe ends with 0', log=safe.log()[-1000:])


tap.run(ordinary, logins, nothing_opens, listeners, other_alphabets, addresses, orders, frames,
        foreign_protocols, odd_packets, hostile_text, many_machines, own_words, many_recipients, old_protocols,
        used_again, slowly, many_sessions, the_end)
place.leave()
tap.finish()
