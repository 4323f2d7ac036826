"""What a user's own settings, data and plug-ins can cause; the command prints it as a sentence."""


class SettingError(ValueError):
    """A setting that cannot work: its message names the key, the value and the remedy."""


class PlugInError(SettingError):
    """Code that the user installed or named has failed; its own exception is the cause."""
