#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run a program for Windows under Wine, and exit with its status:
#
#     ci/windows/wine.sh python.exe -c "print(1)"
#
# Wine's Python wants pipes as its standard handles; it fails with files and /dev/null.
# $WINEPREFIX is Wine's folder; a new one takes 9 s.
set -euo pipefail
export WINEDEBUG=${WINEDEBUG:--all}
pipes=$(mktemp -d)
trap 'rm -rf "$pipes"' EXIT
mkfifo "$pipes/out" "$pipes/err"
cat "$pipes/out" &
cat "$pipes/err" >&2 &
[ -p /dev/stdin ] || exec < <(:)
status=0
wine "$@" >"$pipes/out" 2>"$pipes/err" || status=$?
wait
exit "$status"
