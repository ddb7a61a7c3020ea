// Long work: forms made from what each verb takes, and the jobs.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { TargetedInputEvent } from "preact";
import type { Problem } from "../api";
import { begin } from "../jobs";
import { areaBox, boxed, size } from "../geometry";
import { boundsOf } from "../layers";
import { viewBox } from "../map/map";
import * as state from "../state";
import { bestPair } from "../swipe";
import type { Schema, Verb } from "../types";
import { day, sceneName } from "../words";
import { Empty, Failed } from "./bits";
import { Icon } from "./icons";
import { Jobs, UploadButton } from "./Jobs";

type Where = "all" | "view" | "area" | `scene:${string}`;
const PLACES = new Set(["scene", "bbox", "polygon"]);
const SELDOM = new Set(["time", "sensor", "gsd", "cloud_max", "valid_min"]); // filters of a search, which most people leave open here
const FINE = new Set(["threshold", "false_alarm"]);

/** The kind of a parameter, with "or null" left out and told apart. */
function plain(schema: Schema): Schema & { open: boolean } {
  const kinds = (schema.anyOf ?? []).filter((one) => one.type !== "null");
  const chosen = kinds[0] ? { ...kinds[0], ...schema, enum: kinds[0].enum ?? schema.enum } : schema;
  const types = [kinds[0]?.type ?? chosen.type].flat();
  const open = types.includes("null") || kinds.length < (schema.anyOf ?? []).length;
  if (kinds.length > 1) return { ...schema, type: "mixed", enum: kinds.flatMap((one) => one.enum ?? []), open };
  return { ...chosen, ...(kinds[0] ?? {}), description: schema.description ?? kinds[0]?.description, type: types.find((one) => one !== "null"), open };
}

const titled = (name: string, schema: Schema): string => schema.title ?? (name[0]!.toUpperCase() + name.slice(1)).replaceAll("_", " ");

/** A value of the form as the schema wants it; undefined for nothing. */
export function value(schema: Schema, text: string | boolean): unknown {
  const { type } = plain(schema);
  if (typeof text === "boolean") return text;
  if (!text.trim()) return undefined;
  if (type === "boolean") return text === "yes";
  if (type === "mixed") return Number.isFinite(Number(text)) ? Number(text) : text.trim();
  if (type === "array") {
    const all = text.split(/[,\n]/).map((one) => one.trim()).filter(Boolean);
    return ["number", "integer"].includes(String(plain(schema).items?.type)) ? all.map(Number) : all;
  }
  return type === "number" || type === "integer" ? Number(text) : text;
}

function start(schema: Schema): string | boolean {
  const { type, open } = plain(schema);
  if (type === "boolean" && !open) return Boolean(schema.default);
  if (typeof schema.default === "boolean") return schema.default ? "yes" : "no";
  if (Array.isArray(schema.default)) return schema.default.join(", ");
  return schema.default == null ? "" : String(schema.default);
}

interface FieldProps {
  name: string;
  schema: Schema;
  text: string | boolean;
  set: (text: string | boolean) => void;
  required: boolean;
}

const sceneNames = (properties: Record<string, Schema>): string[] => Object.keys(properties).filter((name) => properties[name]!.format === "scene");

/** The pair that a comparison begins with: its two scenes in the order of the fields, by name. */
function pairOf(properties: Record<string, Schema>): Record<string, string> {
  const names = sceneNames(properties);
  const pair = names.length === 2 ? bestPair(state.scenes.value.value ?? [], state.bounds.value) : null;
  return pair ? { [names[0]!]: pair[0].id, [names[1]!]: pair[1].id } : {};
}

function SceneField({ name, schema, text, set, required }: FieldProps) {
  const scenes = [...(state.scenes.value.value ?? [])].sort((a, b) => (a.properties.time ?? "").localeCompare(b.properties.time ?? ""));
  return (
    <label class="field wide">
      {titled(name, schema)}
      <select value={String(text)} required={required} onChange={(event) => set(event.currentTarget.value)}>
        <option value="">choose a scene</option>
        {scenes.map((scene) => (
          <option key={scene.id} value={scene.id}>
            {day(scene.properties.time)} · {sceneName(scene.id)}
          </option>
        ))}
      </select>
      {schema.description && <small>{schema.description}</small>}
    </label>
  );
}

function Field({ name, schema, text, set, required }: FieldProps) {
  const { type, enum: given, minimum, maximum, open, items, description } = plain(schema);
  const hint = description && <small>{description}</small>;
  const label = titled(name, schema);
  const choices = type === "boolean" ? ["yes", "no"] : type === "mixed" ? undefined : given;
  if (type === "boolean" && !open) {
    return (
      <label class="check">
        <input type="checkbox" checked={Boolean(text)} onChange={(event) => set(event.currentTarget.checked)} />
        <span>
          {label} {hint}
        </span>
      </label>
    );
  }
  if (choices) {
    return (
      <label class="field wide">
        {label}
        <select value={String(text)} onChange={(event) => set(event.currentTarget.value)}>
          {!required && <option value="">as the server chooses</option>}
          {choices.map((choice) => (
            <option key={String(choice)} value={String(choice)}>
              {String(choice)}
            </option>
          ))}
        </select>
        {hint}
      </label>
    );
  }
  const take = (event: TargetedInputEvent<HTMLInputElement>): void => set(event.currentTarget.value);
  const numeric = type === "number" || type === "integer";
  return (
    <label class="field wide">
      {label}
      {numeric ? (
        <input type="number" step={type === "integer" ? 1 : "any"} min={minimum} max={maximum} required={required} value={String(text)} onInput={take} />
      ) : (
        <input type="text" required={required} placeholder={type === "array" && items?.type === "string" ? "farmland, forest, harbour" : ""} value={String(text)} onInput={take} />
      )}
      {type === "array" && !hint ? <small>Words with commas between them.</small> : hint}
    </label>
  );
}

