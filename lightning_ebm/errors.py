"""What goes wrong by the user's own doing, and what is not to be kept."""


class SettingError(ValueError):
    """A setting that cannot work: its message names the key, the value and the remedy."""


class NotFiniteError(FloatingPointError):
    """Something that a step would keep is not finite, so that it was not taken; says what."""


class DivergenceError(FloatingPointError):
    """Training that stopped because a step was not finite; says where the good state is."""
