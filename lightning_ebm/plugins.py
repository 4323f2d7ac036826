"""Registered samplers as classes named after their entry points, so that YAML can name them.

jsonargparse finds any imported class by its name; importing this module makes `flow_mcmc` such a
name. Whoever only uses the library need not import it.
"""

from lightning_ebm.registry import registered

for _entry in registered():
    if _entry.sampler is not None:
        globals()[_entry.name] = (
            _entry.sampler
            if _entry.sampler.__name__ == _entry.name
            else type(
                _entry.name,
                (_entry.sampler,),
                {"__module__": __name__, "__doc__": _entry.sampler.__doc__},
            )
        )
