"""Decides which requests are answered badly: rules, in order, each so many times or so often."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Self

from smki_testca.errors import InputError
from smki_testca.service.misbehaviour.modes import DEFAULT_SECONDS, SERVICES, Layer, Mode
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RULES = 100
"""The most rules at a time."""
MAX_TIMES = 1_000_000
"""The most times that a rule may ask for."""
MAX_CHARACTERS = 500
"""The longest rule."""
_CODE_PREFIX = re.compile("[A-Z]{2}")
_FORM = "Write [SERVICE:]PATH=MODE[:TIMES][@PROBABILITY], such as adhoc:*=503:3."


@dataclass(frozen=True, slots=True)
class MisbehaviourRule:
    """Which requests are answered badly, how, and how often.

    Attributes:
        service: one of ``SERVICES``; None for all.
        path: a pattern of paths, in which ``*`` also stands for slashes.
        mode: how.
        times: how many requests; None for all.
        probability: with which each is chosen.
    """

    service: str | None
    path: str
    mode: Mode
    times: int | None = None
    probability: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``[SERVICE:]PATH=MODE[:TIMES][@PROBABILITY]``; a service alone means all its paths.

        Raises:
            InputError: if it is not written so, names what is not there, or could never match.
        """
        place, equals, how = text.rpartition("=")
        if not equals or not place or not how or len(text) > MAX_CHARACTERS:
            raise _error(f"{shown(text)} is not a rule of misbehaviour.")
        service, path = _place(place)
        how, at, probability = how.partition("@")
        words, times = _counted(how.split(":"))
        if words == ["slow"] and times is not None:
            raise _error(
                f"slow:{times} does not say whether that is seconds or times.",
                f"Write slow:{times}s for seconds, or slow:{DEFAULT_SECONDS:g}s:{times} for times.",
            )
        rule = cls(
            service, path, Mode.of(words, service), times, _probability(probability) if at else 1.0
        )
        rule._check()
        return rule

    def __str__(self) -> str:
        """The rule as it is written."""
        place = ":".join(filter(None, (self.service, "" if self._is_bare else self.path)))
        times = "" if self.times is None else f":{self.times}"
        probability = "" if self.probability == 1 else f"@{self.probability:g}"
        return f"{place}={self.mode}{times}{probability}"

    @property
    def _is_bare(self) -> bool:
        """Whether a service alone says all."""
        return self.service is not None and self.path == "*"

    def is_for(self, service: str, path: str | None) -> bool:
        """Whether it is for a request; without a path, for a handshake of TLS."""
        if self.service not in {None, service}:
            return False
        if path is None or self.mode.kind.layer is Layer.TLS:
            return path is None and self.mode.kind.layer is Layer.TLS
        return fnmatchcase(path, self.path) and any(
            pattern.has(service, path) for pattern in self.mode.patterns
        )

    def _check(self) -> None:
        """Check that there are requests that it is for."""
        if self.mode.kind.layer is Layer.TLS and self.path != "*":
            raise _error(
                f"{self.mode.name} happens before there is a path.",
                f"Name the service alone: {self.service or 'adhoc'}={self.mode}",
            )
        possible = tuple(dict.fromkeys(pattern.service for pattern in self.mode.patterns))
        if self.service is not None and self.service not in possible:
            raise _error(
                f"{self.service} cannot do {self.mode}.", f"It is for {', '.join(possible)}."
            )


def _place(text: str) -> tuple[str | None, str]:
    """The service and the pattern of paths."""
    if text[0] in "/*?[":
        return None, text
    service, _, path = text.partition(":")
    if service not in SERVICES:
        raise InputError(
            "misbehaviour.service",
            f"There is no service {shown(service)} that misbehaves.",
            f"{use_one_of(SERVICES, given=service)} A path begins with / or *.",
        )
    return service, path or "*"


def _counted(words: list[str]) -> tuple[list[str], int | None]:
    """The words of a mode, and the number of times behind them."""
    *before, last = words
    is_number = last.isascii() and last.isdecimal()
    # What follows two capitals is the rest of an error code, such as CR:9999.
    if not before or not is_number or _CODE_PREFIX.fullmatch(before[-1]):
        return words, None
    return before, _times(last)


def _times(text: str) -> int:
    times = int(text) if len(text) <= len(str(MAX_TIMES)) else 0
    if not 1 <= times <= MAX_TIMES:
        raise _error(f"{shown(text)} is not a number of times.", f"Use 1 to {MAX_TIMES:,}.")
    return times


