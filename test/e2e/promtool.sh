#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# promtool.sh - Prometheus's own checker, unpacked into a folder of its own:
# Prometheus is never installed, and no service of it is started.
#
#   promtool.sh install        unpack it, unless it is there already
#   promtool.sh ARGUMENT...    run it
#
# The folder is below MORTSAFE_E2E_ROOT (default /var/cache/mortsafe-e2e).

# shellcheck disable=SC2034,SC2154 # names of lib/sandbox.sh
set -eu
tool=promtool.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/sandbox.sh"
root=$cache/prometheus

program() {
    command -v promtool || echo "$root/usr/bin/promtool"
}

case ${1-help} in
install)
    [ -x "$(program)" ] || unpack "$root" prometheus ;;
help)
    sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0"
    exit 64 ;;
*)
    exec "$(program)" "$@" ;;
esac
