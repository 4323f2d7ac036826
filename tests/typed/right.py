"""What users write, and a type checker has nothing to say of: `tests/test_types.py`."""

import lightning as L
import normflows as nf
import torch
import zuko
from torch import Tensor, nn
from torch.distributions import Independent, Normal

import lightning_ebm
from lightning_ebm import MLP, EBMLightningModule, NeuralSpline, Problem, RealNVP, SampleResult
from lightning_ebm.data import KnownDensity, TwoModes
from lightning_ebm.kernels import HMC, Cycle
from lightning_ebm.sampler import MCMC, Draw, Sampler
from lightning_ebm.starts import Noise, Persistent
from sampler_plugins.flow_mcmc import FlowMCMCSampler
from sampler_plugins.ula import ULASampler


def log_density(x: Tensor) -> Tensor:
    return -x.square().sum(1) / 2


energy = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 1))
of_function: SampleResult = lightning_ebm.sample(log_density, event_shape=(2,))
of_network = lightning_ebm.sample(energy, "hmc", target_is="energy", event_shape=(2,))
of_distribution = lightning_ebm.sample(Independent(Normal(torch.zeros(2), torch.ones(2)), 1))
of_flow = lightning_ebm.sample(
    log_density, "flow_mcmc", flow=zuko.flows.NSF(2), start=torch.randn(64, 2), seed=0
)
lightning_ebm.sample(log_density, FlowMCMCSampler(), flow=RealNVP([2]), bounds=(-1.0, 1.0))
print(of_network.x.mean(), of_flow.summary)

module = EBMLightningModule(energy, ULASampler())
EBMLightningModule(MLP([2]), FlowMCMCSampler(), NeuralSpline([2]), flow_pretraining=100)
EBMLightningModule(energy, FlowMCMCSampler(), zuko.flows.NSF(2))
base = nf.distributions.DiagGaussian(2)
EBMLightningModule(energy, FlowMCMCSampler(), nf.NormalizingFlow(base, []))
trainer = L.Trainer(max_steps=10)
trainer.fit(module, datamodule=KnownDensity(TwoModes()))
lightning_ebm.sample(module)
loaded = EBMLightningModule.load_from_checkpoint("last.ckpt", energy=energy, sampler=ULASampler())
density: Tensor = loaded.log_prob(torch.zeros(4, 2))


class Mine(Sampler):
    """A sampler of a user's own."""

    def sample(self, problem: Problem, n: int) -> Draw:
        """Draw n points."""
        x, _ = problem.reference.sample(n)
        return Draw(x, {})


MCMC(Persistent(Noise()), Cycle([HMC(0.1)]), n_steps=5)
EBMLightningModule(energy, Mine())
