"""Keeps the spans that a stage tells of, for tests that need no library and no collector."""

from __future__ import annotations

from dataclasses import dataclass, field

from libs.runtime.tracing.context import is_context, is_sampled
from libs.runtime.tracing.port import ATTRIBUTES, Finished, Name


@dataclass
class Spans:
    """What was told, in order; `sampled` is what is decided about a trace that begins."""

    sampled: bool = True
    told: list[Finished] = field(default_factory=list)

    def samples(self) -> bool:
        return self.sampled

    def record(self, span: Finished) -> None:
        assert is_context(span.context), span
        assert is_sampled(span.context), span
        assert span.parent is None or is_context(span.parent), span
        assert span.attributes.keys() <= ATTRIBUTES, span
        assert span.began <= span.ended, span
        self.told.append(span)

    def called(self, name: Name) -> list[Finished]:
        return [span for span in self.told if span.name is name]

    def one(self, name: Name) -> Finished:
        [span] = self.called(name)
        return span
