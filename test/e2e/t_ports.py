#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which port, which login, TLS or not: on both mail servers."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import smtp
import tap
from tap import equal, ok, starts
from world import World, address

EXTRA = '''
network office { addr = 127.0.0.9/32, 2001:db8:9::/48, 192.0.2.0/24  relay = any }
network webmail { addr = 127.0.0.12/32  relay = any  tls = allow  auth = allow }
network access { addr = 127.0.0.13/32, 203.0.113.128/25  port25 = closed }
network printers { addr = 127.0.0.14/32  relay = any  sender = .example.org }
'''
OWNERS = '''
owners { file = texthash:%s/owners }
listener owned { port = %d  auth = require  tls = allow  sender = owned }
'''
servers = {}


def server(kind):
    """Started once for all tests of this program."""
    if kind not in servers:
        place.write('owners', 'alice@example.org alice\nsales@example.org alice, bob\n'
                    '@relay.example bob@example.org\n')
        owned = place.port()
        options = {'proxied': place.port(), 'master':
                   '127.0.0.1:%d inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes' % owned}
        if kind == 'sendmail':
            options = {'auth_optional': 'yes'}
        world = World(kind, EXTRA + OWNERS % (place.folder(), owned), open='yes',
                      ipv6='yes' if place.IPV6 else 'no', auth_mx='yes', auth_plain='yes',
                      login=['alice@example.org:secret', 'bob@example.org:secret'], **options)
        world.owned = owned
        servers[kind] = world.start()
    return servers[kind]


def both(test):
    """Run TEST on each of the two mail servers."""
    def on_each():
        for kind in 'postfix', 'sendmail':
            tap.diag(kind)
            test(server(kind), kind + ': ')
    on_each.__doc__, on_each.__name__ = test.__doc__, test.__name__
    return on_each


def refused_by(world, source, rule, name):
    ok(world.refusals(source, 1, rule=rule), name + ' (%s)' % rule,
       log=[d for d in world.safe.decisions() if source in d.line])


@both
def submission_without_login(world, at):
    """587 and 465 without AUTH: 530, for local recipients too"""
    for port, tls in (world.server.submission, False), (world.server.submissions, True):
        source = address()
        with smtp.Client(port, source=source, tls=tls) as c:
            c.ehlo()
            if not tls:
                c.starttls()
                c.ehlo()
            mail = c.mail('<alice@example.org>')
            starts(mail, '530 5.7.0', at + 'MAIL without a login is refused')
            ok(not c.rcpt('<bob@example.org>').accepted, at + 'so is a local recipient')
            starts(c.login(), '235', at + 'the same session logs in')
            end = c.message('<alice@example.org>', ['<v@victim.test>'])[2]
            starts(end, '250', at + 'and may send')
            world.server.find(end.queue_id)
        name = 'listener.submission%s.auth' % ('s' if tls else '')
        refused_by(world, source, name, at + 'the log says why')


@both
def submission_without_tls(world, at):
    """587 with a login but no TLS: 530"""
    source = address()
    with smtp.Client(world.server.submission, source=source) as c:
        c.ehlo()
        starts(c.login(), '235', at + 'a login over plain text')
        starts(c.mail('<alice@example.org>'), '530 5.7.0', at + 'MAIL is refused')
    refused_by(world, source, 'listener.submission.tls', at + 'the log says why')


@both
def login_on_25(world, at):
    """A login on 25: 550; the stranger it was before may write to alice"""
    source = address()
    with smtp.Client(world.server.mx, source=source) as c:
        c.ehlo()
        starts(c.message('<s@spam.test>', ['<alice@example.org>'])[2], '250',
               at + 'a first message without a login passes')
        starts(c.login(), '235', at + 'then a login')
        starts(c.mail('<alice@example.org>'), '550 5.7.1', at + 'MAIL is refused')
    refused_by(world, source, 'listener.mx.auth', at + 'the log says why')