def _probability(text: str) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = 0.0
    if not 0 < probability <= 1:
        raise _error(f"{shown(text)} is not a probability.", "Use more than 0 and up to 1: @0.1")
    return probability


def _error(message: str, remedy: str = _FORM) -> InputError:
    return InputError("misbehaviour.rule", message, remedy)


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule of a plan, and what has come of it.

    Attributes:
        number: of the rule, from 1; none is used twice until all rules are removed.
        rule: the rule.
        seed: of its probability.
        seen: how many requests it was for.
        done: how many of them were answered badly.
    """

    number: int
    rule: MisbehaviourRule
    seed: int = 0
    seen: int = 0
    done: int = 0

    @property
    def left(self) -> int | None:
        """The number of times that are left; None for no end."""
        return None if self.rule.times is None else self.rule.times - self.done

    def as_json(self) -> dict[str, Any]:
        """The rule as a JSON object."""
        rule = self.rule
        return {
            "number": self.number,
            "rule": str(rule),
            "service": rule.service,
            "path": rule.path,
            "mode": str(rule.mode),
            "layer": str(rule.mode.kind.layer),
            "times": rule.times,
            "probability": rule.probability,
            "seed": self.seed,
            "seen": self.seen,
            "done": self.done,
            "left": self.left,
        }


class Plan:
    """The rules that are in force. Any thread may use it.

    The same seed, rules and requests, in the same order, give the same choices.

    Args:
        rules: in order: the first that chooses a request has it.
        seed: of the probabilities.
    """

    def __init__(self, rules: Iterable[MisbehaviourRule] = (), seed: int = 0) -> None:
        self.seed = seed
        self._lock = threading.Lock()
        self._states: dict[int, RuleState] = {}
        self._last = 0
        self.add(*rules)

    @classmethod
    def parse(cls, texts: Iterable[str], seed: int = 0) -> Self:
        """A plan of rules as they are written.

        Raises:
            InputError: if one cannot be read.
        """
        return cls([MisbehaviourRule.parse(text) for text in texts], seed)

    def add(self, *rules: MisbehaviourRule, seed: int | None = None) -> list[RuleState]:
        """Add rules behind those that are there: all of them or none.

        Args:
            rules: in order.
            seed: of their probabilities; the plan's by default.

        Raises:
            InputError: if there would be more than ``MAX_RULES``.
        """
        with self._lock:
            if len(self._states) + len(rules) > MAX_RULES:
                raise InputError(
                    "misbehaviour.too_many",
                    f"There would be more than {MAX_RULES} rules of misbehaviour.",
                    "Remove some first.",
                )
            chosen = self.seed if seed is None else seed
            added = [
                RuleState(number, rule, chosen) for number, rule in enumerate(rules, self._last + 1)
            ]
            self._states |= {state.number: state for state in added}
            self._last += len(rules)
            return added

    def remove(self, number: int) -> RuleState:
        """Remove a rule.

        Raises:
            InputError: if there is none of that number.
        """
        with self._lock:
            if number not in self._states:
                raise InputError(
                    "misbehaviour.number",
                    f"There is no rule {number} of misbehaviour.",
                    use_one_of(self._states, "number"),
                )
            return self._states.pop(number)

    def clear(self) -> list[RuleState]:
        """Remove all rules. The next one is number 1 again, and chooses as the first one did."""
        with self._lock:
            removed = list(self._states.values())
            self._states.clear()
            self._last = 0
            return removed

    def states(self) -> list[RuleState]:
        """The rules in order, each with what has come of it."""
        with self._lock:
            return list(self._states.values())

    def choose(self, service: str, path: str | None) -> RuleState | None:
        """The rule after which a request is answered badly, and count it; None for none.

        Args:
            service: one of ``SERVICES``.
            path: of the request; None for a handshake of TLS.
        """
        if not self._states:
            return None
        with self._lock:
            for state in self._states.values():
                if state.left == 0 or not state.rule.is_for(service, path):
                    continue
                is_chosen = _draw(state) < state.rule.probability
                counted = replace(state, seen=state.seen + 1, done=state.done + is_chosen)
                self._states[state.number] = counted
                if is_chosen:
                    return counted
        return None


def _draw(state: RuleState) -> float:
    """A number from 0 to below 1, of its own for each request that a rule is for."""
    text = f"{state.seed} {state.number} {state.rule} {state.seen}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
