"""A grammar that draws sentences as trees, and sentences whose label can be proved.

A probabilistic grammar has rules ``A → α`` with weights; a sentence is drawn by replacing each symbol until only
words are left, rule k of a symbol with probability ``w_k / Σ w``.

``matches`` draws sentences such as "the reds beat the blues on Sunday". The label is 1 where the reds win. Both teams
are in every sentence, so a bag of words holds nothing about the label; who stands before the verb does. ``winner``
reads the winner off the words, by the grammar's own logic: whatever changes a sentence can be judged by it.

Source: T. Booth and R. Thompson, *Applying Probability Measures to Abstract Languages*, 1973
(https://doi.org/10.1109/T-C.1973.223746).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from labkit.augment.text.trees import PARTICIPLES, Tree

Rules = Mapping[str, Sequence[tuple[float, Sequence[str]]]]
"""For each symbol its right-hand sides, with weights; what has no rule is a word."""

DEEPEST = 40


@dataclass(frozen=True)
class Grammar:
    """Rules, and the symbol to begin with.

    Raises:
        ValueError: if the first symbol has no rule, or a weight is not above 0.

    >>> g = Grammar({"S": [(1, ["NP", "sleeps"])], "NP": [(1, ["Anna"]), (1, ["Ben"])]})
    >>> g.sample(2, generator=torch.Generator().manual_seed(0))
    [('S', ('NP', 'Ben'), 'sleeps'), ('S', ('NP', 'Anna'), 'sleeps')]
    """

    rules: Rules
    start: str = "S"

    def __post_init__(self) -> None:
        if self.start not in self.rules:
            raise ValueError(f"the grammar has no rule for {self.start!r}, with which it begins")
        if any(not weight > 0 for choices in self.rules.values() for weight, _ in choices):
            raise ValueError("a rule's weight is a number above 0")

    def sample(self, n: int, *, generator: Generator | None = None) -> list[Tree]:
        """n trees.

        Raises:
            ValueError: if n is below 0, or the rules go deeper than 40 levels.
        """
        if n < 0:
            raise ValueError(f"n is {n}; expected a number of sentences")
        return [self._expand(self.start, generator, 0) for _ in range(n)]

    def _expand(self, symbol: str, generator: Generator | None, depth: int) -> Tree:
        if depth > DEEPEST:
            raise ValueError(f"the rules for {symbol!r} go deeper than {DEEPEST} levels: some must end sooner")
        choices = self.rules[symbol]
        k = 0
        if len(choices) > 1:
            weights = torch.tensor([weight for weight, _ in choices], dtype=torch.float64)
            k = int(torch.multinomial(weights, 1, generator=generator))
        below = [self._expand(s, generator, depth + 1) if s in self.rules else s for s in choices[k][1]]
        return (symbol.partition("_")[0], *below)


def words(*options: str) -> list[tuple[float, list[str]]]:
    """One rule for each word, all with the same weight."""
    return [(1.0, [option]) for option in options]


PHRASES: Rules = {
    "VBD": words("beat", "defeated", "outplayed"),
    "PP": [(1.0, ["IN_on", "NP_day"]), (1.0, ["IN_in", "NP_weather"])],
    "IN_on": words("on"),
    "IN_in": words("in"),
    "NP_day": words("Sunday", "Monday", "Friday"),
    "NP_weather": [(1.0, ["NN_weather"]), (1.0, ["NN_weather", "CC", "NN_weather"])],
    "NN_weather": words("rain", "fog", "wind", "heat"),
    "CC": words("and"),
    "DT": words("the"),
    "JJ": words("young", "fast", "old", "clever", "tired"),
    "NNS_reds": words("reds"),
    "NNS_blues": words("blues"),
    **{
        f"NP_{team}": [
            (3.0, ["DT", f"NNS_{team}"]), (1.0, ["DT", "JJ", f"NNS_{team}"]),
            (1.0, ["DT", "JJ", "CC", "JJ", f"NNS_{team}"]),
        ]
        for team in ("reds", "blues")
    },
}  # fmt: skip


def match_grammar(winner: str, loser: str) -> Grammar:
    """Sentences in which one team wins, all in the active voice."""
    verb_phrases = [(1.0, ["VBD", f"NP_{loser}"]), (2.0, ["VBD", f"NP_{loser}", "PP"])]
    return Grammar({**PHRASES, "S": [(1.0, [f"NP_{winner}", "VP"])], "VP": verb_phrases})


def matches(n: int, *, generator: Generator | None = None) -> tuple[list[Tree], Tensor]:
    """n trees, and who wins: 1 the reds, 0 the blues (n,).

    Raises:
        ValueError: if n is below 1.

    >>> from labkit.augment.text.trees import leaves
    >>> trees, y = matches(2, generator=torch.Generator().manual_seed(0))
    >>> [" ".join(leaves(t)) for t in trees], y
    (['the blues beat the reds on Friday', 'the reds beat the blues'], tensor([0, 1]))
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least one sentence")
    y = torch.randint(0, 2, (n,), generator=generator)
    grammars = (match_grammar("blues", "reds"), match_grammar("reds", "blues"))
    return [grammars[won].sample(1, generator=generator)[0] for won in y.tolist()], y


def winner(sentence: Sequence[str]) -> int:
    """Who wins, read off the words: 1 the reds, 0 the blues.

    Raises:
        ValueError: if the sentence says no such thing.

    >>> winner("on Sunday , the blues were beaten by the reds".split())
    1
    """
    participles = set(PARTICIPLES.values())
    passive = [i for i in range(2, len(sentence)) if sentence[i] == "by" and sentence[i - 1] in participles]
    verbs = [passive[0]] if passive else [i for i, word in enumerate(sentence) if word in PARTICIPLES]
    teams = [(i, int(word == "reds")) for i, word in enumerate(sentence) if word in ("reds", "blues")]
    if len(verbs) != 1 or len(teams) != 2 or teams[0][1] == teams[1][1] or not teams[0][0] < verbs[0] < teams[1][0]:
        raise ValueError(f"{' '.join(sentence)!r} does not say who wins")
    return teams[1 if passive else 0][1]
