# SPDX-License-Identifier: BSD-2-Clause
# A text as a C array, script_body, with a 0 at its end.
BEGIN {
    print "/* SPDX-License-Identifier: BSD-2-Clause */"
    print "/* Made by embed.awk; do not change it. */"
    print "#include <config.h>\n"
    print "#include \"ctl/relay/script.h\"\n"
    print "const char script_body[] = {"
}
{
    line = "   "
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        line = line " '" (c == "'" || c == "\\" ? "\\" : "") c "',"
    }
    print line " '\\n',"
}
END {
    print "    '\\0'};"
}
