"""ONNX Runtime: export, quantisation, sessions, and the runtime that computes the original weights."""

from backend.encoders.runtimes.onnx.runtime import RUNTIME

__all__ = ["RUNTIME"]
