#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl report: the letter to a customer or a provider, and the way back of its mail."""
import email
import email.policy
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import tap
from api import Api
from daemon import Mortsafe
from tap import equal, ok

EX_USAGE, EX_CONFIG = 64, 78
CTL = os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafectl')
LETTERS = os.path.join(place.HERE, '..', '..', 'contrib', 'notices')
CLIENT = 'client:192.0.2.7'
RULES = '''
network customers { addr = 192.0.2.0/28  relay = any }
zombie line { key = client  mode = enforce }
notice { from = "Example Mail <postmaster@example.org>"  templates = %s }
support = "https://help.example.org"
''' % LETTERS


def ctl(daemon, *words, text=None, zone='UTC-1'):
    done = subprocess.run([CTL, '--socket', daemon.api, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding='utf-8', timeout=30, input=text or '',
                          env=dict(os.environ, TZ=zone))
    return done


def report(daemon, *words, **how):
    return ctl(daemon, 'report', '-x', daemon.file, *words, **how)


def begin():
    """A customer against whom there is something, and what was said of him."""
    daemon = Mortsafe(RULES).start()
    api = Api(daemon.api)
    done = api.post('/v1/feedback', {'kind': 'listed', 'detail': 'bob@example.net says so',
                                     'subjects': [{'subject': CLIENT,
                                                   'lists': ['spam.example']}]})
    equal(done.status, 200, 'he is listed', said=done)
    done = api.post(api.subject(CLIENT, 'quarantine'), {'note': 'carl@example.net rang'})
    equal(done.status, 200, 'and quarantined', said=done)
    return daemon, api


def test_letters():
    """the letter in each language, to a customer and to a provider"""
    daemon, _ = begin()
    day = time.strftime('%Y-%m-%d', time.gmtime())
    words = set()
    for language in ('de', 'en', 'es', 'fr', 'it', 'nl', 'pl', 'pt'):
        for kind in 'customer', 'provider':
            done = report(daemon, '192.0.2.7', '--language', language, '--kind', kind)
            equal(done.returncode, 0, 'a letter to a %s in %s' % (kind, language), said=done)
            text = done.stdout
            words.add(text.splitlines()[0])
            ok(text.startswith('Subject: ') and '192.0.2.7' in text.splitlines()[0],
               'it has a subject', said=text)
            for one in ('spam.example', ' UTC', 'UTC+1:00', 'https://help.example.org',
                        'postmaster@example.org'):
                ok(one in text, 'it tells %s' % one, said=text)
            ok(day in text or time.strftime('%Y-%m-%d', time.gmtime()) in text, 'and the day')
            ok(not any(one in text for one in ('bob', 'carl', '{')), 'nobody else is named',
               said=text)
    equal(len(words), 16, 'each has words of its own')
    done = report(daemon, '192.0.2.7', '--language', 'xx')
    equal(done.returncode, EX_USAGE, 'a language that there is not', said=done)
    done = report(daemon, '192.0.2.8')
    equal(done.returncode, 1, 'nothing is known against his neighbour', said=done)
    done = report(daemon, '192.0.2.7', '--since', '2038-01-01')
    equal(done.returncode, 1, 'nor against him since then', said=done)
    done = report(daemon, '192.0.2.7', '--templates', '/nonexistent')
    equal(done.returncode, EX_CONFIG, 'letters that are missing are an error', said=done)
    daemon.stop()


def test_mail():
    """as a feedback report, which others' programs and our own can read"""
    daemon, api = begin()
    done = report(daemon, '192.0.2.7', '--arf', '--to', 'abuse@example.com', '--language', 'de')
    equal(done.returncode, 0, 'a mail', said=done)
    mail = email.message_from_string(done.stdout, policy=email.policy.default)
    parts = list(mail.iter_parts())
    equal((mail.get_content_type(), mail.get_param('report-type')),
          ('multipart/report', 'feedback-report'), 'it is a report')
    equal([part.get_content_type() for part in parts],
          ['text/plain', 'message/feedback-report', 'text/rfc822-headers'], 'of three parts')
    ok('UNERW' in mail['Subject'].upper() and '192.0.2.7' in mail['Subject'],
       'with the subject of the letter', said=mail['Subject'])
    ok('Guten Tag,' in parts[0].get_content(), 'for people to read')
    fields = parts[1].get_payload()
    fields = fields[0] if isinstance(fields, list) else email.message_from_string(fields)
    equal((fields['Feedback-Type'], fields['Source-IP'], fields['Version']),
          ('abuse', '192.0.2.7', '1'), 'and for machines')
    equal((str(mail['From']), str(mail['To'])),
          ('Example Mail <postmaster@example.org>', 'abuse@example.com'), 'from us to them')
    other = report(daemon, '192.0.2.7', '--arf', '--from', '"Desk @ Home" <desk@example.net>')
    named = email.message_from_string(other.stdout, policy=email.policy.default)
    ok(str(named['Message-ID']).endswith('@example.net>'),
       'a name with an @ in it is no part of the address', said=other)
    back = ctl(daemon, 'feedback', '--kind', 'complaint', text=done.stdout)
    equal(back.returncode, 0, '`mortsafectl feedback` reads it', said=back)
    kinds = [row['kind'] for row in api.get('/v1/reports').json['reports']]
    equal(kinds.count('complaint'), 1, 'as a complaint')
    equal(report(daemon, '192.0.2.7', '--arf', '--from', 'nobody').returncode, EX_USAGE,
          'an address that is none')
    equal(report(daemon, '192.0.2.7', '--to', 'a@example.com').returncode, EX_USAGE,
          'nobody gets a letter that is only printed')
    daemon.stop()


tap.run(test_letters, test_mail)
tap.finish()
