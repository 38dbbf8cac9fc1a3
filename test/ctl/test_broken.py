#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl and a daemon that is down, hung, mad or hostile; readers that go away, and
terminals."""
import fcntl
import json
import os
import pty
import pwd
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_api  # noqa: E402
from fake_api import Fake, answer, problem  # noqa: E402
from tap_ctl import CTL, HERE, TOP, end, environment, ok, run  # noqa: E402

FOLDER = tempfile.mkdtemp()
PATH = os.path.join(FOLDER, 'api.sock')

# Every command that asks, as one would call it.
COMMANDS = [
    'ping', 'status', 'status --fleet', 'stats', 'top', 'top users --fleet', 'log', 'would',
    'would --csv', 'explain --client 192.0.2.7', 'why 4XyZq1', 'show ann@example.org',
    'reset ann@example.org', 'raise ann@example.org user 9/1h --until 1d',
    'exempt add ann@example.org', 'exempt list', 'exempt del 7K2M9QXD', 'audit',
    'zombies', 'quarantine ann@example.org', 'release ann@example.org',
    'release ann@example.org --held deliver', 'release --since 1d --yes --held delete',
    'release --since 1d --dry-run', 'lease 192.0.2.7', 'confirm ABCD', 'held --fleet',
    'held --check', 'notices', 'notices preview ann@example.org', 'notices resend ann@example.org',
    'feedback ' + os.path.join(TOP, 'test', 'data', 'feedback', 'complaint.eml'),
    'export ann@example.org', 'forget ann@example.org --yes', 'data', 'config', 'limits',
    'reload', 'mode', 'mode observe', 'mode enforce --yes']
CODES = {0, 1, 3, 65, 69, 70, 74, 75, 77, 78}


class Everything(dict):
    """Any request gets the one answer."""

    def __init__(self, given):
        self.given = given
        super().__init__()

    def get(self, _key, _default=None):
        return self.given


def answered(name):
    with open(os.path.join(HERE, 'answers', name + '.json'), 'rb') as file:
        return answer(file.read())


def said(done, code, words, name):
    ok(done.returncode == code and words in done.stderr.decode() and not done.stdout, name,
       'exit %d' % done.returncode, done.stderr, done.stdout[:200])


# ----- who does not answer

def not_there():
    said(run(['-s', PATH, 'ping']), 3, 'mortsafe is not running (no socket at %s)' % PATH,
         'there is no socket: 3, and where it was looked for')
    said(run(['-s', os.path.join(FOLDER, 'no', 'api.sock'), 'ping']), 3, 'not running',
         'there is not even a folder: 3')
    said(run(['-s', FOLDER + '/' + 'x' * 200, 'ping']), 64, 'name too long',
         'a path too long for a socket: 64')
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(PATH)
    stale.close()
    said(run(['-s', PATH, 'ping']), 3, 'nobody listens at ' + PATH,
         'a stale socket: 3, and says that nobody listens')
    os.unlink(PATH)
    with open(PATH, 'w', encoding='ascii'):
        pass
    said(run(['-s', PATH, 'ping']), 3, 'nobody listens', 'a file that is no socket: 3')
    os.unlink(PATH)


def not_allowed():
    if os.geteuid() != 0:
        ok(True, 'the socket of another user # SKIP not root')
        return
    nobody = pwd.getpwnam('nobody')
    os.chmod(FOLDER, 0o755)
    with Fake(PATH, {'GET /v1/ping': answered('ping')}):
        os.chmod(PATH, 0o600)
        probe = subprocess.run([CTL, 'version'], user=nobody.pw_uid, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        if probe.returncode != 0:
            ok(True, 'the socket of another user # SKIP %s is not for others' % CTL)
            return
        done = run(['-s', PATH, 'ping'], user=nobody.pw_uid)
    said(done, 77, 'no permission to use ' + PATH, 'the socket of another user: 77')


def timed(arguments, results, key):
    start = time.monotonic()
    done = run(['-s', key] + arguments)
    results[key] = done, time.monotonic() - start


def hung():
    """Five seconds each, so all at once."""
    never = socket.socket(socket.AF_UNIX)
    never.bind(PATH + '.never')
    never.listen(0)
    rows = {'hang': 'a daemon that is hung', 'drip': 'a daemon that sends a byte now and then'}
    fakes = [Fake(PATH + '.' + name, Everything(getattr(fake_api, name))) for name in rows]
    rows['never'] = 'a daemon that does not even accept'
    results = {}
    threads = [threading.Thread(target=timed, args=(['status'], results, PATH + '.' + name))
               for name in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, words in rows.items():
        done, took = results[PATH + '.' + name]
        said(done, 3, 'mortsafe does not answer within 5 s', words + ': 3, and says so')
        ok(4.5 < took < 8, words + ': given up after five seconds', took)
    never.close()
    os.unlink(PATH + '.never')
    for fake in fakes:
        fake.close()


def mad():
    rows = [
        ('close_early', 'mortsafe has not answered in full', 74, 'closes without an answer'),
        ('half', 'mortsafe has not answered in full', 74, 'closes in the middle'),
        ('garbage', 'mortsafe has not answered in full', 74, 'speaks no HTTP'),
        ('no_json', 'is not an answer of mortsafe', 74, 'sends no JSON'),
        ('deep_json', 'is not an answer of mortsafe', 74, 'sends JSON without bottom'),
        ('endless', 'the answer is longer than 64 MB', 74, 'does not stop'),
    ]
    for name, words, code, title in rows:
        with Fake(PATH, Everything(getattr(fake_api, name))):
            said(run(['-s', PATH, 'status']), code, words, 'a daemon that %s: %d' % (title, code))
    big = {'since': '2026-01-01T00:00:00Z',
           'rows': [{'n': i, 'rule': 'limit.user', 'subject': 'user:%s%d@example.org'
                     % ('x' * 900, i), 'action': 'defer', 'first': '2026-01-01T00:00:00Z',
                     'last': '2026-01-01T00:00:00Z'} for i in range(9999)]}
    with Fake(PATH, Everything(answer(big))):
        done = run(['-s', PATH, '-j', 'would'])
    ok(done.returncode == 0 and done.stdout.count(b'\n') == 9999 and not done.stderr,
       'an answer of 10 MB is an answer', done.returncode, done.stderr)


def hostile():
    """No command is hurt by what is not of the right type, or prints control characters."""
    wrong = Fake(PATH, Everything(fake_api.wrong_types))
    nothing = Fake(PATH + '.2', Everything(answer({})))
    evil = Fake(PATH + '.3', Everything(problem(403, 'forbidden', '\x1b[31m\x07\u202e\x9b1m')))
    for command in COMMANDS:
        for path, words in ((PATH, 'wrong types'), (PATH + '.2', 'an empty object'),
                            (PATH + '.3', 'an evil problem')):
            for first in [[]] if '--csv' in command else [[], ['-j'], ['--tsv']]:
                done = run(['-s', path] + first + command.split())
                text = (done.stdout + done.stderr).decode('utf-8', 'replace')
                bad = re.search('[^\n\t\r -~\xa0-\u200a\u2010-\u2027\u2030-\uffff]', text)
                ok(done.returncode in CODES and not bad,
                   '%s, %s: survives %s' % (command, ''.join(first) or 'for people', words),
                   done.returncode, bad, text[:500])
    for fake in wrong, nothing, evil:
        fake.close()


# ----- readers that go away

def broken_pipes():
    with Fake(PATH, {'GET /v1/would': answered('would'), 'GET /v1/status': answered('status'),
                     'GET /v1/subjects': answered('subjects')}):
        for command in 'would --csv', 'status', '-j would', 'stats -i 1', 'top -i 1', 'help':
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([CTL, '-s', PATH] + command.split(), stdout=writer,
                                  stderr=subprocess.PIPE, env=environment({}), timeout=20)
            os.close(writer)
            ok(done.returncode == 0 and not done.stderr,
               '%s: a reader that has gone is no error' % command, done.returncode, done.stderr)
        if os.path.exists('/dev/full'):
            with open('/dev/full', 'wb') as full:
                done = subprocess.run([CTL, '-s', PATH, 'would'], stdout=full,
                                      stderr=subprocess.PIPE, env=environment({}))
            ok(done.returncode == 74 and b'cannot write' in done.stderr, 'a full disk: 74',
               done.returncode, done.stderr)
        done = subprocess.run(['/bin/sh', '-c', '"$0" -s "$1" status >&-', CTL, PATH],
                              stderr=subprocess.PIPE, env=environment({}))
        ok(done.returncode == 74, 'no standard output at all: 74', done.returncode, done.stderr)
        done = subprocess.run(['/bin/sh', '-c', '"$0" -s "$1" status <&- 2>&-', CTL, PATH],
                              stdout=subprocess.PIPE, env=environment({}))
        ok(done.returncode == 0 and done.stdout.startswith(b'mortsafe is working'),
           'no standard input and error: no matter', done.returncode, done.stdout)


# ----- what goes on

def decisions(first, last, known=None):
    with open(os.path.join(HERE, 'answers', 'decisions_limit.json'), encoding='utf-8') as file:
        one = json.load(file)['decisions'][0]
    rows = [dict(one, seq=n, id='4Xy%03d' % n) for n in range(first, last + 1)]
    return answer({'decisions': rows, 'last': known or last, 'lost': 0})


def line(process, words, seconds=20):
    """Lines of PROCESS up to one with WORDS in it, or what came."""
    text = b''
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([process.stdout], [], [], 0.2)[0]:
            more = os.read(process.stdout.fileno(), 65536)
            if not more:
                break
            text += more
            if words in text:
                return text, True
    return text, False


def log_follows():
    fake = Fake(PATH, {'GET /v1/decisions': [decisions(1, 2), decisions(3, 3), decisions(4, 4),
                                             fake_api.hang]})
    process = subprocess.Popen([CTL, '-s', PATH, 'log', '-f', '--user', 'ann@example.org'],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=environment({}))
    text, came = line(process, b'4Xy004')
    ok(came and text.index(b'4Xy003') < text.index(b'4Xy004'), 'log -f goes on with what comes',
       text)
    asked = [one for one in fake.asked if 'after=' in one]
    ok(asked and 'after=2' in asked[0] and 'wait=' in asked[0] and
       all('user=ann%40example.org' in one for one in fake.asked),
       'it asks for what is behind the last, waiting', fake.asked)
    fake.close()
    text, came = line(process, b'waiting for it', 30)
    if not came:  # the connection that hung ends with its process only
        process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    ok(process.returncode == 0, 'log -f ends well when interrupted', process.returncode)


def log_survives():
    answers = {'GET /v1/decisions': [decisions(1, 2), fake_api.close_early]}
    fake = Fake(PATH, answers)
    process = subprocess.Popen([CTL, '-s', PATH, 'log', '-f'], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=environment({}))
    text, came = line(process, b'waiting for it')
    ok(came, 'log -f says that the daemon is away', text)
    fake.close()
    text, came = line(process, b'waiting for it', 2.5)
    ok(not came, 'once', text)
    # another daemon, whose diary counts anew
    fake = Fake(PATH, {'GET /v1/decisions': [answer({'decisions': [], 'last': 1, 'lost': 0}),
                                             decisions(1, 1), fake_api.hang]})
    text, came = line(process, b'4Xy001')
    ok(came and b'mortsafe is back' in text, 'and that it is back, and goes on', text)
    asked = [one for one in fake.asked if 'after=' in one]
    ok('after=2' in asked[0] and 'after=0' in asked[1], 'from the start, if it counts anew', asked)
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    ok(process.returncode == 0 and time.monotonic() - start < 4,
       'SIGTERM ends a wait within seconds', process.returncode, time.monotonic() - start)
    fake.close()


def stats_rates():
    with open(os.path.join(HERE, 'answers', 'status.json'), encoding='utf-8') as file:
        status = json.load(file)
    later = json.loads(json.dumps(status))
    later['messages']['accepted'] += 1000
    later['decisions']['rejected'] -= 5
    anew = json.loads(json.dumps(status))
    anew['pid'] += 1
    with Fake(PATH, {'GET /v1/status': [answer(one) for one in (status, later, anew)]}):
        done = run(['-s', PATH, '--tsv', 'stats', '-i', '1', '-c', '3'])
    rows = [one.split('\t') for one in done.stdout.decode().splitlines()]
    ok(done.returncode == 0 and rows[0] == ['name', 'value', 'per_s'] and
       sum(row[0] == 'name' for row in rows) == 1, 'stats -i prints its heading once', rows[:3])
    accepted = [row for row in rows if row[0] == 'messages.accepted']
    ok(len(accepted) == 3 and accepted[0][2] == '' and 300 < float(accepted[1][2]) <= 1000,
       'the second time there is a rate per second', accepted)
    ok([row[2] for row in rows if row[0] == 'decisions.rejected'] == [''] * 3,
       'what has become less has none', rows)
    ok(accepted[2][2] == '', 'nor has anything of another process', accepted)


def still_to_come():
    with Fake(PATH, {'GET /v1/decisions': answered('decisions_future')}):
        done = run(['-s', PATH, 'why', 'K7Q2M9XD'], {'COLUMNS': '0'})
    text = done.stdout.decode()
    ok('There will be room again at 2089-11-22 15:00:00, ' in text and 'from now.' in text and
       'mortsafectl raise user:ann@example.org user 600/1h --until 1d' in text,
       'why tells of room that is still to come, and advises without knowing the subject', text)


# ----- terminals

def on_terminal(arguments, rows, columns, words, extra={}, stop=None):
    """What is drawn on a terminal until WORDS have come (N times: (words, N)); the exit code."""
    words, times = words if isinstance(words, tuple) else (words, 1)
    pid, master = pty.fork()
    if pid == 0:
        env = environment(extra)
        del env['COLUMNS']
        env['TERM'] = 'xterm'
        os.execve(CTL, [CTL, '-s', PATH] + arguments.split(), env)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    text = b''
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        text += more
        if text.count(words) >= times and stop is not None:
            os.write(master, stop)
            stop = None
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return text, os.waitstatus_to_exitcode(status)


def terminals():
    with Fake(PATH, {'GET /v1/subjects': answered('subjects'),
                     'GET /v1/status': answered('status'), 'GET /v1/would': answered('would'),
                     'GET /v1/zombies': answered('zombies'), 'GET /v1/ping': answered('ping'),
                     'POST /v1/release': answered('release_many')}):
        text, code = on_terminal('top -i 1', 24, 80, (b'\x1b[H\x1b[J', 2), stop=b'\x03')
        ok(text.count(b'\x1b[H\x1b[J') >= 2 and code == 0,
           'top is drawn again, and ends well at control-C', code, text)
        ok(b'\x1b[1;31m' in text, 'in colours', text)
        text, code = on_terminal('status', 24, 80, b'x', {'NO_COLOR': '1'})
        ok(code == 0 and b'\x1b' not in text, 'NO_COLOR is heard', text)
        text, code = on_terminal('--color=always status', 24, 80, b'x', {'NO_COLOR': '1'})
        ok(code == 0 and b'\x1b[32m' in text, 'but --color=always goes before', text)
        for columns in 20, 5, 1:
            text, code = on_terminal('would', 24, columns, b'x', {'NO_COLOR': '1'})
            wide = [one for one in text.decode().splitlines() if len(one.rstrip()) > columns]
            ok(code == 0 and text and (columns < 20 or not wide),
               'a terminal of %d columns' % columns, code, wide[:3])
        text, code = on_terminal('mode enforce', 24, 80, b'[y/N]', stop=b'n\n')
        ok(code == 1 and b'not done' in text, 'what is asked can be declined', code, text)
        text, code = on_terminal('release --since 1d', 24, 80, b'Release these 2? [y/N]',
                                 stop=b'y\n')
        ok(code == 0 and b'2 are released' in text and b'user:eve@example.org' in text,
           'release of many lists them, asks, and does it', code, text)


def main():
    if not os.access(CTL, os.X_OK):
        print('1..0 # SKIP no mortsafectl to ask')
        return 0
    for test in (not_there, not_allowed, hung, mad, hostile, broken_pipes, log_follows,
                 log_survives, stats_rates, still_to_come, terminals):
        test()
        for left in os.listdir(FOLDER):
            os.unlink(os.path.join(FOLDER, left))
    os.rmdir(FOLDER)
    return end()


sys.exit(main())
