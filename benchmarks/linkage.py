"""Linkage measured: against the formula, on MovieLens 100k and a simulated service, on tables, digits, and for speed.

    python -m benchmarks.linkage oracle movielens promises service tables synthetic speed

MovieLens 100k and Adult are read through LABKIT_DATA. Each part writes its own section of
``benchmarks/results/linkage.md`` and leaves the others.
"""

import argparse
import csv
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from labkit import data, linkage, metrics
from labkit.data.download import folders
from labkit.data.simulate import Ratings

RESULTS = Path(__file__).parent / "results" / "linkage.md"
SEEDS = range(5)
WORLDS: Mapping[str, Mapping[str, Any]] = {
    "exact": {},
    "±1 star, ±14 days": {"stars": 1, "days": 14},
    "±14 days, two plainly wrong": {"days": 14, "wrong": 2},
    "no dates": {"dates": False},
    "no dates, none of the 100 hits": {"dates": False, "beyond": 100},
}
PROMISES: Mapping[str, tuple[float, float, tuple[int, int] | None]] = {
    "names removed": (1.0, 1.0, None),
    "half of the people": (0.5, 1.0, None),
    "a tenth of the people": (0.1, 1.0, None),
    "half of all ratings": (1.0, 0.5, None),
    "a tenth of all ratings": (1.0, 0.1, None),
    "perturbed ±1 star, ±14 days": (1.0, 1.0, (1, 14)),
    "perturbed ±2 stars, ±60 days": (1.0, 1.0, (2, 60)),
    "perturbed ±4 stars, ±200 days": (1.0, 1.0, (4, 200)),
}


def seeded(seed: int) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def percent(values: Any) -> str:
    """Mean ± standard deviation in per cent."""
    return str(metrics.summary(values, percent=True))


# ── oracle ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Records = list[dict[int, tuple[int, int]]]


def records(ratings: Ratings) -> tuple[Records, Counter[int]]:
    """The release as dictionaries, and how many hold each film."""
    found: Records = [{} for _ in range(ratings.users)]
    for u, f, s, d in zip(*(v.tolist() for v in (ratings.user, ratings.film, ratings.stars, ratings.day))):
        found[u][f] = (s, d)
    return found, Counter(ratings.film.tolist())


def slow(aux: linkage.AuxiliaryInfo, target: int, found: Records, support: Counter[int]) -> list[float]:
    """The paper's formula, one record and one film at a time."""
    items = list(zip(*(v[target].tolist() for v in (aux.film, aux.stars, aux.day))))
    scores = []
    for record in found:
        total = 0.0
        for film, stars, day in items:
            if film in record:
                s, d = record[film]
                near = math.exp(-abs(stars - s) / 1.5) + math.exp(-abs(day - d) / 30)
                total += near / math.log(max(support[film], 2))
        scores.append(total)
    return scores


def oracle() -> str:
    """The largest differences to the formula, and pycanon's k and l where it is installed."""
    ratings = data.movielens_100k(download=False).ratings
    aux = linkage.sample_auxiliary_info(ratings, torch.arange(20), 8, stars=1, days=14, generator=seeded(0))
    found, support = records(ratings)
    expected = torch.tensor([slow(aux, t, found, support) for t in range(20)], dtype=torch.float64)
    sparse = linkage.scores(aux, linkage.sort_by_film(ratings)).double()
    dense = linkage.dense_scores(aux, ratings.matrix(), ratings.matrix(ratings.day)).double()
    gaps = [float((v - expected).abs().max()) for v in (sparse, dense)]
    best = [int((v.argmax(1) == expected.argmax(1)).sum()) for v in (sparse, dense)]
    out = [
        "Scores of 20 targets (8 ratings each) against all 943 records of MovieLens 100k, beside the formula in plain "
        f"python: largest difference {gaps[0]:.1e} (sparse), {gaps[1]:.1e} (dense), float32; the same best record for "
        f"{best[0]} and {best[1]} of 20."
    ]
    try:
        import pandas
        from pycanon import anonymity
    except ImportError:
        return "\n".join([*out, "\npycanon is not installed: k and l were not compared with it."])
    equal = 0
    for seed in range(20):
        quasi = torch.randint(0, 4, (400, 3), generator=seeded(seed))
        sensitive = torch.randint(0, 5, (400,), generator=seeded(seed + 100))
        frame = pandas.DataFrame(torch.cat([quasi, sensitive[:, None]], 1).numpy(), columns=["a", "b", "c", "s"])
        names = ["a", "b", "c"]
        theirs = anonymity.k_anonymity(frame, names), anonymity.l_diversity(frame, names, ["s"])
        entropy = anonymity.entropy_l_diversity(frame, names, ["s"])
        ours = linkage.k_anonymity(quasi), linkage.l_diversity(quasi, sensitive)
        # pycanon gives the entropy version rounded down.
        equal += theirs == ours and entropy == int(linkage.l_diversity(quasi, sensitive, kind="entropy") + 1e-9)
    return "\n".join([*out, f"\nk, l and entropy l of 20 random tables (400 × 3): equal to pycanon's in {equal}."])


