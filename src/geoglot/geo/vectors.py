"""Tables of places: GeoJSON (RFC 7946), GeoParquet, GeoPackage and CSV out; areas and marks in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError, NotFoundError
from geoglot.geo.footprint import bounds, split, transformer
from geoglot.geo.identify import utc
from geoglot.geo.write import atomic, check_folder

FORMATS = (".geojson", ".json", ".parquet", ".gpkg", ".csv")
# Degrees to 7 decimals are about a centimetre; RFC 7946 advises against more.
_DIGITS = 7
_TAGS, _FIRST = "geoglot", 2**20  # member of a GeoJSON file for tags; bytes of its first line
_BOUNDS = ("west", "south", "east", "north")
# Columns beside the geometry and the type of their values (str, int, float, datetime), for tables that may hold none.
Columns = Mapping[str, type]


def to_geojson(rows: Iterable[Mapping[str, Any]], tags: Mapping[str, str] | None = None) -> str:
    """Rows with a `geometry` (longitude and latitude, or None) as a feature collection, one feature a line.

    `tags` are put into a member of their own, in the first line.
    """
    features = []
    for row in rows:
        shape = row.get("geometry")
        properties = {key: plain(value) for key, value in row.items() if key != "geometry"}
        features.append(
            json.dumps({"type": "Feature", "geometry": geometry(shape), "properties": properties}, ensure_ascii=False)
        )
    own = f'"{_TAGS}": {json.dumps(dict(tags), ensure_ascii=False)}, ' if tags else ""
    return f'{{"type": "FeatureCollection", {own}"features": [\n' + ",\n".join(features) + "\n]}\n"


def geometry(shape: BaseGeometry | None) -> dict[str, Any] | None:
    """A GeoJSON geometry with rings wound by the right-hand rule and coordinates rounded to a centimetre."""
    if shape is None or shape.is_empty:
        return None
    made: dict[str, Any] = _rounded(json.loads(shapely.to_geojson(shapely.orient_polygons(shape))))
    return made


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601, arrays as lists, what is not a number as None."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | PurePath):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Columns | None = None) -> str:
    """Rows as CSV with a header; the geometry becomes its bounds (west, south, east, north).

    West is greater than east where the geometry crosses the antimeridian. `columns` are there even without a row.
    """
    flat = []
    for row in rows:
        entry = {key: _cell(plain(value)) for key, value in row.items() if key != "geometry"}
        if "geometry" in row:
            shape = row["geometry"]
            corner = ("", "", "", "") if shape is None or shape.is_empty else _corners(shape)
            entry |= dict(zip(_BOUNDS, corner, strict=True))
        flat.append(entry)
    names = list(dict.fromkeys(key for entry in flat for key in entry)) or [*(columns or ()), *(_BOUNDS if columns else ())]
    if not names:
        return ""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def _corners(shape: BaseGeometry) -> tuple[float, ...]:
    west, south, east, north = bounds(shape)
    return tuple(round(value, _DIGITS) for value in (west, south, east - 360.0 if east > 180.0 else east, north))


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else "" if value is None else value


def check_name(path: str | Path) -> str:
    """The suffix of an output for tables; `InputError` names the formats there are, `NotFoundError` a folder that is not."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: the name after -o says the format; use one of {', '.join(FORMATS)}.")
    check_folder(path)
    return suffix


def write_features(
    path: str | Path, rows: Sequence[Mapping[str, Any]], columns: Columns | None = None, tags: Mapping[str, str] | None = None
) -> Path:
    """Write rows with a `geometry` in the format that the name's suffix says, atomically.

    `columns` are those of a table without rows, and the types of those that hold nothing but None: so files of one kind have
    one form. `tags` go into the file, where `read_tags` finds them; a CSV has no place for them.
    """
    suffix = check_name(path)
    target = Path(path)
    with atomic(target) as part:
        if suffix == ".parquet":
            _write_parquet(part, rows, columns or {}, tags or {})
        elif suffix == ".gpkg":
            _write_geopackage(part, rows, target.stem, columns or {}, tags or {})
        else:
            part.write_text(to_csv(rows, columns) if suffix == ".csv" else to_geojson(rows, tags), encoding="utf-8")
    return target


