// The map with what floats over it: tools, degrees, numbers of places, legend, the chosen place.
import { Marker } from "maplibre-gl";
import { useEffect, useRef, useState } from "preact/hooks";
import { select } from "../actions";
import { boxOf, centre } from "../geometry";
import { degrees, marks, spacing } from "../map/graticule";
import { again, createMain, failed, fitAll, goTo, loading, map, missing } from "../map/map";
import * as state from "../state";
import { toggleSwipe } from "../swipe";
import { IconButton } from "./bits";
import { LegendList } from "./Layers";
import { Swipe } from "./Swipe";

function Tools() {
  const draw = (kind: "box" | "polygon") => (): void => {
    state.drawing.value = state.drawing.value === kind ? null : kind;
  };
  return (
    <div class="tools" role="toolbar" aria-label="Map tools" aria-orientation="vertical">
      <div class="group">
        <IconButton icon="plus" label="Zoom in" onClick={() => map.value?.zoomIn()} />
        <IconButton icon="minus" label="Zoom out" onClick={() => map.value?.zoomOut()} />
        <IconButton icon="fit" label="See everything" keys="0" onClick={() => fitAll()} />
      </div>
      <div class="group">
        <IconButton icon="box" label="Draw a box" keys="B" pressed={state.drawing.value === "box"} onClick={draw("box")} />
        <IconButton icon="polygon" label="Draw a polygon" keys="P" pressed={state.drawing.value === "polygon"} onClick={draw("polygon")} />
      </div>
      <div class="group">
        <IconButton icon="swipe" label="Swipe between two scenes" keys="S" pressed={Boolean(state.swipe.value)} onClick={toggleSwipe} />
        <IconButton icon={state.hitsShown.value ? "eye" : "hidden"} label="Show the places found" keys="H" pressed={state.hitsShown.value} onClick={() => (state.hitsShown.value = !state.hitsShown.value)} />
      </div>
    </div>
  );
}

interface Label {
  text: string;
  at: number;
}

/** Degrees along the upper and the left edge, for the lines of the ground. */
function Degrees() {
  const [labels, setLabels] = useState<{ top: Label[]; left: Label[] }>({ top: [], left: [] });
  const made = map.value;
  useEffect(() => {
    if (!made) return;
    const draw = (): void => {
      const box = made.getBounds();
      const step = spacing(box.getEast() - box.getWest());
      const place = (values: number[], at: (value: number) => number, ends: [string, string]): Label[] =>
        values.map((value) => ({ text: degrees(value, step, ends), at: Math.round(at(value)) })).filter((label) => label.at > 34);
      setLabels({
        top: place(marks(box.getWest(), box.getEast(), step), (lon) => made.project([lon, box.getNorth()]).x, ["E", "W"]),
        left: place(marks(Math.max(-85, box.getSouth()), Math.min(85, box.getNorth()), step), (lat) => made.project([box.getWest(), lat]).y, ["N", "S"]),
      });
    };
    draw();
    made.on("move", draw);
    return () => void made.off("move", draw);
  }, [made]);
  return (
    <div class="degrees" aria-hidden="true">
      {labels.top.map(({ text, at }) => (
        <span class="top" key={`t${text}`} style={{ left: `${at}px` }}>
          {text}
        </span>
      ))}
      {labels.left.map(({ text, at }) => (
        <span class="left" key={`l${text}`} style={{ top: `${at}px` }}>
          {text}
        </span>
      ))}
    </div>
  );
}

const NUMBERED = 60;

