"""The admin pages: server-rendered with Jinja2 and htmx, mounted at /admin in the same application."""
