# SPDX-License-Identifier: BSD-2-Clause
"""Limits are exact: the last one within passes, the next one does not, and what was
not accepted has not been counted."""
import threading

import place
import smtp
from tap import equal, ok, starts
from world import World, address, main as main_of_world

USERS = 'alice bob carol dave erin frank grace heidi news'.split()
EXTRA = '''
network office { addr = 127.0.0.9/32  relay = any }
network depot { addr = 127.0.0.10/32  relay = any }
limit burst { key = user  count = messages  rate = 30/1m  rates = texthash:%(dir)s/burst }
limit user { key = user  count = external  rate = 300/1h
             rates = texthash:%(dir)s/user  warn = 80%% }
limit kept { key = user  count = messages  rate = 2/1h  action = hold  on = submissions }
limit size { key = client  count = bytes  rate = 64K/1h  in = office }
limit watch { key = client  count = messages  rate = 1/1h  in = depot  mode = observe }
limit guess { key = client  count = bad_recipients  rate = 3/10m  in = strangers  on = mx }
limit knock { key = client  count = connections  rate = 5/1m  in = strangers  on = mx }
exempt newsletter { user = news@example.org  skip = limit.burst }
'''


def make(kind):
    place.write('burst', 'frank@example.org 1000/1m\nheidi 2/1m\n')
    place.write('user', 'frank@example.org 100/1h\ngrace 5/1h\n')
    options = {'main': ['default_process_limit = 250', 'message_size_limit = 200000']}
    if kind == 'sendmail':
        options = {'mc': "define(`confMAX_MESSAGE_SIZE', `200000')dnl"}
    return World(kind, EXTRA % {'dir': place.folder()}, tls='allow', open='yes', auth_plain='yes',
                 user=USERS,
                 login=['ALICE@example.org:pw-alice']
                 + ['%s@example.org:pw-%s' % (u, u) for u in USERS],
                 **options)


def submit(world, user, source=None):
    """A login on 587, without TLS: this program is about numbers."""
    c = smtp.Client(world.server.submission, source=source or address(), timeout=60)
    c.ehlo()
    reply = c.login(user + '@example.org', 'pw-' + user)
    if reply.code != 235:
        raise RuntimeError('no login for %s: %s' % (user, reply))
    c.sender = '<%s@example.org>' % user
    return c


def fill(client, n, to='<v@victim.test>'):
    """N messages; how many of them are taken."""
    taken = 0
    for _ in range(n):
        _, rcpt, end = client.message(client.sender, [to])
        taken += end.code == 250
        if not rcpt or not rcpt[0].accepted:
            client.rset()
    return taken


def the_next_is_deferred(world):
    """30/1m: the 30th message passes, the 31st is deferred, in any session"""
    with submit(world, 'alice') as c:
        equal(fill(c, 29), 29, '29 messages pass in one session')
    with submit(world, 'alice') as c:
        equal(fill(c, 1), 1, 'the 30th passes in another')
        _, rcpt, _ = c.message(c.sender, ['<v@victim.test>'])
        starts(rcpt[0], '450 4.7.1', 'the 31st is deferred')
        told = world.safe.wait_decision(rule='limit.burst', user='alice@example.org')
        equal((told.action, told.used, told.listener), ('defer', '31/30/1m', 'submission'),
              'the log says by which limit')
        ok(told.ref and told.ref in str(rcpt[0]), 'the reply bears the reference of the log',
           reply=rcpt[0], log=told)
        ok('30' in str(rcpt[0]) and told.retry, 'a login is told the number and when to come '
           'back', reply=rcpt[0])
        c.rset()
        _, rcpt, _ = c.message(c.sender, ['<bob@example.org>'])
        starts(rcpt[0], '450 4.7.1', 'a local recipient makes no difference to messages')
    queue = [m for m in world.server.queue() if m.sender == 'alice@example.org']
    equal(len(queue), 30, 'the queue holds 30 messages')


def a_login_is_one_subject(world):
    """ALICE and alice share one count, on any address"""
    with submit(world, 'alice') as c:
        _, rcpt, _ = c.message('<other@example.org>', ['<v@victim.test>'])
        starts(rcpt[0], '450 4.7.1', 'another sender address does not help')
    for name in 'ALICE@example.org', 'alice':
        source = address()
        with smtp.Client(world.server.submission, source=source) as c:
            c.ehlo()
            starts(c.login(name, 'pw-alice'), '235', name + ' logs in')
            _, rcpt, _ = c.message('<alice@example.org>', ['<v@victim.test>'])
            starts(rcpt[0], '450 4.7.1', name + ' is alice')
        equal([d.user for d in world.refusals(source, 1)], ['alice@example.org'],
              'and the log calls her alice@example.org')


