// What is known of one camera's day: loaded from the API, with times in milliseconds.
import { inOwnWords } from "./reasons.js";

const ms = (text) => Date.parse(text);
const period = (one) => ({ ...one, start: ms(one.start), end: ms(one.end) });
const ANSWER_MS = 10_000;

// Midnight to midnight in the viewer's time zone; 23 to 25 hours.
export function dayOf(at) {
  const begin = new Date(at);
  begin.setHours(0, 0, 0, 0);
  const end = new Date(begin);
  end.setDate(end.getDate() + 1);
  return [begin.getTime(), end.getTime()];
}

// Returns the camera's timeline. Throws if the server does not answer with one.
export async function load(camera, [from, to]) {
  const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  const answer = await fetch(`/api/cameras/${camera.id}/recordings/timeline/?${query}`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(String(answer.status));
  const found = await answer.json();
  return {
    name: camera.name,
    now: ms(found.now),
    recorded: found.recorded.map(period),
    gaps: found.gaps.map((one) => ({ ...period(one), message: inOwnWords(one.message) })),
    motion: found.motion.map(period),
    alerts: found.alerts.map((one) => ({ ...one, at: ms(one.time) })),
    hasAllAlerts: found.has_all_alerts,
  };
}

// Replaces the motion of a part of the day by that of a narrower request, which has more detail.
export function withDetail(day, detail, [from, to]) {
  const outside = day.motion.filter((one) => one.end < from || one.start > to);
  return { ...day, motion: [...outside, ...detail.motion].sort((one, other) => one.start - other.start) };
}

export const recordedAt = (day, at) => day.recorded.find((one) => one.start <= at && at < one.end) ?? null;
export const gapAt = (day, at) => day.gaps.find((one) => one.start <= at && at < one.end) ?? null;

// The first recorded time at or after `at`; null if there is none on this day.
export function nextRecorded(day, at) {
  const found = day.recorded.find((one) => one.end > at);
  return found ? Math.max(found.start, at) : null;
}

// The nearest of the times before or after `at`; those closer than `margin` do not count.
export function neighbour(times, at, direction, margin) {
  const found = times.filter((time) => (direction > 0 ? time > at + margin : time < at - margin));
  if (!found.length) return null;
  return direction > 0 ? Math.min(...found) : Math.max(...found);
}
