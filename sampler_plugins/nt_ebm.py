"""`nt_ebm`: persistent chains in the latent space of a pre-trained flow, moved by HMC."""

from lightning_ebm.kernels import HMC
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import Persistent, Start


class NTEBMSampler(MCMC):
    """NT-EBM: Hamiltonian Monte Carlo on the density pulled back through a pre-trained flow.

    The flow is fitted to data beforehand (`model.flow_pretraining`) and frozen, so that latent
    chains keep their meaning.

    Args:
        n_steps: trajectories per draw.
        n_leapfrog: leapfrogs per trajectory.
        step_size: γ in latent space, where adaptation begins; the leapfrog's time step is √(2γ).
        target_acceptance: acceptance that γ is adapted to while training; null keeps it fixed.
        start: where chains begin; by default they persist, and begin as draws of the flow's base.
        compile: whether steps run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: chains that networks are given at once, which bounds memory; null is all.

    Source: Nijkamp et al. 2022 (arXiv:2006.06897).
    """

    exact = True
    uses_flow = True
    teaches_flow = False

    def __init__(
        self,
        n_steps: int = 2,
        n_leapfrog: int = 4,
        step_size: float = 0.05,
        target_acceptance: float | None = 0.8,
        start: Start | None = None,
        compile: bool = False,  # noqa: FBT001, FBT002 - a name in YAML
        chunk_size: int | None = None,
    ) -> None:
        kernel = HMC(step_size, n_leapfrog, target_acceptance=target_acceptance)
        super().__init__(
            start or Persistent(),
            kernel,
            n_steps,
            latent=True,
            compile=compile,
            chunk_size=chunk_size,
        )
