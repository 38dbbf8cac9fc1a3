#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What mortsafectl prints, for people, for programs, wide and narrow, with UTF-8 and
without, is what stands in golden/; so are its exit code and what it asked the daemon for.
With --write, what it prints now is what shall stand there."""
import difflib
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_api import Fake, answer, problem  # noqa: E402
from tap_ctl import CTL, HERE, TOP, end, ok, run  # noqa: E402

WRITE = '--write' in sys.argv

# How a command is run: the name of the way, what is set, what is put in front.
WAYS = {
    'wide': ({}, []),
    'narrow': ({'COLUMNS': '20'}, []),
    'ascii': ({'LC_ALL': 'C'}, []),
    'color': ({}, ['--color=always']),
    'quiet': ({}, ['-q']),
    'json': ({}, ['-j']),
    'tsv': ({}, ['--tsv']),
    'west': ({'TZ': 'EST5'}, []),
}
ALL = 'wide narrow ascii color quiet json tsv west'.split()
FEW = 'wide json tsv'.split()
ONE = ['wide']

S = 'GET /v1/subjects'
D = 'GET /v1/decisions'
ANN = 'GET /v1/subjects/user%3Aann%40example.org'
OF_ANN = '/v1/subjects/ann%40example.org/'
Z = 'GET /v1/zombies'
DATA = os.path.join(TOP, 'test', 'data', 'feedback')
os.chdir(TOP)  # names in what is told are as long wherever this stands
STARTER = os.path.join('contrib', 'starter.conf')
SENDMAIL = os.path.join(TOP, 'test', 'data', 'doctor', 'sendmail.cf')
LOOKS = ['daemon', 'config', 'milter', 'away', 'order', 'macros', 'filter', 'auth', 'rules',
         'networks', 'crowds']
LETTER = answer(b'''From: Postmaster <postmaster@example.org>\r
Subject: Mail from your account is stopped\r
Content-Type: text/plain; charset=utf-8\r
\r
Hello,\r
\r
your account sent far more mail than usual.  \x1b[31mGr\xc3\xbc\xc3\x9fe\r
''', kind='text/plain; charset=utf-8')

# name, ways, arguments, {request: file or answer}
ROWS = [
    ('help', ['wide', 'narrow'], 'help', {}),
    ('help-of-a-command', ['wide', 'narrow'], 'help explain', {}),
    ('help-of-the-relay-test', ONE, 'help relay-test', {}),
    ('help-of-the-proxy-test', ONE, 'help proxy-test', {}),
    ('help-as-an-option', ONE, 'raise --help', {}),
    ('version', FEW, 'version', {}),
    ('ping', ['wide', 'quiet', 'json', 'tsv'], 'ping', {'GET /v1/ping': 'ping'}),
    ('status', ALL, 'status', {'GET /v1/status': 'status'}),
    ('status-with-an-error', ALL, 'status', {'GET /v1/status': 'status_bad'}),
    ('status-of-a-fleet', ALL, 'status --fleet', {'GET /v1/status': 'status_fleet'}),
    ('status-of-no-fleet', ONE, 'status --fleet', {'GET /v1/status': 'status'}),
    ('stats', FEW, 'stats', {'GET /v1/status': 'status'}),
    ('top', ALL, 'top', {S: 'subjects'}),
    ('top-with-options', ONE, 'top users -n 5 --sort external --fleet', {S: 'subjects'}),
    ('log', ALL, 'log', {D: 'decisions'}),
    ('log-with-options', ONE, 'log --user ann@example.org --client 192.0.2.7 --rule limit.user '
     '--since 7d -n 3', {D: 'decisions'}),
    ('log-of-nothing', FEW, 'log', {D: 'decisions_none'}),
    ('would', ALL, 'would', {'GET /v1/would': 'would'}),
    ('would-with-options', ONE, 'would --rule limit.relay --since 2026-11-01',
     {'GET /v1/would': 'would'}),
    ('would-as-csv', ['wide', 'quiet', 'json'], 'would --csv', {'GET /v1/would': 'would'}),
    ('would-of-nobody', FEW, 'would', {'GET /v1/would': 'would_none'}),
    ('explain', ALL, 'explain --client 192.0.2.7 --user ann@example.org '
     '--from ann@example.org --to bob@example.com --to c@example.com --tls --helo pc7 '
     '--size 20000', {'POST /v1/explain': 'explain'}),
    ('explain-what-passes', FEW, 'explain --client 192.0.2.7 --to ann@example.org',
     {'POST /v1/explain': 'explain_pass'}),
    ('why-of-a-limit', ALL, 'why K7Q2M9XD', {D: 'decisions_limit', ANN: 'subject'}),
    ('why-of-a-relay-rule', FEW, 'why P3ZK8WQA', {D: 'decisions_rule'}),
    ('why-of-look-ups', ONE, 'why S3ZK8WQA', {D: 'decisions_lookups'}),
    ('why-of-what-was-observed', FEW, 'why 4XyZq9', {D: 'decisions_would'}),
    ('why-of-a-zombie', FEW, 'why Z3ZK8WQA',
     {D: 'decisions_zombie', ANN: 'subject_zombie'}),
    ('why-of-a-message-too-large', ONE, 'why K7Q2M9XD', {D: 'decisions_never'}),
    ('why-of-what-is-not-known', FEW, 'why 4XyZZZ', {D: 'decisions_none'}),
    ('show', ALL, 'show user ann@example.org', {ANN: 'subject'}),
    ('show-a-bare-key', ONE, 'show 192.0.2.0/24',
     {'GET /v1/subjects/192.0.2.0%2F24': 'subject_bare'}),
    ('show-nobody', FEW, 'show nobody@example.org',
     {'GET /v1/subjects/nobody%40example.org':
      problem(404, 'unknown-subject', 'nothing is known of \x1b[31mnobody@example.org')}),
    ('reset', FEW, 'reset ann@example.org user',
     {'POST /v1/subjects/ann%40example.org/reset': 'reset'}),
    ('raise', FEW, ['raise', 'ann@example.org', 'user', '2000/1d', '--until', '2026-11-30',
                    '--note', 'newsletter, ticket 4711'],
     {'POST /v1/subjects/ann%40example.org/raise': 'act'}),
    ('exempt-list', ALL, 'exempt list', {'GET /v1/acts': 'acts'}),
    ('exempt-add', FEW, 'exempt add ann@example.org burst --until 7d --host',
     {'POST /v1/subjects/ann%40example.org/exempt': 'act'}),
    ('exempt-del', FEW, 'exempt del Q3ZK8WQA',
     {'DELETE /v1/acts/Q3ZK8WQA': 'deleted', 'GET /v1/acts': 'acts'}),
    ('audit', ALL, 'audit', {'GET /v1/audit': 'audit'}),
    ('zombies', ALL, 'zombies', {Z: 'zombies'}),
    ('zombies-with-options', ONE, 'zombies --standing throttled,quarantined --observed -n 7',
     {Z: 'zombies'}),
    ('zombies-held-back', FEW, 'zombies', {Z: 'zombies_braking'}),
    ('zombies-of-nobody', FEW, 'zombies', {Z: 'zombies_none'}),
    ('show-a-zombie', ALL, 'show user ann@example.org', {ANN: 'subject_zombie'}),
    ('show-one-that-is-observed', ONE, 'show user ann@example.org', {ANN: 'subject_watched'}),
    ('quarantine', ['wide', 'quiet', 'json', 'tsv'],
     ['quarantine', 'ann@example.org', '--for', '7d', '--note', 'ticket 4711'],
     {'POST ' + OF_ANN + 'quarantine': 'quarantine'}),
    ('quarantine-where-the-rule-observes', ONE, 'quarantine ann@example.org --until 2026-12-01',
     {'POST ' + OF_ANN + 'quarantine': 'quarantine_observed'}),
    ('quarantine-with-two-ends', ONE, 'quarantine ann@example.org --for 1d --until 2d', {}),
    ('release', FEW, ['release', 'ann@example.org', '--note', 'password changed'],
     {'POST ' + OF_ANN + 'release': 'release'}),
    ('release-and-deliver-nothing', FEW, 'release ann@example.org --held deliver',
     {'POST ' + OF_ANN + 'release': 'release_none',
      'GET /v1/subjects/ann%40example.org': 'subject_zombie'}),
    ('release-as-legitimate', ONE, 'release ann@example.org --legit --held deliver',
     {'POST ' + OF_ANN + 'release': 'release_none'}),
    ('release-who-is-released', FEW, 'release ann@example.org --held deliver',
     {'GET /v1/held': 'held_none', 'GET /v1/subjects/ann%40example.org': 'subject'}),
    ('release-who-is-not-stopped', FEW, 'release ann@example.org',
     {'POST ' + OF_ANN + 'release': 'release_same'}),
    ('release-many', FEW, 'release --since 2020-11-22 --until 2020-11-23 --family content '
     '--standing throttled,quarantined --yes', {'POST /v1/release': 'release_many', Z: 'zombies'}),
    ('release-many-without-doing-it', ['wide', 'ascii', 'json', 'tsv'],
     'release --since 1d --dry-run',
     {'POST /v1/release': 'release_many', Z: 'zombies'}),
    ('release-many-without-a-terminal', ONE, 'release --since 1d',
     {'POST /v1/release': 'release_many', Z: 'zombies'}),
    ('release-many-of-nobody', FEW, 'release --since 1d --yes',
     {'POST /v1/release': 'release_nobody'}),
    ('release-whom', ONE, 'release', {}),
    ('release-one-of-many', ONE, 'release ann@example.org --since 1d', {}),
    ('release-many-and-teach', ONE, 'release --since 1d --legit', {}),
    ('release-with-a-config-for-nothing', ONE, 'release ann@example.org --mta-config /etc/p', {}),
    ('lease', FEW, 'lease 192.0.2.77', {'POST /v1/subjects/192.0.2.77/lease': 'lease'}),
    ('confirm', FEW, 'confirm 7K2M-9QXD', {'POST /v1/confirm': 'confirm'}),
    ('confirm-what-was-used', ONE, 'confirm 7K2M-9QXD',
     {'POST /v1/confirm': problem(409, 'used-code', 'this code was used, or its quarantine is '
                                  'over')}),
    ('held', ALL, 'held --fleet', {'GET /v1/held': 'held'}),
    ('held-of-one', ONE, 'held ann@example.org', {'GET /v1/held': 'held'}),
    ('held-of-nobody', FEW, 'held', {'GET /v1/held': 'held_none'}),
    ('held-with-a-config-for-nothing', ONE, 'held --mta-config /etc/p', {}),
    ('notices', ALL, 'notices', {'GET /v1/notices': 'notices'}),
    ('notices-of-one', ONE, 'notices ann@example.org -n 5', {'GET /v1/notices': 'notices'}),
    ('notices-of-nobody', FEW, 'notices', {'GET /v1/notices': 'notices_none'}),
    ('notices-preview', ['wide', 'ascii', 'json', 'tsv'],
     'notices preview ann@example.org --kind quarantined --language de',
     {'GET ' + OF_ANN + 'preview': LETTER}),
    ('notices-preview-without-notices', ONE, 'notices preview ann@example.org',
     {'GET ' + OF_ANN + 'preview': problem(400, 'bad-request', 'no `notice` is configured')}),
    ('notices-resend', FEW, 'notices resend ann@example.org',
     {'POST ' + OF_ANN + 'resend': 'resend'}),
    ('notices-resend-nothing', FEW, 'notices resend ann@example.org',
     {'POST ' + OF_ANN + 'resend': 'resend_none'}),
    ('notices-resend-whom', ONE, 'notices resend', {}),
    ('notices-do-what', ONE, 'notices forget ann@example.org', {}),
    ('notices-in-which-language', ONE, 'notices --language de', {}),
    ('feedback-of-a-complaint', FEW, ['feedback', os.path.join(DATA, 'complaint.eml')],
     {'POST /v1/feedback': 'feedback'}),
    ('feedback-of-a-bounce', ONE, ['feedback', os.path.join(DATA, 'bounce-remote.eml')],
     {'POST /v1/feedback': 'feedback'}),
    ('feedback-of-a-log', FEW, ['feedback', '--kind', 'log', os.path.join(DATA, 'postfix.log')],
     {'POST /v1/feedback': 'feedback'}),
    ('feedback-that-names-none', FEW,
     ['feedback', os.path.join(DATA, 'complaint-without-original.eml')],
     {'POST /v1/feedback': 'feedback_kept'}),
    ('feedback-against-nobody', ONE, ['feedback', os.path.join(DATA, 'bounce-delayed.eml')], {}),
    ('feedback-that-is-none', ONE, ['feedback', os.path.join(DATA, 'plain.eml')], {}),
    ('feedback-of-another-kind', ONE,
     ['feedback', '--kind', 'bounce', os.path.join(DATA, 'complaint.eml')], {}),
    ('feedback-of-no-file', ONE, ['feedback', '/nowhere/mail'], {}),
    ('feedback-of-nothing', ONE, 'feedback', {}),
    ('feedback-while-the-store-is-away', ONE, ['feedback', os.path.join(DATA, 'complaint.eml')],
     {'POST /v1/feedback': problem(503, 'store-unavailable', 'the shared store is away')}),
    ('feedback-list', FEW, 'feedback --list --since 7d -n 9', {'GET /v1/reports': 'reports'}),
    ('feedback-list-of-a-file', ONE, 'feedback --list mail', {}),
    ('feedback-since', ONE, 'feedback --since 7d mail', {}),
    ('export', ONE, 'export ann@example.org',
     {'GET /v1/subjects/ann%40example.org/export': 'export'}),
    ('forget', FEW, 'forget ann@example.org --yes',
     {'POST /v1/subjects/ann%40example.org/forget': 'forgotten',
      'GET /v1/subjects/ann%40example.org': 'subject'}),
    ('forget-without-a-terminal', ONE, 'forget ann@example.org',
     {'GET /v1/subjects/ann%40example.org': 'subject'}),
    ('data', ALL, 'data', {'GET /v1/data': 'data'}),
    ('config', FEW, 'config', {'GET /v1/config': 'config'}),
    ('config-of-a-block', ONE, 'config -n limit user', {'GET /v1/config': 'config'}),
    ('limits', ALL, 'limits', {'GET /v1/limits': 'limits'}),
    ('reload', FEW, 'reload', {'POST /v1/reload': 'reload'}),
    ('reload-with-an-error', FEW, 'reload', {'POST /v1/reload': 'reload_bad'}),
    ('mode', FEW, 'mode', {'GET /v1/status': 'status_bad'}),
    ('mode-observe', FEW, 'mode observe --for 2h --fleet --note night',
     {'POST /v1/mode': 'mode', 'GET /v1/status': 'status_bad'}),
    ('mode-enforce', FEW, 'mode enforce --yes',
     {'POST /v1/mode': 'mode', 'GET /v1/would': 'would', 'GET /v1/status': 'status'}),
    ('mode-enforce-without-a-terminal', ONE, 'mode enforce',
     {'POST /v1/mode': 'mode', 'GET /v1/would': 'would', Z: 'zombies_observed'}),

    ('doctor', ALL, ['doctor', '-x', STARTER, '--mta-config', SENDMAIL] + LOOKS,
     {'GET /v1/status': 'status', 'GET /v1/seen': 'seen'}),
    ('doctor-of-a-sick-daemon', FEW, ['doctor', '-x', STARTER, '--mta-config', SENDMAIL, 'health'],
     {'GET /v1/status': 'status_bad', 'GET /v1/seen': 'seen'}),
    ('doctor-without-a-daemon', ONE, ['doctor', '-x', STARTER, '--mta-config', SENDMAIL, 'daemon',
                                      'macros', 'crowds'],
     {'GET /v1/status': answer({}, 503)}),
    ('doctor-of-nothing', FEW, 'doctor -x /nowhere/mortsafe.conf --mta-config /nowhere/mta config '
     'milter away', {'GET /v1/status': 'status', 'GET /v1/seen': 'seen'}),
    ('doctor-of-what', ONE, 'doctor everything', {}),
    ('doctor-of-a-folder-somewhere', ONE, 'doctor --mta-config etc', {}),
    ('setup-postfix', ONE, ['setup', 'postfix', '-x', STARTER, '--mta-config', '/nowhere'], {}),
    ('setup-sendmail', ONE, ['setup', 'sendmail', '-x', STARTER, '--mta-config', SENDMAIL], {}),
    ('setup-exim', ONE, 'setup exim', {}),

    # what is not as it should be
    ('nothing-said', ONE, '', {}),
    ('an-unknown-command', ONE, 'stauts', {}),
    ('an-unknown-option', ONE, 'status --flete', {}),
    ('an-unknown-letter', ONE, 'status -z', {}),
    ('a-word-too-many', ONE, 'ping twice', {}),
    ('a-word-too-few', ONE, 'show', {}),
    ('an-empty-word', ONE, ['show', ''], {}),
    ('a-word-of-others', ONE, 'top usres', {}),
    ('an-option-twice', ONE, 'log --rule a --rule b', {}),
    ('an-option-without-value', ONE, 'log --rule', {}),
    ('a-flag-with-value', ONE, 'status --fleet=yes', {}),
    ('a-number-that-is-none', ONE, 'top -n many', {}),
    ('a-number-too-large', ONE, 'top -n 99999999999999999999', {}),
    ('two-formats', ONE, 'ping -j --tsv', {}),
    ('not-utf-8', ONE, ['reset', b'ann@example.org', b'us\xffer'], {}),
    ('dots-as-a-key', ONE, 'show ..', {}),
    ('behind-two-dashes', ONE, 'show -- -x',
     {'GET /v1/subjects/-x': problem(404, 'unknown-subject', 'nothing is known of -x')}),
    ('explain-nobody', ONE, 'explain --to ann@example.org', {}),
    ('refused-by-rights', FEW, 'reload',
     {'POST /v1/reload': problem(403, 'forbidden', 'uid 1000 lacks the right `all`: `api { '
                                 'group NAME { may = all } }` would give it')}),
    ('a-bad-request', ONE, 'log --since yesterday',
     {D: problem(400, 'bad-request', 'since: "yesterday" is no time')}),
    ('store-away', ONE, 'show ann@example.org',
     {'GET /v1/subjects/ann%40example.org':
      problem(503, 'store-unavailable', 'the shared store is away')}),
    ('a-problem-without-words', ONE, 'ping', {'GET /v1/ping': answer({}, 503)}),
]

def load(given):
    if not isinstance(given, str):
        return given
    with open(os.path.join(HERE, 'answers', given + '.json'), 'rb') as file:
        return answer(file.read())


def told(path, ways, arguments, answers):
    """The text of a golden file: each way, with what was printed and asked for."""
    text = ''
    words = arguments.split() if isinstance(arguments, str) else arguments
    for way in ways:
        said = {'GET /v1/ping': 'ping', **answers}  # asked before what may take longer
        with Fake(path, {k: load(v) for k, v in said.items()}) as fake:
            extra, first = WAYS[way]
            done = run(['-s', path] + first + words, extra)
        text += '===== %s: exit %d\n%s' % (way, done.returncode, show(done.stdout))
        if done.stderr:
            text += '----- standard error\n' + show(done.stderr)
        for asked in fake.asked if way == ways[0] else []:
            text += '----- asked: %s\n' % asked
    return text


def show(data):
    """DATA with all that a terminal would act upon made visible."""
    text = data.decode('utf-8', 'backslashreplace')
    return ''.join(c if c >= ' ' and c != '\x7f' or c == '\n' else '^' + chr(ord(c) ^ 64)
                   for c in text)


def main():
    if not os.access(CTL, os.X_OK):
        print('1..0 # SKIP no mortsafectl to ask')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'api.sock')
        for name, ways, arguments, answers in ROWS:
            now = told(path, ways, arguments, answers).replace(folder, 'FOLDER').replace(TOP, 'TOP')
            golden = os.path.join(HERE, 'golden', name + '.txt')
            if WRITE:
                with open(golden, 'w', encoding='utf-8') as file:
                    file.write(now)
                continue
            with open(golden, encoding='utf-8') as file:
                want = file.read()
            ok(now == want, name.replace('-', ' '),
               '\n'.join(difflib.unified_diff(want.splitlines(), now.splitlines(), 'golden',
                                              'now', lineterm='')))
    for name in sorted(os.listdir(os.path.join(HERE, 'golden'))):
        if name[:-4] not in [row[0] for row in ROWS]:
            ok(False, 'golden/%s is of a row' % name)
    return end()


if __name__ == '__main__':
    sys.exit(main())
