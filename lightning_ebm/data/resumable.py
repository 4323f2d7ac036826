"""A loader whose batches depend on where they stand alone: on seed, process, epoch and number.

So a run that begins in the middle of an epoch gets the batches that were still to come, with the
noise that they would have had, whatever drew random numbers before, and however many workers load.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeGuard

import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset
from torch.utils.data import get_worker_info as worker_info

from lightning_ebm.needed import needed
from lightning_ebm.random_state import Moment, derived_seed, lent, seeded

_END = object()

ORDER, ITEMS = 0, 1
"""What is drawn for a batch: which items it has, and what is random in them."""

OF_ITEMS = ("dataset", "collate_fn", "batch_size", "drop_last", "sampler", "batch_sampler")
OF_LOADING = (
    "num_workers",
    "pin_memory",
    "pin_memory_device",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "prefetch_factor",
    "persistent_workers",
    "in_order",
)


class Place(NamedTuple):
    """Where training stands.

    Attributes:
        seed: of the run.
        rank: of this process.
        epoch: counted from 0.
        batch: how many batches of this epoch are done.
    """

    seed: int
    rank: int
    epoch: int
    batch: int


class ResumableLoader(DataLoader[Any]):
    """A `DataLoader` that begins where training stands.

    Batch sampler, data set and collation may draw from torch's, NumPy's and Python's global
    generators, and a sampler from a generator of its own: they are seeded for each batch, and
    afterwards put back. What a sampler keeps from epoch to epoch besides is not known here.

    Args:
        dataset: any but an iterable one.
        place: tells where training stands when a pass begins.
        stream: tells where the global generators are to be when a batch has been loaded; None
            for where they were before it.
        seeds_sampler: whether a `DistributedSampler` is seeded by the run's seed.
        settings: all else that a `DataLoader` takes.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        place: Callable[[], Place],
        stream: Callable[[], Moment | None],
        seeds_sampler: bool = True,
        **settings: Any,  # noqa: ANN401 - torch's own
    ) -> None:
        self.place = place
        self.stream = stream
        self.seeds_sampler = seeds_sampler
        self._inner: DataLoader[Any] | None = None
        super().__init__(dataset, **settings)

    @classmethod
    def of(
        cls,
        loader: DataLoader[Any],
        place: Callable[[], Place],
        stream: Callable[[], Moment | None],
    ) -> ResumableLoader:
        """The same loader, as one that begins where training stands."""
        # A batch sampler of torch's own kind is made anew; Trainer exchanges its sampler then.
        custom = loader.batch_size is None and loader.batch_sampler is not None
        left_out = {"batch_size", "drop_last", "sampler"} if custom else {"batch_sampler"}
        names = (*OF_ITEMS, *OF_LOADING, "generator")
        settings = {name: getattr(loader, name) for name in names if hasattr(loader, name)}
        settings = {name: value for name, value in settings.items() if name not in left_out}
        own = isinstance(_innermost(loader), DistributedSampler)
        return cls(place=place, stream=stream, seeds_sampler=not own, **settings)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override] # torch names its own
        # A generator, so that the place is asked for with the first batch. Trainer makes its
        # iterator before it knows the epoch.
        batches = iter(self._loading())
        while True:
            stream = self.stream() or Moment.now()
            try:
                with lent():
                    batch = next(batches, _END)
            finally:
                stream.put_back()
            if batch is _END:
                return
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Nothing, the place being all: by this method Trainer knows that it can resume."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to load."""

    @property
    def _iterator(self) -> Any:  # noqa: ANN401 - torch's own
        # By this name of torch's Trainer ends workers.
        return None if self._inner is None else self._inner._iterator

    @_iterator.setter
    def _iterator(self, iterator: Any) -> None:  # noqa: ANN401
        self._inner = iterator

    def _loading(self) -> DataLoader[Any]:
        if self._inner is None:
            settings = {name: getattr(self, name) for name in OF_LOADING if hasattr(self, name)}
            function = settings["worker_init_fn"]
            self._inner = DataLoader(
                _SeededItems(self),
                batch_size=None,
                sampler=_Places(self),
                collate_fn=_as_it_is,
                # Every pass draws a seed of workers, which nothing needs: not from the stream.
                generator=torch.Generator(),
                **settings | {"worker_init_fn": function and _OnOwnData(function)},
            )
        return self._inner