def refunds(world):
    """What ends without being accepted is not counted"""
    with submit(world, 'bob') as c:
        replies = []
        for n in range(29):
            c.mail(c.sender)
            replies.append(c.rcpt('<v@victim.test>').code)
            c.rset()
        equal(set(replies), {250}, '29 transactions end with RSET')
        for n in range(2):  # more than three, and Sendmail waits
            c.mail(c.sender)
            replies.append(c.rcpt('<v@victim.test>').code)
            c.ehlo()
        equal(set(replies), {250}, 'two more end with EHLO')
    for n in range(29):
        with submit(world, 'bob') as c:
            c.mail(c.sender)
            replies.append(c.rcpt('<v@victim.test>').code)
            if n % 2:
                c.say('DATA')
                c.send(b'Subject: half a message\r\n')
    equal(set(replies), {250}, '29 more end with a lost connection')
    with submit(world, 'bob') as c:
        # What a lost connection held comes back when the server has noticed.
        def free():
            _, rcpt, _ = c.message(c.sender, ['<v@victim.test>'])
            c.rset()
            return rcpt[0].accepted
        place.until(free, 'room for bob')
        equal(fill(c, 29), 29, 'all 30 messages are still there')
        _, rcpt, _ = c.message(c.sender, ['<v@victim.test>'])
        starts(rcpt[0], '450 4.7.1', 'and not one more')


def refused_by_the_server(world):
    """What the server refuses at the end of the message is not counted"""
    text = 'Subject: huge\r\n\r\n' + ('x' * 70 + '\r\n') * 3000
    with submit(world, 'heidi') as c:
        for n in range(4):
            _, rcpt, end = c.message(c.sender, ['<v@victim.test>'], text)
            starts(rcpt[0], '250', 'recipient of huge message %d' % n)
            starts(end, '552', 'the server refuses it')
        equal(fill(c, 2), 2, 'both messages of her limit are still there')
        _, rcpt, _ = c.message(c.sender, ['<v@victim.test>'])
        starts(rcpt[0], '450 4.7.1', 'and not one more')


def recipients_of_a_message(world):
    """100/msg: the 101st recipient gets 452, the message goes to the others"""
    with submit(world, 'carol') as c:
        c.mail(c.sender)
        each = [c.rcpt('<v%d@victim.test>' % n) for n in range(102)]
        equal([r.code for r in each[:100]], [250] * 100, '100 recipients pass')
        starts(each[100], '452 4.5.3', 'the 101st is put off')
        starts(each[101], '452 4.5.3', 'and the 102nd')
        end = c.data()
        starts(end, '250', 'the message is taken')
        message = world.server.find(end.queue_id)
        equal(len(message.recipients), 100, 'for 100 recipients')
        _, rcpt, end = c.message(c.sender, ['<v100@victim.test>'])
        starts(end, '250', 'the rest goes in another message')


def own_rates(world):
    """rates =: an entry by login alone, and external counts no local recipient"""
    with submit(world, 'grace') as c:
        _, each, end = c.message(c.sender, ['<v%d@victim.test>' % n for n in range(6)]
                                 + ['<alice@example.org>'])
        equal([r.code for r in each], [250] * 5 + [450, 250],
              'five external recipients, then only local ones')
        starts(end, '250', 'the message is taken')
    def warned():
        return [line for line in world.safe.log().splitlines()
                if 'warning=near' in line and 'limit.user' in line and 'grace' in line]
    place.until(warned, 'a warning about grace')
    equal(len(warned()), 1, 'the log warned once that 80 % are used up', log=warned())


def exempted(world):
    """exempt: a login that the limit does not hold for"""
    with submit(world, 'news') as c:
        equal(fill(c, 33), 33, 'news sends 33 messages in a minute')


def held(world):
    """action = hold: the message is taken, and kept"""
    with smtp.Client(world.server.submissions, source=address(), tls=True) as c:
        c.ehlo()
        c.login('dave@example.org', 'pw-dave')
        ends = [c.message('<dave@example.org>', ['<v@victim.test>'])[2] for _ in range(3)]
    equal([e.code for e in ends], [250] * 3, 'dave sees three messages taken')
    kept = [world.server.find(e.queue_id) for e in ends]
    equal([m.held for m in kept], [False, False, True], 'the third is in quarantine')
    told = world.safe.wait_decision(rule='limit.kept')
    equal((told.action, told.id), ('hold', ends[2].queue_id), 'the log has its queue id')
    if world.kind == 'sendmail':
        ok('limit.kept' in (kept[2].reason or ''), 'the quarantine has a reason',
           reason=kept[2].reason)


