#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The daemon: how it starts, reloads, keeps its counts, and ends."""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import daemon
import place
import tap
from daemon import BASE, USER, Mortsafe
from milter import Closed, Milter, session
from tap import equal, ok, starts
from world import local_socket

LOGIN = 'listener submission { port = 587  auth = require  tls = allow }\n'
FIVE = LOGIN + 'limit burst { key = user  count = messages  rate = 5/1h }\n'


def store(name):
    """A folder for an embedded store, and the configuration that uses it."""
    folder = place.path(name)
    os.mkdir(folder, 0o700)
    shutil.chown(folder, USER)
    return folder, BASE.replace('type = memory', 'type = embedded  path = ' + folder)


def send(safe, n=1, user='ann'):
    """N messages of a login; how many pass."""
    passed = 0
    with session(safe.socket, port=587) as m:
        for _ in range(n):
            _, each, end = m.message('<%s@example.org>' % user, ['<v@victim.test>'], login=user)
            passed += bool(end and end.passed)
    return passed


def result(*words, **how):
    return subprocess.run([place.mortsafe_path(), *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors='replace',
                          timeout=20, **how)


def ends_with(safe, seconds=15):
    """A daemon that should not start: its status."""
    safe.launch()
    try:
        return safe.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def exit_codes():
    """Options and configurations, good and bad"""
    good = place.write('good.conf', 'domains local { list = example.org }\n')
    bad = place.write('bad.conf', 'domains local { list = example.org }\n\nlimmit x { }\n'
                                  'mode = sometimes\n')
    equal(result('-V').returncode, 0, '-V')
    equal(result('-Q').returncode, 64, 'an unknown option is 64')
    equal(result('-n', '-x', good).returncode, 0, '-n with a good configuration is 0')
    done = result('-n', '-x', bad)
    equal(done.returncode, 78, '-n with a bad one is 78')
    ok(re.search(r'bad\.conf:3:\d+: ', done.stdout), 'the error has file:line:column',
       said=done.stdout)
    ok(re.search(r'bad\.conf:4:\d+: ', done.stdout), 'so has the second', said=done.stdout)
    ok('did you mean' in done.stdout, 'and a guess', said=done.stdout)
    ok(result('-n', '-x', '/nonexistent').returncode in (66, 78), 'no such file')
    printed = place.call(place.mortsafe_path(), '-n', '-v', '-x', good)
    again = place.write('again.conf', printed)
    done = result('-n', '-x', again)
    equal(done.returncode, 0, 'what -n -v prints is a configuration', said=done.stdout)
    equal([line.split('#')[0].rstrip() for line in printed.splitlines()],
          [line.split('#')[0].rstrip() for line in
           place.call(place.mortsafe_path(), '-n', '-v', '-x', again).splitlines()],
          'and prints the same')
    blunt = place.write('blunt', '#!/bin/false\n')
    for program, why in (('/nonexistent/mortsafe-spf', 'No such file'),
                         (blunt, 'Permission denied')):
        done = result('-n', '-x', place.write('spf.conf', 'domains local { list = example.org }\n'
                                              'spf { program = %s }\n' % program))
        equal(done.returncode, 0, '-n without mortsafe-spf is 0', said=done.stdout)
        ok('warning: spf: program: %s: %s' % (program, why) in done.stdout,
           'and warns: ' + why, said=done.stdout)
    bad_start = Mortsafe('nonsense = 1')
    equal(ends_with(bad_start), 78, 'the daemon does not start with a bad configuration')


def root_needs_a_user():
    """Root without -u and without user ="""
    safe = Mortsafe(user=None)
    code = ends_with(safe)
    # 67: there is no user mortsafe on this machine, which is the default.
    ok(code in (64, 67, 77, 78), 'refused', code=code, log=safe.log())
    safe = Mortsafe('user = ' + USER, user=None).start()
    with open('/proc/%d/status' % safe.process.pid) as lines:
        uids = [line for line in lines if line.startswith('Uid:')][0].split()[1:]
    ok('0' not in uids, 'user = does as well, for good', uids=uids)
    safe.end()
    equal(ends_with(Mortsafe(user='no-such-user-here')) in (64, 67, 77, 78), True,
          'an unknown user is an error')


def sockets():
    """A Unix socket: its mode, a dead one, a live one, a file in its place"""
    path = local_socket()[6:]
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    safe = Mortsafe(config=BASE.replace('0666', '0620'), socket='local:' + path).start()
    with session(safe.socket) as m:
        ok(m.mail().passed, 'a dead socket is replaced')
    equal(oct(stat.S_IMODE(os.stat(path).st_mode)), '0o620', 'socket_mode is obeyed')
    second = Mortsafe(socket='local:' + path)
    ok(ends_with(second) not in (0, None), 'a second instance does not start',
       log=second.log())
    with session(safe.socket) as m:
        ok(m.mail().passed, 'the first one does not notice')
    equal(safe.stop(), 0, 'it ends with 0')
    ok(not os.path.exists(path), 'and its socket is gone')
    with open(path, 'w') as out:
        out.write('precious')
    ok(ends_with(Mortsafe(socket='local:' + path)) not in (0, None), 'a file is in the way')
    with open(path) as left:
        equal(left.read(), 'precious', 'it is left alone')
    inet = Mortsafe().start()
    ok(ends_with(Mortsafe(socket=inet.socket)) not in (0, None), 'a port that is taken')
    inet.end()


def options():
    """-p and -P"""
    other = 'inet:%d@127.0.0.1' % place.port()
    folder = place.path('run')
    os.mkdir(folder, 0o755)
    shutil.chown(folder, USER)
    safe = Mortsafe(options=['-p', other, '-P', folder + '/pid'])
    safe.socket = other
    safe.start()
    with session(other) as m:
        ok(m.mail().passed, '-p wins over the configuration')
    with open(folder + '/pid') as pid:
        equal(int(pid.read()), safe.process.pid, '-P has its number')
    safe.end()


def inherited():
    """fd:3, a socket that the service manager made"""
    number = place.port()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', number))
    listener.listen(16)

    def third():
        os.dup2(listener.fileno(), 3)
    safe = Mortsafe(socket='fd:3')
    safe.launch(preexec_fn=third, close_fds=False)
    where = 'inet:%d@127.0.0.1' % number
    with session(where) as m:
        m.mail()
        starts(m.rcpt('<v@victim.test>'), '550 5.7.1', 'it answers on descriptor 3')
    safe.end()
    waiting = Milter(where)
    safe.launch(preexec_fn=third, close_fds=False)
    waiting.negotiate()
    ok(waiting.connect().passed, 'a session that came between is answered after a restart')
    waiting.quit()
    safe.end()


def stopping():
    """SIGTERM with sessions open"""
    safe = Mortsafe().start()
    crowd = [session(safe.socket) for _ in range(20)]
    for m in crowd[:10]:
        m.mail()
        m.rcpt('<alice@example.org>')
    began = time.monotonic()
    equal(safe.stop(), 0, 'ends with 0', log=safe.log()[-2000:])
    ok(time.monotonic() - began < 10, 'within 10 s', took=time.monotonic() - began)


def reloading():
    """SIGUSR1: whole or not at all; an open session follows at its next MAIL"""
    safe = Mortsafe().start()
    m = session(safe.socket)
    m.mail()
    starts(m.rcpt('<u@new.test>'), '550 5.7.1', 'a domain that is not ours')
    safe.configure('domains more { list = new.test }')
    safe.reload('(?i)reload|configuration')
    starts(m.rcpt('<u@new.test>'), '550 5.7.1', 'the open message keeps what it began with')
    m.abort()
    m.mail()
    ok(m.rcpt('<u@new.test>').passed, 'the next message has the new one')
    m.abort()
    safe.configure('domains more { list = newer.test }\nnonsense = 1')
    said = safe.reload(r':\d+:\d+: ')
    ok('nonsense' in said, 'a bad configuration is told', said=said)
    m.mail()
    ok(m.rcpt('<u@new.test>').passed, 'and changes nothing')
    starts(m.rcpt('<u@newer.test>'), '550 5.7.1', 'not even what was good in it')
    os.unlink(safe.file)
    safe.process.send_signal(signal.SIGUSR1)
    m.abort()
    m.mail()
    ok(m.rcpt('<u@new.test>').passed, 'nor does one that is gone')
    m.quit()
    ok(safe.alive(), 'it runs on')
    safe.end()


def reloading_under_load():
    """A hundred reloads, good and bad, under load"""
    safe = Mortsafe(LOGIN).start()
    over, bad, done = threading.Event(), [], []

    def work(k):
        n = 0
        while not over.is_set():
            n += 1
            with session(safe.socket, '198.18.%d.%d' % (k, n % 250), port=587) as m:
                end = m.message('<u@example.org>', ['<v@victim.test>'], login='u%d-%d' % (k, n))
            if not (end[2] and end[2].passed):
                bad.append(end)
        done.append(n)
    crowd = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in crowd:
        t.start()
    for n in range(100):
        wrong = '' if n % 3 else 'nonsense = 1'
        safe.configure('domains more { list = d%d.test }\n%s' % (n, wrong))
        safe.process.send_signal(signal.SIGUSR1)
        time.sleep(0.005)
    over.set()
    for t in crowd:
        t.join()
    equal((bad, len(done)), ([], 4), 'every message passes', messages=done)
    ok(safe.alive(), 'and it runs on')
    safe.end()


def counts_survive():
    """Counts survive SIGTERM at once, and SIGKILL but for a second"""
    folder, base = store('kept')
    safe = Mortsafe(FIVE, config=base).start()
    equal(send(safe, 3), 3, 'three messages of ann')
    equal(safe.stop(), 0, 'SIGTERM')
    safe.start()
    equal(send(safe, 3), 2, 'after it two more pass')
    equal(send(safe, 6, 'bea'), 5, 'five of bea')
    time.sleep(2)  # the second that a crash may cost
    safe.kill()
    safe.start()
    equal(send(safe, 1) + send(safe, 1, 'bea'), 0, 'SIGKILL has cost nothing')
    other = Mortsafe(FIVE, config=base)
    ok(ends_with(other) not in (0, None), 'a second daemon on one store is refused',
       log=other.log())
    equal(send(safe, 1, 'cyd'), 1, 'and the first works on')
    safe.end()


def damaged_stores():
    """A damaged, truncated, foreign or newer file"""
    folder, base = store('damaged')
    safe = Mortsafe(FIVE, config=base).start()
    send(safe, 3)
    safe.stop()
    names = [n for n in os.listdir(folder) if re.search(r'\.(db|sqlite3?)$', n)]
    if not ok(names, 'there is a database', found=os.listdir(folder)):
        return
    name = os.path.join(folder, names[0])
    shutil.copy(name, place.path('whole'))

    def newer(path):
        import sqlite3
        with sqlite3.connect(path) as db:
            db.execute('PRAGMA user_version = 99999')
        db.close()

    def damage(path):
        with open(path, 'r+b') as out:
            out.seek(4096)
            out.write(os.urandom(8192))

    def foreign(path):
        import sqlite3
        os.unlink(path)
        with sqlite3.connect(path) as db:
            db.execute('CREATE TABLE subject (mine)')
        db.close()
    cases = {
        'damaged': damage,
        'truncated': lambda p: os.truncate(p, 5000),
        'empty': lambda p: os.truncate(p, 0),
        'no database at all': lambda p: open(p, 'w').write('Dear Sir\n' * 1000),
        'foreign': foreign,
        'newer': newer,
    }
    for what, spoil in cases.items():
        for old in os.listdir(folder):
            os.unlink(os.path.join(folder, old))
        shutil.copy(place.path('whole'), name)
        spoil(name)
        shutil.chown(name, USER)
        safe = Mortsafe(FIVE, config=base).launch()
        place.until(safe.decided, 'mortsafe')
        if safe.alive():
            passed = send(safe, 6)
            ok(passed in (2, 5), what + ': it works on', passed=passed)
            if what not in ('empty',) and passed == 5:
                ok(len([n for n in os.listdir(folder) if not n.endswith(('-wal', '-shm'))]) > 1,
                   what + ': the file is kept aside', found=os.listdir(folder))
                ok(names[0] in safe.log(), what + ': and named in the log', log=safe.log())
            equal(safe.stop(), 0, what + ': it ends with 0')
        else:
            ok(safe.process.returncode > 0 and names[0] in safe.log(),
               what + ': it refuses to start and says why', log=safe.log())


def full_disk():
    """A full disk: decisions go on, and counts are kept once there is room"""
    folder, base = store('full')
    if os.system('mount -t tmpfs -o size=1m,mode=700,uid=$(id -u %s) tmpfs %s 2>/dev/null'
                 % (USER, folder)):
        tap.skip('a full disk', 'no file system can be mounted here')
        return
    place.undo(lambda: os.system('umount -l %s 2>/dev/null' % folder))
    safe = Mortsafe(FIVE, config=base).start()
    send(safe, 1)
    with open(folder + '/ballast', 'wb', buffering=0) as out:
        try:
            while out.write(b'x' * 4096):
                pass
        except OSError:
            pass
    for n in range(200):
        send(safe, 1, 'user%d' % n)
    equal(send(safe, 5), 4, 'limits hold')
    place.until(lambda: re.search('(?i)full|disk|space', safe.log()), 'the log to tell')
    ok(safe.log().count('full') < 10, 'it is told now and then only')
    os.unlink(folder + '/ballast')
    time.sleep(2.5)
    equal(safe.stop(), 0, 'it ends with 0', log=safe.log()[-800:])
    safe.start()
    equal(send(safe, 1), 0, 'all was kept')
    equal(safe.stop(), 0, 'it ends with 0')


def nowhere_to_write():
    """A store that cannot be written at the start"""
    folder, base = store('readonly')
    shutil.chown(folder, 'root')
    os.chmod(folder, 0o755)
    safe = Mortsafe(FIVE, config=base).launch()
    place.until(safe.decided, 'mortsafe')
    if safe.alive():
        equal(send(safe, 6), 5, 'it keeps its limits in memory')
        ok(folder in safe.log(), 'and says so', log=safe.log())
        equal(safe.stop(), 0, 'it ends with 0')
    else:
        ok(safe.process.returncode > 0 and folder in safe.log(),
           'it refuses to start and says why', log=safe.log())


def observing():
    """mode = observe changes nothing in the conversation"""
    safe = Mortsafe('sessions = 5\n' + FIVE, config=BASE.replace('enforce', 'observe')).start()
    with session(safe.socket, port=587) as m:
        ok(m.mail().passed and m.rcpt('<v@victim.test>').passed, 'no login on 587 passes')
        m.data()
        ok(m.end().passed, 'and its message')
    with session(safe.socket, '198.18.0.1') as m:
        for recipient in '<v@victim.test>', '<v%victim.test@example.org>', '<@a:v@b>', '<a@>':
            m.mail()
            ok(m.rcpt(recipient).passed, recipient + ' passes')
            m.abort()
    equal(send(safe, 8), 8, 'eight of five messages pass')
    crowd = [session(safe.socket) for _ in range(8)]
    place.until(lambda: safe.decisions(rule='limit.burst'), 'the log')
    done = [d for d in safe.decisions() if not d.observed and d.action != 'continue']
    equal(done, [], 'the log says would=, always')
    for rule in 'listener.submission.auth', 'relay.denied', 'relay.hop', 'limit.burst':
        ok(safe.decisions(rule=rule), 'and by ' + rule)
    for m in crowd:
        m.close()
    safe.end()


def notifying():
    """sd_notify: READY=1, WATCHDOG=1, STOPPING=1"""
    path = place.path('notify')
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(path)
    os.chmod(path, 0o666)
    ear.settimeout(10)
    heard = []

    def hear(word):
        while not any(word in h for h in heard):
            heard.append(ear.recv(4096).decode())
        return True
    safe = Mortsafe(environment={'NOTIFY_SOCKET': path, 'WATCHDOG_USEC': '400000'})
    safe.launch()
    ok(hear('READY=1'), 'READY=1')
    ok(safe.ready(), 'and it is')
    ok(hear('WATCHDOG=1'), 'WATCHDOG=1')
    safe.process.send_signal(signal.SIGUSR1)
    ok(hear('RELOADING=1') if any('RELOADING' in h for h in heard) else safe.alive(), 'reload')
    safe.process.send_signal(signal.SIGTERM)
    ok(hear('STOPPING=1'), 'STOPPING=1')
    equal(safe.process.wait(15), 0, 'it ends with 0')


def telling():
    """SIGUSR2: the state of the store and what was counted, into the log"""
    folder, config = store('told')
    safe = Mortsafe(config=config + LOGIN).start()
    equal(send(safe, 2), 2, 'two messages pass')
    safe.process.send_signal(signal.SIGUSR2)
    place.until(lambda: 'counts: ' in safe.log(), 'the state in the log')
    told = [line for line in safe.log().splitlines() if re.match('(store|counts): ', line)]
    equal(len(told), 2, 'one line of the store, one of counts', told=told)
    ok(told[0].startswith('store: type=embedded subjects='), 'what the store holds', told=told)
    ok(told[1].startswith('counts: messages=2 waits=0 waits_max=0 local=0 '),
       'a store in this process is not waited for', told=told)
    ok(safe.alive(), 'nothing ends')
    safe.end()
    shutil.rmtree(folder)


def nobody_reads():
    """stderr that nobody reads does not hold up a callback"""
    reader, writer = os.pipe()
    safe = Mortsafe().start(stderr=writer)
    os.close(writer)
    slowest = 0.0
    for n in range(1500):
        with session(safe.socket, '198.18.%d.%d' % divmod(n, 256)) as m:
            m.mail()
            began = time.monotonic()
            m.rcpt('<v@victim.test>')
            slowest = max(slowest, time.monotonic() - began)
    ok(slowest < 1, '1,500 refusals are each answered within a second', slowest=slowest)
    began = time.monotonic()
    equal(safe.stop(), 0, 'it ends with 0')
    ok(time.monotonic() - began < 10, 'within 10 s')
    os.close(reader)


def bounded_log():
    """20 refusals of a subject a minute, then how many more"""
    safe = Mortsafe().start()
    with session(safe.socket, '198.18.0.1') as m:
        m.mail()
        for n in range(50):
            m.rcpt('<v%d@victim.test>' % n)
    with session(safe.socket, '198.18.0.2') as m:
        m.mail()
        m.rcpt('<v@victim.test>')
    place.until(lambda: [d for d in safe.decisions() if '198.18.0.2' in d.line], 'the log')
    lines = [d for d in safe.decisions() if '198.18.0.1]' in d.line and d.to]
    equal(len(lines), 20, '20 of 50 are told')
    safe.stop()
    found = re.findall(r'suppressed=(\d+)', safe.log())
    equal(found, ['30'], 'and that there were 30 more', log=safe.log()[-600:])


def unending():
    """SIGTERM, and libmilter does not end"""
    beside = os.path.dirname(place.mortsafe_path())
    safe = Mortsafe(socket='local:%s/unending.sock' % place.path('unending'))
    os.mkdir(place.path('unending'), 0o777)
    os.chmod(place.path('unending'), 0o777)
    safe.program = os.path.join(beside, 'test', 'mortsafe-unending')
    safe.start()
    with session(safe.socket, '198.18.0.1') as m:
        m.mail('<s@spam.test>')
        equal(safe.stop(), 0, 'it ends all the same, with 0')
    ok('libmilter does not end' in safe.log(), 'and says why', log=safe.log())
    ok(not os.path.exists(place.path('unending') + '/unending.sock'), 'the socket is gone')


def json_log():
    """format = json: every line is an object"""
    safe = Mortsafe(config=BASE.replace('level = info', 'level = info  format = json')).start()
    with session(safe.socket, '198.18.0.1') as m:
        m.mail(b'<\xff"\\\x01%s@spam.test>')
        m.rcpt('<v@victim.test>')
    place.until(lambda: 'relay.denied' in safe.log(), 'the log')
    safe.end()
    objects = []
    for line in safe.log().splitlines():
        try:
            objects.append(json.loads(line))
        except ValueError:
            ok(False, 'a line is no JSON', line=line)
    found = [o for o in objects if o.get('rule') == 'relay.denied']
    ok(found and found[0].get('action') == 'reject', 'a decision has its keys', found=found)


def keys_of_a_line():
    """The line of a refusal has its keys in order"""
    safe = Mortsafe().start()
    with session(safe.socket, '198.18.0.1') as m:
        m.mail('<s@spam.test>')
        reply = m.rcpt('<v@victim.test>')
    told = safe.wait_decision(rule='relay.denied')
    equal(told.id, 'NOQUEUE', 'no queue id yet')
    keys = [k for k in told.fields]
    order = 'rule listener via client user from to nrcpt used retry store ref ms'.split()
    equal(keys, [k for k in order if k in keys], 'the order of keys', line=told.line)
    equal((told.fields['from'], told.to), ('<s@spam.test>', '<v@victim.test>'), 'from and to')
    ok(told.ref in str(reply), 'the reference is in the reply')
    safe.end()


tap.run(exit_codes, root_needs_a_user, sockets, options, inherited, stopping, unending, reloading,
        reloading_under_load, counts_survive, damaged_stores, full_disk, nowhere_to_write,
        observing, notifying, telling, nobody_reads, bounded_log, json_log, keys_of_a_line)
place.leave()
tap.finish()
