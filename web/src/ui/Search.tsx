// The question: words, a picture, filters; then the answer.
import { useSignal } from "@preact/signals";
import { ask, byImage, reset } from "../actions";
import { href } from "../api";
import * as state from "../state";
import { day, metres, plural } from "../words";
import { IconButton, Picture } from "./bits";
import { Filters } from "./Filters";
import { Icon } from "./icons";
import { Results } from "./Results";

const IDEAS = ["storage tanks", "a harbour with many boats", "farmland fields along a river", "dense forest", "rows of houses"];

function Chip() {
  const id = state.query.value.chip;
  if (!id) return null;
  return (
    <div class="chip-image">
      <Picture src={href(`api/chips/${encodeURIComponent(id)}/thumbnail.png?size=96`)} alt="The picture that is searched by" />
      <span>
        Places like this picture
        {state.query.value.text.trim() && <small> and the words</small>}
      </span>
      <IconButton icon="close" label="Search without the picture" onClick={() => ask({ chip: "" })} />
    </div>
  );
}

function pick(run: (file: File) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*,.tif,.tiff,.jp2";
  input.onchange = () => input.files?.[0] && run(input.files[0]);
  input.click();
}

function Words() {
  const text = state.typed.value;
  return (
    <form
      role="search"
      class="words"
      onSubmit={(event) => {
        event.preventDefault();
        // marks belong to what was asked before
        const marks = text.trim() === state.query.value.text.trim() ? {} : { like: [], unlike: [] };
        ask({ text, limit: state.STEP, ...marks });
      }}
    >
      <label for="words" class="unseen">
        What to look for, in words
      </label>
      <input
        id="words"
        type="search"
        autocomplete="off"
        enterkeyhint="search"
        placeholder="What do you look for?"
        value={text}
        onInput={(event) => (state.typed.value = event.currentTarget.value)}
        onFocus={() => state.snap.value === "peek" && (state.snap.value = "half")}
      />
      {(text || state.asks(state.query.value)) && <IconButton icon="close" label="Start anew" onClick={reset} />}
      <IconButton icon="image" label="Search by a picture" onClick={() => pick((file) => void byImage(file))} />
      <button type="submit" class="icon-button submit" aria-label="Search" title="Search">
        <Icon name="search" />
      </button>
    </form>
  );
}

/** What can be done, before anything was asked. */
function Welcome() {
  const { value } = state.archive;
  const known = value.value;
  if (!known) return null;
  if (!known.tiles) {
    return (
      <div class="empty">
        <Icon name="image" size={28} />
        <strong>This archive is empty</strong>
        <p>{known.uploads === false ? "Index scenes with geoglot index." : "Drop a GeoTIFF on this page, or index scenes with geoglot index."}</p>
      </div>
    );
  }
  const [first, last] = known.time ?? [null, null];
  return (
    <div class="welcome">
      <p>
        Say what a picture shows. {plural(known.tiles, "place")} of {plural(known.scenes, "scene")}
        {first && last && `, ${day(first)} to ${day(last)}`}
        {known.gsd?.[0] != null && `, ${metres(known.gsd[0])}`}
        {known.gsd?.[1] != null && known.gsd[1] !== known.gsd[0] && ` to ${metres(known.gsd[1])}`}.
      </p>
      <div class="ideas" role="group" aria-label="Examples">
        {IDEAS.map((idea) => (
          <button type="button" class="idea" key={idea} onClick={() => ask({ text: idea })}>
            {idea}
          </button>
        ))}
      </div>
      <p class="hint">
        Or drop a picture here to find places like it. <kbd>?</kbd> shows the keys.
      </p>
    </div>
  );
}

export function Search() {
  const open = useSignal(false);
  const set = state.filters(state.query.value);
  return (
    <>
      <div class="ask">
        <Words />
        <Chip />
        <Filters open={open} set={set} />
      </div>
      {state.hits.value === null ? <Welcome /> : <Results />}
    </>
  );
}
