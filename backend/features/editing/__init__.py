"""What a curator does to groups, with journal and undo."""
