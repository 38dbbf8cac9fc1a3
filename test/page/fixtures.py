# SPDX-License-Identifier: BSD-2-Clause
"""Answers of the API for tests of the page: empty, busy, degraded, hostile.
Run by itself, it writes them into the folder it is given."""
import copy
import json
import math
import os
import sys
import time

NOW = 1795356000  # 2026-11-22 14:00:00 UTC
NOW += 17 * 60 + 52
LONG = 'x' * 240 + '@' + 'long.' * 52 + 'example.org'
NAMES = ['<script>alert(1)</script>@example.org', '"} x 1@example.org',
         "'onmouseover='alert(1)'@example.org", '\u202egro.elpmaxe@nna',
         'a\u200bb\u2066c\u2069@example.org', 'tab\there\x01\x7f@example.org',
         LONG, '../../v1/config', '&lt;b&gt;&#60;', '%s%n%00@example.org',
         '$(reboot)`id`;x\'y@example.org', '\u0430\u0440\u0440le@example.org',
         '</title><style>*{display:none}</style>', 'javascript:alert(1)',
         '\u65e5\u672c\u8a9e@example.org']


def at(ago_s):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(NOW - ago_s))


def rate(n, span_s):
    text = {3600: '1h', 86400: '1d', 60: '1m', 600: '10m'}[span_s]
    return {'n': n, 'span_s': span_s, 'text': '%d/%s' % (n, text)}


def health(**states):
    texts = {'mta': 'the MTA asked 2 seconds ago',
             'store': 'embedded, 2268 subjects in this host', 'disk': '41 GB are free',
             'configuration': '/etc/mortsafe/mortsafe.conf is in force',
             'mode': 'observe', 'diary': 'decisions are written down',
             'log': 'no line was lost'}
    rows = []
    for name, text in texts.items():
        state, words = states.get(name, ('ok', text))
        rows.append({'name': name, 'state': state, 'text': words})
    if 'fleet' in states:
        rows.insert(2, {'name': 'fleet', 'state': states['fleet'][0], 'text': states['fleet'][1]})
    return rows


def status(**more):
    return dict({
        'version': '0.1.0', 'host': 'mx1.example.org', 'pid': 4711, 'started': at(11 * 3600),
        'uptime_s': 11 * 3600, 'now': at(0), 'mode': 'observe', 'configured_mode': 'observe',
        'mode_act': None,
        'config': {'path': '/etc/mortsafe/mortsafe.conf', 'hash': '8c1f' * 8, 'loaded': at(10800),
                   'reloads': 2, 'reloads_failed': 0, 'last_ok': True},
        'sessions': {'open': 0, 'all': 0, 'limit': 4000, 'capped': 0},
        'callbacks': {'running': 0, 'finished': 0},
        'messages': {'accepted': 0, 'waits': 0, 'waits_max': 0, 'local': 0},
        'decisions': {'deferred': 0, 'rejected': 0, 'held': 0, 'would_defer': 0,
                      'would_reject': 0, 'would_hold': 0, 'errors': 0},
        'store': {'type': 'embedded', 'shared': False,
                  'subjects': {k: 0 for k in ('client', 'prefix', 'user', 'sender', 'domain',
                                              'network', 'pair')},
                  'bytes': 65536, 'evicted': 0, 'overflowed': 0, 'dirty': 0, 'saves': 3,
                  'save_errors': 0, 'trouble': None},
        'fleet': None, 'diary': {'queued': 0, 'lost': 0}, 'log': {'dropped': 0},
        'health': health()}, **more)


def history(accepted=None, deferred=None, rejected=None, held=None, would=None):
    start = NOW - NOW % 60 - 1439 * 60
    make = [accepted, deferred, rejected, held, would]
    names = ['accepted', 'deferred', 'rejected', 'held', 'would']
    return {'range': '24h', 'step_s': 60,
            'start': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(start)),
            'outcomes': {name: [max(0, int(f(i, start + 60 * i))) if f else 0
                                for i in range(1440)]
                         for name, f in zip(names, make)}}


