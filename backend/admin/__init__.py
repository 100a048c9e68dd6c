"""The admin pages: server-rendered, part of the same application."""
