#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of held mail: which programs of the MTA's are run, with which words, what is
believed of what they say, and what the daemon is told.  Postfix and Sendmail are played by
scripts; without root only what may be done without it."""
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_api import Fake, answer  # noqa: E402
from tap_ctl import CTL, HERE, end, environment, ok  # noqa: E402

FOLDER = tempfile.mkdtemp()
PATH = os.path.join(FOLDER, 'api.sock')
BIN = os.path.join(FOLDER, 'bin')
QUEUE = os.path.join(FOLDER, 'queue')
CALLS = os.path.join(FOLDER, 'calls')
STATE = os.path.join(FOLDER, 'state')

# Each keeps its words and what it read; STATE/NAME has the queue: "ID hold", "ID deferred".
POSTQUEUE = r'''
[ ! -e "$STATE/broken" ] || { echo 'postqueue: fatal: no such queue' >&2; exit 69; }
echo 'postqueue: warning: Mail system is down -- accessing queue directly' >&2
while read -r id queue; do
    echo "{\"queue_name\": \"$queue\", \"queue_id\": \"$id\", \"recipients\": [{\"address\":\
 \"4XyZq9 hold\"}]}"
done <"$STATE/postfix"
'''
POSTSUPER = r'''
case " $* " in
*' -d - hold ') done='removed' left='s/^%s hold$//' ;;
*' -H - ') done='released from hold' left='s/^%s hold$/%s active/' ;;
*) echo "postsuper: fatal: $*" >&2; exit 1 ;;
esac
while read -r id; do
    echo "read $id" >>"$CALLS"
    [ ! -e "$STATE/deaf" ] || continue
    if grep -q "^$id hold\$" "$STATE/postfix"; then
        sed -i "$(echo "$left" | sed "s/%s/$id/g")" "$STATE/postfix"
        sed -i '/^$/d' "$STATE/postfix"
        echo "postsuper: $id: $done" >&2
    fi
done
[ ! -e "$STATE/fails" ] || { echo 'postsuper: fatal: disk full' >&2; exit 1; }
'''
SENDMAIL = r'''
case " $* " in
*' -bp -qQ '*)
    [ ! -e "$STATE/other" ] || { echo 'Mail queue is empty'; exit 0; }
    printf '\t\t%s (3 requests)\n-----Q-ID----- --Size--\n' "$QUEUE"
    while read -r id; do
        printf '%s        6 Sun Nov 22 18:09 <x@remote.test>\n     QUARANTINE: %s\n' "$id" REF
        printf '\t\t\t\t\t /etc/passwd (4 requests)\n'
    done <"$STATE/sendmail"
    printf '\t\tTotal requests: 3\n' ;;
*' -Q -qQ -qI'*)
    [ ! -e "$STATE/deaf" ] || exit 0
    sed -i "/^${*##*-qI}X\{0,1\}\$/d" "$STATE/sendmail" ;;
*) exit 64 ;;
esac
'''


def script(name, text):
    path = os.path.join(BIN, name)
    with open(path, 'w', encoding='ascii') as out:
        out.write('#!/bin/sh\nSTATE=%s CALLS=%s QUEUE=%s\necho "%s $*" >>"$CALLS"\n%s'
                  % (STATE, CALLS, QUEUE, name, text))
    os.chmod(path, 0o755)


def message(ident, mta='postfix', host='mx1.example.org', at='2020-11-22T14:37:00Z'):
    deliver = 'postsuper -H ' if mta == 'postfix' else 'sendmail -Q -qQ -qI'
    return {'at': at, 'host': host, 'mta': mta, 'id': ident, 'subject': 'user:ann@example.org',
            'rule': 'zombie.account', 'from': 'ann@example.org', 'recipients': 1,
            'command': {'deliver': deliver + str(ident), 'delete': 'rm ' + str(ident)}}


def play(arguments, held, postfix=(), sendmail=(), flags=(), **how):
    """Run it where the API tells HELD and the MTAs have POSTFIX and SENDMAIL; what came of it,
    the calls of the MTA's programs, what the daemon was told to be gone, what is left."""
    for folder in (STATE, QUEUE):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        os.chmod(folder, 0o777)
    for name, lines in (('postfix', postfix), ('sendmail', sendmail)):
        with open(os.path.join(STATE, name), 'w', encoding='ascii') as out:
            out.writelines(line + '\n' for line in lines)
    for ident in sendmail:
        for kind in ('hf', 'df'):
            with open(os.path.join(QUEUE, kind + ident.rstrip('X')), 'w', encoding='ascii'):
                pass
    for flag in flags:
        with open(os.path.join(STATE, flag), 'w', encoding='ascii'):
            pass
    with open(CALLS, 'w', encoding='ascii'):
        pass
    with open(os.path.join(HERE, 'answers', 'status.json'), 'rb') as file:
        status = dict(json.load(file), host='mx1.example.org')
    with open(os.path.join(HERE, 'answers', 'release.json'), 'rb') as file:
        release = dict(json.load(file), held=held)
    answers = {'GET /v1/status': answer(status), 'GET /v1/held': answer({'held': held}),
               'POST /v1/subjects/ann%40example.org/release': answer(release),
               'GET /v1/subjects/ann%40example.org': answer({'standing': 'quarantined'}),
               'POST /v1/held/gone': answer({'dropped': 1})}
    with Fake(PATH, answers) as fake:
        os.chmod(PATH, 0o666)
        done = subprocess.run(
            [CTL, '-s', PATH] + arguments.split(), timeout=60, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8',
            env=environment({'PATH': '.::%s:/usr/bin:/bin' % BIN, 'COLUMNS': '0'}), **how)
        asked = fake.asked
    with open(CALLS, encoding='ascii') as file:
        calls = file.read().splitlines()
    gone = [json.loads(one.split(' ', 2)[2]) for one in asked if 'held/gone' in one]
    told = {row['id']: one['outcome'] for one in gone for row in one['ids']}
    with open(os.path.join(STATE, 'postfix'), encoding='ascii') as file:
        left = file.read().split()
    return done, calls, told, left