def bytes_of_a_client(world):
    """bytes: refused at the end of the message that crosses, or by its SIZE"""
    text = 'Subject: big\r\n\r\n' + ('x' * 70 + '\r\n') * 550  # some 39 KiB
    with smtp.Client(world.server.mx, source='127.0.0.9') as c:
        c.ehlo()
        end = c.message('<o@example.org>', ['<v@victim.test>'], text)[2]
        starts(end, '250', 'the first 39 KiB pass')
        first, _, end = c.message('<o@example.org>', ['<v@victim.test>'], text)
        starts(first, '250', 'MAIL without SIZE passes')
        starts(end, '450 4.7.1', 'the second 39 KiB are refused at the end')
        starts(c.mail('<o@example.org>', 'SIZE=39000'), '450 4.7.1', 'SIZE tells at MAIL')
        starts(c.mail('<o@example.org>', 'SIZE=99000'), '552 5.3.4',
               'what can never fit is refused for good')
        end = c.message('<o@example.org>', ['<v@victim.test>'])[2]
        starts(end, '250', 'a small message still passes')


def observed(world):
    """mode = observe for one limit: told, not done"""
    with smtp.Client(world.server.mx, source='127.0.0.10') as c:
        c.ehlo()
        ends = [c.message('<o@example.org>', ['<v@victim.test>'])[2].code for _ in range(3)]
    equal(ends, [250] * 3, 'three messages pass')
    told = world.safe.wait_decision(rule='limit.watch')
    ok(told.observed and told.action == 'defer', 'the log says would=defer', log=told)


def bad_recipients(world):
    """bad_recipients over the limit is answered at the next good recipient"""
    source = address()
    with smtp.Client(world.server.mx, source=source) as c:
        c.ehlo()
        c.mail('<s@spam.test>')
        starts(c.rcpt('<alice@example.org>'), '250', 'a good recipient passes')
        for n in range(4):
            starts(c.rcpt('<nosuch%d@example.org>' % n), '550 5.1.1', 'an unknown user')
        reply = c.rcpt('<bob@example.org>')
        starts(reply, '450 4.7.1', 'then the next good one is deferred')
        ok('3' not in str(reply).split(' ', 2)[2].split('ref')[0] or
           '3/10m' not in str(reply), 'a stranger is told no numbers', reply=reply)
        starts(c.rcpt('<postmaster@example.org>'), '250', 'postmaster can be reached')
        starts(c.rcpt('<abuse@example.org>'), '250', 'and abuse')
    told = world.refusals(source, 1, rule='limit.guess')
    ok(told and told[0].action == 'defer', 'the log says limit.guess', log=told)


def connections(world):
    """connections over the limit get 421 at MAIL"""
    source = address()
    replies = []
    for _ in range(6):
        with smtp.Client(world.server.mx, source=source) as c:
            c.ehlo()
            replies.append(c.mail('<s@spam.test>'))
    equal([r.code for r in replies], [250] * 5 + [421], 'the sixth connection is refused')
    starts(replies[5], '421 4.7.0', 'with 421 4.7.0')


def all_at_once(world):
    """200 parallel sessions of one login: not one recipient over"""
    start, replies, lock = threading.Barrier(200, timeout=60), [], threading.Lock()

    def one(n):
        try:
            with submit(world, 'frank') as c:
                start.wait()
                _, each, end = c.message(c.sender, ['<f%d-%d@victim.test>' % (n, i)
                                                    for i in range(3)])
                with lock:
                    replies.extend((r.code, end.code) for r in each)
        except Exception as e:
            start.abort()
            with lock:
                replies.append((repr(e), 0))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    passed = [r for r in replies if r[0] == 250]
    equal(len(replies), 600, '600 recipients were tried', codes=set(replies))
    equal(len(passed), 100, '100 of them pass', codes=set(replies))
    equal({r[0] for r in replies}, {250, 450}, 'all others are deferred')

    def queued():
        return sum(len(m.recipients) for m in world.server.queue()
                   if m.sender == 'frank@example.org')
    place.until(lambda: queued() >= 100, 'the queue')
    equal(queued(), 100, '100 are in the queue')


def main(kind):
    main_of_world(lambda: make(kind), the_next_is_deferred, a_login_is_one_subject, refunds,
                  refused_by_the_server, recipients_of_a_message, own_rates, exempted, held,
                  bytes_of_a_client, observed, bad_recipients, connections, all_at_once)