/** The rank of each place as a small flag. The list says the same to screen readers, so these are only seen. */
function useNumbers(): void {
  const made = map.value;
  const found = state.list.value;
  const visible = state.hitsShown.value;
  useEffect(() => {
    if (!made || !visible) return;
    const flags = found.slice(0, NUMBERED).flatMap((hit) => {
      if (!hit.geometry) return [];
      const element = document.createElement("div");
      element.className = "flag";
      element.textContent = String(hit.properties.rank);
      element.dataset.tile = hit.id;
      element.setAttribute("aria-hidden", "true");
      element.addEventListener("click", (event) => {
        if (state.drawing.value) return;
        event.stopPropagation();
        select(hit.id);
      });
      element.addEventListener("dblclick", () => goTo(hit.id));
      element.addEventListener("pointerenter", () => (state.hovered.value = hit.id));
      element.addEventListener("pointerleave", () => (state.hovered.value = ""));
      const box = boxOf(hit.geometry);
      return [new Marker({ element, anchor: "center" }).setLngLat(centre(box)).addTo(made)];
    });
    // the first places lie over the later ones
    flags.forEach((flag, at) => (flag.getElement().style.zIndex = String(NUMBERED - at)));
    // where flags would cover one another, the later places are dots
    const sparse = (): void => {
      const taken: { x: number; y: number }[] = [];
      for (const flag of flags) {
        const at = made.project(flag.getLngLat());
        const free = taken.every((other) => Math.abs(other.x - at.x) > 22 || Math.abs(other.y - at.y) > 19);
        if (free) taken.push(at);
        flag.getElement().classList.toggle("dot", !free);
      }
    };
    sparse();
    made.on("zoom", sparse);
    return () => {
      made.off("zoom", sparse);
      flags.forEach((flag) => flag.remove());
    };
  }, [made, found, visible]);
  const [hovered, selected] = [state.hovered.value, state.selected.value];
  const { like, unlike } = state.query.value;
  useEffect(() => {
    for (const flag of made?.getContainer().querySelectorAll<HTMLElement>(".flag") ?? []) {
      const id = flag.dataset.tile ?? "";
      flag.classList.toggle("hovered", id === hovered);
      flag.classList.toggle("chosen", id === selected);
      flag.classList.toggle("good", like.includes(id));
      flag.classList.toggle("bad", unlike.includes(id));
    }
  }, [made, found, visible, hovered, selected, like, unlike]);
}

function Legends() {
  const shown = state.layers.value.filter((layer) => layer.legend?.length && layer.opacity > 0);
  if (!shown.length) return null;
  return (
    <div class="legend card" role="group" aria-label="Legend">
      {shown.map((layer) => (
        <div key={layer.id}>
          <small>{layer.title}</small>
          <LegendList legend={layer.legend!} />
        </div>
      ))}
    </div>
  );
}

/** Pictures that are coming, or that did not come. */
function Pictures() {
  return (
    <>
      {loading.value && <div class="loading" role="progressbar" aria-label="Pictures of the map are loading" />}
      {missing.value > 0 && (
        <div class="missing card" role="status">
          Some pictures of the map did not come.
          <button type="button" class="link" onClick={again}>
            Try again
          </button>
          <IconButton icon="close" label="Dismiss" onClick={() => (missing.value = 0)} />
        </div>
      )}
    </>
  );
}

function Hint() {
  const { drawing } = state;
  if (!drawing.value) return null;
  return (
    <div class="draw-hint card">
      {drawing.value === "box" ? "Drag a box, or press two corners." : "Press each corner. Double-click, or press the first corner again, to finish."}
      <small>Keys: arrows move the map, Enter sets a corner{drawing.value === "polygon" && ", Shift+Enter finishes"}, Escape ends.</small>
      <div class="row end">
        <button type="button" class="button" onClick={() => (drawing.value = null)}>
          Stop
        </button>
      </div>
    </div>
  );
}

export function MapArea() {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (element.current && !map.value) createMain(element.current);
  }, []);
  useNumbers();
  return (
    <main class={`map-area ${state.swipe.value ? "swiping" : ""}`} aria-label="Map" aria-busy={!failed.value && (loading.value || !map.value)}>
      <div class="map" ref={element} />
      {state.swipe.value && map.value && <Swipe main={map.value} />}
      {state.drawing.value && <div class="cross" aria-hidden="true" />}
      <Degrees />
      <Tools />
      <Legends />
      <Pictures />
      <Hint />
      {failed.value && (
        <div class="map-failed card failed" role="alert">
          <strong>The map cannot be drawn</strong>
          <p>{failed.value}</p>
          <p class="remedy">Switch on WebGL (hardware acceleration) in the browser. Search, downloads and jobs work without the map.</p>
        </div>
      )}
    </main>
  );
}
