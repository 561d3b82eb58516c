"""The explorer of topic 19: drag the threshold along two histograms, and watch Eve's point on the ROC curve.

Forty networks are trained together for a setting of Bob's settings: the first one is his, the others are Eve's shadow
models.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import data, nets, train
from labkit import membership as attacks
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note, table
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, VERMILION
from labkit.membership import MemberBatches, StackedModels, stacked_step

MODELS, BINS = 40, 30
SIZES = ("100 digits", "50 digits", "200 digits", "400 digits")
ATTACKS = ("confidence", "loss", "likelihood ratio (LiRA)")
EVE, BOB = "Eve", "Bob"
FLOOR = 1e-2  # where the logarithmic axes begin


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    size: str = choice(SIZES, label="Bob has", help="his training set; as many others are asked about")
    attack: str = choice(ATTACKS, label="Eve looks at")
    threshold: float = slider(
        0.5, 0, 1, step=0.01, label="threshold", group=EVE, draw=(0.05, 0.95), help="from a low to a high score"
    )
    axes: str = choice(("plain", "logarithmic"), label="axes", group=EVE)
    epochs: float = slider(40, 5, 80, step=5, label="epochs", group=BOB, draw=(5, 80))
    noise: float = slider(0, 0, 0.4, step=0.05, label="wrong labels", group=BOB, draw=(0, 0.3), help="their share")


class Bob(NamedTuple):
    """His records and labels, which of them are members, and what he and Eve's models say of each."""

    y: Tensor
    member: Tensor
    wrong: Tensor
    logits: Tensor
    others: Tensor


@remembered(12)
def trained(size: str, epochs: int, noise: float, seed: int) -> Bob:
    """Forty networks, each trained on half of twice as many digits as Bob has."""
    n = int(size.split()[0])
    every, g = data.digits(), torch.Generator().manual_seed(seed)
    few = torch.randperm(len(every), generator=g)[: 2 * n]
    x, truth = every.x[few], every.y[few]
    y = torch.where(torch.rand(2 * n, generator=g) < noise, torch.randint(10, (2 * n,), generator=g), truth)
    members = attacks.paired_halves(2 * n, models=MODELS, generator=g)
    with nets.seeded_weights(seed):
        stack = StackedModels([nets.MLP(64, 10, hidden=(48,)) for _ in members])
    step = stacked_step(stack, torch.optim.Adam(stack.parameters(), lr=5e-3), x, y)
    train.fit(step, MemberBatches(members, batch_size=32, generator=g), epochs=epochs)
    logits = stack(x)
    ratio = attacks.lira(*_phi(logits, y), members[1:])
    return Bob(y, members[0], y != truth, logits[0], ratio)


