"""FID and KID of fresh images, by torchmetrics, with a feature network that the user names."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from lightning_ebm.errors import SettingError
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.ranges import require_count


class ImageDistances(Measure):
    """Fréchet and kernel distances of fresh images to held-out ones, in a space of features.

    Comparable only between runs that name the same network; with Inception's pool features on
    many images they are the usual FID and KID.

    Args:
        feature_network: maps images `(n, channels, h, w)` to features `(n, d)`.
        kid_subset_size: images per subset of KID.

    Source: Heusel et al. 2017; Bińkowski et al. 2018.
    """

    def __init__(self, feature_network: nn.Module, kid_subset_size: int = 50) -> None:
        self.feature_network = feature_network.eval().requires_grad_(False)
        self.kid_subset_size = require_count("kid_subset_size", kid_subset_size, least=2)

    def __call__(self, evidence: Evidence) -> Figures:
        """`distance/fid` and `distance/kid` with its deviation over subsets."""
        if evidence.data.dim() != 4 or not evidence.draws:
            return {}
        real, fake = evidence.data, evidence.draws[-1]
        fewest = min(len(real), len(fake))
        if fewest < self.kid_subset_size:
            raise SettingError(
                f"kid_subset_size is {self.kid_subset_size}, but there are {fewest} images: "
                "lower it, or raise model.n_samples"
            )
        features = _Features(self.feature_network).to(real.device)
        channels, height, width = real.shape[1:]
        size = (channels, height, width)
        fid = FrechetInceptionDistance(features, input_img_size=size)
        kid = KernelInceptionDistance(features, subset_size=self.kid_subset_size)
        for metric in (fid, kid):
            metric.to(real.device)
            metric.update(real, real=True)
            metric.update(fake, real=False)
        mean, deviation = kid.compute()
        return {
            "distance/fid": fid.compute(),
            "distance/kid": mean,
            "distance/kid_deviation": deviation,
        }


class _Features(nn.Module):
    """The network with its features flattened, called without gradients."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.network(x.float())
        return features.flatten(1)
