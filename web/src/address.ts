// What is looked at, in the part of the address after #: it can be sent to somebody, and the back button goes through it.
import { NOTHING, STEP, TABS, type Area, type Query, type Swipe, type Tab, type View } from "./state";
import type { Box, LonLat } from "./types";

export interface Shown {
  query: Query;
  tab: Tab;
  selected: string;
  view: View | null;
  layers: { id: string; opacity: number }[] | null; // null: what the page shows by itself
  swipe: Swipe | null;
}

const TEXTS = ["text", "chip", "from", "to", "sensor", "gsdMin", "gsdMax", "cloud"] as const;
const NAMES: Record<(typeof TEXTS)[number], string> = {
  text: "q",
  chip: "chip",
  from: "from",
  to: "to",
  sensor: "sensor",
  gsdMin: "gsd-min",
  gsdMax: "gsd-max",
  cloud: "cloud",
};

const short = (value: number, digits = 5): string => String(Number(value.toFixed(digits)));

function areaText(area: Area): [string, string] {
  if (area.kind === "box") return ["bbox", area.box.map((value) => short(value)).join(",")];
  return ["polygon", area.ring.map((point) => point.map((value) => short(value)).join(",")).join(" ")];
}

function numbers(text: string | null, count: number): number[] | null {
  const values = (text ?? "").split(",").map(Number);
  return text && values.length === count && values.every(Number.isFinite) ? values : null;
}

function areaOf(parameters: URLSearchParams): Area | null {
  const box = numbers(parameters.get("bbox"), 4);
  if (box) return { kind: "box", box: box as Box };
  const ring = (parameters.get("polygon") ?? "").split(" ").map((point) => numbers(point, 2));
  return ring.length > 2 && ring.every(Boolean) ? { kind: "polygon", ring: ring as LonLat[] } : null;
}

/** The part after #, empty for a page that nobody has touched. */
export function write(shown: Shown): string {
  const out = new URLSearchParams();
  for (const name of TEXTS) if (shown.query[name]) out.set(NAMES[name], shown.query[name]);
  for (const id of shown.query.like) out.append("good", id);
  for (const id of shown.query.unlike) out.append("bad", id);
  if (shown.query.area) out.set(...areaText(shown.query.area));
  if (shown.query.limit !== STEP) out.set("limit", String(shown.query.limit));
  if (shown.tab !== "search") out.set("tab", shown.tab);
  if (shown.selected) out.set("sel", shown.selected);
  if (shown.layers) out.set("layers", shown.layers.map(({ id, opacity }) => `${id}@${Math.round(opacity * 100)}`).join(" "));
  if (shown.swipe) out.set("swipe", `${shown.swipe.left} ${shown.swipe.right} ${short(shown.swipe.at, 2)}`);
  if (shown.view) out.set("view", `${short(shown.view.lon)},${short(shown.view.lat)},${short(shown.view.zoom, 2)}`);
  return out.toString();
}

/** What an address says; what it does not understand is left out. */
export function read(hash: string): Shown {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const query: Query = { ...NOTHING, like: given.getAll("good"), unlike: given.getAll("bad"), area: areaOf(given) };
  for (const name of TEXTS) query[name] = given.get(NAMES[name]) ?? "";
  query.limit = Math.max(1, Number.parseInt(given.get("limit") ?? "", 10) || STEP);
  const view = numbers(given.get("view"), 3);
  const [left, right, at] = (given.get("swipe") ?? "").split(" ");
  const tab = given.get("tab") as Tab;
  return {
    query,
    tab: TABS.includes(tab) ? tab : "search",
    selected: given.get("sel") ?? "",
    view: view ? { lon: view[0]!, lat: view[1]!, zoom: view[2]! } : null,
    layers: given.has("layers") ? (given.get("layers") ?? "").split(" ").filter(Boolean).map(layerOf) : null,
    swipe: left && right ? { left, right, at: Math.min(1, Math.max(0, Number(at) || 0.5)) } : null,
  };
}

function layerOf(text: string): { id: string; opacity: number } {
  const cut = text.lastIndexOf("@");
  const percent = Number(text.slice(cut + 1));
  return { id: cut > 0 ? text.slice(0, cut) : text, opacity: cut > 0 && percent >= 0 && percent <= 100 ? percent / 100 : 1 };
}
