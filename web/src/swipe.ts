// Which two scenes a swipe compares.
import { notify, say } from "./actions";
import { overlap } from "./geometry";
import { boundsOf, mapped, sceneLayer } from "./layers";
import { fit, swipeScenes } from "./map/map";
import * as state from "./state";
import type { Box, Scene } from "./types";
import { effect } from "@preact/signals";

/** The pair that overlaps most in what is seen, of different dates, the older one left. */
export function bestPair(scenes: Scene[], seen: Box | null): [Scene, Scene] | null {
  const all = mapped(scenes).slice(0, 200);
  let best: { pair: [Scene, Scene]; worth: number } | null = null;
  for (const [at, a] of all.entries()) {
    for (const b of all.slice(at + 1)) {
      const [boxA, boxB] = [boundsOf(a)!, boundsOf(b)!];
      const common = overlap(boxA, boxB);
      const both = overlap(boxA, boxA) + overlap(boxB, boxB) - common;
      const inSight = seen ? Math.min(overlap(boxA, seen), overlap(boxB, seen)) > 0 : true;
      const worth = (both ? common / both : 0) + (common ? 1 : 0) + (inSight ? 0.5 : 0) + (a.properties.time !== b.properties.time ? 0.25 : 0);
      if (!best || worth > best.worth) best = { pair: [a, b], worth };
    }
  }
  if (!best) return null;
  return best.pair.sort((a, b) => (a.properties.time ?? "").localeCompare(b.properties.time ?? "")) as [Scene, Scene];
}

export function toggleSwipe(): void {
  if (state.swipe.value) {
    state.swipe.value = null;
    say("Swipe is off.");
    return;
  }
  const pair = bestPair(state.scenes.value.value ?? [], state.bounds.value);
  if (!pair) {
    notify("info", "A swipe needs two scenes with a place on the map.", { more: "Index or upload another one." });
    return;
  }
  state.swipe.value = { left: pair[0].id, right: pair[1].id, at: 0.5 };
  if (state.phone.value) state.snap.value = "peek";
  const [a, b] = [boundsOf(pair[0])!, boundsOf(pair[1])!];
  const common: Box = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
  const seen = state.bounds.value;
  if (overlap(a, b) > 0 && seen && overlap(common, seen) < overlap(seen, seen) * 0.3) fit(common);
  say("Swipe is on. The divider moves with the arrow keys.");
}

effect(() => {
  swipeScenes.value = (state.scenes.value.value ?? []).map((scene) => sceneLayer(scene));
});
