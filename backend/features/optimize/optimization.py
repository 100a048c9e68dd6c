"""Prepare encoders for ONNX Runtime: export, quantise, and measure on the library's own media what that changes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from backend.encoders import (
    IMAGE,
    TEXT,
    Manifest,
    Runtime,
    Side,
    image_fingerprint,
    open_copy,
    put_copy,
    record_fidelity,
    split_fingerprint,
    text_fingerprint,
)
from backend.encoders.runtimes.onnx.export import quantise, recipes, require_onnx
from backend.errors import EncoderUnavailable, FidelityTooLow, InputError
from backend.features.optimize.sides import OptimizedSide, image_side, text_side
from backend.features.services import Services
from backend.rules.measures.fidelity import LEAST_SAMPLE, Fidelity, compare
from backend.store.media import sample_media
from backend.store.spaces import find_active_space, get_threshold

_LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime")
# In full precision an export is the same mathematics; more than rounding between them is a fault of the exporter.
_LEAST_EXPORT_COSINE = 0.9999

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """A runtime that was measured. speedup: over torch, on this machine and the same inputs."""

    runtime: str
    fidelity: Fidelity
    passed: bool
    speedup: float


@dataclass
class SideReport:
    """What was found for one encoder.

    Args:
        side: image or text.
        chosen: what a space that is made from now on gets by `auto`.
        kept: what the active space was made with, which stays; None where there is no space of these weights.
        trials: what was measured, in order.
        skipped: why nothing was.
    """

    side: Side
    chosen: str = "torch"
    kept: str | None = None
    trials: list[Trial] = field(default_factory=list)
    skipped: str | None = None

    def require(self, choice: str) -> None:
        """Raise FidelityTooLow where int8 was asked for by name and none of its copies is near enough."""
        if choice == "onnx-int8" and not self.skipped and self.chosen == "torch":
            best = max(self.trials[1:], key=lambda trial: trial.fidelity.cosine)
            raise FidelityTooLow(
                f"No int8 copy of the {self.side} encoder is close enough to full precision. The closest, "
                f"{best.runtime}: {best.fidelity}.",
                hint=f"Set MEDIACLUSTER_{self.side.upper()}_RUNTIME to torch, onnx or auto.",
            )


def optimize(services: Services, *, sample: int, on_step: Progress = lambda _step: None) -> list[SideReport]:
    """Make int8 copies of both encoders and measure them on up to `sample` media, the fastest recipe first, until one is
    near enough. That one is what `auto` takes when a space is made; a space that is there stays as it is.

    Raises:
        EncoderUnavailable: what this needs is not installed, or a model cannot be loaded or exported.
        InputError: the library holds too few pictures to measure on.
    """
    require_onnx()
    settings, names = services.settings, services.encoders.names
    with services.database.transaction() as session:
        media = sample_media(session, sample)
        space = find_active_space(session)
        threshold = settings.threshold if space is None else get_threshold(session, space.id, settings.threshold)
    if len(media) < LEAST_SAMPLE:
        raise InputError(
            f"The library has {len(media)} pictures; measuring needs at least {LEAST_SAMPLE}.",
            hint="Import more pictures without workers: `mediacluster import FOLDER`.",
        )
    image, text = ("", "") if space is None else (space.image_fingerprint, space.text_fingerprint)
    image_report = _begin(IMAGE, image_fingerprint(names), image)
    text_report = _begin(TEXT, text_fingerprint(names), text)
    for report, choice, recorded, make in (
        (image_report, settings.image_runtime, image, partial(image_side, services, names, media, threshold)),
        (text_report, settings.text_runtime, text, partial(text_side, services, names, media)),
    ):
        if choice == "torch":
            report.skipped = "the runtime is set to torch"
            continue
        on_step(f"{report.side}: loading the encoder and the sample")
        one = make()
        if one.sampled < LEAST_SAMPLE:
            report.skipped = f"only {one.sampled} of the sampled pictures can be used; {LEAST_SAMPLE} are needed"
            continue
        full, measure = _measure_full(services, one, report, on_step)
        if choice == "onnx":
            report.chosen = "onnx"
        else:
            known = split_fingerprint(recorded)[1] if report.kept else Runtime()
            _try_recipes(services, one, report, full, measure, known, on_step)
    return [image_report, text_report]


def _begin(side: Side, weights: str, recorded: str) -> SideReport:
    known_weights, known = split_fingerprint(recorded)
    return SideReport(side, kept=known.title if known_weights == weights else None)


Measure = Callable[[Runtime, Path], Fidelity]


def _measure_full(
    services: Services, one: OptimizedSide, report: SideReport, on_step: Progress
) -> tuple[Path, Measure]:
    """Export, and see that it is the same model; returns the copy, and what measures others against torch."""
    full = _find_or_make(services, one, Runtime("onnx"), one.export, on_step)
    on_step(f"{one.side}: measuring torch")
    exact, exact_seconds = one.exact()

    def measure(runtime: Runtime, path: Path) -> Fidelity:
        on_step(f"{one.side}: measuring {runtime.title}")
        vectors, seconds = one.embed(path)
        fidelity = compare(exact, vectors, threshold=one.threshold)
        passed = fidelity.passed and (runtime.name != "onnx" or fidelity.cosine >= _LEAST_EXPORT_COSINE)
        report.trials.append(Trial(runtime.title, fidelity, passed, exact_seconds / seconds))
        record_fidelity(services.settings, _manifest(one, runtime), asdict(fidelity), passed=passed)
        return fidelity

    if (fidelity := measure(Runtime("onnx"), full)).cosine < _LEAST_EXPORT_COSINE:
        raise EncoderUnavailable(
            f"The {one.side} encoder gives different vectors after its export to ONNX: {fidelity}.",
            hint=f"Use torch: MEDIACLUSTER_{one.side.upper()}_RUNTIME=torch.",
        )
    return full, measure


def _try_recipes(
    services: Services,
    one: OptimizedSide,
    report: SideReport,
    full: Path,
    measure: Measure,
    known: Runtime,
    on_step: Progress,
) -> None:
    if known.name == "onnx-int8":
        # What a space was made with can be made again, here or on another machine.
        _find_or_make(services, one, known, partial(_quantise, full, known.in_full), on_step)
    for in_full in recipes(full, one.feeds()):
        runtime = Runtime("onnx-int8", in_full)
        path = _find_or_make(services, one, runtime, partial(_quantise, full, in_full), on_step)
        if measure(runtime, path).passed:
            report.chosen = runtime.title
            return


def _quantise(full: Path, in_full: tuple[int, ...], folder: Path) -> None:
    quantise(full, folder, in_full)


def _find_or_make(
    services: Services, one: OptimizedSide, runtime: Runtime, make: Callable[[Path], None], on_step: Progress
) -> Path:
    """The model file of a whole copy; one that is missing or damaged is made."""
    settings = services.settings
    try:
        return open_copy(settings, one.side, one.weights, runtime)
    except EncoderUnavailable:
        on_step(f"{one.side}: making the copy for {runtime.title}")
        return put_copy(settings, _manifest(one, runtime), make)


def _manifest(one: OptimizedSide, runtime: Runtime) -> Manifest:
    versions = {name: version(name) for name in _LIBRARIES}
    return Manifest(one.side, one.weights, runtime.name, runtime.in_full, versions)
