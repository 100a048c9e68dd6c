"""Real loading code on checkpoints made here (random weights) and on the MiniLM that comes as a package."""

import json
import shutil
import threading
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from backend.encoders import (
    PRESETS,
    EncoderNames,
    Encoders,
    configure_torch,
    load_encoders,
    normalise_rows,
    require_unit_vectors,
    resolve_encoders,
)
from backend.encoders.image import ImageEncoder, load_image_encoder
from backend.encoders.text import TextEncoder, load_text_encoder
from backend.errors import EncoderUnavailable, InvalidText
from backend.settings import Settings, load_settings

MINILM = PRESETS["demo"].text_model
ARCHITECTURE = "ViT-S-32-alt"  # the smallest that OpenCLIP has built in
TINY_TEXT = {"context_length": 20, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
TINY_MODEL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 48, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": TINY_TEXT,
}
TINY_PREPROCESSING = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "resize_mode": "shortest"}
STORY = "quiet harbour boat " * 1000  # 3000 words


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(embed_batch_size=4)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    torch.manual_seed(1)
    save_file(open_clip.CLIP(**TINY_MODEL).state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": TINY_MODEL, "preprocess_cfg": TINY_PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    torch.manual_seed(2)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    BertModel(config).save_pretrained(folder / "bert")
    AutoTokenizer.from_pretrained(MINILM, model_max_length=64).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=24)
    model = SentenceTransformer(modules=[transformer, Pooling(32, "mean")], device="cpu")
    model.save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def names(image_folder: Path, text_folder: Path) -> EncoderNames:
    return EncoderNames(f"local-dir:{image_folder}", None, str(text_folder))


@pytest.fixture(scope="session")
def image_encoder(settings: Settings, names: EncoderNames) -> ImageEncoder:
    return load_image_encoder(settings, names)


@pytest.fixture(scope="session")
def text_encoder(settings: Settings, names: EncoderNames) -> TextEncoder:
    return load_text_encoder(settings, names)


@pytest.fixture(scope="session")
def minilm(settings: Settings, names: EncoderNames) -> TextEncoder:
    return load_text_encoder(settings, replace(names, text_model=MINILM))


def picture(seed: int, size: tuple[int, int] = (90, 60), mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    products: np.ndarray = (left.astype(np.float64) * right).sum(axis=-1)
    return products


def as_hub_cache(folder: Path, cache: Path, repository: str) -> None:
    """Lay a model out as if it had been downloaded."""
    commit = "0" * 40
    root = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(folder, root / "snapshots" / commit)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)


# --- pictures ------------------------------------------------------------------------------------------------


def test_embed_pictures__as_open_clip_does(image_encoder: ImageEncoder, image_folder: Path) -> None:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{image_folder}")
    model.eval()
    with torch.inference_mode():
        expected = model.encode_image(preprocess(picture(1))[None], normalize=True).numpy()

    np.testing.assert_allclose(image_encoder.embed_pictures([picture(1)]), expected, atol=1e-6)


def test_embed_pictures__alone_or_in_a_batch(image_encoder: ImageEncoder) -> None:
    pictures = [
        picture(seed, size) for seed, size in enumerate([(48, 48), (300, 40), (7, 90), (1, 1), (64, 65), (50, 9)])
    ]

    together = image_encoder.embed_pictures(pictures)

    require_unit_vectors(together, image_encoder.dimension)
    assert together.shape == (6, 32)
    np.testing.assert_allclose(
        together, np.concatenate([image_encoder.embed_pictures([one]) for one in pictures]), atol=1e-5
    )
    assert cosines(together[:1], together[1:]).max() < 0.9999


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_embed__a_batch_in_parts_side_by_side_keeps_its_order(image_encoder: ImageEncoder, threads: int) -> None:
    pictures = [picture(seed, (40 + seed, 60)) for seed in range(19)]
    texts = [f"a boat, {'and a boat, ' * (number % 5)} seen from quay {number}" for number in range(19)]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        seen, read = image_encoder.embed_pictures(pictures), image_encoder.embed_words(texts)
    finally:
        torch.set_num_threads(before)

    alone = np.concatenate([image_encoder.embed_pictures([one]) for one in pictures])
    np.testing.assert_allclose(seen, alone, atol=1e-5)
    np.testing.assert_allclose(read, np.concatenate([image_encoder.embed_words([one]) for one in texts]), atol=1e-5)
    # No two of them are so alike that a wrong order would pass.
    assert np.abs(alone[:, None] - alone[None]).max(axis=2)[~np.eye(19, dtype=bool)].min() > 1e-4


