#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl and the daemon: every command, with what it prints in golden/ctl.txt; the help
desk's two commands; rights; a restart below `log -f`.  The daemon's clock is stepped.
MORTSAFE_GOLDEN=write makes what is printed now the golden file."""
import difflib
import grp
import json
import os
import pwd
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import schemas
import tap
from daemon import Mortsafe
from milter import session
from tap import equal, ok

BUILD = os.path.dirname(os.path.abspath(place.mortsafe_path()))
CTL = os.environ.get('MORTSAFECTL') or os.path.join(BUILD, 'mortsafectl')
STEPPED = os.path.join(BUILD, 'test', 'mortsafe-stepped')
GOLDEN = os.path.join(place.HERE, 'golden', 'ctl.txt')
START = 1606057200  # 2020-11-22 15:00:00 UTC
EXTRA = '''
listener submission { port = 587  auth = require  tls = allow }
network office { addr = 192.0.2.0/24  relay = any }
limit user { key = user  count = external  rate = 3/1h, 10/1d }
limit box { key = client  count = messages  rate = 1/1h  mode = observe  in = office }
exempt news { user = news@example.org  skip = limit.user  note = "weekly list" }
api { socket = %s  group daemon { may = read }  group games { may = read, reset } }
'''


class Place:
    """A daemon, with two clocks that stand still."""

    def __init__(self, program=STEPPED):
        self.folder = place.path('ctl%d' % place.port())
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        self.path = os.path.join(self.folder, 'api.sock')
        self.clock = place.path('clock')
        self.wall, self.mono = START, 10 * 86400 * 1000
        self.step(0)
        self.safe = Mortsafe(EXTRA % self.path, environment={'MORTSAFE_CLOCK': self.clock})
        self.safe.program = program
        self.start()

    def start(self):
        self.safe.start()
        place.until(lambda: self.ctl('ping').returncode == 0, 'the API')

    def step(self, seconds):
        self.wall += seconds
        self.mono += 1000 * seconds
        with open(self.clock, 'r+b' if os.path.exists(self.clock) else 'wb') as out:
            out.write(struct.pack('=qq', self.wall, self.mono))

    def ctl(self, *words, environment=None, **how):
        if len(words) == 1:
            words = words[0].split()
        env = dict({k: v for k, v in os.environ.items() if not k.startswith(('LC_', 'LANG'))},
                   TZ='UTC', LC_ALL='C.UTF-8', COLUMNS='100', **(environment or {}))
        return subprocess.run([CTL, '-s', self.path, *words], env=env, encoding='utf-8',
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, **how)

    def send(self, login, sender, recipients=('<v@victim.test>',)):
        with session(self.safe.socket, address='198.51.100.20', port=587) as m:
            return m.message(sender, list(recipients), login=login)

    def try_recipient(self, login, recipient='<v@victim.test>'):
        """One recipient of a message that does not go on; the MTA has named it Q99."""
        with session(self.safe.socket, address='198.51.100.20', port=587) as m:
            m.mail('<%s>' % login, login=login)
            return m.rcpt(recipient, macros={'i': 'Q99'})

    def judged(self, subject, n):
        """The detector has seen N recipients of SUBJECT."""
        def now():
            known = json.loads(self.ctl('-j', 'show', subject).stdout or '{}')
            return ((known.get('zombie') or {}).get('now') or {}).get('hour')
        place.until(lambda: now() == n, '%d recipients of %s' % (n, subject))

    def told(self, n):
        """The log's decisions are with whoever answers, N of them."""
        try:
            place.until(lambda: self.ctl('-j log -n 1000').stdout.count('\n') == n,
                        '%d decisions' % n)
        except TimeoutError:
            tap.diag(self.ctl('log').stdout + self.safe.log())
            raise


def mask(text, p):
    """TEXT without what is another at each run."""
    text = text.replace(p.folder, 'FOLDER').replace(place.folder(), 'FOLDER')
    text = text.replace(socket.gethostname(), 'HOST').replace(p.safe.name, 'mortsafe')
    text = re.sub(r'\binet:\d+@127', 'inet:PORT@127', text)
    text = re.sub(r'\bprocess \d+', 'process PID', text)
    text = re.sub(r'\b(?=[0-9A-Z]{0,7}[0-9])[0-9A-HJ-NP-TV-Z]{8}\b', 'REFERENC', text)
    text = re.sub(r'\b[0-9A-HJ-NP-TV-Z]{8}(?=[\]) ]|$)', 'REFERENC', text, flags=re.M)
    text = re.sub(r'\d+ KiB', 'N KiB', text)
    text = re.sub(r'\bms: \S+', 'ms: N', text)
    text = re.sub(r'FOLDER/mortsafe-\d+…', 'FOLDER/mortsafe…', text)
    text = re.sub(r'the MTA (has not asked yet|asked .* ago)', 'the MTA asked', text)
    text = re.sub(r'  +# (FOLDER|default|built)', r'  # \1', text)
    return re.sub(r'\bHOST +', 'HOST  ', text)


