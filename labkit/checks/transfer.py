"""Topic ``transfer``: the cases on which the answers of exercise 15 are tried."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Generator, nn

from labkit.checks.protocol import Case, Compare
from labkit.checks.tensors import drawn

DOUBLE = torch.float64
FEATURES = (("words of English", "mails at Gmail"), ("words of English", "mails at Yahoo"),
            ("words of Spanish", "mails at Gmail"), ("words of Spanish", "mails at Yahoo"))  # fmt: skip
TASKS = (("spam or not", "what Ada calls spam"), ("spam or not", "what Bo calls spam"),
         ("urgent or not", "what Ada calls spam"), ("urgent or not", "what Bo calls spam"))  # fmt: skip
"""Names of 𝒳 and P(X), of 𝒴 and P(Y|X): all ways in which a second one differs from the first."""


class SettingName(Compare):
    """The name of a setting of transfer."""

    key = "transfer.setting"
    points = 2
    returns = "the name"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Every way to differ in domain or task, with labels in both, in either, in neither."""
        titles = {(True, True): "both", (True, False): "the source alone", (False, True): "the target alone",
                  (False, False): "neither"}  # fmt: skip
        for domain in FEATURES:
            for task in TASKS:
                for (here, there), where in titles.items():
                    many = torch.randint(1, 5000, (2,), generator=g) * torch.tensor([here, there])
                    source, target = (*FEATURES[0], *TASKS[0]), (*domain, *task)
                    differ = [name for name, a, b in zip(("𝒳", "P(X)", "𝒴", "P(Y|X)"), source, target) if a != b]
                    title = f"different: {', '.join(differ) or 'nothing'}; labels in {where}"
                    yield {"case": title, "source": source, "target": target, "labels": many}


class ImportanceWeights(Compare):
    """Turn a classifier of domains into importance weights."""

    key = "transfer.importance_weights"
    points = 2
    returns = "the weights"
    no_gradients = "weights are computed before a model learns"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two samples; more of the source, more of the target, as many of both; one sample; float64."""

        def case(name: str, n: int, sizes: tuple[int, int], dtype: torch.dtype = torch.float32) -> Case:
            p = 0.05 + 0.9 * torch.rand(n, generator=g, dtype=dtype)
            return {"case": name, "p": p, "n_source": sizes[0], "n_target": sizes[1]}

        yield case("two samples", 2, (300, 100))
        yield case("a small source", 9, (40, 1000))
        yield case("as many of both", 6, (70, 70))
        yield case("one sample", 1, (50, 20))
        sure = case("a classifier that is nearly sure", 4, (500, 100), DOUBLE)
        sure["p"][0], sure["p"][1] = 0.999, 0.001
        yield sure


class EffectiveSampleSize(Compare):
    """The effective sample size: how many equally weighted samples the weighted ones are worth."""

    key = "transfer.effective_sample_size"
    returns = "the size"
    number = True
    no_gradients = "it is looked at, not learned from"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Three weights; equal ones; zeros among them; far from mean 1; one alone; float64."""
        rand = lambda n, dtype=torch.float32: 0.1 + torch.rand(n, generator=g, dtype=dtype) ** 2  # noqa: E731
        yield {"case": "three weights", "w": rand(3)}
        yield {"case": "equal weights", "w": rand(1).expand(7).clone()}
        yield {"case": "many are 0", "w": torch.cat([torch.zeros(5), rand(4)])}
        yield {"case": "large weights", "w": 100 * rand(12)}
        yield {"case": "weights that add up to 1", "w": (w := rand(8, DOUBLE)) / w.sum()}
        yield {"case": "one sample", "w": rand(1)}


