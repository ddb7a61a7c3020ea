// Small geometry in longitude and latitude.
import type { Geometry, Position } from "geojson";
import type { Area } from "./state";
import type { Box, LonLat } from "./types";

function* positions(geometry: Geometry): Generator<Position> {
  if (geometry.type === "GeometryCollection") for (const part of geometry.geometries) yield* positions(part);
  else yield* flat(geometry.coordinates);
}

function* flat(coordinates: unknown): Generator<Position> {
  if (!Array.isArray(coordinates)) return;
  if (typeof coordinates[0] === "number") yield coordinates as Position;
  else for (const part of coordinates) yield* flat(part);
}

/** East is past 180 where the parts of a geometry lie on both sides of the antimeridian. */
export function boxOf(geometry: Geometry): Box {
  const box = bare(geometry, 0);
  return geometry.type === "MultiPolygon" && box[2] - box[0] > 180 ? bare(geometry, 360) : box;
}

function bare(geometry: Geometry, turn: number): Box {
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [given = 0, lat = 0] of positions(geometry)) {
    const lon = given < 0 ? given + turn : given;
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  }
  return box;
}

/** A box as the map has it, which may lie turns away or hold the world twice, as the server takes it: west > east across 180°. */
export function boxed([west, south, east, north]: Box): Box {
  const [low, high] = [Math.max(-90, south), Math.min(90, north)];
  if (east - west >= 360) return [-180, low, 180, high];
  const within = (lon: number): number => (lon < -180 || lon > 180 ? ((((lon + 180) % 360) + 360) % 360) - 180 : lon);
  return [within(west), low, within(east), high];
}

export function union(boxes: Iterable<Box | null | undefined>): Box | null {
  let all: Box | null = null;
  for (const box of boxes) {
    if (!box) continue;
    all = all ? [Math.min(all[0], box[0]), Math.min(all[1], box[1]), Math.max(all[2], box[2]), Math.max(all[3], box[3])] : [...box];
  }
  return all;
}

export const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));

export const centre = (box: Box): LonLat => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];

export const ringOf = (area: Area): LonLat[] => {
  if (area.kind === "polygon") return area.ring;
  const [west, south, , north] = area.box;
  const east = area.box[2] < west ? area.box[2] + 360 : area.box[2];
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ];
};

/** The area's box; east is past 180 across the antimeridian. */
export const areaBox = (area: Area): Box => boxOf({ type: "LineString", coordinates: ringOf(area) });

const EQUATOR = 156543.034; // metres of a pixel of the one 256-pixel tile of zoom 0

/** The web map zoom (256-pixel tiles) at which a pixel is as large as the picture's; 22 at most. */
export function maxZoom(gsd: number | null | undefined, box: Box | null | undefined): number {
  if (!gsd) return 18;
  const lat = box ? centre(box)[1] : 0;
  return Math.min(22, Math.max(1, Math.ceil(Math.log2((EQUATOR * Math.cos((lat * Math.PI) / 180)) / gsd))));
}

/** Sides of a box in kilometres, for people. */
export function size(box: Box): string {
  const lat = (centre(box)[1] * Math.PI) / 180;
  const east = (box[2] - box[0]) * 111.32 * Math.cos(lat);
  const north = (box[3] - box[1]) * 110.57;
  const side = (km: number): string => (km < 1 ? `${Math.round(km * 1000)} m` : `${Number(km.toPrecision(3))} km`);
  return `${side(east)} × ${side(north)}`;
}
