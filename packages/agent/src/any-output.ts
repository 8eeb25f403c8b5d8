import type { JsonValue } from "@sessiondb/core";
import type { OutputInterface } from "ai";

/** The structure of answers that no `generation.output` describes. */
export type AnyOutput = OutputInterface<JsonValue, JsonValue, JsonValue>;
