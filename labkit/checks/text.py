"""Topic ``text``: the cases on which the answers of exercise 05 are tried."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.checks import traces
from labkit.checks.protocol import Case, Compare, Outputs, Wrong
from labkit.checks.values import agree

SYNONYMS = {
    "film": ["movie", "picture", "feature"], "good": ["fine", "great"], "dull": ["boring", "tedious", "dry", "slow"],
    "movie": ["flick", "film"], "great": ["superb", "grand"], "boring": ["dull", "arid"], "story": ["tale", "plot"],
    "fine": ["nice"], "picture": ["image"], "finale": ["finish"], "liked": ["prized"], "comical": ["jolly"],
    "plot": ["story"], "loved": ["adored", "enjoyed", "liked"], "very": ["really", "truly"],
    "actors": ["cast", "players"],
    "ending": ["finale", "close"], "funny": ["comical", "witty", "droll"], "the": ["yon"],
}  # fmt: skip
STOP = ["the", "a", "was", "and", "very", "we", "but", "of"]
FILLERS = ["the", "a", "was", "and", "very", "we", "but", "of", "Anna", "Sunday", ",", "."]


def chances(n: int, columns: int, g: Generator) -> Tensor:
    """Random numbers in [0, 1), (n, columns), float64; those of the first column are all different."""
    u = (torch.randint(0, 1000, (n, columns), generator=g) + 0.5).double() / 1000
    u[:, 0] = (torch.randperm(n, generator=g) + 0.5).double() / max(n, 1)
    return u


def sentence(n: int, g: Generator) -> list[str]:
    """n tokens: words with synonyms, some twice or in capitals, among stop words, names and marks."""
    able = [word for word in SYNONYMS if word not in STOP]
    words = []
    for i in range(n):
        options = FILLERS if i % 3 == 1 else able
        word = options[int(torch.randint(len(options), (1,), generator=g))]
        words.append(word.capitalize() if i % 4 == 0 else word)
    return words


class Drawn(Compare):
    """A check of an answer that gets its random numbers as arguments, so that two calls give the same result."""

    no_gradients = "words have none"

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer twice. If it changed an argument, the second call proves nothing."""
        changed = traces.watch(case)
        outputs = super().run(answer, case)
        if not changed() and not agree(outputs, super().run(answer, case)):
            raise Wrong("two calls with the same arguments give different results: use the numbers in `u`, draw none")
        return outputs


class SynonymReplacement(Drawn):
    """Replace n words of a sentence by synonyms."""

    key = "text.synonym_replacement"
    points = 3
    returns = "the new words"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Short ones, where ⌊αl⌋ is 0; capitals; a word three times; fewer words with a synonym than n; none; long
        ones."""

        def case(name: str, words: list[str], alpha: float) -> Case:
            u = chances(len(words), 2, g)
            return {"case": name, "words": words, "alpha": alpha, "synonyms": SYNONYMS, "stop": STOP, "u": u}

        yield case("four words", ["the", "film", "was", "dull"], 0.1)
        yield case("capitals", ["Film", "of", "Anna", "FUNNY", "."], 0.25)
        yield case("one word three times", ["dull", "dull", "and", "dull"], 0.3)
        two = case("two words with a synonym, n = 5", ["we", "loved", "the", "good", "Anna", "."], 0.85)
        two["u"] = torch.tensor([[0.5, 0.4], [0.9, 0.3], [0.2, 0.7], [0.1, 0.8], [0.7, 0.6], [0.3, 0.9]]).double()
        yield two
        yield case("no word with a synonym", ["we", "was", "Anna", "the", "very"], 0.5)
        yield case("a long sentence", sentence(21, g), 0.15)
        yield case("a longer one", sentence(24, g), 0.25)


class RandomInsertion(Drawn):
    """Insert synonyms at random places."""

    key = "text.random_insertion"
    points = 2
    returns = "the new words"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One insertion; at the beginning and the end; two into one word; none to insert; long ones."""

        def case(name: str, words: list[str], n: int) -> Case:
            return {"case": name, "words": words, "synonyms": SYNONYMS, "stop": STOP, "u": chances(n, 3, g)}

        yield case("one insertion", ["the", "film", "was", "dull"], 1)
        ends = case("at the beginning, then at the end", ["Film", "of", "Anna"], 2)
        ends["u"][:, 2] = torch.tensor([0.001, 0.999], dtype=torch.float64)
        yield ends
        yield case("no word with a synonym", ["we", "was", "Anna", "the", "very"], 3)
        yield case("no insertion", ["good", "film"], 0)
        again = case("two into one word", ["film"], 2)
        yield again | {"u": torch.tensor([[0.3, 0.1, 0.9], [0.9, 0.6, 0.1]]).double()}
        yield case("five into nine words", sentence(9, g), 5)
        yield case("seven into twenty words", sentence(20, g), 7)


