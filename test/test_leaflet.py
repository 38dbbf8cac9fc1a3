#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""contrib/notices/LANGUAGE/leaflet.txt: every language has it, installed, with the
same sections, steps and facts, for people and not for mail programs."""
import os
import re
import sys

TOP = os.environ.get('top_srcdir') or os.path.join(os.path.dirname(__file__), '..')
NOTICES = os.path.join(TOP, 'contrib', 'notices')
LANGUAGES = ['de', 'en', 'es', 'fr', 'it', 'nl', 'pl', 'pt']
# of each section: how many paragraphs, steps, signs
SECTIONS = [(2, 0, 0),  # what a zombie is
            (0, 6, 0),  # how to prevent it
            (1, 0, 0),  # how to send mail
            (0, 0, 6),  # signs
            (0, 6, 0),  # what to do then
            (2, 0, 0)]  # whom to ask
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


def sections(text):
    """Title and paragraphs of each: a title is a line in capitals of its own."""
    found = []
    for part in text.strip().split('\n\n'):
        if '\n' not in part and part == part.upper() and re.search(r'\w', part):
            found.append((part, []))
        elif found:
            found[-1][1].append(part)
    return found


def shape(parts):
    steps = [p for p in parts if re.match(r'\d\. ', p)]
    signs = [line for p in parts for line in p.split('\n') if line.startswith('- ')]
    plain = [p for p in parts if not re.match(r'\d\. |- ', p)]
    return len(plain), len(steps), len(signs)


def numbers(text):
    """Ports and the like, but not those of steps."""
    return sorted(re.findall(r'\d+', re.sub(r'^\d\. ', '', text, flags=re.M)))


def check(language, seen):
    with open(os.path.join(NOTICES, language, 'leaflet.txt'), 'rb') as file:
        raw = file.read()
    text = raw.decode('utf-8')  # or the test fails
    lines = text.split('\n')
    ok(b'\r' not in raw and not raw.startswith(b'\xef\xbb\xbf') and '\ufffd' not in text,
       language + ': plain UTF-8')
    ok(all(len(line) <= 78 and line == line.rstrip() and '\t' not in line for line in lines),
       language + ': lines that fit a letter', max(lines, key=len))
    ok(lines[0].startswith('Subject: ') and lines[1] == '' and lines[0][9:] == lines[2],
       language + ': it can be sent as a letter', lines[:3])
    found = sections(text)
    ok([shape(parts) for _, parts in found] == SECTIONS, language + ': the same sections',
       [(title, shape(parts)) for title, parts in found])
    for title, parts in found:
        at = [int(p[0]) for p in parts if re.match(r'\d\. ', p)]
        if at:
            ok(at == list(range(1, len(at) + 1)),
               '%s: "%s" counts its steps' % (language, title), at)
    sending = '\n'.join(found[2][1]) if len(found) > 2 else ''
    ok(numbers(sending) == ['25', '465', '587'] and numbers(text) == numbers(sending),
       language + ': mail is sent by 587 or 465, not by 25', numbers(text))
    ok(re.findall(r'\{(\w+)\}', text) == ['support', 'postmaster'],
       language + ': the operator fills in whom to ask', re.findall(r'\{.*?\}', text))
    ok(not re.search(r'https?:|www\.|<\w', text), language + ': no links to click on')
    seen.setdefault(text, language)
    ok(seen[text] == language, language + ': in its own language', 'as ' + seen[text])
    for title, _ in found:
        ok(seen.setdefault(title, language) == language,
           '%s: "%s" is no leftover' % (language, title), seen[title])


folders = sorted(os.listdir(NOTICES))
ok(folders == LANGUAGES, 'the languages of the letters', folders)
texts = {}
for name in folders:
    check(name, texts)
with open(os.path.join(TOP, 'contrib', 'local.mk')) as rules:
    listed = re.findall(r'notices/(\w+)/leaflet\.txt', rules.read())
ok(sorted(listed) == LANGUAGES, 'all are installed', listed)
print('1..%d' % count)
sys.exit(1 if failed else 0)
