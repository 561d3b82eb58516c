"""Learned augmentation measured: is the search worth it, where a learned width goes, speed beside two peers.

python -m benchmarks.learned search widths teacher speed
LABKIT_DATA=… python -m benchmarks.learned real        # MNIST and a subset of CIFAR-10
"""

import copy
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import kit
from labkit import data, learned, metrics, nets, train

METHODS = (
    "nothing", "copies (control)", "TrivialAugment", "random sub-policies (control)", "RandAugment, tuned",
    "the agent's policy", "chosen by hand",
)  # fmt: skip
BY_HAND = {
    "digits": ("translate_x", "rotate"),
    "MNIST": ("translate_x", "rotate"),
    "CIFAR-10": ("hflip", "translate_x"),
}


@cache
def pictures(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    """Training and test pictures with labels, and γ of the children's kernel."""
    if name == "digits":
        d, t = data.digits("train", seed=0), data.digits("test", seed=0)
        return d.x, d.y, t.x, t.y, 4.0
    if name == "MNIST":
        kit.real_data("MNIST")
        d, t = (data.mnist(split, download=False) for split in ("train", "test"))
        small = [functional.avg_pool2d(functional.pad(v.x[:6000], (2, 2, 2, 2)), 2) for v in (d, t)]
        return small[0], d.y[:6000], small[1], t.y[:6000], 20.0
    with np.load(kit.real_data("cifar10", "cifar10_subset.npz")) as file:
        x, t = (torch.from_numpy(file[f"x_{part}"]).permute(0, 3, 1, 2).float() / 255 for part in ("train", "test"))
        y, y_test = (torch.from_numpy(file[f"y_{part}"]).long() for part in ("train", "test"))
    return functional.avg_pool2d(x, 2), y, functional.avg_pool2d(t, 2), y_test, 40.0


def world(name: str, labelled: int, seed: int) -> learned.PolicyWorld:
    """So many labelled pictures, and 400 that decide on rewards."""
    x, y, _, _, gamma = pictures(name)
    g = kit.seeded(seed)
    order = torch.randperm(len(x), generator=g)
    a, b = order[:labelled], order[labelled : labelled + 400]
    return learned.PolicyWorld(x[a], y[a], x[b], y[b], gamma=gamma, generator=g)


def compare(name: str, method: str, labelled: int, budget: int, seed: int) -> kit.Row:
    """The test accuracy of children trained under a policy for which ``budget`` children may have been trained."""
    here, share = world(name, labelled, seed), {}
    operations = learned.OPERATIONS
    if method == "nothing":
        here.copies = 0
    policy = {
        "nothing": lambda: learned.RandAugment(n=0),
        "copies (control)": lambda: learned.RandAugment(n=0),
        "TrivialAugment": lambda: here.policy([1.0] * len(operations)),
        "random sub-policies (control)": lambda: learned.random_subpolicies(5, generator=here.generator),
        "RandAugment, tuned": lambda: tuned(here, budget),
        "the agent's policy": lambda: here.policy(searched(here, budget).tolist()),
        "chosen by hand": lambda: learned.OneOperation(operations=BY_HAND[name], space="standard"),
    }[method]()
    spent = here.children
    _, _, x, y, _ = pictures(name)
    right = sum(here.accuracy(policy, x, y) for _ in range(3)) / 3
    if method == "the agent's policy":
        p = policy.weights()
        best = int(p.argmax())
        share = {"best": operations[best], "mass": float(p[best] / p.sum())}
    return {"accuracy": right, "children": spent} | share


def tuned(here: learned.PolicyWorld, budget: int) -> learned.RandAugment:
    """RandAugment with the best of 20 pairs (n, m), each tried equally often."""
    grid = [
        learned.RandAugment(n=n, magnitude=m / 10, operations=learned.OPERATIONS) for n in (1, 2) for m in range(1, 11)
    ]
    return max(grid, key=lambda policy: sum(here.accuracy(policy) for _ in range(budget // len(grid))))


def searched(here: learned.PolicyWorld, budget: int) -> Tensor:
    """The agent's probabilities after so many children."""
    agent = learned.Agent(len(learned.OPERATIONS))
    step = learned.SearchStep(
        agent, lambda a: 50 * here.reward(a), torch.optim.Adam(agent.parameters(), lr=0.1), generator=here.generator
    )
    train.fit(step, [None], epochs=budget // step.tries)
    return agent.probabilities


def measure_search(runs: kit.Runs, *, labelled: int = 50, budget: int = 200) -> None:
    """Every method on every seed."""
    for seed in runs.seeds:
        for method in METHODS:
            runs.once(compare, name="digits", method=method, labelled=labelled, budget=budget, seed=seed)


def measure_real(runs: kit.Runs, *, labelled: int = 100, budget: int = 80) -> None:
    """The same on MNIST and CIFAR-10."""
    for name in ("MNIST", "CIFAR-10"):
        for seed in runs.seeds:
            for method in METHODS:
                runs.once(compare, name=name, method=method, labelled=labelled, budget=budget, seed=seed)


def gains(rows: list[kit.Row]) -> str:
    """Accuracies, and the differences from copies on the same draw."""
    lines = []
    for method in METHODS:
        mine = {r["seed"]: r for r in rows if r["method"] == method}
        base = {r["seed"]: r["accuracy"] for r in rows if r["method"].startswith("copies")}
        right = metrics.summary([r["accuracy"] for r in mine.values()], percent=True)
        gain = metrics.summary([r["accuracy"] - base[s] for s, r in mine.items()], percent=True)
        spent = next(iter(mine.values()))["children"]
        lines.append([method, right, "" if method.startswith("copies") else gain, spent])
    return kit.table(["policy", "right, %", "above copies, points", "children spent"], lines)


def kept(rows: list[kit.Row]) -> str:
    """What the agents settled on."""
    agents = [r for r in rows if "best" in r]
    words = ", ".join(f"{r['best']} ({r['mass']:.0%})" for r in agents)
    return f"The agents' first choices, with their probability: {words}."


def show_search(rows: list[kit.Row]) -> str:
    """Digits."""
    return SEARCH.format(**rows[0]) + gains(rows) + "\n\n" + kept(rows)


def show_real(rows: list[kit.Row]) -> str:
    """MNIST and CIFAR-10."""
    parts = []
    for name in ("MNIST", "CIFAR-10"):
        mine = [r for r in rows if r["name"] == name]
        parts.append(f"{name}:\n\n{gains(mine)}\n\n{kept(mine)}")
    return REAL.format(**rows[0]) + "\n\n".join(parts)


SEARCH = """\
{labelled} digits of 8 × 8 to learn from, 400 others that decide on rewards, 500 test digits that are looked at once. A
child is kernel ridge regression on the pictures and four augmented copies. A search may train {budget} children;
seventeen operations, mirrorings and inversion among them. The gain is paired: the difference from plain copies on the
same draw of digits.

"""
REAL = """\
The same with {labelled} labelled pictures and {budget} children a search, at 16 × 16 pixels; kernel ridge on pixels is
a weak classifier of CIFAR-10. Nothing was tuned on these sets but the width of the children's kernel. (AutoAugment
reports an error of 3.7 % instead of 5.3 % with a WRN-40-2 on all of CIFAR-10, after 15,000 trained networks.)

"""


def width(start: float, angle: float, learns: bool, steps: int, seed: int) -> kit.Row:
    """A width on upright training digits, trained (or not) by the loss on digits turned by ± angle."""
    d, t, n = data.digits("train", seed=0), data.digits("test", seed=0), 300
    g = kit.seeded(seed)
    order = torch.randperm(len(d.x), generator=g)

    def turned(x: Tensor) -> Tensor:
        return learned.turned(x, width=angle, u=2 * torch.rand(len(x), generator=g) - 1)

    x, y, x_val, y_val = d.x[order[:n]], d.y[order[:n]], turned(d.x[order[n:]]), d.y[order[n:]]
    with nets.seeded_weights(seed):
        net = nets.MLP(64, 10, hidden=(64,), mean=0.3, std=0.4)
    w, theta = learned.weights_of(net), learned.LearnedWidth(start=start)
    optimizer, path = torch.optim.Adam([theta.rho], lr=0.1), []
    for k in range(steps):
        u, j = 2 * torch.rand(n, generator=g) - 1, torch.randint(len(x_val), (n,), generator=g)

        def on_training(weights: learned.hypergradient.Weights, rho: Tensor, u: Tensor = u) -> Tensor:
            seen = learned.turned(x, width=learned.width_of(rho, limit=180.0), u=u)
            return learned.loss_with(net, weights, seen, y)

        def on_validation(weights: learned.hypergradient.Weights, j: Tensor = j) -> Tensor:
            return learned.loss_with(net, weights, x_val[j], y_val[j])

        if learns and k >= 50:
            result = learned.unrolled_hypergradient(on_training, on_validation, w, theta.rho.detach(), lr=0.3)
            theta.rho.grad = result.gradient
            optimizer.step()
        slope = torch.func.grad(on_training)(w, theta.rho.detach())
        w = {name: p - 0.3 * slope[name] for name, p in w.items()}
        path.append(float(theta().detach()))
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(w[name])
    return {"width": sum(path[-100:]) / 100, "accuracy": metrics.accuracy(metrics.predict(net, turned(t.x)), t.y)}


def measure_widths(runs: kit.Runs, *, steps: int = 300) -> None:
    """Learned from two sides in two worlds; fixed ones beside them."""
    for seed in runs.seeds:
        for angle in (0.0, 45.0):
            for start in (5.0, 90.0):
                runs.once(width, start=start, angle=angle, learns=True, steps=steps, seed=seed)
            for start in (1.0, 15.0, 45.0, 70.0, 120.0):
                runs.once(width, start=start, angle=angle, learns=False, steps=steps, seed=seed)


def show_widths(rows: list[kit.Row]) -> str:
    """Ends and accuracies."""
    lines = []
    for start, learns in sorted({(r["start"], r["learns"]) for r in rows}, key=lambda v: (not v[1], v[0])):
        cells: list[object] = [f"learned, from {start:g}°" if learns else f"fixed at {start:g}°"]
        for angle in (0.0, 45.0):
            mine = [r for r in rows if (r["start"], r["learns"], r["angle"]) == (start, learns, angle)]
            cells += [kit.mean(mine, "width", digits=0), kit.mean(mine, "accuracy", percent=True)]
        lines.append(cells)
    head = ["width of U(−θ, θ)", "new digits upright: θ, °", "right, %", "new digits ± 45°: θ, °", "right, %"]
    return WIDTHS + kit.table(head, lines)


WIDTHS = """\
300 upright digits to learn from; the validation and test digits are upright, or turned by anything within ± 45°. The
width goes down the exact hypergradient of the validation loss through one step. It goes to the same place from both
sides and is wider in the turned world. But it stays narrower than the width with the best accuracy: one step of
training looks one step ahead.

"""


def against(kind: str, rate: float, warm: int, seed: int) -> kit.Row:
    """A network trained against an augmentation network, with or without a teacher."""
    d, t, g = data.digits("train", seed=0), data.digits("test", seed=0), kit.seeded(seed)
    order = torch.randperm(len(d.x), generator=g)[:200]
    with nets.seeded_weights(seed):
        net = nets.MLP(64, 10, hidden=(64,), mean=0.3, std=0.4)
        augmenter = learned.AugmentationNetwork(1, code=4)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    batches = train.Minibatches(d.x[order], d.y[order], batch_size=50, generator=g)
    plain = train.supervised_step(net, optimizer)
    train.fit(plain, batches, epochs=warm)
    if kind == "plain":
        train.fit(plain, batches, epochs=60)
    else:
        teacher = copy.deepcopy(net) if kind == "with a teacher" else None
        optimizer_a = torch.optim.Adam(augmenter.parameters(), lr=rate)
        train.fit(learned.TeachStep(net, teacher, augmenter, optimizer, optimizer_a, generator=g), batches, epochs=60)
    with torch.no_grad():
        change = float((augmenter.augment(t.x, generator=g) - t.x).abs().mean())
    return {"change": change, "accuracy": metrics.accuracy(metrics.predict(net, t.x), t.y)}


def measure_teacher(runs: kit.Runs) -> None:
    """Plain, adversarial, with a teacher at two rates and after two starts."""
    settings = [("plain", 0.0, 30), ("adversarial", 1e-3, 30)]
    settings += [("with a teacher", rate, warm) for rate, warm in ((1e-3, 30), (1e-3, 2), (5e-3, 10))]
    for seed in runs.seeds:
        for kind, rate, warm in settings:
            runs.once(against, kind=kind, rate=rate, warm=warm, seed=seed)


def show_teacher(rows: list[kit.Row]) -> str:
    """Accuracies and changes."""
    lines = []
    for kind, rate, warm in dict.fromkeys((r["kind"], r["rate"], r["warm"]) for r in rows):
        mine = [r for r in rows if (r["kind"], r["rate"], r["warm"]) == (kind, rate, warm)]
        lines.append([kind, f"{rate:g}" if rate else "", warm, kit.mean(mine, "change", digits=3),
                      kit.mean(mine, "accuracy", percent=True)])  # fmt: skip
    head = ["augmentation network", "its rate", "plain epochs first", "change of a pixel", "right, %"]
    return TEACHER + kit.table(head, lines)


TEACHER = """\
200 digits, then 60 epochs. A failure, told as it is: with a teacher nothing happens after a long start, and after a
short one or at a higher rate the augmentation runs away nearly as without. No setting beat plain training
beyond the spread.

"""


def race(peer: str, side: int, rounds: int) -> kit.Row:
    """RandAugment with two operations on 64 pictures: a draw a picture in each."""
    x, ours = torch.rand(64, 3, side, side, generator=kit.seeded(0)), learned.RandAugment(n=2, magnitude=0.3)
    if peer == "torchvision":
        from torchvision.transforms import v2

        theirs = v2.RandAugment(num_ops=2, magnitude=9, interpolation=v2.InterpolationMode.BILINEAR)
        seconds = kit.race({"labkit": lambda: ours(x), peer: lambda: [theirs(v) for v in x]}, rounds=rounds)
    else:
        from kornia.augmentation.auto import RandAugment

        kornia = RandAugment(n=2, m=9)
        seconds = kit.race({"labkit": lambda: ours(x), peer: lambda: [kornia(v[None]) for v in x]}, rounds=rounds)
    return {"ratio": kit.times_as_fast(seconds, "labkit", peer), "machine": kit.machine()}


def measure_speed(runs: kit.Runs, *, rounds: int = 5) -> None:
    """Beside torchvision and kornia, at two sizes."""
    for peer in ("torchvision", "kornia"):
        for side in (32, 96):
            runs.once(race, peer=peer, side=side, rounds=rounds)


def show_speed(rows: list[kit.Row]) -> str:
    """Ratios."""
    lines = [[r["peer"], f"{r['side']} × {r['side']}", f"{r['ratio']:.1f}"] for r in rows]
    head = (
        f"{rows[0]['machine']}; CPU time, the contenders take turns, the median ratio over the rounds. "
        "RandAugment with two operations on 64 colour pictures, each with draws of its own (the peers are called "
        "once a picture: on a batch they draw once for all). Above 1 labkit is faster.\n\n"
    )
    return head + kit.table(["peer", "pictures", "times as fast"], lines)


BENCHMARK = kit.Benchmark(
    "learned",
    "Learned augmentation, measured",
    "Mean ± standard deviation over seeds.",
    [
        kit.Part("search", measure_search, show_search, title="Is the search worth it?"),
        kit.Part("real", measure_real, show_real, title="MNIST and CIFAR-10"),
        kit.Part("widths", measure_widths, show_widths, title="A width that learns"),
        kit.Part("teacher", measure_teacher, show_teacher, title="Against a teacher"),
        kit.Part("speed", measure_speed, show_speed, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
