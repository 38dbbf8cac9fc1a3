# SPDX-License-Identifier: BSD-2-Clause
"""Every relay vector, on a mail server that relays for everybody: what it lets
through by itself mortsafe must refuse, and what is ours must arrive."""
import os
import random
import re

import place
import smtp
import vectors
from tap import diag, equal, ok, skip, starts
from vectors import ACCEPT, REFUSE, UNKNOWN
from world import World, address, main as main_of_world

EXTRA = '''
network office { addr = 127.0.0.9/32  relay = any }
network inner { addr = 127.0.0.10/32  relay = domains }
network nobody { addr = 127.0.0.11/32  relay = none }
'''


def make(kind):
    """The open server, and a port of it that has no mortsafe before it."""
    bare = place.port()
    extra = {'reinject': bare} if kind == 'sendmail' else {
        'master': '127.0.0.1:%d inet n - n - - smtpd\n  -o smtpd_milters=' % bare}
    world = World(kind, EXTRA, open='yes', auth_mx='yes',
                  ipv6='yes' if place.IPV6 else 'no', **extra)
    world.bare = bare
    return world


def alone(world):
    """What the server says by itself: {recipient: its reply}."""
    said = {}
    with smtp.Client(world.bare, source=address()) as c:
        c.ehlo()
        for _, recipient, _ in vectors.RECIPIENTS:
            c.mail()
            said[recipient] = c.rcpt(vectors.literal(recipient))
            c.rset()
    return said


def asked(client, recipient):
    """The reply in each place of a session: {where: reply}."""
    said = {}

    def ask(where, *before):
        for step in before:
            step()
        client.mail()
        said[where] = client.rcpt(recipient)
    ask('after EHLO', client.ehlo)
    said['once more'] = client.rcpt(recipient)
    ask('after RSET', client.rset)
    ask('after HELO', client.rset, client.helo)
    ask('after STARTTLS', client.rset, client.starttls, client.ehlo)
    client.rset()
    client.mail()
    first = client.rcpt('<alice@example.org>')
    said['as second recipient'] = client.rcpt(recipient)
    return said, first


def refused(reply):
    """A refusal for good: not for now, and not the loss of the connection."""
    return 500 <= reply.code < 600


def hold(world, name, recipient):
    """The whole conversation about one vector."""
    source = address()
    with smtp.Client(world.server.mx, source=source) as c:
        said, first = asked(c, vectors.literal(recipient))
        sent = c.data('Subject: %s\r\n\r\nx\r\n' % name)
        c.quit()
    return source, said, first, sent


def judge(world, name, recipient, verdict, own, conversation):
    source, said, first, sent = conversation
    starts(first, '250', '%s: alice before it is accepted' % name)
    starts(sent, '250', '%s: the message to alice is taken' % name)
    guarded = verdict == REFUSE and own.accepted
    mine = world.refusals(source, len(said) if guarded else 0, action='reject')
    if verdict == ACCEPT:
        ok(all(r.accepted for r in said.values()), '%s is accepted' % name, said=said)
        equal(mine, [], '%s: mortsafe refuses nothing' % name)
    else:
        ok(all(refused(r) for r in said.values()), '%s is refused' % name, said=said)
    if guarded:
        equal(len(mine), len(said), '%s is let through by the open %s: mortsafe '
              'refuses and logs each time' % (name, world.kind), mine=mine)
        ok(all(d.rule in ('relay.denied', 'relay.hop', 'relay.syntax') for d in mine),
           '%s: by a relay rule' % name, mine=mine)
        ok(all(r.enhanced in ('5.7.1', '5.1.3') for r in said.values()),
           '%s: with 5.7.1 or 5.1.3' % name, said=said)
    if verdict == UNKNOWN:
        ok(all(r.enhanced == '5.1.1' for r in said.values()),
           '%s: the server itself says 5.1.1' % name, said=said)
    diag('%-42s %s alone says %d; %d by %s%s'
         % (recipient, world.kind, own.code, said['after EHLO'].code,
            'mortsafe ' if guarded else world.kind,
            mine[0].rule if guarded and mine else ''))


