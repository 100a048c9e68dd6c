"""People who use the admin pages: accounts, passwords, sessions, login links. No HTTP in here."""
