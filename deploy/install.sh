#!/bin/sh
# Install ivr as a service on this machine, beside Asterisk or FreePBX where there is one.
#   sh deploy/install.sh [OPTIONS]            again after an update of the checkout: nothing of yours is overwritten
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=deploy/lib.sh
. deploy/lib.sh

usage() {
    cat <<'TEXT'
usage: sh deploy/install.sh [OPTIONS]

  --listen ADDRESS    address for SIP and RTP (default: 127.0.0.1 beside a PBX on this machine, else 0.0.0.0)
  --sip-port PORT     default: 5060, or 5070, 5080... where that is taken or a PBX is installed
  --rtp FIRST-LAST    UDP ports for sound (default: 20002-29999, or others where Asterisk's overlap)
  --http-port PORT    default: 8080, or 8090, 8100 where that is taken
  --pbx HOST[:PORT]   the PBX that sends calls (default: the one on this machine)
  --wheel FILE        install this wheel instead of the checkout
  --hardware          for lines on modems, sound cards and handsets: PortAudio, groups, access to devices
  --no-packages       install no Debian packages
  --no-start          neither enable nor start the service
  --prefix DIR        put all files below DIR: for tests and images; no user, no packages, no service
  --no-venv           leave /opt/ivr/venv as it is
  --configure         only make the first configuration and the folders: what the Debian package calls
  --uninstall         remove the program and the service; configuration and data stay
  --purge             with --uninstall: remove configuration, data and the user too
  --dry-run           only say what would be done
TEXT
}

listen="" sip_port="" rtp_ports="" http_port="" pbx="" wheel="" prefix=""
packages=yes start=yes venv=yes program_too=yes hardware=no uninstall=no purge=no dry=no

value() { # OPTION VALUE...: fail where there is no value
    [ -n "${2:-}" ] || fail "$1 needs a value"
}

while [ $# -gt 0 ]; do
    case $1 in
        --listen) value "$@" && listen=$2 && shift ;;
        --sip-port) value "$@" && sip_port=$2 && shift ;;
        --rtp) value "$@" && rtp_ports=$2 && shift ;;
        --http-port) value "$@" && http_port=$2 && shift ;;
        --pbx) value "$@" && pbx=$2 && shift ;;
        --wheel) value "$@" && wheel=$2 && shift ;;
        --prefix) value "$@" && prefix=${2%/} packages=no start=no && shift ;;
        --hardware) hardware=yes ;;
        --no-packages) packages=no ;;
        --no-start) start=no ;;
        --no-venv) venv=no ;;
        --configure) packages=no start=no venv=no program_too=no ;;
        --uninstall) uninstall=yes ;;
        --purge) purge=yes ;;
        --dry-run) dry=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            fail "unknown option: $1"
            ;;
    esac
    shift
done
[ "$purge" = no ] || [ "$uninstall" = yes ] || fail "--purge goes with --uninstall"
[ -n "$prefix" ] || [ "$dry" = yes ] || [ "$(id -u)" -eq 0 ] || fail "run this as root (or with --dry-run)"

etc=$prefix/etc/ivr
data=$prefix/var/lib/ivr
program=$prefix/opt/ivr
unit=$prefix/etc/systemd/system/ivr.service
rotation=$prefix/etc/logrotate.d/ivr
docs=$prefix/usr/share/doc/ivr
shared=$prefix/usr/share/ivr
fail2ban=$prefix/etc/fail2ban
opening=$unit.d/hardware.conf
rules=$prefix/etc/udev/rules.d/70-ivr.rules
command=$prefix/usr/local/bin/ivr

