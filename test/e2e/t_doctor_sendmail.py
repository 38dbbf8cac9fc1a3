#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl doctor and setup with Sendmail: each mistake is planted and found; on a sound
server none is."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import doctoring
import place
from doctoring import Doctor, HERE
from tap import equal, ok
from world import World, main

CHECKS = [c for c in HERE if c not in ('twice', 'newline')]  # of Postfix alone
MACROS = os.path.join(os.environ.get('MORTSAFE_E2E_ROOT', '/var/cache/mortsafe-e2e'),
                      'sendmail/usr/share/sendmail/cf')


def world():
    return World('sendmail', 'network gate { addr = 127.0.0.9  relay = any }\n')


class Server:
    """Its configuration, and copies of it with mistakes."""

    def __init__(self, w):
        self.w = w
        self.doctor = Doctor(w, os.path.join(w.server.dir, 'etc', 'sendmail.cf'))
        with open(self.doctor.config) as file:
            self.text = file.read()

    def become(self, text):
        """What the doctor looks at is TEXT from now on."""
        self.doctor.config = place.write('doctor.cf', text)

    def change(self, pattern, by):
        """One copy with PATTERN replaced, wherever it stands."""
        text, n = re.subn(pattern, by, self.text, flags=re.M)
        if not n:
            raise ValueError('nothing is ' + pattern)
        self.become(text)

    def with_feature(self, line):
        """As m4 makes it of the same macros and LINE."""
        with open(os.path.join(self.w.server.dir, 'etc', 'sendmail.mc')) as file:
            mc = file.read().replace('LOCAL_DOMAIN(', line + 'dnl\nLOCAL_DOMAIN(', 1)
        done = subprocess.run(['m4', '-'], input=mc, cwd=MACROS, encoding='utf-8',
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True)
        self.become(done.stdout)


def a_sound_server(w):
    """Nothing is found where nothing is wrong"""
    s = Server(w)
    doctoring.talk(w.server.mx, '127.0.0.66', 'HELO there.test', 'MAIL FROM:<s@there.test>',
                   'RCPT TO:<bob@example.org>', 'QUIT')
    found, code = s.doctor.look(*CHECKS)
    bad = [f for f in found if f['state'] in ('warn', 'FAIL')]
    ok(not bad and code == 0, 'a sound server has no finding', found=bad)
    equal({f['check'] for f in found if f['state'] == 'ok'} ^ set(CHECKS), set(),
          'every check has looked', found=found)
    equal(len([f for f in found if f['check'] == 'milter']), 3, 'three daemons ask')


def mistakes(w):
    """Each mistake that can be written is found"""
    s = Server(w)
    daemon = r'^(O DaemonPortOptions=Name=%s,.*)'
    rows = [
        ('a daemon without the milter', daemon % 'MSA' + r', InputMailFilters=mortsafe', r'\1',
         'milter', 'FAIL', 'does not ask mortsafe', 1),
        ('no milter at all', r', InputMailFilters=mortsafe', '',
         'milter', 'FAIL', 'does not ask mortsafe', 3),
        ('another socket', r'^(Xmortsafe, S=)[^,]*', r'\1local:/nowhere/milter.sock',
         'milter', 'FAIL', 'does not ask mortsafe', 3),
        ('a port that nobody knows', r'^(O DaemonPortOptions=Name=MTA,.*)',
         r'\1\nO DaemonPortOptions=Name=ODD, Family=inet, Port=2, InputMailFilters=',
         'milter', 'warn', 'knows no listener', 1),
        ('the silent pass', r'^(Xmortsafe,.*) F=T,', r'\1', 'away', 'FAIL', 'has no F=T', 1),
        ('mail that is lost', r'^(Xmortsafe,.*) F=T,', r'\1 F=R,', 'away', 'warn', 'F=R', 1),
        ('a filter behind it', r'^(Xmortsafe,.*)', r'\1\nXrspamd, S=inet:11332@127.0.0.1, F=T',
         'order', 'ok', 'behind filters', 1),
        ('AUTH without TLS', r'^O AuthOptions=A p', 'O AuthOptions=A',
         'auth', 'FAIL', 'without TLS', 1),
        ('AUTH for other servers', daemon % 'MTA' + ' Modify=A,', r'\1',
         'auth', 'warn', 'other servers comes in', 1),
        ('a huge network', r'\Z', '\nCR203\n', 'networks', 'FAIL', 'hardly yours', 1),
        ('a large network', r'\Z', '\nC{R}203.0\n', 'networks', 'warn', 'is all of it yours', 1),
    ]
    for what, pattern, by, check, state, part, count in rows:
        s.change(pattern, by)
        s.doctor.finds(what + ' is found' if state != 'ok' else what + ' that nobody asks is none',
                       check, state, part, count)
    s.become(s.text.replace('InputMailFilters=mortsafe', 'InputMailFilters=mortsafe;rspamd')
             .replace('Xmortsafe', 'Xrspamd, S=inet:11332@127.0.0.1, F=T\nXmortsafe', 1))
    s.doctor.finds('a filter behind it is found', 'order', 'warn', 'behind mortsafe', 3)
    s.become(s.text)
    s.doctor.sound('a copy of the sound one is sound', 'milter', 'away', 'order', 'auth',
                   'networks', 'rules')


