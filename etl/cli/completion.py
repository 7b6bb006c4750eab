"""`backfill completion`: a script that makes a shell complete commands, options and files."""

from typing import Final

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

NAME: Final = "backfill"
VARIABLE: Final = "_BACKFILL_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options and file names.

    \b
    bash  backfill completion bash > ~/.local/share/bash-completion/completions/backfill
    zsh   backfill completion zsh > "${fpath[1]}/_backfill"
    fish  backfill completion fish > ~/.config/fish/completions/backfill.fish

    \b
    Exit status:
      0  printed
      2  there is no such shell
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.cli import backfill

    kind = get_completion_class(shell)
    assert kind is not None
    complete = kind(backfill, {}, NAME, VARIABLE)
    # Not `source()`: for bash it runs the first bash it finds, only to look at its version.
    print(complete.source_template % complete.source_vars())
