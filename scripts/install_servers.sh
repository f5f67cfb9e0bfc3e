#!/usr/bin/env bash
# install_servers.sh [PROGRAM...]: install with apt the servers that the tests start, strace and node, where allowed;
# and each PROGRAM, whose package has its name. Says nothing when all are there. Never fails: tests without their
# server say what they miss.
set -euo pipefail
PATH=$PATH:/usr/sbin:/usr/local/sbin

missing=()
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
    missing+=(postgresql)
command -v mariadbd >/dev/null || missing+=(mariadb-server)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v nginx >/dev/null || missing+=(nginx)
command -v php-cgi >/dev/null || missing+=(php-cgi)
command -v strace >/dev/null || missing+=(strace)
command -v node >/dev/null || missing+=(nodejs)
for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
[ ${#missing[@]} -gt 0 ] || exit 0

leave() {
    echo "denglu: no ${missing[*]} here: $1; tests that need them will not run" >&2
    exit 0
}

as_root=()
command -v apt-get >/dev/null || leave "and no apt-get"
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || leave "only root may install them (apt install ${missing[*]})"
    as_root=(sudo -n)
fi

# The packages would start services of their own. Who has a policy for that keeps it.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
fi

echo "installing ${missing[*]} for the tests (their services are not started) ..."
"${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    leave "they could not be installed"
