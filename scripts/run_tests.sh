#!/usr/bin/env bash
# All tests, with the arguments of pytest that are given. Without a browser those in tests/e2e are left out, and it is said
# so first and last. REQUIRE_BROWSER=1, for CI, installs one where it can, and fails where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

without=()
if [ -n "${REQUIRE_BROWSER:-}" ]; then
    bash scripts/ensure_browser.sh --install >/dev/null
elif ! bash scripts/ensure_browser.sh >/dev/null; then
    without=(--ignore=tests/e2e)
fi

say_what_is_left_out() {
    [ ${#without[@]} = 0 ] || echo "[test] There is no browser: the tests in tests/e2e are left out." >&2
}

say_what_is_left_out
status=0
.venv/bin/pytest -n 2 --dist loadfile ${without[@]+"${without[@]}"} "$@" || status=$?
say_what_is_left_out
exit "$status"
