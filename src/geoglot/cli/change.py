"""Find what changed between two scenes of a place, or when over a series of them.

The second is brought to the grid of the first, moved onto it to a fraction of a pixel and levelled to its values. The method is
the preset of the sensor, or --method; with --query a model looks for change of what the words say ("new buildings"). -o may be
given several times: .tif for a cloud-optimised GeoTIFF (band 1: 0 unchanged, 1 changed, 255 not observed; band 2: the score, 127
where change begins; band 3: the kind of change; of a series more, see docs/change.md), .gpkg, .geojson or .parquet for polygons
with dates, area, score and kind, .png for pictures side by side, .gif or .webp for a moving one. What changed is on standard
output. A run that was interrupted goes on when it is started again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._options import AsJson, Bands, Quiet

if TYPE_CHECKING:
    from geoglot.tasks.change import ChangeMap


def run(
    scenes: Annotated[
        list[str], typer.Argument(help="The scene before and the scene after, or a series of dates.", show_default=False)
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option("-o", "--out", metavar="FILE", help="Write .tif, .gpkg, .geojson, .parquet, .png, .gif or .webp."),
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="TEXT", help="What should have changed, in words.")] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B|C,...", help="Say of each polygon what was there before and after, by these words.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="difference, cva, pca-kmeans, ir-mad, log-ratio, scm, trained or structure; else the sensor's."
        ),
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where change begins: otsu, own, or a score of the method.")
    ] = None,
    false_alarm: Annotated[
        float | None, typer.Option(metavar="0..0.5", help="Share of unchanged pixels that may be called changed.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(metavar="NAME", help="Level values on what did not change (invariant), or not at all (none).")
    ] = None,
    no_register: Annotated[bool, typer.Option("--no-register", help="Do not move the second scene onto the first.")] = False,
    min_area: Annotated[
        float, typer.Option(metavar="M2", help="Leave out smaller polygons (in pixels without georeference).")
    ] = 0.0,
    sensor: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME]", help="The sensor, or one for each scene, where files do not say it.")
    ] = None,
    bands: Bands = None,
    dates: Annotated[
        str | None,
        typer.Option("--dates", "--time", metavar="DATE,DATE,...", help="When the scenes were taken, where files do not say it."),
    ] = None,
    model: Annotated[str, typer.Option(help="The model for --query, --labels and trained: a name, a hub id or a path.")] = "nano",
    clouds: Annotated[
        str | None,
        typer.Option(metavar="MODEL|FILE,FILE", help="Leave out cloud and its shadow: by a model (nano), or by masks."),
    ] = None,
    damage: Annotated[
        str | None,
        typer.Option(metavar="HEAD", help="Say of each part whether it was damaged, by a head for pairs (nano, or a file)."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare two scenes."""
    from geoglot.cli._io import emit, emit_json, note, words
    from geoglot.core.errors import InputError
    from geoglot.geo.sources import expand
    from geoglot.tasks import change as task

    if len(scenes) > 2 and len(set(scenes)) < len(scenes):
        raise InputError("A scene is named twice: a series has each of its dates once.")
    # two are as they were named: which is the earlier is the user's word
    found = scenes if len(scenes) == 2 else list(expand(scenes))
    named = words(sensor)
    unfit = {"--query": query, "--method": method, "--false-alarm": false_alarm}
    if damage is not None:
        unfit |= {
            "--clouds": clouds,
            "--labels": labels,
            "--threshold": threshold,
            "--level": level,
            "--min-area": min_area or None,
        }
        _damage(found, damage, out or [], unfit, as_json, {
            "sensor": named[0] if named and len(named) == 1 else named, "bands": words(bands), "dates": words(dates),
            "register": not no_register, "model": model, "progress": not quiet,
        })  # fmt: skip
        return
    if len(found) != 2:
        _series(found, out or [], unfit, labels, _threshold(threshold), as_json, {
            "dates": words(dates), "clouds": _clouds(words(clouds)), "register": not no_register, "how": level, "least": min_area,
            "sensor": sensor, "bands": words(bands), "model": model, "progress": not quiet,
        })  # fmt: skip
        return
    made = task.change(
        found[0],
        found[1],
        out=out or [],
        method=method,
        query=query,
        labels=labels,
        threshold=_threshold(threshold),
        false_alarm=false_alarm,
        level=level,
        register=not no_register,
        least=min_area,
        sensor=named[0] if named and len(named) == 1 else named,
        bands=words(bands),
        dates=words(dates),
        clouds=_clouds(words(clouds)),
        model=model,
        progress=not quiet,
    )
    for text in made.report["assumptions"]:
        note(f"assumed: {text}")
    note(told(made.report))
    for path in out or []:
        note(f"change in {path}")
    if as_json:
        emit_json(_whole(made))
    else:
        emit(made.table())


