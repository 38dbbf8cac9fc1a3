# SPDX-License-Identifier: BSD-2-Clause
"""Postfix and mortsafe on several hosts that share one Redis.  Its wall clock and theirs are
stepped together; the clocks that measure how long things take run."""
import mmap
import os
import re
import shutil
import socketserver
import struct
import threading
import time

import api
import mta
import place
import redis
import upstream
import zombies

# the owner is told, too
RULES = re.sub(r'(zombie account {)', r'\1 notify = owner, postmaster ', zombies.EXTRA)
WALL_CLOCK = os.path.join(zombies.BUILD, 'test', 'wall_clock.so')


class Clock:
    """The wall clock of all hosts and of Redis: it runs, and can be stepped."""

    def __init__(self):
        self.path = place.path('clock-%d' % place.port())
        with open(self.path, 'wb') as out:
            out.write(struct.pack('=qq', 0, 0))
        with open(self.path, 'r+b') as file:
            self.clocks = memoryview(mmap.mmap(file.fileno(), 16)).cast('q')
        self.stepped, self.aged = zombies.START, 0
        self.began = time.monotonic()
        self.tick()
        threading.Thread(target=self.run, daemon=True).start()

    def tick(self):
        ran = time.monotonic() - self.began
        self.clocks[0] = self.stepped + int(ran)
        self.clocks[1] = 100 * zombies.DAY * 1000 + self.aged + int(1000 * ran)

    def run(self):
        while True:
            self.tick()
            time.sleep(0.005)

    def step(self, seconds):
        """The wall clocks alone, so that nobody thinks that Redis was silent."""
        self.stepped += seconds
        self.tick()

    def age(self, seconds):
        """So much time passes, by every clock."""
        self.stepped += seconds
        self.aged += 1000 * seconds
        self.tick()

    def minute_passes(self):
        """What is looked at once a minute is due."""
        self.age(61)


class Layout(redis.Layout):
    """One Redis with CLOCK's time."""

    def __init__(self, clock):
        self.clock = clock
        super().__init__()

    def make(self, proxied):
        super().make(proxied)
        for server in self.servers:
            server.environment = {'MORTSAFE_CLOCK': self.clock.path, 'LD_PRELOAD': WALL_CLOCK}


class _Letters(socketserver.StreamRequestHandler):
    """A mail server that takes letters, or does what it is told instead."""

    def say(self, line):
        self.wfile.write(line.encode() + b'\r\n')

    def text(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line or line == b'.\r\n':
                return b''.join(lines).decode('utf-8', 'replace')
            lines.append(line[1:] if line.startswith(b'..') else line)

    def handle(self):
        box = self.server.box
        box.asked += 1
        if box.manner == 'hang':
            box.go_on.wait()
            return
        self.say('220 letters.test ESMTP')
        to = []
        while True:
            line = self.rfile.readline().strip().decode('ascii', 'replace')
            verb = line.upper()
            if not line or verb == 'QUIT':
                return
            if verb.startswith('RCPT'):
                to.append(line.split('<', 1)[1].split('>', 1)[0])
            if box.manner != 'take' and verb.startswith('RCPT'):
                self.say(box.manner)
            elif verb == 'DATA':
                self.say('354 go on')
                text = self.text()
                with box.lock:
                    box.letters.append((to, text))
                to = []
                self.say('250 2.0.0 taken')
            else:
                self.say('250 2.0.0 well')


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Mailbox:
    """Where notices go.  MANNER: take, hang, or what is said to each recipient."""

    def __init__(self):
        self.port = place.port()
        self.letters, self.lock = [], threading.Lock()
        self.asked, self.manner = 0, 'take'
        self.go_on = threading.Event()
        self.server = None
        place.undo(self.close)

    def open(self):
        self.server = _Server(('127.0.0.1', self.port), _Letters)
        self.server.box = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def close(self):
        self.go_on.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def about(self, *words):
        """Letters with all WORDS, anywhere."""
        with self.lock:
            return [(to, text) for to, text in self.letters
                    if all(w in text or w in to for w in words)]


class Safe(redis.Host):
    """mortsafe on a host of its own name, with stepped clocks."""

    def __init__(self, name, layout, clock, extra, ports):
        self.host = name
        super().__init__(layout, extra, 'hosts = 2', ports=ports)
        self.program = zombies.STEPPED
        self.environment = {'MORTSAFE_CLOCK': clock.path}

    def command(self):
        return ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', self.host,
                *super().command()]


class Host:
    """A Postfix and its mortsafe; what zombies.py asks of a world is here."""
    kind = 'postfix'

    def __init__(self, number, layout, clock, filter_, extra, users):
        self.name, self.clock, self.filter = 'mx%d' % number, clock, filter_
        self.sent = 1000000 * number  # Message-IDs are nobody else's
        self.server = mta.Postfix(
            open='yes', auth_plain='yes', filter=filter_.socket, milter_local='yes', user=users,
            login=['%s@example.org:pw-%s' % (u, u) for u in users])
        ports = {k: getattr(self.server, k) for k in ('mx', 'submission', 'submissions')}
        ports['tls'] = 'allow'
        self.safe = Safe(self.name, layout, clock, RULES + extra, ports)
        spec = self.server.milter(self.safe.socket)
        self.server.options['milter'] = self.server.options['milter_local'] = spec
        self.desk = api.Api(self.safe.api)

    def start(self):
        self.safe.start()
        self.server.start()
        return self

    def standing(self, subject):
        found = self.desk.get(self.desk.subject(subject))
        if found.status == 404:
            return 'normal'
        return ((found.json or {}).get('zombie') or {}).get('standing', 'normal')


def templates():
    """A copy of the letters that anybody may read."""
    folder = place.path('notices')
    if not os.path.isdir(folder):
        shutil.copytree(os.path.join(place.HERE, '..', '..', 'contrib', 'notices'), folder)
    return folder


class Pair:
    """Two hosts, their Redis, a filter, a mailbox."""

    def __init__(self, users, extra=''):
        self.clock, self.filter, self.mailbox = Clock(), upstream.Filter(), Mailbox().open()
        self.layout = Layout(self.clock).start()
        self.hosts = [Host(n, self.layout, self.clock, self.filter,
                           extra % {'letters': self.mailbox.port, 'templates': templates()},
                           users).start()
                      for n in (1, 2)]
        self.known = 0

    def normal(self, user):
        """Wait until both decide in the store."""
        for host in self.hosts:
            with zombies.submit(host, user) as c:
                host.safe.normal(lambda host=host, c=c: zombies.one(
                    host, c, 'known@known.test'))

    def both(self, subject, standing, seconds=5):
        """Wait until SUBJECT stands so on both."""
        place.until(lambda: [h.standing(subject) for h in self.hosts] == [standing] * 2,
                    '%s to stand %s on both: %s' % (subject, standing,
                                                    [h.standing(subject) for h in self.hosts]),
                    seconds)
