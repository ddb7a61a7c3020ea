// What the server sends, as docs of `geoglot serve` say. Longitude comes before latitude; a box is [west, south, east, north].
import type { Feature, FeatureCollection, Geometry, Polygon } from "geojson";

export type Box = [number, number, number, number];
export type LonLat = [number, number];

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string; // "scene": one of the archive's scenes
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
}

export interface Verb {
  name: string;
  title: string;
  description: string;
  job: boolean;
  parameters: Schema;
}

export interface Basemap {
  tiles: string;
  attribution?: string;
  maxzoom?: number;
}

export interface Archive {
  name: string;
  version?: string;
  model: { name: string; hash: string; size?: unknown };
  scenes: number;
  tiles: number;
  bbox: Box | null;
  time: [string | null, string | null] | null;
  sensors: string[];
  gsd: [number | null, number | null] | null;
  chat?: { model: string; question: number; turns: number } | null; // what answers questions; the limits of one
  verbs: Verb[];
  limits: { upload_bytes?: number; pixels?: number; results?: number };
  basemap?: Basemap | null;
  uploads?: boolean;
}

export interface SceneProperties {
  href: string;
  time: string | null;
  gsd: number | null;
  sensor: string | null;
  bands?: string[];
  crs?: string | null;
  tiles?: number;
  bounds?: Box | null;
  uploaded?: boolean;
}

export type Scene = Feature<Geometry | null, SceneProperties> & { id: string };

export interface HitProperties {
  rank: number;
  score: number;
  scene: string;
  time: string | null;
  gsd: number | null;
  sensor: string | null;
  thumbnail: string;
  window?: number[];
  cloud?: number | null;
  valid?: number | null;
  href?: string;
}

export type Hit = Feature<Geometry | null, HitProperties> & { id: string };

export interface Found extends FeatureCollection<Geometry | null, HitProperties> {
  features: Hit[];
}

export interface Search {
  text?: string;
  chip?: string;
  like?: string[];
  unlike?: string[];
  limit?: number;
  bbox?: Box;
  polygon?: Polygon;
  time?: string;
  sensor?: string;
  gsd?: [number | null, number | null];
  cloud_max?: number;
  format?: Format;
}

export type Format = "geojson" | "geoparquet" | "csv";

export interface Legend {
  value: number | string;
  label: string;
  colour: string;
}

export interface JobResult {
  name: string;
  media_type: string;
  bytes?: number;
  href: string;
  tiles?: string;
  legend?: Legend[];
  bounds?: Box | null;
}

/** A row of a job's areas.json. */
export interface AreaRow {
  scene: string;
  name: string;
  label: string;
  pixels: number;
  share: number; // of what was observed
  area: number | null; // square metres; null without georeference
}

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled" | "interrupted";

export interface Job {
  id: string;
  verb: string;
  title?: string;
  state: JobState;
  done: number;
  total: number | null;
  message: string | null;
  created: string;
  finished?: string | null;
  problem?: ProblemBody | null;
  results?: JobResult[];
  scenes?: string[];
  parameters?: Record<string, unknown>;
}

export interface Saved {
  id: string;
  name: string;
  search: Search;
  created: string;
  seen?: string | null;
  new: number | null;
}

export interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  remedy?: string;
}

export interface Ask {
  scenes: string[];
  question: string;
  bbox?: Box;
  history: { role: "user" | "assistant"; text: string }[];
}

export interface Thing {
  label: string;
  score: number;
  box: [number, number, number, number]; // left, top, right, bottom in pixels of the first scene
}

export interface Answer {
  text: string;
  kind: string;
  confidence: number | null;
  refused: boolean;
  model: string;
  scenes: string[];
  shape: [number, number]; // height and width of the first scene
  views: number;
  assumptions: string[];
  boxes: FeatureCollection<Geometry | null, Thing>;
  evidence: { href: string; legend: Legend[]; tiles?: string; bounds?: Box } | null;
}

/** What comes before an answer: parts that were looked at, words as they are spoken. */
export type Heard = { kind: "progress"; done: number; total: number | null } | { kind: "text"; text: string };