def no_login_survives_starttls():
    """AUTH, MAIL, RSET, STARTTLS, MAIL without EHLO: no login any more"""
    # Sendmail keeps a login across STARTTLS, and says so in its macros.
    world, at = server('postfix'), ''
    with smtp.Client(world.server.submission, source=address()) as c:
        c.ehlo()
        c.login()
        c.mail('<alice@example.org>')
        c.rset()
        starts(c.starttls(), '220', at + 'STARTTLS after a login')
        reply = c.mail('<alice@example.org>')
        ok(not reply.accepted or not c.rcpt('<v@victim.test>').accepted,
           at + 'MAIL is without a login', talk=c.talk)


@both
def several_messages(world, at):
    """Several messages in one session, each judged by itself"""
    source = address()
    with smtp.Client(world.server.mx, source=source) as c:
        c.ehlo()
        for n in range(3):
            _, each, end = c.message('<s%d@spam.test>' % n,
                                     ['<alice@example.org>', '<v@victim.test>'])
            equal([r.code for r in each], [250, 550], at + 'message %d: alice only' % n)
            equal(world.server.find(end.queue_id).recipients[0].split('@')[0], 'alice',
                  at + 'message %d is queued for her' % n)
        lines = c.pipeline('MAIL FROM:<s@spam.test>', 'RCPT TO:<v@victim.test>',
                           'RCPT TO:<bob@example.org>', 'RSET')
        equal([r.code for r in lines], [250, 550, 250, 250], at + 'pipelined, the same')
    if world.kind == 'postfix':
        with smtp.Client(world.server.mx, source=address()) as c:
            c.ehlo()
            c.mail()
            c.rcpt('<alice@example.org>')
            starts(c.bdat(b'Subject: x\r\n\r\n', b'chunk\r\n'), '250', at + 'BDAT passes')
            c.mail()
            c.rcpt('<v@victim.test>')
            ok(not c.bdat(b'Subject: x\r\n\r\nx\r\n').accepted, at + 'BDAT opens nothing')


@both
def networks(world, at):
    """What a network may do on 25"""
    rows = (
        ('127.0.0.9', '<x@any.test>', '<v@victim.test>', '250', None),
        ('127.0.0.12', '<x@any.test>', '<v@victim.test>', '250', None),
        ('127.0.0.13', '<x@any.test>', '<alice@example.org>', '550 5.7.1', 'network.access.port25'),
        ('127.0.0.14', '<x@any.test>', '<v@victim.test>', '550 5.7.1', 'network.printers.sender'),
        ('127.0.0.14', '<x@example.org>', '<v@victim.test>', '250', None),
        ('127.0.0.14', '<x@sub.example.org>', '<v@victim.test>', '250', None),
        ('127.0.0.14', '<x@badexample.org>', '<v@victim.test>', '550 5.7.1',
         'network.printers.sender'),
        ('127.0.0.14', '<>', '<v@victim.test>', '250', None),
    )
    for source, sender, recipient, want, rule in rows:
        with smtp.Client(world.server.mx, source=source) as c:
            c.ehlo()
            end = c.message(sender, [recipient])[2]
        starts(end, want, at + '%s from %s to %s' % (source, sender, recipient), talk=c.talk)
        if rule:
            refused_by(world, source, rule, at + 'the log says why')
    with smtp.Client(world.server.mx, source='127.0.0.13') as c:
        c.ehlo()
        ok('587' in str(c.mail('<x@any.test>')), at + 'a closed network is told of 587')
    with smtp.Client(world.server.submission, source='127.0.0.12') as c:
        c.ehlo()
        starts(c.mail('<x@any.test>'), '250', at + 'auth and tls of a network override 587')


@both
def ipv6(world, at):
    """An IPv6 client"""
    if not place.IPV6:
        tap.skip(at + 'IPv6', 'this machine has no ::1')
        return
    with smtp.Client(world.server.mx, host='::1') as c:
        c.ehlo()
        each = c.message('<s@spam.test>', ['<v@victim.test>', '<alice@example.org>'])[1]
        equal([r.code for r in each], [550, 250], at + 'is a stranger like any other')
    with smtp.submitter(world.server.submission, host='::1') as c:
        starts(c.message('<alice@example.org>', ['<v@victim.test>'])[2], '250',
               at + 'may send with a login')


