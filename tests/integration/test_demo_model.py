from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from backend.demo import gallery
from backend.demo.gallery import KIND_QUERIES, KINDS, Picture, render_gallery
from backend.files.decoding import Decoders
from backend.files.decoding.decoders import LEAST_SIDE_PIXELS
from backend.files.decoding.pixels import decode_picture
from backend.files.decoding.thumbnails import LONGEST_THUMBNAIL
from backend.files.decoding.work import fit_picture
from backend.files.limits import Limits
from backend.settings import load_settings
from tests.support import pictures, profiles

FOLDER = Path(gallery.__file__).parent.parent / "model"
THRESHOLD = 0.82


class Model:
    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what open_clip imports and warns of is not ours
            import open_clip

            self.model, _, self.preprocess = open_clip.create_model_and_transforms(f"local-dir:{FOLDER}")
            self.tokenizer = open_clip.get_tokenizer(f"local-dir:{FOLDER}")
        self.model.eval()

    def images(self, pictures: list[Picture]) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.stack([self.preprocess(p.image) for p in pictures])
            return self.model.encode_image(batch, normalize=True).numpy()

    def texts(self, texts: list[str]) -> np.ndarray:
        with torch.inference_mode():
            return self.model.encode_text(self.tokenizer(texts), normalize=True).numpy()


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def held_out() -> list[Picture]:
    return list(render_gallery(120, seed=11, size=224))


@pytest.fixture(scope="module")
def vectors(model: Model, held_out: list[Picture]) -> np.ndarray:
    return model.images(held_out)


def group_online(vectors: np.ndarray, threshold: float) -> list[int]:
    """Nearest centroid by cosine joins at the threshold or above, otherwise a new group: the plainest form of the rule."""
    sums: list[np.ndarray] = []
    groups = []
    for vector in vectors:
        similarities = [float(total @ vector / np.linalg.norm(total)) for total in sums]
        best = int(np.argmax(similarities)) if similarities else -1
        if best >= 0 and similarities[best] >= threshold:
            sums[best] = sums[best] + vector
        else:
            best = len(sums)
            sums.append(vector)
        groups.append(best)
    return groups


def test_demo_model__small_enough_to_ship() -> None:
    assert (FOLDER / "open_clip_model.safetensors").stat().st_size <= 8_000_000
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 9_000_000


def test_demo_model__unit_float32_embeddings(vectors: np.ndarray) -> None:
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_demo_model__queries_find_their_kind(model: Model, held_out: list[Picture], vectors: np.ndarray) -> None:
    similarity = model.texts([KIND_QUERIES[kind] for kind in KINDS]) @ vectors.T
    hits = [held_out[int(row.argmax())].kind == kind for row, kind in zip(similarity, KINDS, strict=True)]
    assert np.mean(hits) >= 0.9


def test_demo_model__groups_at_the_default_threshold(held_out: list[Picture], vectors: np.ndarray) -> None:
    kinds = [picture.kind for picture in held_out]
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(kinds))
        groups = group_online(vectors[order], THRESHOLD)
        assert adjusted_rand_score([kinds[i] for i in order], groups) >= 0.8


def test_demo_model__pictures_of_a_kind_are_near_but_not_alike(held_out: list[Picture], vectors: np.ndarray) -> None:
    kinds = np.array([picture.kind for picture in held_out])
    cosine = vectors @ vectors.T
    same = (kinds[:, None] == kinds[None]) & ~np.eye(len(kinds), dtype=bool)
    assert np.median(cosine[same]) > 0.88
    assert np.std(cosine[same]) > 0.01
    assert np.median(cosine[kinds[:, None] != kinds[None]]) < 0.5


