"""A base of several Gaussians, for data in clusters that one would have to be torn into."""

from __future__ import annotations

import normflows as nf
import torch
from torch import Tensor

from lightning_ebm.ranges import WIDEST, require_count

SMALLEST_DEVIATION = 0.1


class MixtureBase(nf.distributions.GaussianMixture):
    """Gaussians with learned weights, centres and deviations, found by k-means to begin with.

    A continuous map of one Gaussian leaves bridges between clusters and gets their weights wrong
    (Cornish et al. 2020, arXiv:1909.13833); one mode per cluster needs no bridge.

    Args:
        n_modes: number of Gaussians.
        features: coordinates of a latent point.

    Raises:
        SettingError: if there is no mode.
    """

    def __init__(self, n_modes: int, features: int) -> None:
        require_count("n_modes", n_modes, most=WIDEST)
        super().__init__(n_modes, features)
        self.to(torch.get_default_dtype())

    @torch.no_grad()
    def fit(self, z: Tensor) -> None:
        """Put a mode on each cluster of the latent points `(n, features)`; always the same way."""
        from scipy.cluster.vq import kmeans2

        _, members = kmeans2(
            z.double().cpu().numpy(), self.n_modes, minit="++", missing="warn", seed=0
        )
        members = torch.from_numpy(members).long().to(z.device)
        counts = torch.bincount(members, minlength=self.n_modes)
        self.weight_scores.copy_(counts.clamp(min=1).log()[None])
        for k in range(self.n_modes):
            cluster = z[members == k] if counts[k] > 1 else z
            self.loc[0, k] = cluster.mean(0)
            deviation = cluster.std(0).clamp(min=SMALLEST_DEVIATION)
            self.log_scale[0, k] = deviation.log()
