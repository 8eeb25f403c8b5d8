#!/usr/bin/env bash
# unpack-debian.sh CACHE SUITE PACKAGE...: the packages and what they need, unpacked into CACHE/tree. Installs nothing,
# needs no root, and leaves apt's own state alone. SUITE is "own" for the release this machine runs: then libraries that
# are installed are not fetched again. With another suite everything is, down to the C library, and the tree's programs
# are started through the tree's own dynamic loader.
set -euo pipefail
die() { printf '%s\n' "$*" >&2; exit 1; }
cache=$1 suite=$2; shift 2
tree=$cache/tree
mkdir -p "$cache"
exec 9>"$cache/lock"; flock 9          # two test runs may ask at once
[ -e "$tree/complete" ] && exit 0

for tool in apt-get dpkg-deb dpkg flock; do command -v $tool >/dev/null || die "no $tool: this is no Debian"; done
arch=$(dpkg --print-architecture)
apt=$cache/apt
rm -rf "$apt"; mkdir -p "$apt"/{lists/partial,archives/partial,parts}
options=(-o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::extended_states="$apt/extended_states"
  -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o Dir::Log="$apt" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
  -o Acquire::Retries=3 -o APT::Sandbox::User="$(id -un)" -o APT::Get::AllowUnauthenticated=false -o Debug::NoLocking=1
  -o DPkg::Pre-Install-Pkgs= -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success=)

if [ "$suite" = own ]; then
  options+=(-o Dir::State::status=/var/lib/dpkg/status)
else
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r $keyring ] || die "no $keyring: this is no Debian"
  # The mirror this machine already uses: deb822 first, the one-line format second. The security archive has no other suites.
  mirror=$(awk '
    tolower($1)=="uris:" {u=$2} tolower($1)=="suites:" {s=$2} tolower($1)=="enabled:" && tolower($2)=="no" {u=""}
    /^[ \t]*$/ {if (u!="" && s!="" && s !~ /security|updates|backports/) {print u; exit} u="";s=""}
    END {if (u!="" && s!="" && s !~ /security|updates|backports/) print u}
  ' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n1 || true)
  [ -n "$mirror" ] || mirror=$(sed -nE 's/^deb +(\[[^]]*\] +)?([a-z+]+:[^ ]+) +[a-z]+ .*main.*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | grep -v security | head -n1 || true)
  [ -n "$mirror" ] || die "no Debian mirror found in /etc/apt"
  printf 'deb [signed-by=%s arch=%s] %s %s main\n' "$keyring" "$arch" "$mirror" "$suite" > "$apt/sources.list"
  # What maintainer scripts need, and the servers do not: say that it is there.
  for package in perl perl-base debconf ucf adduser init-system-helpers passwd; do
    printf 'Package: %s\nStatus: install ok installed\nPriority: optional\nSection: misc\nInstalled-Size: 1\nMaintainer: none\nArchitecture: %s\nMulti-Arch: allowed\nVersion: 999\nProvides: debconf-2.0, perlapi-5.40.0\nDescription: stub\n\n' "$package" "$arch"
  done > "$apt/status"
  options+=(-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" -o Dir::State::status="$apt/status"
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$apt/parts"
    -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Default-Release=)
fi
apt-get "${options[@]}" -qq update >&2 || die "apt-get update failed"
apt-get "${options[@]}" -qq -y --download-only --no-install-recommends install "$@" >&2 || die "apt-get could not download $*"

rm -rf "$tree.new"; mkdir -p "$tree.new"
# Merged /usr first, so that packages shipping /lib/... and /usr/lib/... land in one place.
for folder in bin sbin lib lib64; do mkdir -p "$tree.new/usr/$folder"; ln -s "usr/$folder" "$tree.new/$folder"; done
for package in "$apt"/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$tree.new"
done
rm -rf "$tree.new"/usr/share/{doc,man,locale,info,lintian} "$apt"
touch "$tree.new/complete"
rm -rf "$tree"; mv "$tree.new" "$tree"
