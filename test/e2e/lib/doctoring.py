# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl doctor on a private mail server: what is sound is left alone, each mistake is
found, and the command that is told mends it."""
import json
import os
import socket
import subprocess

import daemon
import place
import tap
from milter import session
from tap import ok

BUILD = os.path.dirname(os.path.abspath(place.mortsafe_path()))
CTL = os.environ.get('MORTSAFECTL') or os.path.join(BUILD, 'mortsafectl')
# what depends on the configuration alone, not on the machine that the test runs on
HERE = ('daemon config store keys socket milter away order twice macros auth newline '
        'rules networks crowds certificates').split()


class Doctor:
    """Of WORLD; CONFIG is the MTA's configuration."""

    def __init__(self, world, config):
        self.world, self.config, self.kind = world, config, world.kind

    def call(self, *words):
        """mortsafectl as root would call it, with the MTA's programs at hand."""
        words = [CTL, '-s', self.world.safe.api, *words]
        if self.kind == 'postfix':
            words = [self.world.server.script, 'run', self.world.server.dir, *words]
        env = dict(os.environ, LC_ALL='C.UTF-8', PATH='%s:%s' % (BUILD, os.environ['PATH']))
        return subprocess.run(words, env=env, encoding='utf-8', stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90)

    def look(self, *checks, mortsafe=None):
        """The findings, and the exit code; MORTSAFE is another configuration of its own."""
        done = self.call('-j', 'doctor', '--mta', self.kind, '--mta-config', self.config,
                         '-x', mortsafe or self.world.safe.file, *checks)
        if done.stderr or done.returncode not in (0, 1):
            raise RuntimeError('%d: %s' % (done.returncode, done.stderr))
        return [json.loads(line) for line in done.stdout.splitlines()], done.returncode

    def bad(self, *checks):
        return [f for f in self.look(*checks)[0] if f['state'] in ('warn', 'FAIL')]

    def finds(self, name, check, state, part, count=1):
        """There are COUNT findings of CHECK, with STATE and PART in their text; the first."""
        found, code = self.look(check)
        hits = [f for f in found if f['state'] == state and part in f['text']]
        ok(len(hits) == count and code == (1 if any(f['state'] == 'FAIL' for f in found) else 0),
           name, found=json.dumps(found, indent=1), code=code)
        return hits[0] if hits else None

    def sound(self, name, *checks):
        bad = self.bad(*checks)
        ok(not bad, name, found=json.dumps(bad, indent=1))


def talk(port, source, *lines):
    """One SMTP session; the last reply."""
    with socket.create_connection(('127.0.0.1', port), 10, (source, 0)) as s:
        file = s.makefile('rwb')
        reply = file.readline()
        for line in lines:
            file.write(line.encode() + b'\r\n')
            file.flush()
            reply = file.readline()
            while reply[3:4] == b'-':
                reply = file.readline()
        return reply.decode()


def crowded(doctor, source):
    """One address that may relay, and a dozen machines behind it."""
    for i in range(12):
        talk(doctor.world.server.mx, source, 'HELO pc%d.office.example' % i,
             'MAIL FROM:<ann@example.org>', 'QUIT')
    hit = doctor.finds('several machines behind one trusted address are found', 'crowds', 'FAIL',
                       '%s (network gate) may relay' % source)
    place.call('sh', '-ec', hit['cure'].replace('mortsafectl', '%s -s %s' %
                                                (CTL, doctor.world.safe.api)))
    doctor.sound('and mended', 'config', 'crowds')


def unsaid(doctor):
    """An MTA that tells less than mortsafe decides by."""
    with session(doctor.world.safe.socket, '198.51.100.40',
                 macros={'{daemon_port}': None, '{daemon_name}': None}) as m:
        m.mail('<s@there.test>')
        m.rcpt('<bob@example.org>', macros={'{rcpt_mailer}': None})
    for name in '{daemon_port}', '{daemon_name}', '{rcpt_mailer}':
        doctor.finds(name + ' that does not come is found', 'macros', 'warn',
                     name + ' did not come at')


def words(doctor):
    """People read a table; programs an object a line"""
    done = doctor.call('doctor', '--mta', doctor.kind, '--mta-config', doctor.config, '-x',
                       doctor.world.safe.file, 'daemon', 'milter')
    ok(done.returncode == 0 and 'ok    daemon' in done.stdout and
       'not looked at' in done.stdout, 'people read a table', out=done.stdout)
    done = doctor.call('-q', 'doctor', '--mta-config', '/nowhere/x', '-x', '/nowhere/y')
    rows = done.stdout.splitlines()
    ok(done.returncode == 1 and any(r.startswith('skip') and 'milter' in r for r in rows),
       'what is not there is told and crashes nothing', out=done.stdout, err=done.stderr)
    ok(doctor.call('doctor', 'nonsense').returncode == 64, 'an unknown check is told')


def keys(doctor):
    """A key that others may read"""
    path = doctor.world.safe.file
    os.chmod(path, 0o666)
    doctor.finds('a configuration that others may write is found', 'keys', 'FAIL',
                 'others may write the configuration')
    os.chmod(path, 0o644)
    doctor.sound('and is sound again', 'keys')


def away(doctor, path):
    """The daemon is gone; its socket stays"""
    doctor.world.safe.kill()
    doctor.finds('a daemon that does not run is found', 'daemon', 'FAIL', 'does not answer')
    doctor.finds('and a socket without anybody behind it', 'socket', 'FAIL', 'nobody listens')
    found, _ = doctor.look('crowds')
    ok([f['state'] for f in found] == ['skip'], 'what only it knows is not guessed',
       found=found)


__all__ = ['BUILD', 'CTL', 'HERE', 'Doctor', 'away', 'crowded', 'daemon', 'keys', 'talk',
           'tap', 'words']
