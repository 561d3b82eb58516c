"""The grammar of ``matches`` in two languages: pairs of sentences to learn a translator from.

An English sentence and a German one say who beats whom. Both are drawn, each by itself, among the ways in which the
language can say it: in the active or the passive voice, the day or the weather before or behind. So a sentence has
several right translations, and its way back may be another way of saying the same. German has one word for
"defeated" and "outplayed".
"""

import torch
from torch import Generator, Tensor

from labkit.augment.text.grammar import matches
from labkit.augment.text.tokens import join
from labkit.augment.text.trees import Tree, children, front, leaves, passive

TEAMS = {"reds": "Roten", "blues": "Blauen"}
ADJECTIVES = {"young": "jungen", "fast": "schnellen", "old": "alten", "clever": "klugen", "tired": "müden"}
DAYS = {"Sunday": "Sonntag", "Monday": "Montag", "Friday": "Freitag"}
WEATHER = {"rain": "Regen", "fog": "Nebel", "wind": "Wind", "heat": "Hitze"}
BEFORE = {"on": "am", "in": "bei"}
VERBS = {
    "beat": ("schlugen", "geschlagen"),
    "defeated": ("besiegten", "besiegt"),
    "outplayed": ("besiegten", "besiegt"),
}
WORDS = {**TEAMS, **ADJECTIVES, **DAYS, **WEATHER, **BEFORE, "and": "und"}


def match_translations(n: int, *, generator: Generator | None = None) -> tuple[list[str], list[str], Tensor]:
    """n sentences in English, their translations into German, and who wins: 1 the reds, 0 the blues (n,).

    Raises:
        ValueError: if n is below 1.

    >>> english, german, y = match_translations(3, generator=torch.Generator().manual_seed(2))
    >>> for pair in zip(english, german):
    ...     print(*pair, sep=" = ")
    the blues beat the reds on Sunday = die Roten wurden am Sonntag von den Blauen geschlagen
    the reds defeated the young blues = die Roten besiegten die jungen Blauen
    the clever blues were beaten by the reds = die Roten schlugen die klugen Blauen
    """
    trees, y = matches(n, generator=generator)
    ways = torch.randint(2, (n, 4), generator=generator).bool().tolist()
    english = [join(leaves(_english(tree, *way[:2]))) for tree, way in zip(trees, ways)]
    german = [" ".join(_german(tree, *way[2:])) for tree, way in zip(trees, ways)]
    return english, german, y


def _english(tree: Tree, turned: bool, fronted: bool) -> Tree:
    """An active sentence in one of four ways."""
    voice = (passive(tree) if turned else None) or tree
    return (front(voice) if fronted else None) or voice


def _german(tree: Tree, turned: bool, fronted: bool) -> list[str]:
    """The same sentence in German; the verb stands second, and a participle last."""
    winner, verb_phrase = _phrases(tree)
    verb, loser, *when = _phrases(verb_phrase)
    finite, participle = VERBS[leaves(verb)[0]]
    pp = [WORDS[word] for phrase in when for word in leaves(phrase)]
    subject, second, last = _noun_phrase(winner, "die"), [finite], _noun_phrase(loser, "die")
    if turned:
        subject, second, last = last, ["wurden"], [*_noun_phrase(winner, "von", "den"), participle]
    return [*pp, *second, *subject, *last] if fronted and pp else [*subject, *second, *pp, *last]


def _phrases(tree: Tree) -> list[Tree]:
    """The children that are no words."""
    return [child for child in children(tree) if not isinstance(child, str)]


def _noun_phrase(tree: Tree, *article: str) -> list[str]:
    """Its words after another article."""
    return [*article, *(WORDS[word] for word in leaves(tree) if word != "the")]
