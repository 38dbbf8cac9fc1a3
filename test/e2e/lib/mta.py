# SPDX-License-Identifier: BSD-2-Clause
"""The two mail servers, each private to the test program, and their queues."""
import json
import os
import subprocess

import place


class Message:
    """A message in a queue: held = in the MTA's quarantine, with its reason if kept."""

    def __init__(self, ident, sender, recipients, held, reason=None):
        self.id, self.sender, self.recipients = ident, sender, recipients
        self.held, self.reason = held, reason

    def __repr__(self):
        return '%s%s from=<%s> to=%s' % (self.id, '!' if self.held else '', self.sender,
                                         ','.join(self.recipients))


class Server:
    """Ports and options are those of the script NAME.sh; a list repeats its option."""

    def __init__(self, **options):
        self.dir = place.path('%s-%d' % (self.name, place.port()))
        self.script = os.path.join(place.HERE, self.name + '.sh')
        self.options = dict(options)
        for wanted in 'mx', 'submission', 'submissions':
            self.options.setdefault(wanted, place.port())
        self.mx = self.options['mx']
        self.submission = self.options['submission']
        self.submissions = self.options['submissions']

    def start(self):
        place.call(self.script, 'install')
        words = []
        for key, value in self.options.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                words.append('%s=%s' % (key, one))
        place.undo(self.stop)
        # Its output goes to a file: a pipe would stay open in the server.
        with open(place.path(self.name + '.start'), 'w+') as out:
            done = subprocess.run([self.script, 'start', self.dir] + words,
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            out.seek(0)
            if done.returncode:
                raise RuntimeError('%s did not start: %s' % (self.name, out.read()))
        return self

    def stop(self):
        if os.path.isdir(self.dir):
            subprocess.run([self.script, 'stop', self.dir], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def run(self, *words, **how):
        return place.call(self.script, 'run', self.dir, *words, **how)

    def log(self):
        return place.call(self.script, 'log', self.dir)

    def held(self):
        return [m for m in self.queue() if m.held]

    def find(self, ident, seconds=5):
        """The message IDENT, which may still be on its way into the queue."""
        return place.until(lambda: next((m for m in self.queue() if m.id == ident), None),
                           'message %s in the queue' % ident, seconds)


class Postfix(Server):
    name = 'postfix'

    @staticmethod
    def milter(socket):
        """Postfix's way to write mortsafe's SOCKET."""
        kind, rest = socket.split(':', 1)
        if kind == 'inet':
            number, host = rest.split('@')
            return 'inet:%s:%s' % (host, number)
        return 'unix:' + rest

    def queue(self):
        """By id: one that moves to another queue during the listing is shown twice."""
        found = {}
        for line in place.call(self.script, 'queue', self.dir).splitlines():
            entry = json.loads(line)
            found[entry['queue_id']] = Message(
                entry['queue_id'], entry['sender'],
                [r['address'] for r in entry['recipients']],
                entry['queue_name'] == 'hold')
        return list(found.values())

    def submit(self, sender, *recipients, text='Subject: local\n\nhello\n'):
        """By the sendmail command."""
        place.call(self.script, 'run', self.dir, 'sendmail', '-f', sender, '-i', '--',
                   *recipients, stdin=None, input=text)


class Sendmail(Server):
    name = 'sendmail'

    @staticmethod
    def milter(socket):
        return socket

    def queue(self):
        """The queue files themselves: q... is a message, h... one in quarantine."""
        found = []
        folder = os.path.join(self.dir, 'queue')
        for name in os.listdir(folder):
            if name[:2] not in ('qf', 'hf'):
                continue
            sender, reason, to = '', None, []
            try:
                with open(os.path.join(folder, name), errors='replace') as lines:
                    for line in lines:
                        if line[0] == 'S':
                            sender = line[1:].strip().strip('<>')
                        elif line[0] == 'q':
                            reason = line[1:].strip()
                        elif line[0] == 'R':
                            to.append(line.partition(':')[2].strip().strip('<>'))
            except FileNotFoundError:
                continue
            found.append(Message(name[2:], sender, to, name[0] == 'h', reason))
        return found


KINDS = {'postfix': Postfix, 'sendmail': Sendmail}
