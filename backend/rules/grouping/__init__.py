"""The assignment rule: which group a picture joins."""
