#!/usr/bin/env bash
# All tests, with the arguments of pytest that are given; with --unit first, only those that need neither a server nor a browser.
# Where there is no browser one is installed (as root on Debian); where that cannot be, the tests in tests/e2e are left out,
# and it is said so first and last. REQUIRE_BROWSER=1, for CI: fail then. TEST_WORKERS=8: by so many processes.
set -euo pipefail
cd "$(dirname "$0")/.."

which=()
without=()
if [ "${1:-}" = --unit ]; then
    shift
    which=(tests/unit)
elif ! bash scripts/ensure_browser.sh --install >/dev/null; then
    [ -z "${REQUIRE_BROWSER:-}" ] || exit 1
    without=(--ignore=tests/e2e)
fi

# Three for two cores, since tests that start processes or browsers wait for them; up to 16, and as many as memory holds.
readonly WORKER_KIB=$((3 * 1024 * 1024)) # at the end of a run, with its servers

count_workers() {
    local cores count memory
    cores="$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)"
    count=$((cores + cores / 2))
    memory="$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || true)"
    [ -z "$memory" ] || [ "$count" -le $((memory / WORKER_KIB)) ] || count=$((memory / WORKER_KIB))
    [ "$count" -ge 1 ] || count=1
    echo $((count > 16 ? 16 : count))
}

say_what_is_left_out() {
    [ ${#without[@]} = 0 ] || echo "[test] There is no browser: the tests in tests/e2e are left out." >&2
}

# Before the next line: nproc itself reads OMP_NUM_THREADS.
workers="${TEST_WORKERS:-$(count_workers)}"
# Each process has a core to itself; more threads in it would only wait for one another.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Hundreds of processes import torch and what belongs to it: 5 s of computing, and 12 s where each compiles it anew.
unset PYTHONDONTWRITEBYTECODE

say_what_is_left_out
status=0
# Each begins with a stretch of the list, and whoever has done takes half of what the slowest still has: neighbours stay
# together, with what they share, and no file keeps the others waiting.
.venv/bin/pytest -n "$workers" --dist worksteal \
    ${which[@]+"${which[@]}"} ${without[@]+"${without[@]}"} "$@" || status=$?
say_what_is_left_out
exit "$status"
