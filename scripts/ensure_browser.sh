#!/usr/bin/env bash
# Finds the browser for the tests in tests/e2e and prints its path. With --install, as root on Debian or Ubuntu, installs
# Debian's chromium (apt) where there is none.
set -euo pipefail

find_browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
        command -v "$name" && return
    done
    local mac="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    [ -x "$mac" ] && printf '%s\n' "$mac"
}

find_browser && exit

if [ "${1:-}" = --install ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "[browser] installing chromium by apt" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >&2
    find_browser && exit
fi

echo "[browser] The browser tests need Chromium or Chrome on PATH." >&2
echo "[browser] On Debian: sudo apt install chromium. On Ubuntu: sudo snap install chromium." >&2
exit 1
