"""How much two answers have in common beyond what everybody was given.

An answer's fingerprints are its *windows*: ``WINDOW`` tokens in a row of one statement (a shorter statement is one
window), local names numbered by their first place. No window reaches over the end of a statement, so the order of
statements does not matter. Windows of tokens as fingerprints are those of winnowing (Schleimer, Wilkerson and Aiken,
SIGMOD 2003, https://doi.org/10.1145/872757.872770); answers of a few lines are so short that all are kept.

A token is *given* where a window of the stub, the model answer or the lecture covers it; the rest is the student's own.
Two answers share a token of their own where a window that both have covers it. It weighs 1/log₂ n if n students have
that window: what many wrote is likely, what two wrote is not.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from labkit.grading.similar.statements import LOCAL, Statement

WINDOW = 6

Window = tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """An answer's windows, each with the tokens it covers.

    Attributes:
        own: the tokens, by statement and place, that no given window covers.
        places: of each window that covers one of them, all its tokens.
    """

    statements: Sequence[Statement]
    own: frozenset[tuple[int, int]] = frozenset()
    places: Mapping[Window, frozenset[tuple[int, int]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """What two answers share.

    Attributes:
        weight: of the tokens they share, the smaller of both sides.
        share: of their own tokens, between 0 and 1.
        left, right: the shared tokens of each, by statement and place.
    """

    weight: float
    share: float
    left: frozenset[tuple[int, int]]
    right: frozenset[tuple[int, int]]


def windows(statement: Statement) -> list[Window]:
    """The windows of a statement, in order.

    Example:
        >>> windows(Statement(("\\0b", "=", "\\0a", "*", "\\0b"), 1, 1))
        [('\\x000', '=', '\\x001', '*', '\\x000')]
    """
    count = max(1, len(statement.tokens) - WINDOW + 1)
    return [numbered(statement.tokens[start : start + WINDOW]) for start in range(count)]


def numbered(part: Sequence[str]) -> Window:
    """Some tokens, with each local name replaced by the number of its first place among the local names."""
    seen: dict[str, str] = {}
    return tuple(seen.setdefault(t, f"{LOCAL}{len(seen)}") if t.startswith(LOCAL) else t for t in part)


def answer(statements: Sequence[Statement], given: Collection[Window]) -> Answer:
    """An answer's windows and own tokens.

    Args:
        given: the windows that everybody was given.
    """
    places: dict[Window, set[tuple[int, int]]] = defaultdict(set)
    everything: set[tuple[int, int]] = set()
    theirs: set[tuple[int, int]] = set()
    for row, statement in enumerate(statements):
        everything |= {(row, column) for column in range(len(statement.tokens))}
        for start, window in enumerate(windows(statement)):
            covered = {(row, column) for column in range(start, start + len(window))}
            if window in given:
                theirs |= covered
            else:
                places[window] |= covered
    own = frozenset(everything - theirs)
    return Answer(statements, own, {window: frozenset(tokens) for window, tokens in places.items() if tokens & own})


def matches(answers: Mapping[str, Answer]) -> dict[tuple[str, str], Match]:
    """What each two students share of one task, where they share anything.

    Args:
        answers: of all who answered it, by student.
    """
    having: dict[Window, list[str]] = defaultdict(list)
    for student in sorted(answers):
        for window in answers[student].places:
            having[window].append(student)
    # What a hundred students have says nothing about two of them, and costs their five thousand pairs.
    rare = {window: students for window, students in having.items() if 2 <= len(students) <= max(30, len(answers) // 4)}
    pairs = Counter(pair for students in rare.values() for pair in combinations(students, 2))
    weights = {window: 1 / math.log2(len(students)) for window, students in rare.items()}
    return {pair: match(answers[pair[0]], answers[pair[1]], weights) for pair in pairs}


def match(a: Answer, b: Answer, weights: Mapping[Window, float]) -> Match:
    """What two answers share.

    Args:
        weights: of the windows that count.
    """
    both = [window for window in a.places if window in b.places and window in weights]
    (left, mine), (right, yours) = (weighed(each, both, weights) for each in (a, b))
    size = len(a.own) + len(b.own)
    return Match(min(mine, yours), (len(left) + len(right)) / size if size else 0.0, left, right)


def weighed(
    one: Answer, shared: Sequence[Window], weights: Mapping[Window, float]
) -> tuple[frozenset[tuple[int, int]], float]:
    """The own tokens that some windows cover, and their weight: a token's is the largest of its windows."""
    best: dict[tuple[int, int], float] = {}
    for window in shared:
        for token in one.places[window] & one.own:
            best[token] = max(best.get(token, 0.0), weights[window])
    return frozenset(best), sum(best.values())
