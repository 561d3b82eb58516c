"""Shokri's attack: learn from models of one's own what a model's answer to a member looks like.

Train shadow models on data like Bob's; ask each about records it has and has not learned from; and train for every
class an *attack model* that tells the two kinds of answers (probability vectors) apart. R. Shokri, M. Stronati, C.
Song and V. Shmatikov, "Membership Inference Attacks Against Machine Learning Models" (2017): the deck's figure 4.
"""

import torch
from torch import Tensor
from torch.nn import functional

from labkit import nets, train
from labkit.membership.stacked import StackedModels
from labkit.shapes import Bool, Float, Int, Labels, Logits, PerSample


class ShadowAttack:
    """The attack models, one a class, trained together. Made by ``shadow_attack``."""

    def __init__(self, stack: StackedModels) -> None:
        self.stack = stack

    def scores(self, logits: Logits, y: Labels) -> PerSample:
        """The log-odds of "member" for the target model's answers; above 0 the attack says yes.

        Raises:
            ValueError: if the answers have other classes than the shadow models had.
        """
        if logits.shape[1] != len(self.stack):
            raise ValueError(f"the answers have {logits.shape[1]} classes, the shadow models had {len(self.stack)}")
        answers = self.stack(functional.softmax(logits, dim=1))
        return answers[y.long(), torch.arange(len(y), device=y.device), 0]


def shadow_attack(
    logits: Float[Tensor, "m n k"],
    members: Bool[Tensor, "m n"],
    y: Int[Tensor, " n"],
    *,
    hidden: int = 64,
    steps: int = 300,
    batch_size: int = 64,
    lr: float = 0.01,
    generator: torch.Generator,
) -> ShadowAttack:
    """Train an attack model for each class on what shadow models answered.

    Members and others are drawn equally often, so that a log-odds of 0 means "as likely as not".

    Args:
        logits: answers of m shadow models to n records, k classes.
        members: which records each shadow model was trained on.
        y: the records' classes.
        hidden: units of the attack models' one hidden layer; 64 in the paper.
        steps: updates.
        batch_size: answers a batch and class.
        lr: Adam's learning rate.
        generator: of the batches and the start.

    Raises:
        ValueError: if the shapes don't fit, or a class lacks answers to members or to others.
    """
    m, n, k = logits.shape
    if members.shape != (m, n) or y.shape != (n,):
        raise ValueError(
            f"logits have shape {(m, n, k)}, members {tuple(members.shape)}, y {tuple(y.shape)}; "
            "expected (m, n, k), (m, n) and (n,)"
        )
    answers, inside = functional.softmax(logits, dim=2).flatten(0, 1), members.flatten()
    classes = y.long().repeat(m)
    pools = [[((classes == c) & (inside == kind)).nonzero()[:, 0] for kind in (True, False)] for c in range(k)]
    if any(len(pool) == 0 for pair in pools for pool in pair):
        raise ValueError("a class has no member or no other among the shadow models' records; expected both of each")
    stack = StackedModels([_attack_model(k, hidden, generator).to(answers.device) for _ in range(k)])
    optimizer = torch.optim.Adam(stack.parameters(), lr=lr)
    target = (
        (torch.arange(2 * (batch_size // 2), device=answers.device) < batch_size // 2).to(answers.dtype).expand(k, -1)
    )

    def step(index: Tensor) -> dict[str, Tensor]:
        value = functional.binary_cross_entropy_with_logits(stack.forward_each(answers[index])[..., 0], target)
        train.descend(optimizer, k * value)
        return {"loss": value.detach()}

    def batches() -> list[Tensor]:
        return [torch.stack([torch.cat([_some(p, batch_size // 2, generator) for p in pair]) for pair in pools])]

    train.fit(step, batches, epochs=steps)
    return ShadowAttack(stack)


def _attack_model(k: int, hidden: int, generator: torch.Generator) -> nets.MLP:
    """A perceptron from k probabilities to one number, its start drawn with the generator."""
    with nets.seeded_weights(generator):
        return nets.MLP(k, 1, hidden=(hidden,))


def _some(pool: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """``size`` of the pool, with repetition."""
    return pool[torch.randint(len(pool), (size,), generator=generator, device=generator.device).to(pool.device)]
