// The map: one style from the signals, pointer and selection linked with the list.
import { AttributionControl, Map as GlMap, ScaleControl, setWorkerUrl, type GeoJSONSource } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";
import { effect, signal } from "@preact/signals";
import { select } from "../actions";
import { headers } from "../api";
import { areaBox, boxed, boxOf, overlap, union } from "../geometry";
import * as state from "../state";
import type { FeatureCollection, Geometry } from "geojson";
import type { Box } from "../types";
import { drawable } from "./draw";
import { graticule, spacing } from "./graticule";
import { only, style, type Drawn } from "./style";

setWorkerUrl(new URL(workerUrl, document.baseURI).href);

export const map = signal<GlMap | null>(null);
export const failed = signal("");
/** Whether pictures are on their way, and how many did not come since the map last rested. */
export const loading = signal(false);
export const missing = signal(0);
const waiting = new Set<GlMap>();
const EMPTY = graticule([-180, -85, 180, 85], 30);
let lines = EMPTY;

/** What a map draws; `side` is the half of a swipe, null for the whole. */
export function drawn(side: "left" | "right" | null): Drawn {
  const { like, unlike, area } = state.query.value;
  const { swipe } = state;
  const one = swipe.value && side ? `scene:${swipe.value[side]}` : null;
  const layers = state.layers.value;
  return {
    dark: state.dark.value,
    basemap: state.archive.value.value?.basemap ?? null,
    graticule: lines,
    scenes: state.scenes.value.value ?? [],
    layers: one ? sideLayers(one) : layers,
    hits: state.list.value,
    hitsShown: state.hitsShown.value,
    like,
    unlike,
    area,
    answers: answerBoxes.value,
  };
}

/** Of the scenes only the one of this side; what jobs made stays on both. */
function sideLayers(scene: string): state.Layer[] {
  const rest = state.layers.value.filter((layer) => !layer.id.startsWith("scene:"));
  const known = swipeScenes.value.find((layer) => layer.id === scene);
  return known ? [...rest, known] : rest;
}

/** Boxes of answers, each with `turn`, `thing` and whether its answer is chosen (1 or 0); set by the conversation. */
export const answerBoxes = signal<FeatureCollection>({ type: "FeatureCollection", features: [] });
export const pointed = signal(""); // the box that is pointed at, by `thing`
export const pressed = signal(""); // the answer whose box was pressed

/** Scenes as layers for swiping, whether or not they are shown; set by the swipe. */
export const swipeScenes = signal<state.Layer[]>([]);

const seen = (of: GlMap): Box => of.getBounds().toArray().flat() as Box;

/** Make the map in an element. Bounds are not known before scenes are, so it starts with the whole world. */
export function create(container: HTMLElement, side: "left" | "right" | null = null): GlMap {
  const start = state.view.peek();
  const made = new GlMap({
    container,
    style: style(drawn(side), "", ""),
    center: start ? [start.lon, start.lat] : [0, 20],
    zoom: start?.zoom ?? 1,
    minZoom: 0.5,
    maxZoom: 22,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    renderWorldCopies: true,
    interactive: side !== "right",
    fadeDuration: 0,
    transformRequest: (url) => (url.startsWith(location.origin) ? { url, headers: headers() } : { url }),
  });
  made.touchZoomRotate.disableRotation();
  made.keyboard.disableRotation();
  const busy = (is: boolean) => (): void => {
    if (is) waiting.add(made);
    else waiting.delete(made);
    loading.value = waiting.size > 0;
  };
  made.on("dataloading", busy(true));
  made.on("idle", busy(false));
  made.on("remove", busy(false));
  // the style follows the signals once the first one has loaded
  made.once("load", () => {
    const stop = effect(() => {
      made.setStyle(style(drawn(side), state.hovered.peek(), state.selected.peek()), { diff: true });
    });
    const mark = effect(() => {
      const [hovered, selected] = [state.hovered.value, state.selected.value];
      if (made.getLayer("answer-pointed")) made.setFilter("answer-pointed", ["==", ["get", "thing"], pointed.value]);
      if (made.getLayer("hit-hovered")) made.setFilter("hit-hovered", only(hovered));
      for (const id of ["hit-selected", "hit-selected-casing"]) if (made.getLayer(id)) made.setFilter(id, only(selected));
    });
    made.once("remove", () => {
      stop();
      mark();
    });
  });
  return made;
}

