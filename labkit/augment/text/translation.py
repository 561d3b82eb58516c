"""Back-translation: into another language and back, so that the words change and the sense should stay.

With translators f: s → t and g: t → s, the new sentence is::

    x̂ = g(f(x))

Any two functions from a list of texts to a list of texts will do. ``Apertium`` calls the rule-based translator of
that name where a machine has it; ``Glossary`` translates word by word from a list, drawing among the words that mean
the same: it is small, but enough to see how a paraphrase comes about (many words go to one, and
one goes back to many). A neural translator is used in the same way: with CTranslate2, ``lambda texts: [decode(r) for
r in model.translate_batch(…)]``.

Source: R. Sennrich and others, *Improving Neural Machine Translation Models with Monolingual Data*, 2016
(https://arxiv.org/abs/1511.06709); for classification, Q. Xie and others, *Unsupervised Data Augmentation for
Consistency Training*, 2020 (https://arxiv.org/abs/1904.12848). Apertium: M. Forcada and others, 2011
(https://doi.org/10.1007/s10590-011-9090-0).
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Generator

from labkit.augment.text.tokens import examined, join, tokenize, with_case_of
from labkit.augment.transform import Params, Transform
from labkit.draws import uniform

Translator = Callable[[Sequence[str]], Sequence[str]]
"""From texts to as many texts."""


@dataclass(frozen=True)
class BackTranslation(Transform):
    """Sentences into another language and back.

    Tags of words can't follow, and are refused; labels of sentences stay. What the translators gave belongs to the
    draw, so ``replay`` gives the same again.

    Args:
        there: translates texts into the other language.
        back: translates the results of ``there`` into the first language.

    Raises:
        ValueError: in a call, if a translator gives another number of texts.

    >>> shout, whisper = lambda texts: [t.upper() for t in texts], lambda texts: [t.lower() for t in texts]
    >>> BackTranslation(shout, whisper)([["A", "film", "."]])
    [['a', 'film', '.']]
    """

    there: Translator
    back: Translator

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``text``: the translated ones."""
        texts = [join(words) for words in examined(x)]
        foreign = list(self.there(texts)) if texts else []
        returned = list(self.back(foreign)) if foreign else []
        if not len(texts) == len(foreign) == len(returned):
            raise ValueError(
                f"{len(texts)} texts became {len(foreign)}, and {len(returned)} came back; expected as many"
            )
        return {"text": returned}

    def apply(self, x: Any, params: Params) -> Any:
        """The translated sentences as tokens."""
        return [tokenize(text) for text in params["text"]]


@dataclass(frozen=True)
class Apertium:
    """The command ``apertium`` as a translator.

    Args:
        pair: of languages, as in ``"eng-spa"``; ``apertium -l`` lists what is installed.
        marked: whether words it doesn't know keep the ``*`` that Apertium puts before them.

    Raises:
        ValueError: if the command isn't there; in a call, if it fails or gives another number of lines.
    """

    pair: str
    marked: bool = False

    def __post_init__(self) -> None:
        if shutil.which("apertium") is None:
            raise ValueError("Apertium isn't installed: run `apt install apertium apertium-eng-spa`")

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The translations, one a text."""
        lines = [" ".join(text.split()) for text in texts]
        command = ["apertium", *([] if self.marked else ["-u"]), self.pair]
        done = subprocess.run(command, input="\n".join([*lines, ""]), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"`{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()[:200]}")
        translated = done.stdout.split("\n")[: len(lines)]
        if len(translated) != len(lines):
            raise ValueError(f"`{' '.join(command)}` gave {len(translated)} lines for {len(lines)}")
        return translated


@dataclass(frozen=True, repr=False)
class Glossary:
    """A translator word by word.

    Args:
        words: for each word, in lower case, its translations. What isn't listed stays as it is.
        generator: draws among several translations; without one, the first is taken. Capitals are those of the list,
            but for the first word of a text.

    >>> Glossary({"film": ("Film",), "movie": ("Film",)})(["A movie, no film."])
    ['A Film, no Film.']
    """

    words: Mapping[str, Sequence[str]]
    generator: Generator | None = None

    @cached_property
    def reversed(self) -> Mapping[str, tuple[str, ...]]:
        """For each translation the words that it may stand for."""
        table: dict[str, tuple[str, ...]] = {}
        for word, translations in self.words.items():
            for translation in translations:
                table[translation.lower()] = (*table.get(translation.lower(), ()), word)
        return table

    def __repr__(self) -> str:
        return f"Glossary({len(self.words)} words)"

    def back(self, generator: Generator | None = None) -> "Glossary":
        """The translator in the other direction."""
        return Glossary(self.reversed, generator)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The translations, one a text."""
        return [join([self._word(token, i == 0) for i, token in enumerate(tokenize(text))]) for text in texts]

    def _word(self, token: str, first: bool) -> str:
        options = self.words.get(token.lower(), ())
        if not options:
            return token
        k = 0
        if self.generator is not None and len(options) > 1:
            k = min(int(float(uniform((1,), generator=self.generator)) * len(options)), len(options) - 1)
        return with_case_of(options[k], token) if first else options[k]


def recorded_translations() -> list[tuple[str, str, str]]:
    """What Apertium made of forty sentences: (English, Spanish, English again), recorded once.

    The file ``apertium.json`` beside this module says which versions it was, and how it was called.

    >>> recorded_translations()[3]
    ('How tall is the tower?', 'Qué alto es la torre?', 'What high is the tower?')
    """
    record = json.loads((Path(__file__).parent / "apertium.json").read_text(encoding="utf-8"))
    return [(english.strip(), foreign.strip(), back.strip()) for english, foreign, back in record["triples"]]


GERMAN = Glossary({
    "film": ("Film",), "movie": ("Film",), "picture": ("Film",), "story": ("Geschichte",), "plot":
    ("Geschichte",), "drama": ("Drama",), "comedy": ("Komödie",), "thriller": ("Krimi",), "acting":
    ("Spiel",), "music": ("Musik",), "ending": ("Schluss",), "finale": ("Schluss",), "script": ("Drehbuch",),
    "screenplay": ("Drehbuch",), "dialogue": ("Dialog",), "cast": ("Besetzung",), "actors": ("Besetzung",),
    "very": ("sehr",), "really": ("sehr",), "truly": ("sehr",), "quite": ("ziemlich",), "rather":
    ("ziemlich",), "good": ("gut",), "fine": ("gut",), "great": ("großartig",), "wonderful": ("großartig",),
    "brilliant": ("großartig",), "charming": ("reizend",), "delightful": ("reizend",), "moving":
    ("bewegend",), "touching": ("bewegend",), "clever": ("klug",), "smart": ("klug",), "funny": ("lustig",),
    "amusing": ("lustig",), "bad": ("schlecht",), "poor": ("schlecht",), "boring": ("langweilig",), "dull":
    ("langweilig",), "tedious": ("langweilig",), "awful": ("furchtbar",), "terrible": ("furchtbar",),
    "clumsy": ("plump",), "awkward": ("plump",), "silly": ("albern",), "foolish": ("albern",), "weak":
    ("schwach",), "loved": ("liebte",), "adored": ("liebte",), "enjoyed": ("mochte",), "liked": ("mochte",),
    "hated": ("hasste",), "disliked": ("hasste",), "saw": ("sah",), "watched": ("sah",), "friends":
    ("Freunde",), "critics": ("Kritiker",), "reviewers": ("Kritiker",),
})  # fmt: skip
"""English to German for the words of ``simulate.sentences``: several English words go to one."""
