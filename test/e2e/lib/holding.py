# SPDX-License-Identifier: BSD-2-Clause
"""Held mail on a real server: an account is quarantined by mortsafectl, what it sends is held,
and its release lets the mail go, deletes it, or leaves it."""
import json
import os
import subprocess

import place
import smtp
from tap import equal, ok
from world import World, address, main as main_of_world

BUILD = os.path.dirname(os.path.abspath(place.mortsafe_path()))
CTL = os.environ.get('MORTSAFECTL') or os.path.join(BUILD, 'mortsafectl')
USERS = 'alice bob carol dave'.split()
EXTRA = '''
zombie account { mode = enforce  quarantine = hold }
'''


def make(kind):
    return World(kind, EXTRA, tls='allow', auth_plain='yes', user=USERS,
                 login=['%s@example.org:pw-%s' % (u, u) for u in USERS])


def wrapper(world):
    """A folder with the MTA's programs as PATH shall have them, and what --mta-config is."""
    if world.kind == 'postfix':
        return '', os.path.join(world.server.dir, 'etc')
    folder = place.path('bin')
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'sendmail')
    with open(path, 'w', encoding='ascii') as out:
        out.write('#!/bin/sh\nshift 2 # -C FILE, which the script says itself\n'
                  'exec %s run %s "$@"\n' % (world.server.script, world.server.dir))
    os.chmod(path, 0o755)
    return folder + ':', os.path.join(world.server.dir, 'etc', 'sendmail.cf')


def ctl(world, *words):
    path, _ = wrapper(world)
    env = dict(os.environ, PATH=path + os.environ['PATH'], TZ='UTC', LC_ALL='C.UTF-8', COLUMNS='0')
    return subprocess.run([CTL, '-s', world.safe.api] + list(words), env=env, encoding='utf-8',
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)


def send(world, user, n):
    """N messages of USER; their queue ids."""
    ids = []
    with smtp.Client(world.server.submission, source=address(), timeout=60) as c:
        c.ehlo()
        c.login(user + '@example.org', 'pw-' + user)
        for _ in range(n):
            _, _, end = c.message('<%s@example.org>' % user, ['<v@victim.test>'])
            ids.append(end.queue_id)
    return ids


def quarantined(world, user, n):
    """The ids of N messages of USER that are held."""
    done = ctl(world, 'quarantine', 'user:%s@example.org' % user, '--note', 'ticket 4711')
    ok(done.returncode == 0 and 'is quarantined until it is released' in done.stdout,
       '%s is quarantined by hand' % user, out=done.stdout, err=done.stderr)
    ids = send(world, user, n)
    equal([world.server.find(one).held for one in ids], [True] * n,
          'what %s sends is held' % user)
    place.until(lambda: len(known(world, user)) == n, 'the record of held mail')
    equal(sorted(known(world, user)), sorted(ids), '`held` tells the queue ids')
    return ids


def known(world, user):
    done = ctl(world, '-j', 'held', 'user:%s@example.org' % user)
    return [json.loads(line)['id'] for line in done.stdout.splitlines()]


def release(world, user, *words):
    _, config = wrapper(world)
    done = ctl(world, 'release', 'user:%s@example.org' % user, *words,
               *(['--mta-config', config] if words else []))
    ok(done.returncode == 0 and not done.stderr, 'release %s' % ' '.join(words),
       out=done.stdout, err=done.stderr)
    return done


def is_held(world, ident):
    """True, False, or None if it is in no queue."""
    found = [m for m in world.server.queue() if m.id == ident]
    return found[0].held if found else None


def kept(world):
    """release: new mail passes, held mail stays held, until it is dealt with"""
    ids = quarantined(world, 'alice', 2)
    done = release(world, 'alice')
    ok('2 messages stay held' in done.stdout, 'what is held stays so', out=done.stdout)
    equal(is_held(world, send(world, 'alice', 1)[0]), False, 'new mail passes')
    equal([is_held(world, one) for one in ids], [True, True], 'the old is still held')
    done = release(world, 'alice', '--held', 'deliver')
    ok('is released already' in done.stdout, 'a second release ends no probation',
       out=done.stdout)
    equal([is_held(world, one) for one in ids], [False, False], 'but deals with held mail')
    equal(known(world, 'alice'), [], 'which is known no more')


def delivered(world):
    """release --held deliver: the MTA lets it go"""
    mine, other = quarantined(world, 'bob', 2), quarantined(world, 'carol', 1)
    done = release(world, 'bob', '--held', 'deliver')
    ok(all('%s is on its way.' % one in done.stdout for one in mine), 'each is told',
       out=done.stdout)
    equal([is_held(world, one) for one in mine], [False, False], 'they are in the queue')
    equal(is_held(world, other[0]), True, 'mail of others stays held')
    equal((known(world, 'bob'), known(world, 'carol')), ([], other), 'the daemon knows')


def deleted(world):
    """release --held delete: the MTA has it no more"""
    ids = quarantined(world, 'dave', 2)
    release(world, 'dave', '--held', 'delete')
    equal([is_held(world, one) for one in ids], [None, None], 'they are in no queue')
    equal(known(world, 'dave'), [], 'the daemon knows')
    if world.kind == 'sendmail':
        left = [name for name in os.listdir(world.server.dir + '/queue')
                if name[2:] in ids]
        equal(left, [], 'no file is left')


def lists(world):
    """zombies and show tell of it"""
    done = ctl(world, 'zombies')
    ok('user:carol@example.org' in done.stdout and 'quarantined' in done.stdout and
       'ticket 4711' in done.stdout, 'zombies', out=done.stdout, err=done.stderr)
    done = ctl(world, 'show', 'carol@example.org')
    ok('quarantined since' in done.stdout and known(world, 'carol')[0] in done.stdout and
       'Held mail' in done.stdout, 'show', out=done.stdout, err=done.stderr)


def hand_in(world, ident, unknown='5.1.1'):
    """A line of a log about IDENT, handed in as the night's job would."""
    path = place.write('mail.log', 'Nov 22 14:35:02 mx1 postfix/smtp[123]: %s: to=<v@victim.test>, '
                       'dsn=%s, status=bounced (no)\n' % (ident, unknown))
    return ctl(world, '-j', 'feedback', path)


def reported(world):
    """feedback counts against who sent the message, and against nobody else"""
    ident = send(world, 'alice', 1)[0]
    place.until(lambda: json.loads(hand_in(world, ident).stdout)['matched'],
                'the record of a message that passed')
    answer = json.loads(hand_in(world, ident).stdout)
    equal(answer['matched'], [{'id': ident, 'subject': 'user:alice@example.org'}],
          'by the queue id it is known whose it was')
    answer = json.loads(hand_in(world, '4XyZnobody').stdout)
    equal((answer['matched'], answer['kept']), ([], True), 'one of nobody is kept')
    done = hand_in(world, ident, '4.4.1')
    equal((done.returncode, done.stdout), (0, ''), 'what says nothing is not handed in')
    done = ctl(world, '-j', 'feedback', '--list')
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    told = {(row['id'], row['subject']) for row in rows}
    ok({(ident, 'user:alice@example.org'), ('4XyZnobody', None)} <= told,
       'feedback --list tells both', rows=rows)
    done = ctl(world, 'feedback', place.write('letter', 'Subject: hello\n\nhello\n'))
    equal(done.returncode, 65, 'a letter is none', err=done.stderr)


def main(kind):
    main_of_world(lambda: make(kind), kept, delivered, lists, deleted, reported)
