"""The random generators of one process: a stream of its own, saved, restored, left alone.

Draws use the global generators, since normflows takes no other; what is here keeps them in hand.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor


def said_seed() -> int | None:
    """The seed that the user has said, by `seed_everything` or in the configuration, if any."""
    said = os.environ.get("PL_GLOBAL_SEED")
    return None if said is None else int(said)


def seed_process(seed: int, rank: int, step: int = 0) -> None:
    """Give process `rank` a stream of its own from a step on, a function of all three.

    Lightning's `seed_everything` starts all processes alike, which would make their chains equal.
    """
    torch.manual_seed(_seed_generators([seed, rank, step]))


_lent: ContextVar[bool] = ContextVar("_lent", default=False)


class Moment(NamedTuple):
    """Where all generators stand, as they say it themselves: quickly taken, and put back."""

    torch: Tensor
    python: tuple[Any, ...]
    numpy: tuple[Any, ...]
    cuda: Tensor | None

    @classmethod
    def now(cls) -> Moment:
        """Where they stand now."""
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        return cls.of_cpu()._replace(cuda=cuda)

    @classmethod
    def of_cpu(cls) -> Moment:
        """Where those of the CPU stand now."""
        of_numpy = tuple(numpy.random.get_state(legacy=True))
        return cls(torch.get_rng_state(), random.getstate(), of_numpy, None)

    def put_back(self) -> None:
        """Let them stand there again."""
        torch.set_rng_state(self.torch)
        random.setstate(self.python)
        numpy.random.set_state(self.numpy)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)

    def plain(self) -> dict[str, object]:
        """The same in types that `torch.load(weights_only=True)` accepts."""
        version, words, gauss = self.python
        kind, key, *rest = self.numpy
        state = {
            "torch": self.torch,
            # As a tensor, for a checkpoint takes longer over 625 numbers than over the networks.
            "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
            "numpy": [kind, torch.from_numpy(key.astype("int64")), *rest],
        }
        return state if self.cuda is None else state | {"cuda": self.cuda}


class TorchMoment(NamedTuple):
    """Where the generators stand that a draw on one device takes its numbers from.

    Attributes:
        device: where chains are.
        cpu: the state of the CPU's generator.
        cuda: that of the device's own, where it is a GPU.
    """

    device: torch.device
    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> TorchMoment:
        """Where they stand now."""
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(device, torch.get_rng_state(), cuda)

    def put_back(self) -> None:
        """Let them stand there again."""
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, self.device)


def random_state() -> dict[str, object]:
    """The state of all generators, in types that `torch.load(weights_only=True)` accepts."""
    return Moment.now().plain()


def set_random_state(state: dict[str, Any]) -> None:
    """Put all generators back to what `random_state` returned."""
    torch.set_rng_state(state["torch"].cpu())
    version, words, gauss = state["python"]
    # Older checkpoints have them as a tuple of numbers.
    words = words.tolist() if isinstance(words, Tensor) else words
    random.setstate((version, tuple(words), gauss))
    kind, key, *rest = state["numpy"]
    numpy.random.set_state((kind, key.cpu().numpy().astype("uint32"), *rest))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())


@contextmanager
def isolated() -> Iterator[None]:
    """Leave every generator as it was, whatever is drawn inside."""
    kept = Moment.now()
    try:
        yield
    finally:
        kept.put_back()


@contextmanager
def seeded(entropy: Sequence[int], *generators: torch.Generator) -> Iterator[None]:
    """Draw as a function of these numbers alone, and leave every generator as it was.

    Of the global generators only those of the CPU, for workers of a loader must not touch the GPU.

    Args:
        entropy: what the generators are seeded by, none negative.
        generators: further ones; each is seeded by its own seed in place of the first number.
    """
    kept = None if _lent.get() else Moment.of_cpu()
    kept_too = [generator.get_state() for generator in generators]
    outer = _lent.set(False)
    try:
        torch.default_generator.manual_seed(_seed_generators(entropy))
        for generator in generators:
            generator.manual_seed(derived_seed(generator.initial_seed(), *entropy[1:]))
        yield
    finally:
        _lent.reset(outer)
        if kept is not None:
            kept.put_back()
        for generator, state in zip(generators, kept_too, strict=True):
            generator.set_state(state)


@contextmanager
def lent() -> Iterator[None]:
    """Let what is `seeded` directly inside leave the global generators where it ends.

    For who puts them back himself: once, and not after each of several.
    """
    outer = _lent.set(True)
    try:
        yield
    finally:
        _lent.reset(outer)


def derived_seed(*entropy: int) -> int:
    """A seed, below 2⁶³, that these numbers determine."""
    return int(_words(entropy)[0] >> numpy.uint64(1))


def _seed_generators(entropy: Sequence[int]) -> int:
    """Seed Python's and NumPy's generators; return the seed of torch's."""
    words = _words(entropy)
    random.seed(int(words[1]))
    numpy.random.seed(int(words[2]) % 2**32)
    return int(words[0])


def _words(entropy: Sequence[int]) -> numpy.ndarray:
    return numpy.random.SeedSequence(list(entropy)).generate_state(3, numpy.uint64)
