"""What may go wrong and is nobody's bug: told in one message that ends with what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class TenureError(Exception):
    """The data, the settings or the model forbid to go on.

    Parameters
    ----------
    message : str
        What is wrong, with table, column and count where there are any.
    fix : str
        What the reader can do about it.

    Examples
    --------
    >>> print(TenureError("contracts has no column 'arr'.", "Add it, or map it in tenure.toml."))
    contracts has no column 'arr'.
      Add it, or map it in tenure.toml.
    """

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message}\n  {fix}")
        self.message = message
        self.fix = fix


class SettingsError(TenureError):
    """tenure.toml says something that Tenure does not understand."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the known word nearest to a misspelt one, as a sentence with a leading space.

    Examples
    --------
    >>> did_you_mean("acount_id", ["account_id", "arr"])
    " Did you mean 'account_id'?"
    >>> did_you_mean("colour", ["account_id", "arr"])
    ''
    """
    nearest = get_close_matches(name.casefold(), sorted(known), n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
