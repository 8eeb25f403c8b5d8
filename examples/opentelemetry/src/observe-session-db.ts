import { subscribe } from "node:diagnostics_channel";
import { metrics, SpanKind, SpanStatusCode, trace, type Attributes, type Span } from "@opentelemetry/api";
import type { ObservedCall, ObservedPool } from "@sessiondb/core";

// The names are those of OpenTelemetry's semantic conventions for database clients.
const systems: Readonly<Record<string, string>> = { postgres: "postgresql" };

/** Makes a span of each call of every store in this process, and metrics of all of them. Call it once, at the start. */
export function observeSessionDb(): void {
  const tracer = trace.getTracer("sessiondb");
  const meter = metrics.getMeter("sessiondb");
  const durations = meter.createHistogram("db.client.operation.duration", {
    unit: "s",
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  });
  const rows = meter.createHistogram("db.client.response.returned_rows", { unit: "{row}" });
  const retries = meter.createCounter("sessiondb.retries");
  const spans = new WeakMap<ObservedCall, Span>();

  subscribe("tracing:sessiondb:call:start", (message) => {
    const call = message as ObservedCall;
    spans.set(call, tracer.startSpan(call.method, { kind: SpanKind.CLIENT, attributes: attributesOf(call) }));
  });

  subscribe("tracing:sessiondb:call:asyncEnd", (message) => {
    const call = message as ObservedCall;
    const attributes = attributesOf(call);
    durations.record((call.duration ?? 0) / 1000, attributes);
    rows.record(call.rows, attributes);
    retries.add(call.retries, attributes);
    const span = spans.get(call);
    span?.setAttributes({
      ...attributes,
      "sessiondb.outcome": call.outcome ?? "unknown",
      "sessiondb.retries": call.retries,
      "sessiondb.statements": call.statements,
      "sessiondb.bytes": call.bytes,
      "db.response.returned_rows": call.rows,
    });
    if (call.outcome === "failed") {
      span?.setStatus({ code: SpanStatusCode.ERROR });
    }
    span?.end();
  });

  const connections = meter.createGauge("sessiondb.pool.connections");
  subscribe("sessiondb:pool", (message) => {
    const { store, ...counts } = message as ObservedPool;
    for (const [state, count] of Object.entries(counts)) {
      connections.record(count, { "db.system.name": systems[store] ?? store, state });
    }
  });
}

function attributesOf({ store, method, errorCode }: ObservedCall): Attributes {
  return {
    "db.system.name": systems[store] ?? store,
    "db.operation.name": method,
    ...(errorCode !== null && { "error.type": errorCode }),
  };
}
