// The whole map as one style, made from what the page knows. MapLibre finds out what has changed.
import type { FilterSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import type { FeatureCollection } from "geojson";
import { href } from "../api";
import { ringOf } from "../geometry";
import { tileZoom } from "../layers";
import type { Layer } from "../state";
import type { Area } from "../state";
import type { Basemap, Hit, Legend, Scene } from "../types";

export interface Drawn {
  dark: boolean;
  basemap: Basemap | null;
  graticule: FeatureCollection;
  scenes: Scene[];
  layers: Layer[]; // top first
  hits: Hit[];
  hitsShown: boolean;
  like: string[];
  unlike: string[];
  area: Area | null;
  answers: FeatureCollection; // boxes with `chosen`, 1 or 0
}

interface Colours {
  ground: string;
  line: string;
  frame: string;
}

const COLOURS: Record<"light" | "dark", Colours> = {
  light: { ground: "#e9edee", line: "#cfd7d9", frame: "#5d7377" },
  dark: { ground: "#0d1214", line: "#212b2f", frame: "#6f878c" },
};

export const HIT = "#ffb224";
export const GOOD = "#35c88a";
export const BAD = "#ff6b6b";
const SELECTED = "#ffffff";
const AREA = "#22b8cf";
const ANSWER = "#f05fb4";

const NONE: FeatureCollection = { type: "FeatureCollection", features: [] };

const points = (features: FeatureCollection): SourceSpecification => ({ type: "geojson", data: features, promoteId: "tile" });

function outlines(drawn: Drawn): FeatureCollection {
  const mark = (id: string): string => (drawn.like.includes(id) ? "good" : drawn.unlike.includes(id) ? "bad" : "");
  const features = drawn.hits.flatMap((hit) =>
    hit.geometry
      ? [{ type: "Feature" as const, geometry: hit.geometry, properties: { tile: hit.id, rank: hit.properties.rank, mark: mark(hit.id) } }]
      : [],
  );
  return { type: "FeatureCollection", features };
}

function frames(scenes: Scene[]): FeatureCollection {
  const features = scenes.flatMap((scene) =>
    scene.geometry ? [{ type: "Feature" as const, geometry: scene.geometry, properties: { scene: scene.id } }] : [],
  );
  return { type: "FeatureCollection", features };
}

function areaFeatures(area: Area | null): FeatureCollection {
  if (!area) return NONE;
  const ring = ringOf(area);
  return { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [[...ring, ring[0]!]] } }] };
}

function colourOf(legend: Legend[]): ["match", ...unknown[]] | string {
  if (!legend.length) return HIT;
  return ["match", ["to-string", ["get", "label"]], ...legend.flatMap(({ label, colour }) => [label, colour]), "#888888"];
}

function picture(layer: Layer): { source: SourceSpecification; layers: LayerSpecification[] } {
  if (layer.data) {
    const colour = colourOf(layer.legend ?? []) as string;
    return {
      source: { type: "geojson", data: layer.data },
      layers: [
        { id: layer.id, type: "fill", source: layer.id, paint: { "fill-color": colour, "fill-opacity": layer.opacity * 0.6 } },
        { id: `${layer.id}#line`, type: "line", source: layer.id, paint: { "line-color": colour, "line-width": 1, "line-opacity": layer.opacity } },
      ],
    };
  }
  const zoom = tileZoom(layer);
  return {
    source: {
      type: "raster",
      tiles: [href(layer.tiles!)],
      tileSize: 256,
      minzoom: Math.max(0, zoom - 8),
      maxzoom: zoom,
      ...(layer.bounds && layer.bounds[2] <= 180 ? { bounds: layer.bounds } : {}), // MapLibre cuts them at the antimeridian
    },
    layers: [
      {
        id: layer.id,
        type: "raster",
        source: layer.id,
        paint: { "raster-opacity": layer.opacity, "raster-fade-duration": 0, "raster-resampling": layer.legend ? "nearest" : "linear" },
      },
    ],
  };
}

/** What `hit` layers show, for the one that the pointer is over and the one that is chosen. */
export const only = (id: string): FilterSpecification => ["==", ["get", "tile"], id];

