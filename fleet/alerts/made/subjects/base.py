"""Interface of a subject: which series of a station a rule is about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Subject:
    """One sort of things to watch.

    `series_name` turns what a person chose into the name of a series, in which `*` stands for anything; it raises
    `InvalidInput` for something that cannot be chosen. `said` names it for people.
    """

    name: str
    label: Promise
    series_name: Callable[[str], str]
    said: Callable[[str], str]
    #: Its unit if people enter none; empty: they may choose, or leave it out.
    unit: Callable[[str], str]
    #: The things that can be chosen, by name; empty: a person enters a name.
    choices: Mapping[str, Promise]
