"""Attacks measured: MNIST against the papers, the panda against the deck, speed and memory against the peers.

    python -m benchmarks.attacks              # everything (about a quarter of an hour on one core), or some of:
    python -m benchmarks.attacks speed memory mnist panda photographs

Each part writes its section of ``benchmarks/results/attacks.md``. MNIST and the photographs come from ``LABKIT_DATA``.
Peers that are not installed are left out. torchattacks pins an old requests: put it into a folder of its own
(``pip install --no-deps --target FOLDER torchattacks``) and that folder onto ``PYTHONPATH``.
"""

import argparse
import copy
import importlib.util
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from labkit import attacks, data, metrics, nets, train
from labkit.augment import image

RESULTS = Path(__file__).parent / "results" / "attacks.md"
SEEDS = range(5)
Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]


def folder() -> Path:
    """The folder of real data.

    Raises:
        SystemExit: with what to do, if there is none.
    """
    if not os.environ.get("LABKIT_DATA"):
        raise SystemExit("set LABKIT_DATA to the folder that holds MNIST/ and imagenet/")
    return Path(os.environ["LABKIT_DATA"])


def write(name: str, text: str) -> None:
    """Put a section into the results in place of its last version."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    if begin in old:
        before, _, rest = old.partition(begin)
        old = before + rest.partition(end)[2]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(f"{old.rstrip()}\n\n{begin}{text.strip()}\n{end}", encoding="utf-8")
    print(text)


HEAD = """# Attacks, measured

Written by `python -m benchmarks.attacks`. Means ± sample standard deviation over seeds where there is chance.
"""


def machine() -> str:
    """What the numbers were measured on."""
    return f"{platform.machine()}, one core, torch {torch.__version__}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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
    model, g = small_net(seed), torch.Generator().manual_seed(seed)
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


def judged(model: nn.Module, test: data.Dataset, seed: int) -> dict[str, float]:
    """Error on the test set, and on parts of it under attack."""
    g = torch.Generator().manual_seed(seed)
    x, y = test.x[:500], test.y[:500]
    found = {"clean": 1 - metrics.accuracy(metrics.predict(model, test.x), test.y)}
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
            found[f"{name} {eps}"] = float(wrong.double().mean())
            if name == "FGSM" and bool(wrong.any()):
                found[f"confidence {eps}"] = float(p.amax(1)[wrong].double().mean())
    return found


def madry(model: nn.Module, test: data.Dataset, seed: int) -> dict[str, float]:
    """Error under PGD-40 on the first 1,000 test images, begun once and twenty times: ε = .3, α = .01."""
    g = torch.Generator().manual_seed(seed)
    x, y = test.x[:1000], test.y[:1000]
    once = partial(attacks.pgd, eps=0.3, alpha=0.01, steps=40, generator=g)
    z = attacks.adversarial_examples(model, x, y, once)
    stands = metrics.predict(model, z).argmax(1) == y
    found = {"PGD-40": 1 - float(stands.double().mean())}
    # Only those that still stand are attacked again.
    for _ in range(19):
        left = stands.nonzero()[:, 0]
        z = attacks.adversarial_examples(model, x[left], y[left], once)
        stands[left] = metrics.predict(model, z).argmax(1) == y[left]
    return found | {"PGD-40 × 20": 1 - float(stands.double().mean())}


def mnist() -> None:
    """Train six ways with five seeds; each result is kept in a file, and what stands there is not measured again."""
    kept = RESULTS.with_name("attacks_mnist.json")
    done = json.loads(kept.read_text()) if kept.exists() else {}
    digits, test = (data.mnist(split, root=folder(), download=False) for split in ("train", "test"))
    for name in reversed(LESSONS):
        for seed in SEEDS:
            if f"{name} {seed}" not in done:
                start = time.process_time()
                model = learn(name, digits, seed)
                seconds = time.process_time() - start
                more = madry(model, test, seed) if name == "PGD" else {}
                done[f"{name} {seed}"] = judged(model, test, seed) | more | {"seconds": seconds}
                kept.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
                print(name, seed, done[f"{name} {seed}"], flush=True)
                write("mnist", mnist_text(done))


def mnist_text(done: dict[str, dict[str, float]]) -> str:
    """The table, with what the papers have."""

    def found(name: str) -> list[dict[str, float]]:
        return [done[f"{name} {seed}"] for seed in SEEDS if f"{name} {seed}" in done]

    def cell(name: str, column: str) -> str:
        values = [row[column] for row in found(name) if column in row and row["clean"] < CHANCE]
        return str(metrics.summary(values, percent=column != "seconds")) if values else "–"

    def seeds(name: str) -> str:
        lost = sum(row["clean"] >= CHANCE for row in found(name))
        return f"{len(found(name))}" + (f", {lost} at chance" if lost else "")

    names = [name for name in LESSONS if found(name)]
    columns = ["clean", "random signs 0.25", "FGSM 0.25", "PGD-40 0.25", "FGSM 0.3", "PGD-40 0.3", "seconds"]
    titles = [f"{c} %" if c != "seconds" else "CPU s to train" for c in columns]
    head = ["trained against", "epochs", "seeds", *titles]
    rows = [[LESSONS[n][0], str(LESSONS[n][1]), seeds(n), *(cell(n, c) for c in columns)] for n in names]
    restarts = f"""The last row's nets on the first 1,000 test images, ε = .3, α = .01: error {cell("PGD", "PGD-40")} %
