# SPDX-License-Identifier: BSD-2-Clause
# The scripts named on the command line as C arrays, and a table of them in
# that order; their names are those of their files.
BEGIN {
    n = 0
    print "/* SPDX-License-Identifier: BSD-2-Clause */"
    print "/* Made by embed.awk; do not change it. */"
    print "#include <config.h>\n"
    print "#include \"policy/store/redis/script.h\""
}
FNR == 1 {
    if (n > 0)
        print "};"
    name[n] = FILENAME
    sub(/.*\//, "", name[n])
    sub(/\.lua$/, "", name[n])
    print "\nstatic const char " name[n] "[] = {"
    n++
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
    print "};\n\nconst struct redis_lua script_lua[SCRIPTS] = {"
    for (i = 0; i < n; i++)
        print "    {\"" name[i] "\", " name[i] ", sizeof(" name[i] ")},"
    print "};"
}
