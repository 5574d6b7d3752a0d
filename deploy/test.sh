#!/bin/sh
# Install what is missing and run every check: ruff, its formatter, mypy, pytest.
#   deploy/test.sh [--heavy] [ARGUMENTS OF PYTEST]      without --heavy, tests that take minutes are left out
set -u
cd "$(dirname "$0")/.." || exit
. deploy/lib.sh

heavy=no
if [ "${1:-}" = "--heavy" ]; then
    heavy=yes
    shift
fi

# shellcheck disable=SC2086  # lists of names
need_packages $RUN_PACKAGES $TEST_PACKAGES
need_venv ".[dev]"

status=0
step() {
    say "== $*"
    "$@" || status=1
}

step .venv/bin/ruff check .
step .venv/bin/ruff format --check .
step .venv/bin/mypy
if [ "$heavy" = yes ]; then
    step .venv/bin/python -m pytest "$@"
else
    step .venv/bin/python -m pytest -m "not heavy" "$@"
fi
exit $status
