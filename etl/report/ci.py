"""Writes findings the way CI systems show them: GitHub's annotations, JUnit's XML. Values in, text out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from etl.plain import plain_line, plain_text
from etl.values.findings import Finding, Validation

__all__ = ["Place", "github_annotations", "junit_xml"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CI system looks for files: its `root` folder and the `job` file, both as resolved paths."""

    root: Path
    job: Path

    def name(self, file: str, folder: Path) -> str:
        """Return the name from the root of `file`, which is relative to `folder`; empty for what lies elsewhere."""
        path = Path(os.path.normpath(folder / file))
        return (
            path.relative_to(self.root).as_posix()
            if "://" not in file and path.is_relative_to(self.root)
            else ""
        )


def github_annotations(validation: Validation, place: Place) -> Iterator[str]:
    """Yield a workflow command for each finding, at the line of the job file or of the first example."""
    outcome = validation.outcome
    job = place.name(str(place.job), place.root)
    if validation.forecast is None:
        yield _annotate("error", job, None, outcome.job, f"{outcome.message}\n{outcome.fix}")
        return
    for finding in validation.findings:
        first = finding.examples[0] if finding.examples else None
        file, line = (job, finding.job_line) if finding.job_file is not None else ("", None)
        if finding.job_file is None and first is not None:
            # The names of source files are relative to the job's folder.
            file, line = place.name(first.file, place.job.parent), first.line
        level = {"error": "error", "warning": "warning", "note": "notice"}[finding.level]
        yield _annotate(level, file, line, f"{outcome.job}: {finding.code}", _tell(finding))


def junit_xml(validations: Sequence[Validation]) -> str:
    """Return a JUnit report: a suite a job, a case a finding; rejects fail, warnings are told in the case's output."""
    suites = Xml.Element("testsuites", name="backfill validate")
    for validation in validations:
        outcome = validation.outcome
        failures = sum(finding.level == "error" for finding in validation.findings)
        is_broken = validation.forecast is None
        suite = Xml.SubElement(
            suites,
            "testsuite",
            name=_clean(outcome.job),
            tests=str(max(1, len(validation.findings))),
            failures=str(failures),
            errors=str(int(is_broken)),
            time=f"{outcome.elapsed_seconds:.3f}",
        )
        if is_broken:
            case = Xml.SubElement(
                suite, "testcase", classname=_clean(outcome.job), name="reads the job and its files"
            )
            Xml.SubElement(case, "error", message=_clean(outcome.message)).text = _clean(outcome.fix)
        elif not validation.findings:
            Xml.SubElement(
                suite, "testcase", classname=_clean(outcome.job), name="every row is as it should be"
            )
        for finding in validation.findings:
            case = Xml.SubElement(suite, "testcase", classname=_clean(outcome.job), name=_name(finding))
            if finding.level == "error":
                Xml.SubElement(
                    case, "failure", message=_clean(finding.what), type=finding.code
                ).text = _clean(_tell(finding))
            else:
                Xml.SubElement(case, "system-out").text = _clean(_tell(finding))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(suites, encoding="unicode") + "\n"


def _name(finding: Finding) -> str:
    return _clean(" ".join(part for part in (finding.code, finding.field, finding.column) if part))


def _tell(finding: Finding) -> str:
    rows = f"{finding.rows:,} row{'' if finding.rows == 1 else 's'}"
    lines = [f"{rows} ({100 * finding.share:.2g}%): {finding.what}"]
    lines += [
        f"{plain_line(example.file)} row {example.row}: {plain_line(example.text)}"
        for example in finding.examples
    ]
    return "\n".join([*lines, f"-> {finding.fix}"])


def _annotate(level: str, file: str, line: int | None, title: str, message: str) -> str:
    keys = [f"file={_escape(file, in_key=True)}"] if file else []
    keys += [f"line={line}"] if file and line else []
    keys.append(f"title={_escape(title, in_key=True)}")
    return f"::{level} {','.join(keys)}::{_escape(message)}"


def _escape(text: str, *, in_key: bool = False) -> str:
    """Escape as the workflow commands want it, so that no cell's text can start a command of its own."""
    escaped = plain_text(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if in_key else escaped


def _clean(text: str) -> str:
    """Return `text` plain, without the two characters that XML can't hold even so."""
    return plain_text(text).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
