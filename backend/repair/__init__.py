"""Find and mend what does not fit together: files without rows, rows without files, centroids off their members."""
