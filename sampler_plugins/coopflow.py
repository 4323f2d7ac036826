"""`coopflow`: chains restarted from the flow at every draw, refined by Langevin."""

from torch import Tensor

from lightning_ebm.kernels import ULA, GradientAscent
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_positive
from lightning_ebm.sampler import MCMC, Draw, flow_likelihood_loss, require_share
from lightning_ebm.starts import FromFlow


class CoopFlowSampler(MCMC):
    """CoopFlow: the flow proposes, short-run Langevin revises, the flow learns the revision.

    Its chains are too short to forget the flow, so what the energy learns is not a calibrated
    density (Xie et al. 2022, section 4, speak of a moment-matching estimator).

    Args:
        n_steps: Langevin steps per draw.
        step_size: γ in x' = x + γ ∇log p + √(2γ) ξ.
        noise: whether Langevin has its noise, as the paper writes; without it the steps are
            gradient ascent, as the paper's released code has it.
        limit: largest move of a coordinate in a step without noise.
        data_share: share of data in what the flow learns from. The paper has 0, with which modes
            of the plane get lost: flow and energy follow each other away from the data.
        compile: whether steps run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: chains that networks are given at once, which bounds memory; null is all.

    Source: Xie et al. 2022, algorithm 1 (arXiv:2205.06924).
    """

    exact = False
    uses_flow = True
    teaches_flow = True

    def __init__(
        self,
        n_steps: int = 10,
        step_size: float = 0.01,
        noise: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
        limit: float | None = 0.1,
        data_share: float = 0.5,
        compile: bool = False,  # noqa: FBT001, FBT002
        chunk_size: int | None = None,
    ) -> None:
        require_positive("limit", limit, null="none")
        kernel = ULA(step_size) if noise else GradientAscent(step_size, limit)
        super().__init__(FromFlow(), kernel, n_steps, compile=compile, chunk_size=chunk_size)
        self.data_share = require_share(data_share)

    def flow_loss(self, problem: Problem, draw: Draw) -> Tensor:
        """Maximum likelihood of the flow on the refined samples, and on data if it is to."""
        return flow_likelihood_loss(problem, draw, self.data_share)
