#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl doctor and setup with Postfix: each mistake is planted, found, and mended by the
command that is told; on a sound server none is found."""
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import doctoring
import place
from dns import Dns
from doctoring import Doctor, HERE
from milter import session
from tap import equal, ok
from world import World, local_socket, main

NEWLINE = 'smtpd_forbid_bare_newline = yes'
AUTHORITY = '''[ca]
default_ca = d
[d]
database = %(folder)s/doctor-index
serial = %(folder)s/doctor-serial
new_certs_dir = %(folder)s
default_md = sha256
policy = p
[p]
commonName = supplied
'''


JUDGED = '''
zombie account { key = user  mode = observe }
verdict { header = X-Spam-Flag }
'''


def world():
    return World('postfix', 'network gate { addr = 127.0.0.9/32  relay = any }\n' + JUDGED,
                 socket=local_socket(), main=[NEWLINE])


class Server:
    """Its configuration, changed and put back."""

    def __init__(self, w):
        self.w = w
        self.folder = os.path.join(w.server.dir, 'etc')
        self.doctor = Doctor(w, self.folder)
        self.kept = {name: self.read(name) for name in ('main.cf', 'master.cf')}

    def read(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return file.read()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w') as file:
            file.write(text)
        self.age()

    def age(self):
        """Postfix waits until the files it reads are more than a second old."""
        for name in 'main.cf', 'master.cf':
            os.utime(os.path.join(self.folder, name), (1600000000, 1600000000))

    def postconf(self, *words):
        said = self.w.server.run('postconf', '-c', self.folder, *words)
        self.age()
        return said

    def shell(self, text):
        """What an operator pastes, but for the reload, which takes seconds."""
        text = re.sub(r'\n.*\breload$', '', text)
        done = subprocess.run([self.w.server.script, 'run', self.w.server.dir, 'sh', '-ec', text],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8')
        self.age()
        return ok(done.returncode == 0, 'the command works: ' + text.splitlines()[0],
                  said=done.stdout)

    def restore(self):
        for name, text in self.kept.items():
            self.write(name, text)


def a_sound_server(w):
    """Nothing is found where nothing is wrong"""
    s = Server(w)
    doctoring.talk(w.server.mx, '127.0.0.66', 'HELO there.test', 'MAIL FROM:<s@there.test>',
                   'RCPT TO:<bob@example.org>', 'QUIT')
    found, code = s.doctor.look(*HERE)
    bad = [f for f in found if f['state'] in ('warn', 'FAIL')]
    ok(not bad and code == 0, 'a sound server has no finding', found=bad)
    equal({f['check'] for f in found if f['state'] == 'ok'} ^ set(HERE), set(),
          'every check has looked', found=found)
    asks = [f['text'] for f in found if f['check'] == 'milter']
    equal(len(asks), 3, 'three services ask', asks=asks)


def mistakes(w):
    """Each mistake that can be written is found, and its command mends it"""
    s = Server(w)
    sub, mx = str(w.server.submission), str(w.server.mx)
    name = re.search(r'^(\S*%s)\s+inet' % sub, s.kept['master.cf'], re.M)[1]
    mx_name = re.search(r'^(\S*%s)\s+inet' % mx, s.kept['master.cf'], re.M)[1]
    ours = 'unix:' + w.safe.socket.split(':', 1)[1]
    rows = [
        # what is wrong, how it is planted, check, state, part of the text, how often
        ('a service without the milter', ['-P', '%s/inet/smtpd_milters=' % name],
         'milter', 'FAIL', 'does not ask mortsafe', 1),
        ('no milter at all', ['-e', 'smtpd_milters='],
         'milter', 'FAIL', 'does not ask mortsafe', 3),
        ('another socket', ['-e', 'smtpd_milters=unix:/nowhere/milter.sock'],
         'milter', 'FAIL', 'does not ask mortsafe', 3),
        ('mail that passes while it is away',
         ['-e', 'smtpd_milters={ %s, default_action=accept }' % ours],
         'away', 'FAIL', 'without any check', 3),
        ('the same in general', ['-e', 'smtpd_milters=' + ours, 'milter_default_action=accept'],
         'away', 'FAIL', 'without any check', 3),
        ('mail that is lost', ['-e', 'smtpd_milters={ %s, default_action=reject }' % ours],
         'away', 'warn', 'refused for good', 3),
        ('a filter behind it',
         ['-e', 'smtpd_milters={ %s, default_action=tempfail }, inet:127.0.0.1:1' % ours],
         'order', 'warn', 'behind mortsafe', 3),
        ('AUTH without TLS', ['-P', '%s/inet/smtpd_tls_auth_only=no' % name],
         'auth', 'FAIL', 'without TLS', 1),
        ('AUTH for other servers',
         ['-P', '%s/inet/smtpd_sasl_auth_enable=yes' % mx_name,
          '%s/inet/smtpd_tls_auth_only=yes' % mx_name],
         'auth', 'warn', 'other servers comes in', 1),
        ('smuggling', ['-e', 'smtpd_forbid_bare_newline=no'],
         'newline', 'FAIL', 'smuggled', 1),
        ('the world as a network', ['-e', 'mynetworks=0.0.0.0/0'],
         'networks', 'FAIL', 'whole Internet', 1),
        ('a huge network', ['-e', 'mynetworks=127.0.0.0/8, 203.0.0.0/10'],
         'networks', 'FAIL', 'hardly yours', 1),
        ('a large network', ['-e', 'mynetworks=127.0.0.0/8 [2a00::]/30'],
         'networks', 'warn', 'is all of it yours', 1),
        ('a table that fits every address', ['-e', 'mynetworks=static:all'],
         'networks', 'FAIL', 'fits every address', 1),
        ('a service with the world as a network', ['-P', '%s/inet/mynetworks=0.0.0.0/0' % mx_name],
         'networks', 'FAIL', 'mynetworks of %s has' % mx_name, 1),
        ('a relay rule that only warns',
         ['-e', 'smtpd_relay_restrictions=permit_mynetworks,warn_if_reject,'
                'reject_unauth_destination', 'smtpd_recipient_restrictions=permit'],
         'rules', 'FAIL', 'reject_unauth_destination', 1),
        ('no relay rule', ['-e', 'smtpd_relay_restrictions=permit_mynetworks',
                           'smtpd_recipient_restrictions=permit'],
         'rules', 'FAIL', 'reject_unauth_destination', 1),
    ]
    for what, words, check, state, part, count in rows:
        s.postconf(*words)
        hit = s.doctor.finds(what + ' is found', check, state, part, count)
        if hit and hit['cure'] and s.shell(hit['cure']):
            left = [f for f in s.doctor.look(check)[0]
                    if f['state'] == state and part in f['text']]
            ok(len(left) < count, 'and mended: ' + what, left=left)
        s.restore()
    s.doctor.sound('all is as before', *HERE)


def a_signer(w):
    """Who signs stands behind, who filters in front"""
    s = Server(w)
    ours = '{ unix:%s, default_action=tempfail }' % w.safe.socket.split(':', 1)[1]
    s.postconf('-e', 'smtpd_milters=inet:127.0.0.1:11332, %s, inet:127.0.0.1:8891' % ours)
    s.doctor.sound('a filter in front and a signer behind are as they should be', 'order')
    for extra, warned in (('spf { }', 1), ('spf { authserv_id = mortsafe.example.org }', 0)):
        with open(w.safe.file) as file:
            marks = place.write('marks.conf', file.read() + extra + '\n')
        found, code = s.doctor.look('order', mortsafe=marks)
        equal(len([f for f in found if f['state'] == 'warn' and "server's name" in f['text']]),
              warned, 'whose results go is told: ' + extra, found=found)
    s.postconf('-e', 'smtpd_milters=unix:/opendkim/sock, %s' % ours)
    s.doctor.finds('a signer in front is found', 'order', 'warn', 'before mortsafe', 3)
    s.restore()


def the_way_back(w):
    """What a content filter gives back is not to be asked about twice"""
    s = Server(w)
    service = '127.0.0.1:%d' % place.port()
    s.write('master.cf', s.kept['master.cf'] + service + ' inet n - n - - smtpd\n')
    s.postconf('-e', 'content_filter=smtp:[127.0.0.1]:10024')
    s.postconf('-P', service + '/inet/content_filter=')
    hit = s.doctor.finds('a way back with the milter is found', 'twice', 'FAIL', 'counted twice')
    if hit and s.shell(hit['cure']):
        s.doctor.sound('and mended', 'twice')
    s.restore()


def the_socket(w):
    """A socket that Postfix does not reach"""
    s = Server(w)
    path = w.safe.socket.split(':', 1)[1]
    folder = os.path.dirname(path)
    mode = os.stat(folder).st_mode & 0o7777
    os.chmod(folder, 0o700)
    hit = s.doctor.finds('a folder that it may not enter is found', 'socket', 'FAIL',
                         'may not enter')
    if hit and s.shell(hit['cure']):
        s.doctor.sound('and mended', 'socket')
    os.chmod(folder, mode)
    mode = os.stat(path).st_mode & 0o7777
    os.chmod(path, 0o600)
    hit = s.doctor.finds('a socket that it may not use is found', 'socket', 'FAIL',
                         'may not use')
    if hit and s.shell(hit['cure']):
        s.doctor.sound('and mended', 'socket')
    os.chmod(path, mode)
    text = re.sub(r'^(\S+\s+inet\s+\S+\s+\S+\s+)n', r'\1y', s.kept['master.cf'], flags=re.M)
    s.write('master.cf', text)
    s.doctor.finds('a chroot that does not have it is found', 'socket', 'FAIL', 'is chrooted')
    s.restore()


def a_certificate(w):
    """One that ends soon, one that has, one that is none"""
    s = Server(w)
    path, key, folder = place.path('doctor-cert.pem'), place.path('doctor-key.pem'), place.folder()
    place.call('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
               '-nodes', '-subj', '/CN=x', '-keyout', key, '-out', place.path('doctor-csr.pem'))
    s.postconf('-e', 'smtpd_tls_cert_file=' + path)
    now = time.time()
    for end, state, part in (now + 5 * 86400, 'warn', 'ends in'), (now - 86400, 'FAIL', 'has ended'):
        place.write('doctor-index', '')
        place.write('doctor-serial', '01')
        place.write('doctor-ca', AUTHORITY % {'folder': folder})
        place.call('openssl', 'ca', '-batch', '-selfsign', '-config', place.path('doctor-ca'),
                   '-keyfile', key, '-in', place.path('doctor-csr.pem'), '-out', path,
                   '-startdate', '20200101000000Z',
                   '-enddate', time.strftime('%Y%m%d%H%M%SZ', time.gmtime(end)))
        s.doctor.finds('a certificate that %s is found' % part, 'certificates', state, part)
    with open(path, 'w') as file:
        file.write('nothing\n')
    s.doctor.finds('a file without one is found', 'certificates', 'FAIL', 'no certificate')
    os.chmod(key, 0o644)
    s.postconf('-e', 'smtpd_tls_key_file=' + key)
    hit = s.doctor.finds('a key that everybody reads is found', 'keys', 'FAIL', 'everybody')
    if hit and s.shell(hit['cure']):
        s.doctor.sound('and mended', 'keys')
    s.restore()


def the_gateway(w):
    """This machine's own gateway may not relay for others"""
    s = Server(w)
    route = place.call('cat', '/proc/net/route').splitlines()[1:]
    gates = [r.split()[2] for r in route if r.split()[1] == '00000000' and
             r.split()[2] != '00000000']
    if not gates:
        ok(True, 'the gateway is found # SKIP this machine has none')
        return
    gate = '.'.join(str(int(gates[0][i:i + 2], 16)) for i in (6, 4, 2, 0))
    s.postconf('-e', 'mynetworks=127.0.0.0/8 %s/32' % gate)
    hit = s.doctor.finds('a gateway in mynetworks is found', 'networks', 'warn',
                         'the gateway of this machine')
    if hit and s.shell(hit['cure']):
        s.doctor.sound('and mended', 'networks')
    s.restore()