def _phi(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    phi = torch.stack([attacks.scaled_confidence(z, y) for z in logits])
    return phi[0], phi[1:]


def bob(settings: Settings) -> Bob:
    """Bob with these settings."""
    return trained(settings.size, int(settings.epochs), settings.noise, settings.seed)


def scores(settings: Settings) -> Tensor:
    """Eve's score of each record: a confidence as its log-odds, so that those near 1 can be told apart."""
    him = bob(settings)
    if settings.attack == ATTACKS[0]:
        chosen = him.logits.argmax(1)
        return attacks.scaled_confidence(him.logits, chosen)
    return attacks.scaled_confidence(him.logits, him.y) if settings.attack == ATTACKS[1] else him.others


def span(s: Tensor) -> tuple[float, float]:
    """The axis of the histograms: all scores but a thirtieth on either side, which counts in the outer bins."""
    low, high = s.quantile(0.03), s.quantile(0.97)
    return float(low), float(high) + 1e-6


def tau(settings: Settings) -> float:
    """The threshold in the unit of the scores."""
    low, high = span(scores(settings))
    return low + settings.threshold * (high - low)


def judged(settings: Settings) -> tuple[float, float, attacks.GuessMetrics]:
    """FPR and TPR at the threshold, and precision, recall, advantage."""
    guess, member = scores(settings) >= tau(settings), bob(settings).member
    figures = attacks.evaluate_guesses(guess, member)
    return float(guess[~member].double().mean()), figures.recall, figures


def show_histograms(settings: Settings) -> str:
    """Members upwards, others downwards, and the threshold across both."""
    s, member = scores(settings), bob(settings).member
    low, high = span(s)
    index = ((s.clamp(low, high) - low) / (high - low) * BINS).long().clamp_max(BINS - 1)
    counts = [torch.bincount(index[m], minlength=BINS) / int(m.sum()) for m in (member, ~member)]
    most = float(torch.cat(counts).max())
    fpr, tpr, _ = judged(settings)
    axes = Axes((0, 1), (-most, most), height=140, left=6, right=6)
    axes.above(f"▲ members: {tpr:.0%} found", bold=True)
    late = settings.threshold > 0.5
    words = "“not a member” ←" if late else "→ “member”"
    axes.above("").text(settings.threshold, most, words, dy=-4, anchor="end" if late else "start")
    edges = torch.linspace(0, 1, BINS + 1)
    called = (edges[:-1] + 0.5 / BINS >= settings.threshold) * 0.6 + 0.35
    for shares, sign, colour in ((counts[0], 1, BLUE), (counts[1], -1, VERMILION)):
        axes.columns(edges, sign * shares, colour=colour, opacity=called)
    axes.rule(y=0, dash=False).rule(x=settings.threshold, dash=False, opacity=1)
    axes.under(f"▼ others: {fpr:.0%} accused", bold=True)
    return axes.svg(f"{sentence(settings)} Histograms of the score: members upwards, others downwards.")


def show_roc(settings: Settings) -> str:
    """The curve, chance, and Eve's point."""
    curve = attacks.roc(scores(settings), bob(settings).member)
    log = settings.axes == "logarithmic"

    def place(rates: Tensor) -> Tensor:
        return 1 + rates.clamp_min(FLOOR).log10() / 2 if log else rates

    ticks = torch.tensor((0.01, 0.1, 1.0) if log else (0.0, 0.5, 1.0))
    labels = [f"{v:.0%}" for v in ticks.tolist()]
    axes = Axes((0, 1), (0, 1), height=140, right=18).above("↑ members found")
    axes.yticks(place(ticks), labels).xticks(place(ticks), labels, name="others accused →")
    axes.line([0, 1], [0, 1], dash=True, width=1.3, opacity=0.4)
    axes.line(place(curve.fpr), place(curve.tpr), colour=BLUE)
    fpr, tpr, _ = judged(settings)
    axes.dots(place(torch.tensor([fpr])), place(torch.tensor([tpr])), colour=VERMILION, size=5, edge=1.5)
    return axes.svg(f"ROC curve of the attack, with a point at the threshold. {sentence(settings)}")


def sentence(settings: Settings) -> str:
    """The threshold's result in a sentence."""
    fpr, tpr, _ = judged(settings)
    return f"Eve finds {tpr:.0%} of the members and accuses {fpr:.0%} of the others."


def show_figures(settings: Settings) -> str:
    """This threshold's figures, and those of the whole curve."""
    him, (_, _, figures) = bob(settings), judged(settings)
    whole = attacks.assess(scores(settings), him.member)
    right = him.logits.argmax(1) == him.y
    inside, outside = (float(right[m].double().mean()) for m in (him.member, ~him.member))
    rows = {
        "precision here": "nobody called" if figures.precision != figures.precision else f"{figures.precision:.0%}",
        "advantage here": f"{figures.advantage:+.2f} (best {whole.advantage:.2f})",
        "AUC": f"{whole.auc:.2f} ({whole.low:.2f} to {whole.high:.2f})",
        "found at 1 % accused": f"{whole.tpr_at_1:.1%}",
        "Bob right on members": f"{inside:.0%}",
        "on others": f"{outside:.0%}",
    }
    return table([], list(rows.items()))


def show_words(settings: Settings) -> str:
    """What the score is, and who is named."""
    him = bob(settings)
    guess = scores(settings) >= tau(settings)
    what = {
        ATTACKS[0]: "The log-odds of the model's largest probability: the deck's attack, no label needed.",
        ATTACKS[1]: "The log-odds of the label's probability: a small loss is a high score (Yeom).",
        ATTACKS[2]: "How much better the answer fits models that learned the record than models that did not.",
    }[settings.attack]
    named, odd = int((guess & him.member).sum()), int((guess & him.member & him.wrong).sum())
    tail = f" Of {named} members named, {odd} have a wrong label." if bool(him.wrong.any()) else ""
    return note(what + tail)


CODE = {
    ATTACKS[0]: "scores = membership.confidence(logits)",
    ATTACKS[1]: "scores = -membership.loss(logits, y)",
    ATTACKS[2]: "scores = membership.lira(phi, shadow, members)",
}


def show_code(settings: Settings) -> str:
    """The calls that do this."""
    unit = "the log-odds of the probability" if settings.attack != ATTACKS[2] else "log Λ"
    guess = f"guess = membership.threshold_attack(scores, tau=…)  # here {tau(settings):.2f} as {unit}"
    return listing(f"{CODE[settings.attack]}\n{guess}\nmembership.evaluate_guesses(guess, member)")


def waiting(settings: Settings) -> str:
    """A sentence while forty networks are being trained for the first time."""
    ready = trained.knows(settings.size, int(settings.epochs), settings.noise, settings.seed)
    return "" if ready else f"Training {MODELS} networks: Bob's, and Eve's shadow models …"


def membership() -> Explorer:
    """Open the explorer of membership attacks: a threshold, two histograms, and the ROC curve."""
    rows = [
        [
            View("Scores of members and of others", show_histograms, html=True, wait=waiting),
            View("ROC", show_roc, html=True, wait=waiting),
        ],
        [
            View("Figures", show_figures, html=True, wait=waiting),
            View("What Eve looks at", show_words, html=True, wait=waiting),
        ],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True, wait=waiting)])
