"""HTTP: the API and the admin pages."""
