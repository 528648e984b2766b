"""A report as a person reads it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.measurement import Report


def print_report(report: Report, console: Console) -> None:
    """Figures and ratios as a table, with what they were measured on and with."""
    table = Table("figure", title=report.name, title_justify="left")
    for column in ("median", "min", "max", "unit", "runs"):
        table.add_column(column, justify="left" if column == "unit" else "right")
    for name, figure in report.figures.items():
        numbers = map(_number, (figure.value, figure.min, figure.max))
        table.add_row(name, *numbers, figure.unit, str(figure.runs))
    table.add_section()
    for name, ratio in report.ratios.items():
        table.add_row(name, f"{ratio:g}", "", "", "times", "")
    console.print(table)
    for title, facts in (("machine", report.machine), ("parameters", report.parameters)):
        console.print(
            f"{title}: " + ", ".join(f"{name} {value}" for name, value in facts.items()), highlight=False
        )
    console.print(f"commit: {report.commit}", highlight=False)


def _number(value: float) -> str:
    """Whole where it is large, three digits where it is small."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
