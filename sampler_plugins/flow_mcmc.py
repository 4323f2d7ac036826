"""`flow_mcmc`: persistent chains, moved globally by flow proposals and locally by MALA."""

from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import (
    IMH,
    ISIR,
    MALA,
    CrankNicolson,
    CrankNicolsonISIR,
    Cycle,
    Kernel,
)
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count
from lightning_ebm.sampler import MCMC, Draw, flow_likelihood_loss, share_of_data
from lightning_ebm.starts import Persistent, Start


class FlowMCMCSampler(MCMC):
    """Flow-MCMC: flow proposals accepted by Metropolis-Hastings, then local steps; crosses modes.

    The flow is fitted by maximum likelihood to the chains, one step behind them, and for a small
    part to data, unless it is to stay as it was. So it goes on proposing every mode of the data:
    one that all chains have left gains weight in the model until they come back.

    Args:
        n_steps: rounds of global and local moves per draw.
        n_proposals: flow proposals per global move: 1 is IMH, more is i-SIR.
        shares: parts β of the latent point that a flow proposal renews, one drawn for every move;
            null renews all of it, an independent proposal, whose acceptance dies with dimension.
        n_global: global moves per round.
        n_local: local moves per round.
        local: the local kernel; by default MALA with an adapted step size.
        start: where chains begin; by default they persist, and begin as noise. In many dimensions
            let them begin from the flow: far outside, where the flow has next to no density, a
            chain outweighs all that is proposed, and stays.
        adaptive: whether the flow goes on learning; if not it stays as it was fitted to data.
            With `model.base=flow` the target then tilts the very flow that is proposed from, and
            acceptance depends on the tilt alone.
        data_share: share of data in what the flow learns from; by default .2 if it learns. With 0
            it forgets a rare mode that all chains have left, and never proposes it again.
        compile: whether steps run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: chains that networks are given at once, which bounds memory; null is all.

    Raises:
        SettingError: if a number is out of its range, or a flow is to learn and not to.

    Source: Gabrié et al. 2022, algorithm 1; Grenioux et al. 2023 (arXiv:2306.00684).
    """

    exact = True
    uses_flow = True
    teaches_flow = True

    def __init__(
        self,
        n_steps: int = 1,
        n_proposals: int = 1,
        shares: list[float] | None = None,
        n_global: int = 1,
        n_local: int = 3,
        local: Kernel | None = None,
        start: Start | None = None,
        adaptive: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
        data_share: float | None = None,
        compile: bool = False,  # noqa: FBT001, FBT002
        chunk_size: int | None = None,
    ) -> None:
        require_count("n_global", n_global, least=0)
        require_count("n_local", n_local, least=0)
        if n_global + n_local == 0:
            raise SettingError(
                "n_global is 0 and n_local is 0, so that chains never move: give one of them at "
                "least 1"
            )
        jump = flow_move(n_proposals, shares)
        walk = local or MALA(step_size=0.01, target_acceptance=0.6)
        kernel = Cycle([jump, walk], [n_global, n_local])
        super().__init__(
            start or Persistent(), kernel, n_steps, compile=compile, chunk_size=chunk_size
        )
        self.teaches_flow = adaptive
        self.data_share = share_of_data(data_share, learns=adaptive)

    def flow_loss(self, problem: Problem, draw: Draw) -> Tensor | None:
        """Maximum likelihood of the flow on the chains' states, and on data for a part."""
        if not self.teaches_flow:
            return None
        return flow_likelihood_loss(problem, draw, self.data_share)


def flow_move(n_proposals: int, shares: list[float] | None) -> Kernel:
    """The global kernel: one proposal or several, wholly or partly renewed."""
    if shares is None:
        return IMH() if n_proposals == 1 else ISIR(n_proposals)
    return CrankNicolson(shares) if n_proposals == 1 else CrankNicolsonISIR(n_proposals, shares)
