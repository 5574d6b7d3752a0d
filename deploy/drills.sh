#!/bin/sh
# Install what is missing and run the failure drills, each against a daemon of its own on loopback; prints a table.
#   deploy/drills.sh [NAME...] [--list] [--json FILE [--merge]] [--quick]
# Root is needed for some (mounts, network namespaces). Ends with 1 where something asked did not come true.
set -u
cd "$(dirname "$0")/.." || exit
. deploy/lib.sh

# faketime turns the wall clock of a daemon; openssl makes certificates.
# shellcheck disable=SC2086  # lists of names
need_packages $RUN_PACKAGES faketime openssl
need_venv ".[dev]"

exec .venv/bin/python -m tests.drills.run "$@"
