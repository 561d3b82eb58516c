"""Sentences about films with an opinion: positive or negative.

A template has slots; a slot is filled from a list of words that mean the same. Easy sentences carry their opinion in
one word. Harder ones turn it round ("it was never boring") or mention the other opinion on the way ("although the
music was dull, I loved the ending"; what counts is the main clause), so that counting words is not enough.
"""

import re

import torch

from labkit.data.dataset import About, Texts
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number

ABOUT = About(name="sentences", licence="simulated: free of rights", source="simulated")
CLASSES = ("negative", "positive")

WORDS: dict[str, tuple[str, ...]] = {
    "film": ("film", "movie", "picture", "story", "drama", "comedy", "thriller"),
    "part": ("plot", "acting", "music", "ending", "script", "camera work", "dialogue", "cast"),
    "very": ("very", "really", "truly", "quite", "rather"),
    "good": ("good", "great", "wonderful", "brilliant", "charming", "moving", "clever", "funny"),
    "bad": ("bad", "boring", "dull", "awful", "clumsy", "tedious", "silly", "weak"),
    "loved": ("loved", "enjoyed", "liked", "admired"),
    "hated": ("hated", "disliked", "regretted", "could not stand"),
    "who": ("I", "we", "my friends", "the critics", "my parents"),
    "when": ("yesterday", "last night", "on Sunday", "with friends", "at the festival"),
}
EASY = {
    1: (
        "the {part} was {very} {good}",
        "{who} {loved} the {film}",
        "what a {good} {film}",
        "{who} saw this {film} {when} and {loved} the {part}",
        "this {film} is {good}, and the {part} is {very} {good}",
    ),
    0: (
        "the {part} was {very} {bad}",
        "{who} {hated} the {film}",
        "what a {bad} {film}",
        "{who} saw this {film} {when} and {hated} the {part}",
        "this {film} is {bad}, and the {part} is {very} {bad}",
    ),
}
HARD = {
    1: (
        "the {part} was never {bad}",
        "although the {part} was {bad}, {who} {loved} the {film}",
        "{who} expected a {bad} {film}, but it was {very} {good}",
        "nobody who saw it {when} found the {part} {bad}",
        "there is nothing {bad} about this {film}",
    ),
    0: (
        "the {part} was never {good}",
        "although the {part} was {good}, {who} {hated} the {film}",
        "{who} expected a {good} {film}, but it was {very} {bad}",
        "nobody who saw it {when} found the {part} {good}",
        "there is nothing {good} about this {film}",
    ),
}


def sentences(n: int, *, generator: torch.Generator | None = None, hard: Number = 0.3) -> Texts:
    """Sentences about films, n strings in lower case but for "I" and "Sunday"; the label is 0 negative, 1 positive.

    Args:
        n: how many.
        generator: the source of all randomness; the labels lie on its device.
        hard: share of sentences that turn an opinion round or mention the other one.

    Raises:
        ValueError: if there is not at least one sentence, or the share is not between 0 and 1.
    """
    draw.at_least_one(n)
    draw.within("hard", (hard, hard), 0, 1)
    labels = draw.balanced(generator, n, 2)
    is_hard = draw.uniform(generator, (n,), (0, 1)) < hard
    # One large number for the template and each slot; what is left after division chooses.
    dice = draw.integers(generator, (n, 8), 2**31).tolist()
    texts = []
    for label, difficult, throws in zip(labels.tolist(), is_hard.tolist(), dice):
        templates = (HARD if difficult else EASY)[label]
        texts.append(filled(templates[throws[0] % len(templates)], throws[1:]))
    return Texts(tuple(texts), labels, CLASSES, ABOUT)


def filled(template: str, throws: list[int]) -> str:
    """The template with each slot filled by the word that its throw of the dice chooses."""
    pieces = template.split("{")
    text = pieces[0]
    for piece, throw in zip(pieces[1:], throws):
        slot, rest = piece.split("}")
        text += WORDS[slot][throw % len(WORDS[slot])] + rest
    return re.sub(r"\ba (?=[aeiou])", "an ", text)
