"""Attacks measured: MNIST against the papers, the panda against the deck, speed and memory against the peers.

    python -m benchmarks.attacks [photographs] [waves] [panda] [speed] [memory] [mnist]

All parts take about a quarter of an hour on one core. MNIST and the photographs come from ``LABKIT_DATA``. Peers that
are not installed are left out. torchattacks pins an old requests: put it into a folder of its own (``pip install
--no-deps --target FOLDER torchattacks``) and that folder onto ``PYTHONPATH``.
"""

import copy
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks import kit
from benchmarks.kit import Row, seeded
from labkit import attacks, data, metrics, nets, train
from labkit.augment import image

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]


# ── MNIST ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def small_net(seed: int) -> nn.Module:
    """The convolutional net of Wong and Kolter (2018): 166,406 parameters."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nets.Normalize(0.0, 1.0), nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 49, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip


CHANCE = 0.8  # an error no training that works has


class Growing:
    """PGD whose radius grows over the first two fifths of training, and whose own steps go from ``first`` to ``last``.

    Begun at its full size it never leaves chance level; and while the net knows little, few steps fool it.
    """

    def __init__(self, eps: float, first: int, last: int, total: int, generator: torch.Generator) -> None:
        self.eps, self.first, self.more, self.total = eps, first, last - first, total
        self.generator, self.done = generator, 0

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        self.done += 1
        eps = self.eps * min(1.0, self.done / int(0.4 * self.total))
        steps = self.first + round(self.more * self.done / self.total)
        return attacks.pgd(model, x, y, eps=eps, alpha=2 * eps / steps, steps=steps, generator=self.generator)


LESSONS = {
    "plain": ("nothing", 1, 2e-3),
    "FGSM": ("FGSM ε = .25, half of each batch's loss on clean images", 2, 2e-3),
    "fast": ("fast: FGSM from a random start, ε = .3, α = .375", 1, 2e-3),
    "free": ("free: ε = .3, 4 replays", 1, 2e-3),
    "PGD-5": ("PGD-5, ε growing to .3", 2, 2e-3),
    "PGD": ("PGD, 2 to 7 steps, ε growing to .3", 3, 2e-3),
}


def lesson(name: str, model: nn.Module, optimizer: torch.optim.Optimizer, batches: int, g: torch.Generator):  # type: ignore[no-untyped-def]
    """The step of a way to train."""
    if name == "plain":
        return train.supervised_step(model, optimizer)
    if name == "FGSM":
        return attacks.adversarial_training(model, optimizer, partial(attacks.fgsm, eps=0.25), clean=0.5)
    if name == "fast":
        return attacks.fast_adversarial_training(model, optimizer, eps=0.3, generator=g)
    if name == "free":
        return attacks.free_adversarial_training(model, optimizer, eps=0.3, replays=4)
    first, last = (5, 5) if name == "PGD-5" else (2, 7)
    return attacks.adversarial_training(model, optimizer, Growing(0.3, first, last, batches, g))


def learn(name: str, digits: data.Dataset, seed: int) -> nn.Module:
    """Train with Adam, its rate rising for two fifths of the time and then falling to 0."""
    _, epochs, rate = LESSONS[name]
    model, g = small_net(seed), seeded(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    batches = train.Minibatches(digits.x, digits.y, batch_size=128, generator=g)
    total = epochs * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rate, total_steps=total, pct_start=0.4, anneal_strategy="linear", cycle_momentum=False
    )
    update = lesson(name, model, optimizer, total, g)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        scalars = update(batch)
        schedule.step()
        return scalars

    train.fit(step, batches, epochs=epochs)
    return model.eval()


def judged(model: nn.Module, test: data.Dataset, seed: int) -> Row:
    """Error on the test set, and on parts of it under attack."""
    g = seeded(seed)
    x, y = test.x[:500], test.y[:500]
    errors = {"clean": 1 - metrics.accuracy(metrics.predict(model, test.x), test.y)}
    for eps in (0.25, 0.3):
        kinds: dict[str, Attack] = {
            "random signs": lambda m, x, y, eps=eps: attacks.random_sign(x, eps=eps, generator=g),  # type: ignore[misc]
            "FGSM": partial(attacks.fgsm, eps=eps),
            "PGD-40": partial(attacks.pgd, eps=eps, alpha=0.01, steps=40, generator=g),
        }
        for name, attack in kinds.items():
            z = attacks.adversarial_examples(model, x, y, attack)
            p = metrics.predict(model, z).softmax(1)
            wrong = p.argmax(1) != y
            errors[f"{name} {eps}"] = float(wrong.double().mean())
            if name == "FGSM" and bool(wrong.any()):
                errors[f"confidence {eps}"] = float(p.amax(1)[wrong].double().mean())
    return errors


def madry(model: nn.Module, test: data.Dataset, seed: int) -> Row:
    """Error under PGD-40 on the first 1,000 test images, begun once and twenty times: ε = .3, α = .01."""
    g = seeded(seed)
    x, y = test.x[:1000], test.y[:1000]
    once = partial(attacks.pgd, eps=0.3, alpha=0.01, steps=40, generator=g)
    z = attacks.adversarial_examples(model, x, y, once)
    stands = metrics.predict(model, z).argmax(1) == y
    errors = {"PGD-40": 1 - float(stands.double().mean())}
    # Only those that still stand are attacked again.
    for _ in range(19):
        left = stands.nonzero()[:, 0]
        z = attacks.adversarial_examples(model, x[left], y[left], once)
        stands[left] = metrics.predict(model, z).argmax(1) == y[left]
    return errors | {"PGD-40 × 20": 1 - float(stands.double().mean())}


def measure_mnist(runs: kit.Runs) -> None:
    """Train six ways."""
    root = kit.real_data("MNIST").parent
    digits, test = (data.mnist(split, root=root, download=False) for split in ("train", "test"))

    def run(method: str, seed: int) -> Row:
        start = time.process_time()
        model = learn(method, digits, seed)
        seconds = time.process_time() - start
        more = madry(model, test, seed) if method == "PGD" else {}
        return judged(model, test, seed) | more | {"seconds": seconds, "machine": kit.machine()}

    for method in LESSONS:
        for seed in runs.seeds:
            runs.once(run, method=method, seed=seed)


MNIST = """All 60,000 training images, a net of 166,406 parameters (two convolutions, one hidden layer of 100), Adam;
{machine}. Clean error on the 10,000 test images, attacked error on the first 500 of them; α = .01 in PGD-40. A seed
whose training never left chance level is counted in the third column and left out of the means."""
PAPERS = """The papers: Goodfellow, ε = .25, maxout network: error 89.4 % under FGSM with a mean confidence of 97.6 %,
after adversarial training with FGSM 17.9 %. Madry, ε = .3, trained with PGD-40 for much longer and with a net twenty
times as large: error 1.2 % clean, 4.4 % under FGSM, 6.8 % under PGD-40, 10.7 % under PGD-100 with 20 restarts; without
defence 93.6 % under FGSM."""


def show_mnist(rows: list[Row]) -> str:
    """The table, with what the papers have."""
    ways = {method: same for (method,), same in kit.groups(rows, "method").items()}

    def cell(method: str, figure: str) -> str:
        learned = [row for row in ways.get(method, []) if row["clean"] < CHANCE]
        return kit.mean(learned, figure, percent=figure != "seconds")

    def seeds(method: str) -> str:
        lost = sum(row["clean"] >= CHANCE for row in ways[method])
        return f"{len(ways[method])}" + (f", {lost} at chance" if lost else "")

    figures = ["clean", "random signs 0.25", "FGSM 0.25", "PGD-40 0.25", "FGSM 0.3", "PGD-40 0.3", "seconds"]
    titles = [f"{figure} %" if figure != "seconds" else "CPU s to train" for figure in figures]
    lines = [
        [words, epochs, seeds(method), *(cell(method, figure) for figure in figures)]
        for method, (words, epochs, _) in LESSONS.items()
        if method in ways
    ]
    blocks = [kit.flow(MNIST.format(**rows[0])), kit.table(["trained against", "epochs", "seeds", *titles], lines)]
    if "PGD" in ways:
        blocks.append(
            f"The last row's nets on the first 1,000 test images, ε = .3, α = .01: error {cell('PGD', 'PGD-40')} % "
            f"under PGD-40, {cell('PGD', 'PGD-40 × 20')} % under the worst of its 20 restarts."
        )
    confidence = cell("plain", "confidence 0.25")
    blocks.append(f"Mean confidence in the wrong answers under FGSM .25 without defence: {confidence} %.")
    blocks.append(kit.flow(PAPERS))
    return "\n\n".join(blocks)


# ── photographs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def imagenet() -> tuple[nn.Module, Tensor, Tensor, list[str]]:
    """SqueezeNet, the photographs (35, 3, 224, 224) in [0, 1], their classes, and the names of all classes."""
    from PIL import Image
    from torchvision.models import squeezenet1_0
    from torchvision.transforms.v2.functional import pil_to_tensor

    at = kit.real_data("imagenet")
    net = squeezenet1_0()
    net.load_state_dict(torch.load(next(at.glob("squeezenet1_0*.pth")), weights_only=True))
    model = nn.Sequential(nets.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), net).eval()
    files = sorted((at / "photos").glob("*.jpg"))
    x = torch.cat([cut(pil_to_tensor(Image.open(f).convert("RGB"))[None].float() / 255) for f in files])
    y = torch.tensor([int(f.name[:3]) for f in files])
    return model, x, y, json.loads((at / "imagenet-simple-labels.json").read_text())


def cut(x: Tensor) -> Tensor:
    """The shorter side 256 pixels, then the 224² in the middle, as ImageNet's networks are tested."""
    scale = 256 / min(x.shape[2:])
    x = image.resize(x, size=(round(x.shape[2] * scale), round(x.shape[3] * scale)))
    top, left = (x.shape[2] - 224) // 2, (x.shape[3] - 224) // 2
    return x[:, :, top : top + 224, left : left + 224]


