// The conversation about scenes: what was asked and answered, kept by the browser for each archive, and what of it is on the map.
import { batch, effect, signal } from "@preact/signals";
import * as api from "./api";
import { Problem } from "./api";
import { notify, say } from "./actions";
import { boxOf, overlap, union } from "./geometry";
import { add, boundsOf, isShown, sceneLayer, sceneLayerId } from "./layers";
import { answerBoxes, fit, pointed, pressed, viewBox } from "./map/map";
import * as state from "./state";
import type { Answer, Box, Scene } from "./types";
import { plural } from "./words";
import type { Feature } from "geojson";

export interface Turn {
  id: string;
  question: string;
  scenes: string[];
  within: Box | null; // the part of the map that was asked about
  state: "busy" | "done" | "failed" | "stopped";
  text: string;
  done?: number; // parts of a large scene
  total?: number | null;
  answer?: Answer;
  problem?: Pick<Problem, "title" | "detail" | "remedy" | "status">;
  gone?: boolean; // the server keeps its evidence no more
}

export const turns = signal<Turn[]>([]);
export const chosen = signal(""); // the answer on the map
export const question = signal("");
export const first = signal(""); // a scene that was chosen; else the one in view
export const second = signal(""); // another date
export const onlyView = signal(false);

const MOST = 40; // turns that are kept
const BOXES = 300; // of each that are kept
const RECALLED = 3; // questions that a new one follows
const RECALL = 600; // characters of them and their answers: small models hold little more

const name = (): string => `geoglot.talk:${location.pathname}:${state.archive.peek().value?.name ?? ""}`;

function restored(text: string | null): Turn[] {
  try {
    const held = JSON.parse(text ?? "[]") as Turn[];
    return held.map((turn) => (turn.state === "busy" ? { ...turn, state: "stopped" } : turn));
  } catch {
    return []; // somebody else's
  }
}

let loaded = "";

/** Read the conversation of the archive once it is known, and write it whenever it changes. */
effect(() => {
  const now = turns.value;
  if (!state.archive.value.value?.chat) return;
  if (loaded !== name()) {
    loaded = name();
    turns.value = restored(localStorage.getItem(loaded));
    return;
  }
  try {
    localStorage.setItem(loaded, JSON.stringify(now.slice(-MOST).map(light)));
  } catch {
    localStorage.removeItem(loaded); // the browser's room is used up; the page still has the conversation
  }
});

/** A turn with no more boxes than are kept. */
function light(turn: Turn): Turn {
  if (!turn.answer) return turn;
  const { boxes } = turn.answer;
  return { ...turn, answer: { ...turn.answer, boxes: { ...boxes, features: boxes.features.slice(0, BOXES) } } };
}

/** The scene that fills most of the map, of those that are shown if any is. */
export function inView(): Scene | undefined {
  const all = state.scenes.value.value ?? [];
  const seen = state.bounds.value;
  const worth = (scene: Scene): number => {
    const box = boundsOf(scene);
    const common = box && seen ? overlap(box, seen) / overlap(seen, seen) : 0;
    return common ? common + (isShown(sceneLayerId(scene.id)) ? 1 : 0) : 0;
  };
  return [...all].sort((a, b) => worth(b) - worth(a))[0];
}

/** The scenes that a question is about, the earlier date first. */
export function about(): Scene[] {
  const known = state.sceneOf.value;
  const one = known.get(first.value) ?? inView();
  const other = known.get(second.value);
  const pair = one && other && other.id !== one.id ? [one, other] : one ? [one] : [];
  return pair.sort((a, b) => (a.properties.time ?? "").localeCompare(b.properties.time ?? ""));
}

/** What was said about the same scenes before, the newest of it. */
function history(scenes: string[]): { role: "user" | "assistant"; text: string }[] {
  let room = RECALL;
  const same = turns.value.filter((turn) => turn.state === "done" && turn.scenes.join() === scenes.join());
  const newest = same.slice(-RECALLED).reverse();
  const end = newest.findIndex((turn) => (room -= turn.question.length + turn.text.length) < 0);
  return newest.slice(0, end < 0 ? undefined : end).reverse().flatMap((turn) => [
    { role: "user" as const, text: turn.question },
    { role: "assistant" as const, text: turn.text },
  ]);
}

const change = (id: string, to: Partial<Turn>): void => {
  turns.value = turns.value.map((turn) => (turn.id === id ? { ...turn, ...to } : turn));
};

const of = (id: string): Turn | undefined => turns.value.find((turn) => turn.id === id);

let stopper: AbortController | null = null;

export const stop = (): void => stopper?.abort();

/** Ask what is in the field. */
export function ask(): void {
  const scenes = about().map((scene) => scene.id);
  const text = question.value.trim();
  if (!text || !scenes.length) return;
  const turn: Turn = { id: crypto.randomUUID?.() ?? String(Math.random()), question: text, scenes, within: onlyView.value ? viewBox() : null, state: "busy", text: "" };
  turns.value = [...turns.value, turn];
  question.value = "";
  void run(turn);
}

