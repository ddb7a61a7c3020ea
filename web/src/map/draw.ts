// Drawing a box or a polygon on the map: pointer, touch, and the keyboard (Enter sets a corner at the cross in the middle).
import type { Map as GlMap, MapMouseEvent, MapTouchEvent, GeoJSONSource } from "maplibre-gl";
import { effect } from "@preact/signals";
import { ask, say } from "../actions";
import { boxed } from "../geometry";
import { drawing, type Area } from "../state";
import type { LonLat } from "../types";

const SNAP = 12; // pixels from the first corner that close a polygon

interface Sketch {
  points: LonLat[];
  pointer: LonLat | null;
  dragging: boolean;
}

const box = (a: LonLat, b: LonLat): Area => ({
  kind: "box",
  box: boxed([Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])]),
});

function outline(sketch: Sketch, kind: "box" | "polygon"): LonLat[] {
  const points = sketch.pointer ? [...sketch.points, sketch.pointer] : sketch.points;
  const [a, b] = points;
  if (kind === "polygon" || !a || !b) return points;
  return [a, [b[0], a[1]], b, [a[0], b[1]], a];
}

const SKETCH = "sketch";

function put(map: GlMap, line: LonLat[], corners: LonLat[]): void {
  if (!map.getSource(SKETCH)) {
    map.addSource(SKETCH, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    map.addLayer({ id: "sketch-line", type: "line", source: SKETCH, paint: { "line-color": "#22b8cf", "line-width": 3 } });
    map.addLayer({
      id: "sketch-corner",
      type: "circle",
      source: SKETCH,
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 5, "circle-color": "#ffffff", "circle-stroke-color": "#0b7285", "circle-stroke-width": 2 },
    });
  }
  const point = (coordinates: LonLat) => ({ type: "Feature" as const, properties: {}, geometry: { type: "Point" as const, coordinates } });
  const path = { type: "Feature" as const, properties: {}, geometry: { type: "LineString" as const, coordinates: line } };
  (map.getSource(SKETCH) as GeoJSONSource).setData({ type: "FeatureCollection", features: [...(line.length > 1 ? [path] : []), ...corners.map(point)] });
}

function wipe(map: GlMap): void {
  for (const id of ["sketch-line", "sketch-corner"]) if (map.getLayer(id)) map.removeLayer(id);
  if (map.getSource(SKETCH)) map.removeSource(SKETCH);
}

/** Let people draw while `drawing` says so; the finished area is a filter of the search. */
export function drawable(map: GlMap): void {
  let sketch: Sketch = { points: [], pointer: null, dragging: false };
  let moved = false;

  const show = (): void => {
    if (drawing.value) put(map, outline(sketch, drawing.value), sketch.points);
  };
  const finish = (area: Area | null): void => {
    drawing.value = null;
    if (!area) return;
    ask({ area });
    say("The area is set.");
  };
  const polygon = (): void => {
    const { points } = sketch;
    if (points.length > 2) finish({ kind: "polygon", ring: points });
    else say("A polygon needs three corners.");
  };
  const near = (at: LonLat): boolean => {
    const first = sketch.points[0];
    if (!first || sketch.points.length < 3) return false;
    const [a, b] = [map.project(first), map.project(at)];
    return Math.hypot(a.x - b.x, a.y - b.y) < SNAP;
  };
  const corner = (at: LonLat): void => {
    const last = sketch.points.at(-1);
    if (drawing.value === "polygon" && near(at)) return polygon();
    if (drawing.value === "box" && last) return finish(last[0] === at[0] || last[1] === at[1] ? null : box(last, at));
    sketch = { ...sketch, points: [...sketch.points, at], pointer: null };
    show();
    say(`Corner ${sketch.points.length} is set.`);
  };

  const down = (event: MapMouseEvent | MapTouchEvent): void => {
    if (drawing.value !== "box" || sketch.points.length) return;
    sketch = { points: [event.lngLat.toArray() as LonLat], pointer: null, dragging: true };
    moved = false;
  };
  const move = (event: MapMouseEvent | MapTouchEvent): void => {
    if (!drawing.value || !sketch.points.length) return;
    moved = true;
    sketch = { ...sketch, pointer: event.lngLat.toArray() as LonLat };
    show();
  };
  const up = (event: MapMouseEvent | MapTouchEvent): void => {
    if (drawing.value !== "box" || !sketch.dragging) return;
    sketch = { ...sketch, dragging: false };
    const at = event.lngLat.toArray() as LonLat;
    const [a, b] = [map.project(sketch.points[0]!), map.project(at)];
    // a press without a drag sets the first corner; the second press sets the other
    if (moved && Math.hypot(a.x - b.x, a.y - b.y) > 5) corner(at);
    else show();
  };

  map.on("mousedown", down);
  map.on("touchstart", down);
  map.on("mousemove", move);
  map.on("touchmove", move);
  map.on("mouseup", up);
  map.on("touchend", up);
  map.on("click", (event) => {
    const at = event.lngLat.toArray() as LonLat;
    if (drawing.value === "polygon" || (drawing.value === "box" && sketch.points.length && moved)) corner(at);
    else if (drawing.value === "box") moved = true;
  });
  map.on("dblclick", (event) => {
    if (drawing.value !== "polygon") return;
    event.preventDefault();
    sketch = { ...sketch, points: sketch.points.slice(0, -1) }; // the second press of the two
    polygon();
  });
  map.getCanvas().addEventListener("keydown", (event) => {
    if (!drawing.value) return;
    if (event.key === "Enter" && event.shiftKey) polygon();
    else if (event.key === "Enter") corner(map.getCenter().toArray() as LonLat);
    else if (event.key === "Backspace") {
      sketch = { ...sketch, points: sketch.points.slice(0, -1) };
      show();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  effect(() => {
    const mode = drawing.value;
    sketch = { points: [], pointer: null, dragging: false };
    moved = false;
    const handlers = [map.dragPan, map.touchZoomRotate, map.doubleClickZoom] as const;
    for (const handler of handlers) mode === "box" || (mode && handler === map.doubleClickZoom) ? handler.disable() : handler.enable();
    map.touchZoomRotate.disableRotation();
    map.getCanvas().style.cursor = mode ? "crosshair" : "";
    if (mode) {
      map.getCanvas().focus({ preventScroll: true });
      say(
        mode === "box"
          ? "Drag a box. Or with keys: move the map with the arrows and press Enter for each of two corners. Escape ends."
          : "Press for each corner, double-click to finish. Or with keys: Enter sets a corner, Shift and Enter finishes. Escape ends.",
      );
    } else if (map.style) wipe(map);
  });
}
