// Questions about a scene, or about two dates of a place; the evidence of an answer is drawn on the map.
import { useEffect, useRef } from "preact/hooks";
import { href, Problem } from "../api";
import { boundsOf, fade } from "../layers";
import { pointed } from "../map/map";
import * as state from "../state";
import * as talk from "../talk";
import type { Turn } from "../talk";
import type { Scene } from "../types";
import { day, plural, sceneName } from "../words";
import { Bar, Empty, Failed, IconButton } from "./bits";
import { Icon } from "./icons";

const IDEAS = ["Describe this picture.", "How many buildings are there?", "Is there a river?", "Find all bridges."];
const PAIR = ["What has changed?", "Are there new buildings?"];
const LISTED = 8; // things of an answer

const option = (scene: Scene) => (
  <option key={scene.id} value={scene.id}>
    {day(scene.properties.time)} · {sceneName(scene.id)}
    {boundsOf(scene) ? "" : " (not on the map)"}
  </option>
);

function Which() {
  const scenes = [...(state.scenes.value.value ?? [])].sort((a, b) => (a.properties.time ?? "").localeCompare(b.properties.time ?? ""));
  const seen = talk.inView();
  const one = state.sceneOf.value.get(talk.first.value) ?? seen;
  return (
    <div class="pair">
      <label class="field wide">
        Scene
        <select value={talk.first.value} onChange={(event) => (talk.first.value = event.currentTarget.value)}>
          <option value="">in view: {seen ? sceneName(seen.id) : "none"}</option>
          {scenes.map(option)}
        </select>
      </label>
      <label class="field wide">
        Another date
        <select value={talk.second.value} onChange={(event) => (talk.second.value = event.currentTarget.value)}>
          <option value="">none</option>
          {scenes.filter((scene) => scene.id !== one?.id).map(option)}
        </select>
      </label>
    </div>
  );
}

function Form() {
  const busy = talk.turns.value.some((turn) => turn.state === "busy");
  const about = talk.about();
  const form = useRef<HTMLFormElement>(null);
  return (
    <form
      ref={form}
      class="question"
      aria-label="Question"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) talk.ask();
      }}
    >
      <Which />
      <label class="check">
        <input type="checkbox" checked={talk.onlyView.value} onChange={(event) => (talk.onlyView.value = event.currentTarget.checked)} />
        Only what the map shows
      </label>
      <div class="words">
        <label for="question" class="unseen">
          What you want to know
        </label>
        <textarea
          id="question"
          rows={2}
          maxLength={state.archive.value.value?.chat?.question}
          placeholder="What do you want to know?"
          value={talk.question.value}
          onInput={(event) => (talk.question.value = event.currentTarget.value)}
          onFocus={() => state.snap.value === "peek" && (state.snap.value = "half")}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            form.current?.requestSubmit();
          }}
        />
        {busy ? (
          <IconButton icon="stop" label="Stop" class="submit" onClick={talk.stop} />
        ) : (
          <button type="submit" class="icon-button submit" aria-label="Ask" title="Ask (Enter)" disabled={!about.length}>
            <Icon name="ask" />
          </button>
        )}
      </div>
    </form>
  );
}

/** A scene without a place on the map, with what the answer marks. */
function OnPicture({ turn }: { turn: Turn }) {
  const { answer, gone } = turn;
  if (!answer) return null;
  const [height, width] = answer.shape;
  return (
    <div class="on-picture" role="img" aria-label={`${sceneName(turn.scenes[0]!)} with ${plural(answer.boxes.features.length, "place")} marked`}>
      <img src={href(`api/scenes/${encodeURIComponent(turn.scenes[0]!)}/preview.png?size=512`)} alt="" />
      {answer.evidence && !gone && <img class="over" src={href(answer.evidence.href)} alt="" />}
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {answer.boxes.features.map(({ properties: { box } }, at) => (
          <rect key={at} class={pointed.value === talk.thing(turn.id, at) ? "pointed" : ""} x={box[0]} y={box[1]} width={box[2] - box[0]} height={box[3] - box[1]} vector-effect="non-scaling-stroke" />
        ))}
      </svg>
    </div>
  );
}

function Things({ turn }: { turn: Turn }) {
  const all = turn.answer?.boxes.features ?? [];
  if (!all.length) return null;
  const point = (at: number) => (): void => {
    pointed.value = at < 0 ? "" : talk.thing(turn.id, at);
  };
  return (
    <>
      <ol class="things" aria-label="Marked">
        {all.slice(0, LISTED).map(({ properties }, at) => (
          <li key={at}>
            <button type="button" class="tag" onClick={() => talk.goToThing(turn, at)} onMouseEnter={point(at)} onMouseLeave={point(-1)} onFocus={point(at)} onBlur={point(-1)}>
              {properties.label} <small>{properties.score.toFixed(2)}</small>
            </button>
          </li>
        ))}
      </ol>
      {all.length > LISTED && <small>and {plural(all.length - LISTED, "more place")} on the map</small>}
    </>
  );
}

