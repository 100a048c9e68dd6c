"""The way of a media from its bytes to its cluster, a step a module. Every step can be repeated.

Each step claims rows in a short transaction, works without one, and records in another.
"""
