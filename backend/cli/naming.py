"""`mediacluster label`: names for groups, made now."""

from backend.cli.console import say
from backend.features.naming import LabelReport


def print_labels(report: LabelReport) -> None:
    """What was done, for people."""
    say(
        f"{report.clusters} groups looked at: {report.labels} new labels, {report.representatives} new representatives "
        f"({report.seconds:.1f} s)"
    )
    if report.left:
        say(f"{report.left} groups are left for the next run")
    if report.note:
        say(report.note)
