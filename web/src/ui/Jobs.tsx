// Jobs and uploads with their progress, results and troubles.
import { useRef } from "preact/hooks";
import { href } from "../api";
import { cancel, drop, forgetJob, loadJobs, over, resume, titleOf, upload } from "../jobs";
import { canShow, isShown, jobLayerId, remove, showResult } from "../layers";
import { fit } from "../map/map";
import * as state from "../state";
import type { Upload } from "../state";
import type { Job, JobResult } from "../types";
import { base, bytes } from "../words";
import { Areas } from "./Areas";
import { Bar, Empty, Failed, IconButton } from "./bits";
import { Icon } from "./icons";

const STATES: Record<Job["state"], string> = {
  queued: "waiting",
  running: "at work",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
  interrupted: "interrupted",
};

export function UploadButton() {
  const input = useRef<HTMLInputElement>(null);
  if (state.archive.value.value?.uploads === false) return null;
  return (
    <>
      <input
        ref={input}
        type="file"
        class="unseen"
        tabIndex={-1}
        aria-label="GeoTIFF to upload"
        accept=".tif,.tiff,.jp2,.png,.jpg,.jpeg,.webp,image/*"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file) void upload(file);
        }}
      />
      <button type="button" class="button quiet" onClick={() => input.current?.click()}>
        <Icon name="upload" size={16} /> Upload a scene
      </button>
    </>
  );
}

function Result({ job, result }: { job: Job; result: JobResult }) {
  const id = jobLayerId(job.id, result.name);
  const shown = isShown(id);
  const show = async (): Promise<void> => {
    if (shown) return remove(id);
    const layer = await showResult(job, result);
    if (layer?.bounds) fit(layer.bounds);
  };
  const name = base(result.name);
  return (
    <li class="row spread">
      <span class="name">
        {name} <small>{bytes(result.bytes)}</small>
      </span>
      <div class="row tight">
        {canShow(result) && <IconButton icon={shown ? "eye" : "hidden"} label={`Show ${name} on the map`} pressed={shown} onClick={() => void show()} />}
        <a class="icon-button" href={href(result.href)} download={name} aria-label={`Download ${name}`} title={`Download ${name}`}>
          <Icon name="download" />
        </a>
      </div>
    </li>
  );
}

function JobCard({ job }: { job: Job }) {
  const areas = job.state === "done" && job.results?.find((result) => result.name === "areas.json");
  const part = job.total ? Math.min(1, job.done / job.total) : null;
  return (
    <li class={`card job ${job.state}`}>
      <div class="row spread">
        <strong class="job-title">{titleOf(job)}</strong>
        <span class="pill">{STATES[job.state]}</span>
      </div>
      {!over(job.state) && <Bar part={job.state === "queued" ? 0 : part} label={titleOf(job)} />}
      {job.message && job.state !== "failed" && <small>{job.message}</small>}
      {job.state === "failed" && (
        <p class="remedy">
          {job.problem?.detail ?? job.message} {job.problem?.remedy}
        </p>
      )}
      {job.state === "done" && (job.results?.length ?? 0) > 0 && (
        <ul class="job-results">
          {job.results!.map((result) => (
            <Result key={result.name} job={job} result={result} />
          ))}
        </ul>
      )}
      {areas && <Areas result={areas} />}
      <div class="row end">
        {!over(job.state) && (
          <button type="button" class="button quiet" onClick={() => void cancel(job)}>
            <Icon name="stop" size={16} /> Cancel
          </button>
        )}
        {(job.state === "interrupted" || job.state === "cancelled" || (job.state === "failed" && job.verb !== "ingest")) && (
          <button type="button" class="button quiet" onClick={() => void resume(job)}>
            <Icon name="play" size={16} /> Resume
          </button>
        )}
        {over(job.state) && <IconButton icon="bin" label={`Remove ${titleOf(job)} with its files`} onClick={() => void forgetJob(job)} />}
      </div>
    </li>
  );
}

function UploadCard({ one }: { one: Upload }) {
  return (
    <li class={`card job ${one.state}`}>
      <div class="row spread">
        <strong class="name">{one.name}</strong>
        <span class="pill">{one.state === "sending" ? `${Math.round(one.part * 100)} % sent` : "failed"}</span>
      </div>
      {one.state === "sending" ? <Bar part={one.part} label={`Sending ${one.name}`} /> : <Failed problem={one.problem!} />}
      <div class="row end">
        <button type="button" class="button quiet" onClick={() => (one.state === "sending" ? one.stop() : drop(one.id))}>
          {one.state === "sending" ? "Cancel" : "Dismiss"}
        </button>
      </div>
    </li>
  );
}

export function Jobs() {
  const now = state.jobs.value;
  const all = now.value ?? [];
  const none = !all.length && !state.uploads.value.length;
  return (
    <section aria-label="Jobs">
      <div class="row spread head">
        <h2>Jobs</h2>
      </div>
      {now.state === "failed" && <Failed problem={now.problem} again={() => void loadJobs()} />}
      {now.state === "busy" && none && <p class="hint busy-line">Loading jobs…</p>}
      {now.state === "done" && none && (
        <Empty icon="bolt" title="No job yet">
          <p>Work that takes a while appears here, with its progress and its files.</p>
        </Empty>
      )}
      <ul class="jobs">
        {state.uploads.value.map((one) => (
          <UploadCard key={one.id} one={one} />
        ))}
        {all.map((job) => (
          <JobCard key={job.id} job={job} />
        ))}
      </ul>
    </section>
  );
}
