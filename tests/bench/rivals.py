"""What the benchmark compares with: the plain loops that a person would write instead."""

import asyncio
import csv
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
import polars as pl
import pyarrow.csv
from pyreqwest.client import ClientBuilder

from etl.event import parse_event

SECONDS = 4.0
BODY = (
    b'{"id":"x","type":"assistant_message_copied","entityType":"message","messageId":"msg_1"'
    + b" " * 212
    + b"}"
)
ACTIONS = {
    "copy": "assistant_message_copied",
    "like": "assistant_positive_feedback_submitted",
    "dislike": "assistant_negative_feedback_submitted",
    "open": "assistant_message_inline_link_opened",
}


def rate_of(work: Callable[[], int]) -> float:
    """Return how many things a second `work` does; it returns how many it did."""
    started = time.perf_counter()
    return work() / (time.perf_counter() - started)


def loop_rows(path: Path, most: int = 60_000) -> int:
    """Read row by row with csv, pydantic, uuid5 and JSON, as a script would."""
    done = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            event = parse_event(
                {
                    "type": ACTIONS[row["action"]],
                    "entityType": "message",
                    "messageId": row["message_id"],
                    "createdAt": datetime.fromisoformat(row["created"]),
                    "properties": {
                        "conversation": row["conversation_id"],
                        "page": row["page"],
                        "country": row["country"],
                        "latency_ms": int(row["latency_ms"]),
                    },
                    "userProperties": {"id": row["user"]},
                }
            )
            event.body()
            done += 1
            if done == most:
                break
    return done


def scan_polars(path: Path) -> int:
    """Scan the CSV with Polars, as text, and nothing else."""
    return int(pl.scan_csv(path, infer_schema=False).select(pl.all().count()).collect().row(0)[0])


def scan_parquet(path: Path) -> int:
    """Scan every column of the Parquet file with Polars, and nothing else."""
    return int(pl.scan_parquet(path).select(pl.all().max(), pl.len().alias("n")).collect()["n"][0])


def scan_arrow(path: Path) -> int:
    """Read the CSV with PyArrow's streaming reader, and nothing else."""
    return sum(batch.num_rows for batch in pyarrow.csv.open_csv(path))


def loop_httpx(url: str) -> int:
    """Post one after another with `httpx.Client`."""
    done, until = 0, time.monotonic() + SECONDS
    with httpx.Client() as client:
        while time.monotonic() < until:
            client.post(url, content=BODY).raise_for_status()
            done += 1
    return done


def loop_httpx_async(url: str) -> int:
    """Post with `httpx.AsyncClient`, 32 at once."""

    async def run() -> int:
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
        async with httpx.AsyncClient(limits=limits) as client:
            return await run_workers(lambda: client.post(url, content=BODY))

    return asyncio.run(run())


def loop_pyreqwest(url: str) -> int:
    """Post with pyreqwest, 32 at once: the transport without the tool around it."""

    async def run() -> int:
        async with ClientBuilder().no_proxy().build() as client:
            return await run_workers(lambda: client.post(url).body_bytes(BODY).build().send())

    import uvloop

    return uvloop.run(run())


async def run_workers(post: Callable[[], object]) -> int:
    """Keep 32 posts in flight for a while; return how many were answered."""
    until, done = time.monotonic() + SECONDS, 0

    async def work() -> None:
        nonlocal done
        while time.monotonic() < until:
            await post()  # type: ignore[misc]
            done += 1

    await asyncio.gather(*(work() for _ in range(32)))
    return done
