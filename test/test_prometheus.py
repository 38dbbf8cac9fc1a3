#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
#
# What mortsafe tells Prometheus, and what operators are given to make of it: the
# page of metrics, the alerts in contrib/prometheus, the board in contrib/grafana.
# promtool comes with Debian's package, which is unpacked and never installed.

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get('top_srcdir') or os.path.join(os.path.dirname(__file__), '..')
BUILD = os.environ.get('top_builddir') or '.'
PROMTOOL = os.path.join(TOP, 'test', 'e2e', 'promtool.sh')
PRINTER = os.path.join(BUILD, 'test', 'test_metrics')
RULES = os.path.join(TOP, 'contrib', 'prometheus', 'mortsafe.rules.yml')
SCRAPE = os.path.join(TOP, 'contrib', 'prometheus', 'prometheus.yml')
BOARD = os.path.join(TOP, 'contrib', 'grafana', 'mortsafe.json')
ADDED = {'job', 'instance', 'le'} # labels that come with the scrape, or by a histogram

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


def skip(name, why):
    global count
    count += 1
    print('ok %d - %s # SKIP %s' % (count, name, why), flush=True)


def text_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding='utf-8', **more)


def promtool(*words, **more):
    return run(PROMTOOL, *words, **more)


# ----- what is there

class Page:
    """The names, labels and values of a page of metrics."""

    def __init__(self, text):
        self.labels = {} # of each name: of each label the values
        for line in text.splitlines():
            kind = re.match(r'# TYPE (\w+) (\w+)', line)
            if kind:
                ends = ('_bucket', '_sum', '_count') if kind.group(2) == 'histogram' else ('',)
                for end in ends:
                    self.labels[kind.group(1) + end] = {}
            sample = re.match(r'(\w+)\{(.*)\} ', line)
            if sample:
                for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample.group(2)):
                    self.labels[sample.group(1)].setdefault(label, set()).add(value)
        self.labels['up'] = {}


def unknown(page, expr):
    """What EXPR uses that PAGE has not."""
    missing = []
    known = set(ADDED)
    bare = re.sub(r'"[^"]*"', '""', expr)
    for name in re.findall(r'\b(?:mortsafe|process)_\w+|\bup\b', bare):
        if name not in page.labels:
            missing.append(name)
        known |= set(page.labels.get(name, {}))
    for name, inside in re.findall(r'(\w+)\{([^}]*)\}', expr):
        for label, how, value in re.findall(r'(\w+)(=~|=|!=|!~)"([^"]*)"', inside):
            values = page.labels.get(name, {}).get(label, set())
            if label in ADDED:
                continue
            for one in value.split('|') if '~' in how else [value]:
                if one not in values:
                    missing.append('%s{%s="%s"}' % (name, label, one))
    for labels in re.findall(r'\bby \(([^)]*)\)', expr):
        missing += [l for l in re.split(r',\s*', labels) if l not in known]
    return missing


# ----- alerts

# Of each alert: series with their values, minute by minute; a minute in which it is
# silent, and one in which it fires, with the labels that it then has beside
# instance="mx1" and job="mortsafe".
DAY = 24 * 60


def host(name, **labels):
    more = ''.join(',%s="%s"' % one for one in labels.items())
    return '%s{job="mortsafe",instance="mx1"%s}' % (name, more)