class _Places:
    """What is to be loaded: numbers to seed by, with the index or indices that a sampler gives."""

    def __init__(self, loader: ResumableLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], Any]]:
        place = self.loader.place()
        # Beside a longer loader Trainer passes over this one again and again.
        cycle, done = divmod(place.batch, len(self.loader))
        common = isinstance(_innermost(self.loader), DistributedSampler)
        self._set_epoch(place)
        indices = self._indices(place.seed, place.epoch, cycle, 0 if common else place.rank)
        for number, index in enumerate(indices):
            if number >= done:
                entropy = (place.seed, ITEMS, place.epoch, cycle, place.rank, number)
                yield entropy, index

    def _indices(self, seed: int, *where: int) -> Iterator[Any]:
        """What the sampler gives, drawing as a function of these numbers alone."""
        samplers = _samplers(self.loader)
        found = [getattr(sampler, "generator", None) for sampler in samplers]
        own = {id(g): g for g in found if isinstance(g, torch.Generator)}.values()
        iterator = None
        for number in itertools.count():
            with seeded((seed, ORDER, *where, number), *own):
                iterator = iter(samplers[0]) if iterator is None else iterator
                try:
                    index = next(iterator)
                except StopIteration:
                    return
            yield index

    def _set_epoch(self, place: Place) -> None:
        sampler = _innermost(self.loader)
        if isinstance(sampler, DistributedSampler) and self.loader.seeds_sampler:
            # Trainer's has the seed of this command, and not that of the run.
            sampler.seed = derived_seed(place.seed) % 2**32
        for each in _samplers(self.loader):
            if callable(set_epoch := getattr(each, "set_epoch", None)):
                set_epoch(place.epoch)


class _SeededItems(Dataset[Any]):
    """Batches of a data set, collated, each drawing from generators that are seeded for it."""

    def __init__(self, loader: ResumableLoader) -> None:
        self.dataset = loader.dataset
        self.collate = loader.collate_fn
        self.in_batches = loader.batch_sampler is not None

    def __getitem__(self, place: tuple[tuple[int, ...], Any]) -> Any:  # noqa: ANN401
        entropy, index = place
        with seeded(entropy):
            return self.collate(self._fetch(index))

    def _fetch(self, index: Any) -> Any:  # noqa: ANN401 - what a sampler gives
        if not self.in_batches:
            return self.dataset[index]
        at_once = getattr(self.dataset, "__getitems__", None)
        return at_once(index) if at_once else [self.dataset[i] for i in index]


class _OnOwnData:
    """A user's `worker_init_fn`, which finds the user's own data set in the worker."""

    def __init__(self, function: Callable[[int], None]) -> None:
        self.function = function

    def __call__(self, worker: int) -> None:
        # Torch's object lets nobody set an attribute.
        info = needed(worker_info())
        seeded: Any = info.dataset
        object.__setattr__(info, "dataset", seeded.dataset)
        self.function(worker)


def can_resume(loader: object) -> TypeGuard[DataLoader[Any]]:
    """Whether `ResumableLoader.of` knows what a loader does.

    Not if its data set is iterable, and decides the order itself, nor if it is of a class derived
    from `DataLoader`, which may do anything.
    """
    return type(loader) is DataLoader and not isinstance(loader.dataset, IterableDataset)


def _samplers(loader: DataLoader[Any]) -> list[Any]:
    """What gives indices, and the sampler inside it if there is one."""
    outer = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    inner = getattr(outer, "sampler", None)
    return [outer] if inner is None else [outer, inner]


def _innermost(loader: DataLoader[Any]) -> Any:  # noqa: ANN401 - anybody's sampler
    return _samplers(loader)[-1]


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401 - anybody's data
    return batch