# ── MovieLens and the simulated service ───────────────────────────────────────────────────────────────────────────────


def published(ratings: Ratings, promise: str, seed: int) -> linkage.Release:
    """A release that keeps one of the promises."""
    people, share, moved = PROMISES[promise]
    g = seeded(seed)
    release = linkage.pseudonymise(ratings, fraction=people, generator=g)
    part = release.ratings
    if share < 1:
        part = linkage.sample_ratings(part, share, generator=g)
    if moved:
        part = linkage.perturb(part, stars=moved[0], days=moved[1], generator=g)
    return linkage.Release(part, release.identity)


def growth(ratings: Ratings, sizes: tuple[int, ...]) -> str:
    """Identified, falsely claimed, and best record right, by number of known ratings and by errors."""
    out = ["| known | " + " | ".join(WORLDS) + " |", "|---" * (len(WORLDS) + 1) + "|"]
    everybody = torch.arange(ratings.users)
    for m in sizes:
        cells = []
        for errors in WORLDS.values():
            rows = []
            for seed in SEEDS:
                release = linkage.pseudonymise(ratings, generator=seeded(seed))
                wrong = min(int(errors.get("wrong", 0)), m - 1)
                aux = linkage.sample_auxiliary_info(
                    ratings, everybody, m, generator=seeded(50 + seed), **{**errors, "wrong": wrong}
                )
                matches, truth = linkage.link(aux, release.ratings), release.truth(everybody)
                rates = linkage.attack_rates(matches, truth)
                rows.append((rates.identified, rates.false, float((matches.record == truth).double().mean())))
            cells.append(" / ".join(percent(column) for column in zip(*rows)))
        out.append(f"| {m} | {' | '.join(cells)} |")
        print(out[-1], flush=True)
    return "\n".join(out)


def movielens() -> str:
    """The paper's question on real ratings."""
    ratings = data.movielens_100k(download=False).ratings
    return (
        "943 people, 1,682 films, 100,000 ratings over 215 days; everybody is a target. Per cent *identified* / "
        "*falsely claimed* (φ = 1.5) / *best record right, claimed or not*; mean ± standard deviation over five "
        "draws of what is known. Where two are wrong and two or fewer are known, all but one are wrong.\n\n"
        + growth(ratings, (1, 2, 3, 4, 6, 8, 12))
        + "\n\nNarayanan and Shmatikov on the 500,000 subscribers of Netflix's release: with 8 ratings, 2 of them "
        "wrong, dates within 14 days, 99 % of the records are uniquely identified."
    )


def service() -> str:
    """The same for the simulator."""
    ratings = data.simulate.ratings(1000, generator=seeded(0))
    return "`data.simulate.ratings(1000)`: 500 films, 10 to 60 ratings each, 1,000 days. As above.\n\n" + growth(
        ratings, (1, 2, 3, 4, 6, 8)
    )


def promises() -> str:
    """What sampling and perturbation do, for people inside and outside the release, and what is learned about "
    "them."""
    ratings = data.movielens_100k(download=False).ratings
    out = [
        "MovieLens 100k; eight known ratings, two of them wrong, dates ±14 days; φ = 1.5; five releases. *Outside*: "
        "people who are not in the release (in the others their records were taken out). *Private opinions*: on a "
        "random tenth of the films, which the adversary knows nothing about; is a rating 4 or 5? Right about the "
        "ratings of 300 people, where silence is filled in with what most people in the release think (alone: last "
        "column).\n",
        "| release | inside: identified | inside: false claims | outside: false claims | private opinions | guessed |",
        "|---|---|---|---|---|---|",
    ]
    for name in PROMISES:
        rows = [promise_row(ratings, name, seed) for seed in SEEDS]
        out.append(f"| {name} | " + " | ".join(percent(column) for column in zip(*rows)) + " |")
        print(out[-1], flush=True)
    out.append(
        "\nφ against claims, a tenth of the people released:\n\n| φ | inside: identified | outside: falsely claimed |"
    )
    out.append("|---|---|---|")
    for phi in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0):
        rows = [promise_row(ratings, "a tenth of the people", seed, phi=phi)[:3] for seed in SEEDS]
        inside, _, outside = zip(*rows)
        out.append(f"| {phi} | {percent(inside)} | {percent(outside)} |")
    return "\n".join(out)


