#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafe at work: a private Postfix that would relay for anybody, mortsafe beside it
with the embedded store, and the SMTP conversations that matter."""
import email
import email.policy
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'e2e', 'lib'))
import daemon  # noqa: E402
import mta     # noqa: E402
import place   # noqa: E402
import smtp    # noqa: E402
import upstream  # noqa: E402

CONFIG = '''mode    = enforce
domains   local      { list = example.org }
network   loopback   { addr = 127.0.0.1, ::1   relay = any   auth = allow   tls = allow }
users                { fold = yes   default_domain = example.org }
limit     burst      { key = user   count = messages   rate = 3/1m   on = submission }
zombie    account    { key = user   quarantine = hold   mode = enforce   notify = owner, postmaster }
verdict              { header = X-Spam-Flag }
support   = "https://help.example.org"
notice               { from = "Example Mail Team <postmaster@example.org>"   smtp = %(smtp)s   templates = %(templates)s   contacts = texthash:%(contacts)s }
store                { type = embedded   path = %(store)s }
api                  { socket = %(api)s }
log                  { to = stderr }
'''
PATHS = {'store': '/var/lib/mortsafe', 'api': '/run/mortsafe/api.sock',
         'smtp': 'inet:10027@127.0.0.1', 'templates': '/usr/share/mortsafe/notices',
         'contacts': '/etc/mortsafe/contacts'}
TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'contrib',
                         'notices')
BOLD, DIM, GREEN, RED, PLAIN = ('\033[1m', '\033[2m', '\033[32m', '\033[31m', '\033[0m') \
    if sys.stdout.isatty() and 'NO_COLOR' not in os.environ else ('',) * 5
STRANGER = '127.0.0.66'
MOST = 40  # lines of what the tool prints
wrong = []


class Stage:
    def __init__(self):
        self.filter = upstream.Filter()
        self.server = mta.Postfix(networks='0.0.0.0/0 [::]/0', auth_plain='no',
                                  filter=self.filter.socket, reinject=place.port(),
                                  login=['alice@example.org:secret', 'bob@example.org:secret'])
        ports = {k: getattr(self.server, k) for k in ('mx', 'submission', 'submissions')}
        ports['tls'] = 'require'
        store = place.path('store')
        os.mkdir(store, 0o700)
        os.chown(store, *owner())
        self.api = place.path('api.sock')
        self.paths = {'store': store, 'api': self.api, 'templates': TEMPLATES,
                      'smtp': 'inet:%d@127.0.0.1' % self.server.options['reinject'],
                      'contacts': place.write('contacts', 'bob@example.org bob@home.test en\n')}
        self.safe = daemon.Mortsafe(config=CONFIG % self.paths,
                                    ports=ports, user='nobody')
        self.server.options['milter'] = self.server.milter(self.safe.socket)
        self.shown = 0

    def start(self):
        self.safe.start()
        self.server.start()
        return self

    def logged(self):
        """Log lines since the last look; the decision is written after the reply."""
        def new():
            lines = self.safe.log().splitlines()[self.shown:]
            return [line for line in lines if 'action=' in line]
        try:
            place.until(new, 'a log line', 2)
        except TimeoutError:
            pass
        lines = new()
        self.shown = len(self.safe.log().splitlines())
        return lines


    def tool(self, *words):
        """Run mortsafectl, and show what a person would see."""
        print('   %s$ mortsafectl %s%s' % (BOLD, ' '.join(words), PLAIN))
        tool = os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafectl')
        done = subprocess.run([tool, '-s', self.api, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8', check=False)
        lines = done.stdout.rstrip().splitlines()
        if len(lines) > MOST:
            lines[MOST - 3:] = ['... and %d lines more' % (len(lines) - MOST + 3)]
        print('   ' + '\n   '.join(lines))
        if done.returncode != 0:
            wrong.append('mortsafectl ' + ' '.join(words))


def owner():
    import pwd
    entry = pwd.getpwnam('nobody')
    return entry.pw_uid, entry.pw_gid


def title(number, text):
    print('\n%s%d. %s%s' % (BOLD, number, text, PLAIN))


def step(line, reply, code):
    """What the client said and heard; CODE is what it must hear."""
    good = reply.code == code
    colour = RED if reply.code >= 400 else GREEN
    print('   C: %s' % line)
    print('   S: %s%s%s%s' % (colour, reply, PLAIN, '' if good else '   <- expected %d' % code))
    if not good:
        wrong.append(line)


def tell(stage):
    for line in stage.logged():
        print('   %slog: %s%s' % (DIM, line, PLAIN))


def send(client, sender, recipient, code):
    step('MAIL FROM:<%s>' % sender, client.mail('<%s>' % sender), 250)
    reply = client.rcpt('<%s>' % recipient)
    step('RCPT TO:<%s>' % recipient, reply, code)
    if reply.code == 250:
        step('DATA ... .', client.data(), 250)
    else:
        client.rset()


def stranger_relays(stage):
    title(1, 'A stranger tries to relay through a Postfix that would let him')
    with smtp.Client(stage.server.mx, source=STRANGER) as c:
        c.ehlo('spammer.test')
        send(c, 'spam@spam.test', 'victim@victim.test', 550)
        tell(stage)
        print('   ... and by a second hop')
        send(c, 'spam@spam.test', 'victim%victim.test@example.org', 550)
        tell(stage)


def stranger_writes(stage):
    title(2, 'A stranger writes to a local user')
    with smtp.Client(stage.server.mx, source=STRANGER) as c:
        c.ehlo('mx.friend.test')
        send(c, 'friend@friend.test', 'alice@example.org', 250)
        tell(stage)


def no_login(stage):
    title(3, 'Port 587 without a login')
    with smtp.Client(stage.server.submission, source=STRANGER) as c:
        c.ehlo('laptop.test')
        c.starttls()
        c.ehlo('laptop.test')
        step('MAIL FROM:<alice@example.org>', c.mail('<alice@example.org>'), 530)
        tell(stage)


def login(stage):
    title(4, 'alice logs in on port 587 and writes to the world')
    c = smtp.submitter(stage.server.submission, source=STRANGER)
    send(c, 'alice@example.org', 'friend@friend.test', 250)
    tell(stage)
    return c


def past_the_limit(stage, c):
    title(5, 'The same login goes on: its limit here is 3 messages a minute')
    for n in (2, 3, 4):
        print('   message %d' % n)
        send(c, 'alice@example.org', 'friend%d@friend.test' % n, 250 if n < 4 else 450)
        tell(stage)
    c.quit()


def queue(stage):
    title(6, 'What Postfix has in its queue: the mail that was allowed, and no other')
    place.until(lambda: len(stage.server.queue()) >= 4, 'the queue', 5)
    for message in stage.server.queue():
        print('   %-14s from=<%s> to=<%s>' % (message.id, message.sender,
                                              ', '.join(message.recipients)))


def restart(stage):
    title(7, 'mortsafe is killed and started again: the count is still there')
    time.sleep(1.5)  # a crash may cost the last second of counts
    stage.safe.kill()
    stage.safe.start()
    with smtp.submitter(stage.server.submission, source=STRANGER) as c:
        send(c, 'alice@example.org', 'friend5@friend.test', 450)
    lines = stage.logged()
    for line in lines:
        print('   %slog: %s%s' % (DIM, line, PLAIN))
    return re.search(r' ref=(\w+)', lines[-1]).group(1)


def help_desk(stage, ref):
    title(8, 'The help desk: alice calls, and reads out the reference that she was told')
    stage.tool('why', ref)
    stage.tool('reset', 'user:alice@example.org', 'burst')
    with smtp.submitter(stage.server.submission, source=STRANGER) as c:
        send(c, 'alice@example.org', 'friend6@friend.test', 250)
    tell(stage)


def implicit_tls(stage, user):
    """A mail program on port 465."""
    c = smtp.Client(stage.server.submissions, source=STRANGER, tls=True)
    c.ehlo()
    c.login(user, 'secret')
    return c


def zombie(stage):
    title(9, 'A zombie: the password of bob is stolen; bob writes a little, the thief a lot')
    print('   a content filter before mortsafe finds half of what the thief sends to be spam')
    c = implicit_tls(stage, 'bob@example.org')
    for n in range(5):
        send(c, 'bob@example.org', 'friend%d@friend.test' % (n % 2), 250)
    stage.logged()
    replies = {}
    for n in range(60):
        c.mail('<bob@example.org>')
        reply = c.rcpt('<victim%d@victim.test>' % n)
        if reply.code == 250:
            reply = c.data('Subject: %s\r\n\r\nbuy\r\n' % ('cheap pills' if n % 2 else 'hello'))
        else:
            c.rset()
        replies.setdefault(str(reply)[:9], []).append(n + 1)
    c.quit()
    for text, which in replies.items():
        print('   S: %-10s %d times, first for message %d' % (text, len(which), which[0]))
    place.until(lambda: 'standing=quarantined' in stage.safe.log(), 'the quarantine', 10)
    for line in stage.safe.log().splitlines():
        if 'standing=' in line:
            print('   %slog: %s%s' % (DIM, line, PLAIN))


def quarantined(stage):
    title(10, 'What became of it')
    stage.tool('zombies')
    stage.tool('show', 'user:bob@example.org')
    print('   ... and Postfix holds what came since:')
    for message in stage.server.held():
        print('   %-14s from=<%s> to=<%s>   (hold)' % (message.id, message.sender,
                                                       ', '.join(message.recipients)))
    if not stage.server.held():
        wrong.append('nothing is held')


def letter(stage):
    title(11, 'The letter that bob gets, at home, for his own mailbox may be read by the thief')
    def found():
        for message in stage.server.queue():
            if 'bob@home.test' in message.recipients:
                raw = stage.server.run('postcat', '-qhb', message.id)
                text = email.message_from_string(raw, policy=email.policy.default)
                if 'stopped' in text['subject']:
                    return text
        return None
    text = place.until(found, 'the letter', 15)
    print('   Subject: %s\n' % text['subject'])
    print('   ' + text.get_content().strip().replace('\n', '\n   '))


def released(stage):
    stage.logged()
    title(12, 'Bob has a new password; the help desk lets him go')
    stage.tool('release', 'user:bob@example.org', '--held', 'delete', '--note', 'new password',
               '--mta-config', os.path.join(stage.server.dir, 'etc'))
    with implicit_tls(stage, 'bob@example.org') as c:
        send(c, 'bob@example.org', 'friend1@friend.test', 250)
    tell(stage)


def main():
    print('mortsafe demo: the configuration\n')
    print('   ' + (CONFIG % PATHS).strip().replace('\n', '\n   '))
    stage = Stage().start()
    print('\nPostfix listens on ports %d (as 25) and %d (as 587); every client here is %s.'
          % (stage.server.mx, stage.server.submission, STRANGER))
    stranger_relays(stage)
    stranger_writes(stage)
    no_login(stage)
    past_the_limit(stage, login(stage))
    queue(stage)
    help_desk(stage, restart(stage))
    zombie(stage)
    quarantined(stage)
    letter(stage)
    released(stage)
    stage.safe.stop()
    place.leave()
    if wrong:
        print('\nThese were not answered as expected: %s' % '; '.join(wrong))
        sys.exit(1)
    print('''
All as it should be; both servers are stopped, and their files are gone.

What to do next:
   build/plain/mortsafe -V                      this is what you built
   build/plain/mortsafectl help                 the operator's tool
   man man/mortsafe.8                           the daemon; mortsafectl.8, mortsafe.conf.5 ...
   sudo make -C build/plain install             then README.md, "Ten minutes with Postfix"
   start with `mode = observe`: mortsafe then only logs what it would do''')


main()
