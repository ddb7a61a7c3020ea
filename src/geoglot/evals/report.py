"""Reports as text, and several of them as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from geoglot.evals.overlap import Overlap
from geoglot.evals.runner import Report, compare

NAMED = 8  # how many overlapping or skipped items are named in a text; all are in the JSON


def text(report: Report) -> str:
    """A report for people."""
    digits = 2 if max(report.figures.values()) > 10 else 4  # per cent, or caption metrics
    others = [f"{name} {value:.{digits}f}" for name, value in report.figures.items() if name != report.metric]
    lines = [
        f"{report.model} on {report.protocol}: {report.title}",
        f"  {report.term}{_how(report.how)}; split {report.split}, n = {report.n:,}",
        f"  {report.metric} {report.figure:.2f} (95 % {report.low:.2f} to {report.high:.2f})",
        *([f"  {'; '.join(others)}"] if others else []),
        f"  without the model: {'; '.join(f'{name} {value:.2f}' for name, value in report.baselines.items())}",
    ]
    lines += _details(report.details)
    if report.skipped:
        lines.append(
            f"  pictures that could not be read: {len(report.skipped):,}, left out: {_some([s.id for s in report.skipped])}"
        )
    lines.append(f"  overlap with training data: {_overlap(report.overlap, report.n)}")
    lines.append(
        f"  protocol {report.protocol_hash}; data {report.data_hash}; model {report.model_hash[:12]} in {report.dtype}; "
        f"{report.seconds:.0f} s"
    )
    return "\n".join(lines)


def _how(how: Mapping[str, Any]) -> str:
    return "".join(f", {name} {value}" for name, value in how.items())


def rows(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """One row a model and protocol, with the paired difference to the first model measured by the same protocol."""
    first: dict[str, Report] = {}
    found = []
    for report in reports:
        base = first.setdefault(report.protocol, report)
        row: dict[str, Any] = {
            "protocol": report.protocol,
            "model": report.model,
            "metric": report.metric,
            "figure": report.figure,
            "low": report.low,
            "high": report.high,
            "n": report.n,
            "term": report.term + _how(report.how),
            "overlap": None if report.overlap is None else len(report.overlap.items),
            "protocol_hash": report.protocol_hash,
            "against": None,
            "difference": None,
            "difference_low": None,
            "difference_high": None,
            "p": None,
        }
        if base is not report:
            far = compare(report, base)
            row |= {
                "against": base.model,
                "difference": far.value,
                "difference_low": far.low,
                "difference_high": far.high,
                "p": far.p,
            }
        found.append(row)
    return found


def table(reports: Sequence[Report]) -> str:
    """Reports of several models as a Markdown table, a block for each protocol."""
    lines = []
    for protocol in dict.fromkeys(report.protocol for report in reports):
        group = [report for report in reports if report.protocol == protocol]
        head = group[0]
        base = "; ".join(f"{name} {value:.2f}" for name, value in head.baselines.items())
        lines += [
            f"**{head.title}** (`{protocol}` {head.protocol_hash}, {head.split}, n = {head.n:,}; without a model: {base})",
            "",
        ]
        lines += [f"| model | {head.metric} | 95 % | above the first | p | overlap | called |", "|---|---|---|---|---|---|---|"]
        for row in rows(group):
            far = "" if row["difference"] is None else _difference(row)
            p = "" if row["p"] is None else f"{row['p']:.3f}"
            over = "unknown" if row["overlap"] is None else str(row["overlap"])
            cells = [row["model"], f"{row['figure']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}", far, p, over, row["term"]]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def as_csv(reports: Sequence[Report]) -> str:
    """The rows as CSV."""
    made = rows(reports)
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(made[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(made)
    return out.getvalue()


def as_json(reports: Sequence[Report]) -> str:
    """Reports in full and, of several, the rows of the table."""
    whole: dict[str, Any] = {"reports": [report.plain() for report in reports]}
    if len(reports) > 1:
        whole["table"] = rows(reports)
    return json.dumps(whole, ensure_ascii=False, indent=1, default=float) + "\n"


def _difference(row: dict[str, Any]) -> str:
    return f"{row['difference']:+.2f} ({row['difference_low']:+.2f} to {row['difference_high']:+.2f})"


def _details(details: dict[str, Any]) -> list[str]:
    lines = []
    for name, part in (details.get("top") or {}).items():
        if part is not None:
            lines.append(f"  {name} classes: accuracy {part['accuracy']:.2f}, n = {part['n']:.0f}")
    if details.get("unseen"):
        lines.append(f"  unseen classes: {', '.join(details['unseen'])}")
    if details.get("confusions"):
        told = [f"{row['wanted']} as {row['given']} {row['n']}" for row in details["confusions"][:5]]
        lines.append(f"  commonest mistakes: {', '.join(told)}")
    if "calibration" in details:
        part = details["calibration"]
        lines.append(f"  calibration at scale {part['scale']:g}: ECE {part['ece']:.1f} %, Brier {part['brier']:.3f}")
    for what, values in details.get("per class", {}).items():
        lines.append(f"  {what}: {', '.join(f'{name} {value:.1f}' for name, value in values.items())}")
    for name, told in details.items():
        if name.startswith("above "):
            lines.append(f"  {name}: {told[0]:+.2f} (95 % {told[1]:+.2f} to {told[2]:+.2f})")
    for what, values in details.get("sets", {}).items():
        lines.append(f"  {what}: {'; '.join(f'{name} {value:.2f}' for name, value in values.items())}")
    if details.get("released"):
        told = [f"{name} {value:.2f}" for name, value in details["released"].items()]
        lines.append(f"  by released scorers, which are lenient and not the figure of this protocol: {'; '.join(told)}")
    if "meteor" in details:
        value = details["meteor"]
        lines.append(f"  METEOR {value:.4f}" if isinstance(value, float) else f"  no METEOR: {value}")
    if "texts" in details:
        lines.append(
            f"  captions: {details['texts']:,}, of them different {details['distinct texts']:,}; gallery {details['gallery']}"
        )
    spread = {name: value for name, value in details.get("standard deviation over draws", {}).items() if value}
    if spread:
        lines.append(f"  standard deviation over draws: {', '.join(f'{name} {value:.2f}' for name, value in spread.items())}")
    return lines


def _overlap(found: Overlap | None, count: int) -> str:
    if found is None:
        return "unknown (the model has no training record, or it was not asked for)"
    compared = f"compared with {', '.join(found.compared)}" if found.compared else "compared with nothing"
    missing = f"; not compared: {', '.join(found.not_compared)}" if found.not_compared else ""
    if not found.items:
        return f"none of {count:,} by perceptual hash ({compared}{missing})"
    return f"{len(found.items):,} of {count:,} by perceptual hash: {_some(found.items)} ({compared}{missing})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