def promise_row(ratings: Ratings, name: str, seed: int, *, phi: float = 1.5) -> tuple[float, ...]:
    """One release of one kind: identified, false inside, false outside, private opinions, guessed."""
    release, everybody = published(ratings, name, seed), torch.arange(ratings.users)
    aux = linkage.sample_auxiliary_info(ratings, everybody, 8, days=14, wrong=2, generator=seeded(50 + seed))
    truth = release.truth(everybody)
    inside = linkage.attack_rates(linkage.link(aux.take(truth >= 0), release.ratings, phi=phi), truth[truth >= 0])
    absent = truth < 0
    part = release.ratings
    if not bool(absent.any()):
        # Everybody is in it: take a fifth of the records out and ask for their owners.
        absent = torch.isin(everybody, release.identity[: ratings.users // 5])
        part = part.take(part.user >= ratings.users // 5)
    outside = linkage.attack_rates(linkage.link(aux.take(absent), part, phi=phi), torch.full((int(absent.sum()),), -1))
    return (inside.identified, inside.false, outside.false, *opinions(ratings, release, seed))


def opinions(ratings: Ratings, release: linkage.Release, seed: int) -> tuple[float, float]:
    """Right about private opinions: after linking, and by guessing what most think."""
    private = torch.randperm(ratings.films, generator=seeded(seed))[: ratings.films // 10]
    hidden = torch.zeros(ratings.films, dtype=torch.bool).index_fill_(0, private, True)
    inside = release.identity[:300]
    aux = linkage.sample_auxiliary_info(
        ratings.take(~hidden[ratings.film]), inside, 8, days=14, wrong=2, generator=seeded(90 + seed)
    )
    read = linkage.disclosed_stars(linkage.link(aux, release.ratings), release.ratings, private)
    real = ratings.matrix()[:, private][inside]
    usual = (release.ratings.matrix()[:, private].nanmean(0).nan_to_num(3.5) >= 3.5).expand_as(read)
    guess, asked, likes = torch.where(read.isnan(), usual, read >= 4), ~real.isnan(), real >= 4
    return float((guess == likes)[asked].double().mean()), float((usual == likes)[asked].double().mean())


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def adult(name: str) -> tuple[Tensor, Tensor]:
    """Adult's numbers, sex and years of education (n, 6), and who earns more than 50,000."""
    path = next(folder / "adult" / name for folder in folders() if (folder / "adult" / name).exists())
    rows, y = [], []
    with path.open(encoding="utf-8") as file:
        for line in csv.reader(file, skipinitialspace=True):
            if len(line) == 15:
                rows.append([float(line[i]) for i in (0, 4, 10, 11, 12)] + [float(line[9] == "Male")])
                y.append(line[14].startswith(">50K"))
    return torch.tensor(rows), torch.tensor(y).long()


def tables() -> str:
    """k against what it costs and what it leaves open; real people on their quasi-identifiers."""
    lens = data.movielens_100k(download=False)
    known = {"age": lens.age, "+ sex": lens.female.long(), "+ occupation": lens.occupation, "+ postcode": lens.postcode}
    columns: list[Tensor] = []
    out = [
        "Unique among the 943 people of MovieLens 100k by what the files say of them:\n",
        "| known | unique | k |\n|---|---|---|",
    ]
    for name, column in known.items():
        columns.append(column)
        sizes = linkage.group_sizes(torch.stack(columns, 1))
        out.append(f"| {name} | {100 * float((sizes == 1).double().mean()):.1f} % | {int(sizes.min())} |")
    train, test = adult("adult.data"), adult("adult.test")
    mean, deviation = train[0].mean(0), train[0].std(0)

    def accuracy(x: Tensor) -> float:
        model = LogisticRegression(max_iter=1000).fit(((x - mean) / deviation).numpy(), train[1].numpy())
        return float(model.score(((test[0] - mean) / deviation).numpy(), test[1].numpy()))

    out += [
        f"\nAdult: {len(train[1]):,} people, six quasi-identifiers (age, education, capital gain and loss, hours, "
        f"sex), the sensitive value is the income (above 50,000 or not). Mondrian, one run (there is no chance in "
        f"it); logistic regression on the middles of the boxes, tested on {len(test[1]):,} real people. *Given "
        "away*: people in whose box everybody has the same income class.\n",
        "| k | l demanded | groups | penalty | accuracy, % | given away, % |\n|---|---|---|---|---|---|",
    ]
    for k, l in ((1, 1), (2, 1), (5, 1), (10, 1), (50, 1), (200, 1), (5, 2), (50, 2)):  # noqa: E741
        boxes = linkage.mondrian(train[0], k=k, sensitive=train[1], l=l)
        rich = torch.bincount(boxes.group, weights=train[1].double()) / torch.bincount(boxes.group)
        away = float(((rich == 0) | (rich == 1))[boxes.group].double().mean())
        cells = (len(rich), f"{boxes.penalty():.3f}", f"{100 * accuracy(boxes.middle()):.1f}", f"{100 * away:.1f}")
        out.append(f"| {k} | {l} | {' | '.join(map(str, cells))} |")
        print(out[-1], flush=True)
    return "\n".join(out)


# ── synthetic ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def gan(x: Tensor, y: Tensor, seed: int, *, steps: int) -> tuple[Callable[[Tensor], Tensor], Callable[..., Tensor]]:
    """A small class-conditional GAN of digits: its sampler and its discriminator."""
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(26, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
    D = nn.Sequential(nn.Linear(74, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    g_step, d_step = (torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999)) for net in (G, D))
    for _ in range(steps):
        some = torch.randint(0, len(x), (64,))
        c = functional.one_hot(y[some], 10).float()
        real = torch.cat([x[some].flatten(1), c], 1)
        fake = torch.cat([G(torch.cat([torch.randn(64, 16), c], 1)), c], 1)
        loss = functional.softplus(-D(real)).mean() + functional.softplus(D(fake.detach())).mean()
        d_step.zero_grad()
        loss.backward()
        d_step.step()
        loss = functional.softplus(-D(fake)).mean()
        g_step.zero_grad()
        loss.backward()
        g_step.step()

    def sample(y: Tensor) -> Tensor:
        c = functional.one_hot(y, 10).float()
        return G(torch.cat([torch.randn(len(y), 16), c], 1)).detach().view(-1, 1, 8, 8)

    return sample, lambda x, y: D(torch.cat([x.flatten(1), functional.one_hot(y, 10).float()], 1)).detach()[:, 0]


def synthetic() -> str:
    """Utility and the distance attack for each kind of release."""
    digits, test, ten = data.digits("train"), data.digits("test"), torch.arange(10).repeat(100)
    out = [
        "scikit-learn's digits; 1,000 released pictures. *Useful*: accuracy on 500 real digits of a logistic "
        "regression trained on the release. *Distance*: AUC of −distance to the nearest released picture, members "
        "against as many digits that were not used. *D*: AUC of the GAN's own discriminator, which a careful owner "
        "would not publish. Five draws of the members. The GAN: 1,500 steps, two layers of 64.\n",
        "| release | 100 members: useful | distance | D | 400 members: useful | distance | D |",
        "|---" * 7 + "|",
    ]
    table: dict[str, list[str]] = defaultdict(list)
    for per_class in (10, 40):
        found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for seed in SEEDS:
            g = seeded(seed)
            rest, members = digits.split(test=per_class, generator=g)
            others = rest.subset(per_class=per_class, generator=g)
            which = torch.randint(0, len(members), (1000,), generator=g)
            made = {
                f"copies, noise {v}": (linkage.copies(members.x, which, sigma=v, generator=g), members.y[which])
                for v in (0.0, 0.2, 0.4, 0.8)
            }
            for r in (0, 2, 8):
                model = linkage.Factors.fit(members.x, members.y, rank=r)
                made[f"Gaussian, {r} factors"] = (model.sample(ten, generator=g), ten)
            sample, D = gan(members.x, members.y, seed, steps=1500)
            made["GAN"] = (sample(ten), ten)
            both = torch.cat([members.x, others.x])
            inside = torch.arange(len(both)) < len(members)
            judge = metrics.roc_auc(D(both, torch.cat([members.y, others.y])), inside)
            for name, (x, y) in made.items():
                learner = LogisticRegression(max_iter=300).fit(x.flatten(1).numpy(), y.numpy())
                useful = float(learner.score(test.x.flatten(1).numpy(), test.y.numpy()))
                found[name].append(
                    (useful, metrics.roc_auc(-linkage.distance_to_closest_record(both, x), inside), judge)
                )
            print(per_class, seed, flush=True)
        for name, rows in found.items():
            useful, near, judged = zip(*rows)
            table[name] += [percent(useful), percent(near), percent(judged) if name == "GAN" else ""]
    out += [f"| {name} | {' | '.join(cells)} |" for name, cells in table.items()]
    return "\n".join(out)


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def large(users: int, films: int, per_user: int, seed: int) -> Ratings:
    """A service too large for the simulator's table: films by popularity 1/rank^.8, each once a user."""
    g = seeded(seed)
    share = 1 / (torch.arange(films) + 1.0) ** 0.8
    film = torch.multinomial(share, users * per_user, replacement=True, generator=g)
    pair = (torch.arange(users).repeat_interleave(per_user) * films + film).unique()
    n = len(pair)
    user, film = pair.div(films, rounding_mode="floor"), pair % films
    stars, day = torch.randint(1, 6, (n,), generator=g), torch.randint(0, 1000, (n,), generator=g)
    return Ratings(user, film, stars, day, users, films, 1000, data.About("large", "simulated"))


def speed() -> str:
    """Candidates a second: the attack, and the loop in plain python."""
    out = [
        "Eight known ratings a target; a candidate is one record scored for one target, and the decision is "
        f"included. CPU seconds, one thread, best of three alternating repeats; python {sys.version.split()[0]}, "
        f"torch {torch.__version__}. The loop is the formula above over dictionaries. *Prepared*: sorting the "
        "release once.\n",
        "| records × films | ratings | prepared, s | labkit, candidates/s | python loop, candidates/s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for users, films, per_user in ((1000, 500, 35), (10_000, 2000, 60), (100_000, 10_000, 100)):
        ratings = large(users, films, per_user, 0)
        start = time.process_time()
        table = linkage.sort_by_film(ratings)
        prepared = time.process_time() - start
        many, few = 128, max(1, 20_000 // users)
        aux = linkage.sample_auxiliary_info(ratings, torch.arange(many), 8, stars=1, days=14, generator=seeded(1))
        found, support = records(ratings)
        ours, theirs = [], []
        for _ in range(3):
            start = time.process_time()
            linkage.link(aux, table)
            ours.append(time.process_time() - start)
            start = time.process_time()
            for target in range(few):
                ranked = torch.tensor(slow(aux, target, found, support))
                linkage.eccentricity_test(ranked[None])
            theirs.append(time.process_time() - start)
        fast, plain = many * users / min(ours), few * users / min(theirs)
        size = f"{users:,} × {films:,} | {len(ratings):,}"
        row = f"| {size} | {prepared:.2f} | {fast:.2e} | {plain:.2e} | {fast / plain:.0f} |"
        out.append(row)
        print(row, flush=True)
    return "\n".join(out)


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "oracle": ("Against the formula", oracle),
    "movielens": ("How much must one know? MovieLens 100k", movielens),
    "promises": ("Sampling, perturbation, and people who are not there", promises),
    "service": ("The simulated service", service),
    "tables": ("Tables: what k costs and what it leaves open", tables),
    "synthetic": ("Synthetic release", synthetic),
    "speed": ("Speed", speed),
}


def write(heading: str, words: str) -> None:
    """Replace one section of the results."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    known = {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in old.split("\n## ")[1:]}
    known[heading] = words
    ordered = [f"\n## {name}\n\n{known[name].strip()}\n" for name, _ in PARTS.values() if name in known]
    RESULTS.parent.mkdir(exist_ok=True)
    head = "# Linkage, measured\n\nWritten by `python -m benchmarks.linkage`.\n"
    RESULTS.write_text(head + "".join(ordered), encoding="utf-8")


def main() -> None:
    """Run the parts named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[*PARTS], choices=[*PARTS])
    torch.set_num_threads(1)
    for part in parser.parse_args().parts:
        heading, measure = PARTS[part]
        write(heading, measure())


if __name__ == "__main__":
    main()
