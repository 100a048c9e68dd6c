"""Change the model of a library: make a space, fill it, compare it, activate it, lead back, drop it."""
