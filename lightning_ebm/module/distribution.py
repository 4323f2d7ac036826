"""The model with the face of `torch.distributions`, for who takes nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_ebm.module.generative import GenerativeModel


class ModelDistribution(Distribution):
    """A model as a distribution over all of space. It owns nothing: networks are the model's.

    Args:
        model: what draws and is evaluated.

    Raises:
        SettingError: if the shape of a point is not known before data has been seen.
    """

    arg_constraints = {}  # noqa: RUF012 - as torch declares it
    has_rsample = False

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__(torch.Size(), model.event_shape, validate_args=False)
        self.model = model

    @property
    def support(self) -> constraints.Constraint:
        """All of space."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw points `(*sample_shape, *event)`."""
        return self.model.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density, normalised by the latest estimate of log Z, `(*batch,)`."""
        return self.model.log_prob(value)

    def score(self, value: Tensor) -> Tensor:
        """Gradient of the log-density in the points, `(*batch, *event)`."""
        return self.model.score(value)

    def energy(self, value: Tensor) -> Tensor:
        """E(x), `(*batch,)`."""
        return self.model.energies(value)
