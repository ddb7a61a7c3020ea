// Saved searches, and what is new for each.
import { forget, loadSaved, openNew, openSaved } from "../actions";
import * as state from "../state";
import type { Saved as One } from "../types";
import { day, plural } from "../words";
import { Empty, Failed, IconButton } from "./bits";

function about(one: One): string {
  const asked = state.asked(one.search);
  const parts = [
    asked.text && asked.text !== one.name ? `“${asked.text}”` : "",
    asked.chip ? "a picture" : "",
    asked.like.length + asked.unlike.length ? `${asked.like.length} good, ${asked.unlike.length} bad` : "",
    state.filters(asked) ? plural(state.filters(asked), "filter") : "",
  ];
  return parts.filter(Boolean).join(" · ");
}

const told = (one: One): string => (one.new === null ? "What it names has gone" : one.new ? `${one.new} new` : "Nothing new");

function Row({ one }: { one: One }) {
  return (
    <li class="card saved">
      <div class="row spread">
        <button type="button" class="link name" onClick={() => openSaved(one)}>
          {one.name}
        </button>
        <IconButton icon="bin" label={`Delete ${one.name}`} onClick={() => void forget(one)} />
      </div>
      {about(one) && <small>{about(one)}</small>}
      <div class="row spread">
        <small>{one.seen ? `looked at ${day(one.seen)}` : `saved ${day(one.created)}`}</small>
        <button type="button" class={`button ${one.new ? "primary" : "quiet"}`} onClick={() => void openNew(one)} disabled={one.new === null} aria-label={`${one.name}: ${told(one).toLowerCase()}`}>
          {told(one)}
        </button>
      </div>
    </li>
  );
}

export function Saved() {
  const now = state.saved.value;
  return (
    <section aria-label="Saved searches">
      <div class="row spread head">
        <h2>Saved searches</h2>
      </div>
      {now.state === "failed" && <Failed problem={now.problem} again={() => void loadSaved()} />}
      {now.state === "busy" && !now.value && <p class="hint busy-line">Loading saved searches…</p>}
      {now.value?.length === 0 && now.state === "done" && (
        <Empty icon="star" title="Nothing saved yet">
          <p>Search, then press the star. Here you see what new scenes bring.</p>
        </Empty>
      )}
      <ul class="saved-list">
        {(now.value ?? []).map((one) => (
          <Row key={one.id} one={one} />
        ))}
      </ul>
    </section>
  );
}
