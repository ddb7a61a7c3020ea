// Ranked places as thumbnails, linked with the map.
import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, clearFilters, download, mark, markOf, saveSearch, search, select, unmark } from "../actions";
import { href } from "../api";
import { fitHits, goTo, tiny } from "../map/map";
import * as state from "../state";
import { STEP } from "../state";
import type { Hit } from "../types";
import { day, plural, sceneName } from "../words";
import { Dialog, Empty, Failed, IconButton, Menu, Picture } from "./bits";
import { Icon } from "./icons";

function choose(hit: Hit): void {
  const again = state.selected.value === hit.id;
  select(hit.id);
  if (hit.geometry && (again || tiny(hit.geometry))) goTo(hit.id);
}

export function Marks({ id, rank }: { id: string; rank: number }) {
  const now = markOf(id);
  return (
    <div class="marks">
      <IconButton icon="good" class="good" label={`Place ${rank} is good`} pressed={now === "good"} keys="G" onClick={() => mark(id, "good")} />
      <IconButton icon="bad" class="bad" label={`Place ${rank} is bad`} pressed={now === "bad"} keys="X" onClick={() => mark(id, "bad")} />
    </div>
  );
}

function Card({ hit }: { hit: Hit }) {
  const { rank, score, scene, time } = hit.properties;
  const chosen = state.selected.value === hit.id;
  const element = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (chosen) element.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const name = sceneName(scene);
  return (
    <li
      ref={element}
      class={`hit ${chosen ? "chosen" : ""} ${state.hovered.value === hit.id ? "hovered" : ""} ${markOf(hit.id) ?? ""}`}
      onPointerEnter={() => (state.hovered.value = hit.id)}
      onPointerLeave={() => (state.hovered.value = "")}
    >
      <button
        type="button"
        class="hit-picture"
        aria-pressed={chosen}
        aria-label={`Place ${rank}: ${name}, ${day(time)}, score ${score.toFixed(2)}`}
        onClick={() => choose(hit)}
        onFocus={() => (state.hovered.value = hit.id)}
        onBlur={() => (state.hovered.value = "")}
      >
        <Picture src={href(`${hit.properties.thumbnail}${hit.properties.thumbnail.includes("?") ? "&" : "?"}size=192`)} alt="" />
        <span class="rank">{rank}</span>
        <span class="badge">
          {score.toFixed(2)}
          {!hit.geometry && " · no place"}
        </span>
      </button>
      <Marks id={hit.id} rank={rank} />
      <div class="hit-words">
        <span class="name" title={name}>
          {name}
        </span>
        <small>{day(time)}</small>
      </div>
    </li>
  );
}

function Busy() {
  return (
    <ol class="hits" aria-hidden="true">
      {Array.from({ length: 9 }, (_, at) => (
        <li class="hit skeleton" key={at} />
      ))}
    </ol>
  );
}

function SaveDialog({ close }: { close: () => void }) {
  const name = useSignal(state.query.peek().text.trim() || "My search");
  return (
    <Dialog title="Save this search" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void saveSearch(name.value.trim()).then((saved) => saved && close());
        }}
      >
        <label class="field wide">
          Name
          <input type="text" value={name.value} required maxLength={80} onInput={(event) => (name.value = event.currentTarget.value)} autofocus />
        </label>
        <p class="hint">Words, examples and filters are kept on the server. It tells what is new since you last looked.</p>
        <div class="row end">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={!name.value.trim()}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Refined() {
  const { like, unlike } = state.query.value;
  if (!like.length && !unlike.length) return null;
  const thumbnail = (id: string, kind: "good" | "bad") => (
    <button type="button" key={id} class={`mini ${kind}`} aria-label={`Take the ${kind} mark back`} title={`Take the ${kind} mark back`} onClick={() => mark(id, kind)}>
      <Picture src={href(`api/tiles/${encodeURIComponent(id)}/thumbnail.png?size=96`)} alt="" />
      <Icon name={kind} size={12} />
    </button>
  );
  return (
    <section class="refined" aria-label="Marked places">
      <div class="row spread">
        <small>
          {like.length && unlike.length ? "Refined with" : "Searched with"} {like.length} good{unlike.length > 0 && ` and ${unlike.length} bad`}
          {!like.length && ". Mark a good one, too"}
          {like.length > 0 && !unlike.length && state.query.value.text && ". A bad one sharpens it"}
        </small>
        <button type="button" class="link" onClick={unmark}>
          Forget marks
        </button>
      </div>
      <div class="minis">
        {like.map((id) => thumbnail(id, "good"))}
        {unlike.map((id) => thumbnail(id, "bad"))}
      </div>
    </section>
  );
}

function Head({ count }: { count: number }) {
  const [saving, setSaving] = useState(false);
  const from = state.shownFor.value;
  const busy = state.hits.value?.state === "busy";
  return (
    <div class="row spread head">
      <h2 aria-live="off">
        {busy ? "Searching…" : from ? `${plural(count, "new place")} for “${from.name}”` : plural(count, "place")}
        {!busy && <small class="took">{state.seconds.value.toFixed(2)} s</small>}
      </h2>
      <div class="row tight">
        <IconButton icon="fit" label="See all places on the map" onClick={fitHits} disabled={!count} />
        <IconButton icon="star" label="Save this search" onClick={() => setSaving(true)} />
        <Menu
          label="Download"
          icon="download"
          disabled={!count}
          items={[
            { label: "GeoJSON", hint: "maps", run: () => void download("geojson") },
            { label: "GeoParquet", hint: "analysis", run: () => void download("geoparquet") },
            { label: "CSV", hint: "tables", run: () => void download("csv") },
          ]}
        />
      </div>
      {saving && <SaveDialog close={() => setSaving(false)} />}
    </div>
  );
}

function Nothing() {
  const from = state.shownFor.value;
  if (from) return <Empty icon="star" title={`Nothing new for “${from.name}”`}><p>No scene that came since you last looked has such a place.</p><button type="button" class="button" onClick={() => void search()}>Search everything</button></Empty>;
  const set = state.filters(state.query.value);
  return (
    <Empty icon="search" title="No place was found">
      <p>{set ? "Nothing in the archive passes the filters." : "Try other words: say what the picture shows."}</p>
      {set > 0 && (
        <button type="button" class="button" onClick={clearFilters}>
          Remove all filters
        </button>
      )}
    </Empty>
  );
}

export function Results() {
  const now = state.hits.value;
  if (!now) return null;
  const found = now.value ?? [];
  const limit = state.query.value.limit;
  const most = state.archive.value.value?.limits.results ?? 1000;
  const more = !state.shownFor.value && found.length >= limit && limit < most;
  return (
    <section class="results" aria-label="Places" aria-busy={now.state === "busy"}>
      <Head count={found.length} />
      <Refined />
      {now.state === "failed" && <Failed problem={now.problem} again={() => void search()} />}
      {now.state === "busy" && !found.length && <Busy />}
      {now.state === "done" && !found.length && <Nothing />}
      {now.state !== "failed" && found.length > 0 && (
        <ol class={`hits ${now.state}`}>
          {found.map((hit) => (
            <Card key={hit.id} hit={hit} />
          ))}
        </ol>
      )}
      {now.state !== "failed" && more && found.length > 0 && (
        <button type="button" class="button more" disabled={now.state === "busy"} onClick={() => ask({ limit: Math.min(most, limit + STEP) })}>
          Show more
        </button>
      )}
    </section>
  );
}
