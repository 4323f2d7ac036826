"""Neural spline flow: rational-quadratic couplings over vectors."""

from __future__ import annotations

import normflows as nf
from torch import nn

from lightning_ebm.flows.flow import Flow, require_coordinates
from lightning_ebm.ranges import DEEPEST, WIDEST, require_count, require_positive


class NeuralSpline(Flow):
    """Couplings by monotone rational-quadratic splines, with linear mixing between them.

    Costs several times RealNVP and fits multimodal densities better.

    Args:
        event_shape: shape of one data point, flattened inside.
        n_layers: number of couplings.
        hidden: width of the coupling networks' residual blocks.
        n_blocks: residual blocks of each coupling network.
        n_bins: spline pieces per coordinate.
        tail_bound: the splines live on ±tail_bound, in units of the data's standard deviation;
            beyond, the map is linear.

    Source: Durkan et al. 2019 (arXiv:1906.04032).
    """

    def __init__(
        self,
        event_shape: list[int],
        n_layers: int = 4,
        hidden: int = 32,
        n_blocks: int = 2,
        n_bins: int = 8,
        tail_bound: float = 5.0,
    ) -> None:
        features = require_coordinates(event_shape)
        require_count("n_layers", n_layers, most=DEEPEST)
        require_count("hidden", hidden, most=WIDEST)
        require_count("n_blocks", n_blocks, least=0, most=DEEPEST)
        require_count("n_bins", n_bins, least=2, most=WIDEST)
        require_positive("tail_bound", tail_bound)
        layers = []
        for index in range(n_layers):
            layers.append(
                nf.flows.CoupledRationalQuadraticSpline(
                    features,
                    n_blocks,
                    hidden,
                    num_bins=n_bins,
                    tail_bound=tail_bound,
                    activation=nn.SiLU,
                    reverse_mask=bool(index % 2),
                )
            )
            layers.append(nf.flows.LULinearPermute(features))
        base = nf.distributions.DiagGaussian(features, trainable=False)
        super().__init__(nf.NormalizingFlow(base, layers), event_shape)
