"""Changes from outside to named rates and numbers of the tissue: a user's own rule, a stress, a gene, a disease.

A rate is one that a Sertoli cell sets for its germ cells (`steps.RATES`: commitment, spermiation, the hazard of each
step) or a number of the tissue (a field of `tissue.TissueParameters`). Modifiers compose: factors multiply, additions
add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.biology import steps
from testis_abm.support.errors import TestisError, nearest, shown
from testis_abm.testis.changes import NUMBERS, Change

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel

Amount = float | np.ndarray
Effect = Amount | Callable[["TestisModel"], Amount]


@dataclass(frozen=True)
class Modifier:
    """One change: on each day, rate * factor + added.

    Attributes:
        name: what does it, for reports.
        rates: which rates or numbers it changes.
        factor, added: a number, one value for each Sertoli cell, or a function of the model that returns either; an
            added hazard is per day.
    """

    name: str
    rates: tuple[str, ...]
    factor: Effect = 1.0
    added: Effect = 0.0

    def today(self, model: TestisModel, sertoli: int) -> tuple[np.ndarray, np.ndarray]:
        """Return today's factor and addition, each (1,) or (sertoli,).

        Raises:
            TestisError: if one is not a finite number, a factor is negative, or the shape does not fit.
        """
        factor, added = self._amount("factor", model, sertoli), self._amount("added", model, sertoli)
        if np.any(factor < 0):
            raise TestisError(f"modifier {self.name!r}: factor {factor.min():g} is negative; use 0 or more")
        return factor, added

    def _amount(self, which: str, model: TestisModel, sertoli: int) -> np.ndarray:
        effect = getattr(self, which)
        try:
            value = effect(model) if callable(effect) else effect
        except TestisError:
            raise
        except Exception as error:
            raise TestisError(f"modifier {self.name!r}: {which}: {type(error).__name__}: {error}") from error
        amount = self._number(which, value)
        if amount.shape not in ((1,), (sertoli,)) or not np.all(np.isfinite(amount)):
            strange = amount[~np.isfinite(amount)]
            given = f"an array of shape {amount.shape}" if amount.size != 1 else f"{amount.item():g}"
            which_is = f" with {strange[0]:g}" if strange.size and amount.size != 1 else ""
            raise TestisError(
                f"modifier {self.name!r}: {which} must be one finite number or one for each of {sertoli} Sertoli cells, "
                f"not {given}{which_is}"
            )
        if amount.size > 1 and any(rate in NUMBERS for rate in self.rates):
            raise TestisError(
                f"modifier {self.name!r}: {', '.join(self.rates)} holds for the whole tissue; give one number, not "
                f"{amount.size}"
            )
        return amount

    def check(self) -> None:
        """Raise if an amount that is known already is no number.

        Raises:
            TestisError: naming it.
        """
        for which, effect in (("factor", self.factor), ("added", self.added)):
            if not callable(effect):
                self._number(which, effect)

    def _number(self, which: str, value: object) -> np.ndarray:
        """Return an amount as an array of one dimension or more."""
        try:
            return np.atleast_1d(np.asarray(value, dtype=float))
        except (TypeError, ValueError) as error:
            raise TestisError(
                f"modifier {self.name!r}: {which} must be a number, one for each Sertoli cell, or a function of the "
                f"model, not {shown(value)}"
            ) from error


class Modifiers(dict[str, Modifier]):
    """The modifiers of a model by name, in the order in which they were added."""

    def change(
        self, name: str, rates: str | Iterable[str], *, factor: Effect | None = None, added: Effect | None = None
    ) -> Modifier:
        """Add a modifier, or replace the one of that name.

        Raises:
            TestisError: for a name that is no line of text, a rate that is not known, an amount that is no number, or no
                amount.
        """
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise TestisError(f'modifier {shown(name)}: name it by a line of text, for example "heat"')
        wanted = (rates,) if isinstance(rates, str) else tuple(rates) if isinstance(rates, Iterable) else ()
        if not wanted:
            raise TestisError(f"modifier {name!r}: name a rate or a list of rates, not {shown(rates)}")
        known = (*steps.RATES, *NUMBERS)
        for rate in wanted:
            if rate not in known:
                close = nearest(rate, known)
                raise TestisError(
                    f"modifier {name!r}: rate {rate!r} is not known"
                    + (f"; nearest: {close!r}" if close else f"; rates: {', '.join(steps.RATES)}")
                )
        if factor is None and added is None:
            raise TestisError(f"modifier {name!r}: give factor, added or both")
        modifier = Modifier(name, wanted, 1.0 if factor is None else factor, 0.0 if added is None else added)
        modifier.check()
        self[name] = modifier
        return modifier

    @property
    def steady(self) -> bool:
        """Return whether none of them depends on the day."""
        return not any(callable(effect) for modifier in self.values() for effect in (modifier.factor, modifier.added))

    def today(self, model: TestisModel, sertoli: int) -> Iterator[Change]:
        """Yield what they do to each rate today, in order."""
        for modifier in self.values():
            factor, added = modifier.today(model, sertoli)
            for rate in modifier.rates:
                yield Change(modifier.name, rate, factor, added)