def _names(rows: Sequence[Mapping[str, Any]], columns: Columns) -> list[str]:
    """Columns beside the geometry."""
    return list(dict.fromkeys(key for row in rows for key in row if key != "geometry")) or list(columns)


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], known_types: Columns, tags: Mapping[str, str]) -> None:
    """GeoParquet 1.1: WKB in a column `geometry`, the metadata of the specification under the key `geo`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shapes = [row.get("geometry") for row in rows]
    columns: dict[str, Any] = {}
    for name in _names(rows, known_types):
        columns[name] = _column([row.get(name) for row in rows], known_types.get(name, str))
    wound = [None if shape is None or shape.is_empty else shapely.orient_polygons(shape) for shape in shapes]
    columns["geometry"] = pa.array([None if shape is None else shapely.to_wkb(shape) for shape in wound], pa.binary())
    known = [shape for shape in wound if shape is not None]
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({shape.geom_type for shape in known}),
        "orientation": "counterclockwise",
        "edges": "planar",
    }
    if known:
        column["bbox"] = shapely.total_bounds(known).tolist()
    meta = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(meta), **tags}), path)


def _write_geopackage(
    path: Path, rows: Sequence[Mapping[str, Any]], layer: str, known_types: Columns, tags: Mapping[str, str]
) -> None:
    """One layer in longitude and latitude, named like the file."""
    import pyogrio.raw

    shapes = [row.get("geometry") for row in rows]
    names = _names(rows, known_types)
    columns = [_field([row.get(name) for row in rows], known_types.get(name, str)) for name in names]
    wkb = np.array(
        [None if s is None or s.is_empty else shapely.to_wkb(shapely.orient_polygons(s)) for s in shapes], dtype=object
    )
    kinds = {shape.geom_type.removeprefix("Multi") for shape in shapes if shape is not None}
    multi = any(shape is not None and shape.geom_type.startswith("Multi") for shape in shapes)
    kind = f"Multi{kinds.pop()}" if len(kinds) == 1 and multi else kinds.pop() if len(kinds) == 1 else "Unknown"
    path.unlink()  # the driver adds to a file that is there
    pyogrio.raw.write(
        path,
        wkb,
        columns,
        names,
        driver="GPKG",
        layer=layer,
        geometry_type=kind,
        crs="EPSG:4326",
        promote_to_multi=multi,
        layer_metadata=dict(tags) or None,
    )


def read_tags(path: str | Path) -> dict[str, str]:
    """What `write_features` was given as `tags`; nothing for a file of another origin, or one that cannot be read."""
    try:
        if Path(path).suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            return {key.decode(): value.decode() for key, value in (pq.read_schema(path).metadata or {}).items()}
        if Path(path).suffix.lower() == ".gpkg":
            import pyogrio

            return dict(pyogrio.read_info(path).get("layer_metadata") or {})
        with Path(path).open(encoding="utf-8") as file:
            made = json.loads(file.readline(_FIRST).rstrip() + "]}")
        return dict(made.get(_TAGS) or {})
    except (OSError, ValueError, AttributeError, TypeError, RuntimeError):
        return {}


def _field(values: list[Any], kind: type = str) -> NDArray[Any]:
    """Values of one column as an array: numbers stay numbers, the rest is text; `kind` is for what holds nothing."""
    simple = [plain(value) for value in values]
    known = [value for value in simple if value is not None]
    if not known and kind in (int, float):
        return np.full(len(simple), np.nan) if simple else np.zeros(0, kind)
    if known and len(known) == len(simple) and all(isinstance(v, int) and not isinstance(v, bool) for v in known):
        return np.array(simple, dtype=np.int64)
    if known and all(isinstance(value, int | float) for value in known):
        return np.array([np.nan if value is None else float(value) for value in simple])
    return np.array([None if value is None else str(_cell(value)) for value in simple], dtype=object)


def _column(values: list[Any], kind: type = str) -> Any:
    """Values as an Arrow column: times stay times, what Arrow has no one type for becomes JSON; `kind` if nothing is there."""
    import pyarrow as pa

    if all(value is None for value in values):
        types = {int: pa.int64(), float: pa.float64(), datetime: pa.timestamp("us", "UTC")}
        return pa.array(values, types.get(kind, pa.string()))
    if all(value is None or isinstance(value, datetime) for value in values):
        return pa.array([None if value is None else utc(value) for value in values], pa.timestamp("us", "UTC"))
    simple = [plain(value) for value in values]
    if any(isinstance(value, dict) for value in simple):
        return pa.array([None if value is None else json.dumps(value, ensure_ascii=False) for value in simple])
    try:
        return pa.array(simple)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else value if isinstance(value, str) else json.dumps(value) for value in simple])


def read_area(path: str | Path) -> BaseGeometry:
    """The union of the polygons of a GeoJSON file, in longitude and latitude, cut at the antimeridian."""
    return area(_read_json(path), str(path))


def _read_json(path: str | Path) -> Any:
    file = Path(path)
    if not file.exists():
        raise NotFoundError(f"There is no file {file}.")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{file} is not GeoJSON: {error}. Convert it to GeoJSON first, for example with ogr2ogr.") from None


def read_features(path: str | Path) -> list[tuple[BaseGeometry, dict[str, Any]]]:
    """Geometries and properties of a file of places, in longitude and latitude; features without a geometry are left out.

    GeoJSON, or what else GDAL reads (GeoPackage, FlatGeobuf, shapefiles), from whatever reference system; a layer that names none
    stays as it is (pixels of an image without georeference). Raises `NotFoundError`, and `InputError` for what cannot be read, a
    broken geometry, and GeoJSON that names another system than the longitude and latitude of RFC 7946.
    """
    if Path(path).suffix.lower() not in (".geojson", ".json", ""):
        return _read_layer(path)
    made = _read_json(path)
    if isinstance(made, dict) and made.get("type") == "Feature":
        made = {"type": "FeatureCollection", "features": [made]}
    if not isinstance(made, dict) or not isinstance(made.get("features"), list):
        raise InputError(f"{path} is no GeoJSON feature collection.")
    named = str((made.get("crs") or {}).get("properties", {}).get("name", "CRS84"))
    if not named.endswith(("CRS84", ":4326")):
        raise InputError(f"{path} is in {named}; GeoJSON is in longitude and latitude: save it again in EPSG:4326.")
    found = []
    for number, feature in enumerate(made["features"], 1):
        try:
            if not feature.get("geometry"):
                continue
            shape = shapely.make_valid(shapely.from_geojson(json.dumps(feature["geometry"])))
        except (TypeError, AttributeError, shapely.errors.ShapelyError) as error:
            raise InputError(f"Feature {number} of {path} is damaged: {error}") from None
        if not shape.is_empty:
            found.append((shape, dict(feature.get("properties") or {})))
    return found


def _read_layer(path: str | Path) -> list[tuple[BaseGeometry, dict[str, Any]]]:
    """The features of the first layer of a file that GDAL reads."""
    import pyogrio

    if not Path(path).exists():
        raise NotFoundError(f"There is no file {path}.")
    try:
        meta, _, wkb, columns = pyogrio.raw.read(path)
        shapes = shapely.make_valid(shapely.from_wkb(wkb))
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.errors.ShapelyError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of places ({error}): save it as GeoPackage or GeoJSON.") from None
    if meta["crs"]:
        forth = transformer(CRS.from_user_input(meta["crs"]).to_wkt())
        shapes = shapely.transform(shapes, lambda points: np.column_stack(forth.transform(points[:, 0], points[:, 1])))
    rows = zip(*columns, strict=True) if columns else iter([()] * len(shapes))
    found = []
    for number, (shape, row) in enumerate(zip(shapes, rows, strict=True), 1):
        if shape is None or shape.is_empty:
            continue
        if not np.isfinite(shapely.get_coordinates(shape)).all():
            raise InputError(
                f"Feature {number} of {path} has no place on the Earth in {meta['crs']}: check its reference system."
            )
        found.append((shape, {str(name): plain(value) for name, value in zip(meta["fields"], row, strict=True)}))
    return found


def area(made: Any, name: str = "the area") -> BaseGeometry:
    """The union of the polygons of a GeoJSON object; `InputError` where there is none."""
    try:
        parts = _geometries(made)
        shapes = [shapely.make_valid(shapely.from_geojson(json.dumps(part))) for part in parts]
    except (TypeError, AttributeError, KeyError, shapely.errors.ShapelyError) as error:
        raise InputError(f"{name} is not a GeoJSON geometry: {error}") from None
    shapes = [shape for shape in shapes if shape.area > 0]
    if not shapes:
        raise InputError(f"{name} holds no polygon; an area needs one.")
    if any(shape.bounds[1] < -90 or shape.bounds[3] > 90 for shape in shapes):
        raise InputError(f"{name} has latitudes beyond 90 degrees; GeoJSON is in longitude and latitude (EPSG:4326).")
    return shapely.union_all([split(shape) for shape in shapes])


def _geometries(made: Any) -> list[Any]:
    kind = made.get("type")
    if kind == "FeatureCollection":
        return [part for feature in made["features"] for part in _geometries(feature)]
    if kind == "Feature":
        return _geometries(made["geometry"]) if made.get("geometry") else []
    if kind == "GeometryCollection":
        return [part for geometry in made["geometries"] for part in _geometries(geometry)]
    return [made]
