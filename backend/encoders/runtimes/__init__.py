"""Runtimes of the encoders: torch or ONNX Runtime. One module each, found by its name.

A name of `RuntimeName` is the module of that name here (`onnx-int8` is `onnx_int8`), and the module's `RUNTIME` is all that the
program knows about it.
"""