REFUSED = dict(listener='mx', stage='rcpt', action='reject', deed='done', rule='relay.denied')
ALERTS = [
    ('MortsafeDown', [(host('up'), '1x5 0x10')], 7, 9, {}),
    ('MortsafeNotReady', [(host('mortsafe_ready'), '1x5 0x10')], 7, 9, {}),
    ('MortsafeRestarts', [(host('mortsafe_start_time_seconds'), '1 2 3 3 3 4 4 4')], 3, 5, {}),
    ('MortsafeFailures', [(host('mortsafe_errors_total'), '0x10 1+1x20')], 12, 20, {}),
    ('MortsafeStoreDegraded', [(host('mortsafe_store_degraded'), '0x5 1x10')], 6, 9, {}),
    ('MortsafeStoreForeignKey', [(host('mortsafe_store_foreign_key'), '0x5 1x10')], 5, 6, {}),
    ('MortsafeNodeErrors',
     [(host('mortsafe_store_node_commands_total', node='r1:6379'), '0+6000x60'),
      (host('mortsafe_store_node_errors_total', node='r1:6379'), '0+30x20 700+100x40')],
     19, 45, {'node': 'r1:6379'}),
    ('MortsafeListOff', [(host('mortsafe_dnsbl_usable', list='zen'), '1x5 0x200')], 120, 130,
     {'list': 'zen'}),
    ('MortsafeSpfDies', [(host('mortsafe_spf_worker_deaths_total'), '0+0x60 1+1x20')], 62, 75, {}),
    ('MortsafeDnsFails',
     [(host('mortsafe_dns_questions_total', result='answered'), '0+60x60 3600+10x60'),
      (host('mortsafe_dns_questions_total', result='failed'), '0+10x60 600+60x60'),
      (host('mortsafe_dns_questions_total', result='late'), '0x120')],
     60, 110, {}),
    ('MortsafeCannotSave', [(host('mortsafe_store_saving_failed'), '0x5 1x10')], 6, 8, {}),
    ('MortsafeStoreFull', [(host('mortsafe_store_overflowed_total'), '0x5 1+1x10')], 5, 7, {}),
    ('MortsafeSessionsNearCap',
     [(host('mortsafe_sessions_limit'), '4000x30'),
      (host('mortsafe_sessions'), '3200x10 3201x20')], 15, 17, {}),
    ('MortsafeSessionsCapped',
     [(host('mortsafe_sessions_capped_total'), '0x5 3x10')], 5, 7, {}),
    ('MortsafeCallbacksSlow',
     [(host('mortsafe_callback_seconds_bucket', stage='mail', le='0.1'), '0+100x20 2100+80x40'),
      (host('mortsafe_callback_seconds_bucket', stage='mail', le='0.25'), '0+100x60'),
      (host('mortsafe_callback_seconds_bucket', stage='mail', le='+Inf'), '0+100x60')],
     20, 40, {}),
    ('MortsafeRefusalsJump',
     [(host('mortsafe_decisions_total', **REFUSED), '0+60x%d 86400+600x60' % (DAY + 30))],
     DAY + 29, DAY + 60, {}),
    ('MortsafeQuarantined',
     [(host('mortsafe_standing_changes_total', to='quarantined'), '0x5 1x10')], 5, 7,
     {'to': 'quarantined'}),
    ('MortsafeHeldLong', [(host('mortsafe_held_oldest_seconds'), '86000+60x30')], 15, 20, {}),
    ('MortsafeBraking', [(host('mortsafe_detector_braking'), '0x5 1x10')], 5, 6, {}),
    ('MortsafeContentFrozen', [(host('mortsafe_detector_frozen'), '0x5 1x10')], 5, 6, {}),
    ('MortsafeNoticesFail',
     [(host('mortsafe_notices_total', result='sent'), '0+1x60'),
      (host('mortsafe_webhooks_total', result='failed'), '0x10 1x50')], 24, 30,
     {'result': 'failed'}),
    ('MortsafeDetectorBehind',
     [(host('mortsafe_detector_queue'), '0x10 0+500x40')], 20, 30, {}),
    ('MortsafeNothingComes',
     [(host('mortsafe_sessions_opened_total'), '0+60x%d 100000x60' % (DAY + 30))],
     DAY + 30, DAY + 75, {}),
    ('MortsafeReloadFailed',
     [(host('mortsafe_last_reload_successful'), '1x5 0x10')], 6, 8, {}),
    ('MortsafeLogLoses', [(host('mortsafe_log_lines_dropped_total'), '0x5 7x10')], 5, 7, {}),
    ('MortsafeDiaryLoses', [(host('mortsafe_diary_lost_total'), '0x5 7x10')], 5, 7, {}),
    ('MortsafeFilesRunOut',
     [(host('process_max_fds'), '1000x20'), (host('process_open_fds'), '900x10 901x10')],
     12, 14, {}),
]

