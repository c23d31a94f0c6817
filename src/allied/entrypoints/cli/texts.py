"""Agreement and register files that a verb reads, with no node.

Rules that hold below. A folder stands for every `.yaml` file below it; incident and register
files among them are passed over. The files are bounded in number and in size before anything
is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand

from allied.entrypoints.cli.files import TEXT_LIMIT, read_bounded
from allied.entrypoints.cli.terminal import say
from allied.errors import MalformedError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.agreement.events import Event
    from allied.agreement.moments import Moment
    from allied.agreement.terms import Agreement

FILE_LIMIT: Final = 2_000
BYTES_LIMIT: Final = 32 * 2**20

_SEVERAL: Final = ("--agreements", "--incident", "--register", "--art")
_OTHER_FORMATS: Final = re.compile(rb"^format: *[\"']?(incident|register)/", re.MULTILINE)


class Several(TyperCommand):
    """Lets `--agreements A B C` stand for the option given three times."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each further value."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(arguments: Iterable[str]) -> Iterator[str]:
    option, first = "", True
    for argument in arguments:
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            option, first = (name if name in _SEVERAL else ""), not equals
        elif option and not first:
            yield option
        else:
            first = False
        yield argument


def agreements_in(paths: Sequence[Path]) -> dict[str, Agreement]:
    """The agreements of files and folders, by id.

    Raises:
        MalformedError: a file is no agreement, or one id is in two files.
        NotFoundError: `whatif.no-agreement`.
        UsageError: a file is missing, or there are too many.
    """
    from allied.agreement.terms import Agreement, load
    from allied.response.ties import require_no_circle

    found: dict[str, Agreement] = {}
    origin: dict[str, Path] = {}
    for file, raw in _raws(paths):
        for text in load(raw, str(file)):
            if not isinstance(text, Agreement):
                continue
            if text.id in found:
                raise MalformedError(
                    "agreement.twice",
                    f"the agreement {text.id} is in {origin[text.id]} and in {file}",
                    hint="leave one of them out, or give it an id of its own",
                )
            found[text.id], origin[text.id] = text, file
    if not found:
        raise NotFoundError(
            "whatif.no-agreement",
            "no agreement is among the files",
            hint="name .yaml files of the format alliance/1, or a folder that holds some",
        )
    try:
        require_no_circle(found)
    except MalformedError as circle:
        raise _placed(circle, set(origin.values())) from circle
    return found


def _placed(refusal: MalformedError, files: Iterable[Path]) -> MalformedError:
    """The same refusal with its place, which only reading the files together tells."""
    from allied.agreement.check import check_files

    raws = [(read_bounded(file, TEXT_LIMIT), str(file)) for file in sorted(files)]
    places = [each.place for each in check_files(raws) if each.code == refusal.code]
    return MalformedError(
        "agreement.tied-in-a-circle",
        refusal.message,
        hint=refusal.hint,
        place=places[0] if places else None,
    )


def events_in(files: Sequence[Path], texts: Mapping[str, Agreement]) -> tuple[Event, ...]:
    """The events of register files about agreements."""
    from allied.agreement.register_file import load

    return tuple(
        event for file in files for event in load(read_bounded(file, TEXT_LIMIT), str(file), texts)
    )


def moment_of(text: str, option: str) -> Moment | None:
    """The day or instant of an option; None where it is not given."""
    from allied.agreement.moments import moment

    if not text:
        return None
    try:
        return moment(text)
    except ValueError as wrong:
        raise UsageError("usage.date", f"{option} is no moment", hint=f"write {wrong}") from wrong


def require_few(count: int) -> None:
    """Return if not too many files are given."""
    if count > FILE_LIMIT:
        raise UsageError(
            "whatif.too-many-files",
            f"more than {FILE_LIMIT} files are given",
            hint="name fewer, or smaller folders",
        )


def _files(paths: Sequence[Path]) -> list[tuple[Path, bool]]:
    """The files to read, and whether each was named itself."""
    found: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            for file in path.rglob("*.yaml"):
                if file.is_file():
                    found.setdefault(file, False)
                require_few(len(found))
        else:
            found[path] = True
    require_few(len(found))
    return sorted(found.items(), key=lambda entry: str(entry[0]))


def _raws(paths: Sequence[Path]) -> Iterator[tuple[Path, bytes]]:
    """The bytes of each file, in the order of their names; not more than the bound in all."""
    total = 0
    for file, named in _files(paths):
        raw = read_bounded(file, TEXT_LIMIT)
        if not named and _OTHER_FORMATS.search(raw):
            say(f"{file}: no agreement, passed over")
            continue
        total += len(raw)
        if total > BYTES_LIMIT:
            raise UsageError(
                "whatif.too-large", f"the files have more than {BYTES_LIMIT // 2**20} MiB together"
            )
        yield file, raw
