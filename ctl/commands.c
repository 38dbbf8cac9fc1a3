/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/commands.c - the rows: what there is to be asked, and done. */
#include <config.h>

#include "ctl/command.h"

/* Options that more than one command takes. */
#define OPT_FLEET_OF_ALL                                                       \
    {                                                                          \
        "fleet", 0, false, NULL, WORD_NONE, NULL,                              \
            "all hosts that share the store"                                   \
    }
#define OPT_HOST                                                               \
    {                                                                          \
        "host", 0, false, NULL, WORD_NONE, NULL,                               \
            "on this host only, where the store is shared"                     \
    }
#define OPT_NOTE                                                               \
    {                                                                          \
        "note", 0, false, "TEXT", WORD_TEXT, NULL,                             \
            "why, for whoever reads it later"                                  \
    }
#define OPT_UNTIL                                                              \
    {                                                                          \
        "until", 0, false, "TIME", WORD_WHEN, NULL,                            \
            "when it ends: a date, a time, or a span from now"                 \
    }
#define OPT_SINCE(help)                                                        \
    {                                                                          \
        "since", 0, false, "TIME", WORD_WHEN, NULL, help                       \
    }
#define OPT_NUMBER(help)                                                       \
    {                                                                          \
        "number", 'n', false, "N", WORD_NUMBER, NULL, help                     \
    }
#define OPT_INTERVAL                                                           \
    {                                                                          \
        "interval", 'i', false, "SECONDS", WORD_NUMBER, NULL,                  \
            "again every so many seconds"                                      \
    }
#define OPT_RULE                                                               \
    {                                                                          \
        "rule", 0, false, "RULE", WORD_RULE, NULL,                             \
            "only of this rule, such as limit.user"                            \
    }
#define OPT_YES                                                                \
    {                                                                          \
        "yes", 'y', false, NULL, WORD_NONE, NULL, "do not ask"                 \
    }
#define OPT_FILE                                                               \
    {                                                                          \
        "file", 'x', false, "FILE", WORD_FILE, NULL,                           \
            "read this configuration; no daemon is asked"                      \
    }
#define OPT_FILE_OF_SERVER                                                     \
    {                                                                          \
        "file", 'x', false, "FILE", WORD_FILE, NULL,                           \
            "the configuration (" SYSCONFDIR "/mortsafe/mortsafe.conf)"        \
    }
#define OPT_MTA                                                                \
    {                                                                          \
        "mta", 0, false, "NAME", WORD_CHOICE, "postfix|sendmail",              \
            "which mail server, where there are two"                           \
    }
#define OPT_TIMEOUT                                                            \
    {                                                                          \
        "timeout", 0, false, "SECONDS", WORD_NUMBER, NULL,                     \
            "what it may take in all (300)"                                    \
    }
#define OPT_VERBOSE                                                            \
    {                                                                          \
        "verbose", 'v', false, NULL, WORD_NONE, NULL, "print all that is said" \
    }
#define OPT_MINE                                                               \
    {                                                                          \
        "yes-this-is-mine", 0, false, NULL, WORD_NONE, NULL,                   \
            "the host is yours, although nothing here says so"                 \
    }
#define OPT_HELD                                                               \
    {                                                                          \
        "held", 0, false, "WHAT", WORD_CHOICE, "keep|deliver|delete",          \
            "what becomes of held mail (keep); the others need root"           \
    }
#define OPT_MTA_CONFIG                                                         \
    {                                                                          \
        "mta-config", 0, false, "PATH", WORD_FILE, NULL,                       \
            "another instance: Postfix's folder, Sendmail's file"              \
    }
#define OPT_STANDING                                                           \
    {                                                                          \
        "standing", 0, false, "LIST", WORD_TEXT, NULL,                         \
            "only of these, such as throttled,quarantined"                     \
    }
#define END_OPTIONS                                                            \
    {                                                                          \
        NULL, 0, false, NULL, WORD_NONE, NULL, NULL                            \
    }
#define END_WORDS                                                              \
    {                                                                          \
        NULL, false, false, WORD_NONE, NULL                                    \
    }
#define NEEDED(name, kind)                                                     \
    {                                                                          \
        name, true, false, kind, NULL                                          \
    }
#define MAYBE(name, kind)                                                      \
    {                                                                          \
        name, false, false, kind, NULL                                         \
    }

