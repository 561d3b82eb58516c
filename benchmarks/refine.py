"""S+U learning measured: eyes with known gaze, digits from glyphs, photographed eyes, speed beside an open peer.

    python -m benchmarks.refine [eyes] [digits] [mnist] [real] [speed] [checkpoints]

``eyes`` and ``digits`` need no data, ``mnist`` and ``real`` read LABKIT_DATA. ``speed`` compares with
AlexHex7/SimGAN_pytorch: clone it and let ``SIMGAN_PYTORCH`` name the folder. ``checkpoints`` writes the refiners that
come with labkit.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import kit
from benchmarks import refine_domains as domains
from benchmarks import refine_experiments as eyes
from benchmarks.kit import Row
from labkit import data, refine
from labkit.refine import bundled

DIGITS = (
    "plain: raw", "plain: features", "varied: raw", "varied: features", "varied, filling: raw",
    "varied, filling: features", "real",
)  # fmt: skip
MNIST = ("varied: raw", "varied: features")


def measure_eyes(runs: kit.Runs) -> None:
    """Every row of the table of eyes."""
    for method in eyes.ROWS:
        for seed in runs.seeds:
            runs.once(eyes.run, method=method, seed=seed)


def measure_digits(handwriting: str, methods: tuple[str, ...]) -> Callable[[kit.Runs], None]:
    """Every row of a table of digits."""

    def part(runs: kit.Runs) -> None:
        if handwriting == "mnist":
            kit.real_data("MNIST")
        for method in methods:
            simulator, _, how = method.rpartition(": ")
            for seed in runs.seeds:
                # Seed 0 of the glyphs was seen while their settings were chosen.
                runs.once(
                    lambda method, seed, s=simulator, h=how: domains.digits_run(handwriting, s, h, seed),
                    method=method, seed=1 + seed,
                )  # fmt: skip

    return part


def measure_real(runs: kit.Runs) -> None:
    """Photographed eyes."""
    for method, knobs in domains.REAL.items():
        for seed in runs.seeds:
            runs.once(lambda method, seed, k=knobs: domains.real_eyes_run(seed, **k), method=method, seed=seed)


def checkpoints(runs: kit.Runs) -> None:
    """Train the refiners that come with the package, and write their file."""
    synthetic, real = (
        data.simulate.eyes(1500, generator=kit.seeded(i), size=bundled.SIZE, **knobs)
        for i, knobs in enumerate(({}, bundled.CAMERA))
    )
    refiners = {lambda_: eyes.refiner_for(synthetic.x, real.x, 0, lambda_=lambda_)[0] for lambda_ in bundled.LAMBDAS}
    about = (
        "labkit.refine: eyes towards a poor camera, one refiner for each λ; python -m benchmarks.refine checkpoints; "
        "seed 0, 400 iterations, about 10 s of one core each; from simulated images alone"
    )
    bundled.save(refiners, Path(bundled.__file__).with_name(bundled.FILE), about=about)


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Map(nn.Module):
    """The peer's discriminator, two outputs a patch, as a map of logits."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, 1, patches): class 1 is "refined" there."""
        two = self.discriminator(x)
        return (two[..., 1] - two[..., 0])[:, None]


