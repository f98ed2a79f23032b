#!/usr/bin/env bash
# Installs what is missing and nothing else: .venv with the pinned versions, Chromium with its driver, MariaDB; with the
# argument `javascript`, what the tests of the extension need; with `monitoring`, what those of metrics need; with `hosts`,
# what those of several hosts need; with `bench`, what `scrapinsta bench http` needs.
# With nothing to do it only compares a stamp and looks for three programs.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
stamp=.venv/.scrapinsta-setup
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} # as pip does: a company's own certificates count
certificates=/etc/ssl/certs/ca-certificates.crt # for npm likewise
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -f $certificates ]; then export NODE_EXTRA_CA_CERTS=$certificates; fi
PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin

say() { printf 'setup: %s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }
on_macos() { [ "$(uname -s)" = Darwin ]; }

# quietly WHAT COMMAND...: one line of progress; the whole output only as a file, named when the command fails
quietly() {
  local what=$1 log
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/scrapinsta-setup.XXXXXX")
  say "$what"
  if "$@" >"$log" 2>&1 </dev/null; then rm -f "$log"; return; fi
  say "failed: $what. The last lines of $log:" >&2
  grep -v '^WARNING: Location' "$log" | tail -n 8 >&2
  return 1
}

# ---- programs of the system ------------------------------------------------------------------------------

has_browser() {
  if on_macos; then
    [ -d "/Applications/Google Chrome.app" ] || [ -d "${HOME:-}/Applications/Google Chrome.app" ] || has chromium
  else # with Google Chrome, Selenium fetches the driver by itself
    { { has chromium || has chromium-browser; } && has chromedriver; } || has google-chrome
  fi
}
has_mariadb() { has mariadbd && has mariadb-install-db; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
may_use_apt() {
  has apt-get && { [ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; }; }
}
apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }

install_programs() {
  local packages=()
  has_browser || packages+=(chromium chromium-driver chromium-sandbox)
  has_mariadb || packages+=(mariadb-server-core mariadb-client-core) # the server without a system service
  if [ ${#packages[@]} = 0 ]; then return; fi
  if on_macos; then
    has_browser || say "please install Google Chrome"
    has_mariadb || say "for the tests on MariaDB: brew install mariadb (nothing else needs it)"
  elif may_use_apt; then
    quietly "reading Debian's package lists" as_root apt-get update
    quietly "installing ${packages[*]}" apt_install "${packages[@]}"
  else
    say "please install, then run this again: ${packages[*]}  (Debian's names; as root: apt-get install)"
  fi
}

# ---- Python ----------------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

a_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then echo "$candidate"; return; fi
  done
  return 1
}

make_venv() {
  local python
  if python=$(a_python); then
    if has uv; then quietly "making .venv" uv venv --clear --python "$python" .venv; return; fi
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
      may_use_apt || { say "$python has no venv: install Debian's python3-venv as root" >&2; exit 1; }
      quietly "reading Debian's package lists" as_root apt-get update
      quietly "installing python3-venv" apt_install python3-venv
    fi
    quietly "making .venv" "$python" -m venv --clear .venv
  elif has uv; then
    quietly "making .venv with a Python of uv's" uv venv --clear --python '>=3.11,<3.14' .venv
  else
    say "Python 3.11 or newer is needed; here is $(python3 --version 2>/dev/null || echo none)" >&2
    exit 1
  fi
}

install_package() {
  local what="installing the pinned Python packages (a minute or two the first time)"
  if [ ! -x .venv/bin/pip ] || has uv; then
    quietly "$what" uv pip install --python .venv/bin/python -c constraints.txt -e '.[dev,notebooks]'
  else
    quietly "$what" .venv/bin/python -m pip install --disable-pip-version-check --no-input \
      -c constraints.txt -e '.[dev,notebooks]'
  fi
}

wanted() { # what the stamp says when there is nothing to do
  printf '%s\n' "$root"
  cat pyproject.toml constraints.txt | cksum
}

set_up_python() {
  if [ -x .venv/bin/scrapinsta ] && [ "$(wanted)" = "$(cat "$stamp" 2>/dev/null)" ]; then return; fi
  if ! new_enough .venv/bin/python || { [ ! -x .venv/bin/pip ] && ! has uv; } ||
    { [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" != "$root" ]; }; then
    make_venv # none yet, too old, nothing to install with, or made for another folder
  fi
  install_package
  wanted >"$stamp"
  say "done"
}

# ---- JavaScript, for the tests of the extension ------------------------------------------------------------

set_up_javascript() {
  local folder=tests/extension/node
  if ! { has node && has npm; }; then
    may_use_apt || { say "please install Node 20 with npm, then run this again" >&2; exit 1; }
    quietly "reading Debian's package lists" as_root apt-get update
    quietly "installing nodejs npm" apt_install nodejs npm
  fi
  if [ -d $folder/node_modules ] && cmp -s $folder/package-lock.json $folder/node_modules/.scrapinsta-lock; then return; fi
  quietly "installing what the extension's tests need" npm ci --prefix $folder --no-audit --no-fund
  cp $folder/package-lock.json $folder/node_modules/.scrapinsta-lock
}

# ---- Prometheus, for the tests of metrics and alerts: the programs alone, no service ------------------------

fetch_prometheus() {
  local folder=$root/.venv/prometheus
  rm -rf "$folder.new" && mkdir -p "$folder.new"
  (cd "$folder.new" && apt-get download prometheus && dpkg-deb -x prometheus_*.deb .)
  "$folder.new/usr/bin/promtool" --version
  rm -rf "$folder" && mv "$folder.new" "$folder"
}

set_up_monitoring() {
  if { has prometheus && has promtool; } || [ -x .venv/prometheus/usr/bin/promtool ]; then return; fi
  if ! { has apt-get && has dpkg-deb; }; then
    say "for the tests of metrics and alerts: install prometheus (nothing else needs it)"
    return
  fi
  if ! apt-cache show prometheus >/dev/null 2>&1 && may_use_apt; then
    quietly "reading Debian's package lists" as_root apt-get update
  fi
  quietly "fetching Debian's prometheus" fetch_prometheus || say "those tests are skipped"
}

# ---- several hosts on this machine, for the tests of them: programs alone, no service -------------------------

set_up_hosts() {
  local packages=()
  if on_macos || [ "$(id -u)" != 0 ]; then return; fi # they are skipped, and say why
  has sshd || packages+=(openssh-server)
  has ssh || packages+=(openssh-client)
  has rsync || packages+=(rsync)
  { has ip && has ss; } || packages+=(iproute2)
  if [ ${#packages[@]} = 0 ]; then return; fi
  if ! may_use_apt; then
    say "for the tests of several hosts: install ${packages[*]} (nothing else needs them)"
    return
  fi
  { quietly "reading Debian's package lists" as_root apt-get update &&
    quietly "installing ${packages[*]}" install_without_service "${packages[@]}"; } || say "those tests are skipped"
}

install_without_service() { # what a package would start, such as sshd, stays off
  local policy=/usr/sbin/policy-rc.d
  if [ -e $policy ]; then apt_install "$@"; return; fi
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  local code=0
  apt_install "$@" || code=$?
  rm -f $policy
  return $code
}

# ---- a load generator, for `scrapinsta bench http` -------------------------------------------------------------

set_up_bench() {
  if has wrk; then return; fi
  if on_macos; then
    say "for scrapinsta bench http: brew install wrk (nothing else needs it)"
  elif may_use_apt; then
    quietly "reading Debian's package lists" as_root apt-get update
    quietly "installing wrk" apt_install wrk || say "scrapinsta bench http does not work without it"
  else
    say "for scrapinsta bench http: install wrk (nothing else needs it)"
  fi
}

if [ "${1:-}" = javascript ]; then
  set_up_javascript
elif [ "${1:-}" = monitoring ]; then
  set_up_monitoring
elif [ "${1:-}" = hosts ]; then
  set_up_hosts
elif [ "${1:-}" = bench ]; then
  set_up_bench
else
  install_programs
  set_up_python
fi