def in_the_queue(world, taken):
    """Each message has reached just those it may, and there is no other."""
    queue = {m.id: m for m in world.server.queue()}
    equal(sorted(queue), sorted(taken), 'the queue holds what was accepted')
    bad = [m for m in queue.values() for r in m.recipients
           if re.search(r'victim|[%!:]|@.*@|\.test|203\.0\.113|2001:db8|sub\.example', r.lower())]
    equal(bad, [], 'no message in the queue is for anybody else')


def all_recipients(world):
    """Every recipient form, in every place of a session"""
    own = alone(world)
    held = [hold(world, name, recipient) for name, recipient, _ in vectors.RECIPIENTS]
    for vector, conversation in zip(vectors.RECIPIENTS, held):
        judge(world, *vector, own[vector[1]], conversation)
    in_the_queue(world, [sent.queue_id for *_, sent in held])
    open_for = sum(own[r].accepted for _, r, v in vectors.RECIPIENTS if v == REFUSE)
    ok(open_for > 30, 'the server without mortsafe is an open relay', accepted=open_for)


def all_senders(world):
    """Every sender form, to a foreign recipient"""
    before = len(world.server.queue())
    for sender in vectors.SENDERS:
        source = address()
        with smtp.Client(world.server.mx, source=source) as c:
            c.ehlo()
            mail = c.mail(vectors.literal(sender))
            reply = c.rcpt('<v@victim.test>')
            twice = c.rcpt('<w@victim.test>')
            end = c.data()
            c.quit()
        ok(refused(reply) and refused(twice) and refused(end),
           'from %s nothing goes to victim.test' % sender, talk=c.talk)
        if mail.accepted:
            starts(reply, '550 5.7.1', 'from %s: relaying is denied' % sender)
            ok(world.refusals(source, 2, rule='relay.denied'),
               'from %s: the log says relay.denied' % sender)
    equal(len(world.server.queue()), before, 'no message of these is in the queue')


def logins_and_networks(world):
    """Logins and networks that relay: foreign recipients, but no second hop"""
    def login():
        return smtp.submitter(world.server.submission, source=address())

    def implicit():
        c = smtp.Client(world.server.submissions, source=address(), tls=True)
        c.ehlo()
        starts(c.login(), '235', 'alice logs in on 465')
        return c

    def office():
        c = smtp.Client(world.server.mx, source='127.0.0.9')
        c.ehlo()
        return c

    senders = (('a login on 587', login), ('a login on 465', implicit),
               ('a network that relays', office))
    for who, begin in senders:
        with begin() as c:
            mail, rcpt, end = c.message('<alice@example.org>', ['<v@victim.test>'])
            starts(rcpt[0], '250', '%s may send to victim.test' % who, talk=c.talk)
            starts(end, '250', '%s: the message is taken' % who)
            message = world.server.find(end.queue_id)
            equal(message.recipients, ['v@victim.test'], '%s: it is in the queue' % who)
            for name, recipient, _ in vectors.HOPS:
                c.mail('<alice@example.org>')
                reply = c.rcpt(vectors.literal(recipient))
                if (name, recipient, REFUSE) in vectors.FOREIGN:
                    ok(reply.accepted or refused(reply),
                       '%s: %s is foreign as it stands' % (who, name), reply=reply)
                else:
                    ok(refused(reply), '%s: %s is refused' % (who, name), reply=reply)
                c.rset()


