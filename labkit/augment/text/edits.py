"""A changed sentence as a plan: what stands at each place of it, and where that comes from.

All operations on words here are one thing: a list with an entry for each token of the new sentence::

    i            the token that stood at place i
    (i, "new")   a new token in the place of token i
    (-1, "new")  a new token that stands for none

From the plan one can make the words, and move what belongs to them: a tag for each token, and spans of tokens.
With length l, the plan of an unchanged sentence is 0, 1, ..., l − 1.

Sources: the four operations are those of J. Wei and K. Zou, *EDA: Easy Data Augmentation Techniques*, 2019
(https://arxiv.org/abs/1901.11196); the order with a bound on how far a word moves is that of G. Lample and others,
*Unsupervised Machine Translation Using Monolingual Corpora Only*, 2018 (https://arxiv.org/abs/1711.00043).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labkit.augment.text.tokens import Words, with_case_of

Plan = Sequence[int | tuple[int, str]]
"""What stands at each place of the new sentence."""

Spans = Sequence[tuple[int, int]]
"""Pieces of a sentence: the place of the first token, and the place after the last."""

ENDS = frozenset(".?!…")


# ── with a plan ───────────────────────────────────────────────────────────────────────────────────────────────────────


def rewrite(words: Words, plan: Plan) -> list[str]:
    """The sentence that a plan makes. A new token takes the capitals of the one it replaces.

    >>> rewrite(["Good", "film", "!"], [(0, "great"), 1, (-1, "really"), 2])
    ['Great', 'film', 'really', '!']
    """
    if isinstance(plan, range) and plan == range(len(words)):
        return list(words)
    try:  # most plans only move tokens
        return list(map(words.__getitem__, plan))  # type: ignore[arg-type]
    except TypeError:
        return [words[piece] if isinstance(piece, int) else _new(piece, words) for piece in plan]


def _new(piece: tuple[int, str], words: Words) -> str:
    """The token of one entry of a plan."""
    place, word = piece
    return word if place < 0 else with_case_of(word, words[place])


def origins(plan: Plan) -> list[int]:
    """For each new token the place it comes from, −1 if from none.

    >>> origins([2, (0, "x"), (-1, "y")])
    [2, 0, -1]
    """
    return [piece if isinstance(piece, int) else piece[0] for piece in plan]


def move_tags(tags: Sequence[Any], plan: Plan, *, new: Any = "O") -> list[Any]:
    """The tags of the new tokens; one that stands for none gets ``new``.

    >>> move_tags(["ADJ", "NOUN"], [1, (0, "great"), (-1, ",")])
    ['NOUN', 'ADJ', 'O']
    """
    return [tags[i] if i >= 0 else new for i in origins(plan)]


def move_spans(spans: Spans, plan: Plan) -> list[tuple[int, int] | None]:
    """Where spans of tokens lie in the new sentence; None where nothing of one is left, or others stand in between.

    A new token that stands for none may lie inside a span.

    Raises:
        ValueError: if a span is empty, or begins before the sentence.

    >>> move_spans([(0, 2), (2, 3)], [2, 0, (-1, "very"), 1]), move_spans([(0, 2)], [0, 2, 1])
    ([(1, 4), (0, 1)], [None])
    """
    sources = origins(plan)
    moved: list[tuple[int, int] | None] = []
    for start, end in spans:
        if not 0 <= start < end:
            raise ValueError(f"a span is (first, after the last) with 0 ≤ first < last; this is {(start, end)}")
        places = [k for k, i in enumerate(sources) if start <= i < end]
        whole = bool(places) and all(i == -1 or start <= i < end for i in sources[places[0] : places[-1] + 1])
        moved.append((places[0], places[-1] + 1) if whole else None)
    return moved


# ── plans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def substitution_plan(length: int, new: Mapping[int, str]) -> list[int | tuple[int, str]]:
    """Other tokens at some places."""
    return [(i, new[i]) if i in new else i for i in range(length)]


def insertion_plan(length: int, new: Iterable[tuple[int, str]]) -> list[int | tuple[int, str]]:
    """New tokens, each before the old token at its place (``length``: at the end), in the order they are given."""
    plan: list[int | tuple[int, str]] = list(range(length))
    for place, word in reversed(sorted(new, key=place_of)):
        plan.insert(place, (-1, word))
    return plan


def place_of(entry: tuple[int, str]) -> int:
    """The place of a new token."""
    return entry[0]


def swap_plan(length: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """The tokens at two places exchanged, pair after pair."""
    plan = list(range(length))
    for i, j in pairs:
        plan[i], plan[j] = plan[j], plan[i]
    return plan


def sentences_of(words: Words) -> list[list[int]]:
    """The places of the tokens of each sentence: it ends with its full stops, or question or exclamation marks.

    >>> sentences_of(["Why", "?", "!", "So", "."])
    [[0, 1, 2], [3, 4]]
    """
    parts: list[list[int]] = []
    ended = True
    for i, word in enumerate(words):
        if ended and word not in ENDS:
            parts.append([])
        if not parts:
            parts.append([])
        parts[-1].append(i)
        ended = word in ENDS
    return parts


# ── the operations ────────────────────────────────────────────────────────────────────────────────────────────────────


def substitute(words: Words, new: Mapping[int, str]) -> list[str]:
    """Other words at some places, with the capitals of the old ones.

    Raises:
        ValueError: if a place is outside the sentence.

    >>> substitute(["Bad", "film"], {0: "dull"})
    ['Dull', 'film']
    """
    within(new, len(words))
    return rewrite(words, substitution_plan(len(words), new))


def insert(words: Words, new: Sequence[tuple[int, str]]) -> list[str]:
    """New words, each before the token at its place in the old sentence; ``len(words)`` is the end.

    Raises:
        ValueError: if a place is outside the sentence.

    >>> insert(["a", "film"], [(1, "dull"), (2, "!"), (1, "long")])
    ['a', 'dull', 'long', 'film', '!']
    """
    within([place for place, _ in new], len(words) + 1)
    return rewrite(words, insertion_plan(len(words), new))


def swap(words: Words, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """The words at two places exchanged, pair after pair.

    Raises:
        ValueError: if a place is outside the sentence.

    >>> swap(["reds", "beat", "blues"], [(0, 2)])
    ['blues', 'beat', 'reds']
    """
    within([place for pair in pairs for place in pair], len(words))
    return rewrite(words, swap_plan(len(words), pairs))


def delete(words: Words, places: Iterable[int]) -> list[str]:
    """The sentence without the words at some places.

    Raises:
        ValueError: if a place is outside the sentence.

    >>> delete(["a", "very", "dull", "film"], [1])
    ['a', 'dull', 'film']
    """
    gone = set(places)
    within(gone, len(words))
    return [word for i, word in enumerate(words) if i not in gone]


def permute(words: Words, order: Sequence[int]) -> list[str]:
    """The words in another order: at place k stands the one from ``order[k]``.

    Raises:
        ValueError: if ``order`` doesn't name each place once.

    >>> permute(["a", "b", "c"], [2, 0, 1])
    ['c', 'a', 'b']
    """
    a_permutation(order, len(words), "words")
    return [words[i] for i in order]


def permute_sentences(words: Words, order: Sequence[int]) -> list[str]:
    """The sentences of a text in another order, each as it was.

    Raises:
        ValueError: if ``order`` doesn't name each sentence once.

    >>> permute_sentences(["Come", "!", "Now", "."], [1, 0])
    ['Now', '.', 'Come', '!']
    """
    parts = sentences_of(words)
    a_permutation(order, len(parts), "sentences")
    return [words[i] for k in order for i in parts[k]]


def within(places: Iterable[int], length: int) -> None:
    """Refuse places outside a sentence.

    Raises:
        ValueError: saying which.
    """
    for place in places:
        if not 0 <= place < length:
            raise ValueError(f"there is no place {place}; the places here are 0 to {length - 1}")


def a_permutation(order: Sequence[int], length: int, what: str) -> None:
    """Refuse an order that leaves something out, or names it twice.

    Raises:
        ValueError: saying what it is.
    """
    if sorted(order) != list(range(length)):
        raise ValueError(f"order is {list(order)}; expected each of the {length} {what} once, from 0")
