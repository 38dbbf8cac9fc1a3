#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What README.md and contrib/redis tell an operator to do gives a Redis that
mortsafe has nothing to say about, with no right too few and none too many."""
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.environ.get('top_srcdir') or
                      os.path.join(os.path.dirname(__file__), '..'))
BUILD = os.path.abspath(os.environ.get('top_builddir') or '.')
MORTSAFE = os.environ.get('MORTSAFE') or os.path.join(BUILD, 'mortsafe')
SERVER = shutil.which('redis-server') or shutil.which('redis-check-rdb')
ROOT = os.geteuid() == 0
# for Clusters, for Sentinels, for a database, for people who look at CLIENT LIST
ELSEWHERE = {'+cluster|slots', '+asking', '+role', '+select', '+client|setname'}

count = failed = 0


def ok(passed, name, *seen):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if passed else 'not ', count, name), flush=True)
    if not passed:
        failed += 1
        for one in seen:
            for line in str(one).splitlines():
                print('#   ' + line)


def text_of(*path):
    with open(os.path.join(TOP, *path), encoding='utf-8') as file:
        return file.read()


def rights(text):
    """The words of the ACL line for mortsafe, but for its password."""
    line = re.search(r'^user mortsafe on .*$', text, re.M)
    return line.group(0).split()[4:] if line else []


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


# ----- the steps

def steps():
    """The commands of README.md's steps 1 and 2, as a shell script."""
    part = text_of('README.md').split('## More than one MTA', 1)[1].split('\n## ', 1)[0]
    part = part.split('\n3. ', 1)[0]
    lines = re.findall(r'^       (\S.*|    .*)$', part, re.M)
    return '\n'.join(lines) + '\n'


def on_this_machine(script, etc):
    """SCRIPT without root, with ETC for /etc, and an address that is here."""
    for old, new in (('sudo apt-get install redis-server\n', ''),
                     ('sudo systemctl restart redis-server\n', ''),
                     (' -o redis -g redis', ''), ('sudo ', ''), ('/etc/redis', etc),
                     ('/192.0.2.60/', '/127.0.0.1/')):
        if old not in script:
            raise ValueError('README.md no longer says: ' + old)
        script = script.replace(old, new)
    return 'set -e\n' + script


def follow_steps(folder, port):
    etc = os.path.join(folder, 'etc')
    os.mkdir(etc)
    os.symlink(os.path.join(TOP, 'contrib'), os.path.join(folder, 'contrib'))
    with open(os.path.join(etc, 'redis.conf'), 'w', encoding='ascii') as out:
        out.write('bind 127.0.0.1 -::1\nport 6379\nsave 3600 1\ndir %s\n' % folder)
    done = subprocess.run(['sh', '-c', on_this_machine(steps(), etc)], cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding='utf-8')
    ok(done.returncode == 0, "README's commands can be pasted", done.stdout)
    included = os.path.join(etc, 'mortsafe-redis.conf')
    with open(included, encoding='ascii') as file:
        conf = file.read().replace('/etc/redis', etc)
    with open(included, 'w', encoding='ascii') as out:
        out.write(conf.replace('tls-port 6379', 'tls-port %d' % port))
    return os.path.join(etc, 'redis.conf')


# ----- the server

