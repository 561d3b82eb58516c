"""Clustering that ignores transformations: k-means, Frey and Jojic's mixture over shifts, and the deep variants.

``kmeans``       k-means and k-means++
``shifts``       EM over a discrete set of shifts
``transforms``   colour, affine, projective, morphology, thin-plate spline: differentiable, the identity at β = 0
``model``        prototypes and the networks that predict their transformations: k-means and the Gaussian mixture
``swaps``        races between going on and moving a cluster
``training``     the step, the curriculum, empty clusters
``clusters``     ``cluster`` does it all, and keeps the best of several runs
"""

from labkit.dti.clusters import Clusters, cluster
from labkit.dti.kmeans import Clustering, assign, kmeans, lloyd, plus_plus, squared_distances, update
from labkit.dti.model import DTIGMM, DTIKMeans, Encoder
from labkit.dti.shifts import ShiftMixture, em_step, shift_mixture, shifted
from labkit.dti.swaps import Swaps, need_and_strain
from labkit.dti.training import curriculum, learn, reassign, step
from labkit.dti.transforms import affine_grid, family, projective_grid, thin_plate_grid

__all__ = [
    "DTIGMM",
    "Clustering",
    "Clusters",
    "DTIKMeans",
    "Encoder",
    "ShiftMixture",
    "Swaps",
    "affine_grid",
    "assign",
    "cluster",
    "curriculum",
    "em_step",
    "family",
    "kmeans",
    "learn",
    "lloyd",
    "need_and_strain",
    "plus_plus",
    "projective_grid",
    "reassign",
    "shift_mixture",
    "shifted",
    "squared_distances",
    "step",
    "thin_plate_grid",
    "update",
]
