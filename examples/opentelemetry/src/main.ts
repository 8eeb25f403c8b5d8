import { metrics, trace } from "@opentelemetry/api";
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { observeSessionDb } from "./observe-session-db.ts";

// Three calls of a store, one of which is refused. The spans and metrics are printed; your service exports them elsewhere.
const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] });
const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter() });
const metering = new MeterProvider({ readers: [reader] });
trace.setGlobalTracerProvider(tracing);
metrics.setGlobalMeterProvider(metering);
observeSessionDb();

await using db = new SqliteSessionDb({ file: ":memory:" });
const session = { sessionType: "agent", sessionId: "chat", agentId: "greeter", userId: "ada" } as const;
await db.upsertRun({ session, run: { runType: "agent", runId: crypto.randomUUID(), content: "Hello Ada" } });
await db.getSession({ sessionId: "chat" });
try {
  await db.forUser("eve").renameSession({ sessionId: "chat", sessionName: "Mine now" });
} catch (error) {
  console.error(String(error));
}

await tracing.shutdown();
await metering.shutdown();
