"""What all parts of a scenario share: frozen, strict about keys, written as they are read, faults in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from testis_abm.scenario.amounts import comma_note
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, nearest, printable, refuse, shown, written

_DEEPEST = 20


class Section(BaseModel):
    """A table of a scenario file; keyword arguments are its keys, values as the file would have them.

    For `from`, a word of Python's, write `from_`. Fields that are written as None are left out of the table.

    Raises:
        ScenarioError: with every fault of the table, one line each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, /, **given: Any) -> None:
        if "from_" in given and "from" in self.examples():
            given["from"] = given.pop("from_")
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ScenarioError(faults(error, type(self))) from None

    @classmethod
    def _placed(cls, names: tuple[str, ...], values: tuple[object, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return keyword arguments with those that are given by place.

        Raises:
            TypeError: there are more than have a place. ScenarioError: one is given by name too.
        """
        if len(values) > len(names):
            raise TypeError(f"{cls.__name__}: give what follows {', '.join(names)} by name")
        for name in names[: len(values)]:
            if name in given:
                raise ScenarioError(f"is given twice, by place and as {name}=...; leave out one", cls.__name__, name)
        return {**dict(zip(names, values)), **given}

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_"):
                raise self._frozen(name)
            super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            raise self._frozen(name)

    def _frozen(self, name: str) -> ScenarioError:
        """Return the refusal to change it, with what to do instead."""
        kind, field = type(self).__name__, type(self).model_fields.get(name)
        key = (field.alias if field else None) or name
        other = f"{kind}(**{{**{kind.lower()}.as_dict(), {key!r}: ...}})"
        return ScenarioError(f"cannot be set, as a {kind} is frozen; make another: {other}", kind, name)

    # A section is declared with init=False, for those who check types: what it takes is not yet what it holds.
    def __init_subclass__(cls, **init: bool) -> None: ...

    @classmethod
    def __pydantic_init_subclass__(cls, **init: bool) -> None: ...

    @classmethod
    def examples(cls) -> dict[str, object]:
        """Return the keys that the table may have, each with a possible value."""
        fields = cls.model_fields.items()
        return {field.alias or name: next(iter(field.examples or [""])) for name, field in fields}

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it: plain lists, tables, text and numbers."""
        return self.model_dump(mode="json", by_alias=True)

    @model_serializer(mode="wrap")
    def _table(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if value is not None}


def faults(error: ValidationError, section: type[Section]) -> Iterable[Problem]:
    """Yield what pydantic found wrong with a table of `section`."""
    for item in error.errors(include_url=False):
        path, kind = item["loc"], item["type"]
        key = str(path[-1]) if path else ""
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, ScenarioError):
            yield from cause.at(*path).problems
        elif kind == "extra_forbidden":
            yield Problem(path, unknown_key(key, section.examples()), named=True)
        elif kind == "missing":
            yield Problem(path, missing_key(key, section.examples()[key]), named=True)
        else:
            yield Problem(path, printable(f"{shown(item['input'])}: {item['msg']}"))


def missing_key(key: str, example: object) -> str:
    """Return the message for a key that a table needs."""
    return f"{key} is missing; for example {key} = {shown(example)}"


def unknown_key(key: object, keys: Iterable[str], see: str = "") -> str:
    """Return the message for a key that a table does not have."""
    keys = list(keys)
    guess = nearest(key, keys)
    hint = f'nearest: "{guess}"' if guess else f"known: {', '.join(keys)}"
    if see:
        hint = f'nearest: "{guess}" (see: {see})' if guess else f"see: {see}"
    return f"key {shown(key)} is not known; {hint}"


def plain(value: object, depth: int = 0) -> Any:
    """Return `value` with every mapping as a dict and every sequence as a list, as TOML would give them.

    Raises:
        ScenarioError: tables or lists are nested deeper than any scenario needs.
    """
    if depth > _DEEPEST:
        raise ScenarioError("is nested too deeply to be a scenario")
    if isinstance(value, Mapping):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in value]
    return value


def flat(raw: Mapping[str, Any], leaf: Iterable[str] = (), prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values, where TOML makes nested tables of unquoted dots; a table with a key of `leaf` is a value."""
    for key, value in raw.items():
        if isinstance(value, Mapping) and value.keys().isdisjoint(leaf):
            yield from flat(value, leaf, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# ---- kinds of fields


def text(template: str) -> PlainSerializer:
    """Return the writing of a number within text, as "{} days"; None stays None."""
    return PlainSerializer(lambda number: None if number is None else template.format(written(number)))


def whole(low: int, high: int) -> BeforeValidator:
    """Return the check of a whole number from `low` to `high`."""
    number = Annotated[int, Field(ge=low, le=high)]
    return BeforeValidator(partial(guard.whole, low=low, high=high), json_schema_input_type=number)


def one_of(*names: str) -> BeforeValidator:
    """Return the check of a name out of a few."""
    return BeforeValidator(partial(guard.word, names=names), json_schema_input_type=Literal[names])


Line = Annotated[
    str, BeforeValidator(lambda value: guard.line(value), json_schema_input_type=Annotated[str, Field(max_length=200)])
]


def _is_table(name: str, value: object) -> object:
    if isinstance(value, Section):
        return value
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        raise ScenarioError(f"is a list; write one table, [{name}] in single brackets")
    raise ScenarioError(f"{shown(value)} is not a table; write [{name}] and its keys below it")


def table(name: str) -> BeforeValidator:
    """Return the check that a key holds one table."""
    return BeforeValidator(partial(_is_table, name))


def _is_tables(name: str, value: object) -> object:
    brackets = f"write [[{name}]], in double brackets, above each one"
    if isinstance(value, Mapping | Section):
        raise ScenarioError(f"is one table and not a list of them; {brackets}")
    if not isinstance(value, list | tuple):
        raise ScenarioError(f"{shown(value)} is not a list of tables; {brackets}")
    wrong = ((i, item) for i, item in enumerate(value) if not isinstance(item, Mapping | Section))
    refuse(Problem((i,), f"{shown(item)} is not a table; {brackets}") for i, item in wrong)
    return tuple(item if isinstance(item, Section) else plain(item) for item in value)


def tables(name: str) -> BeforeValidator:
    """Return the check that a key holds a list of tables."""
    return BeforeValidator(partial(_is_tables, name))


def quantity(parse: Callable[[object], float], low: float, high: float, unit: str) -> BeforeValidator:
    """Return the check of a quantity that `parse` reads, from `low` to `high` in `unit`."""

    def check(value: object) -> float:
        number = parse(value)
        if not low <= number <= high:
            raise ScenarioError(
                f"{shown(value)} is out of range; allowed: {low:g} to {high:g} {unit}{comma_note(value)}"
            )
        return number

    return BeforeValidator(check, json_schema_input_type=float | str)