PANDA, GIBBON = 388, 368
LEVELS = (0.5, 1.0, 1.785, 2.0, 4.0, 8.0, 16.0)  # grey levels of 255; 1.785 is the deck's .007


def measure_panda(runs: kit.Runs) -> None:
    """The panda's confidence against ε: the deck's picture as a table."""
    model, x, y, names = imagenet()
    x, truth, gibbon = x[y == PANDA], torch.tensor([PANDA]), torch.tensor([GIBBON])
    exact = copy.deepcopy(model).double()
    tries: dict[str, Callable[[float], Tensor]] = {
        "random signs": lambda eps: attacks.random_sign(x, eps=eps, generator=seeded(0)),
        "FGSM": lambda eps: attacks.fgsm(model, x, truth, eps=eps),
        "FGSM, float64": lambda eps: attacks.fgsm(exact, x.double(), truth, eps=eps),
        "FGSM, margin": lambda eps: attacks.fgsm(model, x, truth, eps=eps, loss=attacks.margin),
        "BIM-10": lambda eps: attacks.bim(model, x, truth, eps=eps, steps=10),
        "BIM-20 → gibbon": lambda eps: attacks.bim(model, x, gibbon, eps=eps, steps=20, targeted=True),
    }

    def answer(z: Tensor) -> Row:
        p = metrics.predict(model, z.float()).softmax(1)[0]
        return {"class": names[int(p.argmax())], "p": float(p.max())}

    def clean(attack: str) -> Row:
        return answer(x) | {"doubt": 1 - float(metrics.predict(exact, x.double()).softmax(1)[0, PANDA])}

    runs.once(clean, attack="none")
    for level in LEVELS:
        for attack, perturbed in tries.items():
            runs.once(lambda level, attack, z=perturbed: answer(z(level / 255)), level=level, attack=attack)