def peers_iteration(R: nn.Module, D: nn.Module, of_r: Any, of_d: Any, buffer: Any, batch: refine.RefineBatch) -> None:
    """One iteration in the order of the peer's main.py; D's loss goes back through R as well."""
    D.eval()
    R.train()
    for x in batch.x:
        refined = R(x)
        logits = D(refined).view(-1, 2)
        loss = functional.l1_loss(refined, x, reduction="sum") * 1e-4
        loss = loss + functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
        of_r.zero_grad()
        of_d.zero_grad()
        loss.backward()
        of_r.step()
    R.eval()
    D.train()
    for x, y in zip(batch.x_d, batch.y):
        refined = R(x)
        half = buffer.get_from_image_history_buffer()
        buffer.add_to_image_history_buffer(refined.detach().numpy())
        if len(half):
            refined = torch.cat([torch.from_numpy(half).float(), refined[len(x) // 2 :]])
        real, fake = D(y).view(-1, 2), D(refined).view(-1, 2)
        loss = functional.cross_entropy(real, torch.zeros(len(real), dtype=torch.long))
        loss = loss + functional.cross_entropy(fake, torch.ones(len(fake), dtype=torch.long))
        of_r.zero_grad()
        of_d.zero_grad()
        loss.backward()
        of_d.step()


def papers_iteration(
    R: nn.Module, D: nn.Module, of_r: Any, of_d: Any, past: list[Tensor], batch: refine.RefineBatch
) -> None:
    """Algorithm 1 as one would write it down: R refines whole batches, a list is the buffer."""
    for x in batch.x:
        refined = R(x)
        loss = functional.softplus(D(refined)).sum((1, 2)).mean() + 0.1 * (refined - x).abs().sum((1, 2, 3)).mean()
        of_r.zero_grad()
        loss.backward()
        of_r.step()
    for x, y in zip(batch.x_d, batch.y):
        refined = R(x).detach()
        half = len(x) // 2
        if len(past) >= half:
            old = torch.stack([past[i] for i in torch.randperm(len(past))[:half].tolist()])
            for i, image in zip(torch.randperm(len(past))[:half].tolist(), refined):
                past[i] = image
            refined = torch.cat([refined[:half], old])
        else:
            past.extend(refined)
        loss = (functional.softplus(-D(refined)) + functional.softplus(D(y))).sum((1, 2)).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()


def speed(runs: kit.Runs, *, rounds: int = 4, size: int = 32) -> None:
    """CPU seconds of an iteration in each loop, with the peer's networks in all of them; the loops alternate."""
    if runs.store.rows(runs.part):
        return
    if "SIMGAN_PYTORCH" not in os.environ:
        raise kit.Missing(
            "SIMGAN_PYTORCH names no clone of AlexHex7/SimGAN_pytorch, so there is nothing to compare with"
        )
    x, y = (data.simulate.eyes(200, generator=kit.seeded(i), **k).x for i, k in enumerate(({}, eyes.CAMERA)))
    iterations = list(refine.RefineBatches(x, y, batch_size=size, iterations=rounds + 1, generator=kit.seeded(0)))
    loops, buffer = contenders(size)

    def turn(loop: Callable[[Any], object]) -> Callable[[], object]:
        batches = iter(iterations)
        return lambda: loop(next(batches))

    seconds = kit.race({name: turn(loop) for name, loop in loops.items()}, rounds=rounds, least=0)
    for name, times in seconds.items():
        row: Row = {"seconds": min(times), "images/s": 3 * size / min(times)}
        if name == PEER:
            row["images in its buffer"] = len(buffer.image_history_buffer)
        runs.once(lambda loop, row=row: row, loop=name)


PEER = "AlexHex7/SimGAN_pytorch"


def contenders(size: int) -> tuple[dict[str, Callable[[Any], object]], Any]:
    """The three loops, and the peer's buffer."""
    sys.path.insert(0, os.environ["SIMGAN_PYTORCH"])
    from lib.image_history_buffer import ImageHistoryBuffer
    from lib.network import Discriminator, Refiner

    def networks() -> tuple[nn.Module, nn.Module, Any, Any]:
        torch.manual_seed(0)
        R, D = Refiner(2, 1, nb_features=32), Discriminator(1)
        return R, D, torch.optim.Adam(R.parameters(), lr=1e-3), torch.optim.SGD(D.parameters(), lr=1e-3)

    R, D, of_r, of_d = networks()
    R1, D1, of_r1, of_d1 = networks()
    R2, D2, of_r2, of_d2 = networks()
    buffer = ImageHistoryBuffer((0, 1, 35, 55), 512, size)
    listed: list[Tensor] = []
    step = refine.simgan(
        R2, Map(D2), of_r2, of_d2, lambda_=0.1, buffer=refine.ImageHistoryBuffer(512), generator=kit.seeded(0)
    )
    return {
        PEER: lambda batch: peers_iteration(R, D, of_r, of_d, buffer, batch),
        "algorithm 1, written down": lambda batch: papers_iteration(R1, Map(D1), of_r1, of_d1, listed, batch),
        "labkit": step,
    }, buffer


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def table(rows: list[Row], columns: dict[str, str], percent: set[str], order: tuple[str, ...]) -> str:
    """A line a method, with its number of seeds."""
    together = {method: same for (method,), same in kit.groups(rows, "method").items()}
    lines = [
        [method, len(same), *(kit.mean(same, figure, percent=figure in percent) for figure in columns.values())]
        for method, same in sorted(together.items(), key=lambda item: order.index(item[0]))
    ]
    return kit.table(["", "seeds", *columns], lines)


EYES = f"""Eyes of {eyes.SIZE[0]}×{eyes.SIZE[1]} from `labkit.data.simulate.eyes`, everything drawn anew for each seed:
{eyes.N} synthetic, {eyes.N} real ones without labels, {eyes.TEST} others to test on. Real means: contrast .35–.6, blur
.8–1.4 pixels of a 55 wide image, noise .02. A small network learns the gaze from what the row says and is tested on
real eyes. Refiner: width 16, one block; D: patches of {refine.patch_size(eyes.STRIDES)} pixels; {eyes.ITERATIONS}
iterations of K_g = 2, K_d = 1, batches of {eyes.BATCH}, Adam 3e-3; about 10 s of one core. Settings were tried out on
one seed and other sizes, by the gaze error; no row was tuned by itself. The pupil is found by a network trained on
other eyes through cameras of every quality; it never saw a refined one. `ideal`: the synthetic eyes through the real
camera, which is what a perfect refiner would make; how far pupils move there is what the estimator is unsure of."""


def show_eyes(rows: list[Row]) -> str:
    """The section on simulated eyes."""
    columns = {
        "gaze error (°)": "gaze",
        "pupils moved (pixels)": "distance",
        "of it scatter": "scatter",
        "fresh classifier tells (%)": "two_sample_test",
        "D tells (%)": "D",
    }
    near = f"`near`: the simulator's eyes are {eyes.NEAR} times as large as they should be."
    own = table(rows, columns, {"two_sample_test", "D"}, tuple(eyes.ROWS))
    return f"{kit.flow(EYES)}\n\n{own}\n\n{near}"


GLYPHS = f"""A convolutional classifier (width 16, depth 2) sees {domains.GLYPHS} (refined) glyphs and nothing else; it
is tested on real handwriting. Per cent. The refiner sees real digits without labels, {domains.ITERATIONS} iterations.
`features`: λ = .3, ψ = the logits of a classifier trained on raw glyphs, and {domains.PIXELS} of the pixels. `plain`:
the simulator's defaults. `varied`: writers that differ more (stretch, slant, rotation, thickness, jitter). `filling`:
and fill the image, as scikit-learn's digits do. `real`: taught real digits with their labels. ψ and the simulators
were chosen on seed 0, whose test figures were seen: that is a choice by target labels, which the method itself doesn't
allow. Here are other seeds, each with its own split of the same digits. λ = .3 rather than .1, and the filling
simulator, are also what two criteria that need no label preferred: the agreement, and how well a fresh classifier
tells.

scikit-learn's digits, 8×8:"""
SMALLER = "MNIST at 14×14, 4,000 unlabelled, 2,000 to test on, the same settings but D's second stride (2):"


def show_digits(words: str) -> Callable[[list[Row]], str]:
    """A table on glyphs, below its words."""
    columns = {
        "accuracy on real digits": "accuracy",
        "glyphs' own classifier agrees": "kept",
        "fresh classifier tells": "two_sample_test",
    }
    return lambda rows: f"{kit.flow(words)}\n\n{table(rows, columns, set(columns.values()), DIGITS)}"


PHOTOGRAPHS = f"""52 rendered crops of SynthesEyes towards MPIIGaze's 144 photographed ones, grey, at
{domains.EYES[0]}×{domains.EYES[1]} (half their size: what a busy CPU allows). The refiner sees 72 of the photographs;
the judge, a classifier trained afresh, has the other 72, half to learn from and half to be asked. Balanced accuracy in
per cent: 50 is chance. So few images make a noisy judge."""


def show_real(rows: list[Row]) -> str:
    """The section on photographed eyes."""
    columns = {
        "told before": "before",
        "told after": "after",
        "D tells": "D",
        "pupils moved (pixels)": "distance",
        "mean change of a pixel": "change",
    }
    return f"{kit.flow(PHOTOGRAPHS)}\n\n{table(rows, columns, {'before', 'after', 'D'}, tuple(domains.REAL))}"


SPEED = """Eyes of 35×55, the peer's own networks (two blocks of width 32; its D) in all loops, an iteration of K_g = 2
and K_d = 1, batches of 32; one thread, the best of four alternating rounds in CPU time. The peer's `main.py` needs
torch 0.3 and a GPU: its order of operations was written down anew around its networks and its buffer. It refines whole
batches for D and sends D's loss back through R; labkit refines half a batch without a graph. After these iterations
the peer's buffer holds {} images: its `np.append` drops the result, so that its D never sees the past."""


def show_speed(rows: list[Row]) -> str:
    """The section on speed."""
    labkit = next(row["seconds"] for row in rows if row["loop"] == "labkit")
    lines = [[row["loop"], f"{row['images/s']:.0f}", f"{row['seconds'] / labkit:.2f}× as fast"] for row in rows]
    images = kit.values(rows, "images in its buffer")[0]
    return f"{kit.flow(SPEED.format(images))}\n\n{kit.table(['loop', 'images/s', 'labkit is'], lines)}"


BENCHMARK = kit.Benchmark(
    "refine",
    "Simulated+Unsupervised learning, measured",
    "Mean ± standard deviation over seeds.",
    [
        kit.Part("eyes", measure_eyes, show_eyes, "Simulated eyes"),
        kit.Part(
            "digits", measure_digits("digits", DIGITS), show_digits(GLYPHS), "From rendered glyphs to real handwriting"
        ),
        kit.Part("mnist", measure_digits("mnist", MNIST), show_digits(SMALLER)),
        kit.Part("real", measure_real, show_real, "Photographed eyes"),
        kit.Part("speed", speed, show_speed, "Speed"),
        kit.Part("checkpoints", checkpoints, by_default=False),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
