"""Weights of modes and classes: of fresh chains, and of the model itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from lightning_ebm.evaluation.classifier import accuracy, fit_classifier
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.ladder import weights_by_all_rungs
from lightning_ebm.evaluation.log_z import FEW_DRAWS, importance_sampling
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.measures.weight_agreement import (
    disagreeing,
    doubt,
    effective_sample_size,
    share,
)
from lightning_ebm.evaluation.mode_weights import total_variation, weighted_mode_weights
from lightning_ebm.metrics import ClassWeights, MembershipWeights, ModeWeights, Weights
from lightning_ebm.needed import needed
from lightning_ebm.ranges import require_count


class SampledModeWeights(Measure):
    """Weights of known modes among fresh chains, with errors and intervals.

    They speak against trust where they are not the model's, which `KnownDensityError` finds if it
    runs before.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`samples/mode_weight_k`, its error and interval, and their total-variation error."""
        if evidence.density is None or not evidence.draws:
            return {}
        metric = ModeWeights(evidence.density).to(evidence.data.device)
        truth = evidence.density.mode_weights
        names = range(len(truth))
        sampled = _weights_of_samples(metric, evidence, "mode", names)
        if evidence.model_weights is not None:
            weights, errors = evidence.model_weights
            _compare(
                evidence, "mode", names, sampled, weights, effective_sample_size(weights, errors)
            )
        return _figures(sampled, "mode", names, truth)


class SampledClassWeights(Measure):
    """Weights of classes among fresh chains and in the model, by a classifier.

    Args:
        classifier: maps points to logits, one per class kept; by default one is fitted to the
            training labels, once.
        n_training: labelled points that it is fitted to.
    """

    def __init__(self, classifier: nn.Module | None = None, n_training: int = 10_000) -> None:
        self.classifier = classifier
        self.n_training = require_count("n_training", n_training)
        self.accuracy: Tensor | None = None

    def __call__(self, evidence: Evidence) -> Figures:
        """`samples/class_weight_k` and `model/class_weight_k`, by weighted draws, with errors.

        The latter says how many draws the weights are worth: with few it means nothing. Beside
        them `flow/class_weight_k`, those that a sampler is left with if its chains begin as draws
        of the flow and never cross.
        """
        if evidence.labelled is None or not evidence.draws:
            return {}
        truth = evidence.labelled.class_proportions
        classifier = self._classifier(evidence)
        metric = ClassWeights(classifier, len(truth)).to(evidence.data.device)
        sampled = _weights_of_samples(metric, evidence, "class", evidence.labels)
        figures = _figures(sampled, "class", evidence.labels, truth)
        figures |= _named("data/class_weight", evidence.labels, truth)
        figures["classifier/accuracy"] = needed(self.accuracy)
        if evidence.weighted is not None:
            members = metric.membership(evidence.weighted.x)
            if evidence.flow is not None:
                unweighted = members.double().mean(0)
                figures |= _named("flow/class_weight", evidence.labels, unweighted)
                figures["flow/class_weight_tv"] = total_variation(unweighted, truth)
            found = _of_model(evidence, metric, members)
            figures |= _named("model/class_weight", evidence.labels, found.weights)
            figures |= _named("model/class_weight_standard_error", evidence.labels, found.errors)
            figures["model/class_weight_tv"] = total_variation(found.weights, truth)
            figures["model/class_weight_ess"] = found.worth
            if found.worth < FEW_DRAWS:
                evidence.remarks.append(
                    "the model's class weights are unknown: the draws that they rest on are worth "
                    f"{found.worth:.1f}"
                )
            else:
                draws = effective_sample_size(found.weights, found.errors).clamp(max=found.worth)
                _compare(evidence, "class", evidence.labels, sampled, found.weights, draws)
        return figures

    def _classifier(self, evidence: Evidence) -> nn.Module:
        if self.accuracy is None:
            x, labels = needed(evidence.labelled).labelled_points(self.n_training)
            x, labels = x.to(evidence.data.device), labels.to(evidence.data.device)
            held_out = len(x) // 5
            if self.classifier is None:
                self.classifier = fit_classifier(
                    x[held_out:], labels[held_out:], len(evidence.labels)
                )
            self.accuracy = accuracy(self.classifier, x[:held_out], labels[:held_out])
        return needed(self.classifier)


class ModelWeights(NamedTuple):
    """The model's own weights, their standard errors, and the draws that they are worth."""

    weights: Tensor
    errors: Tensor
    worth: float


