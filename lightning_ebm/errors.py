"""The one exception that a user's own setting can cause; the command prints it as a sentence."""


class SettingError(ValueError):
    """A setting that cannot work: its message names the key, the value and the remedy."""