def xclient():
    """XCLIENT: the session starts again as another client"""
    world = server('postfix')
    rows = (
        ({'ADDR': '203.0.113.7'}, 550, 'a stranger'),
        ({'ADDR': '203.0.113.9', 'NAME': 'mx.example.org'}, 550, 'a stranger of our name'),
        ({'ADDR': '192.0.2.77'}, 250, 'a network that relays'),
        ({'ADDR': 'IPV6:2001:db8:9::7'}, 250, 'a network that relays, IPv6'),
        ({'ADDR': 'IPV6:2001:db8:8::7'}, 550, 'a stranger on IPv6'),
        ({'ADDR': 'IPV6:::ffff:192.0.2.78'}, 250, 'IPv4 mapped to IPv6 is IPv4'),
        ({'ADDR': 'IPV6:::ffff:203.0.113.7'}, 550, 'a mapped stranger'),
    )
    for what, want, name in rows:
        with smtp.Client(world.server.mx) as c:
            c.ehlo()
            starts(c.xclient(**what), '220', name + ': XCLIENT')
            c.ehlo()
            c.mail()
            equal(c.rcpt('<v@victim.test>').code, want, name, talk=c.talk)
            starts(c.rcpt('<alice@example.org>'), '250', name + ' may write to alice')
    with smtp.Client(world.server.mx) as c:
        c.ehlo()
        c.xclient(ADDR='203.0.113.200')
        c.ehlo()
        starts(c.mail(), '550 5.7.1', 'a closed network through XCLIENT')
    with smtp.Client(world.server.mx) as c:
        c.ehlo()
        c.xclient(ADDR='203.0.113.8', DESTPORT=str(world.server.submission))
        c.ehlo()
        starts(c.mail(), '530 5.7.0', 'DESTPORT tells the listener')
    with smtp.Client(world.server.submission) as c:
        c.ehlo()
        c.xclient(ADDR='203.0.113.8', LOGIN='carol')
        c.ehlo()
        c.starttls()
        c.ehlo()
        reply = c.mail('<carol@example.org>')
        ok(reply.code in (250, 530), 'LOGIN is the server\'s word', reply=reply)


def haproxy():
    """PROXY: address and port of the first connection"""
    world = server('postfix')
    line = 'PROXY TCP4 %s 127.0.0.1 40000 %d'
    for source, port, want, name in (
            ('203.0.113.7', world.server.mx, '550', 'a stranger behind a proxy'),
            ('192.0.2.7', world.server.mx, '250', 'a network that relays'),
            ('192.0.2.7', world.server.submission, '530', 'the proxied port tells the listener')):
        with smtp.Client(world.server.options['proxied'], proxy=line % (source, port)) as c:
            c.ehlo()
            mail = c.mail()
            starts(c.rcpt('<v@victim.test>') if mail.accepted else mail, want, name, talk=c.talk)


def owners():
    """sender = owned: a login sends by its own addresses"""
    world = server('postfix')
    rows = (('alice', '<alice@example.org>', 250), ('alice', '<Alice@EXAMPLE.org>', 250),
            ('alice', '<alice+list@example.org>', 250), ('alice', '<sales@example.org>', 250),
            ('bob', '<sales@example.org>', 250), ('bob', '<any@relay.example>', 250),
            ('alice', '<any@relay.example>', 550), ('bob', '<alice@example.org>', 550),
            ('alice', '<unlisted@example.org>', 550), ('alice', '<x@victim.test>', 550),
            ('alice', '<>', 250))
    with smtp.Client(world.owned, source=address()) as c:
        pass
    for user, sender, want in rows:
        source = address()
        with smtp.Client(world.owned, source=source) as c:
            c.ehlo()
            starts(c.login(user + '@example.org'), '235', user + ' logs in')
            equal(c.mail(sender).code, want, '%s as %s' % (user, sender))
        if want == 550:
            refused_by(world, source, 'listener.owned.sender', 'the log says why')


def nobody_stopped():
    """mortsafe is still there"""
    for kind, world in servers.items():
        ok(world.safe.alive(), kind + ': mortsafe still runs')


tap.run(submission_without_login, submission_without_tls, login_on_25,
        no_login_survives_starttls, several_messages, networks, ipv6, xclient, haproxy, owners,
        nobody_stopped)
place.leave()
tap.finish()
