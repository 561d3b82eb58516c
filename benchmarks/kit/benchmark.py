"""A benchmark: its parts, its command line, its page."""

import argparse
import inspect
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.kit.machine import Missing
from benchmarks.kit.page import flow, marked, sections
from benchmarks.kit.store import RESULTS, Row, Store, short


@dataclass(frozen=True)
class Runs:
    """What a part is given: its place in the store, the seeds, and the device."""

    store: Store
    part: str
    seeds: range
    device: torch.device

    def once(self, measure: Callable[..., Row | list[Row]], **settings: Any) -> None:
        """Call ``measure(**settings)``, unless a row with these settings is kept, and keep what it returns.

        A row with these settings but no seed sums up all of them (see ``kit.mean``), and counts for each.

        Args:
            measure: returns figures by name, or a list of such where one run fills several rows.
            **settings: numbers and texts that tell this run from the others; a None is not written down.
        """
        if self.store.rows(self.part, **settings) or self.store.rows(self.part, **settings | {"seed": None}):
            return
        begin = time.process_time()
        figures = measure(**settings)
        told = {name: value for name, value in settings.items() if value is not None}
        rows = [told | f for f in (figures if isinstance(figures, list) else [figures])]
        self.store.add(self.part, rows)
        for row in rows:
            print(self.part, {name: short(value) for name, value in row.items()}, flush=True)
        print(f"{time.process_time() - begin:.0f} CPU s", flush=True)


@dataclass(frozen=True)
class Part:
    """A part of a benchmark.

    Attributes:
        name: what it is called on the command line, in the store, and in the marks of the page.
        measure: called with a ``Runs``; its keyword arguments can be set on the command line.
        show: makes the text of its section from its rows; without it, nothing of the part stands on the page.
        title: the heading of its section; without it, the text goes on where the section before ends.
        seeds: how many, where the command line doesn't say.
        by_default: whether it runs where no part is named.
    """

    name: str
    measure: Callable[..., None]
    show: Callable[[list[Row]], str] | None = None
    title: str = ""
    seeds: int = 5
    by_default: bool = True

    def knobs(self) -> dict[str, Any]:
        """The keyword arguments of ``measure`` and their defaults."""
        return {p.name: p.default for p in list(inspect.signature(self.measure).parameters.values())[1:]}


@dataclass(frozen=True)
class Benchmark:
    """All that is measured of a topic: ``results/KEY.json``, and the page ``results/KEY.md`` that is made from it.

    Attributes:
        key: the topic's.
        title: the page's.
        about: what holds for all of the page.
        parts: in the order of the page.
    """

    key: str
    title: str
    about: str
    parts: Sequence[Part]

    def page(self, rows: Mapping[str, list[Row]], old: str = "") -> str:
        """The page; a section whose part has no rows is taken from the old page as it is."""
        before = sections(old)
        blocks = [f"# {self.title}", f"Written by `python -m benchmarks.{self.key}`. {flow(self.about)}".strip()]
        for part in self.parts:
            if part.show is not None and rows.get(part.name):
                head = f"## {part.title}\n\n" if part.title else ""
                blocks.append(marked(part.name, head + part.show(rows[part.name])))
            elif part.name in before:
                blocks.append(marked(part.name, before[part.name]))
        return "\n\n".join(blocks) + "\n"

    def write(self, folder: Path = RESULTS) -> None:
        """Write the page from what is kept in the folder."""
        path = folder / f"{self.key}.md"
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(self.page(Store(folder / f"{self.key}.json").read(), old), encoding="utf-8")

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the parts that are named, or those that run by default, and write the page after each."""
        parser = self._parser()
        chosen = parser.parse_args(arguments)
        names = [part.name for part in self.parts]
        unknown = [name for name in chosen.parts if name not in names]
        if unknown:
            parser.error(f"there is no part {unknown[0]!r}; the parts are {', '.join(names)}")
        parts = [part for part in self.parts if (part.name in chosen.parts if chosen.parts else part.by_default)]
        try:
            knobs = settings(chosen.set, parts)
        except ValueError as error:
            parser.error(str(error))
        torch.set_num_threads(1)
        # Peers warn of much; what labkit and its benchmarks warn of is seen.
        warnings.filterwarnings("ignore", module="(?!labkit|benchmarks|__main__)")
        store = Store(chosen.results / f"{self.key}.json")
        for part in parts if not chosen.show else []:
            if chosen.again:
                store.drop(part.name)
            seeds = range(part.seeds if chosen.seeds is None else chosen.seeds)
            runs = Runs(store, part.name, seeds, torch.device(chosen.device))
            try:
                part.measure(runs, **{name: value for name, value in knobs.items() if name in part.knobs()})
            except Missing as missing:
                print(f"{self.key}: {part.name} is not measured: {missing}", file=sys.stderr, flush=True)
            self.write(chosen.results)
        self.write(chosen.results)

    def _parser(self) -> argparse.ArgumentParser:
        """The command line, which is the same for every benchmark."""
        usual = ", ".join(part.name for part in self.parts if part.by_default)
        others = ", ".join(part.name for part in self.parts if not part.by_default)
        knobs = ", ".join(sorted({f"{k}={v}" for part in self.parts for k, v in part.knobs().items()}))
        parser = argparse.ArgumentParser(
            prog=f"python -m benchmarks.{self.key}",
            description=f"{self.title}: runs, kept in {self.key}.json, and a page. What is kept isn't measured again.",
        )
        add = parser.add_argument
        add("parts", nargs="*", metavar="PART", help=f"default: {usual}" + (f"; others: {others}" if others else ""))
        add("--seeds", type=int, metavar="N", help="seeds 0 to N - 1 in place of each part's own number")
        add("--set", action="append", default=[], metavar="NAME=VALUE", help=f"knobs: {knobs or 'none'}")
        add("--device", default="cpu", help="default: cpu")
        add("--again", action="store_true", help="forget what is kept of these parts, and measure anew")
        add("--show", action="store_true", help="measure nothing; write the page from what is kept")
        add("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the runs and the page lie")
        return parser


def settings(pairs: Iterable[str], parts: Iterable[Part]) -> dict[str, Any]:
    """Knobs from ``NAME=VALUE``, each with the type of its default.

    Raises:
        ValueError: if no part has such a knob, or the value is not of its type.
    """
    defaults = {name: default for part in parts for name, default in part.knobs().items()}
    knobs: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in defaults:
            raise ValueError(f"these parts have no knob {name!r}; there are {', '.join(defaults) or 'none'}")
        kind = type(defaults[name])
        try:
            knobs[name] = {"True": True, "False": False}[text] if kind is bool else kind(text)
        except (KeyError, ValueError, TypeError):
            raise ValueError(f"{name} is {text!r}; expected a value like {defaults[name]!r}") from None
    return knobs