/** The main map, with everything that people do on it. */
export function createMain(container: HTMLElement): void {
  let made: GlMap;
  try {
    made = create(container, "left");
  } catch (error) {
    failed.value = error instanceof Error ? error.message : String(error);
    return;
  }
  made.addControl(new ScaleControl({ maxWidth: 110 }), "bottom-right");
  made.addControl(new AttributionControl({ compact: true }), "bottom-right");
  const canvas = made.getCanvas();
  canvas.setAttribute("aria-label", "Map. Arrow keys move it, plus and minus zoom.");
  canvas.setAttribute("role", "application");

  const looked = (): void => {
    const centre = made.getCenter();
    state.view.value = { lon: centre.lng, lat: centre.lat, zoom: made.getZoom() };
    const box = seen(made);
    state.bounds.value = box;
    lines = graticule(box, spacing(box[2] - box[0]));
    (made.getSource("graticule") as GeoJSONSource | undefined)?.setData(lines);
  };
  made.on("moveend", looked);
  made.on("error", ({ error }) => {
    // tiles that are left behind while the map moves are given up on purpose
    if (!/abort/i.test(error.message)) missing.value += 1;
  });
  made.once("load", () => {
    looked();
    map.value = made;
    drawable(made);
  });
  made.on("mousemove", "hit-fill", (event) => {
    state.hovered.value = String(event.features?.[0]?.properties.tile ?? "");
    if (!state.drawing.value) canvas.style.cursor = "pointer";
  });
  made.on("mouseleave", "hit-fill", () => {
    state.hovered.value = "";
    if (!state.drawing.value) canvas.style.cursor = "";
  });
  made.on("click", "hit-fill", (event) => {
    if (!state.drawing.value) select(String(event.features?.[0]?.properties.tile ?? ""));
  });
  made.on("mousemove", "answer-fill", (event) => (pointed.value = String(event.features?.[0]?.properties.thing ?? "")));
  made.on("mouseleave", "answer-fill", () => (pointed.value = ""));
  made.on("click", "answer-fill", (event) => {
    if (!state.drawing.value) pressed.value = String(event.features?.[0]?.properties.turn ?? "");
  });
}

/** Ask again for pictures that did not come. */
export function again(): void {
  missing.value = 0;
  for (const layer of state.layers.value) if (layer.tiles && map.value?.getSource(layer.id)) map.value.refreshTiles(layer.id);
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Room that panels take from the map. */
function padding(): { top: number; bottom: number; left: number; right: number } {
  const sheet = state.phone.value ? document.querySelector(".panel")?.getBoundingClientRect().height ?? 0 : 0;
  const most = (map.value?.getContainer().clientHeight ?? 600) * 0.6;
  return { top: 56, left: 48, right: 48, bottom: 48 + Math.min(sheet, most) };
}

export function fit(box: Box | null, options: { maxZoom?: number; instant?: boolean } = {}): void {
  if (!box || !map.value) return;
  map.value.fitBounds(box, { padding: padding(), maxZoom: options.maxZoom ?? 19, duration: options.instant || still.matches ? 0 : 500 });
}

/** A box and as much again on each side, so that a place is seen where it lies. */
function around([west, south, east, north]: Box): Box {
  const [width, height] = [east - west, north - south];
  return [west - width, south - height, east + width, north + height];
}

/** Go to a place of the list. */
export function goTo(id: string): void {
  const hit = state.list.value.find((one) => one.id === id);
  if (hit?.geometry) fit(around(boxOf(hit.geometry)), { maxZoom: 17 });
}

/** Whether a place is out of sight, or too small on the screen to be made out. */
export function tiny(place: Geometry): boolean {
  const [box, seen] = [boxOf(place), state.bounds.value];
  if (!map.value || !seen || overlap(box, seen) === 0) return true;
  const [a, b] = [map.value.project([box[0], box[1]]), map.value.project([box[2], box[3]])];
  return Math.max(Math.abs(b.x - a.x), Math.abs(b.y - a.y)) < 28;
}

/** Go to the places found if none is in sight. */
export function findHits(): void {
  const boxes = state.list.value.flatMap((hit) => (hit.geometry ? [boxOf(hit.geometry)] : []));
  const seen = state.bounds.value;
  if (seen && boxes.length && boxes.every((box) => overlap(box, seen) === 0)) fitHits();
}

export function fitHits(): void {
  fit(union(state.list.value.map((hit) => (hit.geometry ? boxOf(hit.geometry) : null))), { maxZoom: 16 });
}

/** Everything there is: the archive, or the area that is asked about. */
export function fitAll(instant = false): void {
  const { area } = state.query.value;
  fit(area ? areaBox(area) : (union((state.scenes.value.value ?? []).map((scene) => scene.properties.bounds ?? (scene.geometry && boxOf(scene.geometry)))) ?? state.archive.value.value?.bbox ?? null), { instant });
}

/** The part of the map that no panel covers, as a box. */
export const viewBox = (): Box | null => (map.value ? boxed(seen(map.value)) : null);
