// Dialogs, notices, what is dropped on the page, and what is said to screen readers.
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { byImage, dismiss } from "../actions";
import { setKey } from "../api";
import { upload } from "../jobs";
import { SHORTCUTS } from "../keys";
import { loadAll } from "../start";
import * as state from "../state";
import { plural } from "../words";
import { Dialog, IconButton } from "./bits";
import { Icon } from "./icons";

const close = (): void => {
  state.dialog.value = null;
};

function Help() {
  const known = state.archive.value.value;
  return (
    <Dialog title="Help" close={close}>
      <ul class="help">
        <li>Say what a picture shows, or drop a picture on the page to find places like it.</li>
        <li>Mark places as good or bad: the search is refined at once.</li>
        <li>The address of the page holds what you see. Send it to somebody, or go back with the browser.</li>
      </ul>
      <table class="keys">
        <caption class="unseen">Keys</caption>
        <tbody>
          {SHORTCUTS.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                {keys.split(", ").map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="check">
        <input type="checkbox" checked={state.keysOn.value} onChange={(event) => (state.keysOn.value = event.currentTarget.checked)} />
        Single keys work
      </label>
      {known && (
        <p class="hint">
          {known.name}: {plural(known.tiles, "tile")} of {plural(known.scenes, "scene")}, model {known.model.name}. For programs: <a href="docs">interface</a>, <a href="stac">STAC</a>, <a href="ogc">OGC API</a>. <a href="static/licences.txt">Licences</a> of what the page is made of.
        </p>
      )}
    </Dialog>
  );
}

function Key() {
  const key = useSignal("");
  return (
    <Dialog title="This server asks for a key" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setKey(key.value);
          close();
          void loadAll();
        }}
      >
        <label class="field wide">
          Key
          <input type="password" autocomplete="off" required value={key.value} onInput={(event) => (key.value = event.currentTarget.value)} autofocus />
        </label>
        <p class="hint">Ask who runs the server. The key is kept until this tab is closed.</p>
        <div class="row end">
          <button type="submit" class="button primary">
            Use the key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Dropped() {
  const file = state.dropped.value;
  if (!file) return null;
  const then = (run: (file: File) => Promise<void>) => (): void => {
    close();
    void run(file);
  };
  return (
    <Dialog title={file.name} close={close}>
      <p>What shall be done with this picture?</p>
      <div class="choose">
        <button type="button" class="button big" onClick={then(byImage)}>
          <Icon name="search" size={22} />
          <span>
            Search by it<small>places that look like it</small>
          </span>
        </button>
        {state.archive.value.value?.uploads !== false && (
          <button type="button" class="button big" onClick={then(upload)}>
            <Icon name="upload" size={22} />
            <span>
              Take it in<small>as a scene that can be searched</small>
            </span>
          </button>
        )}
      </div>
    </Dialog>
  );
}

/** While files are dragged over the page it says so; dropping asks what to do. */
function Drop() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const files = (event: DragEvent): boolean => Boolean(event.dataTransfer?.types.includes("Files"));
    const enter = (event: DragEvent): void => {
      if (files(event) && ++depth) setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (files(event) && --depth <= 0) setOver(false);
    };
    const hold = (event: DragEvent): void => {
      if (files(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      if (!files(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      state.dropped.value = event.dataTransfer?.files[0] ?? null;
      if (state.dropped.value) state.dialog.value = "drop";
    };
    const all = { dragenter: enter, dragleave: leave, dragover: hold, drop };
    for (const [name, run] of Object.entries(all)) document.addEventListener(name, run as EventListener);
    return () => {
      for (const [name, run] of Object.entries(all)) document.removeEventListener(name, run as EventListener);
    };
  }, []);
  if (!over) return null;
  return (
    <div class="drop-over" aria-hidden="true">
      <div>
        <Icon name="image" size={36} />
        Drop a picture to search by it, or to take it in
      </div>
    </div>
  );
}

function Notices() {
  return (
    <div class="notices">
      {state.notices.value.map((notice) => (
        <div class={`notice card ${notice.kind}`} key={notice.id} role={notice.kind === "bad" ? "alert" : "status"}>
          <div>
            {notice.text}
            {notice.more && <small>{notice.more}</small>}
          </div>
          {notice.action && (
            <button
              type="button"
              class="link"
              onClick={() => {
                notice.action!.run();
                dismiss(notice.id);
              }}
            >
              {notice.action.label}
            </button>
          )}
          <IconButton icon="close" label="Dismiss" onClick={() => dismiss(notice.id)} />
        </div>
      ))}
    </div>
  );
}

export function Overlays() {
  const { value } = state.dialog;
  return (
    <>
      <Notices />
      <div class="unseen" role="status" aria-live="polite" aria-atomic="true" id="spoken">
        {state.spoken.value}
      </div>
      <Drop />
      {value === "help" && <Help />}
      {value === "key" && <Key />}
      {value === "drop" && <Dropped />}
    </>
  );
}