const struct command_option common_options[] = {
    {"socket", 's', false, "SOCKET", WORD_FILE, NULL,
     "ask the daemon there, not at " RUNSTATEDIR "/mortsafe/api.sock"},
    {"json", 'j', false, NULL, WORD_NONE, NULL, "print JSON, an object a line"},
    {"tsv", 0, false, NULL, WORD_NONE, NULL,
     "print values with tabs between them"},
    {"quiet", 'q', false, NULL, WORD_NONE, NULL,
     "print no headings and no remarks"},
    {"color", 0, false, "WHEN", WORD_CHOICE, "auto|always|never",
     "colours: auto (on a terminal), always or never"},
    {"help", 'h', false, NULL, WORD_NONE, NULL, "tell about the command"},
    {"version", 'V', false, NULL, WORD_NONE, NULL, "print the version"},
    END_OPTIONS};

const struct command commands[] = {
    /* ----- state */
    {.name = "status",
     .group = GROUP_STATE,
     .synopsis = "[--fleet]",
     .brief = "is it working, and if not, what is wrong",
     .help = "Tells how the daemon is, what is wrong first, then what it has "
             "done since its start. Exits with 1 if something is in error. "
             "With --tsv, prints each figure's name and its value.",
     .options = {{"fleet", 0, false, NULL, WORD_NONE, NULL,
                  "also the hosts that share the store, and what differs"},
                 END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_status},
    {.name = "ping",
     .group = GROUP_STATE,
     .synopsis = "",
     .brief = "does the daemon answer",
     .help = "Exits with 0 if the daemon answers, with 3 if it does not.",
     .options = {END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_ping},
    {.name = "stats",
     .group = GROUP_STATE,
     .synopsis = "[-i SECONDS] [-c N]",
     .brief = "figures, and how fast they grow",
     .help = "Prints the daemon's counts since its start. With -i, prints "
             "them again and again, with what was added per second since the "
             "last time.",
     .options = {OPT_INTERVAL,
                 {"count", 'c', false, "N", WORD_NUMBER, NULL,
                  "end after so many times"},
                 END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_stats},
    {.name = "top",
     .group = GROUP_STATE,
     .synopsis = "[users|clients|prefixes|senders|domains|networks] "
                 "[-i SECONDS] [-n N] [--sort METRIC] [--fleet]",
     .brief = "who uses most of what is allowed",
     .help = "Prints the subjects that are nearest to a limit, or over it. "
             "On a terminal, the picture is drawn again every two seconds, or "
             "as -i says, until interrupted.",
     .options = {OPT_INTERVAL,
                 OPT_NUMBER("so many subjects (20)"),
                 {"sort", 0, false, "METRIC", WORD_CHOICE,
                  "share|connections|messages|recipients|external|"
                  "bad_recipients|bytes",
                  "by what is counted, not by the share of a limit"},
                 OPT_FLEET_OF_ALL,
                 END_OPTIONS},
     .words = {{"KIND", false, false, WORD_CHOICE,
                "users|clients|prefixes|senders|domains|networks"},
               END_WORDS},
     .run = cmd_top},
    {.name = "log",
     .group = GROUP_STATE,
     .synopsis = "[-f] [--user USER] [--client CLIENT] [--rule RULE] "
                 "[--since TIME] [-n N]",
     .brief = "the last decisions against somebody",
     .help = "Prints the last decisions of this host that were not to accept, "
             "oldest "
             "first, those of observe mode included. With -f, waits for more; "
             "a restart of the daemon does not end it.",
     .options = {{"follow", 'f', false, NULL, WORD_NONE, NULL,
                  "go on with what comes"},
                 {"user", 0, false, "USER", WORD_KEY, NULL,
                  "only of this login"},
                 {"client", 0, false, "CLIENT", WORD_CLIENT, NULL,
                  "only of this address"},
                 OPT_RULE,
                 OPT_SINCE("only what is newer: a date, a time, or a span"),
                 OPT_NUMBER("so many (20)"),
                 END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_log},

    /* ----- answers */
    {.name = "would",
     .group = GROUP_ANSWERS,
     .synopsis = "[--rule RULE] [--since TIME] [--csv]",
     .brief = "whom observe mode would have stopped",
     .help =
         "Prints, by rule, which subjects this host would have stopped if the "
         "mode were enforce, how often, and when last. Read it before "
         "`mode enforce`, and before port 25 is closed to a network.",
     .options = {OPT_RULE,
                 OPT_SINCE("only what is newer: a date, a time, a span (7d)"),
                 {"csv", 0, false, NULL, WORD_NONE, NULL,
                  "as a table for spreadsheets (RFC 4180)"},
                 END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_would},
    {.name = "explain",
     .group = GROUP_ANSWERS,
     .synopsis = "--client ADDRESS [--port N | --listener NAME] [--user USER] "
                 "[--from SENDER] [--to RECIPIENT] [--tls | --no-tls] "
                 "[--helo NAME] [--size BYTES] [--spf RESULT] [--spf-helo "
                 "RESULT] [--listed LIST[:ANSWER]] [-x FILE]",
     .brief = "what would be answered, and which rules say so",
     .help = "Prints each rule that a message would pass, where it is "
             "written, what is counted, and the answer. Nothing is counted "
             "by asking, and nothing is looked up in the DNS: say what it "
             "would answer. Exits with 1 if the message would be refused. With "
             "-x, no daemon is asked, and all counts are taken as empty.",
     .options = {{"client", 0, false, "ADDRESS", WORD_CLIENT, NULL,
                  "the address that connects"},
                 {"port", 0, false, "N", WORD_NUMBER, NULL,
                  "the port it connects to (587 with --user, else 25)"},
                 {"listener", 0, false, "NAME", WORD_TEXT, NULL,
                  "the listener it connects to, by its name"},
                 {"user", 0, false, "USER", WORD_KEY, NULL, "the login"},
                 {"from", 0, false, "SENDER", WORD_ADDRESS, NULL,
                  "the envelope sender; \"\" is the empty one"},
                 {"to", 0, true, "RECIPIENT", WORD_ADDRESS, NULL,
                  "a recipient; may be given more than once"},
                 {"tls", 0, false, NULL, WORD_NONE, NULL,
                  "the connection is encrypted, as it is with --user"},
                 {"no-tls", 0, false, NULL, WORD_NONE, NULL, "it is not"},
                 {"helo", 0, false, "NAME", WORD_TEXT, NULL,
                  "the name it says HELO with"},
                 {"size", 0, false, "BYTES", WORD_NUMBER, NULL,
                  "the message's size"},
                 {"spf", 0, false, "RESULT", WORD_TEXT, NULL,
                  "what SPF says of the sender: none, neutral, pass, fail, "
                  "softfail, temperror, permerror, or pending"},
                 {"spf-helo", 0, false, "RESULT", WORD_TEXT, NULL,
                  "the same of the name in HELO"},
                 {"listed", 0, true, "LIST[:ANSWER]", WORD_TEXT, NULL,
                  "the DNS list that has the client, by its name in the "
                  "configuration, such as zen:127.0.0.4; pending and failed "
                  "are answers, too; may be given more than once"},
                 OPT_FILE,
                 END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_explain},
    {.name = "why",
     .group = GROUP_ANSWERS,
     .synopsis = "QUEUEID|REFERENCE",
     .brief = "why a message was stopped, and what to do",
     .help = "Tells in plain words what was decided about the message with "
             "that queue id, or with the reference that its sender was told, "
             "on whichever host; then, what led to it and what may be done. "
             "Accepted mail is not here but in the log.",
     .options = {END_OPTIONS},
     .words = {NEEDED("QUEUEID|REFERENCE", WORD_TEXT), END_WORDS},
     .run = cmd_why},
    {.name = "show",
     .group = GROUP_ANSWERS,
     .synopsis = "[KIND] KEY",
     .brief = "all about one user, address or network",
     .help = "Prints each limit of a subject with what is used of it, when "
             "there is room again, what operators have changed for it, the "
             "last decisions, and pictures of the last day and month. A "
             "subject is named as people name it: ann@example.org, 192.0.2.7, "
             "192.0.2.0/24; KIND is needed only where a name could be two.",
     .options = {END_OPTIONS},
     .words = {{"KIND", false, false, WORD_CHOICE,
                "client|prefix|user|sender|domain|network"},
               NEEDED("KEY", WORD_KEY),
               END_WORDS},
     .run = cmd_show},

    /* ----- acts */
    {.name = "reset",
     .group = GROUP_ACTS,
     .synopsis = "KEY [LIMIT]",
     .brief = "forget what a subject has used",
     .help = "Empties the counts of a subject, of one limit or of all, so "
             "that it may go on at once. The limit itself stays.",
     .options = {END_OPTIONS},
     .words = {NEEDED("KEY", WORD_KEY), MAYBE("LIMIT", WORD_LIMIT), END_WORDS},
     .run = cmd_reset},
    {.name = "raise",
     .group = GROUP_ACTS,
     .synopsis = "KEY LIMIT RATES --until TIME [--note TEXT] [--host]",
     .brief = "other rates for a subject, for some time",
     .help = "Gives a subject other rates than the limit's own, such as "
             "2000/1d, until the time given. Rates over another span stay. "
             "A newer one replaces the older.",
     .options = {OPT_UNTIL, OPT_NOTE, OPT_HOST, END_OPTIONS},
     .words = {NEEDED("KEY", WORD_KEY), NEEDED("LIMIT", WORD_LIMIT),
               NEEDED("RATES", WORD_RATES), END_WORDS},
     .run = cmd_raise},
    {.name = "exempt",
     .group = GROUP_ACTS,
     .synopsis = "add KEY [LIMIT] [--until TIME] [--note TEXT] [--host]\n"
                 "del ID|KEY\n"
                 "list",
     .brief = "whom limits do not hold",
     .help = "Exempts a subject from one limit or from all, takes an "
             "exemption or a raised limit back, or lists what operators "
             "have set. Relay and port rules hold for "
             "everybody.",
     .options = {OPT_UNTIL, OPT_NOTE, OPT_HOST, END_OPTIONS},
     .words = {{"add|del|list", true, false, WORD_CHOICE, "add|del|list"},
               MAYBE("KEY", WORD_KEY),
               MAYBE("LIMIT", WORD_LIMIT),
               END_WORDS},
     .run = cmd_exempt},
    {.name = "audit",
     .group = GROUP_ACTS,
     .synopsis = "[--since TIME] [-n N] [--host]",
     .brief = "what operators have done, who and when",
     .help = "Prints the audit trail, newest first, of all hosts that share "
             "the store.",
     .options = {OPT_SINCE("only what is newer: a date, a time, or a span"),
                 OPT_NUMBER("so many (100)"), OPT_HOST, END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_audit},

    /* ----- zombies */
    {.name = "zombies",
     .group = GROUP_ZOMBIES,
     .synopsis = "[--standing LIST] [--observed] [-n N]",
     .brief = "who is watched, throttled or quarantined, and why",
     .help = "Prints the accounts and machines that have a standing, the "
             "worst and newest first, with what speaks against them; below, "
             "how many there are, which rules only observe, and whether the "
             "detector holds itself back.",
     .options = {OPT_STANDING,
                 {"observed", 0, false, NULL, WORD_NONE, NULL,
                  "only standings earned while the rule observed"},
                 OPT_NUMBER("so many (50)"),
                 END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_zombies},
    {.name = "quarantine",
     .group = GROUP_ZOMBIES,
     .synopsis = "KEY [--for SPAN | --until TIME] [--note TEXT]",
     .brief = "stop the mail of an account or machine",
     .help = "Stops all mail of a subject at once, on all hosts, as the rule "
             "about it says: held, refused or put off. It lasts until it is "
             "released, or as long as is said here.",
     .options = {{"for", 0, false, "SPAN", WORD_SPAN, NULL,
                  "for so long, such as 7d"},
                 OPT_UNTIL,
                 OPT_NOTE,
                 END_OPTIONS},
     .words = {NEEDED("KEY", WORD_KEY), END_WORDS},
     .run = cmd_quarantine},
    {.name = "release",
     .group = GROUP_ZOMBIES,
     .synopsis =
         "KEY [--legit] [--held keep|deliver|delete] [--mta-config PATH] "
         "[--note TEXT]\n"
         "--since TIME [--until TIME] [--family NAME] [--standing LIST] "
         "[--dry-run] [--yes] [--held keep|deliver|delete] "
         "[--mta-config PATH] [--note TEXT]",
     .brief = "let somebody send again, or many at once",
     .help = "Lets new mail through at once, on all hosts; the subject is on "
             "probation for some days. Mail that the MTA holds stays held "
             "unless --held says otherwise: then root's MTA lets it go or "
             "deletes it on this host, and what is to be run on other hosts is "
             "printed. Exits with 1 if something is left to be run. Without "
             "KEY, all are released whose standing changed in a time: for a "
             "mistake of the filter or of the configuration.",
     .options = {{"legit", 0, false, NULL, WORD_NONE, NULL,
                  "it was their own mail: take so much as usual from now on"},
                 OPT_HELD,
                 OPT_MTA_CONFIG,
                 OPT_SINCE("whose standing changed then or later"),
                 {"until", 0, false, "TIME", WORD_WHEN, NULL,
                  "whose standing changed before (now)"},
                 {"family", 0, false, "NAME", WORD_CHOICE,
                  "bulk|content|reception|spread|identity",
                  "only where this evidence was the strongest"},
                 OPT_STANDING,
                 {"dry-run", 0, false, NULL, WORD_NONE, NULL, "only list them"},
                 OPT_YES,
                 OPT_NOTE,
                 END_OPTIONS},
     .words = {MAYBE("KEY", WORD_KEY), END_WORDS},
     .run = cmd_release},
    {.name = "lease",
     .group = GROUP_ZOMBIES,
     .synopsis = "ADDRESS [--note TEXT]",
     .brief = "tell that an address has a new customer",
     .help = "Forgets what is known of an address or network as a sender, so "
             "that nobody pays for whoever had it before.",
     .options = {OPT_NOTE, END_OPTIONS},
     .words = {NEEDED("ADDRESS", WORD_CLIENT), END_WORDS},
     .run = cmd_lease},
    {.name = "confirm",
     .group = GROUP_ZOMBIES,
     .synopsis = "CODE",
     .brief = "redeem the code that a customer was sent",
     .help = "Releases who was quarantined, by the code in the letter about "
             "it. A code is good once; somebody quarantined again needs "
             "`release`.",
     .options = {END_OPTIONS},
     .words = {NEEDED("CODE", WORD_TEXT), END_WORDS},
     .run = cmd_confirm},
    {.name = "held",
     .group = GROUP_ZOMBIES,
     .synopsis = "[KEY] [--fleet] [--check] [--mta-config PATH]",
     .brief = "mail that the MTA holds for us",
     .help = "Prints the messages that were put on hold, of all or of one "
             "subject, the oldest first. With --check, looks first which of "
             "them the MTA of this host still has, and forgets the others.",
     .options = {OPT_FLEET_OF_ALL,
                 {"check", 0, false, NULL, WORD_NONE, NULL,
                  "look into the MTA's queue first"},
                 OPT_MTA_CONFIG,
                 END_OPTIONS},
     .words = {MAYBE("KEY", WORD_KEY), END_WORDS},
     .run = cmd_held},
    {.name = "notices",
     .group = GROUP_ZOMBIES,
     .synopsis = "[KEY] [-n N]\n"
                 "preview KEY [--kind KIND] [--language LANGUAGE]\n"
                 "resend KEY",
     .brief = "letters and webhooks: sent, waiting, to come",
     .help = "Prints what was sent about whom, and what still waits or was "
             "kept back; or the letter as it would be written now; or sends "
             "the last letters about somebody again.",
     .options = {OPT_NUMBER("so many (50)"),
                 {"kind", 0, false, "KIND", WORD_CHOICE,
                  "throttled|quarantined|released|postmaster", "which letter"},
                 {"language", 0, false, "LANGUAGE", WORD_TEXT, NULL,
                  "in another language than the recipient's"},
                 END_OPTIONS},
     .words = {{"preview|resend|KEY", false, false, WORD_VERB,
                "preview|resend"},
               MAYBE("KEY", WORD_KEY),
               END_WORDS},
     .run = cmd_notices},
    {.name = "feedback",
     .group = GROUP_ZOMBIES,
     .synopsis = "[--kind KIND] [FILE]\n"
                 "--list [--since TIME] [-n N]",
     .brief = "hand in an abuse report, a bounce or a log",
     .help = "Reads an abuse report (RFC 5965), a bounce (RFC 3464) or log "
             "lines of Postfix or Sendmail, from standard input unless there "
             "is a FILE, and counts it against who sent the message it is "
             "about. Which that is, queue ids in it tell: one that names no "
             "message of ours is kept to be read and counts nothing. The MTA "
             "may pipe mail to it: exits with 65 if it is none of these, with "
             "75 if it should be tried again.",
     .options = {{"kind", 0, false, "KIND", WORD_CHOICE,
                  "auto|complaint|bounce|log", "what it has to be (auto)"},
                 {"list", 0, false, NULL, WORD_NONE, NULL,
                  "print what was handed in before"},
                 OPT_SINCE("only what is newer: a date, a time, or a span"),
                 OPT_NUMBER("so many (50)"),
                 END_OPTIONS},
     .words = {MAYBE("FILE", WORD_FILE), END_WORDS},
     .run = cmd_feedback},
    {.name = "replay",
     .group = GROUP_ZOMBIES,
     .synopsis = "[--config FILE] LOG...",
     .brief = "what would have been done to the mail in these logs",
     .help = "Runs logs of Postfix or Sendmail, plain or gzip, - for standard "
             "input, through the relay rules, limits and rules of zombies of "
             "a configuration as if all of them enforced, each line at its "
             "time. Tells whose standing would have changed and why, who "
             "would have been stopped by which rule, and how much everybody "
             "else used of each limit, with a rate that 99.9 % of their busy "
             "periods stay under. Asks no daemon and changes nothing. A log "
             "tells nothing of TLS, of a content filter's verdict on mail "
             "that it let pass, nor of mail before the log begins.",
     .options = {{"config", 0, false, "FILE", WORD_FILE, NULL,
                  "the configuration (" SYSCONFDIR "/mortsafe/mortsafe.conf)"},
                 END_OPTIONS},
     .words = {{"LOG", true, true, WORD_FILE, NULL}, END_WORDS},
     .run = cmd_replay},

    /* ----- is the server secure? */
    {.name = "doctor",
     .group = GROUP_SERVER,
     .synopsis = "[OPTION]... [--mta postfix|sendmail] [CHECK...]",
     .brief =
         "what is wrong with this mail server, and the command that mends it",
     .help = "Looks at this host as it is set up: mortsafe, the mail server "
             "before it, the network, or only at what is named. Each finding "
             "is ok, warn, FAIL, or skip where it could not be looked at, "
             "with the command that mends it. Changes nothing. Best called by "
             "root. Exits with 1 if something is wrong.",
     .options = {OPT_MTA,
                 OPT_MTA_CONFIG,
                 OPT_FILE_OF_SERVER,
                 {"server", 0, true, "ADDRESS[@PORT]", WORD_TEXT, NULL,
                  "ask this resolver, not the configuration's"},
                 END_OPTIONS},
     .words = {{"CHECK", false, true, WORD_CHOICE,
                "daemon|config|health|store|keys|clock|socket|milter|"
                "away|order|twice|macros|filter|auth|newline|rules|networks|"
                "crowds|certificates|dns|listed|relay|proxy"},
               END_WORDS},
     .run = cmd_doctor},
    {.name = "setup",
     .group = GROUP_SERVER,
     .synopsis = "[OPTION]... postfix|sendmail",
     .brief = "print the MTA's side, ready to paste",
     .help = "Prints what belongs into the mail server's configuration so "
             "that it asks mortsafe: for the socket and ports of mortsafe's "
             "configuration, this host's chroot, and behind the filters that "
             "are there. Changes nothing.",
     .options = {OPT_MTA_CONFIG, OPT_FILE_OF_SERVER, END_OPTIONS},
     .words = {{"MTA", true, false, WORD_CHOICE, "postfix|sendmail"},
               END_WORDS},
     .run = cmd_setup},
    {.name = "relay-test",
     .group = GROUP_SERVER,
     .synopsis = "[OPTION]... [--deliver ADDRESS] HOST[:PORT]\n"
                 "--print-script [OPTION]... HOST[:PORT]",
     .brief = "does one of your own servers relay for anybody",
     .help = "Offers a mail server every form of sender and recipient by which "
             "servers have been made to relay, after HELO, EHLO, STARTTLS and "
             "RSET, up to RCPT: no message is sent unless --deliver names an "
             "address of yours elsewhere. HOST has to be this machine, or in "
             "own_hosts. Prints what became of each form, a verdict, and what "
             "closes the holes. Exits with 0 if it is closed, 1 if it is open, "
             "2 if that cannot be told, as where the server trusts the address "
             "that this is run from and does not let it be a stranger by "
             "XCLIENT: then --print-script gives a script to run elsewhere.",
     .options = {{"domain", 0, false, "DOMAIN", WORD_TEXT, NULL,
                  "one that the server takes mail for (by its greeting)"},
                 {"relay-domain", 0, false, "DOMAIN", WORD_TEXT, NULL,
                  "one that it passes mail on for"},
                 {"foreign", 0, false, "DOMAIN", WORD_TEXT, NULL,
                  "one that is not the server's (example.com)"},
                 {"deliver", 0, false, "ADDRESS", WORD_ADDRESS, NULL,
                  "send a test message there by each form that is accepted"},
                 {"from", 0, false, "ADDRESS", WORD_CLIENT, NULL,
                  "an address of this machine to ask from"},
                 {"stranger", 0, false, NULL, WORD_NONE, NULL,
                  "the server has no reason to trust that address"},
                 {"print-script", 0, false, NULL, WORD_NONE, NULL,
                  "print the test as a shell script, to run it elsewhere"},
                 OPT_TIMEOUT,
                 OPT_VERBOSE,
                 OPT_MINE,
                 OPT_FILE,
                 END_OPTIONS},
     .words = {NEEDED("HOST[:PORT]", WORD_TEXT), END_WORDS},
     .run = cmd_relay_test},
    {.name = "proxy-test",
     .group = GROUP_SERVER,
     .synopsis = "[OPTION]... [--port PORT]... HOST",
     .brief = "is one of your own hosts an open proxy",
     .help = "Asks the ports where proxies usually listen for a connection by "
             "HTTP (CONNECT, POST, GET, PUT), SOCKS 4, 4a and 5, and as "
             "telnet gateways do: to a listener of its own, the canary, which "
             "says a random token. Only the token proves a proxy; nobody else "
             "is ever connected to. HOST has to be this machine, or in "
             "own_hosts. Exits with 0 if there is none, 1 if one is open, 2 if "
             "that cannot be told.",
     .options = {{"port", 'p', true, "PORT", WORD_NUMBER, NULL,
                  "this one, not the usual ones"},
                 {"canary", 0, false, "ADDRESS[:PORT]", WORD_TEXT, NULL,
                  "an address of this machine that HOST can reach"},
                 OPT_TIMEOUT,
                 OPT_VERBOSE,
                 OPT_MINE,
                 OPT_FILE,
                 END_OPTIONS},
     .words = {NEEDED("HOST", WORD_TEXT), END_WORDS},
     .run = cmd_proxy_test},
    {.name = "listed",
     .group = GROUP_SERVER,
     .synopsis = "[OPTION]... [--list ZONE]... [--evidence] [NET...]",
     .brief = "which of your addresses are on DNS lists, and how to get off",
     .help = "Asks DNS lists about addresses, networks and networks of the "
             "configuration by their names; without any, about this host's "
             "public addresses, those of own_hosts, and small networks of "
             "the configuration. The lists are those of its dnsbl blocks and "
             "public ones of which is known what a listing means and how to "
             "get off. Each is tried first: one that lists everybody, nobody, "
             "or does not answer is told and not believed. What takes long is "
             "told before, and can be gone on with. Exits with 0 if nothing "
             "is listed, 1 if something is, 2 if it cannot be told.",
     .options = {{"list", 0, true, "ZONE", WORD_TEXT, NULL,
                  "ask only this list"},
                 {"networks", 0, false, NULL, WORD_NONE, NULL,
                  "all networks of the configuration, large ones too"},
                 {"rate", 0, false, "N", WORD_NUMBER, NULL,
                  "questions a second (20)"},
                 {"from", 0, false, "ADDRESS", WORD_CLIENT, NULL,
                  "go on with this address"},
                 {"evidence", 0, false, NULL, WORD_NONE, NULL,
                  "tell the daemon, as evidence against who is listed"},
                 {"lists", 0, false, "FILE", WORD_FILE, NULL,
                  "what is known of public lists, in place of the one "
                  "installed"},
                 {"server", 0, true, "ADDRESS[@PORT]", WORD_TEXT, NULL,
                  "ask this resolver, not the configuration's"},
                 OPT_FILE_OF_SERVER,
                 OPT_YES,
                 END_OPTIONS},
     .words = {{"NET", false, true, WORD_TEXT, NULL}, END_WORDS},
     .run = cmd_listed},
    {.name = "report",
     .group = GROUP_SERVER,
     .synopsis = "[OPTION]... SUBJECT [--kind customer|provider] "
                 "[--language LANG] [--arf]",
     .brief = "write the letter to a customer or a provider",
     .help = "Writes a letter to the customer who is SUBJECT, or to the "
             "provider whose customer that is: in plain words, what was seen "
             "and when, in UTC and local time, which messages, and what to "
             "do. With --arf a mail that machines read as well (RFC 5965). "
             "No recipients are named in it. It is printed, not sent.",
     .options = {{"kind", 0, false, "KIND", WORD_CHOICE, "customer|provider",
                  "whom it is to (customer)"},
                 {"language", 0, false, "LANG", WORD_CHOICE,
                  "de|en|es|fr|it|nl|pl|pt", "in this language (en)"},
                 OPT_SINCE("only what is newer: a date, a time, a span (30d)"),
                 {"arf", 0, false, NULL, WORD_NONE, NULL,
                  "as a feedback report"},
                 {"from", 0, false, "ADDRESS", WORD_ADDRESS, NULL,
                  "who writes it, with --arf (the configuration's)"},
                 {"to", 0, false, "ADDRESS", WORD_ADDRESS, NULL,
                  "who gets it, with --arf"},
                 {"templates", 0, false, "FOLDER", WORD_FILE, NULL,
                  "letters of your own"},
                 OPT_FILE_OF_SERVER,
                 END_OPTIONS},
     .words = {NEEDED("SUBJECT", WORD_KEY), END_WORDS},
     .run = cmd_report},
    /* ----- privacy */
    {.name = "export",
     .group = GROUP_PRIVACY,
     .synopsis = "KEY",
     .brief = "all that is stored about a subject",
     .help = "Prints all that is kept about a subject, to be handed out to "
             "whom it is about.",
     .options = {END_OPTIONS},
     .words = {NEEDED("KEY", WORD_KEY), END_WORDS},
     .run = cmd_export},
    {.name = "forget",
     .group = GROUP_PRIVACY,
     .synopsis = "KEY [--yes]",
     .brief = "remove all that is stored about a subject",
     .help =
         "Removes a subject from the store and from what is kept of "
         "decisions. What has to stay, such as an entry of the audit "
         "trail, is kept under a pseudonym. In a fleet the other hosts forget "
         "it too.",
     .options = {OPT_YES, END_OPTIONS},
     .words = {NEEDED("KEY", WORD_KEY), END_WORDS},
     .run = cmd_forget},
    {.name = "data",
     .group = GROUP_PRIVACY,
     .synopsis = "",
     .brief = "which personal data are kept, why, how long",
     .help = "Prints what kinds of personal data are kept, why, where, for "
             "how long, and the option that sets it.",
     .options = {END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_data},

    /* ----- configuration and service */
    {.name = "check",
     .group = GROUP_SERVICE,
     .synopsis = "[FILE]",
     .brief = "is a configuration fit to be used",
     .help = "Reads a configuration with its tables and prints what is wrong "
             "with it. No daemon is asked. Exits with 78 if there is an error.",
     .options = {END_OPTIONS},
     .words = {MAYBE("FILE", WORD_FILE), END_WORDS},
     .run = cmd_check},
    {.name = "config",
     .group = GROUP_SERVICE,
     .synopsis = "[-n|-d] [NAME]",
     .brief = "the configuration in force, with where it is written",
     .help = "Prints the configuration that the daemon uses, or only the "
             "blocks or options called NAME.",
     .options = {{"no-defaults", 'n', false, NULL, WORD_NONE, NULL,
                  "only what is not a default"},
                 {"defaults", 'd', false, NULL, WORD_NONE, NULL,
                  "with all defaults"},
                 END_OPTIONS},
     .words = {{"NAME", false, true, WORD_BLOCK, NULL}, END_WORDS},
     .run = cmd_config},
    {.name = "limits",
     .group = GROUP_SERVICE,
     .synopsis = "",
     .brief = "the limits in force",
     .help = "Prints each limit: what it counts, for whom, how many, and "
             "where it is written.",
     .options = {END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_limits},
    {.name = "reload",
     .group = GROUP_SERVICE,
     .synopsis = "",
     .brief = "have the daemon read its configuration again",
     .help = "Waits until it has, and prints what was wrong. Exits with 78 if "
             "the old configuration stays.",
     .options = {END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_reload},
    {.name = "mode",
     .group = GROUP_SERVICE,
     .synopsis = "[observe|enforce|configured] [--for SPAN] [--fleet] [--yes] "
                 "[--note TEXT]",
     .brief = "only log, or act; at once, whatever is configured",
     .help = "Without a word, tells the mode. Otherwise sets it beside the "
             "configuration, for a span or until `mode configured`; a reload "
             "does not change it. `enforce` first lists whom it concerns, and "
             "asks.",
     .options = {{"for", 0, false, "SPAN", WORD_SPAN, NULL,
                  "for so long, such as 2h; then as configured"},
                 OPT_FLEET_OF_ALL,
                 OPT_YES,
                 OPT_NOTE,
                 END_OPTIONS},
     .words = {{"MODE", false, false, WORD_CHOICE,
                "observe|enforce|configured"},
               END_WORDS},
     .run = cmd_mode},
    {.name = "completion",
     .group = GROUP_SERVICE,
     .synopsis = "bash|zsh|fish",
     .brief = "completions for a shell",
     .help = "Prints what the shell needs to complete commands and options.",
     .options = {END_OPTIONS},
     .words = {{"SHELL", true, false, WORD_CHOICE, "bash|zsh|fish"}, END_WORDS},
     .run = cmd_completion},
    {.name = "help",
     .group = GROUP_SERVICE,
     .synopsis = "[COMMAND]",
     .brief = "this, or all about a command",
     .help = "Prints all commands, or all about one.",
     .options = {END_OPTIONS},
     .words = {MAYBE("COMMAND", WORD_COMMAND), END_WORDS},
     .run = cmd_help},
    {.name = "version",
     .group = GROUP_SERVICE,
     .synopsis = "",
     .brief = "the version of this program",
     .help = "Prints the version of this program.",
     .options = {END_OPTIONS},
     .words = {END_WORDS},
     .run = cmd_version},
    {.name = NULL}};
