"""`hmc`: persistent chains moved by Hamiltonian trajectories."""

from lightning_ebm.kernels import HMC
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import Persistent, Start


class HMCSampler(MCMC):
    """Persistent HMC: exact in the long run; longer moves than MALA, still local.

    Args:
        n_steps: trajectories per draw.
        n_leapfrog: leapfrogs per trajectory.
        step_size: γ, the leapfrog's time step being √(2γ); where adaptation begins.
        mass: one number, or one per coordinate.
        target_acceptance: acceptance that γ is adapted to while training; null keeps it fixed.
        start: where chains begin; by default they persist, and begin as noise.
        compile: whether steps run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: chains that networks are given at once, which bounds memory; null is all.

    Source: Neal 2011.
    """

    exact = True

    def __init__(
        self,
        n_steps: int = 2,
        n_leapfrog: int = 5,
        step_size: float = 0.01,
        mass: float | list[float] = 1.0,
        target_acceptance: float | None = 0.7,
        start: Start | None = None,
        compile: bool = False,  # noqa: FBT001, FBT002 - a name in YAML
        chunk_size: int | None = None,
    ) -> None:
        kernel = HMC(step_size, n_leapfrog, mass, target_acceptance)
        super().__init__(
            start or Persistent(), kernel, n_steps, compile=compile, chunk_size=chunk_size
        )
