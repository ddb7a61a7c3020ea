// The table that a job leaves: how much ground each class, or each kind of change, covers.
import { useSignal } from "@preact/signals";
import { json, Problem } from "../api";
import type { Loaded } from "../state";
import type { AreaRow, JobResult } from "../types";
import { ground } from "../words";
import { Failed } from "./bits";

const MOST = 200; // rows; all of them are in the file

export function Areas({ result }: { result: JobResult }) {
  const rows = useSignal<Loaded<AreaRow[]> | null>(null);
  const load = async (): Promise<void> => {
    rows.value = { state: "busy" };
    try {
      rows.value = { state: "done", value: await json<AreaRow[]>(result.href) };
    } catch (error) {
      rows.value = { state: "failed", problem: Problem.from(error) };
    }
  };
  const now = rows.value;
  const all = now?.value ?? [];
  const several = new Set(all.map((row) => row.scene)).size > 1;
  return (
    <details class="areas" onToggle={(event) => event.currentTarget.open && !rows.value && void load()}>
      <summary>Areas</summary>
      {now?.state === "failed" && <Failed problem={now.problem} again={() => void load()} />}
      {now?.state === "done" && (
        <table>
          <thead>
            <tr>
              {several && <th scope="col">Scene</th>}
              <th scope="col">What</th>
              <th scope="col">Share</th>
              <th scope="col">Area</th>
            </tr>
          </thead>
          <tbody>
            {all.slice(0, MOST).map((row) => (
              <tr key={`${row.scene}/${row.label}`}>
                {several && <td>{row.name}</td>}
                <th scope="row">{row.label}</th>
                <td>{(100 * row.share).toFixed(1)} %</td>
                <td>{ground(row.area, row.pixels)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
