"""What computes the encoders: torch or ONNX Runtime."""
