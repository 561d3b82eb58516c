"""Thesauri that a machine has installed: WordNet's files, and those of MyThes (LibreOffice, Firefox).

Nothing of them comes with labkit. Debian and Ubuntu have ``apt install wordnet-base`` (``/usr/share/wordnet``) and
``apt install mythes-en-us`` (``/usr/share/mythes``); nltk keeps WordNet under ``nltk_data/corpora/wordnet``.

WordNet has an index and a data file for each part of speech. A line of the index names the sets of synonyms of a word
by where they stand in the data file; a line there begins ``offset file kind count word id word id …``. An inflected
word is traced to its lemma first: by the list of exceptions (``mice``), else by taking off endings.

Source: G. Miller, *WordNet: A Lexical Database for English*, 1995 (https://wordnet.princeton.edu).
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labkit.augment.text.thesaurus import PARTS_OF_SPEECH, a_part_of_speech

ENDINGS = {
    "noun": (("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"),
             ("men", "man"), ("ies", "y")),
    "verb": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}  # fmt: skip
PLACES = (
    "/usr/share/wordnet",
    "/usr/local/share/wordnet",
    "~/nltk_data/corpora/wordnet",
    "/usr/share/nltk_data/corpora/wordnet",
)
MYTHES_PLACES = ("/usr/share/mythes/th_en_US_v2.dat", "/usr/share/myspell/dicts/th_en_US_v2.dat")


@dataclass(frozen=True)
class WordNet:
    """WordNet as a thesaurus: the other words of all sets of synonyms that hold a word.

    Args:
        folder: where ``index.noun``, ``data.noun`` and the others lie; by default the first of the usual places.
        phrases: whether synonyms of several words count.

    Raises:
        ValueError: if the files aren't there, with what to do.
    """

    folder: str | Path = ""
    phrases: bool = False

    def __post_init__(self) -> None:
        missing = [f"{kind}.{pos}" for pos in PARTS_OF_SPEECH for kind in ("index", "data")
                   if not (self.home / f"{kind}.{pos}").is_file()]  # fmt: skip
        if missing:
            raise ValueError(
                f"WordNet's files {', '.join(missing)} aren't in {self.home}: run `apt install wordnet-base`, or "
                "give the folder that holds them"
            )

    @cached_property
    def home(self) -> Path:
        """The folder of the files."""
        usual = [*PLACES, *(f"{p}/corpora/wordnet" for p in os.environ.get("NLTK_DATA", "").split(os.pathsep) if p)]
        return Path(self.folder) if self.folder else first_there(usual, "index.noun")

    @cached_property
    def _index(self) -> dict[str, dict[str, list[int]]]:
        """For each part of speech, where a lemma's sets of synonyms stand."""
        return {pos: dict(self._index_entries(pos)) for pos in PARTS_OF_SPEECH}

    def _index_entries(self, pos: str) -> Iterable[tuple[str, list[int]]]:
        for line in (self.home / f"index.{pos}").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                yield fields[0], [int(offset) for offset in fields[len(fields) - int(fields[2]) :]]

    @cached_property
    def _exceptions(self) -> dict[str, dict[str, list[str]]]:
        """Irregular forms and their lemmas; nltk's copy of WordNet has them, npm's hasn't."""
        tables: dict[str, dict[str, list[str]]] = {}
        for pos in PARTS_OF_SPEECH:
            path = self.home / f"{pos}.exc"
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
            tables[pos] = {fields[0]: fields[1:] for fields in map(str.split, lines) if fields}
        return tables

    @cached_property
    def _data(self) -> dict[str, bytes]:
        return {pos: (self.home / f"data.{pos}").read_bytes() for pos in PARTS_OF_SPEECH}

    def lemmas(self, word: str, pos: str) -> list[str]:
        """The forms under which a word stands in the index: itself, or what it is an inflection of."""
        word = word.lower().replace(" ", "_")
        index = self._index[pos]
        if word in self._exceptions[pos]:
            forms = [word, *self._exceptions[pos][word]]
        else:
            cut = [word[: -len(end)] + new for end, new in ENDINGS[pos] if word.endswith(end) and len(word) > len(end)]
            forms = [word, *cut]
        return [form for form in dict.fromkeys(forms) if form in index]

    def synonyms(self, word: str, pos: str | None = None) -> tuple[str, ...]:
        """The synonyms of a word, those of its most frequent sense first, as lemmas."""
        if pos is not None:
            a_part_of_speech(pos)
        found: dict[str, None] = {}
        for part in [pos] if pos else PARTS_OF_SPEECH:
            for lemma in self.lemmas(word, part):
                for offset in self._index[part][lemma]:
                    found |= dict.fromkeys(self._set(part, offset))
        taken = word.lower()
        return tuple(w for w in found if w != taken and (self.phrases or " " not in w))

    def _set(self, pos: str, offset: int) -> list[str]:
        """The words of the set of synonyms at a place of the data file."""
        data = self._data[pos]
        fields = data[offset : data.index(b"\n", offset)].decode("utf-8").split()
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        return [re.sub(r"\((?:a|p|ip)\)$", "", word).replace("_", " ").lower() for word in words]


@dataclass(frozen=True)
class MyThes:
    """A thesaurus in MyThes's format.

    Args:
        path: of the ``.dat`` file; by default the first of the usual places.
        relations: which relations count beside synonyms in the narrow sense, as in ``("similar term",)``.
        phrases: whether synonyms of several words count.

    Raises:
        ValueError: if the file isn't there, with what to do.
    """

    path: str | Path = ""
    relations: Sequence[str] = ()
    phrases: bool = False

    def __post_init__(self) -> None:
        if not self.home.is_file():
            raise ValueError(
                f"there is no thesaurus {self.home}: run `apt install mythes-en-us`, or give the .dat file"
            )

    @cached_property
    def home(self) -> Path:
        """The file."""
        return Path(self.path) if self.path else first_there(MYTHES_PLACES)

    @cached_property
    def _entries(self) -> dict[str, list[str]]:
        """For each word the lines of its senses."""
        lines = self.home.read_text(encoding="utf-8", errors="replace").splitlines()
        entries: dict[str, list[str]] = {}
        i = 1
        while i < len(lines):
            word, _, count = lines[i].rpartition("|")
            entries[word.lower()] = lines[i + 1 : i + 1 + int(count)]
            i += 1 + int(count)
        return entries

    def synonyms(self, word: str, pos: str | None = None) -> tuple[str, ...]:
        """The synonyms of a word, sense by sense."""
        if pos is not None:
            a_part_of_speech(pos)
        found: dict[str, None] = {}
        for sense in self._entries.get(word.lower(), ()):
            kind, *others = sense.split("|")
            if pos in (None, kind.strip("()")):
                found |= dict.fromkeys(w.lower() for w in map(self._counted, others) if w)
        return tuple(w for w in found if w != word.lower() and (self.phrases or " " not in w))

    def _counted(self, other: str) -> str:
        """A word of a sense, "" where its relation doesn't count."""
        name, bracket, relation = other.partition(" (")
        return name if not bracket or relation.rstrip(")") in self.relations else ""


def first_there(places: Sequence[str], inside: str = "") -> Path:
    """The first of some places that exists; else the first."""
    paths = [Path(place).expanduser() for place in places]
    return next((path for path in paths if (path / inside if inside else path).exists()), paths[0])
