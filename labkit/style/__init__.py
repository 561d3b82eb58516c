"""Style transfer: a picture with the content of one and the style of another, and styles as augmentation.

    content      F(c)                      the maps of a frozen encoder, with their places
    style        G = F Fᵀ / M              their Gram matrices: what occurs together, the places summed out
    optimised    z ← argmin_z α ‖F(z) − F(c)‖² + β Σ_l E_l(z, s)         Gatys, Ecker and Bethge 2016: the pixels move
    fast         z = f_θ(c)                Johnson, Alahi and Li 2016: the same loss has trained a network
    any style    z = g(AdaIN(f(c), f(s)))  Huang and Belongie 2017: a decoder, and statistics exchanged
    augmented    MixStyle in a network's early layers (Zhou and others 2021), textures exchanged, styles drawn

The deck (002) says that the separation "forms the Gram matrix". The Gram matrix is only the style statistic; the
content is the map itself, and neither is pure: a map knows colours and textures too.

``statistics``  Gram matrices, moments, and what it means that they are equal
``losses``      content, style, total variation; the loss of all
``encoders``    random filters, or layers of any network
``pixels``      style transfer by descent on the pixels
``fast``        steps that train a network by the same loss; ``networks`` has it
``adaptive``    AdaIN, its decoder's step, one forward pass for any style
``mixing``      MixStyle, and textures exchanged between pictures
``colour``      Reinhard's colour transfer, to compare with
``cues``        shape against texture: what does a classifier go by?
"""

from labkit.style.adaptive import adain, adain_step, moment_loss, stylize
from labkit.style.colour import colour_transfer, lab_to_rgb, rgb_to_lab
from labkit.style.cues import Cues, cue_pictures, cue_shares, edge_agreement, textures
from labkit.style.encoders import FeatureMaps, FilterBank
from labkit.style.fast import fast_style_step, texture_step
from labkit.style.losses import PerceptualLoss, content_loss, style_loss, total_variation
from labkit.style.mixing import MixStyle, exchange_texture, mixstyle
from labkit.style.networks import Decoder, StyleNet
from labkit.style.pixels import PixelStep, Stylized, stylize_pixels
from labkit.style.statistics import gram, gram_distance, moments, squared_mmd, style_of

__all__ = [
    "Cues",
    "Decoder",
    "FeatureMaps",
    "FilterBank",
    "MixStyle",
    "PerceptualLoss",
    "PixelStep",
    "StyleNet",
    "Stylized",
    "adain",
    "adain_step",
    "colour_transfer",
    "content_loss",
    "cue_pictures",
    "cue_shares",
    "edge_agreement",
    "exchange_texture",
    "fast_style_step",
    "gram",
    "gram_distance",
    "lab_to_rgb",
    "mixstyle",
    "moment_loss",
    "moments",
    "rgb_to_lab",
    "squared_mmd",
    "style_loss",
    "style_of",
    "stylize",
    "stylize_pixels",
    "texture_step",
    "textures",
    "total_variation",
]  # fmt: skip
