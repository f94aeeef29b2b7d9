"""How results show themselves: as text in a terminal, as tables in a notebook, always the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod

from testis_abm.results import page


class Shown(ABC):
    """A result that is read: `print(result)` in a terminal, tables in a notebook, `text()` for what both say."""

    @abstractmethod
    def text(self) -> str:
        """Return it in words and tables."""

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """Return what notebooks show: the text, its tables as tables."""
        return page.fragment(self.text())