def commands(p):
    """What is run, in this order: a line, or what to do in between."""
    refs = [json.loads(line)['ref'] for line in p.ctl('-j log').stdout.splitlines()]
    denied = next(json.loads(line)['ref'] for line in p.ctl('-j log --rule relay.denied')
                  .stdout.splitlines())
    return [
        'version', 'ping', 'status', 'status --fleet', 'top', 'top users --sort external',
        'log', 'log --user ann@example.org', 'log --rule nothing.such', 'limits', 'would',
        'would --rule limit.box --csv', 'why ' + refs[0], 'why Q99', 'why ' + denied,
        'explain --client 203.0.113.7 --user ann@example.org --from ann@example.org '
        '--to v@victim.test',
        'explain --client 203.0.113.7 --from s@spam.test --to v@victim.test',
        'explain --client 192.0.2.7 --from s@example.org --to v@victim.test',
        'show ann@example.org', 'show user ann@example.org', 'show nobody@example.org',
        'show client 192.0.2.7',
        'reset ann@example.org user', 'show ann@example.org',
        'exempt add bob@example.org user --until 7d',
        'exempt add user:bob@example.org user --until 7d', 'exempt list',
        'exempt del user:bob@example.org', 'exempt del user:bob@example.org',
        'exempt add 198.51.100.9',
        ('raise', 'ann@example.org', 'user', '20/1d', '--until', '2020-12-24', '--note',
         'newsletter, ticket 4711'),
        'show ann@example.org',
        'raise ann@example.org nosuch 20/1d --until 7d',
        'raise ann@example.org user many --until 7d',
        'mode', 'mode observe --for 2h --note night', 'mode', 'status -q', 'mode enforce --yes',
        'mode configured', 'audit', 'config limit user', 'config -n', 'reload', 'data',
        'zombies', ('quarantine', 'bob@example.org', '--for', '7d', '--note', 'ticket 4711'),
        ('quarantine', 'user:bob@example.org', '--for', '7d', '--note', 'ticket 4711'),
        'zombies', 'zombies --standing watched', 'zombies --standing nonsense',
        'show bob@example.org', 'release --since 1d --dry-run',
        ('release', 'user:bob@example.org', '--note', 'password changed'),
        'release user:bob@example.org --held deliver', 'show bob@example.org',
        'release user:bob@example.org --legit', 'zombies', 'lease client:192.0.2.7',
        'lease user:bob@example.org', 'confirm NO-SUCH-CODE', 'held',
        'held bob@example.org --fleet',
        'notices', 'notices preview user:bob@example.org', 'notices resend user:bob@example.org',
        'feedback --list',
        'export ann@example.org', 'forget ann@example.org --yes', 'show ann@example.org',
        'audit -n 2']


def traffic(p):
    for _ in range(3):
        p.send('ann@example.org', '<ann@example.org>')
        p.step(60)
    p.try_recipient('ann@example.org')
    p.step(60)
    p.send('news@example.org', '<news@example.org>', ['<v%d@victim.test>' % n for n in range(9)])
    with session(p.safe.socket, address='203.0.113.9') as m:
        m.message('<x\x1b]0;evil\x07@spam.test>'.encode(), ['<v@victim.test>'])
    for _ in range(2):
        with session(p.safe.socket, address='192.0.2.7') as m:
            m.message('<box@example.org>', ['<v@victim.test>'])
    p.step(60)
    p.told(3)
    for subject, n in (('user:ann@example.org', 3), ('user:news@example.org', 9),
                       ('client:192.0.2.7', 2)):
        p.judged(subject, n)


def golden():
    """Every command prints what the golden file has"""
    p = Place()
    traffic(p)
    got = ''
    for words in commands(p):
        words = words.split() if isinstance(words, str) else list(words)
        p.step(1)
        done = p.ctl(*words, '--color=never')
        got += mask('$ mortsafectl %s\n%s%s[%d]\n\n' % (
            ' '.join("'%s'" % w if ' ' in w else w for w in words), done.stdout, done.stderr,
            done.returncode), p)
        ok(done.returncode in (0, 1, 64, 65, 77, 78), '%s ends well' % words[0],
           code=done.returncode, said=done.stderr)
    if os.environ.get('MORTSAFE_GOLDEN') == 'write':
        with open(GOLDEN, 'w', encoding='utf-8') as out:
            out.write(got)
    with open(GOLDEN, encoding='utf-8') as file:
        want = file.read()
    ok(got == want, 'all is as in golden/ctl.txt', differs='\n'.join(difflib.unified_diff(
        want.splitlines(), got.splitlines(), 'golden', 'now', lineterm='')))
    p.safe.end()