def wave(i, t):
    """A day of office hours, with a little noise that is always the same."""
    hour = t % 86400 / 3600
    return (12 + 60 * math.exp(-((hour - 10) / 2.6) ** 2) + 52 * math.exp(-((hour - 14.6) / 2) ** 2)
            + (i * 7919 % 17) - 8)


def row(kind, key, limit, used, n, span_s=3600, standing='normal', metric='external', ago=40):
    return {'id': '%s:%s' % (kind, key), 'kind': kind, 'key': key, 'standing': standing,
            'limit': limit, 'metric': metric, 'used': used, 'rate': rate(n, span_s),
            'share': round(used / n, 3), 'first_seen': at(40 * 86400), 'last_seen': at(ago),
            'host': None}


def subjects(*rows, sort='share'):
    return {'subjects': list(rows), 'next': None, 'from': 'top', 'sort': sort, 'as_of': at(0)}


def decision(seq, ago, kind, key, rule, used, n, span_s=3600, deed='done', action='defer',
             metric='external', retry_s=720, **more):
    return dict({
        'seq': seq, 'time': at(ago), 'host': 'mx1.example.org', 'ref': '02K3F9Q%02d' % (seq % 100),
        'id': '4Xk2Wz0q%03d' % seq, 'deed': deed, 'action': action, 'rule': rule,
        'listener': 'submission', 'via': 'port', 'client': '192.0.2.7',
        'client_name': 'cust.example.net', 'user': key if kind == 'user' else None,
        'from': key if '@' in key else 's@example.net', 'to': 'bob@example.com', 'nrcpt': 1,
        'subject': '%s:%s' % (kind, key) if kind else None,
        'metric': metric if kind else None, 'used': used,
        'rate': rate(n, span_s) if kind else None, 'retry_s': retry_s, 'code': 450,
        'enhanced': '4.7.1', 'text': 'Too many recipients from your account: try again in 12 '
        'minutes, or ask your mail administrator (02K3F9Q%02d)' % (seq % 100),
        'error': None, 'store': None, 'ms': 0.8}, **more)


def would(*rows):
    return {'since': at(86400),
            'rows': [{'rule': r, 'subject': s, 'action': a, 'n': n, 'first': at(80000),
                      'last': at(ago)} for r, s, a, n, ago in rows]}


def stander(subject, standing, ago, **more):
    return dict({'subject': subject, 'standing': standing, 'since': at(ago), 'until': None,
                 'cause': 'evidence', 'rule': 'zombie.account', 'observed': False, 'score': 62.1,
                 'reason': 'score 62.1: +38.0 12 of 20 messages of 24 hours flagged as spam; +24.1 '
                 '311 recipients in the last hour, the usual peak is 24', 'held': 0, 'by': None,
                 'note': None}, **more)


def zombies(*rows, watched=0, probation=0, braking=False, frozen=False):
    counts = {s: len([r for r in rows if r['standing'] == s]) for s in ('quarantined', 'throttled')}
    return {'standings': list(rows), 'next': None, 'braking': braking, 'frozen': frozen,
            'counts': dict(counts, watched=watched, probation=probation), 'complete': True,
            'rules': [{'rule': 'zombie.account', 'mode': 'enforce', 'learning_until': None}],
            'as_of': at(0)}


def held(n=0, ago=None):
    return {'held': [], 'here': n, 'oldest': at(ago) if n else None}


def empty():
    return {'zombies': zombies(), 'held': held(), 'now_s': NOW, 'status': status(), 'history': history(), 'near': subjects(),
            'users': subjects(sort='external'), 'clients': subjects(sort='external'),
            'decisions': {'decisions': [], 'last': 0, 'lost': 0}, 'would': would()}


def missing():
    """Nothing is to be had."""
    return {'now_s': NOW, 'status': None, 'history': None, 'near': None, 'users': None,
            'clients': None, 'decisions': None, 'would': None, 'zombies': None, 'held': None}


