#!/usr/bin/env bash
# Hook for commit messages: the subject has at most 72 characters and a blank line follows it.
set -euo pipefail

grep -v '^#' "$1" | awk '
    NR == 1 && length($0) > 72 {
        print "The subject has " length($0) " characters; at most 72 are allowed. Move the rest to the body."
        failed = 1
    }
    NR == 2 && $0 != "" { print "Leave a blank line between the subject and the body."; failed = 1 }
    END { exit failed }
' >&2