CLEAN = """What the network says, and how sure it is, against ε in pixel units, which are grey levels over 255. Clean:
{}. The random signs are those of one seed; nothing else has chance in it."""
DECK = """The deck's picture (GoogLeNet, one step of ε = .007, which are 1.785 grey levels): panda 57.7 % → gibbon 99.3
%.

FGSM in single precision sees little of this panda: the network's doubt is {:.1g}, and in the gradient of the
cross-entropy the score of class y stands with the factor p_y − 1, which float32 rounds to 0. In double precision, or
with the margin z_k − z_y in place of the cross-entropy, the gradient is whole."""


def show_panda(rows: list[Row]) -> str:
    """A line for each ε, a column for each attack."""
    answers = {(row.get("level"), row["attack"]): f"{row['class']} {row['p']:.1%}" for row in rows}
    columns = [attack for (attack,) in kit.groups(rows, "attack") if attack != "none"]
    lines = [
        [f"{level:g}", f"{level / 255:.4f}", *(answers[level, attack] for attack in columns)]
        for (level,) in kit.groups(rows, "level")
        if level
    ]
    words, doubt = CLEAN.format(answers[None, "none"]), kit.values(rows, "doubt")[0]
    table = kit.table(["grey levels", "ε", *columns], lines)
    return "\n\n".join([kit.flow(words), table, kit.flow(DECK.format(doubt))])


