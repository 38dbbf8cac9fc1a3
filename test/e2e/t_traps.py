#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What mail servers and libmilter do that one would not expect: a test each."""
import os
import resource
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import daemon
import milter
import place
import smtp
import tap
from milter import Closed, Milter, session
from tap import equal, ok, starts
from world import World, address, local_socket

EXTRA = '''
network office { addr = 127.0.0.9/32  relay = any }
limit guess { key = client  count = bad_recipients  rate = 2/10m  in = strangers  on = mx }
limit knock { key = client  count = connections  rate = 5/1m  in = strangers  on = mx }
limit few { key = client  count = messages  rate = 1/1h  in = office }
limit kept { key = user  count = messages  rate = 1/1h  action = hold  on = submissions }
'''
worlds = {}


def world(kind):
    """The server, closed as it should be, with mortsafe on a Unix socket."""
    if kind not in worlds:
        options = {'milter_local': 'yes'} if kind == 'postfix' else {'auth_optional': 'yes'}
        worlds[kind] = World(kind, EXTRA, socket=local_socket(), tls='allow',
                             auth_mx='yes', auth_plain='yes', **options).start()
    return worlds[kind]


def both(test):
    def on_each():
        for kind in 'postfix', 'sendmail':
            test(world(kind), kind + ': ')
    on_each.__doc__, on_each.__name__ = test.__doc__, test.__name__
    return on_each


@both
def trap_1_auth_author_is_no_login(w, at):
    """trap 1: MAIL FROM:<x> AUTH=<y> is no login"""
    with smtp.Client(w.server.mx, source=address()) as c:
        c.ehlo()
        c.mail('<alice@example.org>', 'AUTH=<alice@example.org>')
        starts(c.rcpt('<v@victim.test>'), '5', at + 'relaying is denied on 25')
    with smtp.Client(w.server.submission, source=address()) as c:
        c.ehlo()
        starts(c.mail('<alice@example.org>', 'AUTH=<alice@example.org>'), '530 5.7.0',
               at + '587 wants a login')


def trap_2_stale_login():
    """trap 2: AUTH, MAIL, RSET, STARTTLS, MAIL without EHLO is without a login"""
    w, at = world('postfix'), ''  # Sendmail does keep a login across STARTTLS
    with smtp.Client(w.server.submission, source=address()) as c:
        c.ehlo()
        starts(c.login(), '235', at + 'alice logs in')
        starts(c.mail('<alice@example.org>'), '250', at + 'MAIL with a login')
        c.rset()
        c.starttls()
        reply = c.mail('<alice@example.org>')
        ok(not reply.accepted, at + 'MAIL after STARTTLS is refused', reply=reply)


def trap_3_error_is_not_refused():
    """trap 3: an accepted virtual alias shows {rcpt_mailer}=error"""
    w = world('postfix')
    with smtp.Client(w.server.mx, source=address()) as c:
        c.ehlo()
        _, each, end = c.message('<s@spam.test>', ['<info@virtual.example>'] * 5
                                 + ['<alice@example.org>'])
        equal([r.code for r in each], [250] * 6, 'virtual aliases are not bad recipients')
        starts(end, '250', 'the message is taken')
        c.mail()
        for n in range(3):
            starts(c.rcpt('<nosuch%d@example.org>' % n), '550 5.1.1', 'an unknown user')
        starts(c.rcpt('<alice@example.org>'), '450 4.7.1', 'three of which are counted')


def trap_4_hidden_refusals():
    """trap 4: Sendmail shows no recipient that it denies relaying to"""
    w = world('sendmail')
    source = address()
    with smtp.Client(w.server.mx, source=source) as c:
        c.ehlo()
        for n in range(3):
            c.mail()
            starts(c.rcpt('<v%d@victim.test>' % n), '550 5.7.1', 'Sendmail denies relaying')
            c.rset()
        end = c.message('<s@spam.test>', ['<v@victim.test>', '<alice@example.org>'])[2]
        starts(end, '250', 'alice gets her mail in the same session')
        equal([r.partition('@')[0] for r in w.server.find(end.queue_id).recipients], ['alice'],
              'and nobody else')
    equal(w.refusals(source, 0, action='reject'), [], 'mortsafe had nothing to decide against')


def trap_5_sighup_is_no_reload():
    """trap 5: SIGHUP stops libmilter; SIGUSR1 reloads"""
    safe = daemon.Mortsafe().start()
    safe.process.send_signal(signal.SIGUSR1)
    with session(safe.socket) as m:
        ok(m.mail().passed, 'it answers after SIGUSR1')
    ok(safe.alive(), 'SIGUSR1 does not end it')
    equal(safe.kill(signal.SIGHUP), 0, 'SIGHUP ends it in good order')


