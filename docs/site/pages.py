"""The source of the site: every page as a text, laid out as the clone is, so that links lead where they led."""

import json
import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import nbformat

from docs.site import decks, interface, notebooks
from docs.site.execute import executed
from docs.site.pictures import FOLDER
from docs.site.settings import ROOT, Settings
from labkit.explore.svg import DARK
from labkit.topics import Topic

# Code comes first: what looks like a link in it is none.
LINK = re.compile(r"```.*?```|`[^`\n]+`|(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)", re.DOTALL)
ROW_OF_README = re.compile(r"^\| (\d\d) \| (.*?) \| (.*?) \| (.*?) \| (.*) \|$", re.MULTILINE)
MEASURED = re.compile(r"^(?P<equal>.*?)(?:; )?(?:, and )?\[(?P<words>.*)\]\((?P<page>[^()]+)\)$")
GUIDES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
CLAIMS = "docs/coverage.md"


def lecture(topic: Topic) -> str:
    """Where a topic's lecture lies."""
    return f"lectures/{topic.slug}.ipynb"


def exercise(topic: Topic) -> str:
    """Where a topic's exercise lies."""
    return f"exercises/{topic.slug}/{topic.slug}.ipynb"


def results(topic: Topic) -> str:
    """Where a topic's results lie."""
    return f"benchmarks/results/{topic.key}.md"


def lay_out(settings: Settings) -> None:
    """Write what Sphinx reads, and what goes into the site as it is. A file whose text is the same stays untouched."""
    texts = pages(settings)
    for name, text in texts.items():
        write(settings.source / name, text)
    for path in settings.source.rglob("*"):
        if path.is_file() and path.relative_to(settings.source).as_posix() not in texts:
            path.unlink()
    for picture in (*(ROOT / "docs").glob("*.png"), *(ROOT / "docs").glob("*.svg")):
        shutil.copyfile(picture, settings.source / "docs" / picture.name)
    elsewhere(settings)
    forget_pictures(settings, texts)
    colours = " ".join(f"--labkit-{i}: {colour};" for i, colour in enumerate(DARK))
    dark = f"body[data-theme='dark'] .labkit-explorer {{ {colours} }}"
    auto = f"body:not([data-theme='light']) .labkit-explorer {{ {colours} }}"
    write(settings.work / "static" / "explorers.css", f"{dark}\n@media (prefers-color-scheme: dark) {{ {auto} }}\n")


def forget_pictures(settings: Settings, texts: Mapping[str, str]) -> None:
    """Delete the pictures of outputs that no page shows any more."""
    shown = {name for text in texts.values() for name in re.findall(r"figures/(\w+\.webp)", text)}
    for path in (settings.extra / FOLDER).glob("*.webp"):
        if path.name not in shown:
            path.unlink()


def write(path: Path, text: str) -> None:
    """Write a text unless it stands there: Sphinx reads anew what is younger than its page."""
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def pages(settings: Settings) -> dict[str, str]:
    """Every page by its name below the source."""
    texts = guides() | results_pages() | deck_pages(settings)
    modules = interface.modules(settings.topics, common=settings.whole)
    texts |= {"api/index.rst": interface.front(modules)}
    texts |= {f"api/{name}.rst": interface.page(name) for names in modules.values() for name in names}
    for topic in settings.topics:
        for name in (lecture(topic), exercise(topic)):
            if (ROOT / name).is_file():
                texts[name] = ""  # links lead here; the text follows once all pages are known
    texts |= contents(settings, texts)
    for topic in settings.topics:
        if lecture(topic) in texts:
            texts[lecture(topic)] = notebook_page(settings, topic, lecture(topic), texts)
        if exercise(topic) in texts:
            texts[exercise(topic)] = notebook_page(settings, topic, exercise(topic), texts)
    return {
        name: followed(text, name, texts, settings.repository) if name.endswith(".md") else text
        for name, text in texts.items()
    }


