// What lies on the map, how strong, and all scenes.
import { useState } from "preact/hooks";
import { href } from "../api";
import { loadScenes, removeScene } from "../jobs";
import { boundsOf, fade, isShown, move, remove, sceneLayerId, toggleScene } from "../layers";
import { fit } from "../map/map";
import * as state from "../state";
import type { Layer } from "../state";
import { toggleSwipe } from "../swipe";
import type { Legend, Scene } from "../types";
import { day, metres, plural, sceneName } from "../words";
import { Empty, Failed, IconButton, Picture } from "./bits";
import { Icon } from "./icons";

export function LegendList({ legend }: { legend: Legend[] }) {
  return (
    <ul class="legend-list">
      {legend.map(({ value, label, colour }) => (
        <li key={value}>
          <span class="swatch" style={{ backgroundColor: colour }} aria-hidden="true" />
          {label}
        </li>
      ))}
    </ul>
  );
}

function Row({ layer, at, count }: { layer: Layer; at: number; count: number }) {
  const percent = Math.round(layer.opacity * 100);
  const box = layer.bounds;
  return (
    <li class="layer">
      <div class="row spread">
        <span class="name" title={layer.title}>
          {layer.title}
        </span>
        <div class="row tight">
          {box && <IconButton icon="target" label={`Zoom to ${layer.title}`} onClick={() => fit(box)} />}
          <IconButton icon="up" label={`Move ${layer.title} up`} disabled={at === 0} onClick={() => move(layer.id, -1)} />
          <IconButton icon="down" label={`Move ${layer.title} down`} disabled={at === count - 1} onClick={() => move(layer.id, 1)} />
          <IconButton icon="close" label={`Take ${layer.title} off the map`} onClick={() => remove(layer.id)} />
        </div>
      </div>
      <label class="opacity">
        <span class="unseen">Opacity of {layer.title}</span>
        <input type="range" min="0" max="100" step="5" value={percent} onInput={(event) => fade(layer.id, Number(event.currentTarget.value) / 100)} />
        <output>{percent} %</output>
      </label>
      {layer.legend && <LegendList legend={layer.legend} />}
    </li>
  );
}

function SceneRow({ scene }: { scene: Scene }) {
  const { time, gsd, sensor, uploaded } = scene.properties;
  const name = sceneName(scene.id);
  const box = boundsOf(scene);
  const shown = isShown(sceneLayerId(scene.id));
  return (
    <li class="scene">
      <Picture src={href(`api/scenes/${encodeURIComponent(scene.id)}/preview.png?size=96`)} alt="" />
      <div class="scene-words">
        <span class="name" title={name}>
          {name}
          {uploaded && <span class="pill">uploaded</span>}
        </span>
        <small>
          {day(time)} · {sensor ?? "sensor unknown"} · {metres(gsd)}
        </small>
      </div>
      <div class="row tight">
        {box ? (
          <>
            <IconButton icon={shown ? "eye" : "hidden"} label={`Show ${name} on the map`} pressed={shown} onClick={() => toggleScene(scene)} />
            <IconButton icon="target" label={`Zoom to ${name}`} onClick={() => fit(box)} />
          </>
        ) : (
          <small class="pill">not on the map</small>
        )}
        {uploaded && <IconButton icon="bin" label={`Remove ${name} from the server`} onClick={() => void removeScene(scene.id)} />}
      </div>
    </li>
  );
}

const SHOWN = 60;

function Scenes() {
  const [text, setText] = useState("");
  const now = state.scenes.value;
  if (now.state === "failed") return <Failed problem={now.problem} again={() => void loadScenes()} />;
  if (!now.value) return <p class="hint busy-line">Loading scenes…</p>;
  if (!now.value.length) return <Empty icon="image" title="No scene yet" />;
  const wanted = text.trim().toLowerCase();
  const found = now.value.filter((scene) => `${sceneName(scene.id)} ${day(scene.properties.time)} ${scene.properties.sensor}`.toLowerCase().includes(wanted));
  return (
    <>
      {now.value.length > 8 && (
        <label class="field wide">
          Find a scene
          <input type="search" value={text} placeholder="name, date or sensor" onInput={(event) => setText(event.currentTarget.value)} />
        </label>
      )}
      <ul class="scenes">
        {found.slice(0, SHOWN).map((scene) => (
          <SceneRow key={scene.id} scene={scene} />
        ))}
      </ul>
      {found.length > SHOWN && <p class="hint">{plural(found.length - SHOWN, "more scene")}: write a part of the name.</p>}
      {!found.length && <p class="hint">No scene is called so.</p>}
    </>
  );
}

export function Layers() {
  const all = state.layers.value;
  return (
    <>
      <section aria-label="On the map">
        <div class="row spread head">
          <h2>On the map</h2>
          <button type="button" class="button quiet" aria-pressed={Boolean(state.swipe.value)} onClick={toggleSwipe}>
            <Icon name="swipe" size={16} /> Swipe
          </button>
        </div>
        <label class="check">
          <input type="checkbox" checked={state.hitsShown.value} onChange={(event) => (state.hitsShown.value = event.currentTarget.checked)} />
          Places found
        </label>
        {all.length ? (
          <ul class="layers">
            {all.map((layer, at) => (
              <Row key={layer.id} layer={layer} at={at} count={all.length} />
            ))}
          </ul>
        ) : (
          <p class="hint">No picture is on the map. Choose scenes below.</p>
        )}
      </section>
      <section aria-label="Scenes">
        <div class="row spread head">
          <h2>Scenes</h2>
          {state.scenes.value.value && <small>{state.scenes.value.value.length.toLocaleString("en")}</small>}
        </div>
        <Scenes />
      </section>
    </>
  );
}
