# SPDX-License-Identifier: BSD-2-Clause
"""mortsafe itself: started with a configuration, and what it logs."""
import os
import re
import signal
import subprocess

import place

LINE = re.compile(r'(?P<id>[A-Za-z0-9]+): (?P<did>action|would)=(?P<action>\S+)(?P<rest> .*)')
USER = os.environ.get('MORTSAFE_USER', 'nobody')
# of libmilter's own races, for a daemon that is built with ThreadSanitizer
SUPPRESSIONS = os.path.join(place.HERE, '..', 'tsan.supp')

# What a test's configuration has when it does not say otherwise.  127.0.0.0/8 is a
# network like any other here, or there would be no strangers.
BASE = '''
mode = enforce
socket_mode = 0666
network loopback { off = yes }
domains local { list = example.org, virtual.example }
domains relay { list = relay.example  subdomains = yes }
users { fold = yes  default_domain = example.org }
limit connect { off = yes }
limit harvest { off = yes }
store { type = memory }
log { to = stderr  level = info }
'''
LISTENERS = '''
listener mx { port = %(mx)d  auth = forbid  tls = allow }
listener submission { port = %(submission)d  auth = require  tls = %(tls)s }
listener submissions { port = %(submissions)d  auth = require  tls = require }
'''


API_BLOCK = re.compile(r'^\s*api\s*\{', re.M)


class Decision:
    """One line of the log that tells a decision: its keys are attributes."""

    def __init__(self, line, found):
        self.line = line
        self.id = found['id']
        self.action = found['action']
        self.observed = found['did'] == 'would'
        self.fields = dict(re.findall(r' ([a-z_]+)=(<[^>]*>|"[^"]*"|\S*)', found['rest']))

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self.fields.get(name)

    def __repr__(self):
        return self.line


class Mortsafe:
    """The daemon.  EXTRA is added to the base configuration, or CONFIG replaces it."""

    def __init__(self, extra='', config=None, ports=None, socket=None, user=USER,
                 options=(), environment=None):
        self.name = 'mortsafe-%d' % place.port()
        self.socket = socket or 'inet:%d@127.0.0.1' % place.port()
        self.base, self.ports = BASE if config is None else config, ports
        self.user, self.options, self.environment = user, list(options), environment
        self.file = place.path(self.name + '.conf')
        self.api = place.path(self.name + '.api')
        self.logfile = place.path(self.name + '.log')
        self.process, self.program = None, None
        self.configure(extra)

    def configure(self, extra=''):
        """Each daemon has an API of its own, unless EXTRA or the base speak of one."""
        text = 'socket = %s\n' % self.socket + self.base
        if not API_BLOCK.search(self.base + extra):
            text += 'api { socket = %s }\n' % self.api
        if self.ports:
            text += LISTENERS % self.ports
        with open(self.file, 'w') as out:
            out.write(text + extra + '\n')
        os.chmod(self.file, 0o644)

    def command(self):
        words = [self.program or place.mortsafe_path(), '-f', '-x', self.file]
        return words + (['-u', self.user] if self.user else []) + self.options

    def launch(self, **how):
        """Start it and do not wait; stderr is added to the log file."""
        environment = dict(os.environ, TSAN_OPTIONS='suppressions=' + SUPPRESSIONS,
                           **(self.environment or {}))
        with open(self.logfile, 'a') as log:
            how.setdefault('stderr', log)
            how.setdefault('stdout', log)
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                            env=environment, **how)
        place.undo(self.kill)
        return self

    def start(self, **how):
        self.launch(**how)
        place.until(lambda: self.ready() or self.process.poll() is not None,
                    'mortsafe to listen')
        if self.process.poll() is not None:
            raise RuntimeError('mortsafe ended with %d: %s'
                               % (self.process.returncode, self.log()))
        return self

    def ready(self):
        kind, rest = self.socket.split(':', 1)
        if kind in ('local', 'unix'):
            with open('/proc/net/unix') as table:
                # A bound socket that does not listen yet has other flags.
                return any(line.split()[-1] == rest and line.split()[3] == '00010000'
                           for line in table)
        return place.listening(int(rest.split('@')[0]))

    def decided(self):
        """Has it started, or ended?  It may listen first and then think better of it."""
        return not self.alive() or ' started' in self.log()

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)
        return self.process and self.process.returncode

    def stop(self):
        return self.kill(signal.SIGTERM)

    def end(self):
        """Done with it.  In good order takes libmilter 5 s, so only where a sanitizer
        is to speak at exit."""
        if not self.alive():
            return self.process.returncode
        if os.environ.get('MORTSAFE_E2E_STOP'):
            return self.stop()
        self.kill()
        return 0

    def reload(self, word, seconds=5):
        """SIGUSR1; wait for a new line of the log that holds WORD."""
        seen = len(self.log())
        self.process.send_signal(signal.SIGUSR1)
        place.until(lambda: re.search(word, self.log()[seen:]),
                    'the log to say %s after SIGUSR1' % word, seconds)
        return self.log()[seen:]

    def log(self):
        with open(self.logfile, errors='backslashreplace') as log:
            return log.read()

    def decisions(self, **wanted):
        """All decisions logged so far whose keys have these values."""
        found = []
        for line in self.log().splitlines():
            match = LINE.search(line)
            if match:
                one = Decision(line, match)
                if all(getattr(one, k) == v for k, v in wanted.items()):
                    found.append(one)
        return found

    def wait_decision(self, seconds=5, **wanted):
        """The first decision with these values; the line is written after the reply."""
        place.until(lambda: self.decisions(**wanted), 'a decision with %s' % wanted, seconds)
        return self.decisions(**wanted)[0]

    def alive(self):
        return self.process.poll() is None

    def status(self, name):
        """A figure of /proc/PID/status, as VmRSS in KiB or Threads."""
        with open('/proc/%d/status' % self.process.pid) as lines:
            for line in lines:
                if line.startswith(name + ':'):
                    return int(line.split()[1])

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))
