"""Backgrounds of libraries in which a text, or a picture, is there many times: words still find and judge what is there."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.features.search import BackgroundKind, learn_backgrounds
from backend.rules.search import Backgrounds, FusionMethod, fuse, judge, rank
from backend.store.search import SampledMedia

Matrix = NDArray[np.float64]

IMAGE, TEXT, ALPHA = 32, 48, 0.6
PLACES, OF_A_PLACE, ASKED = 3, 4, 8
NONSENSE = 60


def unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Library:
    """Pictures of topics, the groups; captions say the topic. Some texts name one of a few places, which no picture shows."""

    groups: NDArray[np.int64]
    images: Matrix
    texts: Matrix
    captions: Matrix
    places: Matrix
    of_place: NDArray[np.int64]

    @classmethod
    def make(cls, count: int, topics: int = 30) -> "Library":
        generator = np.random.default_rng(5)
        groups = generator.integers(topics, size=count)
        image_topics = generator.normal(size=(topics, IMAGE))
        images = unit(image_topics[groups] + 0.5 * generator.normal(size=(count, IMAGE)))
        captions = unit(image_topics[groups] + 1.5 * generator.normal(size=(count, IMAGE)))
        places = unit(generator.normal(size=(PLACES, TEXT)))
        of_place = np.repeat(np.arange(-1, PLACES), [count - PLACES * OF_A_PLACE, *[OF_A_PLACE] * PLACES])
        said = unit(generator.normal(size=(count, TEXT)))
        texts = np.where(of_place[:, None] >= 0, unit(places[of_place] + 0.5 * said), said)
        return cls(groups, images, texts, captions, places, of_place)

    def sharing_texts(self, share: float, spread: float = 0.0) -> "Library":
        """One text for this share of the pictures, as `spread` tells them apart; never for those of the places."""
        generator = np.random.default_rng(6)
        texts, captions = self.texts.copy(), self.captions.copy()
        able = np.flatnonzero(self.of_place < 0)
        some = generator.choice(able, min(round(share * len(self.groups)), len(able)), replace=False)
        for vectors in (texts, captions):
            shared = unit(generator.normal(size=(1, vectors.shape[1])))
            vectors[some] = unit(shared + spread * unit(generator.normal(size=(len(some), vectors.shape[1]))))
        return replace(self, texts=texts, captions=captions)

    def sharing_pictures(self, share: float) -> "Library":
        """One picture, saved again and again, is this share of the pictures; it is one group."""
        generator = np.random.default_rng(7)
        some = generator.choice(len(self.groups), round(share * len(self.groups)), replace=False)
        images, groups = self.images.copy(), self.groups.copy()
        images[some] = unit(images[some[0]] + 0.02 * unit(generator.normal(size=(len(some), IMAGE))))
        groups[some] = groups.max() + 1
        return replace(self, images=images, groups=groups)

    def learn(self) -> Backgrounds:
        sides = zip(self.groups.tolist(), *map(as_single, (self.images, self.texts, self.captions)), strict=True)
        media = [SampledMedia(row, *side) for row, side in enumerate(sides)]  # type: ignore[arg-type]
        backgrounds = learn_backgrounds(media, BackgroundKind.WORDS, np.random.default_rng(0))
        assert backgrounds is not None
        return backgrounds

    def verdict(self, backgrounds: Backgrounds, image: Matrix, text: Matrix) -> bool:
        scores = backgrounds.about(image, text).calibrate(self.images @ image, self.texts @ text)
        return judge(*scores, ALPHA, len(self.groups), correlation=backgrounds.correlation).relevant

    def worst_rank(self, backgrounds: Backgrounds, image: Matrix, place: int) -> int:
        """The rank of the last picture of a place, asked for by its name, which says nothing of pictures."""
        text = self.places[place]
        sims = self.images @ image, self.texts @ text
        values = fuse(FusionMethod.CALIBRATED, *sims, ALPHA, backgrounds.about(image, text)).combined
        return 1 + int(np.flatnonzero(np.isin(rank(values), np.flatnonzero(self.of_place == place))).max())


def as_single(rows: Matrix) -> NDArray[np.float32]:
    return rows.astype(np.float32)


def check(library: Library) -> None:
    """Places are found and relevant, nonsense is not, as without any repeats."""
    backgrounds = library.learn()
    generator = np.random.default_rng(8)
    asked = [(image, place) for image in unit(generator.normal(size=(ASKED, IMAGE))) for place in range(PLACES)]
    ranks = [library.worst_rank(backgrounds, image, place) for image, place in asked]
    relevant = [library.verdict(backgrounds, image, library.places[place]) for image, place in asked]
    nonsense = zip(
        unit(generator.normal(size=(NONSENSE, IMAGE))), unit(generator.normal(size=(NONSENSE, TEXT))), strict=True
    )
    alarms = [library.verdict(backgrounds, *one) for one in nonsense]
    assert np.mean(ranks) <= OF_A_PLACE + 2
    assert np.mean(relevant) >= 0.9
    assert np.mean(alarms) <= 0.15


@pytest.mark.parametrize("spread", [0.0, 0.15], ids=["equal", "nearly equal"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7])
def test_learn__a_text_that_many_pictures_share(share: float, spread: float) -> None:
    check(Library.make(900).sharing_texts(share, spread))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_learn__a_picture_that_is_there_many_times(share: float) -> None:
    check(Library.make(900).sharing_pictures(share))


def test_learn__three_thousand_pictures_of_sixty_texts() -> None:
    library = Library.make(3_000, topics=100)
    generator = np.random.default_rng(9)
    texts = np.concatenate([unit(generator.normal(size=(57, TEXT))), library.places])
    captions = unit(generator.normal(size=(60, IMAGE)))
    said = np.arange(3_000) % 60
    repeating = replace(library, texts=texts[said], captions=captions[said], of_place=said - 57)
    backgrounds = repeating.learn()
    images = unit(generator.normal(size=(ASKED, IMAGE)))
    for place in range(PLACES):
        assert repeating.worst_rank(backgrounds, images[place], place) == 3_000 // 60
        assert repeating.verdict(backgrounds, images[place], library.places[place])
    nonsense = unit(generator.normal(size=(NONSENSE, TEXT)))
    images = unit(generator.normal(size=(NONSENSE, IMAGE)))
    alarms = [repeating.verdict(backgrounds, *one) for one in zip(images, nonsense, strict=True)]
    assert np.mean(alarms) <= 0.15


def test_learn__too_few_texts_make_no_background() -> None:
    """Two texts have one cosine, however many pictures share them."""
    library = Library.make(400)
    few = replace(library, texts=library.texts[np.arange(400) % 2], captions=library.captions[np.arange(400) % 2])
    backgrounds = few.learn()
    assert backgrounds.text is None
    assert backgrounds.image is not None
