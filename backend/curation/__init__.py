"""What a curator does to clusters, with journal and undo; and what the machine proposes."""