def as_json():
    """-j prints the API's objects: they fit their schemas"""
    p = Place()
    traffic(p)
    rows = [('status', 'status'), ('ping', 'ping'), ('show ann@example.org', 'subject'),
            ('explain --client 192.0.2.7 --to v@victim.test', 'explain')]
    for line, schema in rows:
        done = p.ctl('-j ' + line)
        lines = done.stdout.splitlines()
        ok(len(lines) == 1 and not schemas.errors(schema, json.loads(lines[0])),
           '%s: one object, as %s.json says' % (line, schema), out=done.stdout,
           wrong=schemas.errors(schema, json.loads(lines[0] if lines else '{}')))
    p.ctl('quarantine user:ann@example.org')
    for line in ('log', 'top', 'would', 'limits', 'data', 'exempt list', 'audit', 'zombies', 'held',
                 'notices', 'feedback --list'):
        done = p.ctl('-j ' + line)
        ok(done.returncode == 0 and all(isinstance(json.loads(one), dict)
                                        for one in done.stdout.splitlines()),
           '%s: an object a line' % line, out=done.stdout)
        done = p.ctl('--tsv ' + line)
        widths = {one.count('\t') for one in done.stdout.splitlines()}
        ok(done.returncode == 0 and len(widths) == 1, '%s: as many values in each line' % line,
           out=done.stdout)
    p.safe.end()


def help_desk():
    """Why was a customer stopped, and let them send: one command each"""
    p = Place()
    for _ in range(3):
        p.send('ann@example.org', '<ann@example.org>')
    reply = p.try_recipient('ann@example.org')
    ok(str(reply).startswith('450 4.7.1'), 'ann is stopped', reply=reply)
    p.told(1)
    ref = json.loads(p.ctl('-j log').stdout)['ref']
    ok(ref and ref in str(reply), 'the reply bears the reference', reply=reply, ref=ref)
    why = p.ctl('why ' + ref)
    command = re.search(r'^ +mortsafectl (reset .*)$', why.stdout, re.M)
    ok(why.returncode == 0 and command and 'user:ann@example.org' in command.group(1),
       'why names the command that lets ann send', out=why.stdout, err=why.stderr)
    reset = p.ctl(command.group(1))
    equal(reset.returncode, 0, 'which does', out=reset.stdout, err=reset.stderr)
    reply = p.try_recipient('ann@example.org')
    ok(reply.passed, 'and ann sends', reply=reply)
    raise_ = re.search(r'^ +mortsafectl (raise .*)$', why.stdout, re.M).group(1)
    ok('6/1h,20/1d' in raise_, 'it names the one that raises all windows', command=raise_)
    done = p.ctl(raise_)
    equal(done.returncode, 0, 'which does, too', out=done.stdout, err=done.stderr)
    p.safe.end()


def examples():
    """The manual's examples can be pasted"""
    p = Place()
    traffic(p)
    ref = json.loads(p.ctl('-j log --rule limit.user').stdout)['ref']
    with open(os.path.join(place.HERE, '..', '..', 'man', 'mortsafectl.8'),
              encoding='utf-8') as page:
        lines = re.findall(r'^\$ mortsafectl (.*)$', page.read(), re.M)
    ok(len(lines) >= 5, 'there are examples', lines=lines)
    for line in lines:
        done = p.ctl(*shlex.split(line.replace('K7Q2M9XD', ref)))
        ok(done.returncode in (0, 1) and done.stdout and not done.stderr,
           'mortsafectl ' + line, code=done.returncode, out=done.stdout, err=done.stderr)
    p.safe.end()


def rights():
    """Who may read may not act, and is told what is missing"""
    p = Place()
    nobody = pwd.getpwnam('nobody')
    readable = grp.getgrnam('daemon').gr_gid
    resets = grp.getgrnam('games').gr_gid
    who = {'user': nobody.pw_uid, 'group': nobody.pw_gid}
    if os.environ.get('MORTSAFE_USER', 'nobody') == 'nobody':
        who = {'user': pwd.getpwnam('games').pw_uid, 'group': nobody.pw_gid}
    probe = subprocess.run([CTL, 'version'], extra_groups=[], stdout=subprocess.DEVNULL, **who)
    if probe.returncode != 0:
        tap.skip('rights', 'mortsafectl is not for others')
        return
    rows = [([readable], 'ping', 0), ([readable], 'reset ann@example.org', 77),
            ([resets], 'reset user:ann@example.org', 0), ([resets], 'reload', 77),
            ([resets], 'audit', 77), ([], 'status', 77)]
    for groups, line, code in rows:
        done = p.ctl(line, extra_groups=groups, **who)
        equal(done.returncode, code, '%s: %d' % (line, code), groups=groups, out=done.stdout,
              err=done.stderr)
        ok(code == 0 or done.stderr.startswith('mortsafectl: '), 'and says why',
           err=done.stderr)
    denied = [json.loads(one) for one in p.ctl('-j audit').stdout.splitlines()]
    ok([one for one in denied if one['act'] == 'denied' and not one['ok']],
       'what was refused is in the audit trail', entries=denied)
    p.safe.end()


