// Long work: started here, followed by server-sent events, and what comes of it.
import * as api from "./api";
import { Problem } from "./api";
import { fail, loadSaved, notify, say, search } from "./actions";
import { boundsOf, canShow, add, sceneLayer, showResult } from "./layers";
import { fit } from "./map/map";
import { union } from "./geometry";
import * as state from "./state";
import type { Job, JobState } from "./types";

export const over = (is: JobState): boolean => !["queued", "running"].includes(is);

let followed = "";
const mine = new Set<string>(); // begun on this page: what they bring is shown at once

function put(job: Job): void {
  const all = state.jobs.value.value ?? [];
  const known = all.some((one) => one.id === job.id);
  state.jobs.value = { state: "done", value: known ? all.map((one) => (one.id === job.id ? { ...one, ...job } : one)) : [job, ...all] };
}

/** The server works on one job at a time, the oldest first: that one is followed. A browser opens six connections to a server,
 * and a stream for each job that waits would leave none for searches and pictures. */
function watch(): void {
  if (followed) return;
  const open = (state.jobs.value.value ?? []).filter((one) => !over(one.state));
  const job = open.find((one) => one.state === "running") ?? open.at(-1);
  if (!job) return;
  followed = job.id;
  api.follow(job.id, put, () => void end(job.id));
}

async function end(id: string): Promise<void> {
  try {
    const job = await api.job(id);
    put(job);
    followed = "";
    watch();
    if (!over(job.state)) return; // the stream was cut: it is followed again
    if (job.state === "done" && mine.has(id)) await done(job);
    else if (job.state === "done" && job.verb === "ingest") await loadScenes();
    else if (job.state === "failed" && mine.has(id)) {
      notify("bad", `${titleOf(job)} failed. ${job.problem?.detail ?? job.message ?? ""}`, { more: job.problem?.remedy });
    }
    say(`${titleOf(job)}: ${job.state}.`);
  } catch (error) {
    followed = "";
    const problem = Problem.from(error);
    if (problem.status !== 404) return fail(problem);
    without(id); // somebody removed it
    watch();
  }
}

export const titleOf = (job: Job): string => job.title ?? job.verb[0]!.toUpperCase() + job.verb.slice(1);

/** What a finished job brings is shown: new scenes are on the map, a result is a layer. */
async function done(job: Job): Promise<void> {
  if (job.verb === "ingest") return taken(job);
  const results = (job.results ?? []).filter(canShow);
  const best = results.find((result) => result.tiles) ?? results[0];
  notify("good", `${titleOf(job)} is done.`, { action: { label: "Results", run: () => (state.tab.value = "analyse") } });
  if (!best) return;
  const layer = await showResult(job, best);
  if (layer?.bounds) fit(layer.bounds);
}

async function taken(job: Job): Promise<void> {
  const before = new Set((state.scenes.value.value ?? []).map((scene) => scene.id));
  await loadScenes();
  const now = state.scenes.value.value ?? [];
  const fresh = now.filter((scene) => (job.scenes ? job.scenes.includes(scene.id) : !before.has(scene.id)));
  for (const scene of fresh) if (boundsOf(scene)) add(sceneLayer(scene));
  fit(union(fresh.map(boundsOf)));
  notify("good", fresh.length ? "The picture is in the archive and can be searched." : "The picture was taken in.");
  if (state.asks(state.query.value)) void search();
  void loadSaved();
}

export async function loadScenes(): Promise<void> {
  state.scenes.value = { state: "busy", value: state.scenes.value.value };
  try {
    const { scenes } = await api.scenes();
    state.scenes.value = { state: "done", value: scenes };
    state.archive.value = { state: "done", value: await api.archive() };
  } catch (error) {
    state.scenes.value = { state: "failed", problem: Problem.from(error), value: state.scenes.value.value };
  }
}

export async function loadJobs(): Promise<void> {
  state.jobs.value = { state: "busy", value: state.jobs.value.value };
  try {
    const jobs = await api.jobs();
    state.jobs.value = { state: "done", value: jobs };
    watch();
  } catch (error) {
    state.jobs.value = { state: "failed", problem: Problem.from(error), value: state.jobs.value.value };
  }
}

/** Start work; the problem if it was refused, so that the form can show it beside its fields. */
export async function begin(verb: string, parameters: Record<string, unknown>): Promise<Problem | null> {
  try {
    const job = await api.start(verb, parameters);
    mine.add(job.id);
    put(job);
    watch();
    say(`${titleOf(job)} has started.`);
    return null;
  } catch (error) {
    return Problem.from(error);
  }
}

export async function cancel(job: Job): Promise<void> {
  try {
    await api.cancel(job.id);
    put(await api.job(job.id));
  } catch (error) {
    fail(error);
  }
}

const without = (id: string): void => {
  state.jobs.value = { state: "done", value: (state.jobs.value.value ?? []).filter((one) => one.id !== id) };
};

/** Remove a job that has ended, with its files. */
export async function forgetJob(job: Job): Promise<void> {
  try {
    await api.forgetJob(job.id);
    without(job.id);
    state.layers.value = state.layers.value.filter((layer) => !layer.id.startsWith(`job:${job.id}/`));
    say(`${titleOf(job)} was removed.`);
  } catch (error) {
    fail(error);
  }
}

export async function resume(job: Job): Promise<void> {
  try {
    await api.resume(job.id);
    const now = await api.job(job.id);
    mine.add(job.id);
    put(now);
    watch();
  } catch (error) {
    fail(error);
  }
}

let sent = 0;

const change = (id: number, to: Partial<state.Upload>): void => {
  state.uploads.value = state.uploads.value.map((upload) => (upload.id === id ? { ...upload, ...to } : upload));
};

export const drop = (id: number): void => {
  state.uploads.value = state.uploads.value.filter((upload) => upload.id !== id);
};

/** Send a raster to be indexed. What is too large is refused before it is sent. */
export async function upload(file: File): Promise<void> {
  const id = ++sent;
  const stopper = new AbortController();
  const entry: state.Upload = { id, name: file.name, part: 0, state: "sending", stop: () => stopper.abort() };
  state.uploads.value = [entry, ...state.uploads.value];
  state.tab.value = "analyse";
  try {
    const most = state.archive.value.value?.limits.upload_bytes;
    if (most && file.size > most) {
      throw new Problem("The file is too large", `${file.name} has ${mega(file.size)} MB; the server takes at most ${mega(most)} MB.`, "Cut it to the area that you need, or index it on the server with geoglot index.");
    }
    say(`Sending ${file.name}.`);
    const job = await api.upload(file, (part) => change(id, { part }), stopper.signal);
    drop(id);
    mine.add(job.id);
    put(job);
    watch();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return drop(id);
    const problem = Problem.from(error);
    change(id, { state: "failed", problem });
    say(`${file.name} was not taken. ${problem.detail} ${problem.remedy}`);
  }
}

const mega = (size: number): string => (size / 1e6).toFixed(size < 1e7 ? 1 : 0);

export async function removeScene(id: string): Promise<void> {
  try {
    await api.removeScene(id);
    state.layers.value = state.layers.value.filter((layer) => layer.id !== `scene:${id}`);
    await loadScenes();
    notify("good", "The scene was removed.");
    if (state.asks(state.query.value)) void search();
  } catch (error) {
    fail(error);
  }
}
