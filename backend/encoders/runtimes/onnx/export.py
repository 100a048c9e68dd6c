"""Export of torch modules to ONNX, and their quantisation to eight bits.

Quantisation is dynamic: weights are rounded to int8 with a scale per output channel, activations to uint8 with a scale per
call. The model contains no calibration data; data are only used to measure which products lose most precision.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backend.encoders.runtimes.copies import MODEL_FILE
from backend.encoders.runtimes.onnx.module import INSTALL_HINT, open_session
from backend.errors import EncoderUnavailable

# A protobuf is limited to two gigabytes; larger weights go to a separate file.
_INLINE_BYTES = 1_500_000_000
_PRODUCTS = ("MatMul", "Gemm")
# Shares of the products that stay in full precision if quantising all of them costs too much fidelity.
_SHARES_IN_FULL = (1 / 8, 1 / 4, 1 / 2)


def require_onnx() -> None:
    """Check that the packages for export and quantisation are installed. Raises EncoderUnavailable."""
    try:
        import onnx  # noqa: F401
        import onnxruntime.quantization  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise EncoderUnavailable(f"{error.name} is not installed.", hint=INSTALL_HINT) from error


def export_module(
    module: nn.Module,
    examples: Mapping[str, torch.Tensor],
    dynamic: Mapping[int, str],
    folder: Path,
    *,
    output: str = "vectors",
) -> None:
    """Write `model.onnx` to `folder` with torch's exporter.

    Args:
        module: a module in evaluation mode on the CPU, which takes the examples as positional arguments and returns one tensor.
        examples: its inputs by name, with at least two rows each.
        dynamic: names of the axes whose length may vary between calls.
        folder: the target folder.
        output: name of the output.

    Raises:
        EncoderUnavailable: the exporter does not support the model.
    """
    axes = {axis: torch.export.Dim(name) for axis, name in dynamic.items()}
    size = sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                tuple(examples.values()),
                dynamo=True,
                input_names=list(examples),
                output_names=[output],
                dynamic_shapes=tuple(axes for _ in examples),
                verbose=False,
            )
            assert program is not None
            program.save(folder / MODEL_FILE, external_data=size > _INLINE_BYTES)
    except Exception as error:  # the exporter raises exceptions of many kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise EncoderUnavailable(
            f"The model cannot be exported to ONNX: {first}.",
            hint="Use torch: MEDIACLUSTER_IMAGE_RUNTIME=torch.",
        ) from error


def quantise(source: Path, folder: Path, in_full: Sequence[int]) -> None:
    """Write `model.onnx` with int8 products to `folder`. The products at the positions `in_full` are not quantised."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = _products(onnx.load(source, load_external_data=False))
    kept = [nodes[index].name for index in in_full]
    with _quiet():
        quantize_dynamic(
            source,
            folder / MODEL_FILE,
            op_types_to_quantize=list(_PRODUCTS),
            per_channel=True,
            weight_type=QuantType.QInt8,
            # The quantiser replaces each Gemm by a MatMul of this name before it reads the list.
            nodes_to_exclude=[*kept, *(f"{name}_MatMul" for name in kept)],
            extra_options={"MatMulConstBOnly": True},
            use_external_data_format=source.with_name(f"{MODEL_FILE}.data").exists(),
        )


def recipes(source: Path, feeds: Mapping[str, NDArray[Any]]) -> Iterator[tuple[int, ...]]:
    """Yield sets of products to leave in full precision, the fastest first: none, then growing shares of the worst ones.

    Args:
        source: the exported model.
        feeds: real inputs, on which the loss of the products is measured.
    """
    yield ()
    ranked = rank_by_loss(source, feeds)
    counts = {max(1, round(share * len(ranked))) for share in _SHARES_IN_FULL}
    for count in sorted(counts):
        yield tuple(sorted(ranked[:count]))


def rank_by_loss(source: Path, feeds: Mapping[str, NDArray[Any]]) -> list[int]:
    """Positions of the products, those whose inputs lose most precision by rounding to eight bits first.

    The loss is the root mean square of the rounding error divided by that of the input. A few outliers, which are common in
    transformers, make the steps between eight-bit numbers coarse for all other values.
    """
    import onnx

    model = onnx.load(source)
    nodes = _products(model)
    inputs = [node.input[0] for node in nodes]
    for name in dict.fromkeys(inputs):
        if name not in {given.name for given in model.graph.input}:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    observed = source.with_name(".observed.onnx")
    try:
        large = source.with_name(f"{MODEL_FILE}.data").exists()
        onnx.save(model, observed, save_as_external_data=large, location=".observed.onnx.data" if large else None)
        session = open_session(observed)
        wanted = [name for name in dict.fromkeys(inputs) if name not in feeds]
        values = dict(zip(wanted, session.run(wanted, dict(feeds)), strict=True)) | dict(feeds)
    finally:
        for path in source.parent.glob(".observed.onnx*"):
            path.unlink()
    losses = [_rounding_loss(values[name]) for name in inputs]
    return sorted(range(len(nodes)), key=lambda index: -losses[index])


def _rounding_loss(values: NDArray[Any]) -> float:
    """The loss of rounding as ONNX Runtime's DynamicQuantizeLinear does it: 256 steps over a range that includes zero."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    step = (high - low) / 255
    if step == 0:
        return 0.0
    error = np.round(values / step) * step - values
    return float(np.sqrt(np.mean(error**2) / np.mean(values**2)))


def _products(model: Any) -> list[Any]:
    """The matrix products with a constant, in the order of the graph."""
    constants = {constant.name for constant in model.graph.initializer}
    return [node for node in model.graph.node if node.op_type in _PRODUCTS and node.input[1] in constants]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings that are meant for authors of exporters."""

    def keep(record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING

    root, optimizer = logging.getLogger(), logging.getLogger("onnxscript")
    root.addFilter(keep)
    level = optimizer.level
    optimizer.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optimizer.setLevel(level)
        root.removeFilter(keep)
