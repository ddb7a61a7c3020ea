// Keyboard shortcuts. Single letters can be switched off in the help (WCAG 2.1.4).
import { mark, step } from "./actions";
import { fitAll, goTo, map } from "./map/map";
import * as state from "./state";
import { toggleSwipe } from "./swipe";
import { choose, chosen as answer } from "./talk";

export const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["/", "Go to the search field"],
  ["J, K", "Next and previous place"],
  ["Z", "Zoom to the chosen place"],
  ["G, X", "Mark the chosen place as good, as bad; again takes it back"],
  ["B, P", "Draw a box, a polygon; Escape ends"],
  ["S", "Swipe between two scenes"],
  ["H", "Hide or show the places on the map"],
  ["0", "See everything"],
  ["M", "Go to the map: arrows move it, + and − zoom"],
  ["1 – 5", "Search, Layers, Analyse, Saved, Ask"],
  ["Q", "Ask a question, where the server answers them"],
  ["?", "This help"],
];

/** Go to the field of a tab that words are written into. */
const toField = (tab: state.Tab, id: string) => (): void => {
  if (!state.tabs.value.includes(tab)) return;
  const field = (): HTMLInputElement | null => document.querySelector<HTMLInputElement>(id);
  state.tab.value = tab;
  if (state.snap.value === "peek") state.snap.value = "half";
  const go = (): void => {
    field()?.focus();
    field()?.select();
  };
  // at once where the field is there, or the next letters would be shortcuts
  if (field()) go();
  else requestAnimationFrame(go);
};

const draw = (kind: "box" | "polygon"): void => {
  state.drawing.value = state.drawing.value === kind ? null : kind;
};

const chosen = (run: (id: string) => void) => (): void => {
  if (state.selected.value) run(state.selected.value);
};

const ACTIONS: Record<string, () => void> = {
  "/": toField("search", "#words"),
  q: toField("ask", "#question"),
  j: () => step(1),
  k: () => step(-1),
  z: chosen(goTo),
  g: chosen((id) => mark(id, "good")),
  x: chosen((id) => mark(id, "bad")),
  b: () => draw("box"),
  p: () => draw("polygon"),
  s: toggleSwipe,
  h: () => (state.hitsShown.value = !state.hitsShown.value),
  "0": () => fitAll(),
  m: () => map.value?.getCanvas().focus(),
  "?": () => (state.dialog.value = "help"),
};

function escape(): void {
  if (state.drawing.value) state.drawing.value = null;
  else if (state.swipe.value) state.swipe.value = null;
  else if (state.selected.value) state.selected.value = "";
  else if (answer.value) choose("");
}

/** Listen to keys on the whole page. */
export function listen(): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (typing) target.blur();
      else escape();
      return;
    }
    if (typing || !state.keysOn.value) return;
    const tab = state.tabs.value[Number(event.key) - 1];
    const run = tab ? () => (state.tab.value = tab) : ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}
