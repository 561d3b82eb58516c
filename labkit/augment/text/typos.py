"""Typing errors: what fingers do on a keyboard.

A word of letters c₁ … c_m gets one error at a place k: the key beside c_k is struck instead, or as well; c_k is left
out; c_k is struck twice; c_k and c_{k+1} change places. The first letter stays, as readers and spelling checkers rely
on it.

Source: the kinds of errors are those of F. Damerau, *A Technique for Computer Detection and Correction of Spelling
Errors*, 1964 (https://doi.org/10.1145/363958.363994); as a test of models, Y. Belinkov and Y. Bisk, *Synthetic and
Natural Noise Both Break Neural Machine Translation*, 2018 (https://arxiv.org/abs/1711.02173).
"""

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
KINDS = ("neighbour", "extra", "lost", "double", "exchange")


def _neighbours() -> dict[str, str]:
    """For each key the keys around it: those beside it, and those of the next rows that touch it."""
    place = {key: (r, c + 0.25 * r * (r + 1) / 2) for r, row in enumerate(ROWS) for c, key in enumerate(row)}
    near = lambda a, b: a != b and abs(a[0] - b[0]) <= 1 and abs(a[1] - b[1]) <= 1  # noqa: E731
    return {key: "".join(sorted(other for other in place if near(place[key], place[other]))) for key in place}


NEIGHBOURS = _neighbours()
"""The keys around each key of an English keyboard."""


def mistype(word: str, *, place: int, kind: str, key: int = 0) -> str:
    """A word with one typing error.

    Args:
        word: what was meant, with m characters.
        place: of the error, from 1 to m − 1 (to m − 2 for ``"exchange"``).
        kind: one of ``KINDS``.
        key: which of the neighbouring keys is struck, counted from 0 and beginning anew after the last.

    Raises:
        ValueError: if there is no such kind, or the place is outside the word.

    >>> [mistype("film", place=2, kind=kind) for kind in KINDS]
    ['fikm', 'fiklm', 'fim', 'fillm', 'fiml']
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    last = len(word) - (2 if kind == "exchange" else 1)
    if not 1 <= place <= last:
        raise ValueError(f"place is {place}; expected 1 to {last} in {word!r}")
    head, letter, tail = word[:place], word[place], word[place + 1 :]
    keys = NEIGHBOURS.get(letter.lower(), letter)
    struck = keys[key % len(keys)]
    struck = struck.upper() if letter.isupper() else struck
    return {
        "neighbour": head + struck + tail,
        "extra": head + struck + letter + tail,
        "lost": head + tail,
        "double": head + letter + letter + tail,
        "exchange": head + tail[:1] + letter + tail[1:],
    }[kind]
