"""Recipes of optimizers and schedulers when a module is pickled: unnamed functions stay behind."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NoReturn

from lightning_ebm.errors import SettingError


class Lost:
    """Stands for a function that could not be pickled, and says so when it is called.

    Args:
        key: the setting that it was given for.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, *args: object) -> NoReturn:
        """Refuse.

        Raises:
            SettingError: always.
        """
        raise SettingError(
            f"model.{self.key} is a function without a name of its own, which pickle left behind: "
            "this copy can be evaluated; to train it on, make a module anew and load its weights, "
            "or give a named function"
        )


def without_unnamed(recipes: dict[str, Callable[..., Any] | None]) -> dict[str, Any]:
    """The recipes by setting, with those that pickle refuses replaced by `Lost` ones."""
    return {key: recipe if _pickles(recipe) else Lost(key) for key, recipe in recipes.items()}


def _pickles(recipe: object) -> bool:
    try:
        pickle.dumps(recipe)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
