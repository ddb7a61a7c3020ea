// Lines of longitude and latitude: the ground of a map that fetches nothing from elsewhere.
import type { FeatureCollection } from "geojson";
import type { Box } from "../types";

const STEPS = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];

/** Degrees between lines, so that some five cross what is seen. */
export function spacing(span: number): number {
  return STEPS.find((step) => span / step >= 3.5) ?? STEPS[STEPS.length - 1]!;
}

export function marks(from: number, to: number, step: number): number[] {
  const out: number[] = [];
  for (let n = Math.ceil(from / step); n * step <= to && out.length < 100; n++) out.push(Number((n * step).toFixed(6)));
  return out;
}

/** The lines over a view and a margin around it. */
export function graticule(view: Box, step: number): FeatureCollection {
  const [width, height] = [view[2] - view[0], view[3] - view[1]];
  const [west, east] = [view[0] - width, view[2] + width];
  const [south, north] = [Math.max(-85, view[1] - height), Math.min(85, view[3] + height)];
  const line = (coordinates: [number, number][]): FeatureCollection["features"][number] => ({
    type: "Feature",
    properties: {},
    geometry: { type: "LineString", coordinates },
  });
  return {
    type: "FeatureCollection",
    features: [
      ...marks(west, east, step).map((lon) => line([[lon, south], [lon, north]])),
      ...marks(south, north, step).map((lat) => line([[west, lat], [east, lat]])),
    ],
  };
}

export function degrees(value: number, step: number, ends: [string, string]): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return `${Math.abs(value).toFixed(digits)}°${value === 0 ? "" : value > 0 ? ends[0] : ends[1]}`;
}