def said(done):
    return 'exit %d' % done.returncode, done.stdout, done.stderr


def postfix():
    held = [message('4XyZq1'), message('4XyZq2'), message('4XyZq3')]
    queue = ['4XyZq1 hold', '4XyZq2 deferred', '4XyZq9 hold']
    done, calls, told, left = play('release ann@example.org', held, queue)
    ok(done.returncode == 0 and not calls and not told and '3 messages stay held' in done.stdout,
       'without --held nothing is done to held mail', *said(done), calls, told)
    done, calls, told, left = play('release ann@example.org --held deliver', held, queue)
    ok(done.returncode == 0 and
       calls == ['postqueue -j', 'postsuper -H -', 'read 4XyZq1'],
       'deliver: postsuper -H reads what is on hold', *said(done), calls)
    ok(told == {'4XyZq1': 'delivered', '4XyZq2': 'delivered', '4XyZq3': 'gone'},
       'the daemon is told what has become of each', told)
    ok('4XyZq1 is on its way.' in done.stdout and
       '4XyZq3 was not in the queue any more.' in done.stdout, 'so is the operator', *said(done))
    ok(left == '4XyZq1 active 4XyZq2 deferred 4XyZq9 hold'.split(),
       'mail of others stays on hold', left)
    done, calls, told, left = play('release ann@example.org --held delete', held, queue)
    ok(done.returncode == 0 and calls[1:] == ['postsuper -d - hold', 'read 4XyZq1'] and
       told == {'4XyZq1': 'deleted', '4XyZq2': 'delivered', '4XyZq3': 'gone'} and
       left == '4XyZq2 deferred 4XyZq9 hold'.split(),
       'delete: what somebody has let go by hand is not deleted', *said(done), calls, told, left)
    done, calls, told, left = play('-j release ann@example.org --held deliver', held, queue)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    ok(done.returncode == 0 and rows[0]['changed'] and
       [(row['id'], row['outcome']) for row in rows[1:]] ==
       [('4XyZq1', 'delivered'), ('4XyZq2', 'delivered'), ('4XyZq3', 'gone')],
       'as JSON: the answer, then an object a message', *said(done))
    done, calls, told, left = play('release ann@example.org --held deliver --mta-config /etc/pf2',
                                   held, queue)
    ok(calls[:2] == ['postqueue -c /etc/pf2 -j', 'postsuper -c /etc/pf2 -H -'],
       '--mta-config names another instance', calls)


