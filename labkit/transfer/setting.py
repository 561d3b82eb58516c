"""What is transferred from where to where: the definitions of Pan and Yang as code, and the name of the setting.

    a domain     D = {𝒳, P(X)}       a feature space and how samples lie in it
    a task       T = {𝒴, P(Y|X)}     a label space and how labels follow from samples (the predictive function η)
    transfer     improve η_T with the help of D_S and T_S, where D_S ≠ D_T or T_S ≠ T_T

=============  =====================  ======================  ====================================================
setting        tasks                  labels                  kinds
=============  =====================  ======================  ====================================================
ordinary       the same, one domain                           learning without transfer
inductive      T_S ≠ T_T              in the target           multi-task (source labelled), self-taught (it isn't)
transductive   T_S = T_T, D_S ≠ D_T   in the source           covariate shift (only P(X)), other features (𝒳)
unsupervised   any                    in neither              clustering, a representation, a density
zero-shot      T_S ≠ T_T              in the source alone     not in their table: nothing says what target labels mean
=============  =====================  ======================  ====================================================

S. J. Pan and Q. Yang, "A Survey on Transfer Learning", IEEE TKDE 22(10), 2010, definitions 1 to 4, tables 1 to 3. Two
cases that their table leaves open are settled here: where only the target has labels, the setting is inductive
(self-taught) whatever the tasks, since there is no source task to be equal; and where tasks are equal and both have
labels, it stays transductive (their definition asks for no target labels; practice calls it supervised adaptation).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """D = {𝒳, P(X)}. Each part is a name: equal names mean equal spaces, equal distributions.

    Attributes:
        features: the feature space 𝒳, as in ``"words of English"``.
        marginal: the distribution P(X) over it, as in ``"mails at Gmail"``.
    """

    features: str
    marginal: str


@dataclass(frozen=True)
class Task:
    """T = {𝒴, P(Y|X)}.

    Attributes:
        labels: the label space 𝒴, as in ``"spam or not"``.
        conditional: how labels follow from samples, P(Y|X), which the predictive function η is to find out.
    """

    labels: str
    conditional: str


@dataclass(frozen=True)
class Problem:
    """A domain, a task in it, and whether some of its samples have labels."""

    domain: Domain
    task: Task
    labelled: bool = True


@dataclass(frozen=True)
class Setting:
    """What ``compare`` says of a source and a target.

    Attributes:
        name: ordinary, inductive, transductive, unsupervised, or zero-shot.
        kind: Pan and Yang's sub-kind, such as ``"multi-task"``; the name again where there is none.
        homogeneous: whether both have the same feature space 𝒳.
        differ: which of ``"X"``, ``"P(X)"``, ``"Y"``, ``"P(Y|X)"`` differ.
    """

    name: str
    kind: str
    homogeneous: bool
    differ: tuple[str, ...]


def compare(source: Problem, target: Problem) -> Setting:
    """Name the setting of transfer from ``source`` to ``target``.

    Where the feature spaces differ, so do the distributions over them; where the label spaces differ, so do the
    conditionals.

    >>> english = Domain("words of English", "reviews of films")
    >>> spanish = Domain("words of Spanish", "reviews of films")
    >>> opinion = Task("good or bad", "what the writer thinks")
    >>> setting = compare(Problem(english, opinion), Problem(spanish, opinion, labelled=False))
    >>> setting.name, setting.kind, setting.differ
    ('transductive', 'other features', ('X', 'P(X)'))
    """
    s, t = source, target
    x = s.domain.features != t.domain.features
    p = x or s.domain.marginal != t.domain.marginal
    y = s.task.labels != t.task.labels
    c = y or s.task.conditional != t.task.conditional
    differ = tuple(name for name, differs in (("X", x), ("P(X)", p), ("Y", y), ("P(Y|X)", c)) if differs)
    name, kind = _named(s.labelled, t.labelled, domains=p, tasks=c, features=x)
    return Setting(name, kind, not x, differ)


def _named(source: bool, target: bool, *, domains: bool, tasks: bool, features: bool) -> tuple[str, str]:
    """Setting and kind, from who has labels and what differs."""
    if not domains and not tasks:
        return "ordinary", "ordinary"
    if not source and not target:
        return "unsupervised", "unsupervised"
    if not source:
        return "inductive", "self-taught"
    if not tasks:
        return "transductive", "other features" if features else "covariate shift"
    return ("inductive", "multi-task") if target else ("zero-shot", "zero-shot")
