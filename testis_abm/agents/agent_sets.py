"""AgentSets of cells: Mesa's interface over columns, where reading by name is an array operation."""

from __future__ import annotations

import copy
import itertools
import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any, Self

import mesa
import numpy as np
from mesa.agentset import AbstractAgentSet, AgentSet, GroupBy

from testis_abm.agents.views import Cell, Reading, Rows, as_list, index_of

_MISSING = ("error", "default")
_Type = type | tuple[type, ...] | None
_Test = Callable[[Any], bool] | None


def _limit(at_most: int | float) -> int | None:
    """Return how many agents `at_most` lets through (None: all, as in Mesa for what is no number too)."""
    return max(0, math.ceil(at_most)) if at_most < float("inf") else None


class _CellSet(AbstractAgentSet):  # type: ignore[misc]
    """What every set of cells can do, one agent at a time; its members are those that are still alive."""

    random: Random

    def _listed(self, agents: Iterable[mesa.Agent]) -> ListedAgents:
        return ListedAgents(agents, self.random)

    @classmethod
    def _from_iterable(cls, agents: Iterable[mesa.Agent]) -> ListedAgents:
        """Return the result of `|`, `&`, `-` and `^` between sets."""
        return ListedAgents(agents, Random(0))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, agent: object) -> bool:
        return any(agent == member for member in self)

    def to_list(self) -> list[Any]:
        """Return the agents as a list."""
        return list(self)

    def __getitem__(self, item: int | slice) -> Any:
        return self.to_list()[item]

    def index(self, agent: Any) -> int:
        """Return the place of an agent.

        Raises:
            ValueError: if it is no member.
        """
        return self.to_list().index(agent)

    def count(self, agent: Any) -> int:
        """Return how often an agent is a member: 0 or 1."""
        return int(agent in self)

    def get(self, attr_names: str | list[str], handle_missing: str = "error", default_value: Any = None) -> list[Any]:
        """Return one attribute (or a list of several) of each agent, as Mesa's `AgentSet.get`.

        Raises:
            AttributeError: for an unknown attribute, unless `handle_missing` is "default".
        """
        if handle_missing not in _MISSING:
            raise ValueError(f"Unknown handle_missing option: {handle_missing}, should be one of 'error' or 'default'")
        if isinstance(attr_names, str):
            return self._values(attr_names, handle_missing, default_value)
        columns = [self._values(name, handle_missing, default_value) for name in attr_names]
        return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in self]

    def _values(self, name: str, missing: str, default: Any) -> list[Any]:
        if missing == "default":
            return [getattr(agent, name, default) for agent in self]
        return [getattr(agent, name) for agent in self]

    def array(self, name: str) -> np.ndarray:
        """Return an attribute of every agent as an array."""
        # NumPy would turn a mixture of lineages and small numbers into floats.
        return np.array(self.get(name), dtype=np.uint64 if name in ("lineage", "unique_id") else None)

    def set(self, attr_name: str, value: Any) -> Self:
        """Write one value into an attribute of every agent, or of none.

        Raises:
            AttributeError: if it is not an attribute that can be set.
        """
        for kind in {type(agent) for agent in self}:
            if issubclass(kind, Cell):
                kind.setter(attr_name)
        super().set(attr_name, value)
        return self

    def select(
        self,
        filter_func: _Test = None,
        at_most: int | float = float("inf"),
        inplace: bool = False,
        agent_type: _Type = None,
    ) -> Any:
        """Return agents that pass a test and are of a type, the first `at_most` (a number or a share)."""
        if filter_func is None and agent_type is None and at_most == float("inf"):
            return self if inplace else copy.copy(self)
        if isinstance(at_most, float) and at_most <= 1.0:
            at_most = int(len(self) * at_most)
        return self._passing(filter_func, _limit(at_most), inplace, agent_type)

    def _passing(self, test: _Test, most: int | None, inplace: bool, agent_type: _Type) -> Any:
        passing = (
            agent
            for agent in self._of_type(agent_type)
            if (not agent_type or isinstance(agent, agent_type)) and (not test or test(agent))
        )
        return self._chosen(itertools.islice(passing, most), inplace)

    def _of_type(self, agent_type: _Type) -> Iterable[Any]:
        """Return at least the members of a type (a set that knows better need not visit the others)."""
        return self

    def _chosen(self, agents: Iterable[Any], inplace: bool) -> Any:
        return self._update(agents) if inplace else self._listed(agents)

    def sort(self, key: Callable[[Any], Any] | str, ascending: bool = False, inplace: bool = False) -> Any:
        """Return the agents ordered by an attribute or a function (largest first unless `ascending`)."""
        agents = self.to_list()
        read = operator.attrgetter(key) if isinstance(key, str) else key
        keys = [read(agent) for agent in agents]
        order = sorted(range(len(agents)), key=keys.__getitem__, reverse=not ascending)
        return self._chosen([agents[i] for i in order], inplace)

    def shuffle(self, inplace: bool = False) -> Any:
        """Return the agents in random order."""
        agents = self.to_list()
        self.random.shuffle(agents)
        return self._chosen(agents, inplace)

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Call a method (by name) or a function on each agent."""
        self.map(method, *args, **kwargs)
        return self

    def shuffle_do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Do the same as `do` in random order."""
        agents = self.to_list()
        self.random.shuffle(agents)
        self._listed(agents).do(method, *args, **kwargs)
        return self

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return what a method (by name) or a function gives for each agent."""
        if isinstance(method, str):
            return [getattr(agent, method)(*args, **kwargs) for agent in self.to_list()]
        return [method(agent, *args, **kwargs) for agent in self.to_list()]

    def groupby(self, by: Callable[[Any], Any] | str, result_type: str = "agentset") -> GroupBy:
        """Group the agents by an attribute or a function, as Mesa's `AgentSet.groupby`."""
        agents = self.to_list()
        keys = [getattr(agent, by) if isinstance(by, str) else by(agent) for agent in agents]
        groups: dict[Any, list[Any]] = defaultdict(list)
        for key, agent in zip(keys, agents, strict=True):
            groups[key].append(agent)
        if result_type == "list":
            return GroupBy(groups)
        return GroupBy({key: self._chosen(members, False) for key, members in groups.items()})

    def copy(self) -> Any:
        """Return a set of the present members; later births do not enter it."""
        return self._chosen(self, False)

    def __copy__(self) -> Any:
        return self.copy()

    def add(self, agent: Any) -> None:
        """Refuse: cells are born by the rules."""
        raise TypeError("cells are born by the rules, not added to a set; an agent of your own is a mesa.Agent(model)")

    def discard(self, agent: Any) -> None:
        """Refuse: cells die by the rules."""
        raise TypeError("cells die by the rules and cannot be taken out of a set; use select() for a part of it")

    def remove(self, agent: Any) -> None:
        """Refuse: cells die by the rules."""
        self.discard(agent)


