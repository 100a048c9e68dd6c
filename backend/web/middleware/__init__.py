"""What every request passes: limits, authentication, problems, ids."""
