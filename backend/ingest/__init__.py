"""From bytes, files and URLs to validated pictures with their text. Knows no database and no HTTP framework."""