/** Ask once more what could not be answered. */
export function again(turn: Turn): void {
  turns.value = [...turns.value.filter((one) => one.id !== turn.id), { ...turn, state: "busy", text: "", problem: undefined, done: undefined }];
  void run(turn);
}

async function run({ id, question, scenes, within }: Turn): Promise<void> {
  stopper = new AbortController();
  say("The question was sent.");
  try {
    const body = { scenes, question, history: history(scenes), ...(within ? { bbox: within } : {}) };
    const answer = await api.ask(body, (heard) => change(id, heard.kind === "text" ? { text: (of(id)?.text ?? "") + heard.text } : { done: heard.done, total: heard.total }), stopper.signal);
    change(id, { state: "done", text: answer.text, answer });
    choose(id);
    say(told(answer));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      change(id, { state: "stopped" });
      say("The question was given up.");
      return;
    }
    const { title, detail, remedy, status } = Problem.from(error);
    if (status === 401) state.dialog.value = "key";
    change(id, { state: "failed", problem: { title, detail, remedy, status } });
    say(`No answer. ${detail} ${remedy}`);
  } finally {
    stopper = null;
  }
}

export const sure = (answer: Answer): string => (answer.confidence === null ? "" : `${Math.round(answer.confidence * 100)} % sure`);

function told(answer: Answer): string {
  const count = answer.boxes.features.length;
  return [`Answer: ${answer.text}`, answer.refused ? "Refused" : "", sure(answer), count ? `${plural(count, "place")} marked` : ""].filter(Boolean).join(". ") + ".";
}

/** Whether a scene is not on the map, or lies under another one, so that an answer would be drawn on another picture than its own. */
function hidden(scene: Scene): boolean {
  const box = boundsOf(scene);
  if (!box) return false;
  const at = state.layers.value.findIndex((layer) => layer.id === sceneLayerId(scene.id));
  return at < 0 || state.layers.value.slice(0, at).some((layer) => layer.id.startsWith("scene:") && layer.bounds && overlap(layer.bounds, box) > 0);
}

const placed = (turn: Turn): Box[] => (turn.answer?.boxes.features ?? []).flatMap((one) => (one.geometry ? [boxOf(one.geometry)] : []));

/** Put an answer on the map: its boxes, what it is from, and its scene where that is not shown; "" puts none there. */
export function choose(id: string): void {
  const turn = of(id);
  batch(() => {
    chosen.value = turn ? id : "";
    state.layers.value = state.layers.value.filter((layer) => !layer.id.startsWith("answer:"));
    const scene = state.sceneOf.value.get(turn?.scenes[0] ?? "");
    if (scene && hidden(scene)) add(sceneLayer(scene, state.layers.value.find((layer) => layer.id === sceneLayerId(scene.id))?.opacity));
  });
  if (!turn) return;
  const boxes = placed(turn);
  const seen = state.bounds.value;
  if (seen && boxes.length && boxes.every((box) => overlap(box, seen) === 0)) fit(union(boxes), { maxZoom: 18 });
  if (turn.answer?.evidence) void showEvidence(turn);
}

export const evidenceId = (turn: Turn): string => `answer:${turn.id}`;

async function showEvidence(turn: Turn): Promise<void> {
  const { href, tiles, bounds, legend } = turn.answer!.evidence!;
  try {
    if (!(await api.kept(href))) return change(turn.id, { gone: true });
  } catch (error) {
    const problem = Problem.from(error);
    return notify("bad", problem.detail, { more: problem.remedy });
  }
  // somebody may have chosen another one meanwhile
  if (chosen.value === turn.id && tiles) add({ id: evidenceId(turn), title: `Evidence: ${turn.question}`, opacity: 0.7, tiles, bounds, legend });
}

/** Point at one of the things that an answer speaks of, and go there. */
export function goToThing(turn: Turn, at: number): void {
  pointed.value = thing(turn.id, at);
  const place = turn.answer?.boxes.features[at]?.geometry;
  if (!place) return;
  const [west, south, east, north] = boxOf(place);
  const [width, height] = [(east - west) * 2, (north - south) * 2];
  fit([west - width, south - height, east + width, north + height], { maxZoom: 20 });
}

export function clear(): void {
  stop();
  choose("");
  turns.value = [];
  say("A new conversation.");
}

export const thing = (turn: string, at: number): string => `${turn}/${at}`;

// beside the chosen answer the others are drawn while somebody reads the conversation
effect(() => {
  const shown = turns.value.filter((turn) => turn.id === chosen.value || state.shownTab.value === "ask");
  const features = shown.flatMap((turn) =>
    (turn.answer?.boxes.features ?? []).flatMap(({ geometry }, at): Feature[] =>
      geometry ? [{ type: "Feature", geometry, properties: { turn: turn.id, thing: thing(turn.id, at), chosen: Number(turn.id === chosen.value) } }] : [],
    ),
  );
  if (features.length || answerBoxes.peek().features.length) answerBoxes.value = { type: "FeatureCollection", features };
});

effect(() => {
  if (!pressed.value) return;
  const id = pressed.value;
  pressed.value = "";
  state.tab.value = "ask";
  choose(id);
});