def test_demo_model__any_text_has_an_embedding(model: Model) -> None:
    odd = ["", "zxqj 漢字 🚀 ünïcödé", "word " * 500, "\x00\n"]
    found = model.texts(odd)
    assert np.isfinite(found).all()
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("index", range(2), ids=["first", "second"])
def test_decode__shrunk_while_loading_is_as_good_as_whole(model: Model, held_out: list[Picture], index: int) -> None:
    """A JPEG of 12 megapixels, decoded as the pipeline does, and whole."""
    limits = Limits.from_settings(load_settings())
    large = held_out[index].image.resize((4000, 3000), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(index).normal(0, 4, (3000, 4000, 1)).astype(np.int16)
    pixels = np.clip(np.asarray(large).astype(np.int16) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)

    shrunk = decode_picture(file.getvalue(), limits, at_least=LEAST_SIDE_PIXELS, longest=LONGEST_THUMBNAIL)
    whole = decode_picture(file.getvalue(), limits)

    assert (shrunk.size, whole.size) == ((2000, 1500), (4000, 3000))
    fitted = fit_picture(shrunk, 64)  # as the encoder's own first step would, whose side that is
    ours, exact = model.images([replace(held_out[index], image=fitted), replace(held_out[index], image=whole)])
    assert float(ours @ exact) >= 0.999


def test_decode__photographs_of_twenty_megapixels_are_alike_at_a_quarter_and_at_half(
    model: Model, held_out: list[Picture]
) -> None:
    """Every real photograph, as large as cameras make them: thumbnails and encoders need no more than a quarter."""
    limits = Limits.from_settings(load_settings())
    decoders = Decoders(processes=1, seconds=60.0, memory_bytes=2**30)
    levels, cosines = [], []
    try:
        for path in sorted(pictures.PHOTOGRAPHS.iterdir()):
            if path.suffix not in {".jpg", ".png"}:
                continue
            with Image.open(path) as opened:
                small = opened.convert("RGB")
            if min(small.size) < 300:  # a drawing or a scrap
                continue
            width = small.width
            large = small.resize(
                (5184, 3456), Image.Resampling.BICUBIC, (0, 0, width, min(small.height, width * 2 / 3))
            )
            file = io.BytesIO()
            large.save(file, "JPEG", quality=90)
            ours = decoders.decode_original(file.getvalue(), limits, side=224, fit=224, derive=False).image
            half = fit_picture(decode_picture(file.getvalue(), limits, at_least=640), 224)
            levels.append(np.abs(np.asarray(ours, dtype=float) - np.asarray(half, dtype=float)).mean())
            vectors = model.images([replace(held_out[0], image=image) for image in (ours, half)])
            cosines.append(float(vectors[0] @ vectors[1]))
    finally:
        decoders.close()

    assert len(cosines) >= 15
    assert min(cosines) >= 0.999
    assert max(levels) < 0.25  # of 255; an eighth of the size makes 0.5


@pytest.mark.parametrize("name", ["DISPLAY_P3", "ADOBE_RGB", "PROPHOTO"])
def test_decode__a_profile_leads_to_the_neighbours_of_the_srgb_twin(
    model: Model, held_out: list[Picture], name: str
) -> None:
    """The same colors in a wider space are the same picture, which their bare values are not."""
    space: profiles.Space = getattr(profiles, name)
    limits = Limits.from_settings(load_settings())
    chosen = held_out[:24]
    twins = [space.twin_of(picture.image) for picture in chosen]
    converted = []
    for twin in twins:
        file = io.BytesIO()
        twin.save(file, "JPEG", quality=95, subsampling=0, icc_profile=space.profile())
        converted.append(decode_picture(file.getvalue(), limits))

    exact = model.images(chosen)
    ours = model.images([replace(one, image=image) for one, image in zip(chosen, converted, strict=True)])
    blind = model.images([replace(one, image=image) for one, image in zip(chosen, twins, strict=True)])

    assert (exact * ours).sum(axis=1).min() >= 0.999
    assert (exact * blind).sum(axis=1).min() < {"DISPLAY_P3": 0.995, "ADOBE_RGB": 0.99, "PROPHOTO": 0.95}[name]