under PGD-40, {cell("PGD", "PGD-40 × 20")} % under the worst of its 20 restarts.

"""
    restarts = restarts if found("PGD") else ""
    return f"""## MNIST: error, against Goodfellow and others (2015) and Madry and others (2018)

All 60,000 training images, a net of 166,406 parameters (two convolutions, one hidden layer of 100), Adam;
{machine()}. Clean error on the 10,000 test images, attacked error on the first 500 of them; α = .01 in PGD-40.
A seed whose training never left chance level is counted in the third column and left out of the means.

{table(head, rows)}

{restarts}Mean confidence in the wrong answers under FGSM .25 without defence: {cell("plain", "confidence 0.25")} %.

The papers: Goodfellow, ε = .25, maxout network: error 89.4 % under FGSM with a mean confidence of 97.6 %, after
adversarial training with FGSM 17.9 %. Madry, ε = .3, trained with PGD-40 for much longer and with a net twenty times as
large: error 1.2 % clean, 4.4 % under FGSM, 6.8 % under PGD-40, 10.7 % under PGD-100 with 20 restarts; without defence
93.6 % under FGSM."""


# ── photographs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def imagenet() -> tuple[nn.Module, Tensor, Tensor, list[str]]:
    """SqueezeNet, the photographs (35, 3, 224, 224) in [0, 1], their classes, and the names of all classes."""
    from PIL import Image
    from torchvision.models import squeezenet1_0
    from torchvision.transforms.v2.functional import pil_to_tensor

    at = folder() / "imagenet"
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


def panda() -> None:
    """The panda's confidence against ε: the deck's picture as a table."""
    model, x, y, names = imagenet()
    x, truth, gibbon = x[y == PANDA], torch.tensor([PANDA]), torch.tensor([GIBBON])
    exact = copy.deepcopy(model).double()

    def said(z: Tensor) -> str:
        p = metrics.predict(model, z.float()).softmax(1)[0]
        best = int(p.argmax())
        return f"{names[best]} {float(p[best]):.1%}"

    rows = []
    for level in LEVELS:
        eps = level / 255
        made = [
            attacks.random_sign(x, eps=eps, generator=torch.Generator().manual_seed(0)),
            attacks.fgsm(model, x, truth, eps=eps),
            attacks.fgsm(exact, x.double(), truth, eps=eps),
            attacks.fgsm(model, x, truth, eps=eps, loss=attacks.margin),
            attacks.bim(model, x, truth, eps=eps, steps=10),
            attacks.bim(model, x, gibbon, eps=eps, steps=20, targeted=True),
        ]
        rows.append([f"{level:g}", f"{eps:.4f}", *map(said, made)])
    doubt = 1 - float(metrics.predict(exact, x.double()).softmax(1)[0, PANDA])
    head = ["grey levels", "ε", "random signs", "FGSM", "FGSM, float64", "FGSM, margin", "BIM-10", "BIM-20 → gibbon"]
    write(
        "panda",
        f"""## The panda, as SqueezeNet 1.0 sees it

What the network says, and how sure it is, against ε in pixel units, which are grey levels over 255. Clean: {said(x)}.
The random signs are those of one seed; nothing else has chance in it.

{table(head, rows)}

The deck's picture (GoogLeNet, one step of ε = .007, which are 1.785 grey levels): panda 57.7 % → gibbon 99.3 %.

FGSM in single precision sees little of this panda: the network's doubt is {doubt:.1g}, and in the gradient of the
cross-entropy the score of class y stands with the factor p_y − 1, which float32 rounds to 0. In double precision,
or with the margin z_k − z_y in place of the cross-entropy, the gradient is whole.""",
    )


def photographs() -> None:
    """How many of the photographs fall."""
    model, x, y, _ = imagenet()
    right = metrics.predict(model, x).argmax(1) == y
    falls = [
        [f"{level:g}", *(f"{rate:.0%}" for rate in fallen(model, x[right], y[right], level / 255))] for level in LEVELS
    ]
    write(
        "photographs",
        f"""## {int(right.sum())} photographs that SqueezeNet 1.0 recognises, of {len(x)}

How many are no longer recognised. Random signs are the mean of five draws.

