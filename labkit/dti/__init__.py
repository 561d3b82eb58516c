"""Clustering that ignores transformations: k-means, Frey and Jojic's mixture over shifts, and the deep variants.

``kmeans``       k-means and k-means++
``shifts``       EM over a discrete set of shifts
``transforms``   colour, affine, projective, morphology, thin-plate spline: differentiable, the identity at β = 0
``model``        prototypes and the networks that predict their transformations: k-means and the Gaussian mixture
``swaps``        races between going on and moving a cluster
``schedule``     how long and how fast; the curriculum
``training``     the step, empty clusters, all of a training
``clusters``     ``cluster`` does it all, and keeps the best of several runs
"""

from labkit.dti.clusters import COLOURED, GREY, Clusters, Networks, cluster
from labkit.dti.kmeans import Clustering, assign, kmeans, kmeans_plus_plus, lloyd, squared_distances, update
from labkit.dti.model import DTIGMM, DTIKMeans, Encoder
from labkit.dti.schedule import Curriculum, Schedule
from labkit.dti.shifts import ShiftMixture, em_step, shift_mixture, shifted
from labkit.dti.swaps import Swaps, utility_and_error
from labkit.dti.training import dti_step, learn, reassign
from labkit.dti.transforms import affine_grid, family, projective_grid, thin_plate_grid

__all__ = [
    "COLOURED",
    "DTIGMM",
    "GREY",
    "Clustering",
    "Clusters",
    "Curriculum",
    "DTIKMeans",
    "Encoder",
    "Networks",
    "Schedule",
    "ShiftMixture",
    "Swaps",
    "affine_grid",
    "assign",
    "cluster",
    "dti_step",
    "em_step",
    "family",
    "kmeans",
    "kmeans_plus_plus",
    "learn",
    "lloyd",
    "projective_grid",
    "reassign",
    "shift_mixture",
    "shifted",
    "squared_distances",
    "thin_plate_grid",
    "update",
    "utility_and_error",
]