def _clouds(given: list[str] | None) -> str | list[str] | None:
    """One word that is no file of a mask is a model."""
    return given[0] if given and len(given) == 1 and not given[0].lower().endswith((".tif", ".tiff")) else given


def _series(
    scenes: list[str],
    out: list[Path],
    unfit: dict[str, Any],
    labels: str | None,
    threshold: str | float | None,
    as_json: bool,
    how: dict[str, Any],
) -> None:
    from geoglot.cli._io import emit, emit_json, note
    from geoglot.core.errors import InputError
    from geoglot.tasks.change.series import series

    if len(scenes) < 2:
        raise InputError(f"Change needs two scenes or more, got {len(scenes)}: {', '.join(scenes)}.")
    if named := [option for option, value in unfit.items() if value is not None]:
        raise InputError(f"{' and '.join(named)} compare two scenes, and these are {len(scenes)}: leave it out, or name two.")
    if isinstance(threshold, str):
        raise InputError(f"The threshold of a series is a number of standard deviations, got {threshold!r}.")
    made = series(scenes, out=out, labels=labels, threshold=threshold, **how)
    for text in made.report["assumptions"]:
        note(f"assumed: {text}")
    note(f"series of {len(scenes)} dates, threshold {made.report['threshold']:.4g} standard deviations")
    for path in out:
        note(f"change in {path}")
    if as_json:
        emit_json({"scenes": made.names, **made.report})
    else:
        emit(made.table())


def _damage(scenes: list[str], head: str, out: list[Path], unfit: dict[str, Any], as_json: bool, how: dict[str, Any]) -> None:
    from geoglot.cli._io import emit, emit_json, note
    from geoglot.core.errors import InputError
    from geoglot.tasks.change.damage import damage

    if len(scenes) != 2:
        raise InputError(f"Damage is told from a scene before and one after, got {len(scenes)}.")
    if named := [option for option, value in unfit.items() if value is not None]:
        raise InputError(f"{' and '.join(named)} say how pixels are compared, and --damage asks of whole parts: leave one out.")
    made = damage(scenes[0], scenes[1], head=head, out=out, **how)
    for text in made.assumptions:
        note(f"assumed: {text}")
    for path in out:
        note(f"damage in {path}")
    if as_json:
        emit_json(made.rows())
    else:
        emit(made.table())


def _threshold(given: str | None) -> str | float | None:
    try:
        return None if given is None else float(given)
    except ValueError:
        return given


def told(report: dict[str, Any]) -> str:
    """What was done, in a line."""
    shift = report["shift"]
    far = f"{shift['down']:+.2f} rows and {shift['across']:+.2f} columns"
    if shift["metres"] is not None:
        far += f" ({shift['metres']:.1f} m)"
    if not shift["windows"]:
        place = "not registered"
    elif shift["used"]:
        place = f"the second lay off by {far}, quality {shift['quality']:.2f}"
    else:
        place = f"no reliable shift was found (quality {shift['quality']:.2f}): taken as it lies"
    return f"{report['method']}, threshold {report['threshold']:.4g}; {place}"


def _whole(made: ChangeMap) -> dict[str, Any]:
    return {"before": made.of.before, "after": made.of.after, **made.report, "rows": made.rows()}
