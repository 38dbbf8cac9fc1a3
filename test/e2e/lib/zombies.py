# SPDX-License-Identifier: BSD-2-Clause
"""Zombies: an account with weeks of quiet history is stolen, throttled, quarantined and
released; what is held is asked of the mail server's own queue."""
import json
import os
import re
import shutil
import struct
import subprocess

import daemon
import place
import smtp
import upstream
from tap import equal, ok
from world import World, address, local_socket, main as main_of_world

BUILD = os.path.dirname(os.path.abspath(place.mortsafe_path()))
CTL = os.environ.get('MORTSAFECTL') or os.path.join(BUILD, 'mortsafectl')
STEPPED = os.path.join(BUILD, 'test', 'mortsafe-stepped')
START = 1606057200  # 2020-11-22 15:00:00 UTC, a Sunday
HOUR, DAY = 3600, 86400
USERS = 'alice bob carol dave erin frank grace heidi ivan news'.split()
# `on` tells the account that is rejected from the one that is held
EXTRA = '''
limit burst { off = yes }
limit user { off = yes }
limit user_all { off = yes }
support = "https://help.example.org"
support_rcpt = help@example.org
network desk { addr = 127.0.0.9/32  relay = any }
zombie account { key = user  on = submission  mode = enforce }
zombie kept { key = user  on = submissions, local  quarantine = hold  mode = enforce }
zombie machine { key = client  in = relays  mode = enforce }
verdict { header = X-Spam-Flag }
'''


class Clock:
    """The daemon's two clocks, which stand still until they are stepped."""

    def __init__(self):
        self.path = place.path('clock-%d' % place.port())
        self.wall, self.mono = START, 100 * DAY * 1000
        self.step(0)

    def step(self, seconds):
        self.wall += seconds
        self.mono += 1000 * seconds
        with open(self.path, 'r+b' if os.path.exists(self.path) else 'wb') as out:
            out.write(struct.pack('=qq', self.wall, self.mono))


def make(kind, extra='', clock=None, config=None, **options):
    """A world whose mail server asks a content filter first."""
    filter_ = upstream.Filter()
    options = dict({'open': 'yes', 'auth_plain': 'yes', 'filter': filter_.socket,
                    'user': USERS + ['help'],
                    'login': ['%s@example.org:pw-%s' % (u, u) for u in USERS]}, **options)
    if kind == 'postfix':
        options.setdefault('milter_local', 'yes')
    # over TCP each header would take 40 ms
    world = World(kind, EXTRA + extra, socket=local_socket(), config=config, tls='allow', **options)
    world.filter, world.clock = filter_, clock or Clock()
    world.safe.environment = {'MORTSAFE_CLOCK': world.clock.path}
    world.safe.program = STEPPED
    world.sent = 0
    return world


PROGRAMS = {'postfix': (('postsuper', 'postsuper'), ('postqueue', 'postqueue')),
            'sendmail': (('sendmail', ''), ('mailq', '-bp'))}


def commands(world):
    """A folder with the mail server's own commands, as its script runs them."""
    folder = place.path('bin-%s' % os.path.basename(world.server.dir))
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for name, word in PROGRAMS[world.kind]:
            place.write(os.path.join(folder, name), '#!/bin/sh\nexec %s run %s %s "$@"\n'
                        % (world.server.script, world.server.dir, word), 0o755)
    return folder


