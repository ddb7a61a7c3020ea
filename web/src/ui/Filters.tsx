// Where, when and what kind of picture.
import type { Signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { ask, clearFilters } from "../actions";
import { areaBox, size } from "../geometry";
import { fit, viewBox } from "../map/map";
import * as state from "../state";
import type { Box } from "../types";
import { day } from "../words";
import { Icon } from "./icons";

/** Four numbers, for those who know them or cannot draw. */
function AreaField() {
  const { area } = state.query.value;
  const written = area?.kind === "box" ? area.box.map((value) => Number(value.toFixed(5))).join(", ") : "";
  const [text, setText] = useState(written);
  const [wrong, setWrong] = useState("");
  // at once and not in an effect, which would come after the first letters of a quick hand and take them away
  const [known, setKnown] = useState(written);
  if (known !== written) {
    setKnown(written);
    setText(written);
  }
  const take = (given: string): void => {
    if (given.trim() === written) return;
    if (!given.trim()) return ask({ area: null });
    const box = given.split(/[,\s]+/).filter(Boolean).map(Number);
    const fine = box.length === 4 && box.every(Number.isFinite) && Math.abs(box[1]!) <= 90 && Math.abs(box[3]!) <= 90 && box[1]! < box[3]!;
    setWrong(fine ? "" : "Four numbers: west, south, east, north, in degrees.");
    if (!fine) return;
    ask({ area: { kind: "box", box: box as Box } });
    fit(box as Box);
  };
  return (
    <label class="field wide">
      West, south, east, north
      <input
        type="text"
        inputMode="text"
        autocomplete="off"
        placeholder={area?.kind === "polygon" ? "a polygon is drawn" : "6.0, 52.2, 6.2, 52.4"}
        value={text}
        aria-invalid={Boolean(wrong)}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={(event) => take(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && take(event.currentTarget.value)}
      />
      {wrong && (
        <small class="wrong" role="alert">
          {wrong}
        </small>
      )}
    </label>
  );
}

function Where() {
  const { area } = state.query.value;
  return (
    <fieldset>
      <legend>Area</legend>
      <div class="row wrap">
        <button type="button" class="button" aria-pressed={state.drawing.value === "box"} onClick={() => draw("box")}>
          <Icon name="box" size={16} /> Draw a box
        </button>
        <button type="button" class="button" aria-pressed={state.drawing.value === "polygon"} onClick={() => draw("polygon")}>
          <Icon name="polygon" size={16} /> Draw a polygon
        </button>
        <button type="button" class="button" onClick={() => useView()}>
          <Icon name="fit" size={16} /> What the map shows
        </button>
      </div>
      <AreaField />
      {area && (
        <div class="row spread">
          <small>
            {area.kind === "box" ? "Box" : `Polygon of ${area.ring.length} corners`}, {size(areaBox(area))}
          </small>
          <button type="button" class="link" onClick={() => ask({ area: null })}>
            Anywhere
          </button>
        </div>
      )}
    </fieldset>
  );
}

function draw(kind: "box" | "polygon"): void {
  state.drawing.value = state.drawing.value === kind ? null : kind;
  if (state.phone.value && state.drawing.value) state.snap.value = "peek";
}

function useView(): void {
  const box = viewBox();
  if (box) ask({ area: { kind: "box", box: box.map((value) => Number(value.toFixed(5))) as Box } });
}

function When() {
  const asked = state.query.value;
  const [first, last] = state.archive.value.value?.time ?? [null, null];
  const date = (name: "from" | "to", label: string) => (
    <label class="field">
      {label}
      <input
        type="date"
        value={asked[name]}
        min={first ? day(first) : undefined}
        max={last ? day(last) : undefined}
        onChange={(event) => ask({ [name]: event.currentTarget.value })}
      />
    </label>
  );
  const wrong = asked.from && asked.to && asked.from > asked.to;
  return (
    <fieldset>
      <legend>Date</legend>
      <div class="pair">
        {date("from", "From")}
        {date("to", "To")}
      </div>
      {wrong && <small class="wrong">The first day is after the last one: nothing can be found.</small>}
    </fieldset>
  );
}

function Kind() {
  const asked = state.query.value;
  const known = state.archive.value.value;
  const number = (name: "gsdMin" | "gsdMax" | "cloud", label: string, step: string, max?: number) => (
    <label class="field">
      {label}
      <input
        type="number"
        min="0"
        max={max}
        step={step}
        value={asked[name]}
        placeholder="any"
        onChange={(event) => ask({ [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <fieldset>
      <legend>Picture</legend>
      <div class="pair">
        <label class="field">
          Sensor
          <select value={asked.sensor} onChange={(event) => ask({ sensor: event.currentTarget.value })}>
            <option value="">any</option>
            {(known?.sensors ?? []).map((sensor) => (
              <option key={sensor} value={sensor}>
                {sensor}
              </option>
            ))}
          </select>
        </label>
        {number("cloud", "Clouds at most, %", "1", 100)}
        {number("gsdMin", "Pixel from, m", "any")}
        {number("gsdMax", "Pixel to, m", "any")}
      </div>
    </fieldset>
  );
}

/** What is set, in one line of small buttons that take it away. */
function Tags() {
  const asked = state.query.value;
  const tags: [string, () => void][] = [];
  if (asked.area) tags.push([`${asked.area.kind === "box" ? "Box" : "Polygon"} ${size(areaBox(asked.area))}`, () => ask({ area: null })]);
  if (asked.from || asked.to) tags.push([`${asked.from || "…"} – ${asked.to || "…"}`, () => ask({ from: "", to: "" })]);
  if (asked.sensor) tags.push([asked.sensor, () => ask({ sensor: "" })]);
  if (asked.gsdMin || asked.gsdMax) tags.push([`${asked.gsdMin || "0"} – ${asked.gsdMax || "∞"} m/px`, () => ask({ gsdMin: "", gsdMax: "" })]);
  if (asked.cloud) tags.push([`clouds ≤ ${asked.cloud} %`, () => ask({ cloud: "" })]);
  return (
    <>
      {tags.map(([label, run]) => (
        <button type="button" class="tag" key={label} onClick={run} aria-label={`Remove the filter ${label}`}>
          {label} <Icon name="close" size={12} />
        </button>
      ))}
    </>
  );
}

export function Filters({ open, set }: { open: Signal<boolean>; set: number }) {
  return (
    <div class="filters">
      <div class="row wrap">
        <button type="button" class="tag toggle" aria-expanded={open.value} aria-controls="filters" onClick={() => (open.value = !open.value)}>
          <Icon name="filter" size={14} /> Filters{set > 0 && <span class="count">{set}</span>}
        </button>
        <Tags />
      </div>
      {open.value && (
        <div id="filters" class="filter-body">
          <Where />
          <When />
          <Kind />
          {set > 0 && (
            <button type="button" class="link" onClick={clearFilters}>
              Remove all filters
            </button>
          )}
        </div>
      )}
    </div>
  );
}
