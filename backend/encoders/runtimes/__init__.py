"""Runtimes of the encoders: torch or ONNX Runtime."""
