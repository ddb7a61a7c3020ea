// Every call to the server. Paths are relative to the page, so that it works behind a prefix.
import type { Answer, Archive, Ask, Format, Found, Heard, Job, ProblemBody, Saved, Scene, Search } from "./types";

/** What went wrong and what to do, as the server (RFC 9457) or the network says it. */
export class Problem extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly remedy: string,
    readonly status = 0,
  ) {
    super(`${title}: ${detail}`);
  }

  static of(body: ProblemBody, status = body.status ?? 0): Problem {
    return new Problem(body.title ?? "The server refused this", body.detail ?? "", body.remedy ?? "", status);
  }

  static from(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem("Something went wrong in the page", String(error), "Reload the page; your search is in its address.");
  }
}

const UNREACHED = new Problem(
  "No answer from the server",
  "The connection failed or was cut.",
  "See whether geoglot serve is still running and try again.",
);

const KEY = "geoglot.key";
let key = sessionStorage.getItem(KEY) ?? "";

export function setKey(value: string): void {
  key = value.trim();
  sessionStorage.setItem(KEY, key);
}

export const headers = (): Record<string, string> => (key ? { "X-API-Key": key } : {});

/** A path of the server as an address for what cannot send headers: pictures, events, downloads. */
export function href(path: string): string {
  const relative = path.startsWith("/") ? path.slice(1) : path;
  const address = /^https?:/.test(path) ? path : new URL(relative, document.baseURI).href.replaceAll("%7B", "{").replaceAll("%7D", "}");
  return key && address.startsWith(location.origin) ? `${address}${address.includes("?") ? "&" : "?"}key=${encodeURIComponent(key)}` : address;
}

async function refusal(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as ProblemBody;
    return Problem.of(body, response.status);
  } catch {
    return new Problem("The server refused this", `It answered ${response.status} ${response.statusText}.`, "Try again, or look at the server's log.", response.status);
  }
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), { ...init, headers: { ...headers(), ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw UNREACHED;
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await call(path, { signal })).json()) as T;
}

function send(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal });
}

const at = (...parts: string[]): string => parts.map(encodeURIComponent).join("/");

export const archive = (): Promise<Archive> => get("api/archive");

const PAGE = 500;

/** All scenes, a page of them at a time; at most `most`. */
export async function scenes(most = 2000): Promise<{ scenes: Scene[]; matched: number }> {
  const all: Scene[] = [];
  for (;;) {
    const page = await get<{ features: Scene[]; numberMatched?: number }>(`api/scenes?limit=${PAGE}&offset=${all.length}`);
    all.push(...page.features);
    const matched = page.numberMatched ?? all.length;
    if (!page.features.length || all.length >= Math.min(matched, most)) return { scenes: all, matched };
  }
}

export const removeScene = (id: string): Promise<Response> => call(`api/scenes/${at(id)}`, { method: "DELETE" });

export async function search(body: Search, signal?: AbortSignal): Promise<Found> {
  return (await (await send("api/search", body, signal)).json()) as Found;
}

export async function table(body: Search, format: Format): Promise<Blob> {
  return (await send("api/search", { ...body, format })).blob();
}

export async function chip(file: File): Promise<{ id: string; width: number; height: number }> {
  const form = new FormData();
  form.append("file", file);
  return (await (await call("api/chips", { method: "POST", body: form })).json()) as { id: string; width: number; height: number };
}

/** Send a raster; `progress` hears the part that has left, 0 to 1. XMLHttpRequest, because fetch does not tell. */
export function upload(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<Job> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", new URL("api/uploads", document.baseURI));
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(UNREACHED);
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onload = () => {
      let body: unknown = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // a proxy's page is no problem document: the status alone is told
      }
      if (request.status < 300) resolve(body as Job);
      else reject(Problem.of({ detail: `It answered ${request.status}.`, ...(body as ProblemBody) }, request.status));
    };
    signal.addEventListener("abort", () => request.abort());
    const form = new FormData();
    form.append("file", file);
    request.send(form);
  });
}

export const jobs = async (): Promise<Job[]> => (await get<{ jobs: Job[] }>("api/jobs")).jobs;
export const job = (id: string): Promise<Job> => get(`api/jobs/${at(id)}`);
export const cancel = (id: string): Promise<Response> => call(`api/jobs/${at(id)}`, { method: "DELETE" });
export const forgetJob = (id: string): Promise<Response> => call(`api/jobs/${at(id)}?forget=true`, { method: "DELETE" });
export const resume = (id: string): Promise<Response> => call(`api/jobs/${at(id)}/resume`, { method: "POST" });
export const start = async (verb: string, parameters: unknown): Promise<Job> =>
  (await (await send("api/jobs", { verb, parameters })).json()) as Job;
export const json = <T>(path: string): Promise<T> => get<T>(path.startsWith("/") ? path.slice(1) : path);

/** Follow a job until it ends; the returned function stops listening. A cut stream is asked for again by the browser. */
export function follow(id: string, heard: (job: Job) => void, ended: () => void): () => void {
  const events = new EventSource(href(`api/jobs/${at(id)}/events`));
  const stop = (): void => events.close();
  events.addEventListener("progress", (event) => heard(JSON.parse((event as MessageEvent<string>).data) as Job));
  events.addEventListener("end", () => {
    stop();
    ended();
  });
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) ended();
  };
  return stop;
}

export const saved = async (): Promise<Saved[]> => (await get<{ saved: Saved[] }>("api/saved")).saved;
export const save = async (name: string, body: Search): Promise<Saved> =>
  (await (await send("api/saved", { name, search: body })).json()) as Saved;
export const forget = (id: string): Promise<Response> => call(`api/saved/${at(id)}`, { method: "DELETE" });
export const fresh = (id: string): Promise<Found> => get(`api/saved/${at(id)}/new`);
export const seen = (id: string): Promise<Response> => send(`api/saved/${at(id)}/seen`, {});

/** Ask a question; `heard` is told what comes before the answer. A question is given up with `signal`. */
export async function ask(body: Ask, heard: (what: Heard) => void, signal: AbortSignal): Promise<Answer> {
  const response = await call("api/ask", { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", Accept: "text/event-stream" }, signal });
  for await (const [kind, data] of events(response)) {
    if (kind === "answer") return data as Answer;
    if (kind === "problem") throw Problem.of(data as ProblemBody);
    heard({ kind, ...(data as object) } as Heard);
  }
  throw UNREACHED;
}

/** Server-sent events of an answer to POST, which EventSource cannot ask for. */
async function* events(response: Response): AsyncGenerator<[string, unknown]> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    let next: ReadableStreamReadResult<string>;
    try {
      next = await reader.read();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw UNREACHED;
    }
    if (next.done) return;
    const parts = (held + next.value).split("\n\n");
    held = parts.pop()!;
    for (const part of parts) {
      const [, kind, data] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
      if (kind) yield [kind, JSON.parse(data!)];
    }
  }
}

/** Whether something that the server keeps for a while is still there. */
export async function kept(path: string): Promise<boolean> {
  try {
    await call(path.slice(1));
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return false;
    throw error;
  }
}