def start(conf, port):
    server = subprocess.Popen(['redis-server', conf], executable=SERVER,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    end = time.monotonic() + 5
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(('127.0.0.1', port)) == 0:
                return server
        time.sleep(0.01)
    stop(server)
    print('# ' + server.stdout.read().decode(errors='replace').replace('\n', '\n# '))
    return None


def ask_as_admin(folder, port, *words):
    """What somebody with all rights is answered."""
    return subprocess.run(['redis-cli', '--tls', '--cacert', folder + '/redis-ca.crt',
                           '--sni', 'redis.example.net', '-p', str(port), '--user', 'admin',
                           '--no-auth-warning', '-a', 'admin'] + list(words),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding='utf-8').stdout.strip()


def stop(server):
    if server is not None and server.poll() is None:
        server.terminate()
        server.wait(10)


def let_in(conf, words):
    """Rewrite users.acl: mortsafe's rights are WORDS."""
    path = os.path.join(os.path.dirname(conf), 'users.acl')
    with open(path, encoding='ascii') as file:
        text = file.read()
    old = re.search(r'^(user mortsafe on \S+) .*$', text, re.M)
    with open(path, 'w', encoding='ascii') as out:
        out.write(text.replace(old.group(0), old.group(1) + ' ' + ' '.join(words)))


# ----- mortsafe

def daemon_user():
    try:
        return pwd.getpwnam('mortsafe')
    except KeyError:
        return pwd.getpwnam('nobody')


def configure(folder, port):
    """Steps 3 and 4."""
    as_user = ['-u', daemon_user().pw_name] if ROOT else []
    key = os.path.join(folder, 'site.key')
    subprocess.run([MORTSAFE, '--make-key', key] + as_user, check=True,
                   stdout=subprocess.DEVNULL)
    for name, mode in (('redis.pass', 0o640), ('redis-ca.crt', 0o644)):
        os.chmod(os.path.join(folder, name), mode)
        if ROOT:
            os.chown(os.path.join(folder, name), 0, daemon_user().pw_gid)
    path = os.path.join(folder, 'mortsafe.conf')
    os.mkdir(os.path.join(folder, 'state'), 0o700)
    if ROOT:
        os.chown(os.path.join(folder, 'state'), daemon_user().pw_uid, daemon_user().pw_gid)
    with open(path, 'w', encoding='ascii') as out:
        out.write('socket = local:%s/state/sock\n' % folder +
                  'log { to = stderr }\n'
                  'domains local { list = example.org }\n'
                  'store { type = redis  url = rediss://mortsafe@127.0.0.1:%d\n'
                  ' tls_name = redis.example.net  password_file = redis.pass\n'
                  ' ca_file = redis-ca.crt  path = %s/state }\n'
                  'privacy { key_file = %s }\n' % (port, folder, key))
    return [MORTSAFE, '-x', path] + as_user


def look(command, *options):
    return subprocess.run(command + list(options), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8')


# ----- tests

def test_texts():
    acl = rights(text_of('contrib', 'redis', 'users.acl'))
    ok(len(acl) > 10, 'users.acl has the line for mortsafe')
    page = text_of('man', 'mortsafe-policy.7')
    found = re.search(r'^user mortsafe on >PASSWORD (.*?)^\.Ed', page, re.M | re.S)
    ok(found is not None and found.group(1).split() == acl,
       'mortsafe-policy(7) gives the same rights', acl, found and found.group(1).split())


def test_all_rights(conf, port, command):
    with open(os.path.join(os.path.dirname(conf), 'users.acl'), 'a', encoding='ascii') as out:
        out.write('user admin on >admin +@all ~* &*\n')
    server = start(conf, port)
    ok(server is not None, 'a real Redis takes redis.conf and users.acl')
    done = look(command, '-n', '--connect')
    ok(done.returncode == 0 and 'FAIL' not in done.stdout and 'warn' not in done.stdout,
       'mortsafe -n --connect has nothing to say', done.stdout, done.stderr)
    return server


def test_daemon(folder, port, command):
    """It comes into use, and nothing that it asks is denied."""
    daemon = subprocess.Popen(command + ['-f'], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              encoding='utf-8')
    end = time.monotonic() + 10
    hosts = ''
    while hosts != '2' and time.monotonic() < end: # the fleet's key, and this host
        hosts = ask_as_admin(folder, port, 'HLEN', 'mortsafe:{fleet}')
    daemon.terminate()
    said = daemon.communicate(timeout=30)[1]
    ok(hosts == '2', 'the daemon joins the fleet', hosts, said)
    done = look(command, '--export', '-')
    ok(done.returncode == 0, 'its counts can be exported', done.stderr)
    denied = ask_as_admin(folder, port, 'ACL', 'LOG')
    ok(denied == '', 'nothing was denied to it', denied)


def test_each_right(conf, port, command):
    """Without any one of them mortsafe says that it lacks it."""
    words = rights(text_of('contrib', 'redis', 'users.acl'))
    for right in words:
        if not right.startswith('+') or right in ELSEWHERE:
            continue
        let_in(conf, [w for w in words if w != right])
        server = start(conf, port)
        done = look(command, '-n', '--connect')
        named = re.search(r'^(FAIL|warn) .* ' + re.escape(right) + r'\b', done.stdout, re.M)
        ok(named, 'without %s mortsafe names it' % right, done.stdout, done.stderr)
        stop(server)


def main():
    test_texts()
    if SERVER is None or not os.access(MORTSAFE, os.X_OK) or not shutil.which('openssl'):
        print('# no Redis, no openssl or no mortsafe: the rest is left out')
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        conf = follow_steps(folder, port)
        command = configure(folder, port)
        server = test_all_rights(conf, port, command)
        test_daemon(folder, port, command)
        stop(server)
        test_each_right(conf, port, command)


main()
print('1..%d' % count)
sys.exit(1 if failed else 0)