def the_relay(w):
    """An open relay is found, a closed one left alone"""
    s = Server(w)
    found, _ = s.doctor.look('relay')
    equal([f['state'] for f in found], ['ok'], 'a closed server is told closed', found=found)


def an_open_relay(w):
    """One that is open, and asks nobody"""
    s = Server(w)
    port = place.port()
    name = '127.0.0.1:%d' % port
    s.write('master.cf', s.kept['master.cf'] + name + ''' inet n - n - - smtpd
  -o smtpd_milters=
  -o mynetworks=0.0.0.0/0
''')
    w.server.run('postfix', '-c', s.folder, 'reload')
    place.until(lambda: place.listening(port), 'another port')
    with open(w.safe.file) as file:
        text = file.read()
    config = place.write('doctor-open.conf',
                         text.replace('listener mx { port = %d' % w.server.mx,
                                      'listener mx { port = %d' % port))
    found, code = s.doctor.look('relay', mortsafe=config)
    ok(code == 1 and [f['state'] for f in found] == ['FAIL'] and
       'is an open relay' in found[0]['text'], 'an open relay is found', found=found)
    s.restore()


def the_dns(w):
    """A resolver that does not work, and a name that nobody knows"""
    s = Server(w)
    server = Dns('mx.example.org A 192.0.2.1\n')
    at = '--server=127.0.0.1@%d' % server.port
    def states():
        return [f['state'] for f in s.doctor.look(at, 'dns')[0]
                if 'mx.example.org' in f['text']]
    equal(states(), ['ok'], 'a name that the DNS knows is told')
    server.set('other.example.org A 192.0.2.1\n')
    equal(states(), ['warn'], 'one that it does not know is found')
    server.set('mx.example.org fault servfail\n')
    equal(states(), ['FAIL'], 'a resolver that does not answer is found')
    server.stop()


