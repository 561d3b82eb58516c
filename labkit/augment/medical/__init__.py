"""Medical images: few labels, other scanners, and lesions that fill a hundredth of the picture.

Every function is batched and runs on any device, masks stay exact, and a transform may know the region it works in::

    from labkit.augment import Compose, image, medical

    policy = Compose([
        medical.PasteLesion(where="organ"),                      # a partner's lesion, inside the organ, soft edges
        image.HorizontalFlip(), medical.AffineElastic(),           # one look-up; the mask by the nearest pixel
        medical.Gamma(), medical.BiasField(), medical.RicianNoise(),
    ])
    result = policy(x, mask=torch.stack([lesion, organ], 1), generator=g)
    result.x, result.mask[:, 0]

    medical.Differential(inside=medical.Gamma((0.5, 2.0)), outside=medical.Gamma((0.9, 1.1)))(x, mask=lesion)
    step = medical.MeanTeacherStep(model, teacher, optimizer, labelled=policy, unlabelled=medical.AffineElastic(10))

How well masks agree is in ``labkit.metrics``: ``dice``, ``hausdorff``, ``lesion_detection``, ``soft_dice_loss``.
"""

from labkit.augment.medical.differential import Differential, differential
from labkit.augment.medical.intensity import BiasField, Gamma, RicianNoise, bias_field, bias_terms, gamma, rician_noise
from labkit.augment.medical.learning import (
    MeanTeacherStep,
    consistency_loss,
    label_by_rule,
    segmentation_loss,
    segmentation_step,
)
from labkit.augment.medical.paste import CarveMix, PasteLesion, carve_limits, carvemix, paste
from labkit.augment.medical.regions import draw_place, inpaint, places, shift, soft_edge
from labkit.augment.medical.spatial import AffineElastic, affine_elastic_grid, warp_prediction

__all__ = [
    "AffineElastic", "BiasField", "CarveMix", "Differential", "Gamma", "MeanTeacherStep", "PasteLesion", "RicianNoise",
    "affine_elastic_grid", "bias_field", "bias_terms", "carve_limits", "carvemix", "consistency_loss", "differential",
    "draw_place", "gamma", "inpaint", "label_by_rule", "paste", "places", "rician_noise", "segmentation_loss",
    "segmentation_step", "shift", "soft_edge", "warp_prediction",
]  # fmt: skip