{table(["ε (grey levels)", "random signs", "FGSM", "BIM-10"], falls)}""",
    )


def fallen(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> list[float]:
    """The shares that fall to random signs (mean of five draws), FGSM and BIM-10."""

    def rate(z: Tensor) -> float:
        return 1 - metrics.accuracy(metrics.predict(model, z, batch_size=16), y)

    draws = [attacks.random_sign(x, eps=eps, generator=torch.Generator().manual_seed(s)) for s in SEEDS]
    made = [partial(attacks.fgsm, eps=eps), partial(attacks.bim, eps=eps, steps=10)]
    noise = statistics.mean(rate(z) for z in draws)
    return [noise, *(rate(attacks.adversarial_examples(model, x, y, attack, batch_size=16)) for attack in made)]


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
        made = evasion.FastGradientMethod(there, eps=EPS, batch_size=1000)
    else:
        made = evasion.ProjectedGradientDescent(
            there, eps=EPS, eps_step=STEP, max_iter=steps, batch_size=1000, verbose=False
        )
    return lambda x, y: torch.from_numpy(made.generate(x.cpu().numpy(), y.cpu().numpy()))


def available(peers: tuple[str, ...]) -> list[str]:
    """The peers that can be imported."""
    found = []
    for peer in peers:
        if peer == "labkit" or importlib.util.find_spec(peer):
            found.append(peer)
        else:
            print(f"{peer} is not installed and is left out")
    return found


PEERS = ("labkit", "torchattacks", "foolbox", "art")


def speed(seconds: float = 2.5) -> None:
    """Interleaved times, the best of each contender."""
    here = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    peers = available(PEERS)
    rows = []
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model, shape = make()
        model = model.to(here).eval()
        x, y = torch.rand(shape, device=here), torch.randint(10, shape[:1], device=here)
        for kind, steps in KINDS.items():
            calls = {peer: contestant(peer, model, steps) for peer in peers}
            times = interleaved(calls, x, y, seconds)
            best = min(t for p, t in times.items() if p != "labkit") if len(times) > 1 else times["labkit"]
            rows.append([name, kind, *(f"{1000 * times[p]:.2f}" for p in peers), f"{best / times['labkit']:.2f}"])
            print(rows[-1], flush=True)
    unit = "Milliseconds of CPU time" if here.type == "cpu" else "Milliseconds"
    where = torch.cuda.get_device_name() if here.type == "cuda" else machine()
    write(
        f"speed on {here.type}",
        f"""## Speed on {here.type}: {where}

{unit} for a whole batch: the best of many rounds, at least {LEAST}, in which the contenders take turns; no random
start, the same ε, α and model, in evaluation mode. The last column is the fastest peer's time over labkit's: above 1
labkit is faster.

{table(["model", "attack", *peers, "fastest peer / labkit"], rows)}""",
    )


LEAST = 4  # rounds
PEAKS = {"FGSM": 1, "PGD": 3}  # further steps take no more memory


def interleaved(
    calls: dict[str, Callable[[Tensor, Tensor], Tensor]], x: Tensor, y: Tensor, seconds: float
) -> dict[str, float]:
    """The best time of each, all in turn, so that a busy moment of the machine meets everybody.

    A round calls each contender as often as takes about five milliseconds: clocks and caches need that long.
    """
    # On one core the time of the process counts: what else the machine does is not in it.
    clock = time.perf_counter if x.is_cuda else time.process_time

    def took(peer: str, repeats: int) -> float:
        synchronise(x)
        start = clock()
        for _ in range(repeats):
            calls[peer](x, y)
        synchronise(x)
        return (clock() - start) / repeats

    first = {peer: min(took(peer, 1) for _ in range(2)) for peer in calls}
    repeats = {peer: max(1, round(0.005 / max(t, 1e-5))) for peer, t in first.items()}
    rounds = max(LEAST, int(seconds / sum(first[peer] * repeats[peer] for peer in calls)))
    times: dict[str, list[float]] = {peer: [] for peer in calls}
    order = list(calls)
    for r in range(rounds):
        for peer in order[r % len(order) :] + order[: r % len(order)]:
            times[peer].append(took(peer, repeats[peer]))
    return {peer: min(t) for peer, t in times.items()}


def synchronise(x: Tensor) -> None:
    """Wait for the device."""
    if x.is_cuda:
        torch.cuda.synchronize()


def memory() -> None:
    """The peak of each contender on each model."""
    here = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    peers = available(PEERS)
    rows = []
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model, shape = make()
        model = model.to(here).eval()
        x, y = torch.rand(shape, device=here), torch.randint(10, shape[:1], device=here)
        for kind, steps in PEAKS.items():
            cells = []
            for peer in peers:
                call = contestant(peer, model, steps)
                call(x[:4], y[:4])  # imports and caches
                cells.append(f"{peak(partial(call, x, y), here):.2f}")
            rows.append([name, kind, *cells])
    write(
        f"memory on {here.type}",
        f"""## Memory on {here.type}

The most that torch holds at a time during an attack, above model and batch, MiB: every allocation and release counts.
Arrays of NumPy (ART's) don't.

{table(["model", "attack", *peers], rows)}""",
    )


def peak(call: Callable[[], Tensor], here: torch.device) -> float:
    """The most memory held during a call, MiB above what was held before."""
    if here.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before: float = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    events = seen.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate(nbytes for _, nbytes in changes)) / 2**20


PARTS = {"speed": speed, "memory": memory, "mnist": mnist, "panda": panda, "photographs": photographs}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts to run; all if none is named")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for part in arguments.parts or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