def postfix_in_trouble():
    held = [message('4XyZq1'), message('4XyZq2')]
    queue = ['4XyZq1 hold', '4XyZq2 hold']
    words = 'release ann@example.org --held deliver'
    done, calls, told, left = play(words, held, queue, flags=['broken'])
    ok(done.returncode == 69 and not told and 'no such queue' in done.stderr and
       'postsuper -H 4XyZq1' in done.stdout,
       'a queue that cannot be read is not an empty one', *said(done), told)
    done, calls, told, left = play(words, held, queue, flags=['deaf'])
    ok(done.returncode == 1 and not told and 'postsuper -H 4XyZq2' in done.stdout,
       'what postsuper does not say to be done is not done', *said(done), told)
    done, calls, told, left = play(words, held, queue, flags=['fails'])
    ok(done.returncode == 69 and told == {'4XyZq1': 'delivered', '4XyZq2': 'delivered'} and
       'disk full' in done.stderr, 'where it fails, what it did is told', *said(done), told)


def hostile():
    """Ids that are none are never handed to a program."""
    held = [message(one) for one in
            ('-d', 'ALL', '4XyZq1\nALL', '../etc', '$(id)', 'x' * 64, '', None, 7)]
    done, calls, told, left = play('release ann@example.org --held delete', held,
                                   ['ALL deferred'])
    ok(calls == ['postqueue -j'] and told == {'ALL': 'delivered'} and done.returncode == 1,
       'an id is letters and digits', *said(done), calls, told)
    held = [message('4XyZq1', mta='exim'), dict(message('4XyZq2'), mta=None)]
    done, calls, told, left = play('release ann@example.org --held delete', held,
                                   ['4XyZq1 hold', '4XyZq2 hold'])
    ok(not calls and not told and done.returncode == 1, 'an unknown MTA is left alone',
       *said(done), calls)


def sendmail():
    first, second, third = '6AMI9Her008463', '6AMI9Hes008463', '6AMI9Het008463'
    held = [message(one, 'sendmail') for one in (first, second, third)]
    words = 'release ann@example.org --held '
    done, calls, told, left = play(words + 'deliver', held, sendmail=[first, second + 'X'])
    ok(done.returncode == 0 and calls ==
       ['sendmail -bp -qQ', 'sendmail -Q -qQ -qI' + first, 'sendmail -Q -qQ -qI' + second,
        'sendmail -bp -qQ'], 'Sendmail lets them go one by one', *said(done), calls)
    ok(told == {first: 'delivered', second: 'delivered', third: 'gone'},
       'the daemon is told what has become of each', told)
    done, calls, told, left = play(words + 'deliver', held, sendmail=[first], flags=['deaf'])
    ok(done.returncode == 1 and told == {second: 'gone', third: 'gone'} and
       'sendmail -Q -qQ -qI' + first in done.stdout, 'what it still holds is still held',
       *said(done), told)
    done, calls, told, left = play(words + 'delete', held, sendmail=[first, second])
    ok(done.returncode == 0 and calls == ['sendmail -bp -qQ'] and not os.listdir(QUEUE) and
       told == {first: 'deleted', second: 'deleted', third: 'gone'},
       'delete removes the files of what is quarantined', *said(done), calls,
       os.listdir(QUEUE))
    done, calls, told, left = play(words + 'deliver', held, sendmail=[first], flags=['other'])
    ok(done.returncode == 69 and not told and "not Sendmail's queue" in done.stderr,
       "another MTA's sendmail is not believed", *said(done), told)
    done, calls, told, left = play(words + 'deliver --mta-config /etc/sm.cf', held,
                                   sendmail=[first])
    ok(calls[:2] == ['sendmail -C /etc/sm.cf -bp -qQ',
                     'sendmail -C /etc/sm.cf -Q -qQ -qI' + first],
       '--mta-config names its file', calls)


