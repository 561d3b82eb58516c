"""The explorer of topic 04: a digit, an attack on sliders, and what a network makes of the result.

The map shows the network's answer on a plane through the digit: to the right along the signs of its gradient, upwards
along signs tossed with a coin.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import attacks as adversary
from labkit import data, nets, train
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, opinion
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture, typical_digit
from labkit.explore.svg import BLUE, VERMILION

PICTURES = ("digit 3", *(f"digit {k}" for k in range(10) if k != 3))
LESSONS = ("digits as they are", "digits attacked by FGSM", "digits attacked by PGD")
ATTACKS = ("FGSM", "BIM", "PGD", "random signs")
AWAY = "away from its class"
AIMS = (AWAY, *(f"towards {k}" for k in range(10)))
ATTACK = "Attack"
TRAINED = 0.2  # the size of the attacks in training
REACH, CELLS = 0.4, 15  # the map: how far it goes, and its cells a side
SHADES = 10  # of each colour, the surer the darker


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    picture: str = choice(PICTURES, label="picture")
    lesson: str = choice(LESSONS, label="network saw", help="what the network was trained on")
    attack: str = choice(ATTACKS, label="attack", group=ATTACK)
    eps: float = slider(0.1, 0, 0.5, step=0.01, label="size ε", group=ATTACK, draw=(0.02, 0.3), help="in pixel units")
    steps: float = slider(10, 1, 40, step=1, label="steps", group=ATTACK, draw=(2, 20))
    norm: str = choice(("linf", "l2"), label="norm", group=ATTACK, help="each pixel up to ε, or a length of 4 ε")
    aim: str = choice(AIMS, label="aim", group=ATTACK)


def budget(settings: Settings) -> float:
    """The radius of the ball; in l2 half the length of a change of ε everywhere, so that one slider suits both."""
    return settings.eps if settings.norm == "linf" else round(4 * settings.eps, 4)


@remembered(10)
def original(name: str) -> Tensor:
    """A digit (1, 1, 8, 8): the most typical of those that no network here has seen."""
    return typical_digit(int(name[-1]))


def truth(settings: Settings) -> Tensor:
    """The digit's class (1,)."""
    return torch.tensor([int(settings.picture[-1])])


def label(settings: Settings) -> tuple[Tensor, bool]:
    """The class that the attack is about, and whether it is the target."""
    targeted = settings.aim != AWAY
    return (torch.tensor([int(settings.aim[-1])]) if targeted else truth(settings)), targeted


@remembered(8)
def result(settings: Settings) -> Tensor:
    """The attacked digit (1, 1, 8, 8)."""
    x, eps, model = original(settings.picture), budget(settings), network(settings.lesson)
    if settings.attack == "random signs":
        return adversary.random_sign(x, eps=eps, norm=settings.norm, generator=settings.generator())
    y, targeted = label(settings)
    if settings.attack == "FGSM":
        return adversary.fgsm(model, x, y, eps=eps, norm=settings.norm, targeted=targeted)
    climb = partial(adversary.pgd, eps=eps, norm=settings.norm, targeted=targeted, steps=int(settings.steps))
    if settings.attack == "BIM":
        return climb(model, x, y, random_start=False)
    return climb(model, x, y, generator=settings.generator())


def code(settings: Settings) -> str:
    """The attack in python: what it makes of ``x`` is what the panel shows."""
    y, targeted = label(settings)
    arguments = [f"eps={budget(settings)!r}"] + ([f"norm={settings.norm!r}"] if settings.norm != "linf" else [])
    chance = f"generator=torch.Generator().manual_seed({settings.seed})"
    if settings.attack == "random signs":
        return f"z = attacks.random_sign(x, {', '.join([*arguments, chance])})"
    arguments += [f"steps={int(settings.steps)}"] if settings.attack != "FGSM" else []
    arguments += ["targeted=True"] if targeted else []
    arguments += [chance] if settings.attack == "PGD" else []
    name = settings.attack.lower()
    return f"y = torch.tensor([{int(y)}])\nz = attacks.{name}(model, x, y, {', '.join(arguments)})"


@remembered(3)
def network(lesson: str) -> nn.Module:
    """A small network that has learned 1,297 digits as the lesson says."""
    digits, generator = data.digits("train"), torch.Generator().manual_seed(0)
    with nets.seeded_weights(0):
        model = nets.MLP(64, 10, hidden=(128, 128))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    fgsm = partial(adversary.fgsm, eps=TRAINED)
    pgd = partial(adversary.pgd, eps=TRAINED, steps=5, generator=generator)
    step = {
        LESSONS[0]: train.supervised_step(model, optimizer),
        LESSONS[1]: adversary.adversarial_training(model, optimizer, fgsm),
        LESSONS[2]: adversary.adversarial_training(model, optimizer, pgd),
    }[lesson]
    batches = train.Minibatches(digits.x, digits.y, batch_size=64, generator=generator)
    train.fit(step, batches, epochs=8 if lesson == LESSONS[0] else 15)
    return model.eval().requires_grad_(False)


