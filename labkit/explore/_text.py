"""The explorer of topic 05: a sentence under an operation, what each word became, and what a classifier thinks of it.

The classifiers learned two thousand simulated sentences about films, none of which was changed.
"""

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit import nets
from labkit.augment import text as topic
from labkit.augment.text.edits import Plan, origins
from labkit.augment.text.tokens import Words, blanks
from labkit.augment.transform import Transform
from labkit.data import simulate
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, table
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, INK, VERMILION, ink

SENTENCES = (
    "We saw this film yesterday and loved the plot.", "The ending was never dull.",
    "Although the music was bad, I enjoyed the movie.", "There is nothing good about this picture.",
    "I expected a brilliant drama, but it was very silly.", "The cast was rather weak. My friends hated it!",
)  # fmt: skip
OPERATIONS = (
    "synonyms", "insertion", "swap", "deletion", "careful deletion", "words shuffled",
    "sentences shuffled", "marks", "typing errors", "gaps",
)  # fmt: skip
MODELS = ("convolution", "bag of words")
CHANGE, DRAWS = "Change", 100
NO_STRENGTH = ("words shuffled", "sentences shuffled")


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    sentence: str = choice(SENTENCES, label="sentence")
    operation: str = choice(OPERATIONS, label="operation")
    model: str = choice(MODELS, label="classifier", help="the convolution sees three neighbours, the bag none")
    strength: float = slider(0.3, 0.05, 1, step=0.05, label="strength", group=CHANGE, draw=(0.1, 0.6), help="α, or p")


def transform(operation: str, strength: float) -> Transform:
    """The operation with a strength: α, p, or the share of marks."""
    makers = {
        "synonyms": lambda: topic.SynonymReplacement(topic.FILMS, alpha=strength, tagger=senses),
        "insertion": lambda: topic.RandomInsertion(topic.FILMS, alpha=strength, tagger=senses),
        "swap": lambda: topic.RandomSwap(alpha=strength),
        "deletion": lambda: topic.RandomDeletion(p=strength),
        "careful deletion": lambda: topic.RandomDeletion(p=strength, protect=topic.NEGATIONS),
        "words shuffled": topic.WordShuffle,
        "sentences shuffled": topic.SentenceShuffle,
        "marks": lambda: topic.PunctuationInsertion(share=strength),
        "typing errors": lambda: topic.Typos(p=strength),
        "gaps": lambda: topic.WordDropout(p=strength),
    }
    chosen: Transform = makers[operation]()
    return chosen


def senses(words: Words) -> list[str | None]:
    """The part of speech that each word has in the thesaurus first."""
    return [topic.FILMS.part_of_speech(word) for word in words]


def words_of(settings: Settings) -> list[str]:
    """The sentence as tokens."""
    return topic.tokenize(settings.sentence)


def plan_of(settings: Settings) -> Plan:
    """What stands where in the changed sentence."""
    change = transform(settings.operation, settings.strength)
    plan: Plan = change.make_params([words_of(settings)], generator=settings.generator())["plan"][0]
    return plan