# A jump from nothing at all, which has no series to compare with.
FIRST_REFUSALS = ('MortsafeRefusalsJump',
                  [(host('mortsafe_decisions_total', **REFUSED), '_x10 0+600x40')], 10, 40, {})
# And a few more than yesterday are no jump.
FEW_REFUSALS = [(host('mortsafe_decisions_total', **REFUSED), '0+60x%d 86400+180x60' % (DAY + 30))]


def case(name, series, alert, expected):
    """EXPECTED: of each minute the labels of what fires then, or None."""
    def samples(labels):
        if labels is None:
            return []
        words = dict(labels, alertname=alert, alertstate='firing', instance='mx1',
                     job='mortsafe', severity=severity_of(alert))
        inside = ','.join('%s="%s"' % one for one in sorted(words.items()))
        return [{'labels': 'ALERTS{%s}' % inside, 'value': 1}]
    return {'name': name, 'interval': '1m',
            'input_series': [{'series': s, 'values': v} for s, v in series],
            'promql_expr_test': [
                {'expr': 'ALERTS{alertstate="firing",alertname="%s"}' % alert,
                 'eval_time': '%dm' % minute, 'exp_samples': samples(labels)}
                for minute, labels in expected]}


def severity_of(alert):
    part = text_of(RULES).split('- alert: %s\n' % alert, 1)[-1]
    return re.search(r'severity: (\w+)', part).group(1)


def test_alerts(folder):
    for alert, series, silent, fires, labels in ALERTS + [FIRST_REFUSALS]:
        tests = {'rule_files': ['mortsafe.rules.yml'], 'evaluation_interval': '1m',
                 'tests': [case(alert, series, alert, [(silent, None), (fires, labels)])]}
        check_alerts(folder, tests, '%s fires when it should' % alert)
    tests = {'rule_files': ['mortsafe.rules.yml'], 'evaluation_interval': '1m',
             'tests': [case('few', FEW_REFUSALS, 'MortsafeRefusalsJump', [(DAY + 85, None)])]}
    check_alerts(folder, tests, 'three times as many refusals are no jump')


def check_alerts(folder, tests, name):
    with open(os.path.join(folder, 'test.yml'), 'w', encoding='utf-8') as out:
        json.dump(tests, out) # JSON is YAML
    done = promtool('test', 'rules', 'test.yml', cwd=folder)
    ok(done.returncode == 0, name, done.stdout)


def test_rules(page):
    text = text_of(RULES)
    alerts = re.findall(r'^ *- alert: (\w+)$', text, re.M)
    ok(sorted(alerts) == sorted(row[0] for row in ALERTS), 'every alert is tested', alerts)
    ok(text.count('summary: ') == len(alerts) and text.count('description: ') == len(alerts),
       'every alert has words for people')
    ok(len(re.findall(r'severity: (?:page|ticket)$', text, re.M)) == len(alerts),
       'every alert says how urgent it is')
    missing = [w for expr in exprs_of(text) for w in unknown(page, expr)]
    ok(len(exprs_of(text)) == len(alerts) and not missing,
       'alerts use only what the page has', missing)


def exprs_of(text):
    """The expressions in a file of rules, as it is laid out here."""
    found = []
    for part in re.split(r'^ +expr: ', text, flags=re.M)[1:]:
        part = re.split(r'^ +(?:for|labels): ?', part, maxsplit=1, flags=re.M)[0]
        found.append(' '.join(part.replace('>-', '').split()))
    return found


# ----- the board

def targets(board):
    found = [(t['expr'], t['legendFormat']) for panel in board['panels']
             for t in panel.get('targets', [])]
    return found + [(a['expr'], '') for a in board['annotations']['list']]


def overlap(a, b):
    return (a['x'] < b['x'] + b['w'] and b['x'] < a['x'] + a['w'] and
            a['y'] < b['y'] + b['h'] and b['y'] < a['y'] + a['h'])


