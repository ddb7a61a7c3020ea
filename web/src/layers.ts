// Pictures on the map: scenes and what jobs made, top first.
import * as api from "./api";
import * as state from "./state";
import type { Layer } from "./state";
import { boxOf, maxZoom } from "./geometry";
import { base, day, sceneName } from "./words";
import { fail } from "./actions";
import type { Job, JobResult, Legend, Scene } from "./types";
import type { FeatureCollection } from "geojson";

const AUTOMATIC = 12; // so many scenes are shown without being asked for

export const sceneLayerId = (id: string): string => `scene:${id}`;
export const jobLayerId = (job: string, name: string): string => `job:${job}/${name}`;

export function sceneLayer(scene: Scene, opacity = 1): Layer {
  return {
    id: sceneLayerId(scene.id),
    title: `${sceneName(scene.id)} · ${day(scene.properties.time)}`,
    opacity,
    tiles: `api/scenes/${encodeURIComponent(scene.id)}/tiles/{z}/{x}/{y}.png`,
    bounds: boundsOf(scene),
    gsd: scene.properties.gsd,
  };
}

export function boundsOf(scene: Scene): Layer["bounds"] {
  return scene.properties.bounds ?? (scene.geometry ? boxOf(scene.geometry) : null);
}

/** Scenes with a place, the finest and newest on top. */
export function mapped(scenes: Scene[]): Scene[] {
  const rank = (scene: Scene): number => scene.properties.gsd ?? Infinity;
  return scenes
    .filter((scene) => boundsOf(scene))
    .sort((a, b) => rank(a) - rank(b) || (b.properties.time ?? "").localeCompare(a.properties.time ?? ""));
}

/** What is on the map before anybody chose: all scenes of a small archive, no scene of a large one. */
export function automatic(scenes: Scene[]): Layer[] {
  const all = mapped(scenes);
  return all.length <= AUTOMATIC ? all.map((scene) => sceneLayer(scene)) : [];
}

export const isShown = (id: string): boolean => state.layers.value.some((layer) => layer.id === id);

export function add(layer: Layer): void {
  state.layers.value = [layer, ...state.layers.value.filter((one) => one.id !== layer.id)];
}

export function remove(id: string): void {
  state.layers.value = state.layers.value.filter((layer) => layer.id !== id);
}

export function toggleScene(scene: Scene): void {
  const id = sceneLayerId(scene.id);
  if (isShown(id)) remove(id);
  else add(sceneLayer(scene));
}

export function fade(id: string, opacity: number): void {
  state.layers.value = state.layers.value.map((layer) => (layer.id === id ? { ...layer, opacity } : layer));
}

/** Move a layer up (-1) or down (1) in the stack. */
export function move(id: string, by: number): void {
  const all = [...state.layers.value];
  const from = all.findIndex((layer) => layer.id === id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= all.length) return;
  all.splice(to, 0, ...all.splice(from, 1));
  state.layers.value = all;
}

// Okabe and Ito's colours, told apart by people who see few, then two more
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#8c6bb1", "#7f7f7f"];

/** The legend of labelled features, with the colours that they carry or ours by label. */
export function legendOf(data: FeatureCollection): Legend[] {
  const found = new Map<string, string | undefined>();
  for (const feature of data.features) {
    const label = feature.properties?.label as unknown;
    if (label != null) found.set(String(label), (feature.properties?.colour as string | undefined) ?? found.get(String(label)));
  }
  return [...found].sort(([a], [b]) => a.localeCompare(b)).map(([label, colour], at) => ({ value: label, label, colour: colour ?? COLOURS[at % COLOURS.length]! }));
}

export const canShow = (result: JobResult): boolean => Boolean(result.tiles) || /geo\+json/.test(result.media_type);

/** A result of a job as a layer. Features are fetched, rasters come as tiles. */
export async function jobLayer(job: Job, result: JobResult, opacity = 0.75): Promise<Layer> {
  const id = jobLayerId(job.id, result.name);
  const name = job.title ?? job.verb;
  const title = `${name} · ${base(result.name)}`;
  if (result.tiles) return { id, title: name, opacity, tiles: result.tiles, bounds: result.bounds, legend: result.legend };
  const data = await api.json<FeatureCollection>(result.href);
  return { id, title, opacity, data, legend: result.legend ?? legendOf(data) };
}

export async function showResult(job: Job, result: JobResult): Promise<Layer | null> {
  try {
    const layer = await jobLayer(job, result);
    add(layer);
    return layer;
  } catch (error) {
    fail(error);
    return null;
  }
}

/** The layers that an address names; those that are gone are left out. */
export async function restore(wanted: { id: string; opacity: number }[]): Promise<Layer[]> {
  const scenes = new Map((state.scenes.value.value ?? []).map((scene) => [sceneLayerId(scene.id), scene]));
  const made = wanted.map(async ({ id, opacity }): Promise<Layer | null> => {
    const scene = scenes.get(id);
    if (scene) return sceneLayer(scene, opacity);
    const [, jobId, name] = /^job:([^/]+)\/(.+)$/.exec(id) ?? [];
    if (!jobId) return null;
    try {
      const job = await api.job(jobId);
      const result = job.results?.find((one) => one.name === name);
      return result ? await jobLayer(job, result, opacity) : null;
    } catch {
      return null; // a job that the server no longer knows
    }
  });
  return (await Promise.all(made)).filter((layer) => layer !== null);
}

/** The zoom beyond which tiles would only be enlarged. */
export const tileZoom = (layer: Layer): number => maxZoom(layer.gsd, layer.bounds);
