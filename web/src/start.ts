// What is loaded first, and the address: read at the start and on the way back, written on every change.
import { batch, effect, signal } from "@preact/signals";
import { read, write, type Shown } from "./address";
import * as api from "./api";
import { Problem } from "./api";
import { loadSaved, search } from "./actions";
import { loadJobs, loadScenes } from "./jobs";
import { automatic, restore } from "./layers";
import { fitAll, map } from "./map/map";
import * as state from "./state";

export const ready = signal(false); // the address is not written before everything is read
const chosenLayers = signal(false); // whether somebody chose layers, or they are the page's own

export async function loadArchive(): Promise<void> {
  state.archive.value = { state: "busy", value: state.archive.value.value };
  try {
    const known = await api.archive();
    state.archive.value = { state: "done", value: known };
    document.title = `${known.name} · geoglot`;
  } catch (error) {
    const problem = Problem.from(error);
    if (problem.status === 401) state.dialog.value = "key";
    state.archive.value = { state: "failed", problem };
  }
}

function shown(): Shown {
  return {
    query: state.query.value,
    tab: state.tab.value,
    selected: state.selected.value,
    view: state.view.value,
    layers: chosenLayers.value ? state.layers.value.filter(lasting) : null,
    swipe: state.swipe.value,
  };
}

/** Whether a layer can be named in an address: what an answer is from is kept for a while only. */
const lasting = (layer: state.Layer): boolean => !layer.id.startsWith("answer:");

const asks = (text: string): string => {
  const all = new URLSearchParams(text);
  for (const name of ["view", "sel", "swipe", "layers"]) all.delete(name);
  return all.toString();
};

/** A new search or view is a step that the back button goes to; moving the map and choosing places is not. */
function keepAddress(): void {
  let timer = 0;
  effect(() => {
    const now = shown();
    clearTimeout(timer);
    if (!ready.value) return;
    timer = window.setTimeout(() => {
      const before = location.hash.slice(1);
      const after = write(now);
      if (before === after) return;
      const address = after ? `#${after}` : location.pathname + location.search;
      if (asks(before) === asks(after)) history.replaceState(null, "", address);
      else history.pushState(null, "", address);
    }, 250);
  });
}

function take(to: Shown): void {
  batch(() => {
    state.query.value = to.query;
    state.tab.value = to.tab;
    state.selected.value = to.selected;
    state.swipe.value = to.swipe;
  });
}

let dressing = 0;

/** The layers of an address, or the page's own. */
async function dress(wanted: Shown["layers"]): Promise<void> {
  const turn = ++dressing;
  ready.value = false;
  const restored = wanted ? await restore(wanted) : [];
  if (turn !== dressing) return; // another address has come meanwhile
  // none of them may be left, as when scenes were removed
  chosenLayers.value = wanted !== null && restored.length >= Math.min(1, wanted.length);
  state.layers.value = chosenLayers.peek() ? restored : automatic(state.scenes.value.value ?? []);
  ready.value = true;
}

/** Show what an address says. */
function apply(to: Shown): void {
  take(to);
  void search(to.view !== null);
  void dress(to.layers);
  if (to.view) map.value?.jumpTo({ center: [to.view.lon, to.view.lat], zoom: to.view.zoom });
}

/** Load what the server has. What people ask while it loads stays asked. */
export async function loadAll(): Promise<void> {
  await loadArchive();
  if (state.archive.value.state === "failed") return;
  const { view } = read(location.hash);
  if (!state.hits.value?.value) void search(view !== null); // an address with a view shows that view
  await Promise.all([loadScenes(), loadSaved(), loadJobs()]);
  await dress(read(location.hash).layers);
}

/** Whether layers differ from what the page shows by itself. */
function watchLayers(): void {
  effect(() => {
    const now = state.layers.value.filter(lasting);
    if (!ready.peek()) return;
    const own = automatic(state.scenes.peek().value ?? []);
    chosenLayers.value = now.length !== own.length || now.some((layer, at) => layer.id !== own[at]!.id || layer.opacity !== own[at]!.opacity);
  });
}

export function start(): void {
  const first = read(location.hash);
  take(first);
  if (first.view) state.view.value = first.view;
  watchLayers();
  keepAddress();
  window.addEventListener("popstate", () => apply(read(location.hash)));
  void loadAll();
  let fitted = first.view !== null;
  effect(() => {
    // as soon as both are there: the map, and what there is to see
    if (fitted || !map.value || !state.scenes.value.value) return;
    fitted = true;
    fitAll(true);
  });
}
