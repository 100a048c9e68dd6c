"""Backup and restore of a library."""

from backend.features.backup.restoration import RestoreReport, check_backup, restore
from backend.features.backup.saving import BackupReport, back_up

__all__ = ["BackupReport", "RestoreReport", "back_up", "check_backup", "restore"]
