"""Chess pieces on a board."""

from __future__ import annotations

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.paint import RGB, mix, shade, vary
from backend.demo.gallery.scenes.still import room


def chessboard(c: Canvas, look: Look, _mood: Mood) -> None:
    """Chess pieces on a board seen in perspective."""
    rng = c.rng
    table = c.h * (0.34 + 0.06 * look.tilt)
    light = room(c, look, table, mix((104, 92, 88), look.accent_rgb, 0.3), vary((112, 72, 48), rng, 10))

    def on(colour: RGB) -> RGB:
        return (round(colour[0] * light[0]), round(colour[1] * light[1]), round(colour[2] * light[2]))

    pale, deep = on((238, 220, 186)), on(mix(look.rgb, (60, 40, 30), 0.3))
    x, far, near, top, low = (
        c.w * (0.5 + 0.08 * look.shift),
        c.w * 0.3 * look.zoom,
        c.w * 0.56 * look.zoom,
        table + c.h * 0.06,
        c.h * 0.98,
    )
    skew = c.u * 0.16 * look.shift

    def place(u: float, v: float) -> tuple[float, float]:
        t = v**1.35
        return (x + skew * (0.5 - t) + (far + (near - far) * t) * (2 * u - 1), top + (low - top) * t)

    c.shape(
        [place(-0.05, -0.0), place(1.05, -0.0), place(1.05, 1.0), place(-0.05, 1.0)], on((96, 58, 36)), on((64, 38, 26))
    )
    for i in range(8):
        for j in range(8):
            corners = [place((i + a) / 8, (j + b) / 8) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
            c.pen.polygon(corners, fill=vary(pale if (i + j) % 2 == 0 else deep, rng, 3))
    sheen = [place(0.1, 0), place(0.45, 0), place(0.3, 1), place(-0.1, 1)]
    c.soft(sheen, (255, 250, 235), 0.16, c.u * 0.04)
    taken = rng.permutation(64)[: int(rng.integers(10, 17))]
    for square in sorted(int(q) for q in taken):
        j, i = divmod(square, 8)
        px, py = place((i + 0.5) / 8, (j + 0.6) / 8)
        scale = (far + (near - far) * ((j + 0.5) / 8) ** 1.35) / 8
        white = rng.random() < 0.5
        tone = on((244, 232, 206)) if white else on(mix((46, 34, 32), look.rgb, 0.18))
        _piece(c, px, py, scale * 1.15, tone, int(rng.integers(6)))


def _piece(c: Canvas, x: float, y: float, s: float, tone: RGB, form: int) -> None:
    tall = s * (1.5, 1.7, 1.8, 2.1, 2.5, 2.7)[form]
    c.shadow(x + s * 0.5, y, s * 0.95, s * 0.26, 0.6)
    c.disc(x, y, s * 0.52, s * 0.19, shade(tone, 0.55))
    c.bar(x, y - s * 0.18, y, s * 0.92, s * 1.02, tone)
    c.disc(x, y - s * 0.18, s * 0.46, s * 0.15, shade(tone, 1.08))
    c.bar(x, y - tall * 0.68, y - s * 0.18, s * 0.32, s * 0.66, tone)
    c.disc(x, y - tall * 0.68, s * 0.34, s * 0.11, shade(tone, 0.9))
    head = y - tall * 0.82
    if form in (0, 3):
        c.ball(x, head, s * 0.32, s * (0.32 if form == 0 else 0.44), tone, gloss=0.7)
        if form == 3:
            c.ball(x, head - s * 0.48, s * 0.1, s * 0.1, tone)
    elif form == 1:
        c.bar(x, head - s * 0.3, head + s * 0.2, s * 0.76, s * 0.6, tone)
        for k in (-0.3, 0.0, 0.3):
            c.box(
                x + s * (k - 0.09),
                head - s * 0.44,
                x + s * (k + 0.09),
                head - s * 0.28,
                shade(tone, 1.0 - 0.4 * (k + 0.1)),
            )
    elif form == 2:
        c.shape(
            [
                (x - s * 0.3, head + s * 0.25),
                (x - s * 0.34, head - s * 0.2),
                (x - s * 0.05, head - s * 0.62),
                (x + s * 0.12, head - s * 0.55),
                (x + s * 0.52, head - s * 0.12),
                (x + s * 0.42, head + s * 0.06),
                (x + s * 0.12, head - s * 0.04),
                (x + s * 0.3, head + s * 0.25),
            ],
            shade(tone, 1.1),
            shade(tone, 0.6),
            sideways=True,
        )
    else:
        c.bar(x, head - s * 0.35, head + s * 0.25, s * 0.74, s * 0.36, tone)
        c.disc(x, head - s * 0.35, s * 0.37, s * 0.11, shade(tone, 1.15))
        if form == 4:
            c.ball(x, head - s * 0.48, s * 0.14, s * 0.14, tone)
        else:
            c.line([(x, head - s * 0.4), (x, head - s * 0.86)], shade(tone, 0.9), s * 0.11)
            c.line([(x - s * 0.18, head - s * 0.7), (x + s * 0.18, head - s * 0.7)], shade(tone, 0.9), s * 0.11)
