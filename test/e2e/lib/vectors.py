# SPDX-License-Identifier: BSD-2-Clause
"""What is tried on a relay, and the verdict it must get.  Numbers are those of the
published lists; [A] stands for the server's own address literal."""

REFUSE, ACCEPT, UNKNOWN = 'refuse', 'accept', 'unknown'

# (name, what follows RCPT TO:, verdict for a stranger)
RECIPIENTS = [
    ('1 a foreign address', '<v@victim.test>', REFUSE),
    ('2 without brackets', 'v@victim.test', REFUSE),
    ('3 blanks in the brackets', '< v@victim.test >', REFUSE),
    ('4a capitals', '<V@VICTIM.TEST>', REFUSE),
    ('4b a dot at the end', '<v@victim.test.>', REFUSE),
    ('5 a comment', '<v(c)@victim.test>', REFUSE),
    ('6 an address in quotes', '<"v@victim.test">', REFUSE),
    ('7 a percent hop in quotes', '<"v%victim.test">', REFUSE),
    ('8 a bare percent hop', '<v%victim.test>', REFUSE),
    ('9 a percent hop at our domain', '<v%victim.test@example.org>', REFUSE),
    ('10 a percent hop at our host', '<v%victim.test@mx.example.org>', REFUSE),
    ('11 a percent hop at our literal', '<v%victim.test@[A]>', REFUSE),
    ('12 two percent hops', '<v%victim.test%example.org@mx.example.org>', REFUSE),
    ('13 two at signs, our domain', '<v@victim.test@example.org>', REFUSE),
    ('14 two at signs, our literal', '<v@victim.test@[A]>', REFUSE),
    ('15 a quoted address at our domain', '<"v@victim.test"@example.org>', REFUSE),
    ('16 a quoted address at our literal', '<"v@victim.test"@[A]>', REFUSE),
    ('17 a source route', '<@example.org:v@victim.test>', REFUSE),
    ('18 a source route by literal', '<@[A]:v@victim.test>', REFUSE),
    ('19 a source route of two', '<@example.org,@mx.example.org:v@victim.test>', REFUSE),
    ('20 a bang path', '<victim.test!v>', REFUSE),
    ('21 a bang path at our domain', '<victim.test!v@example.org>', REFUSE),
    ('22 a quoted bang path', '<"victim.test!v"@example.org>', REFUSE),
    ('23 a bang path at our literal', '<victim.test!v@[A]>', REFUSE),
    ('24 a bang path through us', '<example.org!victim.test!v>', REFUSE),
    ('25 a percent hop elsewhere', '<v%victim.test@victim2.test>', REFUSE),
    ('26a our address in a percent hop', '<alice%example.org@victim.test>', REFUSE),
    ('26b our address, then theirs', '<alice@example.org@victim.test>', REFUSE),
    ('27a a literal', '<v@[203.0.113.9]>', REFUSE),
    ('27b an IPv6 literal', '<v@[IPv6:2001:db8::1]>', REFUSE),
    ('28 a bare address as domain', '<v@203.0.113.9>', REFUSE),
    ('29 a subdomain of ours', '<alice@sub.example.org>', REFUSE),
    ('30 localhost.localdomain', '<v@localhost.localdomain>', REFUSE),
    ('31 an A-label', '<v@xn--bcher-kva.example>', REFUSE),
    ('32a NOTIFY', '<v@victim.test> NOTIFY=NEVER', REFUSE),
    ('32b ORCPT of ours', '<v@victim.test> ORCPT=rfc822;alice@example.org', REFUSE),
    ('33a a bang path as domain', '<v@example.org!victim.test>', REFUSE),
    ('33b a percent hop as domain', '<v@victim.test%example.org>', REFUSE),
    ('33c an empty domain between', '<v@@example.org>', REFUSE),
    ('33d no domain after the at sign', '<alice@>', REFUSE),
    ('33e the null address', '<>', REFUSE),
    ('34a a semicolon', '<v;victim.test@example.org>', REFUSE),
    ('34b a colon', '<v:victim.test@example.org>', REFUSE),
    ('34c a comma', '<v,victim.test@example.org>', REFUSE),
    ('35 a name before it', 'Name <v@victim.test>', REFUSE),
    ('36a our user', '<alice@example.org>', ACCEPT),
    ('36b our domain in capitals', '<alice@EXAMPLE.ORG>', ACCEPT),
    ('36c our domain with a dot', '<alice@example.org.>', ACCEPT),
    ('36d our user in quotes', '<"alice"@example.org>', ACCEPT),
    ('37a postmaster', '<postmaster>', ACCEPT),
    ('37b POSTMASTER', '<POSTMASTER>', ACCEPT),
    ('37c our postmaster', '<postmaster@example.org>', ACCEPT),
    ('38 a relay domain', '<u@relay.example>', ACCEPT),
    ('39 an unknown user', '<nosuch@example.org>', UNKNOWN),
    ('40 postmaster at our literal', '<postmaster@[A]>', ACCEPT),
    ('41 a percent hop at a relay domain', '<v%victim.test@relay.example>', REFUSE),
    ('42 a bang path at a relay domain', '<victim.test!v@relay.example>', REFUSE),
    ('43 a quoted address at a relay domain', '<"v@victim.test"@relay.example>', REFUSE),
    ('44 a source route by a relay domain', '<@relay.example:v@victim.test>', REFUSE),
    ('45a our host', '<alice@mx.example.org>', ACCEPT),
    ('45b localhost', '<alice@localhost>', ACCEPT),
    ('45c our literal', '<alice@[A]>', ACCEPT),
    ('45d a subdomain of a relay domain', '<u@sub.relay.example>', ACCEPT),
    ('46a a percent hop at localhost', '<v%victim.test@localhost>', REFUSE),
    ('46b a backslash', '<v\\@victim.test@example.org>', REFUSE),
    ('46c an encoded at sign', '<"v\\@victim.test"@example.org>', REFUSE),
    ('46d quotes in quotes', '<"\\"v@victim.test\\""@example.org>', REFUSE),
    ('46e a hop behind a plus sign', '<alice+v%victim.test@example.org>', REFUSE),
    ('46f a blank before the domain', '<v@victim.test @example.org>', REFUSE),
    ('46g two pairs of brackets', '<<v@victim.test>>', REFUSE),
    ('46h a comment after it', '<v@victim.test>(@example.org)', REFUSE),
    ('46i a comment in the domain', '<v@victim.test(@example.org)>', REFUSE),
    ('46j a local part of 200 octets', '<%s@victim.test>' % ('v' * 200), REFUSE),
]

# What a login, or a network that may relay, must not do either: second hops.
HOPS = [r for r in RECIPIENTS
        if r[2] == REFUSE and r[0].split()[0].rstrip('abc') in
        [str(n) for n in list(range(6, 27)) + list(range(41, 45))]]
# 25 and 26a have their hop before a foreign domain, which they may send to.
FOREIGN = [r for r in HOPS if r[0].split()[0] in ('25', '26a')]

# What follows MAIL FROM:; <v@victim.test> is refused for each.
SENDERS = [
    '<>', '< >', '<u>', '<postmaster>', '<u@localhost>', '<u@example.org>',
    '<u@mx.example.org>', '<u@[A]>', '<u@victim.test>', 'u@victim.test',
    '<@a.test,@b.test:u@victim.test>', '<u%victim.test@example.org>', '<victim.test!u>',
    '<"u v"@victim.test>', '<@victim.test>', '<u@v@w>', '<u@victim.test> AUTH=<>',
    '<u@victim.test> AUTH=<alice@example.org>',
]


def literal(text, address='127.0.0.1'):
    return text.replace('[A]', '[%s]' % address)
