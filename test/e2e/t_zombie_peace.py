#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Nobody here is a zombie: an office of twenty people, a weekly letter to four hundred
readers, a list server and a month-end invoice run go through the same set-up that stops a
stolen account."""
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import zombies
from tap import equal, ok
from world import main
from zombies import DAY, HOUR, ctl, one, rows, standing, submit

PEOPLE = ['p%02d' % n for n in range(20)]
OTHERS = ['letter', 'lists', 'billing']
DAYS = 28
EXTRA = '''
exempt lists { user = lists@example.org  class = list }
'''
choice = random.Random(int(os.environ.get('MORTSAFE_E2E_SEED', 1)))


def make():
    users = PEOPLE + OTHERS
    return zombies.make('postfix', EXTRA, deliver='discard', user=users,
                        login=['%s@example.org:pw-%s' % (u, u) for u in users])


def many(world, user, recipients, flagged=()):
    """One message each; how many were refused."""
    refused = 0
    with submit(world, user) as c:
        for n, to in enumerate(recipients):
            reply, _ = one(world, c, to, 'cheap pills' if n in flagged else 'hello')
            refused += not reply.accepted
            world.clock.step(1)
    return refused


def workday(world, contacts):
    """Each person writes some mail: mostly to people it knows, now and then to three at
    once, one in a hundred taken for spam."""
    refused = 0
    for person in PEOPLE:
        with submit(world, person) as c:
            for _ in range(choice.randint(0, 9)):
                known = ['%s-%d@known.test' % (person, int(contacts ** choice.random()))
                         for _ in range(choice.choice((1, 1, 1, 3)))]
                if choice.random() < 0.06:
                    known = ['new%d@elsewhere.test' % choice.randrange(10 ** 9)]
                reply, _ = one(world, c, sorted(set(known)),
                               'cheap pills' if choice.random() < 0.01 else 'hello')
                refused += not reply.accepted
                world.clock.step(20)
    return refused


def office(world):
    """four weeks of twenty people: nobody is stopped"""
    refused = 0
    for day in range(DAYS):
        if day % 7 < 5:
            refused += workday(world, 40)
        world.clock.step(DAY // 2)
    equal(refused, 0, 'not one message was refused')
    bad = [s for s in rows(world, 'zombies')
           if s.get('standing') in ('throttled', 'quarantined')]
    equal(bad, [], 'nobody is throttled or quarantined')


def letter(world):
    """a weekly letter: the first one to 400 is slowed down, then an operator says it is
    meant, and the next ones are not touched"""
    readers = ['reader%d@known.test' % n for n in range(400)]
    subject = 'user:letter@example.org'
    many(world, 'letter', readers)
    equal(standing(world, subject), 'throttled', 'a first letter is slowed, not stopped')
    ctl(world, 'release', subject, '--legit', '--note', 'weekly letter')
    for week in range(3):
        world.clock.step(7 * DAY)
        equal(many(world, 'letter', readers, flagged=(5, 200)), 0, 'letter %d' % (week + 2))


def list_server(world):
    """a list server, which an operator has called one"""
    members = ['member%d@known.test' % n for n in range(150)]
    refused = 0
    for _ in range(5):
        for _ in range(2):
            refused += many(world, 'lists', members)
            world.clock.step(3 * HOUR)
        world.clock.step(DAY)
    equal(refused, 0, 'nothing is refused')


def invoices(world):
    """a month-end run of 60 in one hour, behind a month of ordinary days"""
    refused = 0
    for month in range(3):
        for day in range(25):
            refused += many(world, 'billing',
                            ['customer%d@known.test' % ((7 * day + n) % 60) for n in range(3)])
            world.clock.step(DAY)
        late = many(world, 'billing', ['customer%d@known.test' % n for n in range(60)])
        print('# month %d: %d of 60 were put off' % (month + 1, late))
        if month > 0:
            refused += late
        world.clock.step(DAY)
    equal(refused, 0, 'the runs of the second and third month are not touched')
    ok(standing(world, 'user:billing@example.org') != 'quarantined', 'never quarantined')


main(make, office, letter, list_server, invoices)