run() { # COMMAND...: do it, or say it
    if [ "$dry" = yes ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

own() { # USER:GROUP PATH...: give files to somebody, where there is a real root
    [ -n "$prefix" ] || run chown "$@"
}

folder() { # MODE PATH
    [ -d "$2" ] || run install -d -m "$1" "$2"
}

put() { # MODE SOURCE DESTINATION: a file of the program, replaced when it differs
    if [ -f "$3" ] && cmp -s "$2" "$3"; then
        return 0
    fi
    run install -D -m "$1" "$2" "$3"
    [ "$dry" = yes ] || say "installed: $3"
}

has_systemd() {
    [ -z "$prefix" ] && [ -d /run/systemd/system ]
}

has_pbx() {
    [ -d "$prefix/etc/asterisk" ] || [ -d "$prefix/etc/freepbx" ] || [ -e "$prefix/etc/freepbx.conf" ]
}

# Print "FIRST LAST" of Asterisk's own RTP ports: as rtp.conf says, else what its source has (5000-31000).
asterisk_rtp() {
    file=$prefix/etc/asterisk/rtp.conf
    included=$prefix/etc/asterisk/rtp_additional.conf # FreePBX writes its choice there
    first="" last=""
    for one in "$file" "$included"; do
        [ -f "$one" ] || continue
        found=$(sed -n 's/^[[:space:]]*rtpstart[[:space:]]*=>*[[:space:]]*\([0-9][0-9]*\).*/\1/p' "$one" | tail -n 1)
        [ -z "$found" ] || first=$found
        found=$(sed -n 's/^[[:space:]]*rtpend[[:space:]]*=>*[[:space:]]*\([0-9][0-9]*\).*/\1/p' "$one" | tail -n 1)
        [ -z "$found" ] || last=$found
    done
    printf '%s %s\n' "${first:-5000}" "${last:-31000}"
}

choose_rtp() {
    if ! [ -d "$prefix/etc/asterisk" ]; then
        printf '20002-29999\n'
        return 0
    fi
    # shellcheck disable=SC2046  # two numbers
    set -- $(asterisk_rtp)
    for candidate in 20002-29999 31002-39999 40002-49999 10002-19999; do
        if [ "${candidate#*-}" -lt "$1" ] || [ "${candidate%-*}" -gt "$2" ]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    fail "Asterisk has the UDP ports $1-$2 for sound: give ours by --rtp FIRST-LAST"
}

remove() {
    if has_systemd; then
        run systemctl disable --now ivr.service || true
    fi
    for path in "$unit" "$opening" "$rules" "$rotation" "$command" "$fail2ban/filter.d/ivr.conf" "$fail2ban/jail.d/ivr.conf"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            run rm -f "$path"
        fi
    done
    for path in "$program" "$docs" "$shared/prometheus" "$shared/grafana"; do
        [ ! -e "$path" ] || run rm -rf "$path"
    done
    if has_systemd; then
        run systemctl daemon-reload
    fi
    if [ "$purge" = no ]; then
        say "removed; what is yours stays: $etc $data"
        return 0
    fi
    for path in "$etc" "$data" "$prefix/var/cache/ivr" "$prefix/var/log/ivr"; do
        [ ! -e "$path" ] || run rm -rf "$path"
    done
    if [ -z "$prefix" ] && id ivr >/dev/null 2>&1; then
        run userdel ivr
    fi
    say "removed, with configuration and data"
}

if [ "$uninstall" = yes ]; then
    remove
    exit 0
fi

# What is needed

# Who has asked for hardware once has it after an update, too.
[ ! -f "$opening" ] || hardware=yes
if [ "$packages" = yes ]; then
    needed="$RUN_PACKAGES adduser logrotate"
    [ "$hardware" = no ] || needed="$needed $SOUND_PACKAGES"
    # shellcheck disable=SC2086  # a list of names
    if [ "$dry" = yes ]; then
        say "would install, where missing: $needed"
    else
        need_packages $needed
    fi
fi
# That of the system before any other: one in somebody's home is closed to the service.
PYTHON=${PYTHON:-/usr/bin/python3}
python=$(find_python)
[ -n "$python" ] || fail "no Python of at least 3.11 with venv was found (set PYTHON=/path/to/python3)"

if [ -z "$prefix" ] && ! id ivr >/dev/null 2>&1; then
    run adduser --system --group --home /var/lib/ivr --no-create-home --quiet ivr
fi
if [ -z "$prefix" ] && [ "$hardware" = yes ]; then
    for group in dialout audio; do # serial ports; sound cards, and handsets by our rules
        run adduser --quiet ivr "$group"
    done
fi

# The program

[ "$program_too" = no ] || folder 0755 "$program"
if [ "$venv" = yes ]; then
    if [ "$dry" = yes ]; then
        say "would install ${wheel:-this checkout} into $program/venv"
    else
        if ! "$program/venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            rm -rf "$program/venv"
            "$python" -m venv "$program/venv" || fail "the virtual environment could not be made with $python"
        fi
        say "installing Python packages into $program/venv (about a minute the first time)"
        extra=""
        [ "$hardware" = no ] || extra="[phone]"
        if [ -z "$wheel" ]; then
            source=$(mktemp -d)
            copy_source "$source"
        fi
        "$program/venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
            --upgrade "${wheel:-$source}$extra" || fail "pip install failed"
        if [ -z "$wheel" ]; then
            rm -rf "$source"
        else # one of the version that is there is left out otherwise
            "$program/venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
                --force-reinstall --no-deps "$wheel" || fail "pip install failed"
        fi
    fi
    if [ -z "$prefix" ] && [ "$dry" = no ]; then
        runuser -u ivr -- "$program/venv/bin/python" -c '' ||
            fail "the user ivr may not run $python, which $program/venv uses: remove $program/venv, and give another by PYTHON="
    fi
    folder 0755 "$(dirname "$command")"
    [ -L "$command" ] || run ln -s /opt/ivr/venv/bin/ivr "$command"
fi

# Configuration and data: made once, then yours

folder 0750 "$etc"
folder 0750 "$etc/secrets"
folder 0755 "$etc/flows"
folder 0750 "$data"
for name in prompts recordings cache; do
    folder 0750 "$data/$name"
done
folder 0750 "$prefix/var/log/ivr"

if [ -f "$etc/ivr.yaml" ]; then
    say "kept: $etc/ivr.yaml"
    fresh=no
else
    fresh=yes
    if [ -z "$sip_port" ]; then
        # A PBX that is not running now has its port all the same.
        if has_pbx; then
            sip_port=$(first_free_port "$python" 0.0.0.0 udp 5070 5080 5090 5170)
        else
            sip_port=$(first_free_port "$python" 0.0.0.0 udp 5060 5070 5080 5090)
        fi || fail "no UDP port from 5060 to 5090 is free: give one by --sip-port"
    fi
    [ -n "$http_port" ] || http_port=$(first_free_port "$python" 0.0.0.0 tcp 8080 8090 8100 8110) ||
        fail "no TCP port from 8080 to 8110 is free: give one by --http-port"
    [ -n "$rtp_ports" ] || rtp_ports=$(choose_rtp)
    mark=""
    if [ -z "$pbx" ]; then
        pbx=127.0.0.1
        has_pbx || mark="# " # where there is none, its line is an example
    fi
    case $pbx in
        *:*) pbx_host=${pbx%:*} pbx_port=${pbx##*:} ;;
        *) pbx_host=$pbx pbx_port=5060 ;;
    esac
    if [ -z "$listen" ]; then
        if has_pbx && [ "$pbx_host" = 127.0.0.1 ]; then listen=127.0.0.1; else listen=0.0.0.0; fi
    fi
    written=$(mktemp)
    sed -e "s/@LISTEN@/$listen/" -e "s/@SIP_PORT@/$sip_port/" -e "s/@RTP_PORTS@/$rtp_ports/" \
        -e "s/@HTTP_PORT@/$http_port/" -e "s/@PBX_HOST@/$pbx_host/" -e "s/@PBX_PORT@/$pbx_port/" -e "s/@PBX@/$mark/" \
        deploy/etc/ivr.yaml >"$written"
    put 0640 "$written" "$etc/ivr.yaml"
    rm -f "$written"
    if [ -z "$(ls -A "$etc/flows" 2>/dev/null)" ]; then
        put 0644 deploy/etc/flows/welcome.yaml "$etc/flows/welcome.yaml"
    fi
fi
own root:ivr "$etc" "$etc/secrets" "$etc/flows"
[ "$dry" = yes ] || own root:ivr "$etc/ivr.yaml"
[ "$dry" = yes ] || find "$etc/secrets" -type f -exec chmod 0640 {} +
[ -n "$prefix" ] || [ "$dry" = yes ] || find "$etc/secrets" -type f -exec chown root:ivr {} +
own ivr:ivr "$data" "$data/prompts" "$data/recordings" "$data/cache" "$prefix/var/log/ivr"

# Service, log rotation, bans, documentation

if [ "$program_too" = yes ]; then
    put 0644 deploy/systemd/ivr.service "$unit"
    put 0644 deploy/logrotate/ivr "$rotation"
    for page in $PAGES; do
        put 0644 "docs/$page.md" "$docs/$page.md"
    done
    for file in prometheus/alerts.yml grafana/ivr.json; do
        put 0644 "deploy/$file" "$shared/$file"
    done
    if [ -d "$fail2ban" ] && [ -d deploy/fail2ban ]; then
        for file in filter.d/ivr.conf jail.d/ivr.conf; do
            put 0644 "deploy/fail2ban/$file" "$fail2ban/$file"
        done
    fi
fi

if [ "$hardware" = yes ]; then
    put 0644 deploy/systemd/hardware.conf "$opening"
    put 0644 deploy/udev/70-ivr.rules "$rules"
    if [ -z "$prefix" ] && command -v udevadm >/dev/null 2>&1; then
        run udevadm control --reload || true
        run udevadm trigger --subsystem-match=tty --subsystem-match=hidraw || true
    fi
fi

if [ "$dry" = no ] && [ "$venv" = yes ] && [ -z "$prefix" ]; then
    "$program/venv/bin/ivr" --config "$etc/ivr.yaml" check || fail "the configuration does not hold: nothing was started"
fi
if { [ "$program_too" = yes ] || [ "$hardware" = yes ]; } && has_systemd; then
    run systemctl daemon-reload
fi
if [ "$program_too" = yes ] && has_systemd; then
    if [ "$start" = yes ]; then
        run systemctl enable ivr.service
        run systemctl restart ivr.service
        say "started: systemctl status ivr; journalctl -u ivr -f"
    fi
fi

# The other side

[ "$fresh" = yes ] || exit 0
cat <<TEXT

ivr listens at udp:$listen:$sip_port, sound on UDP ports $rtp_ports, HTTP at 127.0.0.1:$http_port.
TEXT
if [ -n "$mark" ]; then
    say "There is no PBX on this machine: call sip:7000@THIS_MACHINE:$sip_port with a softphone (docs/softphones.md)."
else
    ours=$listen
    [ "$listen" != 0.0.0.0 ] || ours=ADDRESS_OF_THIS_MACHINE
    [ "$pbx_host" != 127.0.0.1 ] || ours=127.0.0.1
    cat <<TEXT
Now tell the PBX at $pbx_host:$pbx_port (all of it: docs/beside-asterisk.md).

Asterisk, chan_pjsip: in pjsip.conf
    [ivr]
    type=endpoint
    context=from-ivr
    disallow=all
    allow=ulaw,alaw
    dtmf_mode=rfc4733
    direct_media=no
    aors=ivr
    [ivr]
    type=aor
    contact=sip:$ours:$sip_port
    qualify_frequency=30
    [ivr]
    type=identify
    endpoint=ivr
    match=$ours:$sip_port
  and in extensions.conf
    exten => 7000,1,Dial(PJSIP/\${EXTEN}@ivr)
FreePBX: Connectivity > Trunks > Add SIP (chan_pjsip) Trunk; Authentication: None, Registration: None,
  SIP Server $ours, SIP Server Port $sip_port; then Connectivity > Outbound Routes: pattern 7000 to this trunk.
chan_sip (removed in Asterisk 21): type=peer, host=$ours, port=$sip_port, insecure=port,invite, dtmfmode=rfc2833.
Then call 7000 from a phone of the PBX.
TEXT
fi
