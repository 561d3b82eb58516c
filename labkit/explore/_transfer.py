"""The explorer of topic 15: two languages being aligned, pair by pair.

The left plane holds words of both languages after the first one is mapped; a line joins each word to its translation,
so that a good map is one with short lines. Everything but the training of the vectors, which is remembered, takes
milliseconds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import transfer as method
from labkit.data import simulate
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note, table
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, ORANGE, VERMILION

WORDS, TESTED, SHOWN, MOST = 300, 200, 40, 100
STEPS = (2, 4, 8, 12, 16, 20, 24, 32, 50, 75, 100)  # the curve's
MAPS = ("rotation", "any linear map", "none")
LOOKS = ("cosine", "CSLS")
MAP, WORLD = "The map", "The languages"


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    pairs: float = slider(16, 1, MOST, step=1, label="known pairs", group=MAP, draw=(4, 60))
    kind: str = choice(MAPS, label="map", help="what the known pairs decide")
    look: str = choice(LOOKS, label="look-up", help="CSLS marks down words that are near to everything")
    rounds: float = slider(
        0, 0, 5, step=1, label="refined", group=MAP, help="rounds of mutual nearest neighbours as new pairs"
    )
    d: float = slider(16, 4, 32, step=4, label="dimensions", group=WORLD, draw=(8, 24))
    drift: float = slider(0.1, 0, 0.8, step=0.1, label="drift", group=WORLD, help="how differently they see the world")
    sentences: float = slider(3000, 500, 6000, step=500, label="sentences", group=WORLD, help="read in each language")


class Spaces(NamedTuple):
    """Both spaces, the dictionary, and an order of its words: known ones first, then those that are asked about."""

    first: Tensor
    second: Tensor
    translation: Tensor
    order: Tensor


@remembered(16)
def spaces(d: int, drift: float, sentences: int, seed: int) -> Spaces:
    """Word vectors of two languages, each from its own sentences."""
    g = torch.Generator().manual_seed(seed)
    world = simulate.languages(WORDS, sentences=sentences, drift=drift, generator=g)
    order = torch.randperm(WORDS, generator=g)
    return Spaces(vectors(world.first, d), vectors(world.second, d), world.translation, order)


def vectors(ids: Tensor, d: int) -> Tensor:
    """Vectors from cooccurrences within sentences (s, l)."""
    corpus = method.Corpus(ids.flatten(), torch.arange(len(ids)).repeat_interleave(ids.shape[1]))
    places, x = method.cooccurrences(corpus, size=WORDS, harmonic=False)
    counts = torch.zeros(WORDS, WORDS).index_put(tuple(places.T), x)
    return method.normalize_vectors(method.pmi_vectors(counts, d=d))


def spaces_of(settings: Settings) -> Spaces:
    """The spaces for these settings."""
    return spaces(int(settings.d), settings.drift, int(settings.sentences), settings.seed)


def waiting(settings: Settings) -> str:
    """A sentence if the vectors have to be learned first."""
    known = spaces.knows(int(settings.d), settings.drift, int(settings.sentences), settings.seed)
    return "" if known else "Two languages are being read …"


def fitted(settings: Settings, pairs: int) -> Tensor:
    """The map that so many pairs give."""
    s = spaces_of(settings)
    known = s.order[:pairs]
    x, y = s.first[known], s.second[s.translation[known]]
    if settings.kind == MAPS[2]:
        return torch.eye(x.shape[1])
    if settings.kind == MAPS[1]:
        return method.least_squares_map(x, y)
    w = method.procrustes(x, y)
    return method.refine_map(s.first, s.second, w, rounds=int(settings.rounds)) if settings.rounds else w


def similarity(settings: Settings, w: Tensor) -> Tensor:
    """Of all words of the one language with all of the other."""
    s = spaces_of(settings)
    mapped = s.first @ w
    return method.csls(mapped, s.second) if settings.look == LOOKS[1] else method.cosines(mapped, s.second)


def score(settings: Settings, pairs: int) -> float:
    """The share of the words asked about whose first answer is right; no pair of theirs is ever known."""
    s = spaces_of(settings)
    asked = s.order[WORDS - TESTED :]
    truth = torch.stack([asked, s.translation[asked]], 1)
    return method.precision_at(similarity(settings, fitted(settings, pairs)), truth)


def show_plane(settings: Settings) -> str:
    """Words of both languages in the two main directions of the second; a line from each word to its translation."""
    s = spaces_of(settings)
    w = fitted(settings, int(settings.pairs))
    axes2 = method.principal_axes(s.second, 2)
    asked = s.order[-SHOWN:]
    a, b = s.first[asked] @ w @ axes2, s.second[s.translation[asked]] @ axes2
    a, b = a.clamp(-0.7, 0.7), b.clamp(-0.7, 0.7)
    right = similarity(settings, w)[asked].argmax(1) == s.translation[asked]
    axes = Axes((-0.7, 0.7), (-0.7, 0.7), height=190, left=4, right=4)
    for p, q, good in zip(a.tolist(), b.tolist(), right.tolist()):
        axes.line([p[0], q[0]], [p[1], q[1]], colour=BLUE if good else VERMILION, width=1, opacity=0.6, dash=not good)
    axes.dots(*a.T, colour=BLUE, size=2.6).dots(*b.T, colour=ORANGE, mark="triangle", size=2.6)
    axes.under("● first, mapped  ▲ second").under("solid: right, dashed: wrong")
    far = float((a - b).norm(dim=1).mean())
    return axes.svg(
        f"{SHOWN} words that are not among the pairs, and their translations, {far:.2f} apart here on average; "
        f"{int(right.sum())} are translated rightly."
    )


def show_curve(settings: Settings) -> str:
    """Right answers against the number of known pairs."""
    numbers = sorted({*STEPS, int(settings.pairs)})
    scores = [score(settings, n) for n in numbers]
    axes = Axes((0, MOST), (0, 1), height=130).yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    now = scores[numbers.index(int(settings.pairs))]
    axes.above(f"{now:.0%} of {TESTED} words right", key="line", colour=BLUE, bold=True)
    axes.line(numbers, scores, colour=BLUE).dots([settings.pairs], [now], colour=BLUE, size=5)
    axes.rule(x=settings.d)
    axes.xticks([1, settings.d, MOST], name="known pairs").under("dashed: as many as dimensions")
    summary = "; ".join(f"{n} pairs {v:.0%}" for n, v in zip(numbers, scores))
    return axes.svg(f"Words whose first answer is right, by known pairs. {summary}.")


def show_fit(settings: Settings) -> str:
    """What the map does to the pairs it knows, and to the others."""
    s, n = spaces_of(settings), int(settings.pairs)
    w = fitted(settings, n)
    near = torch.cosine_similarity(s.first @ w, s.second[s.translation], dim=1)
    rows = [
        ("the known pairs", f"{float(near[s.order[:n]].mean()):.2f}"),
        (f"{TESTED} others", f"{float(near[s.order[-TESTED:]].mean()):.2f}"),
    ]
    words = "A map that can do anything fits the known pairs best. What counts are the others."
    return table(["mean cosine with the translation", ""], rows, after=words)


def show_note(settings: Settings) -> str:
    """What to try."""
    return note(
        "Move “known pairs” to the number of dimensions and compare the maps. Then refine: a map that is right about "
        "some words finds more pairs by itself. With too few to begin with it settles on a wrong map. With more drift "
        "no rotation is right."
    )


def show_code(settings: Settings) -> str:
    """The calls that do this."""
    fit = {MAPS[0]: "transfer.procrustes(x, y)", MAPS[1]: "transfer.least_squares_map(x, y)"}
    lines = [f"w = {fit.get(settings.kind, f'torch.eye({int(settings.d)})')}  # {int(settings.pairs)} pairs"]
    if settings.rounds and settings.kind == MAPS[0]:
        lines.append(f"w = transfer.refine_map(first, second, w, rounds={int(settings.rounds)})")
    lines.append(f"similarity = transfer.{'csls' if settings.look == LOOKS[1] else 'cosines'}(first @ w, second)")
    return listing("\n".join(lines))


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect."""
    names = [] if settings.kind == MAPS[0] else ["rounds"]
    return [*names, "pairs"] if settings.kind == MAPS[2] else names


def transfer() -> Explorer:
    """Open the explorer of transfer between two languages: give it pairs, choose a map, see who is translated."""
    rows = [
        [
            View("Words and their translations", show_plane, html=True, wait=waiting),
            View("Right answers", show_curve, html=True, wait=waiting),
        ],
        [View("How near", show_fit, html=True, wait=waiting), View("What to try", show_note, html=True)],
    ]
    below = [View("The same in python", show_code, html=True)]
    return Explorer(Settings(), rows, below=below, disabled=disabled_controls)