def guides() -> dict[str, str]:
    """The pages that stand in the clone as Markdown; the claims of the decks get pages of their own."""
    paths = [*GUIDES, *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md")))]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in paths if name != CLAIMS}


def results_pages() -> dict[str, str]:
    """The pages of results."""
    paths = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def deck_pages(settings: Settings) -> dict[str, str]:
    """A page for each deck, and the one that lists them."""
    text = (ROOT / CLAIMS).read_text(encoding="utf-8")
    rows = decks.claims(text)

    def address(place: decks.Place) -> str:
        if place.results:
            return f"../benchmarks/results/{place.results}.html"
        if place.topic not in settings.topics:
            return ""
        return f"../lectures/{place.topic.slug}.html" + (f"#{place.cell}" if place.cell else "")

    names = list(dict.fromkeys(row.deck for row in rows))
    found = {f"decks/{name}.md": decks.page(name, [r for r in rows if r.deck == name], address) for name in names}
    return found | {"decks/index.md": decks.front(text, names)}


def contents(settings: Settings, texts: Mapping[str, str]) -> dict[str, str]:
    """The first page, and those that list lectures, exercises and results."""
    template = (ROOT / "docs" / "site" / "index.md").read_text(encoding="utf-8")
    lectures = [lecture(topic) for topic in settings.topics if lecture(topic) in texts]
    exercises = [exercise(topic) for topic in settings.topics if exercise(topic) in texts]
    measured = [name for name in texts if name.startswith("benchmarks/results/")]
    teaching = [name for name in texts if name.startswith("docs/")]
    return {
        "index.md": template.replace("{{peers}}", peers((ROOT / "README.md").read_text(encoding="utf-8"))),
        "lectures/index.md": listing("Lectures", "Each was executed when this site was built.", "lectures", lectures),
        "exercises/index.md": listing("Exercises", EXERCISES, "exercises", exercises),
        "benchmarks/results/index.md": listing("What was measured", MEASURES, "benchmarks/results", measured),
        "docs/index.md": listing("Teaching", "For instructors.", "docs", teaching),
    }


EXERCISES = "Each names your mistake in a sentence. `labkit start images` opens your own copy of one."
MEASURES = "Speed beside the peers, and what the methods reach; `make bench` measures it anew."


def listing(title: str, words: str, folder: str, names: list[str]) -> str:
    """A page that lists others of its folder."""
    return "\n".join(
        [f"# {title}", "", words, "", "```{toctree}", ":maxdepth: 1", ""]
        + [posixpath.relpath(name, folder) for name in names]
        + ["```", ""]
    )


def peers(readme: str) -> str:
    """The table of topics beside their peers, from the rows of the README: nothing is claimed twice."""
    lines = ["| topic | what it agrees with | what was measured |", "|---|---|---|"]
    for nr, title, read, _, measured in ROW_OF_README.findall(readme):
        match = MEASURED.match(measured)
        if match:
            address = re.search(r"\(([^()]+)\)", read)
            topic = f"[{nr} · {title}]({address[1]})" if address else title
            lines.append(f"| {topic} | {match['equal'].rstrip(';, ')} | {match['words']} ([page]({match['page']})) |")
    return "\n".join(lines)


def notebook_page(settings: Settings, topic: Topic, name: str, texts: Mapping[str, str]) -> str:
    """A lecture with its outputs, or an exercise, as the notebook that Sphinx reads."""
    up = "../" * name.count("/")
    is_lecture = name == lecture(topic)
    other = exercise(topic) if is_lecture else lecture(topic)
    links = {"Exercise" if is_lecture else "Lecture": other} if other in texts else {}
    links |= {"Results": results(topic)} if results(topic) in texts else {}
    links |= {f"Deck {deck}": f"decks/{deck}.md" for deck in topic.decks}
    links = {word: up + re.sub(r"\.(ipynb|md)$", ".html", to) for word, to in links.items()}
    links |= {"Download": f"{up}notebooks/{name}"} | notebooks.badges(name, settings.repository)
    if is_lecture:
        kept = settings.work / "kept" / f"{topic.slug}.json"
        notebook = executed(ROOT / name, kept, run=settings.execute)
    else:
        notebook = nbformat.read(ROOT / name, as_version=4)
        if settings.solutions:
            notebook = notebooks.with_answers(notebook, nbformat.read(ROOT / "solutions" / name[10:], as_version=4))
    page = notebooks.page(notebook, notebooks.doors(links), settings.extra, up=up)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = followed(cell.source, name, texts, settings.repository)
    return json.dumps(page, ensure_ascii=False, indent=1)


def followed(text: str, name: str, texts: Mapping[str, str], repository: str) -> str:
    """Markdown whose links lead somewhere: to a page of this site, to GitHub, or, without either, nowhere."""

    def link(match: re.Match[str]) -> str:
        words, target = match[1], match[2]
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        path, hash_, place = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        if there == CLAIMS:
            return f"[{words}]({posixpath.relpath('decks/index.md', posixpath.dirname(name) or '.')})"
        if there in texts:
            return f"[{words}]({path}{hash_}{place})"
        return f"[{words}](https://github.com/{repository}/blob/HEAD/{there})" if repository else words

    return LINK.sub(link, text)


def elsewhere(settings: Settings) -> None:
    """The notebooks to download, as they stand in the clone; for Colab with a cell that installs labkit."""
    for topic in settings.topics:
        for name in (lecture(topic), exercise(topic)):
            if not (ROOT / name).is_file():
                continue
            text = (ROOT / name).read_text(encoding="utf-8")
            write(settings.extra / "notebooks" / name, text)
            if settings.repository:
                colab = notebooks.for_colab(nbformat.reads(text, as_version=4), settings.repository)
                write(settings.extra / "colab" / name, nbformat.writes(colab))
