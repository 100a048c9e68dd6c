"""Augmentation, losses and the training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.demo.gallery.kinds import KINDS
from backend.demo.gallery.vocabulary import VOCABULARY
from backend.demo.training.model import IMAGE_SIDE
from backend.demo.training.texts import tells_colour, tells_light, text_for
from backend.demo.training.world import World


@dataclass(frozen=True)
class Facts:
    """What is known about the pictures of a batch, each of shape (batch,): kind, colour and light as numbers."""

    kind: Tensor
    colour: Tensor
    light: Tensor


def augment(pixels: Tensor, rng: torch.Generator) -> Tensor:
    """Return uint8 (n, side, side, 3) pictures as float (n, 3, IMAGE_SIDE, IMAGE_SIDE) in 0 to 1, cropped, flipped, altered.

    Hue is left alone: captions name colours.
    """
    n = len(pixels)
    images = pixels.permute(0, 3, 1, 2).float() / 255

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=rng) * (high - low) + low

    scale = uniform(0.74, 1.0, n)
    stretch = uniform(0.92, 1.08, n)
    sx, sy = (scale * stretch).clamp(max=1.0), (scale / stretch).clamp(max=1.0)
    flip = torch.where(uniform(0, 1, n) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = sx * flip, sy
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-1, 1, n) * (1 - sx), uniform(-1, 1, n) * (1 - sy)
    grid = functional.affine_grid(theta, [n, 3, IMAGE_SIDE, IMAGE_SIDE], align_corners=False)
    images = functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    images = images * uniform(0.75, 1.25, n, 1, 1, 1)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * uniform(0.75, 1.25, n, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * uniform(0.75, 1.25, n, 1, 1, 1)
    noise = torch.randn(images.shape, generator=rng) * uniform(0, 0.035, n, 1, 1, 1)
    return (images + noise).clamp(0, 1)


def cross_modal_loss(images: Tensor, texts: Tensor, scale: Tensor, facts: Facts, told: Facts) -> Tensor:
    """Return the contrastive loss with soft targets.

    A text belongs to every picture of its kind in the batch, more to those that share the colour or the light it names.
    `told.colour` and `told.light` are -1 where the text is silent.
    """
    logits = scale * images @ texts.T
    same = facts.kind[:, None] == told.kind[None]
    closeness = (
        2.2 * (facts.colour[:, None] == told.colour[None]).float()
        + 1.6 * (facts.light[:, None] == told.light[None]).float()
    )
    weight = torch.exp(closeness) * same
    by_image, by_text = weight / weight.sum(1, keepdim=True), weight / weight.sum(0, keepdim=True)
    return -0.5 * ((by_image * logits.log_softmax(1)).sum(1).mean() + (by_text * logits.log_softmax(0)).sum(0).mean())


def shape_loss(images: Tensor, facts: Facts) -> Tensor:
    """Return the loss that shapes the image space for grouping at a cosine of 0.82.

    Pictures of different kinds are held below 0.3; those of a kind between 0.88 and 1, the nearer the more they share.
    """
    cosine = images @ images.T
    kind = facts.kind[:, None] == facts.kind[None]
    shared = (facts.colour[:, None] == facts.colour[None]).float() + (facts.light[:, None] == facts.light[None]).float()
    low, high = 0.89 + 0.03 * shared, 0.955 + 0.025 * shared
    other = torch.eye(len(images), dtype=torch.bool).logical_not() & kind
    together = (
        functional.relu(low - cosine)[other].square().mean()
        + 0.3 * functional.relu(cosine - high)[other].square().mean()
    )
    apart = functional.relu(cosine - 0.3)[~kind].square()
    # The mean over all strange pairs forgets the few that collide; these are what would merge two groups.
    worst = apart.view(-1).topk(max(1, apart.numel() // 50)).values.mean()
    return together + apart.mean() + 0.3 * worst


def train(
    model: torch.nn.Module,
    tokenizer: Callable[[list[str]], Tensor],
    world: World,
    *,
    seed: int,
    steps: int,
    batch: int = 192,
    peak: float = 2e-3,
    report: Callable[[int, float], None] | None = None,
) -> float:
    """Train `model` in place and return the seconds that it took. `report` is called with (step, loss) now and then."""
    started = time.monotonic()
    torch.manual_seed(seed)
    noise, chance = torch.Generator().manual_seed(seed), np.random.default_rng([seed, 5])
    slugs = list(KINDS)
    colours: dict[str, int] = {}
    lights: dict[str, int] = {}
    # Where a kind has no colour of its own, all its pictures share one.
    colour = np.array(
        [
            colours.setdefault(
                look.colour if "{colour}" in VOCABULARY[slugs[k]].things else look.season or "any", len(colours)
            )
            for look, k in zip(world.looks, world.kinds, strict=True)
        ]
    )
    light = np.array([lights.setdefault(look.light, len(lights)) for look in world.looks])
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr=peak
    )
    pixels = torch.from_numpy(world.pixels)
    model.train()
    towers: Any = model
    for step, chosen in enumerate(_batches(world, batch, steps, chance)):
        warm = min(1.0, (step + 1) / 60)
        for group in optimiser.param_groups:
            group["lr"] = peak * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-6
        texts = [text_for(slugs[int(world.kinds[i])], world.looks[int(i)], chance) for i in chosen]
        kind = torch.from_numpy(world.kinds[chosen])
        facts = Facts(kind, torch.from_numpy(colour[chosen]), torch.from_numpy(light[chosen]))
        names_colour = np.array([tells_colour(t, world.looks[int(i)]) for t, i in zip(texts, chosen, strict=True)])
        names_light = np.array([tells_light(t, world.looks[int(i)]) for t, i in zip(texts, chosen, strict=True)])
        told = Facts(
            kind,
            torch.from_numpy(np.where(names_colour, colour[chosen], -1)),
            torch.from_numpy(np.where(names_light, light[chosen], -1)),
        )
        images = (augment(pixels[torch.from_numpy(chosen)], noise) - 0.5) / 0.25
        seen = towers.encode_image(images.contiguous(memory_format=torch.channels_last), normalize=True)
        read = towers.encode_text(tokenizer(texts), normalize=True)
        loss = cross_modal_loss(seen, read, towers.logit_scale.exp().clamp(max=40), facts, told) + 12 * shape_loss(
            seen, facts
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        if report is not None and (step % 50 == 0 or step == steps - 1):
            report(step, float(loss.detach()))
    model.eval()
    return time.monotonic() - started


def _batches(
    world: World, batch: int, steps: int, chance: np.random.Generator
) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Yield `steps` batches with equally many pictures of every kind."""
    members = [np.flatnonzero(world.kinds == k) for k in range(len(KINDS))]
    each = batch // len(KINDS)
    decks = [chance.permutation(m) for m in members]
    at = [0] * len(members)
    for _ in range(steps):
        chosen = []
        for k, member in enumerate(members):
            if at[k] + each > len(member):
                decks[k], at[k] = chance.permutation(member), 0
            chosen.append(decks[k][at[k] : at[k] + each])
            at[k] += each
        yield np.concatenate(chosen)