class RandomSwap(Drawn):
    """Swap pairs of words."""

    key = "text.random_swap"
    points = 2
    returns = "the new words"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two words; one; none to swap; the same pair twice; words that come twice; long ones."""

        def case(name: str, words: list[str], n: int) -> Case:
            u = chances(n, 2, g)
            u[:, 0] = (torch.randint(0, 1000, (n,), generator=g) + 0.5).double() / 1000
            return {"case": name, "words": words, "u": u}

        yield case("two words", ["good", "film"], 1)
        yield case("one word", ["Film"], 2)
        yield case("no swap", ["reds", "beat", "blues"], 0)
        twice = case("the same pair twice", ["reds", "beat", "blues", "again"], 2)
        twice["u"][1] = twice["u"][0]
        yield twice
        lowest = case("the first and the last", ["a", "b", "c", "d", "e"], 3)
        lowest["u"][:, 0] = torch.tensor([0.001, 0.999, 0.5], dtype=torch.float64)
        lowest["u"][:, 1] = torch.tensor([0.001, 0.999, 0.5], dtype=torch.float64)
        yield lowest
        yield case("six swaps", [f"w{i}" for i in range(13)], 6)
        again = case("words that come twice", ["the", "film", "the", "plot", "the", "end"] * 2, 5)
        again["u"][0] = torch.tensor([8.5 / 12, 1.5 / 11], dtype=torch.float64)
        yield again


class RandomDeletion(Drawn):
    """Delete words with their tags, but never all words."""

    key = "text.random_deletion"
    points = 2
    returns = ("the words", "the tags")

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two words; one word that would go; all would go; none would go; a number of exactly p; long sentences."""

        def case(name: str, words: list[str], p: float) -> Case:
            tags = torch.randint(0, 9, (len(words),), generator=g).tolist()
            return {"case": name, "words": words, "tags": tags, "p": p, "u": chances(len(words), 1, g)[:, 0]}

        yield case("two words", ["good", "film"], 0.5)
        yield case("one word that would go", ["Film"], 1.0)
        every = case("all would go", ["we", "loved", "the", "film", "!"], 1.0)
        yield every | {"u": torch.tensor([0.3, 0.1, 0.9, 0.5, 0.2], dtype=torch.float64), "tags": [4, 1, 3, 0, 2]}
        yield case("none goes", ["the", "film", "was", "dull"], 0.0)
        edge = case("a number of exactly p", ["the", "film", "was", "dull"], 0.375)
        edge["u"] = torch.tensor([0.125, 0.375, 0.625, 0.375], dtype=torch.float64)
        yield edge
        yield case("a long sentence", sentence(19, g), 0.3)
        yield case("words that come twice", ["the", "film", "the", "plot", "the", "end", "of", "the", "film"], 0.55)


