"""What a user's own settings, data and plug-ins can cause, and what is not to be kept."""

INTERNAL, REFUSED, DIVERGED = 1, 2, 3
"""Exit statuses: a fault of the library's, of the user's, and a training that diverged."""


class SettingError(ValueError):
    """A setting that cannot work: its message names the key, the value and the remedy."""


class NotFiniteError(FloatingPointError):
    """Something that a step would keep is not finite, so that it was not taken; says what."""


class DivergenceError(FloatingPointError):
    """Training that stopped because a step was not finite; says where the good state is."""


class PlugInError(SettingError):
    """Code that the user installed or named has failed; its own exception is the cause."""
