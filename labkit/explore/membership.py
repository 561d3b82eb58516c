"""The explorer of topic 19: drag the threshold along two histograms, and watch Eve's point on the ROC curve.

Forty networks are trained together for a setting of Bob's settings: the first one is his, the others are Eve's shadow
models.
"""

import html
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import data, nets, train
from labkit import membership as attacks
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note, svg, text
from labkit.explore.panel import Explorer
from labkit.membership import MemberBatches, StackedModels, stacked_step
from labkit.plot import PALETTE

MODELS, BINS = 40, 30
SIZES = ("100 digits", "50 digits", "200 digits", "400 digits")
ATTACKS = ("confidence", "loss", "likelihood ratio (LiRA)")
EVE, BOB = "Eve", "Bob"
WIDE, TALL = 250, 190  # units of the SVG
FLOOR = 1e-2  # where the logarithmic axes begin
BLUE, VERMILION = PALETTE[:2]


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
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
    left, right, middle, tall = 6, WIDE - 6, TALL / 2, TALL / 2 - 22
    wide = (right - left) / BINS
    at = left + (right - left) * settings.threshold
    parts = []
    for values, up, colour in ((counts[0], True, BLUE), (counts[1], False, VERMILION)):
        for i, v in enumerate(values.tolist()):
            size = tall * v / most
            called = left + (i + 0.5) * wide >= at
            parts.append(
                f'<rect x="{left + i * wide:.1f}" y="{middle - size if up else middle:.1f}" width="{wide - 0.8:.1f}" '
                f'height="{size:.1f}" fill="{colour}" opacity="{0.95 if called else 0.35}"/>'
            )
    parts.append(f'<path d="M{left} {middle} H{right}" stroke="currentColor" opacity="0.5"/>')
    parts.append(f'<path d="M{at:.1f} 14 V{TALL - 14}" stroke="currentColor" stroke-width="1.8"/>')
    fpr, tpr, _ = judged(settings)
    anchor = "end" if settings.threshold > 0.6 else "start"
    words = "Eve says “member” →" if anchor == "start" else "member →"
    parts.append(text(at + (-5 if anchor == "end" else 5), 22, words, anchor=anchor))
    parts += [text(left, 11, f"▲ members: {tpr:.0%} found", bold=True)]
    parts += [text(left, TALL - 3, f"▼ others: {fpr:.0%} accused", bold=True)]
    return svg(parts, WIDE, TALL, f"{sentence(settings)} Histograms of the score: members upwards, others downwards.")


def show_roc(settings: Settings) -> str:
    """The curve, chance, and Eve's point."""
    curve = attacks.roc(scores(settings), bob(settings).member)
    left, right, top, base = 34, WIDE - 16, 10, TALL - 28
    log = settings.axes == "logarithmic"

    def place(rate: float) -> float:
        return (1 + torch.tensor(max(rate, FLOOR)).log10().item() / 2) if log else rate

    def point(fpr: float, tpr: float) -> tuple[float, float]:
        return left + (right - left) * place(fpr), base - (base - top) * place(tpr)

    corners = " ".join("{:.1f},{:.1f}".format(*point(f, t)) for f, t in zip(curve.fpr.tolist(), curve.tpr.tolist()))
    ticks = (0.01, 0.1, 1.0) if log else (0.0, 0.5, 1.0)
    parts = [f'<path d="M{left} {base} L{right} {top}" stroke="currentColor" opacity="0.4" stroke-dasharray="4 3"/>']
    for v in ticks:
        x, y = point(v, v)
        parts.append(text(left - 5, y + 4, f"{v:.0%}", anchor="end", soft=True))
        parts.append(text(x, base + 14, f"{v:.0%}", anchor="middle", soft=True))
        parts.append(f'<path d="M{left} {y:.1f} H{right}" stroke="currentColor" opacity="0.15"/>')
    parts.append(f'<polyline points="{corners}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
    fpr, tpr, _ = judged(settings)
    x, y = point(fpr, tpr)
    parts.append(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{VERMILION}" stroke="currentColor" stroke-width="1.5"/>'
    )
    parts.append(text(right, base + 26, "others accused →", anchor="end", soft=True))
    parts.append(text(left, base + 26, "↑ members found", soft=True))
    return svg(parts, WIDE, TALL, f"ROC curve of the attack, with a point at the threshold. {sentence(settings)}")


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
    body = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in rows.items())
    return f'<div style="line-height: 1.5"><table>{body}</table></div>'


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
