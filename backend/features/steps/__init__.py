"""The way of a picture from its bytes to its group, one module a step. Every step can be repeated."""