def busy():
    """A day at work: observing, one account stolen, one list over its limit."""
    people = ['ann', 'billing', 'carla.weber', 'd.okafor', 'events', 'franz', 'g.lindqvist',
              'helpdesk', 'ines', 'jobs']
    near = subjects(
        row('user', 'm.jansen@example.org', 'user', 1412, 300),
        row('user', 'newsletter@example.org', 'user', 311, 300, ago=300),
        row('client', '198.51.100.23', 'relay', 300, 300, ago=12),
        row('user', 'carla.weber@example.org', 'user_all', 921, 1000, ago=75),
        row('user', 'billing@example.org', 'user', 812, 1000, 86400, ago=240),
        row('client', '2001:db8:7:2::', 'relay', 205, 300, ago=110),
        row('user', 'ines@example.org', 'burst', 17, 30, 60, metric='messages', ago=3))
    users = [row('user', 'm.jansen@example.org', 'user', 1412, 300)] + [
        row('user', '%s@example.org' % name, 'user', n, 300)
        for name, n in zip(people, [290, 241, 187, 112, 90, 77, 41, 30, 12])]
    clients = [row('client', a, 'relay', n, 300) for a, n in
               [('198.51.100.23', 300), ('2001:db8:7:2::', 205), ('192.0.2.17', 88),
                ('192.0.2.18', 64), ('198.51.100.9', 31), ('203.0.113.80', 12)]]
    log = [decision(320 - i, 20 + 37 * i, 'user', 'm.jansen@example.org', 'limit.user', 1412 - i,
                    300, deed='would', retry_s=2900) for i in range(7)]
    log += [decision(312, 290, 'user', 'newsletter@example.org', 'limit.user', 311, 300,
                     deed='would'),
            decision(311, 340, None, 'x', 'listener.mx.auth', None, 0, deed='would',
                     action='reject', subject=None, client='203.0.113.99', user=None,
                     retry_s=None, code=550, enhanced='5.7.1'),
            decision(310, 700, 'client', '198.51.100.23', 'limit.relay', 300, 300, deed='would'),
            decision(309, 900, None, 'x', 'relay', None, 0, deed='would', action='reject',
                     subject=None, client='203.0.113.5', user=None, retry_s=None,
                     **{'from': '', 'code': 550, 'enhanced': '5.7.1'})]
    st = status(sessions={'open': 38, 'all': 91230, 'limit': 4000, 'capped': 0},
                callbacks={'running': 1, 'finished': 723110},
                store=dict(status()['store'], bytes=3210000,
                           subjects={'client': 812, 'prefix': 640, 'user': 391, 'sender': 420,
                                     'domain': 3, 'network': 2, 'pair': 0}))
    attack = NOW - 3 * 3600
    return {'now_s': NOW, 'status': st,
            'zombies': zombies(stander('user:m.jansen@example.org', 'throttled', 5000,
                                       observed=True), watched=7),
            'held': held(),
            'history': history(wave, None, None, None,
                               lambda i, t: 28 - (t - attack) / 600 if t > attack else 0),
            'near': near, 'users': subjects(*users, sort='external'),
            'clients': subjects(*clients, sort='external'),
            'decisions': {'decisions': log, 'last': 320, 'lost': 0},
            'would': would(('limit.user', 'user:m.jansen@example.org', 'defer', 1112, 20),
                           ('limit.relay', 'client:198.51.100.23', 'defer', 64, 700),
                           ('limit.user', 'user:newsletter@example.org', 'defer', 11, 290),
                           ('listener.mx.auth', 'client:203.0.113.99', 'reject', 4, 340))}


def enforcing():
    """The same day with refusals of every kind, and a mode set by hand."""
    page = busy()
    act = {'id': '7K2M9QXD', 'kind': 'mode', 'subject': None, 'limit': None, 'rates': None,
           'mode': 'enforce', 'since': at(3000), 'until': at(-4200), 'note': '',
           'by': 'ann (uid 1000)', 'host': 'mx1.example.org', 'fleet': False, 'holds': True}
    page['status'].update(mode='enforce', mode_act=act,
                          health=health(mode=('warning', 'enforce, by ann (uid 1000), until '
                                              '15:27; configured is observe')))
    attack = NOW - 3 * 3600
    page['history'] = history(wave, lambda i, t: 24 - (t - attack) / 900 if t > attack else 0,
                              lambda i, t: 3 if i % 53 < 4 else 0,
                              lambda i, t: 9 if 500 < i < 540 else 0,
                              lambda i, t: 4 if 300 < i < 420 else 0)
    for i, d in enumerate(page['decisions']['decisions']):
        d['deed'] = 'done'
        d['action'] = ['defer', 'reject', 'hold'][i % 3] if d['subject'] else 'reject'
    page['would'] = would(('limit.connect', 'client:203.0.113.99', 'defer', 40, 340))
    page['near']['subjects'][0]['standing'] = 'quarantined'
    page['zombies'] = zombies(
        stander('user:m.jansen@example.org', 'quarantined', 8100, held=41),
        stander('client:198.51.100.23', 'quarantined', 200000, held=0, cause='operator',
                by='ann (uid 1000)', note='ticket 4711: infected, they know', reason='',
                until=at(-86400)),
        stander('user:newsletter@example.org', 'throttled', 300), watched=12, probation=3)
    page['held'] = held(41, 8000)
    return page


