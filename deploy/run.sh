#!/bin/sh
# Install what is missing and run the example front desk on loopback, in the foreground. Ctrl-C ends it.
set -eu
cd "$(dirname "$0")/.."
. deploy/lib.sh

# shellcheck disable=SC2086  # a list of names
need_packages $RUN_PACKAGES
need_venv .

# Passwords of the example's phones: made once, kept out of the repository.
mkdir -p config/secrets
chmod 700 config/secrets
for phone in PHONE_200 PHONE_201; do
    [ -s "config/secrets/$phone" ] ||
        (umask 077 && .venv/bin/python -c 'import secrets; print(secrets.token_hex(6))' >"config/secrets/$phone")
done

sip=$(first_free_port .venv/bin/python 127.0.0.1 udp 5060 5070 5080) || fail "UDP ports 5060, 5070 and 5080 are all in use"
http=$(first_free_port .venv/bin/python 127.0.0.1 tcp 8080 8090 8100) || fail "TCP ports 8080, 8090 and 8100 are all in use"
config=config/ivr.yaml
if [ "$sip" != 5060 ] || [ "$http" != 8080 ]; then
    [ "$sip" = 5060 ] || say "port 5060 is in use (another PBX?): taking $sip"
    [ "$http" = 8080 ] || say "port 8080 is in use: taking $http for HTTP"
    config=config/ivr.run.yaml # beside the original, as paths in it start at its folder
    sed -e "s/udp:127.0.0.1:5060/udp:127.0.0.1:$sip/" -e "s/127.0.0.1:8080/127.0.0.1:$http/" config/ivr.yaml >"$config"
fi

cat <<TEXT

The front desk answers at  sip:100@127.0.0.1:$sip
Call it with a softphone on this machine, no account needed:
    baresip -e "/dial sip:100@127.0.0.1:$sip"          (apt-get install baresip)
    linphonec, then:  call sip:100@127.0.0.1:$sip      (apt-get install linphone-cli)
or from a second terminal, without a softphone:  .venv/bin/ivr --config $config demo
Press 1 for English or 2 for German; then 1 sales (rings phone 200, else leave a message), 2 opening hours,
3 balance (account 1001, PIN 2468), 4 a survey, 5 voicemail (end with #, then 3 to save).
To be called by it, register a softphone at 127.0.0.1:$sip as user 200, password $(cat config/secrets/PHONE_200)
See calls as they go through their flows, in a browser:  http://127.0.0.1:$http/console/

TEXT
exec .venv/bin/ivr serve --config "$config"
