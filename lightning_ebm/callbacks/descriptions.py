"""What every figure is, in one sentence with its unit, for those who look at TensorBoard."""

from __future__ import annotations

from fnmatch import fnmatch

from lightning_ebm.callbacks.layout import HEADINGS
from lightning_ebm.callbacks.units import unit

SENTENCES = {
    "hparams/nll": "Negative log-likelihood of held-out data, by the latest validation or test.",
    "hparams/log_z_gap": "Log Z from above less log Z from below, by the latest validation or "
    "test: small where log Z is known.",
    "hparams/weight_error": "How far weights of modes or classes are off the truth, in total "
    "variation, by the latest validation or test.",
    "flow_pretraining/loss": "Negative log-likelihood of the flow as it was fitted to data before "
    "the first step.",
    "loss/energy": "What the energy minimises: mean energy of data less that of samples, and "
    "penalties. It hovers about 0 and does not fall as the model improves.",
    "loss/flow": "What the flow minimises: its negative log-likelihood of what it learns from.",
    "energy/data": "Mean energy of the batch of data.",
    "energy/samples": "Mean energy of the chains' states.",
    "energy/difference": "Mean energy of data less that of samples: about 0 where chains follow "
    "their model, far below it where they do not.",
    "gradient_norm/*": "Norm of the gradient of this network's weights, before clipping.",
    "learning_rate/*": "Learning rate of this network's optimizer.",
    "settling/gain": "Gain of the steps in which the energy's last layer settles.",
    "epoch": "Epoch of training.",
    "likelihood/over_flow_standard_error": "Standard error of the live likelihood.",
    "likelihood/over_flow": "Live log-likelihood of the batch, over that of the flow which the "
    "energy tilts.",
    "sampler/log_z_standard_error": "Standard error of the live log Z.",
    "sampler/log_z": "Live log Z, by the draw of this very step.",
    "sampler/acceptance_global": "Share of the flow's proposals that are accepted.",
    "sampler/acceptance_local": "Share of the local kernel's proposals that are accepted.",
    "sampler/non_finite": "Share of proposals that were refused since density or gradient is not "
    "finite there.",
    "sampler/step_size": "Step size of the local kernel.",
    "sampler/zero_density_left": "Share of chains that stand where the density is zero, after the "
    "draw.",
    "sampler/zero_density": "Share of chains that stood where the density is zero, before the "
    "draw.",
    "sampler/unmoved": "Share of chains that did not move in the draw.",
    "sampler/crossings_per_1000_evaluations": "How often chains cross from mode to mode.",
    "*/age": "Rounds since a chain at β = 1 was a draw of the flow; without end where chains do "
    "not follow the energy.",
    "*barrier": "How far flow and model are apart, as the sum of what pairs of rungs reject.",
    "*rejection*": "Share of swaps that are rejected, of the pair that rejects most.",
    "*swap_acceptance*": "Acceptance of swaps between neighbouring rungs.",
    "*renewals*": "States that came from the flow all the way to the model.",
    "*/rounds": "Rounds of local moves and swaps.",
    "*/rungs": "Rungs of the ladder from flow to model.",
    "*/beta_*": "Inverse temperature of this rung.",
    "*/moved_*": "Share of states that local moves change on this rung.",
    "*local_correlation": "How much local moves leave of the energy's deviations.",
    "log_z/trusted": "Whether the verdict trusts log Z.",
    "log_z/covers_quadrature": "Whether the estimate's interval holds the value by quadrature.",
    "log_z/error": "Estimate of log Z less its value by quadrature.",
    "log_z/unseen_share": "Upper bound of the model's share where no chain has looked.",
    "log_z/*share*": "Share of the model that this doubt is about.",
    "log_z/*tail_index": "Heaviness of the weights' tail; above 0.7 their mean says little.",
    "log_z/*_standard_error": "Standard error of this estimate of log Z.",
    "log_z/*_ess": "Effective number of the draws that this estimate of log Z rests on.",
    "log_z/lower": "Log Z from below, by importance sampling from the flow.",
    "log_z/upper": "Log Z from above, from the model's own draws.",
    "log_z/bridge": "Log Z by bridge sampling, between the ends.",
    "log_z/*": "A part of the estimate of log Z.",
    "model/log_z": "Log of the model's normalising constant.",
    "model/kl*": "KL divergence of the model from the density that data came from.",
    "model/edge_mass": "Share of the model at the edge of the square of quadrature.",
    "*/over_flow*": "Log-likelihood of held-out data over that of the flow.",
    "flow/nll": "Negative log-likelihood of held-out data under the flow.",
    "test/nll_of_truth": "Negative log-likelihood of held-out data under the density they came "
    "from: no model does better in the mean.",
    "test/nll_lower": "Lower end of the negative log-likelihood, by log Z from below.",
    "test/nll_upper": "Upper end of the negative log-likelihood, by log Z from above.",
    "test/nll_in_data_units": "Negative log-likelihood in the units of the stored data.",
    "*/nll*": "Negative log-likelihood of held-out data under the model.",
    "*/bits_per_dimension": "Bits that the model needs for a number of the stored data.",
    "test/energy": "Mean negative log-density, without log Z, of held-out data.",
    "samples/energy": "Mean negative log-density, without log Z, of the chains' states.",
    "data/*weight*": "Share of the data in this class.",
    "*_weight_tv": "How far weights are off the truth, in total variation.",
    "*_weight_standard_error*": "Standard error of this weight.",
    "*_weight_ess": "Effective number of the draws that weights rest on.",
    "*_weight_lower*": "Lower end of the 95 % interval of this weight.",
    "*_weight_upper*": "Upper end of the 95 % interval of this weight.",
    "chains/*weight*": "Share of training's chains in this mode; not the model's own weight.",
    "samples/*weight*": "Share of fresh chains in this mode or class; not the model's own weight.",
    "flow/*weight*": "Share of the flow's draws in this mode or class.",
    "model/*weight*": "The model's own weight of this mode or class.",
    "classifier/accuracy": "Accuracy of the classifier by which classes are told.",
    "diagnostics/zero_density_share": "Share of chains that stand where the density is zero.",
    "diagnostics/unmoved_share": "Share of chains that never moved.",
    "*_r_hat": "Disagreement of chains, as rank-normalised split R-hat; above 1.05 they are not "
    "believed.",
    "*_ess_bulk": "Independent draws that the middle of the chains' distribution is worth.",
    "*_ess_tail": "Independent draws that the tails of the chains' distribution are worth.",
    "distance/*sliced_wasserstein": "Sliced Wasserstein distance of the two sets of points.",
    "distance/*mmd": "Squared maximum mean discrepancy of the two sets of points.",
    "distance/fid": "Fréchet distance of features.",
    "distance/kid*": "Kernel distance of features.",
}
"""Patterns of names, the first that fits counting."""


def description(tag: str) -> str | None:
    """The sentence and the unit of a figure by its tag; None for one that somebody else added."""
    for name in _names(tag):
        sentence = next((s for pattern, s in SENTENCES.items() if fnmatch(name, pattern)), None)
        if sentence is not None and (of := unit(name)) is not None:
            return f"{sentence} Unit: {of}."
    return None


def _names(tag: str) -> list[str]:
    """Names that a tag's figure may have: without its heading, or with what that took away."""
    heading, _, rest = tag.partition("/")
    if heading not in HEADINGS:
        return [tag]
    return [f"test/{rest}", f"model/{rest}"] if "/" not in rest and rest != "epoch" else [rest]
