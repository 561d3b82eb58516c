"""Policy search by reinforcement: an agent that decides on an operation, and a world that answers with a reward.

    π = softmax(l),   J(l) = E_{a ~ π} R(a)
    ∇J = E[(R(a) − b) ∇ log π(a)]          REINFORCE (Williams 1992); any baseline b that doesn't depend on a
    ∂J/∂l_k = π_k (R_k − J)                the exact gradient, where the reward of every action is known

The baseline leaves the mean of the estimate as it is and makes its variance smaller; without one, rewards that are all
positive push up whatever is drawn. It is a constant to the gradient. Cubuk and others, "AutoAugment" (CVPR 2019), train
a recurrent controller like this, with the validation accuracy of a network trained with the policy as its reward.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Int, PerSample, Scalar, finite, labels

Reward = Callable[[Int[Tensor, " b"]], PerSample]
"""The world: from actions (B,) to what each earns (B,)."""


def reinforce_loss(
    logits: Float[Tensor, " k"], actions: Int[Tensor, " b"], rewards: PerSample, *, baseline: float | Scalar = 0.0
) -> Scalar:
    """The loss whose gradient is the negative REINFORCE estimate: −mean of (R − b) log π(a).

    Args:
        logits: (K,) of the policy.
        actions: (B,) that were drawn from it.
        rewards: (B,) that they earned; constants.
        baseline: b; a constant too.

    Raises:
        ValueError: if actions and rewards don't fit the policy.

    >>> l = torch.zeros(2, requires_grad=True)
    >>> torch.autograd.grad(reinforce_loss(l, torch.tensor([0]), torch.tensor([1.0])), l)[0]
    tensor([-0.5000,  0.5000])
    """
    refuse_logits(logits)
    labels(actions, classes=len(logits), name="actions")
    if rewards.shape != actions.shape or not len(actions):
        raise ValueError(f"rewards have shape {tuple(rewards.shape)}; expected one an action, {tuple(actions.shape)}")
    finite(rewards, name="rewards")
    constant = baseline.detach() if isinstance(baseline, Tensor) else baseline
    advantage = rewards.detach() - constant
    return -(advantage * functional.log_softmax(logits, dim=0)[actions]).mean()


def exact_policy_gradient(logits: Float[Tensor, " k"], rewards: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """The gradient of the expected reward, by enumeration: π_k (R_k − Σ π R).

    Raises:
        ValueError: if there isn't one reward for each action.

    >>> exact_policy_gradient(torch.zeros(2), torch.tensor([1.0, 0.0]))
    tensor([ 0.2500, -0.2500])
    """
    refuse_logits(logits)
    if rewards.shape != logits.shape:
        raise ValueError(f"expected one reward for each of {len(logits)} actions; these are {tuple(rewards.shape)}")
    p = logits.softmax(0)
    return p * (rewards - (p * rewards).sum())


class Agent(nn.Module):
    """A policy over K actions that learns from rewards, with a moving mean as baseline.

    Args:
        actions: K.
        decay: of the moving mean of rewards; None for no baseline.

    Raises:
        ValueError: if there are fewer than 2 actions, or ``decay`` is not in [0, 1).

    >>> agent = Agent(3)
    >>> agent.probabilities
    tensor([0.3333, 0.3333, 0.3333])
    """

    def __init__(self, actions: int, *, decay: float | None = 0.9) -> None:
        super().__init__()
        if actions < 2 or (decay is not None and not 0 <= decay < 1):
            raise ValueError(f"actions is {actions} and decay {decay}; expected 2 actions or more, a decay in [0, 1)")
        self.logits, self.decay = nn.Parameter(torch.zeros(actions)), decay
        self.baseline: float | None = None

    @property
    def probabilities(self) -> Float[Tensor, " k"]:
        """π, detached."""
        return self.logits.detach().softmax(0)

    def decide(self, n: int, *, generator: Generator | None = None) -> Int[Tensor, " {n}"]:
        """n actions drawn from the policy."""
        return torch.multinomial(self.probabilities, n, replacement=True, generator=generator)

    def learned_from(self, rewards: PerSample) -> float:
        """The baseline for these rewards (0 without one), which then moves towards their mean."""
        if self.decay is None:
            return 0.0
        mean = float(rewards.mean())
        before = mean if self.baseline is None else self.baseline
        self.baseline = self.decay * before + (1 - self.decay) * mean
        return before


class SearchStep:
    """A step for ``train.fit``, which needs no batch: decide, get the reward, learn.

    Args:
        agent: whose policy learns.
        reward: the world.
        optimizer: of the agent's logits.
        tries: actions a step.
        entropy: a bonus for indecision, times the policy's entropy.
        generator: of the decisions.

    Attributes:
        spent: the number of rewards asked for so far, which is what a search costs.

    >>> agent = Agent(2)
    >>> step = SearchStep(agent, lambda a: a.float(), torch.optim.SGD(agent.parameters(), lr=1.0), tries=8)
    >>> sorted(step()), step.spent
    (['entropy', 'reward'], 8)
    """

    def __init__(
        self, agent: Agent, reward: Reward, optimizer: torch.optim.Optimizer, *, tries: int = 4,
        entropy: float = 0.0, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        self.agent, self.reward, self.optimizer = agent, reward, optimizer
        self.tries, self.entropy, self.generator, self.spent = tries, entropy, generator, 0

    def __call__(self, batch: object = None) -> dict[str, Tensor]:
        """One update: the mean reward, and the entropy of the policy in nats."""
        actions = self.agent.decide(self.tries, generator=self.generator)
        rewards = self.reward(actions)
        self.spent += self.tries
        baseline = self.agent.learned_from(rewards)
        log_p = self.agent.logits.log_softmax(0)
        entropy = -(log_p.exp() * log_p).sum()
        loss = reinforce_loss(self.agent.logits, actions, rewards, baseline=baseline) - self.entropy * entropy
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"reward": rewards.mean(), "entropy": entropy.detach()}


def refuse_logits(logits: Tensor) -> None:
    """Refuse logits that are not (K,)."""
    if logits.ndim != 1 or not len(logits):
        raise ValueError(f"logits have shape {tuple(logits.shape)}; expected one number an action, (K,)")
