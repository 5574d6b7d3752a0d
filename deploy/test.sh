#!/bin/sh
# Install what is missing and run every check: ruff, its formatter, mypy, pytest.
#   deploy/test.sh [--heavy] [ARGUMENTS OF PYTEST]      without --heavy, tests that take minutes are left out
set -u
cd "$(dirname "$0")/.." || exit
. deploy/lib.sh

heavy=no
if [ "${1:-}" = "--heavy" ]; then
    heavy=yes
    export HYPOTHESIS_PROFILE=default # property tests try other examples each time
    shift
fi

# shellcheck disable=SC2086  # lists of names
need_packages $RUN_PACKAGES $TEST_PACKAGES $SOUND_PACKAGES $TEST_SOUND_PACKAGES
# shellcheck disable=SC2086
[ "$heavy" = no ] || need_packages $HEAVY_PACKAGES
need_venv ".[dev]"

# Dozens of daemons start in these tests: each would compile the whole runtime again.
unset PYTHONDONTWRITEBYTECODE

status=0
kindness=0
step() {
    say "== $*"
    "$@" || status=1
}

[ "$heavy" = no ] || step deploy/pipecat.sh

step .venv/bin/ruff check .
step .venv/bin/ruff format --check .
step .venv/bin/mypy

# Tests in real time run one after the other, those that mostly wait beside those that measure (tests/conftest.py) and
# behind them where both want the processor; all others run on every core. None selected is no fault.
tests() {
    lane=$1
    marks=$2
    shift 2
    [ "$heavy" = yes ] || marks="$marks and not heavy"
    say "== pytest -m '$marks' $*"
    nice -n "$kindness" .venv/bin/python -m pytest -m "$marks" -o "cache_dir=.pytest_cache/$lane" "$@"
    code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 5 ] || return 1
}

# A softphone that gets no processor for half a second breaks its own sound, and no fault of ours: the few tests in real
# time that failed beside others are tried once more with the machine to themselves. More than MOST_AGAIN are no accident.
MOST_AGAIN=5
again() {
    failed=$(grep -c '": true' ".pytest_cache/$1/v/cache/lastfailed" 2>/dev/null)
    [ "${failed:-0}" -ge 1 ] && [ "$failed" -le "$MOST_AGAIN" ] || return 1
    say "== once more, with the machine to themselves: tests that failed above: $failed"
    tests "$@" --last-failed --last-failed-no-failures none
}

tests every-core "not alone and not patient" -n auto "$@" || status=1
beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
kindness=10
tests patient "patient" -n 2 --dist loadfile --cache-clear "$@" >"$beside" 2>&1 &
patient=$!
kindness=0
tests alone "alone" --cache-clear "$@"
alone=$?
wait "$patient"
patient=$?
cat "$beside"
[ "$alone" -eq 0 ] || again alone "alone" "$@" || status=1
[ "$patient" -eq 0 ] || again patient "patient" "$@" || status=1
exit $status