class ListedAgents(_CellSet):
    """A fixed selection of agents of any kind, in order; those that die leave it."""

    def __init__(self, agents: Iterable[mesa.Agent], random: Random) -> None:
        self._agents = dict.fromkeys(agents)
        self.random = random

    def __iter__(self) -> Iterator[Any]:
        return (agent for agent in list(self._agents) if getattr(agent, "alive", True))

    def __contains__(self, agent: object) -> bool:
        return agent in self._agents and getattr(agent, "alive", True)

    def _update(self, agents: Iterable[Any]) -> Self:
        self._agents = dict.fromkeys(agents)
        return self

    def add(self, agent: Any) -> None:
        """Take an agent into the selection."""
        self._agents[agent] = None

    def discard(self, agent: Any) -> None:
        """Leave an agent out of the selection."""
        self._agents.pop(agent, None)

    def remove(self, agent: Any) -> None:
        """Leave an agent out of the selection.

        Raises:
            KeyError: if it is no member.
        """
        del self._agents[agent]


class UnionAgentSet(_CellSet):
    """The members of several sets, one after the other.

    Args:
        parts: type -> set of the agents of that type.
        random: for shuffling, as Mesa's sets carry.
    """

    def __init__(self, parts: Mapping[type, AbstractAgentSet], random: Random) -> None:
        self._parts = dict(parts)
        self.random = random

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._parts.values())

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def __contains__(self, agent: object) -> bool:
        return any(agent in part for part in self._parts.values())

    def _values(self, name: str, missing: str, default: Any) -> list[Any]:
        return [value for part in self._parts.values() for value in part.get(name, missing, default)]

    def _of_type(self, agent_type: _Type) -> Iterable[Any]:
        if agent_type is None:
            return self
        parts = (part for of, part in self._parts.items() if of is mesa.Agent or issubclass(of, agent_type))
        return itertools.chain.from_iterable(parts)

    def _passing(self, test: _Test, most: int | None, inplace: bool, agent_type: _Type) -> Any:
        part = self._parts.get(agent_type) if isinstance(agent_type, type) else None
        if isinstance(part, ColumnAgentSet) and not inplace:
            return part._passing(test, most, False, None)  # cells of one kind stay backed by columns
        return super()._passing(test, most, inplace, agent_type)

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return what a method (by name) or a function gives for each agent."""
        return [value for part in self._parts.values() for value in part.map(method, *args, **kwargs)]

    def _update(self, agents: Iterable[Any]) -> Self:
        self._parts = {mesa.Agent: self._listed(agents)}
        return self


class ColumnAgentSet(_CellSet):
    """The cells of one kind, backed by columns: all that live, or a selection of them.

    `get`, `set`, `agg`, `sort` and `groupby` by name are array operations; views are made only for what
    looks at a cell. All that live follows births and deaths; a selection keeps its members until they die.

    Args:
        model: has `tissue`.
        cell_type: LeydigCell, SertoliCell or GermCell.
        random: for shuffling, as Mesa's sets carry.
        lineages: of the selection, uint64, in order (None: all that live, in the order of the columns).
    """

    def __init__(self, model: Any, cell_type: type[Cell], random: Random, lineages: np.ndarray | None = None) -> None:
        self.model, self.cell_type, self.random = model, cell_type, random
        self._lineages = lineages

    def _members(self) -> tuple[Rows, np.ndarray]:
        """Return rows and lineages of the living members, in order."""
        index = index_of(self.model.tissue, self.cell_type.kind)
        if self._lineages is None:
            return index.rows, index.lineage
        rows = index.find(self._lineages)
        alive = rows >= 0
        return rows[alive], self._lineages[alive]

    def __len__(self) -> int:
        return len(self._members()[0])

    def __iter__(self) -> Iterator[Any]:
        return self._views(*self._members())

    def _views(self, rows: Rows, lineages: np.ndarray) -> Iterator[Any]:
        index = index_of(self.model.tissue, self.cell_type.kind)
        for row, lineage in zip(rows.tolist(), lineages.tolist(), strict=True):
            yield self.cell_type.at(self.model, index, row, lineage)

    def __contains__(self, agent: object) -> bool:
        if type(agent) is not self.cell_type or agent.model is not self.model or not agent.alive:
            return False
        return self._lineages is None or bool(np.any(self._lineages == np.uint64(agent.lineage)))

    def __getitem__(self, item: int | slice) -> Any:
        rows, lineages = self._members()
        if isinstance(item, slice):
            return list(self._views(rows[item], lineages[item]))
        return next(self._views(rows[[item]], lineages[[item]]))

    def array(self, name: str) -> np.ndarray:
        """Return an attribute of every cell as an array.

        Raises:
            AttributeError: if no column or reading has that name.
        """
        reading = getattr(self.cell_type, name, None)
        rows, lineages = self._members()
        if isinstance(reading, Reading):
            return np.asarray(reading.read(self.model.tissue, rows))
        if name in ("lineage", "unique_id"):
            return lineages.copy()
        raise AttributeError(f"{self.cell_type.__name__} has no column {name!r}")

    def _values(self, name: str, missing: str, default: Any) -> list[Any]:
        reading = getattr(self.cell_type, name, None)
        rows, lineages = self._members()
        if isinstance(reading, Reading):
            return as_list(reading.read(self.model.tissue, rows))
        if name in ("lineage", "unique_id"):
            return as_list(lineages)
        return super()._values(name, missing, default)

    def set(self, attr_name: str, value: Any) -> Self:
        """Write one value into an attribute of every cell.

        Raises:
            AttributeError: if it is not an attribute that can be set.
        """
        self.cell_type.setter(attr_name)(self.model.tissue, self._members()[0], value)
        return self

    def add(self, agent: Any) -> None:
        """Take a cell into a selection.

        Raises:
            TypeError: for the set of all cells, and for what is no cell of this kind and model.
        """
        if self._lineages is None:
            super().add(agent)
        elif type(agent) is not self.cell_type or agent.model is not self.model:
            raise TypeError(f"a selection of {self.cell_type.__name__} of one model cannot hold {agent!r}")
        elif agent not in self:
            self._lineages = np.append(self._lineages, np.uint64(agent.lineage))

    def discard(self, agent: Any) -> None:
        """Leave a cell out of a selection.

        Raises:
            TypeError: for the set of all cells.
        """
        if self._lineages is None:
            super().discard(agent)
        elif agent in self:
            self._lineages = self._lineages[self._lineages != np.uint64(agent.lineage)]

    def remove(self, agent: Any) -> None:
        """Leave a cell out of a selection.

        Raises:
            TypeError: for the set of all cells.
            KeyError: if it is no member.
        """
        if self._lineages is not None and agent not in self:
            raise KeyError(agent)
        self.discard(agent)

    def _update(self, agents: Iterable[Any]) -> Self:
        self._lineages = np.array([agent.lineage for agent in agents], dtype=np.uint64)
        return self

    def _chosen(self, agents: Iterable[Any], inplace: bool) -> Any:
        chosen = self if inplace else type(self)(self.model, self.cell_type, self.random)
        return chosen._update(agents)

    def _passing(self, test: _Test, most: int | None, inplace: bool, agent_type: _Type) -> Any:
        fits = agent_type is None or issubclass(self.cell_type, agent_type)
        if test is not None and fits:
            return super()._passing(test, most, inplace, None)
        return self._selection(self._members()[1][: most if fits else 0], inplace)

    def sort(self, key: Callable[[Any], Any] | str, ascending: bool = False, inplace: bool = False) -> Any:
        """Return the cells ordered by an attribute or a function (largest first unless `ascending`)."""
        if not isinstance(key, str) or "." in key:
            return super().sort(key, ascending, inplace)
        keys, lineages = self.get(key), self._members()[1]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=not ascending)
        return self._selection(lineages[np.array(order, dtype=np.int64)], inplace)

    def shuffle(self, inplace: bool = False) -> Any:
        """Return the cells in random order."""
        lineages = self._members()[1].tolist()
        self.random.shuffle(lineages)
        return self._selection(np.array(lineages, dtype=np.uint64), inplace)

    def groupby(self, by: Callable[[Any], Any] | str, result_type: str = "agentset") -> GroupBy:
        """Group the cells by an attribute or a function, as Mesa's `AgentSet.groupby`."""
        if not isinstance(by, str) or result_type == "list":
            return super().groupby(by, result_type)
        places: dict[Any, list[int]] = defaultdict(list)
        for i, key in enumerate(self.get(by)):
            places[key].append(i)
        lineages = self._members()[1]
        return GroupBy({key: self._selection(lineages[which], False) for key, which in places.items()})

    def copy(self) -> ColumnAgentSet:
        """Return a set of the present members; later births do not enter it."""
        selection: ColumnAgentSet = self._selection(self._members()[1], False)
        return selection

    def _selection(self, lineages: np.ndarray, inplace: bool) -> Any:
        chosen = self if inplace else type(self)(self.model, self.cell_type, self.random)
        chosen._lineages = lineages
        return chosen


AgentSet.register(_CellSet)  # for isinstance: all that an AgentSet of Mesa does, a set of cells does too