def degraded():
    """A fleet whose store is away; one host has another configuration."""
    page = enforcing()
    members = [{'name': 'mx%d.example.org' % i, 'version': '0.1.0' if i != 3 else '0.0.9',
                'config': ('8c1f' if i != 2 else '77aa') * 8,
                'mode': 'enforce' if i != 4 else 'observe', 'form': 1, 'seen_s': i * 2,
                'self': i == 1} for i in range(1, 5)]
    page['status'].update(
        fleet={'degraded': True, 'degraded_since': at(260), 'foreign_key': False, 'hosts': 4,
               'local': 1204, 'local_now': 3, 'deltas': 411, 'waits': 40, 'commands': 91000,
               'redirects': 0, 'scripts': 2, 'denials': 12, 'denials_used': 4,
               'nodes': [{'name': 'redis1.example.net:6380', 'up': False, 'since': at(260),
                          'commands': 90021, 'errors': 44, 'in_flight': 0,
                          'trouble': 'no answer within 300 ms'},
                         {'name': 'redis2.example.net:6380', 'up': True, 'since': at(86000),
                          'commands': 979, 'errors': 0, 'in_flight': 1, 'trouble': None}],
               'members': members},
        health=health(store=('error', 'redis1.example.net:6380 does not answer since 14:13: '
                             'no answer within 300 ms'),
                      fleet=('warning', 'mx2.example.org has another configuration'),
                      mta=('warning', 'no session for 25 minutes: is the MTA configured to ask '
                           'mortsafe?'),
                      mode=('ok', 'enforce')))
    page['status']['store'].update(type='redis', shared=True, trouble='away')
    page['zombies'].update(braking=True, frozen=True)
    page['held'] = held(5000, 400000)
    for d in page['decisions']['decisions'][:2]:
        d.update(error='store', store='local', rate=None, metric=None, subject=None)
    return page


def hostile():
    """Every name is an attack, and there are as many as fit."""
    page = enforcing()
    page['near'] = subjects(*[row('user', n, n, 250 + i, 300)
                              for i, n in enumerate(NAMES)])
    page['users'] = subjects(*[row('user', n, 'user', 300 - i, 300)
                               for i, n in enumerate(NAMES[:10])], sort='external')
    page['clients'] = subjects(*[row(n, n, 'user', 300 - i, 300)
                                 for i, n in enumerate(NAMES[:10])], sort='external')
    page['decisions'] = {'decisions': [
        decision(i, i, 'user', n, n, 301, 300, ref=n, id=n, text=n, client_name=n, error=n)
        for i, n in enumerate(NAMES)], 'last': 9, 'lost': 0}
    page['would'] = would(*[(n, 'user:' + n, n, 3, 9) for n in NAMES])
    page['zombies'] = zombies(*[stander('user:' + n, n, 9, rule=n, reason=n, by=n, note=n, cause=n)
                                for n in NAMES])
    page['zombies']['standings'] += [stander('user:x', 'quarantined', 9, reason='', by=n, note=n)
                                     for n in NAMES[:3]]
    page['held'] = {'held': NAMES, 'here': 7, 'oldest': NAMES[0]}
    page['status'].update(host=NAMES[0], version=NAMES[1],
                          health=[{'name': n, 'state': 'warning', 'text': n} for n in NAMES],
                          mode=NAMES[0])
    page['status']['mode_act'].update(by=NAMES[0], note=NAMES[0])
    page['status']['config']['path'] = NAMES[12]
    page['status']['fleet'] = {
        'degraded': True, 'degraded_since': NAMES[0], 'foreign_key': True,
        'nodes': [{'name': n, 'up': False, 'since': n, 'commands': -1, 'errors': 1,
                   'in_flight': 0, 'trouble': n} for n in NAMES],
        'members': [{'name': n, 'version': n, 'config': n, 'mode': n, 'form': 1, 'seen_s': 1,
                     'self': i == 0} for i, n in enumerate(NAMES)]}
    return page


