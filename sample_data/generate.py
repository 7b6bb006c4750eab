"""Writes the sample files, what each job should make of them, and the table of faults in README.md.

Run it as `python sample_data/generate.py`; the same bytes come out every time. Writes only into its own
folder, or the one named by `--into`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from generator.chat_messages import make_chat_messages
from generator.conversations import make_conversations
from generator.docs_search import make_docs_search
from generator.samples import expect_books, list_faults
from generator.widget_events import make_widget_events

HERE = Path(__file__).resolve().parent
TABLE_START = "<!-- faults: written by generate.py -->\n"
TABLE_END = "<!-- end of faults -->"


def generate(folder: Path) -> None:
    """Write every sample file, `expected.json`, `faults.json` and `README.md` into `folder`."""
    samples = [*make_chat_messages(), *make_conversations(), *make_docs_search(), *make_widget_events()]
    for sample in samples:
        (folder / sample.file).write_bytes(sample.data)
    faults = list_faults(samples)
    _write_text(folder / "expected.json", json.dumps(expect_books(samples), indent=2) + "\n")
    _write_text(folder / "faults.json", "[\n" + ",\n".join(json.dumps(fault) for fault in faults) + "\n]\n")
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    _write_text(folder / "README.md", _replace_table(readme, faults))


def _replace_table(readme: str, faults: list[dict[str, Any]]) -> str:
    before, rest = readme.split(TABLE_START)
    after = rest.split(TABLE_END)[1]
    rows = [
        f"| `{fault['file']}` | {fault['row']} | {fault['note']} | `{fault['outcome']}` |" for fault in faults
    ]
    head = ["| file | row | on purpose | outcome |", "|---|---|---|---|"]
    return before + TABLE_START + "\n".join([*head, *rows]) + "\n" + TABLE_END + after


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description="Write the sample data.")
    parser.add_argument(
        "--into", type=Path, default=HERE, metavar="DIR", help="default: this script's folder"
    )
    folder: Path = parser.parse_args().into
    folder.mkdir(parents=True, exist_ok=True)
    generate(folder)


if __name__ == "__main__":
    main()