def a_filter(w):
    """A content filter that leaves out mail with a login"""
    s = Server(w)
    def send(n, text):
        for _ in range(n):
            with session(w.safe.socket, '198.51.100.41', port=w.server.submission, tls=True) as m:
                m.message('<alice@example.org>', ['<bob@example.org>'],
                          login='alice@example.org', text=text)
    send(5, b'Subject: x\r\n\r\nhello\r\n')
    found, _ = s.doctor.look('filter')
    equal([f['state'] for f in found], ['skip'], 'a few messages prove nothing', found=found)
    send(15, b'Subject: x\r\n\r\nhello\r\n')
    s.doctor.finds('one without verdicts is found', 'filter', 'warn', 'none of 20 messages')
    send(1, b'X-Spam-Flag: NO\r\nSubject: x\r\n\r\nhello\r\n')
    s.doctor.sound('one verdict is enough', 'filter')


def setup(w):
    """What setup prints, pasted, is sound"""
    s = Server(w)
    s.postconf('-e', 'smtpd_milters=inet:127.0.0.1:11332')
    done = s.doctor.call('setup', 'postfix', '--mta-config', s.folder, '-x', w.safe.file)
    ok(done.returncode == 0 and not done.stderr, 'setup prints', err=done.stderr)
    main_cf, _, master = done.stdout.partition('master.cf')
    lines = [x for x in main_cf.splitlines() if ' = ' in x and not x.startswith('#')]
    s.postconf('-e', *lines)
    ours = r'^(\S*:)?(%d|%d|%d)\s+inet.*\n(\s+-o.*\n)*' % (w.server.mx, w.server.submission,
                                                           w.server.submissions)
    rest = re.sub(ours, '', s.kept['master.cf'], flags=re.M)
    s.write('master.cf', rest + '\n'.join(x for x in master.splitlines()
                                          if not x.startswith(('#', ','))) + '\n')
    s.doctor.sound('what it prints is sound', 'socket', 'milter', 'away', 'order', 'auth',
                   'newline', 'rules')
    value = s.postconf('-h', 'smtpd_milters').strip()
    ok(value.startswith('inet:127.0.0.1:11332, { unix:'), 'behind the filter that is there',
       value=value)
    s.restore()
    s.write('master.cf', re.sub(r'^\S*:%d\s+inet.*\n(\s+-o.*\n)*' % w.server.submission, '',
                                s.kept['master.cf'], flags=re.M))
    done = s.doctor.call('setup', 'postfix', '--mta-config', s.folder, '-x', w.safe.file)
    equal(re.findall(r'inet n - (.) - - smtpd', done.stdout), ['n'] * 3,
          'a service that is not there yet sees the same files as the others', out=done.stdout)
    s.restore()
    done = s.doctor.call('setup', 'sendmail', '--mta-config', '/nowhere', '-x', w.safe.file)
    ok(done.returncode == 0 and 'MAIL_FILTER(`mortsafe\', `S=local:' in done.stdout,
       "Sendmail's side can be had where it is not", out=done.stdout)


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


main(world, a_sound_server, mistakes, a_signer, the_way_back, the_socket, a_certificate,
     the_gateway, the_relay, an_open_relay, the_dns,
     a_filter, setup, for_people, key_files, macros, crowds, no_daemon)
