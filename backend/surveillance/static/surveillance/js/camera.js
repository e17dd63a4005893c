// A camera's page: its picture of now.
import { start } from "./live.js";

start();
