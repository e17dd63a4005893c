// Uses the types that openapi-typescript generated (vigil.d.ts) with openapi-fetch, and prints what it got as JSON.
// It must compile with `tsc --strict`. It runs against the backend at VIGIL_URL with VIGIL_TOKEN.
import createClient from "openapi-fetch";
import type { paths } from "./vigil.d.ts";

const client = createClient<paths>({
  baseUrl: process.env["VIGIL_URL"]!,
  headers: { Authorization: `Token ${process.env["VIGIL_TOKEN"]}` },
});

function answerOf<T>(result: { data?: T; error?: unknown }): T {
  if (result.data === undefined) throw new Error(JSON.stringify(result.error));
  return result.data;
}

const cameras = answerOf(await client.GET("/api/cameras/"));
const created = answerOf(
  await client.POST("/api/cameras/", { body: { name: "Yard", rtsp_url: "rtsp://192.0.2.7/1" } }),
);
const camera: number = cameras.results[0]!.id;
const pages: number[][] = [];
let cursor: string | null | undefined = undefined;
do {
  const query: { camera: number; page_size: number; cursor?: string } = { camera, page_size: 2 };
  if (cursor) query.cursor = cursor;
  const page = answerOf(await client.GET("/api/alerts/", { params: { query } }));
  pages.push(page.results.map((alert) => alert.id));
  cursor = page.next_cursor;
} while (cursor !== null);
const acknowledged = answerOf(
  await client.POST("/api/alerts/{alert_id}/acknowledge/", { params: { path: { alert_id: pages[0]![0]! } } }),
);
console.log(
  JSON.stringify({
    cameras: cameras.results.map((one) => one.name),
    created: created.id,
    pages,
    acknowledged: [acknowledged.id, acknowledged.acknowledged],
  }),
);