def full():
    """As much as ever comes, with names of ordinary length."""
    page = degraded()
    names = ['%s.%d@department%d.example.org' % ('abcdefghij'[i % 10] * 9, i, i)
             for i in range(40)]
    page['near'] = subjects(*[row('user', n, 'user_all', 500 - i, 300)
                              for i, n in enumerate(names[:20])])
    page['users'] = subjects(*[row('user', n, 'user', 500 - i, 300)
                               for i, n in enumerate(names[:10])], sort='external')
    page['clients'] = subjects(*[row('client', '2001:db8:%x:%x::' % (i, i + 9), 'user', 500 - i,
                                     300) for i in range(10)], sort='external')
    page['decisions']['decisions'] = [decision(i, i * 60, 'user', n, 'limit.user_all', 301, 300,
                                               86400) for i, n in enumerate(names * 5)]
    page['would'] = would(*[('limit.user_all', 'user:' + n, 'defer', 9 + i, i * 60)
                            for i, n in enumerate(names)])
    page['zombies'] = zombies(*[stander('user:' + n, 'throttled' if i > 9 else 'quarantined',
                                        60 * i, held=i * 7) for i, n in enumerate(names[:20])],
                              watched=2000, probation=31)
    page['history'] = history(wave, *[lambda i, t, k=k: 3 + i * k % 11 for k in (3, 5, 7, 8)])
    return page


def pseudonyms():
    page = busy()
    text = json.dumps(page)
    for i, name in enumerate(sorted({r['key'] for k in ('near', 'users', 'clients')
                                     for r in page[k]['subjects']})):
        text = text.replace(name, '~K7Q2M%03d' % i)
    return dict(json.loads(text), pseudonyms=True)


