"""Queries as vectors: text by both encoders, pictures by the image encoder, stored pictures by their stored vectors."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from backend.errors import Conflict, InputError, InvalidQuery, InvalidText
from backend.features.search.host_encoders import OpenEncoders, QueryEncoders
from backend.features.search.query import Find, SearchQuery
from backend.files.decoding import NO_DETAIL, Decoders
from backend.files.limits import Limits
from backend.rules.search import Example, Query, combine
from backend.store.engine import Session
from backend.store.media import get_media, list_vectors
from backend.store.schema import Space


@dataclass(frozen=True)
class QueryEncoder:
    """Encodes queries. `encoders` returns those of a space or raises SpaceMismatch; `limits` apply to uploaded pictures."""

    encoders: OpenEncoders
    limits: Limits
    decoders: Decoders

    def encode(
        self, query: SearchQuery, space: Space, positives: Sequence[Example], negatives: Sequence[Example]
    ) -> tuple[Query, tuple[int, ...]]:
        """Combine stored examples and new embeddings to one unit vector per leg.

        Returns the vectors, and the perceptual hashes of the uploaded pictures that hits should resemble.

        Raises:
            InvalidQuery: the text is empty, a picture cannot be read, or the examples cancel out.
            SpaceMismatch: the configured encoders do not belong to the space.
        """
        positives, negatives = list(positives), list(negatives)
        hashes: tuple[int, ...] = ()
        if query.words or query.not_words or query.pictures or query.not_pictures:
            encoders = self.encoders(space)
            examples, hashes = self._pictures(encoders, query.pictures, "file")
            positives += examples
            negatives += self._pictures(encoders, query.not_pictures, "not_file")[0]
            if query.words:
                # A picture determines the image leg alone, because cosines of texts and of pictures to pictures have different scales.
                positives.append(_words(encoders, query.words, "q", on_text_alone=query.is_visual))
            negatives += [_words(encoders, words, "not_words") for words in query.not_words]
        combined = combine(positives, negatives)
        if combined.image is None and combined.text is None:
            raise InvalidQuery(
                "The examples cancel each other out.", hint="Use different negative examples.", field="not_media_id"
            )
        if combined.image is None and query.find is Find.CAPTIONS:
            raise InvalidQuery(
                "The pictures cancel each other out.", hint="Use different negative examples.", field="not_media_id"
            )
        return combined, hashes

    def _pictures(
        self, encoders: QueryEncoders, pictures: Sequence[bytes], field: str
    ) -> tuple[list[Example], tuple[int, ...]]:
        images, hashes = [], []
        for data in pictures:
            try:
                if len(data) > self.limits.max_body_bytes:
                    raise InvalidQuery(f"The picture has {len(data):,} bytes.", hint="Send a smaller version.")
                picture = self.decoders.decode(
                    data,
                    self.limits,
                    at_least=encoders.image.input_size_pixels,
                    fit=encoders.image.first_resize,
                    hashed=True,
                )
                images.append(picture.image)
                hashes.append(NO_DETAIL if picture.perceptual_hash is None else picture.perceptual_hash)
            except InputError as error:
                raise InvalidQuery(error.detail, hint=error.hint, field=field, picture_code=error.code) from error
        return [Example(vector, None) for vector in encoders.image.embed_pictures(images)], tuple(hashes)


def fetch_examples(session: Session, media_ids: Sequence[uuid.UUID]) -> list[Example]:
    """The stored vectors of pictures, in the given order.

    Raises:
        NotFound: a picture does not exist.
        Conflict: a picture has no embedding in the active space.
    """
    if not media_ids:
        return []
    found = list_vectors(session, media_ids)
    examples = []
    for media_id in media_ids:
        if media_id not in found:
            media = get_media(session, media_id)
            raise Conflict(
                f"Picture {media_id} has no embedding: its status is {media.status}.",
                hint="Wait until it is ready." if media.error_code is None else "Look at its error, and retry it.",
            )
        examples.append(Example(*found[media_id]))
    return examples


def _words(encoders: QueryEncoders, words: str, field: str, *, on_text_alone: bool = False) -> Example:
    try:
        text = encoders.text.embed_texts([words])[0]
        image = None if on_text_alone else encoders.image.embed_words([words])[0]
    except InvalidText as error:
        raise InvalidQuery(error.detail, hint=error.hint, field=field) from error
    return Example(image, text)
