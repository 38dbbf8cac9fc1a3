#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mail that does not come by SMTP, and mail that comes a second time."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import smtp
from daemon import BASE
from tap import equal, ok, starts
from world import World, address, main

EXTRA = '''
network loopback { addr = 127.0.0.1/32  relay = any  auth = allow  tls = allow  class = gateway }
listener reinject { port = %d  skip = yes  from = loopback }
limit script { key = sender  count = messages  rate = 3/1h  on = local }
limit burst { key = user  count = messages  rate = 3/1m }
'''


def make():
    refilter = place.port()
    config = BASE.replace('network loopback { off = yes }\n', '')
    return World('postfix', EXTRA % refilter, config=config, refilter=refilter,
                 reinject=place.port(), milter_local='yes', user=['carol', 'dave'])


def left_in_maildrop(world):
    return os.listdir(world.server.dir + '/spool/maildrop')


def submitted(world, sender, n):
    """N messages of SENDER in the queue, none of them on its way there."""
    place.until(lambda: len([m for m in world.server.queue() if m.sender == sender]) >= n and
                not left_in_maildrop(world), '%d messages of %s' % (n, sender))
    return [m for m in world.server.queue() if m.sender == sender]


def over_the_limit_is_held(world):
    """sendmail(1): over a limit the message is held; no recipient is ever refused"""
    for n in range(5):
        world.server.submit('carol@example.org', 'v%d@victim.test' % n, 'alice@example.org')
        submitted(world, 'carol@example.org', n + 1)
    mine = submitted(world, 'carol@example.org', 5)
    equal(sum(m.held for m in mine), 2, 'two of five are on hold', queue=mine)
    equal({len(m.recipients) for m in mine}, {2}, 'no message has lost a recipient')
    equal(left_in_maildrop(world), [], 'nothing is left in maildrop')
    told = world.safe.wait_decision(rule='limit.script', action='hold')
    equal(told.listener, 'local', 'the log says listener=local')
    ok(told.id in [m.id for m in mine if m.held], 'and the queue id', log=told)


def to_ourselves(world):
    """sendmail(1) to our own domains only: not limited, not counted"""
    for n in range(6):
        world.server.submit('dave@example.org', 'alice@example.org', 'bob@example.org')
    mine = submitted(world, 'dave@example.org', 6)
    equal(sum(m.held for m in mine), 0, 'six messages, none held')
    world.server.submit('dave@example.org', 'v@victim.test')
    mine = submitted(world, 'dave@example.org', 7)
    equal(sum(m.held for m in mine), 0, 'they have used up nothing')


def odd_recipients(world):
    """sendmail(1) with second hops: no refusal, nothing in maildrop"""
    world.server.submit('eve@example.org', 'v%victim.test@example.org')
    submitted(world, 'eve@example.org', 1)
    equal(left_in_maildrop(world), [], 'nothing is left in maildrop')


def second_pass(world):
    """A content filter's mail: not counted again, on either port"""
    with smtp.submitter(world.server.submission, source=address()) as c:
        for n in range(3):
            starts(c.message('<alice@example.org>', ['<v@victim.test>'])[2], '250',
                   'message %d of alice passes' % n)
            for port in 'refilter', 'reinject':
                with smtp.Client(world.server.options[port]) as back:
                    back.ehlo()
                    starts(back.message('<alice@example.org>', ['<v@victim.test>'])[2], '250',
                           'and comes back by ' + port)
        starts(c.message('<alice@example.org>', ['<v@victim.test>'])[1][0], '450 4.7.1',
               'the fourth is over the limit: three were counted')
    equal(world.safe.decisions(listener='reinject', action='reject'), [],
          'nothing was refused on its way back')


def not_for_strangers(world):
    """skip = yes holds for loopback alone"""
    source = address()
    with smtp.Client(world.server.options['refilter'], source=source) as c:
        c.ehlo()
        c.mail()
        starts(c.rcpt('<v@victim.test>'), '550 5.7.1', 'a stranger on that port is a stranger')
    ok(world.refusals(source, 1, rule='relay.denied'), 'the log says relay.denied')


main(make, over_the_limit_is_held, to_ourselves, odd_recipients, second_pass,
     not_for_strangers)
