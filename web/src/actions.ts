// What people do on the page. Each is one function; what is drawn follows from the signals that it sets.
import { batch } from "@preact/signals";
import * as api from "./api";
import { Problem } from "./api";
import { findHits } from "./map/map";
import * as state from "./state";
import { NOTHING, STEP, type Query } from "./state";
import type { Format, Hit, Saved } from "./types";
import { plural } from "./words";

let asking: AbortController | null = null;

export function say(text: string): void {
  // an equal text is not read again, so it is emptied first
  state.spoken.value = "";
  requestAnimationFrame(() => (state.spoken.value = text));
}

let notices = 0;

export function notify(kind: state.Notice["kind"], text: string, rest: Partial<state.Notice> = {}): void {
  const id = ++notices;
  state.notices.value = [...state.notices.value.slice(-3), { id, kind, text, ...rest }];
  if (kind !== "bad") setTimeout(() => dismiss(id), rest.action ? 12000 : 6000);
}

export const dismiss = (id: number): void => {
  state.notices.value = state.notices.value.filter((notice) => notice.id !== id);
};

export function fail(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const problem = Problem.from(error);
  if (problem.status === 401) state.dialog.value = "key";
  notify("bad", `${problem.title}. ${problem.detail}`, { more: problem.remedy });
}

/** Change what is asked, and search at once. */
export function ask(change: Partial<Query>): void {
  state.query.value = { ...state.query.value, ...change };
  void search();
}

/** Ask the server what is asked. An answer that is no longer wanted is dropped. With `stay` the map is left where it is. */
export async function search(stay = false): Promise<void> {
  const asked = state.query.value;
  asking?.abort();
  if (!state.asks(asked)) {
    batch(() => {
      state.hits.value = null;
      state.selected.value = "";
      state.shownFor.value = null;
    });
    return;
  }
  asking = new AbortController();
  const { signal } = asking;
  state.hits.value = { state: "busy", value: state.hits.value?.value };
  const began = performance.now();
  try {
    const found = await api.search(state.body(asked), signal);
    show(found.features, (performance.now() - began) / 1000);
    if (!stay) findHits();
    say(told(found.features, asked));
  } catch (error) {
    if (signal.aborted) return;
    const problem = Problem.from(error);
    if (problem.status === 401) state.dialog.value = "key";
    state.hits.value = { state: "failed", problem, value: state.hits.value?.value };
    say(`The search failed. ${problem.detail} ${problem.remedy}`);
  }
}

function show(found: Hit[], seconds: number, name?: string): void {
  batch(() => {
    state.hits.value = { state: "done", value: found };
    state.seconds.value = seconds;
    state.shownFor.value = name ? { name } : null;
    if (!found.some((hit) => hit.id === state.selected.value)) state.selected.value = "";
  });
}

function told(found: Hit[], asked: Query): string {
  if (!found.length) return "No place was found.";
  const refined = asked.like.length + asked.unlike.length ? `, refined with ${plural(asked.like.length, "good")} and ${asked.unlike.length} bad` : "";
  return `${plural(found.length, "place")} found${refined}.`;
}

export function select(id: string, speak = true): void {
  state.selected.value = id;
  const hit = state.list.value.find((one) => one.id === id);
  if (hit && speak) say(`Place ${hit.properties.rank}, score ${hit.properties.score.toFixed(2)}.`);
}

/** Go to the next (1) or previous (-1) place of the list. */
export function step(by: number): void {
  const all = state.list.value;
  if (!all.length) return;
  const at = all.findIndex((hit) => hit.id === state.selected.value);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
  select(all[next]!.id);
}

export type Mark = "good" | "bad" | null;

export const markOf = (id: string): Mark =>
  state.query.value.like.includes(id) ? "good" : state.query.value.unlike.includes(id) ? "bad" : null;

/** Say that a place is what was meant, or is not; the same again takes it back. The search is refined at once. */
export function mark(id: string, as: "good" | "bad"): void {
  const { like, unlike } = state.query.value;
  const again = markOf(id) === as;
  const without = (ids: string[]): string[] => ids.filter((one) => one !== id);
  const change = { like: without(like), unlike: without(unlike) };
  if (!again) change[as === "good" ? "like" : "unlike"].push(id);
  ask(change);
}

export const unmark = (): void => ask({ like: [], unlike: [] });

/** Start from one place alone. */
export function similar(id: string): void {
  ask({ text: "", chip: "", like: [id], unlike: [], limit: STEP });
  state.tab.value = "search";
}

export const clearFilters = (): void =>
  ask({ area: null, from: "", to: "", sensor: "", gsdMin: "", gsdMax: "", cloud: "" });

export function reset(): void {
  state.query.value = NOTHING;
  state.typed.value = "";
  void search();
}

/** Search by a picture. */
export async function byImage(file: File): Promise<void> {
  try {
    const chip = await api.chip(file);
    state.tab.value = "search";
    ask({ text: state.typed.value, chip: chip.id, like: [], unlike: [], limit: STEP });
  } catch (error) {
    fail(error);
  }
}

const ENDINGS: Record<Format, string> = { geojson: "geojson", geoparquet: "parquet", csv: "csv" };

export async function download(format: Format): Promise<void> {
  try {
    keep(await api.table(state.body(state.query.value), format), `${fileName()}.${ENDINGS[format]}`);
    notify("good", `Saved as ${fileName()}.${ENDINGS[format]}.`);
  } catch (error) {
    fail(error);
  }
}

const fileName = (): string => state.query.value.text.toLowerCase().match(/[a-z0-9]+/g)?.slice(0, 6).join("-") ?? "places";

function keep(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// --- saved searches ---

export async function loadSaved(): Promise<void> {
  state.saved.value = { state: "busy", value: state.saved.value.value };
  try {
    state.saved.value = { state: "done", value: await api.saved() };
  } catch (error) {
    state.saved.value = { state: "failed", problem: Problem.from(error) };
  }
}

export async function saveSearch(name: string): Promise<boolean> {
  try {
    await api.save(name, state.body(state.query.value));
    notify("good", `Saved "${name}".`, { action: { label: "Saved searches", run: () => (state.tab.value = "saved") } });
    await loadSaved();
    return true;
  } catch (error) {
    fail(error);
    return false;
  }
}

export async function forget(saved: Saved): Promise<void> {
  try {
    await api.forget(saved.id);
    await loadSaved();
    say(`${saved.name} was deleted.`);
  } catch (error) {
    fail(error);
  }
}

export function openSaved(saved: Saved): void {
  state.query.value = state.asked(saved.search);
  state.tab.value = "search";
  void search();
}

/** The places of a saved search in scenes that came since it was last looked at. */
export async function openNew(saved: Saved): Promise<void> {
  asking?.abort();
  state.query.value = state.asked(saved.search);
  state.tab.value = "search";
  state.hits.value = { state: "busy", value: state.hits.value?.value };
  const began = performance.now();
  try {
    const found = await api.fresh(saved.id);
    show(found.features, (performance.now() - began) / 1000, saved.name);
    findHits();
    say(`${plural(found.features.length, "new place")} for ${saved.name}.`);
    await api.seen(saved.id);
    await loadSaved();
  } catch (error) {
    state.hits.value = { state: "failed", problem: Problem.from(error) };
  }
}
