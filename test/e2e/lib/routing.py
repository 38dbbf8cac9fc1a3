# SPDX-License-Identifier: BSD-2-Clause
"""A plain address in our domains is ours, whatever host the server's macros show: it
may be sent on by a transport, a smarthost, LMTP, an alias or a mailertable."""
import place
import smtp
from tap import equal, ok, starts
from world import World, address, main as main_of_world

POSTFIX = {
    'relayhost': [
        'relayhost = [smart.test]:25'],
    'transport_maps': [
        'transport_maps = inline:{ {example.org = smtp:[away.test]:26} '
        '{relay.example = smtp:[inner.test]} {bob@example.org = relay:[victim.test]} }'],
    'LMTP': [
        'mydestination = mx.example.org',
        'virtual_mailbox_domains = example.org',
        'virtual_mailbox_maps = inline:{ {alice@example.org = x} {bob@example.org = x} '
        '{postmaster@example.org = x} }',
        'virtual_transport = lmtp:inet:[192.0.2.24]:24'],
    'virtual aliases that forward': [
        'virtual_alias_maps = inline:{ {info@virtual.example = boss@victim.test} '
        '{alice@example.org = alice@victim.test} {bob@example.org = bob@victim.test} }'],
}
SENDMAIL = {
    'SMART_HOST': ["define(`SMART_HOST', `esmtp:[smart.test]')dnl",
                   "FEATURE(`virtusertable', `hash -o @etc@/virtusertable')dnl",
                   "VIRTUSER_DOMAIN(`virtual.example')dnl"],
    'mailertable': ["FEATURE(`mailertable', `hash -o @etc@/mailertable')dnl",
                    "FEATURE(`virtusertable', `hash -o @etc@/virtusertable')dnl",
                    "VIRTUSER_DOMAIN(`virtual.example')dnl"],
    'LOCAL_RELAY': ["define(`MAIL_HUB', `esmtp:[hub.test]')dnl",
                    "define(`LOCAL_RELAY', `esmtp:[hub.test]')dnl",
                    "FEATURE(`virtusertable', `hash -o @etc@/virtusertable')dnl",
                    "VIRTUSER_DOMAIN(`virtual.example')dnl"],
}
TABLES = {
    'mailertable': 'relay.example\tesmtp:[victim.test]\n.relay.example\tsmtp:[inner.test]\n',
    'virtusertable': 'info@virtual.example\tboss@victim.test\n',
}
OURS = ['<alice@example.org>', '<bob@EXAMPLE.org>', '<postmaster>', '<u@relay.example>',
        '<info@virtual.example>']


def make(kind):
    if kind == 'postfix':
        return World(kind, open='yes', main=POSTFIX['relayhost'])
    world = World(kind, open='yes', mc=SENDMAIL['SMART_HOST'])
    tables(world)
    return world


def tables(world):
    """Sendmail's tables, before a server is started that reads them."""
    place.call('mkdir', '-p', world.server.dir + '/etc')
    for name, text in TABLES.items():
        with open('%s/etc/%s' % (world.server.dir, name), 'w') as out:
            out.write(text)
    world.made = True


def restart(world, lines):
    """The same server with other routes."""
    world.server.stop()
    world.server.options['main' if world.kind == 'postfix' else 'mc'] = lines
    world.server.start()
    if world.kind == 'sendmail':
        for name in TABLES:
            place.call(world.server.script, 'map', world.server.dir, name)


def every_route(world):
    """Each way to send our mail on: ours is accepted, nothing else is"""
    for name, lines in (POSTFIX if world.kind == 'postfix' else SENDMAIL).items():
        restart(world, lines)
        source = address()
        with smtp.Client(world.server.mx, source=source) as c:
            c.ehlo()
            _, each, end = c.message('<s@spam.test>', OURS)
            equal([r.code for r in each], [250] * len(OURS),
                  '%s: all our recipients are accepted' % name, replies=each)
            starts(end, '250', '%s: the message is taken' % name)
            # Postfix rewrites by its aliases as it takes the mail, so only the count is ours.
            ok(len(world.server.find(end.queue_id).recipients) == len(OURS),
               '%s: it is in the queue for all of them' % name)
            c.mail('<s@spam.test>')
            for bad in '<v@victim.test>', '<v@smart.test>', '<alice%victim.test@example.org>':
                reply = c.rcpt(bad)
                # Where example.org is no local domain, its % users are just unknown.
                ok(reply.enhanced in ('5.7.1', '5.1.1'), '%s: %s is refused' % (name, bad),
                   reply=reply)
        told = world.refusals(source, 3, action='reject')
        equal(sorted(d.rule for d in told), ['relay.denied', 'relay.denied', 'relay.hop'],
              '%s: and the log has just these' % name)


def main(kind):
    main_of_world(lambda: make(kind), every_route)
