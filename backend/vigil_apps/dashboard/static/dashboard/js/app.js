import { start as startKeys } from "./keys.js";
import { start as startPage } from "./page.js";
import { start as startPolling } from "./poll.js";
import { start as startTimes } from "./time.js";
import { start as startWorker } from "./worker.js";

for (const start of [startTimes, startPolling, startKeys, startPage, startWorker]) start();
