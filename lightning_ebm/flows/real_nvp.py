"""RealNVP: affine couplings over vectors."""

from __future__ import annotations

import normflows as nf

from lightning_ebm.flows.act_norm import ActNorm
from lightning_ebm.flows.bounded_scales import bound_scales
from lightning_ebm.flows.flow import Flow, require_coordinates
from lightning_ebm.flows.mixture_base import MixtureBase
from lightning_ebm.ranges import DEEPEST, WIDEST, require_count


class RealNVP(Flow):
    """Affine couplings with bounded scales, coordinates shuffled between them.

    Args:
        event_shape: shape of one data point, flattened inside.
        n_layers: number of couplings.
        hidden: width of the two hidden layers of each coupling's network.
        n_modes: Gaussians of the base; more than one for data in far clusters, see `MixtureBase`.

    Source: Dinh, Sohl-Dickstein and Bengio 2017 (arXiv:1605.08803).
    """

    def __init__(
        self, event_shape: list[int], n_layers: int = 6, hidden: int = 64, n_modes: int = 1
    ) -> None:
        features = require_coordinates(event_shape)
        require_count("n_layers", n_layers, most=DEEPEST)
        require_count("hidden", hidden, most=WIDEST)
        require_count("n_modes", n_modes, most=WIDEST)
        seen, moved = (features + 1) // 2, features // 2
        layers = []
        for _ in range(n_layers):
            network = nf.nets.MLP([seen, hidden, hidden, 2 * moved], init_zeros=True)
            layers.append(nf.flows.AffineCouplingBlock(network, scale_map="exp"))
            layers.append(nf.flows.Permute(features, mode="swap" if features == 2 else "shuffle"))
        bound_scales(layers)
        layers.append(ActNorm(features))
        if n_modes == 1:
            base = nf.distributions.DiagGaussian(features, trainable=False)
        else:
            base = MixtureBase(n_modes, features)
        super().__init__(nf.NormalizingFlow(base, layers), event_shape)
