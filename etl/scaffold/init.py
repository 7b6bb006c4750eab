"""Makes a job file from files alone: reads a sample, guesses, writes, and tries the result on the sample."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from etl.errors import InputError, JobError
from etl.guess.choices import JobGuess, Reading
from etl.guess.fields import guess_mapping
from etl.guess.presets import PRESETS, apply_preset, choose_parameter, recognise_preset
from etl.guess.profiles import Profile, profile_columns
from etl.guess.when import NO_TIMES, choose_time
from etl.guess.writing import render_value, write_job
from etl.job.line_numbers import nearest_name
from etl.job.load import parse_job
from etl.job.model import Job
from etl.job.references import escape
from etl.read.source import open_source
from etl.read.years import year_in_name
from etl.report.init import Decision, Start
from etl.scaffold.exports import fit_reading, narrow_path
from etl.scaffold.mending import ENOUGH, better_guesses
from etl.scaffold.naming import name_job
from etl.scaffold.reading import is_typed, read_head, sketch_job
from etl.scaffold.sample import as_sample
from etl.scaffold.trial import SAMPLE_BYTES, SAMPLE_ROWS, Tried, first_batch, try_job

__all__ = ["StartOptions", "start_job"]


@dataclass(frozen=True, slots=True)
class StartOptions:
    """Where the job file goes, and what the files can't tell: the preset, the zone of local times."""

    output: Path
    preset: str | None = None
    timezone: str | None = None
    schema: str | None = None


def start_job(files: Sequence[str], options: StartOptions, *, started: datetime) -> Start:
    """Return the text of a job file for `files`, with what was decided and how it does on a sample of the rows.

    Raises `InputError` for files that are missing or not readable, `JobError` for an unknown preset, or one that
    doesn't fit.
    """
    if options.preset is not None and options.preset not in PRESETS:
        guess = nearest_name(options.preset, PRESETS)
        raise JobError(
            f"Expected one of {', '.join(PRESETS)}, found `{options.preset}` - --preset",
            f"Did you mean {guess}?"
            if guess
            else "Leave --preset out to have the export recognised by its columns",
        )
    if "" in files:
        raise JobError(
            "Expected a file, found an empty name - FILE", "Name the files, or a pattern in quotes"
        )
    paths = tuple(narrow_path(escape(_relative(file, options.output.parent)), Path(file)) for file in files)
    source, reading = read_head(paths, options.output)
    sample, profiles = _look_at(paths, options.output, reading)
    preset = options.preset or (recognise_preset(profiles) if reading.has_names else None)
    if preset is not None:
        _check_signature(preset, profiles)
        reading, before = fit_reading(reading, PRESETS[preset]), reading
        if reading != before:
            sample, profiles = _look_at(paths, options.output, reading)
    if not profiles:
        raise InputError(f"Expected columns, found none - {source.name}", "Check that the file holds rows")
    year = "from-file-time" if year_in_name(source.name) is None else "from-file-name"
    chosen = (
        guess_mapping(
            profiles,
            has_names=reading.has_names,
            timezone=options.timezone,
            keeps_types=is_typed(reading),
            year=year,
            repeated=reading.dialect.repeated if reading.dialect is not None else "",
        )
        if preset is None
        else _apply_preset(preset, profiles, sample)
    )
    made = _make(paths, options, reading)
    chosen, job, tried = _try_and_mend(chosen, made, profiles, options, started)
    decisions = _list_decisions(chosen, reading)
    return Start(
        job.text,
        job.name,
        options.output,
        reading.format,
        chosen.preset,
        decisions,
        reading.remarks,
        tried.trial,
        has_times=not chosen.event["createdAt"].why.startswith(NO_TIMES),
    )


def _make(paths: tuple[str, ...], options: StartOptions, reading: Reading) -> Callable[[JobGuess], Job]:
    """Return what makes a job of a guess."""

    def make(guess: JobGuess) -> Job:
        text = write_job(
            name_job(options.output.name),
            paths,
            guess,
            reading=reading,
            job_file=str(options.output),
            schema=options.schema,
        )
        return parse_job(text, options.output)

    return make


def _try_and_mend(
    first: JobGuess,
    make: Callable[[JobGuess], Job],
    profiles: dict[str, Profile],
    options: StartOptions,
    started: datetime,
) -> tuple[JobGuess, Job, Tried]:
    """Return the guess of which most rows of the sample become events, its job, and what became of them."""
    best = first, make(first), try_job(make(first), started)
    if best[2].share >= ENOUGH:
        return best
    for guess in better_guesses(first, best[2], profiles, options.timezone):
        job = make(guess)
        tried = try_job(job, started)
        if tried.trial.events > best[2].trial.events:
            best = guess, job, tried
    return best


def _look_at(
    paths: tuple[str, ...], output: Path, reading: Reading
) -> tuple[pl.DataFrame, dict[str, Profile]]:
    sample = _read_sample(sketch_job(paths, output, reading))
    return sample, profile_columns(sample, typed=is_typed(reading))


def _check_signature(preset: str, profiles: dict[str, Profile]) -> None:
    if missing := [name for name in PRESETS[preset].signature if name not in profiles]:
        raise JobError(
            f"Expected the columns of {PRESETS[preset].title}, found no {', '.join(f'`{name}`' for name in missing)} - "
            f"--preset {preset}",
            "Leave --preset out to have the mapping guessed, or check that this is the right file",
        )


def _apply_preset(name: str, profiles: dict[str, Profile], sample: pl.DataFrame) -> JobGuess:
    """Return the job of a preset; its time and its parameter as the sample has them."""
    preset = PRESETS[name]
    created = preset.event["createdAt"]
    column = created if isinstance(created, str) else created.get("column")
    is_time = column in profiles and profiles[column].time
    time = choose_time({column: profiles[column]}, "UTC") if is_time else None
    addresses = sample[preset.event["searchQuery"]["column"]].drop_nulls().to_list() if preset.params else []
    return apply_preset(name, profiles, time=time, parameter=choose_parameter(preset, addresses))


def _list_decisions(chosen: JobGuess, reading: Reading) -> tuple[Decision, ...]:
    choices = {
        **reading.choices(),
        **({"filter": chosen.row_filter} if chosen.row_filter is not None else {}),
        **chosen.event,
        **{f"userProperties.{key}": choice for key, choice in chosen.user_properties.items()},
    }
    if chosen.every_column:
        choices |= {f"properties.{key}": choice for key, choice in chosen.properties.items()}
    decisions = [Decision(key, render_value(c.value), c.why, c.sureness.value) for key, c in choices.items()]
    if "id" not in chosen.event:
        decisions.append(
            Decision("id", "the event's content", "the same row always gives the same id", "sure")
        )
    rest = "every other column" if chosen.every_column else ", ".join(chosen.properties)
    if rest:
        decisions.append(Decision("properties", rest, "all that no field above uses", "sure"))
    return tuple(decisions)


def _read_sample(sketch: Job) -> pl.DataFrame:
    source = open_source(sketch, most_bytes=SAMPLE_BYTES)
    rows = [
        as_sample(source.widen(batch.frame, file))
        for file in range(min(3, len(source.files)))
        for batch in first_batch(source.batches(file))
    ]
    return pl.concat(rows).head(SAMPLE_ROWS) if rows else pl.DataFrame(schema=source.schema)


def _relative(file: str, folder: Path) -> str:
    return file if "://" in file else os.path.relpath(file, folder)