def other_networks(world):
    """relay = domains and relay = none, and a stranger on IPv6"""
    for source, rest in (('127.0.0.10', 'relay = domains'), ('127.0.0.11', 'relay = none')):
        with smtp.Client(world.server.mx, source=source) as c:
            c.ehlo()
            _, rcpt, _ = c.message('<x@spam.test>', ['<alice@example.org>', '<v@victim.test>'])
            ours = '250' if rest == 'relay = domains' else '550 5.7.1'
            starts(rcpt[0], ours, '%s: our own recipient gets %s' % (rest, ours))
            starts(rcpt[1], '550 5.7.1', '%s: a foreign one is refused' % rest)
    equal(len(world.refusals('127.0.0.11', 2, rule='relay.none')), 2, 'the log says relay.none')
    if not place.IPV6:
        skip('a stranger on IPv6', 'this machine has no ::1')
        return
    with smtp.Client(world.server.mx, host='::1') as c:
        c.ehlo()
        _, rcpt, _ = c.message('<x@spam.test>', ['<v@victim.test>', '<alice@example.org>'])
        starts(rcpt[0], '550 5.7.1', 'a stranger on IPv6 is refused')
        starts(rcpt[1], '250', 'a stranger on IPv6 may write to alice')
    world.safe.wait_decision(rule='relay.denied')
    ok(any('[::1]' in d.line or 'IPv6' in d.line for d in
           world.safe.decisions(rule='relay.denied')), 'the log shows the IPv6 address')


PIECES = ('v', 'alice', 'postmaster', 'victim.test', 'example.org', 'relay.example',
          'mx.example.org', '[127.0.0.1]', '127.0.0.1', 'localhost', 'IPv6:::1', '@', '@', '@',
          '%', '!', '"', '\\', '(', ')', ',', ':', ';', '<', '>', ' ', '\t', '.', '[', ']', '+',
          '=', '/', '|', '`', '{', '}', '?', '#', '""', '@example.org', '@victim.test',
          '@relay.example', '%victim.test', 'victim.test!', '"v@victim.test"', '\\@', '\\%',
          '\x01', '\x7f', '\u00e9')


def made_up(dice):
    """An address of any pieces, often one that seems to be ours."""
    text = ''.join(dice.choice(PIECES) for _ in range(dice.randint(1, 7)))
    if dice.random() < 0.5:
        text += dice.choice(('@example.org', '@relay.example', '@[127.0.0.1]', '@localhost'))
    if dice.random() < 0.1:
        text = '@example.org:' + text
    return '<%s>' % text if dice.random() < 0.85 else text


def resolved(world, recipient):
    """Where the server would send mail for RECIPIENT: the host, or '' for here."""
    said = world.server.run('-bv', '--', recipient)
    found = re.search(r'host ([^ ,]+?)[.]?,', said.split('deliverable')[-1])
    return found.group(1) if found else ''


def random_recipients(world):
    """Recipients of random pieces: what passes goes to our own hosts"""
    dice = random.Random(int(os.environ.get('MORTSAFE_E2E_SEED', '1')))
    before = {m.id for m in world.server.queue()}
    passed = set()
    for _ in range(15):
        with smtp.Client(world.server.mx, source=address()) as c:
            c.ehlo()
            c.mail()
            taken = [r for r in (made_up(dice) for _ in range(100)) if c.rcpt(r).accepted]
            passed.update(taken)
            if taken:
                starts(c.data(), '250', 'a message to %d random recipients' % len(taken))
    ok(len(passed) > 10, 'some of 1,500 are ours', passed=passed)
    if world.kind == 'sendmail':  # its queue has the addresses as they came
        hosts = {r: resolved(world, r) for r in passed}
        bad = [h for h in hosts.items() if h[1] not in ('', 'relay.example')]
    else:
        ours = re.compile(r'[^%!@:]*@(example[.]org|relay[.]example|mx[.]example[.]org|localhost|'
                          r'\[127[.]0[.]0[.]1\])', re.I)
        bad = [r for m in world.server.queue() if m.id not in before
               for r in m.recipients if not ours.fullmatch(r)]
    equal(bad, [], 'all of them go to our own hosts')


def main(kind):
    main_of_world(lambda: make(kind), all_recipients, all_senders, random_recipients,
                  logins_and_networks, other_networks)
