"""Fair representations: what the gaps cost, and what a fresh adversary still finds.

    python -m benchmarks.fair [--only loans adult published] [--seeds 5] [--device cpu]

Each part writes its numbers, one row a training, into ``results/fair.json`` as they come; ``results/fair.md`` is made
from them. ``adult`` and ``published`` need UCI Adult, which is downloaded once (or found under ``LABKIT_DATA``).
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from labkit import data, fair, metrics, nets, train
from labkit.data import Dataset, simulate
from labkit.device import seed

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]
FIGURES = ("accuracy", "parity", "opportunity", "odds", "probe", "auc")


class Method(NamedTuple):
    """One way to train: a name for the table, which step, its weight, and the criterion."""

    name: str
    step: str = "alternating"
    weight: float = 0.0
    criterion: str = "parity"
    inner: int = 1
    loss: str = "cross-entropy"


LOANS = (
    Method("plain"),
    *(Method(f"alternating, λ = {w:g}", "alternating", w) for w in (0.5, 1, 2, 5)),
    *(Method(f"alternating, three steps of the adversary, λ = {w:g}", "alternating", w, inner=3) for w in (1, 5)),
    *(Method(f"reversal, λ = {w:g}", "reversal", w) for w in (1, 5)),
    Method("LAFTR's l1, λ = 5", "alternating", 5, loss="l1"),
    *(Method(f"on the decision alone (Zhang), α = {w:g}", "debiasing", w) for w in (0.1, 1)),
    Method("for equal opportunity, λ = 1", "alternating", 1, "opportunity"),
    Method("for equalised odds, λ = 1", "alternating", 1, "odds"),
)
ADULT = (
    Method("plain"),
    *(Method(f"alternating, λ = {w:g}", "alternating", w) for w in (0.5, 1, 2, 5)),
    Method("on the decision alone (Zhang), α = 0.1", "debiasing", 0.1),
    Method("for equal opportunity, λ = 1", "alternating", 1, "opportunity"),
    Method("for equalised odds, λ = 1", "alternating", 1, "odds"),
)
PUBLISHED = (
    Method("plain"),
    *(Method(f"alternating, λ = {w:g}", "alternating", w) for w in (0.5, 1, 2)),
    *(Method(f"on the decision alone (Zhang), α = {w:g}", "debiasing", w) for w in (0.1, 0.5)),
)


def train_one(
    method: Method, x: Tensor, y: Tensor, a: Tensor, *, epochs: int, batch_size: int, generator: torch.Generator
) -> nets.MLP:
    """A net with one hidden layer of 32 units, trained by the method; Adam 1e-3, the adversary's 3e-3."""
    width, lr = 32, 1e-3
    model = nets.MLP(x.shape[1], 2, hidden=(width,), mean=0.0, std=1.0).to(x.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    step: Callable[..., Any]
    if method.step == "debiasing":
        adversary = fair.DecisionAdversary().to(x.device)
        theirs = torch.optim.Adam(adversary.parameters(), lr=1e-2)
        step = fair.adversarial_debiasing(
            model, adversary, optimizer, theirs, alpha=method.weight, criterion=method.criterion
        )
    else:
        inputs = width + (method.criterion == "odds")
        adversary = nets.MLP(inputs, 1, hidden=(32,), mean=0.0, std=1.0).to(x.device)
        knobs: Row = {"lambda_": method.weight, "criterion": method.criterion, "loss": method.loss}
        if method.step == "reversal":
            groups = [{"params": model.parameters(), "lr": lr}, {"params": adversary.parameters(), "lr": 3 * lr}]
            step = fair.reversal_step(model, adversary, torch.optim.Adam(groups), **knobs)
        else:
            theirs = torch.optim.Adam(adversary.parameters(), lr=3 * lr)
            step = fair.alternating_step(model, adversary, optimizer, theirs, inner=method.inner, **knobs)
    train.fit(step, train.Minibatches(x, y, a, batch_size=batch_size, generator=generator), epochs=epochs)
    return model


def measure(
    method: Method, s: int, learn: Dataset, test: Dataset, attribute: str, *, epochs: int, batch_size: int, probing: int
) -> Row:
    """Train once; accuracy, the three gaps, and what a fresh adversary finds in the representation."""
    begin, generator = time.process_time(), seed(s)
    a, b = learn.extra[attribute], test.extra[attribute]
    model = train_one(method, learn.x, learn.y, a, epochs=epochs, batch_size=batch_size, generator=generator)
    seconds = time.process_time() - begin
    yes = metrics.predict(model, test.x).argmax(1)
    with torch.no_grad():
        h, there = model.features(learn.x), model.features(test.x)
    found = fair.probe(h, a, there, b, generator=generator, epochs=probing, batch_size=batch_size)
    gaps = fair.gaps(yes, test.y, b)
    figures = (metrics.accuracy(yes, test.y), *(float(gap) for gap in gaps), found.balanced, found.auc)
    return {"method": method.name, "seed": s, **dict(zip(FIGURES, figures)), "seconds": seconds}


def loans(seeds: int, device: torch.device) -> Iterator[Row]:
    """4,000 simulated applicants to learn from, 4,000 others to measure on; new ones for every seed."""
    for s in range(seeds):
        g = torch.Generator().manual_seed(1000 + s)
        learn, test = (simulate.loans(4000, generator=g).to(device) for _ in range(2))
        found = [
            fair.probe(part[0], learn.extra["group"], part[1], test.extra["group"], generator=g, epochs=10)
            for part in ((learn.x, test.x), (learn.x[:, :6], test.x[:, :6]))
        ]
        for name, one in zip(("the application itself", "its six columns of money alone"), found):
            yield {"method": name, "seed": s, "probe": one.balanced, "auc": one.auc}
        for method in LOANS:
            yield measure(method, s, learn, test, "group", epochs=20, batch_size=128, probing=10)


def adult(seeds: int, device: torch.device) -> Iterator[Row]:
    """The census as it is split by its authors, all columns but sex."""
    learn, test = data.adult("train", device=device), data.adult("test", device=device)
    for s in range(seeds):
        one = fair.probe(
            learn.x, learn.extra["sex"], test.x, test.extra["sex"], generator=seed(s), epochs=4, batch_size=512
        )
        yield {"method": "the census record itself, without sex", "seed": s, "probe": one.balanced, "auc": one.auc}
        for method in ADULT:
            yield measure(method, s, learn, test, "sex", epochs=10, batch_size=512, probing=4)


def published(seeds: int, device: torch.device) -> Iterator[Row]:
    """AIF360's view of the census: 18 columns (race, sex, decade of age, years of school), 70 % drawn to learn from."""
    both = [data.adult(split, device=device) for split in ("train", "test")]
    y, sex, race, age, school = (
        torch.cat([pick(part) for part in both])
        for pick in (
            lambda p: p.y,
            lambda p: p.extra["sex"],
            lambda p: p.extra["race"],
            lambda p: p.extra["age"],
            lambda p: p.extra["education"],
        )
    )
    decade = torch.nn.functional.one_hot((age // 10).clamp(1, 7) - 1, 7)
    years = torch.nn.functional.one_hot(school.clamp(5, 13) - 5, 9)
    x = torch.cat([torch.stack([race, sex], dim=1), decade, years], dim=1).float()
    table = Dataset(x, y, both[0].classes, both[0].about, {"sex": sex})
    for s in range(seeds):
        learn, test = table.split(test=0.3, generator=torch.Generator().manual_seed(s))
        for method in PUBLISHED:
            yield measure(method, s, learn, test, "sex", epochs=10, batch_size=512, probing=4)


PARTS = {"loans": loans, "adult": adult, "published": published}
HEADS = {
    "loans": (
        "Simulated loans",
        "`labkit.data.simulate.loans`: group 1 is poorer by one standard deviation of wealth; name, district and "
        "music are proxies of the group. 4,000 applicants to learn from, 4,000 to measure on, new ones for each seed; "
        "20 epochs. Base rates of repaying differ, so that parity 0 costs the two groups' error rates at least "
        "|p₀ − p₁| together.",
    ),
    "adult": (
        "UCI Adult, protected attribute: sex",
        "32,561 people to learn from, 16,281 to measure on, the split of its authors; every column but sex, the "
        "census weight and the second spelling of the education; 10 epochs.",
    ),
    "published": (
        "UCI Adult as AIF360's demonstration sees it",
        "18 columns: race, *sex*, decade of age, years of school; 70 % of all 48,842 drawn to learn from, so the "
        "figures stand beside AIF360's published ones: plain accuracy .805, parity −.221, equal opportunity −.471; "
        "with its debiasing .792, −.095, −.091. *Sex* is a column here: the probe has an easy time.",
    ),
}


def markdown(rows: dict[str, list[Row]]) -> str:
    """The tables."""
    lines = ["# Fair representations, measured", ""]
    lines += [
        "Written by `python -m benchmarks.fair`. Mean ± standard deviation. Gaps in points of 100. Probe: balanced"
    ]
    lines += ["accuracy and AUC, per cent, of a *fresh* adversary (two hidden layers of 64) trained on the finished"]
    lines += ["representation and measured on people it has not seen; 50 is chance."]
    for part, (title, what) in HEADS.items():
        if not rows.get(part):
            continue
        methods = list(dict.fromkeys(row["method"] for row in rows[part]))
        n = len({row["seed"] for row in rows[part]})
        lines += ["", f"## {title}", "", f"{what} {n} seeds.", ""]
        lines += [
            "| method | accuracy | parity | opportunity | odds | probe | probe's AUC | CPU s |",
            "|---|" + "--:|" * 7,
        ]
        for method in methods:
            mine = [row for row in rows[part] if row["method"] == method]
            cells = [
                str(metrics.summary([row[f] for row in mine], percent=True)) if f in mine[0] else "" for f in FIGURES
            ]
            seconds = f"{sum(row['seconds'] for row in mine) / len(mine):.1f}" if "seconds" in mine[0] else ""
            lines.append(f"| {method} | {' | '.join(cells)} | {seconds} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the parts that were asked for and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = RESULTS / "fair.json"
    rows: dict[str, list[Row]] = json.loads(store.read_text()) if store.exists() else {}
    for part in options.only:
        rows[part] = []
        for row in PARTS[part](options.seeds, torch.device(options.device)):
            rows[part].append({k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()})
            store.write_text(json.dumps(rows, indent=0, ensure_ascii=False) + "\n")
            (RESULTS / "fair.md").write_text(markdown(rows))
        print(part, "done", flush=True)


if __name__ == "__main__":
    main()
