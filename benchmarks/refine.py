"""S+U learning measured: eyes with known gaze, digits from glyphs, photographed eyes, speed beside an open peer.

    python -m benchmarks.refine eyes digits            # simulators and scikit-learn's digits: no data needed
    LABKIT_DATA=… python -m benchmarks.refine mnist real
    python -m benchmarks.refine speed --peer PATH      # a checkout of AlexHex7/SimGAN_pytorch, for its networks and
    buffer python -m benchmarks.refine checkpoints            # the refiners that come with labkit

Every run is kept in ``results/refine.json`` as it ends, and not done again; ``results/refine.md`` is written from it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import refine_domains as domains
from benchmarks import refine_experiments as eyes
from labkit import data, metrics, refine
from labkit.refine import bundled

RESULTS = Path(__file__).parent / "results"
STORE = RESULTS / "refine.json"
SEEDS, FRESH = range(5), range(1, 6)  # seed 0 of the glyphs was seen while their settings were chosen
DIGITS = [
    ("plain", "raw"), ("plain", "features"), ("varied", "raw"), ("varied", "features"),
    ("varied, filling", "raw"), ("varied, filling", "features"), ("", "real"),
]  # fmt: skip
MNIST = [("varied", "raw"), ("varied", "features")]
Runs = dict[str, dict[str, dict[str, float]]]


def stored() -> dict[str, Any]:
    """All runs so far, by part, row and seed."""
    return json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}


def keep(part: str, row: str, seed: int, run: Callable[[], dict[str, float]]) -> None:
    """Do a run that is not there yet, and write it down."""
    if str(seed) in stored().get(part, {}).get(row, {}):
        return
    found = run()
    known = stored()
    known.setdefault(part, {}).setdefault(row, {})[str(seed)] = found
    RESULTS.mkdir(exist_ok=True)
    STORE.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    print(part, row, seed, {name: round(value, 3) for name, value in found.items()}, flush=True)


def measure_eyes() -> None:
    """Every row of the table of eyes."""
    for row in eyes.ROWS:
        for seed in SEEDS:
            keep("eyes", row, seed, lambda row=row, seed=seed: eyes.run(row, seed))


def measure_digits(name: str, rows: list[tuple[str, str]]) -> None:
    """Every row of a table of digits."""
    for simulator, how in rows:
        for seed in FRESH:
            run = lambda s=simulator, h=how, seed=seed: domains.digits_run(name, s, h, seed)  # noqa: E731
            keep(name, f"{simulator}: {how}" if simulator else how, seed, run)


def measure_real() -> None:
    """Photographed eyes."""
    for row, knobs in domains.REAL.items():
        for seed in SEEDS:
            keep("real", row, seed, lambda knobs=knobs, seed=seed: domains.real_eyes_run(seed, **knobs))


def checkpoints() -> None:
    """Train the refiners that come with the package, and write their file."""
    made, real = (
        data.simulate.eyes(1500, generator=eyes.seeded(i), size=bundled.SIZE, **knobs)
        for i, knobs in enumerate(({}, bundled.CAMERA))
    )
    refiners = {lambda_: eyes.refiner_for(made.x, real.x, 0, lambda_=lambda_)[0] for lambda_ in bundled.LAMBDAS}
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
        made = R(x)
        said = D(made).view(-1, 2)
        loss = functional.l1_loss(made, x, reduction="sum") * 1e-4
        loss = loss + functional.cross_entropy(said, torch.zeros(len(said), dtype=torch.long))
        of_r.zero_grad()
        of_d.zero_grad()
        loss.backward()
        of_r.step()
    R.eval()
    D.train()
    for x, y in zip(batch.x_d, batch.y):
        made = R(x)
        half = buffer.get_from_image_history_buffer()
        buffer.add_to_image_history_buffer(made.detach().numpy())
        if len(half):
            made = torch.cat([torch.from_numpy(half).float(), made[len(x) // 2 :]])
        real, fake = D(y).view(-1, 2), D(made).view(-1, 2)
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
        made = R(x)
        loss = functional.softplus(D(made)).sum((1, 2)).mean() + 0.1 * (made - x).abs().sum((1, 2, 3)).mean()
        of_r.zero_grad()
        loss.backward()
        of_r.step()
    for x, y in zip(batch.x_d, batch.y):
        made = R(x).detach()
        half = len(x) // 2
        if len(past) >= half:
            old = torch.stack([past[i] for i in torch.randperm(len(past))[:half].tolist()])
            for i, image in zip(torch.randperm(len(past))[:half].tolist(), made):
                past[i] = image
            made = torch.cat([made[:half], old])
        else:
            past.extend(made)
        loss = (functional.softplus(-D(made)) + functional.softplus(D(y))).sum((1, 2)).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()


def speed(peer: Path, *, rounds: int = 4, size: int = 32) -> None:
    """CPU seconds of an iteration in each loop, with the peer's networks in all of them; the loops alternate."""
    sys.path.insert(0, str(peer))
    from lib.image_history_buffer import ImageHistoryBuffer
    from lib.network import Discriminator, Refiner

    g = eyes.seeded(0)
    x, y = (data.simulate.eyes(200, generator=eyes.seeded(i), **k).x for i, k in enumerate(({}, eyes.CAMERA)))
    iterations = list(refine.RefineBatches(x, y, batch_size=size, iterations=rounds + 1, generator=g))

    def networks() -> tuple[nn.Module, nn.Module, Any, Any]:
        torch.manual_seed(0)
        R, D = Refiner(2, 1, nb_features=32), Discriminator(1)
        return R, D, torch.optim.Adam(R.parameters(), lr=1e-3), torch.optim.SGD(D.parameters(), lr=1e-3)

    R, D, of_r, of_d = networks()
    buffer = ImageHistoryBuffer((0, 1, 35, 55), 512, size)
    loops = {"AlexHex7/SimGAN_pytorch": lambda batch: peers_iteration(R, D, of_r, of_d, buffer, batch)}
    R1, D1, of_r1, of_d1 = networks()
    listed: list[Tensor] = []
    loops["algorithm 1, written down"] = lambda batch: papers_iteration(R1, Map(D1), of_r1, of_d1, listed, batch)
    R2, D2, of_r2, of_d2 = networks()
    step = refine.simgan(R2, Map(D2), of_r2, of_d2, lambda_=0.1, buffer=refine.ImageHistoryBuffer(512), generator=g)
    loops["labkit"] = step
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for i, batch in enumerate(iterations):
        for name, loop in loops.items():
            start = time.process_time()
            loop(batch)
            if i:  # the first iteration warms up
                seconds[name].append(time.process_time() - start)
    kept = len(buffer.image_history_buffer)
    known = stored()
    known["speed"] = {name: {"seconds": min(s), "images": 3 * size / min(s)} for name, s in seconds.items()}
    known["speed"]["AlexHex7/SimGAN_pytorch"]["in its buffer"] = kept
    STORE.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


