"""Models in ONNX Runtime that replace torch modules. onnxruntime is imported when one is opened."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from backend.errors import EncoderUnavailable

INSTALL_HINT = "Install the extra: pip install 'mediacluster[onnx]' (`make setup` includes it)."

_ERRORS_ONLY = 3


class OnnxModule(nn.Module):
    """A torch module that runs an ONNX session on the CPU, with as many threads as torch uses in this process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._session = open_session(path)
        self._inputs = [given.name for given in self._session.get_inputs()]
        # Libraries read the device and type of a module from its first parameter.
        self._kind = nn.Parameter(torch.zeros(1), requires_grad=False)

    def run(self, inputs: dict[str, Tensor]) -> Tensor:
        """Run the model and return its first output. Inputs that it does not have are ignored."""
        feeds = {name: inputs[name].cpu().numpy() for name in self._inputs}
        return torch.from_numpy(self._session.run(None, feeds)[0])


class OnnxTower(OnnxModule):
    """A tower that turns pixels (n, 3, height, width) into vectors (n, dimension)."""

    def forward(self, pixels: Tensor) -> Tensor:
        return self.run({"pixels": pixels})


class OnnxBackbone(OnnxModule):
    """A transformer that turns tokens into their last hidden states, with the interface of `transformers` models."""

    def __init__(self, path: Path, config: Any) -> None:
        super().__init__(path)
        self.config = config

    def forward(self, **features: Any) -> Any:
        hidden = self.run(features)
        # sentence-transformers reads it by name or by position.
        return _Output(last_hidden_state=hidden)


class _Output(SimpleNamespace):
    def __getitem__(self, key: Any) -> Tensor:
        hidden: Tensor = self.last_hidden_state
        return hidden if key in {0, "last_hidden_state"} else hidden[:0]


def open_session(path: Path) -> Any:
    """Open an inference session on the CPU.

    Raises:
        EncoderUnavailable: onnxruntime is not installed, or cannot open the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EncoderUnavailable("ONNX Runtime is not installed.", hint=INSTALL_HINT) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = _ERRORS_ONLY
    # Decoders run at the same time, so waiting threads must not spin and take their CPU time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises exceptions of many kinds
        raise EncoderUnavailable(
            f"ONNX Runtime cannot open {path}: {str(error).splitlines()[0][:300]}.",
            hint="Remove its folder and create it again with `mediacluster optimize`.",
        ) from error
