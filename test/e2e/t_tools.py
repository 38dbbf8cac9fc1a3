#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The other things that mortsafe does: the site's key, -n --connect, export and import."""
import base64
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import redis
import tap
from daemon import BASE, USER, Mortsafe
from tap import equal, ok

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_NOUSER, EX_UNAVAILABLE = 64, 65, 66, 67, 69
EX_CANTCREAT, EX_TEMPFAIL, EX_CONFIG = 73, 75, 78


def mortsafe(*words, **how):
    how = dict({'stdin': subprocess.DEVNULL}, **how)
    return subprocess.run([place.mortsafe_path(), *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding='utf-8', timeout=60, **how)


def config(name, settings):
    """A file with SETTINGS for the store, and what every file has."""
    text = BASE.replace('store { type = memory }\n', '') + 'user = %s\n' % USER + settings
    return place.write(name, text)


def embedded(name):
    folder = place.path(name)
    os.mkdir(folder, 0o700)
    os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
    return config(name + '.conf', 'store { type = embedded  path = %s }\n' % folder)


def exported(n):
    """A file of N subjects, as mortsafe writes it."""
    lines = [{'format': 'mortsafe-export', 'version': 1, 'time': int(time.time()), 'host': 'x'}]
    for i in range(n):
        name = 'u%d@example.org' % i
        lines.append({
            'kind': 'user', 'name': 'user:' + name,
            'subject': base64.b64encode(b'\x01\x02' + len(name).to_bytes(2, 'big') +
                                        name.encode()).decode(),
            'standing': 'throttled' if i % 10 == 0 else 'normal',
            'throttle': 7 if i % 10 == 0 else 0,
            'state': base64.b64encode(bytes(200 if i % 3 == 0 else 0)).decode(),
            'first_seen': 1700000000, 'last_seen': 1790000000,
            'windows': [{'id': '%016x' % (k + 1), 'span': span, 'limit': 100,
                         'slices': [0] * 10 + [i % 5, 2, 1 + k]}
                        for k, span in enumerate((3600, 86400))]})
    body = ''.join(json.dumps(line) + '\n' for line in lines)
    end = {'end': True, 'subjects': n, 'windows': 2 * n, 'time': int(time.time()),
           'sum': hashlib.blake2b(body.encode(), digest_size=32).hexdigest()}
    return body + json.dumps(end) + '\n'


def counts(path):
    """{subject: (standing, throttle, state, {window: (span, limit, count)})}"""
    with open(path, encoding='ascii') as lines:
        return {s['subject']: (s['standing'], s['throttle'], s['state'],
                               {w['id']: (w['span'], w['limit'], sum(w['slices']))
                                for w in s['windows']})
                for s in map(json.loads, lines) if 'subject' in s}


# ----- the site's key

def test_make_key():
    """--make-key makes one key, and never another in its place"""
    path = place.path('made.key')
    done = mortsafe('--make-key', path, '-u', USER)
    equal(done.returncode, 0, 'a key is made', said=done.stderr)
    ok(path in done.stdout and 'every host of the fleet' in done.stdout,
       'it says what else is to be done', said=done.stdout)
    equal(len(done.stdout.splitlines()), 1, 'in one line')
    info = os.stat(path)
    equal(stat.S_IMODE(info.st_mode), 0o640, 'others cannot read it')
    equal(info.st_gid, pwd.getpwnam(USER).pw_gid, "its group is the user's")
    equal(info.st_uid, 0, 'its owner is who made it')
    with open(path, 'rb') as key:
        before = key.read()
    done = mortsafe('--make-key', path, '-u', USER)
    equal(done.returncode, EX_CANTCREAT, 'there is one already')
    with open(path, 'rb') as key:
        equal(key.read(), before, 'which is left alone')
    done = mortsafe('--make-key', place.path('second.key'), '-u', USER)
    with open(place.path('second.key'), 'rb') as key:
        ok(key.read() != before, 'two keys are not the same')
    done = mortsafe('--make-key', place.path('missing', 'a.key'), '-u', USER)
    equal(done.returncode, EX_CANTCREAT, 'the folder is missing')
    done = mortsafe('--make-key', place.path('a.key'), '-u', 'no-such-user')
    equal(done.returncode, EX_NOUSER, 'the user is missing')
    ok(not os.path.exists(place.path('a.key')), 'nothing is left then')


def test_usage():
    """One thing at a time"""
    for words in (['--export'], ['--export', 'a', '--import', 'b'], ['-n', '--make-key', 'a'],
                  ['--connect'], ['--export', 'a', '--connect'], ['--unknown'],
                  ['--import', 'a', 'b']):
        done = mortsafe(*words)
        ok(done.returncode == EX_USAGE and 'usage: ' in done.stderr, ' '.join(words),
           code=done.returncode, said=done.stderr)


def test_check_reads_key():
    """-n reads the site's key and the TLS files as the daemon's user would"""
    key = redis.site_key()
    settings = 'store { type = redis  url = %s }\nprivacy { key_file = %s }\n'
    good = config('key.conf', settings % ('redis://127.0.0.1', key))
    equal(mortsafe('-n', '-x', good).returncode, 0, 'a good key')
    hidden = place.path('hidden.key')
    equal(mortsafe('--make-key', hidden, '-u', USER).returncode, 0, 'another')
    os.chown(hidden, 0, 0)
    for name, path in (('one of root alone', hidden), ('none', place.path('none.key')),
                       ('one for everybody', good)):
        bad = config('bad.conf', settings % ('redis://127.0.0.1', path))
        done = mortsafe('-n', '-x', bad)
        equal(done.returncode, EX_CONFIG, name, said=done.stderr)
        ok(path in done.stderr, name + ' is named', said=done.stderr)
    bad = config('bad.conf', 'store { type = redis  url = rediss://127.0.0.1  ca_file = none.pem }\n'
                 'privacy { key_file = %s }\n' % key)
    done = mortsafe('-n', '-x', bad)
    equal(done.returncode, EX_CONFIG, 'a CA that is not there')
    ok(place.path('none.pem') in done.stderr, 'is named', said=done.stderr)


# ----- is it fit for use?

def test_connect():
    """-n --connect tells what is right and what is wrong, line by line"""
    layout = redis.Layout().start()
    path = config('connect.conf', layout.settings(place.path('connect')))
    done = mortsafe('-n', '--connect', '-x', path)
    equal(done.returncode, 0, 'fit for use', said=done.stdout + done.stderr)
    ok(all(line.startswith('ok    ') for line in done.stdout.splitlines()),
       'with the rights that the manual tells to grant', said=done.stdout)
    server = layout.servers[0]
    server('ACL', 'SETUSER', redis.USER, '-evalsha')
    done = mortsafe('-n', '--connect', '-x', path)
    equal(done.returncode, EX_UNAVAILABLE, 'a right is missing')
    ok('ACL SETUSER %s +evalsha' % redis.USER in done.stdout, 'and named', said=done.stdout)
    server('ACL', 'SETUSER', redis.USER, '+evalsha')
    server('CONFIG', 'SET', 'maxmemory', '100mb')
    server('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    done = mortsafe('-n', '--connect', '-x', path)
    equal(done.returncode, 0, 'what can be lived with is no failure')
    ok('\nwarn  ' in done.stdout, 'but a warning', said=done.stdout)
    equal(len(server.keys()), 0, 'what was tried has left nothing')
    layout.stop()
    done = mortsafe('-n', '--connect', '-x', path)
    equal(done.returncode, EX_UNAVAILABLE, 'nobody is there')
    ok('Connection refused' in done.stdout, 'and it is told', said=done.stdout)
    ok(redis.PASSWORD not in done.stdout + done.stderr, 'the password is not')
    done = mortsafe('-n', '--connect', '-x', embedded('local'))
    equal(done.returncode, 0, 'an embedded store needs no connection')
    done = mortsafe('-n', '--connect', '-x', config('bad.conf', 'store { type = redis }\n'))
    equal(done.returncode, EX_CONFIG, 'a wrong configuration')


# ----- export and import

def move(way, path, conf, name):
    done = mortsafe('--' + way, path, '-x', conf)
    equal(done.returncode, 0, '%s: --%s' % (name, way), said=done.stderr)
    return done.stderr


def round_trip(name, there, back, n):
    """A file into THERE, from there into BACK, and out again: all is the same."""
    first, second, third = (place.path('%s-%d.jsonl' % (name, i)) for i in range(3))
    place.write(os.path.basename(first), exported(n))
    said = move('import', first, there, name)
    ok('imported %d subjects, %d windows' % (n, 2 * n) in said and
       '0 replaced, %d verified' % n in said, name + ': all arrive', said=said)
    said = move('export', second, there, name)
    ok('exported %d subjects, %d windows' % (n, 2 * n) in said, name + ': all leave', said=said)
    equal(stat.S_IMODE(os.stat(second).st_mode), 0o600, name + ': for the owner only')
    ok(counts(second) == counts(first), name + ': with the same counts')
    move('import', second, back, name)
    said = move('import', second, back, name)
    ok('%d replaced, %d verified' % (n, n) in said, name + ': again', said=said)
    move('export', third, back, name)
    ok(counts(third) == counts(first), name + ': and back')


def test_move():
    """Between an embedded store and Redis, both ways, and to another prefix and key"""
    for kind in redis.Layout, redis.Sentinel, redis.Cluster:
        layout = kind().start()
        shared = config(kind.name + '.conf', layout.settings(place.path(kind.name)))
        for server in layout.servers:
            server('ACL', 'SETUSER', redis.USER, '~other:*', '&other:*')
        layout.prefix = 'other'
        other = config(kind.name + '2.conf', layout.settings(
            place.path(kind.name), key=redis.site_key('other.key')))
        layout.prefix = redis.PREFIX
        round_trip('to ' + kind.name, embedded('from-' + kind.name), shared, 500)
        layout.flush()
        round_trip('from ' + kind.name, shared, embedded('to-' + kind.name), 500)
        layout.flush()
        round_trip('within ' + kind.name, shared, other, 100)
        layout.stop()


def test_many():
    """20,000 subjects are moved while one waits"""
    layout = redis.Layout().start()
    shared = config('many.conf', layout.settings(place.path('many')))
    first, second = place.write('many-1.jsonl', exported(20000)), place.path('many-2.jsonl')
    for way, path in ('import', first), ('export', second):
        began = time.monotonic()
        move(way, path, shared, 'many')
        took = time.monotonic() - began
        ok(took < 60, '--%s took less than a minute' % way, took=took)
    ok(counts(second) == counts(first), 'nothing is lost')
    layout.stop()


def test_refused():
    """A damaged file changes nothing; nothing is written over"""
    conf = embedded('refuse')
    good = exported(50)
    lines = good.splitlines(keepends=True)
    for name, text, said in (
            ('cut short', ''.join(lines[:-1]), 'ends without its last line'),
            ('a line less', ''.join(lines[:7] + lines[8:]), 'the file has 49 subjects'),
            ('a line twice', ''.join(lines[:7] + lines[6:]), 'the file has 51 subjects'),
            ('edited', good.replace('"limit": 100', '"limit": 900', 1), 'its sum is wrong'),
            ('newer', good.replace('"version": 1', '"version": 2', 1), 'by a newer mortsafe'),
            ('empty', '', 'the file is empty')):
        path = place.write('bad.jsonl', text)
        for how in (['--import', path], ['--import', '-']):
            with open(path, encoding='ascii') as file:
                done = mortsafe(*how, '-x', conf, stdin=file)
            equal(done.returncode, EX_DATAERR, '%s, %s' % (name, how[1][:1]), said=done.stderr)
            ok(said in done.stderr, name + ' is told', said=done.stderr)
    equal(mortsafe('--import', place.path('none'), '-x', conf).returncode, EX_NOINPUT, 'no file')
    done = mortsafe('--export', '-', '-x', conf)
    equal(len(done.stdout.splitlines()), 2, 'nothing has been imported')
    done = mortsafe('--export', place.write('kept', 'mine\n'), '-x', conf)
    equal(done.returncode, EX_CANTCREAT, 'a file that is there')
    with open(place.path('kept'), encoding='ascii') as file:
        equal(file.read(), 'mine\n', 'stays as it is')
    done = mortsafe('--export', '-', '-x', config('memory.conf', 'store { type = memory }\n'))
    equal(done.returncode, EX_CONFIG, 'a store in memory has nothing to move')


def test_running():
    """Not beside the daemon that has an embedded store; beside one with Redis, yes"""
    conf = embedded('busy')
    with open(conf, encoding='ascii') as file:
        safe = Mortsafe(config=file.read())
    safe.start()
    place.until(safe.decided, 'a daemon that has started')
    done = mortsafe('--export', '-', '-x', conf)
    equal(done.returncode, EX_TEMPFAIL, 'the embedded store is in use')
    ok('in use by another mortsafe' in done.stderr and 'stop it first' in done.stderr,
       'and it is told what to do', said=done.stderr)
    safe.end()
    layout = redis.Layout().start()
    conf = config('live.conf', layout.settings(place.path('live')))
    with open(conf, encoding='ascii') as file:
        safe = Mortsafe(config=file.read())
    safe.start()
    place.until(safe.decided, 'a daemon that has started')
    path = place.write('live.jsonl', exported(100))
    move('import', path, conf, 'beside a daemon')
    move('export', place.path('live2.jsonl'), conf, 'beside a daemon')
    ok(counts(place.path('live2.jsonl')) == counts(path), 'all is there')
    safe.end()
    layout.stop()
    place.write('away.jsonl', '')
    done = mortsafe('--export', place.path('away.jsonl'), '-x', conf)
    equal(done.returncode, EX_UNAVAILABLE, 'Redis is away')
    ok('Connection refused' in done.stderr, 'as is told', said=done.stderr)


tap.run(test_make_key, test_usage, test_check_reads_key, test_connect, test_move, test_many,
        test_refused, test_running)
tap.finish()