def hosts():
    held = [message('4XyZq1'), message('4XyZq2', host='mx2.example.org'),
            message('6AMI9Her008463', 'sendmail', 'mx3.example.org')]
    done, calls, told, left = play('release ann@example.org --held deliver', held,
                                   ['4XyZq1 hold', '4XyZq2 hold'])
    ok(done.returncode == 1 and told == {'4XyZq1': 'delivered'} and
       'To be run by root on mx2.example.org:\n    postsuper -H 4XyZq2\n' in done.stdout and
       'on mx3.example.org:\n    sendmail -Q -qQ -qI6AMI9Her008463\n' in done.stdout,
       "other hosts' messages are left, with the command to run there", *said(done), told)
    ok('4XyZq2' not in ' '.join(calls), 'and are not looked for here', calls)


def checks():
    held = [message('4XyZq1'), message('4XyZq2'), message('4XyZq3'),
            message('4XyZq4', at='2089-11-22T14:37:00Z'), message('4XyZq5', host='mx2')]
    done, calls, told, left = play('held --check', held, ['4XyZq1 hold', '4XyZq2 deferred'])
    ok(done.returncode == 0 and calls == ['postqueue -j'] and
       told == {'4XyZq2': 'delivered', '4XyZq3': 'gone'} and
       '2 messages are not held any more.' in done.stdout,
       'held --check looks what is still held; not for what is on its way in, nor elsewhere',
       *said(done), calls, told)
    done, calls, told, left = play('held --check', held, flags=['broken'])
    ok(done.returncode == 69 and not told and '5 messages are held' in done.stdout,
       'if nothing can be looked for, all stay', *said(done), told)
    done, calls, told, left = play('held', held)
    ok(done.returncode == 0 and not calls and not told, 'without --check nothing is looked for',
       *said(done), calls)


def without_root():
    held = [message('4XyZq1'), message('4XyZq2', host='mx2.example.org')]
    how = {}
    if os.geteuid() == 0:
        how = {'user': pwd.getpwnam('nobody').pw_uid}
        probe = subprocess.run([CTL, 'version'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               **how)
        if probe.returncode != 0:
            ok(True, 'without root # SKIP %s is not for others' % CTL)
            return
    done, calls, told, left = play('release ann@example.org --held deliver', held,
                                   ['4XyZq1 hold'], **how)
    ok(done.returncode == 1 and not calls and not told and
       'To be run by root on mx1.example.org:\n    postsuper -H 4XyZq1\n' in done.stdout and
       'To be run by root on mx2.example.org:\n    postsuper -H 4XyZq2\n' in done.stdout,
       'without root, the commands are printed: 1', *said(done), calls)
    done, calls, told, left = play('--tsv release ann@example.org --held delete', held, **how)
    ok(done.stdout.splitlines()[2:] ==
       ['host\tid\tsubject\toutcome\tcommand',
        'mx1.example.org\t4XyZq1\tuser:ann@example.org\theld\trm 4XyZq1',
        'mx2.example.org\t4XyZq2\tuser:ann@example.org\theld\trm 4XyZq2'],
       'so are they for programs', *said(done))


def main():
    if not os.access(CTL, os.X_OK):
        print('1..0 # SKIP no mortsafectl to ask')
        return 0
    os.chmod(FOLDER, 0o755)
    os.mkdir(BIN)
    for name, text in (('postqueue', POSTQUEUE), ('postsuper', POSTSUPER),
                       ('sendmail', SENDMAIL)):
        script(name, text)
    tests = [postfix, postfix_in_trouble, hostile, sendmail, hosts]
    for test in tests if os.geteuid() == 0 else []:
        test()
    checks()
    without_root()
    shutil.rmtree(FOLDER)
    return end()


sys.exit(main())