def measure_photographs(runs: kit.Runs) -> None:
    """How many of the photographs fall."""
    model, x, y, _ = imagenet()
    right = metrics.predict(model, x).argmax(1) == y
    of = {"recognised": int(right.sum()), "photographs": len(x)}
    for level in LEVELS:
        runs.once(lambda level: fallen(model, x[right], y[right], level / 255) | of, level=level)


def fallen(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Row:
    """The shares that fall to random signs (mean of five draws), FGSM and BIM-10."""

    def rate(z: Tensor) -> float:
        return 1 - metrics.accuracy(metrics.predict(model, z, batch_size=16), y)

    noise = statistics.mean(rate(attacks.random_sign(x, eps=eps, generator=seeded(s))) for s in range(5))
    kinds: dict[str, Attack] = {
        "FGSM": partial(attacks.fgsm, eps=eps), "BIM-10": partial(attacks.bim, eps=eps, steps=10),
    }  # fmt: skip
    examples = {
        name: attacks.adversarial_examples(model, x, y, attack, batch_size=16) for name, attack in kinds.items()
    }
    return {"random signs": noise} | {name: rate(z) for name, z in examples.items()}


def show_photographs(rows: list[Row]) -> str:
    """A line for each ε."""
    attacks = ("random signs", "FGSM", "BIM-10")
    lines = [[f"{row['level']:g}", *(f"{row[attack]:.0%}" for attack in attacks)] for row in rows]
    return (
        f"## {rows[0]['recognised']} photographs that SqueezeNet 1.0 recognises, of {rows[0]['photographs']}\n\n"
        "How many are no longer recognised. Random signs are the mean of five draws.\n\n"
        + kit.table(["ε (grey levels)", *attacks], lines)
    )


WAVES = {"slow": (0.0, 1 / 8), "middle": (1 / 8, 1 / 4), "fast": (1 / 4, 1.0)}  # waves per pixel


def frequencies(d: Tensor) -> Tensor:
    """How many waves per pixel each entry of ``fft2`` stands for, (H, W)."""
    high, wide = (torch.fft.fftfreq(n) for n in d.shape[2:])
    return (high[:, None] ** 2 + wide**2).sqrt()


def waves(d: Tensor, kind: str) -> Tensor:
    """The part of each change with waves of that kind, scaled so that the mean square of a pixel is 1."""
    (low, high), radius = WAVES[kind], frequencies(d)
    kept = torch.fft.ifft2(torch.fft.fft2(d) * ((radius >= low) & (radius < high))).real
    return kept / kept.square().mean((1, 2, 3), keepdim=True).sqrt()


def power(d: Tensor) -> Row:
    """The share of each kind of waves in the power of the pictures, their mean left out."""
    radius, all_of_it = frequencies(d), torch.fft.fft2(d - d.mean((2, 3), keepdim=True)).abs().square().sum((0, 1))
    shares = {kind: all_of_it[(radius >= low) & (radius < high)].sum() for kind, (low, high) in WAVES.items()}
    return {kind: float(share / all_of_it.sum()) for kind, share in shares.items()}


def measure_waves(runs: kit.Runs) -> None:
    """The noise by itself: what the network calls it, its frequencies, and which of them fool."""
    model, x, y, names = imagenet()
    right = metrics.predict(model, x).argmax(1) == y
    x, y = x[right], y[right]
    # The margin, because the cross-entropy's gradient rounds to 0 where the network is very sure.
    gradient = torch.cat(
        [attacks.input_gradient(model, a, b, loss=attacks.margin) for a, b in zip(x.split(8), y.split(8))]
    )

    def alone(noise: str, seed: int) -> Row:
        signs = gradient.sign() if noise == "gradient" else coin(seed)
        p = metrics.predict(model, 0.5 + signs / 2, batch_size=16).softmax(1)
        told = p.argmax(1).bincount(minlength=len(names))
        return {"answers": int((told > 0).sum()), "most": names[int(told.argmax())],
                "share": float(told.max() / len(x)), "p": float(p.amax(1).mean()), "photographs": len(x)}  # fmt: skip

    def coin(seed: int) -> Tensor:
        return torch.rand(x.shape, generator=seeded(seed)).sub(0.5).sign()

    def fooled(noise: str, kind: str, level: float, seed: int) -> Row:
        d = gradient if noise == "gradient" else torch.randn(x.shape, generator=seeded(seed))
        z = (x + level / 255 * waves(d, kind)).clamp(0, 1)
        return {"fooled": 1 - metrics.accuracy(metrics.predict(model, z, batch_size=16), y)}

    for seed in (0, *runs.seeds[1:]):
        for noise in ("gradient", "coin")[seed > 0 :]:  # the gradient has no chance in it
            runs.once(alone, noise=noise, seed=seed)
            for kind in WAVES:
                for level in (1.785, 8.0):
                    runs.once(fooled, noise=noise, kind=kind, level=level, seed=seed)
    for what, d in {"photographs": x, "gradient": gradient, "coin": coin(0)}.items():
        runs.once(lambda what, d=d: power(d), what=what)


WAVES_TEXT = """The gradient of the margin for {} photographs, and signs or numbers drawn at random in its place (five
draws). Slow waves are longer than eight pixels, fast ones shorter than four. Each part of the change is scaled to the
same root mean square, {} grey levels, so that no part is larger than another."""
ALONE = """Asked about the signs of the gradient alone, from black to white as the deck shows them, the network gives {}
different answers for {} photographs, with a mean probability of {:.0%}; the most frequent is "{}" ({:.0%}). Asked about
the signs of a coin it says "{}" for {:.0%}, with {:.0%}. The deck's GoogLeNet says nematode, with 8.2 %."""


def show_waves(rows: list[Row]) -> str:
    """What the noise is called; its power; whom it fools."""
    sources, levels = ("photographs", "gradient", "coin"), (1.785, 8.0)
    alone = {row["noise"]: row for row in rows if "answers" in row and row["seed"] == 0}
    g, c = alone["gradient"], alone["coin"]
    shares = {row["what"]: row for row in rows if "what" in row}
    hits = kit.groups([row for row in rows if "kind" in row], "noise", "kind", "level")
    lines = [
        [
            kind,
            *(f"{shares[what][kind]:.0%}" for what in sources),
            *(kit.mean(hits[noise, kind, level], "fooled", percent=True) for noise in sources[1:] for level in levels),
        ]
        for kind in WAVES
    ]
    fooled = [f"{noise}, {level:g}: fooled %" for noise in ("gradient", "random") for level in levels]
    titles = ["power of photographs", "of gradients", "of coin signs", *fooled]
    words = ALONE.format(g["answers"], g["photographs"], g["p"], g["most"], g["share"], c["most"], c["share"], c["p"])
    text = WAVES_TEXT.format(g["photographs"], "1.785 or 8")
    return "\n\n".join([kit.flow(words), kit.flow(text), kit.table(["waves", *titles], lines)])


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

KINDS = {"FGSM": 1, "PGD-10": 10, "PGD-40": 40}
EPS, STEP = 0.3, 0.01
MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[int, ...]]]] = {
    "CNN, 64 × 1×28×28": lambda: (nets.CNN(1, 10, width=16), (64, 1, 28, 28)),
    "ResNet-20, 8 × 3×32×32": lambda: (nets.ResNet(3, 10), (8, 3, 32, 32)),
    "MLP, 256 × 1×8×8": lambda: (nets.MLP(64, 10), (256, 1, 8, 8)),
}