class ClipWeights(Compare):
    """Cut weights that are too large."""

    key = "transfer.clip_weights"
    points = 2
    returns = "the weights"
    no_gradients = "weights are computed before a model learns"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One of four is cut; weights of any scale; several are cut; none is; one sample; float64."""

        def case(name: str, n: int, scale: float, most: float, dtype: torch.dtype = torch.float32) -> Case:
            w = scale * torch.rand(n, generator=g, dtype=dtype) ** 3
            w[0] = 1.5 * n * scale
            return {"case": name, "w": w[torch.randperm(n, generator=g)], "most": most}

        yield case("one of four is cut", 4, 1.0, 2.0)
        yield case("weights of another scale", 8, 30.0, 3.0)
        yield case("a low cap", 10, 0.2, 0.5, DOUBLE)
        yield {"case": "none is cut", "w": 0.5 + torch.rand(6, generator=g), "most": 10.0}
        yield {"case": "one sample", "w": 2 + torch.rand(1, generator=g), "most": 5.0}


class Procrustes(Compare):
    """The orthogonal map between two languages."""

    key = "transfer.procrustes"
    points = 2
    returns = "the map"
    no_gradients = "it is solved for, not learned by gradients"
    atol = 1e-4

    def cases(self, g: Generator) -> Iterator[Case]:
        """Three pairs in the plane; a reflection; other lengths and an offset; one dimension; many pairs; float64."""

        def case(name: str, n: int, d: int, *, mirror: bool = False, offset: float = 0.0, noise: float = 0.3,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            x = torch.randn(n, d, generator=g, dtype=DOUBLE) * (0.5 + 2 * torch.rand(n, 1, generator=g, dtype=DOUBLE))
            turn = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=DOUBLE)).Q
            if (torch.linalg.det(turn) < 0) != mirror:
                turn = turn * torch.tensor([-1.0] + [1.0] * (d - 1), dtype=DOUBLE)
            y = 1.7 * (x @ turn + noise * torch.randn(n, d, generator=g, dtype=DOUBLE)) - offset
            return {"case": name, "x": (x + offset).to(dtype), "y": y.to(dtype)}

        yield case("four pairs in the plane", 4, 2)
        yield case("a reflection", 9, 2, mirror=True)
        yield case("in five dimensions", 12, 5, dtype=DOUBLE)
        yield case("a reflection in four dimensions", 20, 4, mirror=True, noise=0.1)
        yield case("the two clouds lie apart", 15, 3, offset=1.0)
        yield case("one dimension", 6, 1, mirror=True)


class Csls(Compare):
    """CSLS: similarities of words, corrected for hubs."""

    key = "transfer.csls"
    points = 3
    returns = "the similarities"
    no_gradients = "a translation is looked up, not learned by gradients"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two words of each; more of the other; the nearest one; all of them; float64."""

        def case(name: str, n: int, m: int, d: int, k: int, dtype: torch.dtype = torch.float32) -> Case:
            x, y = (torch.randn(r, d, generator=g, dtype=dtype) + 0.5 for r in (n, m))
            return {"case": name, "x": 3 * x, "y": y, "k": k}

        yield case("two words of each, the nearest one", 2, 2, 2, 1)
        yield case("three and five words, the nearest two", 3, 5, 4, 2)
        yield case("six and four words, all four", 6, 4, 3, 4, DOUBLE)
        yield case("twelve and fifteen words, the nearest ten", 12, 15, 6, 10)


class SoftSharing(Compare):
    """The penalty of soft sharing."""

    key = "transfer.soft_sharing"
    points = 2
    returns = "the penalty"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """One layer; two layers; λ above 1, λ = 0; without a bias; float64."""

        def case(
            name: str, lambda_: float, *widths: int, bias: bool = True, dtype: torch.dtype = torch.float32
        ) -> Case:
            def network() -> nn.Module:
                layers: list[nn.Module] = []
                for one, other in pairwise(widths):
                    layers += [nn.Linear(one, other, bias=bias), nn.ReLU()]
                return drawn(nn.Sequential(*layers[:-1]), g, dtype=dtype)

            weight = torch.tensor(lambda_) * (0.5 + torch.rand((), generator=g))
            return {"case": name, "a": network(), "b": network(), "lambda_": weight}

        yield case("one layer", 0.5, 2, 1)
        yield case("two layers", 0.3, 3, 4, 2)
        yield case("a large λ, no bias", 3.0, 4, 2, bias=False)
        yield case("three layers in double precision", 0.01, 2, 5, 3, 2, dtype=DOUBLE)
        yield case("λ = 0", 0.0, 3, 2)


class SgnsLoss(Compare):
    """Skip-gram's loss with negative sampling."""

    key = "transfer.sgns_loss"
    points = 3
    returns = "the loss"
    number = True
    gradients = ("v", "u")

    def cases(self, g: Generator) -> Iterator[Case]:
        """One pair, one negative; several; a negative that is the context; a centre twice; a sure model; float64."""

        def case(name: str, words: int, pairs: int, k: int, *, scale: float = 1.0,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            v, u = (scale * torch.randn(words, 3, generator=g, dtype=dtype) for _ in range(2))
            order = torch.rand(pairs, words, generator=g).argsort(1)
            # Columns of an order: a context and negatives that differ from each other.
            context, negatives = order[:, 0], order[:, 1 : k + 1]
            centre = torch.randint(words, (pairs,), generator=g)
            return {"case": name, "v": v, "u": u, "centre": centre, "context": context, "negatives": negatives}

        yield case("one pair, one negative", 3, 1, 1)
        yield case("four pairs, three negatives each", 8, 4, 3)
        yield case("double precision", 9, 5, 2, dtype=DOUBLE)
        met = case("a negative that is the context itself", 6, 3, 4)
        met["negatives"][0, 1] = met["context"][0]
        met["negatives"][2, 0] = met["context"][2]
        yield met
        yield case("a model that is very sure", 5, 4, 2, scale=12.0)


CHECKS = (
    SettingName(), ImportanceWeights(), EffectiveSampleSize(), ClipWeights(), Procrustes(), Csls(), SoftSharing(),
    SgnsLoss(),
)  # fmt: skip
