"""Accounts, passwords, sessions and login links."""