def contestant(peer: str, model: nn.Module, steps: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The attack of labkit or of a peer with the same knobs, and no random start."""
    if peer == "labkit":
        if steps == 1:
            return partial(attacks.fgsm, model, eps=EPS)
        return partial(attacks.bim, model, eps=EPS, alpha=STEP, steps=steps)
    if peer == "torchattacks":
        ta = importlib.import_module("torchattacks")
        return ta.FGSM(model, eps=EPS) if steps == 1 else ta.PGD(model, EPS, STEP, steps, random_start=False)
    if peer == "foolbox":
        fb = importlib.import_module("foolbox")
        there = fb.PyTorchModel(model, bounds=(0, 1), device=next(model.parameters()).device)
        kind = fb.attacks.LinfPGD(steps=steps, abs_stepsize=EPS if steps == 1 else STEP, random_start=False)
        return lambda x, y: kind.run(there, x, fb.criteria.Misclassification(y), epsilon=EPS)
    return art(model, steps)


def art(model: nn.Module, steps: int) -> Callable[[Tensor, Tensor], Tensor]:
    """ART's attack, which takes and gives arrays of NumPy."""
    evasion = importlib.import_module("art.attacks.evasion")
    estimators = importlib.import_module("art.estimators.classification")
    shape = (3, 32, 32) if isinstance(model, nets.ResNet) else (1, 8, 8) if isinstance(model, nets.MLP) else (1, 28, 28)
    kind = "gpu" if next(model.parameters()).is_cuda else "cpu"
    there = estimators.PyTorchClassifier(model, nn.CrossEntropyLoss(), shape, 10, clip_values=(0, 1), device_type=kind)
    if steps == 1:
        attack = evasion.FastGradientMethod(there, eps=EPS, batch_size=1000)
    else:
        attack = evasion.ProjectedGradientDescent(
            there, eps=EPS, eps_step=STEP, max_iter=steps, batch_size=1000, verbose=False
        )
    return lambda x, y: torch.from_numpy(attack.generate(x.cpu().numpy(), y.cpu().numpy()))


PEERS = ("labkit", "torchattacks", "foolbox", "art")
LEAST = 4  # rounds


def available() -> list[str]:
    """The contenders that can be imported."""
    return [peer for peer in PEERS if peer == "labkit" or importlib.util.find_spec(peer)]


def ready(model: str, device: torch.device) -> tuple[nn.Module, Tensor, Tensor]:
    """A model in evaluation mode, and a batch for it."""
    torch.manual_seed(0)
    net, shape = MODELS[model]()
    x, y = torch.rand(shape, device=device), torch.randint(10, shape[:1], device=device)
    return net.to(device).eval(), x, y


def measure_speed(runs: kit.Runs, *, seconds: float = 2.5) -> None:
    """Milliseconds a batch, the best of each contender; rounds until so many seconds are over."""

    def run(model: str, attack: str, device: str) -> Row:
        net, x, y = ready(model, runs.device)
        calls = {peer: partial(contestant(peer, net, KINDS[attack]), x, y) for peer in available()}
        turn, race = 0.005, partial(kit.race, calls, device=runs.device)  # clocks and caches need that long
        first = sum(max(turn, *times) for times in race(rounds=1, least=0).values())
        best = {
            peer: 1000 * min(times) for peer, times in race(rounds=max(LEAST, int(seconds / first)), least=turn).items()
        }
        peers = [time for peer, time in best.items() if peer != "labkit"]
        ratio = {"fastest peer / labkit": min(peers) / best["labkit"]} if peers else {}
        return best | ratio | {"machine": kit.machine(runs.device)}

    for model in MODELS:
        for attack in KINDS:
            runs.once(run, model=model, attack=attack, device=runs.device.type)


SPEED = """{} for a whole batch: the best of many rounds, at least {}, in which the contenders take turns; no random
start, the same ε, α and model, in evaluation mode. The last column is the fastest peer's time over labkit's: above 1
labkit is faster."""


def show_speed(rows: list[Row]) -> str:
    """A section for each machine."""
    ratio, sections = "fastest peer / labkit", []
    for (device, machine), same in kit.groups(rows, "device", "machine").items():
        words = SPEED.format("Milliseconds of CPU time" if device == "cpu" else "Milliseconds", LEAST)
        table = contest(same, [*PEERS, ratio])
        sections.append(f"## Speed on {device}: {machine}\n\n{kit.flow(words)}\n\n{table}")
    return "\n\n".join(sections)


def contest(rows: list[Row], columns: list[str]) -> str:
    """A line for each model and attack."""
    lines = [[row["model"], row["attack"], *(kit.average([row], name, digits=2) for name in columns)] for row in rows]
    return kit.table(["model", "attack", *columns], lines, left=2)


PEAKS = {"FGSM": 1, "PGD": 3}  # further steps take no more memory


def measure_memory(runs: kit.Runs) -> None:
    """The peak of each contender on each model."""

    def run(model: str, attack: str, device: str) -> Row:
        net, x, y = ready(model, runs.device)
        peaks: Row = {}
        for peer in available():
            call = contestant(peer, net, PEAKS[attack])
            call(x[:4], y[:4])  # imports and caches
            peaks[peer] = peak(partial(call, x, y), runs.device)
        return peaks

    for model in MODELS:
        for attack in PEAKS:
            runs.once(run, model=model, attack=attack, device=runs.device.type)


def peak(call: Callable[[], Tensor], here: torch.device) -> float:
    """The most memory held during a call, MiB above what was held before."""
    if here.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before: float = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    events = seen.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate(nbytes for _, nbytes in changes)) / 2**20


MEMORY = """The most that torch holds at a time during an attack, above model and batch, MiB: every allocation and
release counts. Arrays of NumPy (ART's) don't."""


def show_memory(rows: list[Row]) -> str:
    """A section for each kind of device."""
    return "\n\n".join(
        f"## Memory on {device}\n\n{kit.flow(MEMORY)}\n\n{contest(same, [*PEERS])}"
        for (device,), same in kit.groups(rows, "device").items()
    )


ABOUT = "Means ± sample standard deviation over seeds where there is chance."
BENCHMARK = kit.Benchmark("attacks", "Attacks, measured", ABOUT, [
    kit.Part("photographs", measure_photographs, show_photographs),
    kit.Part("waves", measure_waves, show_waves, "The noise by itself, and its slow and fast waves"),
    kit.Part("panda", measure_panda, show_panda, "The panda, as SqueezeNet 1.0 sees it"),
    kit.Part("speed", measure_speed, show_speed),
    kit.Part("memory", measure_memory, show_memory),
    kit.Part("mnist", measure_mnist, show_mnist,
             "MNIST: error, against Goodfellow and others (2015) and Madry and others (2018)"),
])  # fmt: skip

if __name__ == "__main__":
    BENCHMARK.main()
