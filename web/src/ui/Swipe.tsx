// Two scenes side by side under a divider: a second map that moves with the first and is cut at the divider.
import type { Map as GlMap } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import type { TargetedKeyboardEvent, TargetedPointerEvent } from "preact";
import { create } from "../map/map";
import { boundsOf } from "../layers";
import * as state from "../state";
import { day, sceneName } from "../words";
import { IconButton } from "./bits";

function Choice({ side }: { side: "left" | "right" }) {
  const now = state.swipe.value!;
  const scenes = (state.scenes.value.value ?? []).filter(boundsOf);
  return (
    <label class={`swipe-choice ${side}`}>
      <span class="unseen">Scene on the {side}</span>
      <select value={now[side]} onChange={(event) => (state.swipe.value = { ...now, [side]: event.currentTarget.value })}>
        {scenes.map((scene) => (
          <option key={scene.id} value={scene.id}>
            {day(scene.properties.time)} · {sceneName(scene.id)}
          </option>
        ))}
      </select>
    </label>
  );
}

const put = (at: number): void => {
  if (state.swipe.value) state.swipe.value = { ...state.swipe.value, at: Math.min(1, Math.max(0, at)) };
};

function Divider({ root }: { root: { current: HTMLDivElement | null } }) {
  const { at } = state.swipe.value!;
  const keys = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    const to = { ArrowLeft: at - 0.05, ArrowRight: at + 0.05, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    put(to);
  };
  const drag = (event: TargetedPointerEvent<HTMLDivElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId) || !root.current) return;
    const { left, width } = root.current.getBoundingClientRect();
    put((event.clientX - left) / width);
  };
  return (
    <div
      class="divider"
      role="slider"
      tabIndex={0}
      aria-label="Divider between the two scenes"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(at * 100)}
      style={{ left: `clamp(18px, ${at * 100}%, calc(100% - 18px))` }}
      onKeyDown={keys}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
    >
      <span />
    </div>
  );
}

export function Swipe({ main }: { main: GlMap }) {
  const root = useRef<HTMLDivElement>(null);
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!pane.current) return;
    const second = create(pane.current, "right");
    const follow = (): void => void second.jumpTo({ center: main.getCenter(), zoom: main.getZoom() });
    follow();
    main.on("move", follow);
    root.current?.querySelector<HTMLElement>(".divider")?.focus({ preventScroll: true });
    return () => {
      main.off("move", follow);
      second.remove();
    };
  }, [main]);
  const { at } = state.swipe.value!;
  return (
    <div class="swipe" ref={root} role="group" aria-label="Swipe between two scenes">
      <div class="swipe-pane" ref={pane} aria-hidden="true" style={{ clipPath: `inset(0 0 0 ${at * 100}%)` }} />
      <Divider root={root} />
      <div class="swipe-choices">
        <Choice side="left" />
        <IconButton icon="close" label="End the swipe" keys="S" onClick={() => (state.swipe.value = null)} />
        <Choice side="right" />
      </div>
    </div>
  );
}