def limit(name, metric, used, n, span_s, mode='enforce', room_s=0, slices=None, **more):
    return dict({'limit': name, 'rule': 'limit.' + name, 'origin': 'built in', 'metric': metric,
                 'mode': mode, 'action': 'defer', 'scope': 'fleet', 'rate': rate(n, span_s),
                 'by': 'configuration', 'raised': None, 'used': used,
                 'share': round(used / n, 3), 'room_s': room_s, 'span_s': span_s,
                 'slice_s': span_s // 12, 'slices': slices or [0] * 13}, **more)


def subject(key='m.jansen@example.org'):
    act = {'id': '7K2M9QXD', 'kind': 'raise', 'subject': 'user:' + key, 'limit': 'user_all',
           'rates': '2000/1d', 'mode': None, 'since': at(90000), 'until': at(-400000),
           'note': 'yearly invoices, ticket 4711', 'by': 'ann (uid 1000)',
           'host': 'mx1.example.org', 'fleet': False, 'holds': True}
    hours = NOW - NOW % 3600 - 23 * 3600
    days = NOW - NOW % 86400 - 29 * 86400
    counts = {'messages': lambda i, n: i % 9 + (80 if i > n - 4 else 0),
              'recipients': lambda i, n: i % 9 * 2 + (420 if i > n - 4 else 0),
              'external': lambda i, n: i % 9 + (400 if i > n - 4 else 0),
              'bad_recipients': lambda i, n: 31 if i > n - 3 else 0,
              'bytes': lambda i, n: 12345 * (i % 9) + (8123456 if i > n - 4 else 0),
              'connections': lambda i, n: 0,
              'refused': lambda i, n: 1111 if i == n - 1 else 0}
    return {'now_s': NOW, 'subject': {
        'id': 'user:' + key, 'kind': 'user', 'key': key, 'also': ['sender:' + key],
        'standing': 'normal', 'first_seen': at(40 * 86400), 'last_seen': at(20),
        'limits': [
            limit('user', 'external', 300, 300, 3600, room_s=2900,
                  origin='/etc/mortsafe/mortsafe.conf:12',
                  slices=[0, 0, 0, 0, 0, 0, 0, 0, 3, 41, 101, 98, 57]),
            limit('user', 'external', 412, 1000, 86400, origin='/etc/mortsafe/mortsafe.conf:12',
                  slices=[2, 0, 0, 0, 4, 9, 12, 14, 31, 22, 8, 190, 120]),
            limit('burst', 'messages', 4, 30, 60, slices=[0] * 9 + [1, 2, 0, 1]),
            limit('user_all', 'recipients', 452, 2000, 86400, by='raised', raised=act,
                  slices=[2, 0, 0, 0, 4, 9, 12, 14, 31, 22, 28, 210, 120]),
            limit('user_bad', 'bad_recipients', 26, 30, 3600, mode='observe',
                  slices=[0] * 10 + [11, 9, 6])],
        'exemptions': [{'name': 'newsletter', 'origin': '/etc/mortsafe/mortsafe.conf:31',
                        'until': '2027-06-30T23:59:59Z', 'note': 'weekly list, ticket 17',
                        'limits': ['burst']}],
        'acts': [act],
        'decisions': [decision(320 - i, 20 + 37 * i, 'user', key, 'limit.user', 301, 300,
                               retry_s=2900 + 37 * i, nrcpt=1 + i) for i in range(5)],
        'pictures': {'host': 'mx1.example.org',
                     'hours': {'start': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(hours)),
                               'step_s': 3600,
                               'counts': {k: [f(i, 24) for i in range(24)]
                                          for k, f in counts.items()}},
                     'days': {'start': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(days)),
                              'step_s': 86400,
                              'counts': {k: [f(i, 30) for i in range(30)]
                                         for k, f in counts.items()}}}}}


FAMILIES = [('content', 38.0, '12 of 20 messages of 24 hours flagged as spam'),
            ('bulk', 24.1, '311 recipients in the last hour, the usual peak is 24; 290 of 24 hours '
             'were never written to before'),
            ('spread', 6.0, 'sent from 7 networks in two days, the usual peak is 1')]
NUMBERS = {'hour': 311, 'usual_hour': 24, 'day': 340, 'usual_day': 100, 'new_day': 290,
           'usual_new': 20, 'spam': 12, 'judged': 20, 'unknown': 9, 'complaints': 1, 'networks': 7,
           'usual_networks': 1, 'senders': 3, 'usual_senders': 2}


def families():
    return [{'family': f, 'decibels': d, 'text': t} for f, d, t in FAMILIES]


def change(ago, was, to, cause='evidence', **more):
    return dict({'id': '7K2M9QXD', 'at': at(ago), 'host': 'mx1.example.org',
                 'subject': 'user:m.jansen@example.org', 'rule': 'zombie.account',
                 'class': 'person', 'from': was, 'to': to, 'cause': cause, 'observed': False,
                 'throttle': None, 'until': None, 'by': '', 'note': '', 'score': 68.1,
                 'families': families() if cause == 'evidence' else [], 'numbers': NUMBERS,
                 'ids': ['4Xk2Wz0q001', '4Xk2Wz0q002'] if cause == 'evidence' else []}, **more)


