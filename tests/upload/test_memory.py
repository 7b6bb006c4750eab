"""What the command takes in memory, whatever the shape of the rows: measured with real processes."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "tests" / "bench" / "measured.py"
MOST_MB = 600
JOB = """
name = "shapes"
[source]
paths = ["{file}"]
[event]
entityType = {{ value = "message" }}
type = {{ value = "assistant_message_copied" }}
messageId = "id"
createdAt = {{ column = "created" }}
[event.properties]
"*" = true
"""


def write_job(folder: Path, file: str) -> Path:
    job = folder / "shapes.toml"
    job.write_text(JOB.format(file=file), encoding="utf-8")
    return job


def peak_mb(folder: Path, *arguments: object) -> float:
    """Run the command and return its peak memory; it must end well."""
    used = folder / "used.json"
    command = [
        sys.executable,
        str(MEASURED),
        str(used),
        sys.executable,
        "-P",
        "-c",
        "from etl.cli import main; main()",
        *map(str, arguments),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    found = json.loads(used.read_text(encoding="utf-8"))
    assert found["code"] == 0, done.stderr
    return float(found["peak_mb"])


def test_rows_of_20_kb_are_staged_and_sent_in_bounded_memory(tmp_path: Path) -> None:
    """Parts were bounded in rows alone: 150 MB of such rows took more than a gigabyte."""
    with (tmp_path / "log.csv").open("w", encoding="utf-8") as file:
        file.write("id,created,text\n")
        for row in range(7_500):
            file.write(f"{row},2023-01-01T00:00:00Z,{str(row % 50) * 10_000}\n")
    job = write_job(tmp_path, "log.csv")
    assert peak_mb(tmp_path, "run", job, "--sandbox", "--limit", 10) <= MOST_MB
    assert peak_mb(tmp_path, "run", job, "--sandbox", "--limit", 10) <= MOST_MB / 2