class SwapConjuncts(Compare):
    """Exchange both sides of each "X and X"."""

    key = "text.swap_conjuncts"
    points = 2
    returns = "the new tree"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One pair; one deep in the tree; one inside another; different labels; nothing to swap; a random tree."""
        one = ("NP", ("JJ", "young"), ("CC", "and"), ("JJ", "fast"))
        beat = ("VP", ("VBD", "beat"), ("NP", "Ben"))
        inner = ("NP", ("NP", "Ben"), ("CC", "or"), ("NP", "Carla"))

        def case(name: str, tree: Any) -> Case:
            return {"case": name, "tree": tree}

        yield case("one pair", one)
        yield case("deep down", ("S", ("NP", ("DT", "the"), one), beat))
        yield case("one within the other", ("S", ("NP", inner, ("CC", "and"), ("NP", "Anna")), beat))
        yield case("different labels", ("NP", ("JJ", "old"), ("CC", "and"), ("NN", "wise")))
        yield case("nothing to swap", ("S", ("NP", "Anna"), beat, ("RB", "again")))
        yield case("three alike, but no conjunction", ("S", ("NP", "Anna"), ("NP", "Ben"), ("NP", "Carla")))
        numbers = torch.randint(0, 1000, (8,), generator=g)
        yield {"case": "a drawn tree", "tree": drawn_tree(numbers.tolist()), "numbers": numbers}

    def arguments(self, case: Case) -> dict[str, Any]:
        """The tree alone, without the numbers that it was made from."""
        return {"tree": case["tree"]}


def drawn_tree(numbers: list[int]) -> Any:
    """Pairs within pairs, with words that differ between seeds."""
    parts: list[Any] = [("NP", f"w{i}-{number}") for i, number in enumerate(numbers)]
    for k, word in enumerate(("and", "or", "but")):
        parts = [("NP", a, ("CC", word), b) for a, b in zip(parts[::2], parts[1::2])]
        parts = parts if k != 1 else [parts[0], ("NP", ("DT", "the"), parts[1])]
    return ("S", parts[0], ("VP", "won"))


@dataclass(frozen=True)
class Operation:
    """A change of a sentence that differs from all other changes."""

    name: str

    def __call__(self, words: list[str]) -> list[str]:
        if self.name == "reverse":
            return list(words)[::-1]
        return [f"{word}-{self.name}" for word in words]

    def __repr__(self) -> str:
        return self.name


class SafePolicy(Drawn):
    """Apply to each sentence an operation that keeps its label."""

    key = "text.safe_policy"
    points = 2
    returns = "the new batch"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One sentence; some that stay; classes without an operation; every sentence its own draw."""
        names = ("swap", "typo", "drop", "reverse")

        def case(name: str, labels: list[int], safe: dict[int, list[str]], p: float) -> Case:
            batch = [sentence(2 + i % 3, g) for i in range(len(labels))]
            operations = {n: Operation(n) for n in names}
            return {"case": name, "batch": batch, "labels": torch.tensor(labels), "operations": operations,
                    "safe": safe, "p": p, "u": chances(len(labels), 2, g)}  # fmt: skip

        yield case("one sentence", [1], {0: ["swap"], 1: ["typo"]}, 1.0)
        yield case("half of them stay", [0, 1] * 4, {0: ["swap", "typo"], 1: ["drop", "reverse"]}, 0.5)
        yield case("one class has none", [2, 0, 1, 2], {0: ["drop"], 1: ["swap", "drop"], 2: []}, 1.0)
        yield case("all stay", [0, 1, 0], {0: ["swap"], 1: ["typo"]}, 0.0)
        many = torch.randint(0, 3, (15,), generator=g).tolist()
        yield case("fifteen sentences", many, {0: list(names), 1: ["reverse", "swap", "typo"], 2: ["drop"]}, 0.8)


CHECKS = (
    SynonymReplacement(), RandomInsertion(), RandomSwap(), RandomDeletion(), SwapConjuncts(), SafePolicy(),
)  # fmt: skip