# ── the report ────────────────────────────────────────────────────────────────────────────────────────────────────────


def cell(runs: dict[str, dict[str, float]], name: str, *, percent: bool = False) -> str:
    """Mean ± deviation of one quantity over the seeds, or a dash."""
    values = [run[name] for run in runs.values() if name in run]
    return str(metrics.summary(values, percent=percent)) if values else "–"


def table(runs: Runs, rows: list[str], columns: dict[str, tuple[str, bool]]) -> str:
    """A table of the rows there are; columns map headings to (quantity, percent)."""
    lines = [f"| | seeds | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for row in rows:
        if row in runs:
            cells = [cell(runs[row], name, percent=percent) for name, percent in columns.values()]
            lines.append(f"| {row} | {len(runs[row])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def flow(text: str) -> str:
    """A paragraph on one line."""
    return " ".join(text.split())


def report_eyes(runs: Runs) -> str:
    """The section on simulated eyes."""
    columns = {
        "gaze error (°)": ("gaze", False),
        "pupils moved (pixels)": ("distance", False),
        "of it scatter": ("scatter", False),
        "fresh classifier tells (%)": ("two_sample_test", True),
        "D tells (%)": ("D", True),
    }
    text = flow(
        f"""
        Eyes of {eyes.SIZE[0]}×{eyes.SIZE[1]} from `labkit.data.simulate.eyes`, everything drawn anew for each
        seed: {eyes.N} synthetic, {eyes.N} real ones without labels, {eyes.TEST} others to test on. Real means:
        contrast .35–.6, blur .8–1.4 pixels of a 55 wide image, noise .02. A small network learns the gaze from
        what the row says and is tested on real eyes. Refiner: width 16, one block; D: patches of
        {refine.patch_size(eyes.STRIDES)} pixels; {eyes.ITERATIONS} iterations of K_g = 2, K_d = 1, batches of
        {eyes.BATCH}, Adam 3e-3; about 10 s of one core. Settings were tried out on one seed and other sizes, by
        the gaze error; no row was tuned by itself. The pupil is found by a network trained on other eyes
        through cameras of every quality; it never saw a refined one. `ideal`: the synthetic eyes through the
        real camera, which is what a perfect refiner would make; how far pupils move there is what the estimator
        is unsure of.
        """
    )
    near = f"`near`: the simulator's eyes are {eyes.NEAR} times as large as they should be."
    return f"{text}\n\n{table(runs, eyes.ROWS, columns)}\n\n{near}"


def report_digits(runs: dict[str, Runs]) -> str:
    """The section on glyphs."""
    columns = {
        "accuracy on real digits": ("accuracy", True),
        "glyphs' own classifier agrees": ("kept", True),
        "fresh classifier tells": ("two_sample_test", True),
    }
    rows = [f"{s}: {h}" if s else h for s, h in DIGITS]
    text = flow(
        f"""
        A convolutional classifier (width 16, depth 2) sees {domains.GLYPHS} (refined) glyphs and nothing else; it is
        tested on real handwriting. Per cent. The refiner sees real digits without labels, {domains.ITERATIONS}
        iterations. `features`: λ = .3, ψ = the logits of a classifier trained on raw glyphs, and {domains.PIXELS} of
        the pixels. `plain`: the simulator's defaults. `varied`: writers that differ more (stretch, slant,
        rotation, thickness, jitter). `filling`: and fill the image, as scikit-learn's digits do. `real`: taught
        real digits with their labels. ψ and the simulators were chosen on seed 0, whose test figures were seen:
        that is a choice by target labels, which the method itself doesn't allow. Here are other seeds, each with
        its own split of the same digits. λ = .3 rather than .1, and the filling simulator, are also what two
        criteria that need no label preferred: the agreement, and how well a fresh classifier tells.
        """
    )
    parts = [text, "scikit-learn's digits, 8×8:", table(runs.get("digits", {}), rows, columns)]
    if "mnist" in runs:
        parts.append("MNIST at 14×14, 4,000 unlabelled, 2,000 to test on, the same settings but D's second stride (2):")
        parts.append(table(runs["mnist"], rows, columns))
    return "\n\n".join(parts)


def report_real(runs: Runs) -> str:
    """The section on photographed eyes."""
    columns = {
        "told before": ("before", True),
        "told after": ("after", True),
        "D tells": ("D", True),
        "pupils moved (pixels)": ("distance", False),
        "mean change of a pixel": ("change", False),
    }
    text = flow(
        f"""
        52 rendered crops of SynthesEyes towards MPIIGaze's 144 photographed ones, grey, at
        {domains.EYES[0]}×{domains.EYES[1]} (half their size: what a busy CPU allows). The refiner sees 72 of
        the photographs; the judge, a classifier trained afresh, has the other 72, half to learn from and half
        to be asked. Balanced accuracy in per cent: 50 is chance. So few images make a noisy judge.
        """
    )
    return f"{text}\n\n{table(runs, [*domains.REAL], columns)}"


def report_speed(runs: dict[str, dict[str, float]]) -> str:
    """The section on speed."""
    labkit = runs["labkit"]["seconds"]
    lines = ["| loop | images/s | labkit is |", "|---|---|---|"]
    lines += [f"| {n} | {r['images']:.0f} | {r['seconds'] / labkit:.2f}× as fast |" for n, r in runs.items()]
    kept = int(runs["AlexHex7/SimGAN_pytorch"]["in its buffer"])
    text = flow(
        f"""
        Eyes of 35×55, the peer's own networks (two blocks of width 32; its D) in all loops, an iteration of K_g = 2
        and K_d = 1, batches of 32; one thread, the best of four alternating rounds in CPU time. The peer's
        `main.py` needs torch 0.3 and a GPU: its order of operations was written down anew around its networks
        and its buffer. It refines whole batches for D and sends D's loss back through R; labkit refines half a
        batch without a graph. After these iterations the peer's buffer holds {kept} images: its `np.append` drops
        the result, so that its D never sees the past.
        """
    )
    return text + "\n\n" + "\n".join(lines)


def write() -> None:
    """The results file from everything that is stored."""
    runs = stored()
    parts = ["# Simulated+Unsupervised learning, measured\n\nWritten by `python -m benchmarks.refine`. Mean ± standard "
             "deviation over seeds.\n"]  # fmt: skip
    if "eyes" in runs:
        parts.append(f"## Simulated eyes\n\n{report_eyes(runs['eyes'])}\n")
    if "digits" in runs:
        parts.append(f"## From rendered glyphs to real handwriting\n\n{report_digits(runs)}\n")
    if "real" in runs:
        parts.append(f"## Photographed eyes\n\n{report_real(runs['real'])}\n")
    if "speed" in runs:
        parts.append(f"## Speed\n\n{report_speed(runs['speed'])}\n")
    (RESULTS / "refine.md").write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    """Run the parts named on the command line, then write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["eyes", "digits"])
    parser.add_argument("--peer", type=Path, help="a checkout of AlexHex7/SimGAN_pytorch")
    chosen = parser.parse_args()
    jobs: dict[str, Callable[[], None]] = {
        "eyes": measure_eyes,
        "digits": lambda: measure_digits("digits", DIGITS),
        "mnist": lambda: measure_digits("mnist", MNIST),
        "real": measure_real,
        "checkpoints": checkpoints,
        "report": lambda: None,
    }
    torch.set_num_threads(1)
    for part in chosen.parts:
        if part == "speed":
            if chosen.peer is None:
                parser.error("speed needs --peer, a checkout of AlexHex7/SimGAN_pytorch")
            speed(chosen.peer)
        else:
            jobs[part]()
    write()


if __name__ == "__main__":
    main()
