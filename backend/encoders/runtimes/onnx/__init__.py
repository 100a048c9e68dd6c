"""Encoders computed by ONNX Runtime: export, copies, sessions."""
