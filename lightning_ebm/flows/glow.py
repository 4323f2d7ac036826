"""Glow: multi-scale convolutional flow over images."""

from __future__ import annotations

import normflows as nf

from lightning_ebm.errors import SettingError
from lightning_ebm.flows.bounded_scales import bound_scales
from lightning_ebm.flows.flow import Flow
from lightning_ebm.ranges import DEEPEST, WIDEST, require_count, require_shape


class Glow(Flow):
    """Levels of (squeeze, Glow blocks), half of the channels leaving after each level.

    Args:
        event_shape: channels, height and width of an image; both sides divisible by 2^levels.
        n_levels: number of levels.
        n_blocks: Glow blocks per level.
        hidden: channels of the coupling networks.

    Source: Kingma and Dhariwal 2018 (arXiv:1807.03039).

    Raises:
        SettingError: if the image cannot be halved that often.
    """

    def __init__(
        self, event_shape: list[int], n_levels: int = 2, n_blocks: int = 4, hidden: int = 64
    ) -> None:
        channels, height, width = require_shape("event_shape", event_shape, axes=3)
        require_count("n_levels", n_levels, most=DEEPEST)
        require_count("n_blocks", n_blocks, most=DEEPEST)
        require_count("hidden", hidden, most=WIDEST)
        if height % 2**n_levels or width % 2**n_levels:
            raise SettingError(
                f"n_levels is {n_levels}, but images of {height}x{width} cannot be halved "
                f"{n_levels} times: use fewer levels"
            )
        bases, merges, flows = [], [], []
        for level in range(n_levels):
            # normflows counts levels from the latent side, the coarsest first.
            inner = channels * 2 ** (n_levels + 1 - level)
            blocks = [
                nf.flows.GlowBlock(
                    inner, hidden, split_mode="channel", scale=True, scale_map="exp"
                )
                for _ in range(n_blocks)
            ]
            bound_scales(blocks)
            flows.append([*blocks, nf.flows.Squeeze()])
            side = 2 ** (n_levels - level)
            kept = inner if level == 0 else inner // 2
            bases.append(
                nf.distributions.DiagGaussian(
                    (kept, height // side, width // side), trainable=False
                )
            )
            if level > 0:
                merges.append(nf.flows.Merge())
        model = nf.MultiscaleFlow(bases, flows, merges, class_cond=False)
        super().__init__(model, event_shape)