function Evidence({ turn }: { turn: Turn }) {
  const id = talk.evidenceId(turn);
  const layer = state.layers.value.find((one) => one.id === id);
  if (turn.gone) return <small>The server keeps no more what this answer is from. Ask again to see it.</small>;
  if (!layer) return null;
  const percent = Math.round(layer.opacity * 100);
  return (
    <label class="opacity">
      <span>Evidence</span>
      <input type="range" min="0" max="100" step="5" value={percent} aria-label="Opacity of the evidence" onInput={(event) => fade(id, Number(event.currentTarget.value) / 100)} />
      <output>{percent} %</output>
    </label>
  );
}

function Answered({ turn }: { turn: Turn }) {
  const answer = turn.answer!;
  const on = talk.chosen.value === turn.id;
  const count = answer.boxes.features.length;
  const scene = state.sceneOf.value.get(turn.scenes[0]!);
  const mapped = scene ? boundsOf(scene) : null;
  return (
    <>
      <div class="row spread">
        <div class="row wrap tight">
          {answer.refused && (
            <span class="pill refused">
              <Icon name="bad" size={13} /> refused
            </span>
          )}
          {answer.confidence !== null && <span class="pill">{talk.sure(answer)}</span>}
          {count > 0 && <span class="pill">{plural(count, "place")}</span>}
        </div>
        <IconButton icon={on ? "eye" : "hidden"} label={`Show the evidence of: ${turn.question}`} pressed={on} onClick={() => talk.choose(on ? "" : turn.id)} />
      </div>
      {on && scene && !mapped && <OnPicture turn={turn} />}
      {on && <Things turn={turn} />}
      {on && <Evidence turn={turn} />}
      {answer.assumptions.length > 0 && (
        <details class="assumed">
          <summary>Assumed</summary>
          <ul>
            {answer.assumptions.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Card({ turn }: { turn: Turn }) {
  const part = turn.total ? Math.min(1, (turn.done ?? 0) / turn.total) : null;
  const { title, detail, remedy, status } = turn.problem ?? {};
  return (
    <li class={`card turn ${turn.state} ${talk.chosen.value === turn.id ? "chosen" : ""}`}>
      <strong class="asked">{turn.question}</strong>
      <small>
        {turn.scenes.map(sceneName).join(" and ")}
        {turn.within && " · only what the map showed"}
      </small>
      {turn.text && <p class="said">{turn.text}</p>}
      {turn.state === "busy" && (
        <>
          <Bar part={part} label={`Answer to: ${turn.question}`} />
          {turn.total != null && turn.total > 1 && (
            <small>
              {turn.done} of {plural(turn.total, "part")}
            </small>
          )}
        </>
      )}
      {turn.state === "done" && <Answered turn={turn} />}
      {turn.state === "stopped" && (
        <div class="row spread">
          <span class="pill">given up</span>
          <button type="button" class="button quiet" onClick={() => talk.again(turn)}>
            Ask again
          </button>
        </div>
      )}
      {turn.state === "failed" && <Failed problem={new Problem(title ?? "", detail ?? "", remedy ?? "", status)} again={() => talk.again(turn)} />}
    </li>
  );
}

function Ideas() {
  const ideas = talk.about().length > 1 ? PAIR : IDEAS;
  return (
    <div class="welcome">
      <p>Ask about a scene in words. What the answer is from is drawn on the map.</p>
      <div class="ideas" role="group" aria-label="Examples">
        {ideas.map((idea) => (
          <button
            type="button"
            class="idea"
            key={idea}
            onClick={() => {
              talk.question.value = idea;
              talk.ask();
            }}
          >
            {idea}
          </button>
        ))}
      </div>
    </div>
  );
}

export function Ask() {
  const all = talk.turns.value;
  const end = useRef<HTMLParagraphElement>(null);
  const last = all.at(-1);
  useEffect(() => {
    const scroller = end.current?.closest(".scroll");
    if (!scroller) return;
    // a sheet has room for the last answer or for the form, a panel for both
    if (state.phone.value && last) scroller.querySelector(".turn:last-child")?.scrollIntoView({ block: "start" });
    else scroller.scrollTop = last ? scroller.scrollHeight : 0;
  }, [all.length, last?.state, last?.text]);
  if (state.scenes.value.state === "done" && !state.scenes.value.value.length) return <Empty icon="image" title="No scene yet" />;
  return (
    <section class="talk" aria-label="Conversation">
      <div class="row spread head">
        <h2>Ask</h2>
        {all.length > 0 && <IconButton icon="bin" label="Begin a new conversation" onClick={talk.clear} />}
      </div>
      {all.length ? (
        <ol class="turns">
          {all.map((turn) => (
            <Card key={turn.id} turn={turn} />
          ))}
        </ol>
      ) : (
        <Ideas />
      )}
      <Form />
      <p class="hint" ref={end}>Answers of {state.archive.value.value?.chat?.model}. They can be wrong: look at what they are from.</p>
    </section>
  );
}
