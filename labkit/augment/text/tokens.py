"""Words and punctuation: a text as a list of tokens, and back.

``tokenize`` splits a text into words and marks, in their order and with their case. ``join`` is its inverse::

    join(tokenize(text)) = text        for every text with at least one token

Each token remembers the blanks and the token before it, so that an unchanged text comes back exactly. If a change has
made two tokens neighbours, ``join`` sets blanks by the usual rule: none before a full stop or a comma, none after an
opening bracket, else one.

A token is a ``str``: it compares, prints and sorts as one. New tokens may be plain strings.
"""

import re
from collections.abc import Iterable, Sequence

PATTERN = re.compile(r"(\s*)((?:['’](?:s|re|ve|ll|d|m|t)\b)|\w+(?:['’-]\w+)*|\S)")
CLOSING = frozenset(".,;:?!)]}%…")
OPENING = frozenset("([{$#")

Words = Sequence[str]
"""A sentence, or a longer text: its tokens in order."""


class Token(str):
    """A word or a mark that remembers where it stood.

    Attributes:
        before: the blanks before it.
        left: the token before it, ``""`` at the beginning; the blanks count only while it is still there.
        after: the blanks after it, where it was the last.
    """

    before: str = ""
    left: str | None = None
    after: str = ""


def tokenize(text: str) -> list[str]:
    """The words and marks of a text.

    A word may hold apostrophes and hyphens (``don't``, ``well-known``); each other visible character is a token.

    Source: the method is the usual one; the memory for blanks is ours.

    Raises:
        ValueError: if it is no text.

    >>> tokenize("It's a well-known film (1999), isn't it?")
    ["It's", 'a', 'well-known', 'film', '(', '1999', ')', ',', "isn't", 'it', '?']
    """
    if not isinstance(text, str):
        raise ValueError(f"a text is a str; this is {type(text).__name__}")
    tokens: list[str] = []
    left = ""
    for match in PATTERN.finditer(text):
        token = Token(match[2])
        token.before, token.left = match[1], left
        tokens.append(token)
        left = token
    if tokens:
        tokens[-1].after = text[len(text.rstrip()) :]  # type: ignore[attr-defined]
    return tokens


def join(words: Iterable[str]) -> str:
    """The text that the tokens make.

    >>> join(tokenize("Once  upon\\na time ...")), join(["a", "new", "list", "."])
    ('Once  upon\\na time ...', 'a new list.')
    """
    pieces, left, word = [], "", ""
    for word in words:
        pieces += [blanks(word, left), word]
        left = word
    return "".join([*pieces, word.after if isinstance(word, Token) else ""])


def blanks(word: str, left: str) -> str:
    """What stands between two neighbours: what stood there, or what the rule says."""
    if isinstance(word, Token) and word.left == left:
        return word.before
    return "" if not left or word in CLOSING or left in OPENING else " "


def is_word(token: str) -> bool:
    """Whether a token is a word or a number, and no mark.

    >>> [is_word(t) for t in ("film", "'s", "1999", "?")]
    [True, True, True, False]
    """
    # Most are letters through and through, which is the quickest to see.
    return token.isalnum() or (len(token) > 1 and (token[0].isalnum() or token[1].isalnum()))


def with_case_of(new: str, old: str) -> str:
    """``new`` in capitals as ``old`` is.

    >>> with_case_of("movie", "Film"), with_case_of("movie", "FILM"), with_case_of("movie", "film")
    ('Movie', 'MOVIE', 'movie')
    """
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def examined(batch: Sequence[Words]) -> Sequence[Words]:
    """A batch of token lists, if it is one.

    Raises:
        ValueError: if it is a text, or holds a text that is not split yet.
    """
    if isinstance(batch, str) or any(isinstance(words, str) for words in batch):
        raise ValueError("a batch is a list of token lists; split texts with `tokenize` first")
    return batch
