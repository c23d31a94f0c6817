"""Agreements for tests of sharing: the templates that ship, samples, and small pacts."""

from __future__ import annotations

from pathlib import Path

from allied.agreement.clauses import InformationSharing
from allied.agreement.terms import Agreement, load

TESTS = Path(__file__).parents[1]
TEMPLATES = TESTS.parent / "src" / "allied" / "agreement" / "templates"
SAMPLES = TESTS / "agreement" / "samples"


def read(text: str | bytes, source: str = "test.yaml") -> Agreement:
    (found,) = load(text.encode() if isinstance(text, str) else text, source)
    assert isinstance(found, Agreement)
    return found


def template(name: str) -> Agreement:
    return read((TEMPLATES / name).read_bytes(), name)


def sample(name: str) -> Agreement:
    return read((SAMPLES / name).read_bytes(), name)


def pact(clause: str, parties: str = "[{ids: [river, harbour, port]}]") -> Agreement:
    return read(
        f"""format: alliance/1
id: pact
form: {{kind: contract, binding: yes}}
parties: {parties}
articles:
  - {{art: "2", type: information-sharing, {clause}}}
"""
    )


def sharing(clause: str) -> InformationSharing:
    """The one information-sharing clause of a small pact."""
    return first(pact(clause))


def first(of: Agreement) -> InformationSharing:
    (found, *_) = of.clauses(InformationSharing)
    return found
