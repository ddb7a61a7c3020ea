// Numbers, dates and names as people read them.
import { sceneOf } from "./state";

export const plural = (count: number, word: string): string =>
  `${count.toLocaleString("en")} ${count === 1 || word === "good" ? word : `${word}s`}`;

/** The day of a time, as it is written in ISO 8601; everybody reads it alike. */
export const day = (time: string | null | undefined): string => (time ? time.slice(0, 10) : "no date");

export function metres(gsd: number | null | undefined): string {
  if (gsd == null) return "resolution unknown";
  return `${Number(gsd.toPrecision(3))} m/px`;
}

export function bytes(size: number | null | undefined): string {
  if (size == null) return "";
  const unit = size < 1e3 ? 0 : size < 1e6 ? 1 : size < 1e9 ? 2 : 3;
  return `${Number((size / 10 ** (3 * unit)).toPrecision(3))} ${["B", "kB", "MB", "GB"][unit]}`;
}

/** An area as people read it, in pixels where the ground is not known. */
export function ground(area: number | null, pixels: number): string {
  if (area == null) return plural(pixels, "pixel");
  const [unit, name] = area < 1e4 ? [1, "m²"] : area < 1e6 ? [1e4, "ha"] : [1e6, "km²"];
  return `${(area / unit).toLocaleString("en", { maximumFractionDigits: unit > 1 ? 2 : 0 })} ${name}`;
}

export const base = (path: string): string => path.split(/[\\/]/).pop() ?? path;

/** The name of a scene as its file is called, without the ending. */
export function sceneName(id: string): string {
  const scene = sceneOf.value.get(id);
  return base(scene?.properties.href ?? id).replace(/\.(tiff?|jp2|vrt|png|jpe?g|webp)$/i, "");
}

export function place(lon: number, lat: number, digits = 4): string {
  return `${Math.abs(lat).toFixed(digits)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(digits)}° ${lon < 0 ? "W" : "E"}`;
}
