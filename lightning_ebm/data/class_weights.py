"""Choosing a subset of labelled items in which every class has the weight asked for."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Generator, Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import is_number


def choose(
    labels: Tensor,
    classes: Sequence[int | str] | None,
    weights: list[float] | None,
    generator: Generator,
    names: list[str] | None = None,
) -> dict[int, Tensor]:
    """The items to keep of each class, in random order.

    As many are kept as the weights allow: the class that is scarcest for its weight whole, but
    for rounding, and each other one in proportion.

    Args:
        labels: class of each item, `(n,)`.
        classes: the classes to keep; all of them when left out.
        weights: relative weight of each class kept; as they come when left out.
        generator: what decides which items of a class are kept.
        names: name of each class by its number, where `classes` are names.

    Raises:
        SettingError: if a class has no items or is named twice, weights and classes differ in
            number, or a weight is not positive.
    """
    present = labels.unique().tolist()
    known = {number if names is None else names[number]: number for number in present}
    # A name made of digits is a number in YAML.
    asked = list(known) if classes is None else [c if names is None else str(c) for c in classes]
    if not asked or len(set(asked)) != len(asked):
        raise SettingError(f"classes: {classes} is not a list of different classes; make it one")
    for name in asked:
        if name not in known:
            raise SettingError(f"classes: {name} has no items; choose from {list(known)}")
    members = {known[name]: (labels == known[name]).nonzero().flatten() for name in asked}
    available = [len(items) for items in members.values()]
    kept = available if weights is None else most_in_proportion(available, weights)
    return {
        label: items[torch.randperm(len(items), generator=generator)[:count]]
        for (label, items), count in zip(members.items(), kept, strict=True)
    }


def split_off(
    members: dict[int, Tensor], sizes: Sequence[int]
) -> tuple[list[Tensor], dict[int, Tensor]]:
    """Take sets of these sizes out of the items of each class, in the classes' proportions.

    Args:
        members: the items of each class, in random order.
        sizes: number of items in each set to take.

    Returns:
        The items of each set, in order, and those that remain of each class.
    """
    taken = []
    for size in sizes:
        shares = share_out(size, [len(items) for items in members.values()])
        parts = list(zip(members.items(), shares, strict=True))
        taken.append(torch.cat([items[:share] for (_, items), share in parts]).sort().values)
        members = {label: items[share:] for (label, items), share in parts}
    return taken, members


def most_in_proportion(available: Sequence[int], weights: Sequence[float]) -> list[int]:
    """The largest counts in proportion to the weights that `available` allows.

    >>> most_in_proportion([100, 100], [0.2, 0.8])
    [25, 100]

    Raises:
        SettingError: if the two differ in length, or a weight is not positive.
    """
    if len(weights) != len(available):
        raise SettingError(
            f"class_weights: {len(weights)} weights for {len(available)} classes; give one each"
        )
    if not all(is_number(weight) and 0 < weight < float("inf") for weight in weights):
        raise SettingError(f"class_weights: {list(weights)} are not all positive; make them so")
    # As decimals, as the user wrote them: in binary 500 / 0.1 can be one short of 5000.
    exact = [Fraction(str(weight)) for weight in weights]
    total = min(
        count * sum(exact) / weight for count, weight in zip(available, exact, strict=True)
    )
    return share_out(int(total), exact)


def share_out(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Share out `total` in proportion to the weights, by largest remainders.

    >>> share_out(10, [1, 1, 1])
    [4, 3, 3]
    """
    quotas = [Fraction(total) * weight / sum(weights) for weight in weights]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda k: counts[k] - quotas[k])
    for k in by_remainder[: total - sum(counts)]:
        counts[k] += 1
    return counts
