"""Image transforms: functions that apply given parameters, and small classes that draw them.

Images are ``float (B, C, H, W)`` in [0, 1]. A parameter is one number, or a tensor (B,) with one for each sample::

    from labkit.augment import image

    image.rotate(x, degrees=20)                                  # all by 20°, anticlockwise
    image.rotate(x, degrees=torch.linspace(-20, 20, len(x)))     # each by its own angle
    image.Rotate(20)(x, generator=g)                             # each by an angle drawn from ±20°
    result = image.Rotate(20)(x, generator=g, mask=m, y=labels)  # what belongs to the pictures moves with them
    result.image, result.mask, result.y

Where things are: a point is (x, y), x to the right and y downward, in pixels, and (0, 0) is the *centre* of the top
left pixel, so that the picture's centre, about which it turns, is ((W − 1)/2, (H − 1)/2). Boxes are given by the
*edges* of pixels: the box of ``x[..., t:b, l:r]`` is (l, t, r, b). Angles are in degrees, anticlockwise as one looks
at the picture.
"""

from labkit.augment.image.boxes import SanitizeBoxes, sanitize_boxes, visible_boxes, visible_keypoints
from labkit.augment.image.colour import (
    brightness,
    color_jitter,
    contrast,
    equalize,
    grayscale,
    hue,
    invert,
    posterize,
    saturation,
    solarize,
)
from labkit.augment.image.colour_transforms import (
    Brightness,
    ColorJitter,
    Contrast,
    Equalize,
    Grayscale,
    Hue,
    Invert,
    Posterize,
    Saturation,
    Solarize,
)
from labkit.augment.image.crop_transforms import RandomCrop, RandomResizedCrop, Resize, random_boxes
from labkit.augment.image.erasing import box_masks, cutout, erase
from labkit.augment.image.erasing_transforms import Cutout, RandomErasing
from labkit.augment.image.filter_transforms import Emboss, GaussianBlur, MotionBlur, Sharpen
from labkit.augment.image.filters import (
    box_blur,
    emboss,
    filter2d,
    gaussian_blur,
    gaussian_kernel,
    laplacian,
    motion_blur,
    motion_kernel,
    sharpen,
    sobel,
    sobel_gradients,
    unsharp,
)
from labkit.augment.image.geometry import (
    affine,
    corners,
    elastic,
    hflip,
    perspective,
    rotate,
    rotated_size,
    scale,
    shear,
    translate,
    vflip,
)
from labkit.augment.image.geometry_transforms import (
    Affine,
    Elastic,
    HorizontalFlip,
    Perspective,
    Rotate,
    Scale,
    Shear,
    Translate,
    VerticalFlip,
    elastic_field,
)
from labkit.augment.image.matrices import affine_matrix, homography, invert_matrix, warp_boxes, warp_points
from labkit.augment.image.noise import (
    add_cauchy_noise,
    add_gaussian_noise,
    photon_counts,
    poisson_noise,
    salt_and_pepper,
    speckle,
    standard_cauchy,
)
from labkit.augment.image.noise_transforms import CauchyNoise, GaussianNoise, PoissonNoise, SaltAndPepper, Speckle
from labkit.augment.image.resizing import crop, crop_resize, pad, resize
from labkit.augment.image.transform import ImageTransform, PhotometricTransform
from labkit.augment.image.warping import sample, warp
from labkit.augment.pipeline import Compose, Identity, OneOf, Sometimes
from labkit.augment.transform import Annotated

__all__ = [
    "Affine",
    "Annotated",
    "Brightness",
    "CauchyNoise",
    "ColorJitter",
    "Compose",
    "Contrast",
    "Cutout",
    "Elastic",
    "Emboss",
    "Equalize",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "HorizontalFlip",
    "Hue",
    "Identity",
    "ImageTransform",
    "Invert",
    "MotionBlur",
    "OneOf",
    "Perspective",
    "PhotometricTransform",
    "PoissonNoise",
    "Posterize",
    "RandomCrop",
    "RandomErasing",
    "RandomResizedCrop",
    "Resize",
    "Rotate",
    "SaltAndPepper",
    "SanitizeBoxes",
    "Saturation",
    "Scale",
    "Sharpen",
    "Shear",
    "Solarize",
    "Sometimes",
    "Speckle",
    "Translate",
    "VerticalFlip",
    "add_cauchy_noise",
    "add_gaussian_noise",
    "affine",
    "affine_matrix",
    "box_blur",
    "box_masks",
    "brightness",
    "color_jitter",
    "contrast",
    "corners",
    "crop",
    "crop_resize",
    "cutout",
    "elastic",
    "elastic_field",
    "emboss",
    "equalize",
    "erase",
    "filter2d",
    "gaussian_blur",
    "gaussian_kernel",
    "grayscale",
    "hflip",
    "homography",
    "hue",
    "invert",
    "invert_matrix",
    "laplacian",
    "motion_blur",
    "motion_kernel",
    "pad",
    "perspective",
    "photon_counts",
    "poisson_noise",
    "posterize",
    "random_boxes",
    "resize",
    "rotate",
    "rotated_size",
    "salt_and_pepper",
    "sample",
    "sanitize_boxes",
    "saturation",
    "scale",
    "sharpen",
    "shear",
    "sobel",
    "sobel_gradients",
    "solarize",
    "speckle",
    "standard_cauchy",
    "translate",
    "unsharp",
    "vflip",
    "visible_boxes",
    "visible_keypoints",
    "warp",
    "warp_boxes",
    "warp_points",
]
