// What the page knows, as signals: a part of the page that reads one is drawn again when it changes.
import { computed, signal } from "@preact/signals";
import type { Problem } from "./api";
import type { Archive, Box, Hit, Job, Legend, LonLat, Saved, Scene, Search } from "./types";
import type { FeatureCollection } from "geojson";

/** Something from the server: on its way (with what was there before), there, or refused. */
export type Loaded<T> =
  | { state: "busy"; value?: T }
  | { state: "done"; value: T }
  | { state: "failed"; problem: Problem; value?: T };

export type Area = { kind: "box"; box: Box } | { kind: "polygon"; ring: LonLat[] };

export interface Query {
  text: string;
  chip: string;
  like: string[];
  unlike: string[];
  area: Area | null;
  from: string;
  to: string;
  sensor: string;
  gsdMin: string;
  gsdMax: string;
  cloud: string;
  limit: number;
}

export const STEP = 24;

export const NOTHING: Query = {
  text: "",
  chip: "",
  like: [],
  unlike: [],
  area: null,
  from: "",
  to: "",
  sensor: "",
  gsdMin: "",
  gsdMax: "",
  cloud: "",
  limit: STEP,
};

export type Tab = "search" | "layers" | "analyse" | "saved" | "ask";
export const TABS: readonly Tab[] = ["search", "layers", "analyse", "saved", "ask"];

export interface View {
  lon: number;
  lat: number;
  zoom: number;
}

/** One picture on the map, top first in `layers`. `id` is `scene:ID`, `job:ID/NAME` or `answer:ID`. */
export interface Layer {
  id: string;
  title: string;
  opacity: number;
  tiles?: string;
  bounds?: Box | null;
  gsd?: number | null;
  data?: FeatureCollection;
  legend?: Legend[];
}

export interface Swipe {
  left: string;
  right: string;
  at: number; // the divider, 0 (left edge) to 1
}

export type Drawing = "box" | "polygon" | null;
export type Theme = "system" | "light" | "dark";
export type Snap = "peek" | "half" | "full";

export interface Upload {
  id: number;
  name: string;
  part: number;
  state: "sending" | "failed";
  problem?: Problem;
  stop: () => void;
}

export interface Notice {
  id: number;
  kind: "info" | "good" | "bad";
  text: string;
  more?: string;
  action?: { label: string; run: () => void };
}

export const archive = signal<Loaded<Archive>>({ state: "busy" });
export const scenes = signal<Loaded<Scene[]>>({ state: "busy" });
export const query = signal<Query>(NOTHING);
export const typed = signal(""); // the words in the field, asked for with Enter
export const hits = signal<Loaded<Hit[]> | null>(null);
/** What the list shows when it is not a search: the new places of a saved search. */
export const shownFor = signal<{ name: string } | null>(null);
export const seconds = signal(0);
export const selected = signal<string>("");
export const hovered = signal<string>("");
export const tab = signal<Tab>("search");
export const view = signal<View | null>(null);
export const bounds = signal<Box | null>(null); // what the map shows
export const layers = signal<Layer[]>([]);
export const hitsShown = signal(true);
export const swipe = signal<Swipe | null>(null);
export const drawing = signal<Drawing>(null);
export const jobs = signal<Loaded<Job[]>>({ state: "busy" });
export const uploads = signal<Upload[]>([]);
export const saved = signal<Loaded<Saved[]>>({ state: "busy" });
export const notices = signal<Notice[]>([]);
export const spoken = signal(""); // for screen readers
export const snap = signal<Snap>("half");
export const dialog = signal<"help" | "key" | "drop" | null>(null);
export const dropped = signal<File | null>(null);
export const keysOn = signal(localStorage.getItem("geoglot.keys") !== "off");
export const theme = signal<Theme>((localStorage.getItem("geoglot.theme") as Theme | null) ?? "system");

/** The tabs that there are: questions only where the server answers them. */
export const tabs = computed(() => TABS.filter((name) => name !== "ask" || archive.value.value?.chat));
export const shownTab = computed<Tab>(() => (tabs.value.includes(tab.value) ? tab.value : "search"));

const darkMedia = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(darkMedia.matches);
darkMedia.addEventListener("change", (event) => (systemDark.value = event.matches));
export const dark = computed(() => (theme.value === "system" ? systemDark.value : theme.value === "dark"));

const phoneMedia = matchMedia("(max-width: 760px)");
export const phone = signal(phoneMedia.matches);
phoneMedia.addEventListener("change", (event) => (phone.value = event.matches));

const words = computed(() => query.value.text);
words.subscribe((text) => (typed.value = text));

export const list = computed<Hit[]>(() => hits.value?.value ?? []);
export const current = computed(() => list.value.find((hit) => hit.id === selected.value) ?? null);
export const sceneOf = computed(() => new Map((scenes.value.value ?? []).map((scene) => [scene.id, scene])));
export const running = computed(
  () =>
    (jobs.value.value ?? []).filter((job) => job.state === "queued" || job.state === "running").length +
    uploads.value.filter((upload) => upload.state === "sending").length,
);

/** Whether anything is asked: words, a picture, or examples. */
export const asks = (asked: Query): boolean => Boolean(asked.text.trim() || asked.chip || asked.like.length);

/** How many filters are set. */
export function filters(asked: Query): number {
  return [asked.area, asked.from || asked.to, asked.sensor, asked.gsdMin || asked.gsdMax, asked.cloud].filter(Boolean).length;
}

function number(text: string): number | null {
  const value = Number.parseFloat(text);
  return Number.isFinite(value) ? value : null;
}

/** The query as the server takes it. */
export function body(asked: Query): Search {
  const out: Search = { limit: asked.limit };
  if (asked.text.trim()) out.text = asked.text.trim();
  if (asked.chip) out.chip = asked.chip;
  if (asked.like.length) out.like = asked.like;
  if (asked.unlike.length) out.unlike = asked.unlike;
  if (asked.area?.kind === "box") out.bbox = asked.area.box;
  if (asked.area?.kind === "polygon") out.polygon = { type: "Polygon", coordinates: [[...asked.area.ring, asked.area.ring[0]!]] };
  if (asked.from || asked.to) out.time = `${asked.from || ".."}/${asked.to || ".."}`;
  if (asked.sensor) out.sensor = asked.sensor;
  const gsd: [number | null, number | null] = [number(asked.gsdMin), number(asked.gsdMax)];
  if (gsd[0] !== null || gsd[1] !== null) out.gsd = gsd;
  const cloud = number(asked.cloud);
  if (cloud !== null) out.cloud_max = cloud / 100; // people say percent, the archive keeps a share
  return out;
}

/** A server's search as a query of the page. */
export function asked(search: Search): Query {
  const [from = "", to = ""] = (search.time ?? "").split("/").map((day) => (day === ".." ? "" : day.slice(0, 10)));
  const ring = search.polygon?.coordinates[0]?.slice(0, -1) as LonLat[] | undefined;
  const area: Area | null = search.bbox ? { kind: "box", box: search.bbox } : ring ? { kind: "polygon", ring } : null;
  return {
    ...NOTHING,
    text: search.text ?? "",
    chip: search.chip ?? "",
    like: search.like ?? [],
    unlike: search.unlike ?? [],
    area,
    from,
    to,
    sensor: search.sensor ?? "",
    gsdMin: search.gsd?.[0]?.toString() ?? "",
    gsdMax: search.gsd?.[1]?.toString() ?? "",
    cloud: search.cloud_max == null ? "" : String(Math.round(search.cloud_max * 100)),
    limit: search.limit ?? STEP,
  };
}
