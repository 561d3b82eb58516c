"""The objective of S+U learning, each term a function.

    patch_cross_entropy(z, refined=True)  = Σ_patches −log σ(z)            D says: refined
    patch_cross_entropy(z, refined=False) = Σ_patches −log(1 − σ(z))       D says: real
    realism(z)                            = patch_cross_entropy(z, refined=False) of *refined* images
    self_regularisation(x̃, x; ψ)         = ‖ψ(x̃) − ψ(x)‖₁

with z = D's map of logits, so that D_φ = σ(z) is the probability that a patch is refined. Sums run over the patches
(or the entries of ψ) of an image, means over the images of a batch: λ then means the same for any batch. The logarithms
are never taken of a rounded probability: −log σ(z) = softplus(−z). Equations 1 to 4 of Shrivastava and others (2017).
"""

from torch import Tensor
from torch.nn import functional

from labkit.shapes import Features, Float, Images, Scalar
from labkit.train import identity

Maps = Float[Tensor, "b p q"]


def patch_cross_entropy(logits: Maps, *, refined: bool) -> Scalar:
    """How far the discriminator is from saying that every patch is ``refine_images``, or that every one is real.

    Args:
        logits: D's map for each image, σ(logit) = the probability that the patch was refined.
        refined: what the images are to be taken for.

    Returns:
        The cross-entropy in nats, summed over the patches of an image, averaged over images.

    Raises:
        ValueError: if there is no image or no patch.
    """
    if logits.numel() == 0:
        raise ValueError(f"logits have shape {tuple(logits.shape)}; expected at least one image and one patch")
    return functional.softplus(-logits if refined else logits).sum((1, 2)).mean()


def discriminator_loss(refined: Maps, real: Float[Tensor, "n p q"]) -> Scalar:
    """L_D: what D loses on refined images, taken for real ones, and on real ones, taken for refined.

    Args:
        refined: D's logits for refined images; detach them from the refiner.
        real: D's logits for real images; there may be another number of them.

    Raises:
        ValueError: as ``patch_cross_entropy``.
    """
    return patch_cross_entropy(refined, refined=True) + patch_cross_entropy(real, refined=False)


def realism(logits: Maps) -> Scalar:
    """−log(1 − D(R(x))): small where D takes every patch of the *refined* images for real.

    Raises:
        ValueError: as ``patch_cross_entropy``.
    """
    return patch_cross_entropy(logits, refined=False)


def self_regularisation(refined: Images, synthetic: Images, *, psi: Features = identity) -> Scalar:
    """‖ψ(R(x)) − ψ(x)‖₁, summed over an image's features and averaged over images.

    Args:
        refined: R(x).
        synthetic: x, in the same order.
        psi: features (B, …) of a batch of images: the pixels; a mean over channels, as for the paper's hands;
            the features of a network that reads the label.

    Raises:
        ValueError: if the two batches differ in shape.
    """
    if refined.shape != synthetic.shape:
        raise ValueError(
            f"refined has shape {tuple(refined.shape)}, synthetic {tuple(synthetic.shape)}; expected the same"
        )
    return (psi(refined) - psi(synthetic)).abs().flatten(1).sum(1).mean()


def refiner_loss(
    logits: Maps, refined: Images, synthetic: Images, *, lambda_: float, psi: Features = identity
) -> Scalar:
    """L_R: realism plus λ times self-regularisation.

    Args:
        logits: D's logits for ``refine_images``.
        refined: R(x).
        synthetic: x.
        lambda_: λ; 0 leaves the labels to chance, a large one leaves the images as they are.
        psi: as in ``self_regularisation``.

    Raises:
        ValueError: if ``lambda_`` is negative, or as the two terms.
    """
    if lambda_ < 0:
        raise ValueError(f"lambda_ is {lambda_}; expected 0 or more")
    return realism(logits) + lambda_ * self_regularisation(refined, synthetic, psi=psi)
