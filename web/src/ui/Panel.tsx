// The panel beside the map, or the sheet over it on a phone.
import { useEffect, useRef } from "preact/hooks";
import type { JSX, TargetedKeyboardEvent } from "preact";
import * as state from "../state";
import type { Snap, Tab } from "../state";
import { Failed, IconButton } from "./bits";
import { Icon, type IconName } from "./icons";
import { Analyse } from "./Analyse";
import { Ask } from "./Ask";
import { Layers } from "./Layers";
import { Saved } from "./Saved";
import { Search } from "./Search";
import { loadArchive, ready } from "../start";

const NAMES: Record<Tab, [string, IconName]> = {
  search: ["Search", "search"],
  layers: ["Layers", "layers"],
  analyse: ["Analyse", "bolt"],
  saved: ["Saved", "star"],
  ask: ["Ask", "ask"],
};

const VIEWS: Record<Tab, () => JSX.Element> = { search: Search, layers: Layers, analyse: Analyse, saved: Saved, ask: Ask };

const THEMES = { system: ["auto", "light"], light: ["sun", "dark"], dark: ["moon", "system"] } as const;

function ThemeButton() {
  const now = state.theme.value;
  const [icon, next] = THEMES[now];
  return <IconButton icon={icon} label={`Colours: ${now === "system" ? "as the system" : now}. Change to ${next === "system" ? "as the system" : next}`} onClick={() => (state.theme.value = next)} />;
}

function Tabs() {
  const keys = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    const all = state.tabs.value;
    const at = all.indexOf(state.shownTab.value);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    state.tab.value = all[(to + all.length) % all.length]!;
    const { currentTarget } = event;
    requestAnimationFrame(() => currentTarget.querySelector<HTMLElement>("[aria-selected=true]")?.focus());
  };
  const fresh = (state.saved.value.value ?? []).reduce((sum, one) => sum + (one.new ?? 0), 0);
  const count: Partial<Record<Tab, number>> = { analyse: state.running.value, saved: fresh };
  return (
    <div class={`tabs ${state.tabs.value.length > 4 ? "many" : ""}`} role="tablist" aria-label="Views" onKeyDown={keys}>
      {state.tabs.value.map((name) => {
        const [title, icon] = NAMES[name];
        const on = state.shownTab.value === name;
        return (
          <button
            type="button"
            role="tab"
            key={name}
            id={`tab-${name}`}
            aria-selected={on}
            aria-controls="tab-panel"
            tabIndex={on ? 0 : -1}
            onClick={() => {
              state.tab.value = name;
              if (state.snap.value === "peek") state.snap.value = "half";
            }}
          >
            <Icon name={icon} size={16} />
            {title}
            {Boolean(count[name]) && <span class="count">{count[name]}</span>}
          </button>
        );
      })}
    </div>
  );
}

const NEXT: Record<Snap, Snap> = { peek: "half", half: "full", full: "peek" };
const SHARE: Record<Snap, number> = { peek: 0, half: 0.5, full: 1 };

/** The bar of the sheet: drag it, or press it for the next height. */
function Handle() {
  const from = useRef<{ y: number; moved: boolean } | null>(null);
  const up = (event: PointerEvent): void => {
    if (!from.current?.moved) return;
    const part = 1 - event.clientY / innerHeight;
    const order: Snap[] = ["peek", "half", "full"];
    state.snap.value = order.reduce((best, one) => (Math.abs(SHARE[one] - part) < Math.abs(SHARE[best] - part) ? one : best));
  };
  return (
    <button
      type="button"
      class="handle"
      aria-label={`Panel: ${state.snap.value === "peek" ? "low" : state.snap.value === "half" ? "half" : "full"} height. Change`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = { y: event.clientY, moved: false };
      }}
      onPointerMove={(event) => {
        if (from.current && Math.abs(event.clientY - from.current.y) > 8) from.current.moved = true;
      }}
      onPointerUp={up}
      onClick={() => {
        if (!from.current?.moved) state.snap.value = NEXT[state.snap.value];
        from.current = null;
      }}
    >
      <span />
    </button>
  );
}

export function Panel() {
  const View = VIEWS[state.shownTab.value];
  const scroller = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // a conversation is read from its end, to which it goes by itself
    if (scroller.current && state.shownTab.value !== "ask") scroller.current.scrollTop = 0;
  }, [state.shownTab.value]);
  const now = state.archive.value;
  return (
    <aside class={`panel ${state.phone.value ? state.snap.value : ""}`} aria-label="Search and layers" aria-busy={now.state === "busy" || (now.state === "done" && !ready.value)}>
      {state.phone.value && <Handle />}
      <header class="top row spread">
        <h1>
          <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" class="logo-ground" />
            <path d="M16 6.500a9.500 9.500 0 1 0 .01 0M6.500 16h19M16 6.500c5.500 5 5.500 14 0 19c-5.500-5-5.500-14 0-19" fill="none" stroke="#fff" stroke-width="2" />
            <rect x="17.500" y="17.500" width="9" height="9" rx="1.500" class="logo-hit" />
          </svg>
          geoglot
          <small title={now.value ? `${now.value.name}, model ${now.value.model.name}` : ""}>{now.value?.name}</small>
        </h1>
        <div class="row tight">
          <ThemeButton />
          <IconButton icon="help" label="Help and keys" keys="?" onClick={() => (state.dialog.value = "help")} />
        </div>
      </header>
      <Tabs />
      <div class="scroll" ref={scroller} id="tab-panel" role="tabpanel" aria-labelledby={`tab-${state.shownTab.value}`} tabIndex={-1}>
        {now.state === "failed" && <Failed problem={now.problem} again={() => void loadArchive()} />}
        {now.state === "busy" && !now.value && <p class="hint busy-line">Opening the archive…</p>}
        {(now.state !== "failed" || now.value) && <View />}
      </div>
    </aside>
  );
}
