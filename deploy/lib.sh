# shellcheck shell=sh disable=SC2034  # names are used by who sources this
# Shared by run.sh and test.sh: system packages, a Python, the virtual environment. POSIX sh; sourced from the repository's root.

# python3-dev and gcc compile the media plane's socket loops, espeak-ng speaks the prompts, graphviz draws flows.
RUN_PACKAGES="python3 python3-venv python3-dev gcc libc6-dev espeak-ng libespeak-ng1 graphviz"
# Programs that this project did not write, for the interop suite; sox and ffmpeg make and compare its sound, flite speaks
# for answered calls; openssl makes
# a certificate for a mail server, PostgreSQL runs the tests of the store a second time. systemd, logrotate and shellcheck
# judge what an installation brings. Chromium looks at the console.
TEST_PACKAGES="sip-tester baresip-core linphone-cli iproute2 kamailio kamailio-tls-modules sipsak sox ffmpeg flite libopus0 postgresql openssl systemd logrotate shellcheck chromium"
# Sound cards (the extra `phone`): PortAudio, and its headers for PyAudio, which comes as source alone.
SOUND_PACKAGES="libportaudio2 portaudio19-dev gcc libc6-dev python3-dev"
# A sound system of the tests' own, with cards that are not there.
TEST_SOUND_PACKAGES="pipewire pipewire-bin pipewire-alsa wireplumber dbus-daemon alsa-utils"
# What judges the Debian package, and runs it within what its unit permits; prompts of real speakers for tests/bench/answerers.py.
HEAVY_PACKAGES="lintian dpkg-dev python3-seccomp curl asterisk-core-sounds-en-gsm asterisk-core-sounds-es-gsm
    asterisk-core-sounds-fr-gsm asterisk-core-sounds-it-gsm asterisk-core-sounds-ru-gsm asterisk-moh-opsound-gsm"
# Pages of docs/ that an installation brings along.
PAGES="install operations monitoring beside-asterisk configuration security sip transports trunks gateways hardware modem sound-card transfers media doctor
    trace-and-replay troubleshooting what-we-survive"

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Install those of the Debian packages named that are missing.
need_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        say "not a Debian system: these must be there by other means: $*"
        return 0
    fi
    missing=""
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
            installed) ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1; then
        as_root="sudo"
    else
        fail "missing:$missing
run as root: apt-get update && apt-get install -y --no-install-recommends$missing"
    fi
    say "installing:$missing"
    # shellcheck disable=SC2086  # a list of names, and a command that may be empty
    $as_root apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null || fail "apt-get update failed"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends $missing >/dev/null || fail "apt-get install failed:$missing"
}

# Print a Python of at least 3.11 that can make virtual environments; one with headers is preferred, for the compiled batch.
find_python() {
    without_headers=""
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        [ -n "$candidate" ] || continue
        found=$("$candidate" -c '
import ensurepip, os, sys, sysconfig, venv
if sys.version_info >= (3, 11):
    header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    print("headers" if os.path.exists(header) else "bare")' 2>/dev/null) || continue
        case $found in
            headers)
                printf '%s\n' "$candidate"
                return 0
                ;;
            bare) [ -n "$without_headers" ] || without_headers=$candidate ;;
        esac
    done
    [ -n "$without_headers" ] && printf '%s\n' "$without_headers"
}

# Copy what the program is made of to the folder $1: pip builds where the source is, and leaves folders behind.
copy_source() {
    mkdir -p "$1"
    cp -r pyproject.toml setup.py README.md LICENSE ivr media "$1"
    find "$1" -name '*.so' -delete
    find "$1" -name __pycache__ -type d -prune -exec rm -rf {} +
}

# Bring .venv up to date with what pyproject.toml asks for; $1 is what to install (. or .[dev]).
need_venv() {
    what=$1
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(find_python)
        [ -n "$python" ] || fail "no Python of at least 3.11 with venv was found (set PYTHON=/path/to/python3)"
        rm -rf .venv
        "$python" -m venv .venv || fail "the virtual environment could not be made with $python"
    fi
    stamp=$(cat pyproject.toml setup.py ivr/_version.py media/batch/*.c 2>/dev/null | cksum)
    for done_before in "$what" ".[dev]"; do  # dev holds all that the plain one has
        if [ "$(cat ".venv/.ivr-$done_before" 2>/dev/null)" = "$stamp" ]; then
            return 0
        fi
    done
    say "installing Python packages into .venv (about a minute the first time)"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input -e "$what" || fail "pip install failed"
    .venv/bin/python -c 'import media._batch' 2>/dev/null ||
        say "note: the compiled batch was not built (no compiler or headers?); the media plane uses Python loops"
    printf '%s\n' "$stamp" >".venv/.ivr-$what"
}

# Print the first port that nobody has, fail where all are taken: PYTHON ADDRESS KIND PORT..., KIND being udp or tcp.
first_free_port() {
    python_of_ports=$1
    shift
    "$python_of_ports" - "$@" <<'PYTHON'
import socket
import sys

host = sys.argv[1]
kind = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}[sys.argv[2]]
for port in sys.argv[3:]:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            continue
    print(port)
    break
else:
    sys.exit(1)
PYTHON
}