@remembered(2)
def reader(model: str) -> tuple[topic.Vocabulary, torch.nn.Module]:
    """A classifier and its vocabulary."""
    lines = simulate.sentences(2000, generator=torch.Generator().manual_seed(1), hard=0.4)
    x = [topic.tokenize(line) for line in lines.x]
    vocabulary = topic.Vocabulary(x)
    codes = vocabulary.encode(x)
    with nets.seeded_weights(1):
        bag = model == "bag of words"
        net: torch.nn.Module = (topic.BagOfWords if bag else topic.WordCNN)(len(vocabulary), 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05 if bag else 5e-3)
    batches = torch.randint(len(x), (250, 128), generator=torch.Generator().manual_seed(2))
    for chosen in batches:
        dropped = torch.rand(128, codes.shape[1], generator=torch.Generator().manual_seed(int(chosen[0]))) < 0.1
        seen = codes[chosen].masked_fill(dropped & (codes[chosen] > 0), 1)  # so that it knows what "unknown" means
        loss = F.cross_entropy(net.eval()(seen), lines.y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return vocabulary, net.eval()


def opinions(model: str, batch: Sequence[Words]) -> Tensor:
    """How sure the classifier is that each sentence is positive (B,)."""
    vocabulary, net = reader(model)
    with torch.no_grad():
        return torch.as_tensor(net(vocabulary.encode(batch)).softmax(1)[:, 1])


def waiting(settings: Settings) -> str:
    """What to say while the classifier learns."""
    return "" if reader.knows(settings.model) else "A small classifier is reading two thousand sentences: some seconds."


def show_sentence(settings: Settings) -> str:
    """The sentence before and after, with marks on what is lost, new, or elsewhere."""
    words, plan = words_of(settings), plan_of(settings)
    stays = set(origins(plan))
    new = topic.rewrite(words, plan)
    before = [marked(word, "" if i in stays else "lost", left) for i, (left, word) in enumerate(pairs(words))]
    after = []
    greatest = -1
    for (left, word), piece in zip(pairs(new), plan):
        moved = isinstance(piece, int) and piece < greatest
        greatest = max(greatest, piece if isinstance(piece, int) else piece[0])
        after.append(marked(word, "moved" if moved else "" if isinstance(piece, int) else "new", left))
    legend = f"{marked('new', 'new')} · {marked('lost', 'lost')} · {marked('now behind a later word', 'moved')}"
    body = "".join(f"<p>{''.join(line)}</p>" for line in (before, after))
    return f'<div style="line-height: 1.7; font-size: 15px">{body}<p style="font-size: 12px">{legend}</p></div>'


def pairs(words: Words) -> list[tuple[str, str]]:
    """Each token with the one before it."""
    return list(zip(["", *words], words))


def marked(word: str, kind: str, left: str = "") -> str:
    """A word in HTML, as new, lost or moved, with the blanks that stand between it and its neighbour."""
    style = {
        "new": f"color: {ink(BLUE)}; font-weight: bold",
        "lost": "text-decoration: line-through; opacity: 0.6",
        "moved": f"border-bottom: 2px solid {ink(VERMILION)}",
    }.get(kind, "")
    shown = f'<span style="{style}">{html.escape(word)}</span>' if style else html.escape(word)
    return blanks(word, left) + shown


def show_words(settings: Settings) -> str:
    """What became of each word."""
    words, plan = words_of(settings), plan_of(settings)
    sources = origins(plan)
    rows = []
    for i, word in enumerate(words):
        at = [k for k, source in enumerate(sources) if source == i]
        if not at:
            rows.append((i, word, "lost"))
        elif not isinstance(piece := plan[at[0]], int):
            rows.append((i, word, topic.rewrite(words, [piece])[0]))
        elif any(k < i for k in sources[at[0] + 1 :] if k >= 0) or any(k > i for k in sources[: at[0]]):
            rows.append((i, word, f"now at place {at[0]}"))
    rows += [(k, "+", piece[1]) for k, piece in enumerate(plan) if not isinstance(piece, int) and piece[0] == -1]
    return table(["place", "word", "became"], rows) if rows else table(["", ""], [("nothing", "has changed")])


def show_opinion(settings: Settings) -> str:
    """The classifier's opinion before and after."""
    words = words_of(settings)
    before, after = opinions(settings.model, [words, topic.rewrite(words, plan_of(settings))]).tolist()
    turned = (before > 0.5) != (after > 0.5)
    rows = [
        Bar("before", before, f"{before:.0%}", INK, bold=True),
        Bar("after", after, f"{after:.0%}", VERMILION if turned else BLUE, bold=True),
    ]
    axes = Axes((0, 1), (2, 0), height=60, left=60, right=44).bars(rows).rule(x=0.5)
    axes.under("probability of a positive opinion")
    verdict = "The opinion turns." if turned else "The opinion stays."
    return axes.svg(f"Positive with {before:.0%} before and {after:.0%} after. {verdict}")


def turning(settings: Settings) -> dict[str, float]:
    """For each operation the share of a hundred draws that turn the opinion."""
    words = words_of(settings)
    first = float(opinions(settings.model, [words])[0])
    shares = {}
    for operation in OPERATIONS:
        drawn = transform(operation, settings.strength)([words] * DRAWS, generator=settings.generator())
        p = opinions(settings.model, drawn)
        shares[operation] = float(((p > 0.5) != (first > 0.5)).double().mean())
    return shares


def show_turning(settings: Settings) -> str:
    """How often each operation turns the opinion of this sentence."""
    shares = turning(settings)
    rows = []
    for name, share in shares.items():
        chosen = name == settings.operation
        rows.append(Bar(name, share, f"{share:.0%}", BLUE if chosen else INK, bold=chosen))
    axes = Axes((0, 1), (len(rows), 0), height=18 * len(rows), left=122, right=40).bars(rows)
    worst = max(shares, key=lambda name: shares[name])
    return axes.svg(f"Of {DRAWS} draws, {worst} turns the opinion most often: {shares[worst]:.0%}.")


def show_code(settings: Settings) -> str:
    """The change as code to copy."""
    change = repr(transform(settings.operation, settings.strength))
    change = change.replace(repr(topic.FILMS), "text.FILMS").replace(", new_tag='O'", "")
    change = change.partition(", tagger=")[0] + (", tagger=senses)" if ", tagger=" in change else "")
    lines = [f"words = text.tokenize({settings.sentence!r})"]
    if "tagger" in change:
        lines.append("senses = lambda words: [text.FILMS.part_of_speech(word) for word in words]")
    if settings.operation == "careful deletion":
        change = change.replace(")", ", protect=text.NEGATIONS)")
    lines.append(f"g = torch.Generator().manual_seed({settings.seed})")
    lines.append(f"new = text.{change}([words], generator=g)[0]\nprint(text.join(new))")
    return listing("\n".join(lines))


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: a shuffle has no strength."""
    return ["strength"] if settings.operation in NO_STRENGTH else []


def text() -> Explorer:
    """A sentence, an operation, what each word became, and the classifier's opinion."""
    rows = [
        [View("Before and after", show_sentence, html=True), View("What each word became", show_words, html=True)],
        [
            View("The classifier's opinion", show_opinion, html=True, wait=waiting),
            View(f"Opinions that turn, of {DRAWS} draws", show_turning, html=True, wait=waiting),
        ],
    ]
    return Explorer(
        Settings(), rows, below=[View("The same in python", show_code, html=True)], disabled=disabled_controls
    )
