"""Speed-ups for encoders computed by torch on a CPU."""
