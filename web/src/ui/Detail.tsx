// The chosen place, large.
import { notify, select, similar, step } from "../actions";
import { href } from "../api";
import { boxOf, centre } from "../geometry";
import { add, isShown, sceneLayer, sceneLayerId } from "../layers";
import { goTo } from "../map/map";
import * as state from "../state";
import type { Hit } from "../types";
import { day, metres, place, sceneName } from "../words";
import { IconButton, Picture } from "./bits";
import { Icon } from "./icons";
import { Marks } from "./Results";

async function copyAddress(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    notify("good", "The address of this view is copied.");
  } catch {
    notify("info", "Copy the address from the browser's field.", { more: "The browser does not let the page do it." });
  }
}

export function Detail({ hit }: { hit: Hit }) {
  const { rank, score, scene, time, gsd, sensor, thumbnail } = hit.properties;
  const known = state.sceneOf.value.get(scene);
  const where = hit.geometry ? centre(boxOf(hit.geometry)) : null;
  const shown = isShown(sceneLayerId(scene));
  return (
    <section class="detail card" aria-label={`Place ${rank}`}>
      <div class="row spread">
        <strong>
          <span class="rank">{rank}</span> {sceneName(scene)}
        </strong>
        <div class="row tight">
          <IconButton icon="up" label="Previous place" keys="K" onClick={() => step(-1)} />
          <IconButton icon="down" label="Next place" keys="J" onClick={() => step(1)} />
          <IconButton icon="close" label="Close" onClick={() => select("", false)} />
        </div>
      </div>
      <div class="detail-body">
        <Picture src={href(`${thumbnail}${thumbnail.includes("?") ? "&" : "?"}size=192`)} alt={`Place ${rank}, a tile of ${sceneName(scene)}`} />
        <dl>
          <dt>Score</dt>
          <dd>{score.toFixed(3)}</dd>
          <dt>Date</dt>
          <dd>{day(time)}</dd>
          <dt>Pixel</dt>
          <dd>
            {metres(gsd)}
            {sensor && ` · ${sensor}`}
          </dd>
          <dt>Place</dt>
          <dd>{where ? place(...where) : "no georeference"}</dd>
        </dl>
      </div>
      <div class="row wrap">
        <Marks id={hit.id} rank={rank} />
        <button type="button" class="button quiet" onClick={() => similar(hit.id)}>
          <Icon name="search" size={16} /> More like this
        </button>
        {where && (
          <button type="button" class="button quiet" onClick={() => goTo(hit.id)}>
            <Icon name="target" size={16} /> Zoom
          </button>
        )}
        {where && known && !shown && (
          <button type="button" class="button quiet" onClick={() => add(sceneLayer(known))}>
            <Icon name="layers" size={16} /> Show the scene
          </button>
        )}
        <IconButton icon="link" label="Copy the address of this view" onClick={() => void copyAddress()} />
      </div>
    </section>
  );
}