def read_until(process, words, seconds=30):
    text, until = b'', time.monotonic() + seconds
    while words not in text and time.monotonic() < until:
        if select.select([process.stdout], [], [], 0.2)[0]:
            more = os.read(process.stdout.fileno(), 65536)
            if not more:
                break
            text += more
    return text.decode()


def follows():
    """log -f goes on below a restart of the daemon"""
    p = Place(place.mortsafe_path())  # it waits, so time must pass
    process = subprocess.Popen([CTL, '-s', p.path, 'log', '-f'], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=dict(os.environ, TZ='UTC'))
    place.undo(process.kill)
    time.sleep(0.3)
    with session(p.safe.socket, address='203.0.113.9') as m:
        m.message('<s@one.test>', ['<v@victim.test>'])
    text = read_until(process, b's@one.test')
    ok('s@one.test' in text, 'it tells what comes', text=text)
    p.safe.kill()
    text = read_until(process, b'waiting for it')
    ok('waiting for it' in text, 'it says that the daemon is away', text=text)
    p.start()
    text = read_until(process, b'is back')
    ok('is back' in text, 'and that it is back', text=text)
    with session(p.safe.socket, address='203.0.113.9') as m:
        m.message('<s@two.test>', ['<v@victim.test>'])
    text += read_until(process, b's@two.test')
    ok('s@two.test' in text, 'and goes on', text=text)
    process.send_signal(signal.SIGINT)
    equal(process.wait(20), 0, 'it ends well when interrupted')
    p.safe.end()


def without_daemon():
    """explain -x and check need no daemon"""
    conf = place.write('good.conf', 'mode = enforce\ndomains local { list = example.org }\n'
                       'limit user { key = user  count = external  rate = 3/1h }\n')
    bad = place.write('bad.conf', 'moed = enforce\n')
    base = [CTL, '-s', place.path('nobody.sock')]
    rows = [
        (['check', conf], 0, ''), (['check', bad], 78, 'mode'),
        (['check', place.path('missing.conf')], 66, 'missing.conf'),
        (['explain', '-x', conf, '--client', '203.0.113.7', '--to', 'v@victim.test'], 1,
         'relay.denied'),
        (['explain', '-x', conf, '--client', '203.0.113.7', '--to', 'ann@example.org'], 0,
         'goes on'),
        (['explain', '-x', conf, '--client', '2001:db8::7', '--user', 'ann@example.org',
          '--tls', '--from', 'ann@example.org', '--to', 'v@victim.test'], 0,
         'good.conf:3'),
        (['explain', '-x', conf, '--client', 'nowhere'], 65, 'no IP address'),
        (['explain', '-x', bad, '--client', '203.0.113.7'], 78, 'did you mean'),
        (['explain', '-x', place.path('missing.conf'), '--client', '203.0.113.7'], 66,
         'missing.conf'),
    ]
    for words, code, said in rows:
        done = subprocess.run(base + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding='utf-8')
        ok(done.returncode == code and said in done.stdout + done.stderr,
           '%s: %d' % (' '.join(words).replace(place.folder(), ''), code),
           got=done.returncode, out=done.stdout, err=done.stderr)
    done = subprocess.run(base + ['-j', 'explain', '-x', conf, '--client', '203.0.113.7',
                                  '--user', 'ann@example.org', '--to', 'v@victim.test'],
                          stdout=subprocess.PIPE, encoding='utf-8')
    wrong = schemas.errors('explain', json.loads(done.stdout))
    ok(not wrong, 'explain -x answers as the API does', wrong=wrong, out=done.stdout)


if not os.access(STEPPED, os.X_OK) or not os.access(CTL, os.X_OK):
    print('1..0 # SKIP no mortsafe-stepped, or no mortsafectl')
    sys.exit(0)
tap.run(golden, as_json, help_desk, examples, rights, follows, without_daemon)
place.leave()  # tap.finish() leaves at once
tap.finish()