def subject_quarantined():
    """A stolen account: throttled, quarantined, its mail held, its owner told."""
    page = subject()
    s = page['subject']
    s.update(standing='quarantined', zombie={
        'standing': 'quarantined', 'rule': 'zombie.account', 'mode': 'enforce', 'class': 'person',
        'since': at(8100), 'until': None, 'cause': 'evidence', 'by': None, 'note': None,
        'observed': False, 'score': 68.1, 'rate': None, 'families': families(),
        'usual': {'hour': 24, 'day': 100, 'new': 20, 'networks': 1, 'senders': 2},
        'now': {'hour': 311, 'day': 340, 'new': 290, 'networks': 7, 'senders': 3, 'spam': 12,
                'judged': 20, 'unknown': 9, 'complaints': 1}, 'quarantines': 2, 'newer': False},
        changes=[change(8100, 'throttled', 'quarantined'),
                 change(9300, 'watched', 'throttled', throttle=100),
                 change(9900, 'normal', 'watched'),
                 change(900000, 'quarantined', 'probation', 'operator', by='ann (uid 1000)',
                        note='password changed, ticket 4711')],
        held=[{'at': at(8000 - 60 * i), 'host': 'mx%d.example.org' % (i % 2 + 1), 'mta': 'postfix',
               'id': '4Xk2Wz0q%03d' % i, 'subject': s['id'], 'rule': 'zombie.account',
               'from': 'm.jansen@example.org' if i else '', 'recipients': 20 + i,
               'command': {'deliver': 'postsuper -H 4Xk2Wz0q%03d' % i,
                           'delete': 'postsuper -d 4Xk2Wz0q%03d' % i}} for i in range(60)],
        notices=[{'at': at(8000), 'subject': s['id'], 'kind': 'quarantined',
                  'to': 'jansen@private.test', 'language': 'de', 'result': 'sent', 'tries': 1,
                  'error': None, 'next': None, 'webhook': False},
                 {'at': at(8000), 'subject': s['id'], 'kind': 'quarantined', 'to': None,
                  'language': None, 'result': 'failed', 'tries': 12,
                  'error': 'connection refused', 'next': None, 'webhook': True}],
        reports=[])
    return page


def subject_bare():
    """Seen by others only: no pictures, no limits, nothing."""
    return {'now_s': NOW, 'subject': {
        'id': 'domain:example.org', 'kind': 'domain', 'key': 'example.org', 'also': [],
        'standing': None, 'first_seen': None, 'last_seen': None, 'limits': [], 'exemptions': [],
        'acts': [], 'decisions': [], 'pictures': None}}


def subject_hostile():
    name = NAMES[10]
    page = subject(name)
    s = page['subject']
    s['also'] = ['user:' + n for n in NAMES]
    s['decisions'] = [decision(i, i, 'user', n, n, 301, 300, ref=n, id=n, text=n, to=n,
                               listener=n, host=n, enhanced=n)
                      for i, n in enumerate(NAMES)]
    s['acts'][0].update(note=NAMES[0], by=NAMES[12], limit=NAMES[1])
    s['exemptions'].append(dict(s['acts'][0], rates=None))
    s.update(subject_quarantined()['subject'], id=s['id'], key=s['key'], also=s['also'],
             decisions=s['decisions'], acts=s['acts'], exemptions=s['exemptions'])
    s['zombie'].update(rule=NAMES[0], note=NAMES[1], by=NAMES[2], cause=NAMES[3],
                       since=NAMES[4], families=[{'family': n, 'decibels': n, 'text': n}
                                                 for n in NAMES])
    s['zombie']['class'] = NAMES[5]
    s['changes'] = [change(i, n, n, n, by=n, note=n, ids=[n], at=n) for i, n in enumerate(NAMES)]
    s['changes'] += [change(600 + i, n, n, ids=[n]) for i, n in enumerate(NAMES)]
    for i, one in enumerate(s['held']):
        n = NAMES[i % len(NAMES)]
        one.update({'id': n, 'host': n, 'from': n, 'command': {'deliver': n, 'delete': n}})
    s['notices'] = [dict(s['notices'][0], to=n, kind=n, result=n, error=n) for n in NAMES]
    for i, one in enumerate(s['limits']):
        one.update(limit=NAMES[i], origin=NAMES[i], metric=NAMES[i])
    return page


def subject_unseen():
    return subject(NAMES[3])


def problem():
    return {'problem': {'status': 404, 'title': 'Unknown subject',
                        'detail': 'nothing is known of user:<script>alert(1)</script>'}}


PAGES = (empty, missing, busy, enforcing, degraded, hostile, full, pseudonyms, subject, subject_bare,
         subject_quarantined, subject_hostile, subject_unseen, problem)


def write(folder):
    for page in PAGES:
        with open(os.path.join(folder, page.__name__ + '.json'), 'w') as out:
            json.dump(copy.deepcopy(page()), out)


if __name__ == '__main__':
    write(sys.argv[1])