@pytest.mark.parametrize("mode", ["P", "RGBA", "L", "LA", "CMYK", "1", "I;16"])
def test_embed_pictures__any_mode(image_encoder: ImageEncoder, mode: str) -> None:
    image = Image.new("I;16", (70, 50), 900) if mode == "I;16" else picture(3, mode=mode)

    expected = image_encoder.embed_pictures([image.convert("RGB")])

    np.testing.assert_allclose(image_encoder.embed_pictures([image]), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(16_384, 1), (1, 16_384), (9_001, 3)])
def test_embed_pictures__a_strip_does_not_fill_the_memory(
    image_encoder: ImageEncoder, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []
    resize = Image.Image.resize

    def recording(image: Image.Image, wanted: tuple[int, int], *arguments: object, **named: object) -> Image.Image:
        sides.extend(wanted)
        return resize(image, wanted, *arguments, **named)  # type: ignore[arg-type]

    strip = picture(4, size)
    monkeypatch.setattr(Image.Image, "resize", recording)

    require_unit_vectors(image_encoder.embed_pictures([strip]), 32)

    assert sides
    assert max(sides) <= 48 * 18


@pytest.mark.parametrize("size", [(1700, 50), (51, 1650), (850, 40)])
def test_embed_pictures__a_strip_embeds_as_its_middle(
    image_encoder: ImageEncoder, image_folder: Path, size: tuple[int, int]
) -> None:
    _, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{image_folder}")
    strip = picture(5, size)

    np.testing.assert_allclose(image_encoder._prepare(strip), preprocess(strip), atol=0.05)


def test_embed_pictures__none(image_encoder: ImageEncoder) -> None:
    assert image_encoder.embed_pictures([]).shape == (0, 32)
    assert image_encoder.embed_words([]).shape == (0, 32)


def test_input_size_pixels(image_encoder: ImageEncoder) -> None:
    assert image_encoder.input_size_pixels == 48


# --- words in the image model's text tower -------------------------------------------------------------------


def test_embed_words__as_open_clip_does(image_encoder: ImageEncoder, image_folder: Path) -> None:
    model = open_clip.create_model(f"local-dir:{image_folder}").eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{image_folder}")
    texts = ["a lighthouse at dusk", "two boats"]
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(texts), normalize=True).numpy()

    np.testing.assert_allclose(image_encoder.embed_words(texts), expected, atol=1e-6)


def test_embed_words__a_long_caption_counts_to_its_end(image_encoder: ImageEncoder) -> None:
    start = "a quiet harbour with many small boats in front of old houses " * 6

    one, other, same = image_encoder.embed_words(
        [start + "at noon", start + "under northern lights", start + "at noon"]
    )

    assert cosines(one, other) < 0.99999
    np.testing.assert_allclose(one, same, atol=1e-6)


def test_embed_words__long_caption_by_hand(image_encoder: ImageEncoder) -> None:
    # One token a word, and 18 fit beside start and end: 19 make chunks of 9 and 10.
    words = [*["boat", "house", "tree", "bird", "dog", "cat"] * 3, "hill"]
    halves = image_encoder.embed_words([" ".join(words[:9]), " ".join(words[9:])])

    embedded = image_encoder.embed_words([" ".join(words)])

    np.testing.assert_allclose(embedded, normalise_rows([9 * halves[0] + 10 * halves[1]]), atol=1e-6)


