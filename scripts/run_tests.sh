#!/usr/bin/env bash
# All tests, with the arguments of pytest that are given. Where there is no browser one is installed (as root on Debian);
# where that cannot be, the tests in tests/e2e are left out, and it is said so first and last. REQUIRE_BROWSER=1, for CI: fail then.
set -euo pipefail
cd "$(dirname "$0")/.."

without=()
if ! bash scripts/ensure_browser.sh --install >/dev/null; then
    [ -z "${REQUIRE_BROWSER:-}" ] || exit 1
    without=(--ignore=tests/e2e)
fi

say_what_is_left_out() {
    [ ${#without[@]} = 0 ] || echo "[test] There is no browser: the tests in tests/e2e are left out." >&2
}

say_what_is_left_out
status=0
# In the order of their names: by the number of tests, which xdist goes by, the slowest files would come last.
.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder ${without[@]+"${without[@]}"} "$@" || status=$?
say_what_is_left_out
exit "$status"