def ctl(world, *words, code=0):
    """mortsafectl's answer as JSON, or its text with code=None."""
    done = subprocess.run([CTL, '-s', world.safe.api, *(['-j'] if code is not None else []),
                           *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding='utf-8', timeout=60,
                          env=dict(os.environ, LC_ALL='C.UTF-8', TZ='UTC',
                                   PATH=commands(world) + ':' + os.environ['PATH']))
    if code is None:
        return done
    if done.returncode != code:
        raise RuntimeError('mortsafectl %s: %d: %s' % (' '.join(words), done.returncode,
                                                       done.stdout))
    return json.loads(done.stdout) if done.stdout.strip() else None


def rows(world, *words):
    """The same of a list: an object a line."""
    done = subprocess.run([CTL, '-s', world.safe.api, '-j', *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, encoding='utf-8', timeout=60, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def standing(world, subject):
    found = ctl(world, 'show', subject)
    return (found.get('zombie') or {}).get('standing', 'normal')


def submit(world, user, port=None, source=None):
    port = port or world.server.submission
    c = smtp.Client(port, source=source or address(), timeout=60,
                    tls=port == world.server.submissions)
    c.ehlo()
    reply = c.login(user + '@example.org', 'pw-' + user)
    if reply.code != 235:
        raise RuntimeError('no login for %s: %s' % (user, reply))
    c.sender = '<%s@example.org>' % user
    return c


def one(world, c, to, subject='hello'):
    """One message to TO; the last reply, and which command it is about."""
    recipients = [to] if isinstance(to, str) else to
    mail, rcpt, end = c.message(c.sender, ['<%s>' % r for r in recipients],
                                'Subject: %s\r\nMessage-ID: <%d@example.org>\r\n\r\nhello\r\n'
                                % (subject, world.sent))
    world.sent += 1
    if end is not None and end.code != 0 and rcpt and any(r.accepted for r in rcpt):
        return end, 'end'
    c.rset()
    return (mail, 'mail') if not mail.accepted else (rcpt[0], 'rcpt')


def quiet_weeks(world, c, user, days=21, contacts=8):
    """DAYS of three messages a day to those one always writes to."""
    for day in range(days):
        for n in range(3):
            reply, _ = one(world, c, 'friend%d-%s@known.test' % ((3 * day + n) % contacts, user))
            if not reply.accepted:
                raise RuntimeError('quiet mail was refused: %s' % reply)
            world.clock.step(HOUR)
        world.clock.step(DAY - 3 * HOUR)


class Blast:
    """What came of N messages to new recipients, two seconds apart."""

    def __init__(self, world, c, n, spam_every=2, pause_s=2, tag='v'):
        self.let = 0                  # recipients that were accepted
        self.at_throttle = None       # ... before the first refusal
        self.at_quarantine = None     # ... before the first 5xx for the sender's sake
        self.replies = {}
        for i in range(n):
            spam = spam_every and i % spam_every == 0
            reply, where = one(world, c, '%s%d-%d@new.test' % (tag, world.sent, i),
                               'cheap pills' if spam else 'news')
            self.replies[reply.code, where] = self.replies.get((reply.code, where), 0) + 1
            if reply.accepted:
                self.let += 1
            elif self.at_throttle is None:
                self.at_throttle = self.let
            if reply.code == 550 and where in ('mail', 'rcpt') and self.at_quarantine is None:
                self.at_quarantine, self.text = self.let, str(reply)
            world.clock.step(pause_s)

    def __repr__(self):
        return 'let %d, throttled at %s, quarantined at %s, %r' % (
            self.let, self.at_throttle, self.at_quarantine, self.replies)


def queued_for(world, sender):
    return [m for m in world.server.queue() if m.sender == sender]


# ----- the tests

def stolen_account(world):
    """half of a blast is flagged by a filter: throttled, then quarantined"""
    with submit(world, 'alice') as c:
        quiet_weeks(world, c, 'alice')
        equal(standing(world, 'user:alice@example.org'), 'normal', 'weeks of quiet mail')
        before = len(queued_for(world, 'alice@example.org'))
        blast = Blast(world, c, 2000)
    print('# %r' % blast)
    ok(blast.at_throttle is not None and blast.at_throttle <= 30,
       'throttled within 30 recipients', seen=blast.at_throttle)
    ok(blast.at_quarantine is not None and blast.at_quarantine <= 60,
       'quarantined within 60 recipients', seen=blast.at_quarantine)
    equal(len(queued_for(world, 'alice@example.org')) - before, blast.let,
          'the queue has what was let through, and no more')
    equal(standing(world, 'user:alice@example.org'), 'quarantined', 'as the tool tells')
    ok('help.example.org' in blast.text, 'the reply says where help is', text=blast.text)
    shown = ctl(world, 'show', 'user:alice@example.org')
    families = [f['family'] for f in shown['zombie']['families'] if f['decibels'] > 0]
    ok('bulk' in families and 'content' in families, 'two witnesses', families=families)
    ok(any('standing=quarantined' in line for line in world.safe.log().splitlines()),
       'and the log has a line')


def help_is_reached(world):
    """who is quarantined can still write for help"""
    world.clock.step(2 * HOUR)
    with submit(world, 'alice') as c:
        for to, good in (('postmaster@example.org', True), ('help@example.org', True),
                         ('bob@example.org', False), ('friend@known.test', False)):
            reply, _ = one(world, c, to)
            equal(reply.accepted, good, 'mail to ' + to, reply=reply)


def release(world):
    """released: mail passes at once, and the account is on probation"""
    subject = 'user:alice@example.org'
    ctl(world, 'release', subject, '--note', 'password changed')
    equal(standing(world, subject), 'probation', 'it is on probation')
    with submit(world, 'alice') as c:
        reply, _ = one(world, c, 'friend1-alice@known.test')
        ok(reply.accepted, 'its mail passes', reply=reply)
    world.clock.step(8 * DAY)
    with submit(world, 'alice') as c:
        one(world, c, 'friend1-alice@known.test')
    world.clock.step(120)
    place.until(lambda: standing(world, subject) == 'normal', 'the end of probation', 15)
    changes = [(c['from'], c['to']) for c in ctl(world, 'show', subject)['changes']]
    ok(('quarantined', 'probation') in changes and ('probation', 'normal') in changes,
       'the changes are told', changes=changes)


def volume_alone(world):
    """nothing but volume is known: throttled within 160, not quarantined"""
    world.filter.values = (None, None)
    try:
        with submit(world, 'bob') as c:
            quiet_weeks(world, c, 'bob')
            blast = Blast(world, c, 2000)
    finally:
        world.filter.values = ('NO', 'YES')
    print('# %r' % blast)
    ok(blast.at_throttle is not None and blast.at_throttle <= 160,
       'throttled within 160 recipients', seen=blast.at_throttle)
    equal(blast.at_quarantine, None, 'not quarantined')
    equal(standing(world, 'user:bob@example.org'), 'throttled', 'as the tool tells')


def held(world):
    """a rule that holds: the mail server keeps it, until it is delivered or deleted"""
    subject = 'user:carol@example.org'
    with submit(world, 'carol', world.server.submissions) as c:
        quiet_weeks(world, c, 'carol')
        Blast(world, c, 60)
        equal(standing(world, subject), 'quarantined', 'quarantined')
        before = len(world.server.held())
        replies = [one(world, c, 'h%d@new.test' % i)[0] for i in range(3)]
    ok(all(r.accepted for r in replies), 'mail is taken', replies=replies)
    place.until(lambda: len(rows(world, 'held', subject)) ==
                len([m for m in world.server.held() if m.sender == 'carol@example.org']),
                'the daemon to know what is held')
    mine = [m for m in world.server.held() if m.sender == 'carol@example.org']
    ok(len(world.server.held()) >= before + 3 and len(mine) >= 3, 'and held', mine=mine)
    told = rows(world, 'held', subject)
    equal({h['id'] for h in told}, {m.id for m in mine}, 'the tool knows the same queue ids')
    equal({h['mta'] for h in told}, {world.kind}, 'and whose queue it is')
    local_is_held(world)
    deliver(world, subject)


def local_is_held(world):
    """so does what it sends through the sendmail command"""
    if world.kind != 'postfix':
        return  # Sendmail's own command goes to the daemon only with a msp queue
    before = {m.id for m in world.server.held()}
    world.server.submit('carol@example.org', 'x@new.test')
    place.until(lambda: {m.id for m in world.server.held()} - before, 'the held message', 20)
    ok(True, 'what carol sends by the sendmail command is held too')


def mta_config(world):
    if world.kind == 'postfix':
        return os.path.join(world.server.dir, 'etc')
    return os.path.join(world.server.dir, 'etc', 'sendmail.cf')


def deliver(world, subject):
    """release --held deliver puts it on its way, as root on this host"""
    done = ctl(world, 'release', subject, '--held', 'deliver', '--mta-config',
               mta_config(world), code=None)
    print('# ' + done.stdout.replace('\n', '\n# '))
    equal(done.returncode, 0, 'release --held deliver')
    place.until(lambda: not [m for m in world.server.held()
                             if m.sender == 'carol@example.org'], 'the queue', 20)
    ok(True, 'nothing of it is held any more')
    equal(rows(world, 'held', subject), [], 'and the tool knows it')
    ok(len(queued_for(world, 'carol@example.org')) > 0, 'it is in the queue')


def deleted(world):
    """release --held delete: it is gone"""
    subject = 'user:grace@example.org'
    ctl(world, 'quarantine', subject, '--note', 'infected')
    with submit(world, 'grace', world.server.submissions) as c:
        for n in range(3):
            ok(one(world, c, 'd%d@new.test' % n)[0].accepted, 'message %d is taken' % n)
    place.until(lambda: len(rows(world, 'held', subject)) == 3, 'the daemon to know it')
    done = ctl(world, 'release', subject, '--held', 'delete', '--mta-config',
               mta_config(world), code=None)
    equal(done.returncode, 0, 'release --held delete', said=done.stdout)
    equal([m for m in world.server.queue() if m.sender == 'grace@example.org'], [],
          'the queue has none of it')
    equal(rows(world, 'held', subject), [], 'and the tool knows it')


def replayed(world):
    """the mail server's own log, run through the same rules"""
    if world.kind == 'sendmail':
        return  # tells its log to nobody but syslog(3)
    log = place.write('maillog-%s' % world.kind, world.server.log())
    found = ctl(world, 'replay', '--config', world.safe.file, log)
    ok(found['messages'] > 60, 'messages are found in it', messages=found['messages'])
    ok(any(use['limit'] == 'message' for use in found['limits']) or found['limits'],
       'and what was used of limits', limits=found['limits'])
    ok(any(change['subject'] == 'user:bob@example.org' for change in found['changes']),
       'the account that sent too much would have been seen', changes=found['changes'])


def quarantine_by_hand(world):
    """an operator's block, with an end"""
    subject = 'user:dave@example.org'
    with submit(world, 'dave') as c:
        ok(one(world, c, 'a@known.test')[0].accepted, 'before it mail passes')
        ctl(world, 'quarantine', subject, '--for', '2h', '--note', 'ticket 4711')
        reply, _ = one(world, c, 'a@known.test')
        equal(reply.code, 550, 'then it is refused', reply=reply)
        world.clock.step(2 * HOUR + 120)
        place.until(lambda: standing(world, subject) != 'quarantined', 'its end', 15)
        reply, _ = one(world, c, 'a@known.test')
        ok(reply.accepted, 'and passes after its end', reply=reply)


def machine(world):
    """a machine of a relaying network, and its logins are not touched by it"""
    subject = 'client:127.0.0.9'
    ctl(world, 'quarantine', subject, '--note', 'infected')
    c = smtp.Client(world.server.mx, source='127.0.0.9', timeout=60)
    c.ehlo()
    c.sender = '<someone@example.org>'
    reply, _ = one(world, c, 'a@known.test')
    equal(reply.code, 450, 'a machine is deferred', reply=reply)
    c.quit()
    with submit(world, 'erin', source='127.0.0.9') as c:
        reply, _ = one(world, c, 'a@known.test')
        ok(reply.accepted, 'a login from it passes', reply=reply)
    ctl(world, 'lease', '127.0.0.9')
    c = smtp.Client(world.server.mx, source='127.0.0.9', timeout=60)
    c.ehlo()
    c.sender = '<someone@example.org>'
    reply, _ = one(world, c, 'a@known.test')
    ok(reply.accepted, 'another customer has the address: it passes', reply=reply)
    c.quit()


def killed(world):
    """a standing outlives a crash of the daemon"""
    subject = 'user:frank@example.org'
    ctl(world, 'quarantine', subject, '--note', 'before the crash')
    world.safe.kill()
    world.safe.start()
    place.until(lambda: ctl(world, 'ping', code=None).returncode == 0, 'the API')
    equal(standing(world, subject), 'quarantined', 'it is known after a crash')
    with submit(world, 'frank') as c:
        equal(one(world, c, 'a@known.test')[0].code, 550, 'and enforced')


def main(kind):
    extra = '\nstore { type = embedded  path = %s }\n'
    store = place.path('store')
    os.mkdir(store, 0o700)
    shutil.chown(store, daemon.USER)
    base = re.sub(r'\nstore \{[^}]*\}', '', daemon.BASE)
    main_of_world(lambda: make(kind, extra % store, config=base),
                  stolen_account, help_is_reached, release, volume_alone, held, deleted,
                  quarantine_by_hand, machine, killed, replayed)
