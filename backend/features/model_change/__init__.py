"""Change the model of a library: create a space, fill it, compare it, activate it, roll back, drop it."""
