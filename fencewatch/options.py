"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option(help="The data directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]
