"""Registered samplers as classes named after their entry points, so that YAML can name them.

jsonargparse finds any class that exists by its name, and imports `lightning_ebm.plugins.NAME` by
its path. A sampler is loaded when it is asked for, no other with it: a plug-in is code. This
module has no name of its own that a sampler could be called by.
"""

from lightning_ebm import registry as _registry


def __getattr__(name: str) -> type:
    found = _registry.named(name)
    if found is None:
        raise AttributeError(f"module {__name__} has no sampler '{name}'")
    return found
