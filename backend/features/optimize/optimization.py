"""Copies of the encoders for faster runtimes, and how close their vectors are to the original's on the library's own pictures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from backend.encoders import (
    IMAGE,
    PLAIN,
    TEXT,
    CopiedRuntime,
    DerivedRuntime,
    ExportedRuntime,
    Runtime,
    Side,
    find_runtime,
    image_fingerprint,
    list_runtimes,
    open_copy,
    put_copy,
    record_fidelity,
    split_fingerprint,
    text_fingerprint,
)
from backend.errors import EncoderUnavailable, FidelityTooLow, InputError
from backend.features.optimize.sides import Measured, OptimizedSide, image_side, text_side
from backend.features.services import Services
from backend.rules.measures.fidelity import LEAST_SAMPLE, Fidelity, compare
from backend.settings import RuntimeChoice, RuntimeName
from backend.store.media import sample_media
from backend.store.spaces import find_active_space, get_threshold

# A full-precision copy computes the same vectors except for rounding. A smaller cosine means that the export is wrong.
_LEAST_EXACT_COSINE = 0.9999

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """The measurement of one copy.

    Attributes:
        runtime: name of the runtime, with its variant.
        fidelity: how close its vectors are to those of torch.
        passed: whether they are close enough to use it.
        speedup: time of torch divided by its time, for the same inputs on this machine.
    """

    runtime: str
    fidelity: Fidelity
    passed: bool
    speedup: float


@dataclass
class SideReport:
    """Result of `optimize` for one encoder.

    Attributes:
        side: image or text.
        chosen: runtime that `auto` chooses for new spaces.
        kept: runtime of the active space, which does not change; None if that space has other weights.
        trials: measured copies, in the order of their measurement.
        skipped: why no copy was measured; None if some were.
        left_out: runtimes that `auto` cannot measure on this machine, with the reason.
    """

    side: Side
    chosen: str = PLAIN
    kept: str | None = None
    trials: list[Trial] = field(default_factory=list)
    skipped: str | None = None
    left_out: dict[RuntimeName, str] = field(default_factory=dict)

    def require(self, choice: RuntimeChoice) -> None:
        """Check the result against the runtime that the settings name.

        Raises:
            FidelityTooLow: they name a runtime, and none of its copies is close enough to full precision.
        """
        if choice == "auto" or self.skipped or self.chosen != PLAIN:
            return
        runtime = find_runtime(choice)
        if isinstance(runtime, DerivedRuntime):
            tried = [trial for trial in self.trials if trial.runtime.partition(" ")[0] == choice]
            best = max(tried, key=lambda trial: trial.fidelity.cosine)
            others = ", ".join(other.name for other in list_runtimes() if other is not runtime)
            raise FidelityTooLow(
                f"No {runtime.copy_title} copy of the {self.side} encoder is close enough to full precision. The closest, "
                f"{best.runtime}: {best.fidelity}.",
                hint=f"Set MEDIACLUSTER_{self.side.upper()}_RUNTIME to {others} or auto.",
            )


def optimize(services: Services, *, sample: int, on_step: Progress = lambda _step: None) -> list[SideReport]:
    """Copy both encoders and measure the copies on up to `sample` pictures, the fastest first, until one is close enough.

    `auto` chooses that copy for spaces created from now on. Existing spaces keep their runtime.

    Raises:
        EncoderUnavailable: the packages of the chosen runtime (with `auto`: of every runtime) are not installed, or a model
            cannot be loaded or copied.
        InputError: the library has too few pictures.
    """
    settings, names = services.settings, services.encoders.names
    plans = {IMAGE: plan_copies(settings.image_runtime), TEXT: plan_copies(settings.text_runtime)}
    with services.database.transaction() as session:
        media = sample_media(session, sample)
        space = find_active_space(session)
        space_id = None if space is None else space.id
        threshold = get_threshold(session, space_id, settings.threshold)
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
        plan = plans[report.side]
        report.left_out = plan.left_out
        if not plan.runtimes:
            report.skipped = f"the runtime is set to {choice}"
            continue
        on_step(f"{report.side}: loading the encoder and the sample")
        one = make()
        if one.sampled < LEAST_SAMPLE:
            report.skipped = f"only {one.sampled} of the sampled pictures can be used; {LEAST_SAMPLE} are needed"
            continue
        known = split_fingerprint(recorded)[1] if report.kept else Runtime()
        _Bench(services, one, report, on_step).measure(plan.runtimes, choice, known)
    return [image_report, text_report]


def _begin(side: Side, weights: str, recorded: str) -> SideReport:
    known_weights, known = split_fingerprint(recorded)
    return SideReport(side, kept=known.title if known_weights == weights else None)


@dataclass(frozen=True)
class CopyPlan:
    """Which copies to measure.

    Attributes:
        runtimes: runtimes to measure, including those whose copies others are derived from.
        left_out: runtimes whose packages are not installed, with the reason.
    """

    runtimes: list[CopiedRuntime]
    left_out: dict[RuntimeName, str]


def plan_copies(choice: RuntimeChoice) -> CopyPlan:
    """Choose the runtimes whose copies are measured. `auto` omits those whose packages are not installed.

    Raises:
        EncoderUnavailable: the packages of the chosen runtime are not installed, or with `auto` those of any runtime.
    """
    copied = {runtime.name: runtime for runtime in list_runtimes() if isinstance(runtime, CopiedRuntime)}
    planned: dict[RuntimeName, CopiedRuntime] = {}
    lacks: dict[RuntimeName, EncoderUnavailable] = {}
    for runtime in copied.values():
        if choice not in {"auto", runtime.name}:
            continue
        needed = [copied[runtime.source], runtime] if isinstance(runtime, DerivedRuntime) else [runtime]
        try:
            for one in needed:
                one.require_tools()
        except EncoderUnavailable as error:
            lacks[runtime.name] = error
        else:
            planned |= {one.name: one for one in needed}
    if lacks and not planned:
        raise next(iter(lacks.values()))
    return CopyPlan(list(planned.values()), {name: str(error) for name, error in lacks.items()})


class _Bench:
    """Makes copies of one encoder and measures them against torch."""

    def __init__(self, services: Services, side: OptimizedSide, report: SideReport, on_step: Progress) -> None:
        self._settings = services.settings
        self._side = side
        self._report = report
        self._on_step = on_step

    def measure(self, plan: Sequence[CopiedRuntime], choice: RuntimeChoice, known: Runtime) -> None:
        """Measure copies for the runtimes of `plan`, in any order: all exports precede the derived copies.

        Args:
            plan: the runtimes.
            choice: runtime of the settings.
            known: runtime of the active space. Its copy is made even if it is not measured.
        """
        exported = [runtime for runtime in plan if isinstance(runtime, ExportedRuntime)]
        paths = {runtime.name: self._find_or_export(runtime) for runtime in exported}
        self._on_step(f"{self._side.side}: measuring {PLAIN}")
        exact = self._side.exact()
        for same in exported:
            self._measure_exported(same, paths[same.name], exact)
            if same.name == choice:
                self._report.chosen = same.name
        for runtime in plan:
            if isinstance(runtime, DerivedRuntime):
                self._try_variants(runtime, paths[runtime.source], exact, known)

    def _find_or_export(self, runtime: ExportedRuntime) -> Path:
        def make(folder: Path) -> None:
            runtime.export(self._side.network(), folder)

        return self._find_or_make(runtime, Runtime(runtime.name), make)

    def _measure_exported(self, runtime: ExportedRuntime, path: Path, exact: Measured) -> None:
        """Measure an exported copy. Raises EncoderUnavailable if its vectors differ by more than rounding."""
        fidelity = self._measure(runtime, Runtime(runtime.name), path, exact)
        if fidelity.cosine < _LEAST_EXACT_COSINE:
            raise EncoderUnavailable(
                f"The {self._side.side} encoder gives different vectors after its export to {runtime.copy_title}: {fidelity}.",
                hint=f"Use {PLAIN}: MEDIACLUSTER_{self._side.side.upper()}_RUNTIME={PLAIN}.",
            )

    def _try_variants(self, runtime: DerivedRuntime, source: Path, exact: Measured, known: Runtime) -> None:
        if known.name == runtime.name:
            # The active space needs this copy, also on a machine that did not make it.
            self._find_or_make(runtime, known, partial(runtime.derive, source, known))
        for variant in runtime.variants(source, self._side.feeds()):
            path = self._find_or_make(runtime, variant, partial(runtime.derive, source, variant))
            if self._measure(runtime, variant, path, exact).passed:
                self._report.chosen = variant.title
                return

    def _measure(self, runtime: CopiedRuntime, variant: Runtime, path: Path, exact: Measured) -> Fidelity:
        self._on_step(f"{self._side.side}: measuring {variant.title}")
        vectors, seconds = self._side.embed(runtime, path)
        exact_vectors, exact_seconds = exact
        fidelity = compare(exact_vectors, vectors, threshold=self._side.threshold)
        is_same = not isinstance(runtime, ExportedRuntime) or fidelity.cosine >= _LEAST_EXACT_COSINE
        passed = fidelity.passed and is_same
        self._report.trials.append(Trial(variant.title, fidelity, passed, exact_seconds / seconds))
        manifest = runtime.describe_copy(self._side.side, self._side.weights, variant)
        record_fidelity(self._settings, manifest, asdict(fidelity), passed=passed)
        return fidelity

    def _find_or_make(self, runtime: CopiedRuntime, variant: Runtime, make: Callable[[Path], None]) -> Path:
        """The path of a copy's model file. Makes the copy if it is missing or damaged."""
        try:
            return open_copy(self._settings, self._side.side, self._side.weights, variant)
        except EncoderUnavailable:
            self._on_step(f"{self._side.side}: making the copy for {variant.title}")
            manifest = runtime.describe_copy(self._side.side, self._side.weights, variant)
            return put_copy(self._settings, manifest, make)