def probabilities(settings: Settings, x: Tensor) -> Tensor:
    """What the network gives each of the ten digits: (10,)."""
    return functional.softmax(network(settings.lesson)(x), dim=1)[0]


def waiting(settings: Settings) -> str:
    """What to say while the network is being trained."""
    return (
        "" if network.knows(settings.lesson) else f"A small network is learning 1,297 {settings.lesson}: a few seconds."
    )


def answer(settings: Settings, x: Tensor) -> str:
    """The network's answer in words."""
    p = probabilities(settings, x)
    return f"{int(p.argmax())} at {float(p.max()):.0%}"


def show_original(settings: Settings) -> Picture:
    """The digit."""
    return Picture(original(settings.picture)[0], f"The original: {settings.picture}.")


def show_change(settings: Settings) -> Picture:
    """The change, blown up to the whole range: grey is none."""
    if not network.knows(settings.lesson):
        return Picture(torch.full((1, 8, 8), 0.5), "No change yet: the network is still to learn.")
    change = result(settings)[0] - original(settings.picture)[0]
    largest = float(change.abs().max())
    times = f"{0.5 / largest:.1f} times" if largest else "nothing to blow up"
    return Picture(0.5 + change / (2 * largest or 1), f"The change, {times}: grey is none, white is brighter.")


def show_result(settings: Settings) -> Picture:
    """The attacked digit."""
    if not network.knows(settings.lesson):
        return Picture(original(settings.picture)[0], f"{settings.picture}, not attacked yet.")
    z = result(settings)
    return Picture(z[0], f"{settings.picture} after {settings.attack}: taken for {answer(settings, z)}.")


def show_opinion(settings: Settings) -> str:
    """The network's ten probabilities for the attacked digit."""
    return opinion(probabilities(settings, result(settings)), truth=int(truth(settings)))


@remembered(32)
def plane(picture: str, lesson: str, seed: int) -> Tensor:
    """The probabilities (CELLS, CELLS, 10) on the plane of the gradient's signs and of tossed ones."""
    x, y = original(picture), torch.tensor([int(picture[-1])])
    model = network(lesson)
    uphill = adversary.input_gradient(model, x, y).sign()
    half = torch.full_like(x, 0.5)
    tossed = 2 * (adversary.random_sign(half, eps=0.5, generator=torch.Generator().manual_seed(seed)) - half)
    return adversary.logit_surface(model, x, uphill, tossed, torch.linspace(-REACH, REACH, CELLS)).softmax(2)


def show_map(settings: Settings) -> str:
    """The answer at each point of the plane as a number; the digit stands in the middle."""
    p, true = plane(settings.picture, settings.lesson, settings.seed), int(truth(settings))
    middle, side = CELLS // 2, 2 * REACH / (CELLS - 1)
    edge = REACH + side / 2
    axes = Axes((-edge, edge), (-edge, edge), width=226, height=202, left=20, right=4)
    # Rows count downwards on the screen, and steps upwards. Each cell is the paler, the less sure the network is.
    sure = (p.amax(2) * SHADES).ceil().long().clamp(1, SHADES) - 1
    wrong = p.argmax(2) != true
    colours, shades = [BLUE] * SHADES + [VERMILION] * SHADES, [0.1 + 0.5 * (s + 1) / SHADES for s in range(SHADES)]
    axes.regions((sure + SHADES * wrong).flip(0), colours=colours, opacity=shades * 2)
    steps = torch.linspace(-REACH, REACH, CELLS).tolist()
    for i, y in enumerate(steps):
        for j, x in enumerate(steps):
            axes.text(x, y, str(int(p[i, j].argmax())), dy=4, anchor="middle", bold=bool(wrong[i, j]))
    half = side / 2
    axes.line([-half, half, half, -half, -half], [-half, -half, half, half, -half])
    axes.aside("signs of a coin →").xticks([-REACH, REACH], [f"−{REACH}", f"along the gradient → +{REACH}"])
    uphill = wrong[middle, middle:].nonzero()
    where = f"at {REACH * int(uphill[0]) / middle:.2f}" if len(uphill) else f"not within {REACH}"
    right = 1 - float(wrong[:, middle].double().mean())
    words = f"along the gradient the answer changes {where}; across it, {right:.0%} of the answers are right."
    return axes.svg(f"Answers on a plane through {settings.picture}: {words}")


def show_code(settings: Settings) -> str:
    """The attack as code to copy."""
    return listing(code(settings))


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: one step needs no number of steps, a coin no aim."""
    return {"random signs": ("steps", "aim"), "FGSM": ("steps",)}.get(settings.attack, ())


def attacks() -> Explorer:
    """Open the explorer of attacks: pick a digit, an attack and its size, see what a network makes of the result."""
    # The opinion comes before the pictures of the attack: it says what is waited for, and they need what it trains.
    rows = [
        [View("Clean", show_original), View("What the network sees", show_opinion, html=True, wait=waiting)],
        [View("Change, blown up", show_change), View("Attacked", show_result)],
        [
            View("Its answers around the digit", show_map, html=True, wait=waiting),
            View("The same in python", show_code, html=True),
        ],
    ]
    return Explorer(Settings(), rows, disabled=disabled_controls)