function place(where: Where): Record<string, unknown> {
  if (where === "all") return {};
  if (where.startsWith("scene:")) return { scene: where.slice(6) };
  const { area } = state.query.value;
  if (where === "area" && area?.kind === "polygon") return { polygon: { type: "Polygon", coordinates: [[...area.ring, area.ring[0]]] } };
  if (where === "area" && area) return { bbox: boxed(areaBox(area)) };
  return { bbox: viewBox() };
}

function WhereField({ where, set, properties }: { where: Where; set: (where: Where) => void; properties: Record<string, Schema> }) {
  const { area } = state.query.value;
  const anywhere = "bbox" in properties || "polygon" in properties;
  return (
    <label class="field wide">
      Where
      <select value={where} onChange={(event) => set(event.currentTarget.value as Where)}>
        {!anywhere && <option value="all">all scenes</option>}
        {anywhere && <option value="view">what the map shows</option>}
        {anywhere && <option value="all">everywhere</option>}
        {anywhere && area && <option value="area">the drawn area, {size(areaBox(area))}</option>}
        {"scene" in properties &&
          (state.scenes.value.value ?? []).map((scene) => (
            <option key={scene.id} value={`scene:${scene.id}`}>
              {sceneName(scene.id)}
              {boundsOf(scene) ? "" : " (not on the map)"}
            </option>
          ))}
      </select>
    </label>
  );
}

function VerbForm({ verb }: { verb: Verb }) {
  const properties = verb.parameters.properties ?? {};
  const required = new Set(verb.parameters.required ?? []);
  const plains = Object.entries(properties).filter(([name]) => !PLACES.has(name));
  const seldom = plains.filter(([name]) => SELDOM.has(name) && !required.has(name));
  const fine = plains.filter(([name]) => FINE.has(name) && !required.has(name));
  const first = plains.filter((one) => !seldom.includes(one) && !fine.includes(one));
  const placed = Object.keys(properties).some((name) => PLACES.has(name));
  const fields = useSignal<Record<string, string | boolean>>({});
  const where = useSignal<Where>("bbox" in properties ? "view" : `scene:${state.scenes.value.value?.[0]?.id ?? ""}`);
  const pair = useMemo(() => pairOf(properties), [properties, state.scenes.value]);
  const problem = useSignal<Problem | null>(null);
  const busy = useSignal(false);
  if (where.value === "area" && !state.query.value.area) where.value = "view";
  const text = (name: string): string | boolean => fields.value[name] ?? pair[name] ?? start(properties[name]!);
  const field = ([name, schema]: [string, Schema]) => {
    const Kind = schema.format === "scene" ? SceneField : Field;
    return <Kind key={name} name={name} schema={schema} text={text(name)} required={required.has(name)} set={(to) => (fields.value = { ...fields.value, [name]: to })} />;
  };
  const submit = async (): Promise<void> => {
    const parameters: Record<string, unknown> = placed ? place(where.value) : {};
    for (const [name, schema] of plains) {
      const given = value(schema, text(name));
      if (given !== undefined) parameters[name] = given;
    }
    busy.value = true;
    problem.value = await begin(verb.name, parameters);
    busy.value = false;
  };
  return (
    <form
      class="verb"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <p class="hint">{verb.description}</p>
      {first.map(field)}
      {placed && <WhereField where={where.value} set={(to) => (where.value = to)} properties={properties} />}
      {fine.length > 0 && (
        <details>
          <summary>Settings that are seldom needed</summary>
          <div class="verb">{fine.map(field)}</div>
        </details>
      )}
      {seldom.length > 0 && (
        <details>
          <summary>Only some pictures</summary>
          <div class="verb">{seldom.map(field)}</div>
        </details>
      )}
      {problem.value && <Failed problem={problem.value} />}
      <button type="submit" class="button primary" disabled={busy.value}>
        <Icon name="bolt" size={16} /> {busy.value ? "Starting…" : verb.title}
      </button>
    </form>
  );
}

export function Analyse() {
  const verbs = (state.archive.value.value?.verbs ?? []).filter((verb) => verb.job && verb.name !== "ingest");
  const chosen = useSignal("");
  // at first one that any archive will do for: scenes to compare are not in each
  const first = verbs.find((one) => !sceneNames(one.parameters.properties ?? {}).length) ?? verbs[0];
  const verb = verbs.find((one) => one.name === chosen.value) ?? first;
  return (
    <>
      <section aria-label="New work">
        <div class="row spread head">
          <h2>{verbs.length === 1 ? verb!.title : "Analyse"}</h2>
          <UploadButton />
        </div>
        {verbs.length > 1 && (
          <div class="choices" role="group" aria-label="What to do">
            {verbs.map((one) => (
              <button type="button" key={one.name} class="idea" aria-pressed={one === verb} onClick={() => (chosen.value = one.name)}>
                {one.title}
              </button>
            ))}
          </div>
        )}
        {verb ? <VerbForm key={verb.name} verb={verb} /> : state.archive.value.state === "done" && <Empty icon="bolt" title="This server offers no analysis" />}
      </section>
      <Jobs />
    </>
  );
}
