"""What the longer commands do, behind `backend.cli`."""
