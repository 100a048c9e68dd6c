"""The command line: `mediacluster COMMAND`."""

from backend.cli.application import app, main

__all__ = ["app", "main"]