function hitLayers(drawn: Drawn, hovered: string, selected: string): LayerSpecification[] {
  const visibility = drawn.hitsShown ? ("visible" as const) : ("none" as const);
  const colour = ["match", ["get", "mark"], "good", GOOD, "bad", BAD, HIT] as unknown as string;
  const line = (id: string, width: number, paint: string, filter?: FilterSpecification): LayerSpecification => ({
    id,
    type: "line",
    source: "hits",
    ...(filter ? { filter } : {}),
    layout: { visibility, "line-join": "round" },
    paint: { "line-color": paint, "line-width": width },
  });
  return [
    { id: "hit-fill", type: "fill", source: "hits", layout: { visibility }, paint: { "fill-color": colour, "fill-opacity": 0.1 } },
    line("hit-casing", 4, "rgba(0,0,0,0.55)"),
    line("hit-line", 2, colour),
    line("hit-hovered", 4, HIT, only(hovered)),
    line("hit-selected-casing", 7, "rgba(0,0,0,0.7)", only(selected)),
    line("hit-selected", 4, SELECTED, only(selected)),
  ];
}

/** Boxes of answers: those of the chosen one strong and filled, of the others thin. */
function answerLayers(): LayerSpecification[] {
  const of = (chosen: number, other: number) => ["case", ["==", ["get", "chosen"], 1], chosen, other] as unknown as number;
  const line = (id: string, width: number, colour: string, more: object = {}): LayerSpecification => ({
    id,
    type: "line",
    source: "answers",
    layout: { "line-join": "round" },
    paint: { "line-color": colour, "line-width": width, "line-opacity": of(1, 0.55) },
    ...more,
  });
  return [
    { id: "answer-fill", type: "fill", source: "answers", paint: { "fill-color": ANSWER, "fill-opacity": of(0.16, 0.02) } },
    line("answer-casing", of(6, 3), "rgba(0,0,0,0.6)"),
    line("answer-line", of(3, 1.5), ANSWER),
    line("answer-pointed", 5, SELECTED, { filter: ["==", ["get", "thing"], ""] }),
  ];
}

export function style(drawn: Drawn, hovered: string, selected: string): StyleSpecification {
  const colours = COLOURS[drawn.dark ? "dark" : "light"];
  const pictures = [...drawn.layers].reverse().map((layer) => ({ id: layer.id, ...picture(layer) }));
  const sources: StyleSpecification["sources"] = {
    graticule: { type: "geojson", data: drawn.graticule },
    frames: { type: "geojson", data: frames(drawn.scenes) },
    area: { type: "geojson", data: areaFeatures(drawn.area) },
    hits: points(outlines(drawn)),
    answers: { type: "geojson", data: drawn.answers },
    ...Object.fromEntries(pictures.map(({ id, source }) => [id, source])),
  };
  const layers: LayerSpecification[] = [{ id: "ground", type: "background", paint: { "background-color": colours.ground } }];
  if (drawn.basemap) {
    const { tiles, attribution, maxzoom } = drawn.basemap;
    sources.basemap = { type: "raster", tiles: [href(tiles)], tileSize: 256, maxzoom: maxzoom ?? 19, attribution: attribution ?? "" };
    layers.push({ id: "basemap", type: "raster", source: "basemap" });
  }
  layers.push(
    { id: "graticule", type: "line", source: "graticule", paint: { "line-color": colours.line, "line-width": 1 } },
    { id: "frame-fill", type: "fill", source: "frames", paint: { "fill-color": colours.frame, "fill-opacity": 0.06 } },
    ...pictures.flatMap((one) => one.layers),
    { id: "frames", type: "line", source: "frames", paint: { "line-color": colours.frame, "line-width": 1, "line-opacity": 0.7 } },
    { id: "area-fill", type: "fill", source: "area", paint: { "fill-color": AREA, "fill-opacity": 0.06 } },
    { id: "area", type: "line", source: "area", paint: { "line-color": AREA, "line-width": 2, "line-dasharray": [3, 2] } },
    ...hitLayers(drawn, hovered, selected),
    ...answerLayers(),
  );
  return { version: 8, sources, layers };
}

