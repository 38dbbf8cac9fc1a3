#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Letters, by a real Postfix into a real mailbox: what is in there, with Python's own reader of
mail; that nothing is lost while the port is away; preview; the webhook's signature."""
import email
import email.policy
import glob
import hashlib
import hmac
import http.server
import json
import os
import pwd
import re
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import tap
from api import Api
from daemon import Mortsafe
from mta import Postfix
from tap import equal, ok

TOP = os.path.abspath(os.path.join(place.HERE, '..', '..'))
KEY = 'a key of the hook'
EXTRA = '''
support = "https://help.example.org or 030 123"
support_rcpt = help@example.org
notice {
    from = "Pösthalter & Söhne <pm@box.example>"
    language = en, de, pl
    smtp = inet:%(smtp)d@127.0.0.1
    postmaster = boss@box.example
    contacts = texthash:%(contacts)s
    templates = %(templates)s
    webhook = "http://127.0.0.1:%(web)d/hook"
    webhook_key_file = %(key)s
}
zombie account { mode = enforce  notify = owner, postmaster  self_release = yes }
'''
CONTACTS = '''alice@example.org alice@box.example de
bob@example.org   bob@box.example pl
'''


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        Hook.seen.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


def start_hook():
    server = http.server.HTTPServer(('127.0.0.1', 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.undo(server.shutdown)
    return server.server_address[1]


def start_postfix(box, smtp):
    """box.example is delivered into BOX/NAME/, as real mail is."""
    user = pwd.getpwnam('nobody')
    return Postfix(
        reinject=smtp,
        master='box unix - n n - - virtual',
        main=['virtual_mailbox_domains = box.example',
              'virtual_transport = box',
              'virtual_mailbox_base = %s' % box,
              'virtual_mailbox_maps = inline:{ {alice@box.example = alice/}'
              ' {bob@box.example = bob/} {boss@box.example = boss/} }',
              'virtual_minimum_uid = 1',
              'virtual_uid_maps = static:%d' % user.pw_uid,
              'virtual_gid_maps = static:%d' % user.pw_gid])


def letters(box, name):
    """All letters in NAME's mailbox, as bytes."""
    found = []
    for path in sorted(glob.glob(os.path.join(box, name, 'new', '*')), key=os.path.getmtime):
        with open(path, 'rb') as letter:
            found.append(letter.read())
    return found


def wait_letter(box, name, n):
    place.until(lambda: len(letters(box, name)) >= n, 'letter %d for %s' % (n, name), 30)
    return letters(box, name)[n - 1]


def defects(message):
    found = list(message.defects)
    for value in message.values():
        found += value.defects
    return found


def check_form(raw, name, to, language):
    """What every letter must be, whoever reads it."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    equal(defects(message), [], name + ': a strict reader finds nothing wrong')
    equal(message['Return-Path'], '<>', name + ': the null sender')
    equal([(a.display_name, a.addr_spec) for a in message['From'].addresses],
          [('Pösthalter & Söhne', 'pm@box.example')], name + ': From, decoded')
    equal(str(message['To']), to, name + ': To')
    equal(message['Auto-Submitted'], 'auto-generated', name + ': told to be a machine\'s')
    equal(message['Content-Language'], language, name + ': language')
    equal(message['MIME-Version'], '1.0', name + ': MIME')
    equal((message.get_content_type(), message.get_content_charset()),
          ('text/plain', 'utf-8'), name + ': plain text in UTF-8')
    ok(re.fullmatch(r'<[A-Za-z0-9.]+@box\.example>', message['Message-ID']),
       name + ': Message-ID', got=message['Message-ID'])
    ok(message['Date'].datetime is not None, name + ': Date', got=message['Date'])
    ours = raw[raw.index(b'From: '):]
    ok(max(map(len, ours.splitlines())) <= 78 and ours.isascii(),
       name + ': short lines of ASCII on the way')
    text = message.get_content()
    ok('{' not in text and '�' not in text, name + ': whole text', got=text)
    return message, text


def check_quarantine(box, api):
    answer = api.post(api.subject('user:alice@example.org', 'quarantine'),
                      {'for': '2d', 'note': 'called <us> & said "überall"'})
    equal(answer.status, 200, 'an operator stops an account', answer=answer)
    message, text = check_form(wait_letter(box, 'alice', 1), 'owner', 'alice@box.example', 'de')
    equal(message['Subject'], 'Wir haben Ihren Mailversand gestoppt: alice@example.org',
          'owner: subject')
    for part in ('Höchstwahrscheinlich', 'alice@example.org', 'Virenscanner',
                 'https://help.example.org', 'help@example.org', 'Das endet von selbst: '):
        ok(part in text, 'owner: ' + part, got=text)
    code = re.findall(r'^[0-9A-Z]{4}(?:-[0-9A-Z]{4}){5}$', text, re.M)
    equal(code, [], 'owner: no code, for a person has stopped it')
    message, text = check_form(wait_letter(box, 'boss', 1), 'postmaster', 'boss@box.example',
                               'en')
    equal(message['Subject'], 'stopped: user:alice@example.org', 'postmaster: subject')
    ok('alice@box.example' in text and 'called <us> & said "überall"' in text,
       'postmaster: who is told, and the note', got=text)


def check_release(box, api):
    answer = api.post(api.subject('user:alice@example.org', 'release'), {'how': 'release'})
    equal(answer.status, 200, 'an operator lets it go', answer=answer)
    message, text = check_form(wait_letter(box, 'alice', 2), 'release', 'alice@box.example',
                               'de')
    equal(message['Subject'], 'Ihr Mailversand geht wieder: alice@example.org',
          'release: subject')
    ok('Mitarbeiter haben ihn freigegeben' in text, 'release: how', got=text)


def check_away(box, postfix, api):
    """The port goes, a letter waits on disk, and goes when it is asked for again."""
    postfix.stop()
    api.post(api.subject('user:bob@example.org', 'quarantine'), {'for': '2d', 'note': 'x'})
    path = '/v1/notices?subject=user:bob@example.org'

    def tried():
        return [n for n in api.get(path).json['notices'] if n['error'] and not n['webhook']]
    place.until(tried, 'a try that fails')
    waiting = tried()[0]
    equal((waiting['result'], waiting['tries']), ('waiting', 1), 'it waits')
    ok(waiting['next'] is not None, 'and is tried again', got=waiting)
    postfix.start()
    equal(api.post(api.subject('user:bob@example.org', 'resend')).json['sent'], 2,
          'an operator asks for it')
    message, text = check_form(wait_letter(box, 'bob', 1), 'Polish', 'bob@box.example', 'pl')
    equal(message['Subject'], 'Zatrzymaliśmy pocztę wychodzącą: bob@example.org',
          'Polish: subject')
    ok('skanowaniem' in text, 'Polish: text', got=text)
    wait_letter(box, 'boss', 3)
    results = {n['result'] for n in api.get(path).json['notices'] if not n['webhook']}
    place.until(lambda: {n['result'] for n in api.get(path).json['notices']} == {'sent'},
                'all to be told as sent')
    ok(results <= {'sent', 'waiting'}, 'nothing is lost', got=results)
    equal(len(letters(box, 'bob')), 1, 'nor sent twice')


def check_preview(api):
    answer = api.get(api.subject('user:alice@example.org', 'preview'), kind='throttled',
                     language='pl')
    message = email.message_from_string(answer.text, policy=email.policy.default)
    equal((answer.status, defects(message), message['Content-Language']), (200, [], 'pl'),
          'a preview is a letter')
    answer = api.get(api.subject('user:alice@example.org', 'preview'), kind='throttled',
                     language='../../etc')
    ok(400 <= answer.status < 500, 'of a language that there is', got=answer)


def check_hook():
    place.until(lambda: len(Hook.seen) >= 3, 'three calls of the webhook')
    for headers, body in Hook.seen:
        change = json.loads(body)
        signed = hmac.new(KEY.encode(), headers['X-Mortsafe-Timestamp'].encode() + b'.' + body,
                          hashlib.sha256).hexdigest()
        equal(headers['X-Mortsafe-Signature'], 'sha256=' + signed,
              'webhook: signed: %s to %s' % (change['subject'], change['to']))


def check_configuration(settings):
    """`mortsafe -n` reads all templates."""
    def said(**other):
        safe = Mortsafe(EXTRA % dict(settings, **other))
        return subprocess.run([place.mortsafe_path(), '-n', '-x', safe.file],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding='utf-8').stdout
    ok('error' not in said(), 'a configuration in order')
    ok('/nowhere/pl/words.txt: cannot open it' in said(templates='/nowhere'),
       'a folder without templates is told', got=said(templates='/nowhere'))


def main():
    box, smtp = place.path('box'), place.port()
    os.mkdir(box, 0o755)
    os.chown(box, pwd.getpwnam('nobody').pw_uid, -1)
    settings = {'smtp': smtp, 'web': start_hook(),
                'contacts': place.write('contacts', CONTACTS),
                'templates': os.path.join(TOP, 'contrib', 'notices'),
                'key': place.write('hook.key', KEY + '\n', 0o600)}
    os.chown(settings['key'], pwd.getpwnam('nobody').pw_uid, -1)
    postfix = start_postfix(box, smtp).start()
    safe = Mortsafe(EXTRA % settings).start()
    api = Api(safe.api)
    check_quarantine(box, api)
    check_release(box, api)
    check_away(box, postfix, api)
    check_preview(api)
    check_hook()
    check_configuration(settings)
    safe.end()
    ok('ERROR' not in safe.log() and 'Sanitizer' not in safe.log(), 'no sanitizer speaks')


tap.run(main)
place.leave()
tap.finish()