def test_board(page):
    board = json.loads(text_of(BOARD))
    panels = board['panels']
    ids = [panel['id'] for panel in panels]
    ok(len(set(ids)) == len(ids) > 10, 'every panel has an id of its own', ids)
    titles = [panel['title'] for panel in panels]
    ok(len(set(titles)) == len(titles) and all(titles), 'and a title', titles)
    ok(all(panel.get('description') for panel in panels if panel['type'] != 'row'),
       'and words for people')
    places = [panel['gridPos'] for panel in panels]
    clash = [(titles[i], titles[j]) for i in range(len(places)) for j in range(i)
             if overlap(places[i], places[j])]
    ok(not clash and all(p['x'] + p['w'] <= 24 for p in places), 'none lies on another', clash)
    missing = [w for expr, _ in targets(board) for w in unknown(page, expr)]
    ok(not missing, 'the board uses only what the page has', missing)
    lost = [(expr, legend) for expr, legend in targets(board)
            for label in re.findall(r'\{\{(\w+)\}\}', legend) if not keeps(page, expr, label)]
    ok(not lost, 'no legend names a label that is lost', lost)
    return board


def keeps(page, expr, label):
    """Does a series of EXPR still have LABEL?"""
    by = re.findall(r'\bby \(([^)]*)\)', expr)
    if by:
        return label in re.split(r',\s*', by[0])
    names = re.findall(r'\b(?:mortsafe|process)_\w+', expr)
    return label in ADDED or any(label in page.labels[n] for n in names)


def test_board_syntax(folder, board):
    rules = []
    for i, (expr, _) in enumerate(targets(board)):
        expr = expr.replace('$__rate_interval', '5m').replace('$instance', '.*')
        rules.append({'record': 'board:panel:%d' % i, 'expr': expr})
    with open(os.path.join(folder, 'board.yml'), 'w', encoding='utf-8') as out:
        json.dump({'groups': [{'name': 'board', 'rules': rules}]}, out)
    done = promtool('check', 'rules', 'board.yml', cwd=folder)
    ok(done.returncode == 0 and '%d rules found' % len(rules) in done.stdout,
       'Prometheus understands every expression of the board', done.stdout)


# ----- together

def have_promtool():
    if os.geteuid() != 0 and not shutil.which('promtool') and \
            promtool('--version').returncode != 0:
        return False
    done = promtool('install')
    ok(done.returncode == 0, 'promtool can be had', done.stdout)
    return True


def test_with_promtool(page_text, board):
    if not have_promtool():
        skip('what promtool finds', 'no promtool, and only root gets it')
        return
    done = promtool('check', 'metrics', input=page_text)
    ok(done.returncode == 0 and not done.stdout, 'promtool finds no fault in the metrics',
       done.stdout)
    with tempfile.TemporaryDirectory() as folder:
        for path in (RULES, SCRAPE):
            shutil.copy(path, folder)
        done = promtool('check', 'rules', 'mortsafe.rules.yml', cwd=folder)
        ok(done.returncode == 0 and '%d rules found' % len(ALERTS) in done.stdout,
           'promtool finds no fault in the rules', done.stdout)
        done = promtool('check', 'config', 'prometheus.yml', cwd=folder)
        ok(done.returncode == 0, 'Prometheus can be configured as shown', done.stdout)
        test_alerts(folder)
        test_board_syntax(folder, board)


def main():
    if not os.access(PRINTER, os.X_OK):
        print('1..0 # SKIP test_metrics is not built')
        sys.exit(0)
    page_text = subprocess.run([PRINTER, 'print'], stdout=subprocess.PIPE, check=True,
                               encoding='ascii').stdout
    page = Page(page_text)
    ok(len(page.labels) > 50, 'there is a page')
    test_rules(page)
    board = test_board(page)
    test_with_promtool(page_text, board)
    print('1..%d' % count)
    sys.exit(1 if failed else 0)


main()