def files(w):
    """Networks in the files that sendmail.cf names"""
    s = Server(w)
    relay = place.write('doctor-relays', '# ours\nexample.net\n203\n')
    s.change(r'^FR-o .*', 'FR-o ' + relay)
    hit = s.doctor.finds('a network in relay-domains is found', 'networks', 'FAIL', '203.0.0.0/8')
    mend(s, hit, 'networks')
    table = place.write('doctor-access', 'Connect:203\tRELAY\nConnect:198\tREJECT\n')
    s.become(s.text + '\nKaccess hash -T<TMPF> %s.db\n' % table)
    hit = s.doctor.finds('one in the access map, too', 'networks', 'FAIL', '203.0.0.0/8')
    mend(s, hit, 'networks')
    with open(table) as file:
        equal(file.read(), 'Connect:198\tREJECT\n', 'the other entry stays')


def mend(s, hit, check):
    """By the command that is told, but for the MTA's restart."""
    place.call('sh', '-ec', hit['cure'].partition('\n')[0])
    s.doctor.sound('and mended', check)


def features(w):
    """Features that open relaying"""
    s = Server(w)
    for name, state in (('promiscuous_relay', 'FAIL'), ('relay_local_from', 'FAIL'),
                        ('loose_relay_check', 'warn'), ('relay_based_on_MX', 'warn')):
        s.with_feature("FEATURE(`%s')" % name)
        s.doctor.finds('FEATURE(%s) is found' % name, 'rules', state, name)


def cures(w):
    """Commands that edit sendmail.mc do it"""
    s = Server(w)
    mc = place.write('doctor.mc', '''FEATURE(`promiscuous_relay')dnl
MAIL_FILTER(`mortsafe', `S=local:/run/mortsafe/milter.sock, T=C:10s;S:10s;R:30s;E:2m')dnl
MAIL_FILTER(`other', `S=local:/run/other.sock')dnl
MAILER(local)dnl
MAILER(smtp)dnl
''')
    s.with_feature("FEATURE(`promiscuous_relay')")
    wrong = [s.doctor.finds('an open one', 'rules', 'FAIL', 'promiscuous_relay')]
    s.change(r'^(Xmortsafe,.*) F=T,', r'\1')
    wrong.append(s.doctor.finds('one without F=T', 'away', 'FAIL', 'has no F=T'))
    s.change(r'^O AuthOptions=A p', 'O AuthOptions=A')
    wrong.append(s.doctor.finds('one with AUTH in the clear', 'auth', 'FAIL', 'without TLS'))
    for hit in wrong:
        edit, _, rest = hit['cure'].partition('\n')
        equal(rest, 'make -C /etc/mail && systemctl restart sendmail', 'behind it: make')
        place.call('sh', '-ec', edit.replace('/etc/mail/sendmail.mc', mc))
    with open(mc) as file:
        equal(file.read(), '''MAIL_FILTER(`mortsafe', `S=local:/run/mortsafe/milter.sock, F=T, T=C:10s;S:10s;R:30s;E:2m')dnl
MAIL_FILTER(`other', `S=local:/run/other.sock')dnl
define(`confAUTH_OPTIONS', `A p')dnl
MAILER(local)dnl
MAILER(smtp)dnl
''', 'sendmail.mc is as it should be')


def the_socket(w):
    """A socket that others could replace"""
    s = Server(w)
    folder = os.path.dirname(w.safe.socket.split(':', 1)[1])
    os.chmod(folder, 0o777)
    hit = s.doctor.finds('a folder that others write in is found', 'socket', 'FAIL',
                         'for unsafe')
    place.call('sh', '-ec', hit['cure'])
    s.doctor.sound('and mended', 'socket')
    os.chmod(folder, 0o755)


def setup(w):
    """What setup prints, made by m4, is sound"""
    s = Server(w)
    done = s.doctor.call('setup', 'sendmail', '--mta-config', s.doctor.config, '-x', w.safe.file)
    ok(done.returncode == 0 and not done.stderr, 'setup prints', err=done.stderr)
    with open(os.path.join(w.server.dir, 'etc', 'sendmail.mc')) as file:
        lines = [x for x in file.read().splitlines()
                 if not x.startswith(('MAIL_FILTER', 'DAEMON_OPTIONS', 'FEATURE(`no_default',
                                      'define(`confAUTH_OPTIONS'))]
    at = next(i for i, x in enumerate(lines) if x.startswith('MAILER('))
    made = subprocess.run(['m4', '-'], input='\n'.join(lines[:at]) + '\n' + done.stdout +
                          '\n'.join(lines[at:]) + '\n', cwd=MACROS, encoding='utf-8',
                          stdout=subprocess.PIPE, check=True)
    s.become(made.stdout)
    s.doctor.sound('what it prints is sound', 'socket', 'milter', 'away', 'order', 'auth',
                   'rules')


def crowds(w):
    """Several machines behind one trusted address"""
    doctoring.crowded(Server(w).doctor, '127.0.0.9')


def for_people(w):
    """A table for people; what is not there"""
    doctoring.words(Server(w).doctor)


def key_files(w):
    """Files that others may write"""
    doctoring.keys(Server(w).doctor)


def macros(w):
    """Macros that an MTA does not send"""
    doctoring.unsaid(Server(w).doctor)


def no_daemon(w):
    """The daemon is gone"""
    doctoring.away(Server(w).doctor, w.safe.socket)
    w.safe.start()


main(world, a_sound_server, mistakes, files, features, cures, the_socket, setup, for_people,
     key_files, crowds, macros, no_daemon)