def trap_6_threads():
    """trap 6: a session's callbacks run in different threads"""
    safe = daemon.Mortsafe('listener submission { port = 587  tls = allow  auth = require }\n'
                           'limit burst { off = yes }').start()
    crowd = [session(safe.socket, '198.18.7.%d' % n, port=587) for n in range(40)]
    for turn in range(3):
        for n, m in enumerate(crowd):
            ok_ = m.mail('<u%d@example.org>' % n, login='u%d' % n).passed
            tap.ok(ok_, 'MAIL of session %d' % n) if not ok_ else None
        for n, m in enumerate(crowd):
            m.rcpt('<hop%%%d@example.org>' % n)
        for m in crowd:
            m.abort()
    place.until(lambda: len(safe.decisions(rule='relay.hop')) >= 120, 'the log')
    mixed = [d for d in safe.decisions(rule='relay.hop')
             if len({d.user.split('@')[0][1:], d.fields['from'].split('@')[0][2:],
                     d.to.split('@')[0].split('%')[-1].strip('<'),
                     d.client.split('.')[-1].rstrip(']')}) != 1]
    equal(mixed, [], 'no session has anything of another')
    safe.end()


@both
def trap_7_code_and_class(w, at):
    """trap 7: a code that does not fit its class costs the milter connection"""
    with smtp.Client(w.server.mx, source='127.0.0.9') as c:
        c.ehlo()
        starts(c.message('<o@example.org>', ['<alice@example.org>'])[2], '250', at + 'one passes')
        c.mail('<o@example.org>')
        starts(c.rcpt('<alice@example.org>'), '450 4.7.1', at + 'over a limit')
        starts(c.rcpt('<bob@example.org>'), '450 4.7.1', at + 'and once more')
        c.rset()
        starts(c.mail('<o@example.org>'), '250', at + 'the session goes on')
    with smtp.Client(w.server.submission, source=address()) as c:
        c.ehlo()
        starts(c.mail(), '530 5.7.0', at + 'no login')
        starts(c.mail(), '530 5.7.0', at + 'asked again, the same')


@both
def trap_8_percent(w, at):
    """trap 8: a % in the text of a reply"""
    source = '127.0.0.9' if w.kind == 'sendmail' else address()
    with smtp.submitter(w.server.submission, source=source) as c:
        c.mail('<alice@example.org>')
        reply = c.rcpt('<v%d%s%n%%victim.test@example.org>')
        starts(reply, '550 5.7.1', at + 'a percent hop is refused')
    told = [d for d in w.safe.decisions(rule='relay.hop')]
    if w.kind == 'postfix' or told:
        told = w.safe.wait_decision(rule='relay.hop')
        ok(told.ref and told.ref in str(reply), at + 'the text came whole', reply=reply, log=told)


@both
def trap_9_kept_reply(w, at):
    """trap 9: a reply once set is used again where none is set"""
    with smtp.submitter(w.server.submission, source=address()) as c:
        c.mail('<alice@example.org>')
        starts(c.rcpt('<a%b@example.org>'), '550 5.7.1', at + 'a hop is refused')
        starts(c.rcpt('<alice@example.org>'), '250', at + 'the next recipient is not')
        starts(c.data(), '250', at + 'nor the message')


def trap_10_no_text_at_connect():
    """trap 10: Sendmail throws the text of a refusal at CONNECT away"""
    w = world('sendmail')
    source = address()
    replies = []
    for n in range(6):
        with smtp.Client(w.server.mx, source=source) as c:
            starts(c.greeting, '220', 'connection %d is greeted' % n)
            c.ehlo()
            replies.append(c.mail())
    starts(replies[5], '421 4.7.0', 'the sixth is refused at MAIL')
    told = w.refusals(source, 1, rule='limit.knock')
    ok(told and told[0].ref in str(replies[5]), 'with our own text', reply=replies[5], log=told)


def trap_11_close_alone():
    """trap 11: close without anything before it"""
    safe = daemon.Mortsafe().start()
    number = int(safe.socket.split(':')[1].split('@')[0])
    for n in range(20):
        socket.create_connection(('127.0.0.1', number)).close()
        m = Milter(safe.socket)
        if n % 2:
            m.negotiate()
        m.close()
    with session(safe.socket) as m:
        ok(m.mail().passed, 'it answers after 40 port probes')
    equal(safe.stop(), 0, 'and ends in good order')


