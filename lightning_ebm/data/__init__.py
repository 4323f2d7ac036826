"""Data: known densities, image sets, and the Lightning data modules that serve them."""

from lightning_ebm.data.density import Density
from lightning_ebm.data.digits import Digits
from lightning_ebm.data.from_file import FromFile
from lightning_ebm.data.from_hugging_face import FromHuggingFace
from lightning_ebm.data.image_folder import ImageFolder
from lightning_ebm.data.images import ImageData, LabelledImages
from lightning_ebm.data.known import KnownDensity
from lightning_ebm.data.mixtures import (
    FourModes,
    GaussianMixture,
    Mixture,
    OppositeModes,
    RingOfEight,
    TwoModes,
)
from lightning_ebm.data.mnist import MNIST
from lightning_ebm.data.own import OwnData
from lightning_ebm.data.shapes import Checkerboard, Moons, Rings

__all__ = [
    "MNIST",
    "Checkerboard",
    "Density",
    "Digits",
    "FourModes",
    "FromFile",
    "FromHuggingFace",
    "GaussianMixture",
    "ImageData",
    "ImageFolder",
    "KnownDensity",
    "LabelledImages",
    "Mixture",
    "Moons",
    "OppositeModes",
    "OwnData",
    "RingOfEight",
    "Rings",
    "TwoModes",
]