def test_embed_words__with_a_tokenizer_of_its_own(
    settings: Settings, names: EncoderNames, image_folder: Path, tmp_path: Path
) -> None:
    text = {
        **TINY_TEXT,
        "vocab_size": 30_522,
        "hf_tokenizer_name": "local",
        "pool_type": "eos",
        "eos_id": 102,
    }
    model = {**TINY_MODEL, "text_cfg": text}
    torch.manual_seed(5)
    save_file(open_clip.CLIP(**model).state_dict(), tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    AutoTokenizer.from_pretrained(MINILM).save_pretrained(tmp_path)
    encoder = load_image_encoder(settings, replace(names, image_model=f"local-dir:{tmp_path}"))
    words = ["boat", "house", "tree", "bird", "dog", "cat"] * 4

    full = open_clip.create_model(f"local-dir:{tmp_path}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path}")([" ".join(words[:18])])
    with torch.inference_mode():
        expected = full.encode_text(tokens, normalize=True).numpy()
    halves = encoder.embed_words([" ".join(words[:12]), " ".join(words[12:])])

    np.testing.assert_allclose(encoder.embed_words([" ".join(words[:18])]), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.embed_words([" ".join(words)]), normalise_rows([halves.sum(axis=0)]), atol=1e-6)


# --- which image checkpoints can be loaded -------------------------------------------------------------------


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights of a built-in architecture, in half precision, as both kinds of file."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(3)
    state = open_clip.create_model(ARCHITECTURE, precision="fp32").half().state_dict()
    paths = {"safetensors": folder / "weights.safetensors", "pt": folder / "weights.pt"}
    save_file(state, paths["safetensors"])
    torch.save({"state_dict": state, "epoch": 3}, paths["pt"])
    return paths


def test_load_image_encoder__checkpoint_by_path(
    settings: Settings, names: EncoderNames, checkpoints: dict[str, Path]
) -> None:
    encoders = [
        load_image_encoder(settings, replace(names, image_model=ARCHITECTURE, image_checkpoint=str(path)))
        for path in checkpoints.values()
    ]

    rows = [encoder.embed_pictures([picture(6)]) for encoder in encoders]

    assert encoders[0].dimension == 256
    require_unit_vectors(rows[0], 256)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_load_image_encoder__checkpoint_beside_a_local_folder(
    settings: Settings,
    names: EncoderNames,
    image_encoder: ImageEncoder,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(4)
    torch.save(open_clip.CLIP(**TINY_MODEL).state_dict(), tmp_path / "other.pt")

    other = load_image_encoder(settings, replace(names, image_checkpoint=str(tmp_path / "other.pt")))

    assert "randomly" not in caplog.text
    assert cosines(other.embed_pictures([picture(7)]), image_encoder.embed_pictures([picture(7)])) < 0.9


def test_load_image_encoder__from_the_hub_cache(
    names: EncoderNames, image_encoder: ImageEncoder, image_folder: Path, tmp_path: Path
) -> None:
    as_hub_cache(image_folder, tmp_path, "org/tiny-clip")
    settings = load_settings(model_cache=tmp_path)

    cached = load_image_encoder(settings, replace(names, image_model="hf-hub:org/tiny-clip"))

    np.testing.assert_allclose(
        cached.embed_pictures([picture(8)]), image_encoder.embed_pictures([picture(8)]), atol=1e-6
    )


def test_load_image_encoder__hub_cache_without_weights_is_no_random_model(
    names: EncoderNames, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_hub_cache(image_folder, tmp_path, "org/tiny-clip")
    next(tmp_path.rglob("*.safetensors")).unlink()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(
        EncoderUnavailable, match=r"hf-hub:org/tiny-clip is not on this machine.*MEDIACLUSTER_PRESET=demo"
    ):
        load_image_encoder(load_settings(model_cache=tmp_path), replace(names, image_model="hf-hub:org/tiny-clip"))


def test_load_image_encoder__pickled_code_is_refused(settings: Settings, names: EncoderNames, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")

    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        load_image_encoder(settings, replace(names, image_checkpoint=str(tmp_path / "evil.pt")))

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("image_model", "image_checkpoint", "message"),
    [
        ("ViT-Q-99", "openai", "no model 'ViT-Q-99'"),
        ("ViT-B-32", "no_such_tag", "one of these tags: .*laion2b_s34b_b79k"),
        ("ViT-B-32", None, "no weights without a tag"),
        ("ViT-B-32", "openai", "MEDIACLUSTER_IMAGE_MODEL=ViT-B-32-quickgelu"),
        ("ViT-B-32", "/nowhere.pt", "no checkpoint at /nowhere.pt"),
        ("local-dir:/nowhere", None, "no image model in /nowhere"),
    ],
)
def test_load_image_encoder__says_what_is_wrong(
    settings: Settings, names: EncoderNames, image_model: str, image_checkpoint: str | None, message: str
) -> None:
    wrong = replace(names, image_model=image_model, image_checkpoint=image_checkpoint)

    with pytest.raises(EncoderUnavailable, match=message) as caught:
        load_image_encoder(settings, wrong)

    assert caught.value.hint


def test_load_image_encoder__weights_of_another_model(
    settings: Settings, names: EncoderNames, checkpoints: dict[str, Path]
) -> None:
    with pytest.raises(EncoderUnavailable, match=r"cannot be loaded.*MEDIACLUSTER_IMAGE_CHECKPOINT"):
        load_image_encoder(settings, replace(names, image_checkpoint=str(checkpoints["pt"])))


def test_load_image_encoder__half_a_file(
    settings: Settings, names: EncoderNames, image_folder: Path, tmp_path: Path
) -> None:
    whole = (image_folder / "open_clip_model.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        load_image_encoder(settings, replace(names, image_checkpoint=str(tmp_path / "half.safetensors")))


# --- texts ---------------------------------------------------------------------------------------------------


def test_embed_texts__minilm_as_it_is(minilm: TextEncoder) -> None:
    texts = ["A lighthouse at dusk.", "ein Leuchtturm", "two boats in the harbour, seen from above"]

    embedded = minilm.embed_texts(texts)

    expected = SentenceTransformer(MINILM, device="cpu").encode(texts, normalize_embeddings=True)
    assert (minilm.dimension, minilm.window_tokens) == (384, 256)
    require_unit_vectors(embedded, 384)
    np.testing.assert_allclose(embedded, expected, atol=1e-6)


def test_embed_texts__minilm_knows_what_is_near(minilm: TextEncoder) -> None:
    dog, puppy, tax = minilm.embed_texts(["a dog on the beach", "puppy playing in the sand", "income tax return"])

    assert cosines(dog, puppy) > cosines(dog, tax) + 0.3


def test_embed_texts__the_end_of_a_long_text_counts(minilm: TextEncoder) -> None:
    one, other = minilm.embed_texts([f"{STORY} a dog on the beach", f"{STORY} an income tax return"])

    assert cosines(one, other) < 0.99999


def test_embed_texts__long_text_by_hand(minilm: TextEncoder) -> None:
    # One token a word, and 254 fit beside the special ones: 600 make three chunks of 200, 255 make 127 and 128.
    phrases = ["harbour boat"] * 100 + ["quiet forest"] * 100 + ["busy street"] * 100
    words = " ".join(phrases).split()
    thirds = minilm.embed_texts([" ".join(words[start : start + 200]) for start in (0, 200, 400)])
    halves = minilm.embed_texts([" ".join(words[100:227]), " ".join(words[227:355])])

    embedded = minilm.embed_texts([" ".join(words), " ".join(words[100:355])])

    by_hand = normalise_rows([thirds.sum(axis=0), 127 * halves[0] + 128 * halves[1]])
    np.testing.assert_allclose(embedded, by_hand, atol=1e-6)


def test_embed_texts__order_and_batches_change_nothing(text_encoder: TextEncoder) -> None:
    texts = [f"{'boat ' * length}number {length}" for length in (9, 1, 70, 3, 0, 30, 2, 15, 5)]

    together = text_encoder.embed_texts(texts)

    alone = np.concatenate([text_encoder.embed_texts([text]) for text in texts])
    require_unit_vectors(together, 32)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together[::-1], text_encoder.embed_texts(texts[::-1]), atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_embed_texts__split_where_the_window_ends_and_not_before(text_encoder: TextEncoder, text_folder: Path) -> None:
    model = SentenceTransformer(str(text_folder), device="cpu")
    full, first, second = "boat " * 21 + "tree", "boat " * 11, "boat " * 11 + "tree"

    embedded = text_encoder.embed_texts([full, "boat " + full])

    halves = normalise_rows(model.encode([first, second]))
    expected = normalise_rows([model.encode(full), 11 * halves[0] + 12 * halves[1]])
    assert text_encoder.window_tokens == 24
    np.testing.assert_allclose(embedded, expected, atol=1e-6)


@pytest.mark.parametrize("text", ["", " \n"])
def test_embed__empty_text(text_encoder: TextEncoder, image_encoder: ImageEncoder, text: str) -> None:
    with pytest.raises(InvalidText):
        text_encoder.embed_texts(["fine", text])
    with pytest.raises(InvalidText):
        image_encoder.embed_words(["fine", text])


def test_embed_texts__none(text_encoder: TextEncoder) -> None:
    assert text_encoder.embed_texts([]).shape == (0, 32)


def test_embed_texts__from_many_threads(text_encoder: TextEncoder) -> None:
    texts = [["short"], ["boat " * 60], ["a", "boat " * 20]] * 4
    expected = [text_encoder.embed_texts(some) for some in texts]
    got: dict[int, np.ndarray] = {}

    def work(index: int) -> None:
        got[index] = text_encoder.embed_texts(texts[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.allclose(got[index], expected[index], atol=1e-6) for index in range(len(texts)))


def test_load_text_encoder__from_the_hub_cache(
    names: EncoderNames, text_encoder: TextEncoder, text_folder: Path, tmp_path: Path
) -> None:
    as_hub_cache(text_folder, tmp_path, "org/tiny-text")

    cached = load_text_encoder(load_settings(model_cache=tmp_path), replace(names, text_model="org/tiny-text"))

    np.testing.assert_allclose(cached.embed_texts(["boat"]), text_encoder.embed_texts(["boat"]), atol=1e-6)


def test_load_text_encoder__half_precision_weights_compute_in_full(
    settings: Settings, names: EncoderNames, text_folder: Path, tmp_path: Path
) -> None:
    SentenceTransformer(str(text_folder), device="cpu").half().save(str(tmp_path / "half"))

    encoder = load_text_encoder(settings, replace(names, text_model=str(tmp_path / "half")))

    assert {parameter.dtype for parameter in encoder._model.parameters()} == {torch.float32}


def test_load_text_encoder__says_what_is_wrong(settings: Settings, names: EncoderNames, tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"cannot be loaded.*MEDIACLUSTER_TEXT_MODEL"):
        load_text_encoder(settings, replace(names, text_model=str(tmp_path)))


# --- the demo preset -----------------------------------------------------------------------------------------


def test_demo__ships_and_works_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    settings = load_settings(preset="demo")
    demo = load_encoders(settings, resolve_encoders(settings))

    description = demo.describe()

    assert description.preset == "demo"
    require_unit_vectors(demo.image.embed_pictures([picture(10)]), description.image_dimension)
    require_unit_vectors(demo.image.embed_words(["a red circle " * 40]), description.image_dimension)
    require_unit_vectors(demo.text.embed_texts(["a red circle"]), 384)


# --- the pair ------------------------------------------------------------------------------------------------


@pytest.fixture
def encoders(settings: Settings, names: EncoderNames) -> Encoders:
    return load_encoders(settings, names)


def test_encoders__loads_each_once_when_first_used(encoders: Encoders) -> None:
    assert not encoders.loaded
    assert encoders.text is encoders.text
    assert not encoders.loaded
    encoders.load()
    assert encoders.loaded


def test_describe__says_what_the_loaded_models_say(encoders: Encoders) -> None:
    before = encoders.describe()
    encoders.load()

    assert encoders.describe() == before
    assert before.image_dimension == encoders.image.embed_pictures([picture(9)]).shape[1]
    assert before.text_dimension == encoders.text.embed_texts(["boat"]).shape[1]
    assert before.preprocessing["mean"] == TINY_PREPROCESSING["mean"]
    assert before.preset is None
    assert json.loads(json.dumps(asdict(before))) == asdict(before)
    assert set(before.runtime) >= {"torch", "open_clip_torch", "sentence-transformers"}


def test_describe__no_paths_in_what_is_compared(encoders: Encoders, image_folder: Path, text_folder: Path) -> None:
    description = encoders.describe()

    compared = description.image_fingerprint + description.text_fingerprint + json.dumps(description.preprocessing)
    assert description.image_checksum
    assert description.text_checksum
    assert str(image_folder.parent) not in compared
    assert str(text_folder.parent) not in compared


def test_describe__checkpoint_by_path_prepares_pictures_as_the_presets_tag_does(
    settings: Settings, names: EncoderNames, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "dfn.safetensors"
    checkpoint.write_bytes(b"not read for this")
    quality = PRESETS["quality"]
    by_tag = replace(names, image_model=quality.image_model, image_checkpoint=quality.image_checkpoint)
    by_path = replace(by_tag, image_checkpoint=str(checkpoint))

    assert (
        load_encoders(settings, by_path).describe().preprocessing
        == load_encoders(settings, by_tag).describe().preprocessing
    )
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"preprocess_cfg": {"resize_mode": "longest"}}))
    assert load_encoders(settings, by_path).describe().preprocessing["resize_mode"] == "longest"


def test_describe__checkpoint_by_path_of_an_architecture_without_preset(
    settings: Settings, names: EncoderNames, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "siglip.safetensors"
    checkpoint.write_bytes(b"not read for this")
    siglip = replace(names, image_model="ViT-B-16-SigLIP", image_checkpoint=str(checkpoint))

    assert load_encoders(settings, siglip).describe().preprocessing["mean"] == [0.5, 0.5, 0.5]


def test_configure_torch() -> None:
    before = torch.get_num_threads()
    try:
        configure_torch(1)
        assert torch.get_num_threads() == 1
        configure_torch(None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