@both
def trap_12_no_reply_flags(w, at):
    """trap 12: over a Unix socket, clients that leave at once are counted all the same"""
    source = address()
    for _ in range(5):
        s = socket.create_connection(('127.0.0.1', w.server.mx), 10, (source, 0))
        s.recv(100)
        s.close()
    with smtp.Client(w.server.mx, source=source) as c:
        c.ehlo()
        starts(c.mail(), '421 4.7.0', at + 'five connections were counted')


def trap_13_local_recipients():
    """trap 13: a recipient refused in non_smtpd_milters is retried for ever"""
    w = world('postfix')
    for recipient in 'v%victim.test@example.org', '"v@victim.test"@example.org', 'v@victim.test':
        w.server.submit('cron@example.org', recipient)
    place.until(lambda: len([m for m in w.server.queue() if m.sender.startswith('cron')]) == 3,
                'three messages in the queue')
    equal(os.listdir(w.server.dir + '/spool/maildrop'), [], 'nothing is left in maildrop')


def trap_14_nothing_twice():
    """trap 14: a message that is kept back is not run through non_smtpd_milters again"""
    w = world('postfix')
    with smtp.Client(w.server.submissions, tls=True, source=address()) as c:
        c.ehlo()
        c.login()
        ends = [c.message('<kept@example.org>', ['<v@victim.test>'])[2] for _ in range(2)]
    mine = [m for m in w.server.queue() if m.sender == 'kept@example.org']
    equal(sorted(m.held for m in mine), [False, True], 'two messages, one of them held')
    w.safe.wait_decision(rule='limit.kept')
    equal(len(w.safe.decisions(id=ends[1].queue_id)), 1, 'and one decision about it')


def trap_16_descriptors():
    """trap 16: without descriptors libmilter's accept spins"""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    safe = daemon.Mortsafe('sessions = 4000').launch(preexec_fn=few)
    place.until(safe.decided, 'mortsafe')
    if not safe.alive():
        ok(safe.process.returncode > 0, 'it refuses to start with 200 descriptors')
        return
    crowd = []
    for n in range(260):
        try:
            crowd.append(Milter(safe.socket, timeout=2))
            crowd[-1].frame(b'O', b'\0\0\0\6' + b'\0\0\1\xff' + b'\0\x1f\xff\xff')
        except OSError:
            break

    def used():
        with open('/proc/%d/stat' % safe.process.pid) as stat:
            return sum(map(int, stat.read().split(') ')[1].split()[11:13]))
    place.until(lambda: safe.descriptors() > 100, 'sessions')
    before = used()
    time.sleep(0.5)  # what is measured is how it spends this time
    ok(used() - before < 25, 'it does not spin', ticks=used() - before)
    for m in crowd:
        m.close()
    def answers():
        try:
            with session(safe.socket, timeout=2) as m:
                return m.mail().passed
        except (Closed, OSError):
            return False
    ok(place.until(answers, 'an answer', 10), 'it answers when there is room again')
    equal(safe.stop(), 0, 'and ends in good order')


def trap_16_session_cap():
    """trap 16: more sessions than `sessions` are answered 451"""
    safe = daemon.Mortsafe('sessions = 10').start()
    crowd = [session(safe.socket) for _ in range(10)]
    with Milter(safe.socket) as m:
        m.negotiate()
        m.connect()
        m.helo()
        reply = m.mail()
        ok(reply.kind == 'tempfail' or reply.code == 451, 'the eleventh gets 451', reply=reply)
    ok(crowd[0].mail().passed, 'those within go on')
    crowd.pop().quit()

    def room():
        with session(safe.socket) as m:
            return m.mail().passed
    ok(place.until(room, 'room'), 'when one leaves there is room')
    safe.end()


@both
def trap_17_no_mortsafe_no_mail(w, at):
    """By the recipes, mail waits while mortsafe is away"""
    w.safe.kill()
    for port in w.server.mx, w.server.submission:
        with smtp.Client(port, source=address()) as c:
            c.ehlo()
            starts(c.mail(), '451', at + 'MAIL is put off')
    w.safe.start()
    with smtp.Client(w.server.mx, source=address()) as c:
        c.ehlo()
        starts(c.message('<s@spam.test>', ['<alice@example.org>'])[2], '250',
               at + 'and taken when it is back')


def the_end():
    for kind, w in worlds.items():
        ok(w.safe.alive(), kind + ': mortsafe still runs')
        equal(w.safe.end(), 0, kind + ': it ends with 0')


tap.run(*[test for name, test in sorted(globals().items(), key=lambda item: [
    int(word) if word.isdigit() else 0 for word in item[0].split('_')])
    if name.startswith('trap_')], the_end)
place.leave()
tap.finish()