def _of_model(evidence: Evidence, metric: ClassWeights, members: Tensor) -> ModelWeights:
    """By weighted draws of a proposal, or where these are worth little by all rungs of a ladder.

    What the ladder's own states at β = 1 say is a second estimate; where the two, or the halves of
    the run, do not agree that speaks against trust.
    """
    log_weights = needed(evidence.weighted).log_weights
    worth = importance_sampling(log_weights).ess
    ladder = None if evidence.flow is None or evidence.flow_tells else evidence.ladder
    if ladder is None:
        return ModelWeights(*weighted_mode_weights(log_weights, members), worth)
    states = ladder.states
    groups = metric.membership(states.flatten(0, 2)).view(*states.shape[:3], -1)
    weights, errors = weights_by_all_rungs(ladder, groups)
    metric.reset()
    metric.update(states[:, -1])
    counted = metric.compute()
    worth = float(counted.ess.nan_to_num(math.inf).min())
    draws = effective_sample_size(weights, errors).clamp(max=float(ladder.renewals))
    _compare(evidence, "class", evidence.labels, counted, weights, draws)
    return ModelWeights(weights, errors, min(worth, float(ladder.renewals)))


def _weights_of_samples(
    metric: MembershipWeights, evidence: Evidence, kind: str, names: Sequence[object]
) -> Weights:
    metric.update(evidence.settled)
    sampled = metric.compute()
    unmet = [str(name) for name, none in zip(names, sampled.unmet, strict=True) if none]
    if unmet:
        upper = share(sampled.upper[sampled.unmet].max())
        evidence.remarks.append(_unmet(kind, unmet, upper))
    return sampled


def _unmet(kind: str, names: list[str], upper: str) -> str:
    if len(names) == 1:
        return (
            f"no chain met {kind} {names[0]}: its weight lies between 0 and {upper}, its error "
            "and effective sample size are unknown"
        )
    kinds = {"mode": "modes", "class": "classes"}[kind]
    return (
        f"no chain met {kinds} {', '.join(names[:-1])} and {names[-1]}: the weight of each lies "
        f"between 0 and {upper}, their errors and effective sample sizes are unknown"
    )


def _compare(
    evidence: Evidence,
    kind: str,
    names: Sequence[object],
    sampled: Weights,
    model: Tensor,
    model_draws: Tensor,
) -> None:
    model, model_draws = model.to(sampled.value), model_draws.to(sampled.value)
    differ = disagreeing(sampled, model, model_draws)
    if differ.any():
        evidence.doubts.append(doubt(kind, names, sampled, model, differ))


def _figures(sampled: Weights, kind: str, names: Sequence[object], truth: Tensor) -> Figures:
    known = sampled.ess[~sampled.ess.isnan()]
    prefix = f"samples/{kind}_weight"
    figures: Figures = {
        f"{prefix}_tv": total_variation(sampled.value, truth),
        f"{prefix}_ess": known.min() if len(known) else math.nan,
    }
    figures |= _named(prefix, names, sampled.value)
    figures |= _named(f"{prefix}_standard_error", names, sampled.standard_error)
    figures |= _named(f"{prefix}_lower", names, sampled.lower)
    figures |= _named(f"{prefix}_upper", names, sampled.upper)
    return figures


def _named(prefix: str, names: Sequence[object], values: Tensor) -> Figures:
    return {f"{prefix}_{name}": value for name, value in zip(names, values, strict=True)}
