#!/bin/sh
# Build ivr_VERSION_ARCHITECTURE.deb from this checkout: the program with its Python packages in /opt/ivr/venv.
#   sh deploy/deb/build.sh [FOLDER]           where the package goes; default: dist/
# Runs on the Debian release that the package is for: its Python is the one that the package will use.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=deploy/lib.sh
. deploy/lib.sh

target=${1:-dist}
mkdir -p "$target"
target=$(cd "$target" && pwd)
# shellcheck disable=SC2086  # a list of names
need_packages $RUN_PACKAGES $SOUND_PACKAGES dpkg-dev
python=/usr/bin/python3
architecture=$(dpkg --print-architecture)
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' ivr/_version.py)
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
[ -n "$version" ] || fail "ivr/_version.py has no version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
install -d -m 0755 "$root/opt/ivr"

say "installing Python packages (about a minute)"
"$python" -m venv "$root/opt/ivr/venv"
copy_source "$work/source"
"$root/opt/ivr/venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-cache-dir \
    --no-compile "$work/source[phone]"
"$root/opt/ivr/venv/bin/python" -c 'import media._batch' || fail "the compiled batch was not built"
"$root/opt/ivr/venv/bin/python" -m pip uninstall -qq -y --disable-pip-version-check setuptools pip

# Made in a folder that will not be there: the scripts name it in their first line.
for script in "$root"/opt/ivr/venv/bin/*; do
    [ -L "$script" ] || sed -i "s|$root||g" "$script"
done
sed -i "s|$root||g" "$root/opt/ivr/venv/pyvenv.cfg"
find "$root" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$root" \( -name direct_url.json -o -name '*.pyi' \) -delete
find "$root/opt/ivr/venv/lib" -type d -name tests -prune -exec rm -rf {} +
find "$root" -name '*.so*' -type f -exec chmod 0644 {} +
find "$root/opt/ivr/venv/bin" -mindepth 1 ! -name 'python*' ! -name ivr -delete # commands of the packages within
rm -rf "$root/opt/ivr/venv/include"
strip --strip-unneeded "$root"/opt/ivr/venv/lib/python3.*/site-packages/media/_batch.*.so

# What belongs to the system

put() { # MODE SOURCE DESTINATION
    install -D -m "$1" "$2" "$root$3"
}
put 0644 deploy/systemd/ivr.service /lib/systemd/system/ivr.service
put 0644 deploy/systemd/hardware.conf /usr/share/ivr/deploy/systemd/hardware.conf
put 0644 deploy/udev/70-ivr.rules /usr/share/ivr/deploy/udev/70-ivr.rules
put 0644 deploy/logrotate/ivr /etc/logrotate.d/ivr
put 0755 deploy/install.sh /usr/share/ivr/deploy/install.sh
put 0644 deploy/lib.sh /usr/share/ivr/deploy/lib.sh
put 0644 deploy/etc/ivr.yaml /usr/share/ivr/deploy/etc/ivr.yaml
put 0644 deploy/etc/flows/welcome.yaml /usr/share/ivr/deploy/etc/flows/welcome.yaml
put 0644 deploy/prometheus/alerts.yml /usr/share/ivr/prometheus/alerts.yml
put 0644 deploy/grafana/ivr.json /usr/share/ivr/grafana/ivr.json
for page in $PAGES; do
    put 0644 "docs/$page.md" "/usr/share/doc/ivr/$page.md"
done
for file in filter.d/ivr.conf jail.d/ivr.conf; do
    put 0644 "deploy/fail2ban/$file" "/usr/share/ivr/fail2ban/$file"
done
put 0644 deploy/deb/copyright /usr/share/doc/ivr/copyright
put 0644 deploy/deb/lintian-overrides /usr/share/lintian/overrides/ivr
gzip -9n <CHANGELOG.md >"$work/CHANGELOG.md.gz"
put 0644 "$work/CHANGELOG.md.gz" /usr/share/doc/ivr/CHANGELOG.md.gz
cat >"$work/changelog" <<TEXT
ivr ($version) stable; urgency=medium

  * CHANGELOG.md.gz in this folder says what is new.

 -- ivr maintainers <maintainers@ivr.invalid>  $(date -R -r CHANGELOG.md)
TEXT
gzip -9n <"$work/changelog" >"$work/changelog.gz"
put 0644 "$work/changelog.gz" /usr/share/doc/ivr/changelog.gz
install -d -m 0755 "$root/usr/bin"
ln -s /opt/ivr/venv/bin/ivr "$root/usr/bin/ivr"

# Control files

install -d -m 0755 "$root/DEBIAN"
for script in postinst prerm postrm; do
    install -m 0755 "deploy/deb/$script" "$root/DEBIAN/$script"
done
printf '/etc/logrotate.d/ivr\n' >"$root/DEBIAN/conffiles"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    -e "s/@PYTHON@/3.$minor/" -e "s/@NEXT_PYTHON@/3.$((minor + 1))/" deploy/deb/control >"$root/DEBIAN/control"
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' md5sum) \
    >"$root/DEBIAN/md5sums"

package=$target/ivr_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
say "$package"
