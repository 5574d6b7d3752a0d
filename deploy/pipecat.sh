#!/bin/sh
# Make the environment of the test with a bot of pipecat (860 MB) in var/pipecat: tests/interop/test_pipecat.py.
set -eu
cd "$(dirname "$0")/.."
[ -x var/pipecat/bin/python ] || python3 -m venv var/pipecat
exec var/pipecat/bin/python -m pip install --quiet --disable-pip-version-check 'pipecat-ai[websocket]>=1.14,<2' 'uvicorn>=0.30,<1'
